"""Carlini and Wagner's attack: the smallest change that wins, by a search of its price."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from physadv.attacks.digital.attack import ATTACKS, Attack
from physadv.attacks.digital.changes import Change, PixelBall
from physadv.attacks.digital.descent import Best
from physadv.attacks.digital.norm_balls import lengths, per_row
from physadv.attacks.digital.problem import Problem
from physadv.attacks.losses import LOSSES
from physadv.attacks.search_kinds.adam import Adam
from physadv.attacks.searches import State
from physadv.core.limits import MAX_COUNT, MAX_STEPS
from physadv.goals import Goal
from physadv.victims import Reading

_INSIDE = 0.999999
"""Share of [-1, 1] that pictures are put into, so that the inverse of tanh is finite."""


@ATTACKS.register("cw-l2")
class CarliniWagner(Attack):
    """The attack for the L2 norm (sections V and VI): the change's square plus c times the lead that is to be lost.

    The lead is f6 of the paper, the picture half of 1 + tanh w; each picture has a c of its own.
    """

    kind: Literal["cw-l2"] = "cw-l2"
    paper: ClassVar[str] = "Carlini & Wagner 2017, arXiv:1608.04644"
    loss: ClassVar[str] = "margin"
    steps: int = Field(default=1000, ge=1, le=MAX_STEPS)
    """Of each round; the paper takes 10,000. A picture whose objective has stopped falling ends its round earlier."""
    binary_steps: int = Field(default=9, ge=1, le=MAX_COUNT)
    """Rounds, each with another c."""
    initial_c: float = Field(default=1e-3, gt=0)
    """Tenfold until it wins, then by bisection."""
    learning_rate: float = Field(default=0.01, gt=0)
    confidence: float = Field(default=0.0, ge=0)
    """Logits by which the winning class should lead."""

    def change(self) -> Change:
        """Any change of the pixels."""
        return PixelBall(float("inf"), "l2")

    def search(self, problem: Problem, generator: torch.Generator) -> Tensor:
        """The smallest change with the confidence asked for; else one that wins, most frames first; else none."""
        best = Best(problem.begin(None))
        price = torch.full_like(best.loss, self.initial_c)
        below, above = torch.zeros_like(price), torch.full_like(price, torch.inf)
        for number in range(self.binary_steps):
            won = self._round(problem, price, best, number * self.steps)
            above, below = torch.where(won, price, above), torch.where(won, below, price)
            price = torch.where(above.isinf(), 10.0 * price, (below + above) / 2.0)
        return torch.where(per_row(best.success > 0, best.theta), best.theta, 0.0)

    def _round(self, problem: Problem, price: Tensor, best: Best, first: int) -> Tensor:
        """Descends for one price of each picture; whether it has won with confidence, bool ``[B]``."""
        adam = Adam(learning_rate=self.learning_rate, betas=(0.9, 0.999))
        rows, period = problem.rows, max(1, self.steps // 10)
        w = torch.atanh((2.0 * problem.pictures - 1.0) * _INSIDE)
        state = adam.begin(w)
        won = torch.zeros_like(price, dtype=torch.bool)
        before, mean = torch.full_like(price, torch.inf), torch.zeros_like(price)
        for step in range(self.steps):
            theta = (torch.tanh(w) + 1.0) / 2.0 - problem.pictures[rows]
            lead, success, gradient = problem.gradient(theta, rows, step=first + step, loss=self._lead)
            sure = (success >= 1.0) & (lead <= -self.confidence * (1.0 - 1e-5))
            won[rows] |= sure
            square = lengths(theta, "l2") ** 2
            best.see_some(rows, theta, square, success + sure.to(success))
            mean = mean + (square + price[rows] * lead) / period
            slope = 2.0 * theta + per_row(price[rows], theta) * gradient
            w, state = adam.step(w, slope * (1.0 - torch.tanh(w) ** 2) / 2.0, state, progress=0.0)
            if (step + 1) % period == 0:
                going = mean < before * torch.where(before > 0, 0.9999, 1.0001)
                rows, w, before = rows[going], w[going], mean[going]
                state, mean = _of(state, going), torch.zeros_like(before)
                if not len(rows):
                    break
        return won

    def _lead(self, reading: Reading, goal: Goal) -> Tensor:
        return LOSSES["margin"](reading, goal).clamp(min=-self.confidence)


def _of(state: State, which: Tensor) -> State:
    return {name: part[which] if part.ndim else part for name, part in state.items()}
