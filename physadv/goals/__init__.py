"""Goals: what counts as success, and the loss that leads there. Every goal works with every attack and every search."""

from physadv.goals import kinds as _kinds  # noqa: F401 (registers the goals)
from physadv.goals.goal import (
    GOALS,
    UNKNOWN,
    Classes,
    Goal,
    build_goal,
    check_goal,
    each,
    margin,
    parse_goal,
)
from physadv.goals.kinds.targeted import Targeted
from physadv.goals.kinds.untargeted import Untargeted

__all__ = [
    "GOALS",
    "UNKNOWN",
    "Classes",
    "Goal",
    "Targeted",
    "Untargeted",
    "build_goal",
    "check_goal",
    "each",
    "margin",
    "parse_goal",
]
