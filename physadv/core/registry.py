"""Registries of named parts: a decorator registers, a duplicate is an error, a wrong name lists the right ones.

Parts come from the files of a folder (:func:`import_all`), and from other packages' entry points: a package whose
metadata has ::

    [project.entry-points."physadv.attack"]
    mine = "my_package.my_attack"

has its module ``my_package.my_attack`` imported when an attack is first asked for; the module registers its parts as
ours do. A plug-in that cannot be imported is left out, with a warning.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, distributions
from pkgutil import walk_packages
from typing import Generic, TypeVar

from physadv.core.errors import PhysadvWarning, in_one_line, unknown_name

T = TypeVar("T")
PLUGINS = "physadv."
"""What the groups of entry points begin with; a registry's kind follows, with ``_`` for spaces."""


def import_all(path: Iterable[str], package: str) -> None:
    """Imports every module below a package, so that each registers its parts.

    Args:
        path: the package's ``__path__``.
        package: its ``__name__``.
    """
    for module in walk_packages(path, f"{package}."):
        import_module(module.name)


def _entry_points() -> Iterator[EntryPoint]:
    for installed in distributions():
        yield from installed.entry_points


@cache
def plugins() -> tuple[EntryPoint, ...]:
    """Entry points of packages that extend physadv, each of its group and name once."""
    found = {(point.group, point.name): point for point in _entry_points() if point.group.startswith(PLUGINS)}
    return tuple(found[key] for key in sorted(found))


def warn_broken(point: EntryPoint, error: BaseException) -> None:
    """Says that a plug-in is left out, and why."""
    dist = f" of {point.dist.name} {point.dist.version}" if point.dist else ""
    warnings.warn(
        f"plug-in {point.name!r} ({point.value}{dist}) is left out: {in_one_line(f'{type(error).__name__}: {error}')}",
        PhysadvWarning,
        stacklevel=2,
    )


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
        self._complete = False

    @property
    def group(self) -> str:
        """Of the entry points by which other packages add parts."""
        return PLUGINS + self.kind.replace(" ", "_")

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

    @property
    def parts(self) -> dict[str, T]:
        """All there are, those of plug-ins included."""
        if not self._complete:
            self._complete = True
            for point in plugins():
                if point.group == self.group:
                    try:
                        point.load()
                    except (Exception, SystemExit) as error:
                        warn_broken(point, error)
        return self._parts

    @property
    def own(self) -> tuple[str, ...]:
        """Names of the parts that come with physadv, sorted: what "all of them" means in a file."""
        homes = {name: getattr(part, "__module__", "") for name, part in self.parts.items()}
        return tuple(sorted(name for name, home in homes.items() if home.startswith(PLUGINS)))

    def __getitem__(self, name: str) -> T:
        """The part of that name.

        Raises:
            PhysadvError: no such part; the message lists those there are.
        """
        if name not in self.parts:
            raise unknown_name(self.kind, name, self.parts)
        return self.parts[name]

    def __contains__(self, name: object) -> bool:
        return name in self.parts

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self.parts))

    def __len__(self) -> int:
        return len(self.parts)

    def items(self) -> list[tuple[str, T]]:
        """``(name, part)`` pairs, sorted by name."""
        return sorted(self.parts.items())
