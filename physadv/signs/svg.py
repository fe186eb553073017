"""SVG that anybody may have written: an allow-list of what is drawn, limits, and a process of its own to draw it in.

What is drawn is what has been checked: the elements and attributes that are allowed are written anew, and nothing else
reaches the renderer. Text, pictures, filters, masks, patterns, markers, scripts and references to other files are
refused by name, so that no artwork depends on fonts or files that are not part of it.
"""

from __future__ import annotations

import io
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

import numpy as np
import numpy.typing as npt
import resvg_py
from PIL import Image

from physadv.core.files import bundled

MAX_CHARACTERS = 4_000_000
MAX_ELEMENTS = 20_000
MAX_DRAWN = 50_000
"""Elements once every ``use`` and ``clip-path`` has been followed."""
MAX_DEPTH = 100
MAX_SECONDS = 30
_MAX_BYTES = 2_000_000_000
"""Of memory, where the system can bound it."""

_SVG, _XLINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
_SHAPES = frozenset({"path", "rect", "circle", "ellipse", "line", "polyline", "polygon"})
_ELEMENTS = (
    _SHAPES
    | {"svg", "g", "defs", "symbol", "use", "clipPath", "style"}
    | {
        *("linearGradient", "radialGradient", "stop"),
    }
)
_UNSEEN = frozenset({"title", "desc", "metadata"})
_INSTEAD = {
    "text": "convert text to paths, for fonts are not read",
    "tspan": "convert text to paths, for fonts are not read",
    "image": "draw it with paths",
    "filter": "draw it without effects",
}
_ATTRIBUTES = frozenset(
    {"id", "class", "style", "transform", "href", "viewBox", "preserveAspectRatio", "width", "height", "x", "y"}
    | {"d", "points", "x1", "y1", "x2", "y2", "cx", "cy", "r", "rx", "ry", "fx", "fy", "fr", "offset"}
    | {"gradientUnits", "gradientTransform", "spreadMethod", "clipPathUnits", "overflow"}
    | {"fill", "fill-opacity", "fill-rule", "stroke", "stroke-width", "stroke-opacity", "stroke-linecap"}
    | {"stroke-linejoin", "stroke-miterlimit", "vector-effect", "paint-order", "opacity", "color", "display"}
    | {"visibility", "clip-path", "clip-rule", "stop-color", "stop-opacity", "shape-rendering", "isolation"}
)
_NOT_DRAWN = re.compile(
    r"(?:^|[;{\s/])(filter|mask|mask-image|marker(?:-start|-mid|-end)?|stroke-dasharray|mix-blend-mode|"
    r"background-image)\s*:\s*(?!(?:none|normal)\b)",
    re.IGNORECASE,
)
_REFUSED = {"filter", "mask", "marker", "marker-start", "marker-mid", "marker-end", "stroke-dasharray"}
_OTHER_FILE = re.compile(r"url\(\s*(?![\s'\"]*#)|@import|@font-face|\\", re.IGNORECASE)
_LOCAL = re.compile(r"url\(\s*['\"]?#([^)'\"\s]+)", re.IGNORECASE)
_CLIP = re.compile(r"clip-path\s*:\s*([^;}]*)", re.IGNORECASE)
_RULE = re.compile(r"([^{}]*)\{([^{}]*)\}")

_CHILD = """
import sys
try:
    import resource
    resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[3]),) * 2)
except Exception:  # a system without limits
    pass
sys.path.append(sys.argv[1])
import resvg_py
side = int(sys.argv[2])
svg = sys.stdin.buffer.read().decode("utf-8")
try:
    made = resvg_py.svg_to_bytes(svg_string=svg, width=side, height=side, skip_system_fonts=True)
except ValueError as error:
    sys.exit("ValueError " + " ".join(str(error).split()))
sys.stdout.buffer.write(bytes(made))
"""


class BadSvg(ValueError):
    """Why an SVG is not drawn; the message follows the name of what it is."""


@dataclass(frozen=True)
class Drawing:
    """An SVG that may be drawn.

    Attributes:
        text: with only what is allowed.
        view_box: of the root, as written; empty where it has none.
        size: width and height of the root, as written.
    """

    text: str
    view_box: str
    size: tuple[str, str]

    def boxed(self, view_box: str) -> Drawing:
        """The same drawing in another view box."""
        root, rest = self.text.split(">", 1)
        attributes = re.sub(r"\s(viewBox|width|height|preserveAspectRatio)=(\"[^\"]*\"|'[^']*')", "", root)
        return Drawing(f"{attributes} viewBox={quoteattr(view_box)}>{rest}", view_box, ("", ""))

    def sized(self, side_px: int) -> str:
        """The text with its root as large as the picture: the renderer would round another size to whole pixels."""
        root, rest = self.text.split(">", 1)
        attributes = re.sub(r"\s(width|height)=(\"[^\"]*\"|'[^']*')", "", root)
        return f'{attributes} width="{side_px}" height="{side_px}">{rest}' if self.view_box else self.text


@dataclass
class _Node:
    """An element with what it shows of others."""

    count: int = 0
    shows: list[str] = field(default_factory=list)


class _Reader:
    """Writes anew what is allowed, and keeps count."""

    def __init__(self) -> None:
        self.parser = expat.ParserCreate("utf-8", namespace_separator=" ")
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text
        self.parser.EntityDeclHandler = self._entity
        self.out = io.StringIO()
        self.root: dict[str, str] = {}
        self.open: list[str] = []
        self.hidden = 0
        self.count = 0
        self.styles: list[str] = []
        self.named: dict[str, _Node] = {}
        self.inside: list[_Node] = []
        self.classes: list[tuple[_Node, list[str]]] = []
        self.whole = _Node()

    def read(self, svg: str) -> Drawing:
        """What is allowed of it.

        Raises:
            BadSvg: it is not XML, or has something that is not drawn.
        """
        try:
            self.parser.Parse(svg.encode("utf-8"), True)
        except expat.ExpatError as error:
            what = f"line {error.lineno}: {expat.ErrorString(error.code)}"
            raise BadSvg(f"is not an SVG that can be drawn ({what})") from error
        except UnicodeEncodeError as error:
            raise BadSvg("is not an SVG that can be drawn (not text)") from error
        self._style_references()
        if (drawn := self._drawn(self.whole, 0, {})) > MAX_DRAWN:
            raise BadSvg(f"draws {drawn:,} elements through references; it may draw {MAX_DRAWN:,}")
        size = (self.root.get("width", ""), self.root.get("height", ""))
        return Drawing(self.out.getvalue(), self.root.get("viewBox", ""), size)

    def _bad(self, what: str) -> BadSvg:
        return BadSvg(f"{what} (line {self.parser.CurrentLineNumber})")

    def _entity(self, *_: Any) -> None:
        raise self._bad("declares an entity; save it as plain SVG")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self.count += 1
        if self.count > MAX_ELEMENTS:
            raise self._bad(f"is beyond the {MAX_ELEMENTS:,} elements that it may have")
        space, _, tag = name.rpartition(" ")
        if self.hidden or space != _SVG or tag in _UNSEEN:
            if not self.open:
                raise self._bad(f"begins with <{tag}>; it should be <svg xmlns={_SVG!r}>")
            self.hidden += 1
            return
        if tag not in _ELEMENTS or (tag == "svg") is bool(self.open):
            raise self._bad(f"has <{tag}>, which is not drawn; {_INSTEAD.get(tag, 'draw it with plain shapes')}")
        if len(self.open) >= MAX_DEPTH:
            raise self._bad(f"is nested deeper than {MAX_DEPTH} elements")
        kept = self._attributes(tag, attributes)
        if not self.open:
            self.root = kept
        self._count(tag, kept)
        self.open.append(tag)
        named = f' xmlns="{_SVG}" xmlns:xlink="{_XLINK}"' if tag == "svg" else ""
        written = "".join(
            f" {'xlink:href' if key == 'href' else key}={quoteattr(value)}" for key, value in kept.items()
        )
        self.out.write(f"<{tag}{named}{written}>")

    def _attributes(self, tag: str, attributes: dict[str, str]) -> dict[str, str]:
        kept = {}
        for name, value in attributes.items():
            space, _, key = name.rpartition(" ")
            if key in _REFUSED and not space and value.strip() not in ("", "none"):
                raise self._bad(f"has {key}={value[:40]!r} at <{tag}>, which is not drawn; draw it with plain shapes")
            if key not in _ATTRIBUTES or space not in ("", _XLINK) or (space and key != "href"):
                continue
            if key == "href" and not value.strip().startswith("#"):
                raise self._bad(f"refers to {value[:60]!r}; it may refer to its own parts (#...) alone")
            self._check_css(value if key == "style" else f"{key}:{value}" if "url" in value.lower() else "")
            kept[key] = value.strip() if key == "href" else value
        return kept

    def _check_css(self, css: str) -> None:
        if found := _OTHER_FILE.search(css):
            shown = css[found.start() : found.start() + 60].strip()
            raise self._bad(f"refers to {shown!r}; it may refer to its own parts (#...) alone")
        if effect := _NOT_DRAWN.search(css):
            raise self._bad(f"has the style {effect[1]}, which is not drawn; draw it with plain shapes")

    def _count(self, tag: str, kept: dict[str, str]) -> None:
        node = self.named.setdefault(kept["id"], _Node()) if "id" in kept else _Node()
        for around in self.inside:
            around.count += 1
        node.count += 1
        self.whole.count += 1
        shown = [kept["href"][1:]] if tag == "use" and "href" in kept else []
        shown += _LOCAL.findall(kept.get("clip-path", ""))
        shown += [name for part in _CLIP.findall(kept.get("style", "")) for name in _LOCAL.findall(part)]
        for around in (*self.inside, node, self.whole):
            around.shows += shown
            self.classes.append((around, kept.get("class", "").split()))
        self.inside.append(node)

    def _end(self, name: str) -> None:
        if self.hidden:
            self.hidden -= 1
            return
        self.inside.pop()
        tag = self.open.pop()
        if tag == "style":
            self._check_css(self.styles[-1] if self.styles else "")
        self.out.write(f"</{tag}>")

    def _text(self, text: str) -> None:
        if self.open and self.open[-1] == "style" and not self.hidden:
            self.styles.append((self.styles.pop() if self.styles else "") + text)
            self.out.write(escape(text))

    def _style_references(self) -> None:
        """What the rules of style sheets clip by counts for every element of the rule's classes, or for all."""
        by_class: dict[str, list[str]] = {}
        for selector, rule in _RULE.findall("".join(self.styles)):
            names = [name for part in _CLIP.findall(rule) for name in _LOCAL.findall(part)]
            for one in re.findall(r"\.([\w-]+)", selector) or [""]:
                by_class.setdefault(one, []).extend(names)
        if any(by_class.values()):
            for node, classes in self.classes:
                node.shows += [name for one in ("", *classes) for name in by_class.get(one, [])]

    def _drawn(self, node: _Node, depth: int, known: dict[str, int]) -> int:
        """Elements that a part draws, with those that it shows of others."""
        total = node.count
        for name in node.shows:
            if name not in known:
                if depth > MAX_DEPTH:
                    raise BadSvg(f"shows parts within parts deeper than {MAX_DEPTH}, or a part within itself")
                known[name] = self._drawn(self.named[name], depth + 1, known) if name in self.named else 0
            total += known[name]
            if total > MAX_DRAWN:
                return total
        return total


@lru_cache(maxsize=16)
def checked(svg: str) -> Drawing:
    """An SVG with only what may be drawn.

    Raises:
        BadSvg: it is not an SVG, is too large or too deep, or has what is not drawn; with its line.
    """
    if len(svg) > MAX_CHARACTERS:
        raise BadSvg(f"has {len(svg):,} characters; it may have {MAX_CHARACTERS:,}")
    return _Reader().read(svg)


def draw(drawing: Drawing, side_px: int, *, trusted: bool = False) -> npt.NDArray[np.uint8]:
    """The drawing as ``[side_px, side_px, 4]`` uint8, sRGB-encoded, straight alpha.

    Args:
        drawing: from :func:`checked`.
        side_px: of the square picture.
        trusted: it comes with physadv; others are drawn in a process of their own, with limits.

    Raises:
        BadSvg: it cannot be drawn, or not within the limits.
    """
    text = drawing.sized(side_px)
    data = _here(text, side_px) if trusted or not sys.executable else _apart(text, side_px)
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGBA"))


def _here(text: str, side_px: int) -> bytes:
    try:
        return bytes(resvg_py.svg_to_bytes(svg_string=text, width=side_px, height=side_px, skip_system_fonts=True))
    except ValueError as error:
        raise BadSvg(f"is not an SVG that can be drawn ({' '.join(str(error).split())})") from error


def _apart(text: str, side_px: int) -> bytes:
    packages = str(Path(str(resvg_py.__file__)).resolve().parents[1])
    words = [sys.executable, "-I", "-c", _CHILD, packages, str(side_px), str(_MAX_BYTES + 16 * side_px**2)]
    try:
        done = subprocess.run(words, input=text.encode("utf-8"), capture_output=True, timeout=MAX_SECONDS, check=False)
    except subprocess.TimeoutExpired as error:
        raise BadSvg(f"is not drawn within {MAX_SECONDS} s; make it simpler") from error
    if done.returncode == 0 and done.stdout:
        return done.stdout
    said = done.stderr.decode("utf-8", "replace").strip()
    if said.startswith("ValueError "):
        raise BadSvg(f"is not an SVG that can be drawn ({said.removeprefix('ValueError ')})")
    raise BadSvg("is not drawn: the renderer ends, or needs too much memory; make it simpler")


@lru_cache(maxsize=1)
def shipped() -> frozenset[str]:
    """The artwork that comes with physadv."""
    return frozenset(_texts())


def _texts() -> Iterator[str]:
    for path in sorted(bundled("sign_data").glob("*/*.svg")):
        yield path.read_text(encoding="utf-8")
