"""The styles of an SVG: which rule counts for which element is settled here; the renderer sees attributes alone.

Selectors of names, classes and ids are known, alone, in one another (``g .a``) or as children (``g > .a``); none
may reach from outside into what a ``use`` shows, for a browser sees no more than that part there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, TypeAlias

import tinycss2

from physadv.signs.svg_properties import (
    ATTRIBUTES_ONLY,
    EVERYWHERE,
    GEOMETRY,
    GRADIENTS,
    OF_CSS,
    ONLY,
    PROPERTIES,
    without_effect,
)
from physadv.signs.svg_tree import Element
from physadv.signs.svg_values import BadSvg, BadValue, length

MAX_SHEET = 500_000
"""Characters of all style sheets."""
MAX_INLINE = 20_000
"""Characters of a style at an element."""
MAX_TRIED = 5_000_000
"""Selectors and declarations that are tried at elements."""
_SELECTORS = "names, .classes and #ids, alone, in one another ('g .a') or as children ('g > .a')"
_APART = GRADIENTS | {"defs", "symbol", "clipPath"}
"""Elements that are not drawn where they lie."""
_INSTEAD = {"transform": "write it as the attribute transform", "d": "write it as the attribute d"}

Key: TypeAlias = tuple[bool, int, tuple[int, int, int], int]
"""What wins over what: important, where it is said, the selector's weight, the order."""


@dataclass(frozen=True)
class Declaration:
    """A property with its value as the renderer should have it; None where it is as if nothing was said."""

    name: str
    value: str | None
    important: bool = False


@dataclass(frozen=True)
class _Part:
    """One step of a selector."""

    tag: str = ""
    id: str = ""
    classes: frozenset[str] = frozenset()
    child: bool = False
    """Whether it lies right in the step before."""

    def fits(self, element: Element, classes: frozenset[str]) -> bool:
        return (
            self.tag in ("", element.tag)
            and self.id in ("", element.attributes.get("id", ""))
            and self.classes <= classes
        )


@dataclass(frozen=True)
class _Rule:
    parts: tuple[_Part, ...]
    weight: tuple[int, int, int]
    order: int
    declarations: tuple[Declaration, ...]
    said: str
    """Its selectors."""
    line: int

    def fits(self, path: Sequence[tuple[Element, frozenset[str]]]) -> bool:
        """Whether it selects the last element of a path from the root."""
        here: set[int] = set()
        above: set[int] = set()
        for element, classes in path:
            above |= here
            here = {
                step + 1
                for step, part in enumerate(self.parts)
                if (step == 0 or step in (here if part.child else above)) and part.fits(element, classes)
            }
        return len(self.parts) in here


class Styles:
    """The style sheets of an SVG.

    Args:
        root: of the SVG.

    Raises:
        BadSvg: a style sheet has what is not drawn, or is too long.
    """

    def __init__(self, root: Element) -> None:
        sheets = [element for element in root.all() if element.tag == "style"]
        if (size := sum(len(sheet.text) for sheet in sheets)) > MAX_SHEET:
            raise BadSvg(f"has {size:,} characters of style sheets; it may have {MAX_SHEET:,}")
        self._by_last: dict[str, list[_Rule]] = {}
        self._stepped: dict[Element, tuple[list[_Rule], dict[str, str]]] = {}
        self._tried = 0
        count = 0
        for sheet in sheets:
            for rule in _rules(sheet):
                count += 1
                last = rule.parts[-1]
                key = f"#{last.id}" if last.id else f".{min(last.classes)}" if last.classes else last.tag
                self._by_last.setdefault(key, []).append(replace(rule, order=count))

    def of(self, element: Element, top: Element | None = None) -> dict[str, str]:
        """The properties of an element that are drawn, each with the value that wins.

        Args:
            element: of the SVG.
            top: what a ``use`` shows, of which the element is part: selectors see nothing around it.

        Raises:
            BadSvg: a value is not known, or is one that is not drawn.
        """
        won: dict[str, tuple[Key, Declaration]] = {}

        def offer(declarations: Iterable[Declaration], where: int, weight: tuple[int, int, int], order: int) -> None:
            for one in declarations:
                key = (one.important, where, weight, order)
                if one.name not in won or key >= won[one.name][0]:
                    won[one.name] = (key, one)

        offer(_presentation(element), 0, (0, 0, 0), 0)
        rules = list(self._fitting(element, top))
        for rule in rules:
            offer(rule.declarations, 1, rule.weight, rule.order)
        offer(_inline(element), 2, (0, 0, 0), 0)
        made = {name: one.value for name, (_, one) in won.items() if one.value is not None and _for(element, one)}
        if top is None and (stepped := [rule for rule in rules if len(rule.parts) > 1]):
            self._stepped[element] = stepped, made
        return made

    def check_shown(self, shown: Collection[Element]) -> None:
        """Checks that what ``use`` shows looks as it does where it is written.

        Args:
            shown: all that a ``use`` refers to.

        Raises:
            BadSvg: a selector reaches into one of them from outside, which a browser does not follow.
        """
        for element in self._stepped:
            around: Element | None = element
            while around is not None:
                if around in shown:
                    self._check_within(element, around)
                around = around.around if around.tag not in _APART else None

    def _check_within(self, element: Element, top: Element) -> None:
        rules, whole = self._stepped[element]
        inside = {rule.order for rule in self._fitting(element, top)}
        lost = [rule for rule in rules if rule.order not in inside]
        if not lost:
            return
        alone = self.of(element, top)
        changed = {name for name in whole.keys() | alone.keys() if whole.get(name) != alone.get(name)}
        for rule in lost:
            if any(one.name in changed for one in rule.declarations):
                name = f"#{top.attributes['id']}"
                raise BadSvg(
                    f"has the selector {rule.said!r} in <style>, which reaches into {name} from outside, so that <use> "
                    f"shows {name} without it; it should be one that begins in {name} (line {rule.line})"
                )

    def _fitting(self, element: Element, top: Element | None = None) -> Iterator[_Rule]:
        if not self._by_last:
            return
        path = [(element, classes := _classes(element))]
        keys = ["", element.tag, f"#{element.attributes.get('id', '')}", *(f".{one}" for one in classes)]
        while path[-1][0] is not top and (around := path[-1][0].around) is not None:
            path.append((around, _classes(around)))
        path.reverse()
        for key in keys:
            for rule in self._by_last.get(key, ()):
                self._tried += len(path) * len(rule.parts) + len(rule.declarations)
                if self._tried > MAX_TRIED:
                    raise element.bad("has too many style rules for its elements; it should have fewer")
                if rule.fits(path if len(rule.parts) > 1 else path[-1:]):
                    yield rule


def _classes(element: Element) -> frozenset[str]:
    return frozenset(element.attributes.get("class", "").split())


def _for(element: Element, one: Declaration) -> bool:
    """Whether a property counts for an element; geometry is said by attributes alone, but for the root's size."""
    if one.name not in OF_CSS:
        return True
    if element.tag == "svg":
        return one.name in GEOMETRY["svg"]
    if one.name in GEOMETRY.get(element.tag, ()) or (one.name == "d" and element.tag == "path"):
        raise element.bad(
            f"has the style {one.name}:{_shown(one.value or '')} at <{element.tag}>, which is not drawn; "
            f"write it as the attribute {one.name}"
        )
    return False


def _shown(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 40 else f"{text[:40]}..."


def _presentation(element: Element) -> Iterator[Declaration]:
    for name, text in element.attributes.items():
        if name not in PROPERTIES and name not in ATTRIBUTES_ONLY:
            continue
        try:
            yield _presented(name, text)
        except BadValue as error:
            said = f"has {name}={_shown(text)!r} at <{element.tag}>"
            raise element.bad(f"{said}, {_fault(name, error)}") from error


@lru_cache(maxsize=4096)
def _presented(name: str, text: str) -> Declaration:
    return _declaration(name, _plain(tinycss2.parse_component_value_list(text, skip_comments=True)))


def _inline(element: Element) -> tuple[Declaration, ...]:
    text = element.attributes.get("style", "")
    if len(text) > MAX_INLINE:
        raise element.bad(f"has {len(text):,} characters of style at <{element.tag}>; it may have {MAX_INLINE:,}")
    try:
        return _declared(text) if text else ()
    except _Fault as error:
        raise element.bad(f"has the style {error} at <{element.tag}>, {error.why}") from error.__cause__


class _Fault(ValueError):
    """A declaration that is not drawn."""

    def __init__(self, declaration: str, why: str, line: int) -> None:
        super().__init__(declaration)
        self.why, self.line = why, line


@lru_cache(maxsize=256)
def _declared(text: str) -> tuple[Declaration, ...]:
    return tuple(_declarations(tinycss2.parse_blocks_contents(text, skip_comments=True, skip_whitespace=True)))


def _declarations(found: Iterable[Any]) -> Iterator[Declaration]:
    for one in found:
        if one.type != "declaration":
            said = _shown(_text([one])) if one.type != "error" else f"with an error, {one.message}"
            raise _Fault(said, "which is not drawn; it should be a list of name:value;", one.source_line)
        name = one.name if one.name.startswith("--") else one.lower_name
        try:
            if name in PROPERTIES or name in ONLY or name in OF_CSS:
                yield _declaration(name, _plain(one.value), important=one.important)
            elif not without_effect(name):
                raise BadValue("")
        except BadValue as error:
            said = f"{name}:{_shown(_text(one.value))}"
            raise _Fault(said, _fault(name, error), one.source_line) from error


def _fault(name: str, error: BadValue) -> str:
    if name in PROPERTIES or name in GEOMETRY["svg"]:
        return f"which is not drawn; it should be {error}"
    if name in ONLY:
        return f"which is not drawn; {_INSTEAD.get(name, 'draw it with plain shapes')}, or make it {ONLY[name][0]}"
    return "which is not known here; remove it"


def _declaration(name: str, text: str, *, important: bool = False) -> Declaration:
    """A property with the value that the renderer is given.

    Raises:
        BadValue: with what it should be.
    """
    word = text.lower()
    if name in ONLY:
        if word not in (*ONLY[name], *EVERYWHERE):
            raise BadValue(" or ".join(ONLY[name]))
        return Declaration(name, None, important)
    if name in OF_CSS:
        if name in GEOMETRY["svg"] and word not in ("auto", *EVERYWHERE):
            length(text, 0.0, negative=False)
        return Declaration(name, text, important)
    known = PROPERTIES[name]
    if word == "inherit" and not known.inherited:
        raise BadValue("said at the element itself")
    if word in EVERYWHERE:
        initial = word == "initial" and known.inherited
        return Declaration(name, known.initial if initial else None, important)
    if name == "color" and word == "currentcolor":
        return Declaration(name, None, important)
    return Declaration(name, known.grammar(text), important)


def _plain(tokens: Iterable[Any]) -> str:
    """The text of a value without comments and without functions in functions."""
    kept = []
    for token in tokens:
        inside: Any = getattr(token, "arguments", None) or getattr(token, "content", ())
        if token.type.endswith("block") or any(hasattr(one, "arguments") or hasattr(one, "content") for one in inside):
            raise BadValue("a plain value, without calc(), var() or brackets")
        if token.type == "error":
            raise BadValue("a plain value")
        if token.type != "comment":
            kept.append(token)
    return _text(kept).strip()


def _text(tokens: Sequence[Any]) -> str:
    try:
        return str(tinycss2.serialize(tokens))
    except RecursionError:  # brackets in brackets
        return "..."


def _rules(sheet: Element) -> Iterator[_Rule]:
    """The rules of a style sheet, one for each selector."""
    kind, media = (sheet.attributes.get(name, "").strip().lower() for name in ("type", "media"))
    if kind not in ("", "text/css") or media not in ("", "all", "screen"):
        raise sheet.bad("has <style> of another type or medium; it should be CSS for all")
    for rule in tinycss2.parse_stylesheet(sheet.text, skip_comments=True, skip_whitespace=True):
        line = max(sheet.text_line, sheet.line) + rule.source_line - 1

        def bad(what: str, line: int = line) -> BadSvg:
            return BadSvg(f"{what} (line {line})")

        if rule.type == "at-rule":
            if rule.lower_at_keyword == "charset":
                continue
            raise bad(f"has @{rule.at_keyword} in <style>, which is not read; write plain rules")
        if rule.type != "qualified-rule":
            raise bad(f"has an error in <style> ({rule.message}); it should be rules such as .a{{fill:#fff}}")
        try:
            parts = list(_selectors(rule.prelude))
        except BadValue as error:
            said = _shown(_text(rule.prelude))
            raise bad(f"has the selector {said!r} in <style>, which is not known here; it should be {error}") from error
        try:
            content = tinycss2.parse_blocks_contents(rule.content, skip_comments=True, skip_whitespace=True)
            declared = tuple(_declarations(content))
        except _Fault as error:
            inside = max(sheet.text_line, sheet.line) + error.line - 1
            raise bad(f"has the style {error} in <style>, {error.why}", inside) from error.__cause__
        said = _shown(_text(rule.prelude))
        for one in parts:
            ids, tags = sum(bool(part.id) for part in one), sum(bool(part.tag) for part in one)
            weight = (ids, sum(len(part.classes) for part in one), tags)
            yield _Rule(one, weight, 0, declared, said, line)


def _selectors(tokens: Iterable[Any]) -> Iterator[tuple[_Part, ...]]:
    """The selectors that commas separate."""
    group: list[Any] = []
    for token in [*tokens, None]:
        if token is not None and token != ",":
            group.append(token)
            continue
        parts: list[_Part] = []
        child = gap = False
        while group and group[-1].type == "whitespace":
            group.pop()
        at = 0
        while at < len(group):
            one = group[at]
            at += 1
            if one.type == "whitespace":
                gap = True
            elif one == ">" and parts and not child:
                child = True
            else:
                new = not parts or child or gap
                following = group[at] if one == "." and at < len(group) else None
                at += following is not None
                part = _with(_Part(child=child) if new else parts.pop(), one, following, begins=new)
                parts.append(part)
                child = gap = False
        if not parts or child:
            raise BadValue(_SELECTORS)
        yield tuple(parts)
        group = []


def _with(part: _Part, token: Any, following: Any, *, begins: bool) -> _Part:
    """A step with one more name, class or id."""
    if token == "*" and begins:
        return part
    if token.type == "ident" and begins:
        return _Part(token.value, child=part.child)
    if token == "." and following is not None and following.type == "ident":
        return _Part(part.tag, part.id, part.classes | {following.value}, part.child)
    if token.type == "hash" and token.is_identifier and part.id in ("", token.value):
        return _Part(part.tag, token.value, part.classes, part.child)
    raise BadValue(_SELECTORS)
