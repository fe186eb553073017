"""Roadside: a differentiable camera by the road. Sample, place, light, record; all frames of a batch at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from physadv.core.identity import digest_of
from physadv.core.jpeg import jpeg
from physadv.core.randomness import integers, uniforms
from physadv.scenes.camera import geometry, sensor, texture
from physadv.scenes.camera.lens import Lens
from physadv.scenes.conditions import INTEGERS, QUANTITIES, Conditions
from physadv.scenes.distributions import Distribution
from physadv.scenes.library import SCENE_KINDS
from physadv.scenes.roadside import backdrop as backdrops
from physadv.scenes.roadside.config import DEFAULTS, RoadsideConfig
from physadv.scenes.roadside.placement import Placement, place
from physadv.scenes.scene import PaintedSign, Prepared, Scene
from physadv.signs import Sign

_PER_FRAME = frozenset({"noise_seed", "crop_shift_x", "crop_shift_y", "crop_scale", "shake_deg_s", "shake_angle_deg"})
"""What changes from frame to frame of one drive-by; the rest is drawn once an approach."""
_TURNED = ("yaw_deg", "pitch_deg", "lateral_m", "height_m")
"""What makes the viewing angle, and is scaled down where the angle is beyond the scene's limit."""
_POST_REFLECTANCE = 0.28


@dataclass(frozen=True, eq=False)
class Exposure:
    """All of a batch of frames but the paint: what a frame needs beside the texture's color, on the sensor's grid."""

    sampling: texture.Sampling
    changing: Tensor | None
    """Numbers of the samples that see covered sheeting, where ``added`` holds the ground's light on all of them."""
    gain: Tensor
    """``[N, 3, h, w]``, what the light and the air make of one unit of reflectance."""
    added: Tensor
    """``[N, 3, h, w]``, what reaches the sensor from anywhere else."""
    lens: Lens
    unit_noise: Tensor
    pixels: Tensor
    """``[N]`` camera pixels that a sample averages."""
    resized: Tensor
    """Numbers of the frames that have fewer, or more, samples than the picture has pixels."""
    resize_rows: Tensor
    resize_columns: Tensor
    conditions: Conditions


@SCENE_KINDS.register("roadside")
class Roadside(Scene):
    """A drawn roadside: the sign on its post, in drawn place, light, lens and sensor; with gradients.

    See :mod:`physadv.scenes` for the four steps.

    Gradients reach every texel of the paint. The sensor's noise is a constant sample, and JPEG's gradient passes
    straight through; all other steps are differentiated exactly.
    """

    kind = "roadside"
    configuration = RoadsideConfig

    def __init__(self, config: RoadsideConfig) -> None:
        self.config = config
        self.name = config.name
        self.description = config.description
        self.lights = tuple(config.lights) or ("plain",)
        self.frames_per_approach = config.drive.frames if config.drive else 1
        self._backdrops = backdrops.find_backdrops(config.backdrops)
        base = RoadsideConfig(name="defaults", conditions=DEFAULTS).conditions
        self._base: dict[str, Distribution] = {**base, **config.conditions}

    @property
    def fingerprint(self) -> str:
        said = self.config.model_dump(mode="json", exclude={"description", "backdrops"})
        return digest_of([said, self._backdrops.content])

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
        values: dict[str, Any] = {}
        numbers = torch.stack([index if name in _PER_FRAME else approach for name in QUANTITIES])
        for name, uniform in zip(QUANTITIES, uniforms(numbers, seed=seed, stream=QUANTITIES), strict=True):
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
        return self.record(painted, self.expose(painted, conditions, size=size))

    def homographies(self, sign: Sign, conditions: Conditions, *, size: tuple[int, int]) -> Tensor:
        """Through the camera and the crop."""
        to_camera = geometry.homography(conditions, aim=self.config.aim)
        crop = geometry.crop_box(sign, conditions, to_camera)
        zero, one = torch.zeros_like(crop.left), torch.ones_like(crop.left)
        wide, high = size[1] / crop.width, size[0] / crop.height
        rows = [[wide, zero, -crop.left * wide], [zero, high, -crop.top * high], [zero, zero, one]]
        to_frame = torch.stack([torch.stack(row, dim=-1) for row in rows], dim=-2)
        return to_frame @ to_camera

    def prepare(self, painted: PaintedSign, conditions: Conditions, *, size: tuple[int, int]) -> Placement:
        """Places the frames: everything that needs no pixel."""
        with torch.no_grad():
            return place(
                painted,
                conditions,
                size=size,
                oversample=self.config.oversample,
                aim=self.config.aim,
                backdrop=self._backdrops,
            )

    def show(self, painted: PaintedSign, prepared: Prepared) -> Tensor:
        """Frames that are placed already."""
        assert isinstance(prepared, Placement)
        return self.record(painted, self._light(painted, prepared))

    def expose(self, painted: PaintedSign, conditions: Conditions, *, size: tuple[int, int]) -> Exposure:
        """Place and light: everything that does not depend on the paint's color."""
        return self._light(painted, self.prepare(painted, conditions, size=size))

    @torch.no_grad()
    def _light(self, painted: PaintedSign, placed: Placement) -> Exposure:
        size, conditions = placed.size, placed.conditions
        height, width = (side * self.config.oversample for side in size)
        steps = torch.arange(max(height, width), dtype=placed.forms.dtype, device=placed.forms.device) + 0.5
        column, row, one = placed.forms.permute(2, 1, 0)[..., None]
        numerators = (column * steps[:width])[:, :, None, :] + torch.addcmul(one, row, steps[:height])[..., None]
        on_sign = numerators[:-1].mul_(numerators[-1:].reciprocal())
        low, high = (limit.T[:, :, None, None] for limit in (placed.low, placed.high))
        sampling = texture.Sampling(on_sign[:2].clamp(low, high))

        arriving = placed.arriving[:, :, None, None]
        band = placed.band[:, None, None] - on_sign[2].abs_()
        shade = torch.addcmul(placed.sun[:, None, None], band.clamp_(0.0, 1.0), placed.shaded[:, None, None], value=-1)
        gain = shade[:, None] * arriving
        matte = sampling(painted.matte_atlas)
        cover, sheeting = matte[:, :1], matte[:, 1:]
        if bool((placed.returned > 0).any()):
            gain.addcmul_(placed.returned[:, None, None, None], sheeting)
        behind = self._behind(placed, on_sign[3], on_sign[4]).mul_(1.0 - cover)
        added = torch.addcmul(placed.airlight[:, :, None, None], behind, arriving)
        changing = None
        if painted.ground is not None and painted.rgba.requires_grad:
            added.addcmul_(sampling(painted.ground.color_atlas), gain)
            changing = (cover > sheeting).flatten().nonzero()[:, 0]

        few = (placed.samples[:, 0] < width) | (placed.samples[:, 1] < height)
        resized = (few if (height, width) == size else torch.ones_like(few)).nonzero()[:, 0]

        def resizing(side: int, samples: Tensor) -> Tensor:
            return sensor.resize_matrix(samples, side, side // self.config.oversample)

        resize_rows, resize_columns = _both_axes(resizing, height, width, placed.samples[resized])
        return Exposure(
            sampling=sampling,
            changing=changing,
            gain=gain,
            added=added,
            lens=Lens.of(height, width, placed.blur, placed.streak),
            unit_noise=sensor.noise(conditions.noise_seed, (3, height, width)).to(gain.dtype),
            pixels=placed.pixels,
            resized=resized,
            resize_rows=resize_rows,
            resize_columns=resize_columns,
            conditions=conditions,
        )

    def record(self, painted: PaintedSign, exposure: Exposure) -> Tensor:
        """The paint through the exposure: differentiable in ``painted.rgba``'s color."""
        conditions = exposure.conditions
        linear = exposure.lens(_arriving(painted, exposure))
        linear = linear + sensor.sensor_noise(
            linear, exposure.unit_noise, conditions.full_well_e, conditions.read_noise_e, exposure.pixels
        )
        encoded = sensor.tone(linear, conditions.contrast)
        encoded = jpeg(encoded, conditions.jpeg_quality, exposure.pixels)
        which = exposure.resized
        if not len(which):
            return encoded
        if len(which) == len(encoded):
            return sensor.resize(encoded, exposure.resize_rows, exposure.resize_columns).clamp(0.0, 1.0)
        part = sensor.resize(encoded[which], exposure.resize_rows, exposure.resize_columns).clamp(0.0, 1.0)
        return encoded.index_copy(0, which, part)

    def _behind(self, placed: Placement, across_post: Tensor, below_top: Tensor) -> Tensor:
        """Reflectance behind the sign ``[N, 3, h, w]``: the backdrop, and the post that carries the sign."""
        atlas, _ = backdrops.backdrop_atlas(self._backdrops, across_post.device)
        planes = backdrops.window_planes(placed.window, *across_post.shape[-2:])
        picture = texture.Sampling(planes)(atlas.to(planes.dtype))
        edge, half = placed.post.T[:, :, None, None]
        post = (edge - across_post.abs()).clamp_(0.0, 1.0).mul_(below_top.clamp(0.0, 1.0))
        bend = (across_post / half).square_().mul_(-0.6 * _POST_REFLECTANCE).add_(_POST_REFLECTANCE)
        bend = bend.clamp_(min=0.4 * _POST_REFLECTANCE)
        return torch.lerp(picture, bend[:, None], post[:, None])


def _arriving(painted: PaintedSign, exposure: Exposure) -> Tensor:
    """Linear light on the lens ``[N, 3, h, w]``."""
    gain, samples = exposure.gain, exposure.changing
    if samples is None:
        return torch.addcmul(exposure.added, exposure.sampling(painted.color_atlas), gain)
    frame_size = gain[0, 0].numel()
    first = samples // frame_size * (2 * frame_size) + samples
    numbers = first + frame_size * torch.arange(3, device=first.device)[:, None]
    light = exposure.sampling.listed(painted.change_atlas, samples) * gain.take(numbers)
    return exposure.added.flatten().index_add(0, numbers.flatten(), light.flatten()).view_as(gain)


def _both_axes(make: Callable[..., Tensor], height: int, width: int, *values: Tensor) -> tuple[Tensor, Tensor]:
    """``make(side, *values)`` for rows and columns, of values ``[N, 2]`` (x, y); at once for a square."""
    if height != width:
        return make(height, *(value[:, 1] for value in values)), make(width, *(value[:, 0] for value in values))
    made = make(height, *(value.T.flip(0).flatten() for value in values))
    return made[: len(values[0])], made[len(values[0]) :]
