"""Which files of a folder are pictures: what operating systems and tools leave there is neither picture nor class."""

from __future__ import annotations

import os
import shutil
import struct
import zlib
from pathlib import Path

import pytest
from PIL import Image

from physadv.core.errors import PhysadvError
from physadv.core.folders import PICTURES, files_in, is_dropping, picture_files, subfolders
from physadv.core.images import read_image, read_size
from physadv.photos.ingest import ingest
from physadv.photos.photo_files import Photo, Refusal, list_files, read_file
from physadv.scenes.photographs.study import pictures_in
from physadv.scenes.roadside.backdrop import backdrop_paths
from physadv.signs import load_dataset

DROPPINGS = (
    *("._a.png", ".DS_Store", ".hidden.jpg", "Thumbs.db", "THUMBS.DB", "desktop.ini", "Icon\r"),
    *("__MACOSX/stop/._1.png", "__MACOSX/1.png", ".ipynb_checkpoints/a-checkpoint.png", "@eaDir/a.png/SYNO_THUMB.jpg"),
    *(".git/x.png", "$RECYCLE.BIN/old.png", "__pycache__/a.png"),
)


def litter(folder: Path) -> None:
    """Droppings, and folders of them, as they lie about."""
    for name in DROPPINGS:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"\0\5\x16\7 not a picture")


def picture(path: Path, size: tuple[int, int] = (40, 36)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (9, 80, 200)).save(path, format="PNG")
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two pictures, in letters of either case, among droppings."""
    picture(tmp_path / "set" / "a.png")
    picture(tmp_path / "set" / "B.JPG")
    litter(tmp_path / "set")
    return tmp_path / "set"


@pytest.mark.parametrize("name", DROPPINGS)
def test_each_of_them_is_known(name: str) -> None:
    assert any(is_dropping(part) for part in Path(name).parts)


@pytest.mark.parametrize("name", ["stop", "a.png", "80", "_a.png", "macosx", "no-entry.PNG", "thumbs.png", "ü.tif"])
def test_what_a_user_names_is_none(name: str) -> None:
    assert not is_dropping(name)


@pytest.mark.parametrize("lister", [pictures_in, backdrop_paths, list_files, picture_files])
def test_every_reader_of_folders_sees_the_same_pictures(folder: Path, lister: object) -> None:
    assert callable(lister)
    assert sorted(path.name for path in lister(folder)) == ["B.JPG", "a.png"]


@pytest.mark.parametrize("suffix", sorted(PICTURES))
@pytest.mark.parametrize("lister", [pictures_in, backdrop_paths, list_files])
def test_every_kind_of_picture_is_listed_everywhere(tmp_path: Path, lister: object, suffix: str) -> None:
    assert callable(lister)
    for name in (f"a{suffix}", f"b{suffix.upper()}"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / f"folder{suffix}").mkdir()
    assert [path.name for path in lister(tmp_path)] == [f"a{suffix}", f"b{suffix.upper()}"]


def test_class_folders_have_no_droppings(tmp_path: Path) -> None:
    for name in ("stop", "yield"):
        picture(tmp_path / name / "deep" / "1.png")
        litter(tmp_path / name)
    litter(tmp_path)
    data = load_dataset("image-folder", tmp_path)
    assert data.classes == ("stop", "yield")
    assert [item.path.relative_to(tmp_path).as_posix() for item in data.items] == [
        "stop/deep/1.png",
        "yield/deep/1.png",
    ]
    assert data.notes == ()
    assert [path.name for path in subfolders(tmp_path)] == ["stop", "yield"]
    with pytest.raises(PhysadvError, match="known: all, stop, yield"):
        load_dataset("image-folder", tmp_path, split="train")


@pytest.mark.parametrize("split", ["train", "test"])
def test_gtsrb_has_no_droppings(tmp_path: Path, split: str) -> None:
    training, test = tmp_path / "gtsrb/GTSRB/Training", tmp_path / "gtsrb/GTSRB/Final_Test/Images"
    head, row = "Filename;Width;Height;Roi.X1;Roi.Y1;Roi.X2;Roi.Y2;ClassId\n", "00000.ppm;40;36;5;5;20;20;14\n"
    for place, table in ((training / "00014", "GT-00014.csv"), (test, "../../../GT-final_test.csv")):
        Image.new("RGB", (40, 36)).save(picture(place / "00000.ppm"))
        (place / table).write_text(head + row)
        litter(place)
        (place / "._00000.ppm").write_bytes(b"\0\5\x16\7")
        (place / "._GT-00014.csv").write_bytes(b"\0\5\x16\7")
    litter(training)
    (training / "__MACOSX" / "._00000.ppm").write_bytes(b"\0")
    data = load_dataset("gtsrb", tmp_path, split=split)
    assert [item.path.name for item in data.items] == ["00000.ppm"]
    assert [note for note in data.notes if "no picture of 42 of its 43 classes" not in note] == []


def test_lisa_has_no_droppings(tmp_path: Path) -> None:
    crops = tmp_path / "lisa" / "crops"
    picture(crops / "stop" / "1.png")
    (tmp_path / "lisa" / "index.csv").write_text("file,track\ncrops/stop/1.png,drive7\n")
    litter(crops)
    litter(crops / "stop")
    data = load_dataset("lisa", tmp_path)
    assert (data.classes, len(data), data.items[0].track, data.notes) == (("stop",), 1, "drive7", ())


def test_the_zip_of_a_mac_is_a_clean_session(folder: Path) -> None:
    """A folder as macOS packs it and Linux unpacks it, with the pipe of somebody's script in it."""
    os.mkfifo(folder / "pipe.jpg")
    (folder / "raw.DNG").write_bytes(b"II*\0")
    found = {path.name: next(iter(read_file(path, folder))) for path in list_files(folder)}
    assert {name for name, one in found.items() if isinstance(one, Photo)} == {"a.png", "B.JPG"}
    refused = {name: one.why for name, one in found.items() if isinstance(one, Refusal)}
    assert "a pipe" in refused["pipe.jpg"]
    assert "not read; save it as" in refused["raw.DNG"]


def test_a_folder_that_cannot_be_listed_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(PhysadvError, match="none: cannot be listed"):
        picture_files(tmp_path / "none")
    with pytest.raises(PhysadvError, match="none: cannot be listed"):
        subfolders(tmp_path / "none")


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP", "HEIF"])
def test_the_size_is_that_of_the_pixels(tmp_path: Path, kind: str, orientation: int) -> None:
    if kind == "HEIF":
        pytest.importorskip("pillow_heif").register_heif_opener()
    exif = Image.Exif()
    exif[274] = orientation
    Image.new("RGB", (64, 32)).save(tmp_path / "a", format=kind, exif=exif)
    shape = read_image(tmp_path / "a").shape
    assert read_size(tmp_path / "a") == (shape[1], shape[0])


def test_links_to_class_folders_are_followed(tmp_path: Path) -> None:
    picture(tmp_path / "elsewhere" / "1.png")
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "stop").symlink_to(tmp_path / "elsewhere")
    data = load_dataset("image-folder", tmp_path / "set")
    assert (data.classes, len(data)) == (("stop",), 1)
    shutil.rmtree(tmp_path / "elsewhere")
    with pytest.raises(PhysadvError, match=r"set/stop: is a link to nothing \(.*elsewhere\); mend or remove it"):
        load_dataset("image-folder", tmp_path / "set")


def test_links_within_a_folder_are_followed_but_never_in_a_circle(tmp_path: Path) -> None:
    picture(tmp_path / "elsewhere" / "deeper" / "1.png")
    picture(tmp_path / "set" / "stop" / "0.png")
    (tmp_path / "set" / "stop" / "more").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "set" / "stop" / "again").symlink_to(tmp_path / "elsewhere" / "deeper")
    assert [path.relative_to(tmp_path / "set").as_posix() for path in files_in(tmp_path / "set")] == [
        "stop/0.png",
        "stop/again/1.png",
        "stop/more/deeper/1.png",
    ]
    (tmp_path / "elsewhere" / "deeper" / "back").symlink_to(tmp_path / "set")
    with pytest.raises(PhysadvError, match="/back: is a link to a folder that it lies in; remove it"):
        files_in(tmp_path / "set")
    with pytest.raises(PhysadvError, match="is a link to a folder that it lies in"):
        load_dataset("image-folder", tmp_path / "set")


def test_a_link_to_itself_is_a_link_to_nothing(tmp_path: Path) -> None:
    (tmp_path / "stop").symlink_to(tmp_path / "stop")
    with pytest.raises(PhysadvError, match="stop: is a link to nothing"):
        subfolders(tmp_path)


def test_one_odd_picture_does_not_end_an_ingest(tmp_path: Path) -> None:
    """Pictures that are hundreds of times as long as wide, broken, a pipe: each is one line, and the rest is read."""
    folder = tmp_path / "photos"
    for name, size in (("tall.png", (32, 29_000)), ("wide.png", (29_000, 32)), ("plain.png", (90, 90))):
        picture(folder / name, size)
    head = b"IHDR" + struct.pack(">2I5B", 120_000_000, 1, 8, 2, 0, 0, 0)
    chunks = struct.pack(">I", 13) + head + struct.pack(">I", zlib.crc32(head)) + struct.pack(">I", 99) + b"IDAT"
    (folder / "header.png").write_bytes(b"\x89PNG\r\n\x1a\n" + chunks)
    os.mkfifo(folder / "pipe.jpg")
    outcome = ingest(folder, tmp_path / "out")
    assert {name for name, _ in outcome.given_up} == {"tall.png", "wide.png", "plain.png", "header.png", "pipe.jpg"}
    assert "each side should have 1 to 30,000" in dict(outcome.given_up)["header.png"]
