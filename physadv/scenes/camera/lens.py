"""What the lens and the open shutter make of linear light: blur along both axes, as a pair of small matrix products."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

_PIXEL_BLUR = 0.45
"""Standard deviation in pixels of a sharp lens on a sensor with an anti-alias filter; no picture is sharper."""
_TAPS = 3
"""Moments of the shutter that a long streak is made of."""
_SHARP_STREAK = 0.5
"""Streaks of fewer samples are a Gaussian to the eye: one moment is enough."""
_SHARP = 0.25
"""A Gaussian of this deviation in samples gives the next sample 1/3000: less than an 8-bit picture shows."""
_CUT = -16.0


def _gaussians(size: int, center: Tensor, variance: Tensor) -> Tensor:
    """Gaussian blur along an axis of ``size`` samples, moved by ``center [M]``; ``[M, size, size]``, rows sum to 1."""
    position = torch.arange(size, dtype=variance.dtype, device=variance.device)
    distance = (position[:, None] - position) + center[:, None, None]
    exponent = distance.square_().mul_((-0.5 / variance.clamp(min=1e-4))[:, None, None])
    # cut at exp(-16), which no 8-bit picture shows: denormal numbers would slow every product that follows
    weight = exponent.clamp_(min=_CUT).exp_().sub_(math.exp(_CUT)).clamp_(min=0.0)
    return weight.div_(weight.sum(-1, keepdim=True).clamp_(min=1e-12))


def _moments(deviation_px: Tensor, streak_px: Tensor, taps: int) -> tuple[Tensor, Tensor]:
    """Centers and variances ``[N, taps]`` of Gaussians that add up to a lens blur and a streak.

    Gaussians half as wide as they are apart add up to an even streak without ghosts; with this spacing their sum has
    the variance of a box of the streak's length, length^2 / 12.
    """
    spacing = streak_px / math.sqrt(taps**2 + 2.0)
    moment = torch.arange(taps, dtype=spacing.dtype, device=spacing.device) - (taps - 1) / 2.0
    variance = deviation_px**2 + spacing**2 / 4.0
    return spacing[:, None] * moment, variance[:, None].expand(-1, taps)


def blur_matrices(size: int, deviation_px: Tensor, streak_px: Tensor, *, taps: int) -> Tensor:
    """Gaussian blur along one axis at ``taps`` moments of the shutter, ``[N, taps, size, size]``, rows sum to 1.

    Args:
        deviation_px: ``[N]`` of the lens, in samples of this axis.
        streak_px: ``[N]`` signed length of the motion streak along this axis, in samples.
    """
    center, variance = _moments(deviation_px, streak_px, taps)
    return _gaussians(size, center.flatten(), variance.flatten()).reshape(-1, taps, size, size)


def apply_lens(linear: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Mean over the shutter's moments of ``rows_k @ linear @ columns_k^T``; ``[N, C, H, W]``."""
    count, channels, height, width = linear.shape
    taps = rows.shape[1]
    across = linear.reshape(count, channels * height, width) @ columns.reshape(count, taps * width, width).mT
    across = across.reshape(count, channels, height, taps, width)
    if taps == 1:
        return rows @ across[:, :, :, 0]
    stacked = across.permute(0, 3, 2, 1, 4).reshape(count, taps * height, channels * width)
    out = rows.permute(0, 2, 1, 3).reshape(count, height, taps * height) @ stacked
    return out.reshape(count, height, channels, width).transpose(1, 2) / taps


Group = tuple[Tensor, Tensor, Tensor]
"""Numbers of frames ``[S]``, their rows ``[S, taps, H, H]`` and columns ``[S, taps, W, W]``."""


@dataclass(frozen=True, eq=False)
class Lens:
    """The blur of N frames: none where the lens is sharper than the grid, several moments for a long streak."""

    still: Group
    streaked: Group

    @classmethod
    def of(cls, height: int, width: int, deviation_px: Tensor, streak_px: Tensor) -> Lens:
        """That of frames of ``height`` x ``width`` samples; deviations and streaks ``[N, 2]`` in samples, x and y."""
        length = streak_px.abs().amax(-1)
        streaked = length > _SHARP_STREAK
        blurred = ((deviation_px**2 + streak_px**2 / 12.0).amax(-1) > _SHARP**2) & ~streaked
        which = [seen.nonzero()[:, 0] for seen in (blurred, streaked)]
        parts = [
            [_moments(deviation_px[frames, axis], streak_px[frames, axis], taps) for axis in (1, 0)]
            for frames, taps in zip(which, (1, _TAPS), strict=True)
        ]
        center, variance = (
            torch.stack([torch.cat([part[axis][k].flatten() for part in parts]) for axis in (0, 1)]) for k in (0, 1)
        )
        if height == width:
            rows, columns = _gaussians(height, center.flatten(), variance.flatten()).chunk(2)
        else:
            rows, columns = (_gaussians(side, center[k], variance[k]) for k, side in enumerate((height, width)))
        count = len(which[0])
        still = which[0], rows[:count, None], columns[:count, None]
        long_rows, long_columns = rows[count:].reshape(-1, _TAPS, height, height), columns[count:]
        return cls(still, (which[1], long_rows, long_columns.reshape(-1, _TAPS, width, width)))

    def __call__(self, linear: Tensor) -> Tensor:
        """``linear [N, C, H, W]`` through the lens, differentiable."""
        seen: Tensor = _Blur.apply(linear, *self.still, *self.streaked)
        return seen


class _Blur(torch.autograd.Function):
    """A lens; its adjoint is itself with the matrices transposed."""

    @staticmethod
    def forward(ctx: Any, linear: Tensor, *groups: Tensor) -> Tensor:
        ctx.save_for_backward(*groups)
        seen = linear.clone()
        for which, rows, columns in (groups[:3], groups[3:]):
            if len(which):
                seen[which] = apply_lens(linear[which], rows, columns)
        return seen

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        groups = ctx.saved_tensors
        back = gradient.clone()
        for which, rows, columns in (groups[:3], groups[3:]):
            if len(which):
                back[which] = apply_lens(gradient[which], rows.mT, columns.mT)
        return (back, *(None for _ in groups))


def pixel_blur(defocus_px: Tensor, footprint_px: Tensor) -> Tensor:
    """Lens blur ``[N]`` in samples that are ``footprint_px`` camera pixels wide each."""
    return torch.sqrt(defocus_px**2 + _PIXEL_BLUR**2) / footprint_px
