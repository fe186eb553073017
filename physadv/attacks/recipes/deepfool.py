"""DeepFool: over the nearest boundary of the linearized classifier, again and again."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from physadv.attacks.digital.attack import ATTACKS, Attack
from physadv.attacks.digital.changes import Change, PixelBall
from physadv.attacks.digital.descent import Best
from physadv.attacks.digital.linear import TINY, boundaries, nearest, rivals
from physadv.attacks.digital.norm_balls import lengths, per_row
from physadv.attacks.digital.problem import Problem
from physadv.attacks.digital.queries import settled
from physadv.core.limits import MAX_COUNT, MAX_STEPS


@ATTACKS.register("deepfool")
class DeepFool(Attack):
    """DeepFool (algorithm 2): the least step over the nearest of the linearized boundaries.

    A goal with a target is led over the boundary of the target and the strongest other class alone.
    """

    kind: Literal["deepfool"] = "deepfool"
    paper: ClassVar[str] = "Moosavi-Dezfooli et al. 2016, arXiv:1511.04599"
    loss: ClassVar[str] = "margin"
    norm: Literal["l2", "linf"] = "l2"
    steps: int = Field(default=50, ge=1, le=MAX_STEPS)
    overshoot: float = Field(default=0.02, ge=0)
    """How far beyond the boundary the change goes, as a share of it; 0.02 as in the paper, section 2.2."""
    candidates: int = Field(default=9, ge=1, le=MAX_COUNT)
    """How many of the likeliest other classes are looked at; the authors' programme: 9 beside the true one."""

    def change(self) -> Change:
        """Any change of the pixels."""
        return PixelBall(float("inf"), self.norm)

    def search(self, problem: Problem, generator: torch.Generator) -> Tensor:
        """The first change of each picture that wins, or the smallest that wins most frames; else none."""
        theta = problem.begin(None)
        classes = rivals(problem, theta, self.candidates)
        total, best, rows = theta, Best(theta), problem.rows
        for step in range(self.steps):
            gap, normal, _ = boundaries(problem, theta[rows], rows, classes[rows], step=step)
            total = total.index_add(0, rows, self._over(gap, normal))
            theta = problem.project((1.0 + self.overshoot) * total)
            with torch.no_grad():
                success = problem.success(problem.look(theta[rows], rows, step=step), rows)
            best.see_some(rows, theta[rows], lengths(theta[rows], self.norm), success)
            rows = rows[~settled(problem, success)]
            if not len(rows):
                break
        return torch.where(per_row(best.success > 0, best.theta), best.theta, 0.0)

    def _over(self, gap: Tensor, normal: Tensor) -> Tensor:
        """The least change ``[M, 3, H, W]`` that closes the nearest gap (eq. 8), and 1e-4 more against rounding."""
        size, along = nearest(gap, normal, self.norm)
        if self.norm == "linf":
            dual, direction = lengths(along, "l1"), along.sign()
        else:
            dual = lengths(along, "l2")
            direction = along / per_row(dual.clamp(min=TINY), along)
        far = torch.where(dual > TINY, size.abs() / dual.clamp(min=TINY) + 1e-4, 0.0)
        return -direction * per_row(far, along)
