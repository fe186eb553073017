"""The outcomes table: one row a frame, subject, patch and victim. Written in parts, merged into one Parquet file.

A part holds a few hundred frames of one battery entry with all subjects and victims, and appears whole or not at all,
so a killed run resumes at the first part that is missing. Nothing ever holds more than a part.
"""

from __future__ import annotations

import functools
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from physadv.core.errors import PhysadvError
from physadv.core.files import atomic_path
from physadv.core.parquet import TableFile, check_filled, open_parquet, parquet_writer
from physadv.scenes import COLUMNS, INTEGERS

OUTCOMES_VERSION = 3
"""Of the table's schema; in the file's metadata under ``VERSION_KEY``. A test ties it to the columns."""
_ADDED = {"2": ("extra",), "3": ()}
"""Columns that came after a version that is still read."""
VERSION_KEY = b"physadv.outcomes_version"
RUN_KEY = b"physadv.run"
TOP = 5
"""Classes a row lists, most probable first."""
ROWS_PER_GROUP = 8192

_NAME = pa.dictionary(pa.int32(), pa.string())
_TYPES = {"extra": pa.string(), **dict.fromkeys(INTEGERS, pa.int64())}
_CONDITIONS = [(name, _TYPES.get(name, pa.float64())) for name in COLUMNS]

SCHEMA = pa.schema(
    [
        ("patch", _NAME),
        ("subject", _NAME),
        ("victim", _NAME),
        ("battery", _NAME),
        ("entry", pa.int32()),
        ("scene", _NAME),
        ("seed", pa.int64()),
        ("frames_per_approach", pa.int32()),
        *_CONDITIONS,
        ("light_name", _NAME),
        ("angle_deg", pa.float64()),
        ("weather", _NAME),
        ("severity", pa.int32()),
        ("weather_parameters", pa.string()),
        ("true_class", _NAME),
        ("goal", _NAME),
        ("top_classes", pa.list_(pa.string())),
        ("top_probabilities", pa.list_(pa.float32())),
        ("predicted", _NAME),
        ("probability", pa.float32()),
        ("true_probability", pa.float32()),
        ("goal_probability", pa.float32()),
        ("correct", pa.bool_()),
        ("won", pa.bool_()),
    ]
)
"""``weather``, ``severity``, ``weather_parameters`` and ``extra`` (JSON, both) are null where there is none; so are
``distance_m`` and ``hfov_deg`` of a photograph whose focal length is not known. ``correct`` is
``predicted == true_class``. ``goal`` is what the patch was made for, in words, as far as the victim knows its classes,
else ``untargeted``; ``won`` says whether it is met, and ``goal_probability`` is the victim's probability of what is
wanted."""
MAY_LACK = frozenset({"weather", "severity", "weather_parameters", "extra"})
"""Columns whose values may be missing."""


def open_outcomes(path: Path) -> AbstractContextManager[TableFile]:
    """A table of outcomes or a part of one, to be read in parts.

    Raises:
        PhysadvError: it is missing or damaged, or has other columns.
    """
    return open_parquet(path, schema=SCHEMA, may_lack=_ADDED["2"])


def rows_of(columns: Mapping[str, Any], count: int) -> pa.RecordBatch:
    """A batch of ``count`` rows from columns; a column that is one value (or None) is the same in all rows.

    Raises:
        ValueError: a column is missing or is not of the schema.
    """
    if set(columns) != set(SCHEMA.names):
        raise ValueError(f"columns differ from the schema: {sorted(set(columns) ^ set(SCHEMA.names))}")
    return pa.record_batch([_array(columns[field.name], field.type, count) for field in SCHEMA], schema=SCHEMA)


def _array(value: Any, kind: pa.DataType, count: int) -> pa.Array:
    if value is None:
        return pa.nulls(count, kind)
    if isinstance(value, (str, int, float, bool)):
        return pa.array([value], kind).take(pa.array(np.zeros(count, np.int32)))
    return pa.array(value, kind)


class Parts:
    """The folder of parts of a run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, battery: int, entry: int, start: int) -> Path:
        """Of the part that begins at frame ``start`` of that entry; names sort in the table's order."""
        return self.folder / f"{battery:03d}-{entry:03d}-{start:010d}.parquet"

    def there(self, path: Path) -> bool:
        """Whether a part is there, with an end that can be read; if not, it is made again."""
        try:
            with open_outcomes(path):
                return True
        except PhysadvError:
            return False

    def write(self, path: Path, batches: Iterable[pa.RecordBatch]) -> None:
        """Writes a part, whole or not at all."""
        with atomic_path(path) as temporary, parquet_writer(temporary, SCHEMA) as writer:
            for batch in batches:
                writer.write_batch(batch)

    def merge(self, paths: Sequence[Path], target: Path, *, run: str) -> None:
        """Joins the parts into one table, a few thousand rows a row group.

        Raises:
            PhysadvError: a part is missing or damaged, or the system refuses to write.
        """
        schema = SCHEMA.with_metadata({VERSION_KEY: str(OUTCOMES_VERSION).encode(), RUN_KEY: run.encode()})
        with atomic_path(target) as temporary, parquet_writer(temporary, schema) as writer:
            for rows in _regroup(table for path in paths for table in read_batches(path)):
                writer.write_table(rows.replace_schema_metadata(schema.metadata), row_group_size=ROWS_PER_GROUP)

    def clear(self) -> None:
        """Removes the parts."""
        shutil.rmtree(self.folder, ignore_errors=True)


def _regroup(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    """Batches gathered until they make a row group."""
    waiting: list[pa.RecordBatch] = []
    for batch in batches:
        waiting.append(batch)
        if sum(len(part) for part in waiting) >= ROWS_PER_GROUP:
            yield _table(waiting)
            waiting = []
    if waiting:
        yield _table(waiting)


def _table(batches: list[pa.RecordBatch]) -> pa.Table:
    return pa.Table.from_batches([batch.cast(SCHEMA) for batch in batches], SCHEMA).unify_dictionaries()


def read_batches(
    path: Path, columns: Sequence[str] | None = None, *, groups: Sequence[int] | None = None
) -> Iterator[pa.RecordBatch]:
    """The rows of a table, or of some of its row groups, a bounded number at a time.

    Raises:
        PhysadvError: missing or damaged.
    """
    with open_outcomes(path) as file:
        wanted = {} if groups is None else {"row_groups": list(groups)}
        names = list(columns) if columns else None
        for batch in file.iter_batches(batch_size=ROWS_PER_GROUP, columns=names, **wanted):
            check_filled(path, batch, MAY_LACK)
            yield completed(batch, names or SCHEMA.names)


T = TypeVar("T", pa.RecordBatch, pa.Table)


def completed(rows: T, names: Sequence[str] = SCHEMA.names) -> T:
    """Rows with columns of these names, without values where an older table has no such column."""
    columns = {
        name: rows.column(name) if name in rows.schema.names else pa.nulls(len(rows), SCHEMA.field(name).type)
        for name in names
    }
    if "subject" in columns:
        columns["subject"] = _as_spelled_now(columns["subject"])
    made: T = type(rows).from_pydict(columns)
    return made


def _as_spelled_now(subjects: Any) -> Any:
    """Names of subjects; up to version 2 one of them was "grey"."""
    old = pc.equal(subjects, "grey")
    if not pc.any(old).as_py():
        return subjects
    return pc.if_else(old, "gray", subjects.cast(pa.string())).cast(_NAME)


def select(
    path: Path, columns: Sequence[str], *, groups: Sequence[int] | None = None, **keys: str
) -> Iterator[pa.RecordBatch]:
    """The rows whose name columns (``patch``, ``victim``, ``battery``, ``subject`` ...) are as ``keys`` say.

    ``groups`` are the row groups to look in, as :class:`Places` knows them.

    Raises:
        PhysadvError: the table is missing or damaged.
    """
    for batch in read_batches(path, list(dict.fromkeys([*columns, *keys])), groups=groups):
        wanted = functools.reduce(pc.and_, (pc.equal(batch.column(name), value) for name, value in keys.items()))
        found = batch.filter(wanted)
        if len(found):
            yield found.select(list(columns))


class Places:
    """In which row groups of a table the rows of each patch, victim and battery lie.

    One pass over three columns; with it, a record of hundreds is read without reading the rest of the table each time.

    Raises:
        PhysadvError: the table is missing or damaged.
    """

    _KEYS = ("patch", "victim", "battery")

    def __init__(self, path: Path) -> None:
        with open_outcomes(path) as file:
            sizes = [file.metadata.row_group(number).num_rows for number in range(file.num_row_groups)]
        self.starts = np.concatenate([[0], np.cumsum(sizes)]).tolist()[:-1]
        self._groups: dict[tuple[str, ...], list[int]] = {}
        for number in range(len(sizes)):
            found: set[tuple[str, ...]] = set()
            for batch in read_batches(path, self._KEYS, groups=[number]):
                codes = np.stack([batch.column(name).indices.to_numpy() for name in self._KEYS], axis=1)
                names = [batch.column(name).dictionary.to_pylist() for name in self._KEYS]
                found |= {
                    tuple(of[code] for of, code in zip(names, row, strict=True))
                    for row in np.unique(codes, axis=0).tolist()
                }
            for key in found:
                self._groups.setdefault(key, []).append(number)

    def groups(self, *, patch: str, victim: str, battery: str) -> list[int]:
        """The row groups that hold rows of this record, in order."""
        return self._groups.get((patch, victim, battery), [])


def check_version(path: Path) -> int:
    """Number of rows of an outcomes table of this version.

    Raises:
        PhysadvError: missing, damaged, not an outcomes table, or of another version.
    """
    with open_outcomes(path) as file:
        metadata, rows = file.schema_arrow.metadata or {}, file.metadata.num_rows
    version = metadata.get(VERSION_KEY)
    if version is None or version.decode(errors="replace") not in _ADDED:
        found = f"version {version.decode(errors='replace')}" if version else "no version"
        raise PhysadvError(
            f"{path}: {found} of the outcomes table; this physadv reads version {OUTCOMES_VERSION}: run the command "
            "that wrote it again, into another folder"
        )
    return int(rows)


def numpy_column(batch: pa.RecordBatch, name: str) -> npt.NDArray[Any]:
    """A column without nulls as an array; a nullable flag counts as false, a nullable number as NaN where null."""
    column = batch.column(name)
    if pa.types.is_boolean(column.type):
        column = column.fill_null(False)
    return cast("npt.NDArray[Any]", column.to_numpy(zero_copy_only=False))
