"""Decision boundaries, linearized: what DeepFool and FAB step towards."""

from __future__ import annotations

import torch
from torch import Tensor

from physadv.attacks.digital.norm_balls import Norm
from physadv.attacks.digital.problem import Problem
from physadv.goals import Goal, margin
from physadv.victims import Reading

TINY = 1e-12
"""Least divisor."""


def rivals(problem: Problem, theta: Tensor, count: int) -> Tensor:
    """The classes that each picture may be led to, ``[B, k]``, the likeliest first; the goal's own where it has one."""
    with torch.no_grad():
        mean = problem.look(theta).mean(1)
    steered = problem.goal.steered_class(Reading(mean))[:, None]
    if problem.goal.toward:
        return steered
    others = mean.scatter(1, steered, -torch.inf)
    return others.topk(min(count, mean.shape[1] - 1), dim=1).indices


def boundaries(
    problem: Problem, theta: Tensor, rows: Tensor, classes: Tensor, *, step: int = 0
) -> tuple[Tensor, Tensor, Tensor]:
    """The boundary to each rival class, to first order.

    Args:
        problem: what is searched.
        theta: changes ``[M, 3, H, W]`` of the pictures numbered ``rows [M]``.
        classes: rivals ``[M, k]``.
        step: number of the conditions.

    Returns:
        How far each rival is behind, ``[M, k]`` in logits (mean over frames, negative where it leads); its gradient
        ``[M, k, 3, H, W]``; and the share of frames won ``[M]``.
    """
    count = classes.shape[1]

    def behind(reading: Reading, goal: Goal) -> Tensor:
        logits = reading.logits
        rival = classes.flatten().repeat_interleave(len(logits) // classes.numel())
        if goal.toward:
            return margin(logits, rival)
        pair = torch.stack([goal.steered_class(reading), rival], dim=1)
        first, second = logits.gather(1, pair).unbind(1)
        return first - second

    many = theta.repeat_interleave(count, dim=0)
    gap, success, normal = problem.gradient(many, rows.repeat_interleave(count), step=step, loss=behind)
    return gap.reshape(-1, count), normal.reshape(-1, count, *theta.shape[1:]), success.reshape(-1, count)[:, 0]


def nearest(gap: Tensor, normal: Tensor, norm: Norm) -> tuple[Tensor, Tensor]:
    """Of boundaries ``[M, k]`` the one that is nearest in a norm: its gap ``[M]`` and gradient ``[M, 3, H, W]``."""
    dual = normal.flatten(2).abs().sum(2) if norm == "linf" else normal.flatten(2).norm(dim=2)
    first = torch.where(dual > TINY, gap.abs() / dual.clamp(min=TINY), torch.inf).argmin(1)
    rows = torch.arange(len(gap), device=gap.device)
    return gap[rows, first], normal[rows, first]


def onto_plane(pictures: Tensor, normal: Tensor, gap: Tensor, norm: Norm) -> Tensor:
    """The least change of pictures ``[M, 3, H, W]`` that closes ``gap [M]`` and stays in [0,1]; as far as it gets.

    Croce & Hein 2020 (arXiv:1907.02044, eq. 2 and 4): coordinates move together until each is at its limit, so what is
    closed is piecewise linear in the length of the way, with a corner for each coordinate.

    Args:
        pictures: where from.
        normal: gradient of the gap, of the same shape.
        gap: value there.
        norm: ``linf`` or ``l2``.
    """
    x, w, wanted = pictures.flatten(1).double(), normal.flatten(1).double(), gap.double().abs()[:, None]
    direction = -w.sign() * gap.sign()[:, None]
    room, size = torch.where(direction > 0, 1.0 - x, x), w.abs()
    speed = torch.ones_like(size) if norm == "linf" else size
    until = torch.where(size > TINY, room / speed.clamp(min=TINY), 0.0)
    rate = torch.where(size > TINY, size * speed, 0.0)
    corners, order = until.sort(dim=1)
    rate = rate.gather(1, order)
    slope = rate.sum(1, keepdim=True) - rate.cumsum(1)
    closed = (rate * corners).cumsum(1) + corners * slope
    zero = torch.zeros_like(wanted)
    corners, closed = torch.cat([zero, corners], dim=1), torch.cat([zero, closed], dim=1)
    slope = torch.cat([rate.sum(1, keepdim=True), slope], dim=1)
    at = (torch.searchsorted(closed, wanted) - 1).clamp(min=0)
    way = corners.gather(1, at) + (wanted - closed.gather(1, at)) / slope.gather(1, at).clamp(min=TINY)
    change = direction * torch.minimum(way.minimum(corners[:, -1:]) * speed, room)
    return change.to(pictures.dtype).reshape(pictures.shape)
