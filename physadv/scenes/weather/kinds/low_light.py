"""Dusk: a dim picture with the noise of a sensor at high gain."""

from __future__ import annotations

from physadv.scenes.weather.weather_kind import (
    WEATHERS,
    Draw,
    Parameters,
    Pixels,
    WeatherKind,
    albumentations_library,
    by_severity,
    transformed,
)


@WEATHERS.register("low-light")
class LowLight(WeatherKind):
    """Dusk: a dim picture with the noise of a sensor at high gain."""

    work_px = 64

    @staticmethod
    def draw(severity: int, draw: Draw) -> Parameters:
        return {
            "dimming": by_severity(severity, (-0.3, -0.44, -0.56, -0.65, -0.72)),
            "color_shift": draw.between("color", 0.02, 0.06),
            "noise": by_severity(severity, (0.15, 0.25, 0.35, 0.45, 0.55)),
        }

    # noise before dimming: albumentations scales it by the picture's contrast, and a dark picture would get specks
    @staticmethod
    def paint(pixels: Pixels, parameters: Parameters) -> Pixels:
        A = albumentations_library()
        dimming, shift, noise = (float(parameters[name]) for name in ("dimming", "color_shift", "noise"))
        dim = A.RandomBrightnessContrast(brightness_limit=(0.0, 0.0), contrast_limit=(dimming, dimming), p=1.0)
        sensor = A.ISONoise(color_shift=(shift, shift), intensity=(noise, noise), p=1.0)
        return transformed(pixels, [sensor, dim], int(parameters["seed"]))
