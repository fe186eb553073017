"""Curves through and along points, as the way of a brush."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Points = npt.NDArray[np.float64]

SAMPLES_PER_SPAN = 24
MOST_POINTS = 4000


def catmull_rom(points: Points) -> Points:
    """A smooth curve through ``points`` ``[n, 2]``, densely sampled: the centripetal Catmull-Rom spline, which makes
    no loops and cusps between points (Yuksel, Schaefer and Keyser 2011; evaluated after Barry and Goldman 1988).
    """
    distinct: Points = points[np.concatenate([[True], np.any(np.diff(points, axis=0) != 0.0, axis=1)])]
    if len(distinct) < 3:
        return distinct
    ends = np.stack([2.0 * distinct[0] - distinct[1], 2.0 * distinct[-1] - distinct[-2]])
    control = np.concatenate([ends[:1], distinct, ends[1:]])
    spans = [_span(*control[i : i + 4]) for i in range(len(control) - 3)]
    return np.concatenate([*spans, distinct[-1:]])


def _span(p0: Points, p1: Points, p2: Points, p3: Points) -> Points:
    knots = np.concatenate([[0.0], np.cumsum([np.sqrt(np.hypot(*(b - a))) for a, b in ((p0, p1), (p1, p2), (p2, p3))])])
    t = np.linspace(knots[1], knots[2], SAMPLES_PER_SPAN, endpoint=False)[:, None]

    def between(a: Points, b: Points, start: float, end: float) -> Points:
        return np.asarray(((end - t) * a + (t - start) * b) / (end - start))

    a1, a2, a3 = (between(p, q, knots[i], knots[i + 1]) for i, (p, q) in enumerate(((p0, p1), (p1, p2), (p2, p3))))
    b1, b2 = between(a1, a2, knots[0], knots[2]), between(a2, a3, knots[1], knots[3])
    return between(b1, b2, knots[1], knots[2])


def bezier(points: Points) -> Points:
    """The piecewise cubic Bezier curve of ``points`` ``[3k + 1, 2]``, densely sampled."""
    t = np.linspace(0.0, 1.0, SAMPLES_PER_SPAN, endpoint=False)[:, None]
    basis = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3)
    spans = [
        sum(weight * point for weight, point in zip(basis, points[i : i + 4], strict=True))
        for i in range(0, len(points) - 3, 3)
    ]
    return np.concatenate([*spans, points[-1:]])


def evenly(path: Points, spacing: float) -> Points:
    """Points along ``path`` ``[n, 2]`` at equal distances of at most ``spacing``, both ends included; at least two.

    However small ``spacing`` is, there are no more than 4000, or as many as ``path`` has.
    """
    travelled = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(path, axis=0).T))])
    most = max(MOST_POINTS, len(path))
    count = max(2, int(np.ceil(min(travelled[-1] / spacing, most - 1))) + 1)
    where = np.linspace(0.0, travelled[-1], count)
    return np.stack([np.interp(where, travelled, path[:, axis]) for axis in (0, 1)], axis=1)
