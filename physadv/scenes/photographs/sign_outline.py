"""Finding a sign in a photograph: the homography from the sign's millimeters to the photograph's pixels.

The sign's own color is told from the background by hue and saturation, which light changes little; the hull of what
it covers is matched to the artwork's corner by corner; the best match is refined to a fraction of a pixel by maximizing
the enhanced correlation coefficient (Evangelidis & Psarakis 2008, IEEE TPAMI 30:1858-1865) of photograph and artwork.
What remains is judged by the same correlation, so that a photograph without the sign is refused instead of guessed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from physadv.core.color import linear_to_srgb
from physadv.signs import Sign

Pixels = npt.NDArray[np.uint8]
Plane = npt.NDArray[np.float32]
Matrix = npt.NDArray[np.float64]

TRUSTED, TRUSTED_QUARTER = 0.8, 0.65
"""Smallest correlations with the artwork, on the sign and on each of its quarters, at which a sign counts as found."""
_ROUND = 0.97
_FEATURELESS = 0.1
"""Standard deviation of the artwork below which a part of it has nothing to agree with."""
_TEMPLATE_PX = 192
_JUDGE_PX = 64
_WORK_PX = 256
_MAX_ROLL_DEG = 50.0
MAX_CORNERS = 8
_ROUNDING = 0.06
"""Rounding of an outline's corners that is not counted as further corners, as a share of the sign's size."""
_BLOBS = 3
_REFINED = 3
_SMALLEST_SHARE = 0.01
_LEAST_SEEN = 0.6
"""Share of the sign that has to lie inside the picture."""


@dataclass(frozen=True, eq=False)
class Located:
    """A sign in a photograph.

    Attributes:
        to_photo: ``[3, 3]`` float64, mm on the sign (x right, y down, center at the origin) to continuous pixels of the
            photograph (pixel i covers [i, i + 1)).
        confidence: correlation of photograph and artwork on the sign, -1 to 1.
        worst_quarter: the same for that quarter of the sign in which they agree least.
    """

    to_photo: Matrix
    confidence: float
    worst_quarter: float

    @property
    def is_trusted(self) -> bool:
        """Whether photograph and artwork agree well enough to paste paint there."""
        return self.confidence >= TRUSTED and self.worst_quarter >= TRUSTED_QUARTER


@dataclass(frozen=True, eq=False)
class Template:
    """A sign's artwork as :func:`locate` needs it; ``to_mm`` leads from its continuous pixels to the sign's mm.

    ``is_round``: the artwork looks the same when it is turned, so that no picture tells which way is up.
    """

    hue_rad: float | None
    score: Plane
    channel: int
    shade: Plane
    mask: Pixels
    to_mm: Matrix
    hull_mm: Matrix
    corners: int
    is_round: bool


def apply(homography: Matrix, points: npt.ArrayLike) -> Matrix:
    """Points ``[N, 2]`` through a homography ``[3, 3]``."""
    xy = np.asarray(points, dtype=np.float64)
    mapped = np.column_stack([xy, np.ones(len(xy))]) @ homography.T
    return np.asarray(mapped[:, :2] / mapped[:, 2:])


def locate(photo: Pixels, template: Template) -> Located | None:
    """Where the template's sign is in ``photo [H, W, 3]``, or None where nothing there has its color and shape."""
    scale = _WORK_PX / max(photo.shape[:2])
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    size = (max(8, round(photo.shape[1] * scale)), max(8, round(photo.shape[0] * scale)))
    work = np.asarray(cv2.resize(photo, size, interpolation=interpolation), np.float32) / 255.0
    view = _View(work, template)
    guesses = sorted(_guesses(view, template), key=lambda guess: -guess.confidence)
    if not guesses:
        return None
    best = guesses[0]
    for guess in guesses[:_REFINED]:
        best = max(best, _refine(guess, view, template), key=lambda found: found.confidence)
        if best.is_trusted:
            break
    back = np.diag([photo.shape[1] / size[0], photo.shape[0] / size[1], 1.0])
    to_photo = back @ best.to_photo
    return Located(to_photo / to_photo[2, 2], best.confidence, best.worst_quarter)


def from_corners(corners_px: npt.ArrayLike, corners_mm: npt.ArrayLike) -> Matrix:
    """Homography ``[3, 3]`` from points ``[N, 2]`` on the sign in mm to a photograph's pixels, N of at least 4.

    Raises:
        ValueError: the points do not determine a homography.
    """
    source, target = (np.asarray(points, dtype=np.float64) for points in (corners_mm, corners_px))
    found, _ = cv2.findHomography(source, target)
    if found is None or not np.isfinite(found).all() or abs(np.linalg.det(found)) < 1e-12:
        raise ValueError("the points lie on a line, or the sign is seen edge-on")
    return np.asarray(found, np.float64)


class _View:
    """A photograph's planes, computed once for all guesses."""

    def __init__(self, pixels: Plane, template: Template) -> None:
        self.score = hue_score(pixels, template.hue_rad)
        self.shade = np.ascontiguousarray(pixels[..., template.channel])
        self.size = (pixels.shape[1], pixels.shape[0])

    def judged(self, to_view: Matrix, template: Template) -> Located:
        """The homography with its correlations, each the mean of both planes'."""
        step = _TEMPLATE_PX / _JUDGE_PX
        to_judge = centered(to_view @ template.to_mm @ np.diag([step, step, 1.0]))

        def fetched(plane: Plane) -> Plane:
            return np.asarray(cv2.warpPerspective(plane, to_judge, (_JUDGE_PX, _JUDGE_PX), flags=_INVERSE), np.float32)

        mask = _shrunk(template.mask) > 127
        seen = mask & (fetched(np.ones(self.size[::-1], np.float32)) > 0.99)
        if seen.sum() < _LEAST_SEEN * mask.sum():
            return Located(to_view, -1.0, -1.0)
        pairs = [
            (fetched(plane), _shrunk(ideal))
            for plane, ideal in ((self.score, template.score), (self.shade, template.shade))
        ]
        quarters = [_agreement(pairs, seen & quarter, least=_FEATURELESS) for quarter in _QUARTERS]
        worst = min((quarter for quarter in quarters if quarter is not None), default=-1.0)
        return Located(to_view, _agreement(pairs, seen) or 0.0, worst)


def _quarters() -> list[npt.NDArray[np.bool_]]:
    low = np.arange(_JUDGE_PX) < _JUDGE_PX // 2
    return [rows[:, None] & columns for rows in (low, ~low) for columns in (low, ~low)]


_QUARTERS = _quarters()
HALF = np.array([[1.0, 0.0, 0.5], [0.0, 1.0, 0.5], [0.0, 0.0, 1.0]])
_INVERSE = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP


def centered(homography: Matrix) -> Matrix:
    """A homography of continuous pixels as OpenCV counts them: there, pixel i is at i, not at i + 0.5."""
    return np.asarray(np.linalg.inv(HALF) @ homography @ HALF)


def _shrunk(plane: npt.NDArray[np.generic]) -> npt.NDArray[np.float32]:
    return np.asarray(cv2.resize(plane, (_JUDGE_PX, _JUDGE_PX), interpolation=cv2.INTER_AREA), np.float32)


def _agreement(
    pairs: Sequence[tuple[Plane, Plane]], where: npt.NDArray[np.bool_], *, least: float = 0.0
) -> float | None:
    """Mean correlation of planes with the artwork's, of those in which the artwork varies; None where none does."""
    if where.sum() < 2:
        return None
    found = [_correlation(plane[where], ideal[where]) for plane, ideal in pairs if ideal[where].std() >= least]
    return float(np.mean(found)) if found else None


def _correlation(a: Plane, b: Plane) -> float:
    a, b = a - a.mean(), b - b.mean()
    return float((a * b).sum() / max(1e-9, math.sqrt(float((a * a).sum()) * float((b * b).sum()))))


def hue_score(pixels: Plane, hue_rad: float | None) -> Plane:
    """How much of the sign's own color a pixel has, ``[H, W]``: saturation towards its hue; lightness if gray."""
    red, green, blue = (pixels[..., channel] for channel in range(3))
    if hue_rad is None:
        return np.asarray(0.299 * red + 0.587 * green + 0.114 * blue, np.float32)
    along, across = red - (green + blue) / 2.0, (green - blue) * (math.sqrt(3.0) / 2.0)
    towards = along * math.cos(hue_rad) + across * math.sin(hue_rad)
    return np.asarray(np.clip(towards / (pixels.max(-1) + 0.03), 0.0, 1.0), np.float32)


def _hue_rad(pixels: Plane, alpha: Plane) -> float | None:
    """Hue of the artwork's saturated part, or None where it has next to none."""
    red, green, blue = (pixels[..., channel] for channel in range(3))
    along, across = red - (green + blue) / 2.0, (green - blue) * (math.sqrt(3.0) / 2.0)
    chroma = np.hypot(along, across) * alpha
    if (chroma > 0.35).sum() < 0.08 * (alpha > 0.5).sum():
        return None
    weight = np.where(chroma > 0.35, chroma, 0.0)
    angle = np.arctan2(across, along)
    return math.atan2(float((weight * np.sin(angle)).sum()), float((weight * np.cos(angle)).sum()))


def template_of(sign: Sign) -> Template:
    """What :func:`locate` looks for."""
    texture = sign.texture(_TEMPLATE_PX)
    alpha = texture[3].numpy()
    pixels = np.asarray(linear_to_srgb(texture[:3].clamp(0, 1)).permute(1, 2, 0).numpy(), np.float32)
    hue = _hue_rad(pixels, alpha)
    inside = alpha > 0.99
    channel = int(np.argmax([pixels[..., c][inside].std() for c in range(3)]))
    score = hue_score(pixels, hue)
    step = sign.extent_mm / _TEMPLATE_PX
    half = sign.extent_mm / 2.0
    to_mm = np.array([[step, 0.0, -half], [0.0, step, -half], [0.0, 0.0, 1.0]])
    hulls = _largest_hulls(np.asarray((score * alpha) > 0.4, np.uint8))
    outline = np.asarray(sign.outline_mm, np.float32)[:, None]
    corners = cv2.approxPolyDP(outline, _ROUNDING * sign.extent_mm, True)
    return Template(
        hue_rad=hue,
        score=score,
        channel=channel,
        shade=np.ascontiguousarray(pixels[..., channel]),
        mask=np.asarray(cv2.erode((alpha > 0.99).astype(np.uint8), np.ones((3, 3), np.uint8)) * 255, np.uint8),
        to_mm=to_mm,
        hull_mm=apply(to_mm, hulls[0]) if hulls else np.asarray(sign.outline_mm, np.float64),
        corners=len(corners),
        is_round=_is_round(score, alpha) and _is_round(pixels[..., channel], alpha),
    )


def _is_round(plane: Plane, alpha: Plane) -> bool:
    turn = cv2.getRotationMatrix2D(((_TEMPLATE_PX - 1) / 2.0,) * 2, 20.0, 1.0)
    inside = (alpha > 0.99) & (cv2.warpAffine(alpha, turn, alpha.shape[::-1]) > 0.99)
    turned = np.asarray(cv2.warpAffine(np.ascontiguousarray(plane), turn, alpha.shape[::-1]), np.float32)
    return _correlation(plane[inside], turned[inside]) > _ROUND


def _largest_hulls(mask: npt.NDArray[np.uint8]) -> list[Matrix]:
    """Convex hulls ``[N, 2]`` of the largest blobs, in continuous pixels, largest first."""
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    large = [contour for contour in contours if cv2.contourArea(contour) >= _SMALLEST_SHARE * mask.size]
    large.sort(key=cv2.contourArea, reverse=True)
    return [np.asarray(cv2.convexHull(contour)[:, 0], np.float64) + 0.5 for contour in large[:_BLOBS]]


def _guesses(view: _View, template: Template) -> Iterator[Located]:
    """Homographies that lay the artwork's hull on one of the colored blobs, each with its agreement."""
    eight_bit = np.asarray(np.clip(view.score * 255.0, 0, 255), np.uint8)
    otsu, _ = cv2.threshold(eight_bit, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    for share in (0.7, 1.0, 1.3):
        mask = np.asarray(eight_bit > share * otsu, np.uint8)
        mask = np.asarray(cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)), np.uint8)
        for hull in _largest_hulls(mask):
            for to_view in (*by_corners(hull, template), *_by_moments(hull, template)):
                if _is_upright(to_view, template):
                    yield view.judged(to_view, template)


def _is_upright(to_view: Matrix, template: Template) -> bool:
    """Whether the homography neither mirrors, turns far, nor tears the sign."""
    depth = np.column_stack([template.hull_mm, np.ones(len(template.hull_mm))]) @ to_view[2]
    if not np.isfinite(to_view).all() or depth.min() <= 0.2 * depth.max():
        return False
    center, right, down = apply(to_view, [(0.0, 0.0), (1.0, 0.0), (0.0, 1.0)])
    (ax, ay), (bx, by) = right - center, down - center
    return bool(ax * by - ay * bx > 0 and abs(math.degrees(math.atan2(ay, ax))) <= _MAX_ROLL_DEG)


def by_corners(hull: Matrix, template: Template) -> Iterator[Matrix]:
    """The artwork's hull and the blob's, both cut to the outline's number of corners, matched in every rotation."""
    count = template.corners
    if not 4 <= count <= MAX_CORNERS or min(len(hull), len(template.hull_mm)) < count:
        return
    source, target = _polygon(template.hull_mm, count), _polygon(hull, count)
    if source is None or target is None:
        return
    for shift in range(count):
        found, _ = cv2.findHomography(source, np.roll(target, shift, axis=0))
        if found is not None:
            yield np.asarray(found, np.float64)


def _polygon(hull: Matrix, corners: int) -> Matrix | None:
    """The polygon of so many corners that fits around a hull closest, clockwise on the screen."""
    points = cv2.convexHull(np.asarray(hull, np.float32)[:, None])
    if len(points) < corners:
        return None
    found = cv2.approxPolyN(points, corners, epsilon_percentage=-1.0, ensure_convex=True)
    polygon = np.asarray(found, np.float64).reshape(-1, 2)
    if len(polygon) != corners:
        return None
    x, y = polygon.T
    area = float((x * np.roll(y, -1) - y * np.roll(x, -1)).sum())
    return polygon if area > 0 else np.ascontiguousarray(polygon[::-1])


def _by_moments(hull: Matrix, template: Template) -> Iterator[Matrix]:
    """The affine map that gives the artwork's hull the blob's center and second moments, without a turn."""
    (center_a, root_a), (center_b, root_b) = moments(template.hull_mm), moments(hull)
    if root_a is None or root_b is None:
        return
    linear = root_b @ np.linalg.inv(root_a)
    yield np.vstack([np.column_stack([linear, center_b - linear @ center_a]), [0.0, 0.0, 1.0]])


def moments(hull: Matrix) -> tuple[Matrix, Matrix | None]:
    """Center ``[2]`` and the root of the second moments ``[2, 2]`` (None where flat) of a polygon's area."""
    m = cv2.moments(np.asarray(hull, np.float32)[:, None])
    if m["m00"] <= 0:
        return hull.mean(0), None
    spread = np.array([[m["mu20"], m["mu11"]], [m["mu11"], m["mu02"]]]) / m["m00"]
    values, vectors = np.linalg.eigh(spread)
    if values[0] <= 1e-9:
        return hull.mean(0), None
    center = np.array([m["m10"], m["m01"]]) / m["m00"]
    return center, np.asarray(vectors @ np.diag(np.sqrt(values)) @ vectors.T)


def _refine(guess: Located, view: _View, template: Template) -> Located:
    """The guess after ECC on both planes, whichever agrees best; the guess itself where ECC finds nothing better."""
    best = guess
    for plane, ideal in ((view.score, template.score), (view.shade, template.shade)):
        for blur_px in (9, 5):
            found = ecc(best.to_photo, plane, ideal, template, blur_px=blur_px)
            if found is not None and _is_upright(found, template):
                better = view.judged(found, template)
                best = better if better.confidence >= best.confidence else best
    return best


def ecc(to_view: Matrix, plane: Plane, ideal: Plane, template: Template, *, blur_px: int) -> Matrix | None:
    start = centered(np.asarray(np.linalg.inv(to_view @ template.to_mm)))
    criteria = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 50, 1e-5)
    try:
        _, found = cv2.findTransformECC(
            plane,
            ideal,
            np.asarray(start / start[2, 2], np.float32),
            cv2.MOTION_HOMOGRAPHY,
            criteria,
            template.mask,
            blur_px,
        )
    except cv2.error:  # its way of saying that it did not converge
        return None
    if abs(np.linalg.det(np.asarray(found, np.float64))) < 1e-12:
        return None
    to_template = HALF @ np.asarray(found, np.float64) @ np.linalg.inv(HALF)
    inverse = np.linalg.inv(template.to_mm @ to_template)
    return np.asarray(inverse / inverse[2, 2])
