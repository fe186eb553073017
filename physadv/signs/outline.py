"""Outlines of signs: the shapes that standards use, expanded to polygons in millimeters."""

from __future__ import annotations

import math
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from physadv.core.config import Config

Point = tuple[float, float]
Millimeters = Annotated[float, Field(gt=0, le=20_000, allow_inf_nan=False)]
Coordinate = Annotated[float, Field(ge=-20_000, le=20_000, allow_inf_nan=False)]

CHORD_ERROR_MM = 0.05
"""How far the chord of an expanded arc may lie from the arc."""


class Octagon(Config):
    """Regular octagon standing on a flat."""

    shape: Literal["octagon"]
    across_flats_mm: Millimeters

    def corners(self) -> list[Point]:
        """Where the sides meet, clockwise as seen, y down."""
        radius = self.across_flats_mm / 2 / math.cos(math.pi / 8)
        return _regular(8, radius, first_deg=22.5)


class Circle(Config):
    """A disc."""

    shape: Literal["circle"]
    diameter_mm: Millimeters

    def corners(self) -> list[Point]:
        """Points on the circle, clockwise as seen, y down."""
        radius = self.diameter_mm / 2
        return _regular(4 * math.ceil(_arc_steps(radius, 2 * math.pi) / 4), radius, first_deg=0.0)


class _Rounded(Config):
    """A polygon whose corners are rounded off by an arc that touches both sides."""

    corner_radius_mm: Annotated[float, Field(ge=0, le=10_000, allow_inf_nan=False)] = 0.0


class Rectangle(_Rounded):
    """Standing upright."""

    shape: Literal["rectangle"]
    width_mm: Millimeters
    height_mm: Millimeters

    def corners(self) -> list[Point]:
        """Where the sides meet, clockwise as seen, y down."""
        x, y = self.width_mm / 2, self.height_mm / 2
        return [(-x, -y), (x, -y), (x, y), (-x, y)]


class Diamond(_Rounded):
    """A square standing on a corner, measured as the standards do: along its side, before the corners are rounded."""

    shape: Literal["diamond"]
    side_mm: Millimeters

    def corners(self) -> list[Point]:
        """Where the sides meet, clockwise as seen, y down."""
        half = self.side_mm / math.sqrt(2)
        return [(0.0, -half), (half, 0.0), (0.0, half), (-half, 0.0)]


class Triangle(_Rounded):
    """Equilateral, measured along its side before the corners are rounded."""

    shape: Literal["triangle"]
    side_mm: Millimeters
    pointing: Literal["up", "down"] = "up"

    def corners(self) -> list[Point]:
        """Where the sides meet, clockwise as seen, y down."""
        x, y = self.side_mm / 2, self.side_mm * math.sqrt(3) / 4
        return [(0.0, -y), (x, y), (-x, y)] if self.pointing == "up" else [(0.0, y), (-x, -y), (x, -y)]


class Polygon(_Rounded):
    """Any convex outline, corner by corner (x right, y down); its box is centered."""

    shape: Literal["polygon"]
    points_mm: Annotated[list[tuple[Coordinate, Coordinate]], Field(min_length=3, max_length=10_000)]

    @model_validator(mode="after")
    def _convex(self) -> Polygon:
        turns = _turns(np.asarray(self.points_mm))
        winding = np.abs(np.angle(np.exp(1j * turns)).sum())
        if not (np.all(turns > 1e-9) or np.all(turns < -1e-9)) or abs(winding - 2 * math.pi) > 1e-6:
            raise ValueError("the points must go round a convex outline once, each a true corner")
        return self

    def corners(self) -> list[Point]:
        """Where the sides meet, clockwise as seen, y down."""
        points = list(self.points_mm)
        return points if _turns(np.asarray(points))[0] > 0 else points[::-1]


Outline = Annotated[
    Octagon | Circle | Rectangle | Diamond | Triangle | Polygon,
    Field(discriminator="shape"),
]


def expand(outline: Octagon | Circle | Rectangle | Diamond | Triangle | Polygon) -> tuple[Point, ...]:
    """The outline as a closed convex polygon in mm, its box centered on the origin, x right, y down.

    Raises:
        ValueError: the corner radius does not fit between the corners.
    """
    radius = outline.corner_radius_mm if isinstance(outline, _Rounded) else 0.0
    points = np.asarray(round_corners(outline.corners(), radius))
    points = points - (points.min(axis=0) + points.max(axis=0)) / 2
    return tuple((float(x), float(y)) for x, y in points)


def round_corners(corners: list[Point], radius_mm: float) -> list[Point]:
    """A convex polygon (clockwise as seen, y down) with its corners replaced by arcs of that radius.

    Raises:
        ValueError: two neighboring arcs would overlap.
    """
    if radius_mm == 0:
        return corners
    points = np.asarray(corners)
    half_turns = _turns(points) / 2
    setbacks = radius_mm * np.tan(half_turns)
    sides = np.linalg.norm(np.roll(points, -1, axis=0) - points, axis=1)
    if np.any(setbacks + np.roll(setbacks, -1) > sides + 1e-9):
        raise ValueError(f"a corner radius of {radius_mm:g} mm does not fit on this outline")
    rounded: list[Point] = []
    for index, corner in enumerate(points):
        before = points[index - 1] - corner
        before /= np.linalg.norm(before)
        start = corner + setbacks[index] * before
        normal = np.array([before[1], -before[0]])  # to the inside, for corners that go clockwise
        center = start + radius_mm * normal
        steps = _arc_steps(radius_mm, 2 * half_turns[index])
        for angle in np.linspace(0.0, 2 * half_turns[index], steps + 1):
            cos, sin = math.cos(angle), math.sin(angle)
            spoke = start - center
            point = center + np.array([cos * spoke[0] - sin * spoke[1], sin * spoke[0] + cos * spoke[1]])
            rounded.append((float(point[0]), float(point[1])))
    return rounded


def _turns(points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Signed angle in radians by which the path turns at each point; positive is clockwise as seen, y down."""
    incoming = points - np.roll(points, 1, axis=0)
    outgoing = np.roll(points, -1, axis=0) - points
    cross = incoming[:, 0] * outgoing[:, 1] - incoming[:, 1] * outgoing[:, 0]
    dot = (incoming * outgoing).sum(axis=1)
    return np.asarray(np.arctan2(cross, dot), dtype=np.float64)


def _arc_steps(radius_mm: float, angle_rad: float) -> int:
    """Chords for an arc so that none lies further than ``CHORD_ERROR_MM`` from it."""
    step = 2 * math.acos(max(1 - CHORD_ERROR_MM / radius_mm, 0.0))
    return max(1, math.ceil(angle_rad / step))


def _regular(count: int, radius: float, *, first_deg: float) -> list[Point]:
    angles = [math.radians(first_deg) + 2 * math.pi * index / count for index in range(count)]
    return [(radius * math.cos(angle), radius * math.sin(angle)) for angle in angles]
