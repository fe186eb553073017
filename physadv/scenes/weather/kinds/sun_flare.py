"""Against the sun: its disc, rings of the lens, a veil of stray light."""

from __future__ import annotations

import numpy as np

from physadv.scenes.weather.weather_kind import (
    WEATHERS,
    Draw,
    Parameters,
    Pixels,
    WeatherKind,
    albumentations_library,
    by_severity,
    lay_over,
    layer,
)


@WEATHERS.register("sun-flare")
class SunFlare(WeatherKind):
    """Against the sun: its disc, rings of the lens, a veil of stray light."""

    @staticmethod
    def draw(severity: int, draw: Draw) -> Parameters:
        return {
            "x": draw.between("x", 0.15, 0.84),
            "y": draw.between("y", 0.05, 0.4),
            "angle": draw.between("angle", 0.0, 1.0),
            "radius_px": int(by_severity(severity, (14, 22, 30, 38, 46))),
            "veil": by_severity(severity, (0.03, 0.08, 0.14, 0.2, 0.27)),
        }

    @staticmethod
    def paint(pixels: Pixels, parameters: Parameters) -> Pixels:
        A = albumentations_library()
        x, y, angle = (float(parameters[name]) for name in ("x", "y", "angle"))
        flare = A.RandomSunFlare(
            flare_roi=(x, y, x + 0.01, y + 0.01),
            angle_range=(angle, angle),
            num_flare_circles_range=(4, 4),
            src_radius=int(parameters["radius_px"]),
            src_color=(255, 250, 235),
            method="physics_based",
            p=1.0,
        )
        glare = layer([flare], pixels.shape, fill=0, seed=int(parameters["seed"]), blur_px=0)
        veiled = lay_over(pixels, np.full_like(glare, float(parameters["veil"])), 250.0)
        return lay_over(veiled, glare, 255.0)
