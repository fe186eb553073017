"""The longest run of fooled frames of one drive."""

from __future__ import annotations

from physadv.core.number_format import metres
from physadv.evaluation.batteries.compared_frames import ComparedFrames
from physadv.evaluation.batteries.summary import Record
from physadv.evaluation.metrics.metric import METRICS, Metric


@METRICS.register("longest-run")
class LongestRun(Metric):
    """Most consecutive fooled frames of one drive."""

    title = "Longest run"
    heading = "run"
    unit = "frames"
    better = "lower"
    place = 6

    def applies(self, record: Record) -> bool:
        return record.consecutive is not None

    def note(self, record: Record) -> str:
        run = record.consecutive
        if run is None:
            return ""
        way = f"{run.longest_run_s:.1f} s, {metres(run.longest_run_m)}"
        return f"{way}; median over drives {run.median_longest_run:g}"

    def measure(self, record: Record, frames: ComparedFrames) -> float | None:
        return float(record.consecutive.longest_run) if record.consecutive else None
