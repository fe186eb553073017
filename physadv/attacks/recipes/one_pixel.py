"""One-pixel attack: a few pixels of any colors, found by evolution."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from physadv.attacks.digital.attack import ATTACKS, Attack, Knowledge
from physadv.attacks.digital.changes import Change
from physadv.attacks.digital.evolution import evolved
from physadv.attacks.digital.problem import Problem
from physadv.core.limits import MAX_COUNT, MAX_QUERIES


class FewPixels(Change):
    """Pixels of other colors: ``theta [B, k, 5]`` in [0,1] is, of each, row and column as shares, and its color.

    Where two come to lie on one pixel, the later one is seen.

    Args:
        count: pixels.
    """

    def __init__(self, count: int) -> None:
        self.count = count

    def begin(self, pictures: Tensor, generator: torch.Generator | None) -> Tensor:
        """Places spread evenly, colors about the middle (Su et al. 2019, section 3.3); or no change at all."""
        batch = len(pictures)
        if generator is None:
            own = pictures[:, None, :, 0, 0].expand(-1, self.count, -1)
            return torch.cat([torch.zeros_like(own[..., :2]), own], dim=2)
        places = torch.rand(batch, self.count, 2, generator=generator)
        colors = 0.5 + 0.5 * torch.randn(batch, self.count, 3, generator=generator)
        return torch.cat([places, colors.clamp(0.0, 1.0)], dim=2).to(pictures)

    def apply(self, pictures: Tensor, theta: Tensor) -> Tensor:
        """The pictures with these pixels."""
        height, width = pictures.shape[-2:]
        rows = (theta[..., 0] * height).long().clamp(0, height - 1)
        columns = (theta[..., 1] * width).long().clamp(0, width - 1)
        flat = pictures.flatten(2)
        for index, color in zip((rows * width + columns).unbind(1), theta[..., 2:].unbind(1), strict=True):
            flat = flat.scatter(2, index[:, None, None].expand(-1, 3, 1), color[..., None])
        return flat.reshape(pictures.shape)

    def project(self, pictures: Tensor, theta: Tensor) -> Tensor:
        """Into [0,1]."""
        return theta.clamp(0.0, 1.0)


@ATTACKS.register("one-pixel")
class OnePixel(Attack):
    """One-pixel attack: differential evolution of places and colors, by the probability of the class.

    Weight 0.5 and no crossover, as in the paper. scipy's differential evolution minds one population; here each picture
    has its own, and all of them are asked about at once.
    """

    kind: Literal["one-pixel"] = "one-pixel"
    paper: ClassVar[str] = "Su et al. 2019, arXiv:1710.08864"
    knowledge: ClassVar[Knowledge] = "scores"
    pixels: int = Field(default=1, ge=1, le=MAX_COUNT)
    population: int = Field(default=100, ge=4, le=MAX_COUNT)
    """400 in the paper, over 100 generations."""
    max_queries: int = Field(default=5000, ge=1, le=MAX_QUERIES)

    def change(self) -> Change:
        """A few pixels."""
        return FewPixels(self.pixels)

    def search(self, problem: Problem, generator: torch.Generator) -> Tensor:
        """The best pixels of every picture; those that have won ask no more."""
        return evolved(problem, self.population, max_queries=self.max_queries, generator=generator)
