"""Local gradient smoothing: regions of strong edges, where a patch may be, are darkened."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor
from torch.nn import functional as F

from physadv.core.limits import MAX_COUNT
from physadv.defenses.defense import DEFENSES, Adaptive, Purification

_TINY = 1e-12
_LUMA = (0.299, 0.587, 0.114)


@DEFENSES.register("gradient-smoothing")
class GradientSmoothing(Purification):
    """The picture is multiplied by 1 less the strength of its edges, in those blocks that have many.

    Edges are the norm of the first differences of the luma (ITU-R BT.601), scaled to [0,1] over the picture. A pixel in
    several blocks counts as theirs if one of them passes the threshold.

    Source: Naseer et al. 2019, with blocks of 15 pixels that overlap by 5, threshold 0.1 and smoothing 2.3
    on pictures of 299 pixels. The defaults here are for signs of 32 pixels, which are dense in edges: blocks
    of 5 that overlap by 2, and smoothing 1 (at 2.3 the shipped classifier reads 59 % of them instead of 88 %).
    """

    kind: Literal["gradient-smoothing"] = "gradient-smoothing"
    paper: ClassVar[str] = "Naseer et al. 2019, arXiv:1807.01216"
    adaptive: ClassVar[Adaptive] = "through"
    block: int = Field(default=5, ge=1, le=MAX_COUNT)
    """Side of a block in pixels."""
    overlap: int = Field(default=2, ge=0, le=MAX_COUNT)
    """Pixels that neighboring blocks share."""
    threshold: float = Field(default=0.1, ge=0, le=1)
    """Mean strength of the edges from which a block is smoothed."""
    smoothing: float = Field(default=1.0, ge=0)
    """Factor of the edges' strength."""

    @model_validator(mode="after")
    def _moves_on(self) -> GradientSmoothing:
        if self.overlap >= self.block:
            raise ValueError(f"overlap = {self.overlap}: should be smaller than block = {self.block}")
        return self

    @property
    def gradient_words(self) -> str:
        """What is a constant."""
        return "the gradient is exact, with the choice of the blocks held fixed"

    def clean(self, images: Tensor) -> Tensor:
        """The smoothed pictures."""
        edges = edge_strength(images)
        chosen = self.blocks(edges.detach())
        return images * (1.0 - (self.smoothing * edges * chosen).clamp(0.0, 1.0))

    def blocks(self, edges: Tensor) -> Tensor:
        """1 where a pixel lies in a block of many edges, else 0, of ``edges [N, 1, H, W]``."""
        height, width = edges.shape[-2:]
        step = self.block - self.overlap
        more = [max(self.block, side + (self.block - side) % step) - side for side in (height, width)]
        padded = F.pad(edges, (0, more[1], 0, more[0]))
        means = F.avg_pool2d(padded, self.block, step) * self._share(padded, height, width, step)
        passed = (means > self.threshold).to(edges.dtype)
        kernel = edges.new_ones(1, 1, self.block, self.block)
        covered = F.conv_transpose2d(passed, kernel, stride=step)
        return (covered[..., :height, :width] > 0.5).to(edges.dtype)

    def _share(self, padded: Tensor, height: int, width: int, step: int) -> Tensor:
        """What makes the mean over a block that one over its pixels within the picture."""
        inside = padded.new_zeros(1, 1, *padded.shape[-2:])
        inside[..., :height, :width] = 1.0
        return 1.0 / F.avg_pool2d(inside, self.block, step)


def edge_strength(images: Tensor) -> Tensor:
    """Norm of the first differences of the luma of ``images [N, 3, H, W]``, from 0 to 1 over each, ``[N, 1, H, W]``."""
    luma = (images * images.new_tensor(_LUMA)[:, None, None]).sum(1, keepdim=True)
    across = F.pad(luma, (0, 1, 0, 0), mode="replicate").diff(dim=3)
    down = F.pad(luma, (0, 0, 0, 1), mode="replicate").diff(dim=2)
    norm = torch.sqrt(across**2 + down**2 + _TINY)
    low, high = norm.amin((1, 2, 3), keepdim=True), norm.amax((1, 2, 3), keepdim=True)
    return (norm - low) / (high - low).clamp(min=_TINY**0.5)
