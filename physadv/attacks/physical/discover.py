"""``discover`` and ``discover-rectangles``: where to put stickers, found while designing."""

from __future__ import annotations

from abc import ABC
from collections.abc import Mapping
from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from physadv.attacks.physical.design_loop import DesignLoop, find_place
from physadv.attacks.physical.engine import Budget, FrameStream, Snapshot
from physadv.attacks.physical.freeform_stickers import FreeformStickers
from physadv.attacks.physical.moving_stickers import MovingStickers
from physadv.attacks.physical.perturbations import FullFace
from physadv.core.errors import PhysadvError
from physadv.goals import Goal
from physadv.patches import MASKS, MaskConfig, Shapes, build_mask, check_fits, discover_mask
from physadv.patches.mask import MIN_AREA, WidthMm
from physadv.patches.mask_kinds.rectangles import Stickers
from physadv.signs import Sign
from physadv.victims import Victim

_AREAS = (0.5, 0.33, 0.22)
_MOVING = 0.7
"""Share of the time to discover that goes to moving the stickers."""


class SearchedMask(MaskConfig, ABC):
    """Base of the masks that a design finds; limits that always hold."""

    max_stickers: int = Field(default=12, ge=1, le=20)
    min_side_mm: WidthMm = 40.0
    max_area_fraction: float = Field(default=0.15, ge=MIN_AREA, le=1)
    share: float = Field(default=0.8, gt=0, lt=1)
    """Of the budget that goes to finding them."""

    @property
    def share_to_find(self) -> float:
        """Of the budget."""
        return self.share

    def shapes(self, sign: Sign) -> Shapes:
        """There is none before the design has run."""
        raise PhysadvError(f"mask {self.kind!r}: has no shape until it is designed, so it cannot be drawn")


@MASKS.register("discover")
class Discover(SearchedMask):
    """Stickers of free shape that the design finds where paint matters most; none is narrower than ``min_side_mm``.

    RP2's first stage (Eykholt et al. 2018, section 3.2.1) with a limit on the area in place of a penalty, and place and
    paint searched together (:class:`~physadv.attacks.physical.freeform_stickers.FreeformStickers`).
    """

    kind: Literal["discover"] = "discover"
    min_side_mm: WidthMm = 20.0


@MASKS.register("discover-rectangles")
class DiscoverRectangles(SearchedMask):
    """Upright rectangles that the design finds where paint matters most; easier to cut, and weaker.

    RP2's first stage (Eykholt et al. 2018, section 3.2.1): an L1-penalised paint over the whole face. Its places are
    ranked by what they contribute to the goal (:func:`attribution`), not by how much they change the color.
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


@find_place.register
def _(
    mask: Discover, loop: DesignLoop, budget: Budget, name: str, saved: Snapshot | None, extra: Mapping[str, Any]
) -> tuple[dict[str, Any], Tensor]:
    """Shapes and paint searched together."""
    task = loop.task
    shapes = FreeformStickers(
        task.sign,
        loop.paint,
        px=task.px,
        device=task.device,
        max_stickers=mask.max_stickers,
        min_side_mm=mask.min_side_mm,
        max_area_fraction=mask.max_area_fraction,
        ink=loop.ink,
    )
    run = loop.run("where", shapes, budget, stop_at=2.0)
    theta = loop.follow(run, "where", saved or run.begin(loop.generator(-1)), {}).theta
    return shapes.mask(theta).config.model_dump(mode="json"), shapes.paint_of(theta)


@find_place.register
def _(
    mask: DiscoverRectangles,
    loop: DesignLoop,
    budget: Budget,
    name: str,
    saved: Snapshot | None,
    extra: Mapping[str, Any],
) -> tuple[dict[str, Any], Tensor]:
    """RP2's first stage, in rounds: paint what is kept of the face, keep what contributes most; stickers, paint."""
    task, kept = loop.task, extra.get("kept", {"kind": "poster"})
    check_fits(task.sign, px=task.px, min_side_mm=mask.min_side_mm, max_area_fraction=mask.max_area_fraction)
    rounds = mask.rounds()
    first = int(name.removeprefix("discover ")) if name.startswith("discover ") else 0
    theta: Tensor | None = None
    for number in range(first, len(rounds)):
        face = FullFace(
            task.sign,
            build_mask(kept, task.sign, px=task.px),
            loop.paint,
            px=task.px,
            device=task.device,
            palette=loop.palette,
            sparsity=mask.sparsity,
            ink=loop.ink,
        )
        stage = f"where {number + 1}/{len(rounds)}"
        run = loop.run(stage, face, budget.share((1.0 - _MOVING) / len(rounds)), stop_at=2.0)
        start = saved if number == first and saved else run.begin(loop.generator(-1), theta)
        theta = loop.follow(run, f"discover {number}", start, {"kept": kept}).theta
        area, stickers = rounds[number]
        saliency = attribution(face, theta, victim=task.victim, goal=task.goal, frames=task.train)
        found = discover_mask(
            _smoothed(saliency),
            task.sign,
            max_stickers=stickers,
            min_side_mm=mask.min_side_mm,
            max_area_fraction=area,
        )
        kept = found.config.model_dump(mode="json")
    assert theta is not None
    return _moved(mask, loop, kept, theta, budget)


def _moved(
    mask: DiscoverRectangles, loop: DesignLoop, kept: dict[str, Any], theta: Tensor, budget: Budget
) -> tuple[dict[str, Any], Tensor]:
    """The stickers after a run in which they move together with their paint."""
    moving = MovingStickers(
        loop.task.sign,
        Stickers.model_validate(kept),
        loop.paint,
        px=loop.task.px,
        device=loop.task.device,
        max_area_fraction=mask.max_area_fraction * 0.999,
        min_side_mm=mask.min_side_mm,
        ink=loop.ink,
    )
    run = loop.run("moving", moving, budget.share(_MOVING), stop_at=2.0)
    *_, done = run.snapshots(run.begin(loop.generator(-2), moving.joined(theta)))
    best = done.best_theta if done.best_theta is not None else done.theta
    return moving.stickers(best).model_dump(mode="json"), moving.paint_of(best)


def _smoothed(saliency: Tensor) -> Tensor:
    """Averages ``[P, P]`` over a neighborhood of 1/32 of the sign: neighbors' shares are noisy and of either sign."""
    width = max(1, saliency.shape[-1] // 64) * 2 + 1
    return F.avg_pool2d(saliency[None, None], width, stride=1, padding=width // 2)[0, 0].cpu()


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
