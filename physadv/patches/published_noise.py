"""Patches from noise that was published for one picture of a sign, as RP2's authors published theirs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from physadv.core.color import linear_to_srgb
from physadv.core.errors import PhysadvError
from physadv.patches.bundle import Patch, new_patch
from physadv.patches.mask import MAX_OUTSIDE, build_mask
from physadv.patches.mask_kinds.poster import Poster
from physadv.patches.mask_kinds.rectangles import Sticker, Stickers
from physadv.signs.sign import Sign

_WHOLE_FACE = 0.9


def patch_from_noise(
    sign: Sign,
    noise: Tensor,
    where: Tensor,
    *,
    name: str,
    goal: str | None = None,
    made: Mapping[str, Any] | None = None,
) -> Patch:
    """The sticker that one would print of noise that was made to be added to pictures of the sign.

    The pictures show the sign from edge to edge, so a pixel of theirs is a square of the sign. A masked pixel's paint
    is what the noise makes of the artwork there, clipped to the colors that there are; where nearly all of the sign is
    masked, the sticker is a poster of the whole face.

    Args:
        sign: what the noise was made for.
        noise: ``[3, S, S]``, added to sRGB-encoded values in [0,1].
        where: ``[S, S]``, true where it is added.
        name: of the patch.
        goal: what it was made for, in words, ``targeted:CLASS`` for instance.
        made: the other fields of the record, as for :func:`physadv.patches.new_patch`.

    Raises:
        PhysadvError: shapes that do not fit, noise that is not finite, or a mask that is empty or outside the sign.
    """
    side = noise.shape[-1]
    if noise.shape != (3, side, side) or where.shape != (side, side):
        raise PhysadvError(
            f"patch {name!r}: noise {list(noise.shape)} and mask {list(where.shape)} should be [3, S, S] and [S, S]"
        )
    if not bool(torch.isfinite(noise).all()):
        raise PhysadvError(f"patch {name!r}: its noise is not finite")
    texture = sign.texture(side).to(noise)
    artwork = linear_to_srgb(texture[:3].clamp(0.0, 1.0))
    paint = torch.where(where, artwork + noise, artwork).clamp(0.0, 1.0)
    on_sign = texture[3] > 0.5
    whole = float((where & on_sign).sum()) >= _WHOLE_FACE * float(on_sign.sum())
    inside = texture[3] >= 1.0 - MAX_OUTSIDE
    mask = build_mask(Poster() if whole else _pixel_stickers(where & inside, sign, name), sign)
    return new_patch(sign, mask, paint, name=name, made={"attack": "published-noise", "goal": goal, **(made or {})})


def _pixel_stickers(where: Tensor, sign: Sign, name: str) -> Stickers:
    """The masked pixels as upright rectangles in mm: runs along a row, joined with the same run of the next row."""
    side = where.shape[-1]
    pixel = sign.extent_mm / side
    blocks: list[tuple[int, int, int, int]] = []
    for row in range(side):
        runs = _runs(where[row].tolist())
        for left, right in runs:
            above = next((b for b in blocks if b[:2] == (left, right) and b[3] == row), None)
            if above is not None:
                blocks.remove(above)
            blocks.append((left, right, row if above is None else above[2], row + 1))
    if not blocks:
        raise PhysadvError(f"patch {name!r}: its mask has no pixel on the sign")
    half = sign.extent_mm / 2.0
    return Stickers(
        stickers=tuple(
            Sticker(
                left_mm=left * pixel - half,
                top_mm=top * pixel - half,
                width_mm=(right - left) * pixel,
                height_mm=(bottom - top) * pixel,
            )
            for left, right, top, bottom in blocks
        ),
        drawn_for_mm=sign.extent_mm,
    )


def _runs(flags: list[bool]) -> list[tuple[int, int]]:
    """``(start, stop)`` of each run of true values."""
    edges = [i for i in range(len(flags) + 1) if (i > 0 and flags[i - 1]) != (i < len(flags) and flags[i])]
    return list(zip(edges[::2], edges[1::2], strict=True))
