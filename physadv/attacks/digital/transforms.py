"""Small random transforms of pictures, under which a sticker has to hold where no scene shows it."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

_SHIFT, _SCALE, _TURN_DEG, _BRIGHTNESS = 0.04, 0.05, 5.0, 0.2
"""Bounds of the transforms: of the side, of the size, degrees, of the brightness; evenly distributed both ways."""


def transformed(pictures: Tensor, drawn: Tensor) -> Tensor:
    """Pictures ``[M, 3, H, W]``, shifted, scaled, turned and brightened in each of T ways: ``[T, M, 3, H, W]``.

    Beyond a picture's edge its edge goes on.

    Args:
        pictures: in [0,1].
        drawn: amounts ``[T, 5]`` from -1 to 1 of the bounds: to the right, down, in size, in angle, in brightness.
    """
    right, down, scale, turn, light = drawn.to(pictures).unbind(1)
    height, width = pictures.shape[-2:]
    angle = math.radians(_TURN_DEG) * turn
    cosine, sine = (1.0 + _SCALE * scale) * angle.cos(), (1.0 + _SCALE * scale) * angle.sin()
    across = torch.stack([cosine, -sine * height / width, 2.0 * _SHIFT * right], dim=1)
    along = torch.stack([sine * width / height, cosine, 2.0 * _SHIFT * down], dim=1)
    every = pictures.expand(len(drawn), *pictures.shape).flatten(0, 1)
    matrices = torch.stack([across, along], dim=1).repeat_interleave(len(pictures), dim=0)
    if not len(every):
        return pictures.new_zeros(len(drawn), *pictures.shape)
    grid = F.affine_grid(matrices, list(every.shape), align_corners=False)
    moved = F.grid_sample(every, grid, padding_mode="border", align_corners=False)
    lit = moved.reshape(len(drawn), *pictures.shape) * (1.0 + _BRIGHTNESS * light)[:, None, None, None, None]
    return lit.clamp(0.0, 1.0)
