"""From the words of a command to what its callee is given, without doing the work."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import typer

from physadv.cli.app import app
from physadv.core.named import Reference

Place = str | Callable[[dict[str, Any]], Any]
"""Where a callee's arguments have a value: names and numbers joined by dots, or a function of the arguments."""
Find = tuple[list[object], Place, Any]
"""Words that say an option, the place where its value arrives, and the value."""
MISSING = "(nothing arrives)"


class Reached(Exception):
    """A spy was called."""

    def __init__(self, arguments: dict[str, Any]) -> None:
        super().__init__("reached")
        self.arguments = arguments


@dataclass(frozen=True)
class Route:
    """A way through a command, to a function that does the work.

    Attributes:
        command: its name, without ``physadv``.
        callee: ``module:name`` of the function.
        base: words that the command needs, by parameter.
        finds: what each parameter's words reach; these words stand in place of the base's.
        refused: words for options that have no meaning on this way.
        elsewhere: parameters that lead to another way.
        stubs: what stands in for other functions, as ``module:name``.
        whole: every parameter of the command is told.
    """

    command: str
    callee: str
    base: Mapping[str, list[object]]
    finds: Mapping[str, Find | list[Find]]
    refused: Mapping[str, list[object]] = field(default_factory=dict)
    elsewhere: frozenset[str] = frozenset()
    stubs: Mapping[str, Any] = field(default_factory=dict)
    whole: bool = True

    def words(self, parameter: str = "", words: list[object] | None = None) -> list[str]:
        """The command's words, with others for one parameter."""
        every = {**self.base, **({parameter: words} if words is not None else {})}
        return [*self.command.split(), *(str(word) for part in every.values() for word in part)]

    def reached(self, monkeypatch: pytest.MonkeyPatch, words: list[str]) -> dict[str, Any]:
        """What the callee is given."""
        with monkeypatch.context() as patched:
            for target, stub in self.stubs.items():
                _replace(patched, target, stub)
            _spy(patched, self.callee)
            try:
                typer.main.get_command(app).main(words, standalone_mode=False, prog_name="physadv")
            except Reached as reached:
                return reached.arguments
        return {}


def raises_reached(**arguments: Any) -> Any:
    """A stub after which nothing more is of interest."""

    def stub(*args: Any, **options: Any) -> Any:
        raise Reached(arguments)

    return stub


def _replace(patched: pytest.MonkeyPatch, target: str, stub: Any) -> None:
    module, name = target.split(":")
    patched.setattr(importlib.import_module(module), name, stub)


def _spy(patched: pytest.MonkeyPatch, target: str) -> None:
    module, name = target.split(":")
    signature = inspect.signature(getattr(importlib.import_module(module), name))

    def called(*args: Any, **options: Any) -> Any:
        bound = signature.bind(*args, **options)
        bound.apply_defaults()
        raise Reached(dict(bound.arguments))

    _replace(patched, target, called)


def found(arguments: dict[str, Any], place: Place) -> Any:
    """The value there, references as the user's words and tuples as lists."""
    if callable(place):
        return _plain(place(arguments)) if arguments else MISSING
    value: Any = arguments
    for part in place.split("."):
        if isinstance(value, Mapping):
            value = value.get(part, MISSING)
        elif isinstance(value, (list, tuple)):
            value = value[int(part)]
        else:
            value = getattr(value, part, MISSING)
    return _plain(value)


def _plain(value: Any) -> Any:
    if isinstance(value, Reference):
        return value.words
    return [_plain(one) for one in value] if isinstance(value, (list, tuple)) else value


def commands() -> dict[str, Any]:
    """Every command by its words, groups and physadv itself (``""``) among them."""
    return dict(_below(typer.main.get_command(app), ""))


def _below(command: Any, words: str) -> Iterator[tuple[str, Any]]:
    yield words, command
    for name, one in getattr(command, "commands", {}).items():
        yield from _below(one, f"{words} {name}".strip())


def parameters(command: str) -> dict[str, Any]:
    """A command's options and arguments by name."""
    return {one.name: one for one in commands()[command].params}


def bounds(parameter: Any) -> tuple[float | None, float | None]:
    """The least and the largest value that a parameter takes, in any version of Typer."""
    kind = getattr(parameter, "type", parameter)
    return getattr(kind, "min", None), getattr(kind, "max", None)


def same(value: Any, expected: Any) -> bool:
    """Equal and of one type; a path is a path."""
    kind = Path if isinstance(expected, Path) else type(expected)
    return isinstance(value, kind) and isinstance(value, bool) == isinstance(expected, bool) and value == expected
