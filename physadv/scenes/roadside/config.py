"""A roadside scene as its YAML declares it: distributions of conditions, lights, stations or a drive-by."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from physadv.core.config import BesidePath, Config
from physadv.core.errors import unknown_name
from physadv.core.files import read_named_yaml
from physadv.scenes.conditions import QUANTITIES
from physadv.scenes.distributions import AnyDistribution, Distribution

LIMITS: dict[str, tuple[float, float]] = {
    "distance_m": (1.0, 500.0),
    "lateral_m": (-50.0, 50.0),
    "height_m": (-20.0, 20.0),
    "yaw_deg": (-80.0, 80.0),
    "pitch_deg": (-80.0, 80.0),
    "roll_deg": (-180.0, 180.0),
    "image_width_px": (64.0, 20000.0),
    "hfov_deg": (1.0, 150.0),
    "exposure_ev": (-8.0, 4.0),
    "temperature_k": (1700.0, 25000.0),
    "sun_fraction": (0.0, 1.0),
    "sun_azimuth_deg": (-180.0, 180.0),
    "sun_elevation_deg": (-10.0, 90.0),
    "shadow_strength": (0.0, 1.0),
    "shadow_angle_deg": (-360.0, 360.0),
    "shadow_offset_mm": (-2000.0, 2000.0),
    "shadow_width_mm": (0.0, 5000.0),
    "shadow_softness_mm": (0.0, 2000.0),
    "headlight": (0.0, 50.0),
    "visibility_m": (5.0, 1e6),
    "defocus_px": (0.0, 30.0),
    "speed_kmh": (0.0, 300.0),
    "shutter_s": (0.0, 1.0),
    "shake_deg_s": (0.0, 60.0),
    "shake_angle_deg": (-360.0, 360.0),
    "full_well_e": (50.0, 1e6),
    "read_noise_e": (0.0, 200.0),
    "contrast": (0.5, 1.5),
    "jpeg_quality": (1.0, 101.0),
    "crop_margin": (-0.3, 3.0),
    "crop_shift_x": (-1.0, 1.0),
    "crop_shift_y": (-1.0, 1.0),
    "crop_scale": (0.3, 3.0),
    "crop_square": (0.0, 1.0),
    "background": (0.0, 1e9),
    "backdrop_x": (0.0, 1.0),
    "backdrop_y": (0.0, 1.0),
    "noise_seed": (0.0, 9e15),
}
"""Smallest and largest value that a condition can take."""

DEFAULTS: dict[str, Any] = {
    "distance_m": {"loguniform": [3.0, 40.0]},
    "lateral_m": 0.0,
    "height_m": 0.0,
    "yaw_deg": 0.0,
    "pitch_deg": 0.0,
    "roll_deg": 0.0,
    "image_width_px": 1920.0,
    "hfov_deg": 60.0,
    "exposure_ev": 0.0,
    "temperature_k": 6500.0,
    "sun_fraction": 0.0,
    "sun_azimuth_deg": 0.0,
    "sun_elevation_deg": 45.0,
    "shadow_strength": 0.0,
    "shadow_angle_deg": [-90.0, 90.0],
    "shadow_offset_mm": [-400.0, 400.0],
    "shadow_width_mm": [60.0, 900.0],
    "shadow_softness_mm": {"loguniform": [8.0, 150.0]},
    "headlight": 0.0,
    "visibility_m": 20000.0,
    "defocus_px": 0.3,
    "speed_kmh": 0.0,
    "shutter_s": 0.002,
    "shake_deg_s": 0.0,
    "shake_angle_deg": [-90.0, 90.0],
    "full_well_e": 6000.0,
    "read_noise_e": 4.0,
    "contrast": 1.0,
    "jpeg_quality": 101.0,
    "crop_margin": 0.1,
    "crop_shift_x": 0.0,
    "crop_shift_y": 0.0,
    "crop_scale": 1.0,
    "crop_square": 0.0,
    "background": {"uniform": [0.0, 1000000.0]},
    "backdrop_x": [0.1, 0.9],
    "backdrop_y": [0.3, 0.55],
    "noise_seed": {"uniform": [0.0, 9.0e15]},
}
"""What a condition is where a scene says nothing of it."""


def _check_conditions(conditions: Mapping[str, Distribution]) -> Mapping[str, Distribution]:
    for name, distribution in conditions.items():
        if name not in QUANTITIES:
            raise ValueError(str(unknown_name("condition", name, QUANTITIES)))
        low, high = distribution.bounds()
        least, most = LIMITS[name]
        if low < least or high > most:
            raise ValueError(f"{name} reaches from {low:g} to {high:g}; it must stay within {least:g} to {most:g}")
    return conditions


def _named(value: Any) -> Any:
    if isinstance(value, dict):
        return value
    raise ValueError("expected a mapping of conditions to distributions")


ConditionTable = Annotated[dict[str, AnyDistribution], BeforeValidator(_named)]


def _shared_lights() -> dict[str, Any]:
    lights: dict[str, Any] = read_named_yaml("physadv.scenes", "presets/lights.yaml")
    return lights


_MAX_FRAMES = 100_000


class Drive(Config):
    """An approach in a straight line, beside the sign."""

    from_m: float = Field(ge=1, le=500)
    to_m: float = Field(ge=1, le=500)
    speed_kmh: float = Field(gt=0, le=300)
    frame_rate_hz: float = Field(gt=0, le=1000)

    @model_validator(mode="after")
    def _check(self) -> Drive:
        if self.to_m >= self.from_m:
            raise ValueError(f"drive goes from_m {self.from_m:g} down to to_m {self.to_m:g}; from_m must be the larger")
        if self.frames > _MAX_FRAMES:
            raise ValueError(
                f"speed_kmh {self.speed_kmh:g} at frame_rate_hz {self.frame_rate_hz:g} makes {self.frames:g} frames of "
                f"a drive; at most {_MAX_FRAMES} are possible"
            )
        return self

    @property
    def step_m(self) -> float:
        """Way from one frame to the next."""
        return self.speed_kmh / 3.6 / self.frame_rate_hz

    @property
    def frames(self) -> int:
        """Frames of an approach."""
        return math.floor((self.from_m - self.to_m) / self.step_m + 1e-9) + 1


class RoadsideConfig(Config):
    """A roadside scene.

    Conditions are drawn from ``conditions``, overridden by the frame's light, overridden by its station or drive.
    """

    name: str
    kind: Literal["roadside"] = "roadside"
    description: str = ""
    aim: Literal["sign", "road"] = "sign"
    conditions: ConditionTable = Field(default_factory=dict)
    lights: dict[str, ConditionTable] = Field(default_factory=dict)
    light_order: Literal["cycle", "random"] = "cycle"
    stations: tuple[ConditionTable, ...] = ()
    drive: Drive | None = None
    backdrops: Literal["drawn"] | BesidePath = "drawn"
    """``drawn``, or a folder of photographs (the first 100 by name; a relative path starts at the scene's file)."""
    max_viewing_angle_deg: float = Field(default=65.0, gt=0, lt=85)
    """Frames beyond it are turned back to it: nearly edge-on there is no face to read."""
    oversample: int = Field(default=1, ge=1, le=8)
    """Samples of the sensor a pixel of the classifier's input, along each axis, where the camera has them."""

    @field_validator("lights", mode="before")
    @classmethod
    def _named_lights(cls, value: Any) -> Any:
        if isinstance(value, dict):
            return value
        if not isinstance(value, list):
            raise ValueError("should be a list of names, or a mapping of a name to its conditions")
        shared = _shared_lights()
        for place, name in enumerate(value):
            if name in value[:place]:
                raise ValueError(f"{name!r} is listed twice")
            if not isinstance(name, str) or name not in shared:
                raise ValueError(str(unknown_name("light", str(name), shared)))
        return {name: shared[name] for name in value}

    @model_validator(mode="after")
    def _check(self) -> RoadsideConfig:
        for table in (self.conditions, *self.lights.values(), *self.stations):
            _check_conditions(table)
        if self.stations and self.drive:
            raise ValueError("a scene has stations or a drive, not both")
        if self.drive and "distance_m" in self.conditions:
            raise ValueError("distance_m: a drive goes through its distances by itself; leave out one of both")
        return self
