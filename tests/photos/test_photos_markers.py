"""The rig: where its markers fit, what a photograph of them says of pose and scale, and the colors of the chart."""

from __future__ import annotations

import json
import math
from pathlib import Path

import cv2
import numpy as np
import pytest
from photo_kit import chart_sheet, photograph, sign_board
from shapely.geometry import Polygon

from physadv.core.errors import PhysadvError
from physadv.photos.camera import Camera
from physadv.photos.pose import describe
from physadv.photos.rig.markers import find_markers, marker_scale, pose_from_markers, printed_rig, read_chart
from physadv.photos.rig.rig import CELLS, QUIET_CELLS, default_chart, default_rig, load_rig, save_rig
from physadv.signs import load_sign, sign_names

PHONE = Camera(
    width_px=2000,
    height_px=1500,
    fx_px=1450.0,
    fy_px=1450.0,
    cx_px=1003.0,
    cy_px=747.0,
    distortion=(0.05, -0.08, 0.0003, -0.0002, 0.0),
)


@pytest.mark.parametrize("name", sign_names())
def test_markers_with_their_quiet_zone_keep_off_the_sign_and_each_other(name: str) -> None:
    sign = load_sign(name)
    for around in (None, True):
        rig = default_rig(sign, around=around)
        outline = Polygon(sign.outline_mm)
        zones = [
            Polygon(marker.corners_mm).buffer(marker.size_mm * QUIET_CELLS / CELLS, join_style="mitre")
            for marker in rig.markers
        ]
        assert len(zones) == 4
        for number, zone in enumerate(zones):
            assert zone.intersection(outline).area < 1.0
            assert all(not zone.intersects(other) for other in zones[number + 1 :])


def test_a_rig_survives_its_file_and_wrong_ones_are_one_sentence(tmp_path: Path) -> None:
    rig = default_rig(load_sign("us/stop"))
    save_rig(rig, tmp_path / "rig.json")
    assert load_rig(tmp_path / "rig.json") == rig
    (tmp_path / "other.json").write_text("{}")
    with pytest.raises(PhysadvError, match="print-rig"):
        load_rig(tmp_path / "other.json")
    with pytest.raises(PhysadvError, match="have room for"):
        default_rig(load_sign("us/stop"), marker_mm=200, around=False)


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        (("markers", 0, "x_mm"), math.nan, "x_mm"),
        (("markers", 0, "x_mm"), 1e9, "x_mm"),
        (("markers", 0, "size_mm"), 0, "size_mm"),
        (("markers", 0, "size_mm"), 1e6, "size_mm"),
        (("markers", 0, "turn_deg"), 720, "turn_deg"),
        (("markers", 0, "id"), 1, "two have the same id"),
        (("markers", 0, "x_mm"), 320.0, "0 and 1 lie on each other"),
        (("markers",), [], "there are none"),
        (("sign_width_mm",), -600, "sign_width_mm"),
        (("chart", "patch_mm"), math.inf, "patch_mm"),
        (("chart", "columns"), 10**9, "columns"),
        (("chart", "colors"), [[2.0, 0.0, 0.0]], "from 0 to 1"),
    ],
)
def test_a_rig_that_cannot_be_is_one_sentence(
    tmp_path: Path, place: tuple[str, ...], value: object, words: str
) -> None:
    data = default_rig(load_sign("us/stop")).model_dump(mode="json")
    *above, last = place
    part = data
    for key in above:
        part = part[key]
    part[last] = value
    (tmp_path / "rig.json").write_text(json.dumps(data))
    with pytest.raises(PhysadvError, match=r"rig\.json: ") as caught:
        load_rig(tmp_path / "rig.json")
    assert words in str(caught.value)


@pytest.mark.parametrize(("distance", "yaw", "pitch"), [(1.6, 0, 0), (3.0, 45, 5), (5.0, -60, 0), (7.0, 20, -8)])
def test_markers_give_the_pose(distance: float, yaw: float, pitch: float) -> None:
    rig = default_rig(load_sign("us/stop"))
    flat, center = sign_board(rig)
    turn = np.radians([pitch, yaw, 3.0])
    shift = np.array([80.0, -60.0, distance * 1000])
    seen = find_markers(photograph(flat, center, 2.0, PHONE, turn, shift))
    assert len(seen.corners) >= 3
    assert set(seen.corners) <= {0, 1, 2, 3}
    pose = pose_from_markers(seen, rig, PHONE)
    assert pose is not None
    expected = describe(np.concatenate([turn, shift]))
    assert pose.distance_m == pytest.approx(expected[0], rel=0.01)
    np.testing.assert_allclose([pose.yaw_deg, pose.pitch_deg, pose.roll_deg], expected[1:], atol=1.0)
    assert abs(pose.distance_m - expected[0]) < 5 * pose.distance_sd_m + 0.001 * distance


def test_a_marker_that_was_moved_is_left_out() -> None:
    rig = default_rig(load_sign("us/stop"))
    moved = rig.markers[2].model_copy(update={"x_mm": rig.markers[2].x_mm - 60.0})
    flat, center = sign_board(rig.model_copy(update={"markers": (*rig.markers[:2], moved, rig.markers[3])}))
    pose = pose_from_markers(
        find_markers(photograph(flat, center, 2.0, PHONE, np.radians([0, 20, 0]), np.array([0, 0, 3000.0]))), rig, PHONE
    )
    assert pose is not None
    assert pose.distance_m == pytest.approx(3.0, rel=0.01)
    assert pose.yaw_deg == pytest.approx(-20.0, abs=1.0)


def test_no_marker_no_pose() -> None:
    gray = np.full((300, 400, 3), 120, np.uint8)
    assert find_markers(gray).corners == {}
    assert pose_from_markers(find_markers(gray), default_rig(load_sign("us/stop")), PHONE) is None


def test_a_sheet_printed_at_97_percent_is_noticed_and_corrected_by_its_bar() -> None:
    rig = default_rig(load_sign("us/stop"))
    flat, center = sign_board(rig.scaled(0.97))
    seen = find_markers(photograph(flat, center, 2.0, PHONE, np.radians([3, 15, 0]), np.array([0, 0, 2000.0])))
    assert marker_scale(seen, rig) == pytest.approx(0.97, abs=0.006)
    told = printed_rig(rig, 97.0)
    assert marker_scale(seen, told) == pytest.approx(1.0, abs=0.006)
    pose, wrong = pose_from_markers(seen, told, PHONE), pose_from_markers(seen, rig, PHONE)
    assert pose is not None
    assert wrong is not None
    assert pose.error_px < 0.5 * wrong.error_px
    for bar in (80.0, 118.0):
        with pytest.raises(PhysadvError, match="without fitting to the page"):
            printed_rig(rig, bar)


@pytest.mark.parametrize(("light", "slope"), [(0.85, 0.0), (0.6, 0.0015)])
def test_the_charts_colors_are_read_whatever_its_light(light: float, slope: float) -> None:
    """Under light that falls off across the chart, the readings are those of even light."""
    chart = default_chart()
    sent = np.array(chart.colors)
    paper = np.full(3, 0.93)
    flat, center = chart_sheet(chart, np.clip(sent * 0.86 + 0.05, 0, 1), paper)
    photo = photograph(flat, center, 8.0, PHONE, np.radians([5, -20, 2]), np.array([20, 10, 700.0]), noise=0.004)
    seen = find_markers(photo)
    assert set(seen.corners) == {40, 41, 42, 43}
    linear = np.where(photo / 255.0 <= 0.04045, photo / 255.0 / 12.92, ((photo / 255.0 + 0.055) / 1.055) ** 2.4)
    fall = light * np.exp(slope * (np.arange(photo.shape[1]) - 1000.0))[None, :, None]
    dim = linear * fall
    dimmed = np.where(dim <= 0.0031308, dim * 12.92, 1.055 * np.maximum(dim, 1e-9) ** (1 / 2.4) - 0.055)
    reading = read_chart((dimmed.clip(0, 1) * 255).round().astype(np.uint8), seen, chart)
    assert reading is not None
    readable = np.isfinite(reading.colors).all(1)
    assert readable.mean() > 0.9

    def decode(values: np.ndarray) -> np.ndarray:
        return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)

    share = decode(reading.colors[readable]) / decode(reading.paper)
    expected = decode(np.clip(sent * 0.86 + 0.05, 0, 1))[readable] / decode(paper)
    np.testing.assert_allclose(share, expected, rtol=0.06, atol=0.01)


def test_a_chart_too_far_away_is_not_read() -> None:
    chart = default_chart()
    flat, center = chart_sheet(chart, np.array(chart.colors), np.full(3, 0.93))
    photo = photograph(flat, center, 8.0, PHONE, np.zeros(3), np.array([0, 0, 6000.0]))
    assert read_chart(photo, find_markers(photo), chart) is None


@pytest.mark.parametrize(("noise", "distance", "least_px"), [(0.1, 4.5, 0.25), (0.15, 2.4, 0.4), (0.15, 1.3, 0.5)])
def test_noise_does_not_lead_the_corners_astray(noise: float, distance: float, least_px: float) -> None:
    rig = default_rig(load_sign("us/stop"))
    flat, center = sign_board(rig)
    turn, shift = np.radians([6.0, -35.0, 4.0]), np.array([60.0, -40.0, 1000.0 * distance])
    seen = find_markers(photograph(flat, center, 2.0, PHONE, turn, shift, noise=noise, seed=5))
    assert len(seen.corners) == 4
    millimeters, places = seen.pairs(rig.markers)
    points = np.concatenate([millimeters, np.zeros((len(millimeters), 1))], 1)
    expected = cv2.projectPoints(points, turn, shift, PHONE.matrix, PHONE.coefficients)[0].reshape(-1, 2)
    wrong = np.linalg.norm(places - expected, axis=1)
    assert np.sqrt((wrong**2).mean()) < least_px
    assert wrong.max() < 3 * least_px
