"""Rectangular occlusion: an opaque rectangle of any colors, where it hurts most."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from physadv.attacks.digital.attack import ATTACKS, Attack
from physadv.attacks.digital.changes import GRAY, Change, Covered
from physadv.attacks.digital.descent import Steepest, descend
from physadv.attacks.digital.problem import Problem
from physadv.attacks.digital.queries import scores
from physadv.attacks.digital.sizes import Step
from physadv.core.limits import MAX_COUNT, MAX_STEPS


@ATTACKS.register("rectangle-occlusion")
class RectangleOcclusion(Attack):
    """Rectangular occlusion attack (ROA): a rectangle, placed by search and painted by projected gradient steps.

    A gray rectangle is tried at the places of a grid: at all of them (exhaustive), or at those of the largest gradient
    under the rectangle (guided). The place of the largest loss is painted by sign steps from gray (sections 4.1, 4.2).
    More than one rectangle (the paper has one) are placed one after another, each beside those before it.
    """

    kind: Literal["rectangle-occlusion"] = "rectangle-occlusion"
    paper: ClassVar[str] = "Wu et al. 2020, arXiv:1909.09552"
    height: float = Field(default=0.22, gt=0, le=1)
    """Of the rectangle, as a share of the picture's."""
    width: float = Field(default=0.22, gt=0, le=1)
    stride: float = Field(default=0.07, gt=0, le=1)
    """Distance of the grid's places, as a share of the picture's side."""
    location: Literal["exhaustive", "guided"] = "guided"
    candidates: int = Field(default=10, ge=1, le=MAX_COUNT)
    """With ``guided``, places that are tried."""
    rectangles: int = Field(default=1, ge=1, le=100)
    steps: int = Field(default=20, ge=0, le=MAX_STEPS)
    """Of painting; 0: they stay gray."""
    step_size: Step | None = None
    """Of a color; 2.5 / 2 / steps if not given, so that every color can be reached from gray."""

    def change(self) -> Change:
        """Paint somewhere."""
        return Covered()

    def search(self, problem: Problem, generator: torch.Generator) -> Tensor:
        """The best of the iterates at the chosen place."""
        theta = problem.begin(None)
        for number in range(self.rectangles):
            theta[:, 3:] = self.place(problem, theta, step=number)
        if not self.steps:
            return theta
        search = Steepest(step_size=self.step_size or 2.5 * GRAY / self.steps)
        return descend(problem, theta, search, steps=self.steps, first=self.rectangles)

    def place(self, problem: Problem, theta: Tensor, *, step: int) -> Tensor:
        """Where paint lies with one more rectangle on each picture, ``[B, 1, H, W]``."""
        masks = self.masks(problem.pictures)
        count = len(problem)
        tried = torch.arange(len(masks), device=masks.device).expand(count, -1)
        if self.location == "guided" and self.candidates < len(masks):
            tried = self._steep(problem, theta, step).topk(self.candidates, dim=1).indices
        each = tried.shape[1]
        more = theta.repeat_interleave(each, dim=0)
        more[:, 3:] = torch.maximum(more[:, 3:], masks[tried.reshape(-1)])
        loss, _ = scores(problem, more, problem.rows.repeat_interleave(each), step=step)
        best = loss.reshape(count, each).argmin(1, keepdim=True)
        return torch.maximum(theta[:, 3:], masks[tried.gather(1, best)[:, 0]])

    def masks(self, pictures: Tensor) -> Tensor:
        """The rectangle at every place of the grid, ``[M, 1, H, W]``, rows first."""
        downs, rights = (
            _spans(size, share, self.stride)
            for size, share in zip(pictures.shape[-2:], (self.height, self.width), strict=True)
        )
        grid = downs[:, None, :, None] & rights[None, :, None, :]
        return grid.flatten(0, 1)[:, None].to(pictures)

    def _steep(self, problem: Problem, theta: Tensor, step: int) -> Tensor:
        """Squared gradient of the loss under every rectangle, ``[B, M]``.

        It is that of paint all over the picture, in the picture's own colors where no rectangle lies yet.
        """
        now = problem.changed(theta)
        _, _, gradient = problem.gradient(torch.cat([now, torch.ones_like(now[:, :1])], dim=1), step=step)
        energy = gradient[:, :3].square().sum(1, keepdim=True)
        size = [
            max(1, round(share * side))
            for share, side in zip((self.height, self.width), energy.shape[-2:], strict=True)
        ]
        under = F.avg_pool2d(energy, size, stride=1)[:, 0]
        downs, rights = (
            _starts(side, share, self.stride).to(under.device)
            for side, share in zip(energy.shape[-2:], (self.height, self.width), strict=True)
        )
        return under[:, downs][:, :, rights].flatten(1)


def _starts(size: int, share: float, stride: float) -> Tensor:
    """First pixels of an extent's places along a side of ``size`` pixels, the last place included."""
    last = size - max(1, round(share * size))
    step = max(1, round(stride * size))
    return torch.tensor(sorted({*range(0, last + 1, step), last}))


def _spans(size: int, share: float, stride: float) -> Tensor:
    """Which pixels each place covers, bool ``[places, size]``."""
    index = torch.arange(size) - _starts(size, share, stride)[:, None]
    return (index >= 0) & (index < max(1, round(share * size)))
