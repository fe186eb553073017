"""A figure as it is stored: what it is called, its unit, which way is better, and what was measured."""

from __future__ import annotations

from typing import Literal

from physadv.core.config import Config
from physadv.core.statistics import Difference, Rate

Unit = Literal["share", "points", "frames", "drives", "m", "s", "probability", "norm"]


class Measured(Config):
    """One figure of one result.

    Exactly one of ``rate``, ``difference`` and ``value`` is there; none where there was nothing to measure it on.
    """

    metric: str
    """Name in the registry of metrics."""
    title: str
    heading: str = ""
    """Of its column in a table of results; empty: it is in no such table."""
    tile: bool = True
    """Whether it stands at the head of a result."""
    unit: Unit = "share"
    better: Literal["higher", "lower"]
    """For the recognizer."""
    of: str = "frame"
    """What a rate counts."""
    rate: Rate | None = None
    difference: Difference | None = None
    value: float | None = None
    over: str = ""
    """What it is compared with, in words."""
    control: Rate | None = None
    """The same of what it is compared with."""
    note: str = ""

    @property
    def number(self) -> float | None:
        """The figure itself."""
        found = self.rate or self.difference
        return self.value if found is None else found.value
