"""Pictures that lie in a data set's folders and are not read: each is told, or the data set is refused."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from physadv.core.errors import PhysadvError, PhysadvWarning
from physadv.signs import class_names, load_dataset

HEADER = "Filename;Width;Height;Roi.X1;Roi.Y1;Roi.X2;Roi.Y2;ClassId\n"


def picture(path: Path, kind: str = "PNG", **options: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (20, 16), (200, 20, 20)).save(path, format=kind, **options)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An image folder of two classes, with notes and droppings beside its pictures."""
    for name in ("stop/0.png", "stop/deep/1.jpg", "yield/2.PPM"):
        picture(tmp_path / "set" / name)
    for name in ("stop/0.png.txt", "stop/0.jpg.json", "stop/labels.csv", "stop/weights", "yield/Thumbs.db", "notes"):
        (tmp_path / "set" / name).write_text("of the pictures\n")
    picture(tmp_path / "set" / "stop" / ".ipynb_checkpoints" / "0-checkpoint.png")
    return tmp_path / "set"


def notes_of(folder: Path, kind: str = "image-folder", split: str = "all") -> tuple[str, ...]:
    with pytest.warns(PhysadvWarning):
        return load_dataset(kind, folder, split=split).notes


@pytest.mark.filterwarnings("error")
def test_texts_and_droppings_are_no_loss(folder: Path) -> None:
    data = load_dataset("image-folder", folder)
    assert data.notes == ()
    assert [item.path.name for item in data.items] == ["0.png", "1.jpg", "2.PPM"]


def animated(path: Path) -> None:
    frames = [Image.new("RGB", (8, 8), color) for color in ("red", "blue")]
    frames[0].save(path, format="GIF", save_all=True, append_images=frames[1:])


LEFT: dict[str, Callable[[Path], object]] = {
    "0.png.1": picture,
    "b.png.bak": picture,
    "cut.png.part": lambda path: path.write_bytes(b"\x89PN"),
    "a.jpg_large": lambda path: picture(path, "JPEG"),
    "a.jpg (2)": lambda path: picture(path, "JPEG"),
    "a.jpeg~": lambda path: picture(path, "JPEG"),
    "none": picture,
    "none2": lambda path: picture(path, "PPM"),
    "moving": animated,
    "avif": lambda path: path.write_bytes(b"\0\0\0\x18ftypavif" + bytes(40)),
    "damaged": lambda path: path.write_bytes(b"\xff\xd8\xff\xe0 no more"),
    "hashed.d41d8cd9": picture,
    "drawn.svg": lambda path: path.write_text("<svg/>"),
    "raw.CR2": lambda path: path.write_bytes(b"II*\0"),
}


@pytest.mark.parametrize("name", LEFT)
def test_a_picture_of_another_ending_is_told(folder: Path, name: str) -> None:
    LEFT[name](folder / "stop" / name)
    (note,) = notes_of(folder)
    assert note.startswith(f"{folder}: 1 picture left out, for only files that end in .bmp, ")
    assert note.endswith(f": stop/{name}")
    (folder / "stop" / name).rename(folder / name)
    assert notes_of(folder) == (f"{folder}: 1 picture left out, in no class folder: {name}",)


def test_folders_without_a_picture_and_links_to_nothing_are_told(folder: Path) -> None:
    (folder / "zebra" / "deep").mkdir(parents=True)
    (folder / "yield" / "more").symlink_to(folder / "gone")
    with pytest.warns(PhysadvWarning):
        data = load_dataset("image-folder", folder)
    assert data.notes == (
        f"{folder}: 1 link to nothing left out: yield/more",
        f"{folder}: no picture in 1 class folder: zebra",
    )
    assert data.classes == ("stop", "yield", "zebra")


def test_pictures_behind_links_are_read_in_their_order(folder: Path, tmp_path: Path) -> None:
    picture(tmp_path / "elsewhere" / "9.png")
    (folder / "stop" / "also").symlink_to(tmp_path / "elsewhere")
    data = load_dataset("image-folder", folder)
    assert [item.path.relative_to(folder).as_posix() for item in data.items] == [
        "stop/0.png",
        "stop/also/9.png",
        "stop/deep/1.jpg",
        "yield/2.PPM",
    ]
    assert data.labels.tolist() == [0, 0, 0, 1]


def test_the_order_is_that_of_the_paths(tmp_path: Path) -> None:
    """A folder comes before or after a picture by its name, as it always did: digests of data sets stand on it."""
    for name in ("b.png", "b/z.png", "B.png", "a/2.png", "a/10.png", "a.png", "c/d/e.png"):
        picture(tmp_path / "stop" / name)
    seen = [item.path for item in load_dataset("image-folder", tmp_path).items]
    assert seen == sorted(path for path in tmp_path.rglob("*.png") if path.is_file())


@pytest.fixture
def gtsrb(tmp_path: Path) -> Path:
    """GTSRB's training folder with a picture of each class."""
    for label in range(len(class_names("gtsrb"))):
        place = tmp_path / "gtsrb" / "GTSRB" / "Training" / f"{label:05d}"
        picture(place / "00000_00000.ppm", "PPM")
        (place / f"GT-{label:05d}.csv").write_text(f"{HEADER}00000_00000.ppm;20;16;2;1;18;15;{label}\n")
    return tmp_path / "gtsrb" / "GTSRB" / "Training"


@pytest.mark.filterwarnings("error")
def test_the_whole_of_gtsrb_has_no_notes(gtsrb: Path) -> None:
    assert load_dataset("gtsrb", gtsrb.parents[2], split="train").notes == ()


@pytest.mark.parametrize(
    "name", ["a.png", "00000_00001.PPM", "deeper/b.ppm", "00000_00000.ppm.1", "c.jpg_large", "d.webp"]
)
def test_a_picture_without_a_row_is_told(gtsrb: Path, name: str) -> None:
    picture(gtsrb / "00007" / name)
    (note,) = notes_of(gtsrb.parents[2], "gtsrb", "train")
    assert note == f"{gtsrb / '00007' / 'GT-00007.csv'}: has no row for 1 picture beside it (not used): {name}"


@pytest.mark.parametrize("name", ["a.png", "deeper/b.ppm", "c.jpg_large"])
def test_pictures_without_a_table_are_refused(gtsrb: Path, name: str) -> None:
    picture(gtsrb / "extra" / name)
    with pytest.raises(PhysadvError, match=r"extra: has pictures and no table GT-extra\.csv"):
        load_dataset("gtsrb", gtsrb.parents[2], split="train")


def test_a_class_that_lacks_is_told(gtsrb: Path) -> None:
    for entry in (gtsrb / "00014").iterdir():
        entry.unlink()
    note = f"{gtsrb}: no picture of 1 of its 43 classes: 00014 (stop)"
    assert notes_of(gtsrb.parents[2], "gtsrb", "train") == (note,)
    (gtsrb / "00014").rmdir()
    assert notes_of(gtsrb.parents[2], "gtsrb", "train") == (note,)
    picture(gtsrb / "lost.png")
    assert notes_of(gtsrb.parents[2], "gtsrb", "train") == (
        note,
        f"{gtsrb}: 1 picture left out, in no class folder: lost.png",
    )


def test_a_class_folder_that_is_a_link_to_nothing_is_refused(gtsrb: Path) -> None:
    os.rename(gtsrb / "00014", gtsrb.parent / "moved")
    (gtsrb / "00014").symlink_to(gtsrb.parent / "gone")
    with pytest.raises(PhysadvError, match="00014: is a link to nothing"):
        load_dataset("gtsrb", gtsrb.parents[2], split="train")
    (gtsrb / "00014").unlink()
    (gtsrb / "00014").symlink_to(gtsrb.parent / "moved")
    assert len(load_dataset("gtsrb", gtsrb.parents[2], split="train")) == 43


def test_lisas_frames_behind_a_link_are_found(tmp_path: Path) -> None:
    picture(tmp_path / "frames" / "one.png")
    picture(tmp_path / "frames" / "two.png.bak")
    (tmp_path / "lisa").mkdir()
    (tmp_path / "lisa" / "vid0").symlink_to(tmp_path / "frames")
    (tmp_path / "lisa" / "allAnnotations.csv").write_text(
        "Filename;Annotation tag;Upper left corner X;Upper left corner Y;Lower right corner X;Lower right corner Y\n"
        "vid0/one.png;stop;2;3;10;12\n"
    )
    with pytest.warns(PhysadvWarning):
        data = load_dataset("lisa", tmp_path)
    assert len(data) == 1
    (note,) = data.notes
    assert note.endswith("has no row for 1 picture beside it (not used): vid0/two.png.bak")


def test_a_file_counts_once_and_in_one_class(tmp_path: Path) -> None:
    for name in ("stop", "yield"):
        (tmp_path / name).mkdir()
        Image.new("RGB", (8, 8), (len(name), 0, 0)).save(tmp_path / name / "0.png")
    (tmp_path / "stop" / "1.png").symlink_to("0.png")
    data = load_dataset("image-folder", tmp_path, split="all")
    assert [item.path.name for item in data.items] == ["0.png", "0.png"]
    assert any("1 link to pictures that are counted already, left out: stop/1.png" in note for note in data.notes)
    (tmp_path / "yield" / "2.png").hardlink_to(tmp_path / "stop" / "0.png")
    with pytest.raises(PhysadvError, match=r"stop/0\.png and yield/2\.png are one file in two classes"):
        load_dataset("image-folder", tmp_path, split="all")
