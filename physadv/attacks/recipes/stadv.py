"""stAdv: pixels move instead of changing their color."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from physadv.attacks.digital.attack import ATTACKS, Attack
from physadv.attacks.digital.changes import Change
from physadv.attacks.digital.descent import descend
from physadv.attacks.digital.problem import Problem
from physadv.attacks.digital.views import View
from physadv.attacks.losses import Loss, lead
from physadv.attacks.search_kinds.adam import Adam
from physadv.core.limits import MAX_STEPS
from physadv.goals import Goal
from physadv.victims import Reading, Victim

_ROUND = 1e-12
"""Squared pixels under the roots of the smoothness, so that they have a slope where the flow is even."""


class Flow(Change):
    """A displacement of every pixel, ``theta [B, 2, H, W]``: right and down, in pixels.

    The changed picture takes at a pixel what the picture has at that pixel plus its displacement, interpolated
    bilinearly; beyond the border, the border's own color (Xiao et al. 2018, section 3.2).

    Args:
        smoothness: weight of the smoothness in the penalty.
        max_px: longest displacement; None: any.
    """

    def __init__(self, smoothness: float, max_px: float | None = None) -> None:
        self.smoothness, self.max_px = smoothness, max_px

    def begin(self, pictures: Tensor, generator: torch.Generator | None) -> Tensor:
        """No displacement, or displacements spread evenly over a disc, of 1 px where they have no limit."""
        count, _, height, width = pictures.shape
        if generator is None:
            return pictures.new_zeros(count, 2, height, width)
        angle = torch.rand(count, height, width, generator=generator) * (2.0 * torch.pi)
        radius = torch.rand(count, height, width, generator=generator).sqrt()
        start = torch.stack([radius * angle.cos(), radius * angle.sin()], dim=1)
        return self.project(pictures, start.to(pictures) * (1.0 if self.max_px is None else self.max_px))

    def apply(self, pictures: Tensor, theta: Tensor) -> Tensor:
        """The pictures, displaced."""
        height, width = pictures.shape[-2:]
        columns = torch.arange(width, dtype=theta.dtype, device=theta.device)
        rows = torch.arange(height, dtype=theta.dtype, device=theta.device)[:, None]
        x = (2.0 * (columns + theta[:, 0]) + 1.0) / width - 1.0
        y = (2.0 * (rows + theta[:, 1]) + 1.0) / height - 1.0
        grid = torch.stack([x, y], dim=-1)
        return F.grid_sample(pictures, grid, mode="bilinear", padding_mode="border", align_corners=False)

    def project(self, pictures: Tensor, theta: Tensor) -> Tensor:
        """Displacements that are too long, shortened."""
        if self.max_px is None:
            return theta
        length = theta.norm(dim=1, keepdim=True)
        shortened: Tensor = theta * (self.max_px / length.clamp(min=1e-12)).clamp(max=1.0)
        return shortened

    def penalty(self, theta: Tensor) -> Tensor:
        """Weighted unevenness ``[B]``."""
        return self.smoothness * unevenness(theta)


def unevenness(flow: Tensor) -> Tensor:
    """How far displacements differ from those of their four neighbors, summed over all pixels, ``[B]``, in pixels.

    Args:
        flow: ``[B, 2, H, W]``.

    Source: Xiao et al. 2018, eq. 4; a pair of neighbors counts twice, once from either side.
    """
    down = (flow[:, :, 1:] - flow[:, :, :-1]).square().sum(1)
    right = (flow[:, :, :, 1:] - flow[:, :, :, :-1]).square().sum(1)
    steps = torch.cat([down.flatten(1), right.flatten(1)], dim=1)
    total: Tensor = 2.0 * ((steps + _ROUND).sqrt() - _ROUND**0.5).sum(1)
    return total


def lead_above(confidence: float) -> Loss:
    """Lead of the class that has to lose, in logits, no lower than ``-confidence`` (Xiao et al. 2018, eq. 3)."""

    def loss(reading: Reading, goal: Goal) -> Tensor:
        return lead(reading, goal).clamp(min=-confidence)

    return loss


@ATTACKS.register("stadv")
class StAdv(Attack):
    """Spatially transformed examples: a smooth flow of the picture's own pixels.

    Loss, smoothness and their weight are the paper's. Its L-BFGS with a line search is Adam here, which needs one look
    a step, takes every picture of a batch along its own path, and works through scenes whose conditions change from
    step to step. Of all flows that win, the smoothest is kept.
    """

    kind: Literal["stadv"] = "stadv"
    paper: ClassVar[str] = "Xiao et al. 2018, arXiv:1801.02612"
    loss: ClassVar[str] = "margin"
    steps: int = Field(default=200, ge=1, le=MAX_STEPS)
    learning_rate: float = Field(default=1.0, gt=0)
    """First step of Adam, in pixels; it decays."""
    tau: float = Field(default=0.05, ge=0)
    """Weight of the flow's unevenness, in logits per pixel (the paper's section 4.1)."""
    confidence: float = Field(default=0.0, ge=0)
    """Lead, in logits, from which on only the flow's smoothness counts."""
    max_px: float | None = Field(default=None, gt=0)
    """Longest displacement of a pixel, in pixels; any if not given, as in the paper."""

    def change(self) -> Change:
        """A flow."""
        return Flow(self.tau, self.max_px)

    def problem(self, victim: Victim, view: View, goal: Goal) -> Problem:
        """With the lead down to the confidence alone as the loss."""
        return Problem(victim, view, self.change(), goal, lead_above(self.confidence))

    def search(self, problem: Problem, generator: torch.Generator) -> Tensor:
        """The smoothest flow that wins, from no flow at all."""
        return descend(problem, problem.begin(None), Adam(learning_rate=self.learning_rate), steps=self.steps)
