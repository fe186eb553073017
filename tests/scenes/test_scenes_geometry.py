"""Place: projection against OpenCV, warping against OpenCV and Kornia, and textures that do not alias."""

from __future__ import annotations

import math

import cv2
import kornia.geometry.transform as kornia_transform
import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scene_kit import conditions, linear, middle, painted, quiet, roadside, square, stop_sign
from scipy.spatial.transform import Rotation
from torch import Tensor
from torch.nn import functional

from physadv.core.color import linear_to_srgb
from physadv.scenes import Conditions, viewing_angle_deg
from physadv.scenes.camera.geometry import Aim, crop_box, homography
from physadv.scenes.camera.texture import build_atlas, level_sizes, place

Array = npt.NDArray[np.float64]
OUTLINE = np.array(stop_sign().outline_mm)


def column(seen: Conditions, name: str) -> float:
    return float(getattr(seen, name)[0])


def opencv_camera(seen: Conditions, aim: Aim) -> tuple[Array, Array, Array]:
    """Rotation vector, translation and camera matrix as OpenCV wants them, made without the package's geometry."""
    yaw, pitch, roll = (column(seen, name) for name in ("yaw_deg", "pitch_deg", "roll_deg"))
    sign = Rotation.from_euler("YXZ", [yaw, -pitch, -roll], degrees=True)
    position = np.array([column(seen, name) for name in ("lateral_m", "height_m", "distance_m")])
    camera = Rotation.from_matrix(np.diag([1.0, -1.0, -1.0]))
    if aim == "sign":
        pan = math.atan2(position[0], position[2])
        tilt = math.atan2(position[1], math.hypot(position[0], position[2]))
        camera = Rotation.from_euler("x", tilt) * camera * Rotation.from_euler("y", -pan)
    focal = column(seen, "image_width_px") / 2 / math.tan(math.radians(column(seen, "hfov_deg")) / 2)
    return (
        (camera * sign).as_rotvec(),
        camera.apply(-position),
        np.array([[focal, 0.0, 0.0], [0.0, focal, 0.0], [0.0, 0.0, 1.0]]),
    )


def opencv_points(points_mm: Array, seen: Conditions, aim: Aim) -> Array:
    turn, shift, camera = opencv_camera(seen, aim)
    objects = np.stack([points_mm[:, 0] / 1000, -points_mm[:, 1] / 1000, np.zeros(len(points_mm))], axis=1)
    projected, _ = cv2.projectPoints(objects, turn, shift, camera, np.zeros(5))
    return np.asarray(projected.reshape(-1, 2), np.float64)


def ours(points_mm: Array, matrix: Tensor) -> Array:
    points = np.concatenate([points_mm, np.ones((len(points_mm), 1))], axis=1) @ matrix.numpy().T
    return np.asarray(points[:, :2] / points[:, 2:], np.float64)


poses = st.fixed_dictionaries(
    {
        "distance_m": st.floats(1.5, 75),
        "lateral_m": st.floats(-4, 4),
        "height_m": st.floats(-2.5, 1),
        "yaw_deg": st.floats(-60, 60),
        "pitch_deg": st.floats(-15, 15),
        "roll_deg": st.floats(-30, 30),
        "image_width_px": st.sampled_from([640.0, 1920.0, 3840.0]),
        "hfov_deg": st.floats(20, 110),
    }
)


@pytest.mark.parametrize("aim", ["sign", "road"])
@given(pose=poses)
@settings(max_examples=60, deadline=None)
def test_projection_agrees_with_opencv(aim: Aim, pose: dict[str, float]) -> None:
    seen = conditions(**pose)
    points = np.concatenate([OUTLINE, [[0.0, 0.0], [120.0, -40.0]]])
    difference = ours(points, homography(seen, aim=aim)[0]) - opencv_points(points, seen, aim)
    assert np.abs(difference).max() < 0.01


@given(pose=poses)
@settings(max_examples=40, deadline=None)
def test_the_viewing_angle_is_that_between_the_normal_and_the_line_to_the_camera(pose: dict[str, float]) -> None:
    seen = conditions(**pose)
    turn, shift, _ = opencv_camera(seen, "road")
    normal = Rotation.from_rotvec(turn).apply([0.0, 0.0, 1.0])
    expected = math.degrees(math.acos(np.clip(normal @ -shift / np.linalg.norm(shift), -1, 1)))
    assert float(viewing_angle_deg(seen)[0]) == pytest.approx(expected, abs=1e-4)


@given(pose=poses, aim=st.sampled_from(["sign", "road"]))
@settings(max_examples=60, deadline=None)
def test_the_crop_holds_the_outline_snugly(pose: dict[str, float], aim: Aim) -> None:
    seen = conditions(**pose, crop_margin=0.0, crop_square=0.0)
    box = crop_box(stop_sign(), seen, homography(seen, aim=aim))
    left, top, width, height = (float(value[0]) for value in (box.left, box.top, box.width, box.height))
    points = opencv_points(OUTLINE, seen, aim)
    low, high = points.min(0), points.max(0)
    assert np.abs(low - [left, top]).max() <= 1.01  # a pixel: the box has whole ones
    assert np.abs(high - [left + width, top + height]).max() <= 1.01
    assert left == round(left)
    assert width == round(width) >= 2


@given(pose=poses, margin=st.floats(0, 0.5), shift=st.floats(-0.2, 0.2), scale=st.floats(0.8, 1.3))
@settings(max_examples=40, deadline=None)
def test_the_crop_follows_margin_jitter_and_scale(
    pose: dict[str, float], margin: float, shift: float, scale: float
) -> None:
    exact, moved = (
        conditions(**pose, crop_margin=0.0),
        conditions(**pose, crop_margin=margin, crop_shift_x=shift, crop_scale=scale),
    )
    before, after = (crop_box(stop_sign(), seen, homography(seen, aim="sign")) for seen in (exact, moved))
    width = float(before.width)
    assert float(after.width) == pytest.approx(width * scale * (1 + 2 * margin), abs=2.0)
    centers = [float(box.left + box.width / 2) for box in (before, after)]
    assert centers[1] - centers[0] == pytest.approx(shift * width, abs=2.0)


def test_crop_square_widens_the_shorter_side() -> None:
    seen = conditions(yaw_deg=[50.0, 50.0], crop_square=[0.0, 1.0])
    box = crop_box(stop_sign(), seen, homography(seen, aim="sign"))
    assert box.width[0] < 0.75 * box.height[0]
    assert box.width[1] == box.height[1] == box.height[0]


def test_conditions_are_boxed_as_a_victim_takes_them() -> None:
    seen = conditions(yaw_deg=[50.0, 50.0], crop_square=[0.0, 1.0])
    assert seen.with_box("either") is seen
    for box, flag in (("squash", 0.0), ("square", 1.0)):
        with_box = seen.with_box(box)
        assert with_box.crop_square.tolist() == [flag, flag]
        others = [(name, value) for name, value in with_box.items() if name != "crop_square"]
        assert all(value is getattr(seen, name) for name, value in others)


def smooth(px: int) -> Tensor:
    """A picture without fine detail, ``[3, px, px]`` linear, away from black and white."""
    y, x = torch.meshgrid(*[torch.linspace(0, 1, px, dtype=torch.float64)] * 2, indexing="ij")
    waves = [torch.sin(2 * math.pi * (a * x + b * y)) for a, b in ((1.5, 0.4), (-0.6, 1.2), (1.0, -1.3))]
    return 0.45 + 0.25 * torch.stack(waves)


def texel_to_crop(seen: Conditions, aim: Aim, px: int, extent_mm: float) -> tuple[Array, tuple[int, int]]:
    """Homography from a texture's pixel numbers to those of the crop, from OpenCV's camera, and the crop's size."""
    turn, shift, camera = opencv_camera(seen, aim)
    rotation = Rotation.from_rotvec(turn).as_matrix()
    to_camera = camera @ np.stack([rotation[:, 0] / 1000, -rotation[:, 1] / 1000, shift], axis=1)
    to_mm = np.array([[extent_mm / px, 0, (0.5 / px - 0.5) * extent_mm]] * 2)
    to_mm = np.array([to_mm[0], [0, to_mm[1, 0], to_mm[1, 2]], [0, 0, 1]])
    box = crop_box(square(smooth(8)).sign, seen, homography(seen, aim=aim))
    to_crop = np.array([[1, 0, -float(box.left) - 0.5], [0, 1, -float(box.top) - 0.5], [0, 0, 1.0]])
    return to_crop @ to_camera @ to_mm, (int(box.height), int(box.width))


WARPS: list[tuple[Aim, dict[str, float]]] = [
    ("sign", {"distance_m": 8.0}),
    ("sign", {"distance_m": 6.0, "yaw_deg": 55.0, "roll_deg": 12.0}),
    ("sign", {"distance_m": 5.0, "yaw_deg": -35.0, "pitch_deg": 14.0, "lateral_m": 2.5, "height_m": -1.5}),
    ("road", {"distance_m": 7.0, "lateral_m": -3.0, "height_m": -1.0, "yaw_deg": 10.0, "hfov_deg": 90.0}),
]


@pytest.mark.parametrize(("aim", "pose"), WARPS)
def test_neutral_rendering_is_a_plain_warp(aim: Aim, pose: dict[str, float]) -> None:
    """A picture pixel for every camera pixel: nothing is left but the homography, as Kornia and OpenCV apply it."""
    texture = smooth(256)
    sign, seen = square(texture), conditions(**pose)
    matrix, size = texel_to_crop(seen, aim, 256, sign.sign.extent_mm)
    frame = quiet(roadside(aim=aim), sign, seen, size)[0]

    by_kornia = kornia_transform.warp_perspective(
        torch.cat([texture, torch.ones(1, 256, 256)])[None], torch.from_numpy(matrix)[None], size, align_corners=True
    )[0]
    by_opencv = cv2.warpPerspective(texture.movedim(0, -1).numpy(), matrix, size[::-1], flags=cv2.INTER_CUBIC)
    inside = functional.max_pool2d(1 - by_kornia[3:], 7, 1, 3)[0] < 1e-6
    assert inside.float().mean() > 0.2
    for expected in (by_kornia[:3], torch.from_numpy(by_opencv).movedim(-1, 0)):
        difference = (frame - linear_to_srgb(expected)).abs()[:, inside]
        assert difference.max() < 4e-3
        assert difference.mean() < 1e-3


@pytest.mark.parametrize(("aim", "pose"), WARPS)
def test_a_smaller_picture_averages_the_cameras_pixels(aim: Aim, pose: dict[str, float]) -> None:
    texture = smooth(256)
    sign, seen = square(texture), conditions(**pose)
    matrix, full = texel_to_crop(seen, aim, 256, sign.sign.extent_mm)
    size = (full[0] // 5, full[1] // 5)
    warped = cv2.warpPerspective(texture.movedim(0, -1).numpy(), matrix, full[::-1], flags=cv2.INTER_CUBIC)
    area = torch.from_numpy(cv2.resize(warped, size[::-1], interpolation=cv2.INTER_AREA)).movedim(-1, 0)
    frame = quiet(roadside(aim=aim), sign, seen, size)[0]
    cover = cv2.warpPerspective(np.ones((256, 256)), matrix, full[::-1])
    cover = cv2.erode(cv2.resize(cover, size[::-1], interpolation=cv2.INTER_AREA), np.ones((5, 5)))
    inside = torch.from_numpy(cover > 0.999)
    assert inside.sum() > 50
    assert (frame - linear_to_srgb(area)).abs()[:, inside].max() < 0.012


def checkerboard(px: int, cell: int = 1) -> Tensor:
    y, x = torch.meshgrid(*[torch.arange(px) // cell] * 2, indexing="ij")
    return ((x + y) % 2).float().expand(3, -1, -1)


@pytest.mark.parametrize("size", [24, 48])
def test_a_checkerboard_of_single_texels_is_uniform_gray(size: int) -> None:
    """600 mm in 256 texels, at most 48 samples: no trace of the pattern, wherever the samples fall."""
    spread = torch.rand(4, 40, generator=torch.Generator().manual_seed(size))
    low, high = torch.tensor([[4.0, -60.0, -45.0, -2.0], [60.0, 60.0, 45.0, 2.0]])[..., None]
    poses = dict(zip(("distance_m", "yaw_deg", "roll_deg", "lateral_m"), low + (high - low) * spread, strict=True))
    seen = conditions(**poses, hfov_deg=40.0)
    frames, plain = (
        linear(quiet(roadside(), square(texture), seen, (size, size)))
        for texture in (checkerboard(256), torch.full((3, 256, 256), 0.5))
    )
    assert (frames - plain).abs().max() < 2e-4


def test_moving_by_parts_of_a_pixel_changes_no_fine_pattern() -> None:
    """Stripes of two texels at 40 m: a sign that moves by a tenth of a pixel stays the same gray."""
    texture = ((torch.arange(512) // 2) % 2).float().expand(3, 512, 512)
    seen = conditions(distance_m=40.0, lateral_m=torch.linspace(0, 0.04, 11))
    frames = linear(quiet(roadside(aim="road"), square(texture), seen, (16, 16)))
    torch.testing.assert_close(middle(frames, 0.4), torch.full((11, 3, 6, 6), 0.5), rtol=0, atol=1e-3)


def test_moving_by_parts_of_a_pixel_keeps_the_light_of_the_artwork() -> None:
    """The legend at 45 m, 28 pixels wide: what the red and white send to the camera does not flicker."""
    seen = conditions(distance_m=45.0, lateral_m=torch.linspace(0, 0.05, 11), hfov_deg=60.0)
    frames = linear(quiet(roadside(aim="road"), painted(px=512), seen, (48, 48)))
    mean = frames[:, 1, 8:-8, 8:-8].mean((1, 2))
    assert mean.std() / mean.mean() < 0.03


def test_a_far_sign_loses_the_legend() -> None:
    distances = [12.0, 25.0, 50.0, 75.0]
    frames = linear(quiet(roadside(), painted(px=512), conditions(distance_m=distances), (32, 32)))
    contrast = middle(frames, 0.6)[:, 1].flatten(1).std(1)  # green: the white legend against the red face
    assert (contrast.diff() < 0).all(), contrast
    assert contrast[-1] < 0.6 * contrast[0]


def test_detail_is_that_of_brute_force_supersampling() -> None:
    """The stop sign's artwork against 12 x 12 samples a sample, over an octave of footprints, in linear light.

    A camera's pixel is a box, a resize is anti-aliased with a triangle: the mip map should lie about there.
    """
    octave = torch.arange(8) / 8
    seen = conditions(
        image_width_px=20000.0,
        crop_margin=-0.2 + 0.6 * (torch.exp2(octave) - 1),
        yaw_deg=50 * torch.cos(40 * octave),
        roll_deg=10 * torch.sin(40 * octave),
    )
    scene, sign, size = roadside(), painted(px=512), 24
    frames = middle(linear(quiet(scene, sign, seen, (size, size))), 0.7)
    dense = scene.expose(sign, seen, size=(12 * size, 12 * size))
    light = dense.sampling(build_atlas(sign.rgba[:3] * sign.rgba[3:])) * dense.gain + dense.added
    box = middle(functional.avg_pool2d(light, 12), 0.7)
    resized = middle(functional.interpolate(light, size=(size, size), mode="bilinear", antialias=True), 0.7)
    assert (frames - box).abs().mean() < 0.042
    assert (frames - resized).abs().mean() < 0.033
    contrast = frames.std((1, 2, 3)) / resized.std((1, 2, 3))
    assert 0.95 < contrast.mean() < 1.08


@pytest.mark.parametrize("px", [64, 96, 128])
def test_levels_average_the_texels_they_cover(px: int) -> None:
    texture = torch.rand(2, px, px, dtype=torch.float64)
    atlas = build_atlas(texture)
    for rows in level_sizes(px):
        for columns in level_sizes(px):
            x = ((torch.arange(columns, dtype=torch.float64) + 0.5) / columns).expand(1, rows, columns)
            y = ((torch.arange(rows, dtype=torch.float64) + 0.5) / rows)[:, None].expand(1, rows, columns)
            footprints = [torch.tensor([1.0 / side], dtype=torch.float64) for side in (columns, rows)]
            sampled = place(x, y, *footprints, px=px)(atlas)[0]
            blocks = texture.reshape(2, rows, px // rows, columns, px // columns).mean((2, 4))
            torch.testing.assert_close(sampled, blocks)


def test_outside_of_the_texture_is_nothing() -> None:
    x = torch.tensor([[[-0.2, -0.01, 0.5, 1.01, 1.2, 40.0, -40.0]]])
    samples = place(x, torch.full_like(x, 0.5), torch.tensor([1 / 64]), torch.tensor([1 / 64]), px=64)(
        build_atlas(torch.ones(1, 64, 64))
    )[0, 0, 0]
    torch.testing.assert_close(samples, torch.tensor([0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0]))
