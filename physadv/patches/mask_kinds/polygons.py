"""Stickers of any shape."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator
from shapely.geometry import MultiPoint, Polygon

from physadv.patches.mask import MASKS, InMillimeters, Mm, Shapes, numbered
from physadv.signs.sign import Sign

_NO_AREA_MM2 = 1e-6

Corners = Annotated[tuple[tuple[Mm, Mm], ...], Field(min_length=3)]


@MASKS.register("polygons")
class Polygons(InMillimeters):
    """Polygons by their corners ``[x_mm, y_mm]``; where they overlap they are one shape."""

    kind: Literal["polygons"] = "polygons"
    polygons: Annotated[tuple[Corners, ...], Field(min_length=1)]

    @field_validator("polygons")
    @classmethod
    def _simple(cls, polygons: tuple[Corners, ...]) -> tuple[Corners, ...]:
        for number, corners in enumerate(polygons, start=1):
            if MultiPoint(corners).convex_hull.area <= _NO_AREA_MM2:
                raise ValueError(f"polygon {number} has no area: its corners lie in one point or on one line")
            if not Polygon(corners).is_valid:
                raise ValueError(f"polygon {number} crosses or touches itself; its edges should meet only at corners")
        return polygons

    def drawn(self, sign: Sign) -> Shapes:
        """Each of them."""
        return numbered("polygon", (Polygon(corners) for corners in self.polygons))
