"""Black and white."""

from __future__ import annotations

from typing import Literal

from physadv.patches.paint import BLACK, PAINTS, WHITE, OneOfAFew, Rgb


@PAINTS.register("two-tone")
class TwoTone(OneOfAFew):
    """Black and white only, as RP2's stickers."""

    kind: Literal["two-tone"] = "two-tone"
    dark: Rgb = BLACK
    """The black's sRGB value in [0,1]."""
    light: Rgb = WHITE
    """The white's sRGB value in [0,1]."""

    @property
    def inks(self) -> tuple[Rgb, ...]:
        """Dark and light."""
        return self.dark, self.light
