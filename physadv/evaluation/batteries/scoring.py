"""Scoring one stretch of frames: render each subject once for victims that take pictures alike, and make the rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import torch
from torch import Tensor

from physadv.attacks import true_class_of
from physadv.evaluation.batteries.compared_frames import SUBJECTS
from physadv.evaluation.batteries.summary import Subject
from physadv.evaluation.outcomes import TOP, rows_of
from physadv.evaluation.subjects import Candidate, known_goal
from physadv.goals import Goal
from physadv.scenes import Conditions, PaintedSign, Scene, viewing_angle_deg
from physadv.scenes.weather.weather import Weather
from physadv.victims import Reading, Victim

GoalKey: TypeAlias = tuple[str, int]
"""A goal's words, and the true class."""


@dataclass(frozen=True)
class Stretch:
    """Frames ``start .. start + count`` of a battery entry."""

    battery: str
    entry: int
    scene: Scene
    seed: int
    start: int
    count: int


@dataclass(frozen=True)
class Judged:
    """What of a victim's reading of n frames becomes rows.

    Attributes:
        top, top_probability: the most probable classes ``[n, T]``.
        probability: of the signs' own classes, ``[n]`` each.
        won, goal_probability: of every goal, by its words and the true class, ``[n]`` each.
    """

    top: npt.NDArray[np.int64]
    top_probability: npt.NDArray[np.float32]
    probability: dict[int, npt.NDArray[np.float32]]
    won: dict[GoalKey, npt.NDArray[np.bool_]]
    goal_probability: dict[GoalKey, npt.NDArray[np.float32]]


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
        signs = {candidate.sign.name: candidate.sign for candidate in candidates}
        self.true = {
            (sign.name, victim.name): true_class_of(sign, victim, true_class)
            for sign in signs.values()
            for victim in victims
        }
        self.goals = {  # made before the work: a class that may be two of a victim's is told then
            (candidate.name, victim.name): known_goal(
                candidate.making.goal, victim, self.true[candidate.sign.name, victim.name]
            )
            for candidate in candidates
            for victim in victims
        }

    @property
    def paintings(self) -> int:
        """Painted signs that are rendered for each frame."""
        return len({id(painted) for candidate in self.candidates for painted in candidate.painted.values()})

    def rows(self, stretch: Stretch) -> Iterator[pa.RecordBatch]:
        """The rows of a stretch: a batch a candidate, subject and victim."""
        conditions = stretch.scene.sample(stretch.count, seed=stretch.seed, start=stretch.start)
        shared = {box: _shared_columns(stretch, conditions.boxed(box)) for box in {v.box for v in self.victims}}
        readings: dict[tuple[int, str], Judged] = {}
        for candidate in self.candidates:
            for subject in SUBJECTS:
                painted = candidate.painted[subject]
                if (id(painted), self.victims[0].name) not in readings:
                    readings.update(self._read(stretch.scene, painted, conditions))
                for victim in self.victims:
                    reading = readings[id(painted), victim.name]
                    yield self._batch(candidate, subject, victim, reading, shared[victim.box], stretch.count)

    def _read(
        self, scene: Scene, painted: PaintedSign, conditions: Conditions
    ) -> Iterator[tuple[tuple[int, str], Judged]]:
        for size, box in sorted({(victim.input_size, victim.box) for victim in self.victims}):
            looking = [victim for victim in self.victims if (victim.input_size, victim.box) == (size, box)]
            boxed = conditions.boxed(box)
            parts: dict[str, list[Judged]] = {victim.name: [] for victim in looking}
            for start in range(0, len(conditions), self.batch):
                some = boxed[start : start + self.batch].to(self.device)
                frames = scene.render(painted, some, size=size)
                for victim in looking:
                    parts[victim.name].append(self._judged(victim, frames))
            for name, readings in parts.items():
                yield (id(painted), name), _join(readings)

    @torch.no_grad()
    def _judged(self, victim: Victim, frames: Tensor) -> Judged:
        reading = Reading(victim(frames).float().cpu())
        probability = reading.probabilities
        best = probability.topk(min(TOP, probability.shape[1]), dim=1)
        goals = {_key(goal): goal for (_, name), goal in self.goals.items() if name == victim.name}
        return Judged(
            top=best.indices.numpy(),
            top_probability=best.values.numpy(),
            probability={
                number: probability[:, number].numpy().copy()
                for number in {self.true[candidate.sign.name, victim.name] for candidate in self.candidates}
            },
            won={key: goal.won(reading).numpy() for key, goal in goals.items()},
            goal_probability={key: goal.probability(reading).numpy() for key, goal in goals.items()},
        )

    def _batch(
        self,
        candidate: Candidate,
        subject: Subject,
        victim: Victim,
        reading: Judged,
        shared: dict[str, Any],
        count: int,
    ) -> pa.RecordBatch:
        true, goal = self.true[candidate.sign.name, victim.name], self.goals[candidate.name, victim.name]
        names, predicted = np.asarray(victim.classes, dtype=object), reading.top[:, 0]
        own = {
            "patch": candidate.name,
            "subject": subject,
            "victim": victim.name,
            "true_class": victim.classes[true],
            "goal": goal.words,
            "top_classes": names[reading.top].tolist(),
            "top_probabilities": list(reading.top_probability),
            "predicted": names[predicted].tolist(),
            "probability": reading.top_probability[:, 0],
            "true_probability": reading.probability[true],
            "goal_probability": reading.goal_probability[_key(goal)],
            "correct": predicted == true,
            "won": reading.won[_key(goal)],
        }
        return rows_of({**shared, **own}, count)


def _shared_columns(stretch: Stretch, conditions: Conditions) -> dict[str, Any]:
    """What all subjects of a stretch have in common, and all victims that take boxes alike."""
    scene = stretch.scene
    weathers = scene.annotate(conditions) if isinstance(scene, Weather) else None
    return {
        "battery": stretch.battery,
        "entry": stretch.entry,
        "scene": scene.name,
        "seed": stretch.seed,
        "frames_per_approach": scene.frames_per_approach,
        **conditions.to_columns(),
        "light_name": [scene.lights[number] for number in conditions.light.tolist()],
        "angle_deg": viewing_angle_deg(conditions).cpu().numpy(),
        "weather": [weather.kind for weather in weathers] if weathers else None,
        "severity": [weather.severity for weather in weathers] if weathers else None,
        "weather_parameters": [weather.to_json() for weather in weathers] if weathers else None,
    }


def _key(goal: Goal) -> GoalKey:
    assert isinstance(goal.true_class, int)
    return goal.words, goal.true_class


def _join(parts: Sequence[Judged]) -> Judged:
    def joined(name: str) -> Any:
        first = getattr(parts[0], name)
        if isinstance(first, dict):
            return {key: np.concatenate([getattr(part, name)[key] for part in parts]) for key in first}
        return np.concatenate([getattr(part, name) for part in parts])

    return Judged(**{one.name: joined(one.name) for one in fields(Judged)})
