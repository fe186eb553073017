"""Where a photograph shows the sign: by a person's points, by the rig's markers, or by its outline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from physadv.core.errors import PhysadvError
from physadv.core.number_format import percent
from physadv.photos.camera import Camera
from physadv.photos.finding import homography_fit as fitting
from physadv.photos.finding.clicked_points import grip_points_mm
from physadv.photos.finding.detector import Detector, find_with_detector
from physadv.photos.finding.outline import SURE, TRUSTED, FoundOutline, find_outlines
from physadv.photos.finding.sign_model import cut, model_of
from physadv.photos.pose import Pose, solve_pose
from physadv.photos.rig.markers import DetectedMarkers, find_markers, marker_scale, pose_from_markers, side_lengths
from physadv.photos.rig.rig import Rig
from physadv.scenes.photographs.sign_outline import HALF
from physadv.signs import Sign

Matrix: TypeAlias = npt.NDArray[np.float64]
Pixels: TypeAlias = npt.NDArray[np.uint8]

_GOOD_PX = 1.0
_CLICK_SD_PX = 2.0
_OUTLINE_SD_PX, _OUTLINE_SD_SHARE = 0.5, 0.002
"""Of a point of an outline, in pixels and of the sign's size: the whole outline fits better than it is right."""
_FIXED_BY = 4.0
"""Points by which a homography, and so an outline, is fixed, however many it has."""
_WRONG_SHARE = 0.08
"""Reprojection error over the sign's size, beyond which points do not belong to this sign."""
_POOR_SHARE = _WRONG_SHARE / 4.0
"""The same, beyond which the pose is doubtful."""
_NO_FOCAL_LENGTH = (
    "no focal length is known (EXIF has none, no --camera is given): the distance is not known, and the angles may be "
    "off by a few degrees"
)
_SCALE_SLACK = 0.02
_CORNER_PX = 0.5
"""By how much blur makes a marker's side look shorter: its corners are rounded off."""
_JUDGED_PX = 96.0
_MIRRORED = 0.05
"""By how much mirrored artwork has to agree better with the picture for it to be called mirrored."""
_UPRIGHT_DEG = 45.0
"""Roll beyond which points more likely begin with the wrong one than show a sign that hangs so."""
_RIVAL = 0.7
"""Confidence of another place over the best one's, from which on it may be the sign as well."""
_SMALL_PX = 12.0
"""Of the sign in the photograph, below which nothing is said of it."""


@dataclass(frozen=True, eq=False)
class FoundSign:
    """A sign in a photograph.

    Attributes:
        pose: of the sign, seen by the camera.
        how: ``corners`` (of a sidecar), ``markers``, ``outline`` or ``detector``.
        confidence: 0 to 1, that this is the sign and where it is.
        outline_px: the sign's outline in the photograph ``[n, 2]``, lens distortion included.
        flags: what makes the find itself, and so the sign's box, doubtful, in words.
        rough: what makes distance or angles rough or unknown while the box is sure, in words.
    """

    pose: Pose
    how: str
    confidence: float
    outline_px: Matrix
    flags: tuple[str, ...] = ()
    rough: tuple[str, ...] = ()


def find_sign(
    pixels: Pixels,
    sign: Sign,
    camera: Camera,
    *,
    rig: Rig | None = None,
    points: Matrix | None = None,
    detector: Detector | None = None,
    painted: bool = False,
) -> tuple[FoundSign, DetectedMarkers]:
    """The sign in a photograph, and the markers that are seen.

    Args:
        pixels: ``[H, W, 3]`` RGB, upright.
        sign: that is looked for.
        camera: that took it, for pictures of this size.
        rig: the markers about the sign; where none of them is seen, and without it, the outline is looked for.
        points: where a person has clicked the sign's four points (:func:`grip_points_mm`); these count first.
        detector: says where to look, where the outline is not found in the whole picture.
        painted: whether something is on the sign: then its artwork need not agree where its contour is seen.

    Raises:
        PhysadvError: it is not found; the sentence says what was looked for.
    """
    seen = find_markers(pixels) if rig is not None else DetectedMarkers({})
    if points is not None:
        found = _by_points(pixels, points, sign, camera)
    elif rig is not None and any(marker.id in seen.corners for marker in rig.markers):
        found = _by_markers(seen, rig, sign, camera)
    else:
        found = _by_outline(pixels, sign, camera, detector, painted=painted)
    size = float(np.ptp(found.outline_px, axis=0).max())
    if size < _SMALL_PX:
        raise PhysadvError(f"the sign is {size:.0f} px large; at least {_SMALL_PX:.0f} px are needed")
    height, width = pixels.shape[:2]
    if found.outline_px.min() < 0 or (found.outline_px > [width, height]).any():
        found = replace(found, flags=(*found.flags, "the sign is cut off by the picture's edge"))
    if camera.source == "assumed":
        found = replace(found, rough=(*found.rough, _NO_FOCAL_LENGTH))
    return found, seen


def _by_points(pixels: Pixels, points: Matrix, sign: Sign, camera: Camera) -> FoundSign:
    height, width = pixels.shape[:2]
    if points.min() < -1.0 or (points > [width, height]).any():
        raise PhysadvError(
            f"its points lie outside of the picture of {width} x {height} px; give pixels of the upright photograph"
        )
    pose = solve_pose(grip_points_mm(sign), points, camera, point_sd_px=_CLICK_SD_PX)
    size = float(np.ptp(points, axis=0).max())
    if pose.error_px > _WRONG_SHARE * size:
        raise PhysadvError(
            f"the four points fit the sign only within {pose.error_px:.0f} px; are they in its order around the sign?"
        )
    confidence = float(np.clip(1.0 - pose.error_px / (_WRONG_SHARE * size), 0.0, 1.0))
    outline = outline_px(sign, pose, camera)
    flags: tuple[str, ...] = ()
    if _looks_mirrored(pixels, sign, pose, outline):
        flags = ("the sign between the points looks mirrored; was the photograph flipped, or taken in a mirror?",)
    if abs(pose.roll_deg) > _UPRIGHT_DEG:
        flags = (
            *flags,
            f"the sign would be turned by {pose.roll_deg:.0f}°; is the first point the one that it should be?",
        )
    return FoundSign(pose, "corners", round(confidence, 3), outline, flags)


def _looks_mirrored(pixels: Pixels, sign: Sign, pose: Pose, outline: Matrix) -> bool:
    """Whether the mirrored artwork agrees better: points alone fit a mirrored sign as well."""
    model = model_of(sign)
    chip = cut(pixels, np.concatenate([outline.min(0), outline.max(0)]), model, side_px=_JUDGED_PX)
    plain, mirrored = fitting.agreement(chip, np.linalg.inv(chip.to_picture) @ HALF @ pose.homography, model)
    return mirrored - plain > _MIRRORED


def _by_markers(seen: DetectedMarkers, rig: Rig, sign: Sign, camera: Camera) -> FoundSign:
    pose = pose_from_markers(seen, rig, camera)
    if pose is None:
        raise PhysadvError("none of the rig's markers is seen")
    outline = outline_px(sign, pose, camera)
    size = float(np.ptp(outline, axis=0).max())
    if pose.error_px > _WRONG_SHARE * size:
        raise PhysadvError(
            f"the markers fit the rig only within {pose.error_px:.0f} px; is it another rig, or are there two?"
        )
    count = sum(marker.id in seen.corners for marker in rig.markers)
    flags = []
    if pose.error_px > _POOR_SHARE * size:
        flags.append(f"the markers fit the rig only within {pose.error_px:.1f} px; has one been moved?")
    scale = marker_scale(seen, rig)
    if scale is not None and abs(scale - 1.0) > max(_SCALE_SLACK, _CORNER_PX / _side_px(seen, rig)):
        flags.append(
            f"the markers look as if printed at {percent(scale, 1)}; measure the sheet's 100 mm bar and give --bar-mm"
        )
    if count == 1:
        flags.append("only one marker is seen; the pose is rough")
    confidence = min(1.0, 0.6 + 0.2 * (count - 1)) * float(np.clip(1.5 - 0.5 * pose.error_px / _GOOD_PX, 0.1, 1.0))
    return FoundSign(pose, "markers", round(confidence, 3), outline, tuple(flags))


def _side_px(seen: DetectedMarkers, rig: Rig) -> float:
    """Shortest side of the rig's markers in the photograph."""
    return min(float(side_lengths(seen.corners[m.id]).min()) for m in rig.markers if m.id in seen.corners)


def _by_outline(pixels: Pixels, sign: Sign, camera: Camera, detector: Detector | None, *, painted: bool) -> FoundSign:
    """By color, shape and artwork; a find below :data:`TRUSTED` is none, unless a detector sees the sign there."""
    places, how = find_outlines(pixels, sign), "outline"
    if not _sure(places) and detector is not None:
        boxes = find_with_detector(pixels, sign, detector)
        places, how = (boxes, "detector") if boxes else (places, how)
    if how == "outline" and not _sure(places):
        best = f"; the likeliest place has a confidence of {places[0].confidence:.2f}" if places else ""
        raise PhysadvError(f"the sign is not found by its outline{best}; use markers, or give its corners")
    first, others = places[0], places[1:]
    if first.mirrored:
        raise PhysadvError("the photograph shows the sign mirrored; was it flipped, or taken in a mirror?")
    rivals = [other for other in others if other.confidence >= max(TRUSTED, _RIVAL * first.confidence)]
    if rivals:
        raise PhysadvError(f"{len(rivals) + 1} such signs are seen; crop the photograph, or give the corners of one")
    size = float(np.ptp(first.outline_px, axis=0).max())
    pose = pose_from_outline(first.outline_px, sign, camera)
    flags, rough = [], []
    if pose.error_px > _POOR_SHARE * size:
        rough.append("its outline does not fit a flat sign well: distance and angles are rough")
    if first.confidence < TRUSTED:
        flags.append("only the detector's box is known, not how the sign is turned; the angles say nothing")
    elif painted and first.closed:
        pass  # paint explains that the artwork agrees only a little, and the contour says where the sign is
    elif first.by_parts:
        flags.append("only parts of the sign agree with its artwork: half hidden, damaged or dim; look at its outline")
    elif first.confidence < SURE:
        flags.append(f"picture and artwork agree only to {percent(first.confidence)}; look whether it is the sign")
    return FoundSign(pose, how, round(first.confidence, 3), first.outline_px, tuple(flags), tuple(rough))


def pose_from_outline(seen_px: Matrix, sign: Sign, camera: Camera) -> Pose:
    """The pose of a sign whose outline's points are seen at ``seen_px [n, 2]``."""
    outline = np.array(sign.outline_mm, np.float64)
    sd = float(np.hypot(_OUTLINE_SD_PX, _OUTLINE_SD_SHARE * np.ptp(seen_px, axis=0).max()))
    return solve_pose(outline, seen_px, camera, point_sd_px=sd, together=len(outline) / _FIXED_BY)


def _sure(places: Sequence[FoundOutline]) -> bool:
    return bool(places) and places[0].confidence >= TRUSTED


def outline_px(sign: Sign, pose: Pose, camera: Camera) -> Matrix:
    """The outline in the photograph ``[n, 2]``."""
    import cv2

    outline = np.array(sign.outline_mm, np.float64)
    flat = np.concatenate([outline, np.ones((len(outline), 1))], axis=1) @ pose.homography.T
    rays = np.concatenate([flat[:, :2] / flat[:, 2:], np.ones((len(flat), 1))], axis=1) @ np.linalg.inv(camera.matrix).T
    seen, _ = cv2.projectPoints(rays, np.zeros(3), np.zeros(3), camera.matrix, camera.coefficients)
    return np.asarray(seen.reshape(-1, 2), np.float64)
