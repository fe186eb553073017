"""Metrics: from a record and its frames to one figure. A new one is a file in ``kinds``, or in another package."""

from __future__ import annotations

from abc import ABC, abstractmethod
from numbers import Real
from typing import ClassVar, Literal

from physadv.core.registry import Registry
from physadv.core.statistics import Difference, Rate
from physadv.evaluation.batteries.compared_frames import ComparedFrames
from physadv.evaluation.batteries.summary import Record
from physadv.evaluation.metrics.measured import Measured, Unit

LAST = 100
"""Where metrics stand that do not say where."""


class Metric(ABC):
    """One figure of a record, as registered under its name.

    A metric is computed from the outcomes table alone, so that a report can be made again. What it is called may
    depend on the record: a goal's name, the best control.
    """

    title: ClassVar[str]
    """As reports call it."""
    heading: ClassVar[str] = ""
    """Of its column in a table of results, in a word or two; empty: it is in no such table."""
    tile: ClassVar[bool] = True
    """Whether it stands at the head of a result; what is drawn there already need not."""
    unit: ClassVar[Unit] = "share"
    better: ClassVar[Literal["higher", "lower"]]
    """For the recognizer."""
    of: ClassVar[str] = "frame"
    """What a rate counts."""
    place: ClassVar[int] = LAST
    """Among the others: those of lower numbers come first."""

    @abstractmethod
    def measure(self, record: Record, frames: ComparedFrames) -> Rate | Difference | float | None:
        """The figure; None where there is nothing to measure it on.

        Args:
            record: of one patch, victim and battery, with its shares and controls.
            frames: what each of the subjects was read as, frame by frame.
        """

    def applies(self, record: Record) -> bool:
        """Whether it says anything about this record that others do not say."""
        return True

    def title_of(self, record: Record) -> str:
        """Its title for this record."""
        return self.title

    def compared(self, record: Record) -> tuple[str, Rate | None]:
        """What it is compared with, in words, and the same figure of that; empty and None: with nothing."""
        return "", None

    def note(self, record: Record) -> str:
        """What else there is to say, in a few words."""
        return ""


METRICS: Registry[type[Metric]] = Registry("metric")
"""Metrics by name. Where two have the same heading, the later one's column is called by its name."""


def measured(record: Record, frames: ComparedFrames) -> tuple[Measured, ...]:
    """Every metric that applies to a record, in the order of their places."""
    parts = sorted(((part.place, name, part()) for name, part in METRICS.items()), key=lambda entry: entry[:2])
    found = [_of(name, metric, record, frames) for _, name, metric in parts if metric.applies(record)]
    headings = [one.heading for one in found]
    return tuple(
        one.model_copy(update={"heading": one.metric}) if one.heading and one.heading in headings[:place] else one
        for place, one in enumerate(found)
    )


def _of(name: str, metric: Metric, record: Record, frames: ComparedFrames) -> Measured:
    found = metric.measure(record, frames)
    if not isinstance(found, (Rate, Difference, Real, type(None))) or isinstance(found, bool):
        raise TypeError(f"metric {name!r}: gives {found!r}; it should be a Rate, a Difference, a number or None")
    over, control = metric.compared(record)
    return Measured(
        metric=name,
        title=metric.title_of(record),
        heading=metric.heading,
        tile=metric.tile,
        unit=metric.unit,
        better=metric.better,
        of=metric.of,
        rate=found if isinstance(found, Rate) else None,
        difference=found if isinstance(found, Difference) else None,
        value=float(found) if isinstance(found, Real) else None,
        over=over,
        control=control,
        note=metric.note(record),
    )
