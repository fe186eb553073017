"""Losses of the classic attacks, each of a reading and a goal; smaller is nearer to the goal."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from torch import Tensor
from torch.nn import functional as F

from physadv.core.registry import Registry
from physadv.goals import Goal, each, margin
from physadv.victims.reading import Reading

Loss: TypeAlias = Callable[[Reading, Goal], Tensor]
"""A reading of N frames and the goal of these N to losses ``[N]``."""

LOSSES: Registry[Loss] = Registry("loss")


@LOSSES.register("cross-entropy")
def cross_entropy(reading: Reading, goal: Goal) -> Tensor:
    """Cross-entropy of the target, or its negative of the true class (Goodfellow et al. 2015; Madry et al. 2018)."""
    entropy = F.cross_entropy(reading.logits, goal.steered_class(reading), reduction="none")
    return entropy if goal.toward else -entropy


@LOSSES.register("margin")
def lead(reading: Reading, goal: Goal) -> Tensor:
    """Lead of what has to lose, in logits (Carlini & Wagner 2017, eq. 6, f6 without its floor)."""
    return goal.lead(reading)


@LOSSES.register("robust")
def robust(reading: Reading, goal: Goal) -> Tensor:
    """The goal's own: flat once a frame is won, slow to grow where it is hopeless."""
    return goal.loss(reading)


@LOSSES.register("dlr")
def dlr(reading: Reading, goal: Goal) -> Tensor:
    """Difference of logits ratio (Croce & Hein 2020, eq. 6 and 7): no scaling of the logits changes it.

    With fewer classes than the formula needs, the least logit stands for those that are missing.
    """
    logits, classes = reading.logits, goal.steered_class(reading)
    ordered = logits.sort(1, descending=True).values
    last = ordered.shape[1] - 1
    if not goal.toward:
        scale = (ordered[:, 0] - ordered[:, min(2, last)]).clamp(min=1e-12)
        return -margin(logits, classes) / scale
    chosen = logits.gather(1, classes[:, None])[:, 0]
    true = logits.gather(1, each(goal.true_class, logits)[:, None])[:, 0]
    third = (ordered[:, min(2, last)] + ordered[:, min(3, last)]) / 2.0
    return (true - chosen) / (ordered[:, 0] - third).clamp(min=1e-12)
