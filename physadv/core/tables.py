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
from physadv.core.files import read_bytes, write_text

DELIMITERS = (",", ";", "\t", "|")
MAX_BYTES = 256_000_000
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
_STRAY = "a quotation mark opens and does not close in its line"
_MOST_LINES = 1000
"""Lines that a value in quotation marks may run over."""
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
        damaged: lines that are not rows, with the reason: one that is cut, has more values than the header, or has a
            quotation mark that does not close in it.
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
        PhysadvError: it is missing, is not a text file, or lacks a column.
    """
    text = decode(path)
    rows, delimiter = _rows(path, text, [*needs, *also])
    header = [" ".join(name.split()) for name in rows[0].cells] if rows else []
    place = {name: found for name in (*needs, *also) if (found := _place(path, header, name)) is not None}
    lacking = [name for name in needs if name not in place]
    if lacking:
        if rows and (rows[0].stray or rows[0].lines > 1):
            raise PhysadvError(f"{path}: line {rows[0].number}: {_STRAY}")
        has = ", ".join(name for name in header if name) or "none"
        raise PhysadvError(f"{path}: its columns are {has}; they should be {','.join(needs)}")
    lines, damaged = [], []
    for row in rows[1:]:
        values = _trimmed(row.cells, len(header))
        if row.stray or len(values) != len(header):
            damaged.append((row.number, _STRAY if row.stray else _misfit(len(values), header, delimiter)))
            continue
        lines.append(Line(path, row.number, {name: plain(values[column]) for name, column in place.items()}))
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
    rows = _rows(path, decode(path), names)[0]
    stray = next((row.number for row in rows if row.stray), None)
    if stray is not None:
        raise PhysadvError(f"{path}: line {stray}: {_STRAY}")
    return [(row.number, [plain(cell.strip()) for cell in row.cells]) for row in rows]


def _misfit(count: int, header: Sequence[str], delimiter: str) -> str:
    named = {"\t": "tabs"}.get(delimiter, f"{delimiter!r}")
    what = "is cut: it has" if count < len(header) else "has"
    return f"{what} {count} values between {named}; the header has {len(header)}"


def decode(path: Path) -> str:
    """A text file's text: by its byte-order mark, else UTF-16 by its zero bytes, UTF-8, or Windows' Latin-1.

    Raises:
        PhysadvError: it is missing, larger than 256 MB, a spreadsheet's workbook, or holds what no text does.
    """
    data = read_bytes(path, most_bytes=MAX_BYTES)
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


def _rows(path: Path, text: str, wanted: Sequence[str]) -> tuple[list[_Row], str]:
    """Rows that hold anything, and the delimiter that shows most columns."""
    told = _SEPARATOR.match(text)
    lines = list(io.StringIO(text, newline=""))
    first = 1 if told else 0
    folded = {_folded(name) for name in wanted}
    best: tuple[int, int] = (-1, -1)
    chosen = DELIMITERS[0]
    for delimiter in (told.group(1),) if told else DELIMITERS:
        header = next(_filled(path, lines, first, delimiter), None)
        cells = header.cells if header else []
        score = (len(folded & {_folded(name) for name in cells}), len(cells))
        if score > best:
            best, chosen = score, delimiter
    return list(_filled(path, lines, first, chosen)), chosen


@dataclass(frozen=True)
class _Row:
    """What a reader makes of a line, or of several where a value in quotation marks runs over their ends.

    Attributes:
        number: of its first line, from 1.
        cells: its values.
        lines: how many lines it is.
        stray: a quotation mark opens in its line and has no partner there; its values are a guess.
    """

    number: int
    cells: list[str]
    lines: int = 1
    stray: bool = False


def _filled(path: Path, lines: Sequence[str], first: int, delimiter: str) -> Iterator[_Row]:
    """Rows that hold anything, from the line ``first``, counted from 0.

    A value in quotation marks may run over line ends. Where it swallows rows of the table, its mark is a stray one:
    that line alone is damaged, and reading goes on with the next.
    """
    width: int | None = None
    at = first
    while at < len(lines):
        row = _row(path, lines, at, delimiter, width)
        at += row.lines
        if any(cell.strip() for cell in row.cells):
            width = len(row.cells) if width is None else width
            yield row


def _row(path: Path, lines: Sequence[str], at: int, delimiter: str, width: int | None) -> _Row:
    """The row that begins in a line.

    Args:
        path: for messages.
        lines: of the file.
        at: the line, counted from 0.
        delimiter: between values.
        width: values of a row; None: it is the first one.
    """
    if '"' not in lines[at]:
        return _Row(at + 1, _alone(path, lines, at, delimiter)[0])
    window = map(lines.__getitem__, range(at, min(at + _MOST_LINES, len(lines))))
    reader = csv.reader(window, delimiter=delimiter, skipinitialspace=delimiter != "\t", strict=True)
    try:
        cells = next(reader)
    except csv.Error:
        cells, closed = _alone(path, lines, at, delimiter)
        return _Row(at + 1, cells, stray=not closed)
    swallowed = range(at + 1, at + reader.line_num)
    if swallowed and width is not None:
        rows = (lines[number].rstrip("\r\n").split(delimiter) for number in swallowed)
        if len(_trimmed(cells, width)) != width or any(len(_trimmed(row, width)) == width for row in rows):
            return _Row(at + 1, _alone(path, lines, at, delimiter)[0], stray=True)
    return _Row(at + 1, cells, lines=reader.line_num)


def _alone(path: Path, lines: Sequence[str], at: int, delimiter: str) -> tuple[list[str], bool]:
    """The values of one line, read without regard to the others, and whether its quotation marks close."""
    reader = csv.reader([lines[at], "\n"], delimiter=delimiter, skipinitialspace=delimiter != "\t")
    try:
        return next(reader), reader.line_num == 1
    except csv.Error as error:
        why = f"cannot be read ({error})"
        if "field limit" in str(error):
            why = f"a value is longer than {csv.field_size_limit():,} characters; is a quotation mark not closed?"
        raise PhysadvError(f"{path}: line {at + 1}: {why}") from error


def _trimmed(cells: Sequence[str], width: int) -> list[str]:
    """Values without spaces around, and without empty ones after the last column."""
    kept = [cell.strip() for cell in cells]
    while len(kept) > width and not kept[-1]:
        kept.pop()
    return kept


def _folded(name: str) -> str:
    return "".join(unicodedata.normalize("NFKC", name).split()).casefold()


def _place(path: Path, header: Sequence[str], name: str) -> int | None:
    """Where a column stands, in any letter case.

    Raises:
        PhysadvError: two columns are called so.
    """
    found = [number for number, one in enumerate(header) if _folded(one) == _folded(name)]
    if len(found) > 1:
        called = ", ".join(header[number] for number in found)
        raise PhysadvError(f"{path}: {len(found)} of its columns are called {name} ({called}); there should be one")
    return found[0] if found else None


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
