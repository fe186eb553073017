"""One photograph at a time: what victims read in it, and in simulated frames of its conditions."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import torch
from torch import Tensor

from physadv.core.color import from_uint8
from physadv.core.images import cut_out
from physadv.evaluation.judged import judge
from physadv.evaluation.outcomes import rows_of
from physadv.evaluation.photographs.figures import MARGIN, ScoredPhotograph
from physadv.goals import Goal, Untargeted
from physadv.photos.pose import distance_as_if_m
from physadv.photos.session import Row, read_crop
from physadv.scenes import Conditions, PaintedSign, Scene, viewing_angle_deg
from physadv.victims import Reading, Victim, check_logits

PHOTOGRAPHS, SIMULATED = "photographs", "photographs, simulated"
Pixels: TypeAlias = npt.NDArray[np.uint8]
Painted: TypeAlias = Mapping[tuple[str, str], PaintedSign]
"""Painted signs by subject and patch; the clean one of any patch under ``("clean", "")``."""


@dataclass(frozen=True, eq=False)
class Scorer:
    """What photographs are scored with.

    Attributes:
        session: folder that their crops lie in.
        victims: that look at them.
        true: index of the sign's class, by victim.
        goals: what a patch was made for, as far as a victim knows its classes, by patch and victim.
        painted: signs as they are simulated.
        as_sent: the same in colors as sent to the printer; empty where ``painted`` is just that.
        scene: for what a photograph does not say of its conditions.
        draws: simulated frames a photograph.
        seed: of these.
        device: where to render and to look.
    """

    session: Path
    victims: Sequence[Victim]
    true: Mapping[str, int]
    goals: Mapping[tuple[str, str], Goal]
    painted: Painted
    as_sent: Painted
    scene: Scene
    draws: int
    seed: int
    device: torch.device

    @torch.no_grad()
    def __call__(self, row: Row, number: int) -> Iterator[tuple[ScoredPhotograph, list[pa.RecordBatch]]]:
        """Of each victim, what it reads in photograph ``number`` and in its simulated frames."""
        crop = read_crop(self.session, row)
        drawn = simulated_conditions(row, self.scene, number=number, draws=self.draws, seed=self.seed)
        for victim in self.victims:
            conditions = drawn.with_box(victim.box)
            view = victim_view(crop, row, victim.input_size, square=victim.box == "square").to(self.device)
            reading = Reading(check_logits(victim, view).float().cpu())
            frames = self._simulated(self.painted, row, conditions, victim)
            sent = self._simulated(self.as_sent, row, conditions, victim)
            own = self.true[victim.name]
            goal = self.goals.get((row.patch, victim.name), Untargeted(own))
            misread = Untargeted(own)
            probabilities = reading.probabilities[0]
            best = int(probabilities.argmax())
            made = ScoredPhotograph(
                file=row.file,
                crop=row.crop,
                victim=victim.name,
                subject=row.subject,
                patch=row.patch,
                predicted=victim.classes[best],
                probability=float(probabilities[best]),
                misread=best != own,
                simulated=_share(frames, misread),
                as_sent=_share(sent, misread),
                goal=goal.words,
                won=bool(goal.won(reading)[0]),
                simulated_won=_share(frames, goal),
                as_sent_won=_share(sent, goal),
                distance_m=row.distance_m if row.has_distance else None,
                angle_deg=row.angle_deg,
            )
            batches = [self._batch(row, victim, goal, reading, conditions[:1], PHOTOGRAPHS)]
            if frames is not None:
                batches.append(self._batch(row, victim, goal, frames, conditions, SIMULATED))
            yield made, batches

    def _simulated(self, painted: Painted, row: Row, conditions: Conditions, victim: Victim) -> Reading | None:
        """The reading of the simulated frames; None where the painted sign is not known."""
        sign = painted.get((row.subject, "" if row.subject == "clean" else row.patch))
        if sign is None:
            return None
        frames = self.scene.render(sign, conditions.to(self.device), size=victim.input_size)
        return Reading(victim(frames).float().cpu())

    def _batch(
        self, row: Row, victim: Victim, goal: Goal, reading: Reading, conditions: Conditions, battery: str
    ) -> pa.RecordBatch:
        columns: dict[str, Any] = {
            "patch": row.patch,
            "subject": row.subject,
            "victim": victim.name,
            "battery": battery,
            "entry": 0,
            "scene": row.file if battery == PHOTOGRAPHS else self.scene.name,
            "seed": self.seed,
            "frames_per_approach": 1,
            **conditions.to_columns(),
            "light_name": [self.scene.lights[which] for which in conditions.light.tolist()],
            "angle_deg": viewing_angle_deg(conditions).numpy(),
            "weather": None,
            "severity": None,
            "weather_parameters": None,
            **judge(reading, [goal]).columns(victim, goal),
        }
        if battery == PHOTOGRAPHS and not row.has_distance:
            columns |= {"distance_m": None, "hfov_deg": None}
        return rows_of(columns, len(reading))


def _share(reading: Reading | None, goal: Goal) -> float | None:
    """Of frames that are won."""
    return None if reading is None else float(goal.won(reading).double().mean())


def victim_view(crop: Pixels, row: Row, size: tuple[int, int], *, square: bool = False) -> Tensor:
    """What a victim sees of a photograph, ``[1, 3, H, W]``: the sign's box with a little room, squashed or widened."""
    import cv2

    size_px = np.array([row.box_width, row.box_height])
    room, corner = MARGIN * size_px, np.array([row.box_left, row.box_top])
    if square:
        wide = size_px + 2.0 * room
        room = room + (wide.max() - wide) / 2.0
    left, top = np.floor(corner - room).astype(int)
    right, bottom = np.ceil(corner + size_px + room).astype(int)
    view = cut_out(crop, left, top, right, bottom)
    larger = view.shape[0] < size[0] or view.shape[1] < size[1]
    how = cv2.INTER_LINEAR if larger else cv2.INTER_AREA
    return from_uint8(cv2.resize(view, (size[1], size[0]), interpolation=how))[None]


def simulated_conditions(row: Row, scene: Scene, *, number: int, draws: int, seed: int) -> Conditions:
    """Conditions of frames as the photograph's: pose, camera and light as measured, the rest as the scene draws it.

    Where no focal length is known, frames are taken with that of a common phone from where it sees the sign as large.
    """
    distance_m = row.distance_m
    if not row.has_distance:
        size = (row.width_px, row.height_px)
        distance_m = distance_as_if_m(np.array(row.homography).reshape(3, 3), row.focal_px, size)
    drawn = scene.sample(draws, seed=seed, start=number * draws)

    def all_of(value: float) -> Tensor:
        return torch.full((draws,), value, dtype=torch.float32)

    known = {
        "distance_m": distance_m,
        "lateral_m": 0.0,
        "height_m": 0.0,
        "yaw_deg": row.yaw_deg,
        "pitch_deg": row.pitch_deg,
        "roll_deg": row.roll_deg,
        "image_width_px": float(row.width_px),
        "hfov_deg": math.degrees(2.0 * math.atan(row.width_px / 2.0 / row.focal_px)),
        "speed_kmh": 0.0,
        "crop_margin": MARGIN,
        "crop_shift_x": 0.0,
        "crop_shift_y": 0.0,
        "crop_scale": 1.0,
        "crop_square": 0.0,
        "exposure_ev": row.exposure_ev,
        "temperature_k": row.temperature_k,
    }
    values: dict[str, Any] = {name: all_of(value) for name, value in known.items() if not math.isnan(value)}
    if "exposure_ev" in values:
        values |= {"sun_fraction": all_of(0.0)}  # the exposure was measured on the sign itself
    return replace(drawn, **values)
