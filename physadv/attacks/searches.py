"""Searches: how a perturbation's parameters move, given the gradient of the loss."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Annotated, Literal, Union

import torch
from pydantic import Field
from torch import Tensor

from physadv.core.config import Config
from physadv.core.registry import Registry

State = dict[str, Tensor]


class Search(Config, ABC):
    """A first-order search. Its state is a mapping of tensors, so that a checkpoint holds all of it."""

    kind: str

    @abstractmethod
    def begin(self, theta: Tensor) -> State:
        """State before the first step."""

    @abstractmethod
    def step(self, theta: Tensor, gradient: Tensor, state: State, *, progress: float) -> tuple[Tensor, State]:
        """Next parameters and state; ``progress`` in [0,1] is the share of the budget that is spent."""


def cosine_decay(progress: float, *, floor: float = 0.05) -> float:
    """From 1 down to ``floor`` along half a cosine (Loshchilov & Hutter 2017, eq. 5, without restarts)."""
    return floor + (1.0 - floor) * 0.5 * (1.0 + math.cos(math.pi * min(max(progress, 0.0), 1.0)))


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


class SignGradient(Search):
    """Sign of the momentum of the normalised gradient (Dong et al. 2018, eq. 6-7), as in FGSM and PGD."""

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


SEARCHES: Registry[type[Search]] = Registry("search")
SEARCHES.register("adam")(Adam)
SEARCHES.register("sign")(SignGradient)

AnySearch = Annotated[Union[Adam, SignGradient], Field(discriminator="kind")]  # noqa: UP007
