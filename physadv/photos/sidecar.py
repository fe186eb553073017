"""A sidecar: where a person has seen the sign, four points a photograph, in a CSV file."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from physadv.core.errors import PhysadvError
from physadv.signs import Sign

Matrix: TypeAlias = npt.NDArray[np.float64]

COLUMNS = ("file", "x1", "y1", "x2", "y2", "x3", "y3", "x4", "y4")
_ROUND = 0.02


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


def read_sidecar(path: Path) -> dict[str, Matrix]:
    """Points ``[4, 2]`` in pixels of the upright photograph, by file name as in the folder of photographs.

    Raises:
        PhysadvError: the file is missing, its columns are others, or a row is not a name and eight numbers.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise PhysadvError(f"{path}: not a text file in UTF-8") from error
    except OSError as error:
        raise PhysadvError(f"{path}: cannot be read ({error.strerror})") from error
    rows = csv.DictReader(text.splitlines())
    given = tuple(name.strip() for name in rows.fieldnames or ())
    if given != COLUMNS:
        raise PhysadvError(f"{path}: its columns are {', '.join(given) or 'none'}; they should be {','.join(COLUMNS)}")
    found: dict[str, Matrix] = {}
    for number, row in enumerate(rows, start=2):
        values = {str(key).strip(): value for key, value in row.items()}
        try:
            points = np.array([float(values[name]) for name in COLUMNS[1:]]).reshape(4, 2)
        except (TypeError, ValueError, KeyError) as error:
            raise PhysadvError(f"{path}: line {number}: should be a file name and eight numbers") from error
        name = (values.get("file") or "").strip()
        if not name or not np.isfinite(points).all():
            raise PhysadvError(f"{path}: line {number}: should be a file name and eight numbers")
        if name in found:
            raise PhysadvError(f"{path}: line {number}: {name} is there twice")
        found[name] = points
    return found
