"""Tables whose parts are checked when they are read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from physadv.core.errors import PhysadvError
from physadv.core.parquet import TableFile, open_parquet, read_parquet, write_parquet

WAYS: dict[str, Callable[[TableFile], object]] = {
    "batches": lambda file: list(file.iter_batches()),
    "whole": TableFile.read,
    "row group": lambda file: file.read_row_group(0),
    "row groups": lambda file: file.read_row_groups([0]),
}


def _read(path: Path, way: Callable[[TableFile], object]) -> object:
    with open_parquet(path) as file:
        return way(file)


@pytest.fixture
def names(tmp_path: Path) -> Path:
    """Three names by index: the indices are two bits each, so that 3 can be written, which is none of them."""
    path = tmp_path / "names.parquet"
    pq.write_table(pa.table({"name": pa.array(["a", "b", "c"]).dictionary_encode()}), path, compression="none")
    return path


@pytest.mark.parametrize("way", WAYS)
def test_an_index_beyond_its_dictionary_is_refused(names: Path, way: str) -> None:
    _read(names, WAYS[way])
    whole = names.read_bytes()
    assert whole.count(b"\x02\x03\x24") == 1  # the width, one group, and 0, 1, 2 in two bits each
    names.write_bytes(whole.replace(b"\x02\x03\x24", b"\x02\x03\x34"))
    with pytest.raises(PhysadvError, match=r"names\.parquet.*out of bounds: 3"):
        _read(names, WAYS[way])


@pytest.mark.parametrize("way", WAYS)
def test_text_that_is_no_utf8_is_refused(tmp_path: Path, way: str) -> None:
    path = tmp_path / "text.parquet"
    pq.write_table(pa.table({"text": pa.array([b"stop \xff"]).cast(pa.string(), safe=False)}), path)
    with pytest.raises(PhysadvError, match=r"text\.parquet.*UTF8"):
        _read(path, WAYS[way])


def test_what_was_written_is_read(tmp_path: Path) -> None:
    table = pa.table({"name": ["a", None, "ä"], "number": [1.0, 2.5, None]})
    write_parquet(tmp_path / "t.parquet", table)
    assert read_parquet(tmp_path / "t.parquet").equals(table)
