"""Loaders of GTSRB, LISA and image folders, on small made-up copies of their layouts and on the real ones."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from physadv.core.errors import PhysadvError
from physadv.signs import DATASETS, SignDataset, class_names, data_root, load_dataset, squash


def _picture(path: Path, color: tuple[int, int, int], size: tuple[int, int] = (20, 16)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, color).save(path)


def _table(path: Path, rows: list[str]) -> None:
    path.write_text("\n".join(["Filename;Width;Height;Roi.X1;Roi.Y1;Roi.X2;Roi.Y2;ClassId", *rows]) + "\n")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data folder with two training classes, two test pictures, LISA crops and an image folder."""
    training = tmp_path / "gtsrb" / "GTSRB" / "Training"
    for label in (3, 14):
        rows = []
        for frame in range(2):
            name = f"00007_{frame:05d}.ppm"
            _picture(training / f"{label:05d}" / name, (label, frame, 0))
            rows.append(f"{name};20;16;2;1;18;15;{label}")
        _table(training / f"{label:05d}" / f"GT-{label:05d}.csv", rows)
    for index in range(2):
        _picture(tmp_path / "gtsrb" / "GTSRB" / "Final_Test" / "Images" / f"{index:05d}.ppm", (9, 9, 9))
    _table(tmp_path / "gtsrb" / "GT-final_test.csv", ["00000.ppm;20;16;5;4;15;14;14", "00001.ppm;20;16;0;0;20;16;1"])
    for label in ("stop", "yield"):
        _picture(tmp_path / "lisa" / "crops" / label / f"{label}_a.png", (200, 0, 0))
    (tmp_path / "lisa" / "index.csv").write_text("file,label,track\ncrops/stop/stop_a.png,stop,drive7\n")
    _picture(tmp_path / "mine" / "train" / "cat" / "1.png", (1, 2, 3))
    _picture(tmp_path / "mine" / "train" / "dog" / "deeper" / "2.jpg", (1, 2, 3))
    return tmp_path


def test_gtsrb_training(folder: Path) -> None:
    data = load_dataset("gtsrb", folder, split="train")
    assert (data.kind, data.split, len(data)) == ("gtsrb", "train", 4)
    assert data.classes == class_names("gtsrb")
    assert data.labels.tolist() == [3, 3, 14, 14], "ids of the official list, though other folders are missing"
    image, label = data[2]
    assert image.shape == (3, 16, 20)
    assert image.dtype == torch.float32
    assert image[:, 0, 0].tolist() == pytest.approx([14 / 255, 0, 0])
    assert label == 14
    assert {item.track for item in data.items} == {"00003/00007", "00014/00007"}


def test_gtsrb_test_and_regions_of_interest(folder: Path) -> None:
    data = load_dataset("gtsrb", folder)
    assert data.split == "test"
    assert data.labels.tolist() == [14, 1]
    assert data.items[0].roi == (5, 4, 15, 14)
    assert data.read(0, crop="roi").shape == (10, 10, 3)
    assert data.read(0).shape == (16, 20, 3)
    assert data.pixels(12, crop="roi").shape == (2, 12, 12, 3)


def test_lisa_and_its_tracks(folder: Path) -> None:
    data = load_dataset("lisa", folder)
    assert data.classes == ("stop", "yield")
    assert [item.track for item in data.items] == ["drive7", ""]
    (folder / "lisa" / "index.csv").unlink()
    assert [item.track for item in load_dataset("lisa", folder).items] == ["", ""]


def test_image_folder(folder: Path) -> None:
    whole, part = (
        load_dataset("image-folder", folder / "mine" / "train"),
        load_dataset("image-folder", folder / "mine", split="train"),
    )
    assert whole.classes == part.classes == ("cat", "dog")
    assert part.labels.tolist() == [0, 1]


def test_batches_are_the_pictures_in_order(folder: Path) -> None:
    data = load_dataset("gtsrb", folder, split="train")
    batches = list(data.batches(8, batch_size=3))
    assert [tuple(images.shape) for images, _ in batches] == [(3, 3, 8, 8), (1, 3, 8, 8)]
    images, labels = (torch.cat(part) for part in zip(*batches, strict=True))
    assert torch.equal(labels, data.labels)
    assert (images[:, 0].amax(dim=(1, 2)) * 255).round().tolist() == [3, 3, 14, 14]
    loader = torch.utils.data.DataLoader(data, batch_size=4)
    assert next(iter(loader))[0].shape == (4, 3, 16, 20)


def test_squash_averages_when_it_shrinks() -> None:
    checks = np.indices((64, 64)).sum(axis=0) % 2 * 255
    small = squash(np.repeat(checks[..., None], 3, axis=2).astype(np.uint8), 16)
    assert small.shape == (16, 16, 3)
    assert abs(small.astype(int) - 127.5).max() <= 1
    assert squash(np.full((4, 9, 3), 77, np.uint8), 32).min() == 77


def test_select_relabels_in_a_victims_order(folder: Path) -> None:
    data = load_dataset("gtsrb", folder, split="train").select(["Stop", "unused", "speed limit 60"])
    assert data.classes == ("Stop", "unused", "speed limit 60")
    assert data.labels.tolist() == [2, 2, 0, 0]
    assert data.subset([3, 0]).labels.tolist() == [0, 2]
    with pytest.raises(PhysadvError, match="none of the classes"):
        data.select(["zebra"])


@pytest.mark.parametrize("kind", list(DATASETS))
def test_an_empty_folder_is_one_clear_sentence(kind: str, tmp_path: Path) -> None:
    with pytest.raises(PhysadvError, match="expected") as caught:
        load_dataset(kind, tmp_path)
    assert str(tmp_path) in str(caught.value)


@pytest.mark.parametrize("kind", list(DATASETS))
def test_an_unknown_split_is_one_clear_sentence(kind: str, folder: Path) -> None:
    with pytest.raises(PhysadvError, match=r"unknown split .*'tset'"):
        load_dataset(kind, folder, split="tset")


def test_folders_of_splits_are_no_classes(tmp_path: Path) -> None:
    for part in ("Train", "test"):
        (tmp_path / part / "stop").mkdir(parents=True)
        Image.new("RGB", (8, 8)).save(tmp_path / part / "stop" / "a.png")
    with pytest.raises(PhysadvError, match="are splits, not classes; choose one with split: Train, test"):
        load_dataset("image-folder", tmp_path, split="all")
    assert load_dataset("image-folder", tmp_path, split="Train").classes == ("stop",)


def test_the_data_folder_is_found(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PHYSADV_DATA", raising=False)
    with pytest.raises(PhysadvError, match="give one with --data, or set PHYSADV_DATA"):
        data_root()
    monkeypatch.setenv("PHYSADV_DATA", str(folder))
    assert data_root() == folder
    assert len(load_dataset("lisa")) == 2
    monkeypatch.setenv("PHYSADV_DATA", str(folder / "nowhere"))
    with pytest.raises(PhysadvError, match="nowhere: not a folder; PHYSADV_DATA should"):
        data_root()
    with pytest.raises(PhysadvError, match="unknown data set 'coco'"):
        load_dataset("coco", folder)


def test_broken_files_are_one_clear_sentence(folder: Path) -> None:
    training = folder / "gtsrb" / "GTSRB" / "Training" / "00014"
    (training / "00007_00001.ppm").write_bytes(b"P6 20 16 255\nshort")
    data = load_dataset("gtsrb", folder, split="train")
    with pytest.raises(PhysadvError, match=r"00007_00001\.ppm: not a readable picture"):
        data[3]
    shutil.rmtree(folder / "gtsrb" / "GTSRB" / "Final_Test")
    with pytest.raises(PhysadvError, match="GTSRB's test split is not there"):
        load_dataset("gtsrb", folder)


@pytest.mark.data
@pytest.mark.parametrize(
    ("kind", "split", "least"), [("gtsrb", "train", 10_000), ("gtsrb", "test", 6_000), ("lisa", "all", 5_000)]
)
def test_real_data(kind: str, split: str, least: int, data_folder: Path) -> None:
    data = load_dataset(kind, data_folder, split=split)
    assert isinstance(data, SignDataset)
    assert len(data) >= least
    assert len(data.labels.unique()) == len(data.classes) == {"gtsrb": 43, "lisa": 47}[kind]
    stops = data.select(["stop"])
    assert len(stops) > 100
    some = stops.subset(range(0, len(stops), max(1, len(stops) // 60)))
    images, labels = next(some.batches(32, crop="roi"))
    assert images.shape[1:] == (3, 32, 32)
    assert (labels == 0).all()
    if kind == "gtsrb":
        middle = images[:, :, 12:20, 3:29].mean(dim=(0, 2, 3))
        assert middle[0] > middle[1] * 1.05, "stop signs are reddish"
