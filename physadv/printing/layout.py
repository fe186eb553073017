"""Stickers on pages: whole wherever a page has room for them, turned or with less bleed, and in tiles elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from shapely import affinity, get_coordinates
from shapely.geometry import box
from shapely.geometry.base import BaseGeometry

from physadv.core.errors import PhysadvError
from physadv.printing.drawing import READABLE_MM, text_width
from physadv.printing.paper import Paper
from physadv.printing.pieces import Box, Piece, turned

GAP_MM = 8.0
"""Between stickers on a page."""
LABEL_MM = 5.5
"""Above a sticker, for its label."""
ARROW_MM = 6.0
"""Beside a turned sticker's label, for the arrow to the sign's top."""
_STEP_DEG = 5
"""Between turns that are tried where no quarter turn fits."""


@dataclass(frozen=True)
class Placed:
    """A piece, or a tile of one, on a page.

    Attributes:
        piece: which.
        part: of the turned piece that is on this page, in mm of the turned sign (see :attr:`shape`).
        left, top: where ``part`` begins, from the upper left of what is printed on.
        turn_deg: by how much the piece is turned about the sign's center, clockwise.
        bleed_mm: of paint beyond the cut line.
        row, rows, column, columns: of the tile, from 1.
        overlap_mm: of the tile with its neighbors, across and down.
        seams: middles of the strips that it shares with the tiles to the left, above, to the right and below, in mm of
            the turned sign; None where there is none.
    """

    piece: Piece
    part: Box
    left: float
    top: float
    turn_deg: float = 0.0
    bleed_mm: float = 0.0
    row: int = 1
    rows: int = 1
    column: int = 1
    columns: int = 1
    overlap_mm: float = 0.0
    seams: tuple[float | None, float | None, float | None, float | None] = (None, None, None, None)

    @property
    def shape(self) -> BaseGeometry:
        """Of the piece as it lies, in mm of the turned sign."""
        return laid(self.piece, self.turn_deg)

    @property
    def is_tile(self) -> bool:
        """Whether it is a part of a piece that no page has room for."""
        return self.rows * self.columns > 1

    @property
    def label(self) -> str:
        """What is written above it."""
        tile = ""
        if self.is_tile:
            tile = f", row {self.row} of {self.rows}, column {self.column} of {self.columns}"
            tile += f", overlap {self.overlap_mm:g} mm"
        return _label(self.piece, self.turn_deg, tile)


@dataclass(frozen=True)
class Sheet:
    """A page's paper, and what lies on it."""

    paper: Paper
    placed: tuple[Placed, ...]


@dataclass(frozen=True)
class _Fit:
    """How a piece lies on a page whole."""

    turn_deg: float
    bleed_mm: float
    bounds: Box


def _label(piece: Piece, turn_deg: float, tile: str = "") -> str:
    words = f"{piece.label}: {piece.width:.1f} x {piece.height:.1f} mm{tile}"
    return f"{words}, top:" if turn_deg else words


def laid(piece: Piece, turn_deg: float) -> BaseGeometry:
    """A piece's shape, turned clockwise about the sign's center."""
    if not turn_deg:
        return piece.shape
    (a, b), (c, d) = turned(turn_deg).tolist()
    return affinity.affine_transform(piece.shape, [a, b, c, d, 0.0, 0.0])


def lay_out(pieces: Sequence[Piece], paper: Paper, *, overlap_mm: float = 15.0, bleed_mm: float = 0.0) -> list[Sheet]:
    """Pieces on pages: those that fit side by side in rows, larger ones in tiles that overlap by ``overlap_mm``.

    A piece fits a page if it does so as it is, turned, or with less bleed. The paper lies as wastes fewer pages; of as
    many, as fewer stickers are turned, for these are easier to stick on; upright if it is all the same.

    Raises:
        PhysadvError: the paper has no room for a tile.
    """
    ways = [way for way in (paper, paper.turned()) if _room(way, overlap_mm)]
    if not ways:
        raise PhysadvError(
            f"--paper of {paper.width_mm:g} x {paper.height_mm:g} mm: leaves no room beside margins and foot; "
            "choose a larger one, or a smaller margin"
        )
    return min((_laid_out(pieces, way, ways, overlap_mm, bleed_mm) for way in ways), key=_cost)


def _cost(sheets: Sequence[Sheet]) -> tuple[int, int]:
    """Pages, and turned stickers on them."""
    return len(sheets), sum(bool(placed.turn_deg) for sheet in sheets for placed in sheet.placed)


def _room(paper: Paper, overlap_mm: float) -> bool:
    return min(paper.clear_width, paper.height - LABEL_MM) > 2.0 * overlap_mm + 10.0


def _laid_out(
    pieces: Sequence[Piece], paper: Paper, ways: Sequence[Paper], overlap_mm: float, bleed_mm: float
) -> list[Sheet]:
    sheets: list[Sheet] = []
    shelf: list[Placed] = []
    left = top = high = 0.0
    for piece in pieces:
        fit = _fit(piece, paper, bleed_mm)
        if fit is None:
            sheets += _by_itself(piece, ways, overlap_mm, bleed_mm)
            continue
        wide, tall = _taken(piece, fit)
        if left + wide > paper.clear_width:
            left, top, high = 0.0, top + high + GAP_MM, 0.0
        if top + tall > paper.height:
            sheets.append(Sheet(paper, tuple(shelf)))
            shelf, left, top, high = [], 0.0, 0.0, 0.0
        shelf.append(_whole(piece, fit, left, top))
        left, high = left + wide + GAP_MM, max(high, tall)
    return [*sheets, Sheet(paper, tuple(shelf))] if shelf else sheets


def _whole(piece: Piece, fit: _Fit, left: float, top: float) -> Placed:
    return Placed(piece, fit.bounds, left + fit.bleed_mm, top + LABEL_MM + fit.bleed_mm, fit.turn_deg, fit.bleed_mm)


def _taken(piece: Piece, fit: _Fit) -> tuple[float, float]:
    """Width and height with bleed and label."""
    low_x, low_y, high_x, high_y = fit.bounds
    label = text_width(_label(piece, fit.turn_deg), READABLE_MM) + (ARROW_MM if fit.turn_deg else 0.0)
    return max(high_x - low_x + 2.0 * fit.bleed_mm, label), high_y - low_y + 2.0 * fit.bleed_mm + LABEL_MM


def _by_itself(piece: Piece, ways: Sequence[Paper], overlap_mm: float, bleed_mm: float) -> list[Sheet]:
    """On a page that lies the other way, or else in the fewest tiles."""
    for way in ways:
        fit = _fit(piece, way, bleed_mm)
        if fit is not None:
            return [Sheet(way, (_whole(piece, fit, 0.0, 0.0),))]
    tried = [
        [Sheet(way, (tile,)) for tile in _tiles(piece, turn, way, overlap_mm, bleed_mm)]
        for turn in (0.0, 90.0)
        for way in ways
    ]
    return min(tried, key=len)


def _fit(piece: Piece, paper: Paper, bleed_mm: float) -> _Fit | None:
    """How a piece lies on a page: the first turn with the whole bleed, or the one with the most; None if in no way."""
    best: _Fit | None = None
    for turn, bounds in _turns(piece):
        spare_x = paper.clear_width - (bounds[2] - bounds[0])
        spare_y = paper.height - LABEL_MM - (bounds[3] - bounds[1])
        bleed = min(bleed_mm, spare_x / 2.0, spare_y / 2.0)
        if bleed >= 0.0 and (best is None or bleed > best.bleed_mm):
            best = _Fit(turn, bleed, bounds)
        if bleed >= bleed_mm:
            break
    return best


@lru_cache(maxsize=256)
def _turns(piece: Piece) -> tuple[tuple[float, Box], ...]:
    """Turns that are worth trying, each with the box of the piece turned so; quarter turns first."""
    hull = get_coordinates(piece.shape.convex_hull)
    x, y = np.diff(get_coordinates(piece.shape.minimum_rotated_rectangle), axis=0)[0]
    along = float(np.degrees(np.arctan2(y, x)))
    turns = [0.0, 90.0, -along % 180.0, (90.0 - along) % 180.0, *map(float, range(_STEP_DEG, 180, _STEP_DEG))]
    boxes = []
    for turn in dict.fromkeys(turns):
        if turn in (0.0, 90.0):
            low_x, low_y, high_x, high_y = laid(piece, turn).bounds
        else:
            at = hull @ turned(turn).T
            (low_x, low_y), (high_x, high_y) = at.min(0).tolist(), at.max(0).tolist()
        boxes.append((turn, (low_x, low_y, high_x, high_y)))
    return tuple(boxes)


def _tiles(piece: Piece, turn: float, paper: Paper, overlap_mm: float, bleed_mm: float) -> Iterator[Placed]:
    """Tiles of one size, neighbors sharing strips of ``overlap_mm``; those that would stay white are left out."""
    shape = laid(piece, turn)
    left, top, right, bottom = shape.buffer(bleed_mm, join_style="mitre").bounds
    across, wide = _cuts(left, right, paper.clear_width, overlap_mm)
    down, tall = _cuts(top, bottom, paper.height - LABEL_MM, overlap_mm)
    inked = shape.buffer(bleed_mm, join_style="mitre")
    for row, y in enumerate(down):
        for column, x in enumerate(across):
            part = (x, y, x + wide, y + tall)
            if not inked.intersects(box(*part)):
                continue
            yield Placed(
                piece,
                part,
                0.0,
                LABEL_MM,
                turn,
                bleed_mm,
                row + 1,
                len(down),
                column + 1,
                len(across),
                overlap_mm,
                (
                    _seam(across, column, overlap_mm),
                    _seam(down, row, overlap_mm),
                    _seam(across, column + 1, overlap_mm),
                    _seam(down, row + 1, overlap_mm),
                ),
            )


def _cuts(low: float, high: float, room: float, overlap: float) -> tuple[list[float], float]:
    """Where tiles begin, and their length: as few as there is room for, all alike."""
    length = high - low
    count = 1 if length <= room else int(np.ceil((length - overlap) / (room - overlap) - 1e-9))
    each = (length + (count - 1) * overlap) / count
    return [low + number * (each - overlap) for number in range(count)], each


def _seam(starts: Sequence[float], number: int, overlap: float) -> float | None:
    """Middle of what tiles ``number - 1`` and ``number`` share."""
    return starts[number] + overlap / 2.0 if 0 < number < len(starts) else None
