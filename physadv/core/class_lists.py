"""Lists of class names in files: of known data sets, and as users have them beside a model."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo

from physadv.core.config import Text, collected, folder_of
from physadv.core.errors import PhysadvError, unknown_name
from physadv.core.files import at_home, bundled
from physadv.core.names import composed
from physadv.core.tables import decode, read_rows
from physadv.core.yaml_text import parse_yaml, written

MAX_CLASSES = 100_000
_ID_COLUMNS = (
    *("id", "class id", "class_id", "classid", "class number", "class index", "class_index", "classindex", "class idx"),
    *("class_idx", "index", "idx", "label id", "label_id", "labelid", "train id", "train_id", "trainid", "output"),
    *("output id", "output_id", "number", "nr", "no"),
)
_NAME_COLUMNS = ("name", "class name", "class_name", "classname", "sign name", "sign_name", "signname", "display name")
_EITHER = ("class", "classes", "label", "labels", "category", "sign")
"""Columns that hold numbers in one file and names in another."""
_SUFFIXES = "a text file (.txt, a line a class), a .csv, .json or .yaml file"


@cache
def known_lists() -> tuple[str, ...]:
    """Data sets whose class names are known, sorted: those of ``sign_data/<name>_classes.yaml``."""
    return tuple(
        sorted(path.name.removesuffix("_classes.yaml") for path in bundled("sign_data").glob("*_classes.yaml"))
    )


@cache
def known_classes(name: str) -> tuple[str, ...]:
    """Class names of a data set (``gtsrb``, ``coco``: in order of the ids; ``lisa``: sorted).

    Raises:
        PhysadvError: no list for that data set.
    """
    if name not in known_lists():
        raise unknown_name("class list", name, known_lists())
    return read_classes(bundled("sign_data") / f"{name}_classes.yaml")


def named_classes(words: str, folder: Path) -> tuple[str, ...]:
    """Class names from the name of a known list, or the path of a file that starts at ``folder``.

    Raises:
        PhysadvError: it is neither, or the file is wrong.
    """
    if words in known_lists():
        return known_classes(words)
    path = folder / at_home(words)
    if path.suffix.lower() not in _READERS:
        raise PhysadvError(
            f"{words!r} should be a list of names, the path of {_SUFFIXES}, or one of {', '.join(known_lists())}"
        )
    return read_classes(path)


def read_classes(path: Path) -> tuple[str, ...]:
    """Class names in the order of a network's outputs, from a file.

    Args:
        path: a text file with a line a class; CSV, with or without a header, with a column of names and perhaps one
            of whole numbers, 0 to n - 1 or 1 to n, which then give the order; JSON or YAML with a list of names, or a
            mapping of such numbers to names or of names to numbers, alone or as ``classes`` or ``names``.

    Raises:
        PhysadvError: it cannot be read, or does not say names and order in one of these ways.
    """
    names = _READERS[path.suffix.lower()](path)
    if not names:
        raise PhysadvError(f"{path}: has no class names")
    if len(names) > MAX_CLASSES:
        raise PhysadvError(f"{path}: has {len(names):,} class names; at most {MAX_CLASSES:,} are possible")
    return tuple(names)


def _of_text(path: Path) -> list[str]:
    lines = decode(path).splitlines()
    while lines and not lines[-1].strip():
        lines.pop()
    for number, line in enumerate(lines, 1):
        if not line.strip():
            raise PhysadvError(f"{path}: line {number} is empty; every line should be the name of a class")
    return [line.strip() for line in lines]


def _of_table(path: Path) -> list[str]:
    rows = read_rows(path, [*_ID_COLUMNS, *_NAME_COLUMNS, *_EITHER])
    if not rows:
        return []
    header = [" ".join(cell.split()).casefold() for cell in rows[0][1]]
    headed = any(cell in (*_ID_COLUMNS, *_NAME_COLUMNS, *_EITHER) for cell in header)
    body = rows[1:] if headed else rows
    for line, row in body:
        if len(row) != len(header):
            raise PhysadvError(f"{path}: line {line}: has {len(row)} values; the first line has {len(header)}")
    if not body:
        return []
    columns = [[cell.strip() for cell in column] for column in zip(*(row for _, row in body), strict=True)]
    numeric = [all(map(_whole, column)) for column in columns]
    for place, cell in enumerate(header):
        wrong = [number for number, value in enumerate(columns[place]) if not _whole(value)]
        if headed and cell in _ID_COLUMNS and 0 < len(wrong) < len(body):
            line, row = body[wrong[0]]
            raise PhysadvError(
                f"{path}: line {line}: {cell} = {row[place]!r}: should be a whole number, as in the rest"
            )
    ids, names = _headed(header, numeric) if headed else _headless(numeric)
    if len(names) != 1:
        told = "has several columns of names" if names else "has no column of names that can be told"
        raise PhysadvError(f"{path}: {told}; it should have a header with the columns id and name, or name alone")
    spelt = columns[names[0]]

    def by(place: int) -> list[str]:
        return _ordered(path, list(zip(map(int, columns[place]), spelt, strict=True)))

    orders = [by(place) for place in ids]
    shown, of = (orders[0], repr(header[ids[0]])) if ids else (spelt, "its rows")
    for place in range(len(header)) if headed else ():
        other = place not in (*ids, names[0]) and numeric[place] and _counts(columns[place])
        if other and by(place) != shown:
            raise PhysadvError(
                f"{path}: its column {header[place]!r} gives another order than {of}; call the order of the network's "
                "outputs id, and leave the other out"
            )
    if any(order != shown for order in orders):
        several = " and ".join(repr(header[place]) for place in ids)
        raise PhysadvError(f"{path}: its columns {several} give two orders; keep the one of the network's outputs")
    return shown


def _headed(header: Sequence[str], numeric: Sequence[bool]) -> tuple[list[int], list[int]]:
    """The columns of ids and of names, by the header; by the content only where the header leaves it open."""
    ids = [place for place, cell in enumerate(header) if cell in _ID_COLUMNS and numeric[place]]
    names = [place for place, cell in enumerate(header) if cell in _NAME_COLUMNS]
    either = [place for place, cell in enumerate(header) if cell in _EITHER]
    if not names:
        names = [place for place in either if ids or not numeric[place]]
    if not ids:
        ids = [place for place in either if numeric[place] and place not in names]
    if not names and len(header) == 1:
        return [], either
    rest = [place for place in range(len(header)) if place not in (*ids, *either)]
    if not names and len(rest) == 1 and not numeric[rest[0]]:
        names = rest
    return ids, names


def _headless(numeric: Sequence[bool]) -> tuple[list[int], list[int]]:
    """The columns of ids and of names: one alone has names; of two, one has whole numbers and the other has not."""
    if len(numeric) == 1:
        return [], [0]
    if len(numeric) == 2 and any(numeric) and not all(numeric):
        return [numeric.index(True)], [numeric.index(False)]
    return [], []


def _of_json(path: Path) -> list[str]:
    def mapping(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) < len(pairs):
            keys = [key for key, _ in pairs]
            twice = next(key for key in keys if keys.count(key) > 1)
            raise PhysadvError(f"{path}: {twice!r} comes twice in one mapping")
        return made

    try:
        data = json.loads(decode(path), object_pairs_hook=mapping)
    except (ValueError, RecursionError) as error:
        raise PhysadvError(f"{path}: not valid JSON ({error})") from error
    return _of_data(path, data)


def _of_yaml(path: Path) -> list[str]:
    try:
        return _of_data(path, parse_yaml(decode(path)))
    except yaml.YAMLError as error:
        raise PhysadvError(f"{path}: not valid YAML ({getattr(error, 'problem', None) or 'syntax error'})") from error


def _of_data(path: Path, data: Any) -> list[str]:
    """Of a list of names, or a mapping of ids to names or names to ids, alone or under a key."""
    if isinstance(data, dict):
        inside = [data[key] for key in ("classes", "names") if isinstance(data.get(key), (list, dict))]
        data = inside[0] if len(inside) == 1 else data
    if isinstance(data, list):
        return [_name(path, value) for value in data]
    if isinstance(data, dict) and data:
        if all(isinstance(value, int) and not isinstance(value, bool) for value in data.values()):
            return _ordered(path, [(int(value), key) for key, value in data.items()], both=all(map(_whole, data)))
        if all(map(_whole, data)):
            return _ordered(path, [(int(key), _name(path, value)) for key, value in data.items()])
    raise PhysadvError(
        f"{path}: should be a list of class names, or a mapping of whole numbers to names or of names to whole numbers"
    )


def _name(path: Path, value: Any) -> str:
    text = written(value)
    if text is None and (isinstance(value, bool) or not isinstance(value, (str, int))):
        raise PhysadvError(f"{path}: {value!r} is not the name of a class")
    return str(value) if text is None else text


def _ordered(path: Path, pairs: Sequence[tuple[int, str]], *, both: bool = False) -> list[str]:
    """Names in the order of their ids.

    Args:
        path: for messages.
        pairs: ids and names.
        both: the names are whole numbers too, so that it has to be told which is which.
    """
    ids = [number for number, _ in pairs]
    twice = [number for number, count in Counter(ids).items() if count > 1]
    if twice:
        raise PhysadvError(f"{path}: id {twice[0]} is given to {ids.count(twice[0])} classes")
    if both:
        raise PhysadvError(f"{path}: which numbers are names cannot be told; write names in quotes, after their ids")
    if set(ids) not in ({*range(len(ids))}, {*range(1, len(ids) + 1)}):
        raise PhysadvError(
            f"{path}: its numbers are not 0 to {len(ids) - 1}, nor 1 to {len(ids)}, so they do not say which output of "
            "a network is which class; list the names alone, one for each output and in their order"
        )
    return [name for _, name in sorted(pairs)]


def _counts(column: Sequence[str]) -> bool:
    """Whether a column numbers the classes, from 0 or from 1."""
    found = sorted(map(int, column))
    return found in ([*range(len(found))], [*range(1, len(found) + 1)])


def _whole(cell: str) -> bool:
    return cell.strip().isdecimal() and cell.isascii() and len(cell) < 10


_READERS: Mapping[str, Any] = {
    ".txt": _of_text,
    ".names": _of_text,
    ".csv": _of_table,
    ".tsv": _of_table,
    ".json": _of_json,
    ".yaml": _of_yaml,
    ".yml": _of_yaml,
}


def _listed(value: Any, info: ValidationInfo) -> Any:
    if not isinstance(value, str):
        return value
    return collected(named_classes)(value, folder_of(info) or Path())


def _different(names: tuple[str, ...]) -> tuple[str, ...]:
    spelt = Counter(map(composed, names))
    twice = next((name for name, count in spelt.items() if count > 1), None)
    if twice is not None:
        raise ValueError(f"class {twice!r} is listed {spelt[twice]} times; every class needs its own name")
    return names


ClassNames = Annotated[
    tuple[Text, ...], Field(max_length=MAX_CLASSES), BeforeValidator(_listed), AfterValidator(_different)
]
"""Class names in a configuration, in the order of a network's outputs: a list of them, the path of a file with one
(:func:`read_classes`), or the name of a known list (:func:`known_lists`)."""
