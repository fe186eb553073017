"""A sign cut into tiles, to be compared with a picture part by part; only tiles with writing or the like tell."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Plane: TypeAlias = npt.NDArray[np.float32]
Flags: TypeAlias = npt.NDArray[np.bool_]

_ACROSS = 4
"""Tiles across a sign and down."""
_LEAST_SEEN = 0.4
"""Share of a tile that has to lie on the sign and in the picture."""
_FEATURELESS, _NOISE = 0.1, 0.01
"""Standard deviation of a tile's artwork below which nothing is drawn on it; of a picture's noise."""
_LEAST_TELLING = 6
"""Tiles that have to tell for a sign to be known by its parts."""
_PLAIN = 0.6
"""Correlation with a single straight edge from which on a tile tells nothing: pictures are full of edges."""
_CHANCE = 0.2
"""Median correlation that says nothing: refinement finds as much in most pictures."""
_EDGE_STEP_DEG = 15.0


def tiled(plane: Plane) -> Plane:
    """``[S, S]`` to tiles ``[16, (S / 4)^2]``, line by line."""
    side = plane.shape[0] // _ACROSS
    tiles = plane.reshape(_ACROSS, side, _ACROSS, side).swapaxes(1, 2)
    return np.asarray(tiles.reshape(_ACROSS**2, side**2), np.float32)


def telling(ideal: Plane, inside: Flags) -> Flags:
    """Which tiles of an artwork ``[S, S]`` no straight edge could be taken for, ``[16]``; none if these are too few."""
    weight = tiled(inside.astype(np.float32))
    drawn, values = _about_mean(tiled(ideal), weight)
    tells = (weight.mean(1) >= _LEAST_SEEN) & (values >= _FEATURELESS**2 * weight.sum(1))
    for number in np.flatnonzero(tells):
        edges, lengths = _about_mean(_edges(ideal.shape[0] // _ACROSS), weight[number])
        alike = edges @ drawn[number] / np.sqrt(np.maximum(lengths * values[number], 1e-9))
        tells[number] = alike.max() < _PLAIN
    return np.asarray(tells & (tells.sum() >= _LEAST_TELLING))


def parts_alike(seen: Plane, ideal: Plane, known: Flags, tells: Flags) -> float:
    """Median correlation of the tiles that tell, less what chance gives, up to 1; -1 if too few are seen.

    Args:
        seen: the picture on the sign ``[S, S]``.
        ideal: the artwork there.
        known: where both are known.
        tells: the tiles that count (see :func:`telling`).
    """
    weight = tiled(known.astype(np.float32))
    counted = tells & (weight.mean(1) >= _LEAST_SEEN)
    if counted.sum() < _LEAST_TELLING:
        return -1.0
    weight = weight[counted]
    one, contrast = _about_mean(tiled(seen)[counted], weight)
    other, drawn = _about_mean(tiled(ideal)[counted], weight)
    contrast = contrast + _NOISE**2 * weight.sum(1)
    found = (one * other).sum(1) / np.sqrt(contrast * np.maximum(drawn, 1e-9))
    return float((np.median(found) - _CHANCE) / (1.0 - _CHANCE))


def _about_mean(values: Plane, weight: Plane) -> tuple[Plane, Plane]:
    """Rows less their mean where the weight is, and their sums of squares."""
    mean = (weight * values).sum(-1, keepdims=True) / np.maximum(weight.sum(-1, keepdims=True), 1.0)
    centered = weight * (values - mean)
    return np.asarray(centered, np.float32), np.asarray((centered**2).sum(-1), np.float32)


def _edges(side: int) -> Plane:
    """Straight edges across a tile, in all directions and places ``[n, side^2]``."""
    y, x = np.mgrid[:side, :side] - (side - 1) / 2.0
    turns = np.radians(np.arange(0.0, 360.0, _EDGE_STEP_DEG))
    places = np.arange(-side / 2.0 + 1.0, side / 2.0)
    along = x * np.cos(turns)[:, None, None] + y * np.sin(turns)[:, None, None]
    edges = np.clip(along[:, None] - places[None, :, None, None] + 0.5, 0.0, 1.0)
    return np.asarray(edges.reshape(-1, side**2), np.float32)
