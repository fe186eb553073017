"""Lines that say how far stickers are from a sign's edges: straight or with one bend, across no other sticker."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
import shapely
from shapely.geometry import LineString

from physadv.printing.drawing import Points
from physadv.printing.pieces import Piece

_SHARES = sorted((number / 20.0 for number in range(1, 20)), key=lambda share: abs(share - 0.5))
"""Where across a sticker a straight line may run, the middle first."""
_ROWS = 81
"""Where across the sign a line with a bend may run."""
_LEAST_MM = 1.0
"""A shorter distance has no line."""
_LEAST_APART = 0.7
"""Of the distance that lines should keep, below which their words would run into each other."""


@dataclass(frozen=True)
class Dimension:
    """A line from the sign's edge to a sticker, in mm of the sign (x right, y down from its center).

    Attributes:
        piece: the sticker.
        along: 0 for a distance to the left or right, 1 for one up or down.
        is_far: whether it is measured from the right or the lower edge.
        length_mm: the distance.
        points: of the line; empty where every way is barred by other stickers or other lines' words.
    """

    piece: Piece
    along: int
    is_far: bool
    length_mm: float
    points: Points


def dimensions(
    pieces: Sequence[Piece], halves: tuple[float, float], *, clear_mm: float, apart_mm: float
) -> list[Dimension]:
    """Two of each sticker: to the left or the right edge, and to the upper or the lower one.

    Args:
        pieces: the stickers.
        halves: of the sign's width and height.
        clear_mm: that a line keeps from other stickers.
        apart_mm: that lines keep from each other at the edge where their words stand; seven tenths if need be.
    """
    tree = shapely.STRtree([piece.shape for piece in pieces])
    taken: dict[tuple[int, bool], list[float]] = {}

    def is_free(points: Points, own: int) -> bool:
        return not set(tree.query(LineString(points), "dwithin", clear_mm).tolist()) - {own}

    def room(found: Dimension) -> float:
        place = found.points[0][1 - found.along]
        return min((abs(place - one) for one in taken.get((found.along, found.is_far), ())), default=np.inf)

    made = []
    for number, piece in enumerate(pieces):
        for along in (0, 1):
            ways = (way for way in _ways(piece, along, halves) if is_free(way.points, number))
            chosen, most = None, _LEAST_APART * apart_mm
            for way in ways:
                if room(way) > most:
                    chosen, most = way, room(way)
                if most >= apart_mm:
                    break
            if chosen is None:
                chosen = Dimension(piece, along, False, piece.box[along] + halves[along], ())
            else:
                taken.setdefault((along, chosen.is_far), []).append(chosen.points[0][1 - along])
            made.append(chosen)
    return [found for found in made if found.length_mm >= _LEAST_MM]


def _ways(piece: Piece, along: int, halves: tuple[float, float]) -> Iterator[Dimension]:
    """Lines to a sticker, the best first: straight ones from the near and the far edge, then those with a bend."""
    nearer_first = (False, True) if piece.box[along] + piece.box[along + 2] <= 0.0 else (True, False)
    sides = [_from_edge(piece, along, is_far, halves) for is_far in nearer_first]
    return chain.from_iterable(chain(*(side[kind] for side in sides)) for kind in (0, 1))


def _from_edge(
    piece: Piece, along: int, is_far: bool, halves: tuple[float, float]
) -> tuple[list[Dimension], list[Dimension]]:
    """Lines from one edge of the sign's box to the sticker's nearest point: straight, and with a bend."""
    across = 1 - along
    edge, target = halves[along] * (1.0 if is_far else -1.0), piece.box[along + 2 * is_far]
    low, high = piece.box[across], piece.box[across + 2]
    outline = shapely.get_coordinates(piece.shape)
    touched = float(outline[np.abs(outline[:, along] - target).argmin(), across])

    def at(place: float, row: float) -> tuple[float, float]:
        return (place, row) if along == 0 else (row, place)

    def made(points: Points) -> Dimension:
        return Dimension(piece, along, is_far, abs(target - edge), points)

    rows = np.linspace(-halves[across], halves[across], _ROWS)[1:-1].tolist()
    beside = sorted(
        (row for row in rows if not low <= row <= high), key=lambda row: min(abs(row - low), abs(row - high))
    )
    straight = [made((at(edge, row), at(target, row))) for row in (low + share * (high - low) for share in _SHARES)]
    bent = [made((at(edge, row), at(target, row), at(target, touched))) for row in beside]
    return straight, bent
