"""The headline: how often the patch does what it was made for."""

from __future__ import annotations

from physadv.core.statistics import Rate
from physadv.evaluation.batteries.compared_frames import ComparedFrames
from physadv.evaluation.batteries.summary import Record
from physadv.evaluation.metrics.metric import METRICS, Metric
from physadv.goals import parse_goal


@METRICS.register("success")
class Success(Metric):
    """Success at the patch's goal, among the frames whose clean sign was read correctly."""

    title = "Success at the goal"
    heading = "success"
    better = "lower"
    place = 0

    def title_of(self, record: Record) -> str:
        return parse_goal(record.goal).title

    def measure(self, record: Record, frames: ComparedFrames) -> Rate:
        return record.patch_success.at_goal
