"""Stickers as somebody has drawn them, in an SVG or a picture (see :mod:`physadv.patches.drawings`)."""

from __future__ import annotations

from typing import Annotated, Literal

import shapely
from pydantic import Field, field_validator
from shapely import affinity
from shapely.geometry import Polygon

from physadv.core.errors import PhysadvError
from physadv.patches.geometry import polygon_parts
from physadv.patches.mask import MASKS, LengthMm, MaskConfig, Shapes, numbered
from physadv.signs.sign import Sign

_ASPECT = 0.01
"""By which a drawing's proportions may differ from the sign's."""
_SIZE = 0.005

Share = Annotated[float, Field(ge=-100.0, le=100.0, allow_inf_nan=False)]
Outline = Annotated[tuple[tuple[Share, Share], ...], Field(min_length=3)]
Piece = Annotated[tuple[Outline, ...], Field(min_length=1)]


@MASKS.register("drawing")
class Drawing(MaskConfig):
    """What an SVG or a black-and-white picture shows: the file's name in place of a kind's makes this mask of it."""

    kind: Literal["drawing"] = "drawing"
    pieces: Annotated[tuple[Piece, ...], Field(min_length=1)]
    """Each an outline, then its holes; points in shares of the drawing's width, from its center, x right, y down."""
    aspect: Annotated[float, Field(gt=0.01, lt=100.0)] = 1.0
    """The drawing's width over its height: that of the sign's outline, or 1 for the square of its longer side."""
    width_mm: LengthMm | None = None
    """Of the drawing, where it says its own size; it has to be the sign's. None: scaled to the sign."""
    source: str = ""
    """The file's name."""

    @field_validator("pieces")
    @classmethod
    def _simple(cls, pieces: tuple[Piece, ...]) -> tuple[Piece, ...]:
        for number, (outline, *holes) in enumerate(pieces, start=1):
            if not Polygon(outline, holes).is_valid:
                raise ValueError(f"piece {number} crosses or touches itself, or has no area")
        return pieces

    def shapes(self, sign: Sign) -> Shapes:
        """The pieces on the sign.

        Raises:
            PhysadvError: the drawing has other proportions, or another size, than the sign.
        """
        fits = [
            (wide, high)
            for wide, high in ((sign.width_mm, sign.height_mm), (sign.extent_mm, sign.extent_mm))
            if abs(self.aspect * high / wide - 1.0) <= _ASPECT
        ]
        what = self.source or "the drawing"
        either = f"{sign.width_mm:g} x {sign.height_mm:g}"
        if sign.width_mm != sign.height_mm:
            either += f", or the square {sign.extent_mm:g} x {sign.extent_mm:g}"
        if not fits:
            raise PhysadvError(
                f"{what}: is {self.aspect:.3g} times as wide as high; it should have the proportions of sign "
                f"{sign.name}, {either} mm"
            )
        width_mm = fits[0][0]
        if self.width_mm is not None and abs(self.width_mm / width_mm - 1.0) > _SIZE:
            raise PhysadvError(
                f"{what}: says that it is {self.width_mm:g} mm wide; sign {sign.name} is {either} mm; draw it at that "
                "size, or without units"
            )
        drawn = (Polygon(outline, holes) for outline, *holes in self.pieces)
        whole = shapely.union_all([affinity.scale(one, width_mm, width_mm, origin=(0.0, 0.0)) for one in drawn])
        return numbered("piece", polygon_parts(whole))
