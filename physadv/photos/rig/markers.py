"""Markers in a photograph: where the rig's are seen, the sign's pose from them, and the chart's colors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from physadv.core.errors import PhysadvError
from physadv.photos.camera import Camera
from physadv.photos.pose import Pose, solve_pose
from physadv.photos.rig.rig import Chart, Marker, Rig, aruco_dictionary

Matrix: TypeAlias = npt.NDArray[np.float64]
Pixels: TypeAlias = npt.NDArray[np.uint8]

_SEARCH_PX = 2400
"""Longest side of the picture that markers are looked for in; their corners are then refined in the whole picture."""
_REACH = 0.08
"""Of a marker's width: how far about its side the edge is looked for, half of the black border."""
_ROUNDS = 3
_MOVED = 0.2
"""Of a marker's side: how far refinement may move a corner."""
_CONTRAST = 0.2
_CHART_PX = 6
"""Of the rectified chart, a millimeter."""
_INNER = 0.6
"""Of a patch's side, that is read."""
_LEAST_PATCH_PX = 5.0
"""Of a patch in the photograph, below which its color is mixed with its neighbors'."""
_OUTLIER_PX = 4.0
SCALE_RANGE = (0.9, 1.1)
"""Within which a printer's scale is corrected; beyond it, the sheet was printed to fit a page."""


@dataclass(frozen=True, eq=False)
class DetectedMarkers:
    """Markers that a photograph shows: their corners ``[4, 2]`` in pixels by id, in OpenCV's order."""

    corners: dict[int, Matrix]

    def pairs(self, markers: Sequence[Marker]) -> tuple[Matrix, Matrix]:
        """Corners of those of ``markers`` that are seen, in mm and in pixels, ``[n, 2]`` each."""
        known = [marker for marker in markers if marker.id in self.corners]
        if not known:
            return np.zeros((0, 2)), np.zeros((0, 2))
        return (
            np.concatenate([marker.corners_mm for marker in known]),
            np.concatenate([self.corners[marker.id] for marker in known]),
        )


def find_markers(pixels: Pixels) -> DetectedMarkers:
    """The ArUco markers of a picture ``[H, W, 3]`` RGB, their corners to a fraction of a pixel.

    A marker that is seen twice is left out: it says nothing sure.
    """
    import cv2

    gray = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    scale = min(1.0, _SEARCH_PX / max(gray.shape))
    small = cv2.resize(gray, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1.0 else gray
    options = cv2.aruco.DetectorParameters()
    options.minMarkerPerimeterRate = 0.005
    options.adaptiveThreshWinSizeMax = 53
    found, ids, _ = cv2.aruco.ArucoDetector(aruco_dictionary(), options).detectMarkers(small)
    corners: dict[int, Matrix] = {}
    twice: set[int] = set()
    for place, number in zip(found, [] if ids is None else ids.reshape(-1).tolist(), strict=True):
        if number in corners:
            twice.add(number)
        rough = (place.reshape(4, 2).astype(np.float64) + 0.5) / scale - 0.5
        corners[number] = _refined(gray, rough)
    return DetectedMarkers({number: place for number, place in corners.items() if number not in twice})


def side_lengths(corners: Matrix) -> Matrix:
    """Of a marker with ``corners [4, 2]``, ``[4]``."""
    return np.asarray(np.linalg.norm(corners - np.roll(corners, 1, axis=0), axis=1), np.float64)


def _refined(gray: Pixels, corners: Matrix) -> Matrix:
    """Corners ``[4, 2]`` where lines through the marker's four sides cross; as they were where these run elsewhere.

    A line rests on a whole side, so that noise which leads a search about each corner astray averages out.
    """
    refined = corners
    for _ in range(_ROUNDS):
        lines = [_side(gray, np.roll(refined, -k, axis=0)) for k in range(4)]
        if any(line is None for line in lines):
            return corners
        crossed = np.stack([np.cross(lines[k - 1], lines[k]) for k in range(4)])  # type: ignore[arg-type]
        refined = crossed[:, :2] / crossed[:, 2:]
    side = side_lengths(corners).min()
    return refined if np.linalg.norm(refined - corners, axis=1).max() <= max(3.0, _MOVED * side) else corners


def _side(gray: Pixels, corners: Matrix) -> Matrix | None:
    """The line ``[3]`` (homogeneous) along a marker's first side; None where that is not dark within, bright without.

    Profiles across the side are as dark as the black border's share of them is long.
    """
    import cv2

    start, end = corners[:2]
    length = float(np.linalg.norm(end - start))
    along = (end - start) / max(length, 1e-9)
    out = np.array([along[1], -along[0]])
    width = float((start - corners[2:].mean(0)) @ out)
    out, width = (out, width) if width > 0 else (-out, -width)
    reach = float(np.clip(_REACH * width, 2.0, 15.0))
    places = np.linspace(0.1, 0.9, int(np.clip(length, 12, 96)))[:, None] * length
    offsets = np.arange(-reach, reach + 1e-9, 0.5)
    at = start + places[..., None] * along + offsets[None, :, None] * out
    light = cv2.remap(gray, at[..., 0].astype(np.float32), at[..., 1].astype(np.float32), cv2.INTER_LINEAR) / 255.0
    ends = max(2, len(offsets) // 5)
    dark, bright = np.median(light[:, :ends]), np.median(light[:, -ends:])
    if bright - dark < _CONTRAST * bright:
        return None
    share = ((bright - light) / (bright - dark)).mean(1)
    edge = start + places * along + ((2.0 * share - 1.0) * (reach + 0.25))[:, None] * out
    dx, dy, x, y = cv2.fitLine(edge.astype(np.float32), cv2.DIST_HUBER, 0, 0.01, 0.001).reshape(4).astype(np.float64)
    return np.array([dy, -dx, dx * y - dy * x])


def printed_rig(rig: Rig, bar_mm: float) -> Rig:
    """The rig as it was printed, where the sheet's 100 mm bar measures ``bar_mm``.

    Raises:
        PhysadvError: the printer's scale is so far off that the sheet was fitted to a page.
    """
    scale = bar_mm / 100.0
    if not SCALE_RANGE[0] <= scale <= SCALE_RANGE[1]:
        raise PhysadvError(
            f"--bar-mm {bar_mm:g}: the sheet's 100 mm bar should measure {100 * SCALE_RANGE[0]:g} to "
            f"{100 * SCALE_RANGE[1]:g} mm; print again at 100 %, without fitting to the page"
        )
    return rig.scaled(scale)


def pose_from_markers(seen: DetectedMarkers, rig: Rig, camera: Camera) -> Pose | None:
    """The sign's pose, if at least one of the rig's markers is seen.

    A marker that has been moved or bent is found by its reprojection error and left out, as long as two others agree.
    """
    markers = [marker for marker in rig.markers if marker.id in seen.corners]
    if not markers:
        return None
    pose = solve_pose(*seen.pairs(markers), camera, together=4)
    if pose.error_px > _OUTLIER_PX and len(markers) > 2:
        tried = [[other for other in markers if other is not marker] for marker in markers]
        others = min(
            (solve_pose(*seen.pairs(some), camera, together=4) for some in tried), key=lambda one: one.error_px
        )
        pose = others if others.error_px < pose.error_px / 3.0 else pose
    return pose


def marker_scale(seen: DetectedMarkers, rig: Rig) -> float | None:
    """How large the markers were printed, as a share of what the rig says; None if fewer than four are seen.

    The markers' centers, which the user has placed by the ruler, fix the plane; their sides are measured on it.
    """
    import cv2

    known = [marker for marker in rig.markers if marker.id in seen.corners]
    if len(known) < 4:
        return None
    centers = np.array([[marker.x_mm, marker.y_mm] for marker in known])
    places = np.array([_crossing(seen.corners[marker.id]) for marker in known])
    homography, _ = cv2.findHomography(places, centers, 0)
    if homography is None:
        return None
    sides = []
    for marker in known:
        corners = _mapped(homography, seen.corners[marker.id])
        sides.append(side_lengths(corners).mean() / marker.size_mm)
    return float(np.mean(sides))


def _crossing(corners: Matrix) -> Matrix:
    """Where the diagonals cross: a square's center in any perspective."""
    one, other = corners[2] - corners[0], corners[3] - corners[1]
    along = np.linalg.solve(np.stack([one, -other], axis=1), corners[1] - corners[0])
    return np.asarray(corners[0] + along[0] * one, np.float64)


@dataclass(frozen=True, eq=False)
class ChartReading:
    """What a photograph shows of a chart.

    Attributes:
        colors: sRGB-encoded, as if the whole chart were lit as its middle is, ``[P, 3]``; not a number where a patch
            clips.
        paper: sRGB-encoded color of the paper in the chart's middle, ``[3]``.
        homography: the chart's plane in mm to pixels.
        px_per_mm: of the photograph, at the chart.
    """

    colors: Matrix
    paper: Matrix
    homography: Matrix
    px_per_mm: float


def read_chart(pixels: Pixels, seen: DetectedMarkers, chart: Chart) -> ChartReading | None:
    """Colors of the chart's patches, if two of its markers are seen and it is near enough to be read.

    The paper between the patches says how the light varies over the chart; a plane is fitted to its logarithm and
    taken out.
    """
    import cv2

    from physadv.photos.color.color_fit import decoded, encoded

    millimeters, places = seen.pairs(chart.markers)
    if len(millimeters) < 8:
        return None
    homography, _ = cv2.findHomography(millimeters, places, 0)
    if homography is None:
        return None
    size = np.array([chart.columns, chart.rows]) * (chart.patch_mm + chart.gap_mm) + chart.gap_mm
    area = cv2.contourArea(_mapped(homography, _box(size)).astype(np.float32))
    px_per_mm = float(np.sqrt(area / size.prod()))
    if px_per_mm * chart.patch_mm < _LEAST_PATCH_PX:
        return None
    to_flat = np.array([[1, 0, size[0] / 2], [0, 1, size[1] / 2], [0, 0, 1 / _CHART_PX]]) * _CHART_PX
    to_flat[:2, 2] -= 0.5
    width, height = (round(side * _CHART_PX) for side in size.tolist())
    whole = to_flat @ np.linalg.inv(homography)
    flat = cv2.warpPerspective(pixels, whole, (width, height), borderMode=cv2.BORDER_REPLICATE) / 255.0
    centers = chart.centers_mm
    patches = np.stack([_median(flat, center, chart.patch_mm * _INNER, size) for center in centers])
    paper_at, paper = _paper(flat, chart, size)
    if len(paper) < 4:
        return None
    design = np.concatenate([np.ones((len(paper_at), 1)), paper_at], axis=1)
    plane = np.linalg.lstsq(design, np.log(np.maximum(decoded(paper), 1e-4)), rcond=None)[0]
    field = np.exp(centers @ plane[1:])
    even = encoded(decoded(patches) / field)
    clipped = np.asarray(((patches <= 0.02) | (patches >= 0.98)).any(1))
    return ChartReading(
        colors=np.where(clipped[:, None], np.nan, even),
        paper=encoded(np.exp(plane[0])),
        homography=homography,
        px_per_mm=px_per_mm,
    )


def _paper(flat: Matrix, chart: Chart, size: Matrix) -> tuple[Matrix, Matrix]:
    """Places in mm ``[k, 2]`` and colors ``[k, 3]`` of the paper where the gaps cross, where it does not clip."""
    pitch = chart.patch_mm + chart.gap_mm
    columns, rows = np.meshgrid(np.arange(chart.columns + 1), np.arange(chart.rows + 1))
    crossings = np.stack([columns.reshape(-1), rows.reshape(-1)], 1) - np.array([chart.columns, chart.rows]) / 2.0
    places = crossings * pitch
    colors = np.stack([_median(flat, place, chart.gap_mm * _INNER, size) for place in places])
    good = np.asarray((colors < 0.98).all(1))
    return places[good], colors[good]


def _median(flat: Matrix, center_mm: Matrix, side_mm: float, size_mm: Matrix) -> Matrix:
    middle = (center_mm + size_mm / 2.0) * _CHART_PX
    half = max(side_mm * _CHART_PX / 2.0, 1.0)
    left, top = np.floor(middle - half).astype(int).clip(0)
    right, bottom = np.ceil(middle + half).astype(int)
    return np.asarray(np.median(flat[top:bottom, left:right].reshape(-1, 3), axis=0), np.float64)


def _box(size_mm: Matrix) -> Matrix:
    half = size_mm / 2.0
    return np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * half


def _mapped(homography: Matrix, points: Matrix) -> Matrix:
    flat = np.concatenate([points, np.ones((len(points), 1))], axis=1) @ homography.T
    return np.asarray(flat[:, :2] / flat[:, 2:], np.float64)
