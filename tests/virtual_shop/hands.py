"""What a person does with printed sheets: read them, cut along the lines, and stick the pieces where they belong."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias
from xml.etree import ElementTree

import cv2
import numpy as np
import numpy.typing as npt

from virtual_shop.press import Press

Image: TypeAlias = npt.NDArray[np.float32]

DPI = 100
PX_PER_MM = DPI / 25.4
BOARD = 0.83
"""Reflectance of the white board that the sign is mounted on."""


@dataclass
class Sticker:
    """A piece cut out: reflectance ``[h, w, 3]``, what is left of it ``[h, w]``, and its upper left corner's place."""

    paint: Image
    shape: Image
    left_mm: float
    """From the sign's left edge."""
    top_mm: float


def pages_of(pdf: Path) -> list[str]:
    """The words of each page, as poppler lays them out."""
    text = subprocess.run(["pdftotext", "-layout", str(pdf), "-"], capture_output=True, text=True, check=True).stdout
    return text.split("\f")[:-1]


def print_page(pdf: Path, number: int, press: Press) -> Image:
    """A page off the press: linear reflectance ``[H, W, 3]`` at :data:`DPI`."""
    picture = subprocess.run(
        ["pdftoppm", "-r", str(DPI), "-f", str(number), "-l", str(number), str(pdf)], capture_output=True, check=True
    ).stdout
    pixels = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    return press(pixels.astype(np.float32) / 255.0, DPI, seed=number)


def cut_out(pdf: Path, cuts: list[Path], press: Press) -> dict[str, list[Sticker]]:
    """The stickers of a PDF by what its pages say they are (``patch``, ``gray``, ``random``).

    Args:
        pdf: of ``physadv print --controls``, without tiles.
        cuts: SVG files of the same sheets.
        press: that prints them.
    """
    words = pages_of(pdf)
    places = _places(words[-1])
    cutting = [k for k, text in enumerate(words) if re.search(r"^\s*[A-Z]+: [\d.]+ x [\d.]+ mm", text, re.MULTILINE)]
    assert len(cutting) == len(cuts)
    made: dict[str, list[Sticker]] = {"patch": [], "gray": [], "random": []}
    for number, file in zip(cutting, cuts, strict=True):
        kind = next((name for name in ("gray", "random") if f"{name.upper()} CONTROL" in words[number]), "patch")
        page = print_page(pdf, number + 1, press)
        for label, ring in zip(_labels(pdf, number + 1), _rings(file), strict=True):
            made[kind].append(_cut(page, ring, *places[label]))
    return made


def _places(text: str) -> dict[str, tuple[float, float]]:
    """The last sheet's table: from the left and from the top, by label."""
    rows = re.findall(r"^\s*([A-Z]+)((?:\s+-?\d+\.\d){6})\s*$", text, re.MULTILINE)
    return {label: (float(values.split()[2]), float(values.split()[3])) for label, values in rows}


def _labels(pdf: Path, number: int) -> list[str]:
    """The labels on a page, in the order of the cutter's paths: as they are drawn."""
    page = subprocess.run(
        ["pdftotext", "-raw", "-f", str(number), "-l", str(number), str(pdf), "-"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "mm, top:" not in page, "these hands stick nothing on that is printed turned"
    return re.findall(r"^([A-Z]+): [\d.]+ x [\d.]+ mm", page, re.MULTILINE)


def _rings(svg: Path) -> list[npt.NDArray[np.float64]]:
    """Paths of a cut file, in mm of the page."""
    found = []
    for path in ElementTree.parse(svg).iter("{http://www.w3.org/2000/svg}path"):
        numbers = [float(value) for value in re.findall(r"-?\d+(?:\.\d+)?", path.attrib["d"])]
        found.append(np.array(numbers).reshape(-1, 2))
    return found


def _cut(page: Image, ring: npt.NDArray[np.float64], left_mm: float, top_mm: float) -> Sticker:
    low, high = np.floor(ring.min(0) * PX_PER_MM).astype(int), np.ceil(ring.max(0) * PX_PER_MM).astype(int)
    shape = np.zeros((high - low)[::-1], np.uint8)
    corners = np.round((ring * PX_PER_MM - low - 0.5) * 16).astype(np.int32)
    cv2.fillPoly(shape, [corners], 255, lineType=cv2.LINE_AA, shift=4)
    paint = page[low[1] : high[1], low[0] : high[0]]
    inside = low / PX_PER_MM - ring.min(0)
    return Sticker(paint, shape.astype(np.float32) / 255.0, left_mm + inside[0], top_mm + inside[1])


def cut_markers(pdf: Path, width_mm: float, press: Press) -> list[Sticker]:
    """The rig's markers with their white border, and where the sheets say that they go."""
    made = []
    for number, text in enumerate(pages_of(pdf), start=1):
        found = re.search(
            r"(\d+), (upper|lower) (left|right); this way up\s+black edge ([\d.]+) and ([\d.]+) mm inside", text
        )
        if not found:
            continue
        page = print_page(pdf, number, press)
        low, high = _black_square(page)
        border = round((high[0] - low[0]) / 6)
        x, y = float(found[4]), float(found[5])
        side = (high - low) / PX_PER_MM
        left = x if found[3] == "left" else width_mm - x - side[0]
        top = y if found[2] == "upper" else width_mm - y - side[1]
        paint = page[low[1] - border : high[1] + border, low[0] - border : high[0] + border]
        gap = border / PX_PER_MM
        made.append(Sticker(paint, np.ones(paint.shape[:2], np.float32), left - gap, top - gap))
    return made


def _black_square(page: Image) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Box of the largest dark thing on a page, in pixels."""
    dark = (page.max(-1) < 0.3).astype(np.uint8)
    joined = cv2.morphologyEx(dark, cv2.MORPH_CLOSE, np.ones((9, 9)))
    _, _, boxes, _ = cv2.connectedComponentsWithStats(joined)
    left, top, width, height, _ = boxes[1 + int(np.argmax(boxes[1:, cv2.CC_STAT_AREA]))]
    return np.array([left, top]), np.array([left + width, top + height])


def sheet_with(pdf: Path, words: str, press: Press) -> Image:
    """The whole page on which some words stand."""
    number = next(k for k, text in enumerate(pages_of(pdf), start=1) if words in text)
    return print_page(pdf, number, press)


def mount(
    artwork: Path, width_mm: float, stickers: list[Sticker], *, board: bool, markers: list[Sticker] = (), seed: int = 0
) -> tuple[Image, Image, float]:
    """A sign with what is stuck on it: reflectance ``[S, S, 3]``, opacity ``[S, S]``, and the side in mm.

    Hands are not exact: pieces lie off by about a millimeter and a third of a degree. The markers are hung once, so
    theirs do not depend on the seed.

    Args:
        artwork: picture of the sign, RGBA, its width filling it.
        width_mm: of the sign.
        stickers: on it.
        board: whether it hangs on a white board, or alone.
        markers: of the rig, on the board.
        seed: of the hands that stick.
    """
    side_mm = width_mm + (80.0 if board else 2.0)
    px = round(side_mm * 2.0)
    paint, opacity = np.full((px, px, 3), BOARD, np.float32), np.full((px, px), float(board), np.float32)
    art = cv2.imread(str(artwork), cv2.IMREAD_UNCHANGED).astype(np.float32) / 255.0
    alpha = np.ascontiguousarray(art[..., 3])
    flat = Sticker(linear(art[..., 2::-1]), alpha, 0.0, 0.0)
    scale = width_mm / art.shape[1]
    _stick(paint, opacity, flat, scale, side_mm, width_mm, (0.0, 0.0, 0.0), alone=not board)
    sticking, hanging = np.random.default_rng(seed), np.random.default_rng(0)
    for piece, hands in [(one, sticking) for one in stickers] + [(one, hanging) for one in markers]:
        slip = hands.normal(0.0, [1.0, 1.0, 0.3])
        _stick(paint, opacity, piece, 1.0 / PX_PER_MM, side_mm, width_mm, tuple(slip), alone=False)
    return paint, opacity, side_mm


def _stick(
    paint: Image,
    opacity: Image,
    piece: Sticker,
    mm_per_px: float,
    side_mm: float,
    width_mm: float,
    slip: tuple[float, float, float],
    *,
    alone: bool,
) -> None:
    """Lays a piece over the picture, in place."""
    px = paint.shape[0]
    per_mm, edge = px / side_mm, (side_mm - width_mm) / 2.0
    height, width = piece.shape.shape
    middle = np.array([width, height]) / 2.0 - 0.5
    turn = cv2.getRotationMatrix2D((0.0, 0.0), slip[2], mm_per_px * per_mm)
    corner = np.array([piece.left_mm, piece.top_mm])
    goal = (corner + edge + np.array([width, height]) * mm_per_px / 2.0 + slip[:2]) * per_mm - 0.5
    turn[:, 2] = goal - turn[:, :2] @ middle
    soft = min(1.0, mm_per_px * per_mm)
    sigma = 0.4 / soft if soft < 0.8 else 0.0
    colors = cv2.GaussianBlur(piece.paint, (0, 0), sigma) if sigma else piece.paint
    shape = cv2.GaussianBlur(piece.shape, (0, 0), sigma) if sigma else piece.shape
    over = cv2.warpAffine(colors, turn, (px, px), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    cover = cv2.warpAffine(shape, turn, (px, px), flags=cv2.INTER_LINEAR)[..., None]
    paint[:] = cover * over + (1.0 - cover) * paint
    if alone:
        opacity[:] = np.maximum(opacity, cover[..., 0])


def linear(encoded: Image) -> Image:
    """Linear of sRGB-encoded values (IEC 61966-2-1)."""
    low, high = encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4
    return np.where(encoded <= 0.04045, low, high).astype(np.float32)
