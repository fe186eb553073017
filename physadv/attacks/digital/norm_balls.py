"""Balls of the norms in pixel space: lengths, projections, random points, and the steepest direction of each norm.

All functions take and give tensors ``[B, ...]``, each row on its own.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import torch
from torch import Tensor

Norm: TypeAlias = Literal["linf", "l2", "l1"]
_BISECTIONS = 40


def per_row(values: Tensor, like: Tensor) -> Tensor:
    """``values [B]`` in the shape that multiplies ``like [B, ...]`` row by row."""
    return values.reshape(-1, *(1,) * (like.ndim - 1))


def lengths(change: Tensor, norm: Norm) -> Tensor:
    """The norm of every row, ``[B]``."""
    flat = change.flatten(1)
    if norm == "linf":
        return flat.abs().amax(1)
    return flat.norm(dim=1) if norm == "l2" else flat.abs().sum(1)


def changed_pixels(change: Tensor) -> Tensor:
    """How many pixels of ``[B, C, H, W]`` differ in any channel, ``[B]``."""
    return (change != 0).any(1).flatten(1).sum(1)


def steepest(gradient: Tensor, norm: Norm, *, sparsity: float = 0.0) -> Tensor:
    """The change of norm 1 along which a linear function grows most (Boyd & Vandenberghe, section 9.4).

    Args:
        gradient: ``[B, ...]``.
        norm: of the change.
        sparsity: with ``l1``, the share of coordinates that share the step, those of the largest gradients; 0: the
            very largest alone, ties in equal parts. Tramer & Boneh 2019 (section 3) found one coordinate a step slow.
    """
    if norm == "linf":
        return gradient.sign()
    if norm == "l2":
        return gradient / per_row(lengths(gradient, "l2").clamp(min=1e-12), gradient)
    size = gradient.abs().flatten(1)
    count = max(1, round(sparsity * size.shape[1]))
    least = size.topk(count, dim=1).values[:, -1:]
    chosen = (size >= least) & (size > 0)
    share = chosen / chosen.sum(1, keepdim=True).clamp(min=1)
    return gradient.sign() * share.reshape(gradient.shape)


def project(change: Tensor, eps: Tensor, norm: Norm, low: Tensor, high: Tensor) -> Tensor:
    """The nearest change that is in the ball of radius ``eps [B]`` and in the box from ``low`` to ``high``.

    The box holds 0. For ``linf`` and ``l1`` this is the projection on the intersection (for ``l1`` by bisection of the
    threshold; Croce & Hein 2021, "Mind the box", show what clipping after projecting loses); for ``l2`` the box is
    applied to the ball's projection, which stays in both.
    """
    radius = per_row(eps, change)
    if norm == "linf":
        return change.clamp(torch.maximum(low, -radius), torch.minimum(high, radius))
    if norm == "l2":
        scale = radius / per_row(lengths(change, "l2"), change).clamp(min=1e-12)
        return (change * scale.clamp(max=1.0)).clamp(low, high)

    def shrunk(threshold: Tensor) -> Tensor:
        return (change.sign() * (change.abs() - per_row(threshold, change)).clamp(min=0.0)).clamp(low, high)

    below, above = torch.zeros_like(eps), lengths(change, "linf")
    for _ in range(_BISECTIONS):
        middle = (below + above) / 2.0
        inside = lengths(shrunk(middle), "l1") <= eps
        below, above = torch.where(inside, below, middle), torch.where(inside, middle, above)
    within = lengths(shrunk(torch.zeros_like(eps)), "l1") <= eps
    return shrunk(torch.where(within, torch.zeros_like(eps), above))


def random_point(shape: torch.Size, eps: Tensor, norm: Norm, generator: torch.Generator) -> Tensor:
    """Points spread evenly over the ball of radius ``eps [B]``, ``[B, ...]``, on the CPU.

    ``l2``: a normal direction and a radius of u^(1/d); ``l1``: signed exponential coordinates over their sum and one
    more (Barthe et al. 2005, theorem 1).
    """
    if norm == "linf":
        return (torch.rand(shape, generator=generator) * 2.0 - 1.0) * eps.cpu().reshape(-1, *(1,) * (len(shape) - 1))
    dimensions = shape[1:].numel()
    if norm == "l2":
        direction = torch.randn(shape, generator=generator)
        radius = torch.rand(shape[0], generator=generator) ** (1.0 / dimensions)
        return direction * per_row(radius * eps.cpu() / lengths(direction, "l2").clamp(min=1e-12), direction)
    size = -torch.log(torch.rand(shape, generator=generator).clamp(min=1e-30))
    spare = -torch.log(torch.rand(shape[0], generator=generator).clamp(min=1e-30))
    sign = torch.randint(0, 2, shape, generator=generator) * 2.0 - 1.0
    return sign * size * per_row(eps.cpu() / (size.flatten(1).sum(1) + spare), size)
