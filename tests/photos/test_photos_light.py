"""Light level and color temperature, against changes of both that are known: shutter, daylight, paper."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest

from physadv.photos.color.light import Light, estimate_light, light_of_paper
from physadv.signs import load_sign

STOP = load_sign("us/stop")
SIDE = 400
TO_PICTURE = np.array([[SIDE / STOP.extent_mm, 0, SIDE / 2], [0, SIDE / STOP.extent_mm, SIDE / 2], [0, 0, 1.0]])
EV_TOLERANCE, KELVIN_TOLERANCE = 0.05, 0.03


def encoded(linear: np.ndarray) -> np.ndarray:
    """IEC 61966-2-1."""
    low = 12.92 * linear
    return np.where(linear <= 0.0031308, low, 1.055 * np.maximum(linear, 1e-9) ** (1 / 2.4) - 0.055)


def daylight(kelvin: float) -> np.ndarray:
    """Linear sRGB ``[3]`` of daylight, luminance 1 (CIE 15:2004, section 3.1: chromaticity of the D illuminants)."""
    if kelvin <= 7000:
        x = -4.6070e9 / kelvin**3 + 2.9678e6 / kelvin**2 + 0.09911e3 / kelvin + 0.244063
    else:
        x = -2.0064e9 / kelvin**3 + 1.9018e6 / kelvin**2 + 0.24748e3 / kelvin + 0.237040
    y = -3.0 * x**2 + 2.870 * x - 0.275
    to_rgb = np.array([[3.2406, -1.5372, -0.4986], [-0.9689, 1.8758, 0.0415], [0.0557, -0.2040, 1.0570]])
    return to_rgb @ np.array([x / y, 1.0, (1 - x - y) / y])


def taken(ev: float, kelvin: float = 6504.0, *, covered: float = 0.0) -> np.ndarray:
    """The stop sign from the front, so many stops and kelvin from its own colors in daylight; uint8."""
    art = STOP.texture(SIDE).permute(1, 2, 0).double().numpy()
    linear = art[..., :3] * art[..., 3:] + 0.1 * (1 - art[..., 3:])
    linear[: round(covered * SIDE)] = 0.02
    seen = linear * daylight(kelvin) * 2.0**ev
    noise = np.random.default_rng(0).normal(0, 0.008, seen.shape)
    picture = cv2.GaussianBlur(encoded(seen.clip(0, 1)), (0, 0), 0.8) + noise
    return (picture.clip(0, 1) * 255).round().astype(np.uint8)


def light_of(picture: np.ndarray, ev100: float | None = None) -> Light:
    found = estimate_light(picture, TO_PICTURE, STOP, ev100)
    assert found is not None
    return found


@pytest.mark.parametrize("ev", [-3.0, -1.5, -0.5, 0.0])
def test_a_shutters_change_is_the_estimates_change(ev: float) -> None:
    assert light_of(taken(ev)).exposure_ev == pytest.approx(ev, abs=EV_TOLERANCE)


@pytest.mark.parametrize("kelvin", [4200.0, 5000.0, 6504.0, 8000.0, 10_000.0])
def test_a_known_cast_is_the_lights_temperature(kelvin: float) -> None:
    found = light_of(taken(-1.0, kelvin))
    assert found.temperature_k == pytest.approx(kelvin, rel=KELVIN_TOLERANCE)
    assert found.exposure_ev == pytest.approx(-1.0, abs=EV_TOLERANCE)


def test_a_patch_on_a_part_of_the_sign_does_not_count() -> None:
    plain, part = light_of(taken(-1.0, 5000.0)), light_of(taken(-1.0, 5000.0, covered=0.35))
    assert part.exposure_ev == pytest.approx(plain.exposure_ev, abs=2 * EV_TOLERANCE)
    assert part.temperature_k == pytest.approx(plain.temperature_k, rel=KELVIN_TOLERANCE)


def test_the_meters_exposure_gives_lux() -> None:
    """Sunny 16: f/16 at 1/100 s and ISO 100 exposes for full sun, which is 50,000 to 110,000 lux."""
    sunny = math.log2(16.0**2 * 100.0)
    found = light_of(taken(0.0), sunny).illuminance_lux
    assert 50_000 < found < 110_000
    assert light_of(taken(0.0), sunny - 1.0).illuminance_lux == pytest.approx(found / 2.0)
    assert light_of(taken(-1.0), sunny).illuminance_lux == pytest.approx(found / 2.0, rel=0.05)
    assert math.isnan(light_of(taken(0.0)).illuminance_lux)


def test_white_that_clips_says_nothing_and_the_charts_paper_does() -> None:
    assert estimate_light(taken(2.0), TO_PICTURE, STOP, None) is None
    paper = encoded(0.87 * daylight(5000.0) * 0.5)
    found = light_of_paper(paper, 12.0)
    assert found is not None
    assert found.exposure_ev == pytest.approx(-1.0, abs=0.01)
    assert found.temperature_k == pytest.approx(5000.0, rel=KELVIN_TOLERANCE)
    assert found.illuminance_lux > 0
    assert light_of_paper(np.array([1.0, 0.99, 0.9]), None) is None
    assert light_of_paper(np.zeros(3), None) is None
