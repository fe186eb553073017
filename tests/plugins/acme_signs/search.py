"""Gradient descent."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from torch import Tensor

from physadv.attacks.searches import SEARCHES, Search, State, cosine_decay


@SEARCHES.register("acme-descent")
class Descent(Search):
    """Plain gradient descent on the normalized gradient."""

    kind: Literal["acme-descent"] = "acme-descent"
    rate: float = Field(default=0.05, gt=0)

    def begin(self, theta: Tensor) -> State:
        """Nothing is kept."""
        return {}

    def step(self, theta: Tensor, gradient: Tensor, state: State, *, progress: float) -> tuple[Tensor, State]:
        """A step whose mean length in a parameter is the rate."""
        length = gradient.abs().mean().clamp(min=1e-20)
        return theta - self.rate * cosine_decay(progress) * gradient / length, state
