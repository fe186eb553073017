"""The phone: a lens that distorts, an exposure, a white balance of its own, noise, a tone curve, JPEG and EXIF."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image as Pillow
from scipy.spatial.transform import Rotation

from virtual_shop.place import Light, radiance

Image: TypeAlias = npt.NDArray[np.float32]
Matrix: TypeAlias = npt.NDArray[np.float64]

_PAD = 128
"""Around the picture, for what the lens's distortion brings in."""
_FAR = 4
"""What is not near the sign is rendered so much coarser."""
_F_NUMBER = 1.8
_FIRST = datetime(2026, 5, 30, 12, 0)


@dataclass(frozen=True)
class Phone:
    """A phone's main camera, 12 megapixels, 26 mm equivalent."""

    width_px: int = 4032
    height_px: int = 3024
    equivalent_mm: float = 26.0
    true_equivalent_mm: float = 26.35
    """Its maker rounds."""
    distortion: tuple[float, float, float, float, float] = (0.06, -0.12, 0.0004, -0.0003, 0.04)
    off_center_px: tuple[float, float] = (11.0, -7.0)

    @property
    def focal_px(self) -> float:
        """Of its picture; the diagonal of 35 mm film is 43.27 mm."""
        return self.true_equivalent_mm / 43.267 * math.hypot(self.width_px, self.height_px)

    @property
    def matrix(self) -> Matrix:
        """OpenCV's, pixel centers at whole numbers."""
        cx, cy = (self.width_px - 1) / 2 + self.off_center_px[0], (self.height_px - 1) / 2 + self.off_center_px[1]
        return np.array([[self.focal_px, 0, cx], [0, self.focal_px, cy], [0, 0, 1.0]])


def stand(at_m: Matrix, aim_m: Matrix, roll_deg: float) -> Matrix:
    """From the sign's axes to those of a camera (x right, y down, z forward) ``[4, 4]`` that points somewhere."""
    forward = (aim_m - at_m) / np.linalg.norm(aim_m - at_m)
    right = np.cross(forward, [0.0, 1.0, 0.0])
    right /= np.linalg.norm(right)
    upright = np.stack([right, np.cross(forward, right), forward])
    turned = Rotation.from_euler("z", -roll_deg, degrees=True).as_matrix() @ upright
    made = np.eye(4)
    made[:3, :3], made[:3, 3] = turned, -turned @ at_m
    return made


def truth(to_camera: Matrix) -> dict[str, float]:
    """Distance in metres and yaw, pitch and roll in degrees of the sign for a camera that is turned to face its center.

    Yaw is positive where the sign's face is turned to the camera's right, pitch where it leans back, roll clockwise.
    """
    center = to_camera[:3, 3]
    distance = float(np.linalg.norm(center))
    aimed, _ = Rotation.align_vectors([[0.0, 0.0, 1.0]], [center / distance])
    flip = np.diag([1.0, -1.0, -1.0])  # y down and z forward, to y up and z towards the camera
    yaw, lean, turn = Rotation.from_matrix(flip @ aimed.as_matrix() @ to_camera[:3, :3]).as_euler("YXZ", degrees=True)
    return {"distance_m": distance, "yaw_deg": yaw, "pitch_deg": -lean, "roll_deg": -turn}


def photograph(
    scene: Any,
    to_camera: Matrix,
    corners_m: Matrix,
    light: Light,
    file: Path,
    *,
    phone: Phone | None = None,
    stops: float = 0.0,
    samples: int = 16,
    seed: int = 0,
) -> None:
    """Takes a picture and saves it as a phone does.

    Args:
        scene: of :func:`virtual_shop.place.build`.
        to_camera: where the phone is.
        corners_m: points ``[n, 3]`` around what should be sharp, in the sign's axes.
        light: for the exposure's numbers.
        file: JPEG.
        phone: that takes it.
        stops: by which its exposure is off.
        samples: rays a pixel.
        seed: of noise.
    """
    phone = phone or Phone()
    generator = np.random.default_rng(seed)
    seen = _through_lens(scene, to_camera, corners_m, phone, samples, seed)
    white = float(np.percentile(_near(seen, to_camera, corners_m, phone).max(-1), 97))
    gain = 0.8 * 2.0**stops / max(white, 1e-9)
    seconds, iso = _exposure(light.lux, stops)
    values = _white_balanced(_vignetted(seen) * gain, _near(seen, to_camera, corners_m, phone))
    values = values + 0.004 * values.mean((0, 1))
    well = 5000.0 * 50.0 / iso
    noise = generator.standard_normal(values.shape, dtype=np.float32)
    values = values + noise * np.sqrt(np.maximum(values, 0.0) / well + 4e-6 * iso / 50.0)
    finished = _developed(values)
    exif = Pillow.Exif()
    exif[0x010F], exif[0x0110], exif[0x0112] = "Virtual", "Phone 1", 1
    taken = (_FIRST + timedelta(seconds=20 * seed)).strftime("%Y:%m:%d %H:%M:%S")
    exif.get_ifd(0x8769).update(
        {
            0x829A: seconds,
            0x829D: _F_NUMBER,
            0x8827: iso,
            0x9003: taken,
            0x920A: 5.7,
            0xA405: round(phone.equivalent_mm),
        }
    )
    file.parent.mkdir(parents=True, exist_ok=True)
    Pillow.fromarray(finished).save(file, quality=92, exif=exif)


def _through_lens(scene: Any, to_camera: Matrix, corners_m: Matrix, phone: Phone, samples: int, seed: int) -> Image:
    """Radiance ``[H, W, 3]`` as the lens throws it on the sensor: sharp about the corners, coarse elsewhere."""
    size = (phone.width_px + 2 * _PAD, phone.height_px + 2 * _PAD)
    small = (size[0] // _FAR, size[1] // _FAR)
    far = radiance(scene, to_camera, phone.focal_px / _FAR, small, (0, 0, *small), samples=samples, seed=seed)
    whole = cv2.resize(far, size, interpolation=cv2.INTER_CUBIC)
    moved = corners_m @ to_camera[:3, :3].T + to_camera[:3, 3]
    where = moved[:, :2] / moved[:, 2:] * phone.focal_px + np.array(size) / 2.0
    low = np.clip(np.floor(where.min(0)) - 24, 0, np.array(size) - 8).astype(int)
    high = np.clip(np.ceil(where.max(0)) + 24, low + 8, size).astype(int)
    window = (int(low[0]), int(low[1]), int(high[0] - low[0]), int(high[1] - low[1]))
    near = radiance(scene, to_camera, phone.focal_px, size, window, samples=samples, seed=seed + 1)
    whole[low[1] : high[1], low[0] : high[0]] = near
    place = _undistorted(phone) + (np.array(size) / 2.0 - 0.5).astype(np.float32)
    return cv2.remap(whole, place[..., 0], place[..., 1], cv2.INTER_CUBIC).clip(0.0)


@lru_cache(maxsize=1)
def _undistorted(phone: Phone) -> Image:
    """Where a lens without distortion would show what each pixel shows, from its axis, in pixels ``[H, W, 2]``."""
    grid = np.stack(np.meshgrid(np.arange(phone.width_px), np.arange(phone.height_px)), -1).astype(np.float64)
    rays = cv2.undistortPoints(grid.reshape(-1, 1, 2), phone.matrix, np.array(phone.distortion)).reshape(grid.shape)
    return (rays * phone.focal_px).astype(np.float32)


def _near(seen: Image, to_camera: Matrix, corners_m: Matrix, phone: Phone) -> Image:
    """What is seen about the sign."""
    turn = cv2.Rodrigues(to_camera[:3, :3])[0]
    points, _ = cv2.projectPoints(corners_m, turn, to_camera[:3, 3], phone.matrix, np.array(phone.distortion))
    low = np.clip(np.floor(points.reshape(-1, 2).min(0)), 0, [phone.width_px - 8, phone.height_px - 8]).astype(int)
    high = np.maximum(np.ceil(points.reshape(-1, 2).max(0)).astype(int), low + 8)
    return seen[low[1] : high[1], low[0] : high[0]]


def _vignetted(seen: Image) -> Image:
    """Corners a quarter darker."""
    height, width = seen.shape[:2]
    y, x = np.ogrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    return seen * (1.0 - 0.125 * (x**2 + y**2))[..., None].astype(np.float32)


def _white_balanced(values: Image, near: Image) -> Image:
    """Four fifths of the cast of the brightest tenth about the sign is taken away; filters overlap a little."""
    bright = near[near.sum(-1) > np.percentile(near.sum(-1), 90)].mean(0)
    gains = (bright[1] / np.maximum(bright, 1e-9)) ** 0.8
    crosstalk = np.array([[0.93, 0.06, 0.01], [0.04, 0.92, 0.04], [0.01, 0.08, 0.91]], np.float32)
    return (values * gains.astype(np.float32)) @ crosstalk.T


def _exposure(lux: float, stops: float) -> tuple[float, int]:
    """Shutter time and ISO that set white paper to 0.8 of what saturates (ISO 12232: ``78 N^2 / (S t)`` cd/m^2)."""
    luminance = 0.85 * lux / math.pi
    for iso in (50, 100, 200, 400, 800):
        seconds = 0.8 * 2.0**stops * 78.0 * _F_NUMBER**2 / (iso * luminance)
        if seconds <= 1 / 120:
            return seconds, iso
    return seconds, iso


def _developed(values: Image) -> npt.NDArray[np.uint8]:
    """sRGB with more contrast and a little more color, sharpened."""
    values = np.clip(values, 0.0, 1.0)
    gray = values.mean(-1, keepdims=True)
    values = np.clip(gray + 1.08 * (values - gray), 0.0, 1.0)
    encoded = np.where(values <= 0.0031308, values * 12.92, 1.055 * np.maximum(values, 1e-9) ** (1 / 2.4) - 0.055)
    encoded = (encoded + 0.035 * np.sin(2.0 * np.pi * (encoded - 0.5))).astype(np.float32)
    sharp = encoded + 0.4 * (encoded - cv2.GaussianBlur(encoded, (0, 0), 1.0))
    return (np.clip(sharp, 0.0, 1.0) * 255.0).round().astype(np.uint8)
