"""Paint at another resolution, without what lies beside the mask getting into it."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from physadv.core.color import linear_to_srgb, srgb_to_linear

_FAINT = 1e-4


def resample(srgb: Tensor, weight: Tensor, px: int) -> Tensor:
    """A paint ``[3, P, P]`` (sRGB) at ``px`` texels a side.

    Finer: every texel stays a block, as it was designed, and a palette stays the palette. Coarser: the mean over the
    area in linear light, each texel counting by its ``weight [1, P, P]`` (its share that is painted).
    """
    size = srgb.shape[-1]
    if px == size:
        return srgb
    if px > size:
        which = torch.div(torch.arange(px, device=srgb.device) * size, px, rounding_mode="floor")
        return srgb[:, which][:, :, which]
    linear = srgb_to_linear(srgb)
    total = _reduced(weight, px)
    mean = torch.where(total > _FAINT, _reduced(linear * weight, px) / total.clamp(min=_FAINT), _reduced(linear, px))
    return linear_to_srgb(mean.clamp(0.0, 1.0))


def _reduced(values: Tensor, px: int) -> Tensor:
    size = values.shape[-1]
    if size % px == 0:
        return F.avg_pool2d(values[None], size // px)[0]
    return F.interpolate(values[None], (px, px), mode="bilinear", align_corners=False, antialias=True)[0]
