"""Square attack: random search by scores, one square a step."""

from __future__ import annotations

import math
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from physadv.attacks.digital.attack import ATTACKS, BallAttack, Knowledge
from physadv.attacks.digital.norm_balls import lengths, per_row
from physadv.attacks.digital.problem import Problem
from physadv.attacks.digital.queries import conditions, looks_left, scores, settled
from physadv.attacks.digital.sizes import Size
from physadv.core.limits import MAX_QUERIES

_HALVINGS = (0.001, 0.005, 0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8)
"""Shares of the budget at which the squares' share of the picture is halved, those of the authors' programme."""


@ATTACKS.register("square")
class Square(BallAttack):
    """Square attack (algorithms 1 to 3): a square of a new color stays where it lowers the margin.

    The margin is the loss of every goal; the paper takes the cross-entropy where there is a target. A square that would
    change nothing takes the opposite signs; the authors draw it anew.
    """

    kind: Literal["square"] = "square"
    paper: ClassVar[str] = "Andriushchenko et al. 2020, arXiv:1912.00049"
    knowledge: ClassVar[Knowledge] = "scores"
    loss: ClassVar[str] = "margin"
    eps: Size = 8 / 255
    norm: Literal["linf", "l2"] = "linf"
    max_queries: int = Field(default=5000, ge=1, le=MAX_QUERIES)
    p_init: float = Field(default=0.8, gt=0, le=1)
    """Share of the picture that the first squares cover; 0.8 as in AutoAttack (Croce & Hein 2020)."""

    def search(self, problem: Problem, generator: torch.Generator) -> Tensor:
        """The best point of every picture; those that have won ask no more."""
        theta = problem.project(self._start(problem.pictures, generator).to(problem.pictures))
        rows = problem.rows
        looks = int(looks_left(problem, self.max_queries, rows).min())
        if not looks:
            return problem.begin(None)
        best, won = scores(problem, theta, rows)
        asked, seen = 1, 0
        for step in range(1, looks):
            rows = rows[~settled(problem, won[rows])]
            now = conditions(problem, step)
            if now != seen and len(rows):
                best[rows], won[rows] = scores(problem, theta[rows], rows, step=now)
                asked, seen = asked + 1, now
            if not len(rows) or asked >= looks:
                break
            trial = self._trial(problem, theta[rows], rows, self.side(step / looks, problem.pictures), generator)
            loss, share = scores(problem, trial, rows, step=now)
            asked += 1
            better = (share > won[rows]) | ((share == won[rows]) & (loss < best[rows]))
            kept = rows[better]
            theta[kept], best[kept], won[kept] = trial[better], loss[better], share[better]
        return theta

    def side(self, spent: float, pictures: Tensor) -> int:
        """Side of a square in pixels when that share of the budget is spent."""
        height, width = pictures.shape[-2:]
        share = self.p_init / 2 ** sum(spent > at for at in _HALVINGS)
        return max(1, min(round(math.sqrt(share * height * width)), min(height, width) - 1))

    def _start(self, pictures: Tensor, generator: torch.Generator) -> Tensor:
        count, channels, height, width = pictures.shape
        if self.norm == "linf":
            return (self.eps * _signs((count, channels, 1, width), generator)).expand(pictures.shape)
        tile = max(1, min(height, width) // 5)
        grid = (count, channels, -(-height // tile), -(-width // tile))
        signs = F.interpolate(_signs(grid, generator), scale_factor=tile)[..., :height, :width]
        shape = bump(tile).repeat(grid[2], grid[3])[:height, :width]
        return _scaled(signs * shape, self.eps)

    def _trial(self, problem: Problem, theta: Tensor, rows: Tensor, side: int, generator: torch.Generator) -> Tensor:
        move = self._recolored if self.norm == "linf" else self._moved
        signs = _signs((len(theta), theta.shape[1], 1, 1), generator).to(theta)
        corners = [
            torch.randint(0, size - side + 1, (2, len(theta)), generator=generator).to(theta.device)
            for size in theta.shape[-2:]
        ]
        turned = (torch.rand(len(theta), generator=generator) < 0.5).to(theta.device)
        places = torch.stack(corners, dim=-1)
        trial = problem.project(move(theta, signs, places, side, turned), rows)
        same = per_row((trial == theta).flatten(1).all(1), theta)
        return torch.where(same, problem.project(move(theta, -signs, places, side, turned), rows), trial)

    def _recolored(self, theta: Tensor, signs: Tensor, places: Tensor, side: int, turned: Tensor) -> Tensor:
        return torch.where(_window(theta, places[0], side), self.eps * signs, theta)

    def _moved(self, theta: Tensor, signs: Tensor, places: Tensor, side: int, turned: Tensor) -> Tensor:
        """What a second square holds, and what is unused of the ball, goes into the first (algorithm 3)."""
        to, source = (_window(theta, place, side) for place in places)
        either = (theta * (to | source)).flatten(2).norm(dim=2)[..., None, None]
        unused = (self.eps**2 - lengths(theta, "l2") ** 2).clamp(min=0.0)
        room = (either**2 + per_row(unused, theta) / theta.shape[1]).sqrt()
        held = theta * to
        held = held / held.flatten(2).norm(dim=2)[..., None, None].clamp(min=1e-12)
        fresh = held + signs * _placed(theta, places[0], _pair(side).to(theta), turned)
        fresh = fresh / fresh.flatten(2).norm(dim=2)[..., None, None].clamp(min=1e-12)
        return torch.where(to, fresh * room, torch.where(source, 0.0, theta))


def bump(rows: int, columns: int | None = None) -> Tensor:
    """Rectangles laid centered on each other, ``[rows, columns]``, the smallest weighing most (eq. 2)."""
    columns = columns or rows
    rings = max(1, min(rows, columns) // 2)
    inset = torch.minimum(_to_edge(rows)[:, None], _to_edge(columns)[None]).clamp(max=rings - 1)
    weights = 1.0 / torch.arange(rings, 0, -1, dtype=torch.float32) ** 2
    return weights.cumsum(0)[inset]


def _to_edge(size: int) -> Tensor:
    index = torch.arange(size)
    return torch.minimum(index, size - 1 - index)


def _pair(side: int) -> Tensor:
    """Two bumps of opposite sign beside each other, of norm 1, ``[side, side]``."""
    if side == 1:
        return torch.ones(1, 1)
    half = side // 2
    pair = torch.cat([bump(half, side), -bump(side - half, side)])
    scaled: Tensor = pair / pair.norm()
    return scaled


def _placed(theta: Tensor, corner: Tensor, shape: Tensor, turned: Tensor) -> Tensor:
    """``shape [s, s]``, transposed where ``turned [M]``, at ``corner [M, 2]`` of each picture: ``[M, 1, H, W]``."""
    side = len(shape)
    down, right = (
        torch.arange(size, device=theta.device) - at[:, None]
        for size, at in zip(theta.shape[-2:], corner.unbind(1), strict=True)
    )
    first, second = down.clamp(0, side - 1)[:, :, None], right.clamp(0, side - 1)[:, None, :]
    there = torch.where(turned[:, None, None], shape.T[first, second], shape[first, second])
    return there[:, None] * _window(theta, corner, side)


def _window(theta: Tensor, corner: Tensor, side: int) -> Tensor:
    """Where the squares lie, bool ``[M, 1, H, W]``."""
    down, right = (
        torch.arange(size, device=theta.device) - at[:, None]
        for size, at in zip(theta.shape[-2:], corner.unbind(1), strict=True)
    )
    inside = [(index >= 0) & (index < side) for index in (down, right)]
    return (inside[0][:, :, None] & inside[1][:, None, :])[:, None]


def _signs(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    return torch.randint(0, 2, shape, generator=generator) * 2.0 - 1.0


def _scaled(change: Tensor, length: float) -> Tensor:
    return change * per_row(length / lengths(change, "l2").clamp(min=1e-12), change)
