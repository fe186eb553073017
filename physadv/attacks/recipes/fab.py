"""Fast adaptive boundary attack: along the linearized boundary, drawn to the picture itself."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from physadv.attacks.digital.attack import ATTACKS, Attack
from physadv.attacks.digital.changes import Change, PixelBall
from physadv.attacks.digital.descent import Best
from physadv.attacks.digital.linear import TINY, boundaries, nearest, onto_plane, rivals
from physadv.attacks.digital.norm_balls import lengths, per_row, random_point
from physadv.attacks.digital.problem import Problem
from physadv.core.limits import MAX_COUNT, MAX_RESTARTS, MAX_STEPS

_OVER, _BACK, _PULL = 1.05, 0.9, 0.1
"""eta, beta and the largest alpha of the paper, section 4."""
_REACH = {"linf": 8 / 255, "l2": 0.5}
"""Radius that restarts begin within half of, where nothing has won yet."""
_FINISH = 4


@ATTACKS.register("fab")
class Fab(Attack):
    """FAB (algorithm 1): steps to the boundary's projections of the iterate and of the picture, within [0,1].

    A goal with a target is led over the boundary of the target and the strongest other class alone.
    """

    kind: Literal["fab"] = "fab"
    paper: ClassVar[str] = "Croce & Hein 2020, arXiv:1907.02044"
    loss: ClassVar[str] = "margin"
    norm: Literal["linf", "l2"] = "linf"
    steps: int = Field(default=100, ge=1, le=MAX_STEPS)
    restarts: int = Field(default=1, ge=1, le=MAX_RESTARTS)
    targets: int = Field(default=9, ge=1, le=MAX_COUNT)
    """How many of the likeliest classes are looked at."""
    one_by_one: bool = True
    """A search of its own for each of these classes, as in AutoAttack (FAB-T); False: always the nearest boundary."""

    def change(self) -> Change:
        """Any change of the pixels."""
        return PixelBall(float("inf"), self.norm)

    def search(self, problem: Problem, generator: torch.Generator) -> Tensor:
        """The smallest change that wins, most frames first; else none."""
        best, first = Best(problem.begin(None)), 0
        classes = rivals(problem, problem.begin(None), self.targets)
        for restart in range(self.restarts):
            start = self._start(problem, best, generator) if restart else problem.begin(None)
            for some in torch.split(classes, 1 if self.one_by_one else classes.shape[1], dim=1):
                self._run(problem, start, some, best, first)
                first += self.steps
        self._finish(problem, best, first)
        return torch.where(per_row(best.success > 0, best.theta), best.theta, 0.0)

    def _start(self, problem: Problem, best: Best, generator: torch.Generator) -> Tensor:
        """At random, within half of the smallest change so far."""
        reach = torch.where(best.success > 0, best.loss, _REACH[self.norm]).clamp(max=_REACH[self.norm]) / 2.0
        start = random_point(problem.pictures.shape, reach, self.norm, generator).to(problem.pictures)
        return _inside(problem, start)

    def _run(self, problem: Problem, theta: Tensor, classes: Tensor, best: Best, first: int) -> None:
        pictures, rows = problem.pictures, problem.rows
        for step in range(first, first + self.steps):
            gap, normal, _ = boundaries(problem, theta, rows, classes, step=step)
            size, along = nearest(gap, normal, self.norm)
            here = onto_plane(pictures + theta, along, size, self.norm)
            there = onto_plane(pictures, along, size - (along * theta).flatten(1).sum(1), self.norm)
            near, far = lengths(here, self.norm), lengths(there, self.norm)
            pull = per_row((near / (near + far).clamp(min=TINY)).clamp(max=_PULL), theta)
            theta = _inside(problem, (1.0 - pull) * (theta + _OVER * here) + pull * _OVER * there)
            won = self._see(problem, theta, best, step)
            theta = torch.where(per_row(won >= 1.0, theta), _BACK * theta, theta)

    def _finish(self, problem: Problem, best: Best, step: int) -> None:
        """Bisects the last tenth of the way between the picture and the best change."""
        whole, least = best.theta.clone(), best.success.clone()
        low, high = torch.full_like(least, 0.9), torch.ones_like(least)
        for _ in range(_FINISH):
            middle = (low + high) / 2.0
            won = self._see(problem, per_row(middle, whole) * whole, best, step) >= least
            low, high = torch.where(won, low, middle), torch.where(won, middle, high)

    def _see(self, problem: Problem, theta: Tensor, best: Best, step: int) -> Tensor:
        with torch.no_grad():
            won = problem.success(problem.look(theta, step=step))
        best.see(theta, lengths(theta, self.norm), won)
        return won


def _inside(problem: Problem, theta: Tensor) -> Tensor:
    return theta.clamp(-problem.pictures, 1.0 - problem.pictures)
