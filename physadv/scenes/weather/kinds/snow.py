"""Snow: flakes in the air, snow lying on what is light, haze."""

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
    transformed,
)


@WEATHERS.register("snow")
class Snow(WeatherKind):
    """Snow: flakes in the air, snow lying on what is light, haze."""

    @staticmethod
    def draw(severity: int, draw: Draw) -> Parameters:
        return {
            "snow_point": by_severity(severity, (0.02, 0.05, 0.08, 0.11, 0.14)),
            "whitening": by_severity(severity, (1.05, 1.1, 1.15, 1.2, 1.25)),
            "layers": int(by_severity(severity, (1, 2, 3, 4, 6))),
            "slant_px": draw.between("slant", -3.0, 3.0),
            "opacity": by_severity(severity, (0.6, 0.65, 0.7, 0.75, 0.8)),
            "haze": by_severity(severity, (0.03, 0.08, 0.14, 0.2, 0.28)),
        }

    @staticmethod
    def paint(pixels: Pixels, parameters: Parameters) -> Pixels:
        A = albumentations_library()
        point, slant, seed = float(parameters["snow_point"]), float(parameters["slant_px"]), int(parameters["seed"])
        lying = A.RandomSnow(
            snow_point_range=(point, point), brightness_coeff=float(parameters["whitening"]), method="bleach", p=1.0
        )
        falling = [
            A.RandomRain(
                slant_range=(slant, slant),
                drop_length=1 + layer % 3,
                drop_width=1 + layer % 2,
                drop_color=(255, 255, 255),
                blur_value=1,
                brightness_coefficient=1.0,
                rain_type="default",
                p=1.0,
            )
            for layer in range(int(parameters["layers"]))
        ]
        flakes = layer(falling, pixels.shape, fill=0, seed=seed + 1, blur_px=0.8)
        haze = np.full_like(flakes, float(parameters["haze"]))
        whitened = lay_over(transformed(pixels, [lying], seed), haze, 205.0)
        return lay_over(whitened, flakes * float(parameters["opacity"]), 240.0)
