"""Symbols of traffic signs from simple geometry, in millimeters: x right, y down, centered unless told."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from shapely import affinity
from shapely.geometry import LineString, Point, Polygon, box
from shapely.geometry.base import BaseGeometry
from shapely.ops import unary_union

Xy = tuple[float, float]


def disc(x: float, y: float, radius: float) -> Polygon:
    return Point(x, y).buffer(radius, quad_segs=48)


def capsule(start: Xy, start_radius: float, end: Xy, end_radius: float | None = None) -> BaseGeometry:
    """What two discs and the band between them cover."""
    last = start_radius if end_radius is None else end_radius
    return unary_union([disc(*start, start_radius), disc(*end, last)]).convex_hull


def limb(points: Sequence[Xy], radii: Sequence[float]) -> BaseGeometry:
    """Capsules from joint to joint."""
    joints = list(zip(points, radii, strict=True))
    return unary_union([capsule(p, r, q, s) for (p, r), (q, s) in pairwise(joints)])


def arc(center: Xy, radius: float, start_deg: float, end_deg: float, steps: int = 48) -> list[Xy]:
    """Points on an arc; angles run clockwise as seen, from the right."""
    angles = [math.radians(start_deg + (end_deg - start_deg) * step / steps) for step in range(steps + 1)]
    return [(center[0] + radius * math.cos(angle), center[1] + radius * math.sin(angle)) for angle in angles]


def band(points: Sequence[Xy], width: float, *, cap: str = "flat", join: str = "round") -> BaseGeometry:
    """A stroke along a path."""
    return LineString(points).buffer(width / 2, cap_style=cap, join_style=join, quad_segs=24)


def arrow(points: Sequence[Xy], width: float, head_length: float, head_width: float) -> BaseGeometry:
    """A stroke that ends in a head; the last point is where the head begins."""
    (x0, y0), (x1, y1) = points[-2], points[-1]
    length = math.hypot(x1 - x0, y1 - y0)
    ux, uy = (x1 - x0) / length, (y1 - y0) / length
    half = head_width / 2
    head = Polygon(
        [
            (x1 - uy * half, y1 + ux * half),
            (x1 + uy * half, y1 - ux * half),
            (x1 + ux * head_length, y1 + uy * head_length),
        ]
    )
    return unary_union([band([*points, (x1 + ux, y1 + uy)], width), head])


def barbed_arrow(points: Sequence[Xy], width: float, barb: float) -> BaseGeometry:
    """A stroke that ends in two barbs at 45 degrees, as on European signs; the last point is the tip."""
    (x0, y0), (x1, y1) = points[-2], points[-1]
    length = math.hypot(x1 - x0, y1 - y0)
    ux, uy = (x1 - x0) / length, (y1 - y0) / length
    inset = width / math.sqrt(2)
    tip = (x1 - ux * inset, y1 - uy * inset)
    reach = barb / math.sqrt(2)
    ends = [(tip[0] - reach * (ux + side * uy), tip[1] - reach * (uy - side * ux)) for side in (-1, 1)]
    head = band([ends[0], tip, ends[1]], width, join="mitre")
    return unary_union([band([*points[:-1], tip], width), head])


def rounded_box(x0: float, y0: float, x1: float, y1: float, radius: float) -> BaseGeometry:
    return box(x0 + radius, y0 + radius, x1 - radius, y1 - radius).buffer(radius, quad_segs=24)


def place(
    shape: BaseGeometry, *, x: float = 0.0, y: float = 0.0, size: float = 1.0, mirror: bool = False
) -> BaseGeometry:
    """A shape drawn in units, scaled by ``size`` and moved."""
    return affinity.translate(affinity.scale(shape, -size if mirror else size, size, origin=(0, 0)), x, y)


def walker() -> BaseGeometry:
    """A pedestrian walking to the left, 1 high, the middle at the origin."""
    hip, shoulder = (0.03, 0.0), (-0.005, -0.27)
    parts = [
        disc(-0.035, -0.42, 0.08),
        capsule(shoulder, 0.095, hip, 0.08),
        limb([(-0.05, -0.28), (-0.17, -0.16), (-0.255, -0.05)], [0.05, 0.043, 0.034]),
        limb([(0.04, -0.28), (0.155, -0.16), (0.165, 0.0)], [0.05, 0.043, 0.034]),
        limb([hip, (-0.095, 0.21), (-0.19, 0.445)], [0.078, 0.062, 0.042]),
        capsule((-0.19, 0.455), 0.037, (-0.265, 0.465), 0.03),
        limb([hip, (0.12, 0.215), (0.25, 0.425)], [0.078, 0.062, 0.042]),
        capsule((0.25, 0.433), 0.039, (0.205, 0.472), 0.026),
    ]
    return unary_union(parts)


def pupil(*, skirt: bool = False, running: bool = False) -> BaseGeometry:
    """A child going to the left, 1 high, the middle at the origin."""
    reach = 1.35 if running else 1.0
    hip, shoulder = (0.02, 0.06), (0.0, -0.22)
    parts = [
        disc(-0.01, -0.40, 0.098),
        capsule(shoulder, 0.09, hip, 0.08),
        limb(
            [(-0.03, -0.23), (-0.14 * reach, -0.10), (-0.23 * reach, -0.07 - 0.05 * (reach - 1))], [0.042, 0.036, 0.032]
        ),
        limb([(0.04, -0.23), (0.14 * reach, -0.10), (0.16 * reach, 0.03)], [0.042, 0.036, 0.032]),
        limb([hip, (-0.09 * reach, 0.25), (-0.14 * reach, 0.46)], [0.07, 0.05, 0.038]),
        capsule((-0.14 * reach, 0.465), 0.033, (-0.14 * reach - 0.075, 0.472), 0.026),
        limb([hip, (0.08 * reach, 0.25), (0.21 * reach, 0.42)], [0.07, 0.05, 0.038]),
        capsule((0.21 * reach, 0.43), 0.033, (0.18 * reach, 0.475), 0.023),
    ]
    if skirt:
        parts.append(Polygon([(-0.06, -0.1), (0.075, -0.1), (0.165, 0.2), (-0.13, 0.2)]))
    return unary_union(parts)


def digger() -> BaseGeometry:
    """A road worker with a shovel in a heap on the left, 1 high and about as wide."""
    parts = [
        disc(-0.02, -0.40, 0.095),
        capsule((0.05, -0.235), 0.095, (0.17, 0.06), 0.085),
        limb([(0.02, -0.24), (-0.12, -0.06), (-0.23, 0.02)], [0.05, 0.042, 0.038]),
        limb([(0.05, -0.22), (0.02, -0.01), (-0.05, -0.085)], [0.05, 0.042, 0.036]),
        limb([(0.17, 0.06), (0.04, 0.24), (0.03, 0.46)], [0.08, 0.055, 0.045]),
        capsule((0.03, 0.462), 0.038, (-0.05, 0.47), 0.03),
        limb([(0.17, 0.06), (0.27, 0.25), (0.33, 0.46)], [0.08, 0.055, 0.045]),
        capsule((0.33, 0.462), 0.038, (0.26, 0.47), 0.03),
        capsule((0.08, -0.17), 0.02, (-0.36, 0.12), 0.02),
        capsule((-0.33, 0.10), 0.035, (-0.43, 0.17), 0.05),
    ]
    heap = Polygon([(-0.64, 0.5), *arc((-0.40, 0.5), 0.24, 200, 340), (-0.14, 0.5)]).intersection(box(-1, 0, 1, 0.5))
    return unary_union([*parts, heap])


def car() -> BaseGeometry:
    """A car from behind, 1 wide, its middle at the origin."""
    body = rounded_box(-0.5, -0.08, 0.5, 0.28, 0.07)
    cabin = Polygon([(-0.44, -0.04), (-0.33, -0.34), (0.33, -0.34), (0.44, -0.04)]).buffer(0.03)
    window = Polygon([(-0.34, -0.08), (-0.26, -0.28), (0.26, -0.28), (0.34, -0.08)])
    wheels = unary_union([rounded_box(side - 0.09, 0.2, side + 0.09, 0.40, 0.03) for side in (-0.36, 0.36)])
    return unary_union([body, cabin, wheels]).difference(window)
