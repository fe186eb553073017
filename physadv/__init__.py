"""physadv: does a traffic-sign classifier survive stickers and graffiti in the physical world?

The public names load on first use, so that ``import physadv`` stays quick.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from physadv.core.lazy import lazy_names

__version__ = "0.1.0"

_HOME = {
    "PhysadvError": "physadv.core.errors",
    "Sign": "physadv.signs",
    "load_sign": "physadv.signs",
    "Victim": "physadv.victims",
    "load_victim": "physadv.defenses",
    "wrap_module": "physadv.victims",
    "build_attack": "physadv.attacks",
    "Mask": "physadv.patches",
    "Patch": "physadv.patches",
    "build_mask": "physadv.patches",
    "load_patch": "physadv.patches",
    "Conditions": "physadv.scenes",
    "Scene": "physadv.scenes",
    "load_scene": "physadv.scenes",
    "PaintedSign": "physadv.scenes",
    "design": "physadv.attacks",
    "DesignConfig": "physadv.attacks",
    "evaluate": "physadv.evaluation",
    "replay": "physadv.evaluation",
    "progress_bar": "physadv.cli.progress",
}

__all__ = ["__version__", *_HOME]

if TYPE_CHECKING:
    from physadv.attacks import DesignConfig, build_attack, design
    from physadv.cli.progress import progress_bar
    from physadv.core.errors import PhysadvError
    from physadv.defenses import load_victim
    from physadv.evaluation import evaluate, replay
    from physadv.patches import Mask, Patch, build_mask, load_patch
    from physadv.scenes import Conditions, PaintedSign, Scene, load_scene
    from physadv.signs import Sign, load_sign
    from physadv.victims import Victim, wrap_module
else:
    __getattr__ = lazy_names(__name__, _HOME)


def __dir__() -> list[str]:
    return sorted(__all__)
