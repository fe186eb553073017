"""What the light was: level, exposure and color temperature, from a surface of known color in the photograph."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import torch

from physadv.core.color import illuminant_rgb, srgb_to_linear
from physadv.signs import Sign

Matrix: TypeAlias = npt.NDArray[np.float64]
Pixels: TypeAlias = npt.NDArray[np.uint8]

_ART_PX = 128
_PURE = 0.02
"""How even the artwork is about a texel that counts."""
_LEAST_TEXELS = 40
_CLIPPED = 0.985
_METER = 12.5
"""Calibration constant K of reflected-light meters (ISO 2720)."""
_LUMA = np.array([0.2126, 0.7152, 0.0722])
_PAPER = 0.87
"""Reflectance of matt paper, as :func:`physadv.photos.color.color_fit.reflectances` takes it."""
_KELVIN = torch.linspace(2500.0, 12000.0, 191)


@dataclass(frozen=True)
class Light:
    """What a photograph says of its light; not a number where it says nothing.

    Attributes:
        exposure_ev: as :class:`physadv.scenes.Conditions`: the sign's brightness over that of its colors, in stops.
        temperature_k: of the light under a daylight-balanced camera; a camera that balances itself hides it.
        illuminance_lux: on the sign, from the exposure in EXIF.
    """

    exposure_ev: float
    temperature_k: float
    illuminance_lux: float


UNKNOWN = Light(math.nan, math.nan, math.nan)


def estimate_light(pixels: Pixels, homography: Matrix, sign: Sign, ev100: float | None) -> Light | None:
    """From the sign's own flat colors, those that a patch does not cover counting most by the median.

    Args:
        pixels: ``[H, W, 3]`` RGB.
        homography: the sign's plane in mm to pixels.
        sign: whose artwork is known.
        ev100: exposure value of the photograph; None if unknown.

    Returns:
        None where the sign has too little white, or it clips.
    """
    import cv2

    texture = sign.texture(_ART_PX).permute(1, 2, 0).double().numpy()
    art, alpha = texture[..., :3], texture[..., 3]
    flat = (cv2.blur(art**2, (5, 5)) - cv2.blur(art, (5, 5)) ** 2).max(2) < _PURE**2
    light_enough = art.min(2) > 0.5 * art[alpha > 0.99].min(1).max()
    chosen = flat & (cv2.erode(alpha, np.ones((5, 5))) > 0.99) & light_enough
    if chosen.sum() < _LEAST_TEXELS:
        return None
    to_sign = np.array([[1.0, 0, 0.5 - _ART_PX / 2], [0, 1.0, 0.5 - _ART_PX / 2], [0, 0, _ART_PX / sign.extent_mm]])
    seen = cv2.warpPerspective(
        pixels, homography @ to_sign, (_ART_PX, _ART_PX), flags=cv2.INTER_AREA | cv2.WARP_INVERSE_MAP
    )
    values = seen[chosen].astype(np.float64) / 255.0
    if np.median(values.max(1)) > _CLIPPED:
        return None
    share = srgb_to_linear(torch.from_numpy(values)).numpy() / art[chosen]
    return _light(np.median(share, axis=0), ev100)


def light_of_paper(paper: Matrix, ev100: float | None) -> Light | None:
    """From the color chart's paper, which hangs in the sign's own light.

    Args:
        paper: its sRGB-encoded color ``[3]``.
        ev100: exposure value of the photograph; None if unknown.

    Returns:
        None where the paper clips.
    """
    if paper.max() > _CLIPPED:
        return None
    return _light(srgb_to_linear(torch.from_numpy(paper)).numpy() / _PAPER, ev100)


def _light(white: Matrix, ev100: float | None) -> Light | None:
    """Of a perfect white's linear color ``[3]`` in the photograph; None where it is black."""
    level = float(white @ _LUMA)
    if level <= 0.0:
        return None
    lux = math.nan
    if ev100 is not None:
        luminance = _METER * 2.0**ev100 / 100.0 * level / 0.18  # of a perfect white; the meter aims at middle gray
        lux = math.pi * luminance
    return Light(math.log2(level), _temperature(white), lux)


def _temperature(white: Matrix) -> float:
    """Of the light whose color is nearest in chromaticity to ``white [3]``, linear."""
    lights = illuminant_rgb(_KELVIN).double().numpy()
    shares = lights / lights.sum(1, keepdims=True)
    return float(_KELVIN[int(np.linalg.norm(shares - white / white.sum(), axis=1).argmin())])
