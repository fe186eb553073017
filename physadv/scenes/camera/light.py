"""Light, in linear RGB: daylight and sun on the sign, a cast shadow, headlights on bare sheeting, haze."""

from __future__ import annotations

import torch
from torch import Tensor

from physadv.core.color import illuminant_rgb
from physadv.scenes.camera.geometry import camera_position_m, sign_rotation
from physadv.scenes.conditions import Conditions

_KOSCHMIEDER = 3.912
"""-ln(0.02): contrast of 2 % at the visibility distance (Koschmieder 1924; WMO-No. 8)."""
_AIRLIGHT = 0.75
"""Brightness of the horizon's haze relative to a white surface in the same light."""


def illumination_rgb(conditions: Conditions) -> Tensor:
    """Exposed light on a white surface that faces it, ``[N, 3]`` linear."""
    return illuminant_rgb(conditions.temperature_k) * torch.exp2(conditions.exposure_ev)[:, None]


def sun_shading(conditions: Conditions) -> Tensor:
    """Share of that light which reaches the sign's face, ``[N]``: diffuse part plus Lambert's cosine of the sun's."""
    azimuth = torch.deg2rad(conditions.sun_azimuth_deg)
    elevation = torch.deg2rad(conditions.sun_elevation_deg)
    sun = torch.stack(
        [torch.sin(azimuth) * torch.cos(elevation), torch.sin(elevation), torch.cos(azimuth) * torch.cos(elevation)], -1
    )
    normal = sign_rotation(conditions)[:, :, 2].to(sun.dtype)
    cosine = (sun * normal).sum(-1).clamp(min=0.0)
    return 1.0 - conditions.sun_fraction + conditions.sun_fraction * cosine


def shadow_axis(conditions: Conditions) -> Tensor:
    """The linear form ``[N, 3]`` that takes ``(x_mm, y_mm, 1)`` across the shadow's band, in widths of its penumbra."""
    angle = torch.deg2rad(conditions.shadow_angle_deg)
    form = torch.stack([torch.cos(angle), torch.sin(angle), -conditions.shadow_offset_mm], dim=-1)
    return form / conditions.shadow_softness_mm.clamp(min=1.0)[:, None]


def shadow_half_width(conditions: Conditions) -> Tensor:
    """Where on that axis the band's ramp ends, ``[N]``; it is one long."""
    return conditions.shadow_width_mm / 2.0 / conditions.shadow_softness_mm.clamp(min=1.0) + 0.5


def shadow_map(conditions: Conditions, x_mm: Tensor, y_mm: Tensor) -> Tensor:
    """What the cast shadow leaves of the light, ``[N, H, W]`` for positions on the sign in mm: a soft band."""
    across, down, offset = shadow_axis(conditions)[:, :, None, None].unbind(1)
    position = x_mm * across + y_mm * down + offset
    band = (shadow_half_width(conditions)[:, None, None] - position.abs()).clamp(0.0, 1.0)
    return 1.0 - conditions.shadow_strength[:, None, None] * band


def transmission(conditions: Conditions) -> Tensor:
    """Share of the sign's light that the air lets through, ``[N]`` (Koschmieder's law)."""
    distance = camera_position_m(conditions).norm(dim=-1).to(conditions.visibility_m.dtype)
    return torch.exp(-_KOSCHMIEDER * distance / conditions.visibility_m)


def airlight_rgb(illumination: Tensor, transmitted: Tensor) -> Tensor:
    """Light that the air adds, ``[N, 3]`` linear, given :func:`illumination_rgb` and :func:`transmission`."""
    return illumination * (_AIRLIGHT * (1.0 - transmitted))[:, None]
