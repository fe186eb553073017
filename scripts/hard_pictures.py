"""Street pictures made harder, for ``measure_photos.py``: a sign half hidden, at night, small, slanted or damaged."""

from __future__ import annotations

import hashlib
from typing import TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

Pixels: TypeAlias = npt.NDArray[np.uint8]
Reals: TypeAlias = npt.NDArray[np.float64]
Box: TypeAlias = tuple[float, float, float, float]

CASTS = ((1.0, 0.75, 0.45), (0.7, 0.9, 1.0), (1.0, 1.0, 1.0))
"""Lamps of a street at night: sodium, mercury, white."""
SPRAYED = ((20.0, 20.0, 20.0), (230.0, 230.0, 230.0), (40.0, 60.0, 160.0), (120.0, 90.0, 60.0))


def harder(pixels: Pixels, box: Box, kind: str, name: str) -> tuple[Pixels, Box]:
    """The picture made harder, and where the sign's box is in it; the same name and kind give the same picture."""
    random = np.random.default_rng(int.from_bytes(hashlib.sha256((name + kind).encode()).digest()[:8], "big"))
    made, box = KINDS[kind](pixels.astype(np.float64), box, random)
    bytes_ = np.clip(made, 0, 255).round().astype(np.uint8)
    data = cv2.imencode(".jpg", bytes_[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85])[1]
    return np.ascontiguousarray(np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)[..., ::-1]), box


def hidden(pixels: Reals, box: Box, random: np.random.Generator) -> tuple[Reals, Box]:
    """Leaves before 30 to 48 % of the sign, from one side."""
    left, top, right, bottom = box
    width, height, size = right - left, bottom - top, pixels.shape[:2]
    share, angle = random.uniform(0.3, 0.48), random.uniform(0, 2 * np.pi)
    rows, columns = np.mgrid[: size[0], : size[1]]
    x, y = (columns - (left + right) / 2) / width, (rows - (top + bottom) / 2) / height
    along = x * np.cos(angle) + y * np.sin(angle)
    edge = np.quantile(along[(abs(x) < 0.5) & (abs(y) < 0.5)], 1 - share)
    ragged = cv2.GaussianBlur(random.normal(size=size), (0, 0), width * 0.05)
    cover = (along + 0.06 * ragged / ragged.std() > edge) & (abs(x) < 0.9) & (abs(y) < 0.9)
    leaf = cv2.GaussianBlur(random.normal(size=size), (0, 0), max(1.0, width * 0.03))
    leaves = np.array([60, 85, 40]) + (leaf / leaf.std())[..., None] * [22, 28, 16] + random.normal(0, 6, (*size, 3))
    soft = cv2.GaussianBlur(cover.astype(np.float64), (0, 0), 0.7)[..., None]
    return pixels * (1 - soft) + np.clip(leaves, 0, 255) * soft, box


def night(pixels: Reals, box: Box, random: np.random.Generator) -> tuple[Reals, Box]:
    """A hundredth to a tenth of the light, of a lamp's color, brightest about the sign, with the sensor's noise."""
    left, top, right, bottom = box
    rows, columns = np.mgrid[: pixels.shape[0], : pixels.shape[1]]
    x = (columns - (left + right) / 2) / (2 * (right - left))
    y = (rows - (top + bottom) / 2) / (2 * (bottom - top))
    lamp = (0.35 + np.exp(-(x**2 + y**2)))[..., None]
    linear = (pixels / 255.0) ** 2.2 * CASTS[random.integers(len(CASTS))] * lamp * random.uniform(0.024, 0.096)
    linear += random.normal(size=linear.shape) * np.sqrt(np.maximum(linear, 0) * 8e-4 + 1e-5)
    return np.clip(linear, 0, 1) ** (1 / 2.2) * 255, box


def small(pixels: Reals, box: Box, random: np.random.Generator) -> tuple[Reals, Box]:
    """A sign 13 to 24 pixels wide."""
    scale = min(1.0, random.uniform(13, 24) / (box[2] - box[0]))
    return _resized(pixels, box, scale, scale)


def slanted(pixels: Reals, box: Box, random: np.random.Generator) -> tuple[Reals, Box]:
    """Seen from 60 to 72 degrees: 0.3 to 0.5 as wide as high."""
    return _resized(pixels, box, random.uniform(0.3, 0.5), 1.0)


def damaged(pixels: Reals, box: Box, random: np.random.Generator) -> tuple[Reals, Box]:
    """Faded by half, sprayed on in several strokes, with one or two patches gone."""
    left, top, right, bottom = box
    size = np.array([right - left, bottom - top])
    middle = np.array([left + right, top + bottom]) / 2.0
    made = pixels.copy()
    part = made[int(top) : int(bottom), int(left) : int(right)]
    part[:] = 0.55 * part + 0.45 * (0.6 * part.mean(2, keepdims=True) + 70)
    for _ in range(random.integers(4, 8)):
        color = SPRAYED[random.integers(len(SPRAYED))]
        points = [middle + random.uniform(-0.4, 0.4, 2) * size]
        for _ in range(random.integers(2, 5)):
            points.append(points[-1] + random.uniform(-0.3, 0.3, 2) * size)
        thick = max(1, round(size[0] * random.uniform(0.04, 0.1)))
        cv2.polylines(made, [np.round(points).astype(np.int32)], False, color, thick, cv2.LINE_AA)
    for _ in range(random.integers(1, 3)):
        x, y = np.round(middle + random.uniform(-0.35, 0.35, 2) * size).astype(int).tolist()
        across, down = np.round(random.uniform(0.08, 0.18, 2) * size).astype(int).tolist()
        gone = random.uniform(40, 160, 3).tolist()
        cv2.ellipse(made, (x, y), (across, down), random.uniform(0, 180), 0, 360, gone, -1, cv2.LINE_AA)
    return made, box


def _resized(pixels: Reals, box: Box, across: float, down: float) -> tuple[Reals, Box]:
    size = (max(8, round(pixels.shape[1] * across)), max(8, round(pixels.shape[0] * down)))
    made = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.float64)
    x, y = size[0] / pixels.shape[1], size[1] / pixels.shape[0]
    return made, (box[0] * x, box[1] * y, box[2] * x, box[3] * y)


KINDS = {"hidden": hidden, "night": night, "small": small, "slanted": slanted, "damaged": damaged}
