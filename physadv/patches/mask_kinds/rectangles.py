"""Rectangular stickers: any the user lists, and those that :mod:`physadv.patches.rectangle_mask` finds."""

from __future__ import annotations

from typing import Annotated, Literal

import shapely
from pydantic import Field
from shapely import affinity
from shapely.geometry.base import BaseGeometry

from physadv.core.config import Config
from physadv.patches.mask import MASKS, Degrees, InMillimeters, LengthMm, Mm, Shapes, numbered
from physadv.signs.sign import Sign


class Rectangle(Config):
    """A rectangle about its center."""

    x_mm: Mm
    """Of the center, to the right of the sign's center."""
    y_mm: Mm
    """Of the center, below the sign's center."""
    width_mm: LengthMm
    height_mm: LengthMm
    angle_deg: Degrees = 0.0
    """Clockwise."""

    def geometry(self) -> BaseGeometry:
        """The rectangle as a polygon."""
        half_width, half_height = self.width_mm / 2.0, self.height_mm / 2.0
        upright = shapely.box(-half_width, -half_height, half_width, half_height)
        return affinity.translate(affinity.rotate(upright, self.angle_deg, origin=(0.0, 0.0)), self.x_mm, self.y_mm)


@MASKS.register("rectangles")
class Rectangles(InMillimeters):
    """Rectangles anywhere on the sign, turned as wanted; where they overlap they are one shape."""

    kind: Literal["rectangles"] = "rectangles"
    rectangles: Annotated[tuple[Rectangle, ...], Field(min_length=1)]

    def drawn(self, sign: Sign) -> Shapes:
        """Each of them."""
        return numbered("rectangle", (rectangle.geometry() for rectangle in self.rectangles))


class Sticker(Config):
    """An upright rectangle by its corner."""

    left_mm: Mm
    top_mm: Mm
    width_mm: LengthMm
    height_mm: LengthMm


@MASKS.register("stickers")
class Stickers(InMillimeters):
    """Upright rectangular stickers as the discovery finds them (RP2, section 3.2: the L1 stage's outcome)."""

    kind: Literal["stickers"] = "stickers"
    stickers: Annotated[tuple[Sticker, ...], Field(min_length=1)]

    def drawn(self, sign: Sign) -> Shapes:
        """Each of them."""
        return numbered(
            "sticker",
            (shapely.box(s.left_mm, s.top_mm, s.left_mm + s.width_mm, s.top_mm + s.height_mm) for s in self.stickers),
        )
