"""Drives in which a tracker would be fooled."""

from __future__ import annotations

from physadv.core.statistics import Rate
from physadv.evaluation.batteries.compared_frames import ComparedFrames
from physadv.evaluation.batteries.summary import CONTROL_NAMES, Record
from physadv.evaluation.metrics.metric import METRICS, Metric


@METRICS.register("fooled-drives")
class FooledDrives(Metric):
    """Share of drives in which at least k of some n consecutive frames are fooled."""

    title = "Drives fooled"
    better = "lower"
    of = "drive"
    place = 5

    def applies(self, record: Record) -> bool:
        return record.consecutive is not None

    def title_of(self, record: Record) -> str:
        window = record.consecutive
        return f"Drives fooled at {window.k} of {window.n} frames" if window else self.title

    def compared(self, record: Record) -> tuple[str, Rate | None]:
        return CONTROL_NAMES[record.gain.control], record.consecutive.control_rate if record.consecutive else None

    def measure(self, record: Record, frames: ComparedFrames) -> Rate | None:
        return record.consecutive.rate if record.consecutive else None
