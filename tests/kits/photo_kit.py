"""Photographs of a sign with its rig, made by OpenCV alone: what the tests of photographs share."""

from __future__ import annotations

import cv2
import numpy as np

from physadv.core.color import linear_to_srgb
from physadv.photos.camera import Camera
from physadv.photos.rig.rig import CELLS, Chart, Marker, Rig, marker_cells
from physadv.signs import load_sign

ORIENTED = {
    1: lambda upright: upright,
    2: lambda upright: upright[:, ::-1],
    3: lambda upright: upright[::-1, ::-1],
    4: lambda upright: upright[::-1],
    5: lambda upright: upright.transpose(1, 0, 2),
    6: lambda upright: np.rot90(upright, 1),
    7: lambda upright: np.rot90(upright, 2).transpose(1, 0, 2),
    8: lambda upright: np.rot90(upright, -1),
}
"""How a camera stores an upright picture ``[H, W, C]`` with each orientation tag (Exif 2.32, tag 274)."""
BOARD = 0.93
"""Of the white board behind the sign, sRGB-encoded."""


def paste_marker(flat: np.ndarray, marker: Marker, px_per_mm: float, center_px: np.ndarray) -> None:
    """Draws a marker on a picture ``[H, W, 3]`` in [0,1] in place."""
    corners = marker.corners_mm * px_per_mm + center_px
    left, top = np.round(corners[0]).astype(int)
    right, bottom = np.round(corners[2]).astype(int)
    cells = cv2.resize(marker_cells(marker.id), (right - left, bottom - top), interpolation=cv2.INTER_NEAREST)
    assert cells.shape[0] >= CELLS
    flat[top:bottom, left:right] = cells[..., None] / 255.0 * BOARD + 0.03


def sign_board(rig: Rig, *, px_per_mm: float = 2.0, margin_mm: float = 200.0) -> tuple[np.ndarray, np.ndarray]:
    """The sign on its board with markers, sRGB-encoded ``[S, S, 3]``, and the pixel of the sign's center."""
    sign = load_sign(rig.sign)
    side = round((sign.extent_mm + 2 * margin_mm) * px_per_mm)
    px = round(sign.extent_mm * px_per_mm)
    flat = np.full((side, side, 3), BOARD)
    texture = sign.texture(px)
    art, alpha = linear_to_srgb(texture[:3]).permute(1, 2, 0).numpy(), texture[3:].permute(1, 2, 0).numpy()
    start = round(margin_mm * px_per_mm)
    view = flat[start : start + px, start : start + px]
    view[:] = alpha * art + (1 - alpha) * view
    center = np.array([side / 2.0, side / 2.0])
    for marker in rig.markers:
        paste_marker(flat, marker, px_per_mm, center)
    return flat, center


def chart_sheet(
    chart: Chart, colors: np.ndarray, paper: np.ndarray, *, px_per_mm: float = 8.0
) -> tuple[np.ndarray, np.ndarray]:
    """The chart with patches in given sRGB-encoded colors ``[P, 3]`` on paper, and the pixel of its center."""
    half = max(abs(value) for marker in chart.markers for value in (marker.x_mm, marker.y_mm)) + 25.0
    side = round(2 * half * px_per_mm)
    flat = np.broadcast_to(paper, (side, side, 3)).copy()
    center = np.array([side / 2.0, side / 2.0])
    for place, color in zip(chart.centers_mm, colors, strict=True):
        left, top = np.round((place - chart.patch_mm / 2) * px_per_mm + center).astype(int)
        size = round(chart.patch_mm * px_per_mm)
        flat[top : top + size, left : left + size] = color
    for marker in chart.markers:
        paste_marker(flat, marker, px_per_mm, center)
    return flat, center


def photograph(
    flat: np.ndarray,
    center_px: np.ndarray,
    px_per_mm: float,
    camera: Camera,
    turn: np.ndarray,
    shift: np.ndarray,
    *,
    seed: int = 0,
    noise: float = 0.01,
    background: np.ndarray | None = None,
) -> np.ndarray:
    """What a camera shows of a plane: every pixel is looked up on it, through the lens; uint8 ``[H, W, 3]``.

    Args:
        flat: the plane, sRGB-encoded ``[h, w, 3]`` in [0,1].
        center_px: pixel of the plane's origin.
        px_per_mm: of ``flat``.
        camera: with distortion.
        turn, shift: rotation vector, and the origin's place in mm, in OpenCV's axes.
        seed, noise: of the noise's draw, and its deviation.
        background: what is seen beyond the plane ``[H, W, 3]``; plain gray if not given.
    """
    grid = np.stack(np.meshgrid(np.arange(camera.width_px), np.arange(camera.height_px)), -1).reshape(-1, 1, 2)
    rays = cv2.undistortPoints(grid.astype(np.float64), camera.matrix, camera.coefficients).reshape(-1, 2)
    rotation = cv2.Rodrigues(np.asarray(turn, np.float64))[0]
    to_plane = np.linalg.inv(np.stack([rotation[:, 0], rotation[:, 1], np.asarray(shift, np.float64)], 1))
    plane = np.concatenate([rays, np.ones((len(rays), 1))], 1) @ to_plane.T
    where = plane[:, :2] / plane[:, 2:] * px_per_mm + center_px - 0.5
    where = where.reshape(camera.height_px, camera.width_px, 2).astype(np.float32)
    step = np.median(np.linalg.norm(np.diff(where, axis=1), axis=2))
    soft = cv2.GaussianBlur(flat.astype(np.float32), (0, 0), max(0.3, 0.45 * float(step)))
    seen = cv2.remap(soft, where[..., 0], where[..., 1], cv2.INTER_LINEAR, borderValue=(-1, -1, -1))
    beyond = np.full_like(seen, 0.45) if background is None else background.astype(np.float32)
    seen = np.where(seen.min(2, keepdims=True) < 0, beyond, seen)
    seen = seen + np.random.default_rng(seed).normal(0, noise, seen.shape)
    return (seen.clip(0, 1) * 255).round().astype(np.uint8)
