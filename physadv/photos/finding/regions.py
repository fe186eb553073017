"""Regions of a picture that may be a sign: blobs of its color and what strong edges enclose, as convex hulls."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Matrix: TypeAlias = npt.NDArray[np.float64]
Pixels: TypeAlias = npt.NDArray[np.uint8]
Plane: TypeAlias = npt.NDArray[np.float32]

_LEVELS = (0.12, 0.2, 0.3, 0.4, 0.5, 0.62, 0.75)
"""Of the sign's color (``hue_score``), above which a pixel counts as the sign's."""
_GRAY_WINDOWS = (0.05, 0.15, 0.4)
"""Shares of the picture's longer side over which a gray sign's surroundings are averaged."""
_EDGES = ((30, 90), (80, 200))
"""Canny's lower and upper thresholds."""
_SAME = 0.9
"""Overlap of two hulls that count as one."""
_MOST_SEEN, _MOST = 4000, 400
"""Regions that are compared with one another, and that are left: foliage and noise have any number."""


def regions(pixels: Pixels, score: Plane, *, colored: bool, least_px: float) -> list[Matrix]:
    """Convex hulls ``[N, 2]`` in continuous pixels (pixel i covers [i, i + 1)), largest first, each once.

    Args:
        pixels: ``[H, W, 3]`` uint8 RGB.
        score: ``[H, W]`` of 0 to 1, how much of the sign's color a pixel has; lightness for a gray sign.
        colored: whether the sign has a color of its own.
        least_px: smallest width and height.
    """
    masks = [*(_by_color(score) if colored else _by_lightness(score)), *_by_edges(pixels)]
    hulls = [hull for mask in masks for hull in _hulls(mask, least_px)]
    hulls.sort(key=_area, reverse=True)
    return _distinct(hulls[:_MOST_SEEN])


def overlap(one: Matrix, other: Matrix) -> float:
    """Intersection over union of two convex polygons ``[N, 2]``."""
    import cv2

    shared, _ = cv2.intersectConvexConvex(one.astype(np.float32), other.astype(np.float32))
    return float(shared / max(_area(one) + _area(other) - shared, 1e-9))


def shared(one: Matrix, other: Matrix) -> float:
    """Intersection of two convex polygons ``[N, 2]`` over the smaller one's area."""
    import cv2

    common, _ = cv2.intersectConvexConvex(one.astype(np.float32), other.astype(np.float32))
    return float(common / max(min(_area(one), _area(other)), 1e-9))


def _area(hull: Matrix) -> float:
    x, y = hull.T
    return abs(float((x * np.roll(y, -1) - y * np.roll(x, -1)).sum())) / 2.0


def _by_color(score: Plane) -> Iterator[Pixels]:
    import cv2

    for level in _LEVELS:
        mask = np.asarray(score > level, np.uint8)
        yield mask
        yield np.asarray(cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)), np.uint8)


def _by_lightness(lightness: Plane) -> Iterator[Pixels]:
    """Lighter than what is around it, near and far."""
    import cv2

    otsu, _ = cv2.threshold(np.asarray(lightness * 255, np.uint8), 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    for level in (0.7, 1.0, 1.3):
        yield np.asarray(lightness * 255 > level * otsu, np.uint8)
    for share in _GRAY_WINDOWS:
        side = max(3, round(share * max(lightness.shape))) | 1
        around = cv2.blur(lightness, (side, side))
        yield np.asarray(lightness > around + 0.04, np.uint8)


def _by_edges(pixels: Pixels) -> Iterator[Pixels]:
    """Edges of any channel, with gaps of two pixels closed."""
    import cv2

    soft = cv2.GaussianBlur(pixels, (0, 0), 1.0)
    for low, high in _EDGES:
        edges = np.maximum.reduce([cv2.Canny(np.ascontiguousarray(soft[..., c]), low, high) for c in range(3)])
        yield np.asarray(edges, np.uint8)
        yield np.asarray(cv2.morphologyEx(edges, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8)), np.uint8)


def _hulls(mask: Pixels, least_px: float) -> Iterator[Matrix]:
    import cv2

    contours, _ = cv2.findContours(mask, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
    for contour in contours:
        _, _, width, height = cv2.boundingRect(contour)
        if min(width, height) < least_px:
            continue
        hull = np.asarray(cv2.convexHull(contour)[:, 0], np.float64)
        if len(hull) >= 3:
            yield grown(hull)


def grown(hull: Matrix) -> Matrix:
    """From the middles of a blob's outermost pixels to their far sides."""
    middle = hull.mean(0)
    away = hull - middle
    length = np.maximum(np.linalg.norm(away, axis=1, keepdims=True), 1e-9)
    return np.asarray(hull + 0.5 + 0.5 * away / length)


def _distinct(hulls: list[Matrix]) -> list[Matrix]:
    kept: list[Matrix] = []
    boxes = np.zeros((0, 4))
    for hull in hulls:
        box = np.concatenate([hull.min(0), hull.max(0)])
        near = np.flatnonzero((np.abs(boxes - box) < 0.1 * (box[2:] - box[:2]).max()).all(1)).tolist()
        if all(overlap(hull, kept[i]) < _SAME for i in near):
            kept.append(hull)
            boxes = np.vstack([boxes, box])
        if len(kept) == _MOST:
            break
    return kept
