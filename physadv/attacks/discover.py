"""``discover``: where to put stickers, found by RP2's first stage."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from shapely.geometry.base import BaseGeometry

from physadv.core.errors import PhysadvError
from physadv.patches import MASKS, MaskConfig
from physadv.signs import Sign


@MASKS.register("discover")
class Discover(MaskConfig):
    """Let the design find at most ``max_stickers`` rectangles (Eykholt et al. 2018, section 3.2.1).

    An L1-penalised paint over the whole face shows where paint matters; its strongest places become the stickers.
    """

    kind: Literal["discover"] = "discover"
    max_stickers: int = Field(default=3, ge=1, le=20)
    min_side_mm: float = Field(default=60.0, gt=0)
    max_area_fraction: float = Field(default=0.15, gt=0, le=1)
    sparsity: float = Field(default=2.0, ge=0)
    """Weight of the L1 penalty."""
    share: float = Field(default=0.35, gt=0, lt=1)
    """Of the budget that the first stage gets."""

    def geometry(self, sign: Sign) -> BaseGeometry:
        """There is none before the design has run."""
        raise PhysadvError("mask 'discover': is found while designing; it has no shape of its own to draw")
