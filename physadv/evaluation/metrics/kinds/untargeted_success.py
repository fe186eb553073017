"""How often the sign is read as any wrong class."""

from __future__ import annotations

from physadv.core.statistics import Rate
from physadv.evaluation.batteries.compared_frames import ComparedFrames
from physadv.evaluation.batteries.summary import Record
from physadv.evaluation.metrics.metric import METRICS, Metric
from physadv.goals import Untargeted


@METRICS.register("untargeted-success")
class UntargetedSuccess(Metric):
    """Share of the same frames in which the sign is read as any wrong class, where the goal is another one."""

    title = Untargeted().title
    better = "lower"
    place = 1

    def applies(self, record: Record) -> bool:
        return record.kind != Untargeted.kind

    def measure(self, record: Record, frames: ComparedFrames) -> Rate:
        return record.patch_success.untargeted
