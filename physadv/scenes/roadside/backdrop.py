"""What stands behind the sign: drawn street surroundings, or a folder of the user's photographs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from physadv.core.color import from_uint8, srgb_to_linear
from physadv.core.errors import PhysadvError
from physadv.core.folders import PICTURES, picture_files
from physadv.core.identity import digest_of_files
from physadv.core.images import read_image

WIDTH, HEIGHT = 512, 384
PX_PER_DEG = 8.0
"""A backdrop of 512 px covers 64 degrees."""
_COUNT = 16
_MOST = 100
_LEVELS = 5
_GAP = 2

Picture = npt.NDArray[np.float32]


class Backdrops(NamedTuple):
    """Where backdrops come from.

    Attributes:
        source: ``drawn``, or a folder.
        content: digest of the photographs in it.
    """

    source: str
    content: str


def _cloud(rng: np.random.Generator, cells: int, octaves: int, *, stretch: float = 1.0) -> Picture:
    """Value noise ``[H, W]`` in about [-1,1]: octaves of smooth random fields of halving amplitude."""
    total = np.zeros((HEIGHT, WIDTH), np.float32)
    for octave in range(octaves):
        rows = max(2, min(HEIGHT, cells * 2**octave))
        columns = max(2, min(WIDTH, int(rows * stretch * WIDTH / HEIGHT)))
        field = rng.uniform(-1, 1, (rows, columns)).astype(np.float32)
        total += cv2.resize(field, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC) / 2**octave
    return total / 1.5


def _color(low: tuple[float, float, float], high: tuple[float, float, float], rng: np.random.Generator) -> Picture:
    return np.asarray(np.array(low) + rng.uniform() * (np.array(high) - np.array(low)), np.float32)


def _paste(picture: Picture, layer: Picture, cover: Picture) -> Picture:
    return np.asarray(picture + (layer - picture) * cover[..., None], np.float32)


def _sky(rng: np.random.Generator) -> Picture:
    down = np.linspace(0, 1, HEIGHT, dtype=np.float32)[:, None, None]
    blue = _color((0.15, 0.30, 0.62), (0.35, 0.50, 0.75), rng)
    gray = _color((0.45, 0.48, 0.52), (0.70, 0.72, 0.74), rng)
    overcast = rng.uniform()
    top, bottom = blue * (1 - overcast) + gray * overcast, np.array([0.75, 0.80, 0.84], np.float32)
    picture = np.broadcast_to(top + (bottom - top) * down**1.5, (HEIGHT, WIDTH, 3))
    clouds = np.clip(_cloud(rng, 3, 5, stretch=0.5) * 1.3 + overcast - 0.4, 0, 1) * 0.7
    return _paste(np.asarray(picture), np.full((HEIGHT, WIDTH, 3), 0.85, np.float32), clouds)


def _trees(rng: np.random.Generator, picture: Picture, horizon: float) -> Picture:
    rows = np.arange(HEIGHT, dtype=np.float32)[:, None]
    for depth in range(int(rng.integers(1, 4))):
        height = rng.uniform(0.08, 0.45) * HEIGHT * (0.5 + 0.5 / (depth + 1))
        crown = horizon - height * (0.7 + 0.6 * _cloud(rng, 3, 6)[HEIGHT // 2]) + 4 * _cloud(rng, 64, 2)
        leaf = _color((0.012, 0.03, 0.008), (0.11, 0.15, 0.045), rng)
        if rng.uniform() < 0.15:
            leaf = _color((0.10, 0.07, 0.03), (0.25, 0.16, 0.08), rng)
        texture = np.exp(0.75 * _cloud(rng, 24, 5) + 0.35 * _cloud(rng, 5, 3))[..., None] * leaf
        picture = _paste(picture, texture, np.clip(rows - crown, 0, 1))
    return picture


def _buildings(rng: np.random.Generator, picture: Picture, horizon: float) -> Picture:
    picture = picture.copy()
    for _ in range(int(rng.integers(1, 5))):
        left, width = int(rng.uniform(-60, WIDTH)), int(rng.uniform(50, 220))
        top = int(horizon - rng.uniform(0.08, 0.5) * HEIGHT)
        box = (slice(max(0, top), int(horizon) + 6), slice(max(0, left), max(0, left + width)))
        wall = _color((0.10, 0.08, 0.07), (0.62, 0.58, 0.52), rng)
        picture[box] = wall * np.exp(0.08 * _cloud(rng, 40, 3))[..., None][box]
        pitch_x, pitch_y = int(rng.integers(12, 34)), int(rng.integers(14, 34))
        glass = _color((0.02, 0.025, 0.03), (0.22, 0.27, 0.33), rng)
        for y in range(max(0, top) + 6, int(horizon) - pitch_y // 2, pitch_y):
            for x in range(max(0, left) + 5, min(WIDTH, left + width) - pitch_x // 2, pitch_x):
                picture[y : y + pitch_y // 2, x : x + int(pitch_x * 0.6)] = glass * rng.uniform(0.6, 1.5)
    return picture


def _ground(rng: np.random.Generator, picture: Picture, horizon: float) -> Picture:
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    depth = np.clip((rows - horizon) / (HEIGHT - horizon), 0, 1)
    grass = _color((0.03, 0.05, 0.015), (0.20, 0.19, 0.08), rng)
    field = grass * np.exp(0.5 * _cloud(rng, 30, 5, stretch=0.4))[..., None]
    picture = _paste(picture, field.astype(np.float32), np.clip(rows - horizon, 0, 1))
    vanishing, edge = rng.uniform(-0.2, 0.8) * WIDTH, rng.uniform(-0.6, 0.7) * WIDTH
    right = vanishing + (edge - vanishing) * depth
    left = right - depth * rng.uniform(0.6, 1.4) * WIDTH
    asphalt = _color((0.05, 0.05, 0.055), (0.20, 0.20, 0.20), rng) * np.exp(0.12 * _cloud(rng, 60, 3))[..., None]
    on_road = np.clip(right - columns, 0, 1) * np.clip(columns - left, 0, 1) * (depth > 0)
    return _paste(picture, asphalt.astype(np.float32), on_road.astype(np.float32))


def _poles(rng: np.random.Generator, picture: Picture, horizon: float) -> Picture:
    picture = picture.copy()
    for _ in range(int(rng.integers(0, 4))):
        x, width = int(rng.uniform(0, WIDTH)), int(rng.integers(1, 6))
        top = int(rng.uniform(0, horizon))
        bottom = int(horizon + rng.uniform(0, 0.3) * (HEIGHT - horizon))
        picture[top:bottom, x : x + width] = _color((0.05, 0.04, 0.03), (0.35, 0.35, 0.34), rng)
    return picture


def draw_backdrop(number: int) -> Picture:
    """Street surroundings ``[384, 512, 3]``, linear RGB, from ``number`` alone: sky, trees, houses, ground, road."""
    rng = np.random.default_rng([1701, number])
    horizon = float(rng.uniform(0.5, 0.68) * HEIGHT)
    picture = _sky(rng)
    if rng.uniform() < 0.5:
        picture = _buildings(rng, picture, horizon)
    if rng.uniform() < 0.85:
        picture = _trees(rng, picture, horizon)
    picture = _poles(rng, _ground(rng, picture, horizon), horizon)
    grain = np.exp(0.05 * _cloud(rng, 190, 1))[..., None]
    return np.asarray(np.clip(cv2.GaussianBlur(picture, (0, 0), 0.6) * grain, 0.0, 1.0), np.float32)


def backdrop_paths(folder: Path) -> list[Path]:
    """The photographs in a folder, sorted by name.

    Raises:
        PhysadvError: no such folder, or none in it.
    """
    if not folder.is_dir():
        raise PhysadvError(f"backdrops {str(folder)!r}: no such folder; give one that holds JPEG or PNG photographs")
    paths = picture_files(folder)
    if not paths:
        raise PhysadvError(f"backdrops {str(folder)!r}: has no picture ({', '.join(sorted(PICTURES))})")
    return paths[:_MOST]


def find_backdrops(source: str) -> Backdrops:
    """The backdrops of ``drawn``, or of a folder of photographs.

    Raises:
        PhysadvError: no such folder, or none in it.
    """
    return Backdrops(source, "" if source == "drawn" else digest_of_files(backdrop_paths(Path(source))))


def _read_backdrops(folder: Path) -> list[Picture]:
    pictures = []
    for path in backdrop_paths(folder):
        pixels = cv2.resize(read_image(path), (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
        pictures.append(srgb_to_linear(from_uint8(pixels)).movedim(0, -1).numpy())
    return pictures


@lru_cache(maxsize=4)
def backdrop_atlas(backdrops: Backdrops, device: torch.device) -> tuple[Tensor, int]:
    """All backdrops with their mip levels side by side in one picture ``[3, A, B]`` linear, and how many there are."""
    drawn = backdrops.source == "drawn"
    pictures = [draw_backdrop(i) for i in range(_COUNT)] if drawn else _read_backdrops(Path(backdrops.source))
    rows = []
    for picture in pictures:
        levels = [picture]
        for _ in range(_LEVELS - 1):
            height, width = levels[-1].shape[:2]
            levels.append(cv2.resize(levels[-1], (width // 2, height // 2), interpolation=cv2.INTER_AREA))
        framed = [cv2.copyMakeBorder(level, _GAP, _GAP, _GAP, _GAP, cv2.BORDER_REPLICATE) for level in levels]
        tall = HEIGHT + 2 * _GAP
        filled = [cv2.copyMakeBorder(f, 0, tall - f.shape[0], 0, 0, cv2.BORDER_CONSTANT) for f in framed]
        rows.append(np.concatenate(filled, axis=1))
    atlas = torch.from_numpy(np.concatenate(rows)).movedim(-1, 0).contiguous()
    return atlas.to(device), len(pictures)


@dataclass(frozen=True, eq=False)
class Window:
    """Where N pictures look into the backdrops, per axis (x, y) ``[N, 2]``, float64.

    Sample k of an axis lies at ``from_px + (k + 0.5) * step_px`` of its backdrop, mirrored at the edges, and at
    ``mirrored * scale + shift`` of the atlas, as ``grid_sample`` counts.
    """

    from_px: Tensor
    step_px: Tensor
    scale: Tensor
    shift: Tensor


def window(from_deg: Tensor, step_deg: Tensor, number: Tensor, *, atlas: Tensor, count: int) -> Window:
    """The window whose samples begin at ``from_deg [N, 2]``, ``step_deg [N, 2]`` apart, in backdrop ``number [N]``."""
    step_px = step_deg * PX_PER_DEG
    level = torch.log2(step_px[:, 0].clamp(min=1e-6)).round().clamp(0, _LEVELS - 1)
    starts = torch.tensor(
        [sum((WIDTH >> k) + 2 * _GAP for k in range(lv)) + _GAP for lv in range(_LEVELS)],
        dtype=step_px.dtype,
        device=step_px.device,
    )
    start = torch.stack([starts[level.long()], ((number % count) * (HEIGHT + 2 * _GAP) + _GAP).to(step_px)], dim=-1)
    unit = 2.0 / torch.tensor([atlas.shape[-1], atlas.shape[-2]], dtype=step_px.dtype, device=step_px.device)
    return Window(
        from_px=from_deg * PX_PER_DEG, step_px=step_px, scale=torch.exp2(-level)[:, None] * unit, shift=start * unit - 1
    )


def window_planes(values: Tensor, height: int, width: int) -> Tensor:
    """The window's positions ``[2, N, H, W]``, of its fields side by side ``[N, 8]``."""
    steps = torch.arange(max(height, width), dtype=values.dtype, device=values.device) + 0.5
    from_px, step_px, scale, shift = values.T.reshape(4, 2, -1, 1)
    sides = torch.tensor([[[WIDTH]], [[HEIGHT]]], dtype=values.dtype, device=values.device)
    position = torch.addcmul(from_px, step_px, steps)
    mirrored = sides - (position.remainder(2 * sides) - sides).abs()
    along = torch.addcmul(shift, mirrored, scale)
    planes = values.new_empty(2, len(values), height, width)
    planes[0] = along[0, :, None, :width]
    planes[1] = along[1, :, :height, None]
    return planes
