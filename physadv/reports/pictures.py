"""Pictures inside the page: small, as ``data:`` addresses, and only ever from the report's own folder."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from PIL import Image

from physadv.core.errors import PhysadvError
from physadv.core.images import read_image
from physadv.evaluation.summary import Picture, Record, Summary

BUDGET_BYTES = 1_600_000
"""Of all frames in a page, before base64."""
PLANS: tuple[tuple[int, int], ...] = ((6, 256), (6, 192), (4, 192), (4, 160), (3, 128), (2, 112), (1, 96))
"""``(frames a side, pixels)``, the richest first."""
BYTES_PER_PIXEL = 0.28
"""Of a JPEG of these small and noisy pictures at ``QUALITY``; measured on roadside frames, a little generous."""
QUALITY = 84
SEEN_BYTES = 3_500
"""Of the PNG of what the victim saw."""
SEEN_PX = 64
"""What the victim saw is kept exact up to this size; larger ones are shown reduced."""


@dataclass(frozen=True)
class Frame:
    """A frame ready for the page: its facts, and the two pictures as ``data:`` addresses ('' where the file is gone)."""

    facts: Picture
    picture: str
    seen: str


def inside(folder: Path, relative: str) -> Path:
    """The file ``relative`` of ``folder``.

    Raises:
        PhysadvError: it lies outside the folder.
    """
    path = (folder / relative).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise PhysadvError(f"{folder / 'summary.json'}: picture {relative!r} lies outside the report's folder")
    return path


def data_url(folder: Path, relative: str, *, side_px: int, alpha: bool = False, exact: bool = False) -> str:
    """A picture of the folder as a ``data:`` address, its longer side at most ``side_px``; '' where there is no such file.

    ``alpha`` keeps transparency (PNG), ``exact`` keeps every pixel (PNG); otherwise it is a JPEG.

    Raises:
        PhysadvError: it lies outside the folder, or is not a readable picture.
    """
    path = inside(folder, relative)
    if not relative or not path.is_file():
        return ""
    picture = Image.fromarray(read_image(path, mode="RGBA" if alpha else "RGB"))
    if max(picture.size) > side_px:
        picture.thumbnail((side_px, side_px), Image.Resampling.LANCZOS)
    buffer = BytesIO()
    if alpha:
        picture.quantize(256, method=Image.Quantize.FASTOCTREE).save(buffer, format="PNG", optimize=True)
    elif exact:
        picture.save(buffer, format="PNG", optimize=True)
    else:
        picture.save(buffer, format="JPEG", quality=QUALITY, optimize=True)
    kind = "png" if alpha or exact else "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"


def plan(summary: Summary) -> tuple[int, int]:
    """``(frames a side, pixels)`` of every record, so that the page stays small however many records it has."""
    sides = 2 * max(len(summary.records), 1)

    def cost(frames: int, px: int) -> float:
        return sides * frames * (px * px * BYTES_PER_PIXEL + SEEN_BYTES)

    return next((choice for choice in PLANS if cost(*choice) <= BUDGET_BYTES), PLANS[-1])


def frames(folder: Path, pictures: Sequence[Picture], *, most: int, side_px: int) -> tuple[Frame, ...]:
    """The first ``most`` frames, pictures embedded."""
    return tuple(
        Frame(
            facts=picture,
            picture=data_url(folder, picture.picture, side_px=side_px),
            seen=data_url(folder, picture.seen, side_px=SEEN_PX, exact=True),
        )
        for picture in pictures[:most]
    )


def record_frames(
    folder: Path, record: Record, *, most: int, side_px: int
) -> tuple[tuple[Frame, ...], tuple[Frame, ...]]:
    """The most and the least fooled frames of a record."""
    return (
        frames(folder, record.most_fooled, most=most, side_px=side_px),
        frames(folder, record.least_fooled, most=most, side_px=side_px),
    )
