"""Adam."""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from physadv.attacks.searches import SEARCHES, Search, State, cosine_decay


@SEARCHES.register("adam")
class Adam(Search):
    """Adam (Kingma & Ba 2015, algorithm 1) with a decaying step."""

    kind: Literal["adam"] = "adam"
    learning_rate: float = Field(default=0.05, gt=0)
    betas: tuple[float, float] = (0.9, 0.99)

    def begin(self, theta: Tensor) -> State:
        """Zero moments."""
        return {"first": torch.zeros_like(theta), "second": torch.zeros_like(theta), "count": torch.zeros(())}

    def step(self, theta: Tensor, gradient: Tensor, state: State, *, progress: float) -> tuple[Tensor, State]:
        """One bias-corrected step."""
        beta1, beta2 = self.betas
        count = state["count"] + 1
        first = beta1 * state["first"] + (1 - beta1) * gradient
        second = beta2 * state["second"] + (1 - beta2) * gradient**2
        rate = self.learning_rate * cosine_decay(progress)
        n = float(count)
        update = (first / (1 - beta1**n)) / ((second / (1 - beta2**n)).sqrt() + 1e-8)
        return theta - rate * update, {"first": first, "second": second, "count": count}
