"""Artwork to texels: SVG rendered by resvg, filtered in linear light, cut out along the outline."""

from __future__ import annotations

import io
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt
import resvg_py
import torch
from PIL import Image
from torch import Tensor

from physadv.core.color import srgb_to_linear
from physadv.core.errors import PhysadvError

MAX_TEXTURE_PX = 8192
RENDER_PX = 2048
"""Rendered at about this size and averaged down: resvg's own anti-aliasing has few levels and blends encoded colours."""
LEAST_COVERED = 0.98
"""Share of the outline that the artwork has to cover."""

_LINEAR = srgb_to_linear(torch.arange(256, dtype=torch.float32) / 255.0).numpy()


@lru_cache(maxsize=8)
def rasterize(svg: str, outline_mm: tuple[tuple[float, float], ...], extent_mm: float, px: int, name: str) -> Tensor:
    """Artwork as ``[4, px, px]`` float32: linear RGB, straight alpha.

    Alpha is the share of each texel inside the outline. Colours outside it are those of the nearest texel inside, so
    that resampling in straight alpha brings no foreign colour to the edge.

    Raises:
        PhysadvError: ``px`` is out of range, the SVG is broken, or it leaves part of the outline bare.
    """
    if not 1 <= px <= MAX_TEXTURE_PX:
        raise PhysadvError(f"sign {name!r}: a texture of {px} px is not possible; choose 1 to {MAX_TEXTURE_PX}")
    finer = max(2, round(RENDER_PX / px)) if px < RENDER_PX else (2 if px <= MAX_TEXTURE_PX // 2 else 1)
    artwork = _render(svg, px * finer, name)
    shape = _render(_outline_svg(outline_mm, extent_mm), px * finer, name)[..., 3]
    alpha = _reduce(shape.astype(np.float32) / 255.0, px)
    weight = artwork[..., 3].astype(np.float32) / 255.0
    _check_covered(_reduce(weight, px), alpha, name)
    premultiplied = _LINEAR[artwork[..., :3]] * weight[..., None]
    covered = _reduce(weight, px)
    color = _reduce(premultiplied, px) / np.maximum(covered, 1e-6)[..., None]
    color = _bleed(color, covered > 0.25)
    return torch.from_numpy(np.concatenate([color, alpha[..., None]], axis=2)).permute(2, 0, 1).clamp(0, 1).contiguous()


def _render(svg: str, px: int, name: str) -> npt.NDArray[np.uint8]:
    """``[px, px, 4]`` uint8, sRGB-encoded, straight alpha."""
    try:
        png = resvg_py.svg_to_bytes(svg_string=svg, width=px, height=px, skip_system_fonts=True)
    except ValueError as error:
        raise PhysadvError(f"sign {name!r}: its artwork is not an SVG that can be drawn ({error})") from error
    pixels = np.asarray(Image.open(io.BytesIO(bytes(png))).convert("RGBA"))
    if pixels.shape[:2] != (px, px):
        raise PhysadvError(
            f"sign {name!r}: the view box of its artwork is not square; it should be the square of the sign's longer "
            f"side around the centre, in mm"
        )
    return pixels


def _outline_svg(outline_mm: tuple[tuple[float, float], ...], extent_mm: float) -> str:
    points = " ".join(f"{x:.4f},{y:.4f}" for x, y in outline_mm)
    half = extent_mm / 2
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{-half:.4f} {-half:.4f} {extent_mm:.4f} {extent_mm:.4f}">'
        f'<polygon points="{points}"/></svg>'
    )


def _reduce(image: npt.NDArray[np.float32], px: int) -> npt.NDArray[np.float32]:
    """Average over blocks, an exact divisor down to ``px``."""
    return np.asarray(cv2.resize(image, (px, px), interpolation=cv2.INTER_AREA), dtype=np.float32)


def _check_covered(covered: npt.NDArray[np.float32], alpha: npt.NDArray[np.float32], name: str) -> None:
    share = float(np.minimum(covered, alpha).sum() / max(float(alpha.sum()), 1e-6))
    if share < LEAST_COVERED:
        raise PhysadvError(
            f"sign {name!r}: its artwork covers only {share:.0%} of the outline; it should fill the outline, "
            f"in a view box that is the square of the sign's longer side around the centre, in mm"
        )


def _bleed(color: npt.NDArray[np.float32], known: npt.NDArray[np.bool_]) -> npt.NDArray[np.float32]:
    """Colours of the nearest known pixel where there is none."""
    if known.all():
        return color
    unknown = (~known).astype(np.uint8)
    _, labels = cv2.distanceTransformWithLabels(unknown, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    palette = np.zeros((int(labels.max()) + 1, 3), np.float32)
    palette[labels[known]] = color[known]
    return np.where(known[..., None], color, palette[labels])
