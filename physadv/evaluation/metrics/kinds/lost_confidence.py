"""What the patch takes from the probability of the true class."""

from __future__ import annotations

from physadv.evaluation.batteries.compared_frames import Frames
from physadv.evaluation.batteries.summary import Record
from physadv.evaluation.metrics.metric import METRICS, Metric


@METRICS.register("lost-confidence")
class LostConfidence(Metric):
    """Mean probability of the true class on the clean sign, less that on the painted one, over all frames."""

    title = "Lost confidence in the true class"
    unit = "probability"
    better = "lower"
    place = 7

    def measure(self, record: Record, frames: Frames) -> float | None:
        painted = record.patch_success.mean_true_probability
        clean = next((one.mean_true_probability for one in record.controls if one.subject == "clean"), None)
        return None if painted is None or clean is None else clean - painted
