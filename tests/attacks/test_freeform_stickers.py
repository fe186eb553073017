"""Stickers of free shape: the limits always hold, and what is high is covered."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import Polygon

from physadv.attacks.physical.freeform_stickers import FreeformStickers
from physadv.core.errors import PhysadvError
from physadv.patches import Mask, freeform_mask, with_rim
from physadv.patches.mask_kinds.polygons import Polygons
from physadv.patches.paint_kinds.free import Free
from physadv.signs import load_sign

SIGN = load_sign("us/stop")
CPU = torch.device("cpu")


def shapes(mask: Mask) -> list[Polygon]:
    assert isinstance(mask.config, Polygons)
    return [Polygon(corners) for corners in mask.config.polygons]


def hills(px: int, *places: tuple[float, float, float]) -> torch.Tensor:
    """Heights with a bump at each ``(x, y, width)``, in extents from the center."""
    at = (torch.arange(px) + 0.5) / px - 0.5
    y, x = torch.meshgrid(at, at, indexing="ij")
    return torch.stack([torch.exp(-((x - a) ** 2 + (y - b) ** 2) / (2 * w * w)) for a, b, w in places]).sum(0)


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    px=st.sampled_from([24, 64, 128]),
    cells=st.integers(2, 20),
    count=st.integers(1, 8),
    side_mm=st.floats(10.0, 200.0),
    fraction=st.floats(0.02, 0.6),
)
def test_the_limits_hold_whatever_the_heights(
    seed: int, px: int, cells: int, count: int, side_mm: float, fraction: float
) -> None:
    ground = torch.rand(1, 1, cells, cells, generator=torch.Generator().manual_seed(seed))
    height = torch.nn.functional.interpolate(ground, size=(px, px), mode="bicubic", align_corners=False)[0, 0]
    try:
        mask = freeform_mask(height, SIGN, max_stickers=count, min_side_mm=side_mm, max_area_fraction=fraction)
    except PhysadvError:
        assert np.pi * (side_mm / 2) ** 2 > 0.02 * fraction * SIGN.area_mm2, "a sticker would have fitted"
        return
    found = shapes(mask)
    assert 1 <= len(found) <= count
    assert mask.area_fraction <= fraction + 1e-6
    face = Polygon(SIGN.outline_mm)
    for shape in found:
        assert shape.is_valid
        assert face.contains(shape)
        narrow = shape.difference(shape.buffer(-side_mm / 2 + 1.5).buffer(side_mm / 2))
        assert narrow.area < 0.01 * shape.area, "narrower somewhere than it may be"
    assert shapely.union_all(found).area == pytest.approx(sum(shape.area for shape in found), rel=1e-6), "they overlap"


def test_a_hill_is_cut_where_the_area_is_reached() -> None:
    mask = freeform_mask(hills(128, (0.1, -0.05, 0.2)), SIGN, max_stickers=3, min_side_mm=40, max_area_fraction=0.1)
    (shape,) = shapes(mask)
    radius = (0.1 * SIGN.area_mm2 / np.pi) ** 0.5
    disc = shapely.Point(0.1 * SIGN.extent_mm, -0.05 * SIGN.extent_mm).buffer(radius)
    assert shape.symmetric_difference(disc).area < 0.03 * disc.area


def test_the_largest_stay_and_take_the_area_of_the_others() -> None:
    ground = hills(128, (-0.25, 0.0, 0.08), (0.25, 0.0, 0.08), (0.0, 0.3, 0.04), (0.0, -0.3, 0.04))
    four = freeform_mask(ground, SIGN, max_stickers=8, min_side_mm=40, max_area_fraction=0.15)
    two = freeform_mask(ground, SIGN, max_stickers=2, min_side_mm=40, max_area_fraction=0.15)
    assert (len(shapes(four)), len(shapes(two))) == (4, 2)
    assert all(abs(shape.centroid.y) < 20 for shape in shapes(two))
    assert two.area_fraction == pytest.approx(0.15, abs=0.002)


def test_the_area_is_used_where_it_leaps_as_two_become_one() -> None:
    ground = hills(128, (-0.18, 0.0, 0.08), (0.18, 0.0, 0.08))
    (one,) = shapes(freeform_mask(ground, SIGN, max_stickers=1, min_side_mm=40, max_area_fraction=0.13))
    assert one.area == pytest.approx(0.13 * SIGN.area_mm2, rel=0.002)
    assert abs(one.centroid.x) > 80, "both hills were taken"


def test_what_cannot_fit_is_one_sentence() -> None:
    with pytest.raises(PhysadvError, match=r"min_side_mm = 300.*us/stop.*allow more area"):
        freeform_mask(hills(64, (0.0, 0.0, 0.2)), SIGN, max_stickers=3, min_side_mm=300, max_area_fraction=0.02)


def test_a_narrow_neck_parts_two_stickers() -> None:
    ground = torch.maximum(hills(256, (-0.22, 0.0, 0.08)), hills(256, (0.22, 0.0, 0.08)))
    one = freeform_mask(ground, SIGN, max_stickers=4, min_side_mm=40, max_area_fraction=0.23)
    ground[126:130, 128 - 56 : 128 + 56] = 1.0  # a bridge of 12 mm between the hills
    two = freeform_mask(ground, SIGN, max_stickers=4, min_side_mm=40, max_area_fraction=0.23)
    assert len(shapes(one)) == len(shapes(two)) == 2
    first, second = shapes(two)
    assert first.distance(second) >= 2.5
    for shape in (first, second):
        left, _, right, _ = shape.bounds
        assert min(abs(left), abs(right)) > 25, "the bridge is part of a sticker"


def test_a_ring_is_filled() -> None:
    ring = hills(128, (0.0, 0.0, 0.15)) - 1.2 * hills(128, (0.0, 0.0, 0.06))
    (shape,) = shapes(freeform_mask(ring, SIGN, max_stickers=3, min_side_mm=40, max_area_fraction=0.2))
    assert shape.contains(shapely.Point(0, 0))


def stickers(**limits: float) -> FreeformStickers:
    wanted = {"max_stickers": 8, "min_side_mm": 40.0, "max_area_fraction": 0.15, **limits}
    return FreeformStickers(SIGN, Free(), px=64, device=CPU, **wanted)  # type: ignore[arg-type]


def bumpy(family: FreeformStickers, *, seed: int = 0) -> torch.Tensor:
    theta = family.begin(torch.Generator().manual_seed(seed))
    heights = torch.rand(len(theta), generator=torch.Generator().manual_seed(seed + 1))
    theta[3 * 64 * 64 :] = heights[3 * 64 * 64 :]
    return theta


def test_cover_shrinks_to_the_area_and_hardens() -> None:
    family = stickers()
    theta = bumpy(family)
    covers = [1.0 - family.at(progress).painted(theta).sheeting for progress in (0.0, 0.4, 0.8, 1.0)]
    shares = [float(cover.sum() / SIGN.texture(64)[3].sum()) for cover in covers]
    assert shares[0] > 0.8
    assert shares[0] > shares[1] > shares[2] + 0.1
    assert shares[2:] == pytest.approx([0.15, 0.15], abs=0.005)
    gray = [float((cover * (1 - cover)).mean()) for cover in covers[2:]]
    assert gray[1] < gray[0]
    assert gray[1] < 0.03


def test_what_is_made_is_what_was_searched() -> None:
    family = stickers()
    theta = bumpy(family, seed=3)
    knots = round((len(theta) - 3 * 64 * 64) ** 0.5)
    theta[3 * 64 * 64 :] = 3.0 * hills(knots, (-0.2, 0.1, 0.1), (0.15, 0.2, 0.08), (0.1, -0.2, 0.1)).flatten()
    cover = 1.0 - family.at(1.0).painted(theta).sheeting
    mask, paint = family.finish(theta)
    assert float((cover - mask.alpha).abs().sum() / mask.alpha.sum()) < 0.1
    assert torch.equal(paint, Free().finalize(family.paint_of(theta)))


def test_heights_have_the_gradient_of_the_picture() -> None:
    """Against finite differences, the area's limit included."""
    family = stickers(min_side_mm=150.0).at(0.5)
    theta = bumpy(family)
    weight = torch.rand(4, 64, 64, generator=torch.Generator().manual_seed(5))

    def seen(values: torch.Tensor) -> torch.Tensor:
        return (family.painted(values).rgba.double() * weight).sum()

    leaf = theta.clone().requires_grad_(True)
    (gradient,) = torch.autograd.grad(seen(leaf), leaf)
    step = 0.02
    for number in range(len(theta) - 12, len(theta), 3):
        up, down = theta.clone(), theta.clone()
        up[number] += step
        down[number] -= step
        difference = float(seen(up) - seen(down)) / (2 * step)
        assert float(gradient[number]) == pytest.approx(difference, rel=0.03, abs=0.05)


def test_no_height_changes_what_is_covered_by_being_raised_with_all_others() -> None:
    family = stickers().at(0.7)
    theta = bumpy(family)
    raised = theta.clone()
    raised[3 * 64 * 64 :] += 2.0
    torch.testing.assert_close(family.painted(raised).sheeting, family.painted(theta).sheeting, atol=1e-3, rtol=0)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000))
def test_the_rim_has_its_neighbors_color_and_the_rest_is_kept(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    paint, alpha = torch.rand(3, 16, 16, generator=generator), torch.rand(1, 16, 16, generator=generator)
    whole = alpha[0] >= 0.5
    rimmed = with_rim(paint, alpha)
    assert torch.equal(rimmed[:, whole], paint[:, whole])
    places = whole.nonzero().float()
    for row, column in (~whole).nonzero().tolist():
        distance = (places - torch.tensor([row, column])).norm(dim=1)
        nearest = places[distance == distance.min()].long()
        assert any(torch.equal(rimmed[:, row, column], paint[:, a, b]) for a, b in nearest.tolist())
    assert torch.equal(with_rim(paint, alpha * 0.4), paint)
