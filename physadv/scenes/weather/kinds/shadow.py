"""Cast shadows with soft edges."""

from __future__ import annotations

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


@WEATHERS.register("shadow")
class Shadow(WeatherKind):
    """Cast shadows with soft edges."""

    @staticmethod
    def draw(severity: int, draw: Draw) -> Parameters:
        middle = by_severity(severity, (0.25, 0.4, 0.52, 0.64, 0.75))
        return {
            "darkness": draw.between("darkness", middle - 0.05, middle + 0.05),
            "shadows": int(by_severity(severity, (1, 1, 2, 2, 3))),
            "penumbra_px": draw.between("penumbra", 0.6, 3.0),
        }

    @staticmethod
    def paint(pixels: Pixels, parameters: Parameters) -> Pixels:
        A = albumentations_library()
        shadows = int(parameters["shadows"])
        cast_shadow = A.RandomShadow(
            shadow_roi=(0.0, 0.0, 1.0, 1.0),
            num_shadows_limit=(shadows, shadows),
            shadow_dimension=3,
            shadow_intensity_range=(1.0, 1.0),
            p=1.0,
        )
        light = layer(
            [cast_shadow],
            pixels.shape,
            fill=255,
            seed=int(parameters["seed"]),
            blur_px=float(parameters["penumbra_px"]),
        )
        return lay_over(pixels, (1.0 - light) * float(parameters["darkness"]), 0.0)
