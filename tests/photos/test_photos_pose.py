"""Poses and cameras from points: against OpenCV's projection and the scenes' own geometry."""

from __future__ import annotations

import json
import math
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scene_kit import conditions

from physadv.core.errors import PhysadvError
from physadv.photos.camera import (
    Board,
    Camera,
    calibrate_camera,
    camera_from_focal,
    find_board,
    load_camera,
    save_camera,
)
from physadv.photos.pose import describe, solve_pose
from physadv.scenes.camera import geometry

CAMERA = Camera(
    width_px=4000,
    height_px=3000,
    fx_px=2900.0,
    fy_px=2910.0,
    cx_px=1995.0,
    cy_px=1507.0,
    distortion=(0.08, -0.15, 0.0004, -0.0003, 0.02),
)
SQUARE = np.array([[-330.0, -330.0], [330.0, -330.0], [330.0, 330.0], [-330.0, 330.0], [-280, -330], [330, 280]])


def project(points_mm: np.ndarray, turn: np.ndarray, shift: np.ndarray, camera: Camera = CAMERA) -> np.ndarray:
    flat = np.concatenate([points_mm, np.zeros((len(points_mm), 1))], 1)
    return cv2.projectPoints(flat, turn, shift, camera.matrix, camera.coefficients)[0].reshape(-1, 2)


@settings(max_examples=60, deadline=None)
@given(
    distance=st.floats(1.5, 30.0),
    yaw=st.floats(-60, 60),
    pitch=st.floats(-25, 25),
    roll=st.floats(-30, 30),
    off=st.tuples(st.floats(-0.3, 0.3), st.floats(-0.2, 0.2)),
)
def test_a_pose_is_what_the_scenes_mean_by_it(
    distance: float, yaw: float, pitch: float, roll: float, off: tuple[float, float]
) -> None:
    """A camera that points elsewhere than at the sign sees it turned by as much as the scenes say."""
    asked = conditions(distance_m=distance, yaw_deg=yaw, pitch_deg=pitch, roll_deg=roll, lateral_m=0, height_m=0)
    rotation = geometry.sign_rotation(asked)[0].numpy()
    flip = np.diag([1.0, -1.0, -1.0])
    looking = cv2.Rodrigues(np.array([off[1], off[0], 0.0]))[0]  # no roll: the smallest turn towards the sign undoes it
    turn = cv2.Rodrigues(looking @ flip @ rotation @ flip)[0].reshape(3)
    shift = looking @ np.array([0.0, 0.0, distance * 1000.0])
    found = solve_pose(SQUARE, project(SQUARE, turn, shift), CAMERA)
    assert found.distance_m == pytest.approx(distance, rel=1e-4)
    np.testing.assert_allclose([found.yaw_deg, found.pitch_deg, found.roll_deg], [yaw, pitch, roll], atol=0.05)


def test_the_homography_is_the_scenes_in_the_middle_of_the_picture() -> None:
    asked = conditions(distance_m=6.0, yaw_deg=25.0, pitch_deg=-8.0, roll_deg=4.0, lateral_m=0, height_m=0)
    plain = CAMERA.model_copy(update={"distortion": (), "fy_px": 2900.0})
    width = torch.full((1,), 4000.0)
    hfov = torch.rad2deg(2.0 * torch.atan(width / 2.0 / 2900.0))
    asked = type(asked)(**{**dict(asked.items()), "image_width_px": width, "hfov_deg": hfov})
    expected = geometry.homography(asked, aim="sign")[0].numpy()
    expected = np.array([[1, 0, plain.cx_px], [0, 1, plain.cy_px], [0, 0, 1]]) @ expected
    points = np.concatenate([SQUARE, np.ones((6, 1))], 1) @ expected.T
    seen = points[:, :2] / points[:, 2:]
    found = solve_pose(SQUARE, seen, plain)
    np.testing.assert_allclose(found.homography, expected / expected[2, 2], rtol=1e-4, atol=1e-6)
    assert found.error_px < 1e-3


def test_deviations_are_as_large_as_the_errors_are() -> None:
    rng = np.random.default_rng(0)
    turn, shift = np.array([0.1, 0.5, 0.05]), np.array([200.0, -100.0, 9000.0])
    exact = project(SQUARE, turn, shift)
    truth = solve_pose(SQUARE, exact, CAMERA)
    found = [solve_pose(SQUARE, exact + rng.normal(0, 0.4, exact.shape), CAMERA, point_sd_px=0.4) for _ in range(200)]
    for name, sd in (("distance_m", "distance_sd_m"), ("yaw_deg", "yaw_sd_deg"), ("roll_deg", "roll_sd_deg")):
        scores = [(getattr(one, name) - getattr(truth, name)) / getattr(one, sd) for one in found]
        assert 0.75 < float(np.std(scores)) < 1.3, name


def test_the_focal_lengths_doubt_is_the_distances() -> None:
    seen = project(SQUARE, np.array([0.0, 0.4, 0.0]), np.array([0.0, 0.0, 8000.0]))
    sure = solve_pose(SQUARE, seen, CAMERA)
    unsure = solve_pose(SQUARE, seen, CAMERA.model_copy(update={"focal_sd": 0.03}))
    assert unsure.distance_sd_m == pytest.approx(np.hypot(sure.distance_sd_m, 0.03 * 8.0), rel=5e-3)


def test_deviations_of_angles_know_that_the_focal_length_is_only_assumed() -> None:
    rng, scores = np.random.default_rng(0), []
    assumed = CAMERA.model_copy(update={"focal_sd": 0.2})
    for _ in range(60):
        focal = CAMERA.fx_px * float(np.exp(rng.normal(0, 0.2)))
        camera = CAMERA.model_copy(update={"fx_px": focal, "fy_px": focal})
        turn = np.radians([rng.uniform(-15, 15), rng.uniform(-45, 45), rng.uniform(-8, 8)])
        away = rng.uniform(2000.0, 9000.0)
        shift = np.array([*(rng.uniform(-0.3, 0.3, 2) * away), away])
        pose = np.concatenate([turn, shift])
        seen = cv2.projectPoints(np.c_[SQUARE, np.zeros(6)], turn, shift, camera.matrix, camera.coefficients)[0]
        found = solve_pose(SQUARE, seen.reshape(-1, 2), assumed, point_sd_px=0.3)
        true = describe(pose)
        scores.append(
            [
                (found.distance_m - true[0]) / found.distance_sd_m,
                (found.yaw_deg - true[1]) / found.yaw_sd_deg,
                (found.pitch_deg - true[2]) / found.pitch_sd_deg,
            ]
        )
    assert ((np.abs(scores) < 2.0).mean(0) > 0.85).all()
    assert ((np.abs(scores) < 0.5).mean(0) < 0.85).all()


def test_points_in_a_line_are_refused() -> None:
    line = np.array([[0.0, 0.0], [100.0, 0.0], [200.0, 0.0], [300.0, 0.0]])
    with pytest.raises(PhysadvError, match="not in a line"):
        solve_pose(line, project(line, np.zeros(3), np.array([0.0, 0.0, 5000.0])), CAMERA)


def test_a_camera_fits_its_pictures_in_another_size_and_on_their_side() -> None:
    half = CAMERA.sized(2000, 1500)
    turn, shift = np.array([0.1, 0.3, 0.0]), np.array([100.0, 50.0, 4000.0])
    np.testing.assert_allclose((project(SQUARE, turn, shift) + 0.5) / 2 - 0.5, project(SQUARE, turn, shift, half))
    upright = CAMERA.sized(3000, 4000)
    assert (upright.fx_px, upright.fy_px) == (CAMERA.fy_px, CAMERA.fx_px)
    with pytest.raises(PhysadvError, match="another shape"):
        CAMERA.sized(4000, 2250)


def test_focal_lengths_are_taken_from_exif_or_assumed_with_doubt() -> None:
    exif = camera_from_focal(3600, 2400, 26.0)
    assert exif.fx_px == pytest.approx(2600.0, rel=1e-4)
    assumed = camera_from_focal(3600, 2400, None)
    assert (exif.source, assumed.source) == ("exif", "assumed")
    assert assumed.focal_sd > 4 * exif.focal_sd > 0


def board_photograph(board: Board, camera: Camera, turn: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """The board as a lens would show it: each pixel is looked up on the board."""
    scale = 6.0
    sides = (board.columns * board.square_mm * scale, board.rows * board.square_mm * scale)
    flat = board.build().generateImage((int(sides[0]), int(sides[1])))
    grid = np.stack(np.meshgrid(np.arange(camera.width_px), np.arange(camera.height_px)), -1).reshape(-1, 1, 2)
    rays = cv2.undistortPoints(grid.astype(np.float64), camera.matrix, camera.coefficients).reshape(-1, 2)
    rotation = cv2.Rodrigues(turn)[0]
    to_plane = np.linalg.inv(np.stack([rotation[:, 0], rotation[:, 1], shift], 1))
    plane = np.concatenate([rays, np.ones((len(rays), 1))], 1) @ to_plane.T
    where = (plane[:, :2] / plane[:, 2:] * scale - 0.5).reshape(camera.height_px, camera.width_px, 2).astype(np.float32)
    picture = cv2.remap(flat, where[..., 0], where[..., 1], cv2.INTER_AREA, borderValue=200)
    return np.repeat(cv2.GaussianBlur(picture, (0, 0), 0.6)[..., None], 3, 2)


def test_a_camera_is_calibrated_on_a_board(tmp_path: Path) -> None:
    board = Board(columns=6, rows=8, square_mm=30.0, marker_mm=22.0)
    camera = Camera(
        width_px=960, height_px=720, fx_px=820.0, fy_px=822.0, cx_px=485.0, cy_px=352.0, distortion=(0.1, -0.2, 0, 0, 0)
    )
    rng = np.random.default_rng(3)
    views = []
    for number in range(8):
        turn = rng.uniform(-0.5, 0.5, 3) * [1, 1, 0.6]
        shift = np.array([-90.0 + rng.uniform(-60, 60), -120.0 + rng.uniform(-40, 40), rng.uniform(330, 480)])
        view = find_board(f"{number}.jpg", board_photograph(board, camera, turn, shift), board)
        assert view is not None
        views.append(view)
    found = calibrate_camera(views, (960, 720))
    assert found.fx_px == pytest.approx(820.0, rel=0.01)
    assert found.cx_px == pytest.approx(485.0, abs=6)
    assert found.distortion[0] == pytest.approx(0.1, abs=0.03)
    assert found.rms_px is not None
    assert found.rms_px < 0.4
    assert abs(found.fx_px / 820.0 - 1.0) < 5 * found.focal_sd + 0.002
    save_camera(found, tmp_path / "camera.json")
    assert load_camera(tmp_path / "camera.json") == found
    moved = views[0].seen_px + rng.normal(0, 8, views[0].seen_px.shape).astype(np.float32)
    bent = type(views[0])("bent.jpg", views[0].board_mm, moved)
    told: list[str] = []
    calibrate_camera([*views, bent], (960, 720), note=told.append)
    assert len(told) == 1
    assert told[0].startswith("bent.jpg")
    with pytest.raises(PhysadvError, match="at least 5"):
        calibrate_camera(views[:3], (960, 720))
    assert find_board("none", np.full((200, 200, 3), 128, np.uint8), board) is None


def test_a_file_that_is_no_camera_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("{}")
    with pytest.raises(PhysadvError, match="calibrate-camera"):
        load_camera(tmp_path / "x.json")


def fails(tmp_path: Path, change: dict[str, object]) -> str:
    """The sentence for a camera's file with other values in it."""
    good = {"width_px": 4000, "height_px": 3000, "fx_px": 3000.0, "fy_px": 3000.0, "cx_px": 1999.5, "cy_px": 1499.5}
    (tmp_path / "camera.json").write_text(json.dumps(good))
    load_camera(tmp_path / "camera.json")
    (tmp_path / "camera.json").write_text(json.dumps({**good, **change}))
    with pytest.raises(PhysadvError) as caught:
        load_camera(tmp_path / "camera.json")
    assert "camera.json: " in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("count", [1, 2, 3, 6, 7, 9, 13, 15])
def test_a_distortion_that_opencv_does_not_have_is_one_sentence(tmp_path: Path, count: int) -> None:
    told = fails(tmp_path, {"distortion": [0.01] * count})
    assert f"distortion: holds {count} numbers; OpenCV's models have 4, 5, 8, 12 or 14" in told


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"distortion": [1e9, 0, 0, 0, 0]}, "folds the picture"),
        ({"distortion": [-3.0, 0, 0, 0]}, "folds the picture"),
        ({"distortion": [math.nan] * 5}, "distortion"),
        ({"fx_px": 1e9}, "fx_px = 1e+09: a picture of 4000 x 3000 px has a focal length of 400 to 800000 px"),
        ({"fx_px": 0.5, "fy_px": 0.5}, "fx_px = 0.5"),
        ({"fy_px": 900.0}, "should be about the same"),
        ({"cx_px": -5.0}, "should lie in the picture"),
        ({"cy_px": math.inf}, "cy_px"),
        ({"width_px": 0}, "width_px"),
        ({"focal_sd": 5.0}, "focal_sd"),
        ({"rms_px": -1.0}, "rms_px"),
    ],
)
def test_a_camera_that_no_lens_has_is_one_sentence(tmp_path: Path, change: dict[str, object], words: str) -> None:
    assert words in fails(tmp_path, change)


@pytest.mark.parametrize(
    "distortion",
    [
        (0.1, -0.2, 0.001, -0.002),
        (0.1, -0.2, 0.001, -0.002, 0.05),
        (1.2, 0.4, 0.001, -0.002, 0.02, 1.1, 0.3, 0.01),
        (0.1, -0.2, 0.001, -0.002, 0.0, 0.0, 0.0, 0.0, 0.001, 0.0, 0.001, 0.0),
        (0.1, -0.2, 0.001, -0.002, 0.0, 0.0, 0.0, 0.0, 0.001, 0.0, 0.001, 0.0, 0.01, 0.01),
    ],
)
def test_each_of_opencvs_models_gives_the_pose_also_on_its_side(distortion: tuple[float, ...]) -> None:
    camera = CAMERA.model_copy(update={"distortion": distortion})
    assert Camera.model_validate(camera.model_dump()) == camera
    turn, shift = np.array([0.1, 0.3, 0.0]), np.array([100.0, 50.0, 4000.0])
    pose = solve_pose(SQUARE, project(SQUARE, turn, shift, camera), camera)
    assert pose.distance_m == pytest.approx(describe(np.concatenate([turn, shift]))[0], rel=1e-4)
    upright = camera.sized(camera.height_px, camera.width_px)
    radial = [0, 1, 4, 5, 6, 7][: 2 if len(distortion) == 4 else None]
    assert [upright.distortion[k] for k in radial if k < len(distortion)] == [
        distortion[k] for k in radial if k < len(distortion)
    ]
    assert not any(value for k, value in enumerate(upright.distortion) if k in (2, 3) or k > 7)
