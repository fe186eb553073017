"""Batteries, controls, the outcomes table, and the runner that makes them."""

import physadv.evaluation.matrix.certification  # noqa: F401 (registers its kind of result, as the others do)
from physadv.evaluation.batteries.battery import Battery, battery_names, load_battery
from physadv.evaluation.batteries.run import evaluate
from physadv.evaluation.batteries.summary import Summary, read_summary
from physadv.evaluation.junit import exceeds, write_junit
from physadv.evaluation.replayed_frame import Replay, replay
from physadv.evaluation.result import Result, read_result

__all__ = [
    "Battery",
    "Replay",
    "Result",
    "Summary",
    "battery_names",
    "evaluate",
    "exceeds",
    "load_battery",
    "read_result",
    "read_summary",
    "replay",
    "write_junit",
]
