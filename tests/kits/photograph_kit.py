"""Photographs with a known answer: a sign at a known place in known light before a blotchy background."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import torch
from kornia.geometry.transform import warp_perspective
from PIL import Image
from torch import Tensor

from physadv.core.color import linear_to_srgb, to_uint8
from physadv.scenes import PaintedSign
from physadv.signs import Sign, load_sign

SIDE = 192
FINER = 4
TEXTURE = 768

Matrix = npt.NDArray[np.float64]


def pose(
    sign: Sign,
    *,
    yaw_deg: float = 0.0,
    pitch_deg: float = 0.0,
    roll_deg: float = 0.0,
    fill: float = 0.7,
    side: int = SIDE,
    off_px: tuple[float, float] = (0.0, 0.0),
) -> Matrix:
    """Homography from mm to a picture's pixels: the sign turned, from four times its size away."""
    yaw, pitch, roll = (math.radians(angle) for angle in (yaw_deg, pitch_deg, roll_deg))
    about_y = np.array([[math.cos(yaw), 0, math.sin(yaw)], [0, 1, 0], [-math.sin(yaw), 0, math.cos(yaw)]])
    about_x = np.array([[1, 0, 0], [0, math.cos(pitch), -math.sin(pitch)], [0, math.sin(pitch), math.cos(pitch)]])
    about_z = np.array([[math.cos(roll), -math.sin(roll), 0], [math.sin(roll), math.cos(roll), 0], [0, 0, 1]])
    turned = about_y @ about_x @ about_z
    away = 4.0 * sign.extent_mm
    focal = fill * side * away / sign.extent_mm
    camera = np.array([[focal, 0, side / 2 + off_px[0]], [0, focal, side / 2 + off_px[1]], [0, 0, 1]])
    found = camera @ np.column_stack([turned[:, 0], turned[:, 1], [0, 0, away]])
    return np.asarray(found / found[2, 2])


def warped(texture: Tensor, to_photo: Matrix, sign: Sign, *, side: int = SIDE) -> Tensor:
    """A texture ``[C, P, P]`` as a pinhole camera sees it, ``[C, side, side]``, by Kornia, 16 samples a pixel."""
    step = sign.extent_mm / texture.shape[-1]
    half = sign.extent_mm / 2
    to_mm = np.array([[step, 0, -half], [0, step, -half], [0, 0, 1.0]])
    middle = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1.0]])
    matrix = np.linalg.inv(middle) @ np.diag([FINER, FINER, 1.0]) @ to_photo @ to_mm @ middle
    size = (side * FINER, side * FINER)
    seen = warp_perspective(texture[None].double(), torch.from_numpy(matrix)[None], size, align_corners=True)
    return torch.nn.functional.avg_pool2d(seen, FINER)[0].float()


def photograph(
    sign: Sign,
    to_photo: Matrix,
    *,
    light: Sequence[float] = (0.8, 0.75, 0.7),
    slope: float = 0.4,
    noise: float = 0.004,
    side: int = SIDE,
    seed: int = 0,
    rgba: Tensor | None = None,
) -> npt.NDArray[np.uint8]:
    """``[side, side, 3]`` uint8: ``sign`` (or ``rgba`` on it) in light that falls off to the left by ``slope``."""
    random = np.random.default_rng(seed)
    texture = sign.texture(TEXTURE) if rgba is None else rgba
    seen = warped(torch.cat([texture[:3] * texture[3:], texture[3:]]), to_photo, sign, side=side)
    blotches = cv2.resize(random.uniform(0.02, 0.4, (6, 6, 3)), (side, side), interpolation=cv2.INTER_LINEAR)
    linear = seen[:3] * torch.tensor(light)[:, None, None] * shading(slope, side)
    linear = linear + (1.0 - seen[3:]) * torch.from_numpy(blotches).permute(2, 0, 1).float()
    grain = torch.from_numpy(random.normal(0.0, noise, linear.shape)).float()
    return to_uint8(linear_to_srgb((linear + grain).clamp(0.0, 1.0)))


def shading(slope: float, side: int = SIDE) -> Tensor:
    """What the light's slope leaves of it, ``[side]``."""
    return 1.0 - slope + slope * (torch.arange(side) + 0.5) / side


def save(folder: Path, pictures: dict[str, npt.NDArray[np.uint8]]) -> Path:
    """The pictures as PNG files."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, pixels in pictures.items():
        Image.fromarray(pixels).save(folder / f"{name}.png")
    return folder


def painted(
    sign: Sign, color: Sequence[float], box: tuple[float, float, float, float], *, px: int = 256
) -> PaintedSign:
    """``sign`` with a sticker of one linear color on ``box`` = left, top, right, bottom as shares of its size."""
    texture = sign.texture(px)
    mask = torch.zeros(1, px, px)
    left, top, right, bottom = (round(share * px) for share in box)
    mask[:, top:bottom, left:right] = 1.0
    rgb = torch.lerp(texture[:3], torch.tensor(color, dtype=texture.dtype)[:, None, None].expand(3, px, px), mask)
    return PaintedSign(sign, torch.cat([rgb, texture[3:]]), 1.0 - mask)


def bare(sign: Sign, *, px: int = 256) -> PaintedSign:
    """``sign`` without paint."""
    return PaintedSign(sign, sign.texture(px), torch.ones(1, px, px))


def street(folder: Path, count: int, *, first: int = 0) -> Path:
    """That many small photographs of stop signs, no two alike."""
    poses = [{"yaw_deg": 4.0 * (number % 7), "roll_deg": number - 6.0} for number in range(first, first + count)]
    sign = load_sign("us/stop")
    pictures = {
        f"{first + i}": photograph(sign, pose(sign, side=96, **turned), side=96, seed=first + i)
        for i, turned in enumerate(poses)
    }
    return save(folder, pictures)
