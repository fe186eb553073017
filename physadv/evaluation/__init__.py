"""Batteries, controls, the outcomes table, and the runner that makes them."""

from physadv.evaluation.batteries.battery import Battery, battery_names, load_battery
from physadv.evaluation.batteries.run import evaluate
from physadv.evaluation.batteries.summary import Summary, read_summary, write_summary
from physadv.evaluation.junit import exceeds, write_junit
from physadv.evaluation.replayed_frame import Replay, replay

__all__ = [
    "Battery",
    "Replay",
    "Summary",
    "battery_names",
    "evaluate",
    "exceeds",
    "load_battery",
    "read_summary",
    "replay",
    "write_junit",
    "write_summary",
]
