"""How a sign is seen. Four steps that never mix: sample conditions, place the sign, light it, record the picture."""

from physadv.core.registry import import_all
from physadv.scenes.camera.geometry import viewing_angle_deg
from physadv.scenes.conditions import COLUMNS, INTEGERS, QUANTITIES, Conditions
from physadv.scenes.frames import Frames
from physadv.scenes.kornia.kornia_scene import KorniaScene
from physadv.scenes.library import SCENE_KINDS, SCENES, SceneField, ScenesField, load_scene, scene_names
from physadv.scenes.photographs.photographs import Photographs, PhotographsConfig
from physadv.scenes.roadside.config import RoadsideConfig
from physadv.scenes.roadside.roadside import Roadside
from physadv.scenes.scene import PaintedSign, Part, Prepared, Scene

__all__ = [
    "COLUMNS",
    "INTEGERS",
    "QUANTITIES",
    "SCENES",
    "SCENE_KINDS",
    "Conditions",
    "Frames",
    "KorniaScene",
    "PaintedSign",
    "Part",
    "Photographs",
    "PhotographsConfig",
    "Prepared",
    "Roadside",
    "RoadsideConfig",
    "Scene",
    "SceneField",
    "ScenesField",
    "load_scene",
    "scene_names",
    "viewing_angle_deg",
]

import_all(__path__, __name__)  # every file may register a kind
