"""How surely a sign is found in photographs without markers: found, overlap with the annotated box, false finds.

    python scripts/measure_photos.py --data FOLDER [--part rp2 --part scenes --part none --part frames --part detector]

FOLDER (or PHYSADV_DATA) holds ``rp2/victim_256``, ``roadsign_scenes`` (``images``, ``boxes.csv``) and, for the part
``detector``, ``models/coco_yolox_nano.onnx`` with ``coco_names.txt``. Parts:

- ``rp2``: the RP2 authors' 40 photographs of a stop sign.
- ``scenes``: the street pictures with an annotated stop sign.
- ``none``: those without one (every ``--each``-th of them): what is found there is false.
- ``frames``: stop signs warped by OpenCV before those without one, at known poses, with blur, noise and JPEG.
- ``detector``: ``scenes`` and ``none`` once more, with the detector saying where to look.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeAlias

import cv2
import numpy as np
import numpy.typing as npt
import torch

from physadv.core.color import linear_to_srgb, srgb_to_linear
from physadv.core.errors import PhysadvError
from physadv.core.images import read_image
from physadv.core.tables import read_table
from physadv.photos.camera import Camera
from physadv.photos.detector import Detector, DetectorCard, box_overlap, find_with_detector
from physadv.photos.outline import TRUSTED, Box, Found, find_outlines
from physadv.photos.pose import describe, plane_homography, solve_pose
from physadv.signs import load_sign

Pixels: TypeAlias = npt.NDArray[np.uint8]
Matrix: TypeAlias = npt.NDArray[np.float64]
Finder: TypeAlias = Callable[[Pixels], Sequence[Found]]

STOP = load_sign("us/stop")
PARTS = ("rp2", "scenes", "none", "frames", "detector")
FINER, TEXTURE = 4, 1024
CAMERA = Camera(width_px=1200, height_px=900, fx_px=1100, fy_px=1100, cx_px=599.5, cy_px=449.5)


def outline_alone(pixels: Pixels) -> Sequence[Found]:
    """The finds without a detector."""
    return find_outlines(pixels, STOP)


def annotated(folder: Path) -> dict[str, list[Box]]:
    """Boxes of stop signs by picture; no boxes where a picture has none."""
    boxes: dict[str, list[Box]] = defaultdict(list)
    for row in read_table(folder / "boxes.csv", ("file", "label", "xmin", "ymin", "xmax", "ymax")).whole():
        left, top, right, bottom = (row.decimal(key) for key in ("xmin", "ymin", "xmax", "ymax"))
        boxes[row.text("file")] += [(left, top, right, bottom)] if row.text("label") == "stop" else []
    return dict(boxes)


def number(name: str) -> int:
    """Of a picture, in its file's name."""
    return int(re.sub(r"\D", "", name) or 0)


def score_boxes(folder: Path, names: Iterable[str], boxes: dict[str, list[Box]], finder: Finder, title: str) -> None:
    """Prints how many annotated signs are found, by width, and how well the boxes overlap."""
    rows = []
    for name in names:
        trusted = [one for one in finder(read_image(folder / "images" / name)) if one.confidence >= TRUSTED]
        for box in boxes[name]:
            best = max((box_overlap(one.box, box) for one in trusted), default=0.0)
            rows.append((number(name) % 2, box[2] - box[0], best))
    table = np.array(rows)
    for what, some in (
        ("all", np.ones(len(table), bool)),
        ("odd numbers", table[:, 0] == 1),
        ("at least 40 px wide", table[:, 1] >= 40),
        ("at least 40 px wide, odd numbers", (table[:, 1] >= 40) & (table[:, 0] == 1)),
    ):
        seen = table[some, 2]
        hits = seen >= 0.5
        mean = seen[hits].mean() if hits.any() else 0.0
        print(f"{title}, {what}: {hits.sum()}/{len(seen)} found with an IoU of at least 0.5, mean IoU {mean:.2f}")


def score_none(folder: Path, names: Sequence[str], finder: Finder, title: str) -> None:
    """Prints in how many pictures without a stop sign one is found."""
    false = {0: [0, 0], 1: [0, 0]}
    for name in names:
        finds = finder(read_image(folder / "images" / name))
        count = false[number(name) % 2]
        count[0] += any(one.confidence >= TRUSTED for one in finds)
        count[1] += 1
    for odd, (wrong, total) in false.items():
        print(f"{title}, {'odd' if odd else 'even'} numbers: a false find in {wrong} of {total} pictures without one")


def score_rp2(folder: Path) -> None:
    """Prints in how many of the authors' photographs the sign is found, and how large."""
    paths = sorted(folder.glob("*.png"))
    best = [find_outlines(read_image(path), STOP)[:1] for path in paths]
    found = [one[0] for one in best if one and one[0].confidence >= TRUSTED]
    upright = [one for one in found if not one.mirrored]
    print(
        f"rp2: {len(found)}/{len(paths)} found, {len(upright)} of them upright; "
        f"least confidence {min((one.confidence for one in found), default=0.0):.2f}"
    )


def frame(behind: Pixels, random: np.random.Generator) -> tuple[Pixels, Matrix, float]:
    """A picture of a stop sign, its pose (rotation vector and shift in mm), and its width in pixels."""
    width_px = float(np.exp(random.uniform(np.log(60), np.log(300))))
    yaw, pitch, roll = np.radians(random.uniform([-45, -15, -8], [45, 15, 8]))
    turns = [cv2.Rodrigues(np.array(turn))[0] for turn in ([0, yaw, 0], [pitch, 0, 0], [0, 0, roll])]
    away = CAMERA.fx_px * STOP.width_mm * np.cos(yaw) / width_px
    aside = random.uniform(-0.3, 0.3, 2) * [CAMERA.width_px, CAMERA.height_px] / CAMERA.fx_px * away
    pose = np.concatenate([cv2.Rodrigues(np.linalg.multi_dot(turns))[0].ravel(), aside, [away]])
    texture = STOP.texture(TEXTURE).permute(1, 2, 0).numpy()
    step = STOP.extent_mm / TEXTURE
    to_mm = np.array([[step, 0, (step - STOP.extent_mm) / 2], [0, step, (step - STOP.extent_mm) / 2], [0, 0, 1]])
    finer = np.array([[FINER, 0, (FINER - 1) / 2], [0, FINER, (FINER - 1) / 2], [0, 0, 1]])
    matrix = finer @ plane_homography(pose, CAMERA) @ to_mm
    size = (CAMERA.width_px, CAMERA.height_px)
    rgba = np.dstack([texture[..., :3] * texture[..., 3:], texture[..., 3]])
    large = cv2.warpPerspective(rgba, matrix, (size[0] * FINER, size[1] * FINER))
    seen = cv2.resize(large, size, interpolation=cv2.INTER_AREA)
    street = cv2.resize(behind, size, interpolation=cv2.INTER_CUBIC) / np.float32(255)
    light = random.uniform(0.25, 0.9) * random.uniform([1, 0.9, 0.8], 1)
    linear = seen[..., :3] * light + (1 - seen[..., 3:]) * srgb_to_linear(torch.from_numpy(street)).numpy()
    linear = cv2.GaussianBlur(linear, (0, 0), random.uniform(0.4, 1.4))
    linear = linear + random.normal(0, 1, linear.shape) * np.sqrt(np.maximum(linear, 0) * 4e-4 + 1e-5)
    encoded = linear_to_srgb(torch.from_numpy(linear.clip(0, 1))).numpy() * 255
    quality = [cv2.IMWRITE_JPEG_QUALITY, int(random.integers(60, 96))]
    data = cv2.imencode(".jpg", np.asarray(encoded.round()[..., ::-1], np.uint8), quality)[1]
    return np.ascontiguousarray(cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1]), pose, width_px


def score_frames(folder: Path, names: Sequence[str], count: int) -> None:
    """Prints how many signs are found in made frames, and the errors of distance and angles."""
    random = np.random.default_rng(0)
    errors = []
    for _ in range(count):
        behind = read_image(folder / "images" / names[random.integers(len(names))])
        picture, pose, _ = frame(behind, random)
        best = next((one for one in outline_alone(picture) if one.confidence >= TRUSTED and not one.mirrored), None)
        if best is None:
            continue
        got = solve_pose(np.asarray(STOP.outline_mm), best.outline_px, CAMERA)
        distance_m, *angles = describe(pose)
        turned = np.abs(np.array([got.yaw_deg, got.pitch_deg, got.roll_deg]) - angles).max()
        errors.append((abs(got.distance_m / distance_m - 1.0), turned))
    table = np.array(errors)
    good = (table[:, 0] <= 0.05) & (table[:, 1] <= 5.0)
    print(f"frames: {len(table)}/{count} found, {good.sum()}/{count} within 5 % and 5 degrees")
    for what, share in (("median", 50), ("95th percentile", 95)):
        distance, angle = np.percentile(table, share, axis=0)
        print(f"frames, {what} error: distance {distance:.2%}, worst angle {angle:.2f} degrees")


def detector_of(folder: Path) -> Detector:
    """YOLOX-nano, trained on COCO."""
    names = (folder / "coco_names.txt").read_text(encoding="utf-8").split("\n")
    classes = tuple(name.strip() for name in names if name.strip())
    return Detector(DetectorCard(weights="coco_yolox_nano.onnx", classes=classes, wanted="stop sign"), folder)


def score_detections(folder: Path, boxes: dict[str, list[Box]], without: Sequence[str], detector: Detector) -> None:
    """Prints how many annotated signs have a box of the detector's, and how many pictures without one."""
    names = [name for name in sorted(boxes) if boxes[name]]
    seen = {name: detector.detect(read_image(folder / "images" / name)) for name in [*names, *without]}
    hits = [any(box_overlap(one.box, box) >= 0.5 for one in seen[name]) for name in names for box in boxes[name]]
    false = sum(bool(seen[name]) for name in without)
    print(
        f"detector's boxes by themselves: {sum(hits)}/{len(hits)} signs; some in {false} of {len(without)} without one"
    )


def measure(data: Path, parts: Sequence[str], *, each: int, frames: int) -> None:
    """Runs the parts, in order."""
    folder = data / "roadsign_scenes"
    boxes = annotated(folder)
    with_sign = [name for name in sorted(boxes) if boxes[name]]
    without = [name for name in sorted(boxes) if not boxes[name]][::each]
    if "rp2" in parts:
        score_rp2(data / "rp2" / "victim_256")
    if "scenes" in parts:
        score_boxes(folder, with_sign, boxes, outline_alone, "scenes")
    if "none" in parts:
        score_none(folder, without, outline_alone, "none")
    if "frames" in parts:
        score_frames(folder, without, frames)
    if "detector" in parts:
        detector = detector_of(data / "models")
        score_detections(folder, boxes, without, detector)

        def finder(pixels: Pixels) -> Sequence[Found]:
            return find_with_detector(pixels, STOP, detector)

        score_boxes(folder, with_sign, boxes, finder, "detector")
        score_none(folder, without, finder, "detector")


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=os.environ.get("PHYSADV_DATA"))
    parser.add_argument("--part", action="append", choices=PARTS)
    parser.add_argument("--each", type=int, default=1, help="of the pictures without a stop sign, take every n-th")
    parser.add_argument("--frames", type=int, default=60)
    options = parser.parse_args()
    if options.data is None:
        parser.error("--data or PHYSADV_DATA: name the folder of the data sets")
    try:
        measure(options.data, options.part or PARTS, each=options.each, frames=options.frames)
    except PhysadvError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
