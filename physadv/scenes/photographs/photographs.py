"""Photographs: real pictures of a sign, with paint pasted onto it through each picture's homography, light and blur.

RP2's view (Eykholt et al. 2018, arXiv:1707.08945, section 3.2): a batch of photographs of the sign and, on top,
synthetic variation (crop, turn, exposure ...). What is not painted is left as it was photographed: a sign without
paint, in a scene without variation, gives the photographs themselves, resized.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Annotated, Any, Literal, TypeAlias

import cv2
import numpy as np
import torch
from pydantic import AfterValidator, Field, ValidationInfo, field_validator
from torch import Tensor
from torch.nn import functional as F

from physadv.core.color import from_uint8, linear_to_srgb, srgb_to_linear
from physadv.core.config import Config, folder_of
from physadv.core.errors import PhysadvError, PhysadvWarning, unknown_name
from physadv.core.files import at_home, is_there, sha256
from physadv.core.identity import digest_of, digest_of_files
from physadv.core.jpeg import jpeg
from physadv.core.randomness import integers, uniforms
from physadv.scenes.camera import lens, light, sensor, texture
from physadv.scenes.conditions import INTEGERS, QUANTITIES, Conditions
from physadv.scenes.distributions import Distribution
from physadv.scenes.library import SCENE_KINDS
from physadv.scenes.photographs.appearance import LUMINANCE
from physadv.scenes.photographs.sign_outline import Matrix, apply
from physadv.scenes.photographs.study import (
    LeftOut,
    Photograph,
    Study,
    find_path,
    pictures_in,
    pose_of,
    squared,
    study_folder,
)
from physadv.scenes.roadside.config import DEFAULTS, LIMITS, ConditionTable, RoadsideConfig
from physadv.scenes.scene import PaintedSign, Part, Scene
from physadv.signs import Sign, SignField

VARIABLE = (
    "crop_scale",
    "crop_shift_x",
    "crop_shift_y",
    "roll_deg",
    "exposure_ev",
    "temperature_k",
    "shadow_strength",
    "shadow_angle_deg",
    "shadow_offset_mm",
    "shadow_width_mm",
    "shadow_softness_mm",
    "defocus_px",
    "full_well_e",
    "read_noise_e",
    "contrast",
    "jpeg_quality",
)
"""Conditions that a set of photographs can vary; the rest is what it was when they were taken."""
_STILL = {"defocus_px": 0.0, "full_well_e": LIMITS["full_well_e"][1], "read_noise_e": 0.0, "temperature_k": 6500.0}
HELD_OUT, DEALT_FROM = 5, 10
"""A design holds out every fifth photograph, if there are at least ten."""
_DIGEST = 16
"""Characters that tell the photographs of a set apart."""
_LEAST_COVERED = 1e-3
"""Share of a sample that has to be painted for its color to be told."""
_BLUR_SEEN = 0.3
"""Blur in samples below which a picture does not show it."""


def _beside_if_there(value: str, info: ValidationInfo) -> str:
    folder = folder_of(info)
    return str((folder / at_home(value)).resolve()) if folder and is_there(folder / at_home(value)) else value


BesideOrElsewhere: TypeAlias = Annotated[str, AfterValidator(_beside_if_there)]
"""A path that may start at its file, or elsewhere."""


class PhotographsConfig(Config):
    """A set of photographs as its YAML declares it."""

    name: str
    kind: Literal["photographs"] = "photographs"
    description: str = ""
    folder: BesideOrElsewhere
    """Of the pictures: absolute, beside the YAML file, or inside the folder that ``PHYSADV_DATA`` names."""
    sign: SignField = Field(default="us/stop", validate_default=True)
    """The sign that all of them show."""
    corners: BesideOrElsewhere | None = None
    """CSV beside the pictures (or a path like ``folder``) with where the sign is; see :func:`read_corners`."""
    crop: Literal["picture", "sign"] = "picture"
    """What the classifier gets: the whole picture, or the sign's box with ``margin`` around it. For a victim that takes
    squares the shorter side is widened, and beyond the picture its edge is repeated."""
    margin: float = Field(default=0.1, ge=0.0, le=2.0)
    """Room around the sign's box on every side, as a share of the box, where ``crop`` is ``sign``."""
    variation: ConditionTable = Field(default_factory=dict)
    """Distributions of the conditions that vary on top; see :data:`VARIABLE`. None: each picture as it is."""
    oversample: int = Field(default=4, ge=1, le=8)
    """Samples a pixel of the classifier's input, along each axis, if the photograph has them; 2 is enough to design."""

    @field_validator("variation")
    @classmethod
    def _can_vary(cls, variation: ConditionTable) -> ConditionTable:
        for name, distribution in variation.items():
            if name not in VARIABLE:
                raise ValueError(str(unknown_name("variation of photographs", name, VARIABLE)))
            (low, high), (least, most) = distribution.bounds(), LIMITS[name]
            if low < least or high > most:
                raise ValueError(f"{name} reaches from {low:g} to {high:g}; it must stay within {least:g} to {most:g}")
        alone = [name for name in variation if name.startswith("shadow_") and "shadow_strength" not in variation]
        if alone:
            raise ValueError(f"{alone[0]} does nothing without shadow_strength")
        return variation


@dataclass(frozen=True, eq=False)
class _Stack:
    """All photographs at one size: ``frames [P, 3, H, W]`` as the classifier gets them, and on the working grid."""

    frames: Tensor
    encoded: Tensor
    """``[P, 3, h, w]``, sRGB."""
    layers: Tensor
    """``[P, 8, h, w]``: the photograph in linear light (3), shade, glare, what would be seen without the sign (3)."""
    light: Tensor
    """``[P, 3]``."""
    shoulder: Tensor
    """``[P]``, of the camera's tone curve."""
    blur: Tensor
    """``[P]``, in samples of the working grid."""
    step: Tensor
    """``[P, 2]``, pixels of the photograph that a sample is wide and high."""
    from_grid: Tensor
    """``[P, 3, 3]`` float64, samples of the working grid to mm on the sign."""


@SCENE_KINDS.register("photographs")
class Photographs(Scene):
    """Photographs of a sign; frame i shows the i-th of them, over and over.

    Gradients reach the paint through everything but the sensor's noise and JPEG, as in the roadside. ``Conditions``
    tell by what each frame was varied, and what is known of the photograph: ``yaw_deg`` and ``pitch_deg`` from the
    sign's foreshortening, and as ``distance_m`` the distance at which a camera of 1920 px and 60 degrees would see the
    sign as large as the photograph does. ``approach`` is the photograph's number.
    """

    kind = "photographs"
    lights = ("photographed",)
    configuration = PhotographsConfig

    def __init__(self, config: PhotographsConfig, *, part: Part | None = None) -> None:
        self.config, self._part = config, part
        self.name = config.name
        self.sign: Sign = config.sign.value
        self.folder = find_path(config.folder, what="folder")
        self.files = pictures_in(self.folder)
        self._corners = None
        if config.corners is not None:
            self._corners = find_path(config.corners, self.folder, what="corners")
        self._noisy = bool({"read_noise_e", "full_well_e"} & set(config.variation))
        self._moving = bool({"crop_scale", "crop_shift_x", "crop_shift_y", "roll_deg"} & set(config.variation))
        self._distributions: dict[str, Distribution] = {**_defaults(noisy=self._noisy), **config.variation}
        self._margin = config.margin if config.crop == "sign" else None
        self._stacks: dict[tuple[tuple[int, int], bool, torch.device, torch.dtype], _Stack] = {}
        self._bare: dict[tuple[int, torch.device, torch.dtype], Tensor] = {}

    @cached_property
    def study(self) -> Study:
        """The photographs with their homographies and light; made on first use, which takes about a second for five.

        Raises:
            PhysadvError: the sign was found in none of them, or a picture or the corners' file cannot be read.
        """
        stamps = tuple((file, sha256(file)) for file in self.files)
        corners = None if self._corners is None else (self._corners, sha256(self._corners))
        study = study_folder(stamps, self.sign, corners, self._margin)
        if not study.photographs:
            first = study.left_out[0]
            raise PhysadvError(
                f"scene {self.name!r}: sign {self.sign.name} was found in none of the {len(self.files)} pictures of "
                f"{self.folder} ({first.file.name}: {first.reason}); give the points in a CSV with the key 'corners'"
            )
        if study.left_out:
            names = ", ".join(f"{missed.file.name} ({missed.reason})" for missed in study.left_out)
            warnings.warn(f"scene {self.name!r}: left out {names}", PhysadvWarning, stacklevel=2)
        return study

    @cached_property
    def photographs(self) -> tuple[Photograph, ...]:
        """Those in which the sign was found; frame i shows number ``i % len(photographs)``."""
        found = self.study.photographs
        if self._part is None or len(found) < DEALT_FROM:
            return found
        aside = found[HELD_OUT - 1 :: HELD_OUT]
        return aside if self._part == "held-out" else tuple(photo for photo in found if photo not in aside)

    def for_part(self, part: Part) -> Photographs:
        """Every fifth photograph for what is held out and the others for training; all for both if they are few."""
        return Photographs(self.config, part=part)

    @cached_property
    def pictures(self) -> frozenset[str]:
        """Of the files' contents, wherever they lie."""
        return frozenset(sha256(photo.file)[:_DIGEST] for photo in self.photographs)

    @property
    def fingerprint(self) -> str:
        said = self.config.model_dump(mode="json", exclude={"description", "folder", "corners"})
        files = [*self.files, *([] if self._corners is None else [self._corners])]
        return digest_of([said, self.sign.fingerprint, digest_of_files(files)])

    @cached_property
    def _squared(self) -> tuple[Photograph, ...]:
        """The photographs as victims get them that take squares."""
        return tuple(squared(photo, self.sign, self._margin) for photo in self.photographs)

    @property
    def left_out(self) -> tuple[LeftOut, ...]:
        """Pictures of the folder that are not used."""
        return self.study.left_out

    def sample(self, count: int, *, seed: int, start: int = 0) -> Conditions:
        """Conditions of the frames ``start .. start + count``; frame i depends on ``(seed, i)`` alone."""
        index = torch.arange(start, start + count, dtype=torch.int64)
        number = index % len(self.photographs)
        values: dict[str, Any] = {}
        for name in QUANTITIES:
            if name == "noise_seed":
                values[name] = integers(index, seed=seed, stream=name)
            elif name in VARIABLE:
                value = self._distributions[name].draw(uniforms(index, seed=seed, stream=name))
                values[name] = value.float()
            else:
                middle = sum(self._distributions[name].bounds()) / 2.0
                values[name] = torch.full((count,), middle).to(torch.int64 if name in INTEGERS else torch.float32)
        for name, poses in self._poses.items():
            values[name] = poses[number]
        return Conditions(
            index=index, approach=number, time_s=torch.zeros(count), light=torch.zeros_like(index), **values
        )

    @cached_property
    def _poses(self) -> dict[str, Tensor]:
        poses = np.array([pose_of(photo.to_photo, self.sign) for photo in self.photographs])
        names = ("distance_m", "yaw_deg", "pitch_deg")
        return {name: torch.from_numpy(poses[:, i]).float() for i, name in enumerate(names)}

    def render(self, painted: PaintedSign, conditions: Conditions, *, size: tuple[int, int]) -> Tensor:
        """Frames ``[N, 3, H, W]`` in [0,1], sRGB-encoded, at ``size`` = (H, W) pixels.

        Raises:
            PhysadvError: the painted sign is not the one in the photographs.
        """
        if painted.sign.name != self.sign.name:
            raise PhysadvError(
                f"scene {self.name!r}: its photographs show {self.sign.name}, and the patch is for {painted.sign.name}"
            )
        if painted.sign is not self.sign and not painted.sign.looks_like(self.sign):
            raise PhysadvError(
                f"scene {self.name!r}: the patch is for another sign that is named {self.sign.name} too, of another "
                "size or artwork than the one that the scene looks for"
            )
        square = conditions.crop_square > 0.5
        if bool(square.any()) and not bool(square.all()):
            order = square.long().argsort(stable=True)
            parts = [self.render(painted, conditions[where], size=size) for where in (~square, square)]
            return torch.cat(parts)[order.argsort().to(parts[0].device)]
        with torch.no_grad():
            stack = self._stack(size, bool(square.any()), painted.rgba.device, painted.rgba.dtype)
            conditions = conditions.to(painted.rgba.device, painted.rgba.dtype)
            canvas = self._place(painted, conditions, stack)
        linear, covered = canvas.paste(self._paint(painted))
        if not self.config.variation:
            changed = linear_to_srgb(linear.clamp(0.0, 1.0)) - stack.encoded[canvas.number]
            pasted = _resized(torch.where(covered > 0, changed, torch.zeros_like(changed)), size)
            return (stack.frames[canvas.number] + pasted).clamp(0.0, 1.0)
        return _resized(self._record(linear, canvas, conditions), size).clamp(0.0, 1.0)

    def homographies(self, sign: Sign, conditions: Conditions, *, size: tuple[int, int]) -> Tensor:
        """Those of the photographs, through crop and variation."""
        square = conditions.crop_square > 0.5
        found = conditions.roll_deg.new_zeros(len(conditions), 3, 3, dtype=torch.float64)
        for squared_ in (False, True):
            which = (square == squared_).nonzero()[:, 0]
            if len(which):
                stack = self._stack(size, squared_, conditions.roll_deg.device, torch.float32)
                some, number = conditions[which], conditions.index[which] % len(self.photographs)
                height, width = stack.encoded.shape[-2:]
                _, to_grid = _jitter(some, stack.step[number].double(), height, width)
                to_mm = stack.from_grid[number] @ to_grid
                scale = torch.tensor([size[1] / width, size[0] / height, 1.0], dtype=torch.float64).to(to_mm.device)
                found[which] = scale.diag() @ torch.linalg.inv(to_mm)
        return found

    def _paint(self, painted: PaintedSign) -> Tensor:
        """What lies on the sign, without the sign: ``[4, P, P]``, linear color times coverage, and coverage."""
        rgba = painted.rgba
        key = (rgba.shape[-1], rgba.device, rgba.dtype)
        if key not in self._bare:
            self._bare = {key: self.sign.texture(key[0]).to(device=key[1], dtype=key[2])[:3]}
        covered = torch.minimum(rgba[3:], 1.0 - painted.sheeting).detach()
        return torch.cat([rgba[:3] * rgba[3:] - self._bare[key] * (rgba[3:] - covered), covered])

    def _place(self, painted: PaintedSign, conditions: Conditions, stack: _Stack) -> _Canvas:
        number = conditions.index % len(self.photographs)
        height, width = stack.encoded.shape[-2:]
        grid, to_grid = _jitter(conditions, stack.step[number].double(), height, width)
        layers = stack.layers[number]
        if self._moving:
            layers = _sampled(layers, grid)
        linear, shade, glare = layers[:, :3], layers[:, 3:4], layers[:, 4:5]

        extent = painted.sign.extent_mm
        x_mm, y_mm = _on_sign(grid, stack.from_grid[number].to(grid.dtype), extent)
        footprint = _footprint_mm(stack.from_grid[number] @ to_grid, painted.sign).to(grid.dtype) / extent
        sampling = texture.place(
            x_mm / extent + 0.5, y_mm / extent + 0.5, footprint[:, 0], footprint[:, 1], px=painted.rgba.shape[-1]
        )
        shadow = None
        if "shadow_strength" in self.config.variation:
            cover = sampling(painted.matte_atlas)[:, :1]
            shadow = 1.0 - cover * (1.0 - light.shadow_map(conditions, x_mm, y_mm)[:, None])
        white = stack.light[number][..., None, None]
        return _Canvas(
            number=number,
            sampling=sampling,
            linear=linear,
            gain=shade * white,
            added=glare * white,
            shoulder=stack.shoulder[number][:, None, None, None],
            shadow=shadow,
            blur=stack.blur[number] / conditions.crop_scale,
            step=stack.step[number] * conditions.crop_scale[:, None],
        )

    def _record(self, linear: Tensor, canvas: _Canvas, conditions: Conditions) -> Tensor:
        """The synthetic variation of light, lens and sensor, in the roadside's order."""
        lit = light.illumination_rgb(conditions) / light.illumination_rgb(_neutral(conditions))
        linear = linear * lit[..., None, None]
        if canvas.shadow is not None:
            linear = linear * canvas.shadow
        height, width = linear.shape[-2:]
        if "defocus_px" in self.config.variation:
            linear = _blurred(linear, conditions.defocus_px[:, None] / canvas.step)
        pixels = canvas.step.prod(-1).clamp(min=1.0)
        if self._noisy:
            unit = sensor.noise(conditions.noise_seed, (3, height, width)).to(linear)
            linear = linear + sensor.sensor_noise(linear, unit, conditions.full_well_e, conditions.read_noise_e, pixels)
        return jpeg(sensor.tone(linear, conditions.contrast), conditions.jpeg_quality, pixels)

    def _stack(self, size: tuple[int, int], square: bool, device: torch.device, dtype: torch.dtype) -> _Stack:
        key = (size, square, device, dtype)
        if key not in self._stacks:
            if len(self._stacks) >= 4:
                self._stacks.clear()
            photographs = self._squared if square else self.photographs
            self._stacks[key] = _stacked(photographs, self.sign, size, self.config.oversample, device, dtype)
        return self._stacks[key]


def _defaults(*, noisy: bool) -> dict[str, Distribution]:
    """What a condition is where the scene does not vary it: as photographed."""
    still = {name: value for name, value in _STILL.items() if not (noisy and name in {"full_well_e", "read_noise_e"})}
    return dict(RoadsideConfig.model_validate({"name": "-", "conditions": {**DEFAULTS, **still}}).conditions)


@dataclass(frozen=True, eq=False)
class _Canvas:
    """A batch of frames before the paint: everything that its color does not change, on the working grid."""

    number: Tensor
    sampling: texture.Sampling
    linear: Tensor
    gain: Tensor
    added: Tensor
    shoulder: Tensor
    shadow: Tensor | None
    blur: Tensor
    step: Tensor

    def paste(self, paint: Tensor) -> tuple[Tensor, Tensor]:
        """Linear frames with ``paint [4, P, P]`` under their light, and how much of each sample it covers."""
        seen = self.sampling(texture.build_atlas(paint))
        color = seen[:, :3] / seen[:, 3:].clamp(min=_LEAST_COVERED)
        lit = (_toned(color, self.shoulder) * self.gain + self.added) * seen[:, 3:]
        soft = _blurred(torch.cat([lit, seen[:, 3:]], 1), self.blur[:, None].expand(-1, 2))
        covered = soft[:, 3:]
        return self.linear * (1.0 - covered) + soft[:, :3], covered


def _toned(albedo: Tensor, shoulder: Tensor) -> Tensor:
    """``appearance.tone`` of ``[N, 3, h, w]`` with one ``shoulder [N, 1, 1, 1]`` a frame."""
    weights = torch.from_numpy(LUMINANCE).to(albedo)[:, None, None]
    exposed = shoulder * (albedo * weights).sum(1, keepdim=True).clamp(min=1e-4)
    return albedo * (torch.expm1(-exposed) / exposed * (shoulder / torch.expm1(-shoulder)))


def _blurred(planes: Tensor, deviation: Tensor) -> Tensor:
    """Gaussian blur of ``[N, C, H, W]`` by ``deviation [N, 2]`` samples along x and y."""
    if float(deviation.max()) < _BLUR_SEEN:
        return planes
    still = torch.zeros(len(planes), dtype=planes.dtype, device=planes.device)
    height, width = planes.shape[-2:]
    rows = lens.blur_matrices(height, deviation[:, 1].to(planes.dtype), still, taps=1)
    columns = lens.blur_matrices(width, deviation[:, 0].to(planes.dtype), still, taps=1)
    return lens.apply_lens(planes, rows, columns)


def _sampled(layers: Tensor, grid: Tensor) -> Tensor:
    """A stack's layers at ``grid [N, h, w, 2]``; beyond the photograph's edge, what is behind the sign is mirrored."""
    height, width = layers.shape[-2:]
    side = torch.tensor([width, height], dtype=grid.dtype, device=grid.device)
    normal = grid * (2.0 / side) - 1.0
    moved = F.grid_sample(layers, normal, mode="bilinear", padding_mode="reflection", align_corners=False)
    # how far inside the photograph, a ramp of one sample across its edge
    inside = (torch.minimum(grid, side - grid).amin(-1) + 0.5).clamp(0.0, 1.0)[:, None]
    return torch.cat([torch.lerp(moved[:, 5:], moved[:, :3], inside), moved[:, 3:5]], 1)


def _without_sign(linear: Tensor, to_grid: Matrix, sign: Sign) -> Tensor:
    """``[3, h, w]`` with the sign's place filled by what is around it, smoothed."""
    height, width = linear.shape[-2:]
    corners = apply(to_grid, np.asarray(sign.outline_mm) * 1.03)
    around = np.ones((height, width), np.float32)
    cv2.fillPoly(around, [np.round((corners - 0.5) * 16).astype(np.int32)], 0.0, cv2.LINE_8, 4)
    pixels = np.ascontiguousarray(linear.permute(1, 2, 0).cpu().float().numpy())
    filled = np.full_like(pixels, float(np.median(pixels)))
    for deviation in (0.3, 0.1, 0.03):
        known = np.dstack([pixels * around[..., None], around])
        known = cv2.GaussianBlur(known, (0, 0), deviation * max(height, width))
        filled = (known[..., :3] + 0.01 * filled) / (known[..., 3:] + 0.01)
    behind = np.where(around[..., None] > 0, pixels, filled)
    return torch.from_numpy(behind).permute(2, 0, 1).to(linear)


def _resized(images: Tensor, size: tuple[int, int]) -> Tensor:
    if images.shape[-2:] == size:
        return images
    return F.interpolate(images, size=size, mode="bilinear", antialias=True, align_corners=False)


def _neutral(conditions: Conditions) -> Conditions:
    daylight = torch.full_like(conditions.temperature_k, _STILL["temperature_k"])
    return replace(conditions, exposure_ev=torch.zeros_like(conditions.exposure_ev), temperature_k=daylight)


def _jitter(conditions: Conditions, step: Tensor, height: int, width: int) -> tuple[Tensor, Tensor]:
    """Where each sample of the working grid looks in the unvaried one: ``[N, h, w, 2]``, and that map ``[N, 3, 3]``."""
    device = conditions.index.device
    dtype = conditions.crop_scale.dtype
    count = len(conditions)
    turn = torch.deg2rad(-conditions.roll_deg.double())
    scale = conditions.crop_scale.double()
    center = torch.tensor([width / 2.0, height / 2.0], dtype=torch.float64, device=device)
    shift = torch.stack([conditions.crop_shift_x * width, conditions.crop_shift_y * height], -1).double()
    # the photograph is turned, and a sample of the working grid need not be a square of it
    aspect = step[:, 1] / step[:, 0]
    cosine, sine = torch.cos(turn) * scale, torch.sin(turn) * scale
    linear = torch.stack([torch.stack([cosine, -sine * aspect], -1), torch.stack([sine / aspect, cosine], -1)], -2)
    moved = center + shift - (linear @ center)
    to_grid = torch.zeros(count, 3, 3, dtype=torch.float64, device=device)
    to_grid[:, :2, :2], to_grid[:, :2, 2], to_grid[:, 2, 2] = linear, moved, 1.0
    x = torch.arange(width, dtype=torch.float64, device=device) + 0.5
    y = torch.arange(height, dtype=torch.float64, device=device) + 0.5
    points = torch.stack(torch.meshgrid(x, y, indexing="xy"), -1)
    grid = points @ linear[:, None].mT + moved[:, None, None]
    return grid.to(dtype), to_grid


def _on_sign(grid: Tensor, to_mm: Tensor, extent_mm: float) -> tuple[Tensor, Tensor]:
    """Where the samples ``grid [N, h, w, 2]`` lie on the sign's plane, x and y in mm ``[N, h, w]``."""
    mapped = grid @ to_mm[:, None, :, :2].mT + to_mm[:, None, None, :, 2]
    x, y, depth = mapped.unbind(-1)
    # beyond the plane's horizon there is no sign
    seen = depth > 1e-9
    away = torch.full_like(x, 10.0 * extent_mm)
    depth = torch.where(seen, depth, torch.ones_like(depth))
    return torch.where(seen, x / depth, away), torch.where(seen, y / depth, away)


def _footprint_mm(to_mm: Tensor, sign: Sign) -> Tensor:
    """Size ``[N, 2]`` in mm, along the sign's x and y, of what one sample covers at the sign's center."""
    to_grid = torch.linalg.inv(to_mm)
    w = to_grid[:, 2, 2, None, None]
    jacobian = (to_grid[:, :2, :2] * w - to_grid[:, :2, 2:] * to_grid[:, 2:, :2]) / w**2
    size: Tensor = torch.linalg.inv(jacobian).norm(dim=-1)
    return size.clamp(max=sign.extent_mm)


def _stacked(
    photographs: Sequence[Photograph],
    sign: Sign,
    size: tuple[int, int],
    oversample: int,
    device: torch.device,
    dtype: torch.dtype,
) -> _Stack:
    """The photographs at a classifier's ``size``, and on a working grid up to ``oversample`` times as fine."""
    most = np.max([photo.pixels.shape[:2] for photo in photographs], axis=0)
    height, width = (max(side, min(side * oversample, int(native))) for side, native in zip(size, most, strict=True))
    frames, encoded, layers, steps, from_grid = [], [], [], [], []
    for photo in photographs:
        picture = from_uint8(photo.pixels)[None].to(dtype)
        fields = torch.from_numpy(np.stack([photo.appearance.shade, photo.appearance.glare]))[None].to(dtype)
        small = _resized(picture, (height, width))
        linear = srgb_to_linear(small)
        step = photo.pixels.shape[1] / width, photo.pixels.shape[0] / height
        to_grid = np.diag([1.0 / step[0], 1.0 / step[1], 1.0]) @ photo.to_photo
        behind = _without_sign(linear[0], to_grid, sign)[None]
        frames.append(_resized(picture, size))
        encoded.append(small)
        layers.append(torch.cat([linear, _resized(fields, (height, width)), behind], 1))
        steps.append(step)
        from_grid.append(np.linalg.inv(to_grid))
    step_table = torch.tensor(steps, dtype=torch.float64)
    blur = torch.tensor([photo.appearance.blur_px for photo in photographs]) / step_table.prod(-1).sqrt()
    shoulder = torch.tensor([photo.appearance.shoulder for photo in photographs], dtype=torch.float64)
    light_rgb = torch.from_numpy(np.stack([photo.appearance.light_rgb for photo in photographs]))
    return _Stack(
        frames=torch.cat(frames).to(device),
        encoded=torch.cat(encoded).to(device),
        layers=torch.cat(layers).to(device),
        light=light_rgb.to(device, dtype),
        shoulder=shoulder.clamp(min=1e-3).to(device, dtype),
        blur=blur.to(device, dtype),
        step=step_table.to(device, dtype),
        from_grid=torch.from_numpy(np.stack(from_grid)).to(device),
    )
