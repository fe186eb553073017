"""Parquet tables whose pages carry checksums, which are verified when they are read: a flipped bit is an error."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from physadv.core.errors import PhysadvError
from physadv.core.files import atomic_path


def parquet_writer(path: Path, schema: pa.Schema) -> Any:
    """A writer of tables that are too large to be held at once; ``path`` is a temporary one."""
    return pq.ParquetWriter(path, schema, compression="zstd", write_page_checksum=True)


def write_parquet(path: Path, table: pa.Table) -> None:
    """Writes a table atomically."""
    with atomic_path(path) as temporary, parquet_writer(temporary, table.schema) as writer:
        writer.write_table(table)


@contextmanager
def open_parquet(path: Path) -> Iterator[pq.ParquetFile]:
    """A table, to be read in parts.

    Raises:
        PhysadvError: it is missing or damaged, as far as it is read.
    """
    try:
        with pq.ParquetFile(path, pre_buffer=False, page_checksum_verification=True) as file:
            yield file
    except FileNotFoundError as error:
        raise PhysadvError(f"{path}: no such table") from error
    except (pa.ArrowException, OSError, ValueError) as error:
        raise PhysadvError(
            f"{path}: not a readable Parquet table ({error}); remove it, and the same command makes it again"
        ) from error


def read_parquet(path: Path) -> pa.Table:
    """A whole table.

    Raises:
        PhysadvError: it is missing or damaged.
    """
    with open_parquet(path) as file:
        return file.read()
