"""Rain: streaks that slant alike, a dimmer picture, mist."""

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


@WEATHERS.register("rain")
class Rain(WeatherKind):
    """Rain: streaks that slant alike, a dimmer picture, mist."""

    @staticmethod
    def draw(severity: int, draw: Draw) -> Parameters:
        return {
            "layers": int(by_severity(severity, (1, 2, 3, 4, 6))),
            "slant_px": draw.between("slant", -10.0, 10.0),
            "drop_length_px": int(by_severity(severity, (10, 14, 18, 22, 26))),
            "opacity": by_severity(severity, (0.35, 0.42, 0.5, 0.55, 0.6)),
            "dimming": by_severity(severity, (0.95, 0.9, 0.84, 0.78, 0.72)),
            "mist": by_severity(severity, (0.02, 0.05, 0.09, 0.14, 0.2)),
        }

    @staticmethod
    def paint(pixels: Pixels, parameters: Parameters) -> Pixels:
        A = albumentations_library()
        slant = float(parameters["slant_px"])
        drops = [
            A.RandomRain(
                slant_range=(slant, slant),
                drop_length=int(parameters["drop_length_px"]),
                drop_width=1,
                drop_color=(255, 255, 255),
                blur_value=1,
                brightness_coefficient=1.0,
                rain_type="default",
                p=1.0,
            )
            for _ in range(int(parameters["layers"]))
        ]
        streaks = layer(drops, pixels.shape, fill=0, seed=int(parameters["seed"]), blur_px=0.5)
        misty = pixels * float(parameters["dimming"]) * (1.0 - parameters["mist"]) + 170.0 * float(parameters["mist"])
        return lay_over(np.asarray(misty, np.uint8), streaks * float(parameters["opacity"]), 195.0)
