"""What of a data set is read and what is left out, counted and told: a loss is never silent."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TypeAlias

from physadv.core.errors import PhysadvError, PhysadvWarning
from physadv.core.folders import OTHER_PICTURES, PICTURES, files_in, is_broken_link
from physadv.core.images import is_picture, read_size
from physadv.core.tables import Line, Table

Box: TypeAlias = tuple[int, int, int, int]

MISSING = ("picture missing", "pictures missing")
OUTSIDE = ("box outside of the picture", "boxes outside of their pictures")
RESIZED = ("picture of another size than its row says", "pictures of other sizes than their rows say")
UNREADABLE = ("file that is not a picture", "files that are not pictures")
TWICE = ("row that comes twice", "rows that come twice")
DAMAGED = ("damaged line", "damaged lines")
WRONG = ("row without the numbers that it needs", "rows without the numbers that they need")
UNKNOWN = ("class that the data set does not have", "classes that the data set does not have")
UNNAMED = ("row without a class", "rows without a class")
ELSEWHERE = ("class that is not the folder's", "classes that are not their folders'")

MOST_TOLD = 10
"""Damaged pictures that an error names."""
MOST_LOST = 0.5
"""Share of the rows that may be left out; beyond it something else is wrong than a few files."""


_ENDING = re.compile(
    rf"\.({'|'.join(sorted(kind[1:] for kind in PICTURES | OTHER_PICTURES | {'.svg'}))})(?![a-z0-9])", re.IGNORECASE
)
"""In the name of a picture, perhaps with something behind it: ``a.jpg_large``, ``b.png.bak``."""
_TEXTS = frozenset({".csv", ".htm", ".html", ".ini", ".json", ".jsonl", ".log", ".md", ".txt", ".xml", ".yaml", ".yml"})
_HEADER_BYTES = 64
_PPM = re.compile(rb"P6\s+(\d{1,5})\s+(\d{1,5})\s+255\s")
"""The header of nearly every PPM; Pillow takes six times as long, and a data set has tens of thousands of them."""


@dataclass
class Tally:
    """Counts rows of tables, and keeps which of them are left out, and why.

    Args:
        where: the tables, for messages.
    """

    where: str
    rows: int = 0
    left: dict[tuple[str, str], list[str]] = field(default_factory=dict)

    def table(self, table: Table) -> tuple[Line, ...]:
        """Counts a table's rows; the damaged ones are left out."""
        self.rows += len(table.lines) + len(table.damaged)
        for number, why in table.damaged:
            self.leave(DAMAGED, f"{table.path.name}, line {number}: {why}")
        return table.lines

    def leave(self, why: tuple[str, str], what: Line | str) -> None:
        """Leaves a row out."""
        shown = what if isinstance(what, str) else f"{what.path.name}, line {what.number}"
        self.left.setdefault(why, []).append(shown)

    def notes(self) -> tuple[str, ...]:
        """One sentence where rows were left out: how many of how many, and why.

        Raises:
            PhysadvError: most of the rows, or all, were left out.
        """
        lost = sum(len(some) for some in self.left.values())
        if not lost:
            return ()
        reasons = ", ".join(
            f"{len(some):,} {why[len(some) > 1]} ({'first: ' if len(some) > 1 else ''}{some[0]})"
            for why, some in sorted(self.left.items(), key=lambda pair: -len(pair[1]))
        )
        told = f"read {self.rows - lost:,} of {self.rows:,} rows; {lost:,} left out: {reasons}"
        if lost > MOST_LOST * self.rows:
            raise PhysadvError(f"{self.where}: {told}; is the data set complete?")
        return (f"{self.where}: {told}",)


class Files:
    """The files of a folder and its subfolders by name, in any letter case: one look, not one at each file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._named: set[str] = set()

    @cached_property
    def _by_name(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for path in files_in(self.folder):
            name = path.relative_to(self.folder).as_posix()
            found.setdefault(name.casefold(), []).append(name)
        return found

    def find(self, name: str) -> Path | None:
        """The file of that name: as it is written, else in other letter case if only one is called so."""
        alike = self._by_name.get(name.casefold(), [])
        found = name if name in alike else alike[0] if len(alike) == 1 else None
        if found is None:
            return None
        self._named.add(found)
        return self.folder / found

    def unnamed(self) -> list[str]:
        """Names of files that are or may be pictures and that :meth:`find` was not asked for, sorted."""
        names = (name for alike in self._by_name.values() for name in alike)
        return sorted(name for name in names if name not in self._named and may_be_picture(self.folder / name))


def may_be_picture(path: Path) -> bool:
    """Whether a file is a picture by its ending, by an ending within its name, or else by its first bytes."""
    if path.suffix.lower() in _TEXTS:
        return False
    return _ENDING.search(path.name) is not None or is_broken_link(path) or is_picture(path)


def unlisted(table: Path, names: Sequence[str], *, so: str = "not used") -> tuple[str, ...]:
    """A sentence on pictures that no row tells of; none where there are none."""
    if not names:
        return ()
    return (f"{table}: has no row for {counted(len(names), 'picture')} beside it ({so}): {some(names)}",)


def unended(table: Table) -> tuple[str, ...]:
    """A sentence on a table that may have been cut within its last value; none where it ends as it should."""
    if not table.unended or table.damaged:
        return ()
    return (f"{table.path}: its last line has no line end; if the file was cut, its last value may be wrong",)


def counted(count: int, what: str) -> str:
    """``1 picture``, ``1,200 pictures``."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def some(names: Sequence[str], most: int = 3) -> str:
    """The first names of a list, and how many more there are."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more:,} more" if more > 0 else "")


def pictures_of(
    lines: Iterable[Line],
    column: str,
    find: Callable[[str], Path | None],
    tally: Tally,
    *,
    several_by: Sequence[str] = (),
) -> Iterator[tuple[Line, Path | None]]:
    """Rows and their pictures, each picture once; None where there is no such file.

    Args:
        lines: rows of a table.
        column: that names the picture, with slashes or Windows' backslashes.
        find: the file of a name.
        tally: told of the rows that come twice.
        several_by: columns by which rows of one picture are told apart, where it may have several.

    Raises:
        PhysadvError: two rows say different things of one picture.
    """
    seen: dict[object, Line] = {}
    for line in lines:
        name = line.text(column).replace("\\", "/")
        path = find(name)
        before = seen.setdefault((path or name, *map(line.text, several_by)), line)
        if before is line:
            yield line, path
        elif {**before.values, column: ""} == {**line.values, column: ""}:
            tally.leave(TWICE, line)
        else:
            raise line.error(f"{line.text(column)} is in line {before.number} too, with other values; keep one of them")


def damaged_pictures(why: Mapping[Path, str], *, of: int) -> PhysadvError:
    """The error of pictures that cannot be read: all of them with their reasons, up to ten, and how many more.

    Args:
        why: what is wrong with each.
        of: how many pictures were looked at.
    """
    if len(why) == 1:
        (only,) = why
        return PhysadvError(f"{only}: {why[only]}; replace or remove it")
    folder = Path(os.path.commonpath([path.parent for path in why]))
    told = [f"{path.relative_to(folder).as_posix()} ({reason})" for path, reason in why.items()]
    return PhysadvError(
        f"{folder}: {len(why):,} of {of:,} pictures cannot be read; replace or remove them: {some(told, MOST_TOLD)}"
    )


def tell(notes: Iterable[str]) -> None:
    """Warns of what was left out; on the command line that is a line of its own, before the work starts."""
    for note in notes:
        warnings.warn(note, PhysadvWarning, stacklevel=3)


def picture_size(path: Path) -> tuple[int, int] | None:
    """Width and height from a picture's header; None if it is not a picture."""
    try:
        with path.open("rb") as file:
            told = _PPM.match(file.read(_HEADER_BYTES))
        if told:
            return int(told[1]), int(told[2])
        return read_size(path)
    except (OSError, PhysadvError):
        return None


def lies_inside(box: Box, size: tuple[int, int]) -> bool:
    """Whether a box ``(x1, y1, x2, y2)``, the last two exclusive, has an area and lies in a picture of that size."""
    x1, y1, x2, y2 = box
    return 0 <= x1 < x2 <= size[0] and 0 <= y1 < y2 <= size[1]
