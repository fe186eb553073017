"""Pictures of signs that OpenCV made of their artwork, at a known place before something to look past."""

from __future__ import annotations

import cv2
import numpy as np

from physadv.core.color import linear_to_srgb
from physadv.photos.camera import Camera
from physadv.photos.pose import plane_homography
from physadv.signs import Sign, load_sign

WIDTH, HEIGHT, FOCAL = 640, 480, 700.0
CAMERA = Camera(width_px=WIDTH, height_px=HEIGHT, fx_px=FOCAL, fy_px=FOCAL, cx_px=319.5, cy_px=239.5)
FINER = 4
STOP = load_sign("us/stop")


def street(seed: int, *, width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    """Something to look past, sRGB-encoded ``[H, W, 3]`` in [0,1]: sky and ground, boxes, discs, texture."""
    random = np.random.default_rng(seed)
    picture = np.linspace([0.62, 0.72, 0.85], [0.4, 0.4, 0.37], height)[:, None].repeat(width, 1)
    for _ in range(40):
        color = random.uniform(0.1, 0.8, 3).tolist()
        x, y = random.integers(0, width), random.integers(0, height)
        w, h = random.integers(5, width // 5, 2)
        if random.random() < 0.3:
            cv2.circle(picture, (int(x), int(y)), int(w // 4), color, -1)
        else:
            cv2.rectangle(picture, (int(x), int(y)), (int(x + w), int(y + h)), color, -1)
    grain = cv2.resize(random.normal(0, 0.05, (height // 4, width // 4)), (width, height))
    return np.clip(picture + grain[..., None], 0, 1)


def standing(
    sign: Sign,
    *,
    width_px: float,
    yaw_deg: float = 0.0,
    pitch_deg: float = 0.0,
    roll_deg: float = 0.0,
    off: tuple[float, float] = (0.0, 0.0),
) -> np.ndarray:
    """OpenCV's rotation vector and shift in mm: the sign about so wide, ``off`` center by shares of the picture."""
    turns = [np.radians([0, yaw_deg, 0]), np.radians([pitch_deg, 0, 0]), np.radians([0, 0, roll_deg])]
    rotation = np.linalg.multi_dot([cv2.Rodrigues(turn)[0] for turn in turns])
    away = FOCAL * sign.width_mm / width_px
    shift = np.array([off[0] * WIDTH / FOCAL, off[1] * HEIGHT / FOCAL, 1.0]) * away
    return np.concatenate([cv2.Rodrigues(rotation)[0].reshape(3), shift])


def shown(
    sign: Sign, pose: np.ndarray, behind: np.ndarray, *, light: float = 0.7, seed: int = 0, sticker: bool = False
) -> np.ndarray:
    """The sign before ``behind``: warped by OpenCV at four times the pixels, blurred, noisy, through JPEG."""
    random = np.random.default_rng(seed)
    texture = sign.texture(768).permute(1, 2, 0).numpy().copy()
    if sticker:
        texture[540:640, 150:600, :3] = [0.02, 0.02, 0.02]
        texture[130:210, 200:560, :3] = [0.8, 0.8, 0.8]
    step = sign.extent_mm / 768
    to_mm = np.array([[step, 0, (step - sign.extent_mm) / 2], [0, step, (step - sign.extent_mm) / 2], [0, 0, 1]])
    finer = np.array([[FINER, 0, (FINER - 1) / 2], [0, FINER, (FINER - 1) / 2], [0, 0, 1]])
    matrix = finer @ plane_homography(pose, CAMERA) @ to_mm
    size = (behind.shape[1] * FINER, behind.shape[0] * FINER)
    rgba = np.dstack([texture[..., :3] * texture[..., 3:], texture[..., 3]])
    seen = cv2.resize(cv2.warpPerspective(rgba, matrix, size), behind.shape[1::-1], interpolation=cv2.INTER_AREA)
    linear = seen[..., :3] * light + (1 - seen[..., 3:]) * behind**2.2
    linear = cv2.GaussianBlur(linear, (0, 0), random.uniform(0.4, 1.2))
    linear += random.normal(0, 0.008, linear.shape)
    from torch import from_numpy

    encoded = linear_to_srgb(from_numpy(linear.clip(0, 1))).numpy()
    data = cv2.imencode(".jpg", np.asarray(encoded[..., ::-1] * 255, np.uint8), [cv2.IMWRITE_JPEG_QUALITY, 80])[1]
    return np.ascontiguousarray(cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1])
