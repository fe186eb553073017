"""Few pixels of the sign, enlarged again."""

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


@WEATHERS.register("downscaling")
class Downscaling(WeatherKind):
    """Few pixels of the sign, enlarged again."""

    work_px = 64
    fixed = True

    @staticmethod
    def draw(severity: int, draw: Draw) -> Parameters:
        scale = by_severity(severity, (0.5, 0.4, 0.3, 0.24, 0.18))
        return {"scale": draw.between("scale", scale * 0.95, scale * 1.05)}

    @staticmethod
    def paint(pixels: Pixels, parameters: Parameters) -> Pixels:
        import cv2

        A = albumentations_library()
        scale = float(parameters["scale"])
        resampling = {"downscale": cv2.INTER_AREA, "upscale": cv2.INTER_LINEAR}
        small = A.Downscale(scale_range=(scale, scale), interpolation_pair=resampling, p=1.0)
        return transformed(pixels, [small], int(parameters["seed"]))
