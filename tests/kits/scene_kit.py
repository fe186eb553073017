"""What the tests of the scenes share: frames under given conditions, textures with a known answer, quiet rendering."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from physadv.core.color import srgb_to_linear
from physadv.scenes import INTEGERS, Conditions, PaintedSign, Roadside, load_scene
from physadv.signs import Sign, load_sign

NEUTRAL: dict[str, float] = {
    "distance_m": 5.0,
    "image_width_px": 1920.0,
    "hfov_deg": 60.0,
    "sun_fraction": 0.0,
    "shadow_strength": 0.0,
    "shadow_angle_deg": 0.0,
    "shadow_offset_mm": 0.0,
    "shadow_width_mm": 100.0,
    "shadow_softness_mm": 50.0,
    "visibility_m": 1e6,
    "defocus_px": 0.0,
    "full_well_e": 1e6,
    "read_noise_e": 0.0,
    "jpeg_quality": 101.0,
    "crop_margin": 0.1,
    "shake_angle_deg": 0.0,
    "background": 3.0,
    "backdrop_x": 0.5,
    "backdrop_y": 0.5,
}
"""No physics but the pinhole camera and the sensor's own pixels."""


def roadside(**options: Any) -> Roadside:
    """A scene that leaves what it does not name as it is by default."""
    scene = load_scene({"name": "test", "max_viewing_angle_deg": 84.0, **options})
    assert isinstance(scene, Roadside)
    return scene


@lru_cache(maxsize=1)
def _template() -> Conditions:
    return roadside(conditions=NEUTRAL).sample(1, seed=0)


def conditions(**values: Any) -> Conditions:
    """Neutral conditions with ``values`` (a number for all frames, or a sequence) put in."""
    columns = {name: torch.as_tensor(value).reshape(-1) for name, value in values.items()}
    count = max([len(column) for column in columns.values()], default=1)
    put = {
        name: column.expand(count).to(torch.int64 if name in INTEGERS else torch.float32)
        for name, column in columns.items()
    }
    plain = {name: column.expand(count) for name, column in _template().items()}
    return Conditions(**{**plain, **put})


@lru_cache(maxsize=1)
def stop_sign() -> Sign:
    """The stop sign."""
    return load_sign("us/stop")


@lru_cache(maxsize=8)
def stop_texture(px: int) -> Tensor:
    """Its artwork ``[4, px, px]``."""
    return stop_sign().texture(px)


def painted(rgb: Tensor | float | None = None, *, px: int = 128, dtype: torch.dtype = torch.float32) -> PaintedSign:
    """The stop sign in linear colors ``rgb [3, px, px]``, in one gray, or in its own artwork."""
    rgba = stop_texture(px).to(dtype, copy=True)
    if rgb is not None:
        color = rgb.to(dtype) if isinstance(rgb, Tensor) else torch.full((3, px, px), rgb, dtype=dtype)
        rgba = torch.cat([color, rgba[3:]])
    return PaintedSign(stop_sign(), rgba, torch.ones(1, px, px, dtype=dtype))


def square(rgb: Tensor) -> PaintedSign:
    """A sign whose paint fills the whole texture ``[3, P, P]``, corners too: nothing of the backdrop inside it."""
    px = rgb.shape[-1]
    half = 300.0
    outline = ((-half, -half), (half, -half), (half, half), (-half, half))
    sign = replace(stop_sign(), name="test/square", width_mm=2 * half, height_mm=2 * half, outline_mm=outline)
    return PaintedSign(sign, torch.cat([rgb, torch.ones(1, px, px, dtype=rgb.dtype)]), torch.ones(1, px, px).to(rgb))


def quiet(scene: Roadside, sign: PaintedSign, seen: Conditions, size: tuple[int, int]) -> Tensor:
    """Frames without the sensor's noise."""
    exposure = scene.expose(sign, seen, size=size)
    return scene.record(sign, replace(exposure, unit_noise=torch.zeros_like(exposure.unit_noise)))


def linear(frames: Tensor) -> Tensor:
    """The light of quiet frames that have plain contrast."""
    return srgb_to_linear(frames)


def middle(frames: Tensor, share: float = 0.5) -> Tensor:
    """The middle of frames, ``share`` of each side."""
    height, width = frames.shape[-2:]
    top, left = round(height * (1 - share) / 2), round(width * (1 - share) / 2)
    return frames[..., top : height - top, left : width - left]
