"""AutoAttack: four attacks that need no tuning, one after another, and what makes their answer doubtful."""

from __future__ import annotations

import math
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from physadv.attacks.digital.attack import ATTACKS, Attack, BallAttack
from physadv.attacks.digital.changes import PixelBall
from physadv.attacks.digital.descent import Best
from physadv.attacks.digital.problem import Problem
from physadv.attacks.digital.queries import settled
from physadv.attacks.digital.sizes import Size
from physadv.attacks.losses import LOSSES
from physadv.attacks.recipes.apgd import ApgdCe, ApgdT
from physadv.attacks.recipes.fab import Fab
from physadv.attacks.recipes.square import Square
from physadv.core.limits import MAX_COUNT, MAX_QUERIES, MAX_STEPS
from physadv.core.number_format import percent

_DIFFERENT = 1e-3
"""Change of logits between two looks at one picture, as a share of their spread, that is no rounding."""
_NO_GRADIENT = 0.1
"""Share of pictures without gradient that is worth a word."""
_CHECKED, _CHECK_STEPS, _EXPECTED = 32, 20, 0.95
"""Without a bound: pictures, steps, and the success that an attack should then have."""


@ATTACKS.register("auto-attack")
class AutoAttack(BallAttack):
    """AutoAttack, standard version: apgd-ce, apgd-t, fab and square, each on the pictures that still stand.

    Its flags name what makes success too low to be believed: a victim that answers at random, gradients that are zero,
    scores that succeed where gradients fail (masked gradients; Athalye et al. 2018, arXiv:1802.00420, section 3.1),
    and an attack that fails without a bound (Carlini et al. 2019, arXiv:1902.06705, section 4).
    """

    kind: Literal["auto-attack"] = "auto-attack"
    paper: ClassVar[str] = "Croce & Hein 2020, arXiv:2003.01690"
    eps: Size = 8 / 255
    norm: Literal["linf", "l2"] = "linf"
    steps: int = Field(default=100, ge=1, le=MAX_STEPS)
    """Of each gradient attack, and for each class that it aims at."""
    targets: int = Field(default=9, ge=1, le=MAX_COUNT)
    """How many of the likeliest classes apgd-t and fab aim at."""
    square_queries: int = Field(default=5000, ge=1, le=MAX_QUERIES)

    def attacks(self) -> list[Attack]:
        """The four, in their order."""
        return [
            ApgdCe(eps=self.eps, norm=self.norm, steps=self.steps),
            ApgdT(eps=self.eps, norm=self.norm, steps=self.steps, targets=self.targets),
            Fab(norm=self.norm, steps=self.steps, targets=self.targets),
            Square(eps=self.eps, norm=self.norm, max_queries=self.square_queries),
        ]

    def search(self, problem: Problem, generator: torch.Generator) -> Tensor:
        """The first point in the ball that wins each picture; else the best of all four."""
        _check_randomness(problem)
        _check_gradients(problem)
        best = Best(problem.begin(None))
        for attack in self.attacks():
            rows = problem.rows[~settled(problem, best.success)]
            if not len(rows):
                return best.theta
            before = best.success.clone()
            part = problem.part(rows, loss=LOSSES[attack.loss])
            theta = problem.project(attack.search(part, generator).detach(), rows)
            problem.charge(rows, part)
            with torch.no_grad():
                logits = problem.look(theta, rows)
            best.see_some(rows, theta, problem.losses(logits, rows), problem.success(logits, rows))
        _check_masking(problem, before, best.success)
        self._check_bound(problem, best, generator)
        return best.theta

    def _check_bound(self, problem: Problem, best: Best, generator: torch.Generator) -> None:
        """Some of the pictures that have withstood, with any change in the pictures' range."""
        rows = problem.rows[~settled(problem, best.success)][:_CHECKED]
        if not len(rows) or not self.eps:
            return
        reach = 1.0 if self.norm == "linf" else math.sqrt(problem.pictures[0].numel())
        part = problem.part(rows, change=PixelBall(reach, self.norm))
        attack = ApgdCe(eps=reach, norm=self.norm, steps=_CHECK_STEPS)
        theta = attack.search(part, generator)
        with torch.no_grad():
            won = float(part.success(part.look(theta)).mean())
        part.notes.clear()
        problem.charge(rows, part)
        if won < _EXPECTED:
            problem.note(
                f"even without a bound on the change, gradients lead to the goal in only {percent(won)} of {len(rows)} "
                "pictures that withstood: success is underestimated"
            )


@torch.no_grad()
def _check_randomness(problem: Problem) -> None:
    """Two looks at the same."""
    one, other = (problem.look(problem.begin(None)) for _ in range(2))
    differ = (one - other).abs().flatten(1).amax(1) > _DIFFERENT * one.std(-1).flatten(1).mean(1)
    if bool(differ.any()):
        problem.note(
            f"the victim answers {int(differ.sum())} of {len(problem)} pictures differently when asked again: it is "
            "randomized, and its gradients and answers should be averaged over its randomness"
        )


def _check_gradients(problem: Problem) -> None:
    """The gradient of the loss at the pictures themselves."""
    _, _, gradient = problem.gradient(problem.begin(None))
    zero = int((gradient.flatten(1).abs().amax(1) == 0).sum())
    if zero > _NO_GRADIENT * len(problem):
        problem.note(
            f"the loss's gradient is zero in {zero} of {len(problem)} pictures: gradients vanish or are masked, and "
            "success is underestimated"
        )


def _check_masking(problem: Problem, before: Tensor, after: Tensor) -> None:
    """What square has won of what the gradient attacks had left."""
    gained = int(((before < 0.5) & (after >= 0.5)).sum())
    if gained:
        problem.note(
            f"square, which sees scores alone, wins {gained} of {int((before < 0.5).sum())} pictures that all gradient "
            "attacks have left: gradients are masked, and success is underestimated"
        )
