"""Where the markers of a rig hang, from many photographs at once."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from cli_kit import Command, refused
from photo_kit import photograph, sign_board
from PIL import Image

from physadv.core.errors import PhysadvError
from physadv.photos.camera import Camera, save_camera
from physadv.photos.pose import describe
from physadv.photos.rig.markers import DetectedMarkers, pose_from_markers
from physadv.photos.rig.rig import Rig, default_rig, load_rig, save_rig
from physadv.photos.rig.survey import View, survey_rig
from physadv.signs import load_sign

PHONE = Camera(width_px=4000, height_px=3000, fx_px=3000.0, fy_px=3000.0, cx_px=1999.5, cy_px=1499.5)
RIG = default_rig(load_sign("us/stop"))


def hung(seed: int, *, off_mm: float = 2.0) -> Rig:
    """The rig as hands hang it: each marker off, and a little turned."""
    random = np.random.default_rng(seed)
    return RIG.model_copy(
        update={
            "markers": tuple(
                marker.model_copy(
                    update={
                        "x_mm": marker.x_mm + random.normal(0, off_mm),
                        "y_mm": marker.y_mm + random.normal(0, off_mm),
                        "turn_deg": random.normal(0, 0.5),
                        "size_mm": marker.size_mm * 1.004,
                    }
                )
                for marker in RIG.markers
            )
        }
    )


def views_of(rig: Rig, count: int, *, seed: int = 0, noise_px: float = 0.15) -> tuple[list[View], list[np.ndarray]]:
    """What a camera sees of a rig from many places, and the poses."""
    random = np.random.default_rng(seed)
    views, poses = [], []
    for number in range(count):
        distance = random.uniform(1.5, 10.0)
        pose = np.array(
            [*np.radians(random.uniform([-12, -45, -5], [12, 45, 5])), *random.uniform(-100, 100, 2), 1000 * distance]
        )
        corners = {}
        for marker in rig.markers:
            points = np.concatenate([marker.corners_mm, np.zeros((4, 1))], 1)
            seen = cv2.projectPoints(points, pose[:3], pose[3:], PHONE.matrix, PHONE.coefficients)[0].reshape(4, 2)
            corners[marker.id] = seen + random.normal(0, noise_px, (4, 2))
        views.append(View(f"{number}.jpg", DetectedMarkers(corners), PHONE))
        poses.append(pose)
    return views, poses


def worst_angle(views: list[View], poses: list[np.ndarray], rig: Rig) -> float:
    wrong = []
    for view, pose in zip(views, poses, strict=True):
        found = pose_from_markers(view.seen, rig, PHONE)
        assert found is not None
        wrong.append(np.abs(np.array([found.yaw_deg, found.pitch_deg]) - describe(pose)[1:3]).max())
    return float(np.percentile(wrong, 90))


def beside_each_other(rig: Rig, truth: Rig) -> float:
    """Largest distance in mm between places, once one rig is laid on the other."""
    one, other = (np.array([[m.x_mm, m.y_mm] for m in layout.markers], np.float64) for layout in (rig, truth))
    affine, _ = cv2.estimateAffinePartial2D(one, other, method=cv2.LMEDS)
    return float(np.linalg.norm(one @ affine[:, :2].T + affine[:, 2] - other, axis=1).max())


@pytest.mark.parametrize("seed", range(4))
def test_places_are_found_and_poses_gain(seed: int) -> None:
    truth = hung(seed)
    found = survey_rig(views_of(truth, 16, seed=seed)[0], RIG)
    assert found.views == 16
    assert beside_each_other(RIG, truth) > 1.0
    assert beside_each_other(found.rig, truth) < 0.5
    assert found.size == pytest.approx(1.004, abs=0.006)  # beside the whole rig's size, which is taken as right
    assert found.error_px[1] < 0.3 < found.error_px[0]
    assert all(0.0 < moved.sd_mm < 0.3 and moved.views == 16 for moved in found.moved)
    others, there = views_of(truth, 20, seed=100 + seed)
    assert worst_angle(others, there, found.rig) < 0.5 * worst_angle(others, there, RIG)


def test_a_rig_that_hangs_right_stays() -> None:
    found = survey_rig(views_of(RIG, 12)[0], RIG)
    for marker, expected in zip(found.rig.markers, RIG.markers, strict=True):
        assert (marker.x_mm, marker.y_mm) == pytest.approx((expected.x_mm, expected.y_mm), abs=0.5)
        assert marker.turn_deg == pytest.approx(0.0, abs=0.2)


def test_a_marker_that_is_never_seen_stays_where_the_rig_says() -> None:
    truth = hung(3)
    views = [
        View(
            view.name, DetectedMarkers({k: c for k, c in view.seen.corners.items() if k != truth.markers[1].id}), PHONE
        )
        for view in views_of(truth, 10)[0]
    ]
    found = survey_rig(views, RIG)
    assert found.rig.markers[1] == RIG.markers[1]
    assert len(found.moved) == 3


def test_photographs_of_a_rig_that_hung_otherwise_are_left_out() -> None:
    moved = RIG.markers[2].model_copy(update={"x_mm": RIG.markers[2].x_mm + 80.0})
    other = RIG.model_copy(update={"markers": (*RIG.markers[:2], moved, RIG.markers[3])})
    odd = [View("odd.jpg", views_of(other, 1, seed=9)[0][0].seen, PHONE)]
    notes: list[str] = []
    found = survey_rig(views_of(hung(1), 12)[0] + odd, RIG, note=notes.append)
    assert found.views == 12
    assert len(notes) == 1
    assert notes[0].startswith("odd.jpg: fits the others only within")


def test_too_few_photographs_are_one_sentence() -> None:
    with pytest.raises(PhysadvError, match="2 photographs show two or more"):
        survey_rig(views_of(RIG, 2)[0], RIG)


def test_from_the_command_line(tmp_path: Path, physadv: Command) -> None:
    phone = Camera(width_px=1200, height_px=900, fx_px=900.0, fy_px=900.0, cx_px=599.5, cy_px=449.5)
    flat, center = sign_board(hung(5, off_mm=6.0), px_per_mm=1.0)
    (tmp_path / "photographs").mkdir()
    for number, yaw in enumerate((-40, -20, 0, 20, 40, 10)):
        turn = np.radians([5.0 - 2 * number, yaw, 2.0])
        picture = photograph(flat, center, 1.0, phone, turn, np.array([20.0, 10.0, 1500.0 + 100 * number]), noise=0.004)
        Image.fromarray(picture).save(tmp_path / "photographs" / f"{number}.png")
    save_rig(RIG, tmp_path / "rig.json")
    save_camera(phone, tmp_path / "camera.json")
    words: list[object] = ["photos", "measure-rig", tmp_path / "photographs", "--camera", tmp_path / "camera.json"]
    words += ["--rig", tmp_path / "rig.json", "--out", tmp_path / "hung.json"]
    code, out, _ = physadv(*words)
    assert code == 0
    assert "marker 0:" in out
    assert "over 6 photographs" in out
    assert beside_each_other(load_rig(tmp_path / "hung.json"), hung(5, off_mm=6.0)) < 2.0
    refused(physadv(*words[:-4], "--rig", tmp_path / "none.json", "--out", tmp_path / "again.json"), "none.json")
