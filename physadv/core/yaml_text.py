"""YAML, strictly: what is written is kept beside what it stands for; all that is wrong is a :class:`yaml.YAMLError`.

YAML 1.1 turns ``off`` into false, ``1:30`` into 90, ``8_13`` into 813 and ``2024-01-01`` into a date, and leaves
``1e-3`` as text. A class of that name would reach us as something else. So a scalar without quotes is one of three
things here:

- a number by YAML 1.2's core schema (``30``, ``00010``, ``0x1F``, ``1e-3``, ``.inf``): :class:`WrittenInt` or
  :class:`WrittenFloat`, numbers that know how they were written;
- ``true``, ``false``, ``null``, ``~`` or nothing: :class:`Word`, a text that knows what else it may mean;
- any other: text.

Which of its meanings counts is for the field to say that it is read into (:mod:`physadv.core.field_values`).
Keys of mappings are text, as written.
"""

from __future__ import annotations

import re
from collections.abc import Hashable
from typing import Any

import yaml
from yaml.constructor import ConstructorError

MAX_VALUES = 1_000_000
"""Values of a text, each counted as often as aliases repeat it: more would fill the memory."""
_MAX_DIGITS = 300
"""Of a whole number; a longer one is larger than any float, and is text."""
HALF_LETTER = re.compile(r"[\ud800-\udfff]")
"""What escapes such as \\ud800 stand for alone; no text in UTF-8 can hold it."""
_PREFIX = "tag:yaml.org,2002:"
_PLAIN = "tag:physadv,plain"
_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_SPECIAL = re.compile(r"([-+]?)\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_WORDS = {"null": None, "Null": None, "NULL": None, "~": None, "": None, "true": True, "True": True, "TRUE": True}
_WORDS |= {"false": False, "False": False, "FALSE": False}


class WrittenInt(int):
    """A whole number, and how it was written."""

    written: str


class WrittenFloat(float):
    """A real number, and how it was written."""

    written: str


class Word(str):
    """``true``, ``false``, ``null``, ``~`` or nothing, without quotes: text that may stand for something else."""

    __slots__ = ()

    @property
    def value(self) -> bool | None:
        """What it stands for where text is not asked for."""
        return _WORDS[self]


def written(value: object) -> str | None:
    """How a number, or a word that stands for something, was written in its file; None for any other value."""
    if isinstance(value, (WrittenInt, WrittenFloat)):
        return value.written
    return str(value) if isinstance(value, Word) else None


def scalar(text: str) -> str | WrittenInt | WrittenFloat:
    """What a scalar without quotes stands for (see this module)."""
    if text in _WORDS:
        return Word(text)
    number = _number(text)
    return text if number is None else number


def _number(text: str) -> WrittenInt | WrittenFloat | None:
    if len(text) > _MAX_DIGITS:
        return None
    made: WrittenInt | WrittenFloat
    if _INT.fullmatch(text):
        made = WrittenInt(text, 0 if text.startswith(("0o", "0x")) else 10)
    elif _FLOAT.fullmatch(text):
        made = WrittenFloat(text)
    elif special := _SPECIAL.fullmatch(text):
        made = WrittenFloat("nan" if special[3] else f"{special[1]}inf")
    else:
        return None
    made.written = text
    return made


class _Loader(yaml.SafeLoader):
    """PyYAML's grammar with our scalars; no tag but those of text, numbers, lists and mappings."""

    yaml_implicit_resolvers = {  # noqa: RUF012 (PyYAML's own attribute)
        "<": [(f"{_PREFIX}merge", re.compile("<<"))],
        None: [(_PLAIN, re.compile(r"(?s:.*)"))],
    }
    yaml_constructors = {}  # noqa: RUF012

    def get_single_data(self) -> Any:
        node = self.get_single_node()
        if node is None:
            return Word("")
        _count(node)
        return self.construct_document(node)

    def text(self, node: yaml.ScalarNode) -> Any:
        return self.construct_scalar(node)

    def items(self, node: yaml.SequenceNode) -> Any:
        return self.construct_sequence(node, deep=True)

    def mapping(self, node: yaml.MappingNode) -> Any:
        return self.construct_mapping(node, deep=True)

    def plain(self, node: yaml.ScalarNode) -> Any:
        return scalar(self.construct_scalar(node))

    def told(self, node: yaml.ScalarNode) -> Any:
        """A scalar whose tag says what it should be."""
        text, tag = self.construct_scalar(node), node.tag.removeprefix(_PREFIX)
        value = scalar(text)
        if tag in ("int", "float"):
            fits = isinstance(value, WrittenInt if tag == "int" else (WrittenInt, WrittenFloat))
        else:
            fits = isinstance(value, Word) and (value.value is None) == (tag == "null")
        if not fits:
            raise ConstructorError(None, None, f"{text!r} is no !!{tag}", node.start_mark)
        return value

    def unknown(self, node: yaml.Node) -> Any:
        tag = node.tag.replace(_PREFIX, "!!")
        raise ConstructorError(None, None, f"tag {tag} has no meaning here", node.start_mark)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """A mapping whose keys are all different, and text as it was written.

        PyYAML's own keeps the last of equal ones without a word.
        """
        if not isinstance(node, yaml.MappingNode):
            raise ConstructorError(None, None, "expected a mapping", node.start_mark)
        seen: set[str] = set()
        for key, _ in node.value:
            if key.tag == f"{_PREFIX}merge":
                continue
            if not isinstance(key, yaml.ScalarNode):
                raise ConstructorError(None, None, "a key should be text", key.start_mark)
            if key.value in seen:
                raise ConstructorError(None, None, f"key {key.value!r} is given twice in one mapping", key.start_mark)
            seen.add(key.value)
        self.flatten_mapping(node)
        return {key.value: self.construct_object(value, deep=deep) for key, value in node.value}


_Loader.add_constructor(_PLAIN, _Loader.plain)
_Loader.add_constructor(f"{_PREFIX}str", _Loader.text)
_Loader.add_constructor(f"{_PREFIX}seq", _Loader.items)
_Loader.add_constructor(f"{_PREFIX}map", _Loader.mapping)
for _tag in ("int", "float", "bool", "null"):
    _Loader.add_constructor(f"{_PREFIX}{_tag}", _Loader.told)
_Loader.add_constructor(None, _Loader.unknown)


def _count(node: yaml.Node) -> None:
    """Refuses a text that aliases make endless, or too large to go through, or that cannot be written again."""
    sizes: dict[yaml.Node, int] = {}

    def size(node: yaml.Node, above: frozenset[yaml.Node]) -> int:
        if node in above:
            raise ConstructorError(None, None, "an alias stands for a value that it is part of", node.start_mark)
        if isinstance(node, yaml.ScalarNode) and (half := HALF_LETTER.search(node.value)):
            raise ConstructorError(None, None, f"{half[0]!r} is half of a letter", node.start_mark)
        if node not in sizes:
            parts: list[yaml.Node] = []
            if isinstance(node, yaml.MappingNode):
                parts = [part for pair in node.value for part in pair]
            elif isinstance(node, yaml.SequenceNode):
                parts = node.value
            inside = above | {node} if parts else above
            sizes[node] = 1 + sum(size(part, inside) for part in parts)
            if sizes[node] > MAX_VALUES:
                raise ConstructorError(None, None, f"more than {MAX_VALUES:,} values", node.start_mark)
        return sizes[node]

    size(node, frozenset())


def parse_yaml(text: str) -> Any:
    """The value that a YAML text stands for: mappings, lists, text, and scalars as this module has them.

    Raises:
        yaml.YAMLError: it is not YAML, has a tag that means nothing here, a key twice, or is nested too deep or too
            large to be read.
    """
    try:
        return yaml.load(text, _Loader)
    except ValueError as error:
        raise yaml.MarkedYAMLError(problem=str(error)) from error
    except RecursionError as error:
        raise yaml.MarkedYAMLError(problem="nested too deep") from error


class _Dumper(yaml.SafeDumper):
    """PyYAML's own, which knows no numbers and texts of ours."""


def _text_node(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    """Text, in quotes where it would be read as something else without."""
    return dumper.represent_scalar(f"{_PREFIX}str", text, style=None if type(scalar(text)) is str else "'")


_Dumper.add_representer(str, _text_node)
_Dumper.add_representer(WrittenInt, lambda dumper, value: dumper.represent_int(int(value)))
_Dumper.add_representer(WrittenFloat, lambda dumper, value: dumper.represent_float(float(value)))
_Dumper.add_representer(Word, lambda dumper, value: dumper.represent_data(value.value))


def dump_yaml(data: Any, *, width: int = 110) -> str:
    """Plain data as YAML that :func:`parse_yaml` reads back: keys in their order, any script as it is."""
    text: str = yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=width)
    return text
