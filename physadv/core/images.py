"""Pictures from disk: the one reader of the package, which says what every kind of file means, and their writer.

Whatever the file, pixels are sRGB-encoded, 8 bits a value, upright. docs/files.md has the rules as a table.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, ImageFile, TiffImagePlugin

from physadv.core.decoding import NotAPicture, exif_of, has_alpha, opened, upright
from physadv.core.errors import PhysadvError
from physadv.core.files import check_file
from physadv.core.icc import (
    D65,
    SRGB_PRIMARIES,
    Convert,
    UnknownColors,
    coded_profile,
    lab_to_srgb,
    matrix_profile,
    to_srgb,
)
from physadv.core.picture_headers import CODING, Unreadable
from physadv.core.scaling import STRIP_PX

MAX_PIXELS = 120_000_000
_ADOBE_RGB = (0.64, 0.33, 0.21, 0.71, 0.15, 0.06)
_ADOBE_GAMMA = 563 / 256
_ASIDE = frozenset({5, 6, 7, 8})
"""EXIF's orientations of pictures that lie on their side."""
_INTEROPERABILITY = 0xA005
_TRANSFER, _WHITE, _PRIMARIES = 301, 318, 319
"""TIFF's tags."""
_MOST_GAMMA = 10.0
"""Of a PNG; beyond it, or its inverse, every value is black or white."""
_SLACK = 0.01
"""Share by which a PNG's gamma may differ from 1/2.2, and its chromaticities from sRGB's, and still be sRGB."""


def read_image(
    path: Path, *, mode: str = "RGB", max_pixels: int = MAX_PIXELS, with_alpha: bool = False
) -> npt.NDArray[np.uint8]:
    """A picture as ``[H, W, C]`` (``[H, W]`` for mode ``L``) uint8, sRGB-encoded, upright.

    16 bits are scaled by 65535 (or what the file says is its largest value) and rounded; an embedded color profile is
    converted to sRGB, relative colorimetric; EXIF's orientation is applied.

    Args:
        path: of the file.
        mode: ``RGB``, ``L`` or ``RGBA``; without an alpha channel wanted, nothing in the picture may be transparent.
        max_pixels: that the picture may have.
        with_alpha: it has to have an alpha channel.

    Raises:
        PhysadvError: missing, not a regular file, not a picture, truncated, too large, several pictures in one, or of
            values whose meaning is not known: floating-point numbers, CMYK without profile, an unreadable profile.
    """
    with opened(path, max_pixels) as image:
        if with_alpha and not has_alpha(image):
            raise Unreadable("has no alpha channel; it should be RGBA, clear where nothing is shown")
        return _in_srgb(image, mode)


def read_size(path: Path) -> tuple[int, int]:
    """Width and height in pixels of what :func:`read_image` returns, from the file's head.

    Raises:
        PhysadvError: missing, not a picture, too large, or several pictures in one.
    """
    with opened(path, MAX_PIXELS) as image:
        width, height = image.size
        # Pillow tells the size of a TIFF, and pillow-heif that of a HEIC, as it is seen.
        turned = image.format not in {"TIFF", "HEIF"} and image.getexif().get(ExifTags.Base.Orientation, 1) in _ASIDE
        return (height, width) if turned else (width, height)


def is_picture(path: Path) -> bool:
    """Whether a file begins as a picture does, one that :func:`read_image` reads or one that it refuses."""
    try:
        read_size(path)
    except NotAPicture:
        return False
    except PhysadvError:
        return True
    return True


def read_photograph(path: Path) -> tuple[npt.NDArray[np.uint8], dict[int, Any]]:
    """A picture ``[H, W, 3]`` as :func:`read_image` reads it, and the words of its EXIF by their tags.

    Raises:
        PhysadvError: as :func:`read_image`.
    """
    with opened(path, MAX_PIXELS) as image:
        words = exif_of(image)
        return _in_srgb(image, "RGB"), words


def _in_srgb(image: ImageFile.ImageFile, mode: str) -> npt.NDArray[np.uint8]:
    made = upright(image)
    try:
        convert = _conversion(image, made.mode)
    except UnknownColors as error:
        raise Unreadable(str(error)) from error
    return _pixels(made, mode, convert)


def _conversion(image: ImageFile.ImageFile, mode: str) -> Convert | None:
    """From the picture's colors to sRGB; None where they are."""
    if mode == "LAB":
        return lab_to_srgb()
    base = {"CMYK": "CMYK", "1": "L", "L": "L", "LA": "L", "La": "L"}.get(mode, "RGB")
    profile = _profile(image)
    if profile is None and base == "CMYK":
        raise UnknownColors("is CMYK without a color profile, so its colors are not known; save it as sRGB")
    return None if profile is None else to_srgb(profile, base)


def _profile(image: ImageFile.ImageFile) -> bytes | None:
    """The ICC profile that a file has or stands for; None: sRGB."""
    info = image.info
    if CODING in info:
        primaries, transfer, matrix, full = info[CODING]
        if matrix or not full:
            raise UnknownColors("its chunk cICP says YCbCr or video levels, not RGB from 0 to 255; save it as sRGB")
        return coded_profile(primaries, transfer)
    if "icc_profile" in info:
        if not info["icc_profile"]:
            raise UnknownColors("its embedded color profile is incomplete; save it as sRGB")
        return bytes(info["icc_profile"])
    if nclx := info.get("nclx_profile"):
        return coded_profile(int(nclx["color_primaries"]), int(nclx["transfer_characteristics"]))
    if image.format == "PNG" and "srgb" not in info and ("gamma" in info or "chromaticity" in info):
        return _calibrated(info)
    if isinstance(image, TiffImagePlugin.TiffImageFile) and (told := _tiff_colors(image)) is not None:
        return told
    if info.get("exif") and image.getexif().get_ifd(_INTEROPERABILITY).get(1) == "R03":
        return matrix_profile(_ADOBE_RGB, D65, _ADOBE_GAMMA)  # DCF 2.0, section 4.2: the camera's "Adobe RGB"
    return None


def _tiff_colors(image: TiffImagePlugin.TiffImageFile) -> bytes | None:
    """TIFF 6.0, section 20."""
    tags = image.tag_v2
    if _TRANSFER in tags:
        raise UnknownColors("has a TransferFunction in place of a color profile; save it as sRGB")
    if _WHITE not in tags and _PRIMARIES not in tags:
        return None
    numbers = (*tags.get(_WHITE, D65), *tags.get(_PRIMARIES, SRGB_PRIMARIES))
    return _calibrated({"chromaticity": tuple(float(number) for number in numbers)})


def _calibrated(info: dict[Any, Any]) -> bytes | None:
    """Of a PNG's ``gAMA`` and ``cHRM`` (PNG 3rd edition, sections 11.3.2.1 and 11.3.2.2); what lacks is sRGB's."""
    white_and_primaries = info.get("chromaticity") or (*D65, *SRGB_PRIMARIES)
    gamma = info.get("gamma") or 1 / 2.2
    if not 1 / _MOST_GAMMA <= gamma <= _MOST_GAMMA:
        raise UnknownColors(f"says a gamma of {gamma:g}, which no picture has; save it as sRGB")
    as_srgb = abs(gamma * 2.2 - 1.0) < _SLACK
    white, primaries = white_and_primaries[:2], white_and_primaries[2:]
    if as_srgb and np.allclose(white_and_primaries, (*D65, *SRGB_PRIMARIES), rtol=0.0, atol=_SLACK / 5):
        return None
    return matrix_profile(primaries, white, None if as_srgb else 1.0 / gamma)


def _pixels(image: Image.Image, mode: str, convert: Convert | None) -> npt.NDArray[np.uint8]:
    """Strip by strip, so that a large photograph is in memory twice and not four times."""
    width, height = image.size
    if height <= STRIP_PX:
        return np.array(_converted(image, mode, convert), np.uint8)
    strips = [(top, min(top + STRIP_PX, height)) for top in range(0, height, STRIP_PX)]
    pixels = np.empty((height, width, *([] if mode == "L" else [len(mode)])), np.uint8)
    for top, bottom in strips:
        strip = image.crop((0, top, width, bottom))
        pixels[top:bottom] = np.asarray(_converted(strip, mode, convert))
    return pixels


def _converted(strip: Image.Image, mode: str, convert: Convert | None) -> Image.Image:
    """A strip in sRGB and the mode that is wanted."""
    alpha = None
    if has_alpha(strip):
        gray = strip.mode in {"1", "L", "LA", "La"}
        strip = strip.convert("LA" if gray else "RGBA")
        alpha = strip.getchannel("A")
        if mode != "RGBA" and alpha.getextrema()[0] != 255:
            raise Unreadable("has transparent parts, and what shows through them is not known; save it without alpha")
        strip = strip.convert("L" if gray else "RGB")
    if convert is not None:
        strip = convert(strip.convert("RGB") if strip.mode in {"P", "RGBX"} else strip)
    strip = strip if strip.mode == mode else strip.convert(mode)
    if alpha is not None and mode == "RGBA":
        strip.putalpha(alpha)
    return strip


def check_png(path: Path) -> None:
    """Refuses a path to write a PNG to that is called something else, or that could not be written.

    Raises:
        PhysadvError: it does not end in ``.png``, is a folder, or may not be written.
    """
    if path.suffix.lower() != ".png":
        raise PhysadvError(f"--out {path}: should end in .png")
    check_file(path)


def write_png(path: Path, pixels: npt.NDArray[np.uint8]) -> None:
    """Writes ``[H, W, 3 or 4]`` or ``[H, W]`` uint8 as PNG."""
    Image.fromarray(pixels).save(path, format="PNG", optimize=True)


def cut_out(pixels: npt.NDArray[np.uint8], left: int, top: int, right: int, bottom: int) -> npt.NDArray[np.uint8]:
    """A part of a picture ``[H, W, C]``; where it reaches beyond the picture, the picture's edge is repeated."""
    rows = np.arange(top, bottom).clip(0, pixels.shape[0] - 1)
    columns = np.arange(left, right).clip(0, pixels.shape[1] - 1)
    return np.ascontiguousarray(pixels[rows[:, None], columns])
