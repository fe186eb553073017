"""A patch from a picture that somebody has made already."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt

from physadv.core.color import from_uint8
from physadv.core.errors import PhysadvError
from physadv.core.images import read_image
from physadv.patches.bundle import BUNDLE_PX, Patch, new_patch
from physadv.patches.mask import Mask
from physadv.signs.sign import Sign


def patch_from_picture(
    sign: Sign, mask: Mask, picture: str | Path, *, name: str, fit: Literal["sign", "mask"] = "sign"
) -> Patch:
    """A patch whose paint is a ready-made picture.

    The picture keeps its proportions: it is scaled to cover its place, centered, and what juts out is cut off. Clear
    parts of it count as white paper.

    Args:
        sign: what is painted on.
        mask: where; the picture is seen only there.
        picture: PNG, JPEG and the like, sRGB.
        name: of the patch.
        fit: cover the square of the sign's longer side, or only the box around the mask.

    Raises:
        PhysadvError: not a readable picture, too large, or a mask without area.
    """
    if mask.is_empty:
        raise PhysadvError(f"patch {name!r}: its mask is empty; there is no place for {picture}")
    pixels = _on_white(read_image(Path(picture), mode="RGBA"))
    left, top, right, bottom = _box_px(mask) if fit == "mask" else (0, 0, BUNDLE_PX, BUNDLE_PX)
    paint = np.full((BUNDLE_PX, BUNDLE_PX, 3), 255, dtype=np.uint8)
    paint[top:bottom, left:right] = _cover(pixels, right - left, bottom - top)
    return new_patch(sign, mask, from_uint8(paint), name=name, made={"attack": "picture"})


def _on_white(rgba: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    alpha = rgba[..., 3:].astype(np.float32) / 255.0
    blended: npt.NDArray[np.uint8] = np.rint(rgba[..., :3] * alpha + 255.0 * (1.0 - alpha)).astype(np.uint8)
    return blended


def _box_px(mask: Mask) -> tuple[int, int, int, int]:
    points = (np.array([point for ring in mask.shapes_mm for point in ring]) / mask.extent_mm + 0.5) * BUNDLE_PX
    low, high = np.floor(points.min(0) + 1e-6), np.ceil(points.max(0) - 1e-6)
    (left, top), (right, bottom) = low.clip(0, BUNDLE_PX), high.clip(0, BUNDLE_PX)
    return int(left), int(top), int(right), int(bottom)


def _cover(pixels: npt.NDArray[np.uint8], width: int, height: int) -> npt.NDArray[np.uint8]:
    """The middle of a picture, at exactly ``width x height``."""
    rows, columns = pixels.shape[:2]
    scale = max(width / columns, height / rows)
    part_width, part_height = min(columns, max(1, round(width / scale))), min(rows, max(1, round(height / scale)))
    left, top = (columns - part_width) // 2, (rows - part_height) // 2
    part = pixels[top : top + part_height, left : left + part_width]
    shrink = part_width >= width and part_height >= height
    resized = cv2.resize(part, (width, height), interpolation=cv2.INTER_AREA if shrink else cv2.INTER_CUBIC)
    return np.asarray(resized, dtype=np.uint8)
