"""Photographs: the sign is found or refused, its light is recovered, and paint looks as if it had been there."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from evaluation_kit import ColorVictim
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from photograph_kit import SIDE, bare, painted, photograph, pose, save, shading, street, warped
from scene_kit import conditions
from torch.nn import functional as F

from physadv.attacks import DesignConfig, SignAttackConfig, design
from physadv.attacks.physical.engine import FrameStream
from physadv.attacks.physical.sign_search import find_change
from physadv.core.color import from_uint8, srgb_to_linear
from physadv.core.errors import PhysadvError
from physadv.core.images import read_image
from physadv.evaluation.batteries.battery import load_battery
from physadv.scenes import PaintedSign, Photographs, load_scene, viewing_angle_deg
from physadv.scenes.camera.geometry import homography
from physadv.scenes.photographs.appearance import estimate
from physadv.scenes.photographs.photographs import VARIABLE
from physadv.scenes.photographs.sign_outline import apply, locate, template_of
from physadv.scenes.photographs.study import pose_of, read_corners
from physadv.signs import load_sign

STOP = load_sign("us/stop")
POSES = {
    "a": {"yaw_deg": 25.0},
    "b": {"roll_deg": -9.0, "off_px": (6.0, -4.0)},
    "c": {"pitch_deg": -15.0, "fill": 0.85},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pictures = {
        name: photograph(STOP, pose(STOP, **options), seed=i) for i, (name, options) in enumerate(POSES.items())
    }
    return save(tmp_path_factory.mktemp("photographs"), pictures)


def scene(folder: Path, **options: Any) -> Photographs:
    made = load_scene({"name": "test", "kind": "photographs", "folder": str(folder), **options})
    assert isinstance(made, Photographs)
    return made


def corner_error_px(found: Any, truth: Any, sign: Any) -> float:
    return float(np.abs(apply(found, sign.outline_mm) - apply(truth, sign.outline_mm)).max())


# ---- finding the sign


@pytest.mark.parametrize("name", ["us/stop", "de/stop", "us/yield", "us/speed-limit-45", "de/speed-limit-50"])
def test_signs_are_found_to_a_pixel(name: str) -> None:
    sign = load_sign(name)
    truth = pose(sign, yaw_deg=20.0, pitch_deg=-6.0, roll_deg=7.0, fill=0.75)
    found = locate(photograph(sign, truth, seed=4), template_of(sign))
    assert found is not None
    assert found.is_trusted
    assert corner_error_px(found.to_photo, truth, sign) < 1.5


@settings(max_examples=8, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(
    yaw=st.floats(-40, 40),
    roll=st.floats(-20, 20),
    fill=st.floats(0.4, 0.9),
    brightness=st.floats(0.03, 1.0),
    slope=st.floats(0.0, 0.7),
)
def test_a_trusted_find_is_right_in_any_light(
    yaw: float, roll: float, fill: float, brightness: float, slope: float
) -> None:
    truth = pose(STOP, yaw_deg=yaw, roll_deg=roll, fill=fill)
    light = (brightness, 0.9 * brightness, 0.7 * brightness)
    found = locate(photograph(STOP, truth, light=light, slope=slope, noise=0.002), template_of(STOP))
    assert found is not None
    assert found.is_trusted
    assert corner_error_px(found.to_photo, truth, STOP) < 2.0


@pytest.mark.parametrize("other", ["us/do-not-enter", "us/yield", "de/no-entry", "us/speed-limit-45", "de/keep-right"])
def test_another_sign_is_refused(other: str) -> None:
    sign = load_sign(other)
    found = locate(photograph(sign, pose(sign)), template_of(STOP))
    assert found is None or not found.is_trusted


def test_a_sign_that_lies_on_its_side_or_stands_on_its_head_is_refused() -> None:
    picture = photograph(STOP, pose(STOP, fill=0.85))
    for quarters in (1, 2, 3):
        found = locate(np.ascontiguousarray(np.rot90(picture, quarters)), template_of(STOP))
        assert found is None or not found.is_trusted


def test_what_is_not_found_is_left_out_and_named(folder: Path, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (SIDE, SIDE, 3), dtype=np.uint8)
    save(tmp_path, {"good": read_image(folder / "a.png"), "noise": noise, "gray": np.full_like(noise, 90)})
    mixed = scene(tmp_path)
    with pytest.warns(UserWarning, match=r"left out.*(noise|gray)\.png"):
        assert [photo.file.name for photo in mixed.photographs] == ["good.png"]
    assert sorted(missed.file.name for missed in mixed.left_out) == ["gray.png", "noise.png"]
    save(tmp_path / "none", {"noise": noise})
    with pytest.raises(PhysadvError, match="found in none of the 1 pictures"):
        scene(tmp_path / "none").sample(1, seed=0)


def test_a_sign_that_looks_the_same_when_turned_needs_its_corners(tmp_path: Path) -> None:
    sign = load_sign("de/no-vehicles")
    truth = pose(sign, roll_deg=10.0)
    save(tmp_path, {"ring": photograph(sign, truth)})
    with pytest.raises(PhysadvError, match="which way is up"):
        scene(tmp_path, sign="de/no-vehicles").sample(1, seed=0)
    rows = [{"file": "ring.png", **{f"h{i + 1}{j + 1}": truth[i, j] for i in range(3) for j in range(3)}}]
    write_csv(tmp_path / "where.csv", rows)
    told = scene(tmp_path, sign="de/no-vehicles", corners="where.csv")
    assert np.allclose(told.photographs[0].to_photo, truth)


# ---- its light


def test_light_and_shading_are_recovered() -> None:
    truth = pose(STOP, fill=0.9)
    light = (0.7, 0.55, 0.3)
    linear = srgb_to_linear(from_uint8(photograph(STOP, truth, light=light, slope=0.5))).permute(1, 2, 0).numpy()
    found = estimate(linear, truth, STOP)
    middle = slice(SIDE // 4, -SIDE // 4)
    seen = found.light_rgb[:, None] * found.shade[SIDE // 2, middle]
    expected = np.array(light)[:, None] * shading(0.5)[middle].numpy()
    assert np.abs(seen / expected - 1.0).max() < 0.1
    assert found.glare[middle, middle].max() < 0.05


def test_the_artwork_as_paint_leaves_the_photograph_as_it_is(folder: Path) -> None:
    photos = scene(folder)
    poster = PaintedSign(STOP, STOP.texture(512), torch.zeros(1, 512, 512))
    drawn = photos.sample(3, seed=0)
    difference = photos.render(poster, drawn, size=(64, 64)) - photos.render(bare(STOP), drawn, size=(64, 64))
    assert difference.abs().mean() < 0.012
    assert difference.abs().amax((1, 2, 3)).max() < 0.25


@pytest.mark.parametrize("color", [(0.02, 0.02, 0.02), (0.8, 0.8, 0.8), (0.1, 0.4, 0.7)])
def test_a_sticker_looks_as_if_it_had_been_photographed(tmp_path: Path, color: tuple[float, float, float]) -> None:
    """The same sticker rendered by Kornia's warp before the shutter, and pasted afterwards."""
    truth = pose(STOP, yaw_deg=15.0, roll_deg=5.0, fill=0.85)
    sticker = painted(STOP, color, (0.3, 0.72, 0.7, 0.88), px=768)
    real = from_uint8(photograph(STOP, truth, rgba=sticker.rgba, noise=0.0))
    save(tmp_path, {"clean": photograph(STOP, truth, noise=0.0)})
    photos = scene(tmp_path)
    pasted = photos.render(sticker, photos.sample(1, seed=0), size=(SIDE, SIDE))[0]
    inside = warped(1.0 - sticker.sheeting, truth, STOP)[0] > 0.999
    assert (pasted - real)[:, inside].abs().mean() < 0.03
    assert (pasted - real).abs().mean() < 0.006


# ---- frames


def test_a_clean_sign_gives_the_photographs_resized(folder: Path) -> None:
    photos = scene(folder)
    frames = photos.render(bare(STOP), photos.sample(4, seed=0), size=(32, 32))
    pictures = torch.stack([from_uint8(read_image(folder / f"{name}.png")) for name in "abca"])
    expected = F.interpolate(pictures, size=(32, 32), mode="bilinear", antialias=True, align_corners=False)
    assert torch.equal(frames, expected)


def test_only_the_painted_part_changes(folder: Path) -> None:
    photos = scene(folder)
    drawn = photos.sample(3, seed=0)
    sticker = painted(STOP, (0.8, 0.8, 0.8), (0.3, 0.1, 0.7, 0.25))
    changed = photos.render(sticker, drawn, size=(96, 96)) != photos.render(bare(STOP), drawn, size=(96, 96))
    for photo, where in zip(photos.photographs, changed.any(1), strict=True):
        corners = apply(photo.to_photo, np.array([[-0.2, -0.4], [0.2, -0.25]]) * STOP.extent_mm) / SIDE * 96
        rows, columns = np.nonzero(where.numpy())
        assert abs(columns.min() - corners[0, 0]) < 6
        assert abs(rows.min() - corners[0, 1]) < 6
        assert abs(columns.max() - corners[1, 0]) < 6
        assert abs(rows.max() - corners[1, 1]) < 6


def test_samples_between_pixels_change_little(folder: Path) -> None:
    sticker = painted(STOP, (0.02, 0.02, 0.02), (0.2, 0.7, 0.8, 0.9), px=512)
    frames = []
    for oversample in (3, 6):
        photos = scene(folder, oversample=oversample)
        frames.append(photos.render(sticker, photos.sample(3, seed=0), size=(32, 32)))
    assert (frames[0] - frames[1]).abs().max() < 0.1


def test_gradients_agree_with_finite_differences(folder: Path) -> None:
    photos = scene(
        folder,
        oversample=2,
        variation={"exposure_ev": [-1, 0], "roll_deg": [-5, 5], "defocus_px": [0, 3], "contrast": 1.2},
    )
    texture = STOP.texture(24).double()
    rgba = torch.cat([texture[:3].clamp(0.1, 0.6), texture[3:]]).requires_grad_()
    sheeting = torch.ones(1, 24, 24, dtype=torch.float64)
    sheeting[:, 6:18, 6:18] = 0.0
    drawn = photos.sample(3, seed=1)
    weight = torch.rand(3, 3, 12, 12, dtype=torch.float64, generator=torch.Generator().manual_seed(0))

    def value(colors: torch.Tensor) -> torch.Tensor:
        return (photos.render(PaintedSign(STOP, colors, sheeting), drawn, size=(12, 12)) * weight).sum()

    value(rgba).backward()
    assert rgba.grad is not None
    for channel, row, column in ((0, 8, 9), (1, 12, 12), (2, 16, 7)):
        step = torch.zeros_like(rgba)
        step[channel, row, column] = 1e-5
        with torch.no_grad():
            slope = (value(rgba + step) - value(rgba - step)) / 2e-5
        assert abs(float(slope)) > 1e-6
        assert float(rgba.grad[channel, row, column]) == pytest.approx(float(slope), rel=1e-4)
    assert (rgba.grad[:3, 7:17, 7:17] != 0).all()


def test_every_frame_depends_on_seed_and_number_alone(folder: Path) -> None:
    variation = {"exposure_ev": [-1, 1], "crop_shift_x": [-0.1, 0.1], "read_noise_e": [2, 20], "jpeg_quality": [40, 90]}
    photos = scene(folder, variation=variation)
    sticker = painted(STOP, (0.8, 0.8, 0.8), (0.3, 0.1, 0.7, 0.25))
    whole = photos.sample(8, seed=5)
    part = photos.sample(3, seed=5, start=4)
    for (name, value), (_, other) in zip(whole[4:7].items(), part.items(), strict=True):
        assert torch.equal(value, other), name
    frames = photos.render(sticker, whole, size=(24, 24))
    assert torch.allclose(frames[4:7], photos.render(sticker, part, size=(24, 24)), atol=1e-6)
    assert not torch.allclose(frames[0], frames[3], atol=0.01)
    assert torch.equal(whole.approach, torch.arange(8) % 3)
    again = type(whole).from_columns(whole.to_columns())
    assert torch.equal(photos.render(sticker, again, size=(24, 24)), frames)


def test_the_pose_that_is_told_is_that_of_the_photograph(folder: Path) -> None:
    photos = scene(folder)
    drawn = photos.sample(3, seed=0)
    angle = viewing_angle_deg(drawn)
    assert float(angle[0]) == pytest.approx(25.0, abs=5.0)
    assert float(angle[1]) < 12.0
    assert float(angle[2]) == pytest.approx(15.0, abs=6.0)
    wide = 1920 / 2 / np.tan(np.radians(30)) * STOP.width_mm / 1000 / (0.7 * SIDE)
    assert float(drawn.distance_m[1]) == pytest.approx(wide, rel=0.05)


@pytest.mark.parametrize(("yaw_deg", "pitch_deg"), [(30.0, 0.0), (-20.0, 0.0), (0.0, 25.0), (15.0, -20.0)])
def test_pose_is_told_as_the_roadside_means_it(yaw_deg: float, pitch_deg: float) -> None:
    given = conditions(yaw_deg=yaw_deg, pitch_deg=pitch_deg, distance_m=4.0)
    to_photo = homography(given, aim="sign")[0].numpy()
    distance_m, yaw, pitch = pose_of(to_photo / to_photo[2, 2], STOP)
    assert (distance_m, yaw, pitch) == pytest.approx((4.0, yaw_deg, pitch_deg), abs=1.0)


def test_the_sign_can_be_cut_out_of_a_larger_picture(tmp_path: Path) -> None:
    truth = pose(STOP, fill=0.4, off_px=(30.0, -20.0))
    save(tmp_path, {"street": photograph(STOP, truth)})
    cut = scene(tmp_path, crop="sign", margin=0.1).photographs[0]
    assert cut.pixels.shape[0] == pytest.approx(0.4 * 1.2 * SIDE, abs=4)
    corners = apply(cut.to_photo, STOP.outline_mm)
    assert corners.min() == pytest.approx(0.04 * SIDE, abs=3)


def with_box(photos: Photographs, size: int, *boxes: float) -> torch.Tensor:
    """Frames of the bare sign, ``crop_square`` of each as given."""
    drawn = replace(photos.sample(len(boxes), seed=0), crop_square=torch.tensor(boxes))
    return photos.render(bare(STOP), drawn, size=(size, size))


def test_a_victim_that_takes_squares_gets_a_square_of_the_street(tmp_path: Path) -> None:
    """At 50 degrees the sign's box is narrow: squashed it fills the frame, in a square it stays narrow."""
    picture = photograph(STOP, pose(STOP, yaw_deg=50.0, fill=0.5))
    save(tmp_path, {"street": picture})
    photos = scene(tmp_path, crop="sign", margin=0.1)
    squash, square = with_box(photos, 64, 0.0, 1.0)
    left, top, right, bottom = (round(float(v)) for v in _box_of(photos.photographs[0].located.to_photo))
    assert right - left < 0.75 * (bottom - top)
    side = round((bottom - top) * 1.2)
    x, y = (left + right - side) // 2, (top + bottom - side) // 2
    cut = from_uint8(np.ascontiguousarray(picture[y : y + side, x : x + side]))[None]
    expected = F.interpolate(cut, size=(64, 64), mode="bilinear", antialias=True)[0]
    assert (square - expected).abs().mean() < 0.02
    assert (squash - expected).abs().mean() > 0.05


def _box_of(to_photo: Any) -> list[float]:
    corners = apply(to_photo, STOP.outline_mm)
    return [*corners.min(0), *corners.max(0)]


def test_a_whole_picture_becomes_a_square_by_repeating_its_edge(folder: Path, tmp_path: Path) -> None:
    wide = np.ascontiguousarray(read_image(folder / "a.png")[24:-24])
    save(tmp_path, {"wide": wide})
    squash, square = with_box(scene(tmp_path), SIDE, 0.0, 1.0)
    assert torch.equal(square, from_uint8(np.pad(wide, ((24, 24), (0, 0), (0, 0)), mode="edge")))
    assert (squash - square).abs().mean() > 0.02
    before = scene(folder)
    assert torch.equal(with_box(before, 32, 1.0, 0.0, 1.0), with_box(before, 32, 0.0, 0.0, 0.0)), "square pictures stay"


def test_paint_sticks_to_the_sign_in_a_square(tmp_path: Path) -> None:
    save(tmp_path, {"street": photograph(STOP, pose(STOP, yaw_deg=50.0, fill=0.5))})
    photos = scene(tmp_path, crop="sign")
    drawn = replace(photos.sample(1, seed=0), crop_square=torch.ones(1))
    sticker = painted(STOP, (0.8, 0.8, 0.8), (0.3, 0.3, 0.7, 0.7))
    changed = photos.render(sticker, drawn, size=(96, 96)) != photos.render(bare(STOP), drawn, size=(96, 96))
    rows, columns = np.nonzero(changed[0].any(0).numpy())
    assert (rows.min() + rows.max()) / 2 == pytest.approx(48, abs=3)
    assert (columns.min() + columns.max()) / 2 == pytest.approx(48, abs=4)
    assert columns.max() - columns.min() < 0.85 * (rows.max() - rows.min())


# ---- variation on top

EFFECTS: Mapping[str, float] = {
    "crop_scale": 1.2,
    "crop_shift_x": 0.15,
    "crop_shift_y": 0.15,
    "roll_deg": 15.0,
    "exposure_ev": -1.0,
    "temperature_k": 3500.0,
    "defocus_px": 3.0,
    "full_well_e": 200.0,
    "read_noise_e": 100.0,
    "contrast": 1.4,
    "jpeg_quality": 8.0,
    "shadow_strength": 0.7,
}


@pytest.mark.parametrize("name", [name for name in VARIABLE if name in EFFECTS])
def test_every_variation_changes_the_frames(folder: Path, name: str) -> None:
    varied, plain = scene(folder, variation={name: EFFECTS[name]}), scene(folder)
    sticker = painted(STOP, (0.8, 0.8, 0.8), (0.3, 0.1, 0.7, 0.25))
    before = plain.render(sticker, plain.sample(3, seed=0), size=(48, 48))
    after = varied.render(sticker, varied.sample(3, seed=0), size=(48, 48))
    assert (after - before).abs().mean() > 0.002


def test_no_variation_is_forgotten_by_these_tests() -> None:
    assert set(VARIABLE) - set(EFFECTS) == {name for name in VARIABLE if name.startswith("shadow_")} - {
        "shadow_strength"
    }


def test_exposure_is_counted_in_stops(folder: Path) -> None:
    darker, plain = scene(folder, variation={"exposure_ev": -1.0}), scene(folder)
    frames = [s.render(bare(STOP), s.sample(3, seed=0), size=(SIDE, SIDE)) for s in (plain, darker)]
    ratio = srgb_to_linear(frames[1]) / srgb_to_linear(frames[0]).clamp(min=1e-3)
    assert ratio[srgb_to_linear(frames[0]) > 0.05].mean() == pytest.approx(0.5, abs=0.01)


def test_sign_and_paint_move_together(folder: Path) -> None:
    """A crop shifted by a tenth of its width shows the same frame a tenth further left."""
    moved, plain = scene(folder, variation={"crop_shift_x": 0.125}), scene(folder, variation={"exposure_ev": 0.0})
    sticker = painted(STOP, (0.02, 0.02, 0.02), (0.3, 0.72, 0.7, 0.9))
    frames = [s.render(sticker, s.sample(3, seed=0), size=(64, 64)) for s in (plain, moved)]
    assert (frames[1][..., 1:48] - frames[0][..., 9:56]).abs().max() < 0.02


def test_a_clockwise_roll_turns_the_picture_clockwise(folder: Path) -> None:
    turned, plain = scene(folder, variation={"roll_deg": 90.0}), scene(folder, variation={"exposure_ev": 0.0})
    sticker = painted(STOP, (0.02, 0.02, 0.02), (0.3, 0.72, 0.7, 0.9))
    frames = [s.render(sticker, s.sample(3, seed=0), size=(64, 64)) for s in (plain, turned)]
    assert (frames[1] - frames[0].rot90(-1, (2, 3))).abs().max() < 0.03


# ---- corners that are given


def write_csv(path: Path, rows: list[dict[str, Any]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


@pytest.mark.parametrize("form", ["matrix", "points", "outline"])
def test_corners_are_read_in_every_form(tmp_path: Path, form: str) -> None:
    truth = pose(STOP, yaw_deg=30.0)
    if form == "matrix":
        rows = [{"file": "x.png", **{f"h{i + 1}{j + 1}": 2 * truth[i, j] for i in range(3) for j in range(3)}}]
    else:
        points = (
            np.array(STOP.outline_mm) if form == "outline" else np.array([[0, 0], [300, 0], [0, 300], [300, 200.0]])
        )
        rows = [
            {"file": "x.png", "x_px": u, "y_px": v} | ({"x_mm": x, "y_mm": y} if form == "points" else {})
            for (x, y), (u, v) in zip(points, apply(truth, points), strict=True)
        ]
    found = read_corners(write_csv(tmp_path / "corners.csv", rows), STOP)
    assert corner_error_px(found["x.png"], truth, STOP) < 1e-4


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("file,left\nx.png,3\n", "columns are file, left"),
        ("file,x_px,y_px,x_mm\nx.png,3,3,3\n", "columns are file, x_px, y_px, x_mm"),
        ("file,x_px,y_px\nx.png,1,2\n", "1 points; expected the 8 corners"),
        ("file,x_px,y_px,x_mm,y_mm\nx.png,1,2,3,4\n", "1 points; expected at least 4"),
        ("file,x_px,y_px,x_mm,y_mm\n" + "x.png,1,1,1,1\n" * 4, "on a line"),
        ("file,x_px,y_px\nx.png,one,2\n", r"line 2: x_px = 'one': should be a number"),
        ("file,x_px,y_px\nx.png,nan,2\n", r"line 2: x_px = 'nan': should be a number"),
        (
            "file;x_px;y_px;x_mm;y_mm\nx.png;9;1;1;1\nx.png;1;1;9;1\nx.png;1;9;9;9\nx.png;9;9;1;9\n",
            "line 2: .*mirrored",
        ),
        (
            "file," + ",".join(f"h{i}{j}" for i in (1, 2, 3) for j in (1, 2, 3)) + "\nx.png" + ",1" * 9 + "\n",
            "inverted",
        ),
    ],
)
def test_wrong_corners_are_refused_in_one_sentence(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "corners.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(PhysadvError, match=message) as caught:
        read_corners(path, STOP)
    assert "corners.csv" in str(caught.value)


def test_the_outlines_corners_may_go_around_either_way(tmp_path: Path) -> None:
    truth = np.array([[0.3, 0.02, 400.0], [-0.01, 0.28, 300.0], [1e-5, 2e-5, 1.0]])
    corners = apply(truth, np.array(STOP.outline_mm))
    for order in (corners, np.concatenate([corners[:1], corners[:0:-1]])):
        rows = [f"x.png;{x:.4f};{y:.4f};a note".replace(".", ",").replace("x,png", "x.png") for x, y in order]
        (tmp_path / "corners.csv").write_text("\r\n".join(["File;X_PX;Y_PX;Note", *rows, ""]), encoding="utf-16")
        assert corner_error_px(read_corners(tmp_path / "corners.csv", STOP)["x.png"], truth, STOP) < 1e-2


def test_corners_of_a_picture_that_is_not_there_are_refused(folder: Path, tmp_path: Path) -> None:
    rows = [{"file": "zebra.png", **{f"h{i}{j}": float(i == j) for i in (1, 2, 3) for j in (1, 2, 3)}}]
    path = write_csv(tmp_path / "corners.csv", rows)
    with pytest.raises(PhysadvError, match=r"zebra\.png"):
        scene(folder, corners=str(path)).sample(1, seed=0)


# ---- designing on them


def test_a_design_keeps_every_fifth_photograph_aside(tmp_path: Path) -> None:
    photos = scene(street(tmp_path / "ten", 10))
    train, held_out = photos.for_part("train"), photos.for_part("held-out")
    names = [[int(photo.file.stem) for photo in part.photographs] for part in (photos, train, held_out)]
    assert names == [[*range(10)], [0, 1, 2, 3, 5, 6, 7, 8], [4, 9]]
    assert train.sample(9, seed=0).approach.tolist() == [*range(8), 0]
    assert photos.sample(11, seed=0).approach.tolist() == [*range(10), 0], "a battery shows all"
    assert train.pictures | held_out.pictures == photos.pictures
    few = scene(street(tmp_path / "nine", 9))
    assert few.for_part("train").pictures == few.for_part("held-out").pictures == few.pictures


@pytest.mark.parametrize(("count", "shared"), [(10, 0), (3, 3)])
def test_a_design_says_on_which_photographs_it_was_made(
    tmp_path: Path, count: int, shared: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[frozenset[str]] = []

    class Watched(FrameStream):
        def __init__(self, scenes: list[Any], **options: Any) -> None:
            super().__init__(scenes, **options)
            shown.append(scenes[0].pictures)

    monkeypatch.setattr("physadv.attacks.physical.sign_search.FrameStream", Watched)
    made = {"kind": "photographs", "name": "street", "folder": str(street(tmp_path, count))}
    victim = ColorVictim()
    config = {"scenes": [made], "steps": 2, "views": 8, "held_out_frames": 16, "goal": "untargeted"}
    patch = design(DesignConfig.model_validate(config), victim=victim)
    assert set(patch.record.measured["photographs"]) == load_scene(made).pictures
    flags = [flag for flag in patch.record.measured["flags"] if "searched on" in flag]
    assert [flag.split()[0] for flag in flags] == ([str(shared)] if shared else [])
    attacked = SignAttackConfig.model_validate(
        {"attack": "fgsm", "views": 8, **{k: config[k] for k in ("scenes", "held_out_frames")}}
    )
    task, change = find_change(attacked, victim=victim)
    assert any("searched on" in flag for flag in task.flags(change)) == bool(shared)
    assert [len(one & other) for one, other in (shown[:2], shown[2:4])] == [shared, shared]


# ---- what users get wrong


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"folder": "nowhere"}, "nowhere: does not exist"),
        ({"variation": {"distance_m": [3, 10]}}, "unknown variation of photographs 'distance_m'"),
        ({"variation": {"crop_scale": [0.1, 1]}}, "must stay within 0.3 to 3"),
        ({"variation": {"crop_scale": [2, 1]}}, "wrong way round"),
        ({"variation": {"shadow_angle_deg": [0, 9]}}, "does nothing without shadow_strength"),
        ({"sign": "us/stopp"}, "us/stop"),
        ({"corners": "none.csv"}, "none.csv: does not exist"),
        ({"color": 3}, "unknown key 'color'"),
    ],
)
def test_wrong_declarations_are_refused(folder: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(PhysadvError, match=message):
        load_scene({"name": "test", "kind": "photographs", "folder": str(folder), **options})


def test_a_folder_without_pictures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PhysadvError, match="has no picture"):
        scene(tmp_path)


def test_the_folder_is_looked_for_beside_the_scene_and_in_the_data_folder(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = f"name: mine\nkind: photographs\nfolder: {folder.name}\n"
    beside = folder.parent / "mine.yaml"
    beside.write_text(text, encoding="utf-8")
    assert load_scene(beside).name == "mine"
    elsewhere = tmp_path / "mine.yaml"
    elsewhere.write_text(text, encoding="utf-8")
    monkeypatch.setenv("PHYSADV_DATA", str(folder.parent))
    assert load_scene(elsewhere).name == "mine"
    monkeypatch.delenv("PHYSADV_DATA")
    with pytest.raises(PhysadvError, match="PHYSADV_DATA is not set"):
        load_scene(elsewhere)


def test_without_a_file_the_data_folder_comes_before_the_working_folder(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(folder, tmp_path / folder.name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PHYSADV_DATA", str(folder.parent))
    found = load_scene({"name": "mine", "kind": "photographs", "folder": folder.name})
    assert isinstance(found, Photographs)
    assert found.folder == folder


def test_a_batterys_photographs_are_looked_for_beside_their_scene(folder: Path, tmp_path: Path) -> None:
    mine, corners = tmp_path / "mine", apply(pose(STOP, **POSES["a"]), np.array(STOP.outline_mm)).tolist()
    shutil.copytree(folder, mine / "pictures")
    write_csv(mine / "where.csv", [{"file": "a.png", "x_px": x, "y_px": y} for x, y in corners])
    (mine / "scene.yaml").write_text("name: mine\nkind: photographs\nfolder: pictures\ncorners: where.csv\n")
    battery = tmp_path / "battery.yaml"
    battery.write_text("name: b\nentries: [{scene: mine/scene.yaml, frames: 3, seed: 1}]\n")
    shown = load_battery(battery).scenes[0]
    assert isinstance(shown, Photographs)
    assert [photo.file.parent for photo in shown.photographs] == [(mine / "pictures").resolve()] * 3
    assert shown.photographs[0].confidence == 1.0


def test_a_patch_for_another_sign_is_refused(folder: Path) -> None:
    photos = scene(folder)
    with pytest.raises(PhysadvError, match=r"show us/stop, and the patch is for de/stop"):
        photos.render(bare(load_sign("de/stop")), photos.sample(1, seed=0), size=(32, 32))
