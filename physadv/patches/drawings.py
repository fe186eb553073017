"""Masks out of drawings: an SVG, or a picture that is clear, or white, where nothing is painted."""

from __future__ import annotations

import math
import re
from itertools import pairwise
from pathlib import Path
from typing import TypeAlias, cast

import contourpy
import cv2
import numpy as np
import numpy.typing as npt
import shapely
from shapely.geometry import Polygon

from physadv.core.errors import PhysadvError
from physadv.core.files import read_bytes
from physadv.core.folders import PICTURES
from physadv.core.images import read_image
from physadv.patches.geometry import polygon_parts
from physadv.patches.mask_kinds.drawing import Drawing

Pixels: TypeAlias = npt.NDArray[np.uint8]
Points: TypeAlias = npt.NDArray[np.float64]
Starts: TypeAlias = npt.NDArray[np.uint32]
Cover: TypeAlias = npt.NDArray[np.float32]

SUFFIXES = PICTURES | {".svg"}
LEAST_PX = 128
"""Of a picture's shorter side; coarser ones would give stickers with steps."""
MOST_PIECES = 500
MOST_POINTS = 20_000
_DRAWN_PX = 2048
"""Side of the square that an SVG is drawn on before its edges are followed."""
_AROUND_PX = 512
_TOLERANCE_PX = 0.35
_CLEAR, _DARK, _LIGHT = 128, 64, 191
_COLORED = 48
_EDGE_PX = 5
"""An edge may be so wide; gray beyond it is neither painted nor bare."""
_MILLIMETERS = {"mm": 1.0, "cm": 10.0, "in": 25.4, "pt": 25.4 / 72.0, "pc": 25.4 / 6.0, "q": 0.25}


def read_drawing(path: Path) -> Drawing:
    """The mask that an SVG or a picture shows.

    A picture with clear parts is painted where it is not clear, whatever its colors; another has to be black on white,
    and is painted where it is black. An SVG is drawn, and then read in the same way.

    Args:
        path: of the file; its picture, or its view box, covers the sign's outline or the square of its longer side.

    Raises:
        PhysadvError: it cannot be read, has what is not drawn, or does not say for sure what is painted.
    """
    if path.suffix.lower() == ".svg":
        return _read_svg(path)
    pixels = read_image(path, mode="RGBA")
    height, width = pixels.shape[:2]
    if min(width, height) < LEAST_PX:
        raise PhysadvError(f"{path}: {width} x {height} pixels are too few for a mask; {LEAST_PX} a side are needed")
    return _drawing(path, pixels, width_mm=None)


def _read_svg(path: Path) -> Drawing:
    from physadv.signs.svg import MAX_CHARACTERS, checked, draw

    data = read_bytes(path, what="mask", most_bytes=MAX_CHARACTERS)
    try:
        drawing = checked(data.decode("utf-8"))
        left, top, width, height = _view_box(drawing.view_box, drawing.size)
        side = max(width, height)
        square = (left - (side - width) / 2.0, top - (side - height) / 2.0, side, side)
        pixels = draw(drawing.in_view_box(" ".join(map(str, square))), _DRAWN_PX)
        rows, columns = (max(1, round(_DRAWN_PX * length / side)) for length in (height, width))
        first, start = (_DRAWN_PX - rows) // 2, (_DRAWN_PX - columns) // 2
        pixels = pixels[first : first + rows, start : start + columns]
        around = (square[0] - side, square[1] - side, 3 * side, 3 * side)
        _check_around(
            draw(drawing.in_view_box(" ".join(map(str, around))), _AROUND_PX), width / side, height / side, pixels
        )
    except UnicodeDecodeError as error:
        raise PhysadvError(f"{path}: not an SVG file (not text in UTF-8)") from error
    except ValueError as error:  # BadSvg among them
        raise PhysadvError(f"{path}: {error}") from error
    wide_mm, high_mm = (_length_mm(length) for length in drawing.size)
    if wide_mm is None and high_mm is not None:
        wide_mm = high_mm * width / height
    return _drawing(path, pixels, width_mm=wide_mm, aspect=width / height)


def _view_box(view_box: str, size: tuple[str, str]) -> tuple[float, float, float, float]:
    words = view_box.replace(",", " ").split() or ["0", "0", *(re.sub(r"px$", "", length.strip()) for length in size)]
    try:
        left, top, width, height = (float(word) for word in words)
        if not (math.isfinite(left + top + width + height) and min(width, height) > 0.0):
            raise ValueError
    except ValueError as error:
        shown = view_box or "missing"
        raise ValueError(f"its view box is {shown}; it should be four numbers, in the sign's proportions") from error
    return left, top, width, height


def _length_mm(length: str) -> float | None:
    """A length with a unit of the world in mm; None for pixels and shares."""
    found = re.fullmatch(r"\s*([\d.]+(?:[eE][+-]?\d+)?)\s*(mm|cm|in|pt|pc|q)\s*", length, re.IGNORECASE)
    return float(found[1]) * _MILLIMETERS[found[2].lower()] if found else None


def _check_around(pixels: Pixels, wide: float, high: float, inside: Pixels) -> None:
    """Refuses a drawing that goes on beyond its view box: what lies there would be lost."""
    around = pixels.copy()
    half_x, half_y = (math.ceil(_AROUND_PX * share / 6.0) + 2 for share in (wide, high))
    middle = _AROUND_PX // 2
    around[middle - half_y : middle + half_y, middle - half_x : middle + half_x] = (255, 255, 255, 0)
    lost = around[..., 3] >= _CLEAR
    if not (inside[..., 3] < _CLEAR).any():
        lost &= _luminance(around) < _CLEAR / 255.0
    if lost.any():
        raise ValueError("part of it lies outside of its view box; move it inside, or remove it")


def _drawing(path: Path, pixels: Pixels, *, width_mm: float | None, aspect: float | None = None) -> Drawing:
    height, width = pixels.shape[:2]
    try:
        pieces = _pieces(_painted(pixels))
    except ValueError as error:
        raise PhysadvError(f"{path}: {error}") from error
    return Drawing(pieces=pieces, aspect=aspect or width / height, width_mm=width_mm, source=path.name)


def _painted(pixels: Pixels) -> Cover:
    """How much of each pixel is painted, ``[H, W]``; see :func:`read_drawing`."""
    alpha, light = pixels[..., 3], _luminance(pixels)
    seen = alpha >= _CLEAR
    colored = (pixels[..., :3].max(-1).astype(np.int16) - pixels[..., :3].min(-1)) > _COLORED
    if not seen.all():
        _check_clear(light[seen], colored[seen])
        cover = alpha.astype(np.float32) / np.float32(255.0)
    else:
        if colored.mean() > 0.005:
            raise ValueError("has colors; a mask is black on white, or clear where nothing is painted")
        cover = np.float32(1.0) - light
    between = ((cover > 0.25) & (cover < 0.75)).astype(np.uint8)
    if cv2.erode(between, np.ones((_EDGE_PX, _EDGE_PX), np.uint8)).any():
        raise ValueError("has parts that are half clear or gray; a mask is painted or bare")
    edge = np.concatenate([cover[0], cover[-1], cover[:, 0], cover[:, -1]])
    if seen.all() and float(edge.mean()) > 0.5:
        raise ValueError("is black along its edge; black is painted, on white, so turn black and white over")
    if not (cover > 0.5).any():
        raise ValueError("shows nothing to paint: all of it is clear or white")
    return np.ascontiguousarray(cover, np.float32)


def _check_clear(light: Cover, colored: npt.NDArray[np.bool_]) -> None:
    """Refuses what is clear at some places, and black on white at the others."""
    if not light.size:
        return
    dark, bright = float((light < _DARK / 255.0).mean()), float((light > _LIGHT / 255.0).mean())
    if min(dark, bright) > 0.02 and dark + bright > 0.95 and colored.mean() < 0.02:
        raise ValueError("has clear parts and is black on white, so what is painted is not known; use one of both")


def _luminance(pixels: Pixels) -> Cover:
    weights = np.array([0.299, 0.587, 0.114], np.float32) / np.float32(255.0)
    return np.asarray(pixels[..., :3].astype(np.float32) @ weights, np.float32)


def _pieces(cover: Cover) -> tuple[tuple[tuple[tuple[float, float], ...], ...], ...]:
    """The outlines of what is covered by more than half, with their holes, in shares of the width from the center."""
    height, width = cover.shape
    values = np.pad(cover, 1)
    x, y = np.arange(width + 2) - 0.5 - width / 2.0, np.arange(height + 2) - 0.5 - height / 2.0
    contours = contourpy.contour_generator(x, y, values, fill_type=contourpy.FillType.OuterOffset)
    rings, offsets = cast("tuple[list[Points], list[Starts]]", contours.filled(0.5, 2.0))
    if len(rings) > MOST_PIECES:
        raise ValueError(f"has {len(rings):,} separate pieces; a mask has at most {MOST_PIECES}")
    found = []
    for points, starts in zip(rings, offsets, strict=True):
        outline, *holes = (points[start:end] for start, end in pairwise(starts))
        found.append(Polygon(outline, holes).buffer(0).simplify(_TOLERANCE_PX))
    parts = polygon_parts(shapely.union_all(found))
    if (count := int(sum(shapely.get_num_coordinates(part) for part in parts))) > MOST_POINTS:
        raise ValueError(f"its outlines have {count:,} points; a mask has at most {MOST_POINTS:,}; make them smoother")
    return tuple(
        tuple(
            tuple((round(float(px) / width, 7), round(float(py) / width, 7)) for px, py in ring.coords[:-1])
            for ring in (part.exterior, *part.interiors)
        )
        for part in parts
    )
