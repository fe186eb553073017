"""NES: sign steps along a gradient that is estimated from scores."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from physadv.attacks.digital.attack import ATTACKS, BallAttack, Knowledge
from physadv.attacks.digital.norm_balls import steepest
from physadv.attacks.digital.problem import Problem
from physadv.attacks.digital.queries import at_once, looks_left, scores, settled
from physadv.attacks.digital.sizes import Size, Step
from physadv.core.limits import MAX_COUNT, MAX_QUERIES


@ATTACKS.register("nes")
class Nes(BallAttack):
    """Projected steps along a natural evolution strategy's estimate of the gradient (algorithm 1; section 2.1).

    The estimate takes antithetic pairs of Gaussian samples. The loss is the margin, which does not fade where the
    victim is sure; the paper takes the class's probability. Samples are clipped to pictures.
    """

    kind: Literal["nes"] = "nes"
    paper: ClassVar[str] = "Ilyas et al. 2018, arXiv:1804.08598"
    knowledge: ClassVar[Knowledge] = "scores"
    loss: ClassVar[str] = "margin"
    eps: Size = 8 / 255
    max_queries: int = Field(default=5000, ge=1, le=MAX_QUERIES)
    samples: int = Field(default=50, ge=2, multiple_of=2, le=MAX_COUNT)
    """Of an estimate, half of them the mirror images of the others."""
    sigma: float = Field(default=0.001, gt=0)
    """Standard deviation of the samples about the picture."""
    step_size: Step | None = None
    """eps / 5 if not given, about the paper's 0.01 for its 0.05."""

    def search(self, problem: Problem, generator: torch.Generator) -> Tensor:
        """The iterate of every picture that wins most, then at the least loss; those that have won ask no more."""
        theta = problem.begin(None)
        best, least = theta.clone(), theta.new_full((len(theta),), torch.inf)
        won = torch.zeros_like(least)
        rows, step = problem.rows, 0
        while len(rows):
            pairs = min(self.samples, int(looks_left(problem, self.max_queries, rows).min()) - 1) // 2
            if pairs < 1:
                break
            gradient = self.estimate(problem, theta[rows], rows, generator, pairs=pairs, step=step)
            size = self.step_size or self.eps / 5.0
            theta[rows] = problem.project(theta[rows] - size * steepest(gradient, self.norm, sparsity=0.05), rows)
            step += 1
            loss, share = scores(problem, theta[rows], rows, step=step)
            better = (share > won[rows]) | ((share == won[rows]) & (loss < least[rows]))
            kept = rows[better]
            best[kept], least[kept], won[kept] = theta[kept], loss[better], share[better]
            rows = rows[~settled(problem, won[rows])]
        return best

    def estimate(
        self, problem: Problem, theta: Tensor, rows: Tensor, generator: torch.Generator, *, pairs: int, step: int
    ) -> Tensor:
        """The gradient ``[M, ...]`` of the loss at ``theta [M, ...]`` of the pictures numbered ``rows``.

        Mean over the pairs of the directions, each times the loss's difference along it over 2 sigma (eq. 1).
        """
        pictures = problem.pictures[rows]
        total = torch.zeros_like(theta)
        at_a_time = max(1, at_once(problem) // (2 * len(rows)))
        for first in range(0, pairs, at_a_time):
            count = min(at_a_time, pairs - first)
            direction = torch.randn(count, *theta.shape, generator=generator).to(theta)
            either = theta + self.sigma * torch.cat([direction, -direction])
            either = either.clamp(-pictures, 1.0 - pictures).flatten(0, 1)
            loss, _ = scores(problem, either, rows.repeat(2 * count), step=step)
            ahead, behind = loss.reshape(2, count, len(rows))
            total += torch.einsum("km,km...->m...", ahead - behind, direction)
        return total / (2.0 * self.sigma * pairs)
