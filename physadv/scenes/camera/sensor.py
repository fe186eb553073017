"""Record: what sensor and encoder make of linear light, on the grid of the camera's pixels.

Resizing is separable: a pair of small matrix products for all frames at once.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

_NOISE_BANK = 1 << 22
_FOOT = 0.0031308
"""Linear light up to which sRGB is a straight line (IEC 61966-2-1)."""


@lru_cache(maxsize=4)
def _noise_bank(device: torch.device) -> Tensor:
    generator = torch.Generator().manual_seed(20180625)
    return torch.randn(_NOISE_BANK, generator=generator).to(device)


def noise(seed: Tensor, shape: tuple[int, int, int]) -> Tensor:
    """Standard normal noise ``[N, C, H, W]``, each frame a stretch of one long sequence that ``seed`` picks."""
    length = math.prod(shape)
    bank = _noise_bank(seed.device)
    if 2 * length > len(bank):  # a large picture reads on from the beginning
        bank = bank.repeat(2 + length // len(bank))
    start = seed % (_NOISE_BANK - min(length, _NOISE_BANK // 2))
    return bank.unfold(0, length, 1)[start].reshape(len(seed), *shape)


def sensor_noise(linear: Tensor, unit: Tensor, full_well_e: Tensor, read_noise_e: Tensor, pixels: Tensor) -> Tensor:
    """Shot and read noise to add to ``linear``, constant under differentiation (a straight-through sample).

    Electrons are Poisson, here its normal limit: variance ``x / full_well + (read_noise / full_well)^2``, divided by
    the number of camera ``pixels [N]`` that a sample averages (EMVA 1288, eq. 12).
    """
    full, read = full_well_e[:, None, None, None], read_noise_e[:, None, None, None]
    shrink = 1.0 / (full * pixels[:, None, None, None])
    variance = torch.addcmul(shrink * read**2 / full, linear.detach(), shrink)
    return variance.clamp_(min=0.0).sqrt_().mul_(unit)


class _Tone(torch.autograd.Function):
    """sRGB and the tone curve of light in [0,1], with the slope written out: half the work of tracing it."""

    @staticmethod
    def forward(ctx: Any, light: Tensor, bend: Tensor) -> Tensor:
        # IEC 61966-2-1 without a branch: the linear foot up to _FOOT, plus the power law from there on
        upper = light.clamp(min=_FOOT)
        power = upper.pow(1.0 / 2.4)
        encoded = power.mul(1.055).add_(light.clamp(max=_FOOT), alpha=12.92).sub_(1.055 * _FOOT ** (1.0 / 2.4))
        straight = 1.0 - bend
        if ctx.needs_input_grad[0]:
            slope = power.div_(upper).mul_(1.055 / 2.4).masked_fill_(light <= _FOOT, 12.92)
            bent = torch.addcmul(straight, encoded, torch.addcmul(6.0 * bend, encoded, -6.0 * bend))
            ctx.save_for_backward(slope.mul_(bent))
        return torch.addcmul(straight, encoded, torch.addcmul(3.0 * bend, encoded, -2.0 * bend)).mul_(encoded)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (slope,) = ctx.saved_tensors
        return gradient * slope, None


def tone(linear: Tensor, contrast: Tensor) -> Tensor:
    """Clips to the sensor's range, encodes as sRGB, bends the curve to the slope ``contrast [N]`` at middle gray.

    The bend adds ``b y (1 - y) (2 y - 1)`` with ``b = 2 (contrast - 1)`` to an encoded value ``y``.
    """
    encoded: Tensor = _Tone.apply(F.hardtanh(linear, 0.0, 1.0), 2.0 * (contrast - 1.0)[:, None, None, None])
    return encoded


def resize_matrix(size_in: Tensor, capacity: int, size_out: int) -> Tensor:
    """Bilinear resizing along one axis, anti-aliased when shrinking, ``[N, size_out, capacity]``, rows sum to 1.

    Only the first ``size_in [N]`` samples of an axis of ``capacity`` are read.
    """
    scale = (size_in / size_out)[:, None, None]
    target = torch.arange(size_out, dtype=size_in.dtype, device=size_in.device)[None, :, None]
    source = torch.arange(capacity, dtype=size_in.dtype, device=size_in.device)[None, None, :]
    last = (size_in - 1.0)[:, None, None]
    center = ((target + 0.5) * scale - 0.5).clamp(min=0.0)
    center = torch.minimum(center, last)
    weight = (1.0 - (source - center).abs() / scale.clamp(min=1.0)).clamp(min=0.0) * (source <= last)
    return weight / weight.sum(-1, keepdim=True)


def resize(images: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """``rows @ images @ columns^T`` for every channel: ``[N, C, h, w]`` to ``[N, C, H, W]``."""
    return rows[:, None] @ (images @ columns[:, None].mT)
