"""A texture that can be sampled at any scale without aliasing: an anisotropic mip map in one picture.

Every level halves one axis (Williams 1983, "Pyramidal parametrics", extended per axis: a rip map), so that a sign seen
at 60 degrees loses detail across but not along. All levels lie in one picture, the atlas, so that N views of one
texture, each at its own level, are a single call of ``grid_sample``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any

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


def _starts(px: int) -> list[tuple[int, int]]:
    """First texel and size of every level of an axis, in the atlas."""
    found, start = [], _GAP
    for size in level_sizes(px):
        found.append((start, size))
        start += size + _GAP
    return found


def _atlas_px(px: int) -> int:
    start, size = _starts(px)[-1]
    return start + size + _GAP


def _pyramid(planes: Tensor, px: int) -> None:
    """Fills in the levels of the last axis of ``planes [..., A]`` from its first level, in place."""
    levels = [planes.narrow(-1, start, size) for start, size in _starts(px)]
    for fine, coarse in pairwise(levels):
        if fine.shape[-1] % 2:
            coarse.copy_(fine @ _averaging(fine.shape[-1], fine.dtype, fine.device).T)
        else:
            torch.add(fine[..., 0::2], fine[..., 1::2], out=coarse)
            coarse.mul_(0.5)


def _collapse(planes: Tensor, px: int) -> Tensor:
    """The adjoint of :func:`_pyramid`: what all levels of ``planes [..., A]`` add up to on the first; in place."""
    levels = [planes.narrow(-1, start, size) for start, size in _starts(px)]
    for coarse, fine in pairwise(reversed(levels)):
        if fine.shape[-1] % 2:
            fine.add_(coarse @ _averaging(fine.shape[-1], fine.dtype, fine.device))
        else:
            fine[..., 0::2].add_(coarse, alpha=0.5)
            fine[..., 1::2].add_(coarse, alpha=0.5)
    return levels[0]


class _Atlas(torch.autograd.Function):
    """All levels in one picture; written out, since autograd keeps and clears a picture for every slice."""

    @staticmethod
    def forward(ctx: Any, texture: Tensor) -> Tensor:
        px = ctx.px = texture.shape[-1]
        side = _atlas_px(px)
        atlas = texture.new_zeros(len(texture), side, side)
        band = atlas[:, _GAP : _GAP + px]
        band[..., _GAP : _GAP + px] = texture
        _pyramid(band, px)
        _pyramid(atlas.mT, px)
        return atlas

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        rows = _collapse(gradient.clone().mT, ctx.px).mT
        return _collapse(rows, ctx.px).contiguous()


def build_atlas(texture: Tensor) -> Tensor:
    """``[C, P, P]`` to the atlas ``[C, A, A]`` of all its levels, differentiable."""
    atlas: Tensor = _Atlas.apply(texture)
    return atlas


@dataclass(frozen=True, eq=False)
class Sampling:
    """Where N views of a texture look into its atlas: ``planes [2, N, H, W]``, x and y as ``grid_sample`` counts."""

    planes: Tensor

    def __call__(self, atlas: Tensor) -> Tensor:
        """Bilinear samples ``[N, C, H, W]`` of ``atlas [C, A, A]``; outside of the texture is 0."""
        _, count, height, width = self.planes.shape
        if not (torch.is_grad_enabled() and atlas.requires_grad):
            return _sampled(atlas.expand(count, -1, -1, -1), self.planes)
        # the gradient of an expanded atlas would be as many atlases as views, and grid_sample works in parallel over
        # the batch alone: so as many strips of views as there are threads share the one texture
        strips = min(count, torch.get_num_threads()) if atlas.device.type == "cpu" else 1
        while count % strips:
            strips -= 1
        flat = _sampled(atlas.expand(strips, -1, -1, -1), self.planes.reshape(2, strips, -1, width))
        tiles = flat.reshape(strips, atlas.shape[0], count // strips, height, width)
        return tiles.transpose(1, 2).reshape(count, atlas.shape[0], height, width)

    def listed(self, atlas: Tensor, samples: Tensor) -> Tensor:
        """Bilinear samples ``[C, M]`` at the views' samples of these numbers ``[M]`` alone."""
        strips = torch.get_num_threads() if atlas.device.type == "cpu" else 1
        filled = F.pad(samples, (0, -len(samples) % strips))
        planes = self.planes.flatten(1)[:, filled].reshape(2, strips, 1, -1)
        found = _sampled(atlas.expand(strips, -1, -1, -1), planes)
        return found.transpose(0, 1).reshape(len(atlas), -1)[:, : len(samples)]


def _sampled(pictures: Tensor, planes: Tensor) -> Tensor:
    grid = planes.permute(1, 2, 3, 0)
    return F.grid_sample(pictures, grid, mode="bilinear", padding_mode="zeros", align_corners=False)


@dataclass(frozen=True, eq=False)
class Level:
    """The level of an atlas's axis that suits each of N views, ``[N]`` each, float64.

    A texture coordinate c in [0,1] lies at ``c * scale + shift`` of ``grid_sample``'s [-1,1], no further than ``low``
    and ``high``, where the gap of zeros around the level begins.
    """

    scale: Tensor
    shift: Tensor
    low: Tensor
    high: Tensor


def level(footprint: Tensor, *, px: int) -> Level:
    """The level for samples that cover ``footprint [N]`` of an axis of ``px`` texels."""
    footprint = footprint.double()
    start_table, size_table = torch.tensor(_starts(px), dtype=torch.float64, device=footprint.device).T
    # a footprint of up to 1.72 texels is left to the bilinear filter: over an octave of footprints texel and
    # filter are then as wide in the mean as an anti-aliased resize (measured against 16 x 16 samples a sample)
    wanted = torch.ceil(torch.log2((footprint * px).clamp(min=1e-6)) - 0.78)
    index = wanted.clamp(0, len(size_table) - 1).long()
    size, start = size_table[index], start_table[index]
    unit = 2.0 / _atlas_px(px)
    return Level(
        scale=size * unit,
        shift=start * unit - 1.0,
        low=(start - 0.5) * unit - 1.0,
        high=(start + size + 0.5) * unit - 1.0,
    )


def place(x: Tensor, y: Tensor, footprint_x: Tensor, footprint_y: Tensor, *, px: int) -> Sampling:
    """Sampling positions for texture coordinates in [0,1].

    Args:
        x, y: ``[N, H, W]``, 0 and 1 are the texture's edges.
        footprint_x, footprint_y: ``[N]``, how much of the texture's width and height one sample covers.
        px: the texture's size in texels.
    """

    def along(coordinate: Tensor, footprint: Tensor) -> Tensor:
        axis = level(footprint, px=px)
        scale, shift, low, high = (
            value.to(x.dtype)[:, None, None] for value in (axis.scale, axis.shift, axis.low, axis.high)
        )
        return torch.clamp(torch.addcmul(shift, coordinate, scale), low, high)

    return Sampling(torch.stack([along(x, footprint_x), along(y, footprint_y)]))
