"""Scenes by name, by file, or from a mapping; a new kind of scene registers its class here."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, TypeAlias

from pydantic import AfterValidator, Field

from physadv.core.config import read_yaml, validate
from physadv.core.errors import PhysadvError, unknown_name
from physadv.core.files import read_named_yaml
from physadv.core.named import Named, Reference, different
from physadv.core.registry import Registry
from physadv.scenes.scene import Scene

SCENE_KINDS: Registry[type[Scene]] = Registry("scene kind")
"""Classes of scenes by the ``kind`` of their declaration."""


def scene_names() -> list[str]:
    """Names of the shipped scenes."""
    folder = resources.files("physadv.scenes").joinpath("presets")
    return sorted(
        entry.name.removesuffix(".yaml")
        for entry in folder.iterdir()
        if entry.name.endswith(".yaml") and entry.name != "lights.yaml"
    )


def _shipped(name: str) -> Scene:
    return _declared(read_named_yaml("physadv.scenes", f"presets/{name}.yaml"), f"scene {name}")


def _read(path: Path) -> Scene:
    return _declared(read_yaml(path), str(path), path.parent)


def _declared(data: Mapping[str, Any], source: str, folder: Path | None = None) -> Scene:
    kind = data.get("kind", "roadside")
    if isinstance(kind, str) and kind not in SCENE_KINDS:
        raise PhysadvError(f"{source}: {unknown_name('scene kind', kind, SCENE_KINDS)}")
    if not isinstance(kind, str):
        raise PhysadvError(f"{source}: kind = {kind!r}: expected one of {', '.join(SCENE_KINDS)}")
    scene = SCENE_KINDS[kind]
    config = validate(scene.configuration, dict(data), source, folder=folder)
    try:
        return scene.from_config(config)
    except PhysadvError as error:
        raise PhysadvError(f"{source}: {error}") from error


SCENES = Named(
    "scene",
    Scene,  # type: ignore[type-abstract]  # of all kinds
    names=scene_names,
    ship=_shipped,
    read=_read,
    build=_declared,
    declared=lambda scene: scene.declaration,
)
SceneField: TypeAlias = Annotated[Reference[Scene], SCENES]
"""A scene inside a configuration: a shipped scene's name, the path of its file, or its declaration."""
ScenesField: TypeAlias = Annotated[tuple[SceneField, ...], Field(min_length=1), AfterValidator(different)]
"""Scenes that frames are drawn from in turn, each given once."""


def load_scene(spec: str | Path | Mapping[str, Any] | Scene) -> Scene:
    """A scene.

    Args:
        spec: a shipped scene's name, the path of a YAML file, its content, or a scene, which is returned as it is.

    Raises:
        PhysadvError: no such scene, or its declaration is wrong.
    """
    return SCENES(spec)
