"""Registries of named parts: a decorator registers, a duplicate is an error, a wrong name lists the right ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from physadv.core.errors import unknown_name

T = TypeVar("T")


class Registry(Generic[T]):
    """Names to parts of one kind.

    >>> goals: Registry[type] = Registry("goal")
    >>> @goals.register("untargeted")
    ... class Untargeted: ...
    >>> goals["untargeted"] is Untargeted
    True
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._parts: dict[str, T] = {}

    def register(self, name: str) -> Callable[[T], T]:
        """Decorator that files a part under ``name``.

        Raises:
            ValueError: the name is taken.
        """

        def file(part: T) -> T:
            if name in self._parts:
                raise ValueError(f"{self.kind} {name!r} is registered twice")
            self._parts[name] = part
            return part

        return file

    def __getitem__(self, name: str) -> T:
        """The part of that name.

        Raises:
            PhysadvError: no such part; the message lists those there are.
        """
        if name not in self._parts:
            raise unknown_name(self.kind, name, self._parts)
        return self._parts[name]

    def __contains__(self, name: object) -> bool:
        return name in self._parts

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._parts))

    def __len__(self) -> int:
        return len(self._parts)

    def items(self) -> list[tuple[str, T]]:
        """``(name, part)`` pairs, sorted by name."""
        return sorted(self._parts.items())
