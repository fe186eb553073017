"""Masks: where paint may go on a sign. The registry of their kinds, and the way from words to a mask."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import shapely
from pydantic import BeforeValidator, Field, SerializeAsAny
from shapely import affinity
from shapely.geometry import Polygon
from shapely.geometry.base import BaseGeometry
from torch import Tensor

from physadv.core.config import Config, beside, collected, parse_kind
from physadv.core.errors import PhysadvError
from physadv.core.folders import PICTURES
from physadv.core.named import YAML
from physadv.core.notebooks import one_line
from physadv.core.number_format import percent
from physadv.core.registry import Registry
from physadv.patches.geometry import Ring, farthest_outside_mm, rasterize, to_rings
from physadv.signs.sign import Sign

MAX_OUTSIDE = 0.01
MIN_AREA = 1e-4
"""Of the sign's area, at least: about one texel of the coarsest texture that a design chooses, 128 a side."""
MAX_PX = 8192

Mm = Annotated[float, Field(ge=-1e5, le=1e5, allow_inf_nan=False)]
"""A coordinate in millimeters."""
LengthMm = Annotated[float, Field(gt=0.0, le=1e5, allow_inf_nan=False)]
"""A length in millimeters."""
WidthMm = Annotated[float, Field(ge=1.0, le=1e5, allow_inf_nan=False)]
"""The width of a brush or a sticker in millimeters: nobody paints or cuts a finer one."""
Degrees = Annotated[float, Field(ge=-360.0, le=360.0, allow_inf_nan=False)]
"""An angle, clockwise as one looks at the sign."""


Shapes: TypeAlias = dict[str, BaseGeometry]
"""Shapes by what a message calls them; each has to lie on the sign."""


def numbered(name: str, shapes: Iterable[BaseGeometry]) -> Shapes:
    """Shapes that are called by a name and their number, from 1."""
    return {f"{name} {number}": shape for number, shape in enumerate(shapes, start=1)}


class MaskConfig(Config):
    """Base of every mask's configuration; a kind is a subclass that knows its own shapes.

    >>> @MASKS.register("dot")                                        # doctest: +SKIP
    ... class Dot(InMillimeters):
    ...     kind: Literal["dot"] = "dot"
    ...     radius_mm: LengthMm = 50.0
    ...     def drawn(self, sign): return {"the dot": shapely.Point(0, 0).buffer(self.radius_mm)}
    """

    kind: str

    @property
    def share_to_find(self) -> float:
        """Of a design's budget, what goes to finding where the shapes are; 0 where they are there before it."""
        return 0.0

    @abstractmethod
    def shapes(self, sign: Sign) -> Shapes:
        """The shapes in millimeters from the sign's center, x right, y down."""

    def geometry(self, sign: Sign) -> BaseGeometry:
        """Their union."""
        return shapely.union_all(list(self.shapes(sign).values()))


class InMillimeters(MaskConfig):
    """Base of the kinds that are measured in millimeters on one size of sign."""

    drawn_for_mm: LengthMm | None = None
    """Longer side of the sign that the millimeters were measured on; shapes are scaled to another sign's size.
    None: never scaled."""

    def shapes(self, sign: Sign) -> Shapes:
        """The drawn shapes, scaled to the sign in hand."""
        factor = 1.0 if self.drawn_for_mm is None else sign.extent_mm / self.drawn_for_mm
        return {
            name: affinity.scale(shape, factor, factor, origin=(0.0, 0.0)) for name, shape in self.drawn(sign).items()
        }

    @abstractmethod
    def drawn(self, sign: Sign) -> Shapes:
        """The shapes in the millimeters of the configuration."""


MASKS: Registry[type[MaskConfig]] = Registry("mask")
"""Kinds of masks by name."""


@dataclass(frozen=True, eq=False)
class Mask:
    """Where paint may go on one sign.

    Attributes:
        config: what it was made from.
        alpha: ``[1, px, px]`` float32, how much of each texel is painted, 0 to 1; clipped to the sign's outline.
        shapes_mm: closed polygons to print or cut along, in mm from the sign's center, x right, y down; fill rule
            even-odd (holes are rings too, and run the other way round).
        area_fraction: painted area over the sign's area, from the geometry.
        extent_mm: side of the square that ``alpha`` covers; the sign's longer side.
    """

    config: MaskConfig
    alpha: Tensor
    shapes_mm: tuple[Ring, ...] = field(repr=False)
    area_fraction: float
    extent_mm: float

    def __repr__(self) -> str:
        return one_line(
            self, self.config.kind, f"{percent(self.area_fraction, 1)} of the sign", f"{self.px} texels a side"
        )

    @property
    def px(self) -> int:
        """Side of ``alpha`` in texels."""
        return self.alpha.shape[-1]

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to paint (the mask of a clean control)."""
        return not self.shapes_mm

    def at(self, px: int) -> Mask:
        """The same shapes rasterized at another resolution.

        Raises:
            PhysadvError: fewer than 1 or more than 8192 texels a side.
        """
        return self if px == self.px else replace(self, alpha=_alpha(self.shapes_mm, self.extent_mm, px))

    def emptied(self) -> Mask:
        """No paint anywhere, the configuration kept: the clean control's mask."""
        return replace(self, alpha=self.alpha.new_zeros(self.alpha.shape), shapes_mm=(), area_fraction=0.0)


def _alpha(rings: tuple[Ring, ...], extent_mm: float, px: int) -> Tensor:
    if not 1 <= px <= MAX_PX:
        raise PhysadvError(f"px = {px}: a mask has 1 to {MAX_PX} texels a side")
    return rasterize(rings, extent_mm=extent_mm, px=px)


_DRAWINGS = PICTURES | {".svg"}


def parse_mask(spec: str | Path | Mapping[str, Any] | MaskConfig) -> MaskConfig:
    """A mask's configuration from a kind's name, a YAML file, an SVG or another picture, a mapping, or itself.

    Raises:
        PhysadvError: unknown kind, unreadable file, unknown key or wrong value, or a picture that is no mask.
    """
    if isinstance(spec, MaskConfig):
        return spec
    if isinstance(spec, (str, Path)) and Path(spec).suffix.lower() in _DRAWINGS:
        from physadv.patches.drawings import read_drawing

        return read_drawing(Path(spec))
    return parse_kind(spec, MASKS)


MaskField: TypeAlias = Annotated[
    SerializeAsAny[MaskConfig], BeforeValidator(collected(parse_mask)), beside(_DRAWINGS.union(YAML))
]
"""A mask inside another configuration: a kind's name, the path of a YAML file or a drawing, or the mask's own keys."""


def build_mask(spec: str | Path | Mapping[str, Any] | MaskConfig, sign: Sign, *, px: int = 256) -> Mask:
    """The mask that ``spec`` means on ``sign``.

    Args:
        spec: a kind of :data:`MASKS`, the path of a YAML file (``kind`` and its keys), of an SVG or a picture, a
            mapping, or a configuration.
        sign: where it goes; what lies beyond its outline is cut off, up to 1 % of each shape.
        px: texels a side of :attr:`Mask.alpha`.

    Raises:
        PhysadvError: unknown kind or key, more than 1 % of a shape outside the sign, hardly any area, px out of range.
    """
    config = parse_mask(spec)
    outline = Polygon(sign.outline_mm)
    shapes = config.shapes(sign)
    drawn = shapely.union_all(list(shapes.values()))
    source = f"mask {config.kind!r} on sign {sign.name}"
    for name, shape in shapes.items():
        outside = shape.difference(outline).area
        if outside > MAX_OUTSIDE * shape.area:
            raise PhysadvError(
                f"{source}: {percent(outside / shape.area)} of {name} lies outside the sign, up to "
                f"{farthest_outside_mm(shape, outline):.0f} mm beyond its edge; all of it should lie within the "
                f"outline ({sign.width_mm:g} x {sign.height_mm:g} mm)"
            )
    if drawn.area < MIN_AREA * outline.area:
        raise PhysadvError(
            f"{source}: its area is {drawn.area:.3g} mm², too little for a camera to see; it should cover at least "
            f"{percent(MIN_AREA, 2)} of the sign, {MIN_AREA * outline.area:.3g} mm²"
        )
    clipped = drawn.intersection(outline)
    rings = to_rings(clipped)
    return Mask(
        config=config,
        alpha=_alpha(rings, sign.extent_mm, px),
        shapes_mm=rings,
        area_fraction=min(1.0, float(clipped.area / outline.area)),
        extent_mm=sign.extent_mm,
    )
