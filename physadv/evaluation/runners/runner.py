"""Cells, and what runs them: batteries, robustness matrices and certifications are all loops over cells."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Generic, TypeVar

from physadv.core.progress import Listener, counter
from physadv.core.registry import Registry

T = TypeVar("T")


class Cell(ABC, Generic[T]):
    """A piece of work whose result is files: it appears whole or not at all, and is not done twice.

    Cells of one run do not depend on one another, so they may be made in any order and place.
    """

    @property
    def size(self) -> int:
        """How much of the run's work it is, in what the run counts."""
        return 1

    @abstractmethod
    def kept(self) -> T | None:
        """What is there already; None where a file is missing or damaged, so that it is made again."""

    @abstractmethod
    def make(self, listener: Listener | None) -> T:
        """Does the work, and leaves its files."""


class Runner(ABC):
    """Runs cells; what is kept from an earlier run is not made again."""

    @abstractmethod
    def run(self, cells: Sequence[Cell[T]], *, stage: str = "", listener: Listener | None = None) -> Iterator[T]:
        """What each cell has made, in the order of the cells.

        Args:
            cells: that do not depend on one another.
            stage: what their sizes count, for the listener; empty: the cells tell of themselves.
            listener: told of progress.
        """


RUNNERS: Registry[type[Runner]] = Registry("runner")
"""Runners by name."""


@RUNNERS.register("local")
class LocalRunner(Runner):
    """One cell after another, in this process: a model's own operations use all cores, or the GPU."""

    def run(self, cells: Sequence[Cell[T]], *, stage: str = "", listener: Listener | None = None) -> Iterator[T]:
        """As every runner."""
        total, done = sum(cell.size for cell in cells), 0
        for cell in cells:
            found = cell.kept()
            if found is None:
                found = cell.make(None if stage else listener)
            done += cell.size
            if stage:
                counter(listener, stage)(done, total)
            yield found
