"""Discovery of stickers: the limits always hold, and the optimum is found where it can be checked."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mask_kit import SIGN

from physadv.core.errors import PhysadvError
from physadv.patches import Mask, build_mask, discover_mask
from physadv.patches.mask_kinds.rectangles import Stickers
from physadv.patches.rectangle_mask import _best_box


def boxes(mask: Mask) -> list[tuple[float, float, float, float]]:
    assert isinstance(mask.config, Stickers)
    return [(s.left_mm, s.top_mm, s.left_mm + s.width_mm, s.top_mm + s.height_mm) for s in mask.config.stickers]


def covered(mask: Mask, saliency: torch.Tensor) -> float:
    return float((mask.alpha[0] * saliency).sum())


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    px=st.sampled_from([24, 48, 80]),
    count=st.integers(1, 5),
    side_mm=st.floats(5.0, 200.0),
    fraction=st.floats(0.01, 0.6),
    signed=st.booleans(),
)
def test_the_limits_hold_whatever_the_map(
    seed: int, px: int, count: int, side_mm: float, fraction: float, signed: bool
) -> None:
    generator = torch.Generator().manual_seed(seed)
    saliency = torch.rand(1, px, px, generator=generator) ** 3 - (0.3 if signed else 0.0)
    try:
        mask = discover_mask(saliency, SIGN, max_stickers=count, min_side_mm=side_mm, max_area_fraction=fraction)
    except PhysadvError:
        texel = SIGN.extent_mm / px
        smallest = math.ceil(side_mm / texel) * texel
        assert signed or smallest**2 > fraction * SIGN.area_mm2 - texel**2
        return
    found = boxes(mask)
    assert 1 <= len(found) <= count
    assert mask.area_fraction <= fraction + 1e-9
    assert sum((r - x) * (b - y) for x, y, r, b in found) == pytest.approx(mask.area_fraction * SIGN.area_mm2, rel=1e-6)
    assert all(r - x >= side_mm - 1e-6 and b - y >= side_mm - 1e-6 for x, y, r, b in found)
    for i, (x, y, r, b) in enumerate(found):
        for x2, y2, r2, b2 in found[i + 1 :]:
            assert min(r, r2) - max(x, x2) < 1e-6 or min(b, b2) - max(y, y2) < 1e-6


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 100_000), st.integers(2, 7), st.integers(1, 3), st.integers(1, 49))
def test_the_best_single_rectangle_is_exact(seed: int, px: int, side: int, area: int) -> None:
    chance = np.random.default_rng(seed)
    worth = chance.random((px, px)) - chance.random()
    forbidden = chance.random((px, px)) < 0.2
    best = -math.inf
    for top in range(px):
        for bottom in range(top + side, px + 1):
            for left in range(px):
                for right in range(left + side, px + 1):
                    if (right - left) * (bottom - top) <= area and not forbidden[top:bottom, left:right].any():
                        best = max(best, float(worth[top:bottom, left:right].sum()))
    found = _best_box(worth, forbidden, side, area)
    assert (found is None) == (best == -math.inf)
    if found is not None:
        (left, top, right, bottom), total = found
        assert total == pytest.approx(best)
        assert worth[top:bottom, left:right].sum() == pytest.approx(best)
        assert not forbidden[top:bottom, left:right].any()


def test_planted_rectangles_are_found() -> None:
    truth = [(20, 12, 44, 20), (16, 50, 30, 58)]
    saliency = torch.full((64, 64), 0.001)
    for left, top, right, bottom in truth:
        saliency[top:bottom, left:right] = 1.0
    area = sum((r - x) * (b - y) for x, y, r, b in truth) * (762 / 64) ** 2 / SIGN.area_mm2
    mask = discover_mask(saliency, SIGN, max_stickers=2, min_side_mm=30, max_area_fraction=area + 1e-9)
    assert covered(mask, saliency) == pytest.approx(sum((r - x) * (b - y) for x, y, r, b in truth), rel=1e-3)


def test_it_beats_bars_of_the_same_area_where_these_are_not_best() -> None:
    y, x = torch.meshgrid(torch.linspace(-0.5, 0.5, 96), torch.linspace(-0.5, 0.5, 96), indexing="ij")
    saliency = torch.exp(-((x + 0.2) ** 2 / 0.01 + (y - 0.1) ** 2 / 0.02)) + torch.exp(-((x - 0.25) ** 2 + y**2) / 0.01)
    bars = build_mask("bars", SIGN, px=96)
    found = discover_mask(saliency, SIGN, max_stickers=2, min_side_mm=40, max_area_fraction=bars.area_fraction)
    assert covered(found, saliency) > 3.0 * covered(bars, saliency)


def test_more_stickers_and_more_area_never_cover_much_less() -> None:
    saliency = torch.rand(64, 64, generator=torch.Generator().manual_seed(3)) ** 4
    gains = [
        covered(discover_mask(saliency, SIGN, max_stickers=k, min_side_mm=40, max_area_fraction=a), saliency)
        for k, a in [(1, 0.05), (1, 0.1), (2, 0.1), (4, 0.1), (4, 0.2)]
    ]
    assert all(later > 0.99 * earlier for earlier, later in pairwise(gains))


def test_excluded_places_stay_clear_and_hindering_ones_are_avoided() -> None:
    legend = build_mask(
        {"kind": "rectangles", "rectangles": [{"x_mm": 0, "y_mm": 0, "width_mm": 700, "height_mm": 254}]}, SIGN
    )
    exclude = legend.at(64).alpha
    mask = discover_mask(
        torch.ones(64, 64), SIGN, max_stickers=3, min_side_mm=50, max_area_fraction=0.3, exclude=exclude
    )
    assert float((mask.alpha * exclude).sum()) == 0.0
    saliency = torch.full((64, 64), -1.0)
    saliency[30:40, 20:30] = 1.0
    kept = discover_mask(saliency, SIGN, max_stickers=3, min_side_mm=20, max_area_fraction=0.5)
    assert covered(kept, saliency) == pytest.approx(100.0)


@pytest.mark.parametrize(
    ("saliency", "keys", "words"),
    [
        (torch.zeros(32, 32), {}, "saliency is positive"),
        (torch.full((32, 32), float("nan")), {}, "not finite"),
        (torch.ones(32, 30), {}, "should be"),
        (torch.ones(3, 32, 32), {}, "should be"),
        (torch.ones(32), {}, "should be"),
        (torch.ones(32, 32), {"max_stickers": 0}, "max_stickers = 0"),
        (torch.ones(32, 32), {"min_side_mm": 0.0}, "min_side_mm = 0"),
        (torch.ones(32, 32), {"max_area_fraction": 1.5}, "max_area_fraction = 1.5"),
        (torch.ones(32, 32), {"min_side_mm": 700.0}, "fits on sign"),
        (torch.ones(32, 32), {"exclude": torch.ones(16, 16)}, "exclude has 16"),
        (torch.ones(32, 32), {"exclude": torch.ones(32, 32)}, "saliency is positive"),
    ],
)
def test_what_cannot_be_is_said(saliency: torch.Tensor, keys: dict[str, object], words: str) -> None:
    options = {"max_stickers": 2, "min_side_mm": 50.0, "max_area_fraction": 0.1, **keys}
    with pytest.raises(PhysadvError, match=words):
        discover_mask(saliency, SIGN, **options)  # type: ignore[arg-type]
