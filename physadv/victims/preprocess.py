"""From ``[N, 3, H, W]`` RGB in [0,1] to what a network was trained on; differentiable throughout."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn import functional as F

from physadv.core.config import Config

Pixels = Annotated[int, Field(ge=1, le=4096)]
LUMA_601 = (0.299, 0.587, 0.114)
"""Weights of R, G, B in luma (ITU-R BT.601-7, section 2.5.1), as OpenCV and Pillow have them."""
LEVELS = 256

Box = Literal["squash", "square", "either"]
"""How the box that a detector finds, of any shape, becomes the picture that a victim is shown: squashed to it, widened
to a square first, or now one and now the other."""


class InputConfig(Config):
    """What a network takes; applied in this order: resize, equalize, gray, channels, scale, mean and std, layout."""

    size: Pixels | tuple[Pixels, Pixels]
    """Side, or height and width, in pixels."""
    interpolation: Literal["bilinear", "bicubic", "area", "nearest"] = "bilinear"
    """How pictures of another size are resized; bilinear and bicubic are anti-aliased, as Pillow's are."""
    box: Box = "squash"
    """How boxes of another shape are cut out: as the network was trained. Squashed, as GTSRB's and LISA's crops are by
    nearly everyone who reads them; ``either`` for a network that was shown both: each frame's conditions decide."""
    equalize: bool = False
    """Histogram equalization of the luma."""
    grayscale: bool = False
    """One channel, the luma, in place of three."""
    channels: Literal["rgb", "bgr"] = "rgb"
    scale: Literal[1, 255] = 1
    """The value of white."""
    mean: tuple[float, ...] = ()
    """Subtracted, one for all channels or one each, in units of ``scale``."""
    std: tuple[Annotated[float, Field(gt=0)], ...] = ()
    """Divided by, likewise."""
    layout: Literal["nchw", "nhwc"] = "nchw"

    @model_validator(mode="before")
    @classmethod
    def _lists(cls, data: object) -> object:
        """A plain number stands for all channels."""
        if not isinstance(data, dict):
            return data
        numbers = {key: (data[key],) for key in ("mean", "std") if isinstance(data.get(key), (int, float))}
        return {**data, **numbers}

    @model_validator(mode="after")
    def _one_each(self) -> InputConfig:
        for key, values in (("mean", self.mean), ("std", self.std)):
            if len(values) not in {0, 1, self.channel_count}:
                raise ValueError(f"{key} has {len(values)} values; expected 1 or {self.channel_count}")
        return self

    @property
    def height_width(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return (self.size, self.size) if isinstance(self.size, int) else self.size

    @property
    def channel_count(self) -> int:
        """1 or 3."""
        return 1 if self.grayscale else 3


class Preprocess(nn.Module):
    """Applies an :class:`InputConfig`: ``[N, 3, H, W]`` RGB in [0,1] to what the network takes."""

    mean: Tensor
    std: Tensor

    def __init__(self, config: InputConfig) -> None:
        super().__init__()
        self.config = config
        self.register_buffer("mean", torch.tensor(config.mean or (0.0,)).view(-1, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(config.std or (1.0,)).view(-1, 1, 1), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """``[N, C, h, w]``, or ``[N, h, w, C]`` where the layout says so."""
        config = self.config
        images = resize(images, config.height_width, interpolation=config.interpolation)
        if config.equalize:
            images = equalize(images)
        if config.grayscale:
            images = luma(images)
        elif config.channels == "bgr":
            images = images.flip(1)
        if config.scale != 1:
            images = images * config.scale
        if config.mean:
            images = images - self.mean
        if config.std:
            images = images / self.std
        return images.permute(0, 2, 3, 1).contiguous() if config.layout == "nhwc" else images


def resize(images: Tensor, size: tuple[int, int], *, interpolation: str = "bilinear") -> Tensor:
    """``images`` ``[N, C, H, W]`` at another size, in [0,1]; the very same tensor where the size is right already."""
    if tuple(images.shape[2:]) == size:
        return images
    if interpolation in {"area", "nearest"}:
        return F.interpolate(images, size=size, mode="area" if interpolation == "area" else "nearest-exact")
    smooth = F.interpolate(images, size=size, mode=interpolation, align_corners=False, antialias=True)
    return smooth.clamp(0.0, 1.0) if interpolation == "bicubic" else smooth


def luma(images: Tensor) -> Tensor:
    """``[N, 3, H, W]`` RGB to ``[N, 1, H, W]`` (ITU-R BT.601)."""
    return (images * images.new_tensor(LUMA_601).view(3, 1, 1)).sum(1, keepdim=True)


def equalize(images: Tensor) -> Tensor:
    """Histogram equalization of the luma of ``[N, 3, H, W]``, chroma kept, in 256 levels.

    A step function has no useful gradient: backwards it counts as the identity (the straight-through estimator of
    Bengio et al. 2013, arXiv:1308.3432).
    """
    gray = luma(images)
    with torch.no_grad():
        change = _equalized(gray) - gray
    return (images + change).clamp(0.0, 1.0)


def _equalized(gray: Tensor) -> Tensor:
    """Every level's share of the picture's pixels at or below it, the lowest level's being 0; flat pictures stay."""
    level = (gray.clamp(0.0, 1.0) * (LEVELS - 1)).round().long().flatten(1)
    histogram = gray.new_zeros(len(gray), LEVELS).scatter_add_(1, level, torch.ones_like(level, dtype=gray.dtype))
    below = histogram.cumsum(1)
    lowest = below.gather(1, level.amin(1, keepdim=True))
    rest = level.shape[1] - lowest
    table = (below - lowest) / rest.clamp(min=1.0)
    spread = table.gather(1, level).view_as(gray)
    return torch.where((rest > 0).view(-1, 1, 1, 1), spread, gray)
