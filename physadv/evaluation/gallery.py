"""Pictures of a run, rendered again from the conditions in the table: best and worst frames, and the patches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
from PIL import Image
from torch import Tensor

from physadv.core.color import linear_to_srgb, to_uint8
from physadv.core.files import atomic_path
from physadv.evaluation.frames import SUBJECTS, Frames
from physadv.evaluation.outcomes import select
from physadv.evaluation.summary import Picture, Subject
from physadv.scenes import Conditions, PaintedSign, Scene

FOLDER = "pictures"
FRAME_PX = 192
"""Shorter side of a frame for people."""
SIGN_PX = 320


@dataclass(frozen=True)
class Album:
    """Where the pictures of one record come from and go to.

    Attributes:
        table: the outcomes.
        out: the run's folder.
        stem: of the files' names, unique for the record.
        painted: the painted sign.
        scenes: of the battery's entries.
        size: the victim's input size.
        keys: patch, victim, battery.
    """

    table: Path
    out: Path
    stem: str
    painted: PaintedSign
    scenes: Sequence[Scene]
    size: tuple[int, int]
    keys: tuple[str, str, str]

    def pictures(self, frames: Frames, rows: Sequence[int], *, kind: str) -> tuple[Picture, ...]:
        """Writes and describes the frames of these rows, in that order."""
        scale = max(1.0, FRAME_PX / min(self.size))
        large = (round(self.size[0] * scale), round(self.size[1] * scale))
        for suffix, size in (("", large), ("-seen", self.size)):
            for rank, image in enumerate(self._render(frames, rows, size), 1):
                _write(self.out / FOLDER / f"{self.stem}-{kind}-{rank}{suffix}.png", image)
        return tuple(_described(frames, row, rank, f"{self.stem}-{kind}-{rank}") for rank, row in enumerate(rows, 1))

    def _render(self, frames: Frames, rows: Sequence[int], size: tuple[int, int]) -> list[Tensor]:
        images: dict[int, Tensor] = {}
        for entry in sorted({int(frames.entry[row]) for row in rows}):
            here = [row for row in rows if int(frames.entry[row]) == entry]
            conditions = self._conditions(entry, [int(frames.index[row]) for row in here])
            images.update(zip(here, self.scenes[entry].render(self.painted, conditions, size=size), strict=True))
        return [images[row] for row in rows]

    def _conditions(self, entry: int, index: Sequence[int]) -> Conditions:
        """The conditions of these frames, from the table."""
        patch, victim, battery = self.keys
        names = [field.name for field in fields(Conditions)]
        rows = select(self.table, [*names, "entry"], patch=patch, victim=victim, battery=battery, subject="patch")
        wanted = pa.array(index, pa.int64())
        found = [
            part.filter(pc.and_(pc.equal(part.column("entry"), entry), pc.is_in(part.column("index"), wanted)))
            for part in rows
        ]
        columns = {name: np.concatenate([part.column(name).to_numpy() for part in found]) for name in names}
        row_of = {int(number): row for row, number in enumerate(columns["index"])}
        order = [row_of[number] for number in index]
        conditions = Conditions.from_columns({name: column[order] for name, column in columns.items()})
        return conditions.to(self.painted.rgba.device)


def _described(frames: Frames, row: int, rank: int, name: str) -> Picture:
    patch, target = frames.seen["patch"], frames.target_class
    return Picture(
        rank=rank,
        picture=f"{FOLDER}/{name}.png",
        seen=f"{FOLDER}/{name}-seen.png",
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
        target_probability=None if target is None else float(patch.target_probability[row]),
        clean_predicted=frames.seen["clean"].predicted[row] or "",
        fooled=bool(patch.fooled(frames.goal)[row]),
    )


def _write(path: Path, image: Tensor) -> None:
    with atomic_path(path) as temporary:  # not write_png: its optimised compression takes most of a short run
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
        colour = (small[:3] / small[3:].clamp(min=1e-4)).clamp(0.0, 1.0)
        _write(out / paths[subject], torch.cat([linear_to_srgb(colour), small[3:]]))
    return paths
