"""What is read has to be a regular file: a pipe, a device or a folder in its place is refused at once."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from physadv.core.config import read_yaml
from physadv.core.errors import PhysadvError
from physadv.core.files import check_regular, read_bytes, read_json, sha256
from physadv.core.images import read_image, read_photograph, read_size
from physadv.core.tables import read_table
from physadv.patches.printability import load_palette
from physadv.printing.printer_profile import conversion
from physadv.signs import load_sign
from physadv.victims.parameters import read_parameters

READERS: dict[str, Callable[[Path], object]] = {
    "configuration": read_yaml,
    "record": read_json,
    "digest": sha256,
    "picture": read_image,
    "photograph": read_photograph,
    "picture's size": read_size,
    "table": lambda path: read_table(path, ("file",)),
    "palette": load_palette,
    "ICC profile": conversion,
    "sign": lambda path: load_sign(path),
    "weights": read_parameters,
}


@pytest.mark.parametrize("place", ["pipe", "folder", "device", "nothing"])
@pytest.mark.parametrize("kind", READERS)
def test_only_a_regular_file_is_read(tmp_path: Path, kind: str, place: str) -> None:
    path = tmp_path / "one"
    if place == "pipe":
        os.mkfifo(path)
    elif place == "folder":
        path.mkdir()
    elif place == "device":
        path = Path("/dev/zero")
    with pytest.raises(PhysadvError, match=re.escape(str(path))) as caught:
        READERS[kind](path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", READERS)
def test_what_git_lfs_leaves_in_a_files_place_is_told(tmp_path: Path, kind: str) -> None:
    path = tmp_path / ("one.yaml" if kind == "sign" else "one")
    path.write_text(f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 123456\n")
    with pytest.raises(PhysadvError, match=r"one(\.yaml)?: is a pointer of Git LFS.*git lfs pull"):
        READERS[kind](path)


def test_a_signs_artwork_may_be_no_pipe(tmp_path: Path) -> None:
    outline = "{shape: octagon, across_flats_mm: 600}"
    (tmp_path / "a.yaml").write_text(f"name: a\ntitle: t\noutline: {outline}\nsheeting: s\nsource: s\n")
    os.mkfifo(tmp_path / "a.svg")
    with pytest.raises(PhysadvError, match=r"a\.svg: cannot be read \(a pipe"):
        load_sign(tmp_path / "a.yaml")


def test_a_file_may_not_be_larger_than_its_kind_is(tmp_path: Path) -> None:
    with (tmp_path / "big").open("wb") as file:
        file.truncate(3_000_000)
    check_regular(tmp_path / "big", most_bytes=3_000_000)
    with pytest.raises(PhysadvError, match=r"3 MB; a sheet may have 2 MB"):
        read_bytes(tmp_path / "big", what="sheet", most_bytes=2_000_000)
