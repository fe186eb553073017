"""Controls: what stands in for the patch on the same mask, so that its adversarial gain can be told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from physadv.core.color import linear_to_srgb
from physadv.core.registry import Registry
from physadv.patches.bundle import Patch
from physadv.patches.printability import generic_palette
from physadv.patches.resample import resample

CONTROLS: Registry[Callable[[Patch, int], Patch]] = Registry("control")
"""Kinds of control by name: functions of the patch and a seed."""

MIDDLE_GRAY = 0.18
"""Linear reflectance of the gray control: the photographer's middle gray."""

_STATISTICS_PX = 128
_PLAIN_STD = 0.01
_PLAIN_BLOCK = 4.0
"""Blocks of a texture that stands in for a plain patch: a 32nd of the sign."""


def control_patch(patch: Patch, kind: str, seed: int = 0) -> Patch:
    """The control of that kind for a patch: same sign, same mask.

    Raises:
        PhysadvError: no such kind.
    """
    return CONTROLS[kind](patch, seed)


@CONTROLS.register("clean")
def clean(patch: Patch, seed: int) -> Patch:
    """The bare sign."""
    control = _control(patch, "clean", patch.paint)
    record = control.record.model_copy(update={"area_fraction": 0.0})
    return replace(control, mask=patch.mask.emptied(), record=record)


@CONTROLS.register("gray")
def gray(patch: Patch, seed: int) -> Patch:
    """Plain middle gray: what covering the place does, whatever the paint."""
    return _control(patch, "gray", torch.full_like(patch.paint, float(linear_to_srgb(torch.tensor(MIDDLE_GRAY)))))


@CONTROLS.register("random")
def random(patch: Patch, seed: int) -> Patch:
    """The patch's own colors at random, in blocks as coarse as its own detail: what such a texture does undesigned.

    A plain patch is answered with printable colors, so that its control is no copy of it.
    """
    generator = torch.Generator().manual_seed(seed)
    size = patch.paint.shape[-1]
    px = min(size, _STATISTICS_PX)
    mask = patch.mask.at(px).alpha[0]
    paint = resample(patch.paint.cpu(), patch.mask.at(size).alpha, px)
    colors = paint[:, mask >= 0.5 * mask.max()].T
    block = detail_px(paint.mean(0), mask)
    if float(colors.std(0, correction=0).mean()) < _PLAIN_STD:
        colors, block = generic_palette(), _PLAIN_BLOCK * px / _STATISTICS_PX
    blocks = int(px / block) + 2
    choice = torch.randint(len(colors), (blocks, blocks), generator=generator)
    shift = torch.rand(2, 1, generator=generator)
    row, column = ((torch.arange(size) + 0.5) * px / size / block + shift).long().clamp(max=blocks - 1)
    return _control(patch, "random", colors[choice[row][:, column]].movedim(-1, 0).to(patch.paint))


def detail_px(gray_levels: Tensor, mask: Tensor) -> float:
    """Size in texels of the typical detail of a picture ``[P, P]`` inside ``mask [P, P]``.

    Twice the shift at which the autocorrelation, averaged over both axes, falls to one half: for a field of random
    squares, their side. From 1 (texel noise, or none) to an eighth of the picture.
    """
    px = len(gray_levels)
    centered = (gray_levels - (gray_levels * mask).sum() / mask.sum()) * mask
    overlap = _autocorrelation(mask)
    correlation = _autocorrelation(centered) / overlap.clamp(min=1.0)
    if float(correlation[0]) < 1e-9:
        return 1.0
    relative: list[float] = (correlation / correlation[0]).tolist()
    most = px // 16
    for shift in range(1, most + 1):
        before, after = relative[shift - 1], relative[shift]
        if after < 0.5:
            return max(1.0, 2.0 * (shift - 1 + (before - 0.5) / (before - after)))
    return 2.0 * most if most else 1.0


def _autocorrelation(values: Tensor) -> Tensor:
    """Sums of products of all pairs at 0, 1, 2 ... texels along a row or a column, ``[P]``."""
    px = values.shape[-1]
    power: Tensor = torch.fft.rfft2(values.double(), s=(2 * px, 2 * px)).abs() ** 2
    sums: Tensor = torch.fft.irfft2(power, s=(2 * px, 2 * px))
    return sums[0, :px] + sums[:px, 0]


def _control(patch: Patch, kind: str, paint: Tensor) -> Patch:
    record = patch.record.model_copy(update={"name": f"{patch.name} ({kind})", "paint": None, "measured": {}})
    return replace(patch, paint=paint, record=record)
