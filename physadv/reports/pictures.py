"""Pictures inside the page: small, as ``data:`` addresses, and only ever from the report's own folder."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from physadv.core.errors import PhysadvError
from physadv.core.files import is_there
from physadv.core.images import read_image
from physadv.evaluation.batteries.summary import Picture, Record, Summary

BUDGET_CHARACTERS = 2_000_000
"""Of all frames in a page."""
PLANS: tuple[tuple[int, int], ...] = ((6, 256), (6, 192), (4, 192), (4, 160), (3, 128), (2, 112), (1, 96), (1, 48))
"""``(frames a side, pixels)``, the richest first."""
CHARACTERS_PER_PIXEL = 0.25
"""Of a JPEG of such a picture at ``QUALITY``, as base64; a first guess that is checked."""
QUALITY = 84
SEEN_CHARACTERS = 4_000
"""Of the PNG of what the victim saw, likewise."""
SEEN_PX = 64
"""What the victim saw is kept exact up to this size; larger ones are shown reduced."""


@dataclass(frozen=True)
class Frame:
    """A frame ready for the page: its facts, and its pictures as ``data:`` addresses ('' where the file is gone)."""

    facts: Picture
    picture: str
    seen: str


@dataclass(frozen=True)
class Gallery:
    """The most and the least fooled frames of a record."""

    most_fooled: tuple[Frame, ...]
    least_fooled: tuple[Frame, ...]

    @property
    def size(self) -> int:
        """Characters of all its pictures."""
        return sum(len(frame.picture) + len(frame.seen) for frame in (*self.most_fooled, *self.least_fooled))


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
    """A picture as a ``data:`` address, its longer side at most ``side_px``; '' where there is no such file.

    ``alpha`` keeps transparency (PNG), ``exact`` keeps every pixel (PNG); otherwise it is a JPEG.

    Raises:
        PhysadvError: it lies outside the folder, or is not a readable picture.
    """
    path = inside(folder, relative)
    if not relative or not is_there(path):
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


def png_url(pixels: npt.NDArray[np.uint8]) -> str:
    """Pixels ``[H, W, 3]`` as a ``data:`` address that keeps each of them."""
    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"


def embed(folder: Path, summary: Summary) -> list[Gallery]:
    """The frames of every record, as many and as large as the page's budget allows."""
    galleries: list[Gallery] = []
    for most, side_px in PLANS[first_plan(summary) :]:
        galleries = [gallery(folder, record, most=most, side_px=side_px) for record in summary.records]
        if sum(made.size for made in galleries) <= BUDGET_CHARACTERS:
            break
    return galleries


def first_plan(summary: Summary) -> int:
    """The richest plan that can be expected to keep the budget."""
    sides = 2 * max(len(summary.records), 1)

    def cost(most: int, side_px: int) -> float:
        return sides * most * (side_px**2 * CHARACTERS_PER_PIXEL + SEEN_CHARACTERS)

    return next((i for i, choice in enumerate(PLANS) if cost(*choice) <= BUDGET_CHARACTERS), len(PLANS) - 1)


def gallery(folder: Path, record: Record, *, most: int, side_px: int) -> Gallery:
    """The first ``most`` of the most and of the least fooled frames of a record."""

    def frames(pictures: Sequence[Picture]) -> tuple[Frame, ...]:
        return tuple(
            Frame(
                facts=picture,
                picture=data_url(folder, picture.picture, side_px=side_px),
                seen=data_url(folder, picture.seen, side_px=SEEN_PX, exact=True),
            )
            for picture in pictures[:most]
        )

    return Gallery(most_fooled=frames(record.most_fooled), least_fooled=frames(record.least_fooled))
