"""Masks: geometry, rasterization, kinds, and the errors that a user can mend."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import shapely
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mask_kit import SIGN, stop_sign
from shapely.geometry import Polygon

from physadv.core.errors import PhysadvError
from physadv.patches import MASKS, MaskConfig, build_mask, parse_mask
from physadv.patches.geometry import rasterize, to_rings
from physadv.patches.letters import LETTERS
from physadv.patches.splines import bezier, catmull_rom, evenly

EXAMPLES: dict[str, dict[str, Any]] = {
    "rectangles": {"rectangles": [{"x_mm": 0, "y_mm": -200, "width_mm": 300, "height_mm": 60, "angle_deg": 10}]},
    "polygons": {"polygons": [[[-100, -300], [100, -300], [0, -150]]]},
    "drawing": {"pieces": [[[[-0.2, -0.1], [0.2, -0.1], [0.2, 0.1], [-0.2, 0.1]]]]},
    "stickers": {"stickers": [{"left_mm": -100, "top_mm": 150, "width_mm": 200, "height_mm": 100}]},
}
DRAWABLE = [name for name in MASKS if not MASKS[name].__module__.startswith("physadv.attacks")]


def example(kind: str) -> dict[str, Any]:
    return {"kind": kind, **EXAMPLES.get(kind, {})}


@pytest.mark.parametrize("kind", DRAWABLE)
def test_every_kind_covers_its_area_inside_the_outline(kind: str) -> None:
    mask = build_mask(example(kind), SIGN, px=200)
    outline = build_mask("poster", SIGN, px=200).alpha
    assert mask.config.kind == kind
    assert mask.alpha.shape == (1, 200, 200)
    assert mask.alpha.min() >= 0.0
    assert (mask.alpha <= outline + 1e-5).all()
    assert 0.01 < mask.area_fraction <= 1.0
    pixel_mm2 = (762.0 / 200) ** 2
    assert float(mask.alpha.double().sum()) * pixel_mm2 == pytest.approx(mask.area_fraction * SIGN.area_mm2, rel=1e-5)


@pytest.mark.parametrize("kind", DRAWABLE)
def test_every_kind_says_what_it_is_and_survives_json(kind: str) -> None:
    config = parse_mask(example(kind))
    assert (type(config).__doc__ or "").strip()
    assert parse_mask(config.model_dump(mode="json")) == config
    first, second = build_mask(config, SIGN, px=64), build_mask(config.model_dump(mode="json"), SIGN, px=64)
    assert torch.equal(first.alpha, second.alpha)


@pytest.mark.parametrize("kind", DRAWABLE)
def test_every_kind_follows_the_size_of_the_sign_where_it_says_so(kind: str) -> None:
    field = MASKS[kind].model_fields.get("drawn_for_mm")
    scaled = field is not None and field.default is None
    small = {**example(kind), **({"drawn_for_mm": 762.0} if scaled else {})}
    assert build_mask(small, stop_sign(1524.0), px=64).area_fraction == pytest.approx(
        build_mask(small, SIGN, px=64).area_fraction, rel=1e-9
    )


def test_millimeters_stay_millimeters_without_a_size_to_scale_from() -> None:
    large = build_mask(example("stickers"), stop_sign(1524.0)).area_fraction
    assert large == pytest.approx(build_mask(example("stickers"), SIGN).area_fraction / 4.0)


def test_default_bars_clear_the_legend_and_keep_within_the_area() -> None:
    mask = build_mask("bars", SIGN)
    assert 0.135 <= mask.area_fraction <= 0.145
    assert len(mask.shapes_mm) == 2
    assert all(abs(y) > 127.0 for ring in mask.shapes_mm for _, y in ring)
    assert len(build_mask({"kind": "bars", "below": False}, SIGN).shapes_mm) == 1


def test_a_mask_is_the_same_shape_at_every_resolution() -> None:
    mask = build_mask("graffiti", SIGN, px=512)
    coarse = mask.at(64)
    assert coarse.shapes_mm == mask.shapes_mm
    averaged = torch.nn.functional.avg_pool2d(mask.alpha[None], 8)[0]
    assert (coarse.alpha - averaged).abs().max() < 0.02
    assert mask.at(512) is mask


def test_what_lies_beyond_the_outline_is_cut_off() -> None:
    mask = build_mask(
        {"kind": "polygons", "polygons": [[[-381.9, -100], [381.9, -100], [381.9, 100], [-381.9, 100]]]}, SIGN
    )
    assert max(abs(x) for ring in mask.shapes_mm for x, _ in ring) <= 381.0 + 1e-9


def test_overlapping_shapes_count_once_and_holes_are_rings() -> None:
    twice = {"kind": "rectangles", "rectangles": [{"x_mm": 0, "y_mm": 0, "width_mm": 100, "height_mm": 100}] * 2}
    assert build_mask(twice, SIGN).area_fraction == pytest.approx(1e4 / SIGN.area_mm2)
    frame = Polygon([(-50, -50), (50, -50), (50, 50), (-50, 50)], [[(-20, -20), (20, -20), (20, 20), (-20, 20)]])
    rings = to_rings(frame)
    assert len(rings) == 2
    alpha = rasterize(rings, extent_mm=200.0, px=100)
    assert float(alpha.sum()) * 4.0 == pytest.approx(frame.area)
    assert alpha[0, 50, 50] == 0.0


def test_the_empty_mask_of_a_control_stays_empty() -> None:
    empty = build_mask("bars", SIGN).emptied()
    assert empty.is_empty
    assert empty.area_fraction == 0.0
    assert float(empty.at(77).alpha.sum()) == 0.0


rectangle = st.tuples(*[st.floats(-0.45, 0.45)] * 2, *[st.floats(0.01, 0.5)] * 2)


@settings(max_examples=40, deadline=None)
@given(rectangle, st.integers(3, 40))
def test_upright_rectangles_are_rasterized_exactly(box: tuple[float, float, float, float], px: int) -> None:
    x, y, width, height = (100.0 * value for value in box)
    right, bottom = min(50.0, x + width), min(50.0, y + height)
    alpha = rasterize(to_rings(shapely.box(x, y, right, bottom)), extent_mm=100.0, px=px)
    edges = torch.linspace(-50.0, 50.0, px + 1, dtype=torch.float64)

    def cover(low: float, high: float) -> torch.Tensor:
        return (edges[1:].clamp(max=high) - edges[:-1].clamp(min=low)).clamp(min=0.0) * px / 100.0

    expected = cover(y, bottom)[:, None] * cover(x, right)[None]
    assert (alpha[0].double() - expected).abs().max() < 1e-5


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.floats(-40, 40), st.floats(-40, 40)), min_size=3, max_size=9), st.integers(4, 32))
def test_any_polygon_has_its_own_area_in_texels(points: list[tuple[float, float]], px: int) -> None:
    shape = shapely.convex_hull(shapely.MultiPoint(points)).difference(shapely.Point(0, 0).buffer(7.0))
    alpha = rasterize(to_rings(shape), extent_mm=100.0, px=px)
    assert float(alpha.double().sum()) * (100.0 / px) ** 2 == pytest.approx(shape.area, rel=1e-4, abs=1e-3)


def test_shapes_beyond_the_picture_do_no_harm() -> None:
    alpha = rasterize(to_rings(shapely.box(-500, -500, 0, 500)), extent_mm=100.0, px=10)
    assert torch.equal(alpha[0, :, :5], torch.ones(10, 5))
    assert torch.equal(alpha[0, :, 5:], torch.zeros(10, 5))


# Graffiti ------------------------------------------------------------------------------------------------------------


def test_every_letter_can_be_painted_and_no_two_are_alike() -> None:
    assert set(LETTERS) == set("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")

    def painted(letter: str) -> shapely.Geometry:
        word = {"text": letter, "y_mm": 0, "height_mm": 200, "stroke_mm": 26, "slant_deg": 0}
        return parse_mask({"kind": "graffiti", "words": [word], "unsteadiness": 0}).geometry(SIGN)

    letters = {letter: painted(letter) for letter in LETTERS}
    for letter, shape in letters.items():
        left, top, right, bottom = shape.bounds
        assert shape.geom_type == "Polygon", f"{letter} falls apart"
        assert 170 < bottom - top < 225
        assert 15 < right - left < 210
    names = sorted(letters)
    for i, first in enumerate(names):
        for second in names[i + 1 :]:
            common = letters[first].intersection(letters[second]).area / letters[first].union(letters[second]).area
            limit = 0.93 if {first, second} == {"0", "O"} else 0.85
            assert common < limit, f"{first} and {second} are hard to tell apart"


def test_a_word_is_painted_as_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "mask.yaml"
    text = "kind: graffiti\nwords: [{text: %s, y_mm: 0, height_mm: 120, stroke_mm: 24}]\n"
    path.write_text(text % 45)
    numbered = parse_mask(path)
    path.write_text(text % "'45'")
    assert numbered == parse_mask(path)
    for word in ("NO", "TRUE", "00045", "1E3"):
        path.write_text(text % word)
        assert parse_mask(path).model_dump()["words"][0]["text"] == word


def test_a_word_stands_where_it_should_and_its_letters_apart() -> None:
    word = {"text": "HATE", "x_mm": 20, "y_mm": -180, "height_mm": 120, "stroke_mm": 24, "turn_deg": 0}
    shape = parse_mask({"kind": "graffiti", "words": [word]}).geometry(SIGN)
    left, top, right, bottom = shape.bounds
    assert ((left + right) / 2, (top + bottom) / 2) == (pytest.approx(20, abs=0.5), pytest.approx(-180, abs=0.5))
    assert shapely.get_num_geometries(shape) == 4
    assert 100 < bottom - top < 140


def test_the_hand_is_as_unsteady_as_wanted_and_repeats_itself() -> None:
    def drawn(**keys: Any) -> shapely.Geometry:
        return parse_mask({"kind": "graffiti", **keys}).geometry(SIGN)

    assert drawn(seed=1).equals(drawn(seed=1))
    assert not drawn(seed=1).equals(drawn(seed=2))
    assert drawn(seed=1, unsteadiness=0).equals(drawn(seed=2, unsteadiness=0))


def test_strokes_are_as_wide_as_they_say_and_go_through_their_points() -> None:
    points = [(-200.0, 0.0), (-60.0, -90.0), (60.0, 90.0), (200.0, 0.0)]
    stroke = {"points_mm": points, "width_mm": 30.0}
    shape = parse_mask({"kind": "graffiti", "words": [], "strokes": [stroke], "unsteadiness": 0}).geometry(SIGN)
    assert all(shape.contains(shapely.Point(point)) for point in points)
    length = shapely.LineString(catmull_rom(torch.tensor(points, dtype=torch.float64).numpy())).length
    assert 0.65 * 30 < shape.area / length < 1.1 * 30


def test_splines_meet_their_points() -> None:
    points = torch.tensor([[0.0, 0], [1, 2], [3, 3], [4, 0]], dtype=torch.float64).numpy()
    curve = catmull_rom(points)
    for point in points:
        assert abs(curve - point).sum(1).min() < 1e-12
    cubic = bezier(points)
    assert abs(cubic[[0, -1]] - points[[0, -1]]).max() < 1e-12
    assert abs(cubic[12] - (points[0] + 3 * points[1] + 3 * points[2] + points[3]) / 8).max() < 1e-12
    even = evenly(cubic, 0.1)
    steps = ((even[1:] - even[:-1]) ** 2).sum(1) ** 0.5
    assert steps.max() < 0.11
    assert steps.min() > 0.08
    assert len(evenly(cubic, 1e-9)) == 4000
    assert len(evenly(cubic[:1], 1e-9)) == 2


def test_a_thin_brush_that_goes_far_takes_no_longer_than_others() -> None:
    stroke = {"points_mm": [[-90_000, 0], [0, 30_000], [90_000, 0]], "width_mm": 1}
    word = {"text": "LOVE", "y_mm": 0, "height_mm": 90_000, "stroke_mm": 1}
    shape = parse_mask({"kind": "graffiti", "words": [word], "strokes": [stroke]}).geometry(SIGN)
    assert shapely.get_num_coordinates(shape) < 100_000


# Errors --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("bar", ["unknown mask 'bar'", "bars"]),
        ({"kind": "bars", "widht": 0.5}, ["unknown key 'widht'", "width"]),
        ({"kind": "bars", "width": -1}, ["width", "-1"]),
        ({"kind": "bars", "width": math.nan}, ["width"]),
        ({"kind": "bars", "above": False, "below": False}, ["at least one bar"]),
        ({"kind": "bars", "width": 1.0, "height": 0.2}, ["outside the sign", "mm beyond its edge"]),
        ({"width": 1.0}, ["'kind' is missing"]),
        ("rectangles", ["rectangles", "missing"]),
        ({"kind": "rectangles", "rectangles": []}, ["rectangles"]),
        ({"kind": "polygons", "polygons": [[[0, 0], [10, 10]]]}, ["polygons"]),
        ({"kind": "polygons", "polygons": [[[0, 0], [100, 100], [100, 0], [0, 100]]]}, ["polygon 1 crosses"]),
        ({"kind": "polygons", "polygons": [[[0, 0], [1, 0], [0, 1]]]}, ["area", "mm²"]),
        (
            {"kind": "rectangles", "rectangles": [{"x_mm": 0, "y_mm": 0, "width_mm": 2, "height_mm": 1}]},
            ["its area is 2 mm²", "at least 0.01 % of the sign, 48.1 mm²"],
        ),
        ({"kind": "graffiti", "words": []}, ["area", "0 mm²"]),
        (
            {"kind": "graffiti", "strokes": [{"points_mm": [[0, 0], [90, 0]], "width_mm": 0.01}]},
            ["strokes.0.width_mm = 0.01", "1"],
        ),
        (
            {"kind": "graffiti", "words": [{"text": "A", "y_mm": 0, "height_mm": 90, "stroke_mm": 0.01}]},
            ["words.0.stroke_mm = 0.01", "1"],
        ),
        (
            {"kind": "graffiti", "words": [{"text": "É!", "y_mm": 0, "height_mm": 90, "stroke_mm": 9}]},
            ["! É", "letters"],
        ),
        (
            {"kind": "graffiti", "words": [{"text": "  ", "y_mm": 0, "height_mm": 90, "stroke_mm": 9}]},
            ["text", "should not be empty"],
        ),
        ({"kind": "graffiti", "words": [{"text": "A", "y_mm": 0, "height_mm": 90, "stroke_mm": 60}]}, ["too wide"]),
        (
            {"kind": "graffiti", "strokes": [{"points_mm": [[0, 0], [9, 9]], "width_mm": 9, "spline": "bezier"}]},
            ["4, 7, 10", "found 2"],
        ),
    ],
)
def test_what_a_user_gets_wrong_is_one_clear_sentence(spec: Any, words: list[str]) -> None:
    with pytest.raises(PhysadvError) as caught:
        build_mask(spec, SIGN)
    message = str(caught.value)
    assert "\n" not in message
    assert all(word in message for word in words), message


def test_how_little_is_no_mask_goes_by_the_size_of_the_sign() -> None:
    spec = {"kind": "rectangles", "rectangles": [{"x_mm": 0, "y_mm": 0, "width_mm": 5, "height_mm": 5}]}
    assert build_mask(spec, stop_sign(300.0)).area_fraction > 0.0
    with pytest.raises(PhysadvError, match=r"its area is 25 mm².*48\.1 mm²"):
        build_mask(spec, SIGN)


def test_the_error_says_how_far_outside() -> None:
    spec = {"kind": "rectangles", "rectangles": [{"x_mm": 381, "y_mm": 0, "width_mm": 200, "height_mm": 50}]}
    with pytest.raises(PhysadvError, match=r"50 % of rectangle 1 lies outside the sign, up to 100 mm beyond its edge"):
        build_mask(spec, SIGN)


def lettered(text: str, x_mm: float) -> dict[str, Any]:
    return {"text": text, "x_mm": x_mm, "y_mm": 0, "height_mm": 60, "stroke_mm": 12}


@pytest.mark.parametrize(
    ("spec", "name"),
    [
        (
            {
                "kind": "rectangles",
                "rectangles": [
                    {"x_mm": 0, "y_mm": -200, "width_mm": 400, "height_mm": 100},
                    {"x_mm": 420, "y_mm": 0, "width_mm": 20, "height_mm": 10},
                ],
            },
            "rectangle 2",
        ),
        (
            {
                "kind": "stickers",
                "stickers": [
                    {"left_mm": 378, "top_mm": 0, "width_mm": 6, "height_mm": 6},
                    {"left_mm": -200, "top_mm": 0, "width_mm": 400, "height_mm": 200},
                ],
            },
            "sticker 1",
        ),
        (
            {"kind": "polygons", "polygons": [[[-200, 0], [200, 0], [0, 200]], [[400, 0], [409, 0], [400, 9]]]},
            "polygon 2",
        ),
        ({"kind": "graffiti", "strokes": [{"points_mm": [[400, 0], [410, 0]], "width_mm": 9}]}, "stroke 1"),
        ({"kind": "graffiti", "words": [lettered("LOVE", 0), lettered("I", 500)]}, "word 2"),
        ({"kind": "bars", "height": 0.31}, "the bar above"),
    ],
)
def test_no_shape_beside_the_sign_is_dropped_without_a_word(spec: dict[str, Any], name: str) -> None:
    with pytest.raises(PhysadvError, match=f"% of {name} lies outside the sign"):
        build_mask(spec, SIGN)


@pytest.mark.parametrize("px", [0, -3, 100_000])
def test_an_absurd_resolution_is_refused(px: int) -> None:
    with pytest.raises(PhysadvError, match="px = "):
        build_mask("bars", SIGN, px=px)


def test_masks_are_read_from_yaml(tmp_path: Path) -> None:
    path = tmp_path / "mask.yaml"
    path.write_text("kind: bars\nwidth: 0.3\n", encoding="utf-8")
    assert build_mask(path, SIGN).area_fraction == pytest.approx(build_mask("bars", SIGN).area_fraction * 0.6)
    assert build_mask(str(path), SIGN).config == parse_mask(path)
    path.write_text("kind: bars\nwidht: 0.3\n", encoding="utf-8")
    with pytest.raises(PhysadvError, match=r"mask\.yaml: unknown key 'widht'"):
        build_mask(path, SIGN)
    with pytest.raises(PhysadvError, match="nowhere"):
        build_mask(tmp_path / "nowhere.yaml", SIGN)


def test_a_registered_kind_answers_to_its_own_name() -> None:
    for name, kind in MASKS.items():
        assert issubclass(kind, MaskConfig)
        assert kind.model_fields["kind"].default == name
