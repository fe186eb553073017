"""Shadow attack: the shadow of a polygon, which is light and no paint."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from kornia.color import lab_to_rgb, rgb_to_lab
from pydantic import Field
from torch import Tensor

from physadv.attacks.digital.attack import ATTACKS, Attack, Knowledge
from physadv.attacks.digital.changes import Change
from physadv.attacks.digital.evolution import evolved
from physadv.attacks.digital.problem import Problem
from physadv.core.limits import MAX_COUNT, MAX_QUERIES

_FINE = 3
"""Samples of a pixel's area, along either side."""


class PolygonShadow(Change):
    """The shadow of a polygon: ``theta [B, n, 2]`` in [0,1] are its corners, across and down, as shares of the picture.

    Inside it the lightness L* of CIELAB is a share of what it was, the color's a* and b* stay (Zhong et al. 2022,
    section 3.2). A polygon that crosses itself is dark where an odd number of its parts lie on each other.

    Args:
        corners: of the polygon.
        strength: share of the lightness that is left.
        within: where the shadow may fall: all over the picture, or on the ellipse inscribed in it, where the sign is.
    """

    def __init__(self, corners: int, strength: float, within: Literal["picture", "ellipse"]) -> None:
        self.corners, self.strength, self.within = corners, strength, within

    def begin(self, pictures: Tensor, generator: torch.Generator | None) -> Tensor:
        """Corners spread evenly; without a generator all of them in the middle, which is no shadow."""
        shape = (len(pictures), self.corners, 2)
        if generator is None:
            return pictures.new_full(shape, 0.5)
        return torch.rand(shape, generator=generator).to(pictures)

    def apply(self, pictures: Tensor, theta: Tensor) -> Tensor:
        """The pictures in this shadow."""
        lab = rgb_to_lab(pictures)
        dark = lab_to_rgb(torch.cat([lab[:, :1] * self.strength, lab[:, 1:]], dim=1)).clamp(0.0, 1.0)
        return torch.lerp(pictures, dark, self.shade(pictures, theta))

    def project(self, pictures: Tensor, theta: Tensor) -> Tensor:
        """Corners in the picture."""
        return theta.clamp(0.0, 1.0)

    def shade(self, pictures: Tensor, theta: Tensor) -> Tensor:
        """How much of each pixel lies in the shadow, ``[B, 1, H, W]``."""
        height, width = pictures.shape[-2:]
        down, across = (
            (torch.arange(size * _FINE, dtype=theta.dtype, device=theta.device) + 0.5) / (size * _FINE)
            for size in (height, width)
        )
        inside = _inside(theta, across[None, :], down[:, None])
        if self.within == "ellipse":
            inside = inside & ((across[None, :] - 0.5) ** 2 + (down[:, None] - 0.5) ** 2 <= 0.25)
        return torch.nn.functional.avg_pool2d(inside[:, None].to(pictures), _FINE)


def _inside(corners: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Which points lie in polygons ``[B, n, 2]``, bool ``[B, Y, X]``: a ray from there meets an odd number of sides."""
    inside = torch.zeros(len(corners), y.shape[0], x.shape[1], dtype=torch.bool, device=corners.device)
    for start, end in zip(corners.unbind(1), corners.roll(-1, 1).unbind(1), strict=True):
        (x1, y1), (x2, y2) = (point[:, :, None, None].unbind(1) for point in (start, end))
        rise = torch.where(y2 == y1, 1.0, y2 - y1)
        crosses = ((y1 > y) != (y2 > y)) & (x < x1 + (x2 - x1) * (y - y1) / rise)
        inside ^= crosses
    return inside


@ATTACKS.register("shadow")
class Shadow(Attack):
    """Shadow attack: the corners of a triangle's shadow, by differential evolution.

    The paper searches by particle swarm. Through scenes the shadow dims paint and sheeting alike.
    """

    kind: Literal["shadow"] = "shadow"
    paper: ClassVar[str] = "Zhong et al. 2022, arXiv:2203.03818"
    knowledge: ClassVar[Knowledge] = "scores"
    printed: ClassVar[bool] = False
    corners: int = Field(default=3, ge=3, le=100)
    strength: float = Field(default=0.43, gt=0, le=1)
    """Share of the lightness that the shadow leaves, k; 0.43 is the mean of photographed shadows (section 3.2)."""
    within: Literal["picture", "ellipse"] = "ellipse"
    """Where it may fall; the ellipse that touches the picture's sides is where a sign is."""
    population: int = Field(default=20, ge=4, le=MAX_COUNT)
    max_queries: int = Field(default=1000, ge=1, le=MAX_QUERIES)

    def change(self) -> Change:
        """A polygon's shadow."""
        return PolygonShadow(self.corners, self.strength, self.within)

    def search(self, problem: Problem, generator: torch.Generator) -> Tensor:
        """The best shadow of every picture; those that have won ask no more."""
        return evolved(problem, self.population, max_queries=self.max_queries, generator=generator)
