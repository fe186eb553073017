"""Pictures of signs from data sets in their official layouts: GTSRB, LISA, and any folder of class folders."""

from __future__ import annotations

import hashlib
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
from physadv.core.files import at_home, sha256
from physadv.core.folders import PICTURES, files_in, is_broken_link, is_dropping, subfolders
from physadv.core.images import read_image
from physadv.core.names import composed, match_names
from physadv.core.registry import Registry
from physadv.core.tables import Line, read_table
from physadv.signs import listing
from physadv.signs.catalog import class_names
from physadv.signs.listing import Box, Files, Tally

DATA_VARIABLE = "PHYSADV_DATA"

Crop: TypeAlias = Literal["frame", "roi"]


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
    window: Box | None = None
    """What of the file is the picture, as ``roi``, where the file shows a whole street; None: all of it."""


class SignDataset(Dataset[tuple[Tensor, int]]):
    """Pictures of signs: ``dataset[i]`` is ``([3, H, W] float in [0,1], sRGB-encoded, at native size; label)``.

    Attributes:
        kind: the data set's name (``gtsrb``, ``lisa``, ``image-folder``).
        split: which part of it.
        classes: class names in order of the labels.
        items: one a picture.
        notes: sentences on what was left out when it was read, and why.
    """

    def __init__(
        self, *, kind: str, split: str, classes: Sequence[str], items: Sequence[Item], notes: Sequence[str] = ()
    ) -> None:
        self.kind = kind
        self.split = split
        self.classes = tuple(classes)
        self.items = tuple(items)
        self.notes = tuple(notes)

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return from_uint8(self.read(index)), self.items[index].label

    @cached_property
    def labels(self) -> Tensor:
        """``[N]`` int64."""
        return torch.tensor([item.label for item in self.items], dtype=torch.int64)

    @cached_property
    def fingerprint(self) -> str:
        """Digest of the classes, and of every picture's name, label, boxes, track and bytes."""
        total = hashlib.sha256(repr(self.classes).encode())
        content: dict[Path, str] = {}
        for item in self.items:
            if item.path not in content:
                content[item.path] = sha256(item.path)
            windows = () if item.window is None else (item.window,)
            told = (item.path.name, item.label, item.roi, item.track, content[item.path], *windows)
            total.update(repr(told).encode("utf-8", "surrogateescape"))
        return total.hexdigest()

    def read(self, index: int, *, crop: Crop = "frame") -> npt.NDArray[np.uint8]:
        """A picture as ``[H, W, 3]`` uint8: the whole frame, or its region of interest where it has one.

        Raises:
            PhysadvError: the file cannot be read, or its region of interest lies outside it.
        """
        item = self.items[index]
        pixels = read_image(item.path)
        if item.window is not None:
            pixels = _cut(pixels, item.window, item.path)
        return pixels if crop == "frame" or item.roi is None else _cut(pixels, item.roi, item.path)

    def subset(self, indices: Sequence[int] | Tensor, *, note: str = "") -> SignDataset:
        """Some of the pictures, in that order; ``note`` says why only these."""
        chosen = [self.items[int(index)] for index in indices]
        return self._with(chosen, note=note)

    def _with(self, items: Sequence[Item], *, note: str = "") -> SignDataset:
        notes = (*self.notes, note) if note else self.notes
        return SignDataset(kind=self.kind, split=self.split, classes=self.classes, items=items, notes=notes)

    def select(self, classes: Sequence[str]) -> SignDataset:
        """The pictures whose class is one of ``classes`` (:mod:`physadv.core.names`), labeled in their order.

        Raises:
            PhysadvError: none of the classes is in the data set, or two of one side are spelt like one of the other.
        """
        known, label_of = self._among(classes)
        items = [replace(item, label=label_of[item.label]) for item in known.items]
        return SignDataset(kind=self.kind, split=self.split, classes=classes, items=items, notes=known.notes)

    def among(self, classes: Sequence[str]) -> SignDataset:
        """The pictures whose class is one of ``classes``, labeled as they are.

        Raises:
            PhysadvError: as :meth:`select`.
        """
        return self._among(classes)[0]

    def _among(self, classes: Sequence[str]) -> tuple[SignDataset, dict[int, int]]:
        """The pictures of these classes, and the places among ``classes`` by label."""
        label_of = match_names(self.classes, classes, of=f"data set {self.kind!r}", to="the victim")
        items = [item for item in self.items if item.label in label_of]
        if not items:
            raise PhysadvError(
                f"data set {self.kind!r} has pictures of none of the classes {', '.join(classes)}; "
                f"it knows {', '.join(self.classes)}"
            )
        note = ""
        if len(items) < len(self):
            others = [name for label, name in enumerate(self.classes) if label not in label_of]
            note = (
                f"{self.kind}, {self.split}: {len(self) - len(items):,} of {listing.counted(len(self), 'picture')} not "
                f"used, of classes that are not asked for: {listing.some(others)}"
            )
        return self._with(items, note=note), label_of

    def pixels(
        self, size: int, *, crop: Crop = "frame", indices: Sequence[int] | range | None = None
    ) -> npt.NDArray[np.uint8]:
        """Pictures squashed to a square, ``[N, size, size, 3]`` uint8.

        Areas are averaged when a picture shrinks, and interpolated linearly when it grows.

        Raises:
            PhysadvError: naming every picture that cannot be read.
        """
        chosen = range(len(self)) if indices is None else indices
        batch = np.empty((len(chosen), size, size, 3), np.uint8)
        for row, pixels in enumerate(self.each(chosen, crop=crop)):
            batch[row] = squash(pixels, size)
        return batch

    def check(self) -> None:
        """Reads every picture to its end, before long work that would find a damaged one in its middle.

        A header says nothing of what follows it. Small pictures take some 0.2 ms each, photographs some 10 ms.

        Raises:
            PhysadvError: naming every picture that cannot be read.
        """
        for _ in self.each():
            pass

    def each(
        self, indices: Sequence[int] | range | None = None, *, crop: Crop = "frame"
    ) -> Iterator[npt.NDArray[np.uint8]]:
        """Pictures one by one; after one that cannot be read the others are only looked through for more of its kind.

        Raises:
            PhysadvError: naming all of those, once the last is looked at.
        """
        damaged: dict[Path, str] = {}
        indices = range(len(self)) if indices is None else indices
        for index in indices:
            try:
                pixels = self.read(index, crop=crop)
            except PhysadvError as error:
                path = self.items[index].path
                damaged[path] = str(error).removeprefix(f"{path}: ")
            else:
                if not damaged:
                    yield pixels
        if damaged:
            raise listing.damaged_pictures(damaged, of=len(indices))

    def batches(self, size: int, *, batch_size: int = 256, crop: Crop = "frame") -> Iterator[tuple[Tensor, Tensor]]:
        """All pictures in order: ``[n, 3, size, size]`` float in [0,1], and their labels ``[n]``; read as needed."""
        for start in range(0, len(self), batch_size):
            block = range(start, min(start + batch_size, len(self)))
            yield from_uint8(self.pixels(size, crop=crop, indices=block)), self.labels[block.start : block.stop]


def _cut(pixels: npt.NDArray[np.uint8], box: Box, path: Path) -> npt.NDArray[np.uint8]:
    """The part of a picture in a box.

    Raises:
        PhysadvError: the box does not lie in it.
    """
    x1, y1, x2, y2 = box
    if not listing.lies_inside(box, (pixels.shape[1], pixels.shape[0])):
        raise PhysadvError(
            f"{path}: its region of interest {box} is not inside the picture ({pixels.shape[1]} x {pixels.shape[0]} px)"
        )
    return pixels[y1:y2, x1:x2]


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
    path = at_home(given)
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

    What is left out is told as a :class:`~physadv.core.errors.PhysadvWarning`, and kept in the data set's ``notes``.

    Raises:
        PhysadvError: unknown kind or split, the files are not where their layout says, or most of them cannot be used.
    """
    loader = DATASETS[kind]
    found = loader(data_root(root), split or ("test" if kind == "gtsrb" else "all"))
    listing.tell(found.notes)
    return found


def load_known(
    classes: Sequence[str], kind: str, root: str | Path | None = None, *, split: str | None = None
) -> SignDataset:
    """The pictures of a data set whose classes are among ``classes``, labeled in their order; the others are told.

    Raises:
        PhysadvError: as :func:`load_dataset` and :meth:`SignDataset.select`.
    """
    found = load_dataset(kind, root, split=split)
    known = found.select(classes)
    listing.tell(known.notes[len(found.notes) :])
    return known


GTSRB_COLUMNS = ("Filename", "Roi.X1", "Roi.Y1", "Roi.X2", "Roi.Y2", "ClassId")
GTSRB_SIZE = ("Width", "Height")


@DATASETS.register("gtsrb")
def load_gtsrb(root: Path, split: str) -> SignDataset:
    """German Traffic Sign Recognition Benchmark as torchvision lays it out, with boxes (``<root>/gtsrb``).

    Pictures come in torchvision's order. Rows whose picture is missing or of another size than they say, or whose box
    lies outside, are left out and told.
    """
    _check_split("gtsrb", split, ("train", "test"))
    base = root / "gtsrb"
    training, folder = base / "GTSRB" / "Training", base / "GTSRB" / "Final_Test" / "Images"
    if split == "train":
        parts = _training_parts(training) if training.is_dir() else []
        wanted, table = "GTSRB/Training/00000 ... 00042", training / "*" / "GT-*.csv"
    else:
        table = base / "GT-final_test.csv"
        parts = [(folder, table)] if folder.is_dir() and table.exists() else []
        wanted = "GTSRB/Final_Test/Images and GT-final_test.csv"
    if not parts:
        raise PhysadvError(
            f"{base}: GTSRB's {split} split is not there; expected {wanted} as torchvision.datasets.GTSRB does"
        )
    tally = Tally(str(table))
    notes: list[str] = []
    items: list[Item] = []
    for place, path in parts:
        read = read_table(path, GTSRB_COLUMNS, also=GTSRB_SIZE)
        files = Files(place)
        found = list(_gtsrb_items(tally.table(read), files, tally, place.name if split == "train" else ""))
        items += sorted(found, key=lambda item: item.path.name) if split == "train" else found
        notes += listing.unended(read)
        notes += listing.unlisted(path, files.unnamed())
    left_out = tally.notes()
    if not items:
        raise PhysadvError(f"{table}: has no rows")
    if split == "train":
        notes += _lacking(training, items)
    return SignDataset(
        kind="gtsrb",
        split=split,
        classes=class_names("gtsrb"),
        items=items,
        notes=[*left_out, *notes],
    )


def _training_parts(training: Path) -> list[tuple[Path, Path]]:
    """Folders of a class each, with their tables.

    Raises:
        PhysadvError: a folder has pictures and no table.
    """
    parts = []
    for folder in subfolders(training):
        names = sorted(path.name for path in folder.iterdir() if not is_dropping(path.name))
        tables = [name for name in names if name.lower().startswith("gt-") and name.lower().endswith(".csv")]
        if len(tables) > 1:
            raise PhysadvError(f"{folder}: has {len(tables)} tables, {', '.join(tables)}; it should have one")
        if tables:
            parts.append((folder, folder / tables[0]))
        elif any(map(listing.may_be_picture, files_in(folder))):
            raise PhysadvError(f"{folder}: has pictures and no table GT-{folder.name}.csv; is the download complete?")
    return parts


def _lacking(training: Path, items: Sequence[Item]) -> Iterator[str]:
    """Sentences on classes without a picture, and on pictures in no class folder."""
    names, found = class_names("gtsrb"), {item.label for item in items}
    lacking = [f"{label:05d} ({name})" for label, name in enumerate(names) if label not in found]
    if lacking:
        yield f"{training}: no picture of {len(lacking)} of its {len(names)} classes: {listing.some(lacking)}"
    yield from _loose(training)


def _gtsrb_items(lines: Sequence[Line], files: Files, tally: Tally, folder: str) -> Iterator[Item]:
    def find(name: str) -> Path | None:
        return files.find(name.rpartition("/")[2])

    for line, path in listing.pictures_of(lines, "Filename", find, tally):
        item = _gtsrb_item(line, path, tally, folder)
        if item is not None:
            yield item


def _gtsrb_item(line: Line, path: Path | None, tally: Tally, folder: str) -> Item | None:
    """The picture of a row; None, told to ``tally``, if it cannot be used."""
    try:
        x1, y1, x2, y2, label = (line.whole(name) for name in GTSRB_COLUMNS[1:])
        told = tuple(line.whole(name) for name in GTSRB_SIZE if line.text(name))
    except PhysadvError:
        tally.leave(listing.WRONG, line)
        return None
    box = (x1, y1, x2, y2)
    size = None if path is None else listing.picture_size(path)
    why = None
    if not 0 <= label < len(class_names("gtsrb")):
        why = listing.UNKNOWN
    elif folder.isdecimal() and int(folder) != label:
        why = listing.ELSEWHERE
    elif path is None:
        why = listing.MISSING
    elif size is None:
        why = listing.UNREADABLE
    elif len(told) == 2 and told != size:  # its box is of a picture of another size
        why = listing.RESIZED
    elif not listing.lies_inside(box, size):
        why = listing.OUTSIDE
    if path is None or why is not None:
        tally.leave(why or listing.MISSING, line)
        return None
    track = f"{label:05d}/{path.stem.split('_')[0]}" if folder else ""
    return Item(path=path, label=label, roi=box, track=track)


@DATASETS.register("lisa")
def load_lisa(root: Path, split: str) -> SignDataset:
    """LISA as class folders of crops, or as it is published: frames of streets with a table of boxes.

    ``<root>/lisa/crops/<label>/*.png``, to which ``lisa/index.csv`` adds the tracks; or
    ``<root>/lisa/allAnnotations.csv`` with the frames in folders beside it, as in the published archive, perhaps one
    folder deeper. The signs are cut out of the frames when they are read: :attr:`Item.window`.
    """
    _check_split("lisa", split, ("all",))
    base = root / "lisa"
    crops = base / "crops"
    if not crops.is_dir():
        tables = _annotations(base) if base.is_dir() else []
        if len(tables) > 1:
            raise PhysadvError(f"{base}: has {len(tables)} tables of LISA, {tables[0]} and {tables[1]}; keep one")
        if tables:
            return _lisa_frames(tables[0])
        raise PhysadvError(
            f"{crops}: LISA is not there; expected a folder of crops for every label, such as {crops / 'stop'}, or the "
            f"published table {base / 'allAnnotations.csv'} with its folders of frames"
        )
    index = base / "index.csv"
    tracks, notes = _lisa_tracks(index, crops) if os.path.lexists(index) else ({}, ())
    return _class_folders("lisa", crops, split="all", tracks=tracks, notes=notes)


LISA_BOX = (
    "Upper left corner X",
    "Upper left corner Y",
    "Lower right corner X",
    "Lower right corner Y",
)
LISA_COLUMNS = ("Filename", "Annotation tag", *LISA_BOX)


def _annotations(base: Path) -> list[Path]:
    """LISA's published tables in a folder and in the folders in it, in any letter case."""
    return [
        path
        for place in (base, *subfolders(base))
        for path in sorted(place.iterdir())
        if path.name.lower() == "allannotations.csv" and path.is_file()
    ]


def _lisa_frames(table: Path) -> SignDataset:
    """The signs that LISA's published table marks in its frames."""
    files, tally = Files(table.parent), Tally(str(table))
    read = read_table(table, LISA_COLUMNS, also=("Origin track",))

    def parts(name: str) -> list[str]:
        return [part for part in name.replace("\\", "/").split("/") if part not in ("", ".")]

    def found_without(start: int) -> int:
        return sum(files.find("/".join(parts(line.text("Filename"))[start:])) is not None for line in read.lines)

    # paths may begin elsewhere: all of them alike, or a missing picture would be another one of the same name
    deepest = max((len(parts(line.text("Filename"))) for line in read.lines), default=1)
    start = max(range(max(1, deepest)), key=lambda start: (found_without(start), -start))

    def find(name: str) -> Path | None:
        return files.find("/".join(parts(name)[start:]))

    rows = listing.pictures_of(tally.table(read), "Filename", find, tally, several_by=LISA_BOX)
    found = [(line, item) for line, path in rows if (item := _lisa_item(line, path, tally))]
    spelt = {_as_tag(name): name for name in (line.text("Annotation tag") for line, _ in reversed(found))}
    spelt |= {_as_tag(name): name for name in class_names("lisa")}
    tags = [spelt[_as_tag(line.text("Annotation tag"))] for line, _ in found]
    classes = sorted(set(tags))
    items = [replace(item, label=classes.index(tag)) for tag, (_, item) in zip(tags, found, strict=True)]
    if not items:
        raise PhysadvError(f"{table}: has no rows")
    items.sort(key=lambda item: (item.label, item.path, item.window or ()))
    notes = (*tally.notes(), *listing.unended(read), *listing.unlisted(table, files.unnamed()))
    return SignDataset(kind="lisa", split="all", classes=classes, items=items, notes=notes)


def _as_tag(name: str) -> str:
    """What a label is known by: not by its letter case, nor by how its letters are composed."""
    return composed(composed(name).casefold())


def _lisa_item(line: Line, path: Path | None, tally: Tally) -> Item | None:
    """The sign of a row, without its label; None, told to ``tally``, if it cannot be used."""
    try:
        x1, y1, x2, y2 = (line.whole(name) for name in LISA_BOX)
    except PhysadvError:
        tally.leave(listing.WRONG, line)
        return None
    size = None if path is None else listing.picture_size(path)
    if path is None or size is None:
        tally.leave(listing.MISSING if path is None else listing.UNREADABLE, line)
    elif not listing.lies_inside((x1, y1, x2, y2), size):
        tally.leave(listing.OUTSIDE, line)
    elif not line.text("Annotation tag"):
        tally.leave(listing.UNNAMED, line)
    else:
        return Item(path=path, label=0, track=line.text("Origin track"), window=(x1, y1, x2, y2))
    return None


def _lisa_tracks(index: Path, crops: Path) -> tuple[dict[Path, str], tuple[str, ...]]:
    """Tracks by picture, and what of the index cannot be used."""
    files, tally = Files(crops), Tally(str(index))
    tracks: dict[Path, str] = {}
    table = read_table(index, ("file",), also=("track", "label"))

    def find(name: str) -> Path | None:
        parts = [part for part in name.split("/") if part not in ("", ".")]
        below = max((number + 1 for number, part in enumerate(parts) if part.lower() == crops.name), default=0)
        return files.find("/".join(parts[below:]))

    for line, path in listing.pictures_of(tally.table(table), "file", find, tally):
        if path is None:
            tally.leave(listing.MISSING, line)
        elif line.text("label").casefold() not in ("", path.relative_to(crops).parts[0].casefold()):
            tally.leave(listing.ELSEWHERE, line)
        else:
            tracks[path] = line.text("track")
    used = [name for name in files.unnamed() if Path(name).suffix.lower() in PICTURES]
    unknown = listing.unlisted(index, used, so="used, without a track")
    return tracks, (*tally.notes(), *listing.unended(table), *unknown)


_SPLITS = frozenset({"train", "training", "val", "valid", "validation", "test", "testing"})
"""Names of folders that no class has."""


@DATASETS.register("image-folder")
def load_image_folder(root: Path, split: str) -> SignDataset:
    """Any folder with one subfolder of pictures a class; ``split`` names a folder in between, or is ``all``."""
    folder = root if split == "all" else root / split
    if not folder.is_dir():
        parts = [path.name for path in subfolders(root)]
        raise unknown_name("split", split, ["all", *parts], of=str(root))
    parts = [path.name for path in subfolders(folder)] if split == "all" else []
    if parts and all(name.casefold() in _SPLITS for name in parts):
        raise PhysadvError(f"{root}: its folders are splits, not classes; choose one with split: {', '.join(parts)}")
    return _class_folders("image-folder", folder, split=split, tracks={})


def _class_folders(
    kind: str, folder: Path, *, split: str, tracks: dict[Path, str], notes: Sequence[str] = ()
) -> SignDataset:
    classes = [path.name for path in subfolders(folder)]
    files = [files_in(folder / name) for name in classes]
    items = [
        Item(path=path, label=label, track=tracks.get(path, ""))
        for label, paths in enumerate(files)
        for path in paths
        if path.suffix.lower() in PICTURES
    ]
    if not items:
        raise PhysadvError(f"{folder}: no pictures; expected one subfolder a class, with PNG, JPEG or PPM files in it")
    items, again = _once(folder, items)
    found = {item.label for item in items}
    empty = [name for label, name in enumerate(classes) if label not in found]
    others = [path for paths in files for path in paths if path.suffix.lower() not in PICTURES]
    told = [*notes, *again, *_not_read(folder, others, empty), *_loose(folder)]
    return SignDataset(kind=kind, split=split, classes=classes, items=items, notes=told)


def _once(folder: Path, items: Sequence[Item]) -> tuple[list[Item], list[str]]:
    """Each file once, however many links lead to it, and a sentence on what was left out.

    Raises:
        PhysadvError: one file lies in two classes.
    """
    first: dict[tuple[int, int], Item] = {}
    again: list[str] = []
    for item in items:
        there = item.path.stat()
        known = first.setdefault((there.st_dev, there.st_ino), item)
        if known is item:
            continue
        names = [one.path.relative_to(folder).as_posix() for one in (known, item)]
        if known.label != item.label:
            raise PhysadvError(f"{folder}: {names[0]} and {names[1]} are one file in two classes; it can be of one")
        again.append(names[1])
    count = listing.counted(len(again), "link")
    told = [f"{folder}: {count} to pictures that are counted already, left out: {listing.some(again)}"]
    return list(first.values()), told if again else []


def _not_read(folder: Path, others: Sequence[Path], empty: Sequence[str]) -> Iterator[str]:
    """Sentences on files of other endings that may be pictures, on links to nothing, and on classes without any."""
    broken = [path.relative_to(folder).as_posix() for path in others if is_broken_link(path)]
    pictures = [path for path in others if not is_broken_link(path) and listing.may_be_picture(path)]
    other = [path.relative_to(folder).as_posix() for path in pictures]
    if other:
        count, read = listing.counted(len(other), "picture"), ", ".join(sorted(PICTURES))
        yield f"{folder}: {count} left out, for only files that end in {read} are read: {listing.some(other)}"
    if broken:
        yield f"{folder}: {listing.counted(len(broken), 'link')} to nothing left out: {listing.some(broken)}"
    if empty:
        yield f"{folder}: no picture in {listing.counted(len(empty), 'class folder')}: {listing.some(empty)}"


def _loose(folder: Path) -> Iterator[str]:
    """A sentence on pictures that lie in no class folder."""
    loose = [path.name for path in files_in(folder, deep=False) if listing.may_be_picture(path)]
    if loose:
        yield f"{folder}: {listing.counted(len(loose), 'picture')} left out, in no class folder: {listing.some(loose)}"


def _check_split(kind: str, split: str, known: Sequence[str]) -> None:
    if split not in known:
        raise unknown_name("split", split, known, of=f"data set {kind!r}")
