"""``runner_up``: what the victim takes the clean sign for, if not for what it is."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor
from typing_extensions import Self

from physadv.core.errors import PhysadvError
from physadv.goals.goal import GOALS, Classes, Goal
from physadv.goals.kinds.targeted import Targeted
from physadv.victims import Victim
from physadv.victims.reading import Reading


@GOALS.register("runner_up")
@dataclass(frozen=True, eq=False)
class RunnerUp(Targeted):
    """The second most probable class of the clean sign; of pictures, of each one's own."""

    kind = "runner_up"
    form = "runner_up"

    @classmethod
    def parse(cls, argument: str) -> Self:
        if argument:
            raise PhysadvError(f"goal {cls.kind}:{argument}: should be {cls.form}")
        return cls()

    @property
    def title(self) -> str:
        return "Read as the clean sign's second most probable class"

    def deed(self, victim: str) -> str:
        return f"makes {victim} read the second most probable class"

    def bind(self, victim: Victim, true_class: Classes, clean: Reading | None = None) -> Goal:
        """The runner-up of each of N pictures; of one sign, by its mean probabilities, a target."""
        if clean is None:
            raise PhysadvError(f"goal {self.words!r}: has a meaning only beside what the victim says of the clean sign")
        if isinstance(true_class, Tensor):
            others = clean.logits.scatter(1, true_class[:, None], -torch.inf)
            return replace(self, true_class=true_class, target=others.argmax(1))
        mean = clean.probabilities.mean(0)
        mean[true_class] = -1.0
        target = int(mean.argmax())
        return Targeted(true_class, target, victim.classes[target])
