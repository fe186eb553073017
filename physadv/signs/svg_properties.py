"""What of SVG and CSS is drawn, with the grammar of each value; what changes nothing; the rest is refused."""

from __future__ import annotations

import re
from dataclasses import dataclass

from physadv.signs.svg_values import (
    Grammar,
    at_least_one,
    clip,
    color,
    paint,
    paint_order,
    positive,
    share,
    words,
)

SHAPES = frozenset({"path", "rect", "circle", "ellipse", "line", "polyline", "polygon"})
GRADIENTS = frozenset({"linearGradient", "radialGradient"})
ELEMENTS = SHAPES | GRADIENTS | {"svg", "g", "defs", "symbol", "use", "clipPath", "style", "stop"}
MOVED = SHAPES | {"svg", "g", "use", "clipPath"}
"""Elements that an attribute ``transform`` moves."""


@dataclass(frozen=True)
class Property:
    """A property of CSS that is drawn.

    Attributes:
        grammar: of its values.
        initial: its value where nobody says one.
        inherited: whether a part takes it from what it lies in.
    """

    grammar: Grammar
    initial: str
    inherited: bool = True


_RULES = words("nonzero", "evenodd")
PROPERTIES = {
    "fill": Property(paint, "#000000"),
    "fill-opacity": Property(share, "1"),
    "fill-rule": Property(_RULES, "nonzero"),
    "clip-rule": Property(_RULES, "nonzero"),
    "stroke": Property(paint, "none"),
    "stroke-opacity": Property(share, "1"),
    "stroke-width": Property(positive, "1"),
    "stroke-linecap": Property(words("butt", "round", "square"), "butt"),
    "stroke-linejoin": Property(words("miter", "round", "bevel"), "miter"),
    "stroke-miterlimit": Property(at_least_one, "4"),
    "paint-order": Property(paint_order, "normal"),
    "color": Property(color, "#000000"),
    "visibility": Property(words("visible", "hidden", "collapse"), "visible"),
    "shape-rendering": Property(
        words("auto", "optimizeSpeed", "crispEdges", "geometricPrecision"),
        "auto",
    ),
    "opacity": Property(share, "1", inherited=False),
    "display": Property(
        words("none", "inline", block="inline", inline_block="inline", flex="inline", grid="inline"),
        "inline",
        inherited=False,
    ),
    "overflow": Property(words("visible", "hidden", "scroll"), "", inherited=False),
    "clip-path": Property(clip, "none", inherited=False),
    "stop-color": Property(color, "#000000", inherited=False),
    "stop-opacity": Property(share, "1", inherited=False),
}
EVERYWHERE = frozenset({"inherit", "initial", "unset"})
"""Values of every property."""

_NONE = ("none",)
_EFFECTS = (
    *("filter", "backdrop-filter", "mask", "mask-image", "mask-border", "marker", "marker-start", "marker-mid"),
    *("marker-end", "stroke-dasharray", "vector-effect", "transform", "translate", "rotate", "scale", "offset-path"),
    *("offset", "perspective", "animation", "animation-name", "box-shadow", "background", "background-image"),
    *("-webkit-mask", "-webkit-mask-image", "-webkit-filter", "-webkit-clip-path", "-webkit-transform"),
)
ONLY = dict.fromkeys(_EFFECTS, _NONE) | {
    "background": ("none", "transparent"),
    "background-color": ("transparent",),
    "border": ("none", "0", "0px"),
    "outline": ("none", "0", "0px"),
    "padding": ("0", "0px"),
    "mix-blend-mode": ("normal",),
    "transform-origin": ("0 0", "0", "0px 0px"),
    "transform-box": ("view-box",),
    "color-interpolation": ("auto", "srgb"),
    "clip": ("auto",),
    "zoom": ("1", "normal", "100%"),
}
"""Properties that are not drawn: the values at which they change nothing, the plainest first."""

ATTRIBUTES_ONLY = frozenset(
    {"filter", "mask", "marker", "marker-start", "marker-mid", "marker-end", "stroke-dasharray", "vector-effect"}
    | {"transform-origin", "transform-box", "color-interpolation", "clip"}
)
"""Those of them that an attribute can say, too."""

CONDITIONS = frozenset({"systemLanguage", "requiredExtensions", "requiredFeatures"})
"""Attributes by which a viewer decides what to draw, also where they are empty."""

_WITHOUT_EFFECT = re.compile(
    r"--.*|-inkscape-.*|-sodipodi-.*|-webkit-(?:font|text|user|tap|touch|print).*|-moz-(?:osx-font|user).*|-ms-user.*|"
    r"font(?:-.*)?|text(?:-.*)?|letter-spacing|word-(?:spacing|break|wrap)|line-(?:height|break)|white-space.*|kerning|"
    r"baseline-shift|(?:dominant|alignment)-baseline|direction|unicode-bidi|writing-mode|glyph-orientation-.*|"
    r"block-progression|isolation|tab-size|hyphens|overflow-wrap|inline-size|shape-(?:inside|padding|margin|subtract|image-.*)|"
    r"solid-(?:color|opacity)|enable-background|flood-(?:color|opacity)|lighting-color|viewport-fill(?:-opacity)?|"
    r"color-(?:rendering|profile|interpolation-filters|adjust|scheme)|print-color-adjust|forced-color-adjust|"
    r"image-rendering|buffered-rendering|filter-(?:blend-mode|gaussianBlur-deviation)|stroke-dash(?:offset|adjust)|"
    r"mask-(?:type|mode|repeat|position|size|origin|clip|composite)|marker-offset|background-(?:repeat|position|size)|"
    r"cursor|pointer-events|user-select|touch-action|transition(?:-.*)?|will-change|margin(?:-.*)?|"
    r"object-(?:fit|position)|vertical-align|speak|audio-level|nodetypes|sodipodi.*",
    re.IGNORECASE,
)


def without_effect(name: str) -> bool:
    """Whether a property changes nothing of what is drawn here: of text, of other programs, of the mouse."""
    return _WITHOUT_EFFECT.fullmatch(name) is not None


_BOX = ("x", "y", "width", "height")
_ROUND = ("cx", "cy", "r")
GEOMETRY: dict[str, tuple[str, ...]] = {
    "svg": ("width", "height"),
    "rect": (*_BOX, "rx", "ry"),
    "circle": _ROUND,
    "ellipse": ("cx", "cy", "rx", "ry"),
    "line": ("x1", "y1", "x2", "y2"),
    "use": _BOX,
    "linearGradient": ("x1", "y1", "x2", "y2"),
    "radialGradient": (*_ROUND, "fx", "fy", "fr"),
}
"""Lengths of each element."""
OF_CSS = frozenset({*_BOX, *_ROUND, "rx", "ry", "d"})
"""Geometry that CSS can say, too."""
NOT_NEGATIVE = frozenset({"width", "height", "r", "rx", "ry", "fr"})
NOT_EMPTY = frozenset({name for names in GEOMETRY.values() for name in names} | {"gradientUnits", "spreadMethod"})
"""Attributes that a browser reads as something else where they are empty than where they are not there."""
