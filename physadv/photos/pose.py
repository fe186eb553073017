"""Pose: where the camera stood, from points of the sign's plane and where they are seen."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from physadv.core.errors import PhysadvError
from physadv.photos.camera import Camera

Matrix: TypeAlias = npt.NDArray[np.float64]

_FLIP = np.diag([1.0, -1.0, -1.0])
"""From OpenCV's axes (right, down, forward) to a scene's (right, up, out of the sign's face)."""
_LEAST_SD_PX = 0.15
"""Of a corner, however well the points fit: what the picture's sampling leaves."""
_FEWEST = 4
"""Points that fix a pose."""
_FLAT_SHARE = 0.05
"""Area of three of four points over that of the largest three, below which they are as good as in a line."""
_QUANTITIES = ("distance_m", "yaw_deg", "pitch_deg", "roll_deg")


@dataclass(frozen=True, eq=False)
class Pose:
    """Where a camera that points at the sign's center stands; angles as in :class:`physadv.scenes.Conditions`.

    Attributes:
        distance_m: from the camera to the sign's center.
        yaw_deg, pitch_deg, roll_deg: how the sign is turned, seen from there.
        distance_sd_m, yaw_sd_deg, pitch_sd_deg, roll_sd_deg: standard deviations, from the points and the camera.
        homography: the sign's plane in mm to pixels ``[3, 3]``, lens distortion left out.
        error_px: root mean square of the reprojection error.
        extrinsic: the same in OpenCV's words ``[6]``: rotation vector, and the sign's center in mm.
    """

    distance_m: float
    yaw_deg: float
    pitch_deg: float
    roll_deg: float
    distance_sd_m: float
    yaw_sd_deg: float
    pitch_sd_deg: float
    roll_sd_deg: float
    homography: Matrix
    error_px: float
    extrinsic: Matrix


def solve_pose(
    plane_mm: Matrix, seen_px: Matrix, camera: Camera, *, point_sd_px: float = _LEAST_SD_PX, together: float = 1.0
) -> Pose:
    """The pose that explains best where points of the sign's plane are seen.

    Of the two poses that four points of a plane leave open (Collins & Bartoli 2014), the one with the smaller
    reprojection error is refined (Levenberg-Marquardt). Deviations come from its Jacobian.

    Args:
        plane_mm: points ``[n, 2]`` of the sign's plane, x right and y down from its center; at least four.
        seen_px: where the picture shows them ``[n, 2]``, lens distortion included.
        camera: that took it.
        point_sd_px: least standard deviation of a point's place; the reprojection error may say more.
        together: how many points share one error, as the corners of a marker do that is not quite where it should be.

    Raises:
        PhysadvError: the points do not fix a pose.
    """
    import cv2

    spread = np.linalg.svd(plane_mm - plane_mm.mean(0), compute_uv=False) if len(plane_mm) >= _FEWEST else np.zeros(2)
    if spread[1] < 1e-3 * max(spread[0], 1e-9):
        raise PhysadvError(f"pose: {len(plane_mm)} points do not fix one; at least four are needed, not in a line")
    points = np.concatenate([plane_mm, np.zeros((len(plane_mm), 1))], axis=1).astype(np.float64)
    seen = np.ascontiguousarray(seen_px, np.float64)
    matrix, distortion = camera.matrix, camera.coefficients
    try:
        turn, shift = _solved(points, seen, camera)
        again, jacobian = cv2.projectPoints(points, turn, shift, matrix, distortion)
    except cv2.error as error:
        raise PhysadvError("pose: the points fix none; are they where the sign is?") from error
    if not (np.isfinite(turn).all() and np.isfinite(shift).all() and float(shift[2, 0]) > 0.0):
        raise PhysadvError("pose: the points fix none in front of the camera; are they where the sign is?")
    rest = again.reshape(-1, 2) - seen
    spare = max(rest.size - 6, 1)
    sd = max(float(np.sqrt((rest**2).sum() / spare)), point_sd_px)
    motion = jacobian[:, :6]
    covariance = np.linalg.pinv(motion.T @ motion) * sd**2 * together
    pose = np.concatenate([turn.reshape(3), shift.reshape(3)])
    values = describe(pose)
    slopes = _slopes(pose)
    deviations = np.sqrt(np.einsum("ij,jk,ik->i", slopes, covariance, slopes))
    if camera.focal_sd:
        deviations = np.hypot(deviations, _by_focal_length(points, seen, camera, turn, shift))
    return Pose(
        **dict(zip(_QUANTITIES, values.tolist(), strict=True)),
        distance_sd_m=float(deviations[0]),
        yaw_sd_deg=float(deviations[1]),
        pitch_sd_deg=float(deviations[2]),
        roll_sd_deg=float(deviations[3]),
        homography=plane_homography(pose, camera),
        error_px=float(np.sqrt((rest**2).sum(1).mean())),
        extrinsic=pose,
    )


def _solved(points: Matrix, seen: Matrix, camera: Camera) -> tuple[Matrix, Matrix]:
    """Rotation vector and shift with the smallest reprojection error of the poses that the points leave open."""
    import cv2

    matrix, distortion = camera.matrix, camera.coefficients
    corners = _corners(points) if len(points) == _FEWEST else None
    if corners is None:
        _, turns, shifts, _ = cv2.solvePnPGeneric(points, seen, matrix, distortion, flags=cv2.SOLVEPNP_IPPE)
    else:
        _, turns, shifts = cv2.solveP3P(points[corners], seen[corners], matrix, distortion, flags=cv2.SOLVEPNP_AP3P)
    starts = list(zip(turns, shifts, strict=True))
    if not starts:
        raise PhysadvError("pose: the points fix none; are they where the sign is?")
    found = []
    for start in starts:
        begin, away = (np.array(one, np.float64).reshape(3, 1) for one in start)
        turn, shift = cv2.solvePnPRefineLM(points, seen, matrix, distortion, begin, away)
        again = cv2.projectPoints(points, turn, shift, matrix, distortion)[0].reshape(-1, 2)
        error = float(((again - seen) ** 2).sum())
        found.append((error if float(shift[2, 0]) > 0.0 else np.inf, turn, shift))
    _, turn, shift = min(found, key=lambda one: one[0])
    return turn, shift


def _corners(points: Matrix) -> list[int] | None:
    """Of four points with three in a line, as a triangle's, the three that span most; None of any other four.

    Such points fix no homography, so a pose comes from the three (Gao et al. 2003) and the fourth decides which.
    """
    triples = list(combinations(range(_FEWEST), 3))
    areas = [
        abs(float(np.linalg.det(np.stack([points[b, :2] - points[a, :2], points[c, :2] - points[a, :2]]))))
        for a, b, c in triples
    ]
    return list(triples[int(np.argmax(areas))]) if min(areas) < _FLAT_SHARE * max(areas) else None


def _by_focal_length(points: Matrix, seen: Matrix, camera: Camera, turn: Matrix, shift: Matrix) -> Matrix:
    """How much distance and angles ``[4]`` change with the focal length, by one standard deviation of it."""
    import cv2

    found, step = [], min(camera.focal_sd, 0.5)
    for share in (1.0 + step, 1.0 - step):
        matrix = camera.matrix * np.array([[share, 1, 1], [1, share, 1], [1, 1, 1]])
        away = shift * np.array([[1.0], [1.0], [share]])
        turned, moved = cv2.solvePnPRefineLM(points, seen, matrix, camera.coefficients, turn.copy(), away)
        found.append(describe(np.concatenate([turned.reshape(3), moved.reshape(3)])))
    change = found[0] - found[1]
    change[1:] = (change[1:] + 180.0) % 360.0 - 180.0
    return np.asarray(np.abs(change) / (2.0 * step) * camera.focal_sd)


def describe(pose: Matrix) -> Matrix:
    """Distance in metres, and yaw, pitch and roll in degrees, ``[4]``, of OpenCV's rotation vector and shift in mm.

    The camera is first turned to point at the sign's center: how it was held does not change what the sign looks like,
    but for the perspective of a wide angle.
    """
    import cv2

    rotation = cv2.Rodrigues(pose[:3])[0]
    distance = float(np.linalg.norm(pose[3:]))
    turned = _FLIP @ _towards(pose[3:] / distance) @ rotation @ _FLIP
    normal, across = turned[:, 2], turned[:, 0]
    yaw, lean = np.arctan2(normal[0], normal[2]), -np.arcsin(np.clip(normal[1], -1.0, 1.0))
    right = np.array([np.cos(yaw), 0.0, -np.sin(yaw)])
    up = np.array([np.sin(yaw) * np.sin(lean), np.cos(lean), np.cos(yaw) * np.sin(lean)])
    roll = np.arctan2(across @ up, across @ right)
    return np.array([distance / 1000.0, np.degrees(yaw), -np.degrees(lean), -np.degrees(roll)])


def distance_as_if_m(homography: Matrix, focal_px: float, size: tuple[int, int]) -> float:
    """From where a camera of that focal length sees the sign's center, whatever camera it was.

    Args:
        homography: the sign's plane in mm to pixels ``[3, 3]``, lens distortion left out.
        focal_px: of a camera whose axis meets the middle of the picture.
        size: width and height of the picture.
    """
    middle = np.array([[focal_px, 0, (size[0] - 1) / 2.0], [0, focal_px, (size[1] - 1) / 2.0], [0, 0, 1]])
    across, down, shift = np.linalg.solve(middle, homography).T
    lengths = float(np.linalg.norm(across) + np.linalg.norm(down)) / 2.0
    return float(np.linalg.norm(shift)) / lengths / 1000.0


def _towards(direction: Matrix) -> Matrix:
    """The smallest rotation that takes a unit vector to the optical axis."""
    import cv2

    axis = np.cross(direction, [0.0, 0.0, 1.0])
    sine = float(np.linalg.norm(axis))
    if sine < 1e-12:
        return np.eye(3)
    angle = float(np.arctan2(sine, direction[2]))
    return np.asarray(cv2.Rodrigues(axis / sine * angle)[0], np.float64)


def _slopes(pose: Matrix) -> Matrix:
    """Derivatives ``[4, 6]`` of :func:`describe`, by central differences."""
    steps = np.array([1e-6] * 3 + [1e-3] * 3)
    columns = []
    for number, step in enumerate(steps):
        change = np.zeros(6)
        change[number] = step
        difference = describe(pose + change) - describe(pose - change)
        difference[1:] = (difference[1:] + 180.0) % 360.0 - 180.0
        columns.append(difference / (2.0 * step))
    return np.stack(columns, axis=1)


def plane_homography(pose: Matrix, camera: Camera) -> Matrix:
    """The sign's plane in mm to pixels ``[3, 3]``, by the camera's matrix alone."""
    import cv2

    rotation = cv2.Rodrigues(pose[:3])[0]
    plane = camera.matrix @ np.stack([rotation[:, 0], rotation[:, 1], pose[3:]], axis=1)
    return np.asarray(plane / plane[2, 2], np.float64)
