"""Record: what lens, sensor and encoder make of linear light, on the grid of the camera's pixels.

Blur, resizing and JPEG's transform are separable, so each is a pair of small matrix products for all frames at once.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

_PIXEL_BLUR = 0.45
"""Standard deviation in pixels of a sharp lens on a sensor with an anti-alias filter; no picture is sharper."""
_NOISE_BANK = 1 << 22
_CUT = -16.0
_FOOT = 0.0031308
"""Linear light up to which sRGB is a straight line (IEC 61966-2-1)."""

# ITU-T T.81 (JPEG), Annex K, tables K.1 and K.2
_LUMA_TABLE = (
    "16 11 10 16 24 40 51 61 12 12 14 19 26 58 60 55 14 13 16 24 40 57 69 56 14 17 22 29 51 87 80 62 "
    "18 22 37 56 68 109 103 77 24 35 55 64 81 104 113 92 49 64 78 87 103 121 120 101 72 92 95 98 112 100 103 99"
)
_CHROMA_TABLE = (
    "17 18 24 47 99 99 99 99 18 21 26 66 99 99 99 99 24 26 56 99 99 99 99 99 47 66 99 99 99 99 99 99 "
    "99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99"
)


def blur_matrices(size: int, deviation_px: Tensor, streak_px: Tensor, *, taps: int) -> Tensor:
    """Gaussian blur along one axis at ``taps`` moments of the shutter, ``[N, taps, size, size]``, rows sum to 1.

    Args:
        deviation_px: ``[N]`` of the lens, in samples of this axis.
        streak_px: ``[N]`` signed length of the motion streak along this axis, in samples.
    """
    position = torch.arange(size, dtype=deviation_px.dtype, device=deviation_px.device)
    moment = torch.arange(taps, dtype=position.dtype, device=position.device) - (taps - 1) / 2.0
    # Gaussians half as wide as they are apart add up to an even streak without ghosts; with this spacing their sum has
    # the variance of a box of the streak's length, length^2 / 12
    spacing = streak_px / math.sqrt(taps**2 + 2.0)
    offset = position[:, None] - position
    centre = offset[None, None] + (spacing[:, None] * moment)[:, :, None, None]
    variance = deviation_px**2 + spacing**2 / 4.0
    exponent = centre**2 * (-0.5 / variance.clamp(min=1e-4))[:, None, None, None]
    # cut at exp(-16), which no 8-bit picture shows: denormal numbers would slow every product that follows
    weight = (torch.exp(exponent.clamp(min=_CUT)) - math.exp(_CUT)).clamp(min=0.0)
    return weight / weight.sum(-1, keepdim=True).clamp(min=1e-12)


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


def pixel_blur(defocus_px: Tensor, footprint_px: Tensor) -> Tensor:
    """Lens blur ``[N]`` in samples that are ``footprint_px`` camera pixels wide each."""
    return torch.sqrt(defocus_px**2 + _PIXEL_BLUR**2) / footprint_px


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
    """Clips to the sensor's range, encodes as sRGB, bends the curve to the slope ``contrast [N]`` at middle grey.

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
    centre = ((target + 0.5) * scale - 0.5).clamp(min=0.0)
    centre = torch.minimum(centre, last)
    weight = (1.0 - (source - centre).abs() / scale.clamp(min=1.0)).clamp(min=0.0) * (source <= last)
    return weight / weight.sum(-1, keepdim=True)


def resize(images: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """``rows @ images @ columns^T`` for every channel: ``[N, C, h, w]`` to ``[N, C, H, W]``."""
    return rows[:, None] @ (images @ columns[:, None].mT)


@lru_cache(maxsize=16)
def _dct(blocks: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Block-diagonal DCT-II of ``blocks`` blocks of 8 (ITU-T T.81, A.3.3), orthonormal."""
    k = torch.arange(8, dtype=torch.float64)
    basis = torch.cos((2 * k[None, :] + 1) * k[:, None] * math.pi / 16) * 0.5
    basis[0] /= math.sqrt(2.0)
    return torch.kron(torch.eye(blocks, dtype=torch.float64), basis).to(device=device, dtype=dtype)


@lru_cache(maxsize=4)
def _tables(dtype: torch.dtype, device: torch.device) -> Tensor:
    tables = [[float(step) for step in table.split()] for table in (_LUMA_TABLE, _CHROMA_TABLE)]
    return torch.tensor(tables, dtype=dtype, device=device).reshape(2, 8, 8)


@lru_cache(maxsize=4)
def _ycbcr(dtype: torch.dtype, device: torch.device) -> tuple[Tensor, Tensor]:
    forward = torch.tensor(  # ITU-T T.871 (JFIF)
        [[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]], dtype=torch.float64
    )
    return forward.to(device=device, dtype=dtype), torch.linalg.inv(forward).to(device=device, dtype=dtype)


def _blockwise(planes: Tensor, *, inverse: bool) -> Tensor:
    """DCT of every 8 x 8 block of ``[..., H, W]``."""
    height, width = planes.shape[-2:]
    if max(height, width) > 64:  # block-diagonal matrices would be mostly zeros
        block = _dct(1, planes.dtype, planes.device)
        block = block.T if inverse else block
        across = planes.reshape(*planes.shape[:-1], width // 8, 8) @ block.T
        down = across.reshape(*planes.shape[:-2], height // 8, 8, width)
        return (block @ down).reshape(planes.shape)
    rows, columns = (_dct(side // 8, planes.dtype, planes.device) for side in (height, width))
    return rows.T @ (planes @ columns) if inverse else rows @ (planes @ columns.T)


def _quantise(planes: Tensor, steps: Tensor) -> Tensor:
    height, width = planes.shape[-2:]
    tiled = steps.repeat(1, 1, height // 8, width // 8)
    return _blockwise(_blockwise(planes, inverse=False).div_(tiled).round_().mul_(tiled), inverse=True)


@torch.no_grad()
def _jpeg(images: Tensor, quality: Tensor, pixels: Tensor) -> Tensor:
    """What JPEG changes in ``images``; sides are multiples of 16."""
    forward, inverse = _ycbcr(images.dtype, images.device)
    scale = torch.where(quality < 50.0, 5000.0 / quality.clamp(min=1.0), 200.0 - 2.0 * quality.clamp(max=100.0))
    tables = _tables(images.dtype, images.device)
    steps = ((tables * scale[:, None, None, None] + 50.0) / 100.0).floor().clamp(1.0, 255.0)
    steps = steps / (255.0 * pixels.sqrt()[:, None, None, None])
    count, _, height, width = images.shape
    planes = (forward @ images.reshape(count, 3, height * width)).reshape(images.shape)
    luma = _quantise(planes[:, :1] - 0.5, steps[:, :1]) + 0.5
    chroma = F.interpolate(_quantise(F.avg_pool2d(planes[:, 1:], 2), steps[:, 1:]), scale_factor=2.0, mode="nearest")
    decoded = (inverse @ torch.cat([luma, chroma], 1).reshape(count, 3, height * width)).reshape(images.shape)
    return decoded.clamp_(0.0, 1.0).sub_(images).mul_((quality <= 100.0)[:, None, None, None])


def jpeg(images: Tensor, quality: Tensor, pixels: Tensor) -> Tensor:
    """Baseline JPEG with 4:2:0 chroma (ITU-T T.81, libjpeg's quality scale); the gradient passes straight through.

    Args:
        images: ``[N, 3, H, W]`` in [0,1].
        quality: ``[N]``, 1 to 100; above 100 leaves the frame alone.
        pixels: ``[N]``, camera pixels that a sample averages: averaging over n pixels shrinks the steps by sqrt(n).
    """
    if not bool((quality <= 100.0).any()):
        return images
    height, width = images.shape[-2:]
    padded = images.detach()
    if height % 16 or width % 16:
        padded = F.pad(padded, (0, -width % 16, 0, -height % 16), mode="replicate")
    return images + _jpeg(padded, quality, pixels)[..., :height, :width]
