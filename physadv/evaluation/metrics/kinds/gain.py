"""What the pattern adds to covering the sign."""

from __future__ import annotations

from physadv.core.statistics import Difference, Rate
from physadv.evaluation.batteries.compared_frames import ComparedFrames
from physadv.evaluation.batteries.summary import CONTROL_NAMES, Record
from physadv.evaluation.metrics.metric import METRICS, Metric


@METRICS.register("gain")
class Gain(Metric):
    """Adversarial gain: the patch's success less that of the best control, paired frame by frame."""

    title = "Gain over the best control"
    heading = "gain"
    unit = "points"
    better = "lower"
    place = 3

    def title_of(self, record: Record) -> str:
        return f"Gain over {CONTROL_NAMES[record.gain.control]}"

    def compared(self, record: Record) -> tuple[str, Rate | None]:
        return CONTROL_NAMES[record.gain.control], None

    def measure(self, record: Record, frames: ComparedFrames) -> Difference:
        return record.gain.difference
