"""Stickers of any shape."""

from __future__ import annotations

from typing import Annotated, Literal

import shapely
from pydantic import Field, field_validator
from shapely.geometry import Polygon
from shapely.geometry.base import BaseGeometry

from physadv.patches.mask import MASKS, InMillimetres, Mm
from physadv.signs.sign import Sign

Corners = Annotated[tuple[tuple[Mm, Mm], ...], Field(min_length=3)]


@MASKS.register("polygons")
class Polygons(InMillimetres):
    """Polygons by their corners ``[x_mm, y_mm]``; where they overlap they are one shape."""

    kind: Literal["polygons"] = "polygons"
    polygons: Annotated[tuple[Corners, ...], Field(min_length=1)]

    @field_validator("polygons")
    @classmethod
    def _simple(cls, polygons: tuple[Corners, ...]) -> tuple[Corners, ...]:
        for number, corners in enumerate(polygons, start=1):
            if not Polygon(corners).is_valid:
                raise ValueError(f"polygon {number} crosses or touches itself; its edges should meet only at corners")
        return polygons

    def drawn(self, sign: Sign) -> BaseGeometry:
        """Their union."""
        return shapely.union_all([Polygon(corners) for corners in self.polygons])
