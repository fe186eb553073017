"""Learning a printer's and a camera's colors from photographs of a chart."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch

from physadv.core.color import linear_to_srgb, srgb_to_linear
from physadv.core.errors import PhysadvError
from physadv.photos.color.color_fit import Readings, decoded, delta_e, fit, gamut_share, reflectances

LEVELS = (0.0, 1 / 3, 2 / 3, 1.0)
PAPER = np.array([0.87, 0.87, 0.87])
MOST = (np.arange(106) < 70) & (np.arange(106) != 63)
"""Of the chart's patches, all but the white one and a few."""


def chart(seed: int = 0) -> np.ndarray:
    """64 colors on a grid, a gray ramp and 30 others."""
    gray = np.repeat(np.linspace(0, 1, 12)[:, None], 3, axis=1)
    others = np.random.default_rng(seed).random((30, 3))
    return np.concatenate([np.array(list(product(LEVELS, repeat=3))), gray, others])


def press(sent: np.ndarray) -> np.ndarray:
    """Dots that grow, inks that are not pure, a paper below white: nothing of the fitted model."""
    ink = 1.0 - sent
    ink = ink + 0.25 * ink * (1.0 - ink)
    absorbed = ink @ np.array([[1.9, 0.25, 0.1], [0.3, 1.7, 0.35], [0.05, 0.2, 1.5]])
    return PAPER * (0.03 + 0.97 * np.exp(-absorbed))


def photographs(sent: np.ndarray, count: int = 12, *, noise: float = 0.01, seed: int = 1) -> Readings:
    rng = np.random.default_rng(seed)
    light = rng.uniform(0.5, 1.05, (count, 1)) * rng.uniform(0.85, 1.15, (count, 3))
    linear = light[:, None] * press(sent) * np.exp(rng.normal(0, noise, (count, len(sent), 1)))
    glints = rng.random((count, len(sent))) < 0.03
    linear[glints] += 0.2
    seen = linear_to_srgb(torch.from_numpy(linear.clip(0, 1))).numpy()
    seen = np.round(seen * 255) / 255
    seen[rng.random((count, len(sent))) < 0.05] = np.nan
    return Readings(sent, seen)


def test_lights_are_taken_out_of_the_readings() -> None:
    sent = chart()
    found = reflectances(photographs(sent))
    error = np.abs(found.linear / press(sent) - 1.0)
    bright = press(sent).min(1) > 0.05
    assert np.nanmax(error[bright]) < 0.04
    assert np.nanmedian(found.spread) < 0.03


def test_the_table_predicts_colors_that_it_has_not_seen() -> None:
    made = fit(photographs(chart()))
    errors = made.measured["delta_e_2000"]
    assert 0.05 < made.measured["gamut_of_srgb"] < 0.9
    assert errors["held_out"]["mean"] < 2.0 < 6.0 < errors["held_out_before"]["mean"]
    assert errors["fitted"]["mean"] <= errors["held_out"]["mean"]
    new = np.random.default_rng(5).random((200, 3))
    seen = made.press(torch.from_numpy(new.T).float()).T.double().numpy()
    assert float(delta_e(seen, press(new)).mean()) < 1.5
    ideal = srgb_to_linear(torch.from_numpy(new)).numpy()
    assert float(delta_e(ideal, press(new)).mean()) > 6.0


def test_an_ideal_printer_is_left_ideal() -> None:
    sent = chart()
    linear = srgb_to_linear(torch.from_numpy(sent)).numpy()
    seen = linear_to_srgb(torch.from_numpy(linear[None] * np.array([0.8, 0.9])[:, None, None])).numpy()
    made = fit(Readings(sent, seen), paper=1.0)
    new = torch.rand(3, 100, generator=torch.Generator().manual_seed(0))
    difference = delta_e(made.press(new).T.double().numpy(), srgb_to_linear(new).T.double().numpy())
    assert float(difference.mean()) < 0.5


def test_the_fit_is_the_same_again_and_the_photographs_order_does_not_matter() -> None:
    readings = photographs(chart(), 6)
    again = fit(Readings(readings.sent, readings.seen[::-1]))
    first = fit(readings)
    np.testing.assert_allclose(first.colors, again.colors, atol=2e-3)
    assert fit(readings) == first


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda seen: np.ones_like(seen), "expose so that the paper"),
        (lambda seen: np.full_like(seen, np.nan), "neither too dark nor too bright"),
        (
            lambda seen: np.where(
                ((np.arange(seen.shape[1]) < 70) & (np.arange(seen.shape[1]) != 63))[None, :, None], np.nan, seen
            ),
            "could be read",
        ),
        (lambda seen: seen[:, :5], "should be"),
    ],
)
def test_photographs_that_say_too_little_are_one_sentence(change, words: str) -> None:  # type: ignore[no-untyped-def]
    readings = photographs(chart(), 3)
    with pytest.raises(PhysadvError, match=words):
        fit(Readings(readings.sent, change(readings.seen)))


def test_color_differences_are_the_published_ones() -> None:
    """Sharma et al. 2005, table 1, pairs 1, 7 and 17, through linear sRGB."""
    import colour

    white = colour.CCS_ILLUMINANTS["CIE 1931 2 Degree Standard Observer"]["D65"]

    def linear(lab: list[float]) -> np.ndarray:
        return np.asarray(colour.XYZ_to_RGB(colour.Lab_to_XYZ(lab, white), "sRGB", apply_cctf_encoding=False))

    for one, other, expected in (
        ([50.0, 2.6772, -79.7751], [50.0, 0.0, -82.7485], 2.0425),
        ([50.0, 0.0, 0.0], [50.0, -1.0, 2.0], 2.3669),
        ([50.0, 2.5, 0.0], [73.0, 25.0, -18.0], 27.1492),
    ):
        assert float(delta_e(linear(one), linear(other))) == pytest.approx(expected, abs=2e-3)


def test_a_screens_colors_span_all_of_srgb_and_half_of_their_contrast_less() -> None:
    levels = np.linspace(0, 1, 5)
    cube = np.stack(np.meshgrid(levels, levels, levels), -1).reshape(-1, 3)
    assert gamut_share(decoded(cube)) == pytest.approx(1.0, abs=0.03)
    assert gamut_share(decoded(0.25 + 0.5 * cube)) < 0.2
    assert gamut_share(0.3 * decoded(cube) + 0.1) < gamut_share(0.6 * decoded(cube) + 0.1)
