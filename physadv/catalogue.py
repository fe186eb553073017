"""Everything that has a name: what ``physadv list`` prints."""

from __future__ import annotations

from physadv.attacks import ATTACKS, GOALS, SEARCHES
from physadv.defenses import DEFENSES
from physadv.defenses.training import METHODS
from physadv.evaluation import battery_names, load_battery
from physadv.patches import MASKS, PAINTS
from physadv.scenes import load_scene, scene_names
from physadv.signs import list_rows
from physadv.victims import load_victim, victim_names


def _summary(part: object) -> str:
    """First sentence of a part's docstring."""
    return (part.__doc__ or "").strip().split("\n")[0]


def catalogue() -> list[tuple[str, list[dict[str, str]]]]:
    """``(title, rows)`` of every kind of part."""
    victims = [load_victim(name) for name in victim_names()]
    scenes = [load_scene(name) for name in scene_names()]
    batteries = [load_battery(name) for name in battery_names()]
    return [
        (
            "victims",
            [
                {
                    "name": victim.name,
                    "classes": str(len(victim.classes)),
                    "input": f"{victim.input_size[0]} x {victim.input_size[1]}",
                    "box": victim.box,
                    "sha256": victim.sha256[:12],
                }
                for victim in victims
            ],
        ),
        ("goals", [{"name": name, "success": text} for name, text in GOALS.items()]),
        (
            "attacks",
            [
                {"name": name, "needs": part.knowledge, "what": _summary(part), "paper": part.paper}
                for name, part in ATTACKS.items()
            ],
        ),
        (
            "defenses",
            [
                {"name": name, "what": _summary(part), "attacked by": part.adaptive, "paper": part.paper}
                for name, part in DEFENSES.items()
            ],
        ),
        ("trainings", [{"name": name, "what": method.paper} for name, method in METHODS.items()]),
        ("searches", [{"name": name, "what": _summary(part)} for name, part in SEARCHES.items()]),
        ("masks", [{"name": name, "what": _summary(part)} for name, part in MASKS.items()]),
        ("paints", [{"name": name, "what": _summary(part)} for name, part in PAINTS.items()]),
        ("scenes", [{"name": scene.name, "kind": scene.kind, "what": scene.description} for scene in scenes]),
        ("batteries", [{"name": battery.name, "what": battery.description} for battery in batteries]),
        ("signs", list_rows()),
    ]
