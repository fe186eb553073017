"""Stickers of free shape from a height map: where it is highest, within limits on number, width and area."""

from __future__ import annotations

from collections.abc import Callable

import contourpy
import numpy as np
import numpy.typing as npt
import shapely
from shapely.geometry import Polygon
from shapely.geometry.base import BaseGeometry
from torch import Tensor

from physadv.core.errors import PhysadvError
from physadv.patches.geometry import polygon_parts
from physadv.patches.mask import Mask, build_mask
from physadv.patches.mask_kinds.polygons import Polygons
from physadv.signs.sign import Sign

_EDGE_MM = 1.0
"""Stickers end this far inside the sign's edge."""
_TOLERANCE_MM = 0.5
"""By which an outline may be simplified: no knife cuts finer."""
_GRID_MM = 0.01
_GAP_MM = 3.0
"""Between two stickers that were one but for a narrow neck."""
_HALVINGS = 24


def freeform_mask(
    height: Tensor, sign: Sign, *, max_stickers: int, min_side_mm: float, max_area_fraction: float
) -> Mask:
    """What lies above a contour of ``height``, as low a one as the limits allow.

    Each sticker is what a disc of ``min_side_mm`` across sweeps as it moves about in it, so that it can be cut and
    handled; it has no holes, and a gap to the next. Where there are more than ``max_stickers``, the largest stay.

    Args:
        height: ``[P, P]`` on the square of the sign's longer side, finite.
        sign: where the stickers go; they lie within its outline.
        max_stickers: at most this many.
        min_side_mm: no sticker is narrower anywhere.
        max_area_fraction: of the sign's area, of all stickers together.

    Returns:
        A mask of kind ``polygons`` at the resolution of ``height``.

    Raises:
        PhysadvError: no such sticker fits.
    """
    px = len(height)
    centers = ((np.arange(px) + 0.5) / px - 0.5) * sign.extent_mm
    values = height.detach().double().cpu().numpy()
    contours = contourpy.contour_generator(centers, centers, values, fill_type=contourpy.FillType.OuterOffset)
    face = Polygon(sign.outline_mm).buffer(-_EDGE_MM)
    top = float(values.max())

    def cut(shapes: BaseGeometry) -> list[Polygon]:
        return _pieces(shapes.intersection(face), min_side_mm / 2.0)[:max_stickers]

    def largest(shapes: Callable[[float], list[Polygon]], low: float, high: float) -> list[Polygon]:
        """The largest within the area, of shapes that grow from ``low`` to ``high``."""
        found = list[Polygon]()
        for _ in range(_HALVINGS):
            middle = (low + high) / 2.0
            pieces = shapes(middle)
            if sum(piece.area for piece in pieces) > max_area_fraction * sign.area_mm2:
                high = middle
            else:
                low, found = middle, pieces or found
        return found

    found = largest(
        lambda depth: cut(_filled(*contours.filled(top - depth, top + 1.0))), 0.0, top - float(values.min())
    )
    if found:  # where two pieces become one, the area leaps: what is left of it goes to all alike
        whole = shapely.union_all(found)
        found = largest(lambda rim: cut(whole.buffer(rim)), 0.0, min_side_mm) or found
    if not found:
        raise PhysadvError(
            f"no sticker of min_side_mm = {min_side_mm:g} and max_area_fraction = {max_area_fraction:g} fits on sign "
            f"{sign.name}; allow more area or narrower stickers"
        )
    corners = tuple(tuple((round(x, 3), round(y, 3)) for x, y in shape.exterior.coords[:-1]) for shape in found)
    return build_mask(Polygons(polygons=corners, drawn_for_mm=sign.extent_mm), sign, px=px)


def _pieces(shapes: BaseGeometry, radius: float) -> list[Polygon]:
    """What a disc of that radius sweeps inside of ``shapes``, largest first: a neck too narrow for it parts two."""
    taken: list[Polygon] = []
    for core in sorted(polygon_parts(shapes.buffer(-radius)), key=lambda core: core.area, reverse=True):
        if taken:
            room = core.buffer(radius).difference(shapely.union_all(taken).buffer(_GAP_MM))
            core = max(polygon_parts(room.buffer(-radius)), key=lambda part: part.area, default=Polygon())
        swept = shapely.set_precision(core.buffer(radius).simplify(_TOLERANCE_MM), _GRID_MM)
        taken += [Polygon(part.exterior) for part in polygon_parts(swept)]
    return sorted(taken, key=lambda piece: piece.area, reverse=True)


def _filled(rings: list[npt.NDArray[np.float64]], offsets: list[npt.NDArray[np.uint32]]) -> BaseGeometry:
    """The union of a contour's outer rings; what they enclose is filled."""
    outer = [points[: starts[1]] for points, starts in zip(rings, offsets, strict=True)]
    return shapely.union_all([Polygon(ring).buffer(0) for ring in outer if len(ring) > 3])
