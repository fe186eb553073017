"""How often the clean sign is read correctly."""

from __future__ import annotations

from physadv.core.statistics import Rate
from physadv.evaluation.batteries.compared_frames import ComparedFrames
from physadv.evaluation.batteries.summary import Record
from physadv.evaluation.metrics.metric import METRICS, Metric


@METRICS.register("clean-accuracy")
class CleanAccuracy(Metric):
    """Share of frames in which the sign without a patch is read correctly."""

    title = "Clean accuracy"
    heading = "clean"
    better = "higher"
    place = 4

    def measure(self, record: Record, frames: ComparedFrames) -> Rate:
        return record.clean_accuracy
