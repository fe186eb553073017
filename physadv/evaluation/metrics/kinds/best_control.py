"""The control that fools the victim most."""

from __future__ import annotations

from physadv.core.statistics import Rate
from physadv.evaluation.batteries.compared_frames import ComparedFrames
from physadv.evaluation.batteries.summary import Record
from physadv.evaluation.metrics.metric import METRICS, Metric


@METRICS.register("best-control")
class BestControl(Metric):
    """Success of the control that has most of it, at the same goal."""

    title = "Best control"
    heading = "best control"
    tile = False
    better = "lower"
    place = 2

    def compared(self, record: Record) -> tuple[str, Rate | None]:
        return record.gain.control, None

    def measure(self, record: Record, frames: ComparedFrames) -> Rate | None:
        return next((one.at_goal for one in record.controls if one.subject == record.gain.control), None)
