"""Differential evolution of many searches at once, over boxes."""

from __future__ import annotations

import torch
from torch import Tensor

from physadv.attacks.digital.problem import Problem
from physadv.attacks.digital.queries import conditions, looks_left, scores, settled


class Evolution:
    """B populations of P points of D coordinates, each evolved on its own (Storn & Price 1997: rand/1/bin).

    A point's rival is the sum of one other and the weighted difference of two more, all distinct. Coordinates that
    leave the box are drawn anew in it. :meth:`ask` gives the rivals; :meth:`tell` keeps the better one of each pair.

    Args:
        points: the first populations ``[B, P, D]``, P at least 4, in the box.
        losses: of these points ``[B, P]``.
        low, high: the box, ``[D]`` each.
        generator: on the CPU.
        weight: of the difference, F.
        crossover: share of the coordinates that a rival has of that sum, the rest of the point it rivals.
    """

    def __init__(
        self,
        points: Tensor,
        losses: Tensor,
        low: Tensor,
        high: Tensor,
        *,
        generator: torch.Generator,
        weight: float = 0.5,
        crossover: float = 1.0,
    ) -> None:
        self.points, self.losses = points.clone(), losses.clone()
        self._low, self._high, self._generator = low, high, generator
        self._weight, self._crossover = weight, crossover

    def ask(self, rows: Tensor) -> Tensor:
        """Rivals ``[M, P, D]`` of the populations numbered ``rows``."""
        points = self.points[rows]
        first, second, third = (points.gather(1, index[..., None].expand_as(points)) for index in self._others(points))
        rivals = first + self._weight * (second - third)
        anew = self._low + self._uniform(points.shape) * (self._high - self._low)
        rivals = torch.where((rivals < self._low) | (rivals > self._high), anew, rivals)
        if self._crossover >= 1.0:
            return rivals
        taken = self._uniform(points.shape) < self._crossover
        always = (self._uniform((*points.shape[:2], 1)) * points.shape[2]).long()
        return torch.where(taken.scatter(2, always, True), rivals, points)

    def tell(self, rows: Tensor, rivals: Tensor, losses: Tensor) -> None:
        """Keeps those of the rivals ``[M, P, D]`` whose ``losses [M, P]`` are not worse."""
        better = losses <= self.losses[rows]
        self.points[rows] = torch.where(better[..., None], rivals, self.points[rows])
        self.losses[rows] = torch.where(better, losses, self.losses[rows])

    def best(self) -> tuple[Tensor, Tensor]:
        """The best points ``[B, D]`` and their losses ``[B]``."""
        least, index = self.losses.min(1)
        return self.points[torch.arange(len(index), device=index.device), index], least

    def _others(self, points: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Three numbers ``[M, P]`` for each point, distinct from each other and from its own."""
        many, size = points.shape[:2]
        first, second, third = ((self._uniform((many, size)) * (size - 1 - k)).long() + 1 for k in range(3))
        second = second + (second >= first)
        low, high = torch.minimum(first, second), torch.maximum(first, second)
        third = third + (third >= low)
        third = third + (third >= high)
        own = torch.arange(size, device=points.device)
        return (own + first) % size, (own + second) % size, (own + third) % size

    def _uniform(self, shape: tuple[int, ...]) -> Tensor:
        return torch.rand(shape, generator=self._generator).to(self.points)


def evolved(problem: Problem, population: int, *, max_queries: int, generator: torch.Generator) -> Tensor:
    """The best parameters ``[B, ...]`` that evolution in [0,1] finds; pictures that have won ask no more.

    Args:
        problem: what is searched; its parameters lie in [0,1].
        population: points of each picture, drawn as its change begins; fewer where the budget is smaller.
        max_queries: budget of each picture, in frames.
        generator: of the random numbers.
    """
    rows = problem.rows
    looks = int(looks_left(problem, max_queries, rows).min())
    if not looks:
        return problem.begin(None)
    size = min(population, looks)
    first = problem.change.begin(problem.pictures.repeat_interleave(size, dim=0), generator)
    shape, points = first.shape[1:], first.reshape(len(problem), size, -1)

    def asked(candidates: Tensor, rows: Tensor, step: int) -> tuple[Tensor, Tensor]:
        flat = candidates.reshape(-1, *shape)
        loss, success = scores(problem, flat, rows.repeat_interleave(size), step=step)
        return _ranked(loss, success).reshape(-1, size), success.reshape(-1, size).amax(1)

    losses, won = asked(points, rows, 0)
    low, high = torch.zeros_like(points[0, 0]), torch.ones_like(points[0, 0])
    evolution = Evolution(points, losses, low, high, generator=generator)
    left, seen, step = looks // size - 1, 0, 0
    while left > 0 and size >= 4:
        step += 1
        rows = rows[~settled(problem, won[rows])]
        if not len(rows):
            break
        now = conditions(problem, step)
        if now != seen:
            evolution.losses[rows], won[rows] = asked(evolution.points[rows], rows, now)
            left, seen = left - 1, now
            continue
        rivals = evolution.ask(rows)
        losses, share = asked(rivals, rows, now)
        evolution.tell(rows, rivals, losses)
        won[rows] = torch.maximum(won[rows], share)
        left -= 1
    return evolution.best()[0].reshape(-1, *shape)


def _ranked(loss: Tensor, success: Tensor) -> Tensor:
    """Losses below 0 where more frames are won: every gain in frames counts for more than any in loss."""
    return torch.atan(loss) / torch.pi - success * 1e3
