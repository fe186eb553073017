"""A round sticker."""

from __future__ import annotations

from typing import Literal

import shapely

from physadv.patches.mask import MASKS, InMillimeters, LengthMm, Shapes
from physadv.signs.sign import Sign


@MASKS.register("acme-dot")
class Dot(InMillimeters):
    """A round sticker in the middle."""

    kind: Literal["acme-dot"] = "acme-dot"
    radius_mm: LengthMm = 100.0

    def drawn(self, sign: Sign) -> Shapes:
        """The disc."""
        return {"the dot": shapely.Point(0.0, 0.0).buffer(self.radius_mm)}
