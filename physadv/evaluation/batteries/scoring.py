"""Scoring one part of frames: render each subject once for victims that take pictures alike, and make the rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import torch
from torch import Tensor

from physadv.attacks import true_class_of
from physadv.evaluation.batteries.summary import SUBJECTS, Subject
from physadv.evaluation.judged import Judged, judge
from physadv.evaluation.outcomes import rows_of
from physadv.evaluation.subjects import Candidate, known_goal
from physadv.scenes import Conditions, PaintedSign, Scene, viewing_angle_deg
from physadv.scenes.weather.weather import Weather
from physadv.victims import Reading, Victim


@dataclass(frozen=True)
class FrameRange:
    """Frames ``start .. start + count`` of a battery entry."""

    battery: str
    entry: int
    scene: Scene
    seed: int
    start: int
    count: int


class Scorer:
    """Candidates and victims, ready to be scored.

    Raises:
        PhysadvError: a victim does not know one of the signs, or may mean several classes by a target.
    """

    def __init__(
        self,
        candidates: Sequence[Candidate],
        victims: Sequence[Victim],
        *,
        batch: int,
        device: torch.device,
        true_class: str | None = None,
    ) -> None:
        self.candidates, self.victims, self.batch, self.device = candidates, victims, batch, device
        signs = {candidate.sign.fingerprint: candidate.sign for candidate in candidates}
        self.true = {
            (sign.fingerprint, victim.name): true_class_of(sign, victim, true_class)
            for sign in signs.values()
            for victim in victims
        }
        self.goals = {  # made before the work: a class that may be two of a victim's is told then
            (candidate.name, victim.name): known_goal(
                candidate.making.goal, victim, self.true[candidate.sign.fingerprint, victim.name]
            )
            for candidate in candidates
            for victim in victims
        }

    @property
    def paintings(self) -> int:
        """Painted signs that are rendered for each frame."""
        return len({id(painted) for candidate in self.candidates for painted in candidate.painted.values()})

    def rows(self, part: FrameRange) -> Iterator[pa.RecordBatch]:
        """The rows of a part: a batch a candidate, subject and victim."""
        conditions = part.scene.sample(part.count, seed=part.seed, start=part.start)
        shared = {box: _shared_columns(part, conditions.with_box(box)) for box in {v.box for v in self.victims}}
        readings: dict[tuple[int, str], Judged] = {}
        for candidate in self.candidates:
            for subject in SUBJECTS:
                painted = candidate.painted[subject]
                if (id(painted), self.victims[0].name) not in readings:
                    readings.update(self._read(part.scene, painted, conditions))
                for victim in self.victims:
                    reading = readings[id(painted), victim.name]
                    yield self._batch(candidate, subject, victim, reading, shared[victim.box], part.count)

    def _read(
        self, scene: Scene, painted: PaintedSign, conditions: Conditions
    ) -> Iterator[tuple[tuple[int, str], Judged]]:
        for size, box in sorted({(victim.input_size, victim.box) for victim in self.victims}):
            looking = [victim for victim in self.victims if (victim.input_size, victim.box) == (size, box)]
            with_box = conditions.with_box(box)
            parts: dict[str, list[Judged]] = {victim.name: [] for victim in looking}
            for start in range(0, len(conditions), self.batch):
                some = with_box[start : start + self.batch].to(self.device)
                frames = scene.render(painted, some, size=size)
                for victim in looking:
                    parts[victim.name].append(self._judged(victim, frames))
            for name, readings in parts.items():
                yield (id(painted), name), Judged.joined(readings)

    @torch.no_grad()
    def _judged(self, victim: Victim, frames: Tensor) -> Judged:
        reading = Reading(victim(frames).float().cpu())
        return judge(reading, [goal for (_, name), goal in self.goals.items() if name == victim.name])

    def _batch(
        self,
        candidate: Candidate,
        subject: Subject,
        victim: Victim,
        reading: Judged,
        shared: dict[str, Any],
        count: int,
    ) -> pa.RecordBatch:
        columns = reading.columns(victim, self.goals[candidate.name, victim.name])
        own = {
            "patch": candidate.name,
            "subject": subject,
            "victim": victim.name,
        }
        return rows_of({**shared, **own, **columns}, count)


def _shared_columns(part: FrameRange, conditions: Conditions) -> dict[str, Any]:
    """What all subjects of a part have in common, and all victims that take boxes alike."""
    scene = part.scene
    weathers = scene.annotate(conditions) if isinstance(scene, Weather) else None
    return {
        "battery": part.battery,
        "entry": part.entry,
        "scene": scene.name,
        "seed": part.seed,
        "frames_per_approach": scene.frames_per_approach,
        **conditions.to_columns(),
        "light_name": [scene.lights[number] for number in conditions.light.tolist()],
        "angle_deg": viewing_angle_deg(conditions).cpu().numpy(),
        "weather": [weather.kind for weather in weathers] if weathers else None,
        "severity": [weather.severity for weather in weathers] if weathers else None,
        "weather_parameters": [weather.to_json() for weather in weathers] if weathers else None,
    }
