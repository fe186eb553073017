"""Descent of every picture's own loss, by gradients."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from physadv.attacks.digital.norm_balls import Norm, lengths, per_row, steepest
from physadv.attacks.digital.problem import Problem
from physadv.attacks.searches import Search, State


class Steepest(Search):
    """A step of fixed length along the steepest direction of a norm, in each row on its own.

    With momentum, along the gathered gradients, each divided by its mean size (Dong et al. 2018, eq. 6 and 7).
    """

    kind: Literal["steepest"] = "steepest"
    norm: Norm = "linf"
    step_size: float
    momentum: float = 0.0
    sparsity: float = 0.05
    """With ``l1``, share of the coordinates that a step changes."""

    def begin(self, theta: Tensor) -> State:
        """No momentum."""
        return {"momentum": torch.zeros_like(theta)} if self.momentum else {}

    def step(self, theta: Tensor, gradient: Tensor, state: State, *, progress: float) -> tuple[Tensor, State]:
        """One step down."""
        if self.momentum:
            mean = lengths(gradient, "l1") / gradient[0].numel()
            gradient = self.momentum * state["momentum"] + gradient / per_row(mean.clamp(min=1e-20), gradient)
            state = {"momentum": gradient}
        return theta - self.step_size * steepest(gradient, self.norm, sparsity=self.sparsity), state


def descend(
    problem: Problem, theta: Tensor, search: Search, *, steps: int, keep_best: bool = True, first: int = 0
) -> Tensor:
    """Parameters ``[B, ...]`` after ``steps`` steps of every picture.

    Args:
        problem: what is searched.
        theta: where from.
        search: how a step is taken.
        steps: how many.
        keep_best: of each picture, the iterate that has won (in most frames) at the least loss; else the last.
        first: number of the first step, which decides the conditions it is seen in.
    """
    state = search.begin(theta)
    best = Best(theta)
    for step in range(steps):
        loss, success, gradient = problem.gradient(theta, step=first + step)
        if keep_best and step:
            best.see(theta, loss, success)
        theta, state = search.step(theta, gradient, state, progress=step / steps)
        theta = problem.project(theta)
    if not keep_best or steps == 1:
        return theta
    with torch.no_grad():
        logits = problem.look(theta, step=first + steps)
        best.see(theta, problem.losses(logits) + problem.change.penalty(theta), problem.success(logits))
    return best.theta


class Best:
    """The best parameters of every picture so far: the most frames won, then the least loss."""

    def __init__(self, theta: Tensor) -> None:
        self.theta = theta.clone()
        self.loss = torch.full((len(theta),), torch.inf, dtype=theta.dtype, device=theta.device)
        self.success = torch.full_like(self.loss, -1.0)

    def see(self, theta: Tensor, loss: Tensor, success: Tensor) -> None:
        """Takes note of an iterate."""
        better = (success > self.success) | ((success == self.success) & (loss < self.loss))
        self.theta = torch.where(per_row(better, theta), theta, self.theta)
        self.loss = torch.where(better, loss, self.loss)
        self.success = torch.where(better, success, self.success)

    def see_some(self, rows: Tensor, theta: Tensor, loss: Tensor, success: Tensor) -> None:
        """Takes note of an iterate of the pictures numbered ``rows [M]``, each at most once."""
        better = (success > self.success[rows]) | ((success == self.success[rows]) & (loss < self.loss[rows]))
        kept = rows[better]
        self.theta[kept], self.loss[kept], self.success[kept] = theta[better], loss[better], success[better]
