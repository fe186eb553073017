"""Points that people click: right, or one sentence with file and line; one bad row ends nothing."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from photo_kit import photograph, sign_board
from PIL import Image

from physadv.core.errors import CannotWrite, PhysadvError
from physadv.photos import ingest as module
from physadv.photos.camera import Camera, save_camera
from physadv.photos.finding.clicked_points import COLUMNS, clockwise, grip_points_mm, read_sidecar
from physadv.photos.finding.find_sign import find_sign
from physadv.photos.ingest import ingest
from physadv.photos.pose import describe, solve_pose
from physadv.photos.rig.rig import default_rig
from physadv.photos.session import load_session
from physadv.signs import load_sign, sign_names

PHONE = Camera(width_px=1200, height_px=900, fx_px=1000.0, fy_px=1000.0, cx_px=599.5, cy_px=449.5)
POSE = np.array([0.1, -0.3, 0.02, 60.0, -40.0, 2500.0])


def seen(sign: str, pose: npt.NDArray[np.float64] = POSE) -> npt.NDArray[np.float64]:
    grips = np.concatenate([grip_points_mm(load_sign(sign)), np.zeros((4, 1))], 1)
    return cv2.projectPoints(grips, pose[:3], pose[3:], PHONE.matrix, PHONE.coefficients)[0].reshape(-1, 2)


@pytest.mark.parametrize("name", sign_names())
@pytest.mark.parametrize("anticlockwise", [False, True])
def test_every_signs_points_give_its_pose_whichever_way_they_go_around(name: str, anticlockwise: bool) -> None:
    """Triangles as well: three of their four points lie in a line, and fix no homography."""
    rng = np.random.default_rng(7)
    for _ in range(5):
        turn, shift = (
            rng.uniform([-0.3, -0.6, -0.1], [0.3, 0.6, 0.1]),
            rng.uniform([-200, -200, 1500], [200, 200, 6000]),
        )
        pose = np.concatenate([turn, shift])
        points = seen(name, pose)
        found = solve_pose(
            grip_points_mm(load_sign(name)), clockwise(points[[0, 3, 2, 1]] if anticlockwise else points), PHONE
        )
        told = [found.distance_m, found.yaw_deg, found.pitch_deg, found.roll_deg]
        np.testing.assert_allclose(told, describe(pose), rtol=1e-4, atol=0.01)


@pytest.mark.parametrize(
    ("points", "words"),
    [
        ([(5, 5)] * 4, "points 1 and 2 are in the same place"),
        ([(10, 10), (200, 10), (200, 200), (10, 10.5)], "points 1 and 4 are in the same place"),
        ([(10, 10), (100, 100), (200, 200), (300, 301)], "its four points are in a line"),
        ([(10, 10), (200, 10), (10, 200), (200, 200)], "the lines between its points cross"),
        ([(10, 10), (200, 200), (200, 10), (10, 200)], "the lines between its points cross"),
    ],
)
def test_points_that_fix_nothing_are_said(points: list[tuple[float, float]], words: str) -> None:
    with pytest.raises(PhysadvError, match=words):
        clockwise(np.array(points, float))


@settings(max_examples=60, derandomize=True, deadline=None)
@given(st.lists(st.tuples(*[st.floats(-1e4, 1e4) | st.sampled_from([0.0, 100.0, 599.0])] * 2), min_size=4, max_size=4))
def test_any_four_points_are_a_find_or_one_sentence(points: list[tuple[float, float]]) -> None:
    picture = np.full((900, 1200, 3), 120, np.uint8)
    for name in ("us/stop", "us/yield"):
        try:
            found, _ = find_sign(picture, load_sign(name), PHONE, points=clockwise(np.array(points)))
        except PhysadvError as error:
            assert "\n" not in str(error)  # noqa: PT017 - most such points are refused, and may be in any sentence
            continue
        assert np.isfinite([found.pose.distance_m, found.pose.yaw_deg, *found.outline_px.flat]).all()
        assert found.pose.distance_m > 0


@pytest.fixture(scope="module")
def shot() -> npt.NDArray[np.uint8]:
    flat, center = sign_board(default_rig(load_sign("us/stop"), chart=False))
    return photograph(flat, center, 2.0, PHONE, POSE[:3], POSE[3:])


def test_one_bad_row_ends_nothing(shot: npt.NDArray[np.uint8], tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    rows = {
        "clockwise": seen("us/stop"),
        "other": seen("us/stop")[[0, 3, 2, 1]],
        "begins": seen("us/stop")[[1, 2, 3, 0]],
        "equal": np.full((4, 2), 300.0),
        "line": np.array([[10.0, 10.0], [100.0, 100.0], [200.0, 200.0], [300.0, 300.0]]),
        "crossed": seen("us/stop")[[0, 2, 1, 3]],
        "nan": np.where(np.eye(4, 2) > 0, np.nan, seen("us/stop")),
        "outside": seen("us/stop") + 5000.0,
    }
    lines = [";".join(name.upper() for name in COLUMNS)]
    for name, points in rows.items():
        Image.fromarray(shot).save(folder / f"{name}.png", compress_level=1)
        lines.append(";".join([f".\\{name}.png", *(f"{value:.2f}".replace(".", ",") for value in points.flat)]))
    table = tmp_path / "points.csv"
    table.write_bytes("\r\n".join([*lines, ""]).encode("utf-16"))
    save_camera(PHONE, tmp_path / "camera.json")
    made = ingest(folder, tmp_path / "out", corners=table, camera=tmp_path / "camera.json")
    found = {row.file: row for row in load_session(tmp_path / "out")[1]}
    assert set(found) == {"clockwise.png", "other.png"}
    for row in found.values():
        assert (row.how, row.flags) == ("corners", ())
        np.testing.assert_allclose(
            [row.distance_m, row.yaw_deg, row.pitch_deg, row.roll_deg], describe(POSE), rtol=2e-3, atol=0.3
        )
    why = dict(made.given_up)
    for number, (name, words) in enumerate(
        {
            "begins": "the four points fit the sign only within",
            "equal": "points 1 and 2 are in the same place",
            "line": "its four points are in a line",
            "crossed": "the lines between its points cross",
            "nan": "x1 = 'nan': should be a number",
            "outside": "its points lie outside of the picture of 1200 x 900 px",
        }.items()
    ):
        assert why[f"{name}.png"].startswith(f"{table}: line {number + 4}: {words}")


def test_a_disc_whose_points_begin_elsewhere_is_doubtful() -> None:
    """Nothing but its artwork says which of a disc's four points is its top."""
    picture, sign = np.full((900, 1200, 3), 120, np.uint8), load_sign("de/no-entry")
    right, _ = find_sign(picture, sign, PHONE, points=seen("de/no-entry"))
    turned, _ = find_sign(picture, sign, PHONE, points=seen("de/no-entry")[[1, 2, 3, 0]])
    assert right.flags == ()
    assert "is the first point the one that it should be?" in turned.flags[-1]


def test_a_row_is_read_however_a_spreadsheet_writes_it(tmp_path: Path) -> None:
    table = tmp_path / "points.csv"
    table.write_text(
        "Note\tFILE\tX1\ty1\tx2\ty2\tx3\ty3\tx4\ty4\nok\tclean\\ä.jpg\t1\t1\t50\t1\t50\t60,5\t1\t60\n", "cp1252"
    )
    ((name, clicked),) = read_sidecar(table).items()
    assert name == "clean/ä.jpg"
    assert clicked.points is not None
    assert clicked.points.tolist() == [[1, 1], [50, 1], [50, 60.5], [1, 60]]


def test_an_odd_failure_of_one_photograph_ends_nothing_but_a_full_disk_does(
    shot: npt.NDArray[np.uint8], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in "ab":
        Image.fromarray(shot).save(folder / f"{name}.png", compress_level=1)
    real = module.find_sign
    failing: list[Exception] = [
        cv2.error("(-215) odd"),
        np.linalg.LinAlgError("SVD did not converge"),
        ZeroDivisionError(),
    ]

    def sometimes(*args: object, **options: object) -> object:
        if failing:
            raise failing.pop()
        return real(*args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "find_sign", sometimes)
    assert ingest(folder, tmp_path / "one").found == 0
    made = ingest(folder, tmp_path / "two")
    assert made.found == 1
    assert made.given_up == (("a.png", "it cannot be measured (error: (-215) odd)"),)
    failing.append(CannotWrite("the disk is full"))
    with pytest.raises(CannotWrite):
        ingest(folder, tmp_path / "three")
    assert not (tmp_path / "three" / "photos.parquet").exists()
    assert not (tmp_path / "three" / "session.json").exists()
