"""Signs: outlines, artwork, textures, the catalogue, and what users get wrong."""

from __future__ import annotations

import importlib.util
import math
import re
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from physadv.core.color import srgb_to_linear
from physadv.core.config import load_config
from physadv.core.errors import PhysadvError
from physadv.signs import Sign, class_names, draw_sheet, list_rows, load_sign, sign_names
from physadv.signs.artwork import coverage
from physadv.signs.catalog import SignFile
from physadv.signs.outline import expand, round_corners

ROOT = Path(__file__).resolve().parents[2]
RED = srgb_to_linear(torch.tensor([0xB0, 0x1C, 0x2E]) / 255.0)
WHITE = srgb_to_linear(torch.tensor([0xF2, 0xF2, 0xEE]) / 255.0)


@pytest.fixture(scope="module", params=sign_names())
def sign(request: pytest.FixtureRequest) -> Sign:
    return load_sign(request.param)


# ---- every sign ----------------------------------------------------------------------------------------------------


def test_alpha_is_the_outline(sign: Sign) -> None:
    texture = sign.texture(96)
    assert texture.shape == (4, 96, 96)
    assert texture.dtype == torch.float32
    assert texture.min() >= 0
    assert texture.max() <= 1
    area = texture[3].double().mean().item() * sign.extent_mm**2
    assert area == pytest.approx(sign.area_mm2, rel=2e-3)
    points = (np.asarray(sign.outline_mm) / sign.extent_mm + 0.5) * 96 + 3.5
    drawn = np.zeros((104, 104), np.uint8)
    cv2.fillPoly(drawn, [np.round(points * 65536).astype(np.int32)], 255, shift=16)
    differs = (np.pad(texture[3].numpy(), 4) > 0.5) != (drawn > 127)
    edge = cv2.dilate(drawn, np.ones((3, 3))) != cv2.erode(drawn, np.ones((3, 3)))
    assert not (differs & ~edge).any()


def test_outline_is_centered_and_measured(sign: Sign) -> None:
    points = np.asarray(sign.outline_mm)
    assert points.max(axis=0) == pytest.approx([sign.width_mm / 2, sign.height_mm / 2])
    assert points.min(axis=0) == pytest.approx([-sign.width_mm / 2, -sign.height_mm / 2])
    assert 300 < sign.extent_mm < 1500


def test_artwork_has_several_colors_and_no_fringe(sign: Sign) -> None:
    texture = sign.texture(96 if sign.extent_mm < 1100 else 256)  # a texel has to be finer than the margin
    inside = texture[:3, texture[3] > 0.99]
    assert (inside.amax(dim=1) - inside.amin(dim=1)).max() > 0.25
    colors = {tuple(srgb_to_linear(torch.tensor(list(bytes.fromhex(code))) / 255).tolist()) for code in _codes(sign)}
    outside = texture[:3, texture[3] == 0].T
    nearest = torch.cdist(outside, torch.tensor(sorted(colors))).amin(dim=1)
    assert len(outside) == 0 or nearest.median() < 0.02, "beyond the outline lies the color of the edge"


def _codes(sign: Sign) -> set[str]:
    return set(re.findall(r'fill="#([0-9a-f]{6})"', sign.svg))


def test_view_box_is_the_texture_square(sign: Sign) -> None:
    box = [float(value) for value in re.search(r'viewBox="([^"]+)"', sign.svg)[1].split()]
    half = sign.extent_mm / 2
    assert box == pytest.approx([-half, -half, 2 * half, 2 * half], abs=0.02)


def test_class_names_are_known(sign: Sign) -> None:
    assert sign.classes
    for data, label in sign.classes.items():
        assert label in class_names(data)
    assert sign.labels[0] == next(iter(sign.classes.values()))
    number = [label for label in sign.labels if label.isdigit()]
    if "gtsrb" in sign.classes:
        assert number == [str(class_names("gtsrb").index(sign.classes["gtsrb"]))]
    else:
        assert number == []


def test_committed_artwork_is_what_the_script_draws(sign: Sign, drawn: dict[str, str]) -> None:
    fresh = replace(sign, svg=drawn[sign.name])
    assert (fresh.texture(96) - sign.texture(96)).abs().max() < 0.02, "run scripts/draw_signs.py"
    assert re.search("<title>(.*)</title>", sign.svg)[1] == sign.title


def test_script_draws_exactly_the_signs_there_are(drawn: dict[str, str]) -> None:
    assert sorted(drawn) == sign_names()


@pytest.fixture(scope="module")
def drawn() -> dict[str, str]:
    pytest.importorskip("shapely", reason="shapely draws the artwork; it comes with the extra 'dev'")
    return _script("draw_signs").draw(ROOT / "sign_data")


def _script(name: str) -> ModuleType:
    path = ROOT / "scripts" / f"{name}.py"
    if not path.exists():
        pytest.skip(f"needs the checkout: {path} is not there")
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    before = list(sys.path)
    sys.modules[name] = module  # dataclasses look their module up
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path[:] = before
        del sys.modules[name]
    return module


# ---- the stop sign -------------------------------------------------------------------------------------------------


def test_us_stop_has_the_standards_dimensions() -> None:
    stop = load_sign("us/stop")
    assert (stop.width_mm, stop.height_mm) == pytest.approx((762, 762))
    assert len(stop.outline_mm) == 8
    assert stop.area_mm2 == pytest.approx(2 * (math.sqrt(2) - 1) * 762**2)
    assert stop.classes == {"lisa": "stop", "gtsrb": "stop"}
    assert "stop sign" in stop.labels
    assert stop.labels[-1] == "14"
    texture = stop.texture(762)  # one texel a millimeter
    middle = texture[:, 100]
    assert middle[3].min() < 1
    column = texture[:3, :, 381]
    white = (column - WHITE[:, None]).abs().amax(dim=0) < 0.02
    assert int(white[:60].sum()) == pytest.approx(19.05, abs=1), "border of 3/4 in"
    legend = _legend(texture)
    rows, columns = np.nonzero(legend)
    assert rows.max() - rows.min() + 1 == pytest.approx(254, abs=2 * 0.02 * 254), (
        "capitals of 10 in, round ones a little more"
    )
    assert (rows.max() + rows.min()) / 2 == pytest.approx(381, abs=2)
    assert (columns.max() + columns.min()) / 2 == pytest.approx(381, abs=8)
    count, _ = cv2.connectedComponents(legend.astype(np.uint8))
    assert count - 1 == 4, "four letters"
    holes = cv2.connectedComponents((~legend).astype(np.uint8))[0] - 2
    assert holes == 2, "those of O and P"


def _legend(texture: torch.Tensor) -> np.ndarray:
    white = ((texture[:3] - WHITE[:, None, None]).abs().amax(dim=0) < 0.35) & (texture[3] > 0.99)
    square = np.zeros(white.shape, bool)
    square[230:532, 30:732] = True
    return white.numpy() & square


def test_us_stop_is_red_on_white() -> None:
    texture = load_sign("us/stop").texture(256)
    torch.testing.assert_close(texture[:3, 50, 128], RED, atol=1e-3, rtol=0)
    torch.testing.assert_close(texture[:3, 2, 128], WHITE, atol=1e-3, rtol=0)
    assert 0.15 < RED[0] - RED[1] < 0.6


def test_flat_to_flat_fills_the_texture() -> None:
    alpha = load_sign("us/stop").texture(1024)[3]
    assert (alpha[0, 320:704] == 1).all()
    assert (alpha[-1, 320:704] == 1).all()
    assert (alpha[320:704, 0] == 1).all()
    assert (alpha[320:704, -1] == 1).all()
    assert alpha[0, 0] == 0


# ---- textures ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("px", [1, 33, 100, 257, 2048])
def test_any_resolution(px: int) -> None:
    stop = load_sign("us/stop")
    texture = stop.texture(px)
    assert texture.shape == (4, px, px)
    assert texture[3].double().mean().item() * stop.extent_mm**2 == pytest.approx(stop.area_mm2, rel=1e-3)


def test_resolutions_agree_in_linear_light() -> None:
    fine, coarse = load_sign("us/stop").texture(1024), load_sign("us/stop").texture(64)
    premultiplied = torch.cat([fine[:3] * fine[3:], fine[3:]])
    reduced = torch.nn.functional.avg_pool2d(premultiplied[None], 16)[0]
    assert (reduced[3] - coarse[3]).abs().max() < 0.01
    assert (reduced[:3] - coarse[:3] * coarse[3:]).abs().max() < 0.05
    assert (reduced[:3] - coarse[:3] * coarse[3:]).abs().mean() < 1e-3


def test_texture_is_the_callers_own() -> None:
    stop = load_sign("us/stop")
    stop.texture(40).zero_()
    assert stop.texture(40).max() > 0.5


@pytest.mark.parametrize("px", [0, -1, 8193])
def test_texture_size_out_of_range(px: int) -> None:
    with pytest.raises(PhysadvError, match="choose 1 to 8192"):
        load_sign("us/stop").texture(px)


@settings(max_examples=30, deadline=None)
@given(
    corners=st.integers(3, 9),
    turn=st.floats(0, 2 * math.pi),
    px=st.integers(5, 70),
    stretch=st.floats(0.3, 1.0),
)
def test_coverage_is_the_area_of_a_convex_outline(corners: int, turn: float, px: int, stretch: float) -> None:
    angles = turn + 2 * math.pi * np.arange(corners) / corners
    points = np.stack([np.cos(angles) * stretch, np.sin(angles)], axis=1) * 0.49
    x, y = points.T
    area = abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2
    for ordered in (points, points[::-1]):
        alpha = coverage(tuple(map(tuple, ordered)), 1.0, px)
        assert alpha.mean() == pytest.approx(area, abs=0.02 / px)
        assert alpha.min() >= 0
        assert alpha.max() <= 1


@given(radius=st.floats(1, 80), side=st.floats(300, 2000))
def test_rounding_a_square_takes_the_corners_area(radius: float, side: float) -> None:
    half = side / 2
    x, y = np.asarray(round_corners([(-half, -half), (half, -half), (half, half), (-half, half)], radius)).T
    area = (np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2
    assert area == pytest.approx(side**2 - (4 - math.pi) * radius**2, rel=1e-3)
    assert max(abs(x)) == pytest.approx(half)


# ---- the catalogue -------------------------------------------------------------------------------------------------


def test_class_lists_have_their_data_sets_order() -> None:
    names = class_names("gtsrb")
    assert len(names) == len(set(names)) == 43
    assert (names[13], names[14], names[1], names[17], names[42]) == (
        "yield",
        "stop",
        "speedLimit30",
        "noEntry",
        "endNoPassingTrucks",
    )
    assert len(class_names("lisa")) == 47
    coco = class_names("coco")
    assert len(coco) == len(set(coco)) == 80
    assert (coco[0], coco[9], coco[11], coco[79]) == ("person", "traffic light", "stop sign", "toothbrush")
    with pytest.raises(PhysadvError, match="unknown class list 'imagenet'"):
        class_names("imagenet")


def test_every_class_of_lisa_cnn_has_a_sign() -> None:
    known = {load_sign(name).classes.get("lisa") for name in sign_names()}
    assert known >= {
        "addedLane", "keepRight", "laneEnds", "merge", "pedestrianCrossing", "school", "schoolSpeedLimit25",
        "signalAhead", "speedLimit25", "speedLimit30", "speedLimit35", "speedLimit45", "stop", "stopAhead", "turnRight",
        "yield",
    }  # fmt: skip


def test_rows_and_sheet() -> None:
    rows = list_rows()
    assert [row["name"] for row in rows] == sign_names()
    assert next(row for row in rows if row["name"] == "de/stop")["size"] == "900 x 900 mm"
    sheet = draw_sheet([load_sign("us/stop"), load_sign("de/yield")], 64)
    assert sheet.dtype == np.uint8
    assert sheet.shape[2] == 3
    assert sheet.shape[1] > 128
    red = (sheet[..., 0] > 150) & (sheet[..., 1] < 60)
    assert red.sum() > 1000
    with pytest.raises(PhysadvError, match="at least one"):
        draw_sheet([], 64)


# ---- a user's own sign, and what goes wrong ------------------------------------------------------------------------

YAML = """
name: my/stop
title: Mine
outline: {shape: octagon, across_flats_mm: 600}
sheeting: RA2
source: measured
classes: {lisa: stop}
"""
SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="-300 -300 600 600">'
    '<rect x="-300" y="-300" width="600" height="600" fill="#00ff00"/></svg>'
)


def _write(folder: Path, text: str = YAML, svg: str | None = SVG) -> Path:
    path = folder / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    if svg is not None:
        path.with_suffix(".svg").write_text(svg, encoding="utf-8")
    return path


def test_a_users_sign(tmp_path: Path) -> None:
    sign = load_sign(_write(tmp_path))
    assert sign == load_sign(str(tmp_path / "mine.yaml"))
    assert sign.labels == ("stop",)
    texture = sign.texture(50)
    assert texture[3].mean().item() == pytest.approx(2 * (math.sqrt(2) - 1), abs=1e-3)
    torch.testing.assert_close(texture[:3, 0, 0], torch.tensor([0.0, 1.0, 0.0]))


@pytest.mark.parametrize(
    "outline",
    [
        "{shape: circle, diameter_mm: 600}",
        "{shape: rectangle, width_mm: 600, height_mm: 300, corner_radius_mm: 20}",
        "{shape: diamond, side_mm: 400}",
        "{shape: triangle, side_mm: 600, pointing: down}",
        "{shape: polygon, points_mm: [[0, 0], [300, 300], [-300, 300]], corner_radius_mm: 5}",
        "{shape: polygon, points_mm: [[-300, 300], [300, 300], [0, 0]], corner_radius_mm: 5}",
    ],
)
def test_outline_shapes(tmp_path: Path, outline: str) -> None:
    text = YAML.replace("{shape: octagon, across_flats_mm: 600}", outline)
    x, y = np.asarray(expand(load_config(SignFile, _write(tmp_path, text)).outline)).T
    side = max(np.ptp(x), np.ptp(y))
    sign = load_sign(_write(tmp_path, text, SVG.replace("-300 -300 600 600", f"{-side / 2} {-side / 2} {side} {side}")))
    x, y = np.asarray(sign.outline_mm).T
    assert (np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) > 0, "clockwise as seen"
    assert sign.texture(64)[3].mean().item() * sign.extent_mm**2 == pytest.approx(sign.area_mm2, rel=2e-3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("title", "tilte"), "unknown key 'tilte'|'title' is missing"),
        (("octagon", "hexagon"), "hexagon"),
        (("600", "-600"), "more than 0"),
        (("600", ".nan"), "across_flats_mm"),
        (("my/stop", "../stop"), "name"),
        (("{shape: octagon, across_flats_mm: 600}", "{shape: circle}"), "diameter_mm' is missing"),
        (
            ("{shape: octagon, across_flats_mm: 600}", "{shape: diamond, side_mm: 100, corner_radius_mm: 60}"),
            "corner radius of 60 mm does not fit",
        ),
        (
            (
                "{shape: octagon, across_flats_mm: 600}",
                "{shape: polygon, points_mm: [[0, 0], [9, 0], [4, 3], [9, 9], [0, 9]]}",
            ),
            "convex",
        ),
        (
            (
                "{shape: octagon, across_flats_mm: 600}",
                "{shape: polygon, points_mm: [[0, -9], [5, 8], [-9, -3], [9, -3], [-5, 8]]}",
            ),
            "convex outline once",
        ),
    ],
)
def test_a_wrong_yaml_is_one_clear_sentence(tmp_path: Path, change: tuple[str, str], message: str) -> None:
    path = _write(tmp_path, YAML.replace(*change))
    with pytest.raises(PhysadvError, match=message) as caught:
        load_sign(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("svg", "message"),
    [
        ("<svg", "not an SVG that can be drawn"),
        ("", "not an SVG that can be drawn"),
        (SVG.replace("600 600", "600 300"), "view box of its artwork is -300 -300 600 300; .*: -300 -300 600 600"),
        (SVG.replace("-300 -300 600 600", "-200 -200 400 400"), "view box of its artwork is -200 -200 400 400; .*"),
        (SVG.replace('viewBox="-300 -300 600 600"', ""), "view box of its artwork is missing"),
        (SVG.replace('width="600"', 'width="200"'), "covers only"),
    ],
)
def test_wrong_artwork_is_one_clear_sentence(tmp_path: Path, svg: str, message: str) -> None:
    path = _write(tmp_path, YAML, svg)
    with pytest.raises(PhysadvError, match=message) as caught:
        load_sign(path)
    assert str(path.with_suffix(".svg")) in str(caught.value)


def test_missing_files_and_unknown_names(tmp_path: Path) -> None:
    with pytest.raises(PhysadvError, match="did you mean us/stop"):
        load_sign("us/stpo")
    with pytest.raises(PhysadvError, match="cannot be read"):
        load_sign(tmp_path / "none.yaml")
    with pytest.raises(PhysadvError, match="no such artwork"):
        load_sign(_write(tmp_path, YAML, None))
    (tmp_path / "mine.svg").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(PhysadvError, match="not text in UTF-8"):
        load_sign(tmp_path / "mine.yaml")


def test_the_readmes_example_is_valid() -> None:
    import yaml

    readme = (ROOT / "sign_data" / "README.md").read_text(encoding="utf-8")
    example = yaml.safe_load(re.search(r"```yaml\n(.*?)```", readme, re.DOTALL)[1])
    assert SignFile.model_validate(example).outline.shape == "octagon"
