"""Shares with intervals, paired differences, runs of frames. Arrays in, numbers out; knows nothing of signs.

An interval is Wilson's (1927). Frames of one drive resemble each other, so where frames come in drives Wilson's formula
is given an effective sample size, as Korn & Graubard (1998, Survey Methodology 24:193-201) do with the exact interval:
n over the design effect, corrected by the squared ratio of Student quantiles for the few degrees of freedom. The design
effect is Kish's (1965), 1 + (mean drive - 1) * rho; rho, how much frames of a drive agree beyond chance, is the
analysis of variance's estimate (Donner 1986, International Statistical Review 54:67-82). Near 0 % and 100 % few
drives carry the whole information on rho and its estimate is far too low at times, so it is drawn towards 1 with the
weight of half a drive of maximal variance: where no frame or every frame is a hit, this counts drives instead of
frames. In simulations of 10 to 60 drives of 52 frames, shares 50 to 97 % and rho 0.02 to 0.8, the 95 % interval held
the truth in 93.6 to 100 %.
"""

from __future__ import annotations

import functools
import math
from typing import Any, Literal, cast

import numpy as np
import numpy.typing as npt
from scipy import stats

from physadv.core.config import Config
from physadv.core.number_format import with_interval

Flags = npt.NDArray[np.bool_]
Groups = npt.NDArray[np.int64]
Method = Literal["wilson", "wilson-clustered"]
Test = Literal["mcnemar-exact", "sign-test-by-approach"]

CONFIDENCE = 0.95
PRIOR_DRIVES = 0.5
"""Weight, in drives of maximal variance, of the assumption that all frames of a drive agree."""


class Rate(Config):
    """A share with its 95 % interval.

    ``value``, ``low`` and ``high`` are None where ``n`` is 0. ``n_effective`` is ``n`` over the design effect: smaller
    than ``n`` where frames of one drive resemble each other.
    """

    hits: int
    n: int
    value: float | None
    low: float | None
    high: float | None
    n_effective: float
    clusters: int
    """Independent units behind the interval: drives, or frames where frames are independent."""
    method: Method


class Difference(Config):
    """A paired difference of two shares on the same frames, with its 95 % interval."""

    value: float | None
    low: float | None
    high: float | None
    n: int
    first_only: int
    """Frames where only the first (the patch) is a hit."""
    second_only: int
    """Frames where only the second (the control) is a hit."""
    p_value: float | None
    """Two-sided: exact McNemar test over frames, or exact sign test over drives where frames are clustered."""
    test: Test


def wilson(hits: float, n: float, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Wilson's score interval of ``hits`` out of ``n``; both may be effective, not whole, numbers.

    Raises:
        ValueError: not ``0 <= hits <= n`` with ``n > 0``, or a confidence outside (0,1).
    """
    if not 0.0 <= hits <= n or n <= 0.0 or not 0.0 < confidence < 1.0:
        raise ValueError(f"wilson({hits}, {n}, {confidence}): needs 0 <= hits <= n, n > 0 and 0 < confidence < 1")
    z2 = _normal_quantile(0.5 + confidence / 2.0) ** 2
    share = hits / n
    center: float = (share + z2 / (2.0 * n)) / (1.0 + z2 / n)
    half: float = math.sqrt(z2 * (share * (1.0 - share) / n + z2 / (4.0 * n * n))) / (1.0 + z2 / n)
    return max(0.0, min(share, center - half)), min(1.0, max(share, center + half))


@functools.cache
def _normal_quantile(tail: float) -> float:
    return float(stats.norm.ppf(tail))


@functools.lru_cache(maxsize=4096)
def _student_quantile(tail: float, freedom: int) -> float:
    return float(stats.t.ppf(tail, freedom))


def effective_size(hits: Flags, groups: Groups | None, confidence: float = CONFIDENCE) -> float:
    """Effective sample size of ``hits`` in drives ``groups`` (see the module), at least 1 and at most n."""
    n = len(hits)
    if groups is None or n == 0:
        return float(n)
    drives = len(np.unique(groups))
    if drives == n:
        return float(n)
    if drives == 1:
        return 1.0
    _, member = np.unique(groups, return_inverse=True)
    sizes = np.bincount(member)
    mean_size = float((sizes**2).sum()) / n
    effect = 1.0 + (mean_size - 1.0) * _agreement(hits, member, sizes)
    tail = 0.5 + confidence / 2.0
    few = (_student_quantile(tail, n - 1) / _student_quantile(tail, drives - 1)) ** 2
    return float(min(n, max(1.0, n / effect * few)))


def _agreement(hits: Flags, member: npt.NDArray[np.int64], sizes: npt.NDArray[np.int64]) -> float:
    """Intra-class correlation of ``hits`` in drives, drawn towards 1 (see the module), from 0 to 1."""
    n, drives, share = len(hits), len(sizes), float(hits.mean())
    information = 4.0 * share * (1.0 - share) * drives
    if information == 0.0:
        return 1.0
    shares = np.bincount(member, weights=hits.astype(np.float64)) / sizes
    between = float((sizes * (shares - share) ** 2).sum()) / (drives - 1)
    within = float((sizes * shares * (1.0 - shares)).sum()) / (n - drives)
    size = (n - float((sizes**2).sum()) / n) / (drives - 1)
    rho = (between - within) / (between + (size - 1.0) * within)
    return (information * max(rho, 0.0) + PRIOR_DRIVES) / (information + PRIOR_DRIVES)


def rate(hits: Flags, groups: Groups | None = None) -> Rate:
    """The share of ``hits`` ``[n]`` with its interval; ``groups`` ``[n]`` says which drive a frame belongs to."""
    n, count = len(hits), int(np.count_nonzero(hits))
    method: Method = "wilson" if groups is None else "wilson-clustered"
    clusters = n if groups is None else len(np.unique(groups))
    if n == 0:
        return Rate(hits=0, n=0, value=None, low=None, high=None, n_effective=0.0, clusters=0, method=method)
    effective = effective_size(hits, groups)
    low, high = wilson(count / n * effective, effective)
    return Rate(
        hits=count, n=n, value=count / n, low=low, high=high, n_effective=effective, clusters=clusters, method=method
    )


def difference(first: Flags, second: Flags, groups: Groups | None = None) -> Difference:
    """Share of ``first`` minus share of ``second`` on the same frames, with its interval and a paired test.

    Over frames, the interval squares and adds the limits of the two shares and their correlation: Newcombe (1998,
    Statistics in Medicine 17:2635-2650, method 10, with his continuity correction of phi). Over drives, it is Student's
    on the drives' sums of the paired differences (Obuchowski 1998, Statistics in Medicine 17:1495-1507), whose variance
    is given half a drive of maximal variance more, as in :func:`effective_size` and for the same reason.
    """
    if len(first) != len(second):
        raise ValueError(f"difference: {len(first)} and {len(second)} frames cannot be paired")
    test: Test = "mcnemar-exact" if groups is None else "sign-test-by-approach"
    first_only, second_only = int(np.sum(first & ~second)), int(np.sum(second & ~first))
    if len(first) == 0:
        return Difference(value=None, low=None, high=None, n=0, first_only=0, second_only=0, p_value=None, test=test)
    a, b = rate(first, groups), rate(second, groups)
    low, high = _square_and_add(a, b, _phi(first, second)) if groups is None else _student(first, second, groups)
    wins, losses = (first_only, second_only) if groups is None else _won_drives(first, second, groups)
    return Difference(
        value=cast(float, a.value) - cast(float, b.value),
        low=low,
        high=high,
        n=len(first),
        first_only=first_only,
        second_only=second_only,
        p_value=sign_test(wins, losses),
        test=test,
    )


def unpaired(first: Rate, second: Rate) -> tuple[float, float, float] | None:
    """Share of ``first`` minus share of ``second``, of other frames, with its interval; None where one has no frames.

    Source: Newcombe 1998, Statistics in Medicine 17:873-890, method 10.
    """
    if first.value is None or second.value is None:
        return None
    return (first.value - second.value, *_square_and_add(first, second, 0.0))


def sign_test(wins: int, losses: int) -> float:
    """Two-sided exact binomial test of ``wins`` against ``losses`` at one half, ties left out."""
    return float(stats.binomtest(wins, wins + losses, 0.5).pvalue) if wins + losses else 1.0


def _won_drives(first: Flags, second: Flags, groups: Groups) -> tuple[int, int]:
    _, member = np.unique(groups, return_inverse=True)
    balance = np.bincount(member, weights=first.astype(np.float64) - second.astype(np.float64))
    return int(np.sum(balance > 0)), int(np.sum(balance < 0))


def _square_and_add(a: Rate, b: Rate, correlation: float) -> tuple[float, float]:
    p, pl, pu = (cast(float, x) for x in (a.value, a.low, a.high))
    q, ql, qu = (cast(float, x) for x in (b.value, b.low, b.high))

    def reach(x: float, y: float) -> float:
        return math.sqrt(max(0.0, x * x - 2.0 * correlation * x * y + y * y))

    return max(-1.0, p - q - reach(p - pl, qu - q)), min(1.0, p - q + reach(pu - p, q - ql))


def _phi(first: Flags, second: Flags) -> float:
    """Correlation of the two shares over frames, corrected for continuity as Newcombe does."""
    both, neither = int(np.sum(first & second)), int(np.sum(~first & ~second))
    one, other = int(np.sum(first & ~second)), int(np.sum(second & ~first))
    margins = float(both + one) * (other + neither) * (both + other) * (one + neither)
    if margins == 0.0:
        return 0.0
    excess = both * neither - one * other
    return (max(excess - len(first) / 2.0, 0.0) if excess > 0 else excess) / math.sqrt(margins)


def _student(first: Flags, second: Flags, groups: Groups) -> tuple[float, float]:
    gap = first.astype(np.float64) - second.astype(np.float64)
    n, mean = len(gap), float(gap.mean())
    _, member = np.unique(groups, return_inverse=True)
    sizes = np.bincount(member)
    drives = len(sizes)
    if drives == 1:
        return -1.0, 1.0
    sums = np.bincount(member, weights=gap - mean)
    prior = PRIOR_DRIVES * (float((sizes**2).sum()) / n) ** 2
    variance = (drives / (drives - 1) * float((sums**2).sum()) + prior) / n**2
    reach = _student_quantile(0.5 + CONFIDENCE / 2.0, drives - 1) * math.sqrt(variance)
    return max(-1.0, mean - reach), min(1.0, mean + reach)


def longest_run(hits: npt.ArrayLike) -> tuple[int, int]:
    """``(start, length)`` of the first longest run of true values; length 0 where there is none.

    >>> longest_run([True, False, True, True])
    (2, 2)
    """
    padded = np.concatenate([[0], np.asarray(hits, dtype=np.int8), [0]])
    edges = np.diff(padded)
    starts, stops = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    if len(starts) == 0:
        return 0, 0
    best = int(np.argmax(stops - starts))
    return int(starts[best]), int(stops[best] - starts[best])


def k_of_n(hits: npt.ArrayLike, *, k: int, n: int) -> bool:
    """Whether at least ``k`` of some ``n`` consecutive values are true (fewer than ``n`` values are one window).

    >>> k_of_n([True, False, True, False, False], k=2, n=3)
    True
    """
    flags = np.asarray(hits, dtype=np.int64)
    total = np.concatenate([[0], np.cumsum(flags)])
    width = min(n, len(flags))
    return bool(np.any(total[width:] - total[: len(total) - width] >= k)) if width else False


def bin_index(values: npt.NDArray[Any], edges: tuple[float, ...]) -> npt.NDArray[np.int64]:
    """Which bin ``[edges[i], edges[i + 1])`` holds each value; what lies outside goes to the first or the last bin."""
    inner = np.asarray(edges[1:-1], dtype=np.float64)
    return np.searchsorted(inner, values, side="right").astype(np.int64)


def shown_rate(rate: Rate) -> str:
    """``87.2 % (83.0 to 90.1), n 480``."""
    if rate.value is None or rate.low is None or rate.high is None:
        return "no frames"
    return f"{with_interval(rate.value, rate.low, rate.high)}, n {rate.n}"
