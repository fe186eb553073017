"""The whole face."""

from __future__ import annotations

from typing import Literal

from shapely.geometry import Polygon

from physadv.patches.mask import MASKS, MaskConfig, Shapes
from physadv.signs.sign import Sign


@MASKS.register("poster")
class Poster(MaskConfig):
    """A print that covers the whole sign (Eykholt et al. 2018, RP2, section 4.2, "poster-printing attacks")."""

    kind: Literal["poster"] = "poster"

    def shapes(self, sign: Sign) -> Shapes:
        """The sign's outline."""
        return {"the face": Polygon(sign.outline_mm)}
