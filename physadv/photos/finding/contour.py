"""A sign's contour in a picture: the edges beside it, and the homography that lays it on them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from physadv.scenes.photographs.sign_outline import Matrix, apply

Plane: TypeAlias = npt.NDArray[np.float32]

_POINTS = 160
_REACH = 0.04
"""How far from where it is expected an edge is looked for, as a share of the sign's size in the picture."""
_LEAST_REACH_PX = 3.0
_CLOSE, _LEAST_CLOSE_PX = 0.012, 1.25
"""How far from it an edge may lie that bears the contour out: an octagon and a disc are 2 % apart on average."""
_STEP_PX = 0.25
_LEAST_EDGE = 0.3
"""Height of an edge, as a share of the typical one's, that counts as seen."""
_ROUNDS = 2
_LEAST_POINTS = 24
_ANCHOR = 0.3
"""Weight of staying where the artwork fits, beside that of an edge's place."""
_ANCHORS = 5


@dataclass(frozen=True, eq=False)
class Edges:
    """What was found beside a contour's points.

    Attributes:
        points_mm: on the sign's plane ``[P, 2]``, of the points with an edge.
        places: where it is ``[P, 2]``, continuous pixels.
        normals: of the contour there ``[P, 2]``, unit length, outwards.
        support: share of the contour's points with an edge close by.
    """

    points_mm: Matrix
    places: Matrix
    normals: Matrix
    support: float


def sample(shape_mm: Matrix) -> Matrix:
    """Points ``[160, 2]`` on a closed polygon, evenly spaced."""
    closed = np.vstack([shape_mm, shape_mm[:1]])
    along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(closed, axis=0), axis=1))])
    at = (np.arange(_POINTS) + 0.5) / _POINTS * along[-1]
    return np.column_stack([np.interp(at, along, closed[:, k]) for k in range(2)])


def edges(plane: Plane, to_plane: Matrix, shape_mm: Matrix) -> Edges:
    """Edges from high (inside) to low (outside) across a contour laid on ``plane [H, W]``.

    An edge's place is the middle of the fall across it, weighted by its steepness.
    """
    import cv2

    points_mm = sample(shape_mm)
    points = apply(to_plane, points_mm)
    ahead = np.roll(points, -1, 0) - np.roll(points, 1, 0)
    normals = np.column_stack([ahead[:, 1], -ahead[:, 0]])
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)
    normals *= np.sign(((points - points.mean(0)) * normals).sum(1, keepdims=True))
    size = float(np.sqrt(np.prod(np.ptp(points, axis=0))))
    reach = max(_LEAST_REACH_PX, _REACH * size)
    offsets = np.arange(-reach, reach + _STEP_PX / 2, _STEP_PX)
    at = points[:, None] + offsets[:, None] * normals[:, None] - 0.5
    x, y = (np.asarray(at[..., k], np.float32) for k in range(2))
    profile = cv2.remap(plane, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    fall = np.maximum(-np.diff(profile, axis=1), 0.0)
    fall = cv2.GaussianBlur(fall, (0, 0), sigmaX=2.0, sigmaY=0.01)
    peak = fall.argmax(1)
    near = np.abs(np.arange(fall.shape[1]) - peak[:, None]) <= round(1.25 / _STEP_PX)
    weight = fall * near
    middles = (offsets[:-1] + offsets[1:]) / 2.0
    shift = (weight * middles).sum(1) / np.maximum(weight.sum(1), 1e-9)
    height = weight.sum(1)
    inside = np.abs(shift) < reach - 0.5
    height_px = plane.shape[0]
    in_view = (points > 1.0).all(1) & (points[:, 0] < plane.shape[1] - 1) & (points[:, 1] < height_px - 1)
    good = inside & in_view & (height > _LEAST_EDGE * max(float(np.percentile(height, 75)), 0.02))
    # color bleeds (chroma subsampling) all around alike, which says nothing about the shape
    bleeding = float(np.median(shift[good])) if good.any() else 0.0
    close = np.abs(shift - bleeding) < max(_LEAST_CLOSE_PX, _CLOSE * size)
    places = points + shift[:, None] * normals
    return Edges(points_mm[good], places[good], normals[good], float((good & close).mean()))


def fit(plane: Plane, to_plane: Matrix, shape_mm: Matrix) -> Matrix | None:
    """Moves a homography so that the contour lies on its edges, robustly, while the artwork stays about where it is.

    Least squares of the distances along the normals, soft L1; points of the sign's face hold what a contour leaves
    open (a circle, three of the eight degrees of freedom).
    None where too few edges are seen.
    """
    from scipy.optimize import least_squares

    size = float(np.abs(shape_mm).max())
    scale = np.diag([size, size, 1.0])
    grid = np.linspace(-0.8, 0.8, _ANCHORS) * size
    anchors = np.stack(np.meshgrid(grid, grid), -1).reshape(-1, 2)
    kept = apply(to_plane, anchors)
    now = to_plane
    for _ in range(_ROUNDS):
        seen = edges(plane, now, shape_mm)
        if len(seen.places) < _LEAST_POINTS:
            return None
        weight = _ANCHOR / np.sqrt(len(anchors)), 1.0 / np.sqrt(len(seen.places))

        def rest(values: Matrix, seen: Edges = seen, weight: tuple[float, float] = weight) -> Matrix:
            moved = np.append(values, 1.0).reshape(3, 3) @ np.linalg.inv(scale)
            across = ((apply(moved, seen.points_mm) - seen.places) * seen.normals).sum(1)
            return np.concatenate([weight[1] * across, weight[0] * (apply(moved, anchors) - kept).ravel()])

        start = now @ scale
        start = start / start[2, 2]
        found = least_squares(rest, start.ravel()[:8], x_scale="jac", loss="soft_l1", f_scale=0.04, max_nfev=40)
        now = np.append(found.x, 1.0).reshape(3, 3) @ np.linalg.inv(scale)
    return np.asarray(now / now[2, 2])
