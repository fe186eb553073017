"""Tables in text files (CSV): one reader for every table that a user hands over, and one writer.

The reader takes what spreadsheets, editors and data sets leave on disk: UTF-8 and UTF-16 with or without a byte-order
mark, Windows' Latin-1; commas, semicolons, tabs or bars; any line ends; quotes; a header in any letter case with
further columns. What it cannot read rightly is an error that names the file and the line.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from physadv.core.errors import PhysadvError
from physadv.core.files import write_text

DELIMITERS = (",", ";", "\t", "|")
MAX_BYTES = 256 * 2**20
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
"""The longer marks first: that of UTF-32 begins with that of UTF-16."""
_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+", re.ASCII)
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}", re.ASCII)
_SEPARATOR = re.compile(r"sep=(.)\r?\n", re.IGNORECASE)
"""The first line by which Excel is told a file's delimiter."""
_FORMULA = re.compile(r"'*[=+\-@\t\r]")
"""A text that a spreadsheet would run as a formula, or one that was written so that it does not."""


@dataclass(frozen=True)
class Line:
    """A row of a table, which knows where it stands.

    Attributes:
        path: of the table.
        number: of its (first) line in the file, from 1.
        values: by the column's name as it was asked for, without spaces around; only of columns that were asked for.
    """

    path: Path
    number: int
    values: Mapping[str, str]

    def text(self, column: str) -> str:
        """What stands in a column; empty where the table lacks it."""
        return self.values.get(column, "")

    def decimal(self, column: str) -> float:
        """The number in a column, which may have a decimal comma.

        Raises:
            PhysadvError: it is not a finite number, or one that can be read in two ways (``1,234``).
        """
        text = self.text(column)
        if _THOUSANDS.fullmatch(text):
            raise self.error(f"{column} = {text!r}: is {text.replace(',', '.')} or {text.replace(',', '')} meant?")
        if _DECIMAL_COMMA.fullmatch(text):
            text = text.replace(",", ".")
        if not _NUMBER.fullmatch(text) or abs(float(text)) == float("inf"):
            raise self.error(f"{column} = {text!r}: should be a number")
        return float(text)

    def whole(self, column: str) -> int:
        """The whole number in a column; ``14.0`` is one, too.

        Raises:
            PhysadvError: it is not a whole number.
        """
        number = self.decimal(column)
        if number != int(number):
            raise self.error(f"{column} = {self.text(column)!r}: should be a whole number")
        return int(number)

    def error(self, what: str) -> PhysadvError:
        """An error that says where this line stands."""
        return PhysadvError(f"{self.path}: line {self.number}: {what}")


@dataclass(frozen=True)
class Table:
    """A table that was read.

    Attributes:
        path: of the file.
        header: all its columns, as they are written.
        columns: those that were asked for and are there.
        lines: its rows.
        damaged: lines that are not rows, with the reason: one that is cut, or has more values than the header.
        unended: the last line has no line end, so that its last value may be cut.
    """

    path: Path
    header: tuple[str, ...]
    columns: tuple[str, ...]
    lines: tuple[Line, ...]
    damaged: tuple[tuple[int, str], ...] = ()
    unended: bool = False

    def whole(self) -> tuple[Line, ...]:
        """Its rows, all of them.

        Raises:
            PhysadvError: a line is damaged.
        """
        for number, why in self.damaged:
            raise PhysadvError(f"{self.path}: line {number}: {why}")
        return self.lines


def read_table(path: Path, needs: Sequence[str], *, also: Sequence[str] = ()) -> Table:
    """The columns of a table that are asked for; the others are ignored.

    Args:
        path: of the file.
        needs: columns that it has to have; letter case and spaces do not count.
        also: columns that are read where they are there.

    Raises:
        PhysadvError: it is missing, is not a text file, lacks a column, or has a quotation mark that does not close.
    """
    text = decode(path)
    rows, delimiter = _rows(path, text, [*needs, *also])
    header = [" ".join(name.split()) for name in rows[0][1]] if rows else []
    place = {name: found for name in (*needs, *also) if (found := _place(path, header, name)) is not None}
    lacking = [name for name in needs if name not in place]
    if lacking:
        has = ", ".join(name for name in header if name) or "none"
        raise PhysadvError(f"{path}: its columns are {has}; they should be {','.join(needs)}")
    lines, damaged = [], []
    for number, row in rows[1:]:
        values = [value.strip() for value in row]
        while len(values) > len(header) and not values[-1]:
            values.pop()
        if len(values) != len(header):
            damaged.append((number, _misfit(len(values), header, delimiter)))
            continue
        lines.append(Line(path, number, {name: plain(values[column]) for name, column in place.items()}))
    return Table(
        path, tuple(header), tuple(place), tuple(lines), tuple(damaged), bool(text) and not text.endswith(("\r", "\n"))
    )


def read_rows(path: Path, names: Sequence[str]) -> list[tuple[int, list[str]]]:
    """The rows of a table that may lack a header, empty ones left out, each with the number of its line.

    Args:
        path: of the file.
        names: of columns that a header would have, by which its delimiter is known.

    Raises:
        PhysadvError: it is missing, is not a text file, or has a quotation mark that does not close.
    """
    return [(number, [plain(cell.strip()) for cell in row]) for number, row in _rows(path, decode(path), names)[0]]


def _misfit(count: int, header: Sequence[str], delimiter: str) -> str:
    named = {"\t": "tabs"}.get(delimiter, f"{delimiter!r}")
    what = "is cut: it has" if count < len(header) else "has"
    return f"{what} {count} values between {named}; the header has {len(header)}"


def decode(path: Path) -> str:
    """A text file's text: by its byte-order mark, else UTF-16 by its zero bytes, UTF-8, or Windows' Latin-1.

    Raises:
        PhysadvError: it is missing, larger than 256 MB, a spreadsheet's workbook, or holds what no text does.
    """
    try:
        if not path.is_file():
            raise PhysadvError(f"{path}: {'is not a file' if path.exists() else 'does not exist'}")
        if path.stat().st_size > MAX_BYTES:
            raise PhysadvError(f"{path}: is larger than {MAX_BYTES // 2**20} MB, too large for a table")
        data = path.read_bytes()
    except OSError as error:
        raise PhysadvError(f"{path}: cannot be read ({error.strerror})") from error
    if data.startswith(_WORKBOOKS):
        raise PhysadvError(f"{path}: is a spreadsheet's workbook; save the table as CSV")
    text = _decoded(data)
    if text is None:
        raise PhysadvError(f"{path}: is not a text file in UTF-8, UTF-16 or Latin-1")
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise PhysadvError(f"{path}: line {line}: holds a zero byte; is it a text file?")
    return text


def _decoded(data: bytes) -> str | None:
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            return _in(encoding, data[len(mark) :])
    pairs = max(len(data) // 2, 1)
    for encoding, zeros in (("utf-16-le", data[1::2].count(0)), ("utf-16-be", data[::2].count(0))):
        if zeros > 0.4 * pairs and data.count(0) - zeros < 0.05 * pairs:
            return _in(encoding, data)
    text = _in("utf-8", data)
    cut_at_its_only_letter = text is not None and text.isascii() and not data.isascii()
    return _in("cp1252", data) if text is None or cut_at_its_only_letter else text


def _in(encoding: str, data: bytes) -> str | None:
    """In an encoding; of a file that was cut within a character, that character is dropped."""
    try:
        return codecs.getincrementaldecoder(encoding)().decode(data)
    except UnicodeDecodeError:
        return None


def _rows(path: Path, text: str, wanted: Sequence[str]) -> tuple[list[tuple[int, list[str]]], str]:
    """Rows with the numbers of their lines, empty ones left out, and the delimiter that shows most columns."""
    told = _SEPARATOR.match(text)
    folded = {_folded(name) for name in wanted}
    best: tuple[int, int] = (-1, -1)
    chosen = DELIMITERS[0]
    for delimiter in (told.group(1),) if told else DELIMITERS:
        header = next(_filled(path, text, delimiter, strict=False, skip=bool(told)), (0, []))[1]
        score = (len(folded & {_folded(name) for name in header}), len(header))
        if score > best:
            best, chosen = score, delimiter
    try:
        return list(_filled(path, text, chosen, strict=True, skip=bool(told))), chosen
    except PhysadvError:
        rows = list(_filled(path, text, chosen, strict=False, skip=bool(told)))
        if any("\n" in value or "\r" in value for _, row in rows for value in row) or _open_quote(rows, text):
            raise
        return rows, chosen


def _open_quote(rows: Sequence[tuple[int, list[str]]], text: str) -> bool:
    """Whether the last line has a quotation mark without its other one."""
    last = text.rstrip().splitlines()[-1:] if rows else []
    return any(line.count('"') % 2 for line in last)


def _filled(path: Path, text: str, delimiter: str, *, strict: bool, skip: bool) -> Iterator[tuple[int, list[str]]]:
    """Rows that hold anything, with the numbers of their (first) lines; ``skip`` leaves out the first line."""
    lines = io.StringIO(text, newline="")
    reader = csv.reader(lines, delimiter=delimiter, skipinitialspace=delimiter != "\t", strict=strict)
    begin = 1
    try:
        for row in reader:
            if any(value.strip() for value in row) and not (skip and begin == 1):
                yield begin, row
            begin = reader.line_num + 1
    except csv.Error as error:
        why = f"a quotation mark is not where it should be, or does not close ({error})"
        if "field limit" in str(error):
            why = f"a value is longer than {csv.field_size_limit():,} characters; is a quotation mark not closed?"
        raise PhysadvError(f"{path}: line {begin}: {why}") from error


def _folded(name: str) -> str:
    return "".join(unicodedata.normalize("NFKC", name).split()).casefold()


def _place(path: Path, header: Sequence[str], name: str) -> int | None:
    """Where a column stands: as it is written, else in any letter case.

    Raises:
        PhysadvError: two columns are called so.
    """
    for found in (
        [number for number, one in enumerate(header) if one == name],
        [number for number, one in enumerate(header) if _folded(one) == _folded(name)],
    ):
        if len(found) > 1:
            raise PhysadvError(f"{path}: {len(found)} of its columns are called {name}; there should be one")
        if found:
            return found[0]
    return None


def write_table(path: Path, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Writes texts as CSV, atomically: UTF-8, commas; what a spreadsheet would run as a formula is made harmless.

    A text that begins with ``=``, ``+``, ``-``, ``@``, a tab or a carriage return gets an apostrophe in front, as one
    does that begins with apostrophes and then one of these; :func:`read_table` takes it off again.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([harmless(value) for value in row] for row in rows)
    write_text(path, text.getvalue().encode("utf-8", "backslashreplace").decode("utf-8"))


def harmless(text: str) -> str:
    """The text as a spreadsheet shows it rather than runs it; :func:`plain` is its inverse."""
    return f"'{text}" if _FORMULA.match(text) else text


def plain(text: str) -> str:
    """The text that :func:`harmless` was given; any other text as it is."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text
