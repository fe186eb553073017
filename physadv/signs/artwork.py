"""Artwork to texels: SVG rendered by resvg, filtered in linear light, cut out along the outline."""

from __future__ import annotations

import math
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from physadv.core.color import srgb_to_linear
from physadv.core.errors import PhysadvError
from physadv.core.number_format import percent
from physadv.signs.svg import checked, draw, shipped
from physadv.signs.svg_values import BadSvg

MAX_TEXTURE_PX = 8192
RENDER_PX = 1024
"""Smaller textures are drawn finer and averaged: resvg's anti-aliasing has few levels and mixes encoded colors."""
LINES_PER_TEXEL = 16
"""Lines a row of texels on which the outline's coverage is measured."""
VIEW_BOX_SLACK = 0.005
"""Share of the longer side by which the artwork's view box may differ from its square."""
LEAST_COVERED = 0.98
"""Share of the outline that the artwork has to cover."""

_LINEAR = srgb_to_linear(torch.arange(256, dtype=torch.float32) / 255.0).numpy()


@lru_cache(maxsize=8)
def rasterize(svg: str, outline_mm: tuple[tuple[float, float], ...], extent_mm: float, px: int, name: str) -> Tensor:
    """Artwork as ``[4, px, px]`` float32: linear RGB, straight alpha.

    Alpha is the share of each texel inside the outline. Colors outside it are those of the nearest texel inside, so
    that resampling in straight alpha brings no foreign color to the edge.

    Raises:
        PhysadvError: ``px`` is out of range, the SVG is broken, or it leaves part of the outline bare.
    """
    if not 1 <= px <= MAX_TEXTURE_PX:
        raise PhysadvError(f"sign {name!r}: a texture of {px} px is not possible; choose 1 to {MAX_TEXTURE_PX}")
    finer = 1 if px >= RENDER_PX else max(2, math.ceil(RENDER_PX / 2 / px))
    alpha = coverage(outline_mm, extent_mm, px)
    try:
        drawing = checked(svg)
        artwork = draw(drawing, px * finer, trusted=svg in shipped())
    except BadSvg as error:
        raise PhysadvError(f"sign {name!r}: its artwork {error}") from error
    _check_view_box(drawing.view_box, extent_mm, name)
    covered = _reduce(artwork[..., 3] * np.float32(1 / 255), px)
    _check_covered(covered, alpha, name)
    premultiplied = _LINEAR[artwork[..., :3]] * (artwork[..., 3:] * np.float32(1 / 255))
    weight = np.maximum(covered, np.float32(1e-6))[..., None]
    color = _bleed((_reduce(premultiplied, px) / weight).astype(np.float32), covered > 0.25)
    return torch.from_numpy(np.concatenate([color, alpha[..., None]], axis=2)).permute(2, 0, 1).clamp(0, 1).contiguous()


def _check_view_box(view_box: str, extent_mm: float, name: str) -> None:
    """Whether the artwork is drawn in the sign's own millimeters."""
    half, numbers = extent_mm / 2.0, view_box.replace(",", " ").split()
    wanted = (-half, -half, extent_mm, extent_mm)
    try:
        right = np.allclose([float(number) for number in numbers], wanted, rtol=0.0, atol=VIEW_BOX_SLACK * extent_mm)
    except ValueError:  # not four numbers
        right = False
    if not right:
        raise PhysadvError(
            f"sign {name!r}: the view box of its artwork is {' '.join(numbers) or 'missing'}; it should be the square "
            f"of the sign's longer side around the center, in mm: {' '.join(f'{number:g}' for number in wanted)}"
        )


def coverage(outline_mm: tuple[tuple[float, float], ...], extent_mm: float, px: int) -> npt.NDArray[np.float32]:
    """Share ``[px, px]`` of each texel inside a convex outline: exact along the rows, fine lines down the columns."""
    points = (np.asarray(outline_mm) / extent_mm + 0.5) * px
    top, bottom = int(np.lexsort((points[:, 0], points[:, 1]))[0]), int(np.lexsort((points[:, 0], -points[:, 1]))[0])
    lines = LINES_PER_TEXEL if px <= RENDER_PX else LINES_PER_TEXEL // 4
    y = (np.arange(px * lines) + 0.5) / lines
    chains = [_crossings(points, top, bottom, step, y) for step in (1, -1)]
    left, right = np.minimum(*chains).astype(np.float32), np.maximum(*chains).astype(np.float32)
    edges = np.arange(px + 1, dtype=np.float32)
    alpha = np.empty((px, px), np.float32)
    for row in range(px):
        block = slice(row * lines, (row + 1) * lines)
        inside = np.clip(edges, left[block, None], right[block, None])
        alpha[row] = np.diff(inside.mean(axis=0))
    return alpha.clip(0.0, 1.0)


def _crossings(
    points: npt.NDArray[np.float64], top: int, bottom: int, step: int, y: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Where horizontal lines cross the side of a convex outline that runs from its top to its bottom; 0 where none."""
    count = len(points)
    chain = points[[(top + step * offset) % count for offset in range((step * (bottom - top)) % count + 1)]]
    return np.interp(y, chain[:, 1], chain[:, 0], left=0.0, right=0.0)


def _reduce(image: npt.NDArray[np.float32], px: int) -> npt.NDArray[np.float32]:
    """Average over blocks, an exact divisor down to ``px``."""
    return np.asarray(cv2.resize(image, (px, px), interpolation=cv2.INTER_AREA), dtype=np.float32)


def _check_covered(covered: npt.NDArray[np.float32], alpha: npt.NDArray[np.float32], name: str) -> None:
    share = float(np.minimum(covered, alpha).sum() / max(float(alpha.sum()), 1e-6))
    if share < LEAST_COVERED:
        raise PhysadvError(
            f"sign {name!r}: its artwork covers only {percent(share)} of the outline; it should fill the outline, "
            f"in a view box that is the square of the sign's longer side around the center, in mm"
        )


def _bleed(color: npt.NDArray[np.float32], known: npt.NDArray[np.bool_]) -> npt.NDArray[np.float32]:
    """Colors of the nearest known pixel where there is none."""
    if known.all():
        return color
    unknown = (~known).astype(np.uint8)
    _, labels = cv2.distanceTransformWithLabels(unknown, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    palette = np.zeros((int(labels.max()) + 1, 3), np.float32)
    palette[labels[known]] = color[known]
    return np.where(known[..., None], color, palette[labels])
