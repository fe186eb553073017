"""Errors that a user can correct: one sentence, exit code 2, no traceback."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

LONGEST_MESSAGE = 1400
"""Characters of an error's message; of a longer one the middle is left out."""
_SHOWN = 120
"""Letters of a value that a message shows."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class PhysadvError(Exception):
    """Something the user gave is wrong; the message names the file or option, its value and what would be right.

    The message is one line of bounded length, whatever it quotes from files or other libraries: line breaks become
    spaces, other control characters are written out.
    """

    def __init__(self, message: object = "") -> None:
        super().__init__(in_one_line(str(message)))


def in_one_line(text: str) -> str:
    """A message as one line of bounded length, without control characters."""
    text = _CONTROL.sub(lambda found: _plain(found[0]), text.strip())
    if len(text) <= LONGEST_MESSAGE:
        return text
    start, end = 2 * LONGEST_MESSAGE // 3, LONGEST_MESSAGE // 4
    return f"{text[:start]} ... {text[-end:]}"


def _plain(letter: str) -> str:
    return " " if letter in "\t\n\v\f\r\x85\u2028\u2029" else repr(letter)[1:-1]


def shown(value: object, *, text: str | None = None) -> str:
    """A value in a message: as Python writes it, or as ``text`` has it, shortened."""
    text = repr(value) if text is None else text
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 4]} ..."


class CannotWrite(PhysadvError):
    """The system refuses to write: once there is room, or permission, the same command resumes."""


class PhysadvWarning(UserWarning):
    """Something the user gave is probably not what was meant."""


def unknown_name(kind: str, name: str, known: Iterable[str], *, of: str = "", also: str = "") -> PhysadvError:
    """The error for a name that is not among ``known``, with the nearest ones first.

    Args:
        kind: of what the name should be.
        name: as given.
        known: names that there are.
        of: whose these are.
        also: what else could be given.
    """
    names = sorted(known)
    near = difflib.get_close_matches(name[:_SHOWN], names, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}? " if near else ""
    whose, other = f" of {of}" if of else "", f"; or {also}" if also else ""
    return PhysadvError(f"unknown {kind} {shown(name)}{whose}: {hint}known: {', '.join(names) or 'none'}{other}")
