"""What a value of a file means is for the field to say that it is read into.

``off``, ``00010`` and ``null`` are text for a field of text, ``0x1F`` is a number for a field of numbers, ``true`` is
no number for anyone. Pydantic is lax where Python is: true is 1 to it. :func:`settled` goes through a value and the
type of its field together, before Pydantic sees it, and puts in place of each scalar what it means there.
"""

from __future__ import annotations

import types
from collections.abc import Collection, Mapping, Sequence
from functools import cache
from pathlib import PurePath
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

from physadv.core.yaml_text import Word, WrittenFloat, WrittenInt, written

_WHOLE = frozenset({str, int, float, type(None)})
"""Types of values that mean the same wherever they stand."""


def settled(value: Any, kind: Any) -> Any:
    """``value`` with its scalars as the type ``kind`` of its field has them; what fits no type is left to Pydantic.

    Args:
        value: as read from YAML (:mod:`physadv.core.yaml_text`), JSON or given in Python.
        kind: a type, as annotations have it.
    """
    if type(value) in _WHOLE:
        return value
    if isinstance(value, (bool, Word, WrittenInt, WrittenFloat)):
        return _scalar(value, members(kind))
    if isinstance(value, (list, tuple)):
        kinds = members(kind)
        parts = [settled(part, _item(kinds, place)) for place, part in enumerate(value)]
        return tuple(parts) if isinstance(value, tuple) and not hasattr(value, "_fields") else parts
    if isinstance(value, dict):
        kinds = members(kind)
        if any(_is(one, BaseModel) for one in kinds):
            return value  # settled by its own model, whichever that is
        below = _below(kinds)
        return {key: settled(part, below) for key, part in value.items()}
    return value


def _scalar(value: Any, kinds: tuple[Any, ...]) -> Any:
    """A number or word as one of the types has it."""
    meant = value.value if isinstance(value, Word) else value
    texts = any(_is(one, str) or _is(one, PurePath) for one in kinds)
    numbers = any(_is(one, int) or _is(one, float) for one in kinds if one is not bool)
    anything = any(one in (Any, object) for one in kinds)
    if meant is None:
        return None if type(None) in kinds or anything or not texts else str(value)
    if isinstance(meant, bool):
        if bool in kinds or anything:
            return meant
        if not texts:
            return Word(str(meant).lower())  # no number, which is what Pydantic would make of true
        return str(value) if isinstance(value, Word) else value
    return written(value) if texts and not numbers and not anything else value


@cache
def members(kind: Any) -> tuple[Any, ...]:
    """The types that a value of type ``kind`` may have: a union's one by one, a literal's values' types."""
    origin = get_origin(kind)
    if origin is Annotated:
        return members(get_args(kind)[0])
    if settles := getattr(origin or kind, "__settled_as__", None):  # of a type that Pydantic makes of such values
        return members(settles)
    if origin in (Union, types.UnionType):
        return tuple(found for part in get_args(kind) for found in members(part))
    if origin is Literal:
        return tuple({type(one) for one in get_args(kind)})
    return (kind,)


@cache
def _item(kinds: tuple[Any, ...], place: int) -> Any:
    """The type of the item at a place of a list that may be of any of the types."""
    found: list[Any] = []
    for kind in kinds:
        parts = get_args(kind)
        if _is(kind, Collection) and not _is(kind, Mapping) and parts:
            same = len(parts) == 1 or parts[-1] is Ellipsis
            found += [parts[0]] if same else parts[place : place + 1]
        elif kind in (Any, object):
            found.append(kind)
    return _union(found)


@cache
def _below(kinds: tuple[Any, ...]) -> Any:
    """The type of the values of a mapping that may be of any of the types."""
    found = [get_args(kind)[1] for kind in kinds if _is(kind, Mapping) and get_args(kind)]
    return _union([*found, *(kind for kind in kinds if kind in (Any, object))])


def _union(kinds: Sequence[Any]) -> Any:
    """Any of the types; a type that says nothing where there are none."""
    return Union[tuple(kinds)] if kinds else types.EllipsisType  # noqa: UP007 (of types that are known only here)


def _is(kind: Any, base: type) -> bool:
    found = get_origin(kind) or kind
    return isinstance(found, type) and issubclass(found, base)
