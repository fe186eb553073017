"""Scenes by name, by file, or from a mapping; a new kind of scene registers its loader here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from physadv.core.config import read_yaml, validate
from physadv.core.errors import PhysadvError, unknown_name
from physadv.core.files import is_there, read_named_yaml
from physadv.core.registry import Registry
from physadv.scenes.config import RoadsideConfig
from physadv.scenes.roadside import Roadside
from physadv.scenes.scene import Scene

SCENE_KINDS: Registry[Callable[[Mapping[str, Any], str], Scene]] = Registry("scene kind")


@SCENE_KINDS.register("roadside")
def _roadside(data: Mapping[str, Any], source: str) -> Scene:
    return Roadside(validate(RoadsideConfig, data, source))


def scene_names() -> list[str]:
    """Names of the shipped scenes."""
    folder = resources.files("physadv.scenes").joinpath("presets")
    return sorted(
        entry.name.removesuffix(".yaml")
        for entry in folder.iterdir()
        if entry.name.endswith(".yaml") and entry.name != "lights.yaml"
    )


def load_scene(spec: str | Path | Mapping[str, Any]) -> Scene:
    """A scene.

    Args:
        spec: a shipped scene's name, the path of a YAML file, or its content.

    Raises:
        PhysadvError: no such scene, or its declaration is wrong.
    """
    if isinstance(spec, Mapping):
        return _from_mapping(spec, f"scene {spec.get('name', '(without a name)')}")
    if isinstance(spec, str) and spec in scene_names():
        return _from_mapping(read_named_yaml("physadv.scenes", f"presets/{spec}.yaml"), f"scene {spec}")
    path = Path(spec)
    if path.suffix not in {".yaml", ".yml"}:
        raise unknown_name("scene", str(spec), scene_names(), also="the path of a .yaml file")
    return _from_mapping(read_scene(path), str(path))


def read_scene(path: Path) -> dict[str, Any]:
    """What a scene's file says; folders and files that it names are found from the file.

    Raises:
        PhysadvError: the file cannot be read.
    """
    data = read_yaml(path)
    if isinstance(data.get("backdrops"), str) and data["backdrops"] != "drawn":
        data["backdrops"] = str(path.parent / data["backdrops"])
    for key in ("folder", "corners"):  # of photographs, which may lie elsewhere too
        if isinstance(data.get(key), str) and is_there(path.parent / data[key]):
            data[key] = str((path.parent / data[key]).resolve())
    return data


def _from_mapping(data: Mapping[str, Any], source: str) -> Scene:
    kind = data.get("kind", "roadside")
    if isinstance(kind, str) and kind not in SCENE_KINDS:
        raise PhysadvError(f"{source}: {unknown_name('scene kind', kind, SCENE_KINDS)}")
    if not isinstance(kind, str):
        raise PhysadvError(f"{source}: kind = {kind!r}: expected one of {', '.join(SCENE_KINDS)}")
    return SCENE_KINDS[kind](data, source)
