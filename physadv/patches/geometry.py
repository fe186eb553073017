"""Shapes on a sign in millimeters, and their exact coverage of a pixel grid."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import shapely
import torch
from shapely.geometry import Polygon
from shapely.geometry.base import BaseGeometry
from torch import Tensor

Ring: TypeAlias = tuple[tuple[float, float], ...]
"""A closed polygon in millimeters from the sign's center, x right, y down; the last point is not repeated."""

BANDS_PER_PIXEL = 16


def polygon_parts(geometry: BaseGeometry) -> list[Polygon]:
    """The polygons of a geometry; points and lines, which have no area, are dropped."""
    return [part for part in shapely.get_parts(geometry, return_index=False).tolist() if _is_area(part)]


def _is_area(part: BaseGeometry) -> bool:
    return isinstance(part, Polygon) and part.area > 0.0


def to_rings(geometry: BaseGeometry) -> tuple[Ring, ...]:
    """Every outline and hole of a geometry: outlines with a positive shoelace area, holes with a negative one."""
    rings: list[Ring] = []
    for part in polygon_parts(geometry):
        oriented = shapely.geometry.polygon.orient(part, 1.0)
        rings += [tuple((float(x), float(y)) for x, y in ring.coords[:-1]) for ring in _all_rings(oriented)]
    return tuple(rings)


def _all_rings(polygon: Polygon) -> Iterable[BaseGeometry]:
    return [polygon.exterior, *polygon.interiors]


def rasterize(rings: Iterable[Ring], *, extent_mm: float, px: int) -> Tensor:
    """Coverage ``[1, px, px]`` float32 in [0,1] of the square of side ``extent_mm`` about the center.

    ``rings`` are those of :func:`to_rings`. Coverage is the area of each pixel inside the shapes: exact for upright
    rectangles, and within 1/16 of a pixel row elsewhere; the sum over all pixels is the shapes' area, exactly.
    """
    edges = [_edges(ring, extent_mm, px) for ring in rings]
    if not edges:
        return torch.zeros(1, px, px)
    x0, y0, x1, y1 = np.concatenate(edges, axis=1)
    cumulated = np.cumsum(_crossings(x0, y0, x1, y1, px), axis=1)[:, :px]
    return torch.from_numpy(np.clip(cumulated, 0.0, 1.0).astype(np.float32))[None]


def _edges(ring: Ring, extent_mm: float, px: int) -> npt.NDArray[np.float64]:
    points = (np.asarray(ring, dtype=np.float64) / extent_mm + 0.5) * px
    return np.concatenate([points.T, np.roll(points, -1, axis=0).T])


def _crossings(
    x0: npt.NDArray[np.float64],
    y0: npt.NDArray[np.float64],
    x1: npt.NDArray[np.float64],
    y1: npt.NDArray[np.float64],
    px: int,
) -> npt.NDArray[np.float64]:
    """What each edge adds to the pixels on its right, ``[px, px + 1]``, before the sum along the rows.

    Edges are cut at the limits of thin bands; inside a band an edge stands at its mean x over its true height.
    """
    top, bottom = np.minimum(y0, y1).clip(0, px), np.maximum(y0, y1).clip(0, px)
    first = np.floor(top * BANDS_PER_PIXEL).astype(np.int64)
    count = np.where(bottom > top, np.ceil(bottom * BANDS_PER_PIXEL).astype(np.int64) - first, 0)
    edge = np.repeat(np.arange(len(count)), count)
    band = first[edge] + np.arange(len(edge)) - np.repeat(np.cumsum(count) - count, count)
    upper = np.maximum(top[edge], band / BANDS_PER_PIXEL)
    lower = np.minimum(bottom[edge], (band + 1) / BANDS_PER_PIXEL)
    middle = (upper + lower) / 2.0
    x = x0[edge] + (middle - y0[edge]) * (x1[edge] - x0[edge]) / (y1[edge] - y0[edge])
    x = x.clip(0.0, float(px))
    # With y down, an outline of positive shoelace area has its inside on the right of edges that go up.
    height = (lower - upper) * np.where(y1 < y0, 1.0, -1.0)[edge]
    column = np.minimum(np.floor(x), px - 1).astype(np.int64)
    right = (x - column) * height
    cell = (band // BANDS_PER_PIXEL).clip(max=px - 1) * (px + 1) + column
    cells = px * (px + 1)
    total = np.bincount(cell, height - right, cells) + np.bincount(cell + 1, right, cells)
    return np.asarray(total, dtype=np.float64).reshape(px, px + 1)


def farthest_outside_mm(geometry: BaseGeometry, outline: BaseGeometry) -> float:
    """How far the farthest corner of ``geometry`` lies beyond ``outline``; 0 where all of it is inside."""
    corners = shapely.points(shapely.get_coordinates(geometry))
    return float(np.max(shapely.distance(corners, outline), initial=0.0))
