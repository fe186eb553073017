"""Whether a file has all of the pixels that its head promises: Pillow gives black in place of what lacks."""

from __future__ import annotations

import io
import zlib
from typing import IO

import numpy as np
from PIL import ImageFile, TiffImagePlugin

from physadv.core.picture_headers import Unreadable

_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
"""Passes of an interlaced PNG: first column and row, and steps."""
_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""Of a PNG's pixel, by its color type."""
_PIECE = 1 << 20
_COMPRESSION, _PLANES, _ROWS, _STRIPS, _BYTES, _TILES = 259, 284, 278, 273, 279, 324
_TILE_WIDTH, _TILE_HEIGHT, _BITS = 322, 323, 258


def check_rows(image: ImageFile.ImageFile, file: IO[bytes] | None) -> None:
    """Refuses a decoded PNG with fewer rows than its head says.

    Pillow leaves what lacks black, from above to below: only a picture whose last row is all black, or that is
    interlaced, is inflated once more to count its bytes.

    Args:
        image: decoded.
        file: that it was read from, still open.

    Raises:
        Unreadable: it lacks some.
    """
    if image.format != "PNG" or file is None:
        return
    try:
        whole = bool(np.asarray(image.crop((0, image.height - 1, image.width, image.height))).any())
    except OSError:
        _check_png(file)  # which tells it better
        raise
    if not whole or image.info.get("interlace"):
        _check_png(file)


def _check_png(file: IO[bytes]) -> None:
    """PNG 3rd edition, sections 7, 8.1 and 10.1."""
    place = file.tell()
    try:
        file.seek(8)
        wanted, found, inflate = 0, 0, zlib.decompressobj()
        while len(start := file.read(8)) == 8:
            length, kind = int.from_bytes(start[:4], "big"), start[4:]
            if kind == b"IHDR":
                wanted = _png_bytes(file.read(13))
                length -= 13
            elif kind == b"IDAT":
                left = length
                while left > 0 and found < wanted and (piece := file.read(min(left, _PIECE))):
                    left -= len(piece)
                    found += len(inflate.decompress(piece))
                length = left
            elif kind == b"IEND" or (wanted and found >= wanted):
                break
            file.seek(length + 4, io.SEEK_CUR)
    except zlib.error:
        return  # the decoder says what is wrong with it
    finally:
        file.seek(place)
    if found < wanted:
        raise Unreadable(f"not a readable picture (it has {found:,} of {wanted:,} bytes of pixels)")


def _png_bytes(head: bytes) -> int:
    """Bytes of a PNG's rows with their filters' kinds."""
    width, height = int.from_bytes(head[:4], "big"), int.from_bytes(head[4:8], "big")
    bits = head[8] * _SAMPLES.get(head[9], 0)
    if not bits:
        return 0
    sizes = [(width, height)]
    if head[12]:
        sizes = [(-(-(width - x) // across), -(-(height - y) // down)) for x, y, across, down in _ADAM7]
    return sum(rows * (1 + (columns * bits + 7) // 8) for columns, rows in sizes if rows > 0 and columns > 0)


def check_strips(image: TiffImagePlugin.TiffImageFile) -> None:
    """Refuses a TIFF with fewer strips or tiles than its picture needs, or too few bytes in plain ones.

    Source: TIFF 6.0, sections 3, 8 and 15.

    Raises:
        Unreadable: it lacks some.
    """
    tags, (width, height) = image.tag_v2, image._tile_size if hasattr(image, "_tile_size") else image.size
    samples = len(tags.get(_BITS, (1,)))
    planes = samples if tags.get(_PLANES, 1) == 2 else 1
    if _TILES in tags:
        across, down = (max(1, int(tags.get(tag, 1))) for tag in (_TILE_WIDTH, _TILE_HEIGHT))
        wanted, found = planes * -(-width // across) * -(-height // down), len(tags[_TILES])
    elif _STRIPS in tags:
        rows = min(height, max(1, int(tags.get(_ROWS, height))))
        wanted, found = planes * -(-height // rows), len(tags[_STRIPS])
    else:
        return
    if found < wanted:
        raise Unreadable(f"not a readable picture (it has {found} of {wanted} pieces)")
    if tags.get(_COMPRESSION, 1) == 1 and _BYTES in tags and _TILES not in tags:
        bits = sum(tags.get(_BITS, (1,))) // planes
        needed = planes * height * ((width * bits + 7) // 8)
        have = sum(tags[_BYTES]) if isinstance(tags[_BYTES], tuple) else int(tags[_BYTES])
        if have < needed:
            raise Unreadable(f"not a readable picture (it has {have:,} of {needed:,} bytes of pixels)")
