"""Stickers: the connected parts of a patch's paint, their pictures, and how they are laid out on paper."""

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
from physadv.printing.paper import Paper
from physadv.signs import Sign

Pixels: TypeAlias = npt.NDArray[np.uint8]
Box: TypeAlias = tuple[float, float, float, float]
"""Left, top, right, bottom."""

GAP_MM = 8.0
"""Between stickers on a page."""
LABEL_MM = 5.0
"""Above a sticker, for its label."""
LABEL_WIDTH_MM = 30.0


@dataclass(frozen=True)
class Piece:
    """What is cut out in one: its shape in mm of the sign (x right, y down from its centre), and its box."""

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
    """The stickers of a patch, line by line from the top, labelled A, B, C ...; as a poster, the whole sign in one.

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
    """The colours that are printed, ``[P, P, 3]`` on the square of the sign's extent, continued beyond their edges."""
    if poster:
        painted = patch.painted(BUNDLE_PX)
        colours, known = linear_to_srgb(painted[:3].clamp(0.0, 1.0)), painted[3] > 0.99
    else:
        colours, known = patch.paint_at(BUNDLE_PX), patch.mask.at(BUNDLE_PX).alpha[0] >= 0.5
    pixels = to_uint8(colours.cpu())
    if not bool(known.any()):
        return pixels
    nearest = ndimage.distance_transform_edt(~known.cpu().numpy(), return_distances=False, return_indices=True)
    return np.ascontiguousarray(pixels[nearest[0], nearest[1]])


def window(pixels: Pixels, sign: Sign, box: Box, *, dpi: int) -> Pixels:
    """Part of a face, resampled to a printer's dots (cubic, which keeps edges sharp)."""
    import cv2

    px = pixels.shape[0]
    size = tuple(max(2, round((high - low) / 25.4 * dpi)) for low, high in ((box[0], box[2]), (box[1], box[3])))
    per_dot = np.array([(box[2] - box[0]) / size[0], (box[3] - box[1]) / size[1]]) * px / sign.extent_mm
    start = (np.array(box[:2]) / sign.extent_mm + 0.5) * px
    first = start + per_dot / 2 - 0.5
    place = np.array([[per_dot[0], 0, first[0]], [0, per_dot[1], first[1]]])
    flags = (cv2.INTER_CUBIC if per_dot.max() < 1.0 else cv2.INTER_AREA) | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(pixels, place, size, flags=flags, borderMode=cv2.BORDER_REPLICATE), np.uint8)


@dataclass(frozen=True)
class Placed:
    """A piece, or a tile of one, on a page.

    Attributes:
        piece: which.
        part: of the piece that is on this page, in mm of the sign.
        left, top: where ``part`` begins, from the upper left of what is printed on.
        row, rows, column, columns: of the tile, from 1.
        seams: middles of the strips that it shares with the tiles to the left, above, to the right and below, in mm of
            the sign; None where there is none.
    """

    piece: Piece
    part: Box
    left: float
    top: float
    row: int = 1
    rows: int = 1
    column: int = 1
    columns: int = 1
    seams: tuple[float | None, float | None, float | None, float | None] = (None, None, None, None)


@dataclass(frozen=True)
class Sheet:
    """A page's paper, and what lies on it."""

    paper: Paper
    placed: tuple[Placed, ...]


def lay_out(pieces: Sequence[Piece], paper: Paper, *, overlap_mm: float = 15.0, bleed_mm: float = 0.0) -> list[Sheet]:
    """Pieces on pages: those that fit side by side in rows, larger ones in tiles that overlap.

    The paper lies as wastes fewer pages, upright if it is all the same.

    Raises:
        PhysadvError: the paper has no room for a tile.
    """
    tried = [_laid(pieces, way, overlap_mm, bleed_mm) for way in (paper, paper.turned()) if _room(way, overlap_mm)]
    if not tried:
        raise PhysadvError(
            f"--paper of {paper.width_mm:g} x {paper.height_mm:g} mm: leaves no room beside margins and foot; "
            "choose a larger one, or a smaller margin"
        )
    return min(tried, key=len)


def _room(paper: Paper, overlap_mm: float) -> bool:
    return min(paper.clear_width, paper.height - LABEL_MM) > 2.0 * overlap_mm + 10.0


def _laid(pieces: Sequence[Piece], paper: Paper, overlap_mm: float, bleed_mm: float) -> list[Sheet]:
    sheets: list[Sheet] = []
    shelf: list[Placed] = []
    left = top = high = 0.0
    edge = 2.0 * bleed_mm
    for piece in pieces:
        wide, tall = max(piece.width + edge, LABEL_WIDTH_MM), piece.height + edge + LABEL_MM
        if wide > paper.clear_width or tall > paper.height:
            sheets += [Sheet(paper, (tile,)) for tile in _tiles(piece, paper, overlap_mm, bleed_mm)]
            continue
        if left + wide > paper.clear_width:
            left, top, high = 0.0, top + high + GAP_MM, 0.0
        if top + tall > paper.height:
            sheets.append(Sheet(paper, tuple(shelf)))
            shelf, left, top, high = [], 0.0, 0.0, 0.0
        shelf.append(Placed(piece, piece.box, left + bleed_mm, top + LABEL_MM + bleed_mm))
        left, high = left + wide + GAP_MM, max(high, tall)
    return [*sheets, Sheet(paper, tuple(shelf))] if shelf else sheets


def _tiles(piece: Piece, paper: Paper, overlap_mm: float, bleed_mm: float) -> list[Placed]:
    left, top, right, bottom = (
        piece.box[0] - bleed_mm,
        piece.box[1] - bleed_mm,
        piece.box[2] + bleed_mm,
        piece.box[3] + bleed_mm,
    )
    wide, tall = paper.clear_width, paper.height - LABEL_MM
    columns = _count(right - left, wide, overlap_mm)
    rows = _count(bottom - top, tall, overlap_mm)
    across = np.linspace(left, max(left, right - wide), columns).tolist()
    down = np.linspace(top, max(top, bottom - tall), rows).tolist()
    return [
        Placed(
            piece,
            (float(x), float(y), float(min(x + wide, right)), float(min(y + tall, bottom))),
            0.0,
            LABEL_MM,
            row + 1,
            rows,
            column + 1,
            columns,
            (
                _seam(across, column, wide),
                _seam(down, row, tall),
                _seam(across, column + 1, wide),
                _seam(down, row + 1, tall),
            ),
        )
        for row, y in enumerate(down)
        for column, x in enumerate(across)
    ]


def _seam(starts: Sequence[float], number: int, length: float) -> float | None:
    """Middle of what tiles ``number - 1`` and ``number`` share."""
    if not 0 < number < len(starts):
        return None
    return float(starts[number - 1] + length + starts[number]) / 2.0


def _count(length: float, page: float, overlap: float) -> int:
    return 1 if length <= page else int(np.ceil((length - overlap) / (page - overlap) - 1e-9))
