"""Batteries: what a patch is put through, as a YAML file that a team writes, versions and shares.

Seeds: a battery's seeds are used as they stand and stay below 2^40. A design derives its frames' seeds in a name
space of its own, above 2^52, so no battery scores on frames that a design has seen; where a patch's record says
otherwise (a bundle made by other means), the runner flags it loudly.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from importlib import resources
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, TypeAlias

from pydantic import Field, field_validator, model_validator

from physadv.core.config import Config, read_yaml, validate
from physadv.core.errors import PhysadvError
from physadv.core.files import read_named_yaml
from physadv.core.limits import MAX_COUNT, MAX_FRAMES, MAX_SEED
from physadv.core.named import Named, Reference
from physadv.scenes import Scene, SceneField
from physadv.scenes.weather.weather import Weather, WeatherGrid

_PACKAGE = "physadv.evaluation"


class Window(Config):
    """Fooled at ``k`` of ``n`` consecutive frames: what a tracker that votes over n frames would believe."""

    k: int = Field(ge=1, le=MAX_COUNT)
    n: int = Field(ge=1, le=MAX_COUNT)

    @model_validator(mode="after")
    def _check(self) -> Window:
        if self.k > self.n:
            raise ValueError(f"k = {self.k} of n = {self.n} frames is the wrong way round; k must not exceed n")
        return self


class Thresholds(Config):
    """What a patch x victim must keep within to pass; a threshold that is not given is not tested.

    Shares are compared as measured, not by their interval.
    """

    max_asr: float | None = Field(default=None, ge=0.0, le=1.0)
    """Attack success, untargeted (any misreading counts), among frames whose clean sign was read correctly."""
    max_targeted_asr: float | None = Field(default=None, ge=0.0, le=1.0)
    """Attack success at what the patch was made for (its target), among the same frames."""
    max_gain: float | None = Field(default=None, ge=-1.0, le=1.0)
    """Adversarial gain over the best control, untargeted."""
    max_fooled_drives: float | None = Field(default=None, ge=0.0, le=1.0)
    """Share of drives fooled at k of n consecutive frames."""
    min_clean_accuracy: float | None = Field(default=None, ge=0.0, le=1.0)

    def within(self, others: Thresholds) -> Thresholds:
        """These beside others: of two limits on the same figure the stricter holds."""
        found: dict[str, float | None] = {}
        for name in type(self).model_fields:
            limits = [limit for limit in (getattr(self, name), getattr(others, name)) if limit is not None]
            stricter = min if name.startswith("max_") else max
            found[name] = stricter(limits, default=None)
        return self.model_copy(update=found)


class Bins(Config):
    """Edges of the bins of distance and of angle, rising; frames outside go to the first or last bin."""

    distance_m: tuple[float, ...] = (1.5, 3.0, 5.0, 7.5, 10.0, 15.0, 20.0, 30.0, 45.0, 60.0, 75.0)
    angle_deg: tuple[float, ...] = (0.0, 10.0, 20.0, 30.0, 40.0, 50.0, 70.0)

    @field_validator("distance_m", "angle_deg")
    @classmethod
    def _rising(cls, edges: tuple[float, ...]) -> tuple[float, ...]:
        if len(edges) < 2:
            raise ValueError("needs at least two edges")
        for low, high in pairwise(edges):
            if low >= high:
                raise ValueError(f"edges {low:g}, {high:g} are the wrong way round; they must rise")
        return edges


class Entry(Config):
    """One scene of a battery.

    Exactly one of ``frames`` and ``approaches`` (drives) says how many.
    """

    scene: SceneField
    frames: int | None = Field(default=None, ge=1, le=MAX_FRAMES)
    approaches: int | None = Field(default=None, ge=1, le=MAX_FRAMES)
    seed: int = Field(ge=0, lt=MAX_SEED)
    weather: WeatherGrid | None = None
    """Puts the scene's frames into weather; ``{}`` is all kinds and severities in turn."""

    @model_validator(mode="after")
    def _check(self) -> Entry:
        if (self.frames is None) == (self.approaches is None):
            raise ValueError("give either frames or approaches")
        return self


class Battery(Config):
    """A battery of tests."""

    name: str = Field(min_length=1, max_length=80, pattern=r"^[A-Za-z0-9][A-Za-z0-9._ +-]*$")
    description: str = ""
    entries: tuple[Entry, ...] = Field(min_length=1)
    consecutive: Window = Window(k=5, n=10)
    thresholds: Thresholds = Thresholds()
    bins: Bins = Bins()
    half_width: float = Field(default=0.05, gt=0.0, lt=0.5)
    """The interval asked for: a headline that is surer than plus or minus this is not flagged for too few frames."""

    @cached_property
    def scenes(self) -> tuple[Scene, ...]:
        """Of the entries, in their weather."""
        return tuple(_scene_of(entry) for entry in self.entries)

    @property
    def sha256(self) -> str:
        """Of the whole configuration, defaults filled in."""
        return hashlib.sha256(json.dumps(self.model_dump(mode="json"), sort_keys=True).encode()).hexdigest()


def battery_names() -> list[str]:
    """Names of the shipped batteries."""
    folder = resources.files(_PACKAGE).joinpath("batteries")
    return sorted(file.name.removesuffix(".yaml") for file in folder.iterdir() if file.name.endswith(".yaml"))


def load_battery(spec: str | Path | Mapping[str, Any] | Battery) -> Battery:
    """A battery.

    Args:
        spec: a shipped battery's name, the path of a YAML file, its content, or a battery, which is returned as it is.

    Raises:
        PhysadvError: no such battery, or its declaration (or that of a scene in it) is wrong.
    """
    return BATTERIES(spec)


def _shipped(name: str) -> Battery:
    return _declared(read_named_yaml(_PACKAGE, f"batteries/{name}.yaml"), f"battery {name}")


def _read(path: Path) -> Battery:
    return _declared(read_yaml(path), str(path), path.parent)


def _declared(data: Mapping[str, Any], source: str, folder: Path | None = None) -> Battery:
    return _checked(validate(Battery, dict(data), source, folder=folder), source)


def _checked(battery: Battery, source: str) -> Battery:
    shown: dict[int, list[tuple[int, Scene]]] = {}
    for number, entry in enumerate(battery.entries):
        try:
            scene = _scene_of(entry)
        except PhysadvError as error:
            raise PhysadvError(f"{source}: entries.{number}: {error}") from error
        if entry.approaches is not None and scene.frames_per_approach == 1:
            raise PhysadvError(
                f"{source}: entries.{number}: approaches = {entry.approaches}, but scene {scene.name} is not a "
                "drive-by; give frames"
            )
        for before, other in shown.setdefault(entry.seed, []):
            if other.fingerprint == scene.fingerprint:
                raise PhysadvError(
                    f"{source}: entries.{number}: shows the frames of entries.{before} again (scene {scene.name}, seed "
                    f"{entry.seed}), which would count twice; give it another seed"
                )
        shown[entry.seed].append((number, scene))
        count = _count(entry, scene.frames_per_approach, None)
        if count > MAX_FRAMES:
            raise PhysadvError(
                f"{source}: entries.{number}: approaches = {entry.approaches} of scene {scene.name} are {count:,} "
                f"frames; at most {MAX_FRAMES:,} are possible"
            )
    return battery


def _scene_of(entry: Entry) -> Scene:
    """The scene of an entry, in its weather."""
    scene = entry.scene.value
    return scene if entry.weather is None else Weather(scene, entry.weather)


BATTERIES = Named(
    "battery",
    Battery,
    names=battery_names,
    ship=_shipped,
    read=_read,
    build=_declared,
    declared=lambda battery: battery.model_dump(mode="json", exclude_unset=True),
)
BatteryField: TypeAlias = Annotated[Reference[Battery], BATTERIES]
"""A battery inside a configuration: a shipped battery's name, the path of its file, or its content."""


def frame_counts(battery: Battery, scenes: Sequence[Scene], *, frames: int | None = None) -> list[int]:
    """Frames of each entry; ``frames`` overrides the battery's own number, rounded up to whole drives."""
    return [
        _count(entry, scene.frames_per_approach, frames) for entry, scene in zip(battery.entries, scenes, strict=True)
    ]


def _count(entry: Entry, per_drive: int, frames: int | None) -> int:
    if entry.approaches is not None:
        return per_drive * (entry.approaches if frames is None else -(-frames // per_drive))
    return frames or entry.frames or 0
