"""Losses of the classic attacks, each of logits and a goal; smaller is nearer to the goal."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from torch import Tensor
from torch.nn import functional as F

from physadv.attacks.goals import Goal, each, margin
from physadv.core.registry import Registry

Loss: TypeAlias = Callable[[Tensor, Goal], Tensor]
"""Logits ``[N, K]`` and the goal of these N to losses ``[N]``."""

LOSSES: Registry[Loss] = Registry("loss")


@LOSSES.register("cross-entropy")
def cross_entropy(logits: Tensor, goal: Goal) -> Tensor:
    """Cross-entropy of the target, or its negative of the true class (Goodfellow et al. 2015; Madry et al. 2018)."""
    classes, toward = goal.steer
    entropy = F.cross_entropy(logits, each(classes, logits), reduction="none")
    return entropy if toward else -entropy


@LOSSES.register("margin")
def lead(logits: Tensor, goal: Goal) -> Tensor:
    """Lead of the class that has to lose, in logits (Carlini & Wagner 2017, eq. 6, f6 without its floor)."""
    classes, toward = goal.steer
    gap = margin(logits, each(classes, logits))
    return gap if toward else -gap


@LOSSES.register("robust")
def robust(logits: Tensor, goal: Goal) -> Tensor:
    """The goal's own: flat once a frame is won, slow to grow where it is hopeless."""
    return goal.loss(logits)


@LOSSES.register("dlr")
def dlr(logits: Tensor, goal: Goal) -> Tensor:
    """Difference of logits ratio (Croce & Hein 2020, eq. 6 and 7): no scaling of the logits changes it.

    With fewer classes than the formula needs, the least logit stands for those that are missing.
    """
    classes, toward = goal.steer
    ordered = logits.sort(1, descending=True).values
    last = ordered.shape[1] - 1
    chosen = logits.gather(1, each(classes, logits)[:, None])[:, 0]
    if not toward:
        scale = (ordered[:, 0] - ordered[:, min(2, last)]).clamp(min=1e-12)
        return -margin(logits, each(classes, logits)) / scale
    true = logits.gather(1, each(goal.true_class, logits)[:, None])[:, 0]
    third = (ordered[:, min(2, last)] + ordered[:, min(3, last)]) / 2.0
    return (true - chosen) / (ordered[:, 0] - third).clamp(min=1e-12)
