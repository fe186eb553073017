"""``hide:K``: the sign's own class is not among the first K."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from typing_extensions import Self

from physadv.core.errors import PhysadvError
from physadv.goals.goal import GOALS, Classes, Goal, each
from physadv.victims import Victim
from physadv.victims.reading import Reading

FIRST = 5
"""Classes that are looked through if no number is given, as in top-5 accuracy."""


@GOALS.register("hide")
@dataclass(frozen=True, eq=False)
class Hide(Goal):
    """The sign's own class is not among the first K, given as hide:K; hide alone is hide:5.

    Attributes:
        first: K.
    """

    first: int = FIRST

    kind = "hide"
    form = "hide:K"

    @classmethod
    def parse(cls, argument: str) -> Self:
        if argument and (not argument.isascii() or not argument.isdigit() or not 1 <= int(argument) <= 1000):
            raise PhysadvError(f"goal {cls.kind}:{argument}: should be {cls.form}, a whole number from 1 to 1000")
        return cls(first=int(argument)) if argument else cls()

    @property
    def argument(self) -> str:
        return str(self.first)

    @property
    def title(self) -> str:
        return f"The true class is not among the first {self.first}"

    def deed(self, victim: str) -> str:
        return f"keeps the true class out of the first {self.first} of {victim}"

    def bind(self, victim: Victim, true_class: Classes, clean: Reading | None = None) -> Goal:
        if self.first >= len(victim.classes):
            raise PhysadvError(
                f"goal {self.words!r}: victim {victim.name!r} has {len(victim.classes)} classes, so the true one is "
                "always among them; should be a smaller number"
            )
        return super().bind(victim, true_class, clean)

    def lead(self, reading: Reading) -> Tensor:
        """The true class's lead over the K-th of the others."""
        true = each(self.true_class, reading.logits)[:, None]
        others = reading.logits.scatter(1, true, -torch.inf).topk(self.first, dim=1).values
        return reading.logits.gather(1, true)[:, 0] - others[:, -1]
