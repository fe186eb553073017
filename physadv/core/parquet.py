"""Parquet tables whose pages carry checksums, which are verified when they are read: a flipped bit is an error.

Their values are checked too: pyarrow itself hands on an index beyond its dictionary or text that is no UTF-8, and what
computes with it reads beyond its memory.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from physadv.core.errors import PhysadvError
from physadv.core.files import atomic_path, check_regular


def parquet_writer(path: Path, schema: pa.Schema) -> Any:
    """A writer of tables that are too large to be held at once; ``path`` is a temporary one."""
    return pq.ParquetWriter(path, schema, compression="zstd", write_page_checksum=True)


def write_parquet(path: Path, table: pa.Table) -> None:
    """Writes a table atomically."""
    with atomic_path(path) as temporary, parquet_writer(temporary, table.schema) as writer:
        writer.write_table(table)


class TableFile(pq.ParquetFile):  # type: ignore[misc]
    """A Parquet file, each part of which is checked value by value when it is read."""

    def iter_batches(self, *args: Any, **options: Any) -> Iterator[pa.RecordBatch]:
        """As in the base class."""
        for batch in super().iter_batches(*args, **options):
            batch.validate(full=True)
            yield batch

    def read(self, *args: Any, **options: Any) -> pa.Table:
        """As in the base class."""
        return _checked(super().read(*args, **options))

    def read_row_group(self, *args: Any, **options: Any) -> pa.Table:
        """As in the base class."""
        return _checked(super().read_row_group(*args, **options))

    def read_row_groups(self, *args: Any, **options: Any) -> pa.Table:
        """As in the base class."""
        return _checked(super().read_row_groups(*args, **options))


def _checked(table: pa.Table) -> pa.Table:
    table.validate(full=True)
    return table


@contextmanager
def open_parquet(path: Path, *, schema: pa.Schema | None = None, may_lack: Collection[str] = ()) -> Iterator[TableFile]:
    """A table, to be read in parts.

    Args:
        path: of the file.
        schema: that it should have; None: any.
        may_lack: columns of the schema that an older table does not have.

    Raises:
        PhysadvError: it is missing or damaged, as far as it is read, or has other columns.
    """
    check_regular(path, what="table")
    try:
        with TableFile(path, pre_buffer=False, page_checksum_verification=True) as file:
            if schema is not None:
                found = file.schema_arrow
                old = {name for name in may_lack if name not in found.names}
                _check_columns(path, found, pa.schema([field for field in schema if field.name not in old]))
            yield file
    except (pa.ArrowException, OSError, ValueError) as error:
        raise PhysadvError(
            f"{path}: not a readable Parquet table ({error}); remove it, and the same command makes it again"
        ) from error


def _check_columns(path: Path, found: pa.Schema, wanted: pa.Schema) -> None:
    if found.equals(wanted):
        return
    missing = [name for name in wanted.names if name not in found.names]
    excess = [name for name in found.names if name not in wanted.names or found.names.count(name) > 1]
    other = [name for name in wanted.names if name in found.names and name not in excess]
    other = [name for name in other if found.field(name) != wanted.field(name)]
    faults = [
        f"{word} {', '.join(dict.fromkeys(names[:5]))}"
        for word, names in (("lacks", missing), ("has in excess", excess), ("has of another type", other))
        if names
    ]
    raise PhysadvError(
        f"{path}: its columns are others than physadv wrote: it {'; '.join(faults) or 'has another order'}"
    )


def check_filled(path: Path, batch: pa.RecordBatch, may_lack: Collection[str]) -> None:
    """Refuses rows without a value where there should be one.

    Args:
        path: for messages.
        batch: of rows.
        may_lack: columns whose values may be missing.

    Raises:
        PhysadvError: naming the first such column.
    """
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        if column.null_count and name not in may_lack:
            raise PhysadvError(f"{path}: {column.null_count} of its rows have no value in column {name}")


def read_parquet(path: Path) -> pa.Table:
    """A whole table.

    Raises:
        PhysadvError: it is missing or damaged.
    """
    with open_parquet(path) as file:
        return file.read()
