"""Hail."""

from __future__ import annotations

import numpy as np

from physadv.scenes.weather.weather_kind import WEATHERS, Draw, Parameters, Pixels, WeatherKind, by_severity


@WEATHERS.register("acme-hail")
class Hail(WeatherKind):
    """Hailstones of a few pixels."""

    work_px = 64

    @staticmethod
    def draw(severity: int, draw: Draw) -> Parameters:
        return {"stones": int(by_severity(severity, (10, 20, 40, 80, 160)))}

    @staticmethod
    def paint(pixels: Pixels, parameters: Parameters) -> Pixels:
        random = np.random.default_rng(int(parameters["seed"]))
        made = pixels.copy()
        for _ in range(int(parameters["stones"])):
            row, column = random.integers(0, pixels.shape[0] - 2), random.integers(0, pixels.shape[1] - 2)
            made[row : row + 2, column : column + 2] = 235
        return made
