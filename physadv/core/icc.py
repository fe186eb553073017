"""Color spaces of pictures: embedded ICC profiles, and those that a file names by numbers, converted to sRGB."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from functools import lru_cache
from io import BytesIO
from itertools import product
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms

Convert: TypeAlias = Callable[[Image.Image], Image.Image]

SRGB_PRIMARIES = (0.64, 0.33, 0.30, 0.60, 0.15, 0.06)
D65 = (0.3127, 0.3290)
_CLASSES = frozenset({"mntr", "prtr", "scnr", "spac"})
"""Profiles of a device or a color space; the others are links, effects and named colors (ICC.1:2010, 7.2.5)."""
_SPACES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
_D50 = np.array([0.9642, 1.0, 0.8249])
"""XYZ of the profile connection space's white."""
_PRIMARIES = {
    1: SRGB_PRIMARIES,
    2: SRGB_PRIMARIES,  # unspecified
    5: (0.64, 0.33, 0.29, 0.60, 0.15, 0.06),
    6: (0.63, 0.34, 0.31, 0.595, 0.155, 0.07),
    9: (0.708, 0.292, 0.17, 0.797, 0.131, 0.046),
    12: (0.68, 0.32, 0.265, 0.69, 0.15, 0.06),
}
"""Of ITU-T H.273, table 2: BT.709, BT.601 (625 and 525 lines), BT.2020 and Display P3; all with the white D65."""
_GAMMA: dict[int, float | None] = {1: None, 2: None, 6: None, 13: None, 14: None, 15: None, 4: 2.2, 5: 2.8, 8: 1.0}
"""Of ITU-T H.273, table 3; None is sRGB's own curve, on which still pictures that say BT.709 are shown, too."""
_HDR = {16: "PQ", 18: "HLG"}


class UnknownColors(ValueError):
    """A color space that cannot be converted to sRGB; the message says why, and follows a file's name."""


@lru_cache(maxsize=32)
def to_srgb(profile: bytes, mode: str) -> Convert | None:
    """From an ICC profile to sRGB, relative colorimetric; or None if no value changes by more than one.

    Args:
        profile: the ICC profile.
        mode: of the pictures: ``L``, ``RGB`` or ``CMYK``. Gray with an RGB profile is R = G = B.

    Raises:
        UnknownColors: the profile is damaged, or is for another kind of picture.
    """
    try:
        opened = ImageCms.ImageCmsProfile(BytesIO(profile))
        space, kind = (str(word).strip() for word in (opened.profile.xcolor_space, opened.profile.device_class))
    except (OSError, ImageCms.PyCMSError) as error:
        raise UnknownColors("its embedded color profile cannot be read; save it as sRGB") from error
    wanted = "RGB" if mode == "L" and space == "RGB" else mode
    if _SPACES.get(space) != wanted or kind not in _CLASSES:
        raise UnknownColors(
            f"its embedded color profile is for {space} (class {kind}), its values are {mode}; save it as sRGB"
        )
    try:
        srgb = ImageCms.createProfile("sRGB")
        transform = ImageCms.buildTransform(opened, srgb, wanted, "RGB", ImageCms.Intent.RELATIVE_COLORIMETRIC)
    except ImageCms.PyCMSError as error:
        raise UnknownColors(f"its embedded color profile cannot be applied ({error}); save it as sRGB") from error

    def convert(picture: Image.Image) -> Image.Image:
        made = ImageCms.applyTransform(picture if picture.mode == wanted else picture.convert(wanted), transform)
        assert made is not None
        return made

    return None if wanted != "CMYK" and _changes_little(convert, wanted) else convert


@lru_cache(maxsize=1)
def lab_to_srgb() -> Convert:
    """From CIE L*a*b* of D50, as TIFF holds it."""
    transform = ImageCms.buildTransform(
        ImageCms.createProfile("LAB"),
        ImageCms.createProfile("sRGB"),
        "LAB",
        "RGB",
        ImageCms.Intent.RELATIVE_COLORIMETRIC,
    )

    def convert(picture: Image.Image) -> Image.Image:
        made = ImageCms.applyTransform(picture, transform)
        assert made is not None
        return made

    return convert


def _changes_little(convert: Convert, mode: str) -> bool:
    levels = np.arange(256, dtype=np.uint8) if mode == "L" else np.array(list(product(range(0, 256, 15), repeat=3)))
    before = levels.astype(np.uint8).reshape(1, -1, *([3] if mode == "RGB" else []))
    after = np.asarray(convert(Image.fromarray(before)), np.int16)
    return int(np.abs(after - np.asarray(Image.fromarray(before).convert("RGB"), np.int16)).max()) <= 1


def coded_profile(primaries: int, transfer: int) -> bytes | None:
    """The ICC profile that code points of ITU-T H.273 stand for (PNG's ``cICP``, HEIC's ``nclx``); None: sRGB.

    Raises:
        UnknownColors: high dynamic range, or numbers that are not for still pictures.
    """
    if transfer in _HDR:
        raise UnknownColors(f"has high dynamic range ({_HDR[transfer]}); save it as an ordinary picture in sRGB")
    if primaries not in _PRIMARIES or transfer not in _GAMMA:
        raise UnknownColors(
            f"has colors of primaries {primaries} and transfer {transfer} (ITU-T H.273); save it as sRGB"
        )
    corners, gamma = _PRIMARIES[primaries], _GAMMA[transfer]
    return None if (corners, gamma) == (SRGB_PRIMARIES, None) else matrix_profile(corners, D65, gamma)


def matrix_profile(primaries: Sequence[float], white: Sequence[float], gamma: float | None) -> bytes:
    """An ICC profile of three primaries.

    Args:
        primaries: chromaticities x, y of red, green and blue.
        white: x, y; adapted to D50 as Bradford does.
        gamma: exponent from value to light; None: sRGB's curve.

    Raises:
        UnknownColors: they span no colors.
    """
    try:
        columns = _to_xyz(np.array(primaries, np.float64).reshape(3, 2), np.array(white, np.float64))
        numbers = [gamma] if gamma is not None else [2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045]
        curve = b"para" + struct.pack(">4xHxx", 0 if gamma is not None else 3) + _fixed(np.array(numbers))
        tags = {b"wtpt": b"XYZ " + bytes(4) + _fixed(_D50)}
        for name, column in zip((b"rXYZ", b"gXYZ", b"bXYZ"), columns.T, strict=True):
            tags[name] = b"XYZ " + bytes(4) + _fixed(column)
    except (np.linalg.LinAlgError, struct.error, ValueError, OverflowError) as error:
        raise UnknownColors("names primaries that span no colors; save it as sRGB") from error
    return _file(tags | dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve))


def _to_xyz(primaries: npt.NDArray[np.float64], white: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Linear RGB to XYZ of D50 ``[3, 3]`` (Lindbloom, "RGB/XYZ Matrices"; ICC.1:2010, annex E)."""
    if not (primaries[:, 1].all() and white[1]):
        raise ValueError("a chromaticity with y = 0 is not a color")
    light = np.array([white[0] / white[1], 1.0, (1.0 - white.sum()) / white[1]])
    unscaled = np.stack([primaries[:, 0], primaries[:, 1], 1.0 - primaries.sum(1)]) / primaries[:, 1]
    matrix = unscaled * np.linalg.solve(unscaled, light)
    adapt = np.linalg.inv(_BRADFORD) @ np.diag((_BRADFORD @ _D50) / (_BRADFORD @ light)) @ _BRADFORD
    return np.asarray(adapt @ matrix, np.float64)


def _fixed(numbers: npt.NDArray[np.float64]) -> bytes:
    """``s15Fixed16Number``."""
    return struct.pack(f">{numbers.size}i", *np.round(numbers * 65536).astype(np.int64).tolist())


def _file(tags: dict[bytes, bytes]) -> bytes:
    """An ICC profile of version 4, of a display (ICC.1:2010, section 7)."""
    start = 128 + 4 + 12 * len(tags)
    listed, body = b"", b""
    for name, data in tags.items():
        listed += name + struct.pack(">2I", start + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    size = struct.pack(">I4xI", start + len(body), 0x04300000)
    head = size + b"mntrRGB XYZ " + bytes(12) + b"acsp" + bytes(28) + _fixed(_D50) + bytes(48)
    return head + struct.pack(">I", len(tags)) + listed + body
