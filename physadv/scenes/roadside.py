"""Roadside: a differentiable camera by the road. Sample, place, light, record; all frames of a batch at once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from physadv.scenes import backdrop as backdrops
from physadv.scenes import geometry, light, record, texture
from physadv.scenes.conditions import INTEGERS, QUANTITIES, Conditions
from physadv.scenes.config import DEFAULTS, RoadsideConfig
from physadv.scenes.distributions import Distribution
from physadv.scenes.randomness import integers, uniforms
from physadv.scenes.scene import PaintedSign, Scene

_PER_FRAME = frozenset({"noise_seed", "crop_shift_x", "crop_shift_y", "crop_scale", "shake_deg_s", "shake_angle_deg"})
"""What changes from frame to frame of one drive-by; the rest is drawn once an approach."""
_TURNED = ("yaw_deg", "pitch_deg", "lateral_m", "height_m")
"""What makes the viewing angle, and is scaled down where the angle is beyond the scene's limit."""
_POLE_HALF_MM = 30.0
_POLE_REFLECTANCE = 0.28
_STREAK_TAPS = 3
_SHARP_STREAK = 0.5
"""Streaks of fewer samples are a Gaussian to the eye: one tap is enough."""


@dataclass(frozen=True, eq=False)
class Exposure:
    """All of a batch of frames but the paint: what a frame needs beside the texture's colour, on the sensor's grid."""

    sampling: texture.Sampling
    gain: Tensor
    """``[N, 3, h, w]``, what the light and the air make of one unit of reflectance."""
    added: Tensor
    """``[N, 3, h, w]``, what reaches the sensor from anywhere else."""
    rows: Tensor
    columns: Tensor
    streaked: Tensor
    """Numbers of the frames with a long motion streak, whose blur takes several moments of the shutter."""
    streak_rows: Tensor
    streak_columns: Tensor
    unit_noise: Tensor
    pixels: Tensor
    """``[N]`` camera pixels that a sample averages."""
    resized: Tensor
    """Numbers of the frames that have fewer, or more, samples than the picture has pixels."""
    resize_rows: Tensor
    resize_columns: Tensor
    conditions: Conditions


class Roadside(Scene):
    """The differentiable roadside; see :mod:`physadv.scenes` for the four steps.

    Gradients reach every texel of the paint. The sensor's noise is a constant sample, and JPEG's gradient passes
    straight through; all other steps are differentiated exactly.
    """

    kind = "roadside"

    def __init__(self, config: RoadsideConfig) -> None:
        self.config = config
        self.name = config.name
        self.description = config.description
        self.lights = tuple(config.lights) or ("plain",)
        self.frames_per_approach = config.drive.frames if config.drive else 1
        if config.backdrops != "drawn":
            backdrops.backdrop_paths(Path(config.backdrops))
        base = RoadsideConfig(name="defaults", conditions=DEFAULTS).conditions
        self._base: dict[str, Distribution] = {**base, **config.conditions}

    def sample(self, count: int, *, seed: int, start: int = 0) -> Conditions:
        """Conditions of the frames ``start .. start + count``; frame i depends on ``(seed, i)`` alone."""
        config = self.config
        index = torch.arange(start, start + count, dtype=torch.int64)
        approach = index // self.frames_per_approach
        stations = max(1, len(config.stations))
        station = index % stations
        if config.light_order == "cycle":
            chosen = (approach if config.drive else index // stations) % len(self.lights)
        else:
            chosen = integers(approach, seed=seed, stream="light") % len(self.lights)
        values: dict[str, Tensor] = {}
        for name in QUANTITIES:
            uniform = uniforms(index if name in _PER_FRAME else approach, seed=seed, stream=name)
            value = self._base[name].draw(uniform)
            for number, table in enumerate(config.lights.values()):
                if name in table:
                    value = torch.where(chosen == number, table[name].draw(uniform), value)
            for number, table in enumerate(config.stations):
                if name in table:
                    value = torch.where(station == number, table[name].draw(uniform), value)
            values[name] = value.long() if name in INTEGERS else value.float()
        time_s = torch.zeros(count)
        if config.drive:
            frame = (index % self.frames_per_approach).double()
            time_s = (frame / config.drive.frame_rate_hz).float()
            values["distance_m"] = (config.drive.from_m - frame * config.drive.step_m).float()
            values["speed_kmh"] = torch.full((count,), config.drive.speed_kmh)
        conditions = Conditions(
            index=index,
            approach=station if config.stations else approach,
            time_s=time_s,
            light=chosen,
            **values,
        )
        return self._facing(conditions)

    def _facing(self, conditions: Conditions) -> Conditions:
        limit = self.config.max_viewing_angle_deg
        while bool((over := (angle := geometry.viewing_angle_deg(conditions)) > limit).any()):
            turn = torch.where(over, 0.999 * limit / angle, torch.ones_like(angle)).float()
            conditions = replace(conditions, **{name: getattr(conditions, name) * turn for name in _TURNED})
        return conditions

    def render(self, painted: PaintedSign, conditions: Conditions, *, size: tuple[int, int]) -> Tensor:
        """Frames ``[N, 3, H, W]`` in [0,1], sRGB-encoded, at ``size`` = (H, W) pixels."""
        with torch.no_grad():
            exposure = self.expose(painted, conditions, size=size)
        return self.record(painted, exposure)

    def expose(self, painted: PaintedSign, conditions: Conditions, *, size: tuple[int, int]) -> Exposure:
        """Place and light: everything that does not depend on the paint's colour."""
        device, dtype = painted.rgba.device, painted.rgba.dtype
        conditions = conditions.to(device, dtype)
        height, width = (side * self.config.oversample for side in size)
        to_camera = geometry.homography(conditions, aim=self.config.aim)
        crop = geometry.crop_box(painted.sign, conditions, to_camera)
        samples_x, samples_y = crop.width.clamp(max=width), crop.height.clamp(max=height)
        step_x, step_y = crop.width / samples_x, crop.height / samples_y

        steps_x = torch.arange(width, dtype=torch.float64, device=device) + 0.5
        steps_y = torch.arange(height, dtype=torch.float64, device=device) + 0.5
        u = (crop.left[:, None] + steps_x * step_x[:, None]).to(dtype)[:, None, :]
        v = (crop.top[:, None] + steps_y * step_y[:, None]).to(dtype)[:, :, None]
        inverse = torch.linalg.inv(to_camera)
        inverse = (inverse / inverse[:, 2:, 2:]).to(dtype)[..., None, None]
        depth = 1.0 / (inverse[:, 2, 0] * u + inverse[:, 2, 1] * v + inverse[:, 2, 2])
        x_mm = (inverse[:, 0, 0] * u + inverse[:, 0, 1] * v + inverse[:, 0, 2]) * depth
        y_mm = (inverse[:, 1, 0] * u + inverse[:, 1, 1] * v + inverse[:, 1, 2]) * depth

        extent = painted.sign.extent_mm
        footprint_x, footprint_y = _footprint(to_camera, step_x, step_y)
        sampling = texture.place(
            x_mm / extent + 0.5,
            y_mm / extent + 0.5,
            (footprint_x / extent).to(dtype),
            (footprint_y / extent).to(dtype),
            px=painted.rgba.shape[-1],
        )
        matte = sampling(painted.matte_atlas)
        cover, sheeting = matte[:, :1], matte[:, 1:]

        lit = light.illumination_rgb(conditions)
        shade = light.sun_shading(conditions)[:, None, None] * light.shadow_map(conditions, x_mm, y_mm)
        transmitted = light.transmission(conditions)
        arriving = (lit * transmitted[:, None])[:, :, None, None]
        gain = shade[:, None] * arriving
        if bool((conditions.headlight > 0).any()):
            # the exposure that suits the dusk applies to the headlights' return as well
            returned = torch.exp2(conditions.exposure_ev) * conditions.headlight * transmitted
            gain = gain + returned[:, None, None, None] * sheeting
        behind = self._behind(conditions, crop, u, v, step_x, x_mm, y_mm, painted, footprint_x.to(dtype))
        air = light.airlight_rgb(lit, transmitted)[:, :, None, None]
        added = torch.addcmul(air, behind * (1.0 - cover), arriving)

        steps = torch.stack([step_x, step_y]).to(dtype)
        blur = record.pixel_blur(conditions.defocus_px, steps)
        streak = torch.stack(_streak_px(conditions, crop)).to(dtype) / steps
        streaked = (streak.abs().amax(0) > _SHARP_STREAK).nonzero()[:, 0]
        resized = (samples_x < width) | (samples_y < height) if (height, width) == size else samples_x > 0
        resized = resized.nonzero()[:, 0]
        return Exposure(
            sampling=sampling,
            gain=gain,
            added=added,
            rows=record.blur_matrices(height, blur[1], streak[1], taps=1),
            columns=record.blur_matrices(width, blur[0], streak[0], taps=1),
            streaked=streaked,
            streak_rows=record.blur_matrices(height, blur[1, streaked], streak[1, streaked], taps=_STREAK_TAPS),
            streak_columns=record.blur_matrices(width, blur[0, streaked], streak[0, streaked], taps=_STREAK_TAPS),
            unit_noise=record.noise(conditions.noise_seed, (3, height, width)).to(dtype),
            pixels=(step_x * step_y).to(dtype),
            resized=resized,
            resize_rows=record.resize_matrix(samples_y[resized].to(dtype), height, size[0]),
            resize_columns=record.resize_matrix(samples_x[resized].to(dtype), width, size[1]),
            conditions=conditions,
        )

    def record(self, painted: PaintedSign, exposure: Exposure) -> Tensor:
        """The paint through the exposure: differentiable in ``painted.rgba``'s colour."""
        conditions = exposure.conditions
        atlas = texture.build_atlas(painted.rgba[:3] * painted.rgba[3:])
        sharp = torch.addcmul(exposure.added, exposure.sampling(atlas), exposure.gain)
        linear = record.apply_lens(sharp, exposure.rows, exposure.columns)
        which = exposure.streaked
        if len(which):
            linear = linear.index_copy(
                0, which, record.apply_lens(sharp[which], exposure.streak_rows, exposure.streak_columns)
            )
        linear = linear + record.sensor_noise(
            linear, exposure.unit_noise, conditions.full_well_e, conditions.read_noise_e, exposure.pixels
        )
        encoded = record.tone(linear, conditions.contrast)
        encoded = record.jpeg(encoded, conditions.jpeg_quality, exposure.pixels)
        which = exposure.resized
        if len(which) == len(encoded):
            encoded = record.resize(encoded, exposure.resize_rows, exposure.resize_columns)
        elif len(which):
            part = record.resize(encoded[which], exposure.resize_rows, exposure.resize_columns)
            encoded = encoded.index_copy(0, which, part)
        return encoded.clamp(0.0, 1.0)

    def _behind(
        self,
        conditions: Conditions,
        crop: geometry.Crop,
        u: Tensor,
        v: Tensor,
        step_x: Tensor,
        x_mm: Tensor,
        y_mm: Tensor,
        painted: PaintedSign,
        footprint_mm: Tensor,
    ) -> Tensor:
        """Reflectance behind the sign ``[N, 3, h, w]``: the backdrop, and the post that carries the sign."""
        atlas, count = backdrops.backdrop_atlas(self.config.backdrops, u.device)
        degrees = torch.rad2deg(1.0 / geometry.focal_px(conditions)).to(u.dtype)
        middle_u = (crop.left + crop.width / 2).to(u.dtype)[:, None, None]
        middle_v = (crop.top + crop.height / 2).to(u.dtype)[:, None, None]
        left = (conditions.backdrop_x * (backdrops.WIDTH / backdrops.PX_PER_DEG))[:, None, None]
        top = (conditions.backdrop_y * (backdrops.HEIGHT / backdrops.PX_PER_DEG))[:, None, None]
        scale = degrees[:, None, None]
        grid = backdrops.backdrop_grid(
            left + (u - middle_u) * scale,
            top + (v - middle_v) * scale,
            degrees * step_x.to(u.dtype),
            conditions.background,
            atlas=atlas,
            count=count,
        )
        picture = texture.Sampling(grid)(atlas.to(u.dtype))
        ramp = footprint_mm.clamp(min=1.0)[:, None, None]
        post = ((_POLE_HALF_MM - x_mm.abs()) / ramp + 0.5).clamp(0.0, 1.0)
        post = post * ((y_mm + painted.sign.height_mm * 0.4) / ramp).clamp(0.0, 1.0)
        round_shade = _POLE_REFLECTANCE * (1.0 - 0.6 * (x_mm / _POLE_HALF_MM).clamp(-1.0, 1.0) ** 2)
        return torch.lerp(picture, round_shade[:, None], post[:, None])


def _footprint(to_camera: Tensor, step_x: Tensor, step_y: Tensor) -> tuple[Tensor, Tensor]:
    """Size in mm, along the sign's x and y, of what a sample of ``step`` camera pixels covers at the sign's centre."""
    jacobian = (
        to_camera[:, :2, :2] * to_camera[:, 2, 2, None, None] - to_camera[:, :2, 2:] * to_camera[:, 2:, :2]
    ) / to_camera[:, 2, 2, None, None] ** 2
    inverse = torch.linalg.inv(jacobian) * torch.stack([step_x, step_y], dim=-1)[:, None, :]
    size = inverse.norm(dim=-1)
    return size[:, 0], size[:, 1]


def _streak_px(conditions: Conditions, crop: geometry.Crop) -> tuple[Tensor, Tensor]:
    """Motion blur in camera pixels, ``[N]`` along u and v: flow of the approach at the sign, plus the shake."""
    shutter = conditions.shutter_s.double()
    travel = conditions.speed_kmh.double() / 3.6 * shutter / conditions.distance_m.double()
    shake = torch.deg2rad(conditions.shake_deg_s.double()) * shutter * geometry.focal_px(conditions)
    direction = torch.deg2rad(conditions.shake_angle_deg.double())
    return (
        (crop.left + crop.width / 2) * travel + shake * torch.cos(direction),
        (crop.top + crop.height / 2) * travel + shake * torch.sin(direction),
    )
