"""``untargeted``: any class but the sign's own."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from physadv.goals.goal import GOALS, Goal, each, margin
from physadv.victims.reading import Reading


@GOALS.register("untargeted")
@dataclass(frozen=True, eq=False)
class Untargeted(Goal):
    """Any class but the sign's own."""

    kind = "untargeted"
    form = "untargeted"

    @property
    def title(self) -> str:
        return "Read as any wrong class"

    def deed(self, victim: str) -> str:
        return f"fools {victim}"

    def lead(self, reading: Reading) -> Tensor:
        """The true class's lead over the strongest other one."""
        return -margin(reading.logits, each(self.true_class, reading.logits))

    def won(self, reading: Reading) -> Tensor:
        """The prediction is wrong."""
        return reading.predicted != each(self.true_class, reading.logits)
