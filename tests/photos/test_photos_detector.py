"""The detector's boxes, from graphs whose output is known, and the outlines looked for in them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from detector_kit import ANCHORS, SIDE, graph
from hypothesis import given
from hypothesis import strategies as st
from outline_kit import CAMERA, STOP, shown, standing, street

from physadv.core.errors import PhysadvError
from physadv.core.files import write_text
from physadv.core.images import read_image
from physadv.photos.finding.detector import Detector, DetectorCard, box_overlap, find_with_detector, load_detector
from physadv.photos.finding.outline import TRUSTED
from physadv.photos.pose import plane_homography
from physadv.scenes.photographs.sign_outline import apply

CLASSES = ("car", "stop sign")


def anchor(box: tuple[float, float, float, float], stride: int) -> tuple[int, np.ndarray]:
    """The anchor of that stride nearest a box's center in input pixels, and its four numbers for that box."""
    center = np.array([(box[0] + box[2]) / 2, (box[1] + box[3]) / 2])
    cell = np.minimum(center // stride, SIDE // stride - 1)
    number = ANCHORS.index((stride, int(cell[0]), int(cell[1])))
    size = np.array([box[2] - box[0], box[3] - box[1]])
    return number, np.concatenate([center / stride - cell, np.log(size / stride)])


def detector(folder: Path, *boxes: tuple[tuple[float, float, float, float], int, float, int]) -> Detector:
    """One that sees boxes (input pixels, stride, score, class)."""
    rows = np.zeros((len(ANCHORS), 5 + len(CLASSES)))
    for box, stride, score, label in boxes:
        number, values = anchor(box, stride)
        rows[number, :4] = values
        rows[number, 4] = 0.9
        rows[number, 5 + label] = score / 0.9
    graph(folder / "fixed.onnx", rows)
    return Detector(DetectorCard(weights="fixed.onnx", size=SIDE, classes=CLASSES, wanted="stop sign"), folder)


def test_boxes_come_back_in_the_pictures_pixels(tmp_path: Path) -> None:
    seen = detector(tmp_path, ((10, 6, 30, 28), 8, 0.8, 1), ((40, 5, 60, 25), 16, 0.9, 0)).detect(
        np.zeros((240, 320, 3), np.uint8)
    )
    assert len(seen) == 1
    assert seen[0].score == pytest.approx(0.8, abs=1e-5)
    assert seen[0].box == pytest.approx((50, 30, 150, 140), abs=1e-3)


def test_one_object_is_one_box_and_faint_ones_are_none(tmp_path: Path) -> None:
    boxes = [((10, 6, 30, 28), 8, 0.7, 1), ((11, 7, 31, 29), 16, 0.8, 1), ((40, 30, 60, 50), 8, 0.2, 1)]
    seen = detector(tmp_path, *boxes).detect(np.zeros((64, 64, 3), np.uint8))
    assert [one.score for one in seen] == pytest.approx([0.8], abs=1e-5)


def test_the_outline_is_looked_for_in_the_box(tmp_path: Path) -> None:
    pose = standing(STOP, width_px=120, yaw_deg=20, off=(0.15, 0.0))
    picture = shown(STOP, pose, street(2))
    expected = apply(plane_homography(pose, CAMERA), STOP.outline_mm)
    left, top, right, bottom = np.concatenate([expected.min(0) + 6, expected.max(0) + 4]) / 10
    found = find_with_detector(picture, STOP, detector(tmp_path, ((left, top, right, bottom), 8, 0.9, 1)))
    assert found[0].confidence >= TRUSTED
    assert np.abs(found[0].outline_px - expected).max() < 2.5


@pytest.mark.parametrize("box", [(10.0, 6.0, 30.0, 28.0), (60.0, 40.0, 90.0, 50.0)])
def test_a_box_without_an_outline_is_the_box_and_not_trusted(
    tmp_path: Path, box: tuple[float, float, float, float]
) -> None:
    found = find_with_detector(np.full((480, 640, 3), 90, np.uint8), STOP, detector(tmp_path, (box, 8, 0.9, 1)))
    assert len(found) == 1
    assert 0.0 < found[0].confidence < TRUSTED
    assert "box alone" in found[0].how
    assert found[0].box == pytest.approx([10 * value - 0.5 for value in box], abs=1e-2)


def test_a_card_is_read_and_its_mistakes_are_said(tmp_path: Path) -> None:
    detector(tmp_path)
    card = tmp_path / "card.yaml"
    write_text(card, f"weights: fixed.onnx\nsize: {SIDE}\nclasses: [car, stop sign]\nwanted: stop sign\n")
    assert load_detector(card).detect(np.zeros((20, 30, 3), np.uint8)) == []
    for text, message in (
        (
            "weights: fixed.onnx\nsize: 64\nclasses: [car]\nwanted: stop sign\n",
            "unknown class 'stop sign' of the detector",
        ),
        (
            "weights: none.onnx\nsize: 64\nclasses: [a]\nwanted: a\n",
            r"none\.onnx: cannot be read \(no such file of weights",
        ),
        ("weights: card.yaml\nsize: 64\nclasses: [a]\nwanted: a\n", "not an ONNX file"),
        ("weights: fixed.onnx\nsize: 96\nclasses: [a]\nwanted: a\n", "size = 96 makes"),
        ("weights: fixed.onnx\nsize: 50\nclasses: [a]\nwanted: a\n", "size = 50"),
        ("weights: fixed.onnx\nsize: 64\nclasses: [a]\nwanted: a\nspeed: 3\n", "speed"),
    ):
        write_text(card, text)
        with pytest.raises(PhysadvError, match=message):
            load_detector(card)
    write_text(card, "weights: fixed.onnx\nsize: 64\nclasses: [a, b, c]\nwanted: a\n")
    with pytest.raises(PhysadvError, match=r"gives \[1, 84, 7\]; .* make \[1, 84, 8\]"):
        load_detector(card).detect(np.zeros((20, 30, 3), np.uint8))


coordinates = st.tuples(*(st.floats(0, 100) for _ in range(2)), *(st.floats(1, 100) for _ in range(2)))


@given(coordinates, coordinates)
def test_overlap_of_boxes(one: tuple[float, ...], other: tuple[float, ...]) -> None:
    a, b = ((x, y, x + w, y + h) for x, y, w, h in (one, other))
    assert box_overlap(a, b) == pytest.approx(box_overlap(b, a))
    assert 0.0 <= box_overlap(a, b) <= 1.0
    assert box_overlap(a, a) == pytest.approx(1.0)


@pytest.mark.data
def test_yolox_sees_the_authors_sign(data_folder: Path) -> None:
    names = (data_folder / "models" / "coco_names.txt").read_text(encoding="utf-8").split("\n")
    classes = tuple(name.strip() for name in names if name.strip())
    card = DetectorCard(weights="coco_yolox_nano.onnx", classes=classes, wanted="stop sign")
    picture = read_image(data_folder / "rp2" / "victim_256" / "1.png")
    seen = Detector(card, data_folder / "models").detect(picture)
    assert seen
    assert box_overlap(seen[0].box, (0, 0, picture.shape[1], picture.shape[0])) > 0.7
