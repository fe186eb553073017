"""Changes: the perturbations of pictures. What may change on a picture, whether it is an image or a sign's artwork.

The pictures are ``[B, 3, H, W]``, sRGB-encoded in [0,1]; parameters ``theta`` have a row for each picture. A change
knows nothing of where the picture is seen: directly by a classifier, or on a sign by the road.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from physadv.attacks.digital import norm_balls
from physadv.attacks.digital.norm_balls import Norm

GRAY = 0.5
"""Paint before it has a color."""


class Change(ABC):
    """A family of changed pictures, indexed by parameters ``theta [B, ...]``."""

    @abstractmethod
    def begin(self, pictures: Tensor, generator: torch.Generator | None) -> Tensor:
        """Parameters to start from: at random, or those of no change without a generator."""

    @abstractmethod
    def apply(self, pictures: Tensor, theta: Tensor) -> Tensor:
        """The changed pictures, differentiable in ``theta``; in [0,1] where ``theta`` is admissible."""

    @abstractmethod
    def project(self, pictures: Tensor, theta: Tensor) -> Tensor:
        """The nearest admissible parameters."""

    def penalty(self, theta: Tensor) -> Tensor:
        """What else is unwanted of the change, ``[B]``; 0 if nothing is."""
        return theta.new_zeros(len(theta))


class PixelBall(Change):
    """Any change of the pixels whose norm is at most ``eps``; ``theta`` is the change itself ``[B, 3, H, W]``.

    Args:
        eps: radius, in units of pictures in [0,1]; infinite: bounded by the pictures' range alone.
        norm: ``linf``, ``l2`` or ``l1``.
    """

    def __init__(self, eps: float, norm: Norm = "linf") -> None:
        self.eps, self.norm = eps, norm

    def _radii(self, pictures: Tensor) -> Tensor:
        return torch.full((len(pictures),), self.eps, dtype=pictures.dtype, device=pictures.device)

    def begin(self, pictures: Tensor, generator: torch.Generator | None) -> Tensor:
        """No change, or a point spread evenly over the ball."""
        if generator is None:
            return torch.zeros_like(pictures)
        start = norm_balls.random_point(pictures.shape, self._radii(pictures), self.norm, generator)
        return self.project(pictures, start.to(pictures))

    def apply(self, pictures: Tensor, theta: Tensor) -> Tensor:
        """Picture plus change."""
        return pictures + theta

    def project(self, pictures: Tensor, theta: Tensor) -> Tensor:
        """Into the ball, and the pictures into [0,1]."""
        if self.eps == float("inf"):
            return theta.clamp(-pictures, 1.0 - pictures)
        return norm_balls.project(theta, self._radii(pictures), self.norm, -pictures, 1.0 - pictures)


class Covered(Change):
    """Opaque paint on part of the picture: ``theta [B, 4, H, W]`` is the paint's colors and where it lies (0 or 1).

    Gradients reach the colors; where the paint lies is for a search to choose.
    """

    def begin(self, pictures: Tensor, generator: torch.Generator | None) -> Tensor:
        """No paint at all; with a generator, paint of random colors all over."""
        count, _, height, width = pictures.shape
        if generator is None:
            return torch.cat([torch.full_like(pictures, GRAY), pictures.new_zeros(count, 1, height, width)], dim=1)
        colors = torch.rand(pictures.shape, generator=generator).to(pictures)
        return torch.cat([colors, pictures.new_ones(count, 1, height, width)], dim=1)

    def apply(self, pictures: Tensor, theta: Tensor) -> Tensor:
        """The pictures under the paint."""
        where = theta[:, 3:].detach()
        return pictures + where * (theta[:, :3] - pictures)

    def project(self, pictures: Tensor, theta: Tensor) -> Tensor:
        """Colors in their range."""
        return theta.clamp(0.0, 1.0)
