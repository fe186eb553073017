"""Jobs, and what runs them: batteries, robustness matrices and certifications are all loops over jobs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Generic, TypeVar

from physadv.core.progress import Listener, counter
from physadv.core.registry import Registry

T = TypeVar("T")


class Job(ABC, Generic[T]):
    """A piece of work whose result is files: it appears whole or not at all, and is not done twice.

    Jobs of one run do not depend on one another, so they may be made in any order and place.
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
    """Runs jobs; what is kept from an earlier run is not made again."""

    @abstractmethod
    def run(self, jobs: Sequence[Job[T]], *, stage: str = "", listener: Listener | None = None) -> Iterator[T]:
        """What each job has made, in the order of the jobs.

        Args:
            jobs: that do not depend on one another.
            stage: what their sizes count, for the listener; empty: the jobs tell of themselves.
            listener: told of progress.
        """


RUNNERS: Registry[type[Runner]] = Registry("runner")
"""Runners by name."""


@RUNNERS.register("local")
class LocalRunner(Runner):
    """One job after another, in this process: a model's own operations use all cores, or the GPU."""

    def run(self, jobs: Sequence[Job[T]], *, stage: str = "", listener: Listener | None = None) -> Iterator[T]:
        """As every runner."""
        total, done = sum(job.size for job in jobs), 0
        for job in jobs:
            found = job.kept()
            if found is None:
                found = job.make(None if stage else listener)
            done += job.size
            if stage:
                counter(listener, stage)(done, total)
            yield found
