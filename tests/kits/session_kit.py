"""A row of a session's table that is right."""

from __future__ import annotations

import math
from typing import Any

GOOD: dict[str, Any] = {
    "file": "a.jpg",
    "sha256": "0" * 64,
    "taken": "",
    "camera": "",
    "subject": "clean",
    "patch": "",
    "how": "outline",
    "confidence": 0.9,
    "width_px": 4000,
    "height_px": 3000,
    "sign_px": 13.0,
    "distance_m": 150.0,
    "distance_sd_m": 1.0,
    "yaw_deg": 5.0,
    "yaw_sd_deg": 1.0,
    "pitch_deg": -3.0,
    "pitch_sd_deg": 1.0,
    "roll_deg": 1.0,
    "roll_sd_deg": 1.0,
    "angle_deg": 6.0,
    "error_px": 0.3,
    "focal_px": 3000.0,
    "focal_source": "exif",
    "homography": (0.017, 0.0, 3900.0, 0.0, 0.017, 2900.0, 0.0, 0.0, 1.0),
    "exposure_ev": math.nan,
    "temperature_k": math.nan,
    "illuminance_lux": math.nan,
    "ev100": math.nan,
    "crop": "crops/a.png",
    "box_left": 6.0,
    "box_top": 6.0,
    "box_width": 13.0,
    "box_height": 13.0,
    "chart": None,
    "flags": (),
}
