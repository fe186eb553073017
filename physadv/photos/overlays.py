"""Overlays: every photograph with what was found in it, to be looked through."""

from __future__ import annotations

from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from jinja2 import Environment, PackageLoader, StrictUndefined

from physadv.core.files import atomic_path, write_text
from physadv.photos.finding import Found
from physadv.photos.session import OVERLAYS, Row
from physadv.signs import Sign

Pixels: TypeAlias = npt.NDArray[np.uint8]

_LEAST_WIDTH_PX, _WIDTH_PX = 700, 1100
_SURE, _UNSURE = (40, 220, 90), (255, 150, 0)
_DOUBT = 0.6


def write_overlay(path: Path, pixels: Pixels, found: Found, row: Row) -> None:
    """The photograph with the sign's outline and axes, distance, angle and confidence; a JPEG."""
    import cv2
    from PIL import Image

    scale = float(np.clip(pixels.shape[1], _LEAST_WIDTH_PX, _WIDTH_PX)) / pixels.shape[1]
    size = (round(pixels.shape[1] * scale), round(pixels.shape[0] * scale))
    shown = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA if scale < 1.0 else cv2.INTER_CUBIC)
    colour = _SURE if found.confidence >= _DOUBT and not found.flags else _UNSURE
    outline = np.round(found.outline_px * scale * 16).astype(np.int32)
    cv2.polylines(shown, [outline.reshape(-1, 1, 2)], True, colour, 2, cv2.LINE_AA, 4)
    words = (
        f"{row.distance_m:.2f} +- {row.distance_sd_m:.2f} m   yaw {row.yaw_deg:+.1f}  pitch {row.pitch_deg:+.1f}   "
        f"{row.how} {row.confidence:.0%}"
    )
    height = max(0.45, shown.shape[1] / 1400)
    for thick, ink in ((4, (0, 0, 0)), (1, (255, 255, 255))):
        cv2.putText(shown, words, (10, round(34 * height)), cv2.FONT_HERSHEY_SIMPLEX, height, ink, thick, cv2.LINE_AA)
    with atomic_path(path) as temporary:
        Image.fromarray(shown).save(temporary, format="JPEG", quality=85)


def write_index(folder: Path, rows: list[Row], refused: list[tuple[str, str]], sign: Sign) -> None:
    """``overlays/index.html``: all of them on one page, the doubtful ones first, and what was given up."""
    loader = PackageLoader("physadv.photos", "templates")
    page = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    doubtful = sorted(rows, key=lambda row: (not row.flags and row.confidence >= _DOUBT, row.file))
    text = page.get_template("overlays.html.j2").render(
        rows=[(row, Path(row.crop).stem + ".jpg") for row in doubtful], refused=refused, sign=sign
    )
    (folder / OVERLAYS).mkdir(exist_ok=True)
    write_text(folder / OVERLAYS / "index.html", text)
