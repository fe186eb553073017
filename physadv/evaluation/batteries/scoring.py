"""Scoring one stretch of frames: render each subject once for victims that take pictures alike, and make the rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import torch
from torch import Tensor

from physadv.attacks import true_class_of
from physadv.evaluation.batteries.compared_frames import SUBJECTS
from physadv.evaluation.batteries.summary import Subject
from physadv.evaluation.outcomes import TOP, rows_of
from physadv.evaluation.subjects import Candidate
from physadv.scenes import Conditions, PaintedSign, Scene, viewing_angle_deg
from physadv.scenes.weather.weather import Weather
from physadv.victims import Victim


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
class Reading:
    """What a victim said of a subject's frames: the top classes ``[n, T]``, and some classes' probabilities."""

    top: npt.NDArray[np.int64]
    top_probability: npt.NDArray[np.float32]
    probability: dict[int, npt.NDArray[np.float32]]


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
        for candidate in candidates:  # a target that may be two of a victim's classes is told before the work
            for victim in victims:
                self.target(candidate, victim)

    @property
    def paintings(self) -> int:
        """Painted signs that are rendered for each frame."""
        return len({id(painted) for candidate in self.candidates for painted in candidate.painted.values()})

    def target(self, candidate: Candidate, victim: Victim) -> int | None:
        """The class that the candidate was made for, if this victim has it."""
        name = candidate.making.target
        index = victim.find_class(name) if name is not None else None
        return None if index == self.true[candidate.sign.name, victim.name] else index

    def rows(self, stretch: Stretch) -> Iterator[pa.RecordBatch]:
        """The rows of a stretch: a batch a candidate, subject and victim."""
        conditions = stretch.scene.sample(stretch.count, seed=stretch.seed, start=stretch.start)
        shared = {box: _shared_columns(stretch, conditions.boxed(box)) for box in {v.box for v in self.victims}}
        readings: dict[tuple[int, str], Reading] = {}
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
    ) -> Iterator[tuple[tuple[int, str], Reading]]:
        for size, box in sorted({(victim.input_size, victim.box) for victim in self.victims}):
            looking = [victim for victim in self.victims if (victim.input_size, victim.box) == (size, box)]
            boxed = conditions.boxed(box)
            parts: dict[str, list[Reading]] = {victim.name: [] for victim in looking}
            for start in range(0, len(conditions), self.batch):
                some = boxed[start : start + self.batch].to(self.device)
                frames = scene.render(painted, some, size=size)
                for victim in looking:
                    parts[victim.name].append(_reading(victim, frames, self._classes_of_interest(victim)))
            for name, readings in parts.items():
                yield (id(painted), name), _join(readings)

    def _classes_of_interest(self, victim: Victim) -> list[int]:
        true = {self.true[candidate.sign.name, victim.name] for candidate in self.candidates}
        targets = {self.target(candidate, victim) for candidate in self.candidates}
        return sorted(true | {target for target in targets if target is not None})

    def _batch(
        self,
        candidate: Candidate,
        subject: Subject,
        victim: Victim,
        reading: Reading,
        shared: dict[str, Any],
        count: int,
    ) -> pa.RecordBatch:
        true, target = self.true[candidate.sign.name, victim.name], self.target(candidate, victim)
        names, predicted = np.asarray(victim.classes, dtype=object), reading.top[:, 0]
        own = {
            "patch": candidate.name,
            "subject": subject,
            "victim": victim.name,
            "true_class": victim.classes[true],
            "target_class": None if target is None else victim.classes[target],
            "top_classes": names[reading.top].tolist(),
            "top_probabilities": list(reading.top_probability),
            "predicted": names[predicted].tolist(),
            "probability": reading.top_probability[:, 0],
            "true_probability": reading.probability[true],
            "target_probability": None if target is None else reading.probability[target],
            "correct": predicted == true,
            "fooled_untargeted": predicted != true,
            "fooled_targeted": None if target is None else predicted == target,
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


def _reading(victim: Victim, frames: Tensor, classes: Sequence[int]) -> Reading:
    with torch.no_grad():
        logits = victim(frames).float()
    probability = logits.softmax(1).cpu()
    best = probability.topk(min(TOP, probability.shape[1]), dim=1)
    return Reading(
        top=best.indices.numpy(),
        top_probability=best.values.numpy(),
        probability={number: probability[:, number].numpy().copy() for number in classes},
    )


def _join(parts: Sequence[Reading]) -> Reading:
    return Reading(
        top=np.concatenate([part.top for part in parts]),
        top_probability=np.concatenate([part.top_probability for part in parts]),
        probability={
            number: np.concatenate([part.probability[number] for part in parts]) for number in parts[0].probability
        },
    )
