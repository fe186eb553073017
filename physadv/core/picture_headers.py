"""What the heads of picture files say of their colors that Pillow does not tell, or tells wrongly."""

from __future__ import annotations

import io
import struct
from typing import Any, BinaryIO, TypeAlias

import numpy as np

from physadv.core.icc import SRGB_PRIMARIES

Info: TypeAlias = dict[str | tuple[int, int], Any]
"""As Pillow types ``Image.info``."""

CODING = "cicp"
"""Of ``Image.info``: a PNG's code points of ITU-T H.273."""
ENTRIES = "palette_entries"
"""Of ``Image.info``: how many colors the file's palette has."""
BITS = "bits"
"""Of ``Image.info``: a BMP's bits a pixel."""
_PNG = b"\x89PNG\r\n\x1a\n"
_GIF_PROFILE = b"ICCRGBG1012"
_ANIMATED = 2
"""Of a WebP's flags: its frames, even if it has one, lie on a canvas that they may leave open."""
_V4, _V5 = 108, 124
"""Sizes of the BMP headers that name a color space."""
_SRGB, _WINDOWS, _EMBEDDED, _CALIBRATED = b"BGRs", b" niW", b"DEBM", bytes(4)
"""Of a BMP's ``bV4CSType``; the second is Windows' default, sRGB too."""
_NEAR = 0.01
"""By which a calibrated BMP's chromaticities and gamma may differ from sRGB's."""


class Unreadable(ValueError):
    """Why a picture is refused; the message follows its file's name."""


def told_by_head(file: BinaryIO) -> Info:
    """Words for ``Image.info``, those of Pillow among them where it is wrong; leaves the file at its start.

    Raises:
        Unreadable: the head says something that cannot be heeded.
    """
    head = file.read(26)
    told: Info = {}
    if head.startswith(_PNG):
        told = _of_png(file)
    elif head.startswith((b"GIF87a", b"GIF89a")):
        told = _of_gif(file)
    elif head.startswith(b"BM") and len(head) == 26:
        told = _of_bmp(file)
    elif head[:4] == b"RIFF" and head[8:16] == b"WEBPVP8X" and head[20] & _ANIMATED:
        raise Unreadable("is an animation; save the frame that is meant as a file of its own")
    file.seek(0)
    return told


def _of_png(file: BinaryIO) -> Info:
    """PNG 3rd edition, sections 11.2.1, 11.2.2, 11.3.1.1 and 11.3.2.6."""
    chunks = {b"IHDR": b"", b"PLTE": b"", b"tRNS": b"", b"cICP": b""}
    file.seek(len(_PNG))
    while len(start := file.read(8)) == 8 and start[4:] != b"IDAT":
        length = int.from_bytes(start[:4], "big")
        if start[4:] in chunks:
            chunks[start[4:]] = file.read(min(length, 1024))
            length -= len(chunks[start[4:]])
            if start[4:] == b"cICP" and len(chunks[b"cICP"]) != 4:
                raise Unreadable(
                    f"not a readable picture (its chunk cICP has {len(chunks[b'cICP'])} bytes in place of 4)"
                )
        file.seek(length + 4, io.SEEK_CUR)
    told: Info = {CODING: chunks[b"cICP"]} if chunks[b"cICP"] else {}
    bits, kind = chunks[b"IHDR"][8:10] if len(chunks[b"IHDR"]) > 9 else (8, 2)
    if kind == 3:
        told[ENTRIES] = len(chunks[b"PLTE"]) // 3
    elif kind == 0 and bits < 8 and len(chunks[b"tRNS"]) >= 2:
        largest = 2**bits - 1  # Pillow scales the grays and not the transparent one
        told["transparency"] = (chunks[b"tRNS"][1] & largest) * 255 // largest
    return told


def _of_gif(file: BinaryIO) -> Info:
    """Up to the first picture (GIF89a, sections 18 to 26; profile: ICC.1:2010, annex B.6)."""
    file.seek(6)
    screen = struct.unpack("<HHBxx", file.read(7))
    entries, clear = _gif_table(file, screen[2]), False
    told: Info = {}
    while (kind := file.read(1)) == b"!":
        label, name = file.read(1), _block(file)
        data = b"".join(iter(lambda: _block(file), b"")) if name else b""
        if label == b"\xff" and name == _GIF_PROFILE:
            told["icc_profile"] = data
        clear |= label == b"\xf9" and bool(name[:1] and name[0] & 1)
    if kind == b",":
        frame = struct.unpack("<4HB", file.read(9))
        if frame[:4] != (0, 0, *screen[:2]) and not clear:
            raise Unreadable(
                f"its picture of {frame[2]} x {frame[3]} pixels does not fill its screen of {screen[0]} x {screen[1]}, "
                "so what is seen beside it is not known; save it as PNG"
            )
        told[ENTRIES] = _gif_table(file, frame[4]) or entries
    return told


def _gif_table(file: BinaryIO, flags: int) -> int:
    """Colors of the table that follows; 0 if there is none."""
    entries = 2 << (flags & 7) if flags & 0x80 else 0
    file.seek(3 * entries, io.SEEK_CUR)
    return entries


def _block(file: BinaryIO) -> bytes:
    return file.read((file.read(1) or b"\0")[0])


def _of_bmp(file: BinaryIO) -> Info:
    """Of ``BITMAPCOREHEADER``, ``BITMAPINFOHEADER`` and those that follow it, up to ``BITMAPV5HEADER``."""
    file.seek(10)
    pixels, size = struct.unpack("<2I", file.read(8))
    if size > 4096:
        return {}
    head = struct.pack("<I", size) + file.read(size - 4)
    told: Info = {}
    if size == 12:
        bits, colors, each = struct.unpack_from("<10xH", head)[0], 0, 3
    elif size >= 40 and len(head) == size:
        bits, method, colors, each = *struct.unpack_from("<14xHI12xI", head), 4
        if method == 3 and bits == 16 and size >= 56 and struct.unpack_from("<I", head, 52)[0]:
            raise Unreadable("has an alpha channel of one bit, which is not read; save it as PNG")
    else:
        return {}
    if bits <= 8:
        room = (pixels - 14 - size) // each if pixels else 1 << bits
        told |= {BITS: bits, ENTRIES: max(0, min(colors or 1 << bits, 1 << bits, room))}
    if size in (_V4, _V5) and (profile := _bmp_profile(file, head)) is not None:
        told["icc_profile"] = profile
    return told


def _bmp_profile(file: BinaryIO, head: bytes) -> bytes | None:
    space = head[56:60]
    if space == _EMBEDDED and len(head) == _V5:
        start, length = struct.unpack_from("<2I", head, 112)
        file.seek(14 + start)
        profile = file.read(length)
        return profile if len(profile) == length else b""
    if space in (_SRGB, _WINDOWS) or (space == _CALIBRATED and _is_srgb(head)):
        return None
    raise Unreadable("names a color space that is not embedded in it (a BMP header's bV4CSType); save it as sRGB")


def _is_srgb(head: bytes) -> bool:
    """Whether a calibrated space is that of sRGB; many writers leave all its numbers at 0, which says nothing."""
    corners = np.array(struct.unpack_from("<9I", head, 60), np.float64).reshape(3, 3)
    gamma = np.array(struct.unpack_from("<3I", head, 96), np.float64) / 65536
    if not (corners.any() or gamma.any()):
        return True
    sums = corners.sum(1, keepdims=True)
    if not sums.all() or not gamma.all():
        return False
    # some writers give light's exponent, some its inverse
    near = np.minimum(abs(gamma / 2.2 - 1), abs(gamma * 2.2 - 1)).max() < _NEAR
    return bool(near and abs((corners / sums)[:, :2].reshape(-1) - SRGB_PRIMARIES).max() < _NEAR)
