"""Laying a sign's artwork on a picture: guesses from a region's shape, refined to a fraction of a pixel.

A homography here leads from the sign's plane in mm to continuous pixels (pixel i covers [i, i + 1)); one with a
negative determinant shows the sign mirrored.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from physadv.core.color import srgb_to_linear
from physadv.photos.regions import grown, overlap
from physadv.scenes.outline import (
    HALF,
    MAX_CORNERS,
    Template,
    apply,
    by_corners,
    centred,
    ecc,
    hue_score,
    moments,
    template_of,
)
from physadv.signs import Sign

Matrix: TypeAlias = npt.NDArray[np.float64]
Pixels: TypeAlias = npt.NDArray[np.uint8]
Plane: TypeAlias = npt.NDArray[np.float32]

JUDGE_PX = 48
"""Side of the square in which picture and artwork are compared."""
LEAST_ALIKE = 0.8
"""Overlap of a region and the outline laid over it, below which the region has another shape."""
_TURN_DEG = 15.0
_RIM_PX = 768
_APART = 0.92
"""Areas of the coloured part and the outline, as a ratio, below which both are tried."""
_LEAST_SEEN = 0.6
_STRETCHED = 4.0
"""Ratio of a sign's axes beyond which it is seen too much from the side to be told."""


@dataclass(frozen=True, eq=False)
class Model:
    """A sign as it is sought.

    Attributes:
        sign: itself.
        template: its artwork's planes.
        shapes: hull of the coloured part and, where it differs, the outline, in mm.
        rim: hull of the coloured part, where its edge is looked for.
        ideal: ``[48, 48, 2]``, colour and shade of the artwork.
        flipped: the same of its mirror image.
        inside: ``[48, 48]``, whether a sample lies on the sign.
    """

    sign: Sign
    template: Template
    shapes: tuple[Matrix, ...]
    rim: Matrix
    ideal: Plane
    flipped: Plane
    inside: npt.NDArray[np.bool_]

    @property
    def is_coloured(self) -> bool:
        """Whether the sign has a colour of its own."""
        return self.template.hue_rad is not None


def model_of(sign: Sign) -> Model:
    """What is sought of a sign."""
    import cv2

    template = template_of(sign)
    outline = np.asarray(sign.outline_mm, np.float64)
    shapes = [template.hull_mm]
    if overlap(template.hull_mm, outline) < _APART:
        shapes.append(outline)
    planes = np.dstack([template.score, template.shade])
    size = (JUDGE_PX, JUDGE_PX)
    ideal = np.asarray(cv2.resize(planes, size, interpolation=cv2.INTER_AREA), np.float32)
    inside = cv2.resize(template.mask, size, interpolation=cv2.INTER_AREA) > 127
    rim = _rim(sign, template)
    return Model(sign, template, tuple(shapes), rim, ideal, ideal[:, ::-1], np.asarray(inside))


def _rim(sign: Sign, template: Template) -> Matrix:
    """Hull of where the artwork has at least half of its colour, in linear light, from a fine picture of it."""
    import cv2

    texture = sign.texture(_RIM_PX)
    plane = (texture[:3] * texture[3:]).permute(1, 2, 0).numpy() @ _weights(template)
    blob = np.asarray(plane > np.percentile(plane[texture[3].numpy() > 0.5], 90) / 2.0, np.uint8)
    contours, _ = cv2.findContours(blob, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    hull = grown(np.asarray(cv2.convexHull(max(contours, key=cv2.contourArea))[:, 0], np.float64))
    return np.asarray((hull / _RIM_PX - 0.5) * sign.extent_mm)


@dataclass(frozen=True, eq=False)
class Chip:
    """A part of a picture, resized.

    Attributes:
        pixels: ``[h, w, 3]`` float32, sRGB-encoded in [0,1].
        planes: ``[h, w, 2]``, its colour and shade as the model has them.
        to_picture: ``[3, 3]``, continuous pixels of the chip to those of the picture.
    """

    pixels: Plane
    planes: Plane
    to_picture: Matrix


def cut(picture: Pixels, box: Matrix, model: Model, *, side_px: float, grow: float = 0.35) -> Chip:
    """The part of a picture around ``box`` = left, top, right, bottom.

    Args:
        side_px: that the box's longer side has in the chip, unless the picture has less (then at least 64).
        grow: room on every side, as a share of the box's longer side.
    """
    import cv2

    side = float((box[2:] - box[:2]).max())
    low = np.maximum(np.floor(box[:2] - grow * side), 0).astype(int)
    high = np.minimum(np.ceil(box[2:] + grow * side), picture.shape[1::-1]).astype(int)
    part = np.ascontiguousarray(picture[low[1] : high[1], low[0] : high[0]])
    scale = min(side_px, max(side, 64.0)) / side
    size = [max(8, round(n * scale)) for n in (high - low).tolist()]
    kind = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    pixels = np.asarray(cv2.resize(part, (size[0], size[1]), interpolation=kind), np.float32) / 255.0
    template = model.template
    planes = np.dstack([hue_score(pixels, template.hue_rad), pixels[..., template.channel]])
    step = (high - low) / np.array(size)
    to_picture = np.array([[step[0], 0, low[0]], [0, step[1], low[1]], [0, 0, 1.0]])
    return Chip(pixels, np.asarray(planes, np.float32), to_picture)


def agreement(chip: Chip, to_chip: Matrix, model: Model) -> tuple[float, float]:
    """Correlation of picture and artwork on the sign, -1 to 1, the mean of colour's and shade's.

    Returns:
        That of the artwork, and that of its mirror image in the same place.
    """
    import cv2

    step = model.sign.extent_mm / JUDGE_PX
    half = model.sign.extent_mm / 2.0
    to_mm = np.array([[step, 0, -half], [0, step, -half], [0, 0, 1.0]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    matrix = centred(to_chip @ to_mm)
    seen = cv2.warpPerspective(chip.planes, matrix, (JUDGE_PX, JUDGE_PX), flags=flags, borderValue=(-9.0, -9.0))
    known = model.inside & (seen[..., 0] >= 0.0)
    if known.sum() < _LEAST_SEEN * model.inside.sum():
        return -1.0, -1.0
    planes = _standard(seen[known])
    plain, mirrored = (float((planes * _standard(ideal[known])).sum() / 2.0) for ideal in (model.ideal, model.flipped))
    return plain, mirrored


def _standard(values: Plane) -> Plane:
    """Columns ``[n, k]`` with mean 0 and length 1."""
    centred_values = values - values.mean(0)
    return np.asarray(centred_values / np.maximum(np.sqrt((centred_values**2).sum(0)), 1e-9))


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
    """The affine map that gives a turned shape the hull's centre and second moments."""
    (centre_a, root_a), (centre_b, root_b) = moments(shape), moments(hull)
    if root_a is None or root_b is None:
        return None
    cosine, sine = math.cos(math.radians(turn_deg)), math.sin(math.radians(turn_deg))
    linear = root_b @ np.array([[cosine, -sine], [sine, cosine]]) @ np.linalg.inv(root_a)
    return np.vstack([np.column_stack([linear, centre_b - linear @ centre_a]), [0.0, 0.0, 1.0]])


def is_plain(to_picture: Matrix, shape: Matrix) -> bool:
    """Whether a homography shows a shape whole: not torn by the horizon, not nearly edge-on."""
    depth = np.column_stack([shape, np.ones(len(shape))]) @ to_picture[2]
    if not np.isfinite(to_picture).all() or depth.min() <= 0.3 * depth.max():
        return False
    values = np.linalg.svd(jacobian(to_picture), compute_uv=False)
    return bool(values[1] * _STRETCHED > values[0])


def jacobian(to_picture: Matrix) -> Matrix:
    """Of a homography at the sign's centre ``[2, 2]``, pixels a mm."""
    h = to_picture / to_picture[2, 2]
    return np.asarray(h[:2, :2] - np.outer(h[:2, 2], h[2, :2]))


def turn_deg(to_picture: Matrix) -> float:
    """How far the sign's upward direction is from the picture's, 0 to 180."""
    x, y = -jacobian(to_picture)[:, 1]
    return abs(math.degrees(math.atan2(x, -y)))


def refined(chip: Chip, to_chip: Matrix, model: Model) -> tuple[Matrix, float]:
    """The homography after enhanced correlation (see :mod:`physadv.scenes.outline`) on either plane, if it is better.

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


def linear_plane(chip: Chip, model: Model) -> Plane:
    """The chip as one plane ``[h, w]`` in linear light that is high on the sign's coloured part.

    In linear light a pixel that two colours share lies between them by their shares, so that an edge is where it
    seems; and what is neutral stays neutral, however bright.
    """
    import torch

    linear = srgb_to_linear(torch.from_numpy(chip.pixels)).numpy()
    return np.asarray(linear @ _weights(model.template), np.float32)


def _weights(template: Template) -> npt.NDArray[np.float32]:
    hue = template.hue_rad
    if hue is None:
        return np.array([0.2126, 0.7152, 0.0722], np.float32)
    cosine, sine = math.cos(hue), math.sin(hue) * math.sqrt(3.0) / 2.0
    return np.array([cosine, -cosine / 2 + sine, -cosine / 2 - sine], np.float32)


def to_centres(to_picture: Matrix) -> Matrix:
    """The same homography to pixels as OpenCV counts them: the middle of the first one is (0, 0)."""
    found = np.linalg.inv(HALF) @ to_picture
    return np.asarray(found / found[2, 2])
