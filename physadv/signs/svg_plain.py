"""An SVG written anew: attributes alone, numbers in user units, references that lead somewhere, and nothing else."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from functools import partial
from xml.sax.saxutils import quoteattr

from physadv.signs.svg_css import Styles
from physadv.signs.svg_properties import (
    EVERYWHERE,
    GEOMETRY,
    GRADIENTS,
    MOVED,
    NOT_NEGATIVE,
    SHAPES,
)
from physadv.signs.svg_tree import MAX_DEPTH, SVG, XLINK, Element
from physadv.signs.svg_values import (
    BadSvg,
    BadValue,
    Grammar,
    aspect_ratio,
    exact,
    gradient_transform,
    length,
    numbers,
    path,
    points,
    referred,
    share,
    transform,
    view_box,
)

MAX_DRAWN = 50_000
"""Elements once every ``use`` and ``clip-path`` has been followed."""
_ASPECT = 0.01
"""By which the root's proportions may differ from its view box's."""
_DOWN = frozenset({"y", "y1", "y2", "cy", "fy", "ry", "height"})
_UNITS = exact("userSpaceOnUse", "objectBoundingBox")
_OTHERS: dict[str, dict[str, Grammar]] = {
    "svg": {"viewBox": view_box, "preserveAspectRatio": aspect_ratio},
    "symbol": {"viewBox": view_box, "preserveAspectRatio": aspect_ratio},
    "path": {"d": path},
    "polyline": {"points": points},
    "polygon": {"points": points},
    "clipPath": {"clipPathUnits": _UNITS},
    "stop": {"offset": share},
}
_OF_GRADIENTS: dict[str, Grammar] = {
    "gradientUnits": _UNITS,
    "gradientTransform": gradient_transform,
    "spreadMethod": exact("pad", "reflect", "repeat"),
}
_UNKNOWN_TO_SYMBOL = ("x", "y", "width", "height", "refX", "refY", "transform")
_SHOWN = SHAPES | {"g", "use", "symbol"}

Kept = dict[str, str]


class Writer:
    """An SVG as the renderer should have it.

    Args:
        root: as it is written in the file.

    Raises:
        BadSvg: it has what is not drawn, with its line.
    """

    def __init__(self, root: Element) -> None:
        self._named: dict[str, Element] = {}
        for element in root.all():
            if name := element.attributes.get("id"):
                self._named.setdefault(name, element)
        styles = Styles(root)
        self.root = root
        self._styles = {element: styles.of(element) for element in root.all() if element.tag != "style"}
        self.size = _root_size(root, self._styles[root])
        self._box = _root_box(root, self.size)
        self._kept = {element: self._attributes(element) for element in self._styles}
        styles.check_shown({self._named[kept["href"][1:]] for one, kept in self._kept.items() if _refers(one, kept)})
        self._shows = {element: list(self._references(element)) for element in self._styles}
        drawn = self._drawn(root, 0, {})
        if drawn > MAX_DRAWN:
            raise BadSvg(f"draws {drawn:,} elements through references; it may draw {MAX_DRAWN:,}")

    @property
    def view_box(self) -> str:
        """Of the root, as written; empty where it has none."""
        return self._kept[self.root].get("viewBox", "")

    def text(self) -> str:
        """The SVG."""
        out = io.StringIO()
        self._write(out, self.root)
        return out.getvalue()

    def _write(self, out: io.StringIO, element: Element) -> None:
        spaces = f' xmlns="{SVG}" xmlns:xlink="{XLINK}"' if element.tag == "svg" else ""
        kept = self._kept[element]
        written = "".join(f" {'xlink:href' if key == 'href' else key}={quoteattr(kept[key])}" for key in kept)
        out.write(f"<{element.tag}{spaces}{written}>")
        children = [child for child in element.children if child.tag != "style"]
        if element.tag in GRADIENTS and len(children) == 1:
            # of a single stop the renderer makes a plain color, which it paints along flat lines, too
            children *= 2
        for child in children:
            self._write(out, child)
        out.write(f"</{element.tag}>")

    def _attributes(self, element: Element) -> Kept:
        tag, said = element.tag, element.attributes
        kept = dict(self._styles[element])
        if tag != "symbol":
            kept.pop("overflow", None)
        if (name := said.get("id")) and self._named[name] is element:
            kept["id"] = name
        if tag == "svg":
            kept |= {key: side for key, side in zip(GEOMETRY[tag], self.size, strict=True) if side}
        for key, grammar in _OTHERS.get(tag, {}).items():
            _keep(kept, element, key, grammar)
        if tag in MOVED:
            _keep(kept, element, "transform", transform)
        if tag == "symbol" and (found := [key for key in _UNKNOWN_TO_SYMBOL if key in said]):
            raise element.bad(f"has {found[0]} at <symbol>, which is not drawn; say it at <use>")
        if (tag == "use" or tag in GRADIENTS) and "href" in said:
            kept["href"] = self._href(element)
        if tag in GRADIENTS:
            kept |= self._gradient(element)
        elif tag != "svg":
            box = None if _elsewhere(element) else self._box
            for key in GEOMETRY.get(tag, ()):
                _keep(kept, element, key, _length_of(key, box))
        if tag == "use" and "href" in kept and self._named[kept["href"][1:]].tag == "symbol":
            self._viewport(element, kept)
        return kept

    def _href(self, element: Element) -> str:
        value = element.attributes["href"].strip()
        if not value.startswith("#"):
            raise element.bad(f"refers to {value[:60]!r}; it may refer to its own parts (#...) alone")
        self._part(element, "href", value, value[1:], GRADIENTS if element.tag in GRADIENTS else _SHOWN)
        return value

    def _part(self, element: Element, key: str, value: str, name: str, tags: frozenset[str]) -> Element:
        """A part of the SVG that an attribute names."""
        found = self._named.get(name)
        if found is None or found.tag not in tags:
            what = "a shape, a group or a symbol" if tags is _SHOWN else " or ".join(f"<{tag}>" for tag in sorted(tags))
            is_it = f"#{name} is <{found.tag}>" if found else f"nothing is named #{name}"
            raise element.bad(
                f"has {key}={value[:60]!r} at <{element.tag}>, but {is_it}; it should be the id of {what}"
            )
        return found

    def _references(self, element: Element) -> Iterator[str]:
        """Names of the parts that are drawn with an element."""
        kept = self._kept[element]
        for key in ("fill", "stroke"):
            if name := referred(kept.get(key, "")):
                gradient = self._part(element, key, kept[key], name, GRADIENTS)
                if not any(one.tag == "stop" for part in self._chain(gradient) for one in part.children):
                    raise element.bad(
                        f"has {key}={kept[key]!r} at <{element.tag}>, a gradient without <stop>; give it one"
                    )
        if name := referred(kept.get("clip-path", "")):
            self._part(element, "clip-path", kept["clip-path"], name, frozenset({"clipPath"}))
            yield name
        if _refers(element, kept):
            yield kept["href"][1:]

    def _chain(self, gradient: Element) -> list[Element]:
        """A gradient, and those that it takes what it does not say from."""
        chain = [gradient]
        while "href" in chain[-1].attributes:
            following = self._named[self._href(chain[-1])[1:]]
            if following in chain or len(chain) > MAX_DEPTH:
                raise gradient.bad(f"has a gradient within itself, or gradients deeper than {MAX_DEPTH}")
            chain.append(following)
        return chain

    def _gradient(self, element: Element) -> Kept:
        """What a gradient says, or takes from those that it refers to."""
        chain = self._chain(element)
        said: Kept = {}
        for part in reversed(chain):
            lengths = GEOMETRY[element.tag] if part.tag == element.tag else ()
            said |= {key: part.attributes[key] for key in (*lengths, *_OF_GRADIENTS) if key in part.attributes}
        kept: Kept = {}
        for key, grammar in _OF_GRADIENTS.items():
            _keep(kept, element, key, grammar, said)
        box: tuple[float, float] | None = (1.0, 1.0)
        if kept.get("gradientUnits") == "userSpaceOnUse":
            box = None if _elsewhere(element) else self._box
            whole = {"x2": "100%"} if element.tag == "linearGradient" else {"cx": "50%", "cy": "50%", "r": "50%"}
            said = whole | said
        for key in GEOMETRY[element.tag]:
            _keep(kept, element, key, _length_of(key, box), said)
        if element.tag == "radialGradient":
            _check_focus(element, kept)
        return kept

    def _viewport(self, element: Element, kept: Kept) -> None:
        """Says how large a symbol is drawn: without that, it is as large as all of the SVG."""
        box = None if _elsewhere(element) else self._box
        for key in ("width", "height"):
            if key not in kept:
                if box is None:
                    raise element.bad(f"has <use> of a symbol without {key}; say it")
                kept[key] = repr(box[key == "height"])

    def _drawn(self, element: Element, depth: int, known: dict[str, int]) -> int:
        """Elements that a part draws, with those that it shows of others."""
        inside = [one for one in element.all() if one in self._shows]
        total = len(inside)
        for one in inside:
            for name in self._shows[one]:
                if name not in known:
                    if depth > MAX_DEPTH:
                        raise BadSvg(f"shows parts within parts deeper than {MAX_DEPTH}, or a part within itself")
                    known[name] = self._drawn(self._named[name], depth + 1, known)
                total += known[name]
                if total > MAX_DRAWN:
                    return total
        return total


def _refers(element: Element, kept: Kept) -> bool:
    """Whether it is a ``use`` that shows a part."""
    return element.tag == "use" and "href" in kept


def _keep(kept: Kept, element: Element, key: str, grammar: Grammar, said: Kept | None = None) -> None:
    """Takes over an attribute in the form that the renderer should have."""
    text = (element.attributes if said is None else said).get(key)
    if text is None:
        return
    try:
        value = grammar(text)
    except BadValue as error:
        shown = text if len(text) <= 40 else f"{text[:40]}..."
        raise element.bad(f"has {key}={shown!r} at <{element.tag}>; it should be {error}") from error
    if value:
        kept[key] = value


def _length_of(key: str, box: tuple[float, float] | None) -> Grammar:
    """The grammar of a length of geometry; a share of it is taken of a box."""
    full: float | None = None
    if box is not None:
        full = math.hypot(*box) * math.sqrt(0.5) if key in ("r", "fr") else box[key in _DOWN]
    return partial(length, full=full, negative=key not in NOT_NEGATIVE)


def _elsewhere(element: Element) -> bool:
    """Whether shares of an element's lengths are not of the root's view box."""
    around: Element | None = element
    while around is not None:
        if around.tag == "symbol" or around.attributes.get("clipPathUnits", "").strip() == "objectBoundingBox":
            return True
        around = around.around
    return False


def _check_focus(element: Element, kept: Kept) -> None:
    """Viewers differ where the focus lies outside of the circle."""
    cx, cy, radius = (float(kept.get(key, "0.5")) for key in ("cx", "cy", "r"))
    fx, fy, fr = float(kept.get("fx", cx)), float(kept.get("fy", cy)), float(kept.get("fr", "0"))
    if fr > radius or math.hypot(fx - cx, fy - cy) + fr > radius * (1.0 + 1e-6) > 0.0:
        raise element.bad(
            "has the focus (fx, fy, fr) of a gradient outside of its circle (cx, cy, r); it should lie inside"
        )


def _root_size(root: Element, style: Kept) -> tuple[str, str]:
    """Width and height of the root, as written; its style wins."""
    for key in GEOMETRY["svg"]:
        if key in style:
            root.attributes[key] = style.pop(key)
        if root.attributes.get(key, "").strip().lower() in ("", "auto", *EVERYWHERE):
            root.attributes.pop(key, None)
        _keep({}, root, key, _length_of(key, (0.0, 0.0)))
    return root.attributes.get("width", "").strip(), root.attributes.get("height", "").strip()


def _root_box(root: Element, size: tuple[str, str]) -> tuple[float, float] | None:
    """Width and height in user units, where they are known.

    Raises:
        BadSvg: the root has another shape than its view box, so that viewers stretch it or leave bare edges.
    """
    kept: Kept = {}
    _keep(kept, root, "viewBox", view_box)
    sides = [None if side.endswith("%") or not side else float(length(side)) for side in size]
    width, height = (side or None for side in sides)
    if not kept:
        return (width, height) if width and height else None
    _, _, wide, high = (float(one) for one in numbers(kept["viewBox"]))
    if width and height and abs(width / height * high / wide - 1.0) > _ASPECT:
        raise root.bad(
            f"is {' x '.join(size)} with the view box {kept['viewBox']}; both should have the same proportions"
        )
    return wide, high
