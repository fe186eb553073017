"""A detector of objects in ONNX (YOLOX, Ge et al. 2021, arXiv:2107.08430) that says where in a photograph to look."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from physadv.core.class_lists import ClassNames
from physadv.core.config import Config, Text, collected, load_config
from physadv.core.errors import PhysadvError, unknown_name
from physadv.core.files import at_home
from physadv.core.identity import digest_of, digest_of_files
from physadv.core.names import find_name
from physadv.core.onnx import TimedRuns, external_files, open_onnx
from physadv.photos.finding.outline import TRUSTED, Box, FoundOutline, find_outlines
from physadv.scenes.photographs.sign_outline import apply
from physadv.signs import Sign

Matrix: TypeAlias = npt.NDArray[np.float64]
Pixels: TypeAlias = npt.NDArray[np.uint8]

_STRIDES = (8, 16, 32)
_PAD = 114
"""Gray of the letterbox, as YOLOX was trained with."""
_BOX_CONFIDENCE = 0.4
"""Of a find that is the detector's box alone, as a share of the outline's ``TRUSTED`` at score 1."""
_ROOM = 0.3
"""Around a detector's box, as a share of it, that the outline is looked for in."""
_TILED_PX = 1280
"""Longest side of a picture above which its quarters are looked through as well: a far sign would vanish."""

Share = Annotated[float, Field(ge=0.0, le=1.0)]


class DetectorCard(Config):
    """What there is to know of a detector in order to run it.

    A card::

        weights: yolox_nano.onnx
        size: 416
        classes: [person, bicycle, car, ..., stop sign, ...]
        wanted: stop sign
    """

    weights: Annotated[str, Field(min_length=1)]
    """Path of the ONNX file, relative to the card."""
    format: Literal["yolox"] = "yolox"
    """How its output is read: ``[1, anchors, 5 + classes]`` of offsets, objectness and class scores."""
    size: Annotated[int, Field(ge=32, le=4096, multiple_of=32)] = 416
    """Side of the square input in pixels."""
    channels: Literal["bgr", "rgb"] = "bgr"
    scale: Annotated[float, Field(gt=0.0, allow_inf_nan=False)] = 255.0
    """What white is at the input."""
    classes: Annotated[ClassNames, Field(min_length=1)]
    """Class names in the order of the outputs, the path of a list of them, or the name of a known one (``coco``)."""
    wanted: Text
    """The class that the sign belongs to."""
    score: Share = 0.3
    """Least score (objectness times class score) of a box."""
    overlap: Share = 0.45
    """Intersection over union above which two boxes are one object."""

    @model_validator(mode="after")
    def _knows_wanted(self) -> DetectorCard:
        if collected(find_name)(self.wanted, self.classes) is None:
            raise ValueError(str(unknown_name("class", self.wanted, self.classes, of="the detector")))
        return self

    @property
    def wanted_index(self) -> int:
        """Place of the wanted class in ``classes``."""
        index = find_name(self.wanted, self.classes)
        assert index is not None, "checked when the card was read"
        return index


@dataclass(frozen=True)
class Detection:
    """A box in pixels (left, top, right, bottom) and its score."""

    box: Box
    score: float


class Detector:
    """Boxes of one class, from an ONNX graph on the CPU.

    Args:
        card: what the graph takes and gives.
        folder: that the card's paths are relative to.

    Raises:
        PhysadvError: ONNX Runtime is not installed, the file is missing or not a graph, or takes something else.
    """

    def __init__(self, card: DetectorCard, folder: Path) -> None:
        self.card = card
        self.path = folder / at_home(card.weights)
        session = open_onnx(self.path)
        self._runs = TimedRuns(session, self.path)
        inputs = session.get_inputs()
        if not inputs:
            raise PhysadvError(f"{self.path}: takes no input; a detector takes a picture")
        (first, *others) = inputs
        wanted = [3, card.size, card.size]
        fixed = len(first.shape) == 4 and all(
            not isinstance(has, int) or has == want for has, want in zip(first.shape[1:], wanted, strict=True)
        )
        if others or not fixed or first.type != "tensor(float)":
            raise PhysadvError(
                f"{self.path}: takes {first.shape} of {first.type}; size = {card.size} makes {['N', *wanted]} of "
                f"tensor(float); write the size that the detector was exported with into its card"
            )
        self._input = first.name

    @property
    def fingerprint(self) -> str:
        """Of what the card says and of the graph's files."""
        files = [self.path, *external_files(self.path)]
        return digest_of([self.card.model_dump(mode="json", exclude={"weights"}), digest_of_files(files)])

    @cached_property
    def _grid(self) -> tuple[Matrix, Matrix]:
        """Cells' places ``[anchors, 2]`` and strides ``[anchors, 1]``, finest first."""
        places, strides = [], []
        for stride in _STRIDES:
            cells = np.arange(self.card.size // stride, dtype=np.float64)
            grid = np.stack(np.meshgrid(cells, cells), -1).reshape(-1, 2)
            places.append(grid)
            strides.append(np.full((len(grid), 1), float(stride)))
        return np.concatenate(places), np.concatenate(strides)

    def detect(self, pixels: Pixels) -> list[Detection]:
        """Boxes of the wanted class in ``[H, W, 3]`` uint8 RGB, best first.

        A large picture is looked through whole and in overlapping quarters, so that a far sign is seen as well.

        Raises:
            PhysadvError: the graph gives something else than the card says.
        """
        parts = [(0, 0, pixels.shape[1], pixels.shape[0])]
        if max(pixels.shape[:2]) > _TILED_PX:
            parts += _quarters(pixels.shape[1], pixels.shape[0])
        found = []
        for left, top, right, bottom in parts:
            for one in self._boxes(pixels[top:bottom, left:right]):
                x1, y1, x2, y2 = one.box
                found.append(Detection((x1 + left, y1 + top, x2 + left, y2 + top), one.score))
        return self._distinct(found)

    def _boxes(self, pixels: Pixels) -> list[Detection]:
        import cv2

        side = self.card.size
        scale = min(side / pixels.shape[0], side / pixels.shape[1])
        width, height = (max(1, round(length * scale)) for length in (pixels.shape[1], pixels.shape[0]))
        kind = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        canvas = np.full((side, side, 3), _PAD, np.uint8)
        canvas[:height, :width] = cv2.resize(np.ascontiguousarray(pixels), (width, height), interpolation=kind)
        ordered = canvas[..., ::-1] if self.card.channels == "bgr" else canvas
        batch = np.ascontiguousarray(ordered.transpose(2, 0, 1)[None], np.float32) * (self.card.scale / 255.0)
        output = _numbers(self._runs.run(None, {self._input: batch}))
        places, strides = self._grid
        if output.shape != (1, len(places), 5 + len(self.card.classes)):
            raise PhysadvError(
                f"{self.path}: gives {list(output.shape)}; size = {side} and {len(self.card.classes)} classes make "
                f"[1, {len(places)}, {5 + len(self.card.classes)}]"
            )
        if not np.isfinite(output).all():
            raise PhysadvError(f"{self.path}: answers with values that are no finite numbers; is the file complete?")
        return self._decoded(output[0], places, strides, (pixels.shape[1] / width, pixels.shape[0] / height))

    def _decoded(self, rows: Matrix, places: Matrix, strides: Matrix, back: tuple[float, float]) -> list[Detection]:
        score = rows[:, 4] * rows[:, 5 + self.card.wanted_index]
        good = score >= self.card.score
        center = (rows[good, :2] + places[good]) * strides[good]
        half = np.exp(np.minimum(rows[good, 2:4], 10.0)) * strides[good] / 2.0
        boxes = np.concatenate([center - half, center + half], 1) * np.tile(back, 2)
        return [
            Detection((float(a), float(b), float(c), float(d)), float(value))
            for (a, b, c, d), value in zip(boxes, score[good], strict=True)
        ]

    def _distinct(self, found: list[Detection]) -> list[Detection]:
        kept: list[Detection] = []
        for one in sorted(found, key=lambda each: -each.score):
            if all(box_overlap(one.box, other.box) <= self.card.overlap for other in kept):
                kept.append(one)
        return kept


def _numbers(outputs: list[Any]) -> Matrix:
    """The first output of a graph, if it is an array of numbers; else an empty one."""
    first = outputs[0] if outputs else None
    if not isinstance(first, np.ndarray) or first.dtype.kind not in "fiu":
        return np.empty(0)
    return first.astype(np.float64)


def load_detector(path: Path) -> Detector:
    """The detector that a YAML card describes.

    Raises:
        PhysadvError: see :class:`Detector`; or the card is missing or wrong.
    """
    return Detector(load_config(DetectorCard, path), path.parent)


def find_with_detector(pixels: Pixels, sign: Sign, detector: Detector) -> list[FoundOutline]:
    """The sign's outline in each of the detector's boxes, best first; the box itself where there is no outline.

    A box alone says about where the sign is and how large, not how it is turned: its confidence stays below
    :data:`~physadv.photos.finding.outline.TRUSTED`.
    """
    found = []
    for one in detector.detect(pixels):
        room = [_ROOM * (one.box[2 + k] - one.box[k]) for k in range(2)]
        within = (one.box[0] - room[0], one.box[1] - room[1], one.box[2] + room[0], one.box[3] + room[1])
        finds = find_outlines(pixels, sign, within=within) if _is_roomy(within, pixels) else []
        best = next((each for each in finds if each.confidence >= TRUSTED), None)
        found.append(best or _box_alone(one, sign))
    return sorted(found, key=lambda each: -each.confidence)


def box_overlap(one: Box, other: Box) -> float:
    """Intersection over union of two boxes (left, top, right, bottom)."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    common = max(width, 0.0) * max(height, 0.0)
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    return float(common / max(areas - common, 1e-9))


def _is_roomy(within: Box, pixels: Pixels) -> bool:
    width = min(within[2], pixels.shape[1]) - max(within[0], 0.0)
    height = min(within[3], pixels.shape[0]) - max(within[1], 0.0)
    return bool(width >= 8 and height >= 8)


def _box_alone(one: Detection, sign: Sign) -> FoundOutline:
    left, top, right, bottom = one.box
    across, down = (right - left) / sign.width_mm, (bottom - top) / sign.height_mm
    middle = (left + right - 1.0) / 2.0, (top + bottom - 1.0) / 2.0
    homography = np.array([[across, 0.0, middle[0]], [0.0, down, middle[1]], [0.0, 0.0, 1.0]])
    return FoundOutline(
        homography=homography,
        confidence=_BOX_CONFIDENCE * TRUSTED * one.score,
        outline_px=apply(homography, sign.outline_mm),
        mirrored=False,
        how=f"detector's box alone (score {one.score:.2f})",
    )


def _quarters(width: int, height: int) -> list[tuple[int, int, int, int]]:
    """Four parts of three fifths of each side."""
    w, h = round(0.6 * width), round(0.6 * height)
    return [(x, y, x + w, y + h) for y in (0, height - h) for x in (0, width - w)]
