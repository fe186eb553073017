"""What of a victim's reading becomes columns of the outcomes table, for frames of scenes and for photographs alike."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from physadv.evaluation.outcomes import TOP
from physadv.goals import Goal
from physadv.victims import Reading, Victim

GoalKey: TypeAlias = tuple[str, int]
"""A goal's words, and the true class."""


@dataclass(frozen=True)
class Judged:
    """A victim's reading of n frames, judged by some goals; small, where logits of many classes are not.

    Attributes:
        top, top_probability: the most probable classes ``[n, T]``.
        probability: of the goals' true classes, ``[n]`` each.
        won, goal_probability: by each goal, ``[n]`` each.
    """

    top: npt.NDArray[np.int64]
    top_probability: npt.NDArray[np.float32]
    probability: dict[int, npt.NDArray[np.float32]]
    won: dict[GoalKey, npt.NDArray[np.bool_]]
    goal_probability: dict[GoalKey, npt.NDArray[np.float32]]

    def columns(self, victim: Victim, goal: Goal) -> dict[str, Any]:
        """Columns of the outcomes table, for one of the goals that it was judged by."""
        words, true = key = _key(goal)
        names, predicted = np.asarray(victim.classes, dtype=object), self.top[:, 0]
        return {
            "true_class": victim.classes[true],
            "goal": words,
            "top_classes": names[self.top].tolist(),
            "top_probabilities": list(self.top_probability),
            "predicted": names[predicted].tolist(),
            "probability": self.top_probability[:, 0],
            "true_probability": self.probability[true],
            "goal_probability": self.goal_probability[key],
            "correct": predicted == true,
            "won": self.won[key],
        }

    @staticmethod
    def joined(parts: Sequence[Judged]) -> Judged:
        """The judgements of the frames of several, in order."""

        def joined(name: str) -> Any:
            first = getattr(parts[0], name)
            if isinstance(first, dict):
                return {key: np.concatenate([getattr(part, name)[key] for part in parts]) for key in first}
            return np.concatenate([getattr(part, name) for part in parts])

        return Judged(**{one.name: joined(one.name) for one in fields(Judged)})


def judge(reading: Reading, goals: Iterable[Goal]) -> Judged:
    """A reading on the CPU, judged by goals of one true class each."""
    by_key = {_key(goal): goal for goal in goals}
    probability = reading.probabilities
    best = probability.topk(min(TOP, probability.shape[1]), dim=1)
    return Judged(
        top=best.indices.numpy(),
        top_probability=best.values.numpy(),
        probability={true: probability[:, true].numpy().copy() for _, true in by_key},
        won={key: goal.won(reading).numpy() for key, goal in by_key.items()},
        goal_probability={key: goal.probability(reading).numpy() for key, goal in by_key.items()},
    )


def _key(goal: Goal) -> GoalKey:
    assert isinstance(goal.true_class, int)
    return goal.words, goal.true_class
