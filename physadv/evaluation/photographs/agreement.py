"""Does the simulation predict the photographs? Scores of a predicted share against what happened."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import stats

from physadv.core.config import Config

Vector: TypeAlias = npt.NDArray[np.float64]
Flags: TypeAlias = npt.NDArray[np.bool_]

_RESAMPLES = 2000
_CONFIDENCE = 0.95


class Estimate(Config):
    """A number with its 95 % interval; None where there is too little to say."""

    value: float | None
    low: float | None = None
    high: float | None = None


class Agreement(Config):
    """How well simulated frames predict photographs of the same conditions.

    Attributes:
        n: photographs, each with each victim.
        both, simulated_only, photographed_only, neither: how often the sign is misread in most simulated frames, and in
            the photograph.
        brier: mean squared difference of the simulated share and what happened (Brier 1950); 0 is perfect.
        brier_of_rate: the same of always saying the photographs' own share; what a simulation has to beat.
        auc: chance that a misread photograph was predicted a higher share than one that is read (Mann & Whitney 1947).
        rank: Spearman's correlation of simulated and photographed shares over patches, controls and victims.
        groups: how many of those there are.
    """

    n: int
    both: int
    simulated_only: int
    photographed_only: int
    neither: int
    brier: Estimate
    brier_of_rate: float | None
    auc: Estimate
    rank: Estimate
    groups: int


def agreement(predicted: Vector, happened: Flags, groups: list[str], *, seed: int = 0) -> Agreement:
    """Scores with bootstrap intervals (Efron 1979, percentiles).

    Args:
        predicted: share of simulated frames that are misread, ``[n]`` in [0,1].
        happened: whether the photograph was, ``[n]``.
        groups: what each photograph shows, and to whom: patch or control, and victim.
        seed: of the bootstrap.
    """
    n = len(predicted)
    likely = predicted >= 0.5
    rates = _group_rates(predicted, happened, groups)
    return Agreement(
        n=n,
        both=int((likely & happened).sum()),
        simulated_only=int((likely & ~happened).sum()),
        photographed_only=int((~likely & happened).sum()),
        neither=int((~likely & ~happened).sum()),
        brier=_bootstrapped(_brier, predicted, happened, seed),
        brier_of_rate=float(happened.mean() * (1.0 - happened.mean())) if n else None,
        auc=_bootstrapped(_auc, predicted, happened, seed),
        rank=_rank(rates),
        groups=len(rates),
    )


def _brier(predicted: Vector, happened: Flags) -> float:
    return float(((predicted - happened) ** 2).mean()) if len(predicted) else float("nan")


def _auc(predicted: Vector, happened: Flags) -> float:
    lost, read = predicted[happened], predicted[~happened]
    if not len(lost) or not len(read):
        return float("nan")
    ranks = stats.rankdata(np.concatenate([lost, read]))
    return float((ranks[: len(lost)].sum() - len(lost) * (len(lost) + 1) / 2) / (len(lost) * len(read)))


def _bootstrapped(score: Any, predicted: Vector, happened: Flags, seed: int) -> Estimate:
    value = score(predicted, happened)
    if np.isnan(value):
        return Estimate(value=None)
    generator = np.random.default_rng(seed)
    drawn = generator.integers(0, len(predicted), (_RESAMPLES, len(predicted)))
    found = np.array([score(predicted[rows], happened[rows]) for rows in drawn])
    tail = 50.0 * (1.0 - _CONFIDENCE)
    low, high = np.nanpercentile(found, [tail, 100.0 - tail])
    return Estimate(value=value, low=float(low), high=float(high))


def _group_rates(predicted: Vector, happened: Flags, groups: list[str]) -> list[tuple[float, float]]:
    labels = np.array(groups)
    return [
        (float(predicted[labels == name].mean()), float(happened[labels == name].mean()))
        for name in sorted(set(groups))
    ]


def _rank(rates: list[tuple[float, float]]) -> Estimate:
    """Over at least four groups; the interval is Fisher's, as Bonett & Wright 2000 have it for ranks."""
    simulated, photographed = (np.array(side) for side in zip(*rates, strict=True)) if rates else (np.zeros(0),) * 2
    if len(rates) < 4 or np.ptp(simulated) == 0.0 or np.ptp(photographed) == 0.0:
        return Estimate(value=None)
    value = float(stats.spearmanr(simulated, photographed).statistic)
    clipped = float(np.clip(value, -0.9999, 0.9999))
    half = float(stats.norm.ppf(0.5 + _CONFIDENCE / 2.0)) * np.sqrt((1.0 + clipped**2 / 2.0) / (len(rates) - 3))
    low, high = np.tanh(np.arctanh(clipped) + np.array([-half, half]))
    return Estimate(value=value, low=float(low), high=float(high))
