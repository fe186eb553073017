"""A few given colors."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from physadv.patches.paint import BLACK, PAINTS, WHITE, OneOfAFew, Rgb


@PAINTS.register("palette")
class PaletteColors(OneOfAFew):
    """A few given colors; each texel takes one of them, exactly."""

    kind: Literal["palette"] = "palette"
    colors: Annotated[tuple[Rgb, ...], Field(min_length=2, max_length=64)] = (
        BLACK,
        WHITE,
        (0.75, 0.1, 0.15),
        (0.95, 0.8, 0.15),
        (0.1, 0.25, 0.6),
    )
    """sRGB values in [0,1]; as given: black, white, and a sign's red, yellow and blue."""

    @property
    def inks(self) -> tuple[Rgb, ...]:
        """The palette."""
        return self.colors
