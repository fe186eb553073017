"""Overlays: every photograph with what was found in it, to be looked through."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from jinja2 import Environment, PackageLoader, StrictUndefined

from physadv.core.files import atomic_path, write_text
from physadv.core.number_format import percent
from physadv.photos.finding.find_sign import FoundSign
from physadv.photos.session import OVERLAYS, Row
from physadv.signs import Sign

Pixels: TypeAlias = npt.NDArray[np.uint8]

_LEAST_WIDTH_PX, _WIDTH_PX, _MOST_HEIGHT_PX = 700, 1100, 4000
_LABEL_PX, _LABEL_MARGIN_PX = 24.0, 10
_SURE, _UNSURE = (40, 220, 90), (255, 150, 0)


def stem_of(name: str) -> str:
    """Of the files of a photograph in a session, from its name."""
    return hashlib.sha256(name.encode()).hexdigest()[:12]


def write_overlay(path: Path, pixels: Pixels, found: FoundSign, row: Row) -> None:
    """The photograph with the sign's outline and axes, distance, angle and confidence; a JPEG."""
    import cv2

    shown, scale = _reduced(pixels)
    color = _UNSURE if found.flags else _SURE
    outline = np.round(found.outline_px * scale * 16).astype(np.int32)
    cv2.polylines(shown, [outline.reshape(-1, 1, 2)], True, color, 2, cv2.LINE_AA, 4)
    distance = "distance not known"
    if row.has_distance:
        distance = f"{row.distance_m:.2f} m ± {100 * row.distance_sd_m / row.distance_m:.1f} %"
    turned = f"yaw {row.yaw_deg:+.1f}° ± {row.yaw_sd_deg:.1f}°   pitch {row.pitch_deg:+.1f}° ± {row.pitch_sd_deg:.1f}°"
    _label(shown, f"{distance}   {turned}   {row.how} {percent(row.confidence)}")
    _write(path, shown)


def _label(shown: Pixels, words: str) -> None:
    """In white on a dark strip along the top, as large as there is room for."""
    from PIL import Image, ImageDraw, ImageFont

    room = shown.shape[1] - 2 * _LABEL_MARGIN_PX
    size = min(_LABEL_PX, _LABEL_PX * room / ImageFont.load_default(_LABEL_PX).getlength(words))
    height = round(1.6 * size)
    strip = Image.fromarray(shown[:height] // 4)
    place = (_LABEL_MARGIN_PX, height / 2)
    ImageDraw.Draw(strip).text(place, words, fill="white", font=ImageFont.load_default(size), anchor="lm")
    shown[:height] = np.asarray(strip)


def write_refused(path: Path, pixels: Pixels) -> None:
    """A photograph in which nothing was found, as it is, so that a person sees why; a JPEG."""
    _write(path, _reduced(pixels)[0])


def _reduced(pixels: Pixels) -> tuple[Pixels, float]:
    """For a page, and how much smaller."""
    import cv2

    height, width = pixels.shape[:2]
    scale = min(float(np.clip(width, _LEAST_WIDTH_PX, _WIDTH_PX)) / width, _MOST_HEIGHT_PX / height)
    size = (max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale)))
    shown = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA if scale < 1.0 else cv2.INTER_CUBIC)
    return np.asarray(shown, np.uint8), scale


def _write(path: Path, shown: Pixels) -> None:
    from PIL import Image

    with atomic_path(path) as temporary:
        Image.fromarray(shown).save(temporary, format="JPEG", quality=85)


def write_index(folder: Path, rows: list[Row], refused: list[tuple[str, str]], sign: Sign) -> None:
    """``overlays/index.html``: all of them on one page, the doubtful ones first, and what was skipped."""
    loader = PackageLoader("physadv.photos", "templates")
    page = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    doubtful = sorted(rows, key=lambda row: (not row.flags, row.file))
    text = page.get_template("overlays.html.j2").render(
        rows=[(row, Path(row.crop).stem + ".jpg") for row in doubtful],
        refused=[(name, why, _picture(folder, name)) for name, why in sorted(refused)],
        sign=sign,
    )
    (folder / OVERLAYS).mkdir(exist_ok=True)
    write_text(folder / OVERLAYS / "index.html", text)


def _picture(folder: Path, name: str) -> str | None:
    """Of a photograph that was skipped; None if it could not be read."""
    picture = f"{stem_of(name)}.jpg"
    return picture if (folder / OVERLAYS / picture).is_file() else None
