"""Standard output and standard error, as far as a terminal, a pipe or a full disk can take what is written there."""

from __future__ import annotations

import codecs
import os
import sys
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO, cast

_PLAIN = "physadv-plain"
_REPLACED = str.maketrans(
    {
        "\N{NO-BREAK SPACE}": " ",
        "\N{THIN SPACE}": " ",
        "\N{NARROW NO-BREAK SPACE}": " ",
        "\N{PLUS-MINUS SIGN}": "+-",
        "\N{MULTIPLICATION SIGN}": "x",
        "\N{MINUS SIGN}": "-",
        "\N{NON-BREAKING HYPHEN}": "-",
        "\N{EN DASH}": "-",
        "\N{EM DASH}": "-",
        "\N{HORIZONTAL ELLIPSIS}": "...",
        "\N{MIDDLE DOT}": "-",
        "\N{BULLET}": "*",
        "\N{DEGREE SIGN}": " deg",
        "\N{CHECK MARK}": "+",
        "\N{BALLOT X}": "x",
        "\N{WARNING SIGN}": "!",
        "\N{RIGHTWARDS ARROW}": "->",
        "\N{LESS-THAN OR EQUAL TO}": "<=",
        "\N{GREATER-THAN OR EQUAL TO}": ">=",
        "\N{LEFT SINGLE QUOTATION MARK}": "'",
        "\N{RIGHT SINGLE QUOTATION MARK}": "'",
        "\N{LEFT DOUBLE QUOTATION MARK}": '"',
        "\N{RIGHT DOUBLE QUOTATION MARK}": '"',
        "\N{LATIN SMALL LETTER A WITH DIAERESIS}": "ae",
        "\N{LATIN SMALL LETTER O WITH DIAERESIS}": "oe",
        "\N{LATIN SMALL LETTER U WITH DIAERESIS}": "ue",
        "\N{LATIN CAPITAL LETTER A WITH DIAERESIS}": "Ae",
        "\N{LATIN CAPITAL LETTER O WITH DIAERESIS}": "Oe",
        "\N{LATIN CAPITAL LETTER U WITH DIAERESIS}": "Ue",
        "\N{LATIN SMALL LETTER SHARP S}": "ss",
        "\N{GREEK CAPITAL LETTER DELTA}": "D",
    }
)
"""Signs of our own output and their plain forms, for terminals that lack them."""


class OutputFailed(Exception):
    """Standard output takes no more; ``closed`` tells a reader that has gone from a device that fails."""

    def __init__(self, error: OSError) -> None:
        super().__init__(f"standard output: cannot be written ({error.strerror or error})")
        self.closed = isinstance(error, BrokenPipeError)


def plain(text: str) -> str:
    """``text`` in ASCII: marks and umlauts by plain forms, accents dropped, anything else as ``\\u4e2d``."""
    bare = unicodedata.normalize("NFKD", unicodedata.normalize("NFC", text).translate(_REPLACED))
    return "".join(one for one in bare if not unicodedata.combining(one)).encode("ascii", "backslashreplace").decode()


def _unencodable(error: UnicodeError) -> tuple[str | bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return plain(error.object[error.start : error.end]), error.end


codecs.register_error(_PLAIN, _unencodable)


class _Guarded:
    """A stream whose failures are ours to handle; everything else is the stream's own."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._failed = False

    def write(self, text: str) -> int:
        """Writes, unless the stream has failed."""
        if not self._failed:
            try:
                self._stream.write(text)
            except OSError as error:
                self._fail(error)
        return len(text)

    def flush(self) -> None:
        """Flushes, unless the stream has failed."""
        if not self._failed:
            try:
                self._stream.flush()
            except OSError as error:
                self._fail(error)

    def _fail(self, error: OSError) -> None:
        """What is left in the buffers goes nowhere: the interpreter would try to write it again when it ends."""
        self._failed = True
        with suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class _Output(_Guarded):
    def _fail(self, error: OSError) -> None:
        super()._fail(error)
        raise OutputFailed(error) from error


@contextmanager
def guarded_streams() -> Iterator[None]:
    """Standard output whose failure is :class:`OutputFailed`; standard error whose failure ends nothing.

    Characters that the terminal's encoding lacks are written in a plain form. A standard stream that was closed from
    the start leads nowhere, so that no file that is opened later takes its number.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    before = sys.stdout, sys.stderr
    out, error = (stream or open(os.devnull, "w", encoding="utf-8") for stream in before)  # noqa: SIM115
    for stream in (out, error):
        with suppress(AttributeError, ValueError):
            stream.reconfigure(errors=_PLAIN)  # type: ignore[union-attr]
    sys.stdout, sys.stderr = cast("TextIO", _Output(out)), cast("TextIO", _Guarded(error))
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


def say(text: str) -> None:
    """A line on standard output."""
    print(text)


def tell(text: str) -> None:
    """A line on standard error."""
    print(text, file=sys.stderr)
