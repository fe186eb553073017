"""A sidecar: where a person has seen the sign, four points a photograph, in a CSV file."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from physadv.core.errors import PhysadvError
from physadv.core.tables import Line, read_table
from physadv.signs import Sign

Matrix: TypeAlias = npt.NDArray[np.float64]

COLUMNS = ("file", "x1", "y1", "x2", "y2", "x3", "y3", "x4", "y4")
_ROUND = 0.02
_SAME_SHARE, _SAME_PX = 0.02, 1.0
"""Distance of two points over the size of all, and in pixels, below which they are one."""
_LINE_SHARE = 0.02
"""Spread of points across a line over that along it, below which they fix no pose."""


def grip_points_mm(sign: Sign) -> Matrix:
    """The four points of an outline that a person clicks, ``[4, 2]`` in mm, clockwise.

    Of a disc and a diamond its top, right, bottom and left; of other signs the left and right ends of the top edge,
    then the right and left ends of the bottom edge; where an edge is a point, as a triangle's, that point, and the ends
    of the other edge with its middle between them.
    """
    outline = np.array(sign.outline_mm, np.float64)
    radius = np.linalg.norm(outline, axis=1)
    half = np.array([sign.width_mm, sign.height_mm]) / 2.0
    poles = np.array([[0.0, -half[1]], [half[0], 0.0], [0.0, half[1]], [-half[0], 0.0]])
    if float(np.ptp(radius)) < _ROUND * float(radius.max()) and len(outline) > 12:
        return poles
    directions = np.array([[-1.0, -2.0], [1.0, -2.0], [1.0, 2.0], [-1.0, 2.0]])
    grips = np.array([outline[np.argmax(outline @ direction)] for direction in directions])
    pointed = [bool(np.linalg.norm(grips[i] - grips[j]) < 0.15 * half.min()) for i, j in ((0, 1), (2, 3))]
    if all(pointed):
        return poles
    for (one, other), is_point in zip(((0, 1), (2, 3)), pointed, strict=True):
        if is_point:
            tip = (grips[one] + grips[other]) / 2.0
            third, fourth = grips[(one + 2) % 4], grips[(other + 2) % 4]
            middle = (third + fourth) / 2.0
            return np.array([tip, third, middle, fourth])
    return grips


@dataclass(frozen=True, eq=False)
class Clicked:
    """What a person has clicked in a photograph.

    Attributes:
        points: ``[4, 2]`` in pixels of the upright photograph, clockwise; None if the row holds no such points.
        where: file and line, for messages.
        why: what is wrong with the row, or empty.
    """

    points: Matrix | None
    where: str
    why: str = ""


def read_sidecar(path: Path) -> dict[str, Clicked]:
    """Points by file name as in the folder of photographs; a row with wrong points says so, and ends nothing.

    Points may go around the sign either way; they are put clockwise, beginning with the same one.

    Raises:
        PhysadvError: the file is missing, no table, its columns are others, a line is damaged or has no name, or a
            photograph is given twice.
    """
    found: dict[str, Clicked] = {}
    for line in read_table(path, COLUMNS).whole():
        name = line.text("file").replace("\\", "/").removeprefix("./")
        if not name:
            raise line.error("has no file name")
        if name in found:
            raise line.error(f"{name} is given twice")
        found[name] = _clicked(line)
    return found


def _clicked(line: Line) -> Clicked:
    where = f"{line.path}: line {line.number}"
    try:
        points = np.array([line.decimal(name) for name in COLUMNS[1:]]).reshape(4, 2)
        return Clicked(clockwise(points), where)
    except PhysadvError as error:
        return Clicked(None, where, str(error).removeprefix(f"{where}: "))


def clockwise(points: Matrix) -> Matrix:
    """Four points around a sign ``[4, 2]`` (x right, y down), clockwise, the first one first.

    Raises:
        PhysadvError: two are in one place, all are in a line, or the lines between them cross.
    """
    size = float(np.ptp(points, axis=0).max())
    least = max(_SAME_SHARE * size, _SAME_PX)
    for first, second in combinations(range(4), 2):
        if float(np.linalg.norm(points[first] - points[second])) < least:
            raise PhysadvError(f"points {first + 1} and {second + 1} are in the same place")
    spread = np.linalg.svd(points - points.mean(0), compute_uv=False)
    if float(spread[1]) < _LINE_SHARE * float(spread[0]):
        raise PhysadvError("its four points are in a line")
    if any(_cross(*points[list(order)]) for order in ((0, 1, 2, 3), (1, 2, 3, 0))):
        raise PhysadvError("the lines between its points cross; give the points in their order around the sign")
    after = np.roll(points, -1, axis=0)
    area = float((points[:, 0] * after[:, 1] - after[:, 0] * points[:, 1]).sum())
    return points if area > 0 else points[[0, 3, 2, 1]]


def _cross(a: Matrix, b: Matrix, c: Matrix, d: Matrix) -> bool:
    """Whether the line from a to b crosses that from c to d, in the inside of both."""

    def side(one: Matrix, two: Matrix, point: Matrix) -> float:
        return float(np.linalg.det(np.stack([two - one, point - one])))

    return side(a, b, c) * side(a, b, d) < 0 and side(c, d, a) * side(c, d, b) < 0
