"""Photographs as they come: turned, mirrored, huge, broken, misprinted; what is wrong is said, and the rest is read."""

from __future__ import annotations

import csv
import re
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from cli_kit import Command, refused
from photo_kit import ORIENTED, photograph, sign_board
from PIL import Image

from physadv.core.images import read_image
from physadv.photos.camera import Camera, save_camera
from physadv.photos.finding.clicked_points import COLUMNS, grip_points_mm
from physadv.photos.ingest import ingest
from physadv.photos.pose import describe
from physadv.photos.rig.rig import default_rig, save_rig
from physadv.photos.session import Row, load_session
from physadv.signs import load_sign

PHONE = Camera(width_px=1200, height_px=900, fx_px=1000.0, fy_px=1000.0, cx_px=599.5, cy_px=449.5)
TURN, SHIFT = np.radians([-6.0, 35.0, 2.0]), np.array([150.0, -80.0, 2000.0])
DISTANCE_M, *ANGLES_DEG = describe(np.concatenate([TURN, SHIFT])).tolist()


@pytest.fixture(scope="module")
def shoot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a rig, a camera's file, and one photograph ``good.png``."""
    folder = tmp_path_factory.mktemp("shoot")
    rig = default_rig(load_sign("us/stop"), chart=False)
    save_rig(rig, folder / "rig.json")
    save_camera(PHONE, folder / "camera.json")
    flat, center = sign_board(rig)
    Image.fromarray(photograph(flat, center, 2.0, PHONE, TURN, SHIFT)).save(folder / "good.png")
    return folder


@pytest.fixture(scope="module")
def upright(shoot: Path) -> np.ndarray:
    """The pixels of ``good.png``."""
    return read_image(shoot / "good.png")


@pytest.fixture
def photos(tmp_path: Path, upright: np.ndarray) -> Path:
    """A folder of photographs that holds a good one."""
    (tmp_path / "photos").mkdir()
    Image.fromarray(upright).save(tmp_path / "photos" / "good.png", compress_level=1)
    return tmp_path / "photos"


def given_up(out: Path) -> dict[str, str]:
    with (out / "given_up.csv").open(newline="") as file:
        return {row["file"]: row["why"] for row in csv.DictReader(file)}


def rows_of(out: Path) -> dict[str, Row]:
    return {row.file: row for row in load_session(out)[1]}


def lies_as_taken(row: Row, *, distance_m: float = DISTANCE_M) -> None:
    assert row.distance_m == pytest.approx(distance_m, rel=0.01)
    np.testing.assert_allclose([row.yaw_deg, row.pitch_deg, row.roll_deg], ANGLES_DEG, atol=1.0)


def exif(orientation: int) -> bytes:
    words = Image.Exif()
    words[0x0112] = orientation
    return words.tobytes()


@pytest.mark.parametrize(
    ("suffix", "tags"),
    [pytest.param("jpg", range(1, 9), marks=pytest.mark.slow), ("jpg", (6,)), ("png", (2, 5)), ("heic", (3, 6))],
)
def test_every_orientation_is_turned_upright(
    shoot: Path, tmp_path: Path, upright: np.ndarray, suffix: str, tags: Sequence[int]
) -> None:
    if suffix == "heic":
        pytest.importorskip("pillow_heif").register_heif_opener()
    folder = tmp_path / "photos"
    folder.mkdir()
    for tag in tags:
        picture = Image.fromarray(np.ascontiguousarray(ORIENTED[tag](upright)))
        quick = {"compress_level": 1, "enc_params": {"preset": "ultrafast"}}  # PNG's, HEIC's
        picture.save(folder / f"{tag}.{suffix}", quality=92, exif=exif(tag), **quick)
    made = ingest(folder, tmp_path / "out", rig=shoot / "rig.json", camera=shoot / "camera.json")
    assert (made.found, made.given_up) == (len(tags), ())
    for row in rows_of(tmp_path / "out").values():
        assert (row.how, row.width_px, row.height_px) == ("markers", 1200, 900)
        lies_as_taken(row)


def picture_that_claims(path: Path, width: int, height: int) -> None:
    """A PNG of a few bytes whose header says that it is so large (PNG specification, 11.2.2)."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = zlib.compress(b"\0" * 10_000)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b""))


def test_from_the_command_line_what_cannot_be_used_is_named(
    shoot: Path, photos: Path, tmp_path: Path, upright: np.ndarray, physadv: Command
) -> None:
    Image.fromarray(upright[:, ::-1].copy()).save(photos / "mirrored.png", compress_level=1)
    Image.fromarray(np.concatenate([upright, upright], axis=1)).save(photos / "two.png", compress_level=1)
    Image.fromarray(np.full((900, 1200, 3), 90, np.uint8)).save(photos / "nothing.png")
    Image.fromarray(upright).save(photos / "whole.jpg", quality=95)
    whole = (photos / "whole.jpg").read_bytes()
    (photos / "truncated.jpg").write_bytes(whole[: len(whole) // 2])
    picture_that_claims(photos / "bomb.png", 60_000, 60_000)
    picture_that_claims(photos / "large.png", 13_000, 13_000)
    (photos / "story.mp4").write_text("once upon a time\n" * 500)
    (photos / "notes.txt").write_text("not looked at")
    out = tmp_path / "out"
    code, said, error = physadv("photos", "ingest", photos, "--rig", shoot / "rig.json", "--out", out)
    assert (code, error.strip()) == (0, "")
    assert set(rows_of(out)) == {"good.png", "whole.jpg"}
    expected = {
        "mirrored.png": "mirrored; was it flipped",
        "two.png": "2 such signs are seen",
        "nothing.png": "not found by its outline",
        "truncated.jpg": "not a readable picture",
        "bomb.png": "limit of 120 megapixels",
        "large.png": "13000 x 13000 pixels is more than the limit of 120 megapixels",
        "story.mp4": "not a readable video",
    }
    refusals = given_up(out)
    assert set(refusals) == set(expected)
    page = (out / "overlays" / "index.html").read_text()
    assert page.count('<figure class="lost">') == 3, "those that could be read are shown"
    assert len(list((out / "overlays").glob("*.jpg"))) == 5
    for name, words in expected.items():
        assert words in refusals[name]
        assert name in page
        assert f"skipped: {name}: {refusals[name]}" in said.replace("\n", " ").replace("  ", " ")


@pytest.mark.slow
def test_a_photograph_of_a_hundred_megapixels_is_read(shoot: Path, tmp_path: Path, upright: np.ndarray) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    large = cv2.resize(upright, (11_600, 8_700), interpolation=cv2.INTER_LINEAR)
    Image.fromarray(large).save(folder / "large.jpg", quality=60)
    made = ingest(folder, tmp_path / "out", rig=shoot / "rig.json", camera=shoot / "camera.json")
    assert made.given_up == ()
    row = rows_of(tmp_path / "out")["large.jpg"]
    assert row.width_px == 11_600
    lies_as_taken(row)
    assert max(read_image(tmp_path / "out" / row.crop).shape) <= 1024


def test_pictures_are_read_strip_by_strip_as_they_are(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (1100, 70, 3), dtype=np.uint8)
    for kind in ("RGB", "L", "RGBA", "P", "LA", "1"):
        made = Image.fromarray(pixels).convert(kind)
        made.save(tmp_path / "a.png")
        for mode in ("RGB", "RGBA", "L"):
            np.testing.assert_array_equal(read_image(tmp_path / "a.png", mode=mode), np.asarray(made.convert(mode)))


def written_video(path: Path, upright: np.ndarray, frames: int) -> bytearray:
    """A video whose frames show their number in the corner, as bars."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 10, (1200, 900))
    for number in range(frames):
        frame = upright[..., ::-1].copy()
        frame[860:, : 20 * number] = 255
        writer.write(frame)
    writer.release()
    return bytearray(path.read_bytes())


def test_a_damaged_video_is_read_on_beyond_the_damage(
    shoot: Path, photos: Path, tmp_path: Path, upright: np.ndarray, physadv: Command
) -> None:
    data = written_video(photos / "walk.avi", upright, 40)
    low, high = int(0.4 * len(data)), int(0.5 * len(data))
    data[low:high] = np.random.default_rng(0).integers(0, 256, high - low, dtype=np.uint8).tobytes()
    (photos / "walk.avi").write_bytes(data)
    (photos / "cut.avi").write_bytes(data[:low])
    out = tmp_path / "out"
    words = ["photos", "ingest", photos, "--rig", shoot / "rig.json", "--camera", shoot / "camera.json"]
    assert physadv(*words, "--every", 4, "--out", out)[0] == 0
    rows, refusals = rows_of(out), given_up(out)
    read = sorted(int(name.split("#")[1]) for name in rows if name.startswith("walk.avi"))
    assert read[:4] == [0, 4, 8, 12]
    assert len([number for number in read if number > 20]) >= 3
    assert any("the video is damaged" in why for name, why in refusals.items() if name.startswith("walk.avi#"))
    assert any("the video breaks off after" in why for name, why in refusals.items() if name.startswith("cut.avi#"))
    assert "good.png" in rows
    for row in rows.values():
        lies_as_taken(row)


def clicked() -> np.ndarray:
    grips = np.concatenate([grip_points_mm(load_sign("us/stop")), np.zeros((4, 1))], 1)
    return cv2.projectPoints(grips, TURN, SHIFT, PHONE.matrix, PHONE.coefficients)[0].reshape(-1, 2)


def sidecar(path: Path, points: dict[str, np.ndarray]) -> Path:
    lines = [",".join([name, *(f"{value:.1f}" for value in four.reshape(-1))]) for name, four in points.items()]
    path.write_text("\n".join([",".join(COLUMNS), *lines]))
    return path


def test_points_that_cannot_be_right_are_said_and_the_others_used(
    shoot: Path, photos: Path, tmp_path: Path, upright: np.ndarray, physadv: Command
) -> None:
    flipped = clicked()[[1, 0, 3, 2]]
    flipped[:, 0] = 1199 - flipped[:, 0]
    for name in ("outside", "crossed"):
        Image.fromarray(upright).save(photos / f"{name}.png", compress_level=1)
    Image.fromarray(upright[:, ::-1].copy()).save(photos / "flipped.png", compress_level=1)
    written_video(photos / "walk.avi", upright, 3)
    points = {
        "good.png": clicked(),
        "outside.png": clicked() + np.array([900.0, 0.0]),
        "crossed.png": clicked()[[0, 2, 1, 3]],
        "flipped.png": flipped,
        "walk.avi#0": clicked(),
        "walk.avi#1": clicked(),
    }
    out = tmp_path / "out"
    words = ["photos", "ingest", photos, "--corners", sidecar(tmp_path / "points.csv", points)]
    assert physadv(*words, "--camera", shoot / "camera.json", "--out", out)[0] == 0
    rows, refusals = rows_of(out), given_up(out)
    for name in ("good.png", "walk.avi#0"):
        assert (rows[name].how, rows[name].flags) == ("corners", ())
        lies_as_taken(rows[name])
    assert "outside of the picture of 1200 x 900 px" in refusals["outside.png"]
    assert refusals["outside.png"].startswith(f"{tmp_path / 'points.csv'}: line 3: ")
    assert "line 4: the lines between its points cross" in refusals["crossed.png"]
    assert "frames #0, #15, #30" in refusals["walk.avi#1"]
    assert "looks mirrored" in rows["flipped.png"].flags[0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("file,left,top\ngood.png,1,2\n", "its columns are file, left, top; they should be file,x1,y1"),
        (",".join(COLUMNS) + "\nother.png,1,2,3,4,5,6,7,8\n", "'other.png', which is not a file in"),
        (",".join(COLUMNS) + "\ngood.png,1,2,3,4,5,6,7\n", "line 2: is cut: it has 8 values"),
        (",".join(COLUMNS) + "\ngood.png,1,2,3,4,5,6,7\0,8\n", "line 2: holds a zero byte"),
        (",".join(COLUMNS) + "\n,1,2,3,4,5,6,7,8\n", "line 2: has no file name"),
    ],
)
def test_a_wrong_sidecar_is_refused_before_anything_is_written(
    photos: Path, tmp_path: Path, physadv: Command, text: str, words: str
) -> None:
    (tmp_path / "points.csv").write_text(text)
    result = physadv("photos", "ingest", photos, "--corners", tmp_path / "points.csv", "--out", tmp_path / "out")
    refused(result, "points.csv", words)
    assert not (tmp_path / "out").exists()


def test_markers_printed_at_97_percent_are_flagged_and_corrected_by_the_bar(
    shoot: Path, tmp_path: Path, physadv: Command
) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    flat, center = sign_board(default_rig(load_sign("us/stop"), chart=False).scaled(0.97))
    photo = photograph(flat, center, 2.0, PHONE, TURN, SHIFT)
    Image.fromarray(photo).save(folder / "shrunk.png", compress_level=1)
    words = ["photos", "ingest", folder, "--rig", shoot / "rig.json", "--camera", shoot / "camera.json"]
    assert "1 of them doubtful" in physadv(*words, "--out", tmp_path / "plain")[1]
    plain = rows_of(tmp_path / "plain")["shrunk.png"]
    assert any(re.search(r"printed at 9[678](?:\.\d)? %.*--bar-mm", flag) for flag in plain.flags)
    assert "0 of them doubtful" in physadv(*words, "--bar-mm", 97, "--out", tmp_path / "told")[1]
    told = rows_of(tmp_path / "told")["shrunk.png"]
    assert told.flags == ()
    assert told.error_px < 0.5 * plain.error_px
    lies_as_taken(told)
    refused(physadv(*words, "--bar-mm", 70, "--out", tmp_path / "none"), "--bar-mm 70", "print again at 100 %")
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("distance_m", [1.5, 3.5, 5.0])
def test_markers_printed_at_100_percent_are_not_flagged(shoot: Path, tmp_path: Path, distance_m: float) -> None:
    flat, center = sign_board(default_rig(load_sign("us/stop"), chart=False))
    photo = photograph(flat, center, 2.0, PHONE, np.zeros(3), np.array([0.0, 0.0, distance_m * 1000.0]))
    (tmp_path / "photos").mkdir()
    Image.fromarray(photo).save(tmp_path / "photos" / "far.png", compress_level=1)
    ingest(tmp_path / "photos", tmp_path / "out", rig=shoot / "rig.json", camera=shoot / "camera.json")
    row = rows_of(tmp_path / "out")["far.png"]
    assert row.how == "markers"
    assert not [flag for flag in row.flags if "printed at" in flag]


def test_markers_of_two_rigs_are_no_pose(shoot: Path, tmp_path: Path) -> None:
    """Half of one rig and half of another, further away: between them there is no sign."""
    rig = default_rig(load_sign("us/stop"), chart=False)
    joined = np.full((900, 2400, 3), 115, np.uint8)
    for place, (ids, distance_m) in enumerate((((0, 1), 1.6), ((2, 3), 3.2))):
        some = rig.model_copy(update={"markers": tuple(marker for marker in rig.markers if marker.id in ids)})
        flat, center = sign_board(some)
        shown = photograph(flat, center, 2.0, PHONE, np.zeros(3), np.array([0.0, 0.0, distance_m * 1000.0]))
        joined[:, place * 1200 : (place + 1) * 1200] = shown
    (tmp_path / "photos").mkdir()
    Image.fromarray(joined).save(tmp_path / "photos" / "two.png", compress_level=1)
    made = ingest(tmp_path / "photos", tmp_path / "out", rig=shoot / "rig.json")
    assert made.found == 0
    assert "the markers fit the rig only within" in dict(made.given_up)["two.png"]
