"""Sanity flags of a matrix of attacks and victims: the codes that batteries raise too, for pictures of a data set."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from physadv.core.number_format import percent
from physadv.evaluation.batteries.flags import CLEAN_ACCURACY, half_width, no_gradient, warning
from physadv.evaluation.batteries.summary import Flag

if TYPE_CHECKING:
    from physadv.evaluation.matrix.matrix import Cell

HALF_WIDTH = 0.05
"""The interval asked for: a share that is surer than plus or minus this is not flagged for too few pictures."""


def cell_flags(cell: Cell, cells: Sequence[Cell], *, differentiable: bool) -> Iterator[Flag]:
    """The flags of one cell; ``cells`` are all of the matrix."""
    frames = "frames" if cell.on_signs else "pictures"
    yield from _clean_accuracy(cell, frames)
    yield from _sample_size(cell, frames)
    if not differentiable:
        yield no_gradient()
    yield from _masked_gradients(cell, cells)


def _clean_accuracy(cell: Cell, frames: str) -> Iterator[Flag]:
    value = cell.clean_accuracy.value
    if cell.constant:
        yield warning(
            "constant-answer", f"The victim reads all clean {frames} as one class: its answer ignores what it is shown."
        )
    if not cell.clean_accuracy.hits:
        yield warning(
            "nothing-to-attack", f"The victim reads none of the clean {frames} correctly: there is nothing to attack."
        )
    elif value is not None and value < CLEAN_ACCURACY:
        yield warning(
            "clean-accuracy-low",
            f"The victim reads only {percent(value, 1)} of the clean {frames} correctly ({percent(CLEAN_ACCURACY, 1)} "
            "wanted): misreadings say as much about the victim as about the attack.",
        )


def _sample_size(cell: Cell, frames: str) -> Iterator[Flag]:
    half = half_width(cell.robust_accuracy)
    if half is not None and half > HALF_WIDTH:
        needed = (half / HALF_WIDTH) ** 2
        yield warning(
            "too-few-frames",
            f"The accuracy under attack is known to ±{100 * half:.1f} points, ±{100 * HALF_WIDTH:g} are wanted: "
            f"about {needed:.2g} times as many {frames} are needed.",
        )


def _masked_gradients(cell: Cell, cells: Sequence[Cell]) -> Iterator[Flag]:
    """An attack with gradients that does less than one without, within the same ball: the gradients mislead it."""
    ball = _ball(cell)
    if cell.knowledge != "gradients" or ball is None:
        return
    for other in cells:
        same = (other.victim, other.goal, _ball(other)) == (cell.victim, cell.goal, ball)
        low, high = other.success.low, cell.success.high
        if same and other.knowledge != "gradients" and low is not None and high is not None and low > high:
            yield warning(
                "black-box-beats-gradients",
                f"{other.attack}, which needs no gradients, succeeds more often: the gradients of this victim mislead, "
                "or this attack is too weak. Believe the higher success.",
            )


def _ball(cell: Cell) -> tuple[object, object] | None:
    """Norm and size of the changes that are allowed; None for attacks that have no such bound, or on signs."""
    eps = cell.options.get("eps")
    return None if eps is None or cell.on_signs else (cell.options.get("norm", "linf"), eps)
