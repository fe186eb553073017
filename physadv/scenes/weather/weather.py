"""Weather: another scene's frames in rain, fog, snow, against the sun ... by severity, made by albumentations.

Only for scoring. The effects are painted on the finished frame and pass no gradient, and they are somebody else's model
of weather than the roadside's own haze, shadow and noise, which is the point: a patch is judged by pictures of another
make.

Frame i gets the i-th (kind, severity) of the grid, and its random numbers from its own ``noise_seed``: the same
conditions give the same frame, whatever the batch, and every subject is seen in the same weather. The parameters drawn
are in :meth:`Weather.annotate`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from pydantic import Field, field_validator
from torch import Tensor
from torch.nn import functional as F

from physadv.core.color import from_uint8, to_uint8
from physadv.core.config import Config
from physadv.core.errors import PhysadvError
from physadv.core.identity import digest_of
from physadv.scenes.conditions import Conditions
from physadv.scenes.library import SCENE_KINDS, SceneField
from physadv.scenes.scene import PaintedSign, Part, Scene
from physadv.scenes.weather import kinds as kinds  # registers them
from physadv.scenes.weather.weather_kind import SEVERITIES, WEATHERS, Draw, Parameters, Pixels, WeatherKind
from physadv.signs import Sign


class WeatherGrid(Config):
    """Which weather: every kind at every severity, in turn, or always the same one where the grid is of one cell."""

    kinds: tuple[str, ...] = Field(default=(), validate_default=True)
    """Of ``WEATHERS``; all that come with physadv if not given."""
    severities: tuple[int, ...] = Field(default=SEVERITIES, min_length=1)
    """1 (hardly there) to 5 (as bad as a driver would still drive in)."""

    @field_validator("kinds")
    @classmethod
    def _known(cls, kinds: tuple[str, ...]) -> tuple[str, ...]:
        unknown = [kind for kind in kinds if kind not in WEATHERS]
        if unknown:
            raise ValueError(f"unknown weather {unknown[0]!r}; known: {', '.join(WEATHERS)}")
        if len(set(kinds)) != len(kinds):
            raise ValueError("a kind is listed twice")
        return kinds or WEATHERS.own

    @field_validator("severities")
    @classmethod
    def _in_range(cls, severities: tuple[int, ...]) -> tuple[int, ...]:
        wrong = [severity for severity in severities if severity not in SEVERITIES]
        if wrong:
            raise ValueError(f"severity {wrong[0]} is not one of 1, 2, 3, 4, 5")
        if len(set(severities)) != len(severities):
            raise ValueError("a severity is listed twice")
        return severities

    @property
    def cells(self) -> list[tuple[str, int]]:
        """``(kind, severity)`` in the order in which frames get them."""
        return [(kind, severity) for kind in self.kinds for severity in self.severities]


@dataclass(frozen=True)
class Annotation:
    """The weather of one frame."""

    kind: str
    severity: int
    parameters: Parameters

    def to_json(self) -> str:
        """The parameters, for the table."""
        return json.dumps(self.parameters, sort_keys=True)


class WeatherScene(Config):
    """A weather scene as its YAML declares it."""

    kind: str = "weather"
    name: str
    description: str = ""
    base: SceneField
    grid: WeatherGrid = Field(default_factory=WeatherGrid)


@SCENE_KINDS.register("weather")
class Weather(Scene):
    """Another scene in rain, fog, snow and more, by severity; scored only, for it has no gradient.

    Frames of one drive share their weather: the grid advances with the drive, not with the frame.
    """

    kind = "weather"
    differentiable = False
    configuration = WeatherScene

    @classmethod
    def from_config(cls, config: WeatherScene) -> Weather:
        """The scene that a configuration declares."""
        try:
            base = config.base.value
        except PhysadvError as error:
            raise PhysadvError(f"base: {error}") from error
        return cls(base, config.grid, name=config.name, description=config.description)

    @property
    def declaration(self) -> dict[str, Any]:
        """What its file would say."""
        told = {"name": self.name, "description": self.description, "grid": self.grid.model_dump(mode="json")}
        return {"kind": self.kind, "base": self.base.declaration, **told}

    def __init__(self, base: Scene, grid: WeatherGrid | None = None, *, name: str = "", description: str = "") -> None:
        self.base = base
        self.grid = grid or WeatherGrid()
        self.name = name or f"{base.name}+weather"
        self.description = description or f"{base.name} in {', '.join(self.grid.kinds)}"
        self.lights = base.lights
        self.frames_per_approach = base.frames_per_approach

    @property
    def pictures(self) -> frozenset[str]:
        return self.base.pictures

    @property
    def fingerprint(self) -> str:
        return digest_of([self.name, self.base.fingerprint, self.grid.model_dump(mode="json")])

    def for_part(self, part: Part) -> Weather:
        return Weather(self.base.for_part(part), self.grid, name=self.name, description=self.description)

    def sample(self, count: int, *, seed: int, start: int = 0) -> Conditions:
        return self.base.sample(count, seed=seed, start=start)

    def render(self, painted: PaintedSign, conditions: Conditions, *, size: tuple[int, int]) -> Tensor:
        weathers = self.annotate(conditions)
        working = [_working_size(WEATHERS[weather.kind], size) for weather in weathers]
        frames = painted.rgba.new_empty((len(conditions), 3, *size))
        for shape in sorted(set(working)):
            which = [number for number, wanted in enumerate(working) if wanted == shape]
            rows = torch.tensor(which, device=conditions.index.device)
            clear = to_uint8(self.base.render(painted, conditions[rows], size=shape))
            made = np.stack([apply_weather(pixels, weathers[i]) for pixels, i in zip(clear, which, strict=True)])
            frames[rows.to(frames.device)] = _resized(from_uint8(made), size).to(frames)
        return frames

    def homographies(self, sign: Sign, conditions: Conditions, *, size: tuple[int, int]) -> Tensor:
        return self.base.homographies(sign, conditions, size=size)

    def annotate(self, conditions: Conditions) -> list[Annotation]:
        """The weather of each frame."""
        cells = self.grid.cells
        turns = (conditions.index // self.frames_per_approach).tolist()
        return [
            annotation(*cells[turn % len(cells)], noise_seed=seed)
            for turn, seed in zip(turns, conditions.noise_seed.tolist(), strict=True)
        ]


def _working_size(kind: type[WeatherKind], size: tuple[int, int]) -> tuple[int, int]:
    scale = kind.work_px / min(size)
    scale = scale if kind.fixed else max(1.0, scale)
    return round(size[0] * scale), round(size[1] * scale)


def _resized(frames: Tensor, size: tuple[int, int]) -> Tensor:
    if tuple(frames.shape[-2:]) == size:
        return frames
    return F.interpolate(frames, size=size, mode="bilinear", antialias=True, align_corners=False).clamp(0.0, 1.0)


def annotation(kind: str, severity: int, *, noise_seed: int) -> Annotation:
    """The weather of a frame of that noise seed."""
    draw = Draw(noise_seed)
    return Annotation(kind, severity, {**WEATHERS[kind].draw(severity, draw), "seed": draw.seed()})


def apply_weather(pixels: Pixels, weather: Annotation) -> Pixels:
    """``[H, W, 3]`` uint8 in that weather: the same parameters give the same picture."""
    return WEATHERS[weather.kind].paint(pixels, weather.parameters)
