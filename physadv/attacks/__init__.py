"""Attacks: perturbation x view x goal x search, and the recipes under the names that the literature gives them."""

from physadv.attacks.discover import Discover
from physadv.attacks.engine import Listener, Progress
from physadv.attacks.goals import GOALS, Goal, Targeted, Untargeted, build_goal
from physadv.attacks.graffiti import Graffiti, Strokes
from physadv.attacks.perturbations import Perturbation, Sticker
from physadv.attacks.rp2 import DesignConfig, design, true_class_of
from physadv.attacks.searches import SEARCHES, Adam, Search, SignGradient

__all__ = [
    "GOALS",
    "SEARCHES",
    "Adam",
    "DesignConfig",
    "Discover",
    "Goal",
    "Graffiti",
    "Listener",
    "Perturbation",
    "Progress",
    "Search",
    "SignGradient",
    "Sticker",
    "Strokes",
    "Targeted",
    "Untargeted",
    "build_goal",
    "design",
    "true_class_of",
]
