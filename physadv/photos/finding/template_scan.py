"""Where a sign's drawing may be when its outline is hidden or its color dim: correlation at many sizes and slants."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from physadv.photos.finding.sign_model import Matrix, Model, Pixels, Plane

_SIDE_PX = 24
"""Of the artwork that is compared; the picture is reduced to meet it."""
_LEAST_PX, _LONGEST_PX = 14.0, 700.0
"""Smallest sign, and longest side of the picture in which it is looked for; a larger one is reduced."""
_GROWTH = 1.25
_SQUEEZED = (1.0, 0.7, 0.45)
"""Widths of a sign over its height: seen from the front, from 45 and from 63 degrees."""
_BLOCKS = 3
"""Across a sign and down: each is looked for by itself, so that what hides some leaves the others."""
_LEAST_INSIDE, _FEATURELESS = 0.5, 0.1
"""Share of a block that lies on the sign, and standard deviation of its artwork, below which it says nothing."""
_A_LEVEL = 4
"""Places that are kept of one size and slant."""
_LEAST = 0.1
"""Value of a place that says nothing."""


@dataclass(frozen=True, eq=False)
class Place:
    """Where the artwork may lie.

    Attributes:
        to_picture: from the sign's mm to continuous pixels ``[3, 3]``.
        value: mean square of the blocks' correlations, 0 to 1.
    """

    to_picture: Matrix
    value: float


@dataclass(frozen=True, eq=False)
class _Block:
    """A part of the artwork, and where it begins."""

    left: int
    top: int
    ideal: Plane


def scanned(pixels: Pixels, model: Model) -> list[Place]:
    """Places of ``pixels [H, W, 3]`` uint8 whose shade varies as the upright artwork's does, best first."""
    import cv2

    plane = np.asarray(pixels[..., model.template.channel], np.float32) / 255.0
    size = _LEAST_PX / min(1.0, _LONGEST_PX / max(plane.shape))
    sizes = [(round(_SIDE_PX * squeezed), _blocks(model, squeezed)) for squeezed in _SQUEEZED]
    found: list[Place] = []
    while size <= min(plane.shape):
        scale = _SIDE_PX / size
        across, down = (max(1, round(length * scale)) for length in plane.shape[1::-1])
        kind = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        level = np.asarray(cv2.resize(plane, (across, down), interpolation=kind), np.float32)
        back = np.diag([plane.shape[1] / across, plane.shape[0] / down, 1.0])
        for width, blocks in sizes:
            for x, y, value in _on_level(level, width, blocks):
                found.append(Place(back @ _laid(x, y, width, model.sign.extent_mm), value))
        size *= _GROWTH
    return sorted(found, key=lambda place: -place.value)


def _blocks(model: Model, squeezed: float) -> list[_Block]:
    import cv2

    width = round(_SIDE_PX * squeezed)
    size, kind = (width, _SIDE_PX), cv2.INTER_AREA
    ideal = np.asarray(cv2.resize(np.ascontiguousarray(model.ideal[..., 1]), size, interpolation=kind), np.float32)
    inside = cv2.resize(model.inside.astype(np.float32), size, interpolation=kind) > 0.5
    across, down = (np.round(np.linspace(0, side, _BLOCKS + 1)).astype(int).tolist() for side in size)
    made = []
    for top, bottom in pairwise(down):
        for left, right in pairwise(across):
            part = np.ascontiguousarray(ideal[top:bottom, left:right])
            if inside[top:bottom, left:right].mean() >= _LEAST_INSIDE and part.std() >= _FEATURELESS:
                made.append(_Block(left, top, part))
    return made


def _on_level(level: Plane, width: int, blocks: list[_Block]) -> Iterator[tuple[int, int, float]]:
    """Left, top and value of places on a reduced picture."""
    import cv2

    down, across = level.shape[0] - _SIDE_PX + 1, level.shape[1] - width + 1
    if down < 1 or across < 1 or not blocks:
        return
    values = np.zeros((down, across), np.float32)
    for block in blocks:
        height, length = block.ideal.shape
        part = level[block.top : block.top + down + height - 1, block.left : block.left + across + length - 1]
        found = np.nan_to_num(cv2.matchTemplate(part, block.ideal, cv2.TM_CCOEFF_NORMED), posinf=0.0, neginf=0.0)
        values += np.clip(found, 0.0, 1.0) ** 2
    values /= len(blocks)
    for _ in range(_A_LEVEL):
        y, x = (int(at) for at in np.unravel_index(int(values.argmax()), values.shape))
        value = float(values[y, x])
        if value < _LEAST:
            return
        yield x, y, value
        near_x, near_y = width // 3, _SIDE_PX // 3
        values[max(0, y - near_y) : y + near_y + 1, max(0, x - near_x) : x + near_x + 1] = 0.0


def _laid(x: int, y: int, width: int, extent_mm: float) -> Matrix:
    across, down = width / extent_mm, _SIDE_PX / extent_mm
    return np.array([[across, 0.0, x + width / 2.0], [0.0, down, y + _SIDE_PX / 2.0], [0.0, 0.0, 1.0]])
