"""Fog: banks of uneven density that lighten the picture."""

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

_FOG_PX = 48
"""Banks of fog are soft: they are drawn small and enlarged."""


@WEATHERS.register("fog")
class Fog(WeatherKind):
    """Fog: banks of uneven density that lighten the picture."""

    @staticmethod
    def draw(severity: int, draw: Draw) -> Parameters:
        return {
            "fog": draw.between("fog", 0.9, 1.0),
            "thinnest": by_severity(severity, (0.1, 0.2, 0.32, 0.45, 0.58)),
            "thickest": by_severity(severity, (0.25, 0.4, 0.55, 0.68, 0.8)),
            "gray": draw.between("gray", 195.0, 225.0),
        }

    @staticmethod
    def paint(pixels: Pixels, parameters: Parameters) -> Pixels:
        A = albumentations_library()
        fog = float(parameters["fog"])
        banks = A.RandomFog(fog_coef_range=(fog, fog), alpha_coef=0.05, p=1.0)
        density = layer([banks], pixels.shape, fill=0, seed=int(parameters["seed"]), blur_px=_FOG_PX / 10, px=_FOG_PX)
        low, high = float(density.min()), float(density.max())
        share = (density - low) / max(high - low, 1e-6)
        thin, thick = float(parameters["thinnest"]), float(parameters["thickest"])
        return lay_over(pixels, np.asarray(thin + (thick - thin) * share, np.float32), float(parameters["gray"]))
