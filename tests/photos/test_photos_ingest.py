"""From photographs to a session and a calibration, as a user goes: files, mistakes, resumption."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest
from cli_kit import Command, refused
from photo_kit import chart_sheet, photograph, sign_board
from PIL import Image

from physadv.core.errors import PhysadvError
from physadv.evaluation.photographs.figures import flags
from physadv.photos import ingest as module
from physadv.photos.camera import Camera, camera_from_focal, save_camera
from physadv.photos.finding.clicked_points import COLUMNS, grip_points_mm, read_sidecar
from physadv.photos.finding.detector import Detection, Detector
from physadv.photos.finding.find_sign import find_sign
from physadv.photos.finding.outline import TRUSTED
from physadv.photos.ingest import ingest, subject_of
from physadv.photos.pose import describe
from physadv.photos.rig.rig import Rig, default_rig, save_rig
from physadv.photos.session import counted, load_session, read_crop
from physadv.signs import load_sign, sign_names

PHONE = Camera(width_px=1200, height_px=900, fx_px=1000.0, fy_px=1000.0, cx_px=603.0, cy_px=448.0)
POSES = ((1.2, 0.0, 0.0), (2.0, 35.0, -6.0), (3.0, -20.0, 4.0))


def printer(sent: np.ndarray) -> np.ndarray:
    """What the chart's colors look like on paper under a neutral light, sRGB-encoded."""
    return np.clip(0.08 + 0.8 * (0.75 * sent + 0.25 * sent.mean(1, keepdims=True)) ** 1.15, 0, 1)


def pasted(photo: np.ndarray, rig: Rig, number: int) -> np.ndarray:
    """The photograph with another one of the chart in its corner, as if it hung beside the sign."""
    assert rig.chart is not None
    flat, center = chart_sheet(rig.chart, printer(np.array(rig.chart.colors)), printer(np.ones((1, 3)))[0])
    lens = Camera(width_px=420, height_px=420, fx_px=600.0, fy_px=600.0, cx_px=209.5, cy_px=209.5)
    turn = np.radians([3.0 * number, -4.0, 1.0])
    shown = photograph(flat, center, 8.0, lens, turn, np.array([0.0, 0.0, 420.0]), noise=0.004, seed=number)
    joined = photo.copy()
    joined[-420:, :420] = shown * (0.95 - 0.1 * number)
    return joined


@pytest.fixture(scope="module")
def shoot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with three photographs of a board, its rig and camera beside it, and the poses."""
    folder = tmp_path_factory.mktemp("shoot")
    rig = default_rig(load_sign("us/stop"))
    save_rig(rig, folder / "rig.json")
    save_camera(PHONE, folder / "camera.json")
    flat, center = sign_board(rig)
    (folder / "photos" / "clean").mkdir(parents=True)
    truth = {}
    for number, (distance, yaw, pitch) in enumerate(POSES):
        turn, shift = np.radians([pitch, yaw, 2.0]), np.array([150.0, -80.0, distance * 1000.0])
        photo = pasted(photograph(flat, center, 2.0, PHONE, turn, shift, seed=number), rig, number)
        exif = Image.Exif()
        ifd = exif.get_ifd(0x8769)
        ifd[0x9003], ifd[0x829A], ifd[0x829D], ifd[0x8827] = "2026:05:04 10:00:00", 0.005, 2.0, 100
        ifd[0xA405] = 36
        Image.fromarray(photo).save(folder / "photos" / "clean" / f"{number}.jpg", quality=96, exif=exif)
        truth[f"clean/{number}.jpg"] = describe(np.concatenate([turn, shift])).tolist()
    (folder / "truth.json").write_text(json.dumps(truth))
    return folder


def test_a_session_holds_poses_light_and_crops(shoot: Path, tmp_path: Path) -> None:
    made = ingest(shoot / "photos", tmp_path / "out", rig=shoot / "rig.json", camera=shoot / "camera.json")
    assert (made.found, made.given_up) == (3, ())
    session, rows = load_session(tmp_path / "out")
    assert session.sign == "us/stop"
    truth = json.loads((shoot / "truth.json").read_text())
    for row in rows:
        distance, yaw, pitch, roll = truth[row.file]
        assert row.distance_m == pytest.approx(distance, rel=0.01)
        np.testing.assert_allclose([row.yaw_deg, row.pitch_deg, row.roll_deg], [yaw, pitch, roll], atol=1.0)
        assert (row.how, row.subject, row.taken[:10]) == ("markers", "clean", "2026-05-04")
        assert row.confidence > 0.9
        assert row.ev100 == pytest.approx(np.log2(4 / 0.005))
        assert abs(row.exposure_ev) < 0.5
        assert 5000 < row.temperature_k < 8500
        crop = read_crop(tmp_path / "out", row)
        left, top = round(row.box_left), round(row.box_top)
        face = crop[top : top + round(row.box_height), left : left + round(row.box_width)]
        red = (face[..., 0] > 120) & (face[..., 1] < 80)
        assert red.mean() > 0.35
        assert (tmp_path / "out" / "overlays" / (Path(row.crop).stem + ".jpg")).exists()
    page = (tmp_path / "out" / "overlays" / "index.html").read_text()
    assert page.count("<figure") == 3


def test_from_the_command_line_to_a_calibration(shoot: Path, tmp_path: Path, physadv: Command) -> None:
    out = tmp_path / "out"
    code, said, _ = physadv("photos", "ingest", shoot / "photos", "--rig", shoot / "rig.json", "--out", out)
    assert (code, "the sign in 3 of 3 photographs, 0 of them doubtful" in said) == (0, True)
    code, said, _ = physadv("calibrate", out, "--name", "office laser", "--out", tmp_path / "press.json")
    assert (code, "DE2000" in said) == (0, True)
    made = json.loads((tmp_path / "press.json").read_text())
    errors = made["measured"]["delta_e_2000"]
    assert errors["held_out"]["mean"] < 3.0 < errors["held_out_before"]["mean"]
    assert made["name"] == "office laser"
    refused(physadv("calibrate", shoot, "--out", tmp_path / "none.json"), "not a session")
    assert not (tmp_path / "none.json").exists()


def test_exif_gives_the_focal_length_and_its_doubt(shoot: Path, tmp_path: Path) -> None:
    ingest(shoot / "photos", tmp_path / "out", rig=shoot / "rig.json")
    _, rows = load_session(tmp_path / "out")
    focal = camera_from_focal(1200, 900, 36.0).fx_px
    for row in rows:
        assert (row.focal_source, row.focal_px) == ("exif", pytest.approx(focal))
        assert row.distance_sd_m >= 0.028 * row.distance_m


def bad_files(folder: Path) -> None:
    whole = (folder / "clean" / "0.jpg").read_bytes()
    (folder / "truncated.jpg").write_bytes(whole[: len(whole) // 3])
    (folder / "text.jpg").write_text("not a picture")
    Image.fromarray(np.full((400, 600, 3), 90, np.uint8)).save(folder / "nothing.png")
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(folder / "tiny.png")
    Image.new("L", (15_000, 12_000)).save(folder / "bomb.png")
    (folder / "broken.mp4").write_bytes(b"\0" * 4000)


def test_what_cannot_be_used_is_named_and_the_rest_goes_on(shoot: Path, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    (folder / "clean").mkdir(parents=True)
    (folder / "clean" / "0.jpg").write_bytes((shoot / "photos" / "clean" / "0.jpg").read_bytes())
    bad_files(folder)
    made = ingest(folder, tmp_path / "out", rig=shoot / "rig.json")
    assert (made.found, made.missed, made.unread) == (1, 1, 5)
    with (tmp_path / "out" / "given_up.csv").open(newline="") as file:
        given_up = {row["file"]: row["why"] for row in csv.DictReader(file)}
    expected = {
        "truncated.jpg": "not a readable picture",
        "text.jpg": "not a readable picture",
        "nothing.png": "not found by its outline",
        "tiny.png": "too small",
        "bomb.png": "more than the limit",
        "broken.mp4": "not a readable video",
    }
    assert set(given_up) == set(expected)
    for name, words in expected.items():
        assert words in given_up[name]


def test_what_cannot_be_read_is_no_photograph_without_the_sign(shoot: Path, tmp_path: Path, physadv: Command) -> None:
    folder = tmp_path / "photos"
    (folder / "clean").mkdir(parents=True)
    (folder / "text.jpg").write_text("not a picture")
    code, _, error = physadv("photos", "ingest", folder, "--out", tmp_path / "none")
    assert (code, error.strip().splitlines()[-1]) == (2, f"error: {folder}: nothing can be read")
    (folder / "clean" / "0.jpg").write_bytes((shoot / "photos" / "clean" / "0.jpg").read_bytes())
    words = ("photos", "ingest", folder, "--rig", shoot / "rig.json", "--out", tmp_path / "out")
    for _ in range(2):  # the second time it is known
        code, said, _ = physadv(*words)
        assert (code, said.splitlines()[0]) == (
            0,
            f"{tmp_path / 'out'}: the sign in 1 of 1 photographs, 0 of them doubtful; 1 cannot be read",
        )


@pytest.mark.slow
def test_paint_alone_makes_no_find_doubtful_and_doubts_are_told_with_their_counts(
    shoot: Path, tmp_path: Path, physadv: Command
) -> None:
    """Where the contour is seen, paint explains why the artwork agrees only a little; on a clean sign nothing does."""
    flat, center = sign_board(default_rig(load_sign("us/stop"), chart=False).model_copy(update={"markers": ()}))
    left, top = np.round(center).astype(int) - 440
    colors = ((0.2, 0.4, 0.9), (0.95, 0.9, 0.2), (0.1, 0.1, 0.1))
    for column, row in np.ndindex(4, 3):
        place = slice(top + 293 * row, top + 293 * (row + 1)), slice(left + 220 * column, left + 220 * (column + 1))
        flat[place] = colors[(column + row) % 3]
    for number, distance in enumerate((1.8, 2.4)):
        photo = photograph(flat, center, 2.0, PHONE, np.radians([0.0, 10.0, 1.0]), np.array([0, 0, distance * 1000.0]))
        for kind in ("clean", "sprayed"):
            (tmp_path / "photos" / kind).mkdir(parents=True, exist_ok=True)
            Image.fromarray(photo).save(tmp_path / "photos" / kind / f"{number}.png", compress_level=1)
    code, said, _ = physadv(
        "photos", "ingest", tmp_path / "photos", "--camera", shoot / "camera.json", "--out", tmp_path / "out"
    )
    assert (code, "the sign in 4 of 4 photographs, 2 of them doubtful" in said) == (0, True), said
    _, rows = load_session(tmp_path / "out")
    assert {row.subject: bool(row.flags) for row in rows} == {"clean": True, "unknown": False}
    (line,) = [line for line in said.splitlines() if line.startswith("doubtful in ")]
    assert line.startswith("doubtful in 2: ")
    (told,) = [flag for flag in flags(rows, []) if flag.startswith("doubtful in ")]
    assert told == f"doubtful in 2 of 4 photographs: {line.removeprefix('doubtful in 2: ')}"


def test_remarks_that_differ_in_numbers_are_counted_as_one() -> None:
    remarks = [
        "agree to 45 % at 100 mm",
        "cut off",
        "agree to 59 % at 100 mm",
        "agree to 50 % at 100 mm",
        "turned by -50°",
    ]
    assert counted(remarks) == [("agree to 45 % to 59 % at 100 mm", 3), ("cut off", 1), ("turned by -50°", 1)]
    assert counted([]) == []


def test_a_photograph_on_its_side_is_turned_as_exif_says(shoot: Path, tmp_path: Path) -> None:
    photo = Image.open(shoot / "photos" / "clean" / "1.jpg")
    folder = tmp_path / "photos"
    folder.mkdir()
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned a quarter clockwise
    photo.rotate(90, expand=True).save(folder / "turned.jpg", quality=96, exif=exif)
    ingest(folder, tmp_path / "out", rig=shoot / "rig.json", camera=shoot / "camera.json")
    _, (row,) = load_session(tmp_path / "out")
    truth = json.loads((shoot / "truth.json").read_text())["clean/1.jpg"]
    assert row.distance_m == pytest.approx(truth[0], rel=0.01)
    assert row.roll_deg == pytest.approx(truth[3], abs=1.0)


def test_a_video_gives_every_nth_frame(shoot: Path, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    frame = cv2.imread(str(shoot / "photos" / "clean" / "0.jpg"))
    writer = cv2.VideoWriter(str(folder / "walk.avi"), cv2.VideoWriter_fourcc(*"MJPG"), 10, (1200, 900))
    for _ in range(7):
        writer.write(frame)
    writer.release()
    made = ingest(folder, tmp_path / "out", rig=shoot / "rig.json", every=3)
    _, rows = load_session(tmp_path / "out")
    assert made.found == 3
    assert [row.file for row in rows] == ["walk.avi#0", "walk.avi#3", "walk.avi#6"]


def test_a_stopped_session_goes_on_where_it_was(shoot: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    whole = module.read_file

    def counted(path: Path, *args: object, **options: object) -> object:
        if len(read) == 2:
            raise KeyboardInterrupt
        read.append(path.name)
        return whole(path, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "read_file", counted)
    with pytest.raises(KeyboardInterrupt):
        ingest(shoot / "photos", tmp_path / "out", rig=shoot / "rig.json")
    with pytest.raises(PhysadvError, match="not all read"):
        load_session(tmp_path / "out")
    with pytest.raises(PhysadvError, match="holds other results"):
        ingest(shoot / "photos", tmp_path / "out", rig=shoot / "rig.json", bar_mm=99.0)
    read.clear()
    assert ingest(shoot / "photos", tmp_path / "out", rig=shoot / "rig.json").found == 3
    assert read == ["2.jpg"]


def clicked(shoot: Path, name: str) -> np.ndarray:
    distance, yaw, pitch = POSES[int(name[0])]
    grips = np.concatenate([grip_points_mm(load_sign("us/stop")), np.zeros((4, 1))], 1)
    turn, shift = np.radians([pitch, yaw, 2.0]), np.array([150.0, -80.0, distance * 1000.0])
    return cv2.projectPoints(grips, turn, shift, PHONE.matrix, PHONE.coefficients)[0].reshape(-1, 2)


def test_points_that_a_person_clicks_do_for_markers(shoot: Path, tmp_path: Path) -> None:
    lines = [",".join(COLUMNS)]
    for number in range(3):
        points = clicked(shoot, f"{number}") + np.random.default_rng(number).normal(0, 1.0, (4, 2))
        lines.append(",".join([f"clean/{number}.jpg", *(f"{value:.1f}" for value in points.reshape(-1))]))
    (tmp_path / "points.csv").write_text("\n".join(lines))
    ingest(shoot / "photos", tmp_path / "out", corners=tmp_path / "points.csv", camera=shoot / "camera.json")
    truth = json.loads((shoot / "truth.json").read_text())
    for row in load_session(tmp_path / "out")[1]:
        assert row.how == "corners"
        assert row.distance_m == pytest.approx(truth[row.file][0], rel=0.03)
        assert row.yaw_deg == pytest.approx(truth[row.file][1], abs=5.0)


def test_without_markers_the_outline_does(shoot: Path, tmp_path: Path) -> None:
    made = ingest(shoot / "photos", tmp_path / "out", camera=shoot / "camera.json")
    assert made.found == 3
    truth = json.loads((shoot / "truth.json").read_text())
    for row in load_session(tmp_path / "out")[1]:
        distance, yaw, pitch, _ = truth[row.file]
        assert row.how == "outline"
        assert row.distance_m == pytest.approx(distance, rel=0.05)
        np.testing.assert_allclose([row.yaw_deg, row.pitch_deg], [yaw, pitch], atol=5.0)


@pytest.mark.slow
def test_without_exif_the_find_is_sure_and_the_distance_not_known(
    shoot: Path, tmp_path: Path, physadv: Command
) -> None:
    for number in range(3):
        with Image.open(shoot / "photos" / "clean" / f"{number}.jpg") as photo:
            (tmp_path / "photos").mkdir(exist_ok=True)
            Image.fromarray(np.asarray(photo)).save(tmp_path / "photos" / f"{number}.png", compress_level=1)
    (tmp_path / "photos" / "empty.txt").write_text("")
    Image.new("RGB", (300, 200), (90, 90, 90)).save(tmp_path / "photos" / "none.png")
    code, said, _ = physadv("photos", "ingest", tmp_path / "photos", "--out", tmp_path / "out")
    assert code == 0
    assert "the sign in 3 of 4 photographs, 0 of them doubtful" in said
    assert "in 3: no focal length is known (EXIF has none, no --camera is given): the distance is not known" in said
    truth = json.loads((shoot / "truth.json").read_text())
    for row in load_session(tmp_path / "out")[1]:
        _, yaw, pitch, _ = truth[f"clean/{Path(row.file).stem}.jpg"]
        assert (row.flags, len(row.rough)) == ((), 1)
        assert row.focal_source == "assumed"
        assert np.isnan([row.distance_m, row.distance_sd_m]).all()
        assert abs(row.yaw_deg - yaw) < 3.0 * row.yaw_sd_deg
        assert abs(row.pitch_deg - pitch) < 3.0 * row.pitch_sd_deg
    page = (tmp_path / "out" / "overlays" / "index.html").read_text()
    assert page.count("the box is sure; no focal length is known") == 3
    assert page.count("distance not known") == 3
    assert " m, " not in page
    table = pq.read_table(tmp_path / "out" / "photos.parquet")
    assert np.isnan(table.column("distance_m").to_numpy()).all()
    assert "doubtful:" not in page


class Boxes(Detector):
    """A detector that sees what it is told."""

    def __init__(self, *boxes: Detection) -> None:
        self.boxes = list(boxes)

    def detect(self, pixels: np.ndarray) -> list[Detection]:
        return self.boxes


def test_a_detectors_box_is_a_doubtful_find_and_no_box_is_none() -> None:
    gray = np.full((300, 400, 3), 120, np.uint8)
    camera, sign = camera_from_focal(400, 300, 30.0), load_sign("us/stop")
    with pytest.raises(PhysadvError, match="not found"):
        find_sign(gray, sign, camera, detector=Boxes())
    found, _ = find_sign(gray, sign, camera, detector=Boxes(Detection((100.0, 80.0, 180.0, 160.0), 0.9)))
    assert found.how == "detector"
    assert found.confidence < TRUSTED
    assert any("only the detector's box" in flag for flag in found.flags)
    expected = camera.fx_px * sign.width_mm / 80.0 / 1000.0
    assert found.pose.distance_m == pytest.approx(expected, rel=0.03)


def test_mirrored_photographs_and_two_signs_are_given_up(shoot: Path, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    photo = np.asarray(Image.open(shoot / "photos" / "clean" / "1.jpg"))
    Image.fromarray(photo[:, ::-1].copy()).save(folder / "mirrored.png")
    Image.fromarray(np.concatenate([photo, photo], axis=1)).save(folder / "two.png")
    made = ingest(folder, tmp_path / "out")
    why = dict(made.given_up)
    assert "mirrored" in why["mirrored.png"]
    assert "2 such signs" in why["two.png"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("file,x,y\n", "its columns are file, x, y; they should be file,x1"),
        (",".join(COLUMNS) + "\na.jpg,1,2,3\n", "line 2"),
        (",".join(COLUMNS) + "\na.jpg,1,2,3,4,5,6,7,8\na.jpg,1,2,3,4,5,6,7,8\n", "twice"),
        ("", "none"),
    ],
)
def test_a_wrong_sidecar_is_one_sentence(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "points.csv").write_text(text)
    with pytest.raises(PhysadvError, match=words.replace("(", r"\(")):
        read_sidecar(tmp_path / "points.csv")


@pytest.mark.parametrize("name", sign_names())
def test_the_four_points_lie_on_the_outline_and_fix_a_pose(name: str) -> None:
    sign = load_sign(name)
    grips = grip_points_mm(sign)
    spread = np.linalg.svd(grips - grips.mean(0), compute_uv=False)
    assert spread[1] > 0.2 * spread[0]
    around = grips - grips.mean(0)
    turns = np.diff(np.unwrap(np.arctan2(around[:, 1], around[:, 0])))
    assert (turns > 0).all()
    outline = np.array(sign.outline_mm, np.float32)
    for x, y in grips:
        assert abs(cv2.pointPolygonTest(outline, (float(x), float(y)), True)) < 0.06 * sign.extent_mm


def mistakes(shoot: Path, tmp_path: Path) -> list[tuple[dict[str, object], str]]:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").write_text("")
    (tmp_path / "points.csv").write_text(",".join(COLUMNS) + "\nother.jpg,1,2,3,4,5,6,7,8\n")
    return [
        ({"photographs": tmp_path / "nowhere"}, "no such folder"),
        ({"every": 0}, "every"),
        ({"sign": "de/stop"}, "is the rig of sign us/stop"),
        ({"bar_mm": 70.0}, "without fitting to the page"),
        ({"out": tmp_path / "full"}, "holds x, which physadv photos ingest did not write"),
        ({"corners": tmp_path / "points.csv"}, "not a file in"),
        ({"sign": "de/stop", "patch": "nothing"}, "no patch there"),
    ]


@pytest.mark.parametrize("number", range(7))
def test_mistakes_are_one_sentence_and_leave_nothing(shoot: Path, tmp_path: Path, number: int) -> None:
    change, words = mistakes(shoot, tmp_path)[number]
    options: dict[str, object] = {"photographs": shoot / "photos", "out": tmp_path / "out", "rig": shoot / "rig.json"}
    asked: Callable[..., object] = ingest
    with pytest.raises(PhysadvError, match=words):
        asked(**{**options, **change})
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("name", "patch", "expected"),
    [
        ("a.jpg", None, ("unknown", "")),
        ("clean/a.jpg", None, ("clean", "")),
        ("a.jpg", "bars", ("patch", "bars")),
        ("gray/a.jpg", "bars", ("gray", "bars")),
        ("bars/Random/a.jpg", None, ("random", "bars")),
        ("bars/a.jpg", None, ("unknown", "bars")),
        ("gray/a.jpg", None, ("gray", "")),
    ],
)
def test_what_a_photograph_shows_is_its_folders_name(name: str, patch: str | None, expected: tuple[str, str]) -> None:
    assert subject_of(name, patch) == expected


@pytest.mark.parametrize(("around", "expected"), [("Clean", "clean"), ("gray", "gray"), ("shoot", "unknown")])
def test_the_folder_of_all_photographs_counts_if_it_is_a_controls(around: str, expected: str) -> None:
    assert subject_of("day1/a.jpg", None, around=around) == (expected, "day1")


def test_clean_photographs_may_come_from_another_folder(shoot: Path, tmp_path: Path, physadv: Command) -> None:
    """Photographs of a painted sign, its paint not known, and a folder of the clean one as the control."""
    painted, clean = tmp_path / "painted", tmp_path / "bare"
    painted.mkdir()
    clean.mkdir()
    for number, folder in enumerate((painted, painted, clean)):
        shutil.copy(shoot / "photos" / "clean" / f"{number}.jpg", folder / f"{number}.jpg")
    rig = ["--rig", shoot / "rig.json", "--camera", shoot / "camera.json"]
    code, said, _ = physadv("photos", "ingest", painted, "--clean", clean, *rig, "--out", tmp_path / "out")
    assert code == 0
    assert "1 show the clean sign, 2 may show paint that is not known" in said
    assert "name the patch with --patch" in said
    session, rows = load_session(tmp_path / "out")
    assert session.clean == str(clean)
    assert {row.file: row.subject for row in rows} == {"0.jpg": "unknown", "1.jpg": "unknown", "clean/2.jpg": "clean"}
    made = ingest(painted, tmp_path / "all", clean=painted, rig=shoot / "rig.json")
    assert dict(made.shown) == {"clean": 2}
    (painted / "clean").mkdir()
    shutil.copy(painted / "0.jpg", painted / "clean" / "2.jpg")
    with pytest.raises(PhysadvError, match=r"--clean .*: clean/2\.jpg is in .* too; rename one"):
        ingest(painted, tmp_path / "twice", clean=clean)
