"""Pictures from disk, with the limits that an honest error needs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from physadv.core.errors import PhysadvError
from physadv.core.files import check_file

MAX_PIXELS = 120_000_000
_STRIP_PX = 512


def read_image(
    path: Path, *, mode: str = "RGB", max_pixels: int = MAX_PIXELS, with_alpha: bool = False
) -> npt.NDArray[np.uint8]:
    """A picture as ``[H, W, C]`` (``[H, W]`` for mode ``L``) uint8, EXIF orientation applied.

    Raises:
        PhysadvError: missing, not a picture, truncated, more than ``max_pixels`` pixels, or, where it should be one
            ``with_alpha``, without any.
    """
    try:
        with Image.open(path) as image:
            width, height = image.size
            if width * height > max_pixels:
                raise PhysadvError(
                    f"{path}: {width} x {height} pixels is more than the limit of {max_pixels / 1e6:.0f} megapixels"
                )
            if with_alpha and "A" not in image.getbands() and "transparency" not in image.info:
                raise PhysadvError(f"{path}: has no alpha channel; it should be RGBA, clear where nothing is shown")
            ImageOps.exif_transpose(image, in_place=True)
            return _pixels(image, mode)
    except FileNotFoundError as error:
        raise PhysadvError(f"{path}: no such picture") from error
    except Image.DecompressionBombError as error:
        raise PhysadvError(f"{path}: more than the limit of {max_pixels / 1e6:.0f} megapixels") from error
    except (OSError, SyntaxError, ValueError) as error:
        raise PhysadvError(f"{path}: not a readable picture ({error})") from error


def _pixels(image: Image.Image, mode: str) -> npt.NDArray[np.uint8]:
    """Strip by strip, so that a large photograph is in memory twice and not four times."""
    width, height = image.size
    strips = [(top, min(top + _STRIP_PX, height)) for top in range(0, height, _STRIP_PX)]
    pixels = np.empty((height, width, *([] if mode == "L" else [len(mode)])), np.uint8)
    for top, bottom in strips:
        pixels[top:bottom] = np.asarray(image.crop((0, top, width, bottom)).convert(mode))
    return pixels


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
