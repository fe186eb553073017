"""``discover`` and ``discover-rectangles``: where to put stickers, found while designing."""

from __future__ import annotations

from abc import ABC
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from physadv.attacks.physical.engine import FrameStream
from physadv.attacks.physical.perturbations import FullFace
from physadv.core.errors import PhysadvError
from physadv.goals import Goal
from physadv.patches import MASKS, MaskConfig, Shapes
from physadv.patches.mask import MIN_AREA, WidthMm
from physadv.signs import Sign
from physadv.victims import Victim

_AREAS = (0.5, 0.33, 0.22)


class Found(MaskConfig, ABC):
    """Base of the masks that a design finds; limits that always hold."""

    max_stickers: int = Field(default=12, ge=1, le=20)
    min_side_mm: WidthMm = 40.0
    max_area_fraction: float = Field(default=0.15, ge=MIN_AREA, le=1)
    share: float = Field(default=0.8, gt=0, lt=1)
    """Of the budget that goes to finding them."""

    def shapes(self, sign: Sign) -> Shapes:
        """There is none before the design has run."""
        raise PhysadvError(f"mask {self.kind!r}: has no shape until it is designed, so it cannot be drawn")


@MASKS.register("discover")
class Discover(Found):
    """Stickers of free shape that the design finds where paint matters most; none is narrower than ``min_side_mm``.

    RP2's first stage (Eykholt et al. 2018, section 3.2.1) with a limit on the area in place of a penalty, and place and
    paint searched together (:class:`~physadv.attacks.physical.freeform_stickers.FreeformStickers`).
    """

    kind: Literal["discover"] = "discover"
    min_side_mm: WidthMm = 20.0


@MASKS.register("discover-rectangles")
class DiscoverRectangles(Found):
    """Upright rectangles that the design finds where paint matters most; easier to cut, and weaker.

    RP2's first stage (Eykholt et al. 2018, section 3.2.1): an L1-penalised paint over the whole face. Its places are
    ranked by what they contribute to the goal (:func:`attribution`), not by how much they change the colour.
    """

    kind: Literal["discover-rectangles"] = "discover-rectangles"
    max_stickers: int = Field(default=6, ge=1, le=20)
    sparsity: float = Field(default=1.0, ge=0)
    """Weight of the L1 penalty."""

    def rounds(self) -> list[tuple[float, int]]:
        """Area and number of stickers that each round keeps: a half, then less by a third, down to the limits.

        A paint that has the whole face spreads over it; only one that must do with less shows what it needs most.
        """
        areas = [area for area in _AREAS if area > 1.2 * self.max_area_fraction]
        spare = range(len(areas), 0, -1)
        return [
            *((area, min(20, self.max_stickers + 2 * more)) for area, more in zip(areas, spare, strict=True)),
            (self.max_area_fraction, self.max_stickers),
        ]


def attribution(
    face: FullFace, theta: Tensor, *, victim: Victim, goal: Goal, frames: FrameStream, steps: int = 12
) -> Tensor:
    """What each texel of a full-face paint contributes to the goal, ``[P, P]``; negative where it hinders.

    Integrated gradients (Sundararajan et al. 2017, eq. 1) of the mean loss from the bare to the painted sign: the
    texels' shares add up to what the whole paint gains. By the midpoint rule, each midpoint on frames of its own.
    """
    change = face.change(theta.detach())
    total = torch.zeros_like(change)
    for step in range(steps):
        at = ((step + 0.5) / steps * change).requires_grad_(True)
        loss = goal.loss(victim.read(frames.render(face.blended(at), step))).mean()
        total = total - torch.autograd.grad(loss, at)[0] / steps
    return (total * change).sum(0)
