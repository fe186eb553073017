"""The values of SVG and CSS, each in the one form that the renderer is given."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from functools import lru_cache
from typing import TypeAlias

from tinycss2.color4 import parse_color


class BadSvg(ValueError):
    """Why an SVG is not drawn; the message follows the name of what it is."""


class BadValue(ValueError):
    """What a value should be."""


Grammar: TypeAlias = Callable[[str], str]
"""From a value to the form that the renderer is given; raises :class:`BadValue`."""

_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_GAP = re.compile(r"[ \t\r\n\f]*,?[ \t\r\n\f]*")
_FLAG = re.compile(r"[01]")
_UNITS = {"": 1.0, "px": 1.0, "in": 96.0, "cm": 96 / 2.54, "mm": 96 / 25.4, "pt": 96 / 72, "pc": 16.0, "q": 96 / 101.6}
_MOST = 3.4e38
"""Of a number; the renderer keeps 32 bits."""
_UPRIGHT = 1e-6
"""The cosine of an angle that is 90 degrees."""
_FLAT = 1e-5
"""A gradient that is pressed together more than that is drawn differently."""
_REFERENCE = re.compile(r"""url\(\s*(["']?)#([^"'()\s\\]+)\1\s*\)""", re.IGNORECASE)
_ARGUMENTS = {"M": 2, "L": 2, "H": 1, "V": 1, "C": 6, "S": 4, "Q": 4, "T": 2, "A": 7, "Z": 0}
_COMMAND = re.compile(r"[MLHVCSQTAZmlhvcsqtaz]")
_MOVES = {"matrix": (6,), "translate": (1, 2), "scale": (1, 2), "rotate": (1, 3), "skewX": (1,), "skewY": (1,)}
_MOVE = re.compile(r"(matrix|translate|scale|rotate|skewX|skewY)[ \t\r\n\f]*\(([^()]*)\)")
_ASPECT = re.compile(r"none|xM(?:in|id|ax)YM(?:in|id|ax)")

COLOR = "a color (a name, #rrggbb, rgb() or hsl())"
_LENGTH = "a number with a decimal point, with px, mm, cm, in, pt or pc, or with nothing"


def number(text: str) -> float | None:
    """A number of SVG that the renderer can keep; None for anything else."""
    if not _NUMBER.fullmatch(text.strip()):
        return None
    value = float(text)
    return value if abs(value) <= _MOST else None


def numbers(text: str, flags: frozenset[int] = frozenset(), period: int = 1) -> list[str]:
    """Numbers that a comma, white space or nothing separates.

    Args:
        text: of the numbers.
        flags: places within each period that are 0 or 1, and need nothing after them.
        period: after how many numbers the places begin anew.
    """
    text, at = text.strip(" \t\r\n\f"), 0
    found: list[str] = []
    while at < len(text):
        kind = _FLAG if len(found) % period in flags else _NUMBER
        one = kind.match(text, at)
        if one is None or abs(float(one[0])) > _MOST:
            raise BadValue(f"numbers; it has {text[at : at + 20]!r}")
        found.append(one[0])
        at = _after(text, one.end(), "of numbers")
    return found


def _after(text: str, end: int, what: str) -> int:
    """Where the next of a list begins."""
    gap = _GAP.match(text, end)
    at = gap.end() if gap else end
    if at == len(text) and at > end:
        raise BadValue(f"a list {what} without a comma at its end")
    return at


def length(text: str, full: float | None = None, *, negative: bool = True) -> str:
    """A length in user units.

    Args:
        text: as written.
        full: what 100% is; None where a share is not known.
        negative: whether it may be below zero.
    """
    found = re.fullmatch(rf"({_NUMBER.pattern})([a-zA-Z]*|%)", text.strip())
    unit = found[2].lower() if found else ""
    if not found or (unit not in _UNITS and unit != "%"):
        raise BadValue(_LENGTH)
    if unit == "%" and full is None:
        raise BadValue(f"{_LENGTH}; what a share is taken of is not known here")
    value = float(found[1]) * (_UNITS[unit] if unit != "%" else (full or 0.0) / 100.0)
    if not abs(value) <= _MOST:
        raise BadValue("a number that is not so large")
    if value < 0.0 and not negative:
        raise BadValue("a length that is not below zero")
    return found[1] if unit in ("", "px") else repr(value)


def positive(text: str) -> str:
    """A length that is not below zero."""
    return length(text, negative=False)


def share(text: str) -> str:
    """A number or a percentage, kept within 0 to 1 as CSS does."""
    value = number(text.removesuffix("%"))
    if value is None:
        raise BadValue("a number from 0 to 1, or a percentage")
    return repr(min(1.0, max(0.0, value / 100.0 if text.endswith("%") else value)))


def at_least_one(text: str) -> str:
    """A number of one or more."""
    value = number(text)
    if value is None or value < 1.0:
        raise BadValue("a number of 1 or more")
    return text


def words(*allowed: str, **also: str) -> Grammar:
    """One of some words; ``also`` names others that mean one of them."""
    meant = {word.lower(): word for word in allowed} | {key.replace("_", "-"): word for key, word in also.items()}

    def one(text: str) -> str:
        if text.lower() not in meant:
            raise BadValue(" or ".join(allowed))
        return meant[text.lower()]

    return one


def exact(*allowed: str) -> Grammar:
    """One of some words of an attribute that is not of CSS, so that capitals count."""

    def one(text: str) -> str:
        if text not in allowed:
            raise BadValue(" or ".join(allowed))
        return text

    return one


def paint_order(text: str) -> str:
    """What of a shape is painted first."""
    order = text.lower().split()
    if order != ["normal"] and not (set(order) <= {"fill", "stroke", "markers"} and len(set(order)) == len(order)):
        raise BadValue("normal, or fill, stroke and markers in an order")
    return " ".join(order)


@lru_cache(maxsize=4096)
def color(text: str) -> str:
    """A color of sRGB as ``#rrggbb`` or ``#rrggbbaa``, or ``currentColor``."""
    try:
        found = parse_color(text)
    except (ValueError, TypeError, AttributeError):  # of malformed functions
        found = None
    if found == "currentcolor":
        return "currentColor"
    if found is None or found.space not in ("srgb", "hsl", "hwb"):
        raise BadValue(COLOR)
    if found.space != "srgb" and not all(0.0 <= (part or 0.0) <= 100.0 for part in found.coordinates[1:]):
        raise BadValue(f"{COLOR}, with shares from 0% to 100%")
    channels = [*found.to("srgb").coordinates, *([found.alpha] if found.alpha < 1.0 else [])]
    return "#" + "".join(f"{math.floor(255.0 * min(1.0, max(0.0, part)) + 0.5):02x}" for part in channels)


def paint(text: str) -> str:
    """A color, nothing, or a gradient with what to paint where it has no extent."""
    if text.lower() == "none":
        return "none"
    found = _REFERENCE.match(text)
    if found is None:
        try:
            return color(text)
        except BadValue as error:
            raise BadValue(f"{error}, none, or a gradient of its own (url(#name))") from error
    rest = text[found.end() :].strip()
    if rest.lower().startswith("url"):
        raise BadValue(f"{COLOR} or none behind its gradient")
    return f"url(#{found[2]}) {paint(rest)}" if rest else f"url(#{found[2]})"


def clip(text: str) -> str:
    """None, or a clipPath."""
    found = _REFERENCE.fullmatch(text)
    if text.lower() != "none" and not found:
        raise BadValue("none, or a clipPath of its own (url(#name)); shapes of CSS are not drawn")
    return f"url(#{found[2]})" if found else "none"


def referred(value: str) -> str | None:
    """The name that a paint or a clip refers to."""
    found = _REFERENCE.match(value)
    return found[2] if found else None


def path(text: str) -> str:
    """The data of a path, complete."""
    text = text.strip(" \t\r\n\f")
    if text.lower() == "none":
        return ""
    starts = [found.start() for found in _COMMAND.finditer(text)]
    if not text or starts[:1] != [0] or text[0] not in "Mm":
        raise BadValue("commands of a path; the first is M or m")
    for start, end in zip(starts, [*starts[1:], len(text)], strict=True):
        command, count = text[start], _ARGUMENTS[text[start].upper()]
        flags = frozenset({3, 4}) if count == 7 else frozenset[int]()
        try:
            found = len(numbers(text[start + 1 : end], flags, period=max(1, count)))
        except BadValue as error:
            raise BadValue(f"commands of a path with {error}, after {command}") from error
        if found % count if count and found else found != count:
            wanted = f"{count} numbers, or a multiple," if count else "no number"
            raise BadValue(f"commands of a path; {command} needs {wanted} and has {found}: {text[start:end][:30]!r}")
    return text


def points(text: str) -> str:
    """Pairs of numbers."""
    found = numbers(text)
    if len(found) % 2:
        raise BadValue(f"pairs of numbers; it has {len(found)}")
    return " ".join(found)


def transform(text: str) -> str:
    """What moves a part, in the grammar of the attribute."""
    text, made, at = text.strip(), [], 0
    if text == "none":
        return ""
    while at < len(text):
        found = _MOVE.match(text, at)
        arguments = numbers(found[2]) if found else []
        if not found or len(arguments) not in _MOVES[found[1]]:
            raise BadValue(
                f"matrix, translate, scale, rotate, skewX or skewY of plain numbers; it has {text[at:][:30]!r}"
            )
        if found[1].startswith("skew") and abs(math.cos(math.radians(float(arguments[0])))) < _UPRIGHT:
            raise BadValue("a transform without a skew of 90 degrees")
        made.append(f"{found[1]}({' '.join(arguments)})")
        at = _after(text, found.end(), "of what moves it")
    return " ".join(made)


def gradient_transform(text: str) -> str:
    """What moves a gradient; viewers differ where that makes it flat."""
    made = transform(text)
    if not made:
        raise BadValue("matrix, translate, scale, rotate, skewX or skewY of plain numbers, or not there")
    a, b, c, d = 1.0, 0.0, 0.0, 1.0
    for found in _MOVE.finditer(made):
        e, f, g, h = _stretch(found[1], [float(one) for one in numbers(found[2])])
        a, b, c, d = a * e + c * f, b * e + d * f, a * g + c * h, b * g + d * h
    most = math.hypot(a, b, c, d)
    if not abs(a * d - b * c) > _FLAT * most * max(1.0, most):
        raise BadValue("a transform that can be inverted, without a scale of 0 or nearly 0")
    return made


def _stretch(kind: str, said: list[float]) -> tuple[float, float, float, float]:
    """The first four numbers of the matrix of a move."""
    if kind == "matrix":
        return said[0], said[1], said[2], said[3]
    if kind == "scale":
        return said[0], 0.0, 0.0, said[-1]
    turn = math.radians(said[0])
    if kind == "rotate":
        return math.cos(turn), math.sin(turn), -math.sin(turn), math.cos(turn)
    skew = math.tan(turn) if kind != "translate" else 0.0
    return (1.0, skew, 0.0, 1.0) if kind == "skewY" else (1.0, 0.0, skew, 1.0)


def view_box(text: str) -> str:
    """Left, top, width and height."""
    try:
        found = [float(one) for one in numbers(text)]
    except BadValue:
        found = []
    if len(found) != 4 or min(found[2:]) <= 0.0:
        raise BadValue("four numbers: left, top, and a width and a height above zero")
    return text.strip()


def aspect_ratio(text: str) -> str:
    """How a view box lies in its place."""
    align, *how = text.split()
    if not _ASPECT.fullmatch(align) or how not in ([], ["meet"], ["slice"]):
        raise BadValue("none or xMidYMid or the like, then meet or slice")
    return " ".join((align, *how))
