"""Distributions of conditions, as a scene's YAML declares them, each drawn from one uniform number by its inverse CDF.

A number is itself, ``[low, high]`` is uniform; the rest is named: ``{loguniform: [3, 75]}``,
``{normal: [0, 5], range: [-15, 15]}``, ``{choice: [15, 30], weights: [1, 2]}``,
``{chance: 0.4, of: [0.3, 0.8], otherwise: 0}``.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Annotated, Any, Union

import torch
from pydantic import BeforeValidator, Field, model_validator
from torch import Tensor

from physadv.core.config import Config


class Distribution(Config):
    """A distribution of one real quantity."""

    @abstractmethod
    def draw(self, uniform: Tensor) -> Tensor:
        """Values for ``uniform`` in [0,1), float64, same shape: the inverse cumulative distribution."""

    @abstractmethod
    def bounds(self) -> tuple[float, float]:
        """Smallest and largest possible value."""


def _ordered(low: float, high: float) -> None:
    if not (math.isfinite(low) and math.isfinite(high)):
        raise ValueError(f"range {low:g} to {high:g} is not finite")
    if low > high:
        raise ValueError(f"range {low:g} to {high:g} is the wrong way round; write [{high:g}, {low:g}]")


class Fixed(Distribution):
    """Always the same value."""

    fixed: float

    def draw(self, uniform: Tensor) -> Tensor:
        return torch.full_like(uniform, self.fixed)

    def bounds(self) -> tuple[float, float]:
        return self.fixed, self.fixed


class Uniform(Distribution):
    """Uniform over a range."""

    uniform: tuple[float, float]

    @model_validator(mode="after")
    def _check(self) -> Uniform:
        _ordered(*self.uniform)
        return self

    def draw(self, uniform: Tensor) -> Tensor:
        low, high = self.uniform
        return low + (high - low) * uniform

    def bounds(self) -> tuple[float, float]:
        return self.uniform


class LogUniform(Distribution):
    """Uniform in the logarithm: as many frames from 3 to 6 m as from 30 to 60 m."""

    loguniform: tuple[float, float]

    @model_validator(mode="after")
    def _check(self) -> LogUniform:
        _ordered(*self.loguniform)
        if self.loguniform[0] <= 0:
            raise ValueError(f"loguniform needs positive bounds, not {self.loguniform[0]:g}")
        return self

    def draw(self, uniform: Tensor) -> Tensor:
        low, high = (math.log(bound) for bound in self.loguniform)
        return torch.exp(low + (high - low) * uniform)

    def bounds(self) -> tuple[float, float]:
        return self.loguniform


class Normal(Distribution):
    """Normal with mean and standard deviation, truncated to ``range`` (three standard deviations if not given)."""

    normal: tuple[float, float]
    range: tuple[float, float] | None = None

    @model_validator(mode="after")
    def _check(self) -> Normal:
        if self.normal[1] <= 0:
            raise ValueError(f"standard deviation must be positive, not {self.normal[1]:g}")
        _ordered(*self.bounds())
        low, high = self.bounds()
        mean, deviation = self.normal
        if abs(min(max(mean, low), high) - mean) > 5 * deviation:
            raise ValueError(f"range {low:g} to {high:g} is over 5 standard deviations from the mean {mean:g}")
        return self

    def draw(self, uniform: Tensor) -> Tensor:
        mean, deviation = self.normal
        edges = torch.tensor(self.bounds(), dtype=torch.float64)
        low, high = torch.special.ndtr((edges - mean) / deviation)
        standard: Tensor = torch.special.ndtri(low + (high - low) * uniform)
        return (mean + deviation * standard).clamp(*self.bounds())

    def bounds(self) -> tuple[float, float]:
        mean, deviation = self.normal
        return self.range or (mean - 3 * deviation, mean + 3 * deviation)


class Choice(Distribution):
    """One of several values."""

    choice: tuple[float, ...] = Field(min_length=1)
    weights: tuple[float, ...] | None = None

    @model_validator(mode="after")
    def _check(self) -> Choice:
        if self.weights is not None and (len(self.weights) != len(self.choice) or min(self.weights) < 0):
            raise ValueError(f"weights must be {len(self.choice)} numbers that are not negative")
        if self.weights is not None and sum(self.weights) <= 0:
            raise ValueError("weights must not all be 0")
        return self

    def draw(self, uniform: Tensor) -> Tensor:
        weights = torch.tensor(self.weights or [1.0] * len(self.choice), dtype=torch.float64)
        edges = (weights / weights.sum()).cumsum(0)[:-1]
        values = torch.tensor(self.choice, dtype=torch.float64)
        return values[torch.bucketize(uniform, edges, right=True)]

    def bounds(self) -> tuple[float, float]:
        return min(self.choice), max(self.choice)


class Chance(Distribution):
    """With probability ``chance`` from ``of``, else ``otherwise``: a shadow that is there in two of five frames."""

    chance: float = Field(ge=0.0, le=1.0)
    of: AnyDistribution
    otherwise: float = 0.0

    def draw(self, uniform: Tensor) -> Tensor:
        inner = self.of.draw((uniform / max(self.chance, 1e-12)).clamp(max=1.0 - 1e-12))
        return torch.where(uniform < self.chance, inner, torch.full_like(uniform, self.otherwise))

    def bounds(self) -> tuple[float, float]:
        low, high = self.of.bounds()
        return min(low, self.otherwise), max(high, self.otherwise)


_KINDS: dict[str, type[Distribution]] = {
    "fixed": Fixed,
    "uniform": Uniform,
    "loguniform": LogUniform,
    "normal": Normal,
    "choice": Choice,
    "chance": Chance,
}


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _parse(value: Any) -> Any:
    if _is_number(value):
        if not math.isfinite(value):
            raise ValueError("expected a finite number")
        return Fixed(fixed=float(value))
    if isinstance(value, (list, tuple)):
        if len(value) != 2 or not all(map(_is_number, value)):
            raise ValueError("a range is [low, high], two numbers")
        return Uniform(uniform=(float(value[0]), float(value[1])))
    if isinstance(value, dict):
        for key, kind in _KINDS.items():
            if key in value:
                return kind.model_validate(value)
        raise ValueError(f"a distribution is a number, [low, high], or a mapping with one of {', '.join(_KINDS)}")
    if isinstance(value, Distribution):
        return value
    raise ValueError("expected a number, [low, high], or a named distribution")


AnyDistribution = Annotated[
    Union[Fixed, Uniform, LogUniform, Normal, Choice, Chance],  # noqa: UP007 (evaluated by Pydantic on Python 3.10)
    BeforeValidator(_parse),
]
Chance.model_rebuild()
