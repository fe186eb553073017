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
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from pydantic import Field, field_validator
from torch import Tensor
from torch.nn import functional as F

from physadv.core.color import from_uint8, to_uint8
from physadv.core.config import Config
from physadv.core.errors import PhysadvError
from physadv.core.identity import digest_of
from physadv.core.randomness import integers, uniforms
from physadv.core.registry import Registry
from physadv.scenes.conditions import Conditions
from physadv.scenes.library import SCENE_KINDS, SceneField
from physadv.scenes.scene import PaintedSign, Part, Scene

Pixels = npt.NDArray[np.uint8]
Field32 = npt.NDArray[np.float32]
Parameters = dict[str, float | int]
_SEVERITIES = (1, 2, 3, 4, 5)


class Draw:
    """The random numbers of one frame: named, so that a kind that draws one more leaves the others as they were."""

    def __init__(self, noise_seed: int) -> None:
        self._index = torch.tensor(noise_seed)

    def between(self, name: str, low: float, high: float) -> float:
        """A uniform number in [low, high), rounded to 4 digits so that the table holds all of it."""
        share = float(uniforms(self._index, seed=0, stream=f"weather {name}"))
        return round(low + (high - low) * share, 4)

    def seed(self) -> int:
        """Of the transform's own generators (where the drops fall)."""
        return int(integers(self._index, seed=0, stream="weather seed")) % 2**31


@dataclass(frozen=True)
class Kind:
    """One kind of weather.

    Attributes:
        draw: parameters of a frame from its severity (1 to 5) and random numbers.
        paint: a frame ``[H, W, 3]`` uint8 under these parameters (and their ``seed``).
        work_px: shorter side of the frame on which they are painted, at least, before it is resized to the victim's
            input.
        fixed: painted at exactly ``work_px``: that many pixels the camera has of the sign.
    """

    draw: Callable[[int, Draw], Parameters]
    paint: Callable[[Pixels, Parameters], Pixels]
    work_px: int
    fixed: bool = False


WEATHERS: Registry[Kind] = Registry("weather")


class WeatherGrid(Config):
    """Which weather: every kind at every severity, in turn, or always the same one where the grid is of one cell."""

    kinds: tuple[str, ...] = Field(default=(), validate_default=True)
    """Of ``WEATHERS``; all of them if not given."""
    severities: tuple[int, ...] = Field(default=_SEVERITIES, min_length=1)
    """1 (hardly there) to 5 (as bad as a driver would still drive in)."""

    @field_validator("kinds")
    @classmethod
    def _known(cls, kinds: tuple[str, ...]) -> tuple[str, ...]:
        unknown = [kind for kind in kinds if kind not in WEATHERS]
        if unknown:
            raise ValueError(f"unknown weather {unknown[0]!r}; known: {', '.join(WEATHERS)}")
        if len(set(kinds)) != len(kinds):
            raise ValueError("a kind is listed twice")
        return kinds or tuple(WEATHERS)

    @field_validator("severities")
    @classmethod
    def _in_range(cls, severities: tuple[int, ...]) -> tuple[int, ...]:
        wrong = [severity for severity in severities if severity not in _SEVERITIES]
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
    grid: WeatherGrid = WeatherGrid()


@SCENE_KINDS.register("weather")
class Weather(Scene):
    """``base`` in the weathers of ``grid``. Not differentiable.

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

    def parted(self, part: Part) -> Weather:
        return Weather(self.base.parted(part), self.grid, name=self.name, description=self.description)

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

    def annotate(self, conditions: Conditions) -> list[Annotation]:
        """The weather of each frame."""
        cells = self.grid.cells
        turns = (conditions.index // self.frames_per_approach).tolist()
        return [
            _annotation(*cells[turn % len(cells)], noise_seed=seed)
            for turn, seed in zip(turns, conditions.noise_seed.tolist(), strict=True)
        ]


def _working_size(kind: Kind, size: tuple[int, int]) -> tuple[int, int]:
    scale = kind.work_px / min(size)
    scale = scale if kind.fixed else max(1.0, scale)
    return round(size[0] * scale), round(size[1] * scale)


def _resized(frames: Tensor, size: tuple[int, int]) -> Tensor:
    if tuple(frames.shape[-2:]) == size:
        return frames
    return F.interpolate(frames, size=size, mode="bilinear", antialias=True, align_corners=False).clamp(0.0, 1.0)


def _annotation(kind: str, severity: int, *, noise_seed: int) -> Annotation:
    draw = Draw(noise_seed)
    return Annotation(kind, severity, {**WEATHERS[kind].draw(severity, draw), "seed": draw.seed()})


def apply_weather(pixels: Pixels, weather: Annotation) -> Pixels:
    """``[H, W, 3]`` uint8 in that weather: the same parameters give the same picture."""
    return WEATHERS[weather.kind].paint(pixels, weather.parameters)


def _albumentations() -> Any:
    """The library, imported late (it takes a second) and kept from asking the network for its newest version."""
    os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
    import albumentations

    return albumentations


def _step(severity: int, values: tuple[float, float, float, float, float]) -> float:
    return values[severity - 1]


_LAYER_PX = 128

# A severity is a row of numbers, chosen by eye on contact sheets of all kinds and severities: 1 is barely seen, 5 is
# about the worst in which a person still tells the sign. What falls or floats is drawn by albumentations on a black (or
# a white) layer and laid over the frame with an opacity, so that a drop hides what is behind it instead of adding to
# it.


def _layer(
    transforms: list[Any], shape: tuple[int, ...], *, fill: int, seed: int, blur_px: float, px: int = _LAYER_PX
) -> Field32:
    """What the transforms draw on a plain layer, ``[H, W, 3]`` in [0,1] at the frame's ``shape``, softened.

    It is drawn with ``px`` on the shorter side, whatever the frame's size: the weather is the same at every resolution.
    """
    import cv2

    height, width = shape[:2]
    scale = px / min(height, width)
    drawn = _transform(np.full((round(height * scale), round(width * scale), 3), fill, np.uint8), transforms, seed)
    field = drawn.astype(np.float32) / 255.0
    soft = cv2.GaussianBlur(field, (0, 0), blur_px) if blur_px > 0 else field
    return np.asarray(cv2.resize(soft, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)


def _transform(pixels: Pixels, transforms: list[Any], seed: int) -> Pixels:
    for offset, transform in enumerate(transforms):
        transform.set_random_seed(seed + offset)
        pixels = transform(image=pixels)["image"]
    return pixels


def _lay_over(pixels: Pixels, cover: Field32, gray: float) -> Pixels:
    return np.asarray(np.rint(pixels * (1.0 - cover) + gray * cover), np.uint8)


def _draw_rain(severity: int, draw: Draw) -> Parameters:
    return {
        "layers": int(_step(severity, (1, 2, 3, 4, 6))),
        "slant_px": draw.between("slant", -10.0, 10.0),
        "drop_length_px": int(_step(severity, (10, 14, 18, 22, 26))),
        "opacity": _step(severity, (0.35, 0.42, 0.5, 0.55, 0.6)),
        "dimming": _step(severity, (0.95, 0.9, 0.84, 0.78, 0.72)),
        "mist": _step(severity, (0.02, 0.05, 0.09, 0.14, 0.2)),
    }


def _rain(pixels: Pixels, parameters: Parameters) -> Pixels:
    A = _albumentations()
    slant = float(parameters["slant_px"])
    drops = [
        A.RandomRain(
            slant_range=(slant, slant),
            drop_length=int(parameters["drop_length_px"]),
            drop_width=1,
            drop_color=(255, 255, 255),
            blur_value=1,
            brightness_coefficient=1.0,
            rain_type="default",
            p=1.0,
        )
        for _ in range(int(parameters["layers"]))
    ]
    streaks = _layer(drops, pixels.shape, fill=0, seed=int(parameters["seed"]), blur_px=0.5)
    misty = pixels * float(parameters["dimming"]) * (1.0 - parameters["mist"]) + 170.0 * float(parameters["mist"])
    return _lay_over(np.asarray(misty, np.uint8), streaks * float(parameters["opacity"]), 195.0)


WEATHERS.register("rain")(Kind(_draw_rain, _rain, work_px=128))


_FOG_PX = 48
"""Banks of fog are soft: they are drawn small and enlarged."""


def _draw_fog(severity: int, draw: Draw) -> Parameters:
    return {
        "fog": draw.between("fog", 0.9, 1.0),
        "thinnest": _step(severity, (0.1, 0.2, 0.32, 0.45, 0.58)),
        "thickest": _step(severity, (0.25, 0.4, 0.55, 0.68, 0.8)),
        "gray": draw.between("gray", 195.0, 225.0),
    }


def _fog(pixels: Pixels, parameters: Parameters) -> Pixels:
    A = _albumentations()
    fog = float(parameters["fog"])
    banks = A.RandomFog(fog_coef_range=(fog, fog), alpha_coef=0.05, p=1.0)
    density = _layer([banks], pixels.shape, fill=0, seed=int(parameters["seed"]), blur_px=_FOG_PX / 10, px=_FOG_PX)
    low, high = float(density.min()), float(density.max())
    share = (density - low) / max(high - low, 1e-6)
    thin, thick = float(parameters["thinnest"]), float(parameters["thickest"])
    return _lay_over(pixels, np.asarray(thin + (thick - thin) * share, np.float32), float(parameters["gray"]))


WEATHERS.register("fog")(Kind(_draw_fog, _fog, work_px=128))


def _draw_snow(severity: int, draw: Draw) -> Parameters:
    return {
        "snow_point": _step(severity, (0.02, 0.05, 0.08, 0.11, 0.14)),
        "whitening": _step(severity, (1.05, 1.1, 1.15, 1.2, 1.25)),
        "layers": int(_step(severity, (1, 2, 3, 4, 6))),
        "slant_px": draw.between("slant", -3.0, 3.0),
        "opacity": _step(severity, (0.6, 0.65, 0.7, 0.75, 0.8)),
        "haze": _step(severity, (0.03, 0.08, 0.14, 0.2, 0.28)),
    }


def _snow(pixels: Pixels, parameters: Parameters) -> Pixels:
    A = _albumentations()
    point, slant, seed = float(parameters["snow_point"]), float(parameters["slant_px"]), int(parameters["seed"])
    lying = A.RandomSnow(
        snow_point_range=(point, point), brightness_coeff=float(parameters["whitening"]), method="bleach", p=1.0
    )
    falling = [
        A.RandomRain(
            slant_range=(slant, slant),
            drop_length=1 + layer % 3,
            drop_width=1 + layer % 2,
            drop_color=(255, 255, 255),
            blur_value=1,
            brightness_coefficient=1.0,
            rain_type="default",
            p=1.0,
        )
        for layer in range(int(parameters["layers"]))
    ]
    flakes = _layer(falling, pixels.shape, fill=0, seed=seed + 1, blur_px=0.8)
    haze = np.full_like(flakes, float(parameters["haze"]))
    whitened = _lay_over(_transform(pixels, [lying], seed), haze, 205.0)
    return _lay_over(whitened, flakes * float(parameters["opacity"]), 240.0)


WEATHERS.register("snow")(Kind(_draw_snow, _snow, work_px=128))


def _draw_sun_flare(severity: int, draw: Draw) -> Parameters:
    return {
        "x": draw.between("x", 0.15, 0.84),
        "y": draw.between("y", 0.05, 0.4),
        "angle": draw.between("angle", 0.0, 1.0),
        "radius_px": int(_step(severity, (14, 22, 30, 38, 46))),
        "veil": _step(severity, (0.03, 0.08, 0.14, 0.2, 0.27)),
    }


def _sun_flare(pixels: Pixels, parameters: Parameters) -> Pixels:
    A = _albumentations()
    x, y, angle = (float(parameters[name]) for name in ("x", "y", "angle"))
    flare = A.RandomSunFlare(
        flare_roi=(x, y, x + 0.01, y + 0.01),
        angle_range=(angle, angle),
        num_flare_circles_range=(4, 4),
        src_radius=int(parameters["radius_px"]),
        src_color=(255, 250, 235),
        method="physics_based",
        p=1.0,
    )
    glare = _layer([flare], pixels.shape, fill=0, seed=int(parameters["seed"]), blur_px=0)
    veiled = _lay_over(pixels, np.full_like(glare, float(parameters["veil"])), 250.0)
    return _lay_over(veiled, glare, 255.0)


WEATHERS.register("sun-flare")(Kind(_draw_sun_flare, _sun_flare, work_px=128))


def _draw_shadow(severity: int, draw: Draw) -> Parameters:
    middle = _step(severity, (0.25, 0.4, 0.52, 0.64, 0.75))
    return {
        "darkness": draw.between("darkness", middle - 0.05, middle + 0.05),
        "shadows": int(_step(severity, (1, 1, 2, 2, 3))),
        "penumbra_px": draw.between("penumbra", 0.6, 3.0),
    }


def _shadow(pixels: Pixels, parameters: Parameters) -> Pixels:
    A = _albumentations()
    shadows = int(parameters["shadows"])
    cast_shadow = A.RandomShadow(
        shadow_roi=(0.0, 0.0, 1.0, 1.0),
        num_shadows_limit=(shadows, shadows),
        shadow_dimension=3,
        shadow_intensity_range=(1.0, 1.0),
        p=1.0,
    )
    light = _layer(
        [cast_shadow], pixels.shape, fill=255, seed=int(parameters["seed"]), blur_px=float(parameters["penumbra_px"])
    )
    return _lay_over(pixels, (1.0 - light) * float(parameters["darkness"]), 0.0)


WEATHERS.register("shadow")(Kind(_draw_shadow, _shadow, work_px=128))


def _draw_low_light(severity: int, draw: Draw) -> Parameters:
    return {
        "dimming": _step(severity, (-0.3, -0.44, -0.56, -0.65, -0.72)),
        "color_shift": draw.between("color", 0.02, 0.06),
        "noise": _step(severity, (0.15, 0.25, 0.35, 0.45, 0.55)),
    }


# noise before dimming: albumentations scales it by the picture's contrast, and a dark picture would get specks
def _low_light(pixels: Pixels, parameters: Parameters) -> Pixels:
    A = _albumentations()
    dimming, shift, noise = (float(parameters[name]) for name in ("dimming", "color_shift", "noise"))
    dim = A.RandomBrightnessContrast(brightness_limit=(0.0, 0.0), contrast_limit=(dimming, dimming), p=1.0)
    sensor = A.ISONoise(color_shift=(shift, shift), intensity=(noise, noise), p=1.0)
    return _transform(pixels, [sensor, dim], int(parameters["seed"]))


WEATHERS.register("low-light")(Kind(_draw_low_light, _low_light, work_px=64))


def _draw_compression(severity: int, draw: Draw) -> Parameters:
    quality = _step(severity, (50, 30, 20, 13, 8))
    return {"quality": round(quality * draw.between("quality", 0.9, 1.1))}


def _compression(pixels: Pixels, parameters: Parameters) -> Pixels:
    A = _albumentations()
    quality = int(parameters["quality"])
    jpeg = A.ImageCompression(compression_type="jpeg", quality_range=(quality, quality), p=1.0)
    return _transform(pixels, [jpeg], int(parameters["seed"]))


WEATHERS.register("compression")(Kind(_draw_compression, _compression, work_px=64, fixed=True))


def _draw_downscaling(severity: int, draw: Draw) -> Parameters:
    scale = _step(severity, (0.5, 0.4, 0.3, 0.24, 0.18))
    return {"scale": draw.between("scale", scale * 0.95, scale * 1.05)}


def _downscaling(pixels: Pixels, parameters: Parameters) -> Pixels:
    import cv2

    A = _albumentations()
    scale = float(parameters["scale"])
    resampling = {"downscale": cv2.INTER_AREA, "upscale": cv2.INTER_LINEAR}
    small = A.Downscale(scale_range=(scale, scale), interpolation_pair=resampling, p=1.0)
    return _transform(pixels, [small], int(parameters["seed"]))


WEATHERS.register("downscaling")(Kind(_draw_downscaling, _downscaling, work_px=64, fixed=True))
