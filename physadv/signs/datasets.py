"""Pictures of signs from data sets in their official layouts: GTSRB, LISA, and any folder of class folders."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Literal, Protocol, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import Dataset

from physadv.core.color import from_uint8
from physadv.core.errors import PhysadvError, unknown_name
from physadv.core.images import read_image
from physadv.core.registry import Registry
from physadv.signs.catalog import class_names

DATA_VARIABLE = "PHYSADV_DATA"
PICTURES = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".ppm", ".webp"})

Crop: TypeAlias = Literal["frame", "roi"]
Box: TypeAlias = tuple[int, int, int, int]


@dataclass(frozen=True)
class Item:
    """One picture.

    Attributes:
        path: of its file.
        label: index into the data set's classes.
        roi: the sign's box ``(x1, y1, x2, y2)`` in pixels, the last two exclusive; None where not annotated.
        track: what pictures of one physical sign have in common; empty where not known.
    """

    path: Path
    label: int
    roi: Box | None = None
    track: str = ""


class SignDataset(Dataset[tuple[Tensor, int]]):
    """Pictures of signs: ``dataset[i]`` is ``([3, H, W] float in [0,1], sRGB-encoded, at native size; label)``.

    Attributes:
        kind: the data set's name (``gtsrb``, ``lisa``, ``image-folder``).
        split: which part of it.
        classes: class names in order of the labels.
        items: one a picture.
    """

    def __init__(self, *, kind: str, split: str, classes: Sequence[str], items: Sequence[Item]) -> None:
        self.kind = kind
        self.split = split
        self.classes = tuple(classes)
        self.items = tuple(items)

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return from_uint8(self.read(index)), self.items[index].label

    @cached_property
    def labels(self) -> Tensor:
        """``[N]`` int64."""
        return torch.tensor([item.label for item in self.items], dtype=torch.int64)

    def read(self, index: int, *, crop: Crop = "frame") -> npt.NDArray[np.uint8]:
        """A picture as ``[H, W, 3]`` uint8: the whole frame, or its region of interest where it has one.

        Raises:
            PhysadvError: the file cannot be read, or its region of interest lies outside it.
        """
        item = self.items[index]
        pixels = read_image(item.path)
        if crop == "frame" or item.roi is None:
            return pixels
        x1, y1, x2, y2 = item.roi
        if not (0 <= x1 < x2 <= pixels.shape[1] and 0 <= y1 < y2 <= pixels.shape[0]):
            raise PhysadvError(
                f"{item.path}: its region of interest {item.roi} is not inside the picture "
                f"({pixels.shape[1]} x {pixels.shape[0]} px)"
            )
        return pixels[y1:y2, x1:x2]

    def subset(self, indices: Sequence[int] | Tensor) -> SignDataset:
        """Some of the pictures, in that order."""
        chosen = [self.items[int(index)] for index in indices]
        return SignDataset(kind=self.kind, split=self.split, classes=self.classes, items=chosen)

    def select(self, classes: Sequence[str]) -> SignDataset:
        """The pictures whose class is one of ``classes`` (case and punctuation aside), labelled in their order.

        Raises:
            PhysadvError: none of the classes is in the data set.
        """
        wanted = {_plain(name): label for label, name in reversed(list(enumerate(classes)))}
        label_of = {label: wanted.get(_plain(name)) for label, name in enumerate(self.classes)}
        items = [replace(item, label=new) for item in self.items if (new := label_of[item.label]) is not None]
        if not items:
            raise PhysadvError(
                f"data set {self.kind!r} has pictures of none of the classes {', '.join(classes)}; "
                f"it knows {', '.join(self.classes)}"
            )
        return SignDataset(kind=self.kind, split=self.split, classes=classes, items=items)

    def pixels(
        self, size: int, *, crop: Crop = "frame", indices: Sequence[int] | range | None = None
    ) -> npt.NDArray[np.uint8]:
        """Pictures squashed to a square, ``[N, size, size, 3]`` uint8.

        Areas are averaged when a picture shrinks, and interpolated linearly when it grows.
        """
        chosen = range(len(self)) if indices is None else indices
        batch = np.empty((len(chosen), size, size, 3), np.uint8)
        for row, index in enumerate(chosen):
            batch[row] = squash(self.read(index, crop=crop), size)
        return batch

    def batches(self, size: int, *, batch_size: int = 256, crop: Crop = "frame") -> Iterator[tuple[Tensor, Tensor]]:
        """All pictures in order: ``[n, 3, size, size]`` float in [0,1], and their labels ``[n]``; read as needed."""
        for start in range(0, len(self), batch_size):
            block = range(start, min(start + batch_size, len(self)))
            yield from_uint8(self.pixels(size, crop=crop, indices=block)), self.labels[block.start : block.stop]


def squash(pixels: npt.NDArray[np.uint8], size: int) -> npt.NDArray[np.uint8]:
    """``[H, W, 3]`` to ``[size, size, 3]`` uint8, aspect not kept."""
    shrinks = min(pixels.shape[:2]) >= size
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(pixels, (size, size), interpolation=method), dtype=np.uint8)


class Loader(Protocol):
    """Reads one kind of data set from the data folder."""

    def __call__(self, root: Path, split: str) -> SignDataset: ...


DATASETS: Registry[Loader] = Registry("data set")


def data_root(root: str | Path | None = None) -> Path:
    """The folder of the data sets: the one given, or that of the environment variable ``PHYSADV_DATA``.

    Raises:
        PhysadvError: neither is given, or it is not a folder.
    """
    given = root if root is not None else os.environ.get(DATA_VARIABLE)
    if not given:
        raise PhysadvError(f"no folder of data sets: give one with --data, or set {DATA_VARIABLE}")
    path = Path(given).expanduser()
    if not path.is_dir():
        origin = "--data" if root is not None else DATA_VARIABLE
        raise PhysadvError(f"{path}: not a folder; {origin} should name the folder of the data sets")
    return path


def load_dataset(kind: str, root: str | Path | None = None, *, split: str | None = None) -> SignDataset:
    """A data set of pictures of signs.

    Args:
        kind: one of :data:`DATASETS`: ``gtsrb``, ``lisa``, ``image-folder``.
        root: the data folder; that of ``PHYSADV_DATA`` where None.
        split: ``train`` or ``test`` of GTSRB (``test`` where None), ``all`` of LISA, a subfolder of the last.

    Raises:
        PhysadvError: unknown kind or split, or the files are not where their layout says.
    """
    loader = DATASETS[kind]
    return loader(data_root(root), split or ("test" if kind == "gtsrb" else "all"))


@DATASETS.register("gtsrb")
def load_gtsrb(root: Path, split: str) -> SignDataset:
    """German Traffic Sign Recognition Benchmark, listed by torchvision, with regions of interest (``<root>/gtsrb``)."""
    _check_split("gtsrb", split, ("train", "test"))
    from torchvision.datasets import GTSRB

    base = root / "gtsrb"
    tables = (
        sorted((base / "GTSRB" / "Training").glob("*/GT-*.csv")) if split == "train" else [base / "GT-final_test.csv"]
    )
    try:
        samples = GTSRB(root=root, split=split)._samples  # torchvision lists the files nowhere else
    except (RuntimeError, FileNotFoundError) as error:
        wanted = (
            "GTSRB/Training/00000 ... 00042" if split == "train" else "GTSRB/Final_Test/Images and GT-final_test.csv"
        )
        raise PhysadvError(
            f"{base}: GTSRB's {split} split is not there; expected {wanted} as torchvision.datasets.GTSRB does"
        ) from error
    folder = base / "GTSRB" / "Final_Test" / "Images"
    notes = {
        (table.parent if split == "train" else folder) / row["Filename"]: row
        for table in tables
        for row in _rows(table)
    }
    items = [_gtsrb_item(Path(path), notes, training=split == "train") for path, _ in samples]
    return SignDataset(kind="gtsrb", split=split, classes=class_names("gtsrb"), items=items)


def _gtsrb_item(path: Path, notes: dict[Path, dict[str, str]], *, training: bool) -> Item:
    row = notes.get(path)
    if row is None:
        raise PhysadvError(f"{path}: not listed in the GT-*.csv beside it; is the GTSRB download complete?")
    try:
        x1, y1, x2, y2 = (int(row[f"Roi.{corner}"]) for corner in ("X1", "Y1", "X2", "Y2"))
        label = int(row["ClassId"])
    except (KeyError, ValueError, TypeError) as error:
        raise PhysadvError(f"{path}: its line in GT-*.csv lacks a whole number for ClassId or Roi.*") from error
    if not 0 <= label < len(class_names("gtsrb")):
        raise PhysadvError(f"{path}: ClassId {label} in GT-*.csv is not one of GTSRB's classes 0 to 42")
    track = f"{label:05d}/{path.stem.split('_')[0]}" if training else ""
    return Item(path=path, label=label, roi=(x1, y1, x2, y2), track=track)


@DATASETS.register("lisa")
def load_lisa(root: Path, split: str) -> SignDataset:
    """LISA as class folders of crops (``<root>/lisa/crops/<label>/*.png``); ``lisa/index.csv`` adds the tracks."""
    _check_split("lisa", split, ("all",))
    crops = root / "lisa" / "crops"
    if not crops.is_dir():
        raise PhysadvError(
            f"{crops}: LISA is not there; expected a folder of crops for every label, such as {crops / 'stop'}"
        )
    index = root / "lisa" / "index.csv"
    tracks = (
        {crops.parent / row.get("file", ""): row.get("track", "") for row in _rows(index)} if index.exists() else {}
    )
    return _class_folders("lisa", crops, split="all", tracks=tracks)


@DATASETS.register("image-folder")
def load_image_folder(root: Path, split: str) -> SignDataset:
    """Any folder with one subfolder of pictures a class; ``split`` names a folder in between, or is ``all``."""
    folder = root if split == "all" else root / split
    if not folder.is_dir():
        parts = sorted(path.name for path in root.iterdir() if path.is_dir())
        raise unknown_name("split", split, ["all", *parts], of=str(root))
    return _class_folders("image-folder", folder, split=split, tracks={})


def _class_folders(kind: str, folder: Path, *, split: str, tracks: dict[Path, str]) -> SignDataset:
    classes = sorted(path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    items = [
        Item(path=path, label=label, track=tracks.get(path, ""))
        for label, name in enumerate(classes)
        for path in sorted((folder / name).rglob("*"))
        if path.suffix.lower() in PICTURES
    ]
    if not items:
        raise PhysadvError(f"{folder}: no pictures; expected one subfolder a class, with PNG, JPEG or PPM files in it")
    return SignDataset(kind=kind, split=split, classes=classes, items=items)


def _rows(table: Path) -> list[dict[str, str]]:
    """Rows of a CSV file whose separator is a comma or (GTSRB) a semicolon."""
    try:
        text = table.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PhysadvError(f"{table}: cannot be read as CSV ({error})") from error
    lines = text.splitlines()
    delimiter = ";" if lines and ";" in lines[0] else ","
    return list(csv.DictReader(lines, delimiter=delimiter, skipinitialspace=True))


def _check_split(kind: str, split: str, known: Sequence[str]) -> None:
    if split not in known:
        raise unknown_name("split", split, known, of=f"data set {kind!r}")


def _plain(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalnum())
