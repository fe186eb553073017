"""JPEG of pictures as tensors, on any device and with a gradient.

Its transform is separable, so it is a pair of small matrix products for all pictures at once.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

_SHORT = 64
"""Samples of an axis up to which block-diagonal matrices, mostly zeros, are still the quicker ones."""

# ITU-T T.81 (JPEG), Annex K, tables K.1 and K.2
_LUMA_TABLE = (
    "16 11 10 16 24 40 51 61 12 12 14 19 26 58 60 55 14 13 16 24 40 57 69 56 14 17 22 29 51 87 80 62 "
    "18 22 37 56 68 109 103 77 24 35 55 64 81 104 113 92 49 64 78 87 103 121 120 101 72 92 95 98 112 100 103 99"
)
_CHROMA_TABLE = (
    "17 18 24 47 99 99 99 99 18 21 26 66 99 99 99 99 24 26 56 99 99 99 99 99 47 66 99 99 99 99 99 99 "
    "99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99"
)


@lru_cache(maxsize=32)
def _dct(side: int, block: int, dtype: torch.dtype, device: torch.device) -> tuple[Tensor, Tensor]:
    """DCT-II of every ``block`` samples of an axis (ITU-T T.81, A.3.3), and the way back; ``[k, side]``, ``[side, k]``.

    Blocks of 16 are those of a chroma axis: each pair of samples is averaged before and repeated after. The matrices
    are block-diagonal where an axis is short; else they are those of one block.
    """
    k = torch.arange(8, dtype=torch.float64)
    basis = torch.cos((2 * k[None, :] + 1) * k[:, None] * math.pi / 16) * 0.5
    basis[0] /= math.sqrt(2.0)
    repeat = torch.kron(torch.eye(8, dtype=torch.float64), torch.ones(block // 8, 1, dtype=torch.float64))
    forward, inverse = basis @ repeat.T / (block // 8), repeat @ basis.T
    count = side // block if side <= _SHORT else 1
    eye = torch.eye(count, dtype=torch.float64)
    matrices = torch.kron(eye, forward), torch.kron(eye, inverse)
    return matrices[0].to(device=device, dtype=dtype), matrices[1].to(device=device, dtype=dtype)


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


def _along_both(planes: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """``rows @ planes @ columns^T`` for every block that the matrices fit, ``[..., H, W]``."""
    *rest, height, width = planes.shape
    if width != columns.shape[-1]:
        planes = planes.reshape(*rest, height, width // columns.shape[-1], columns.shape[-1])
    across = (planes @ columns.T).reshape(*rest, height, -1)
    if height == rows.shape[-1]:
        return rows @ across
    down = rows @ across.reshape(*rest, height // rows.shape[-1], rows.shape[-1], -1)
    return down.reshape(*rest, -1, down.shape[-1])


def _quantize(planes: Tensor, steps: Tensor, rounding: Callable[[Tensor], Tensor], *, block: int) -> Tensor:
    """``planes [N, C, H, W]`` with the coefficients of every block rounded to ``steps [N, 1, 8, 8]``."""
    (rows, rows_back), (columns, columns_back) = (
        _dct(side, block, planes.dtype, planes.device) for side in planes.shape[-2:]
    )
    coefficients = _along_both(planes, rows, columns)
    tiled = steps.repeat(1, 1, *(side // block for side in planes.shape[-2:]))
    return _along_both(rounding(coefficients.div_(tiled)).mul_(tiled), rows_back, columns_back)


def _jpeg(
    images: Tensor, quality: Tensor, pixels: Tensor, rounding: Callable[[Tensor], Tensor] = torch.round_
) -> Tensor:
    """``images``, whose sides are multiples of 16, after JPEG."""
    forward, inverse = _ycbcr(images.dtype, images.device)
    scale = torch.where(quality < 50.0, 5000.0 / quality.clamp(min=1.0), 200.0 - 2.0 * quality.clamp(max=100.0))
    tables = _tables(images.dtype, images.device)
    steps = ((tables * scale[:, None, None, None] + 50.0) / 100.0).floor().clamp(1.0, 255.0)
    steps = steps / (255.0 * pixels.sqrt()[:, None, None, None])
    count, _, height, width = images.shape
    planes = (forward @ images.reshape(count, 3, height * width)).reshape(images.shape)
    planes[:, 0].sub_(0.5)
    luma = _quantize(planes[:, :1], steps[:, :1], rounding, block=8).add_(0.5)
    chroma = _quantize(planes[:, 1:], steps[:, 1:], rounding, block=16)
    decoded = (inverse @ torch.cat([luma, chroma], 1).reshape(count, 3, height * width)).reshape(images.shape)
    return decoded.clamp_(0.0, 1.0)


def jpeg(images: Tensor, quality: Tensor, pixels: Tensor) -> Tensor:
    """Baseline JPEG with 4:2:0 chroma (ITU-T T.81, libjpeg's quality scale); the gradient passes straight through.

    Args:
        images: ``[N, 3, H, W]`` in [0,1].
        quality: ``[N]``, 1 to 100; above 100 leaves the frame alone.
        pixels: ``[N]``, camera pixels that a sample averages: averaging over n pixels shrinks the steps by sqrt(n).
    """
    decoded: Tensor = _Jpeg.apply(images, quality, pixels)
    return decoded


def smooth_jpeg(images: Tensor, quality: Tensor) -> Tensor:
    """JPEG as :func:`jpeg`, of pictures ``[N, 3, H, W]`` at ``quality [N]`` up to 100, exactly differentiable.

    Rounding is replaced by ``round(x) + (x - round(x))^3`` (Shin and Song 2017, "JPEG-resistant adversarial images",
    NIPS workshop on machine learning and computer security).
    """
    height, width = images.shape[-2:]
    decoded = _jpeg(_whole_blocks(images), quality, torch.ones_like(quality), _smooth_round)
    return decoded[..., :height, :width]


def _smooth_round(values: Tensor) -> Tensor:
    whole = values.detach().round()
    return whole + (values - whole) ** 3


def _whole_blocks(images: Tensor) -> Tensor:
    """``images`` continued to sides that are multiples of 16."""
    height, width = images.shape[-2:]
    if not (height % 16 or width % 16):
        return images
    return F.pad(images, (0, -width % 16, 0, -height % 16), mode="replicate")


class _Jpeg(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, images: Tensor, quality: Tensor, pixels: Tensor) -> Tensor:
        which = (quality <= 100.0).nonzero()[:, 0]
        if not len(which):
            return images.clone()
        height, width = images.shape[-2:]
        decoded = images.clone()
        decoded[which] = _jpeg(_whole_blocks(images[which]), quality[which], pixels[which])[..., :height, :width]
        return decoded

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        return gradient, None, None
