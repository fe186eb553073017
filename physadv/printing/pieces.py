"""Stickers: the connected parts of a patch's paint, and their pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from string import ascii_uppercase
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from shapely.geometry import Polygon
from shapely.geometry.base import BaseGeometry
from shapely.ops import unary_union

from physadv.core.color import linear_to_srgb, to_uint8
from physadv.core.errors import PhysadvError
from physadv.patches import BUNDLE_PX, Patch
from physadv.patches.geometry import polygon_parts
from physadv.printing.drawing import Points
from physadv.signs import Sign

Pixels: TypeAlias = npt.NDArray[np.uint8]
Matrix: TypeAlias = npt.NDArray[np.float64]
Box: TypeAlias = tuple[float, float, float, float]
"""Left, top, right, bottom."""


@dataclass(frozen=True)
class Piece:
    """What is cut out in one: its shape in mm of the sign (x right, y down from its center), and its box."""

    label: str
    shape: BaseGeometry
    box: Box

    @property
    def width(self) -> float:
        """Of the box, in mm."""
        return self.box[2] - self.box[0]

    @property
    def height(self) -> float:
        """Of the box, in mm."""
        return self.box[3] - self.box[1]


def patch_pieces(patch: Patch, *, poster: bool = False, join_mm: float = 0.0) -> list[Piece]:
    """The stickers of a patch, line by line from the top, labeled A, B, C ...; as a poster, the whole sign in one.

    Args:
        patch: what is printed.
        poster: the whole painted face.
        join_mm: parts that are no further from each other stay together on one carrier.

    Raises:
        PhysadvError: there is nothing to print.
    """
    if poster:
        parts = [Polygon(patch.sign.outline_mm)]
    else:
        parts = _polygons(patch.mask.shapes_mm)
    if not parts:
        raise PhysadvError(f"patch {patch.name!r}: has no paint, so there is nothing to print")
    near = unary_union([part.buffer(join_mm / 2.0 + 1e-6) for part in parts])
    carriers = polygon_parts(near)
    groups = [[part for part in parts if carrier.intersects(part.representative_point())] for carrier in carriers]
    boxes = [(group, unary_union(group).bounds) for group in groups if group]
    line = patch.sign.height_mm / 8.0
    boxes.sort(key=lambda one: (round((one[1][1] + one[1][3]) / 2.0 / line), one[1][0]))
    return [Piece(_label(number), unary_union(group), box) for number, (group, box) in enumerate(boxes)]


def _polygons(rings: Sequence[Sequence[tuple[float, float]]]) -> list[Polygon]:
    """Polygons with their holes: outlines turn one way, holes the other."""
    outer = [Polygon(ring) for ring in rings if _area(ring) > 0]
    holes = [Polygon(ring) for ring in rings if _area(ring) < 0]
    made = []
    for polygon in outer:
        inside = [hole for hole in holes if polygon.contains(hole.representative_point())]
        made.append(Polygon(polygon.exterior, [hole.exterior for hole in inside]))
    return made


def _area(ring: Sequence[tuple[float, float]]) -> float:
    following = [*ring[1:], ring[0]]
    return sum(x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in zip(ring, following, strict=True)) / 2.0


def _label(number: int) -> str:
    first, second = divmod(number, len(ascii_uppercase))
    return (ascii_uppercase[first - 1] if first else "") + ascii_uppercase[second]


def rings_of(shape: BaseGeometry) -> tuple[Points, ...]:
    """Outlines and holes of a shape, for the even-odd rule."""
    return tuple(
        tuple((float(x), float(y)) for x, y in ring.coords[:-1])
        for part in polygon_parts(shape)
        for ring in (part.exterior, *part.interiors)
    )


def face(patch: Patch, *, poster: bool) -> Pixels:
    """The colors that are printed, ``[P, P, 3]`` on the square of the sign's extent, continued beyond their edges."""
    if poster:
        painted = patch.painted(BUNDLE_PX)
        colors, known = linear_to_srgb(painted[:3].clamp(0.0, 1.0)), painted[3] > 0.99
    else:
        colors, known = patch.paint_at(BUNDLE_PX), patch.mask.at(BUNDLE_PX).alpha[0] >= 0.5
    pixels = to_uint8(colors.cpu())
    if not bool(known.any()):
        return pixels
    nearest = ndimage.distance_transform_edt(~known.cpu().numpy(), return_distances=False, return_indices=True)
    return np.ascontiguousarray(pixels[nearest[0], nearest[1]])


def window(pixels: Pixels, sign: Sign, box: Box, *, dpi: int, turn_deg: float = 0.0) -> Pixels:
    """Part of a face, resampled to a printer's dots (cubic, which keeps edges sharp).

    Args:
        pixels: the face, on the square of the sign's extent.
        sign: that it belongs to.
        box: part of it in mm, of the face turned about the sign's center.
        dpi: of the printer.
        turn_deg: by how much the face is turned, clockwise.
    """
    import cv2

    px = pixels.shape[0]
    size = tuple(max(2, round((high - low) / 25.4 * dpi)) for low, high in ((box[0], box[2]), (box[1], box[3])))
    per_dot = np.array([(box[2] - box[0]) / size[0], (box[3] - box[1]) / size[1]])
    back = turned(-turn_deg) * px / sign.extent_mm
    first = back @ (np.array(box[:2]) + per_dot / 2.0) + px / 2.0 - 0.5
    place = np.column_stack([back * per_dot, first])
    is_finer = per_dot.max() * px / sign.extent_mm < 1.0
    flags = (cv2.INTER_CUBIC if is_finer else cv2.INTER_AREA) | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(pixels, place, size, flags=flags, borderMode=cv2.BORDER_REPLICATE), np.uint8)


def turned(turn_deg: float) -> Matrix:
    """``[2, 2]``, what turns points (x right, y down) clockwise; exact in quarter turns."""
    cosine, sine = np.cos(np.radians(turn_deg)), np.sin(np.radians(turn_deg))
    matrix = np.array([[cosine, -sine], [sine, cosine]])
    return np.round(matrix) if turn_deg % 90.0 == 0.0 else matrix
