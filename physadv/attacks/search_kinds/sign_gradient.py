"""The sign of the gradient, with momentum."""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from physadv.attacks.searches import SEARCHES, Search, State, cosine_decay


@SEARCHES.register("sign")
class SignGradient(Search):
    """Sign of the momentum of the normalized gradient (Dong et al. 2018, eq. 6-7), as in FGSM and PGD."""

    kind: Literal["sign"] = "sign"
    step_size: float = Field(default=0.03, gt=0)
    momentum: float = Field(default=0.9, ge=0, lt=1)

    def begin(self, theta: Tensor) -> State:
        """No momentum."""
        return {"momentum": torch.zeros_like(theta)}

    def step(self, theta: Tensor, gradient: Tensor, state: State, *, progress: float) -> tuple[Tensor, State]:
        """One step of fixed length in every parameter."""
        velocity = self.momentum * state["momentum"] + gradient / gradient.abs().mean().clamp(min=1e-20)
        return theta - self.step_size * cosine_decay(progress) * velocity.sign(), {"momentum": velocity}
