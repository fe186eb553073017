"""What a sign is: outline, artwork and size, class names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

from physadv.core.identity import digest_of


@dataclass(frozen=True)
class Sign:
    """A traffic sign.

    Attributes:
        name: ``country/sign``, such as ``us/stop``.
        title: for people, such as ``Stop (R1-1)``.
        width_mm: of the outline; flat to flat for the octagon.
        height_mm: of the outline.
        outline_mm: closed polygon, the center of the outline's box at the origin, x right, y down.
        sheeting: the retroreflective sheeting's grade.
        source: of the dimensions.
        classes: data set to the sign's class name there, such as ``{"lisa": "stop", "gtsrb": "stop"}``.
        aliases: further class names under which classifiers know it.
        svg: the artwork; its view box is the square of side ``extent_mm`` around the center, in mm.
        outline: the outline as the sign's file declares it.
    """

    name: str
    title: str
    width_mm: float
    height_mm: float
    outline_mm: tuple[tuple[float, float], ...]
    sheeting: str
    source: str
    classes: Mapping[str, str] = field(default_factory=dict)
    aliases: tuple[str, ...] = ()
    svg: str = ""
    outline: Mapping[str, Any] = field(default_factory=dict)

    def __hash__(self) -> int:
        return hash(self.fingerprint)

    @property
    def extent_mm(self) -> float:
        """Side of the square that the texture covers: the longer side of the outline's box."""
        return max(self.width_mm, self.height_mm)

    @property
    def area_mm2(self) -> float:
        """Area inside the outline (shoelace formula)."""
        points = self.outline_mm
        pairs = zip(points, (*points[1:], points[0]), strict=True)
        return abs(sum(x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in pairs)) / 2.0

    @property
    def labels(self) -> tuple[str, ...]:
        """Every class name under which a classifier may know this sign, likeliest first."""
        return tuple(dict.fromkeys([*self.classes.values(), *self.aliases, self.name.split("/")[-1]]))

    @cached_property
    def fingerprint(self) -> str:
        """Digest of all that the sign is, its artwork included."""
        return digest_of(asdict(self))

    def looks_like(self, other: Sign) -> bool:
        """Whether it is the same thing in the street: size, outline and artwork, whatever it is called."""
        mine, others = ((one.width_mm, one.height_mm, one.outline_mm, one.svg) for one in (self, other))
        return mine == others

    def texture(self, px: int) -> Tensor:
        """The artwork as ``[4, px, px]`` float32: linear RGB, straight alpha, anti-aliased; alpha is the outline.

        Raises:
            PhysadvError: ``px`` is out of range, or the artwork cannot be drawn.
        """
        from physadv.signs.artwork import rasterize

        return rasterize(self.svg, self.outline_mm, self.extent_mm, px, self.name).clone()
