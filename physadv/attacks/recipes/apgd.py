"""Auto-PGD: projected gradient descent that halves its own step."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from physadv.attacks.digital.attack import ATTACKS, BallAttack
from physadv.attacks.digital.descent import Best
from physadv.attacks.digital.linear import rivals
from physadv.attacks.digital.norm_balls import per_row, steepest
from physadv.attacks.digital.problem import Problem
from physadv.attacks.digital.queries import conditions, settled
from physadv.attacks.digital.sizes import Size
from physadv.core.limits import MAX_COUNT, MAX_RESTARTS, MAX_STEPS
from physadv.goals import UNKNOWN, Classes, Goal, Untargeted, each
from physadv.victims import Reading

_MOMENTUM, _FALLS = 0.75, 0.75
"""alpha and rho of the paper, section 3."""
_UNSETTLED = 0.15
"""A loss that falls by more than this share of its whole fall in the last quarter of the steps has not settled."""
_MANY = 0.5
"""Share of the pictures that have withstood from which a doubt is worth a word."""


def checkpoints(steps: int) -> list[int]:
    """After how many steps the step size is looked at: at 22 %, then ever sooner, down to every 6 % (section 3.2)."""
    before, share, found = 0.0, 0.22, []
    while share < 1.0:
        found.append(math.ceil(share * steps - 1e-9))
        before, share = share, share + max(share - before - 0.03, 0.06)
    return sorted(set(found))


@dataclass(frozen=True, eq=False)
class Aimed(Untargeted):
    """Any wrong class will do, and the loss leads to one of them."""

    aim: Classes = UNKNOWN

    toward = True

    def steered_class(self, reading: Reading) -> Tensor:
        """That class."""
        return each(self.aim, reading.logits)


@dataclass(frozen=True)
class _Descent:
    """Where the search of M pictures stands; all ``[M, ...]``."""

    rows: Tensor
    theta: Tensor
    before: Tensor
    loss: Tensor
    gradient: Tensor
    best: Tensor
    best_loss: Tensor
    best_gradient: Tensor
    size: Tensor
    falls: Tensor
    noted: Tensor
    """Best loss at the last checkpoint."""
    halved: Tensor
    """Whether the size was halved there."""
    first: Tensor
    """Loss at the start."""
    late: Tensor
    """Best loss after three quarters of the steps."""

    def of(self, which: Tensor) -> _Descent:
        """That of some of the pictures."""
        return _Descent(**{part.name: getattr(self, part.name)[which] for part in fields(self)})


class AutoPgd(BallAttack):
    """Auto-PGD (algorithm 1)."""

    eps: Size = 8 / 255
    norm: Literal["linf", "l2"] = "linf"
    steps: int = Field(default=100, ge=1, le=MAX_STEPS)
    restarts: int = Field(default=1, ge=1, le=MAX_RESTARTS)

    def aims(self, problem: Problem) -> list[Goal]:
        """The goals that are pursued one after another."""
        return [problem.goal]

    def search(self, problem: Problem, generator: torch.Generator) -> Tensor:
        """The best point of every picture; those that have won take no further part."""
        best = Best(problem.begin(None))
        for number, aim in enumerate(self.aims(problem) * self.restarts):
            rows = problem.rows[~settled(problem, best.success)]
            if not len(rows):
                break
            part = problem.part(rows, goal=aim)
            found = self._descend(part, part.begin(generator), first=number * self.steps)
            problem.charge(rows, part)
            best.see_some(rows, found.theta, found.loss, found.success)
        return best.theta

    def _descend(self, problem: Problem, theta: Tensor, *, first: int) -> Best:
        found, now = Best(theta), conditions(problem, first, every=1)
        at, success = self._begin(problem, theta, now)
        found.see(theta, at.loss, success)
        looked = 0
        for step in range(1, self.steps + 1):
            at = at.of(~settled(problem, found.success[at.rows]))
            if not len(at.rows):
                return found
            at, success = self._step(problem, at, now)
            found.see_some(at.rows, at.theta, at.loss, success)
            if step == math.ceil(0.75 * self.steps):
                at = replace(at, late=at.best_loss)
            if step in checkpoints(self.steps):
                at, looked = self._look_back(at, step - looked), step
                fresh = conditions(problem, first + step, every=1)
                at, now = (at if fresh == now else self._renewed(problem, at, fresh)), fresh
        self._doubt(problem, at.of(~settled(problem, found.success[at.rows])))
        return found

    def _begin(self, problem: Problem, theta: Tensor, now: int) -> tuple[_Descent, Tensor]:
        loss, success, gradient = problem.gradient(theta, step=now)
        at = _Descent(
            rows=problem.rows,
            theta=theta,
            before=theta,
            loss=loss,
            gradient=gradient,
            best=theta,
            best_loss=loss,
            best_gradient=gradient,
            size=torch.full_like(loss, 2.0 * self.eps),
            falls=torch.zeros_like(loss),
            noted=loss,
            halved=torch.zeros_like(loss, dtype=torch.bool),
            first=loss,
            late=loss,
        )
        return at, success

    def _step(self, problem: Problem, at: _Descent, now: int) -> tuple[_Descent, Tensor]:
        """One step with momentum, and what it has brought."""
        down = at.theta - per_row(at.size, at.theta) * steepest(at.gradient, self.norm)
        straight = problem.project(down, at.rows)
        swung = at.theta + _MOMENTUM * (straight - at.theta) + (1.0 - _MOMENTUM) * (at.theta - at.before)
        started = per_row((at.before != at.theta).flatten(1).any(1), at.theta)
        theta = torch.where(started, problem.project(swung, at.rows), straight)
        loss, success, gradient = problem.gradient(theta, at.rows, step=now)
        better = loss < at.best_loss
        moved = replace(
            at,
            theta=theta,
            before=at.theta,
            loss=loss,
            gradient=gradient,
            best=torch.where(per_row(better, theta), theta, at.best),
            best_loss=torch.where(better, loss, at.best_loss),
            best_gradient=torch.where(per_row(better, theta), gradient, at.best_gradient),
            falls=at.falls + (loss < at.loss),
        )
        return moved, success

    def _look_back(self, at: _Descent, period: int) -> _Descent:
        """Halves the step where too few steps were good, or nothing has come of the size; from the best point on."""
        halve = (at.falls < _FALLS * period) | (~at.halved & (at.best_loss >= at.noted))
        back = per_row(halve, at.theta)
        return replace(
            at,
            theta=torch.where(back, at.best, at.theta),
            loss=torch.where(halve, at.best_loss, at.loss),
            gradient=torch.where(back, at.best_gradient, at.gradient),
            size=torch.where(halve, at.size / 2.0, at.size),
            falls=torch.zeros_like(at.falls),
            noted=at.best_loss,
            halved=halve,
        )

    def _renewed(self, problem: Problem, at: _Descent, now: int) -> _Descent:
        """The best point in other conditions, for losses to be compared within one kind alone."""
        loss, _, gradient = problem.gradient(at.best, at.rows, step=now)
        return replace(at, best_loss=loss, best_gradient=gradient, noted=loss, first=loss, late=loss)

    def _doubt(self, problem: Problem, at: _Descent) -> None:
        """Takes note of losses that gradients have not led down, or that were still falling."""
        count = len(at.rows)
        if not count or not self.eps or problem.view.varies:
            return
        fall, last = at.first - at.best_loss, at.late - at.best_loss
        lost = int((fall <= 0).sum())
        if lost > _MANY * count:
            problem.note(f"{self.kind}: the loss does not fall along its gradient in {lost} of {count} pictures")
        falling = int((last > _UNSETTLED * fall).sum())
        if falling > _MANY * count:
            problem.note(
                f"{self.kind}: the loss is still falling at the last step in {falling} of {count} pictures: "
                f"give it more than {self.steps} steps"
            )


@ATTACKS.register("apgd-ce")
class ApgdCe(AutoPgd):
    """Auto-PGD on the cross-entropy."""

    kind: Literal["apgd-ce"] = "apgd-ce"
    paper: ClassVar[str] = "Croce & Hein 2020, arXiv:2003.01690"


@ATTACKS.register("apgd-t")
class ApgdT(AutoPgd):
    """Auto-PGD on the targeted difference of logits ratio (eq. 7), towards one likely class after another.

    A goal with a target is led there alone.
    """

    kind: Literal["apgd-t"] = "apgd-t"
    paper: ClassVar[str] = "Croce & Hein 2020, arXiv:2003.01690"
    loss: ClassVar[str] = "dlr"
    targets: int = Field(default=9, ge=1, le=MAX_COUNT)
    """How many of the likeliest classes are aimed at, as in the paper's AutoAttack."""

    def aims(self, problem: Problem) -> list[Goal]:
        """Each likely class, or the goal's own."""
        if problem.goal.toward:
            return [problem.goal]
        classes = rivals(problem, problem.begin(None), self.targets)
        return [Aimed(problem.goal.true_class, aim) for aim in classes.unbind(1)]
