"""Photographs and videos from disk, with what they say of themselves."""

from __future__ import annotations

import datetime
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import ExifTags

from physadv.core.errors import PhysadvError
from physadv.core.files import check_regular, sha256
from physadv.core.folders import OTHER_PICTURES, PICTURES, picture_files
from physadv.core.images import read_photograph

Pixels: TypeAlias = npt.NDArray[np.uint8]

VIDEOS = frozenset({".mp4", ".mov", ".avi", ".mkv", ".m4v", ".webm"})
_LEAST_PX = 32
_SHORTEST_MM, _LONGEST_MM = 5.0, 5000.0
"""Focal lengths for 35 mm film beyond which EXIF is wrong: cameras that are sold have 8 to 3,000 mm."""
_QUIET = "-8"
"""FFmpeg's AV_LOG_QUIET."""


@dataclass(frozen=True, eq=False)
class Photo:
    """A photograph, upright, or a frame of a video.

    Attributes:
        name: its file, relative to the folder of photographs; of a video's frame with ``#`` and the frame's number.
        pixels: ``[H, W, 3]`` RGB uint8, sRGB-encoded.
        taken: ISO 8601, or empty.
        equivalent_mm: focal length as for a 35 mm camera; None if unknown.
        ev100: exposure value at ISO 100; None if unknown.
        camera: make and model, or empty.
        sha256: of the file.
    """

    name: str
    pixels: Pixels
    taken: str = ""
    equivalent_mm: float | None = None
    ev100: float | None = None
    camera: str = ""
    sha256: str = ""


@dataclass(frozen=True)
class Refusal:
    """A file, or a frame, that could not be used, and why in one sentence."""

    name: str
    why: str


def list_files(folder: Path) -> list[Path]:
    """Photographs and videos below a folder, by name; hidden files and operating systems' droppings are left out.

    Raises:
        PhysadvError: no such folder, or nothing in it.
    """
    if not folder.is_dir():
        raise PhysadvError(f"{folder}: no such folder of photographs")
    found = picture_files(folder, deep=True, kinds=PICTURES | OTHER_PICTURES | VIDEOS)
    if not found:
        kinds = ", ".join(sorted(suffix[1:] for suffix in PICTURES | VIDEOS))
        raise PhysadvError(f"{folder}: has no photograph or video ({kinds})")
    return found


def read_file(path: Path, name: str, *, every: int = 15) -> Iterator[Photo | Refusal]:
    """The photograph in a file, or every n-th frame of a video; what cannot be read is a refusal, not an error.

    Args:
        path: of the file.
        name: that its photographs get; of a video's frame with ``#`` and the frame's number behind it.
        every: which frames of a video.
    """
    try:
        if path.suffix.lower() in VIDEOS:
            yield from _frames(path, name, every)
        else:
            yield _photograph(path, name)
    except PhysadvError as error:
        yield Refusal(name, str(error).removeprefix(f"{path}: "))


def _photograph(path: Path, name: str) -> Photo:
    pixels, words = read_photograph(path)
    if min(pixels.shape[:2]) < _LEAST_PX:
        raise PhysadvError(
            f"{path}: {pixels.shape[1]} x {pixels.shape[0]} pixels is too small for a photograph of a sign"
        )
    equivalent = _number(words.get(ExifTags.Base.FocalLengthIn35mmFilm))
    return Photo(
        name=name,
        pixels=pixels,
        taken=_time(words.get(ExifTags.Base.DateTimeOriginal) or words.get(ExifTags.Base.DateTime)),
        equivalent_mm=equivalent if equivalent and _SHORTEST_MM <= equivalent <= _LONGEST_MM else None,
        ev100=_ev100(words),
        camera=" ".join(
            str(words[tag]).strip("\0 ") for tag in (ExifTags.Base.Make, ExifTags.Base.Model) if words.get(tag)
        ),
        sha256=sha256(path),
    )


def _frames(path: Path, name: str, every: int) -> Iterator[Photo | Refusal]:
    """Every n-th frame; broken ones are named, the others still come."""
    import cv2

    check_regular(path, what="video")
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", _QUIET)  # what is wrong with a video is told as a refusal
    video = cv2.VideoCapture(str(path))
    try:
        if not video.isOpened():
            raise PhysadvError(f"{path}: not a readable video")
        digest, number, read = sha256(path), 0, 0
        total = int(video.get(cv2.CAP_PROP_FRAME_COUNT))
        while True:
            if not video.grab():
                further = _beyond_damage(video, number, total)
                if further is None:
                    break
                yield Refusal(f"{name}#{number}", f"the video is damaged; it is read again from frame {further} on")
                number = further
            if number % every == 0:
                fine, frame = video.retrieve()
                if fine and frame is not None and frame.ndim == 3:
                    read += 1
                    pixels = np.ascontiguousarray(frame[..., ::-1])
                    yield Photo(name=f"{name}#{number}", pixels=pixels, sha256=digest)
                else:
                    yield Refusal(f"{name}#{number}", "the frame cannot be decoded")
            number += 1
        if not read:
            raise PhysadvError(f"{path}: none of its frames can be decoded")
        if _breaks_off(number, total):
            yield Refusal(f"{name}#{number}", f"the video breaks off after {number} of {total} frames")
    finally:
        video.release()


def _breaks_off(number: int, total: int) -> bool:
    """Whether a video ends before the frames that it says it has; a few less is how some are written."""
    return total > 0 and number < 0.9 * total


def _beyond_damage(video: Any, number: int, total: int) -> int | None:
    """The next frame that can be grabbed after ``number`` could not, and was grabbed; None if there is none."""
    import cv2

    step = 1
    while _breaks_off(number + step, total):
        video.set(cv2.CAP_PROP_POS_FRAMES, number + step)
        if video.grab():
            return number + step
        step *= 2
    return None


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return number if math.isfinite(number) and number > 0 else None


def _ev100(words: dict[Any, Any]) -> float | None:
    """log2(N^2 / t) - log2(ISO / 100) (ISO 2720)."""
    aperture = _number(words.get(ExifTags.Base.FNumber))
    seconds = _number(words.get(ExifTags.Base.ExposureTime))
    speed = words.get(ExifTags.Base.ISOSpeedRatings)
    iso = _number(speed[0] if isinstance(speed, tuple) and speed else speed)
    if aperture is None or seconds is None or iso is None:
        return None
    return math.log2(aperture**2 / seconds) - math.log2(iso / 100.0)


def _time(value: Any) -> str:
    try:
        return datetime.datetime.strptime(str(value).strip("\0 "), "%Y:%m:%d %H:%M:%S").isoformat()
    except ValueError:
        return ""
