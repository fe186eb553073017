"""Where and in which light the roadside's frames stand: all that a frame needs once, and no pixel of it.

Whatever lies on the sign's plane is a linear form of (x, y, 1) there, so it is a quotient of two linear
forms of the column and row of the picture. They are worked out in float64, many frames at once; the picture is then a
few operations a sample.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from physadv.scenes.camera import geometry, lens, light, texture
from physadv.scenes.conditions import Conditions
from physadv.scenes.roadside import backdrop as backdrops
from physadv.scenes.scene import PaintedSign, Prepared

POST_HALF_MM = 30.0
FORMS = ("atlas x", "atlas y", "across the shadow", "across the post", "below the post's top", "depth")
"""Linear forms of the sign's plane, in this order; the last one divides the others."""


@dataclass(frozen=True, eq=False)
class Placement(Prepared):
    """Roadside frames before their first pixel."""

    forms: Tensor
    """``[N, 6, 3]``: :data:`FORMS` as coefficients of (column + 0.5, row + 0.5, 1)."""
    low: Tensor
    """``[N, 2]``, least useful position in the atlas."""
    high: Tensor
    """``[N, 2]``, greatest useful position in the atlas."""
    arriving: Tensor
    """``[N, 3]``, light on the camera of a white surface that faces it, through the air."""
    sun: Tensor
    """``[N]``, share of that light which a sign at this angle has, outside of the shadow."""
    shaded: Tensor
    """``[N]``, share of it which the shadow's band takes away."""
    band: Tensor
    """``[N]``, :func:`physadv.scenes.camera.light.shadow_half_width`."""
    returned: Tensor
    """``[N]``, headlight that bare sheeting sends back."""
    airlight: Tensor
    """``[N, 3]``."""
    post: Tensor
    """``[N, 2]``: half the post's width and its ramp's end, and half its width, in ramps."""
    window: Tensor
    """``[N, 8]``, of :func:`physadv.scenes.roadside.backdrop.window`."""
    blur: Tensor
    """``[N, 2]``, deviation of the lens blur in samples, x and y."""
    streak: Tensor
    """``[N, 2]``, motion streak in samples, x and y."""
    samples: Tensor
    """``[N, 2]``, samples that the frame has, x and y, of as many as the grid has."""
    pixels: Tensor
    """``[N]``, camera pixels that a sample averages."""


def place(
    painted: PaintedSign,
    conditions: Conditions,
    *,
    size: tuple[int, int],
    oversample: int,
    aim: geometry.Aim,
    backdrop: backdrops.Backdrops,
) -> Placement:
    """Places frames on a grid of ``oversample`` times ``size`` samples at most."""
    device, dtype = painted.rgba.device, painted.rgba.dtype
    conditions = conditions.to(device, dtype)
    to_camera = geometry.homography(conditions, aim=aim)
    crop = geometry.crop_box(painted.sign, conditions, to_camera)
    sides = torch.stack([crop.width, crop.height], dim=-1)
    most = torch.tensor([size[1], size[0]], dtype=torch.float64, device=device) * oversample
    samples = torch.minimum(sides, most)
    step = sides / samples
    inverse = torch.linalg.inv(to_camera)
    inverse = inverse / inverse[:, 2:, 2:]
    footprint = _footprint_mm(to_camera, step)
    forms, low, high, post = _plane_forms(painted, conditions, footprint)
    forms = torch.cat([forms @ inverse, inverse[:, 2:]], dim=1)
    offset = forms[..., 2] + forms[..., 0] * crop.left[:, None] + forms[..., 1] * crop.top[:, None]
    forms = torch.stack([forms[..., 0] * step[:, :1], forms[..., 1] * step[:, 1:], offset], dim=-1)

    lit = light.illumination_rgb(conditions)
    transmitted = light.transmission(conditions)
    sun = light.sun_shading(conditions)
    return Placement(
        conditions=conditions,
        size=size,
        forms=forms.to(dtype),
        low=low.to(dtype),
        high=high.to(dtype),
        arriving=lit * transmitted[:, None],
        sun=sun,
        shaded=sun * conditions.shadow_strength,
        band=light.shadow_half_width(conditions),
        # the exposure that suits the dusk applies to the headlights' return as well
        returned=torch.exp2(conditions.exposure_ev) * conditions.headlight * transmitted,
        airlight=light.airlight_rgb(lit, transmitted),
        post=post.to(dtype),
        window=_window(conditions, sides, step, backdrop).to(dtype),
        blur=lens.pixel_blur(conditions.defocus_px[:, None], step.to(dtype)),
        streak=(_streak_px(conditions, crop) / step).to(dtype),
        samples=samples.to(dtype),
        pixels=step.prod(-1).to(dtype),
    )


def _plane_forms(
    painted: PaintedSign, conditions: Conditions, footprint_mm: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """All forms but the depth as coefficients of (x_mm, y_mm, 1) ``[N, 5, 3]``; the atlas's limits; the post's size."""
    sign, px = painted.sign, painted.rgba.shape[-1]
    x, y = (texture.level(footprint_mm[:, axis] / sign.extent_mm, px=px) for axis in (0, 1))
    ramp = footprint_mm[:, 0].clamp(min=1.0)
    zero = torch.zeros_like(ramp)
    forms = torch.stack(
        [
            torch.stack([x.scale / sign.extent_mm, zero, x.scale / 2.0 + x.shift], dim=-1),
            torch.stack([zero, y.scale / sign.extent_mm, y.scale / 2.0 + y.shift], dim=-1),
            light.shadow_axis(conditions).double(),
            torch.stack([1.0 / ramp, zero, zero], dim=-1),
            torch.stack([zero, 1.0 / ramp, sign.height_mm * 0.4 / ramp], dim=-1),
        ],
        dim=1,
    )
    low, high = torch.stack([x.low, y.low], dim=-1), torch.stack([x.high, y.high], dim=-1)
    return forms, low, high, torch.stack([POST_HALF_MM / ramp + 0.5, POST_HALF_MM / ramp], dim=-1)


def _window(conditions: Conditions, sides: Tensor, step: Tensor, backdrop: backdrops.Backdrops) -> Tensor:
    atlas, count = backdrops.backdrop_atlas(backdrop, conditions.index.device)
    degrees = torch.rad2deg(1.0 / geometry.focal_px(conditions))[:, None]
    span = torch.tensor([backdrops.WIDTH, backdrops.HEIGHT], dtype=torch.float64, device=step.device)
    middle = torch.stack([conditions.backdrop_x, conditions.backdrop_y], dim=-1) * (span / backdrops.PX_PER_DEG)
    seen = backdrops.window(
        middle - sides / 2.0 * degrees, degrees * step, conditions.background, atlas=atlas, count=count
    )
    return torch.cat([seen.from_px, seen.step_px, seen.scale, seen.shift], dim=-1)


def _footprint_mm(to_camera: Tensor, step: Tensor) -> Tensor:
    """Size in mm, along the sign's x and y, of what a sample of ``step`` camera pixels covers at its center, [N, 2]."""
    jacobian = (
        to_camera[:, :2, :2] * to_camera[:, 2, 2, None, None] - to_camera[:, :2, 2:] * to_camera[:, 2:, :2]
    ) / to_camera[:, 2, 2, None, None] ** 2
    size: Tensor = (torch.linalg.inv(jacobian) * step[:, None, :]).norm(dim=-1)
    return size


def _streak_px(conditions: Conditions, crop: geometry.Crop) -> Tensor:
    """Motion blur in camera pixels along x and y, ``[N, 2]``: flow of the approach at the sign, plus the shake."""
    shutter = conditions.shutter_s.double()
    travel = conditions.speed_kmh.double() / 3.6 * shutter / conditions.distance_m.double()
    shake = torch.deg2rad(conditions.shake_deg_s.double()) * shutter * geometry.focal_px(conditions)
    direction = torch.deg2rad(conditions.shake_angle_deg.double())
    return torch.stack(
        [
            (crop.left + crop.width / 2) * travel + shake * torch.cos(direction),
            (crop.top + crop.height / 2) * travel + shake * torch.sin(direction),
        ],
        dim=-1,
    )
