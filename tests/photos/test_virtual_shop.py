"""The loop of print, photograph, score and calibrate, through a shop and a car park that share no code with it."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import resvg_py
from hypothesis import given, settings
from hypothesis import strategies as st
from virtual_shop import hands, phone, place
from virtual_shop.press import Press, linear_of_lab

from physadv.evaluation.photographs.score import evaluate_photographs
from physadv.patches import find_bundle, load_patch, save_calibration
from physadv.photos.calibrate import calibrate
from physadv.photos.camera import Camera, save_camera
from physadv.photos.ingest import ingest
from physadv.photos.pose import describe
from physadv.photos.session import load_session
from physadv.printing.rig_sheets import print_rig
from physadv.printing.sheets import SheetOptions, print_patch
from physadv.signs import load_sign

PATCH = "de-stop-bars"
SIGN = "de/stop"
ARTWORK = Path(__file__).parents[2] / "sign_data" / f"{SIGN}.svg"
poppler = pytest.mark.skipif(shutil.which("pdftotext") is None, reason="needs poppler's pdftoppm and pdftotext")


def test_the_shop_knows_nothing_of_the_package() -> None:
    for module in (Path(__file__).parents[1] / "virtual_shop").glob("*.py"):
        assert not re.search(r"^\s*(from|import) physadv", module.read_text(), re.MULTILINE), module


# ---- the press -----------------------------------------------------------------------------------------------------


def test_a_color_of_the_standards_table_is_what_color_science_makes_of_it() -> None:
    import colour

    with colour.utilities.suppress_warnings(colour_usage_warnings=True):
        white = colour.CCS_ILLUMINANTS["CIE 1931 2 Degree Standard Observer"]["D50"]
        xyz = colour.Lab_to_XYZ([47.0, 68.0, 48.0], white)
        rgb = colour.XYZ_to_RGB(
            xyz, "sRGB", illuminant=white, chromatic_adaptation_transform="Bradford", apply_cctf_encoding=False
        )
    np.testing.assert_allclose(linear_of_lab((47.0, 68.0, 48.0)), np.clip(rgb, 0.002, 1), atol=2e-3)


def test_inks_darken_and_reach_less_than_a_screen() -> None:
    press = Press(banding=0.0)
    ramp = np.repeat(np.linspace(0, 1, 9, dtype=np.float32)[:, None], 3, 1)[None].repeat(8, 0)
    gray = press(ramp, 25.4)[4].mean(-1)
    assert (np.diff(gray[1:]) > 0).all()  # a black with colors under it may be darker than one without
    assert gray[0] > 0.005  # no ink is perfectly black
    assert gray[-1] < 0.95  # nor paper perfectly white
    sent = hands.linear(ramp[4]).mean(-1)
    assert (gray[1:-1] < sent[1:-1]).mean() > 0.5  # dots grow
    pure = np.eye(3, dtype=np.float32)[None].repeat(8, 0)
    primaries = press(pure, 25.4)[4]
    assert (primaries.max(-1) < 0.75).all()
    assert (primaries.argmax(-1) == [0, 1, 2]).all()


# ---- poses ---------------------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(
    azimuth=st.floats(-70, 70),
    height=st.floats(-1.0, 1.0),
    distance=st.floats(1.2, 15.0),
    roll=st.floats(-25, 25),
    aside=st.floats(-0.4, 0.4),
)
def test_the_truth_is_told_in_the_packages_words(
    azimuth: float, height: float, distance: float, roll: float, aside: float
) -> None:
    a = np.radians(azimuth)
    at = np.array([distance * np.sin(a), height, distance * np.cos(a)])
    pose = phone.stand(at, np.array([aside, -aside, 0.0]), roll)
    true = phone.truth(pose)
    flip = np.diag([1.0, -1.0, -1.0])  # the plane's y runs down
    turn = cv2.Rodrigues(pose[:3, :3] @ flip)[0].reshape(3)
    found = describe(np.concatenate([turn, 1000.0 * pose[:3, 3]]))
    # OpenCV's Rodrigues takes a turn that is within 1e-5 rad (0.0006 deg) of a half turn for a half turn.
    np.testing.assert_allclose(
        [true[key] for key in ("distance_m", "yaw_deg", "pitch_deg", "roll_deg")], found, atol=1e-3
    )


# ---- sheets --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop")
    (folder / "art.png").write_bytes(bytes(resvg_py.svg_to_bytes(svg_path=str(ARTWORK), width=1200)))
    return folder


@pytest.fixture(scope="module")
def stickers(work: Path) -> dict[str, list[hands.Sticker]]:
    for suffix in ("pdf", "svg"):
        print_patch(PATCH, work / f"sheets.{suffix}", SheetOptions(paper="A2", controls=True, dpi=150))
    return hands.cut_out(work / "sheets.pdf", sorted(work.glob("sheets-*.svg")), Press())


@pytest.mark.slow
@poppler
def test_a_person_who_follows_the_sheets_puts_the_paint_where_it_was_designed(
    work: Path, stickers: dict[str, list[hands.Sticker]]
) -> None:
    patch = load_patch(PATCH)
    bare, _, side = hands.mount(work / "art.png", patch.sign.width_mm, [], board=True)
    for kind in ("patch", "gray", "random"):
        paint, _, _ = hands.mount(work / "art.png", patch.sign.width_mm, stickers[kind], board=True, seed=3)
        covered = np.abs(paint - bare).max(-1) > 0.02
        edge = round((side - patch.sign.width_mm) / 2 * 2)
        covered = covered[edge:-edge, edge:-edge]
        asked = patch.mask.at(covered.shape[0]).alpha[0].numpy() > 0.5
        both, either = (covered & asked).sum(), (covered | asked).sum()
        assert both / either > 0.95, kind
    gray, patched = (hands.mount(work / "art.png", 900.0, stickers[k], board=True)[0] for k in ("gray", "patch"))
    inside = np.abs(gray - bare).max(-1) > 0.02
    assert patched[inside].std() > 3 * gray[inside].std()


# ---- photographs ---------------------------------------------------------------------------------------------------

FIRST = phone.Phone(width_px=2016, height_px=1512)
STANDS = ((1.15, -12.0, 0), (1.3, 24.0, 2), (2.6, 0.0, 1), (3.0, -38.0, 3))
"""Distance, angle, and number of the light."""


@pytest.fixture(scope="module")
def session(work: Path, stickers: dict[str, list[hands.Sticker]]) -> tuple[Path, dict[str, dict[str, float]]]:
    """A patched sign, photographed from four places, and what is true of the photographs."""
    pytest.importorskip("mitsuba")
    place.use("scalar_rgb")
    print_rig(work / "rig", sign=SIGN)
    markers = hands.cut_markers(work / "rig" / "rig.pdf", 900.0, Press())
    assert len(markers) == 4
    chart = hands.sheet_with(work / "rig" / "rig.pdf", "color chart", Press())
    paint, opacity, side = hands.mount(work / "art.png", 900.0, stickers["patch"], board=True, markers=markers)
    beside, width = np.eye(4), chart.shape[1] / hands.PX_PER_MM / 1000.0
    half = side / 2000.0
    beside[0, 3] = half + 0.04 + width / 2.0
    planes = [
        place.Plane(paint, opacity, 2.0 * half, np.eye(4)),
        place.Plane(chart, np.ones(chart.shape[:2], np.float32), width, beside),
    ]
    right = half + 0.04 + width
    corners = np.array([[-half, -half, 0], [right, -half, 0], [right, half, 0], [-half, half, 0]])
    truths = {}
    for number, (distance, angle, light) in enumerate(STANDS):
        a = np.radians(angle)
        at = np.array([distance * np.sin(a), -0.15, distance * np.cos(a)])
        pose = phone.stand(at, np.array([0.12, 0.0, 0.0]), 1.5 * number)
        scene = place.build(planes, place.LIGHTS[light])
        file = work / "photographs" / f"{number}.jpg"
        phone.photograph(scene, pose, corners, place.LIGHTS[light], file, phone=FIRST, samples=4, seed=7 * number)
        truths[file.name] = phone.truth(pose)
    lens = Camera(
        width_px=FIRST.width_px,
        height_px=FIRST.height_px,
        fx_px=FIRST.focal_px,
        fy_px=FIRST.focal_px,
        cx_px=FIRST.matrix[0, 2],
        cy_px=FIRST.matrix[1, 2],
        distortion=FIRST.distortion,
    )
    save_camera(lens, work / "camera.json")
    outcome = ingest(
        work / "photographs",
        work / "session",
        sign=SIGN,
        patch=PATCH,
        rig=work / "rig" / "rig.json",
        camera=work / "camera.json",
    )
    assert outcome.found == len(STANDS), outcome.given_up
    return work / "session", truths


@poppler
@pytest.mark.slow
def test_poses_of_photographs_with_markers_are_true(session: tuple[Path, dict[str, dict[str, float]]]) -> None:
    folder, truths = session
    _, rows = load_session(folder)
    for row in rows:
        true = truths[row.file]
        assert row.how == "markers"
        assert row.distance_m == pytest.approx(true["distance_m"], rel=0.01)
        for key in ("yaw_deg", "pitch_deg", "roll_deg"):
            wrong = abs(getattr(row, key) - true[key])
            assert wrong <= 1.0
            assert wrong < 4 * getattr(row, key.replace("_deg", "_sd_deg"))


@poppler
@pytest.mark.slow
def test_a_press_and_phone_are_learned_from_photographs_of_the_chart(
    session: tuple[Path, dict[str, dict[str, float]]], work: Path
) -> None:
    made = calibrate(session[0], name="virtual")
    errors = made.measured["delta_e_2000"]
    assert made.measured["photographs"] >= 2
    assert errors["held_out"]["mean"] < 4.0
    assert errors["held_out"]["mean"] < 0.5 * errors["held_out_before"]["mean"]
    save_calibration(made, work / "printer_camera.json")
    summary = evaluate_photographs(
        session[0],
        ["gtsrb-cnn"],
        work / "photographed",
        patches=[find_bundle(PATCH)],
        calibration=work / "printer_camera.json",
        draws=4,
    )
    assert summary.agreement is not None
    assert summary.agreement.n == len(STANDS)
    assert load_sign(SIGN).name == summary.sign
