"""Gray levels."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from physadv.patches.paint import PAINTS, START_SPREAD, PaintKind, clipped, uniform_noise


@PAINTS.register("gray")
class Gray(PaintKind):
    """Gray levels: what a black-and-white printer makes."""

    kind: Literal["gray"] = "gray"

    @property
    def channels(self) -> int:
        """The gray level."""
        return 1

    def decode(self, theta: Tensor) -> Tensor:
        """The same level in all three channels."""
        return clipped(theta).expand(3, -1, -1)

    def project(self, theta: Tensor) -> Tensor:
        """Into [0,1]."""
        return theta.clamp(0.0, 1.0)

    def init(self, generator: torch.Generator, px: int) -> Tensor:
        """About middle gray."""
        return 0.5 + START_SPREAD * uniform_noise(generator, 1, px)
