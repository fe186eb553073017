"""Attacks: perturbation x view x goal x search, and the recipes under the names that the literature gives them."""

from physadv.attacks import recipes as _recipes  # noqa: F401 (registers the attacks)
from physadv.attacks import search_kinds as _search_kinds  # noqa: F401 (registers the searches)
from physadv.attacks.digital.attack import ATTACKS, Attack, Result, build_attack
from physadv.attacks.physical.brush_strokes import Graffiti, Strokes
from physadv.attacks.physical.discover import Discover, DiscoverRectangles
from physadv.attacks.physical.perturbations import Perturbation, Sticker
from physadv.attacks.physical.rp2 import DesignConfig, design
from physadv.attacks.physical.sign_attack import SignAttackConfig, attack_sign
from physadv.attacks.physical.sign_search import SignSearch, true_class_of
from physadv.attacks.recipes.gradient_sign import fast_gradient_method
from physadv.attacks.search_kinds.adam import Adam
from physadv.attacks.search_kinds.sign_gradient import SignGradient
from physadv.attacks.searches import SEARCHES, Search
from physadv.goals import GOALS, Goal, Targeted, Untargeted, build_goal

__all__ = [
    "ATTACKS",
    "GOALS",
    "SEARCHES",
    "Adam",
    "Attack",
    "DesignConfig",
    "Discover",
    "DiscoverRectangles",
    "Goal",
    "Graffiti",
    "Perturbation",
    "Result",
    "Search",
    "SignAttackConfig",
    "SignGradient",
    "SignSearch",
    "Sticker",
    "Strokes",
    "Targeted",
    "Untargeted",
    "attack_sign",
    "build_attack",
    "build_goal",
    "design",
    "fast_gradient_method",
    "true_class_of",
]
