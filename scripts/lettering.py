"""Highway lettering from stroke geometry: center lines of one stroke width, in a box one unit high.

Proportions of the capitals and digits follow the tables of letter widths in *Standard Alphabets for Traffic Control
Devices* (FHWA, 2004; Series C, D, E) and the 1/7 stroke of DIN 1451-2 Mittelschrift. Every letter is drawn
here; no font is used.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from shapely import affinity
from shapely.geometry import LineString, Polygon, box
from shapely.geometry.base import BaseGeometry
from shapely.ops import unary_union

Point = tuple[float, float]


@dataclass(frozen=True)
class Style:
    """How an alphabet differs from its sisters.

    Attributes:
        stroke: width of the strokes, as a share of the letters' height.
        stretch: width of the letters, relative to FHWA Series C.
        flat: share of the height over which the sides of an O are straight.
        squareness: exponent of the superellipse that turns the corners (2 is an ellipse).
        spacing: of the letters, relative to the default.
        overshoot: how far round letters reach beyond flat ones.
        hooked_six: whether the stem of a 6 curls over its bowl; in DIN 1451 it is straight.
    """

    stroke: float = 0.14
    stretch: float = 1.0
    flat: float = 0.0
    squareness: float = 2.35
    spacing: float = 1.0
    overshoot: float = 0.012
    hooked_six: bool = True


SERIES_C = Style()
SERIES_D = Style(stroke=0.155, stretch=1.19)
SERIES_E = Style(stroke=0.17, stretch=1.36)
DIN = Style(stroke=1 / 7, flat=0.34, squareness=2.0, overshoot=0.0, hooked_six=False)
DIN_DIGITS = replace(DIN, spacing=0.6)
DIN_NARROW = replace(DIN, stroke=0.14, stretch=0.82, flat=0.44, spacing=0.75)

WIDTHS = {
    **dict(zip("ACDEFGHI", (0.625, 0.53, 0.53, 0.484, 0.484, 0.53, 0.53, 0.14), strict=True)),
    **dict(zip("LMNOPRSTWY", (0.484, 0.61, 0.53, 0.547, 0.53, 0.53, 0.53, 0.484, 0.69, 0.60), strict=True)),
    **dict(zip("012345678", (0.547, 0.24, 0.53, 0.53, 0.59, 0.53, 0.53, 0.53, 0.53), strict=True)),
}
"""Of the letters, in heights, Series C."""

ROUND, STRAIGHT, OPEN = 0.09, 0.12, 0.008
"""Half the gap that a side of a letter asks for, in heights, Series C."""
LEFT_SIDE = {**dict.fromkeys("CGOS023568", ROUND), **dict.fromkeys("ATWY147", OPEN)}
RIGHT_SIDE = {**dict.fromkeys("CDGOPRS023568", ROUND), **dict.fromkeys("AFLTWY47", OPEN)}


class Pen:
    """Draws one center line."""

    def __init__(self, x: float, y: float, squareness: float) -> None:
        self.points: list[Point] = [(x, y)]
        self._squareness = squareness

    def line(self, x: float, y: float) -> Pen:
        self.points.append((x, y))
        return self

    def turn(self, x: float, y: float, *, leaving: str, steps: int = 24) -> Pen:
        """Quarter superellipse to a point, leaving horizontally (``h``) or vertically (``v``)."""
        x0, y0 = self.points[-1]
        power = 2.0 / self._squareness
        for step in range(1, steps + 1):
            angle = step / steps * math.pi / 2
            along, across = math.sin(angle) ** power, 1.0 - max(math.cos(angle), 0.0) ** power
            u, v = (along, across) if leaving == "h" else (across, along)
            self.points.append((x0 + (x - x0) * u, y0 + (y - y0) * v))
        return self

    def bend(self, first: Point, second: Point, end: Point, steps: int = 24) -> Pen:
        """Cubic Bezier curve."""
        start = self.points[-1]
        for step in range(1, steps + 1):
            t = step / steps
            weights = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3)
            knots = (start, first, second, end)
            self.points.append(
                (
                    sum(weight * knot[0] for weight, knot in zip(weights, knots, strict=True)),
                    sum(weight * knot[1] for weight, knot in zip(weights, knots, strict=True)),
                )
            )
        return self


class Glyph:
    """The strokes of one letter in a box ``w`` wide and 1 high; ``l r t b`` are the extreme center lines."""

    def __init__(self, letter: str, style: Style) -> None:
        self.style = style
        self.s = style.stroke
        self.w = self.s if letter == "I" else WIDTHS[letter] * style.stretch
        self.l, self.r, self.t, self.b = self.s / 2, self.w - self.s / 2, self.s / 2, 1 - self.s / 2
        self.cx = self.w / 2
        self.ot, self.ob = self.t - style.overshoot, self.b + style.overshoot
        self._parts: list[BaseGeometry] = []

    def pen(self, x: float, y: float) -> Pen:
        return Pen(x, y, self.style.squareness)

    def stroke(self, *pens: Pen) -> Glyph:
        """Ends cut square."""
        self._parts += [
            LineString(pen.points).buffer(self.s / 2, cap_style="flat", join_style="mitre", mitre_limit=4)
            for pen in pens
        ]
        return self

    def bar(self, x0: float, y0: float, x1: float, y1: float) -> Glyph:
        """A straight stroke, ends cut square."""
        return self.stroke(self.pen(x0, y0).line(x1, y1))

    def slant(self, x0: float, y0: float, x1: float, y1: float, clip: tuple[float, float] = (0.0, 1.0)) -> Glyph:
        """A slanting stroke whose center line passes both points, ends cut level at the heights ``clip``."""
        dx, dy = x1 - x0, y1 - y0
        line = LineString([(x0 - dx, y0 - dy), (x1 + dx, y1 + dy)])
        self._parts.append(line.buffer(self.s / 2, cap_style="flat").intersection(box(-1, clip[0], 3, clip[1])))
        return self

    def area(self, points: list[Point]) -> Glyph:
        """A part drawn corner by corner."""
        self._parts.append(Polygon(points))
        return self

    def ring(self, pen: Pen) -> Glyph:
        """A closed stroke."""
        inside = Polygon(pen.points)
        self._parts.append(inside.buffer(self.s / 2).difference(inside.buffer(-self.s / 2)))
        return self

    def level(self, x0: float, x1: float) -> tuple[float, float]:
        """Center lines' x at y = 0 and 1 so that a slanting stroke's level ends start at ``x0`` and end at ``x1``."""
        half = self.s / 2 * math.hypot(1.0, x1 - x0)
        return (x0 + half, x1 - half) if x1 > x0 else (x0 - half, x1 + half)

    def shape(self) -> BaseGeometry:
        beyond = self.style.overshoot
        return unary_union(self._parts).intersection(box(0, -beyond, self.w, 1 + beyond))


def _round(g: Glyph) -> Glyph:
    half = g.style.flat / 2
    pen = g.pen(g.cx, g.ot).turn(g.r, 0.5 - half, leaving="h").line(g.r, 0.5 + half).turn(g.cx, g.ob, leaving="v")
    pen.turn(g.l, 0.5 + half, leaving="h").line(g.l, 0.5 - half).turn(g.cx, g.ot, leaving="v")
    return g.ring(pen)


def _c(g: Glyph) -> Glyph:
    half = g.style.flat / 2
    pen = (
        g.pen(g.r, 0.335)
        .line(g.r, 0.5 - max(half, 0.18))
        .turn(g.cx, g.ot, leaving="v")
        .turn(g.l, 0.5 - half, leaving="h")
    )
    pen.line(g.l, 0.5 + half).turn(g.cx, g.ob, leaving="v").turn(g.r, 0.5 + max(half, 0.18), leaving="h").line(
        g.r, 0.665
    )
    return g.stroke(pen)


def _s(g: Glyph) -> Glyph:
    left = g.l + 0.04 * g.w
    pen = g.pen(g.r - 0.055 * g.w, 0.258).turn(g.cx + 0.01 * g.w, g.ot, leaving="v").turn(left, 0.268, leaving="h")
    pen.bend((left, 0.475), (g.r, 0.525), (g.r, 0.735), steps=48)
    pen.turn(g.cx, g.ob, leaving="v").turn(g.l, 0.715, leaving="h")
    return g.stroke(pen)


def _bowl(g: Glyph, top: float, bottom: float, right: float) -> Glyph:
    """The round part of P, R, B and D, from the stem and back to it."""
    reach = min((bottom - top) / 2, 0.62 * (right - g.l))
    pen = g.pen(g.l, top).line(right - reach, top).turn(right, top + reach, leaving="h")
    pen.line(right, bottom - reach).turn(right - reach, bottom, leaving="v").line(g.l, bottom)
    return g.stroke(pen)


def _stem(g: Glyph, x: float) -> Glyph:
    return g.bar(x, 0, x, 1)


def _a(g: Glyph) -> Glyph:
    foot, head = g.level(0.0, g.cx + g.s * 0.5)
    g.slant(foot, 1, head, 0).slant(g.w - foot, 1, g.w - head, 0)
    return g.bar(g.w * 0.2, 0.72, g.w * 0.8, 0.72)


def _w(g: Glyph) -> Glyph:
    head, foot = g.level(0.0, 0.27 * g.w + g.s * 0.5)
    g.slant(head, 0, foot, 1).slant(g.w - head, 0, g.w - foot, 1)
    return g.slant(foot, 1, g.cx, 0).slant(g.w - foot, 1, g.cx, 0)


def _n(g: Glyph) -> Glyph:
    top, bottom = g.level(0.0, g.w)
    return _stem(_stem(g, g.l), g.r).slant(top, 0, bottom, 1)


def _m(g: Glyph) -> Glyph:
    top, bottom = g.level(0.0, g.cx + g.s * 0.5)
    return _stem(_stem(g, g.l), g.r).slant(top, 0, bottom, 1).slant(g.w - top, 0, g.w - bottom, 1)


def _r(g: Glyph) -> Glyph:
    foot = g.w - g.s * 0.55
    return _bowl(_stem(g, g.l), g.t, 0.49, g.r).slant(g.cx * 0.98, 0.5, foot, 1, (0.5, 1))


def _g(g: Glyph) -> Glyph:
    return _c(g).bar(g.cx, 0.58, g.w, 0.58).bar(g.r, 0.55, g.r, 0.9)


def _one(g: Glyph) -> Glyph:
    flag = [(0.0, 0.16), (g.w - g.s, 0.0), (g.w, 0.0), (g.w - g.s / 2, 0.2), (0.0, 0.16 + g.s * 0.85)]
    return _stem(g, g.r).area(flag)


def _two(g: Glyph) -> Glyph:
    pen = g.pen(g.l, 0.29).line(g.l, 0.27).turn(g.cx, g.ot, leaving="v").turn(g.r, 0.27, leaving="h")
    pen.bend((g.r, 0.42), (g.r - 0.06 * g.w, 0.47), (g.cx + 0.16 * g.w, 0.60)).line(g.l + 0.2 * g.s, 1 - 0.6 * g.s)
    return g.stroke(pen.line(g.l - 0.2 * g.s, 1)).bar(0, g.b, g.w, g.b)


def _three(g: Glyph) -> Glyph:
    top = g.pen(g.l, 0.27).turn(g.cx, g.ot, leaving="v").turn(g.r - 0.02, 0.27, leaving="h")
    top.turn(g.cx + 0.02, 0.475, leaving="v").line(g.cx - 0.1 * g.w, 0.475)
    bottom = g.pen(g.cx - 0.1 * g.w, 0.475).line(g.cx + 0.02, 0.475).turn(g.r, 0.71, leaving="h")
    return g.stroke(top, bottom.turn(g.cx, g.ob, leaving="v").turn(g.l, 0.72, leaving="h"))


def _five(g: Glyph) -> Glyph:
    g.bar(g.l + 0.02, g.t, g.w - 0.03, g.t).bar(g.l + 0.02, 0, g.l + 0.02, 0.525)
    pen = g.pen(g.l + 0.02, 0.49).bend((g.l + 0.14 * g.w, 0.39), (g.r, 0.30), (g.r, 0.665))
    return g.stroke(pen.turn(g.cx, g.ob, leaving="v").turn(g.l, 0.725, leaving="h"))


def _six(g: Glyph) -> Glyph:
    top, middle = (0.405, 0.68) if g.style.hooked_six else (0.44, 0.69)
    loop = g.pen(g.cx, top).turn(g.r, middle, leaving="h").turn(g.cx, g.ob, leaving="v")
    g.ring(loop.turn(g.l, middle, leaving="h").turn(g.cx, top, leaving="v"))
    stem = g.pen(g.l, middle)
    if g.style.hooked_six:
        stem.line(g.l, 0.5 - g.style.flat / 2).turn(g.cx, g.ot, leaving="v").turn(g.r - 0.02, 0.27, leaving="h")
    else:
        stem.bend((g.l, 0.52), (g.l + 0.1 * g.w, 0.44), (g.l + 0.2 * g.w, 0.33)).line(g.cx + 0.2 * g.w, -0.1)
    return g.stroke(stem)


def _eight(g: Glyph) -> Glyph:
    for top, bottom, narrower in ((g.ot, 0.475, 0.025), (0.475, g.ob, 0.0)):
        middle = (top + bottom) / 2
        pen = g.pen(g.cx, top).turn(g.r - narrower, middle, leaving="h").turn(g.cx, bottom, leaving="v")
        g.ring(pen.turn(g.l + narrower, middle, leaving="h").turn(g.cx, top, leaving="v"))
    return g


def _y(g: Glyph) -> Glyph:
    fork, half = 0.62, g.s / 2
    lean = (g.cx - half) / fork
    across = g.s * math.hypot(1.0, lean)
    left = [(g.cx - half, 1.0), (g.cx - half, fork), (0.0, 0.0), (across, 0.0)]
    return g.area([*left, (g.cx, (g.cx - across) / lean), *[(g.w - x, y) for x, y in reversed(left)]])


def _four(g: Glyph) -> Glyph:
    stem, foot = g.w - g.s * 1.15, 0.72 - g.s / 2
    lean = (stem - g.s / 2) / foot
    across = g.s * math.hypot(1.0, lean)
    g.bar(stem, 0, stem, 1).bar(0, 0.72, g.w, 0.72)
    return g.area(
        [(stem - g.s / 2, 0.0), (stem, 0.0), (stem, foot - (stem - across) / lean), (across, foot), (0.0, foot)]
    )


def _seven(g: Glyph) -> Glyph:
    foot, across = g.w * 0.2, g.s * 1.1
    leg = [(g.w - across, g.s / 2), (g.w, g.s / 2), (g.w, g.s), (foot + across, 1.0), (foot, 1.0)]
    return g.bar(0, g.t, g.w, g.t).area(leg)


GLYPHS: dict[str, Callable[[Glyph], Glyph]] = {
    "A": _a,
    "C": _c,
    "D": lambda g: _bowl(_stem(g, g.l), g.t, g.b, g.r),
    "E": lambda g: _stem(g, g.l).bar(0, g.t, g.w, g.t).bar(0, 0.49, g.w * 0.92, 0.49).bar(0, g.b, g.w, g.b),
    "F": lambda g: _stem(g, g.l).bar(0, g.t, g.w, g.t).bar(0, 0.49, g.w * 0.9, 0.49),
    "G": _g,
    "H": lambda g: _stem(_stem(g, g.l), g.r).bar(0, 0.49, g.w, 0.49),
    "I": lambda g: _stem(g, g.cx),
    "L": lambda g: _stem(g, g.l).bar(0, g.b, g.w, g.b),
    "M": _m,
    "N": _n,
    "O": _round,
    "P": lambda g: _bowl(_stem(g, g.l), g.t, 0.56 - g.s / 2, g.r),
    "R": _r,
    "S": _s,
    "T": lambda g: _stem(g, g.cx).bar(0, g.t, g.w, g.t),
    "W": _w,
    "Y": _y,
    "0": _round,
    "1": _one,
    "2": _two,
    "3": _three,
    "4": _four,
    "5": _five,
    "6": _six,
    "7": _seven,
    "8": _eight,
}


def glyph(letter: str, style: Style) -> tuple[BaseGeometry, float]:
    """A letter one unit high, its top at y = 0 (down), its left edge at 0; and its width."""
    drawn = GLYPHS[letter](Glyph(letter, style))
    return drawn.shape(), drawn.w


def word(
    text: str, style: Style, *, height: float, x: float = 0.0, y: float = 0.0, width: float | None = None
) -> BaseGeometry:
    """A line of text centered on ``(x, y)``, capitals ``height`` high; ``width`` stretches the line to fit."""
    parts: list[BaseGeometry] = []
    at, before = 0.0, ""
    for letter in text:
        if letter == " ":
            at += 0.45 * style.stretch
            before = ""
            continue
        if before:
            gap = RIGHT_SIDE.get(before, STRAIGHT) + LEFT_SIDE.get(letter, STRAIGHT)
            at += gap * style.spacing * style.stretch
        shape, advance = glyph(letter, style)
        parts.append(affinity.translate(shape, at, 0))
        at, before = at + advance, letter
    across = height if width is None else width / at
    line = affinity.scale(unary_union(parts), across, height, origin=(0, 0))
    return affinity.translate(line, x - at * across / 2, y - height / 2)


def narrowed(style: Style, stretch: float) -> Style:
    """The same style with narrower or wider letters."""
    return replace(style, stretch=style.stretch * stretch)
