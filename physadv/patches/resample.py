"""Paint at another resolution, without what lies beside the mask getting into it."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

_FAINT = 1e-4


def resample(values: Tensor, weight: Tensor, px: int) -> Tensor:
    """``values [C, P, P]`` at ``px`` texels a side; each texel counts by its ``weight [1, P, P]``.

    Finer by bilinear interpolation, coarser by the mean over the area (normalised convolution, Knutsson and Westin 1993).
    Texels with no weight near them get the plain resampled value.
    """
    if values.shape[-1] == px:
        return values
    weighted = _resized(values * weight, px)
    total = _resized(weight, px)
    return torch.where(total > _FAINT, weighted / total.clamp(min=_FAINT), _resized(values, px))


def _resized(values: Tensor, px: int) -> Tensor:
    # Whole factors shrink by block means, which are exact; others by the tent filter that antialias uses.
    source = values.shape[-1]
    if source % px == 0:
        return F.avg_pool2d(values[None], source // px)[0]
    return F.interpolate(values[None], (px, px), mode="bilinear", align_corners=False, antialias=px < source)[0]
