"""The true class has less than a fifth of the probability."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from physadv.goals.goal import GOALS, Goal, each
from physadv.victims.reading import Reading


@GOALS.register("acme_doubt")
@dataclass(frozen=True, eq=False)
class Doubt(Goal):
    """The true class has less than a fifth of the probability."""

    kind = "acme_doubt"
    form = "acme_doubt"

    @property
    def title(self) -> str:
        return "The true class has less than a fifth of the probability"

    def deed(self, victim: str) -> str:
        return f"makes {victim} doubt"

    def lead(self, reading: Reading) -> Tensor:
        """Of the true class over a fourth of all others together."""
        true = each(self.true_class, reading.logits)[:, None]
        others = reading.logits.scatter(1, true, -torch.inf).logsumexp(1)
        return reading.logits.gather(1, true)[:, 0] - others + math.log(4.0)

    def fits(self, classes: Tensor) -> Tensor:
        return torch.ones(1, len(classes), dtype=torch.bool, device=classes.device)
