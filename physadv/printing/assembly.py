"""Where the stickers go: the painted sign with their outlines, labels, and distances from its edges."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from physadv.core.color import linear_to_srgb, to_uint8
from physadv.patches import Patch
from physadv.printing.dimensions import Dimension, dimensions
from physadv.printing.drawing import READABLE_MM, Fill, Line, Picture, Shape, Words, text_width, wrapped
from physadv.printing.paper import Paper
from physadv.printing.pieces import Piece, Pixels, rings_of
from physadv.printing.printer_profile import Conversion

Place: TypeAlias = Callable[[float, float], tuple[float, float]]

_MARGIN_MM, _HEAD_MM = 14.5, 5.0
"""About the sign, for the words of its distances; above that, for the page's first line."""
_WORDS_MM = 1.2
"""Between a line's end and its words."""
_FROM_STICKERS_MM = 0.5
"""On paper, that a line keeps from stickers that it does not belong to."""
_CLEAR_MM = 4.0
"""Between lines whose words stand at the same edge."""
_ROW_MM = 5.0
_LABEL_MM = 4.2
_FACE_PX = 1024
_PALE = 0.65
"""How far the bare sign is from its own colors to white, so that the stickers stand out."""
_TABLE_SHARE = 0.45
"""Of the page, that the table may take."""
_COLUMNS = ("sticker", "width", "height", "left", "top", "right", "bottom")


def assembly_shapes(patch: Patch, pieces: Sequence[Piece], paper: Paper, colors: Conversion) -> list[Shape]:
    """A page with the painted sign to a smaller scale, and a table of every sticker's place in mm.

    Distances are measured from the sign's box: the lines through its outermost points. The stickers have their colors,
    the sign between them pale ones.
    """
    sign = patch.sign
    most = int(_TABLE_SHARE * paper.height / _ROW_MM) - 2
    listed = pieces[:most]
    table = (len(listed) + 2) * _ROW_MM + (_ROW_MM if len(pieces) > most else 0.0)
    room_x, room_y = paper.width - 2.0 * _MARGIN_MM, paper.height - table - 2.0 * _MARGIN_MM - _HEAD_MM
    scale = min(room_x / sign.width_mm, room_y / sign.height_mm)
    middle = (paper.left + paper.width / 2.0, paper.left + _HEAD_MM + _MARGIN_MM + sign.height_mm * scale / 2.0)

    def at(x: float, y: float) -> tuple[float, float]:
        return middle[0] + x * scale, middle[1] + y * scale

    half_x, half_y = sign.width_mm / 2.0, sign.height_mm / 2.0
    clear_mm, apart_mm = _FROM_STICKERS_MM / scale, _CLEAR_MM / scale
    lines = dimensions(pieces, (half_x, half_y), clear_mm=clear_mm, apart_mm=apart_mm)
    heading = f"Scale 1 to {1.0 / scale:.2f}; all distances in mm, from the sign's outermost edges"
    if not all(line.points for line in lines):
        heading += "; those without a line are in the table"
    made: list[Shape] = [
        *(
            Words(paper.left, paper.left + 4.0 + 4.2 * row, text)
            for row, text in enumerate(wrapped(heading, paper.width))
        ),
        _painted(patch, at, scale, colors),
        Line(tuple(at(x, y) for x, y in sign.outline_mm), 0.3, closed=True),
    ]
    for piece in pieces:
        rings = tuple(tuple(at(x, y) for x, y in ring) for ring in rings_of(piece.shape))
        made += [Line(ring, 0.2, closed=True) for ring in rings]
    for line in lines:
        made += _drawn(line, at)
    for piece in pieces:
        x, y = at((piece.box[0] + piece.box[2]) / 2.0, (piece.box[1] + piece.box[3]) / 2.0)
        made += _boxed(x, y, piece.label)
    return [*made, *_table(listed, len(pieces), half_x, half_y, paper, paper.left + paper.height - table)]


def _painted(patch: Patch, at: Place, scale: float, colors: Conversion) -> Picture:
    left, top = at(-patch.sign.extent_mm / 2.0, -patch.sign.extent_mm / 2.0)
    side = patch.sign.extent_mm * scale
    return Picture(left, top, side, side, colors(_face(patch)))


def _face(patch: Patch) -> Pixels:
    """The sign with its stickers ``[P, P, 3]`` on white."""
    painted = patch.painted(_FACE_PX)
    alpha, paint = painted[3:], patch.mask.at(_FACE_PX).alpha
    seen = linear_to_srgb(painted[:3].clamp(0.0, 1.0)) * alpha + (1.0 - alpha)
    return to_uint8((seen + (1.0 - paint) * _PALE * (1.0 - seen)).cpu())


def _boxed(x: float, y: float, label: str) -> list[Shape]:
    """A label in the middle of a white plate, to be read on any color."""
    half_x, half_y = text_width(label, _LABEL_MM) / 2.0 + 0.7, _LABEL_MM / 2.0
    plate = ((x - half_x, y - half_y), (x + half_x, y - half_y), (x + half_x, y + half_y), (x - half_x, y + half_y))
    return [
        Fill((plate,), 1.0),
        Line(plate, 0.15, closed=True),
        Words(x, y + 0.36 * _LABEL_MM, label, _LABEL_MM, "middle"),
    ]


def _drawn(found: Dimension, at: Place) -> list[Shape]:
    """The line of a distance, and at the sign's edge its sticker and its length."""
    line = tuple(at(x, y) for x, y in found.points)
    if not line:
        return []
    x, y = line[0]
    words = f"{found.piece.label} {found.length_mm:.0f}"
    made: list[Shape] = [Line(line, 0.1, dash_mm=(0.8, 0.8))]
    if found.along == 0:
        beside = _WORDS_MM if found.is_far else -_WORDS_MM
        made.append(Words(x + beside, y + 0.36 * READABLE_MM, words, anchor="left" if found.is_far else "right"))
    else:
        below = _WORDS_MM + text_width(words) if found.is_far else -_WORDS_MM
        made.append(Words(x + 0.4 * READABLE_MM, y + below, words, turned=True))
    return made


def _table(pieces: Sequence[Piece], count: int, half_x: float, half_y: float, paper: Paper, top: float) -> list[Shape]:
    step = paper.width / len(_COLUMNS)
    rows = [_COLUMNS] + [
        (
            piece.label,
            *(
                f"{value:.1f}"
                for value in (
                    piece.width,
                    piece.height,
                    piece.box[0] + half_x,
                    piece.box[1] + half_y,
                    half_x - piece.box[2],
                    half_y - piece.box[3],
                )
            ),
        )
        for piece in pieces
    ]
    made: list[Shape] = []
    for down, row in enumerate(rows):
        y = top + (down + 1) * _ROW_MM
        made += [Words(paper.left + step * k, y, text) for k, text in enumerate(row)]
        made.append(Line(((paper.left, y + 1.2), (paper.left + paper.width, y + 1.2)), 0.08))
    if count > len(pieces):
        y = top + (len(rows) + 1) * _ROW_MM
        made.append(Words(paper.left, y, f"and {count - len(pieces)} more, as drawn above"))
    return made
