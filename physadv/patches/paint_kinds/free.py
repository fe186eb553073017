"""Any color."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from physadv.patches.paint import PAINTS, START_SPREAD, PaintKind, clipped, uniform_noise


@PAINTS.register("free")
class Free(PaintKind):
    """Any color.

    A parameter is the sRGB value itself, clipped: a step moves dark and light colors about as much as the eye sees,
    and at black and white the gradient back is whole, where a sigmoid's has faded and a clamp's is cut off.
    """

    kind: Literal["free"] = "free"

    @property
    def channels(self) -> int:
        """Red, green, blue."""
        return 3

    def decode(self, theta: Tensor) -> Tensor:
        """The parameters, clipped."""
        return clipped(theta)

    def project(self, theta: Tensor) -> Tensor:
        """Into [0,1]."""
        return theta.clamp(0.0, 1.0)

    def init(self, generator: torch.Generator, px: int) -> Tensor:
        """About middle gray."""
        return 0.5 + START_SPREAD * uniform_noise(generator, self.channels, px)
