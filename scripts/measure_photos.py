"""How surely a sign is found in photographs without markers: found, overlap with the annotated box, false finds.

    python scripts/measure_photos.py --data FOLDER [--part rp2 --part scenes ...]

FOLDER (or PHYSADV_DATA) holds ``rp2/victim_256``, ``roadsign_scenes`` (``images``, ``boxes.csv``), ``graphite/images``
and, for the part ``detector``, ``models/coco_yolox_nano.onnx`` with ``coco_names.txt``. Pictures are in two halves by
the hash of their names: thresholds are chosen on the tuning half, the test half says how good they are. Parts:

- ``rp2``: the RP2 authors' 40 photographs of a stop sign.
- ``scenes``: the street pictures with an annotated stop sign.
- ``none``: those without one (every ``--each``-th of them): what is found there is false.
- ``hard``: ``scenes`` made harder: half hidden, at night, small, slanted, damaged (``hard_pictures.py``).
- ``others``: other signs, in GTSRB's 43 sign pictures of GRAPHITE's: each is to be found in its own alone.
- ``angles``: errors of distance and angles where the focal length is only assumed.
- ``frames``: stop signs warped by OpenCV before those without one, at known poses, with blur, noise and JPEG.
- ``detector``: ``scenes`` and ``none`` once more, with the detector saying where to look.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeAlias

import cv2
import numpy as np
import numpy.typing as npt
import torch
from hard_pictures import KINDS, harder

from physadv.core.color import linear_to_srgb, srgb_to_linear
from physadv.core.errors import PhysadvError
from physadv.core.images import read_image
from physadv.core.tables import read_table
from physadv.photos.camera import Camera, camera_from_focal
from physadv.photos.finding.detector import Detector, DetectorCard, box_overlap, find_with_detector
from physadv.photos.finding.find_sign import pose_from_outline
from physadv.photos.finding.outline import SURE, TRUSTED, Box, FoundOutline, find_outlines
from physadv.photos.pose import describe, plane_homography, solve_pose
from physadv.scenes.photographs.sign_outline import apply
from physadv.signs import load_sign

Pixels: TypeAlias = npt.NDArray[np.uint8]
Matrix: TypeAlias = npt.NDArray[np.float64]
Finder: TypeAlias = Callable[[Pixels], Sequence[FoundOutline]]

STOP = load_sign("us/stop")
PARTS = ("rp2", "scenes", "hard", "none", "others", "frames", "angles", "detector")
LEAST_OVERLAP, HARD_PX = 0.5, 45.0
OTHERS = {
    "de/speed-limit-50": "2",
    "de/no-vehicles": "15",
    "de/yield": "13",
    "de/no-entry": "17",
    "de/children": "28",
    "de/keep-right": "38",
    "us/stop": "14",
}
"""Signs, and GRAPHITE's picture of each, by its number among GTSRB's classes."""
FINER, TEXTURE = 4, 1024
CAMERA = Camera(width_px=1200, height_px=900, fx_px=1100, fy_px=1100, cx_px=599.5, cy_px=449.5)


def outline_alone(pixels: Pixels) -> Sequence[FoundOutline]:
    """The finds without a detector."""
    return find_outlines(pixels, STOP)


def annotated(folder: Path) -> dict[str, list[Box]]:
    """Boxes of stop signs by picture; no boxes where a picture has none."""
    boxes: dict[str, list[Box]] = defaultdict(list)
    for row in read_table(folder / "boxes.csv", ("file", "label", "xmin", "ymin", "xmax", "ymax")).whole():
        left, top, right, bottom = (row.decimal(key) for key in ("xmin", "ymin", "xmax", "ymax"))
        boxes[row.text("file")] += [(left, top, right, bottom)] if row.text("label") == "stop" else []
    return dict(boxes)


def is_tuned(name: str) -> bool:
    """Whether a picture is of the half that thresholds may be chosen on, by its name's hash; the other half tests."""
    return hashlib.sha256(name.encode()).digest()[0] % 2 == 0


def half_of(name: str) -> str:
    """The name of a picture's half."""
    return "tuning half" if is_tuned(name) else "test half"


class Tally:
    """How the signs of one kind of picture were found."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.rows: list[tuple[str, float, float | None, bool]] = []
        self.seconds = 0.0

    def look(self, finder: Finder, name: str, pixels: Pixels, box: Box) -> None:
        """One picture with one sign in it."""
        start = time.process_time()
        best = next((one for one in finder(pixels) if one.confidence >= TRUSTED), None)
        self.seconds += time.process_time() - start
        overlap = None if best is None else box_overlap(best.box, box)
        self.rows.append(
            (name, box[2] - box[0], overlap, best is not None and (best.by_parts or best.confidence < SURE))
        )

    def tell(self, least_px: float = 0.0) -> None:
        """Prints found, wrong and doubtful, of each half."""
        for tuned in (True, False):
            rows = [row for row in self.rows if is_tuned(row[0]) == tuned and row[1] >= least_px]
            good = [row for row in rows if row[2] is not None and row[2] >= LEAST_OVERLAP]
            wrong = sum(row[2] is not None for row in rows) - len(good)
            mean = float(np.mean([row[2] for row in good])) if good else 0.0
            what = f", at least {least_px:g} px" if least_px else ""
            print(
                f"{self.title}{what}, {'tuning' if tuned else 'test'} half: {len(good)}/{len(rows)} found "
                f"({sum(row[3] for row in good)} of them doubtful), {wrong} wrong, mean IoU {mean:.2f}"
            )
        print(f"{self.title}: {self.seconds / max(len(self.rows), 1):.2f} s of a CPU a picture", flush=True)


def score_boxes(folder: Path, names: Iterable[str], boxes: dict[str, list[Box]], finder: Finder, title: str) -> None:
    """Prints how many annotated signs are found, by half and width."""
    tally = Tally(title)
    for name in names:
        tally.look(finder, name, read_image(folder / "images" / name), boxes[name][0])
    tally.tell()
    tally.tell(40.0)


def score_hard(folder: Path, names: Iterable[str], boxes: dict[str, list[Box]]) -> None:
    """Prints how many signs of at least 45 px are found once their pictures are made harder."""
    names = [name for name in names if boxes[name][0][2] - boxes[name][0][0] >= HARD_PX]
    for kind in KINDS:
        tally = Tally(f"hard, {kind}")
        for name in names:
            tally.look(outline_alone, name, *harder(read_image(folder / "images" / name), boxes[name][0], kind, name))
        tally.tell()


def score_none(folder: Path, names: Sequence[str], finder: Finder, title: str) -> None:
    """Prints in how many pictures without a stop sign one is found, and in which."""
    false: dict[str, list[str]] = {"tuning half": [], "test half": []}
    seconds = 0.0
    for name in names:
        pixels = read_image(folder / "images" / name)
        start = time.process_time()
        if any(one.confidence >= TRUSTED for one in finder(pixels)):
            false[half_of(name)].append(name)
        seconds += time.process_time() - start
    for half, found in false.items():
        total = sum(half_of(name) == half for name in names)
        print(f"{title}, {half}: a find in {len(found)} of {total} pictures without a sign: {', '.join(found) or '-'}")
    print(f"{title}: {seconds / max(len(names), 1):.2f} s of a CPU a picture", flush=True)


def score_others(folder: Path) -> None:
    """Prints which signs are found in GTSRB's 43 sign pictures, and which are taken for another one."""
    pictures = {path.stem: read_image(path) for path in sorted(folder.glob("*.png")) if path.stem.isdigit()}
    for name, own in OTHERS.items():
        sign = load_sign(name)
        best = {number: find_outlines(pixels, sign)[:1] for number, pixels in pictures.items()}
        found = {number: one[0].confidence for number, one in best.items() if one and one[0].confidence >= TRUSTED}
        others = ", ".join(f"{number} ({value:.2f})" for number, value in found.items() if number != own) or "-"
        print(
            f"others, {name}: own picture {found.get(own, 0.0):.2f}; found in pictures of others: {others}", flush=True
        )


def score_angles(count: int) -> None:
    """Prints how far off distance and angles are where the focal length is only assumed."""
    random, errors = np.random.default_rng(0), []
    assumed = camera_from_focal(CAMERA.width_px, CAMERA.height_px, None)
    for _ in range(count):
        focal = assumed.fx_px * float(np.exp(random.normal(0, assumed.focal_sd)))
        camera = assumed.model_copy(update={"fx_px": focal, "fy_px": focal})
        pose, _ = standing(camera, random, narrowest_px=40.0)
        seen = apply(plane_homography(pose, camera), STOP.outline_mm) + random.normal(0, 0.2, 2)
        got, (distance_m, *angles) = pose_from_outline(seen, STOP, assumed), describe(pose)
        turned = np.abs(np.array([got.yaw_deg, got.pitch_deg, got.roll_deg]) - angles).max()
        errors.append((abs(got.distance_m / distance_m - 1.0), turned))
    for what, share in (("median", 50), ("95th percentile", 95)):
        distance, angle = np.percentile(errors, share, axis=0)
        print(f"angles, focal length assumed, {what} error: distance {distance:.0%}, worst angle {angle:.1f} degrees")


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


def standing(camera: Camera, random: np.random.Generator, *, narrowest_px: float = 60.0) -> tuple[Matrix, float]:
    """A pose of the sign before a camera (rotation vector and shift in mm), and its width in pixels."""
    width_px = float(np.exp(random.uniform(np.log(narrowest_px), np.log(300))))
    yaw, pitch, roll = np.radians(random.uniform([-45, -15, -8], [45, 15, 8]))
    turns = [cv2.Rodrigues(np.array(turn))[0] for turn in ([0, yaw, 0], [pitch, 0, 0], [0, 0, roll])]
    away = camera.fx_px * STOP.width_mm * np.cos(yaw) / width_px
    aside = random.uniform(-0.3, 0.3, 2) * [camera.width_px, camera.height_px] / camera.fx_px * away
    return np.concatenate([cv2.Rodrigues(np.linalg.multi_dot(turns))[0].ravel(), aside, [away]]), width_px


def frame(behind: Pixels, random: np.random.Generator) -> tuple[Pixels, Matrix, float]:
    """A picture of a stop sign, its pose (rotation vector and shift in mm), and its width in pixels."""
    pose, width_px = standing(CAMERA, random)
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
    if "hard" in parts:
        score_hard(folder, with_sign, boxes)
    if "others" in parts:
        score_others(data / "graphite" / "images")
    if "angles" in parts:
        score_angles(5 * frames)
    if "frames" in parts:
        score_frames(folder, without, frames)
    if "detector" in parts:
        detector = detector_of(data / "models")
        score_detections(folder, boxes, without, detector)

        def finder(pixels: Pixels) -> Sequence[FoundOutline]:
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
