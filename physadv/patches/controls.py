"""Controls: what stands in for the patch on the same mask, so that its adversarial gain can be told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional as F

from physadv.core.registry import Registry
from physadv.patches.bundle import Patch
from physadv.patches.printability import generic_palette

CONTROLS: Registry[Callable[[Patch, int], Patch]] = Registry("control")
"""Kinds of control by name."""
_MIDDLE_GREY = 0.46
"""sRGB value of 18 % reflectance."""
_BLOCKS = 32
"""Blocks across the sign in the random texture: 24 mm on a 762 mm sign, the scale of a designed sticker's detail."""


def _painted(patch: Patch, kind: str, paint: Tensor) -> Patch:
    record = patch.record.model_copy(update={"name": f"{patch.record.name} ({kind})", "measured": {}})
    return replace(patch, paint=paint, record=record)


@CONTROLS.register("clean")
def clean(patch: Patch, seed: int) -> Patch:
    """The bare sign."""
    return replace(_painted(patch, "clean", patch.paint), mask=patch.mask.emptied())


@CONTROLS.register("grey")
def grey(patch: Patch, seed: int) -> Patch:
    """Plain middle grey."""
    return _painted(patch, "grey", torch.full_like(patch.paint, _MIDDLE_GREY))


@CONTROLS.register("random")
def random(patch: Patch, seed: int) -> Patch:
    """Blocks of random printable colours."""
    generator = torch.Generator().manual_seed(seed)
    palette = generic_palette()
    choice = torch.randint(len(palette), (_BLOCKS, _BLOCKS), generator=generator)
    blocks = palette[choice].movedim(-1, 0)
    return _painted(patch, "random", F.interpolate(blocks[None], size=patch.paint.shape[-2:], mode="nearest")[0])


def control_patch(patch: Patch, kind: str, seed: int = 0) -> Patch:
    """The control of that kind for a patch: same sign, same mask.

    Raises:
        PhysadvError: no such kind.
    """
    return CONTROLS[kind](patch, seed)
