"""How far a piece of work is, for whoever is told: one type for all work that takes long."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace


@dataclass(frozen=True)
class Progress:
    """How far a stage of some work is.

    Attributes:
        stage: what is done, such as ``frames`` or ``design 2/3``.
        done, total: whole numbers of what is counted, such as frames; or the share of a budget, ``total`` then None.
        step: steps done, of a search or a training.
        loss: of the last step.
        shares: what was measured last, each from 0 to 1, such as the ``held out`` success.
        measured: whether ``shares`` is of this very step.
    """

    stage: str
    done: float
    total: int | None
    step: int | None = None
    loss: float | None = None
    shares: Mapping[str, float] = field(default_factory=dict)
    measured: bool = False


Listener = Callable[[Progress], None]
"""Told of progress."""


def counter(listener: Listener | None, stage: str) -> Callable[[int, int], None]:
    """Tells ``listener``, if there is one, how many of what a stage counts are done, and of how many."""

    def count(done: int, total: int) -> None:
        if listener:
            listener(Progress(stage, done, total))

    return count


def renamed(listener: Listener | None, stage: str) -> Listener | None:
    """A listener that hears of any stage as ``stage``."""
    return None if listener is None else lambda progress: listener(replace(progress, stage=stage))
