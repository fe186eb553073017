"""Ink on a sign: one rule for every step of a search, every frame of an evaluation and every printed picture."""

from __future__ import annotations

import torch
from scipy.ndimage import distance_transform_edt
from torch import Tensor

from physadv.patches.printability import PaintedTexels


def compose(sign_rgba: Tensor, mask_alpha: Tensor, paint_linear: Tensor) -> Tensor:
    """A sign under opaque paint, as ``[4, P, P]`` linear RGB and straight alpha; differentiable, cheap.

    A texel that is partly painted mixes in linear light, as areas do; a mask that covers as much of a texel as the sign
    does covers all of the sign in it, so no rim of the sign shows at its outline.

    Args:
        sign_rgba: the sign's texture ``[4, P, P]``, linear, straight alpha.
        mask_alpha: ``[1, P, P]``, how much of each texel is painted.
        paint_linear: the ink's linear color ``[3, P, P]``.
    """
    color, coverage = sign_rgba[:3], sign_rgba[3:]
    return torch.cat([_mixed(color, coverage, mask_alpha, paint_linear), coverage])


def compose_texels(sign_rgba: Tensor, texels: PaintedTexels, paint_linear: Tensor) -> Tensor:
    """:func:`compose` of the linear colors ``[3, n]`` of the painted texels alone: what a step of a search does."""
    color, coverage = sign_rgba.flatten(1)[:, texels.index].tensor_split([3])
    painted = _mixed(color, coverage, texels.cover, paint_linear)
    mixed = sign_rgba[:3].flatten(1).index_copy(1, texels.index, painted)
    return torch.cat([mixed.reshape(3, *sign_rgba.shape[1:]), sign_rgba[3:]])


def _mixed(color: Tensor, coverage: Tensor, mask_alpha: Tensor, paint_linear: Tensor) -> Tensor:
    share = mask_alpha / torch.maximum(coverage, mask_alpha).clamp(min=1e-6)
    return torch.lerp(color, paint_linear, share.expand_as(color))


def with_rim(paint: Tensor, mask_alpha: Tensor) -> Tensor:
    """Paint ``[3, P, P]`` whose texels that the mask covers by less than half have their nearest neighbor's color.

    A search hardly sees what such a texel does to a frame, so its color is chance; printed, it is a speck on the rim.
    """
    beyond = (mask_alpha[0] < 0.5).cpu().numpy()
    if beyond.all():
        return paint
    row, column = distance_transform_edt(beyond, return_distances=False, return_indices=True)
    return paint[:, torch.from_numpy(row).long(), torch.from_numpy(column).long()]
