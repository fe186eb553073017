"""Pictures that win already, for searches that know decisions alone and have to begin on the far side."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from physadv.attacks.digital.problem import Problem
from physadv.attacks.digital.queries import decisions, looks_left

ENOUGH = 0.5
"""Share of a look's frames from which on a picture wins."""

Candidates = Iterator[tuple[Tensor, Tensor]]
"""Pictures ``[B, 3, H, W]``, and the rows ``[B]`` (bool) that have one."""


def noise(problem: Problem, generator: torch.Generator, tries: int) -> Candidates:
    """Pictures of evenly distributed values."""
    for _ in range(tries):
        made = torch.rand(problem.pictures.shape, generator=generator).to(problem.pictures)
        yield made, torch.ones_like(problem.rows, dtype=torch.bool)


def pooled(problem: Problem, tries: int) -> Candidates:
    """Each picture's nearest (in l2) of the view's pool that are of a class that can win."""
    if problem.view.pool is None:
        return
    pool, labels = problem.view.pool
    fit = problem.goal.fits(labels)
    distance = torch.cdist(problem.pictures.flatten(1), pool.flatten(1)).masked_fill(~fit, torch.inf)
    nearest, order = distance.sort(dim=1)
    for nth in range(min(tries, len(pool))):
        yield pool[order[:, nth]], nearest[:, nth].isfinite()


def winners(problem: Problem, candidates: Candidates, *, max_queries: int) -> tuple[Tensor, Tensor]:
    """The first candidate of every picture that wins ``[B, 3, H, W]``, and which pictures have one, bool ``[B]``.

    A picture without is given back as it is; no picture is asked about more than ``max_queries`` times.
    """
    found = problem.pictures.clone()
    have = torch.zeros_like(problem.rows, dtype=torch.bool)
    for made, usable in candidates:
        rows = problem.rows[usable & ~have]
        rows = rows[looks_left(problem, max_queries, rows) > 0]
        if len(rows):
            rows = rows[decisions(problem, made[rows], rows) >= ENOUGH]
            found[rows], have[rows] = made[rows], True
        if bool(have.all()):
            break
    return found, have
