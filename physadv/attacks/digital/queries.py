"""Asking a victim about many candidates: in parts that fit in memory, and within a budget."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from physadv.attacks.digital.problem import Problem

_VALUES_AT_ONCE = 2**20
"""Numbers in the candidate pictures that are made and shown at once: few enough to stay in the processor's caches."""


def at_once(problem: Problem) -> int:
    """How many candidate pictures are made and shown at once."""
    return max(1, _VALUES_AT_ONCE // problem.pictures[0].numel())


@torch.no_grad()
def scores(problem: Problem, theta: Tensor, rows: Tensor, *, step: int = 0) -> tuple[Tensor, Tensor]:
    """Loss with penalty ``[M]`` and success ``[M]`` of parameters ``[M, ...]`` of the pictures numbered ``rows``."""
    losses, wins = [], []
    for some, of in _parts(problem, theta, rows):
        logits = problem.look(some, of, step=step)
        losses.append(problem.losses(logits, of) + problem.change.penalty(some))
        wins.append(problem.success(logits, of))
    return torch.cat(losses), torch.cat(wins)


@torch.no_grad()
def decisions(problem: Problem, changed: Tensor, rows: Tensor, *, step: int = 0) -> Tensor:
    """Share of frames won ``[M]`` by changed pictures ``[M, 3, H, W]``; the victim's decisions are all it takes."""
    parts = _parts(problem, changed, rows)
    return torch.cat([problem.success(problem.show(some, of, step=step), of) for some, of in parts])


def looks_left(problem: Problem, max_queries: int, rows: Tensor) -> Tensor:
    """Looks ``[M]`` that the pictures numbered ``rows`` can still take, each at the price of its frames."""
    return (max_queries - problem.queries[rows]).clamp(min=0) // problem.view.frames


def conditions(problem: Problem, step: int, *, every: int = 25) -> int:
    """Number of the conditions for a step of a search that compares candidates with those of earlier steps.

    They are renewed every so many steps, where a view has more than one kind; what is compared is then scored anew.
    """
    return step // every if problem.view.varies else 0


def settled(problem: Problem, success: Tensor) -> Tensor:
    """Which pictures need no more steps, bool ``[M]``: all frames are won, and no other conditions are to come."""
    return (success >= 1.0) & (not problem.view.varies)


def _parts(problem: Problem, some: Tensor, rows: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    size = at_once(problem)
    return zip(torch.split(some, size), torch.split(rows, size), strict=True)
