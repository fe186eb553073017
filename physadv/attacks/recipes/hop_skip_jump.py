"""HopSkipJump: the smallest change that wins, from decisions alone, along the boundary."""

from __future__ import annotations

import itertools
import math
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from physadv.attacks.digital.attack import ATTACKS, Attack, Knowledge
from physadv.attacks.digital.changes import Change, PixelBall
from physadv.attacks.digital.norm_balls import lengths, per_row, steepest
from physadv.attacks.digital.problem import Problem
from physadv.attacks.digital.queries import at_once, conditions, decisions, looks_left
from physadv.attacks.digital.starting_points import ENOUGH, noise, pooled, winners
from physadv.core.limits import MAX_COUNT, MAX_QUERIES, MAX_STEPS

_FIRST_RADIUS = 0.1
"""Of the samples of the first estimate, in units of the pictures' range, that of the authors' programme."""
_ROUNDING = 1e-6
"""Shares of a way, and changes of a pixel, below which single precision tells no difference."""
_PUSHES = 10
_HALVINGS = 30
_SPARE = 25
"""Looks that an estimate leaves for the step and the binary search after it."""


@ATTACKS.register("hop-skip-jump")
class HopSkipJump(Attack):
    """Estimates the boundary's normal from decisions, steps along it, and goes back to the boundary (algorithm 2).

    It starts from noise that wins; with a target, and where no noise wins, from the nearest picture of the pool that
    does. A picture without a start is left unchanged.
    """

    kind: Literal["hop-skip-jump"] = "hop-skip-jump"
    paper: ClassVar[str] = "Chen, Jordan & Wainwright 2020, arXiv:1904.02144"
    knowledge: ClassVar[Knowledge] = "decisions"
    norm: Literal["l2", "linf"] = "l2"
    max_queries: int = Field(default=5000, ge=1, le=MAX_QUERIES)
    first_samples: int = Field(default=100, ge=2, le=MAX_COUNT)
    """Of the first estimate; the t-th takes sqrt(t) times as many."""
    max_samples: int = Field(default=10000, ge=2, le=MAX_STEPS)
    """Of any estimate."""
    start_tries: int = Field(default=50, ge=1, le=MAX_COUNT)
    """Noises, and pictures of the pool, that are tried."""

    def change(self) -> Change:
        """Any change; its norm is what is made small."""
        return PixelBall(math.inf, self.norm)

    def search(self, problem: Problem, generator: torch.Generator) -> Tensor:
        """The smallest change that has won in the latest conditions; no change where there is no start."""
        point, rows = self._start(problem, generator)
        best, least = point.clone(), torch.full_like(problem.rows, math.inf, dtype=point.dtype)
        turn, seen = 0, -1
        while len(rows := rows[looks_left(problem, self.max_queries, rows) > 0]):
            turn += 1
            now = conditions(problem, turn, every=1)
            if now != seen:
                point[rows] = self._renewed(problem, point[rows], rows, step=now)
                best[rows], least[rows], seen = point[rows], self._distance(problem, point[rows], rows), now
            point[rows] = self._hop(problem, point[rows], rows, generator, turn=turn, step=now)
            distance = self._distance(problem, point[rows], rows)
            closer = distance < least[rows]
            best[rows[closer]], least[rows[closer]] = point[rows[closer]], distance[closer]
        return best - problem.pictures

    def _start(self, problem: Problem, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        noises, pool = noise(problem, generator, self.start_tries), pooled(problem, self.start_tries)
        order = (pool, noises) if problem.goal.toward else (noises, pool)
        point, have = winners(problem, itertools.chain(*order), max_queries=self.max_queries)
        return point, problem.rows[have]

    def _distance(self, problem: Problem, point: Tensor, rows: Tensor) -> Tensor:
        return lengths(point - problem.pictures[rows], self.norm)

    def _renewed(self, problem: Problem, point: Tensor, rows: Tensor, *, step: int) -> Tensor:
        """Points on the boundary of these conditions; one that loses in them is first pushed away from its picture."""
        away = point - problem.pictures[rows]
        pushed, trying = point.clone(), torch.ones_like(rows, dtype=torch.bool)
        for push in range(_PUSHES):
            which = (trying & (looks_left(problem, self.max_queries, rows) > 0)).nonzero()[:, 0]
            if not len(which):
                break
            tried = (problem.pictures[rows[which]] + 1.2**push * away[which]).clamp(0.0, 1.0)
            wins = decisions(problem, tried, rows[which], step=step) >= ENOUGH
            pushed[which[wins]] = tried[wins]
            trying[which[wins]] = False
        return self.to_boundary(problem, pushed, rows, step=step)

    def _hop(
        self, problem: Problem, point: Tensor, rows: Tensor, generator: torch.Generator, *, turn: int, step: int
    ) -> Tensor:
        """The next point on the boundary ``[M, 3, H, W]``."""
        normal = self.normal(problem, point, rows, generator, turn=turn, step=step)
        stepped = self._stepped(problem, point, rows, steepest(normal, self.norm), turn=turn, step=step)
        return self.to_boundary(problem, stepped, rows, step=step)

    def to_boundary(self, problem: Problem, point: Tensor, rows: Tensor, *, step: int) -> Tensor:
        """The last winner of a binary search from ``point``, which wins, towards the picture (algorithm 1).

        On the line between them for ``l2``; for ``linf`` through the point's projections on shrinking balls.
        """
        pictures = problem.pictures[rows]
        far = self._distance(problem, point, rows)
        low, high = torch.zeros_like(far), torch.ones_like(far)
        size = float(point[0].numel())
        tolerance = max(size**-1.5 if self.norm == "l2" else size**-2.0, _ROUNDING)
        while True:
            wide = (high - low > tolerance) & (looks_left(problem, self.max_queries, rows) > 0)
            which = wide.nonzero()[:, 0]
            if not len(which):
                return self._between(pictures, point, high, far)
            middle = (low[which] + high[which]) / 2.0
            tried = self._between(pictures[which], point[which], middle, far[which])
            wins = decisions(problem, tried, rows[which], step=step) >= ENOUGH
            high[which] = torch.where(wins, middle, high[which])
            low[which] = torch.where(wins, low[which], middle)

    def _between(self, pictures: Tensor, point: Tensor, share: Tensor, far: Tensor) -> Tensor:
        """``share [M]`` of the way from the pictures to points at distances ``far [M]``; the point itself at 1."""
        away = point - pictures
        if self.norm == "l2":
            moved = pictures + per_row(share, away) * away
        else:
            radius = per_row(share * far, away)
            moved = pictures + away.clamp(-radius, radius)
        return torch.where(per_row(share == 1.0, away), point, moved)

    def normal(
        self, problem: Problem, point: Tensor, rows: Tensor, generator: torch.Generator, *, turn: int, step: int
    ) -> Tensor:
        """Estimate of the boundary's normal at ``point [M, 3, H, W]``, towards what wins (eq. 12 to 16).

        Of random directions, the sum weighted by the decisions (1 or -1) less their mean.
        """
        radius = self._radius(self._distance(problem, point, rows), point, turn)
        counts = self._counts(problem, rows, turn)
        wins = torch.zeros_like(radius)
        plain, signed = torch.zeros_like(point), torch.zeros_like(point)
        at_a_time = max(1, at_once(problem) // len(rows))
        for first in range(0, int(counts.max()), at_a_time):
            sample = torch.arange(first, first + at_a_time, device=rows.device)
            which = (sample[:, None] < counts).nonzero()[:, 1]
            tried = point[which] + per_row(radius, point)[which] * self._directions(point, len(which), generator)
            tried = tried.clamp(0.0, 1.0)
            won = decisions(problem, tried, rows[which], step=step) >= ENOUGH
            sign = won.to(point.dtype) * 2.0 - 1.0
            direction = (tried - point[which]) / per_row(radius, point)[which]
            wins.index_add_(0, which, sign)
            plain.index_add_(0, which, direction)
            signed.index_add_(0, which, per_row(sign, direction) * direction)
        mean = wins / counts.clamp(min=1)
        baseline = torch.where(mean.abs() == 1.0, torch.zeros_like(mean), mean)
        return signed - per_row(baseline, plain) * plain

    def _directions(self, point: Tensor, count: int, generator: torch.Generator) -> Tensor:
        shape = (count, *point.shape[1:])
        if self.norm == "l2":
            drawn = torch.randn(shape, generator=generator)
        else:
            drawn = torch.rand(shape, generator=generator) * 2.0 - 1.0
        return steepest(drawn, "l2").to(point)

    def _radius(self, distance: Tensor, point: Tensor, turn: int) -> Tensor:
        """Of the samples about each point ``[M]``: its distance over d (section IV.C), and what rounding leaves."""
        size = point[0].numel()
        if turn == 1:
            return torch.full_like(distance, _FIRST_RADIUS)
        return (distance / size).clamp(min=_ROUNDING * math.sqrt(size))

    def _counts(self, problem: Problem, rows: Tensor, turn: int) -> Tensor:
        """Samples of each picture ``[M]``, such that looks are left to step and to go back to the boundary."""
        wanted = min(round(self.first_samples * math.sqrt(turn)), self.max_samples)
        left = looks_left(problem, self.max_queries, rows)
        return torch.minimum((left - _SPARE).clamp(1, wanted), left)

    def _stepped(
        self, problem: Problem, point: Tensor, rows: Tensor, direction: Tensor, *, turn: int, step: int
    ) -> Tensor:
        """The points after steps that are halved until they win; where none does, the points themselves."""
        length = self._distance(problem, point, rows) / math.sqrt(turn)
        stepped, trying = point, torch.ones_like(rows, dtype=torch.bool)
        for _ in range(_HALVINGS):
            which = (trying & (looks_left(problem, self.max_queries, rows) > 0)).nonzero()[:, 0]
            if not len(which):
                break
            tried = (point[which] + per_row(length[which], point) * direction[which]).clamp(0.0, 1.0)
            wins = decisions(problem, tried, rows[which], step=step) >= ENOUGH
            stepped = stepped.index_copy(0, which[wins], tried[wins])
            trying[which[wins]] = False
            length = length / 2.0
        return stepped
