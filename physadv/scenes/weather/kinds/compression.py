"""A JPEG of low quality."""

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


@WEATHERS.register("compression")
class Compression(WeatherKind):
    """A JPEG of low quality."""

    work_px = 64
    fixed = True

    @staticmethod
    def draw(severity: int, draw: Draw) -> Parameters:
        quality = by_severity(severity, (50, 30, 20, 13, 8))
        return {"quality": round(quality * draw.between("quality", 0.9, 1.1))}

    @staticmethod
    def paint(pixels: Pixels, parameters: Parameters) -> Pixels:
        A = albumentations_library()
        quality = int(parameters["quality"])
        jpeg = A.ImageCompression(compression_type="jpeg", quality_range=(quality, quality), p=1.0)
        return transformed(pixels, [jpeg], int(parameters["seed"]))
