"""Laying a sign's artwork on a picture: guesses from a region's shape, refined to a fraction of a pixel.

A homography here leads from the sign's plane in mm to continuous pixels (pixel i covers [i, i + 1)); one with a
negative determinant shows the sign mirrored.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from physadv.photos.finding.regions import overlap
from physadv.photos.finding.sign_model import JUDGE_PX, Chip, Matrix, Model, Plane
from physadv.photos.finding.tiles import parts_alike
from physadv.scenes.photographs.sign_outline import HALF, MAX_CORNERS, apply, by_corners, centered, ecc, moments

LEAST_ALIKE = 0.8
"""Overlap of a region and the outline laid over it, below which the region has another shape."""
_TURN_DEG = 15.0
_LEAST_SEEN = 0.6
"""Share of the sign that has to lie inside the picture."""
_LEAST_WHITE = 0.05
"""Share of the sign that its white parts have to have to tell the light's color."""
_HUE_DEG = (40.0, 80.0)
"""Differences of hue up to which a color is the sign's, and from which on it is another."""
_STEADY = 0.7
"""Depth of a sign's nearest point over its furthest one's: 0.72 of a sign of 0.76 m at 2 m, turned by 60 degrees."""
_STRETCHED = 4.0
"""Ratio of a sign's axes beyond which it is seen too much from the side to be told."""


def agreement(chip: Chip, to_chip: Matrix, model: Model) -> tuple[float, float]:
    """How well picture and artwork agree on the sign, -1 to 1: as a whole, or part by part, whichever is better.

    Returns:
        That of the artwork, and that of its mirror image in the same place.
    """
    whole, parts = agreements(chip, to_chip, model), local_agreements(chip, to_chip, model)
    return max(whole[0], parts[0]), max(whole[1], parts[1])


def agreements(chip: Chip, to_chip: Matrix, model: Model) -> tuple[float, float]:
    """Correlation on the whole sign, the mean of color's and shade's, of the artwork and of its mirror image."""
    seen = _fetched(chip.planes, to_chip, model)
    known = model.inside & (seen[..., 0] >= 0.0)
    if known.sum() < _LEAST_SEEN * model.inside.sum():
        return -1.0, -1.0
    planes = _standard(seen[known])
    plain, mirrored = (float((planes * _standard(ideal[known])).sum() / 2.0) for ideal in (model.ideal, model.flipped))
    return plain, mirrored


def local_agreements(chip: Chip, to_chip: Matrix, model: Model) -> tuple[float, float]:
    """Median correlation of shade over tiles of the sign, beyond chance's, of the artwork and of its mirror image.

    A shadow's edge, a sticker, a twig before the sign or dim light spoil some tiles, or all tiles' mean and contrast,
    but not most tiles' drawing. Perspective that is steeper than a sign by a road has is no agreement: the tiles that
    are seen leave open where the hidden ones lie.
    """
    if not _is_steady(to_chip, model.shapes[0]):
        return -1.0, -1.0
    seen = _fetched(chip.planes[..., 1:], to_chip, model)
    known = model.inside & (seen >= 0.0)
    plain, mirrored = (
        parts_alike(seen, ideal[..., 1], known, tells)
        for ideal, tells in ((model.ideal, model.tells), (model.flipped, model.flipped_tells))
    )
    return plain, mirrored


def color_agreement(chip: Chip, to_chip: Matrix, model: Model) -> float:
    """Whether the colored part has the artwork's hue, 0 to 1, its light parts being taken for white.

    Correlation does not tell it: a green box before gray varies as a yellow one does.
    """
    if model.template.hue_rad is None:
        return 1.0
    seen = _fetched(chip.pixels, to_chip, model)
    known = model.inside & (seen[..., 0] >= 0.0)
    score, shade = model.ideal[..., 0], model.ideal[..., 1]
    colored, light = known & (score > 0.4), known & (score < 0.15) & (shade > 0.6)
    if not colored.any():
        return 0.0
    white = seen[light].mean(0) if light.sum() > _LEAST_WHITE * model.inside.sum() else np.ones(3)
    red, green, blue = (seen[colored].mean(0) / np.maximum(white, 0.05)).tolist()
    hue = math.atan2((green - blue) * math.sqrt(3.0) / 2.0, red - (green + blue) / 2.0)
    off_deg = abs(math.degrees(math.remainder(hue - model.template.hue_rad, 2.0 * math.pi)))
    full, none = _HUE_DEG
    return float(np.clip((none - off_deg) / (none - full), 0.0, 1.0))


def _fetched(planes: Plane, to_chip: Matrix, model: Model) -> Plane:
    """What lies on the sign, ``[48, 48, k]``; -9 beyond the chip."""
    import cv2

    step = model.sign.extent_mm / JUDGE_PX
    half = model.sign.extent_mm / 2.0
    to_mm = np.array([[step, 0, -half], [0, step, -half], [0, 0, 1.0]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    matrix = centered(to_chip @ to_mm)
    beyond = (-9.0, -9.0, -9.0)
    return np.asarray(
        cv2.warpPerspective(planes, matrix, (JUDGE_PX, JUDGE_PX), flags=flags, borderValue=beyond), np.float32
    )


def _standard(values: Plane) -> Plane:
    """Columns ``[n, k]`` with mean 0 and length 1."""
    centered_values = values - values.mean(0)
    return np.asarray(centered_values / np.maximum(np.sqrt((centered_values**2).sum(0)), 1e-9))


def alike(hull: Matrix, model: Model) -> float:
    """How well a region's hull has the sign's shape: the best overlap with it after an affine map, 0 to 1."""
    corners = model.template.corners
    period = 360.0 / corners if corners <= 4 else _TURN_DEG
    found = 0.0
    for shape in model.shapes:
        for turn in np.arange(0.0, period, _TURN_DEG):
            to_hull = _affine(shape, hull, turn)
            if to_hull is not None:
                found = max(found, overlap(apply(to_hull, shape), hull))
    return found


def guesses(hull: Matrix, model: Model) -> Iterator[Matrix]:
    """Homographies that lay the sign on a region, in every rotation."""
    for shape in model.shapes:
        for to_picture in _laid(hull, shape, model):
            if is_plain(to_picture, shape) and overlap(apply(to_picture, shape), hull) >= LEAST_ALIKE:
                yield to_picture


def _laid(hull: Matrix, shape: Matrix, model: Model) -> Iterator[Matrix]:
    """By corners where the outline has four to eight; else by moments, which leave the rotation open."""
    template = replace(model.template, hull_mm=shape)
    yield from by_corners(hull, template)
    is_settled = template.is_round or 4 <= template.corners <= MAX_CORNERS
    for turn in [0.0] if is_settled else np.arange(0.0, 360.0, _TURN_DEG):
        found = _affine(shape, hull, float(turn))
        if found is not None:
            yield found


def _affine(shape: Matrix, hull: Matrix, turn_deg: float) -> Matrix | None:
    """The affine map that gives a turned shape the hull's center and second moments."""
    (center_a, root_a), (center_b, root_b) = moments(shape), moments(hull)
    if root_a is None or root_b is None:
        return None
    cosine, sine = math.cos(math.radians(turn_deg)), math.sin(math.radians(turn_deg))
    linear = root_b @ np.array([[cosine, -sine], [sine, cosine]]) @ np.linalg.inv(root_a)
    return np.vstack([np.column_stack([linear, center_b - linear @ center_a]), [0.0, 0.0, 1.0]])


def _is_steady(to_picture: Matrix, shape: Matrix) -> bool:
    """Whether no side of a shape is much nearer to the camera than the other."""
    depth = np.column_stack([shape, np.ones(len(shape))]) @ to_picture[2]
    return bool(depth.min() > _STEADY * depth.max())


def is_plain(to_picture: Matrix, shape: Matrix) -> bool:
    """Whether a homography shows a shape whole: not torn by the horizon, not nearly edge-on."""
    depth = np.column_stack([shape, np.ones(len(shape))]) @ to_picture[2]
    if not np.isfinite(to_picture).all() or depth.min() <= 0.3 * depth.max():
        return False
    values = np.linalg.svd(jacobian(to_picture), compute_uv=False)
    return bool(values[1] * _STRETCHED > values[0])


def jacobian(to_picture: Matrix) -> Matrix:
    """Of a homography at the sign's center ``[2, 2]``, pixels a mm."""
    h = to_picture / to_picture[2, 2]
    return np.asarray(h[:2, :2] - np.outer(h[:2, 2], h[2, :2]))


def turn_deg(to_picture: Matrix) -> float:
    """How far the sign's upward direction is from the picture's, 0 to 180."""
    x, y = -jacobian(to_picture)[:, 1]
    return abs(math.degrees(math.atan2(x, -y)))


def refined(chip: Chip, to_chip: Matrix, model: Model) -> tuple[Matrix, float]:
    """The homography after enhanced correlation on either plane, if it is better.

    See :mod:`physadv.scenes.photographs.sign_outline`.

    Returns:
        The homography to the chip, and its :func:`agreement`.
    """
    best, value = to_chip, agreement(chip, to_chip, model)[0]
    planes = [np.ascontiguousarray(chip.planes[..., k]) for k in range(2)]
    ideals = (model.template.score, model.template.shade)
    for blur_px in (9, 5):
        for plane, ideal in zip(planes, ideals, strict=True):
            found = ecc(best, plane, ideal, model.template, blur_px=blur_px)
            if found is None or not is_plain(found, model.shapes[0]):
                continue
            better = agreement(chip, found, model)[0]
            if better > value:
                best, value = found, better
    return best, value


def to_centers(to_picture: Matrix) -> Matrix:
    """The same homography to pixels as OpenCV counts them: the middle of the first one is (0, 0)."""
    found = np.linalg.inv(HALF) @ to_picture
    return np.asarray(found / found[2, 2])
