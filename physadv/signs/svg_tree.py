"""The elements of an SVG that may be drawn, within limits; all others are left out or refused by name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from xml.parsers import expat

from physadv.signs.svg_properties import CONDITIONS, ELEMENTS, NOT_EMPTY
from physadv.signs.svg_values import BadSvg

MAX_ELEMENTS = 20_000
MAX_DEPTH = 100

SVG, XLINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
_UNSEEN = frozenset({"title", "desc", "metadata"})
_INSTEAD = {
    "text": "convert text to paths, for fonts are not read",
    "tspan": "convert text to paths, for fonts are not read",
    "image": "draw it with paths",
    "filter": "draw it without effects",
}


@dataclass(eq=False)
class Element:
    """An element as it is written.

    Attributes:
        tag: its name.
        line: where it begins.
        attributes: those of SVG, and ``href``.
        around: what it lies in.
        children: what lies in it.
        text: of a style sheet.
        text_line: where that begins.
    """

    tag: str
    line: int
    attributes: dict[str, str]
    around: Element | None
    children: list[Element] = field(default_factory=list)
    text: str = ""
    text_line: int = 0

    def all(self) -> Iterator[Element]:
        """It, and all that lies in it, in the order of the file."""
        waiting = [self]
        while waiting:
            one = waiting.pop()
            yield one
            waiting.extend(reversed(one.children))

    def bad(self, what: str) -> BadSvg:
        """The fault, with its line."""
        return BadSvg(f"{what} (line {self.line})")


class _Reader:
    def __init__(self) -> None:
        self.parser = expat.ParserCreate("utf-8", namespace_separator=" ")
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text
        self.parser.EntityDeclHandler = self._entity
        self.parser.ProcessingInstructionHandler = self._instruction
        self.root: Element | None = None
        self.open: list[Element] = []
        self.hidden = 0
        self.count = 0

    def bad(self, what: str) -> BadSvg:
        return BadSvg(f"{what} (line {self.parser.CurrentLineNumber})")

    def _entity(self, *_: Any) -> None:
        raise self.bad("declares an entity; save it as plain SVG")

    def _instruction(self, target: str, _: str) -> None:
        if target == "xml-stylesheet":
            raise self.bad("refers to a style sheet of another file; it should have its styles in itself")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self.count += 1
        if self.count > MAX_ELEMENTS:
            raise self.bad(f"is beyond the {MAX_ELEMENTS:,} elements that it may have")
        space, _, tag = name.rpartition(" ")
        if self.hidden or space != SVG or tag in _UNSEEN:
            if self.root is None:
                raise self.bad(f"begins with <{tag}>; it should be <svg xmlns={SVG!r}>")
            if tag == "style" and space in (SVG, "http://www.w3.org/1999/xhtml"):
                raise self.bad("has <style> in what is not drawn; it should lie in <svg> or <defs>")
            self.hidden += 1
            return
        if tag not in ELEMENTS or (tag == "svg") is bool(self.open):
            raise self.bad(f"has <{tag}>, which is not drawn; {_INSTEAD.get(tag, 'draw it with plain shapes')}")
        if len(self.open) >= MAX_DEPTH:
            raise self.bad(f"is nested deeper than {MAX_DEPTH} elements")
        around = self.open[-1] if self.open else None
        element = Element(tag, self.parser.CurrentLineNumber, _of_svg(attributes), around)
        if found := CONDITIONS & attributes.keys():
            raise self.bad(f"has {min(found)} at <{tag}>, by which each viewer draws something else; remove it")
        if around is None:
            self.root = element
        else:
            around.children.append(element)
        self.open.append(element)

    def _end(self, _: str) -> None:
        if self.hidden:
            self.hidden -= 1
        else:
            self.open.pop()

    def _text(self, text: str) -> None:
        if self.open and self.open[-1].tag == "style" and not self.hidden:
            sheet = self.open[-1]
            sheet.text_line = sheet.text_line or self.parser.CurrentLineNumber
            sheet.text += text


def _of_svg(attributes: dict[str, str]) -> dict[str, str]:
    """Attributes of SVG, without those that say nothing when empty; of both kinds of ``href``, the one that counts."""
    kept = {
        name: value for name, value in attributes.items() if " " not in name and (value.strip() or name in NOT_EMPTY)
    }
    if (old := attributes.get(f"{XLINK} href", "")) and "href" not in attributes:
        kept["href"] = old
    return kept


def read_tree(svg: str) -> Element:
    """The root of an SVG.

    Raises:
        BadSvg: it is not XML, is too large or too deep, or has an element that is not drawn.
    """
    reader = _Reader()
    try:
        reader.parser.Parse(svg.encode("utf-8"), True)
    except expat.ExpatError as error:
        what = f"line {error.lineno}: {expat.ErrorString(error.code)}"
        raise BadSvg(f"is not an SVG that can be drawn ({what})") from error
    except UnicodeEncodeError as error:
        raise BadSvg("is not an SVG that can be drawn (not text)") from error
    assert reader.root is not None  # expat refuses a file without an element
    return reader.root
