"""Light and record: units and laws of exposure, haze, blur, noise and tone curve, each against its formula."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scene_kit import conditions, linear, middle, painted, quiet, roadside, square
from torch import Tensor
from torch.nn import functional

from physadv.core.color import illuminant_rgb, linear_to_srgb
from physadv.scenes import Conditions
from physadv.scenes.camera import lens, light, sensor
from physadv.scenes.camera.geometry import Aim, crop_box, homography

GRAY = 0.4


def gray(px: int = 64, level: float = GRAY) -> Tensor:
    return torch.full((3, px, px), level)


# light


@given(exposure=st.floats(-3.0, 0.0))
@settings(max_examples=15, deadline=None)
def test_a_stop_halves_the_light(exposure: float) -> None:
    seen = conditions(exposure_ev=[exposure, exposure - 1.0])
    bright, dark = linear(quiet(roadside(), painted(GRAY), seen, (24, 24)))
    torch.testing.assert_close(dark, bright / 2.0, rtol=2e-4, atol=1e-6)


def test_metered_exposure_shows_a_surface_as_light_as_it_is() -> None:
    frame = linear(quiet(roadside(), square(gray()), conditions(), (32, 32)))
    torch.testing.assert_close(middle(frame), torch.full((1, 3, 16, 16), GRAY), rtol=3e-3, atol=0)


def test_contrast_falls_to_two_per_cent_at_the_visibility_distance() -> None:
    seen = conditions(distance_m=[60.0, 60.0], visibility_m=[1e6, 60.0], image_width_px=20000.0)
    white, black = (linear(quiet(roadside(), square(gray(level=level)), seen, (16, 16))) for level in (0.8, 0.2))
    contrast = middle(white - black).mean((1, 2, 3))
    assert contrast[0] == pytest.approx(0.6, rel=0.01)
    assert contrast[1] / contrast[0] == pytest.approx(0.02, rel=0.03)


def test_haze_tends_to_the_horizons_brightness_in_the_lights_color() -> None:
    seen = conditions(distance_m=60.0, visibility_m=10.0, temperature_k=4000.0, exposure_ev=-1.0)
    frame = linear(quiet(roadside(), painted(), seen, (8, 8)))[0]
    expected = light.illumination_rgb(seen)[0] * 0.75
    torch.testing.assert_close(frame.mean((1, 2)), expected, rtol=2e-3, atol=0)


def test_6500_kelvin_is_neutral_and_less_is_warmer() -> None:
    neutral = illuminant_rgb(torch.tensor([6504.0]))
    torch.testing.assert_close(neutral, torch.ones(1, 3), rtol=0, atol=2e-3)
    colors = illuminant_rgb(torch.linspace(2000, 12000, 60))
    assert ((colors[:, 0] / colors[:, 2]).diff() < 0).all()
    luminance = colors @ torch.tensor([0.2126, 0.7152, 0.0722])
    torch.testing.assert_close(luminance, torch.ones(60), rtol=0, atol=0.02)


def test_the_sun_follows_lamberts_cosine() -> None:
    seen = conditions(
        sun_fraction=[0.0, 1.0, 1.0, 1.0, 0.6, 1.0],
        sun_azimuth_deg=[60.0, 60.0, 0.0, 150.0, 60.0, 30.0],
        sun_elevation_deg=[0.0, 0.0, 30.0, 20.0, 0.0, 0.0],
        yaw_deg=[0.0, 0.0, 0.0, 0.0, 0.0, 30.0],
    )
    cosines = [1.0, 0.5, math.cos(math.pi / 6), 0.0, 0.4 + 0.6 * 0.5, 1.0]
    torch.testing.assert_close(light.sun_shading(seen), torch.tensor(cosines), rtol=1e-5, atol=1e-6)
    frames = linear(quiet(roadside(), square(gray()), seen[:3], (16, 16)))
    expected = GRAY * torch.tensor(cosines[:3])
    torch.testing.assert_close(middle(frames).mean((1, 2, 3)), expected, rtol=5e-3, atol=0)


def test_a_shadow_is_a_soft_band_of_its_width_and_strength() -> None:
    seen = conditions(
        shadow_strength=0.7,
        shadow_angle_deg=90.0,
        shadow_offset_mm=40.0,
        shadow_width_mm=200.0,
        shadow_softness_mm=60.0,
    )
    y = torch.tensor([-100.0, -89.0, -60.0, 40.0, 110.0, 140.0, 169.0, 171.0])[None, :, None].expand(1, 8, 5)
    x = torch.linspace(-300, 300, 5)[None, None, :].expand(1, 8, 5)
    taken = torch.tensor([0.0, 1 / 60, 0.5, 1.0, 1.0, 0.5, 1 / 60, 0.0]) * 0.7
    torch.testing.assert_close(light.shadow_map(seen, x, y)[0], (1 - taken)[:, None].expand(8, 5), rtol=0, atol=1e-5)


def test_headlights_light_bare_sheeting_alone() -> None:
    half = torch.ones(1, 64, 64)
    half[:, :, 32:] = 0.0
    sign = square(gray())
    sign = type(sign)(sign.sign, sign.rgba, half)
    dark, lit = linear(quiet(roadside(), sign, conditions(exposure_ev=-2.0, headlight=[0.0, 0.8]), (32, 32)))
    gain = middle(lit - dark, 0.7)
    assert gain[:, :, -8:].abs().max() < 1e-5
    torch.testing.assert_close(gain[:, :, :8], torch.full_like(gain[:, :, :8], GRAY * 0.8 / 4), rtol=0.01, atol=0)


# lens and motion


def edge(px: int = 512) -> Tensor:
    """White left of the middle, black right of it."""
    return (torch.arange(px) < px // 2).float().mul(0.8).add(0.1).expand(3, px, px)


def line_spread(seen: Conditions, *, aim: Aim = "sign", camera_px: int = 1) -> Tensor:
    """Line spread function of each frame across an upright edge, ``[N, W]``; ``camera_px`` pixels a sample."""
    sign = square(edge())
    box = crop_box(sign.sign, seen, homography(seen, aim=aim))
    size = int(box.height[0]) // camera_px, int(box.width[0]) // camera_px
    frames = middle(linear(quiet(roadside(aim=aim), sign, seen, size)), 0.7)
    spread = -frames[:, 1].mean(1).diff(dim=-1)
    return spread / spread.sum(-1, keepdim=True)


def variances(spread: Tensor) -> list[float]:
    """Variance of each line spread function, in samples squared."""
    position = torch.arange(spread.shape[-1], dtype=spread.dtype)
    mean = (position * spread).sum(-1, keepdim=True)
    return [float(variance) for variance in (spread * (position - mean) ** 2).sum(-1)]


@pytest.mark.parametrize("defocus", [0.5, 1.0, 2.0, 3.0])
def test_defocus_is_the_blurs_standard_deviation_in_camera_pixels(defocus: float) -> None:
    seen = conditions(distance_m=8.0, defocus_px=[0.0, defocus])
    sharp, soft = variances(line_spread(seen))
    assert math.sqrt(soft - sharp) == pytest.approx(defocus, rel=0.03 if defocus >= 1 else 0.12)  # of whole samples


def test_blur_shrinks_with_the_picture() -> None:
    """Three camera pixels a sample: the same lens blurs a third as many samples."""
    seen = conditions(distance_m=3.0, defocus_px=[0.0, 6.0], crop_margin=0.0)  # 333 camera pixels
    sharp, soft = variances(line_spread(seen, camera_px=3))
    assert math.sqrt(soft - sharp) == pytest.approx(2.0, rel=0.05)


@pytest.mark.parametrize("speed", [20.0, 60.0, 120.0])
def test_a_motion_streak_is_speed_times_shutter_through_the_pinhole(speed: float) -> None:
    """At u = f X / Z a camera that comes nearer by dZ moves the picture by u dZ / Z."""
    distance, lateral, shutter = 8.0, -3.0, 0.005
    seen = conditions(distance_m=distance, lateral_m=lateral, shutter_s=shutter, speed_kmh=[0.0, speed], defocus_px=1.0)
    spread = line_spread(seen, aim="road")
    still, moving = variances(spread)
    focal = 960.0 / math.tan(math.radians(30))
    streak = focal * 3.0 / distance * (speed / 3.6 * shutter) / distance
    assert math.sqrt(12 * (moving - still)) == pytest.approx(streak, rel=0.05)
    if streak > 8:  # flat, not a bell, whose top would be 1.38 / streak; and smooth, without ghosts
        top = spread[1].max()
        assert float(top) < 1.25 / streak
        assert int((spread[1] > 0.7 * top).int().diff().abs().sum()) == 2


@pytest.mark.parametrize(("angle", "across"), [(0.0, 1.0), (90.0, 0.0), (45.0, math.sqrt(0.5))])
def test_shake_is_a_streak_in_its_own_direction(angle: float, across: float) -> None:
    seen = conditions(distance_m=8.0, shutter_s=0.01, shake_deg_s=[0.0, 20.0], shake_angle_deg=angle, defocus_px=1.0)
    still, moving = variances(line_spread(seen))
    streak = 960.0 / math.tan(math.radians(30)) * math.radians(20.0) * 0.01 * across
    measured = math.sqrt(max(0.0, 12 * (moving - still)))
    assert measured == pytest.approx(streak, rel=0.05, abs=0.1)


@given(
    deviation=st.floats(0.01, 8.0), streak=st.floats(-40.0, 40.0), size=st.integers(8, 48), taps=st.sampled_from([1, 3])
)
@settings(max_examples=60, deadline=None)
def test_blur_keeps_the_light(deviation: float, streak: float, size: int, taps: int) -> None:
    matrices = lens.blur_matrices(size, torch.tensor([deviation]), torch.tensor([streak]), taps=taps)
    assert (matrices >= 0).all()
    torch.testing.assert_close(matrices.sum(-1), torch.ones(1, taps, size), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("taps", [1, 3])
def test_the_lens_is_the_mean_of_its_moments(taps: int) -> None:
    picture = torch.rand(3, 2, 12, 10)
    deviation, streak = torch.tensor([0.3, 0.8, 1.4]), torch.tensor([0.0, 3.0, -5.0])
    rows = lens.blur_matrices(12, deviation, streak, taps=taps)
    columns = lens.blur_matrices(10, deviation, -streak, taps=taps)
    expected = sum(rows[:, None, k] @ picture @ columns[:, None, k].mT for k in range(taps)) / taps
    torch.testing.assert_close(lens.apply_lens(picture, rows, columns), expected)


# sensor


@pytest.mark.parametrize("pixels", [1.0, 9.0])
@pytest.mark.parametrize(("full_well", "read"), [(2000.0, 0.0), (500.0, 12.0), (20000.0, 40.0)])
def test_noise_has_the_variance_of_emva_1288(full_well: float, read: float, pixels: float) -> None:
    count = 400
    level = torch.linspace(0.02, 0.9, 5).repeat(count)[:, None, None, None].expand(-1, 1, 16, 16)
    unit = sensor.noise(torch.arange(5 * count) * 7919 + 12345, (1, 16, 16))
    column = torch.ones(5 * count)
    noise = sensor.sensor_noise(level, unit, full_well * column, read * column, pixels * column)
    electrons = level * full_well
    expected = (electrons + read**2) / full_well**2 / pixels
    measured = (noise**2).reshape(count, 5, -1).mean((0, 2))
    torch.testing.assert_close(measured, expected.reshape(count, 5, -1)[0, :, 0], rtol=0.03, atol=0)


def test_frames_carry_that_noise() -> None:
    """Where every pixel of the frame is one of the camera's, and averaged where it is many."""
    count, full_well, read = 64, 1500.0, 10.0
    for width, pixels in ((920.0, 1.0), (920.0 * 4, 16.0)):
        seen = conditions(
            distance_m=8.0,
            image_width_px=width,
            full_well_e=full_well,
            read_noise_e=read,
            noise_seed=torch.arange(count) * 1_000_003,
            crop_margin=0.0,
        )
        scene, sign = roadside(), square(gray())
        exposure = scene.expose(sign, seen, size=(60, 60))
        assert float(exposure.pixels[0]) == pytest.approx(pixels, rel=0.06)
        frames = linear(scene.record(sign, exposure))[:, :, 10:50, 10:50]
        expected = (GRAY / full_well + (read / full_well) ** 2) / float(exposure.pixels[0])
        assert float(frames.var(0).mean()) == pytest.approx(expected, rel=0.06)
        assert float(frames.mean()) == pytest.approx(GRAY, rel=0.005)


def test_noise_differs_between_frames_and_repeats_for_a_seed() -> None:
    seeds = torch.tensor([5, 6, 5, 2**52 + 11])
    unit = sensor.noise(seeds, (3, 32, 32))
    assert torch.equal(unit[0], unit[2])
    flat = unit[[0, 1, 3]].flatten(1)
    assert float(flat.std()) == pytest.approx(1.0, abs=0.05)
    # a stretch that starts one further is the same noise moved by a pixel, not the same noise
    assert (torch.corrcoef(flat) - torch.eye(3)).abs().max() < 0.1


def test_a_picture_larger_than_the_bank_of_noise_has_noise_too() -> None:
    unit = sensor.noise(torch.tensor([3, 2**50 + 7]), (3, 1200, 1200))
    assert unit.shape == (2, 3, 1200, 1200)
    assert float(unit.std()) == pytest.approx(1.0, abs=0.01)


# tone curve


@pytest.mark.parametrize("contrast", [0.5, 0.8, 1.0, 1.3, 1.5])
def test_the_tone_curve_is_monotone_with_its_slope_at_middle_gray(contrast: float) -> None:
    def encode(values: Tensor) -> Tensor:
        return sensor.tone(values.reshape(1, 1, 1, -1), torch.tensor([contrast], dtype=values.dtype)).flatten()

    curve = encode(torch.linspace(0, 1, 2001, dtype=torch.float64))
    assert curve[0] == pytest.approx(0.0, abs=1e-12)
    assert curve[-1] == pytest.approx(1.0)
    assert (curve.diff() > -1e-12).all()
    middle_gray = ((0.5 + 0.055) / 1.055) ** 2.4
    around = torch.tensor([middle_gray - 1e-5, middle_gray + 1e-5], dtype=torch.float64)
    slope = encode(around).diff() / linear_to_srgb(around).diff()
    assert float(slope) == pytest.approx(contrast, rel=1e-4)


@pytest.mark.parametrize("contrast", [0.6, 1.0, 1.4])
def test_the_tone_curves_slope_is_that_of_its_formula(contrast: float) -> None:
    """The gradient is written out by hand; traced through the plain formula it must be the same, clipped ends too."""
    values = torch.cat([torch.linspace(-0.3, 1.4, 341), torch.tensor([0.003, 0.0031, 0.0032, 0.9999])]).double()
    written, traced = (values.clone().requires_grad_(True) for _ in range(2))
    encoded = linear_to_srgb(traced.clamp(0.0, 1.0))
    plain = encoded + 2 * (contrast - 1) * encoded * (1 - encoded) * (2 * encoded - 1)
    ours = sensor.tone(written.reshape(1, 1, 1, -1), torch.tensor([contrast], dtype=torch.float64)).flatten()
    torch.testing.assert_close(ours, plain, rtol=0, atol=1e-7)
    weights = torch.rand_like(values)
    gradients = [
        torch.autograd.grad((out * weights).sum(), leaf)[0] for out, leaf in ((ours, written), (plain, traced))
    ]
    torch.testing.assert_close(gradients[0], gradients[1], rtol=1e-5, atol=1e-6)
    assert (gradients[0][values > 1] == 0).all()


def test_plain_contrast_is_srgb_and_the_sensor_clips() -> None:
    light_ = torch.tensor([-0.5, 0.0, 0.2, 1.0, 3.0]).reshape(1, 1, 1, 5)
    encoded = sensor.tone(light_, torch.ones(1)).flatten()
    torch.testing.assert_close(encoded, linear_to_srgb(torch.tensor([0.0, 0.0, 0.2, 1.0, 1.0])))


# resizing


@given(size_in=st.integers(2, 60), size_out=st.integers(1, 60), extra=st.integers(0, 20))
@settings(max_examples=80, deadline=None)
def test_resizing_is_torchs_anti_aliased_bilinear(size_in: int, size_out: int, extra: int) -> None:
    line = torch.rand(1, 1, 1, size_in + extra, dtype=torch.float64)
    matrix = sensor.resize_matrix(torch.tensor([float(size_in)], dtype=torch.float64), size_in + extra, size_out)
    expected = functional.interpolate(
        line[..., :size_in].expand(-1, -1, 2, -1), size=(2, size_out), mode="bilinear", antialias=True
    )[0, 0, 0]
    torch.testing.assert_close(matrix[0] @ line[0, 0, 0], expected, rtol=1e-6, atol=1e-9)
