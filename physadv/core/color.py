"""Color: sRGB and linear light (IEC 61966-2-1), color temperature, and tensors to and from 8 bits."""

from __future__ import annotations

from typing import cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor


def srgb_to_linear(encoded: Tensor) -> Tensor:
    """sRGB-encoded values in [0,1] to linear light, any shape (IEC 61966-2-1, inverse transfer function)."""
    return torch.where(encoded <= 0.04045, encoded / 12.92, ((encoded.clamp(min=0.04045) + 0.055) / 1.055) ** 2.4)


def linear_to_srgb(linear: Tensor) -> Tensor:
    """Linear light in [0,1] to sRGB-encoded values, any shape (IEC 61966-2-1)."""
    return torch.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear.clamp(min=0.0031308) ** (1 / 2.4) - 0.055)


def illuminant_rgb(temperature_k: Tensor) -> Tensor:
    """Linear sRGB of a light of that color temperature under a D65-balanced camera, luminance 1.

    Chromaticity: CIE daylight locus from 4000 K (CIE 15:2004, eq. 3.3-3.4), Planckian locus below (Kim et al. 2002),
    both as polynomials in 1/T. Shape ``[N]`` kelvin to ``[N, 3]``.
    """
    t = temperature_k.clamp(1667.0, 25000.0)
    r = 1000.0 / t
    daylight_x = torch.where(
        t <= 7000.0,
        0.244063 + 0.09911 * r + 2.9678 * r**2 - 4.6070 * r**3,
        0.237040 + 0.24748 * r + 1.9018 * r**2 - 2.0064 * r**3,
    )
    daylight_y = -3.0 * daylight_x**2 + 2.870 * daylight_x - 0.275
    planck_x = 0.179910 + 0.8776956 * r - 0.2343589 * r**2 - 0.2661239 * r**3
    planck_y = torch.where(
        t <= 2222.0,
        -1.1063814 * planck_x**3 - 1.34811020 * planck_x**2 + 2.18555832 * planck_x - 0.20219683,
        -0.9549476 * planck_x**3 - 1.37418593 * planck_x**2 + 2.09137015 * planck_x - 0.16748867,
    )
    blend = ((t - 3800.0) / 400.0).clamp(0.0, 1.0)
    x = planck_x + (daylight_x - planck_x) * blend
    y = planck_y + (daylight_y - planck_y) * blend
    xyz = torch.stack([x / y, torch.ones_like(x), (1.0 - x - y) / y], dim=-1)
    to_rgb = torch.tensor(
        [[3.2404542, -1.5371385, -0.4985314], [-0.9692660, 1.8760108, 0.0415560], [0.0556434, -0.2040259, 1.0572252]],
        dtype=xyz.dtype,
        device=xyz.device,
    )
    return (xyz @ to_rgb.T).clamp(min=0.02)


def to_uint8(images: Tensor) -> npt.NDArray[np.uint8]:
    """``[..., C, H, W]`` in [0,1] to ``[..., H, W, C]`` uint8, rounded."""
    pixels = (images.detach().clamp(0.0, 1.0) * 255.0).round().to(torch.uint8).movedim(-3, -1)
    return cast("npt.NDArray[np.uint8]", pixels.cpu().numpy())


def from_uint8(pixels: npt.NDArray[np.uint8]) -> Tensor:
    """``[..., H, W, C]`` uint8 to ``[..., C, H, W]`` float32 in [0,1]."""
    return torch.from_numpy(np.array(pixels)).movedim(-1, -3).to(torch.float32).div(255.0).contiguous()
