"""The share of frames whose painted sign is read with less confidence than the clean one."""

from __future__ import annotations

from physadv.core.statistics import Rate, rate
from physadv.evaluation.batteries.compared_frames import ComparedFrames
from physadv.evaluation.batteries.summary import Record
from physadv.evaluation.metrics.metric import METRICS, Metric


@METRICS.register("acme-unsure")
class Unsure(Metric):
    """Share of frames in which the true class is less probable than on the clean sign."""

    title = "Less sure than on the clean sign"
    heading = "unsure"
    better = "lower"

    def measure(self, record: Record, frames: ComparedFrames) -> Rate:
        less = frames.seen["patch"].true_probability < frames.seen["clean"].true_probability
        return rate(less, frames.groups())
