"""What the patch takes from the probability of the true class."""

from __future__ import annotations

from physadv.evaluation.batteries.compared_frames import ComparedFrames
from physadv.evaluation.batteries.summary import Record
from physadv.evaluation.metrics.metric import METRICS, Metric


@METRICS.register("lost-confidence")
class LostConfidence(Metric):
    """Mean probability of the true class on the clean sign, less that on the painted one, over all frames."""

    title = "Lost confidence in the true class"
    unit = "probability"
    better = "lower"
    place = 7

    def note(self, record: Record) -> str:
        clean, painted = _means(record)
        return "" if clean is None or painted is None else f"mean probability from {clean:.2f} to {painted:.2f}"

    def measure(self, record: Record, frames: ComparedFrames) -> float | None:
        clean, painted = _means(record)
        return None if clean is None or painted is None else clean - painted


def _means(record: Record) -> tuple[float | None, float | None]:
    """Of the true class's probability, on the clean sign and on the painted one."""
    clean = next((one.mean_true_probability for one in record.controls if one.subject == "clean"), None)
    return clean, record.patch_success.mean_true_probability
