"""Picture files written byte by byte, so that a test knows what they say."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
from PIL import Image


def png(values: np.ndarray, bits: int, color_type: int, *chunks: tuple[bytes, bytes], later: bytes = b"") -> bytes:
    """A PNG by hand: ``values [H, W]`` or ``[H, W, C]``, and chunks before the pixels."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    height, width = values.shape[:2]
    rows = values.astype(">u2" if bits == 16 else "u1").reshape(height, -1)
    body = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    head = struct.pack(">2I5B", width, height, bits, color_type, 0, 0, 0)
    listed = b"".join(chunk(name, data) for name, data in chunks)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + listed + chunk(b"IDAT", body) + later + chunk(b"IEND", b"")


def saved(picture: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, format=kind, **options)
    return buffer.getvalue()


def tiff(
    values: np.ndarray,
    *tags: tuple[int, int, int],
    order: str = "<",
    without: int = 0,
    lists: Mapping[int, tuple[int, Sequence[int]]] = MappingProxyType({}),
) -> bytes:
    """An uncompressed TIFF by hand; ``tags`` are (number, type, value) beside the layout's own, or in their place;
    ``without`` is a tag to leave out, ``lists`` are tags of many values, of type 3 (SHORT) or 5 (RATIONAL, in pairs).
    """
    data = values.astype(values.dtype.newbyteorder(order)).tobytes()
    bands = values.shape[2] if values.ndim == 3 else 1
    bits = values.dtype.itemsize * 8
    many = 8 + len(data)
    extra = struct.pack(f"{order}{bands}H", *[bits] * bands) if bands > 2 else b""
    own: dict[int, tuple[int, int, int]] = {
        256: (4, 1, values.shape[1]),
        257: (4, 1, values.shape[0]),
        258: (3, bands, many if bands > 2 else bits),
        259: (3, 1, 1),
        262: (3, 1, 2 if bands > 1 else 1),
        273: (4, 1, 8),
        277: (3, 1, bands),
        278: (4, 1, values.shape[0]),
        279: (4, 1, len(data)),
    }
    own |= {number: (kind, 1, value) for number, kind, value in tags}
    for number, (kind, many_values) in lists.items():
        own[number] = (kind, len(many_values) // (2 if kind == 5 else 1), many + len(extra))
        extra += struct.pack(f"{order}{len(many_values)}{'I' if kind == 5 else 'H'}", *many_values)
    own.pop(without, None)
    listed = b"".join(
        struct.pack(f"{order}HHI", number, kind, count)
        + (struct.pack(f"{order}Hxx", value) if kind == 3 and count == 1 else struct.pack(f"{order}I", value))
        for number, (kind, count, value) in sorted(own.items())
    )
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", many + len(extra))
    return head + data + extra + struct.pack(f"{order}H", len(own)) + listed + bytes(4)


def bmp(
    pixels: bytes,
    size: tuple[int, int],
    bits: int,
    *,
    palette: Sequence[Sequence[int]] = (),
    method: int = 0,
    header: int = 40,
    after: bytes = b"",
    space: bytes = b"",
    tail: bytes = b"",
) -> bytes:
    """A BMP: rows of ``pixels``, the last first, each of a multiple of four bytes.

    Args:
        pixels: bytes of the rows.
        size: width and height.
        bits: of a pixel.
        palette: colors.
        method: of compression.
        header: its size; 40, 108 (V4) or 124 (V5).
        after: what follows a header of 40 in a longer one: masks.
        space: ``bV4CSType`` as it is stored, and what follows it.
        tail: that follows the pixels.
    """
    table = b"".join(bytes([blue, green, red, 0]) for red, green, blue in palette)
    start = 14 + header + len(table)
    head = struct.pack("<IiiHHIIiiII", header, *size, 1, bits, method, len(pixels), 0, 0, len(palette), 0)
    head = ((head + after).ljust(56, b"\0") + space if header > 40 else head).ljust(header, b"\0")
    return b"BM" + struct.pack("<IHHI", start + len(pixels), 0, 0, start) + head + table + pixels + tail


def gif(
    places: Sequence[int],
    palette: Sequence[Sequence[int]],
    *extensions: bytes,
    screen: tuple[int, int] | None = None,
    corner: tuple[int, int] = (0, 0),
) -> bytes:
    """A GIF of one row of colors by their places in ``palette`` (of 0, 2, 4, ... colors), without compression."""
    number, count = 0, 0
    for code in [code for place in places for code in (256, place)] + [257]:  # cleared each time, all have 9 bits
        number, count = number | code << count, count + 9
    data = number.to_bytes((count + 7) // 8, "little")
    flags = 0x80 | (len(palette).bit_length() - 2) if palette else 0
    table = b"".join(map(bytes, palette))
    head = b"GIF89a" + struct.pack("<HHBBB", *(screen or (len(places), 1)), flags, 0, 0) + table
    frame = b"," + struct.pack("<HHHHB", *corner, len(places), 1, 0)
    return head + b"".join(extensions) + frame + bytes([8, len(data)]) + data + b"\0;"
