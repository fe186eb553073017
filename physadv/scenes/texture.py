"""A texture that can be sampled at any scale without aliasing: an anisotropic mip map in one picture.

Every level halves one axis (Williams 1983, "Pyramidal parametrics", extended per axis: a rip map), so that a sign seen
at 60 degrees loses detail across but not along. All levels lie in one picture, the atlas, so that N views of one
texture, each at its own level, are a single call of ``grid_sample``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional as F

_GAP = 2
_SMALLEST = 4


def level_sizes(px: int) -> tuple[int, ...]:
    """Sizes in texels of the levels of an axis of ``px`` texels."""
    sizes = [px]
    while sizes[-1] // 2 >= _SMALLEST:
        sizes.append(sizes[-1] // 2)
    return tuple(sizes)


@lru_cache(maxsize=32)
def _averaging(px: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Matrix ``[px // 2, px]`` for an odd ``px``: every row averages the texels that it covers."""
    step = px / (px // 2)
    low = torch.arange(px // 2, dtype=torch.float64)[:, None] * step
    edges = torch.arange(px, dtype=torch.float64).expand(px // 2, -1)
    cover = torch.minimum(edges + 1, low + step) - torch.maximum(edges, low)
    return (cover.clamp(min=0.0) / step).to(device=device, dtype=dtype)


def _halve(level: Tensor, axis: int) -> Tensor:
    px = level.shape[axis]
    if px % 2:
        average = _averaging(px, level.dtype, level.device)
        return level @ average.T if axis == -1 else average @ level
    if axis == -1:
        return (level[..., 0::2] + level[..., 1::2]) * 0.5
    return (level[..., 0::2, :] + level[..., 1::2, :]) * 0.5


def _with_levels(texture: Tensor, axis: int) -> Tensor:
    """All levels of one axis in a row, with gaps of zeros before, between and after them."""
    shape = list(texture.shape)
    shape[axis] = _GAP
    gap = texture.new_zeros(shape)
    parts, level = [gap, texture, gap], texture
    for _ in level_sizes(texture.shape[axis])[1:]:
        level = _halve(level, axis)
        parts += [level, gap]
    return torch.cat(parts, dim=axis)


def build_atlas(texture: Tensor) -> Tensor:
    """``[C, P, P]`` to the atlas ``[C, A, A]`` of all its levels, differentiable."""
    return _with_levels(_with_levels(texture, -1), -2)


@dataclass(frozen=True, eq=False)
class Sampling:
    """Where N views of a texture look into its atlas: ``grid [N, H, W, 2]`` for ``grid_sample``."""

    grid: Tensor

    def __call__(self, atlas: Tensor) -> Tensor:
        """Bilinear samples ``[N, C, H, W]`` of ``atlas [C, A, A]``; outside of the texture is 0."""
        count, height, width, _ = self.grid.shape
        # grid_sample works in parallel over the batch alone: as many strips as threads share the one texture
        strips = min(count, torch.get_num_threads()) if atlas.device.type == "cpu" else 1
        while count % strips:
            strips -= 1
        grid = self.grid.reshape(strips, -1, width, 2)
        flat = F.grid_sample(
            atlas.expand(strips, -1, -1, -1), grid, mode="bilinear", padding_mode="zeros", align_corners=False
        )
        tiles = flat.reshape(strips, atlas.shape[0], count // strips, height, width)
        return tiles.transpose(1, 2).reshape(count, atlas.shape[0], height, width)


def place(x: Tensor, y: Tensor, footprint_x: Tensor, footprint_y: Tensor, *, px: int) -> Sampling:
    """Sampling positions for texture coordinates in [0,1].

    Args:
        x, y: ``[N, H, W]``, 0 and 1 are the texture's edges.
        footprint_x, footprint_y: ``[N]``, how much of the texture's width and height one sample covers.
        px: the texture's size in texels.
    """
    sizes = level_sizes(px)
    total = sum(sizes) + _GAP * (len(sizes) + 1)
    size_table = torch.tensor(sizes, dtype=x.dtype, device=x.device)
    starts = torch.tensor([_GAP * (i + 1) + sum(sizes[:i]) for i in range(len(sizes))], dtype=x.dtype, device=x.device)

    def along(coordinate: Tensor, footprint: Tensor) -> Tensor:
        # a footprint of up to 1.72 texels is left to the bilinear filter: over an octave of footprints texel and
        # filter are then as wide in the mean as an anti-aliased resize (measured against 16 x 16 samples a sample)
        level = torch.ceil(torch.log2((footprint * px).clamp(min=1e-6)) - 0.78)
        index = level.clamp(0, len(sizes) - 1).long()
        size, start = size_table[index][:, None, None], starts[index][:, None, None]
        texel = torch.clamp(coordinate * size, min=torch.tensor(-0.5, dtype=x.dtype, device=x.device), max=size + 0.5)
        return (texel + start) * (2.0 / total) - 1.0

    return Sampling(torch.stack([along(x, footprint_x), along(y, footprint_y)], dim=-1))
