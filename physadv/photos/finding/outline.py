"""Finding a sign in a photograph without markers: by its color, the edges around it, its shape and its artwork.

Regions of the sign's color, and what strong edges enclose, are compared with the outline; the artwork is laid on
those of its shape in every rotation, and mirrored; the best are refined by enhanced correlation with the artwork and
by the contour's edges, at the photograph's full resolution. Confidence is what artwork and contour say together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from physadv.core.errors import PhysadvError
from physadv.photos.finding import contour
from physadv.photos.finding import homography_fit as fitting
from physadv.photos.finding.regions import regions, shared
from physadv.photos.finding.sign_model import JUDGE_PX, Model, cut, linear_plane, model_of
from physadv.photos.finding.template_scan import scanned
from physadv.scenes.photographs.sign_outline import apply, hue_score
from physadv.signs import Sign

Matrix: TypeAlias = npt.NDArray[np.float64]
Pixels: TypeAlias = npt.NDArray[np.uint8]
Box: TypeAlias = tuple[float, float, float, float]

TRUSTED, SURE = 0.45, 0.6
"""Confidences from which on a find counts as the sign, and without doubt."""
CLOSED = 0.75
"""Share of the contour with an edge close by, from which on its place is sure whatever is painted on the sign.

Signs that are sprayed or pasted over had 0.79 and more where their outline was right, half hidden ones less than 0.6.
"""
_SEARCH_PX = 1600
"""Longest side of the picture that is searched; finds are refined in the whole one."""
_LEAST_SEARCH_PX = 480
"""A smaller picture is enlarged to this, so that a far sign has enough pixels for its contour to close."""
_LEAST_PX = 11.0
"""Smallest sign, in the picture that is searched."""
_LOOKED_AT, _SCANNED = 60, 120
"""Regions, and places of the scan, that are compared with the artwork."""
_COARSE_PX, _FINE_PX = 96.0, 320.0
_FINE_ROOM = 0.2
_REFINED, _KEPT = 8, 3
_LEAST_AGREEMENT = 0.25
_SAME_PLACE = 0.3
_TRIES_A_PLACE = 2
_MIRROR = np.diag([-1.0, 1.0, 1.0])
_ODD_MIRRORED, _ODD_TURNED, _ODD_ASLANT = 0.04, 0.03, 0.15
"""What mirrored, upside-down and slanting readings lose: so that artwork that looks the same counts as upright."""


@dataclass(frozen=True, eq=False)
class FoundOutline:
    """A sign in a photograph.

    Attributes:
        homography: ``[3, 3]`` float64, from the sign's plane in mm (x right, y down, center at the origin) to pixels,
            the middle of the first pixel being (0, 0). Its determinant is negative where the sign is mirrored.
        confidence: 0 to 1; see :data:`TRUSTED`.
        outline_px: ``[N, 2]``, the sign's outline in the photograph.
        mirrored: whether the photograph shows the sign mirrored.
        how: what found it, for people.
        by_parts: whether only parts of the sign agree with the artwork, as of one that is half hidden, damaged or dim.
        closed: whether the contour is seen nearly all around it (:data:`CLOSED`).
    """

    homography: Matrix
    confidence: float
    outline_px: Matrix
    mirrored: bool
    how: str
    by_parts: bool = False
    closed: bool = False

    @property
    def box(self) -> Box:
        """Left, top, right, bottom of the outline, in pixels."""
        (left, top), (right, bottom) = self.outline_px.min(0), self.outline_px.max(0)
        return float(left), float(top), float(right), float(bottom)


@dataclass(frozen=True, eq=False)
class _Laid:
    """The sign's artwork laid on the picture: homography to continuous pixels, and how well they agree."""

    to_picture: Matrix
    value: float
    outline: Matrix


def find_outlines(pixels: Pixels, sign: Sign, *, within: Box | None = None) -> list[FoundOutline]:
    """Where a picture may show a sign, at most three places, best first; empty where nothing resembles it.

    Two finds of similar confidence are two signs.

    Args:
        pixels: ``[H, W, 3]`` uint8 RGB.
        sign: that is sought.
        within: left, top, right, bottom in pixels: only looked for there; None for the whole picture.

    Raises:
        PhysadvError: ``within`` has no room for a sign in the picture.
    """
    box = _clipped(within, pixels)
    model = model_of(sign)
    part = pixels[box[1] : box[3], box[0] : box[2]]
    back = np.array([[1.0, 0, box[0]], [0, 1.0, box[1]], [0, 0, 1.0]])
    found = _refined(part, _searched(part, model), model, back)
    if model.tells.any() and (not found or found[0].confidence < TRUSTED):
        found = _distinct(found + _refined(part, _scanned(part, model), model, back))
    return found


def _refined(pixels: Pixels, guessed: list[_Laid], model: Model, back: Matrix) -> list[FoundOutline]:
    laid = _best([_coarse(pixels, guess, model) for guess in guessed[:_REFINED]], _KEPT)
    return sorted([_fine(pixels, one, model, back) for one in laid], key=lambda one: -one.confidence)


def _distinct(found: list[FoundOutline]) -> list[FoundOutline]:
    """The best of each place, at most as many as are told."""
    kept: list[FoundOutline] = []
    for one in sorted(found, key=lambda each: -each.confidence):
        if all(shared(one.outline_px, other.outline_px) < _SAME_PLACE for other in kept):
            kept.append(one)
    return kept[:_KEPT]


def _clipped(within: Box | None, pixels: Pixels) -> tuple[int, int, int, int]:
    height, width = pixels.shape[:2]
    left, top, right, bottom = within or (0, 0, width, height)
    box = max(0, int(left)), max(0, int(top)), min(width, int(np.ceil(right))), min(height, int(np.ceil(bottom)))
    if box[2] - box[0] < 8 or box[3] - box[1] < 8:
        raise PhysadvError(
            f"within = {left:g}, {top:g}, {right:g}, {bottom:g}: leaves less than 8 x 8 pixels of a picture of "
            f"{width} x {height}; give left, top, right, bottom inside it"
        )
    return box


def _searched(pixels: Pixels, model: Model) -> list[_Laid]:
    """The artwork laid on the regions that have its shape, best first."""
    import cv2

    longest = max(pixels.shape[:2])
    scale = min(max(1.0, _LEAST_SEARCH_PX / longest), _SEARCH_PX / longest)
    size = [max(8, round(side * scale)) for side in pixels.shape[1::-1]]
    kind = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    small = np.asarray(cv2.resize(pixels, (size[0], size[1]), interpolation=kind), np.uint8)
    score = hue_score(small.astype(np.float32) / 255.0, model.template.hue_rad)
    hulls = regions(small, score, colored=model.is_colored, least_px=_LEAST_PX)
    shaped = [(fitting.alike(hull, model), hull) for hull in hulls]
    shaped = [pair for pair in shaped if pair[0] >= fitting.LEAST_ALIKE]
    shaped.sort(key=lambda pair: -pair[0])
    back = np.diag([pixels.shape[1] / size[0], pixels.shape[0] / size[1], 1.0])
    laid = [one for _, hull in shaped[:_LOOKED_AT] for one in _laid_on(small, hull, model, back)]
    return _best(laid, _REFINED, a_place=_TRIES_A_PLACE)


def _scanned(pixels: Pixels, model: Model) -> list[_Laid]:
    """The artwork laid where its drawing correlates with the picture, best first."""
    outline = np.asarray(model.sign.outline_mm)
    laid = []
    for place in scanned(pixels, model)[:_SCANNED]:
        seen = apply(place.to_picture, outline)
        chip = cut(pixels, _box(seen), model, side_px=_COARSE_PX / 2)
        value, _ = fitting.agreement(chip, np.linalg.inv(chip.to_picture) @ place.to_picture, model)
        laid.append(_Laid(place.to_picture, value, seen))
    return _best(laid, _REFINED, a_place=_TRIES_A_PLACE)


def _laid_on(small: Pixels, hull: Matrix, model: Model, back: Matrix) -> list[_Laid]:
    """The best readings of one region."""
    chip = cut(small, _box(hull), model, side_px=_COARSE_PX / 2)
    to_chip = np.linalg.inv(chip.to_picture)
    readings = []
    for guess in fitting.guesses(hull, model):
        both = fitting.agreement(chip, to_chip @ guess, model)
        for value, to_small in zip(both, (guess, guess @ _MIRROR), strict=True):
            if value >= _LEAST_AGREEMENT:
                readings.append((value - _odd(to_small), to_small))
    readings.sort(key=lambda pair: -pair[0])
    outline = np.asarray(model.sign.outline_mm)
    return [_Laid(back @ one, value, apply(back @ one, outline)) for value, one in readings[:_TRIES_A_PLACE]]


def _odd(to_picture: Matrix) -> float:
    """What a reading loses for being mirrored, upside down, or neither upright nor on its side."""
    mirrored = bool(np.linalg.det(fitting.jacobian(to_picture)) < 0)
    turn_deg = fitting.turn_deg(to_picture)
    aslant = abs(np.sin(2.0 * np.radians(turn_deg)))
    return float(_ODD_MIRRORED * mirrored + _ODD_TURNED * turn_deg / 180.0 + _ODD_ASLANT * aslant)


def _best(laid: list[_Laid], count: int, *, a_place: int = 1) -> list[_Laid]:
    """The best readings, at most ``a_place`` of each place."""
    kept: list[_Laid] = []
    for one in sorted(laid, key=lambda each: -each.value):
        if sum(shared(one.outline, other.outline) >= _SAME_PLACE for other in kept) < a_place:
            kept.append(one)
        if len(kept) == count:
            break
    return kept


def _coarse(pixels: Pixels, guess: _Laid, model: Model) -> _Laid:
    chip = cut(pixels, _box(guess.outline), model, side_px=_COARSE_PX)
    to_chip, value = fitting.refined(chip, np.linalg.inv(chip.to_picture) @ guess.to_picture, model)
    to_picture = chip.to_picture @ to_chip
    return _Laid(to_picture, value - _odd(to_picture), apply(to_picture, np.asarray(model.sign.outline_mm)))


def _fine(pixels: Pixels, guess: _Laid, model: Model, back: Matrix) -> FoundOutline:
    """At the picture's own resolution: artwork, then contour."""
    chip = cut(pixels, _box(guess.outline), model, side_px=_FINE_PX, grow=_FINE_ROOM)
    laid, value = fitting.refined(chip, np.linalg.inv(chip.to_picture) @ guess.to_picture, model)
    plane = linear_plane(chip, model)
    fitted = contour.fit(plane, laid, model.rim)
    if fitted is not None and fitting.is_plain(fitted, model.rim):
        better, _ = fitting.agreement(chip, fitted, model)
        laid, value = (fitted, better) if better > value else (laid, value)
    support = contour.edges(plane, laid, model.rim).support
    color = fitting.color_agreement(chip, laid, model)
    whole = fitting.agreements(chip, laid, model)[0]
    parts = _parts(pixels, chip.to_picture @ laid, model)
    to_picture = fitting.to_centers(back @ chip.to_picture @ laid)
    odd = _odd(to_picture)
    confidence = _confidence(whole, parts, support, color, odd)
    return FoundOutline(
        homography=to_picture,
        confidence=confidence,
        outline_px=apply(to_picture, model.sign.outline_mm),
        mirrored=bool(np.linalg.det(fitting.jacobian(to_picture)) < 0),
        how=f"outline (artwork {whole:.2f}, parts {parts:.2f}, contour {support:.2f}, color {color:.2f})",
        by_parts=_confidence(whole, 0.0, support, color, odd) < min(SURE, confidence),
        closed=support >= CLOSED,
    )


def _parts(pixels: Pixels, to_picture: Matrix, model: Model) -> float:
    """Agreement part by part, on a chip so small that noise is averaged out."""
    seen = apply(to_picture, np.asarray(model.sign.outline_mm))
    chip = cut(pixels, _box(seen), model, side_px=float(JUDGE_PX))
    return fitting.local_agreements(chip, np.linalg.inv(chip.to_picture) @ to_picture, model)[0]


def _confidence(whole: float, parts: float, support: float, color: float, odd: float) -> float:
    """From the artwork's correlations, the share of the contour that has an edge, the hue, and how it is turned.

    Most parts' drawing needs no contour beside it: where it agrees, dim light or something before the sign spoils the
    contour.
    """
    return float(np.clip(max(whole * np.sqrt(support), parts) - odd, 0.0, 1.0) * color)


def _box(points: Matrix) -> Matrix:
    return np.concatenate([points.min(0), points.max(0)])
