"""Pictures of a run, rendered again from the conditions in the table: best and worst frames, and the patches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import torch
from PIL import Image
from torch import Tensor

from physadv.core.color import linear_to_srgb, to_uint8
from physadv.core.files import atomic_path
from physadv.evaluation.batteries.compared_frames import ComparedFrames
from physadv.evaluation.batteries.summary import SUBJECTS, Picture, Record, Subject, ranked
from physadv.evaluation.outcomes import Places, read_batches
from physadv.scenes import COLUMNS, Conditions, PaintedSign, Scene

FOLDER = "pictures"
FRAME_PX = 192
"""Shorter side of a frame for people."""
SIGN_PX = 320
MOST_FRAMES = 144
"""Frames of a run that are drawn, and that its report shows."""
PICTURES, FEWER_PICTURES = 6, 3
"""Of the most and of the least fooled frames, each: of a record of a small run, and of a large one."""


def frames_a_side(records: Sequence[Record]) -> list[int]:
    """How many of the most, and of the least, fooled frames of each record are drawn.

    Where all records would make more than :data:`MOST_FRAMES`, the strongest record of each patch comes first, then
    that of each victim, then the others by their success
    (:func:`~physadv.evaluation.batteries.summary.ranked`); what is beyond the limit has no pictures.
    """
    if 2 * PICTURES * len(records) <= MOST_FRAMES:
        return [PICTURES] * len(records)
    places = {id(record): number for number, record in enumerate(records)}
    order = [places[id(record)] for record in ranked(records)]
    firsts: list[int] = []
    for kind in ("patch", "victim"):
        strongest: dict[str, int] = {}
        for number in order:
            strongest.setdefault(getattr(records[number], kind), number)
        firsts += strongest.values()
    chosen = list(dict.fromkeys([*firsts, *order]))[: MOST_FRAMES // (2 * FEWER_PICTURES)]
    return [FEWER_PICTURES if number in chosen else 0 for number in range(len(records))]


@dataclass(frozen=True)
class FramePictures:
    """Where the pictures of one record come from and go to.

    Attributes:
        table: the outcomes.
        places: of the rows in the table.
        out: the run's folder.
        stem: of the files' names, unique for the record.
        painted: the painted sign.
        scenes: of the battery's entries.
        size: the victim's input size.
        keys: patch, victim, battery.
    """

    table: Path
    places: Places
    out: Path
    stem: str
    painted: PaintedSign
    scenes: Sequence[Scene]
    size: tuple[int, int]
    keys: tuple[str, str, str]

    def pictures(
        self, frames: ComparedFrames, most: Sequence[int], least: Sequence[int]
    ) -> tuple[tuple[Picture, ...], tuple[Picture, ...]]:
        """Writes and describes these rows of ``frames``, the most and the least fooled, in that order."""
        names = [f"{self.stem}-most-{rank}" for rank in range(1, len(most) + 1)]
        names += [f"{self.stem}-least-{rank}" for rank in range(1, len(least) + 1)]
        rows = [*most, *least]
        found = self._find(frames, rows)
        scale = max(1.0, FRAME_PX / min(self.size))
        large = (round(self.size[0] * scale), round(self.size[1] * scale))
        for suffix, size in (("", large), ("-seen", self.size)):
            for name, image in zip(names, self._render(frames, rows, found, size), strict=True):
                write_picture(self.out / FOLDER / f"{name}{suffix}.png", image)
        described = tuple(
            _described(frames, row, number, name) for row, number, name in zip(rows, found.rows, names, strict=True)
        )
        return _ranked(described[: len(most)]), _ranked(described[len(most) :])

    def _render(
        self, frames: ComparedFrames, rows: Sequence[int], found: _Found, size: tuple[int, int]
    ) -> Iterator[Tensor]:
        images: dict[int, Tensor] = {}
        for entry in sorted({int(frames.entry[row]) for row in rows}):
            here = [at for at, row in enumerate(rows) if int(frames.entry[row]) == entry]
            conditions = found.conditions(here).to(self.painted.rgba.device)
            images.update(zip(here, self.scenes[entry].render(self.painted, conditions, size=size), strict=True))
        return (images[at] for at in range(len(rows)))

    def _find(self, frames: ComparedFrames, rows: Sequence[int]) -> _Found:
        """The rows of the table that show the patch in these frames, and their conditions."""
        patch, victim, battery = self.keys
        wanted = {(int(frames.entry[row]), int(frames.index[row])): at for at, row in enumerate(rows)}
        numbers = [-1] * len(rows)
        parts: list[pa.RecordBatch] = []
        order: list[int] = []
        for group in self.places.groups(patch=patch, victim=victim, battery=battery):
            start = self.places.starts[group]
            for batch in read_batches(self.table, [*COLUMNS, "entry", *_NAMES], groups=[group]):
                keep = [
                    (at, wanted[key])
                    for at, key in _matching(batch, patch=patch, victim=victim, battery=battery)
                    if key in wanted
                ]
                for at, place in keep:
                    numbers[place] = start + at
                    order.append(place)
                parts.append(batch.take(pa.array([at for at, _ in keep], pa.int64())).select(list(COLUMNS)))
                start += len(batch)
        back = np.argsort(order)
        columns = {
            name: np.concatenate([part.column(name).to_numpy(zero_copy_only=False) for part in parts])[back]
            for name in COLUMNS
        }
        return _Found(tuple(numbers), columns)


_NAMES = ("patch", "victim", "battery", "subject")


@dataclass(frozen=True)
class _Found:
    """Rows of the table, and the conditions in them, in the order of the frames that were asked for."""

    rows: tuple[int, ...]
    columns: Mapping[str, npt.NDArray[Any]]

    def conditions(self, which: Sequence[int]) -> Conditions:
        """Of some of the frames, which are of one scene."""
        return Conditions.from_columns({name: values[list(which)] for name, values in self.columns.items()})


def _matching(batch: pa.RecordBatch, **keys: str) -> Iterator[tuple[int, tuple[int, int]]]:
    """Place in the batch, and entry and index, of each row that shows the patch of that record."""
    which = np.ones(len(batch), np.bool_)
    for name, value in {**keys, "subject": "patch"}.items():
        names = batch.column(name).dictionary.to_pylist()
        codes = batch.column(name).indices.to_numpy()
        which &= codes == (names.index(value) if value in names else -1)
    places = np.flatnonzero(which)
    entry, index = (batch.column(name).to_numpy()[places].tolist() for name in ("entry", "index"))
    return zip(places.tolist(), zip(entry, index, strict=True), strict=True)


def _ranked(pictures: tuple[Picture, ...]) -> tuple[Picture, ...]:
    return tuple(picture.model_copy(update={"rank": rank}) for rank, picture in enumerate(pictures, 1))


def _described(frames: ComparedFrames, row: int, number: int, name: str) -> Picture:
    patch = frames.seen["patch"]
    return Picture(
        rank=1,
        picture=f"{FOLDER}/{name}.png",
        seen=f"{FOLDER}/{name}-seen.png",
        row=number,
        entry=int(frames.entry[row]),
        scene=frames.scene[row] or "",
        index=int(frames.index[row]),
        seed=int(frames.seed[row]),
        light=frames.light[row] or "",
        weather=frames.weather[row],
        severity=int(frames.severity[row]) or None,
        distance_m=float(frames.distance_m[row]),
        angle_deg=float(frames.angle_deg[row]),
        predicted=patch.predicted[row] or "",
        probability=float(patch.probability[row]),
        true_probability=float(patch.true_probability[row]),
        goal_probability=float(patch.goal_probability[row]),
        clean_predicted=frames.seen["clean"].predicted[row] or "",
        fooled=bool(patch.won[row]),
    )


def write_picture(path: Path, image: Tensor) -> None:
    """Writes ``[3 or 4, H, W]`` in [0,1] as PNG."""
    with atomic_path(path) as temporary:  # not write_png: its optimized compression takes most of a short run
        Image.fromarray(to_uint8(image)).save(temporary, format="PNG")


def sign_pictures(painted: Mapping[Subject, PaintedSign], out: Path, *, stem: str) -> dict[str, str]:
    """Writes the painted sign of each subject as RGBA; subject to path relative to ``out``."""
    paths: dict[str, str] = {}
    for subject in SUBJECTS:
        paths[subject] = f"{FOLDER}/{stem}-{subject}.png"
        rgba = painted[subject].rgba
        small = torch.nn.functional.interpolate(
            torch.cat([rgba[:3] * rgba[3:], rgba[3:]])[None], size=(SIGN_PX, SIGN_PX), mode="area"
        )[0]
        color = (small[:3] / small[3:].clamp(min=1e-4)).clamp(0.0, 1.0)
        write_picture(out / paths[subject], torch.cat([linear_to_srgb(color), small[3:]]))
    return paths
