"""``confident:CLASS:0.9``: a class, with at least so much probability."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from typing_extensions import Self

from physadv.core.errors import PhysadvError
from physadv.goals.goal import GOALS, each
from physadv.goals.kinds.targeted import Targeted
from physadv.victims.reading import Reading


@GOALS.register("confident")
@dataclass(frozen=True, eq=False)
class Confident(Targeted):
    """The class given as confident:CLASS:0.9, with at least that probability: one that a threshold lets pass.

    Attributes:
        least: the probability, between 0 and 1.
    """

    least: float = 0.9

    kind = "confident"
    form = "confident:CLASS:0.9"

    @classmethod
    def parse(cls, argument: str) -> Self:
        name, _, number = argument.rpartition(":")
        try:
            least = float(number)
        except ValueError:
            least = math.nan
        if not name or not 0.0 < least < 1.0:
            raise PhysadvError(
                f"goal {cls.kind}:{argument}: should be {cls.form}, a class and a probability between 0 and 1"
            )
        return cls(name=name, least=least)

    @property
    def argument(self) -> str:
        return f"{self.name}:{self.least:g}"

    @property
    def title(self) -> str:
        return f"Read as “{self.name}” with probability {self.least:g} or more"

    def deed(self, victim: str) -> str:
        return f"makes {victim} read “{self.name}” with probability {self.least:g} or more"

    def lead(self, reading: Reading) -> Tensor:
        """What the target's log-odds lack."""
        target = each(self.target, reading.logits)[:, None]
        others = reading.logits.scatter(1, target, -torch.inf).logsumexp(1)
        return others + math.log(self.least / (1.0 - self.least)) - reading.logits.gather(1, target)[:, 0]

    def won(self, reading: Reading) -> Tensor:
        """The prediction is the target, with that probability."""
        return self.probability(reading) >= self.least
