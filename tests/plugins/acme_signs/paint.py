"""Shades of sepia."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from physadv.patches.paint import PAINTS, START_SPREAD, PaintKind, clipped, uniform_noise


@PAINTS.register("acme-sepia")
class Sepia(PaintKind):
    """Shades of sepia, from black to nearly white."""

    kind: Literal["acme-sepia"] = "acme-sepia"

    @property
    def channels(self) -> int:
        """How light it is."""
        return 1

    def decode(self, theta: Tensor) -> Tensor:
        """A little less green, and less blue."""
        tint = torch.tensor([1.0, 0.98, 0.94], dtype=theta.dtype, device=theta.device)
        return clipped(theta) * tint[:, None, None]

    def project(self, theta: Tensor) -> Tensor:
        """Into [0,1]."""
        return theta.clamp(0.0, 1.0)

    def init(self, generator: torch.Generator, px: int) -> Tensor:
        """About half."""
        return 0.5 + START_SPREAD * uniform_noise(generator, 1, px)
