"""A sign as it is sought, and the parts of a picture that it is sought in."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from physadv.core.color import srgb_to_linear
from physadv.photos.finding.regions import grown, overlap
from physadv.photos.finding.tiles import telling
from physadv.scenes.photographs.sign_outline import Template, hue_score, template_of
from physadv.signs import Sign

Matrix: TypeAlias = npt.NDArray[np.float64]
Pixels: TypeAlias = npt.NDArray[np.uint8]
Plane: TypeAlias = npt.NDArray[np.float32]

JUDGE_PX = 48
"""Side of the square in which picture and artwork are compared."""
_RIM_PX = 768
_LEAST_CHIP_PX = 64.0
_APART = 0.92
"""Overlap of the colored part and the outline below which both are tried."""


@dataclass(frozen=True, eq=False)
class Model:
    """A sign as it is sought.

    Attributes:
        sign: itself.
        template: its artwork's planes.
        shapes: hull of the colored part and, where it differs, the outline, in mm.
        rim: hull of the colored part, where its edge is looked for.
        ideal: ``[48, 48, 2]``, color and shade of the artwork.
        flipped: the same of its mirror image.
        inside: ``[48, 48]``, whether a sample lies on the sign.
        tells: ``[16]``, the tiles by which the sign is known part by part; none of a sign without writing or the like.
        flipped_tells: the same of its mirror image.
    """

    sign: Sign
    template: Template
    shapes: tuple[Matrix, ...]
    rim: Matrix
    ideal: Plane
    flipped: Plane
    inside: npt.NDArray[np.bool_]
    tells: npt.NDArray[np.bool_]
    flipped_tells: npt.NDArray[np.bool_]

    @property
    def is_colored(self) -> bool:
        """Whether the sign has a color of its own."""
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
    flipped = ideal[:, ::-1]
    return Model(
        sign,
        template,
        tuple(shapes),
        rim,
        ideal,
        flipped,
        np.asarray(inside),
        telling(ideal[..., 1], inside),
        telling(flipped[..., 1], inside),
    )


def _rim(sign: Sign, template: Template) -> Matrix:
    """Hull of where the artwork has at least half of its color, in linear light, from a fine picture of it."""
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
        planes: ``[h, w, 2]``, its color and shade as the model has them.
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
    scale = min(side_px, max(side, _LEAST_CHIP_PX)) / side
    size = [max(8, round(n * scale)) for n in (high - low).tolist()]
    kind = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    pixels = np.asarray(cv2.resize(part, (size[0], size[1]), interpolation=kind), np.float32) / 255.0
    template = model.template
    planes = np.dstack([hue_score(pixels, template.hue_rad), pixels[..., template.channel]])
    step = (high - low) / np.array(size)
    to_picture = np.array([[step[0], 0, low[0]], [0, step[1], low[1]], [0, 0, 1.0]])
    return Chip(pixels, np.asarray(planes, np.float32), to_picture)


def linear_plane(chip: Chip, model: Model) -> Plane:
    """The chip as one plane ``[h, w]`` in linear light that is high on the sign's colored part.

    In linear light a pixel that two colors share lies between them by their shares, so that an edge is where it
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
