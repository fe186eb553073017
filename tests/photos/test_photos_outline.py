"""Signs found without markers: in pictures that OpenCV made of the artwork, by its shape, artwork and edges."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from outline_kit import CAMERA, HEIGHT, STOP, WIDTH, shown, standing, street

from physadv.core.errors import PhysadvError
from physadv.core.images import read_image
from physadv.photos.finding import homography_fit as fitting
from physadv.photos.finding import regions
from physadv.photos.finding.contour import edges, fit
from physadv.photos.finding.find_sign import find_sign, pose_from_outline
from physadv.photos.finding.outline import TRUSTED, FoundOutline, find_outlines
from physadv.photos.finding.sign_model import cut, model_of
from physadv.photos.finding.template_scan import scanned
from physadv.photos.finding.tiles import parts_alike
from physadv.photos.pose import Pose, describe, plane_homography, solve_pose
from physadv.scenes.photographs.sign_outline import HALF, apply
from physadv.signs import load_sign, sign_names


def read(found: FoundOutline) -> Pose:
    return solve_pose(np.asarray(STOP.outline_mm), found.outline_px, CAMERA)


NAMES = ("us/stop", "de/yield", "de/speed-limit-50", "us/speed-limit-45", "de/priority-road", "de/keep-right")


@pytest.mark.parametrize("number", range(6))
def test_distance_and_angles_from_the_outline_alone(number: int) -> None:
    random = np.random.default_rng(number)
    sign = load_sign(NAMES[number % len(NAMES)])
    yaw, pitch, roll = random.uniform([-40, -12, -8], [40, 12, 8])
    pose = standing(
        sign,
        width_px=random.uniform(75, 190),
        yaw_deg=yaw,
        pitch_deg=pitch,
        roll_deg=roll,
        off=tuple(random.uniform(-0.25, 0.25, 2)),
    )
    found = find_outlines(shown(sign, pose, street(20 + number), seed=number), sign)
    assert found[0].confidence >= TRUSTED
    assert not found[0].mirrored
    got = pose_from_outline(found[0].outline_px, sign, CAMERA)
    distance_m, *angles = describe(pose)
    assert got.distance_m == pytest.approx(distance_m, rel=0.05)
    assert [got.yaw_deg, got.pitch_deg, got.roll_deg] == pytest.approx(angles, abs=5.0)
    assert abs(got.distance_m - distance_m) < 4 * got.distance_sd_m
    assert abs(got.yaw_deg - angles[0]) < 4 * got.yaw_sd_deg


def test_a_sign_with_stickers_is_found_where_it_is() -> None:
    pose = standing(STOP, width_px=160, yaw_deg=25)
    best = find_outlines(shown(STOP, pose, street(3), sticker=True), STOP)[0]
    assert best.confidence >= TRUSTED
    expected = apply(plane_homography(pose, CAMERA), STOP.outline_mm)
    assert np.abs(best.outline_px - expected).max() < 3.0


@pytest.mark.slow
def test_a_sign_hidden_by_two_fifths_is_found_where_it_is() -> None:
    pose = standing(STOP, width_px=150, yaw_deg=10)
    picture = shown(STOP, pose, street(3))
    random = np.random.default_rng(0)
    leaves = np.clip(random.normal([60, 85, 40], 18, (HEIGHT, WIDTH, 3)), 0, 255).astype(np.uint8)
    x, y = np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT))
    cover = (x > WIDTH / 2 - 80) & (x < WIDTH / 2 - 13) & (np.abs(y - HEIGHT / 2) < 80)
    best = find_outlines(np.where(cover[..., None], leaves, picture), STOP)[0]
    assert best.confidence >= TRUSTED
    expected = apply(plane_homography(pose, CAMERA), STOP.outline_mm)
    assert np.abs(best.outline_px - expected).max() < 10.0
    found, _ = find_sign(np.where(cover[..., None], leaves, picture), STOP, CAMERA)
    assert any("only parts of the sign" in flag for flag in found.flags)
    assert not find_outlines(picture, STOP)[0].by_parts


def test_a_sign_at_night_is_found_where_it_is() -> None:
    pose = standing(STOP, width_px=110, yaw_deg=-15)
    linear = (shown(STOP, pose, street(5)) / 255.0) ** 2.2 * [0.03, 0.024, 0.016]
    linear += np.random.default_rng(1).normal(size=linear.shape) * np.sqrt(linear * 8e-4 + 1e-5)
    best = find_outlines(np.asarray(np.clip(linear, 0, 1) ** (1 / 2.2) * 255, np.uint8), STOP)[0]
    assert best.confidence >= TRUSTED
    expected = apply(plane_homography(pose, CAMERA), STOP.outline_mm)
    assert np.abs(best.outline_px - expected).max() < 5.0


@pytest.mark.parametrize("name", ["us/stop", "us/speed-limit-45"])
def test_most_parts_agree_whatever_hides_the_others_and_none_agree_with_noise(name: str) -> None:
    sign = load_sign(name)
    model, pose = model_of(sign), standing(sign, width_px=120)
    picture = shown(sign, pose, street(4))
    to_picture = HALF @ plane_homography(pose, CAMERA)
    low, high = apply(to_picture, sign.outline_mm).min(0), apply(to_picture, sign.outline_mm).max(0)

    def parts(pixels: np.ndarray) -> float:
        chip = cut(pixels, np.concatenate([low, high]), model, side_px=48.0)
        return fitting.local_agreements(chip, np.linalg.inv(chip.to_picture) @ to_picture, model)[0]

    assert parts(picture) > 0.6
    noise = np.random.default_rng(0).integers(0, 255, picture.shape).astype(np.uint8)
    assert parts(noise) < 0.2
    third = picture.copy()
    third[:, : round(low[0] + 0.33 * (high[0] - low[0]))] = noise[:, : round(low[0] + 0.33 * (high[0] - low[0]))]
    assert parts(third) > TRUSTED
    shaded = (picture * np.linspace(0.3, 1.0, WIDTH)[None, :, None]).astype(np.uint8)
    assert parts(shaded) > 0.6


@pytest.mark.parametrize("name", sign_names())
def test_a_plain_shape_is_taken_for_no_part_of_any_sign(name: str) -> None:
    model = model_of(load_sign(name))
    assert model.tells.sum() == 0 or model.tells.sum() >= 6
    y, x = np.mgrid[:48, :48] / 47.0 - 0.5
    plain = [np.hypot(x, y) < 0.45, np.hypot(x, y) < 0.3, abs(x) + abs(y) < 0.45, np.maximum(abs(x), abs(y)) < 0.4]
    plain += [x > 0.1, y > 0.0, abs(y) < 0.1, abs(x) < 0.1, y > 2 * abs(x) - 0.4]
    for shape in plain:
        for seen in (shape, ~shape):
            alike = parts_alike(seen.astype(np.float32), model.ideal[..., 1], model.inside, model.tells)
            assert alike < TRUSTED


@pytest.mark.parametrize("name", ["us/stop", "us/speed-limit-45"])
def test_the_scan_comes_upon_a_sign_without_its_color_and_its_outline(name: str) -> None:
    sign = load_sign(name)
    pose = standing(sign, width_px=130, off=(0.1, -0.1))
    gray = shown(sign, pose, street(9)).mean(2).astype(np.uint8)
    places = scanned(np.repeat(gray[..., None], 3, axis=2), model_of(sign))[:40]
    expected = apply(plane_homography(pose, CAMERA), sign.outline_mm)
    off = [np.abs(apply(place.to_picture, sign.outline_mm) - expected).max() for place in places]
    assert min(off) < 0.15 * 130


def test_a_mirrored_picture_is_said_to_be_one() -> None:
    pose = standing(STOP, width_px=150, yaw_deg=15, off=(0.1, 0.0))
    picture = shown(STOP, pose, street(5))
    flipped = find_outlines(np.ascontiguousarray(picture[:, ::-1]), STOP)[0]
    assert flipped.mirrored
    assert flipped.confidence >= TRUSTED
    assert np.linalg.det(flipped.homography) < 0
    expected = apply(plane_homography(pose, CAMERA), STOP.outline_mm)
    expected[:, 0] = WIDTH - 1 - expected[:, 0]
    assert np.abs(flipped.outline_px - expected).max() < 2.0


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_picture_on_its_side_shows_the_sign_on_its_side(quarters: int) -> None:
    picture = shown(STOP, standing(STOP, width_px=150), street(6))
    best = find_outlines(np.ascontiguousarray(np.rot90(picture, quarters)), STOP)[0]
    assert best.confidence >= TRUSTED
    assert not best.mirrored
    center, top = apply(best.homography, [(0.0, 0.0), (0.0, -300.0)])
    up = [(-1, 0), (0, 1), (1, 0)][quarters - 1]
    assert (top - center) @ up > 0.9 * np.linalg.norm(top - center)


def test_two_signs_are_two_finds_of_like_confidence() -> None:
    first = standing(STOP, width_px=110, off=(-0.25, 0.0))
    second = standing(STOP, width_px=120, yaw_deg=10, off=(0.25, 0.1))
    once = shown(STOP, first, street(7))
    both = shown(STOP, second, (once / 255.0))
    found = find_outlines(both, STOP)
    assert min(found[0].confidence, found[1].confidence) >= TRUSTED
    centers = sorted(float(one.outline_px.mean(0)[0]) for one in found[:2])
    assert centers == pytest.approx([0.25 * WIDTH, 0.75 * WIDTH], abs=4.0)
    inside = find_outlines(both, STOP, within=(0, 0, WIDTH / 2, HEIGHT))
    assert inside[0].outline_px.mean(0)[0] == pytest.approx(0.25 * WIDTH, abs=4.0)
    assert all(one.confidence < TRUSTED for one in inside[1:])


@pytest.mark.parametrize("seed", [0, 1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (2, 3))])
def test_no_sign_no_trusted_find(seed: int) -> None:
    behind = street(seed)
    other = load_sign(("de/speed-limit-50", "de/no-entry", "de/yield", "us/do-not-enter")[seed])
    picture = shown(other, standing(other, width_px=120, yaw_deg=10), behind)
    assert all(one.confidence < TRUSTED for one in find_outlines(picture, STOP))


@pytest.mark.parametrize("pixels", [np.zeros((60, 80, 3)), np.full((60, 80, 3), 255), np.zeros((1, 9, 3))])
def test_an_empty_picture_has_no_sign(pixels: np.ndarray) -> None:
    if pixels.shape[0] < 8:
        with pytest.raises(PhysadvError, match="less than 8 x 8 pixels"):
            find_outlines(pixels.astype(np.uint8), STOP)
    else:
        assert not [one for one in find_outlines(pixels.astype(np.uint8), STOP) if one.confidence >= TRUSTED]


def test_a_box_outside_the_picture_is_a_clear_error() -> None:
    with pytest.raises(PhysadvError, match=r"within = 700, 0, 900, 100: .* picture of 640 x 480"):
        find_outlines(np.zeros((480, 640, 3), np.uint8), STOP, within=(700, 0, 900, 100))


@pytest.mark.slow
def test_a_large_picture_is_refined_at_its_own_resolution() -> None:
    pose = standing(STOP, width_px=60, yaw_deg=20)
    small = shown(STOP, pose, street(8))
    large = cv2.resize(small, None, fx=5, fy=5, interpolation=cv2.INTER_CUBIC)
    best = find_outlines(large, STOP)[0]
    expected = (apply(plane_homography(pose, CAMERA), STOP.outline_mm) + 0.5) * 5 - 0.5
    assert np.abs(best.outline_px - expected).max() < 6.0


@settings(max_examples=25, deadline=None)
@given(
    x=st.floats(80, 120),
    radius=st.floats(20, 60),
    stretch=st.floats(0.6, 1.0),
    wrong=st.floats(-1.2, 1.2),
)
def test_a_contour_is_laid_on_its_edges(x: float, radius: float, stretch: float, wrong: float) -> None:
    angles = np.linspace(0, 2 * np.pi, 120, endpoint=False)
    shape = 100 * np.column_stack([np.cos(angles), np.sin(angles)])
    true = np.array([[radius / 100, 0, x], [0, stretch * radius / 100, 100], [0, 0, 1]])
    columns, rows = np.meshgrid(np.arange(200) + 0.5, np.arange(200) + 0.5)
    level = np.hypot((columns - x) / radius, (rows - 100) / (stretch * radius))
    plane = cv2.GaussianBlur((level < 1).astype(np.float32), (0, 0), 1.0)
    start = true.copy()
    start[:2, 2] += wrong
    found = fit(plane, start, shape)
    assert found is not None
    off_px = np.linalg.norm(apply(found, shape) - (x, 100), axis=1)
    expected = radius * stretch / np.hypot(*(np.diag([stretch, 1.0]) @ _directions(apply(found, shape) - (x, 100))))
    assert np.abs(off_px - expected).max() < 0.4
    assert edges(plane, true, shape).support > 0.9
    assert edges(np.zeros_like(plane), true, shape).support == 0.0


def _directions(offsets: np.ndarray) -> np.ndarray:
    return (offsets / np.linalg.norm(offsets, axis=1, keepdims=True)).T


def test_regions_of_a_shape_are_told_from_others() -> None:
    model = model_of(STOP)
    octagon = np.asarray(STOP.outline_mm) @ np.array([[0.1, 0.01], [0.0, 0.07]]) + 100
    triangle = np.array([[0.0, 0.0], [50, 80], [-50, 80]])
    assert fitting.alike(octagon, model) > 0.95
    assert fitting.alike(triangle, model) < fitting.LEAST_ALIKE
    assert regions.overlap(octagon, octagon) == pytest.approx(1.0, abs=1e-4)
    assert regions.overlap(octagon, octagon + 500) == 0.0


@pytest.mark.data
def test_a_photograph_of_the_authors(data_folder) -> None:  # type: ignore[no-untyped-def]
    found = find_outlines(read_image(data_folder / "rp2" / "victim_256" / "1.png"), STOP)
    assert found[0].confidence >= TRUSTED
    assert not found[0].mirrored
