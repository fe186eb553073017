"""Photographs: real pictures of a sign, with the paint pasted onto it through each picture's homography, light and blur.

RP2's view (Eykholt et al. 2018, section 3.2): a batch of photographs of the sign and, on top, synthetic variation (crop,
turn, exposure ...). What is not painted is left as it was photographed: a sign without paint and a scene without variation
give the photographs themselves, resized.
"""

from __future__ import annotations

import csv
import math
import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
import torch
from pydantic import Field, field_validator
from torch import Tensor
from torch.nn import functional as F

from physadv.core.color import from_uint8, linear_to_srgb, srgb_to_linear
from physadv.core.config import Config, validate
from physadv.core.errors import PhysadvError
from physadv.core.images import read_image
from physadv.scenes import light, record, texture
from physadv.scenes.appearance import Appearance, estimate
from physadv.scenes.conditions import INTEGERS, QUANTITIES, Conditions
from physadv.scenes.config import DEFAULTS, LIMITS, ConditionTable, RoadsideConfig
from physadv.scenes.library import SCENE_KINDS
from physadv.scenes.outline import Located, Matrix, Pixels, Template, apply, from_corners, locate, template_of
from physadv.scenes.randomness import integers, uniforms
from physadv.scenes.scene import PaintedSign, Scene
from physadv.signs import Sign, load_sign

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".ppm", ".tif", ".tiff", ".webp"})
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
_LARGEST_PX = 1024
_BLUR_SEEN = 0.3
"""Blur in samples below which a picture does not show it."""


class PhotographsConfig(Config):
    """A set of photographs as its YAML declares it."""

    name: str
    kind: Literal["photographs"] = "photographs"
    description: str = ""
    folder: str
    """Of the pictures: absolute, beside the YAML file, or inside the folder that ``PHYSADV_DATA`` names."""
    sign: str = "us/stop"
    """The sign that all of them show."""
    corners: str | None = None
    """CSV beside the pictures (or a path like ``folder``) with where the sign is; see :func:`read_corners`."""
    crop: Literal["picture", "sign"] = "picture"
    """What the classifier gets: the whole picture, or the sign's box with ``margin`` around it."""
    margin: float = Field(default=0.1, ge=0.0, le=2.0)
    """Room around the sign's box on every side, as a share of the box, where ``crop`` is ``sign``."""
    variation: ConditionTable = Field(default_factory=dict)
    """Distributions of the conditions that vary on top; see :data:`VARIABLE`. None: each picture as it is."""
    oversample: int = Field(default=4, ge=1, le=8)
    """Samples a pixel of the classifier's input, along each axis, where the photograph has them."""

    @field_validator("variation")
    @classmethod
    def _can_vary(cls, variation: ConditionTable) -> ConditionTable:
        for name in variation:
            if name in QUANTITIES and name not in VARIABLE:
                raise ValueError(f"photographs cannot vary {name}; they can vary {', '.join(VARIABLE)}")
        RoadsideConfig(name="ranges", conditions=variation)
        return variation


@dataclass(frozen=True, eq=False)
class Photograph:
    """One picture of the set.

    Attributes:
        file: where it lies.
        pixels: ``[H, W, 3]`` uint8, cropped as the scene asks.
        to_photo: ``[3, 3]``, mm on the sign to continuous pixels.
        confidence: agreement of picture and artwork on the sign, -1 to 1 (1 where the corners were given).
        appearance: its light, shading, glare and blur.
    """

    file: Path
    pixels: Pixels
    to_photo: Matrix
    confidence: float
    appearance: Appearance


@dataclass(frozen=True)
class LeftOut:
    """A picture that the set does not use, and why."""

    file: Path
    reason: str


@dataclass(frozen=True)
class Study:
    """A folder's pictures with the sign found in them, and those in which it was not."""

    photographs: tuple[Photograph, ...]
    left_out: tuple[LeftOut, ...]


@dataclass(frozen=True, eq=False)
class _Stack:
    """All photographs at one size: ``frames [P, 3, H, W]`` as the classifier gets them, and on the working grid."""

    frames: Tensor
    encoded: Tensor
    """``[P, 3, h, w]``, sRGB."""
    shade: Tensor
    """``[P, 1, h, w]``."""
    glare: Tensor
    light: Tensor
    """``[P, 3]``."""
    blur: Tensor
    """``[P]``, in samples of the working grid."""
    step: Tensor
    """``[P, 2]``, pixels of the photograph that a sample is wide and high."""
    from_grid: Tensor
    """``[P, 3, 3]`` float64, samples of the working grid to mm on the sign."""


class Photographs(Scene):
    """Photographs of a sign; frame i shows the i-th of them, over and over.

    Gradients reach the paint through everything but the sensor's noise and JPEG, as in the roadside. ``Conditions`` tell
    what each frame was varied by and what is known of the photograph: ``yaw_deg`` and ``pitch_deg`` from the sign's
    foreshortening, and as ``distance_m`` the distance at which a camera of 1920 px and 60 degrees would see the sign as large
    as the photograph does. ``approach`` is the photograph's number.
    """

    kind = "photographs"
    lights = ("photographed",)

    def __init__(self, config: PhotographsConfig, *, base: Path | None = None) -> None:
        self.config = config
        self.name = config.name
        self.sign: Sign = load_sign(config.sign)
        self.folder = _find(config.folder, base, what="folder")
        self.files = _pictures(self.folder)
        self._corners = None if config.corners is None else _find(config.corners, self.folder, what="corners")
        defaults = RoadsideConfig(name="defaults", conditions={**DEFAULTS, **_STILL}).conditions
        if "read_noise_e" in config.variation or "full_well_e" in config.variation:
            sensor = RoadsideConfig(name="defaults", conditions=DEFAULTS).conditions
            defaults = {**defaults, **{name: sensor[name] for name in ("full_well_e", "read_noise_e")}}
        self._distributions = {**defaults, **config.variation}
        self._stacks: dict[tuple[tuple[int, int], torch.device, torch.dtype], _Stack] = {}
        self._bare: dict[tuple[int, torch.device, torch.dtype], Tensor] = {}

    @cached_property
    def study(self) -> Study:
        """The photographs with their homographies and light; found on first use, which takes about a second for two.

        Raises:
            PhysadvError: the sign was found in none of them, or a picture or the corners' file cannot be read.
        """
        stamps = tuple((file, file.stat().st_mtime_ns) for file in self.files)
        corners = None if self._corners is None else (self._corners, self._corners.stat().st_mtime_ns)
        margin = self.config.margin if self.config.crop == "sign" else None
        study = _studied(stamps, self.config.sign, corners, margin)
        if not study.photographs:
            first = study.left_out[0]
            raise PhysadvError(
                f"scene {self.name!r}: sign {self.config.sign} was found in none of the {len(self.files)} pictures of "
                f"{self.folder} ({first.file.name}: {first.reason}); give the points in a CSV with the key 'corners'"
            )
        if study.left_out:
            names = ", ".join(f"{missed.file.name} ({missed.reason})" for missed in study.left_out)
            warnings.warn(f"scene {self.name!r}: left out {names}", stacklevel=2)
        return study

    @property
    def photographs(self) -> tuple[Photograph, ...]:
        """Those in which the sign was found; frame i shows number ``i % len(photographs)``."""
        return self.study.photographs

    @property
    def left_out(self) -> tuple[LeftOut, ...]:
        """Pictures of the folder that are not used."""
        return self.study.left_out

    def sample(self, count: int, *, seed: int, start: int = 0) -> Conditions:
        """Conditions of the frames ``start .. start + count``; frame i depends on ``(seed, i)`` alone."""
        index = torch.arange(start, start + count, dtype=torch.int64)
        number = index % len(self.photographs)
        values: dict[str, Tensor] = {}
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
        poses = np.array([_pose(photo.to_photo, self.sign) for photo in self.photographs])
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
        with torch.no_grad():
            stack = self._stack(size, painted.rgba.device, painted.rgba.dtype)
            conditions = conditions.to(painted.rgba.device, painted.rgba.dtype)
            canvas = self._place(painted, conditions, stack)
        linear, covered = canvas.paste(self._paint(painted))
        if not self.config.variation:
            changed = linear_to_srgb(linear.clamp(0.0, 1.0)) - stack.encoded[canvas.number]
            pasted = _resized(torch.where(covered > 0, changed, torch.zeros_like(changed)), size)
            return (stack.frames[canvas.number] + pasted).clamp(0.0, 1.0)
        return _resized(self._record(linear, canvas, conditions), size).clamp(0.0, 1.0)

    def _paint(self, painted: PaintedSign) -> Tensor:
        """What lies on the sign, without the sign: ``[3, P, P]`` linear, multiplied by how much of a texel it covers."""
        rgba = painted.rgba
        key = (rgba.shape[-1], rgba.device, rgba.dtype)
        if key not in self._bare:
            self._bare = {key: self.sign.texture(key[0]).to(device=key[1], dtype=key[2])}
        return (rgba[:3] - self._bare[key][:3] * painted.sheeting) * rgba[3:]

    def _place(self, painted: PaintedSign, conditions: Conditions, stack: _Stack) -> _Canvas:
        number = conditions.index % len(self.photographs)
        height, width = stack.encoded.shape[-2:]
        grid, to_grid = _jitter(conditions, stack.step[number].double(), height, width)
        layers = torch.cat([stack.encoded, stack.shade, stack.glare], 1)[number]
        if self._moves:
            normal = torch.stack([grid[..., 0] * (2.0 / width) - 1.0, grid[..., 1] * (2.0 / height) - 1.0], -1)
            layers = F.grid_sample(layers, normal, mode="bilinear", padding_mode="reflection", align_corners=False)
        encoded, shade, glare = layers.split([3, 1, 1], 1)

        to_mm = stack.from_grid[number].to(grid.dtype)
        mapped = grid @ to_mm[:, None, :, :2].mT + to_mm[:, None, None, :, 2]
        x_mm, y_mm = mapped[..., 0] / mapped[..., 2], mapped[..., 1] / mapped[..., 2]
        extent = painted.sign.extent_mm
        footprint = _footprint_mm(stack.from_grid[number] @ to_grid, painted.sign).to(grid.dtype) / extent
        sampling = texture.place(
            x_mm / extent + 0.5, y_mm / extent + 0.5, footprint[:, 0], footprint[:, 1], px=painted.rgba.shape[-1]
        )
        cover, sheeting = sampling(painted.matte_atlas).split(1, 1)
        shadow = light.shadow_map(conditions, x_mm, y_mm)[:, None]
        white = stack.light[number][..., None, None]
        return _Canvas(
            number=number,
            sampling=sampling,
            mask=(cover - sheeting).clamp(0.0, 1.0),
            linear=srgb_to_linear(encoded),
            gain=shade * white,
            added=glare * white,
            shadow=1.0 - cover * (1.0 - shadow),
            blur=stack.blur[number] / conditions.crop_scale,
            step=stack.step[number] * conditions.crop_scale[:, None],
        )

    @property
    def _moves(self) -> bool:
        return any(name in self.config.variation for name in ("crop_scale", "crop_shift_x", "crop_shift_y", "roll_deg"))

    def _record(self, linear: Tensor, canvas: _Canvas, conditions: Conditions) -> Tensor:
        """The synthetic variation of light, lens and sensor, in the roadside's order."""
        lit = light.illumination_rgb(conditions) / light.illumination_rgb(_neutral(conditions))
        linear = linear * canvas.shadow * lit[..., None, None]
        height, width = linear.shape[-2:]
        if "defocus_px" in self.config.variation:
            linear = _blurred(linear, conditions.defocus_px[:, None] / canvas.step)
        pixels = canvas.step.prod(-1).clamp(min=1.0)
        if "full_well_e" in self.config.variation or "read_noise_e" in self.config.variation:
            unit = record.noise(conditions.noise_seed, (3, height, width)).to(linear)
            linear = linear + record.sensor_noise(
                linear, unit, conditions.full_well_e, conditions.read_noise_e, pixels
            )
        return record.jpeg(record.tone(linear, conditions.contrast), conditions.jpeg_quality, pixels)

    def _stack(self, size: tuple[int, int], device: torch.device, dtype: torch.dtype) -> _Stack:
        key = (size, device, dtype)
        if key not in self._stacks:
            if len(self._stacks) >= 4:
                self._stacks.clear()
            self._stacks[key] = _stacked(self.photographs, size, self.config.oversample, device, dtype)
        return self._stacks[key]


@dataclass(frozen=True, eq=False)
class _Canvas:
    """A batch of frames before the paint: everything that its colour does not change, on the working grid."""

    number: Tensor
    sampling: texture.Sampling
    mask: Tensor
    linear: Tensor
    gain: Tensor
    added: Tensor
    shadow: Tensor
    blur: Tensor
    step: Tensor

    def paste(self, paint: Tensor) -> tuple[Tensor, Tensor]:
        """Linear frames with ``paint`` under their light, and how much of each sample it covers."""
        lit = self.sampling(texture.build_atlas(paint)) * self.gain + self.added * self.mask
        blur = self.blur[:, None].expand(-1, 2)
        soft = _blurred(torch.cat([lit, self.mask], 1), blur)
        lit, covered = soft.split([3, 1], 1)
        return self.linear * (1.0 - covered) + lit, covered


def _blurred(planes: Tensor, deviation: Tensor) -> Tensor:
    """Gaussian blur of ``[N, C, H, W]`` by ``deviation [N, 2]`` samples along x and y."""
    if float(deviation.max()) < _BLUR_SEEN:
        return planes
    still = torch.zeros(len(planes), dtype=planes.dtype, device=planes.device)
    height, width = planes.shape[-2:]
    rows = record.blur_matrices(height, deviation[:, 1].to(planes.dtype), still, taps=1)
    columns = record.blur_matrices(width, deviation[:, 0].to(planes.dtype), still, taps=1)
    return record.apply_lens(planes, rows, columns)


def _resized(images: Tensor, size: tuple[int, int]) -> Tensor:
    if images.shape[-2:] == size:
        return images
    return F.interpolate(images, size=size, mode="bilinear", antialias=True, align_corners=False)


def _neutral(conditions: Conditions) -> Conditions:
    values = dict(conditions.items())
    values["exposure_ev"] = torch.zeros_like(conditions.exposure_ev)
    values["temperature_k"] = torch.full_like(conditions.temperature_k, _STILL["temperature_k"])
    return Conditions(**values)


def _jitter(conditions: Conditions, step: Tensor, height: int, width: int) -> tuple[Tensor, Tensor]:
    """Where each sample of the working grid looks in the unvaried one: ``[N, h, w, 2]``, and that map ``[N, 3, 3]``."""
    device = conditions.index.device
    dtype = conditions.crop_scale.dtype
    count = len(conditions)
    turn = torch.deg2rad(-conditions.roll_deg.double())
    scale = conditions.crop_scale.double()
    centre = torch.tensor([width / 2.0, height / 2.0], dtype=torch.float64, device=device)
    shift = torch.stack([conditions.crop_shift_x * width, conditions.crop_shift_y * height], -1).double()
    # the photograph is turned, and a sample of the working grid need not be a square of it
    aspect = step[:, 1] / step[:, 0]
    cosine, sine = torch.cos(turn) * scale, torch.sin(turn) * scale
    linear = torch.stack([torch.stack([cosine, -sine * aspect], -1), torch.stack([sine / aspect, cosine], -1)], -2)
    moved = centre + shift - (linear @ centre)
    to_grid = torch.zeros(count, 3, 3, dtype=torch.float64, device=device)
    to_grid[:, :2, :2], to_grid[:, :2, 2], to_grid[:, 2, 2] = linear, moved, 1.0
    x = torch.arange(width, dtype=torch.float64, device=device) + 0.5
    y = torch.arange(height, dtype=torch.float64, device=device) + 0.5
    points = torch.stack(torch.meshgrid(x, y, indexing="xy"), -1)
    grid = points @ linear[:, None].mT + moved[:, None, None]
    return grid.to(dtype), to_grid


def _footprint_mm(to_mm: Tensor, sign: Sign) -> Tensor:
    """Size ``[N, 2]`` in mm, along the sign's x and y, of what one sample covers at the sign's centre."""
    to_grid = torch.linalg.inv(to_mm)
    w = to_grid[:, 2, 2, None, None]
    jacobian = (to_grid[:, :2, :2] * w - to_grid[:, :2, 2:] * to_grid[:, 2:, :2]) / w**2
    return torch.linalg.inv(jacobian).norm(dim=-1).clamp(max=sign.extent_mm)


def _stacked(
    photographs: Sequence[Photograph], size: tuple[int, int], oversample: int, device: torch.device, dtype: torch.dtype
) -> _Stack:
    most = np.max([photo.pixels.shape[:2] for photo in photographs], axis=0)
    height, width = (max(side, min(side * oversample, int(native))) for side, native in zip(size, most, strict=True))
    frames, encoded, maps, steps, from_grid = [], [], [], [], []
    for photo in photographs:
        picture = from_uint8(photo.pixels)[None].to(dtype)
        both = torch.from_numpy(np.stack([photo.appearance.shade, photo.appearance.glare]))[None].to(dtype)
        frames.append(_resized(picture, size))
        encoded.append(_resized(picture, (height, width)))
        maps.append(_resized(both, (height, width)))
        step = photo.pixels.shape[1] / width, photo.pixels.shape[0] / height
        steps.append(step)
        from_grid.append(np.linalg.inv(photo.to_photo) @ np.diag([*step, 1.0]))
    shade, glare = torch.cat(maps).split(1, 1)
    step_table = torch.tensor(steps, dtype=torch.float64)
    blur = torch.tensor([photo.appearance.blur_px for photo in photographs]) / step_table.prod(-1).sqrt()
    light_rgb = torch.from_numpy(np.stack([photo.appearance.light_rgb for photo in photographs]))
    return _Stack(
        frames=torch.cat(frames).to(device),
        encoded=torch.cat(encoded).to(device),
        shade=shade.to(device),
        glare=glare.to(device),
        light=light_rgb.to(device, dtype),
        blur=blur.to(device, dtype),
        step=step_table.to(device, dtype),
        from_grid=torch.from_numpy(np.stack(from_grid)).to(device),
    )


def _pose(to_photo: Matrix, sign: Sign) -> tuple[float, float, float]:
    """Nominal distance in m, yaw and pitch in degrees, from the homography about the sign's centre (weak perspective)."""
    w = to_photo[2, 2]
    jacobian = (to_photo[:2, :2] * w - np.outer(to_photo[:2, 2], to_photo[2, :2])) / w**2
    _, (large, small), axes = np.linalg.svd(jacobian)
    slant = math.acos(min(1.0, small / large))
    short = axes[1] if axes[1] @ to_photo[2, :2] * np.sign(w) >= 0 else -axes[1]
    yaw = math.degrees(math.atan2(math.sin(slant) * short[0], math.cos(slant)))
    pitch = math.degrees(math.asin(-math.sin(slant) * short[1]))
    focal_px = DEFAULTS["image_width_px"] / 2.0 / math.tan(math.radians(DEFAULTS["hfov_deg"] / 2.0))
    return focal_px / (large * 1000.0), yaw, pitch


@lru_cache(maxsize=8)
def _studied(
    stamps: tuple[tuple[Path, int], ...], sign_name: str, corners: tuple[Path, int] | None, margin: float | None
) -> Study:
    sign = load_sign(sign_name)
    template = template_of(sign)
    given = {} if corners is None else read_corners(corners[0], sign)
    unknown = set(given) - {file.name for file, _ in stamps}
    if unknown and corners:
        raise PhysadvError(f"{corners[0]}: names {sorted(unknown)[0]!r}, which is not in {stamps[0][0].parent}")
    found: list[Photograph] = []
    missed: list[LeftOut] = []
    for file, _ in stamps:
        result = _study_one(file, sign, template, given.get(file.name), margin)
        if isinstance(result, Photograph):
            found.append(result)
        else:
            missed.append(LeftOut(file, result))
    return Study(tuple(found), tuple(missed))


def _study_one(
    file: Path, sign: Sign, template: Template, given: Matrix | None, margin: float | None
) -> Photograph | str:
    """The picture, or why it cannot be used."""
    pixels = read_image(file)
    located = locate(pixels, template) if given is None else Located(given, 1.0)
    if located is None:
        return "nothing in it has the sign's colour and shape"
    if not located.is_trusted:
        return f"what looks like the sign agrees with its artwork by only {located.confidence:.2f}"
    pixels, to_photo = _cropped(pixels, located.to_photo, sign, margin)
    linear = srgb_to_linear(from_uint8(pixels)).permute(1, 2, 0).contiguous().numpy()
    try:
        appearance = estimate(linear, to_photo, sign)
    except ValueError as error:
        return str(error)
    return Photograph(file, pixels, to_photo, located.confidence, appearance)


def _cropped(pixels: Pixels, to_photo: Matrix, sign: Sign, margin: float | None) -> tuple[Pixels, Matrix]:
    """The picture cut to the sign's box and margin (not where ``margin`` is None), and shrunk where it is very large."""
    if margin is not None:
        corners = apply(to_photo, sign.outline_mm)
        room = (corners.max(0) - corners.min(0)) * margin
        sides = np.array(pixels.shape[1::-1])
        left, top = np.clip(np.floor(corners.min(0) - room), 0, sides - 2).astype(int)
        right, bottom = np.clip(np.ceil(corners.max(0) + room), [left + 2, top + 2], sides).astype(int)
        pixels = np.ascontiguousarray(pixels[top:bottom, left:right])
        to_photo = np.array([[1.0, 0.0, -left], [0.0, 1.0, -top], [0.0, 0.0, 1.0]]) @ to_photo
    height, width = pixels.shape[:2]
    if max(height, width) <= _LARGEST_PX:
        return pixels, to_photo
    share = _LARGEST_PX / max(height, width)
    size = (max(2, round(width * share)), max(2, round(height * share)))
    smaller = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
    return smaller, np.diag([size[0] / width, size[1] / height, 1.0]) @ to_photo


def read_corners(path: Path, sign: Sign) -> dict[str, Matrix]:
    """Homographies ``[3, 3]`` by picture's name, from a CSV with a header.

    Columns are ``file`` and either ``h11 ... h33`` (one row a picture: mm on the sign, x right, y down, centre at the origin,
    to pixels), or ``x_px, y_px, x_mm, y_mm`` (at least four rows a picture), or ``x_px, y_px`` alone (the corners of the
    sign's outline in its order, one row each). A pixel's centre is at half its number.

    Raises:
        PhysadvError: unreadable, other columns, too few points, or points that determine no homography.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            rows = list(reader)
            columns = set(reader.fieldnames or ())
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise PhysadvError(f"{path}: cannot be read as CSV ({error})") from error
    terms = tuple(f"h{i}{j}" for i in (1, 2, 3) for j in (1, 2, 3))
    by_file: dict[str, list[dict[str, str]]] = {}
    for row in rows:
        by_file.setdefault(str(row.get("file")), []).append(row)
    for names in (terms, ("x_px", "y_px", "x_mm", "y_mm"), ("x_px", "y_px")):
        if columns == {"file", *names}:
            return {name: _homography(path, name, _numbers(path, part, names), sign) for name, part in by_file.items()}
    raise PhysadvError(
        f"{path}: columns are {', '.join(sorted(columns)) or 'missing'}; they should be file and h11 ... h33, or file, x_px, "
        "y_px and, where the points are not the outline's corners, x_mm, y_mm"
    )


def _numbers(path: Path, rows: Sequence[Mapping[str, str]], names: Sequence[str]) -> Matrix:
    try:
        values = np.array([[float(row[name]) for name in names] for row in rows], np.float64)
    except (TypeError, ValueError) as error:
        raise PhysadvError(f"{path}: {rows[0]['file']}: {error}; every value should be a number") from error
    if not np.isfinite(values).all():
        raise PhysadvError(f"{path}: {rows[0]['file']}: every value should be a finite number")
    return values


def _homography(path: Path, file: str, values: Matrix, sign: Sign) -> Matrix:
    if values.shape[1] == 9:
        matrix = values[0].reshape(3, 3)
        if len(values) != 1 or abs(np.linalg.det(matrix)) < 1e-12:
            raise PhysadvError(f"{path}: {file}: expected one row with a matrix that can be inverted")
        return matrix
    points_mm = values[:, 2:] if values.shape[1] == 4 else np.array(sign.outline_mm)
    least = 4 if values.shape[1] == 4 else len(sign.outline_mm)
    if len(values) < least or (values.shape[1] == 2 and len(values) != least):
        raise PhysadvError(
            f"{path}: {file}: {len(values)} points; expected "
            + ("at least 4" if values.shape[1] == 4 else f"the {least} corners of sign {sign.name}")
        )
    try:
        return from_corners(values[:, :2], points_mm)
    except ValueError as error:
        raise PhysadvError(f"{path}: {file}: {error}") from error


def _find(name: str, base: Path | None, *, what: str) -> Path:
    """A path of the configuration: absolute, beside ``base``, in the data folder, or here."""
    wanted = Path(os.path.expandvars(name)).expanduser()
    data = os.environ.get("PHYSADV_DATA")
    places = [base, Path(data) if data else None, Path.cwd()]
    candidates = [wanted] if wanted.is_absolute() else [place / wanted for place in places if place is not None]
    for candidate in candidates:
        if candidate.exists():
            return candidate
    hint = "" if data else "; PHYSADV_DATA is not set"
    raise PhysadvError(f"{what} = {name}: does not exist ({', '.join(str(c) for c in candidates)}){hint}")


def _pictures(folder: Path) -> tuple[Path, ...]:
    if not folder.is_dir():
        raise PhysadvError(f"{folder}: is a file; 'folder' should be a folder of pictures")
    files = [file for file in folder.iterdir() if file.suffix.lower() in SUFFIXES]
    if not files:
        raise PhysadvError(f"{folder}: holds no picture ({', '.join(sorted(SUFFIXES))})")
    return tuple(sorted(files, key=lambda file: (len(file.stem), file.stem)))


@SCENE_KINDS.register("photographs")
def _from_yaml(data: Mapping[str, Any], source: str) -> Scene:
    path = Path(source)
    base = path.parent if path.suffix in {".yaml", ".yml"} else None
    config = validate(PhotographsConfig, data, source)
    try:
        return Photographs(config, base=base)
    except PhysadvError as error:
        raise PhysadvError(f"{source}: {error}") from error
