"""Bars above and below the legend, the place of RP2's black and white stickers."""

from __future__ import annotations

from typing import Annotated, Literal

import shapely
from pydantic import Field, model_validator
from typing_extensions import Self

from physadv.patches.mask import MASKS, MaskConfig, Shapes
from physadv.signs.sign import Sign

Share = Annotated[float, Field(gt=0.0, le=1.0, allow_inf_nan=False)]


@MASKS.register("bars")
class Bars(MaskConfig):
    """One bar above the legend and one below (Eykholt et al. 2018, RP2, section 4.2, "sticker attacks").

    The defaults cover 14.5 % of a stop sign and clear its 10-inch legend by 18 mm.
    """

    kind: Literal["bars"] = "bars"
    width: Share = 0.5
    """Of a bar, over the sign's width."""
    height: Share = 0.12
    """Of a bar, over the sign's height."""
    clearance: Annotated[float, Field(ge=0.0, lt=0.5, allow_inf_nan=False)] = 0.19
    """From the sign's center line to a bar's nearer edge, over the sign's height."""
    above: bool = True
    """Whether there is a bar above the legend."""
    below: bool = True
    """Whether there is a bar below the legend."""

    @model_validator(mode="after")
    def _some_bar(self) -> Self:
        if not (self.above or self.below):
            raise ValueError("above and below are both false; at least one bar should be there")
        return self

    def shapes(self, sign: Sign) -> Shapes:
        """The bars on this sign."""
        half = self.width * sign.width_mm / 2.0
        near = self.clearance * sign.height_mm
        far = near + self.height * sign.height_mm
        upper = {"the bar above": shapely.box(-half, -far, half, -near)} if self.above else {}
        lower = {"the bar below": shapely.box(-half, near, half, far)} if self.below else {}
        return {**upper, **lower}
