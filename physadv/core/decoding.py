"""Picture files decoded to 8 bits a value, upright, one picture a file; what cannot be told for sure is refused."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import ExifTags, Image, ImageFile, ImageOps, TiffImagePlugin, UnidentifiedImageError, WebPImagePlugin

from physadv.core import netpbm
from physadv.core.errors import PhysadvError
from physadv.core.files import begins, check_regular
from physadv.core.folders import OTHER_PICTURES
from physadv.core.picture_data import check_rows, check_strips
from physadv.core.picture_headers import BITS, ENTRIES, Unreadable, told_by_head
from physadv.core.scaling import Samples, scaled

FORMATS = ("PNG", "JPEG", "PPM", "BMP", "TIFF", "WEBP", "GIF")
MAX_SIDE = 30_000
"""Pixels a side: more than any camera has, and less than what drawing and warping can address (32,767)."""
MAX_FILE_BYTES = 1_000_000_000
_HEIF = "HEIF"
_BEGINNINGS = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"II*\0", b"MM\0*")
"""Of pictures, even if Pillow does not know them for damage in their heads."""
_PLUGINS = (TiffImagePlugin, WebPImagePlugin)  # importing them is what makes Pillow know the formats
_ALPHA = frozenset({"LA", "La", "PA", "RGBA", "RGBa"})
_MODES = frozenset({"1", "L", "P", "RGB", "RGBX", "CMYK", "LAB"}) | _ALPHA
_SMALLER, _NOT_A_PAGE = 0b001, 0b101
"""Bits of TIFF's NewSubfileType: a page that is a smaller copy of another; or that, or what of it is seen."""
_MOST_PAGES = 64
_BMP_GRAYS = frozenset({("1", 1), ("L", 8)})
"""Modes and bits of gray BMPs that Pillow reads correctly, though it drops their palette."""
_SUBFILE, _BITS, _PHOTOMETRIC, _PALETTE, _INKS, _SAMPLE_FORMAT = 254, 258, 262, 320, 332, 339
_OLD_PALETTE = 256
"""Below it are all values of a TIFF's palette by an old writer, of 8 bits in place of 16 (libtiff's rule)."""


class NotAPicture(PhysadvError):
    """A file does not begin as a picture of any known format."""


@contextmanager
def opened(path: Path, max_pixels: int) -> Iterator[ImageFile.ImageFile]:
    """A picture whose head has been read: of a known format, of bounded size, and the only one in its file.

    Raises:
        PhysadvError: naming the file; also for whatever goes wrong inside of the ``with``.
    """
    check_regular(path, what="picture", most_bytes=MAX_FILE_BYTES)
    if path.suffix.lower() in OTHER_PICTURES:
        raise PhysadvError(f"{path}: pictures of this kind are not read; save it as PNG, TIFF or JPEG")
    try:
        with warnings.catch_warnings():
            # Pillow warns of odd metadata and of large pictures; what matters of it is refused here.
            warnings.simplefilter("ignore")
            with path.open("rb") as file, _recognized(file) as image:
                _check_size(image, max_pixels)
                _check_single(image)
                yield image
    except PhysadvError:
        raise
    except Unreadable as error:
        raise PhysadvError(f"{path}: {error}") from error
    except UnidentifiedImageError as error:
        kinds = f"no {', '.join(FORMATS)} or {_HEIF}, or damaged"
        if begins(path, b"II") or begins(path, b"MM"):
            kinds = "damaged, or a TIFF of a rare kind, such as floating-point colors; save it with 8 or 16 bits"
        damaged = any(begins(path, start) for start in _BEGINNINGS)
        raise (PhysadvError if damaged else NotAPicture)(f"{path}: not a readable picture ({kinds})") from error
    except Image.DecompressionBombError as error:
        raise PhysadvError(f"{path}: more than the limit of {max_pixels / 1e6:.0f} megapixels") from error
    except Exception as error:  # decoders of damaged files raise whatever there is
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise PhysadvError(f"{path}: not a readable picture ({reason})") from error


def _recognized(file: BinaryIO) -> ImageFile.ImageFile:
    told = told_by_head(file)
    head = file.read(16)
    file.seek(0)
    formats: tuple[str, ...] = FORMATS
    if head[4:8] == b"ftyp":
        if head[8:12] in {b"avif", b"avis"}:
            raise Unreadable("is AVIF, which is not read; use JPEG or PNG")
        _register_heif()
        formats = (_HEIF,)
    image = Image.open(file, formats=formats)
    image.info |= told
    return image


def _register_heif() -> None:
    try:
        import pillow_heif
    except ImportError as error:
        raise Unreadable("HEIC is read with pillow-heif; pip install 'physadv[heic]', or use JPEG") from error
    if _HEIF not in Image.OPEN:
        pillow_heif.register_heif_opener()


def _check_size(image: ImageFile.ImageFile, max_pixels: int) -> None:
    width, height = image.size
    if width * height > max_pixels:
        raise Unreadable(f"{width} x {height} pixels is more than the limit of {max_pixels / 1e6:.0f} megapixels")
    if not 0 < min(width, height) <= max(width, height) <= MAX_SIDE:
        raise Unreadable(f"{width} x {height} pixels; each side should have 1 to {MAX_SIDE:,}")


def _check_single(image: ImageFile.ImageFile) -> None:
    """MPO and HEIC say which picture is the first; what else they hold (depth, a brighter copy) belongs to it."""
    if isinstance(image, TiffImagePlugin.TiffImageFile) and int(image.tag_v2.get(_SUBFILE, 0)) & _NOT_A_PAGE:
        raise Unreadable("begins with a preview, as cameras' raw files do; save the picture itself as TIFF or JPEG")
    if image.format == "PPM":
        netpbm.check_single(image)
    if image.format in {"MPO", _HEIF} or not getattr(image, "is_animated", False):
        return
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        if not any(_pages(image)):
            return
        raise Unreadable("has several pages, or a mask; save the picture that is meant as a file of its own")
    raise Unreadable("is an animation; save the frame that is meant as a file of its own")


def _pages(image: TiffImagePlugin.TiffImageFile) -> Iterator[bool]:
    """Of each page after the first, whether it matters; leaves the first in place."""
    try:
        for page in range(1, _MOST_PAGES):
            image.seek(page)
            yield not int(image.tag_v2.get(_SUBFILE, 0)) & _SMALLER
    except EOFError:
        pass
    finally:
        image.seek(0)


def upright(image: ImageFile.ImageFile) -> Image.Image:
    """The picture decoded to 8 bits a value, turned as EXIF says, in one of the modes that have a meaning.

    Raises:
        Unreadable: its values have no known meaning.
    """
    file = image.fp
    made = _in_eight_bits(image)
    check_rows(image, file)
    _check_palette(made, image)
    ImageOps.exif_transpose(made, in_place=True)
    if made.mode not in _MODES:
        raise Unreadable(f"its values are of mode {made.mode}, which is not read; save it as RGB")
    tags = image.tag_v2 if isinstance(image, TiffImagePlugin.TiffImageFile) else {}
    if made.mode == "CMYK" and tags.get(_INKS, 1) != 1:
        raise Unreadable("its inks are others than CMYK; save it as sRGB")
    if made.mode == "CMYK" and image.format in {"JPEG", "MPO"} and "adobe" not in image.info:
        raise Unreadable("is CMYK without Adobe's mark, so 0 may be all ink or none; save it as sRGB")
    return made


def has_alpha(image: Image.Image) -> bool:
    """Whether anything in the picture can be transparent."""
    return image.mode in _ALPHA or "transparency" in image.info


def _in_eight_bits(image: ImageFile.ImageFile) -> Image.Image:
    if image.mode == "F":
        raise Unreadable("its values are floating-point numbers of unknown range; save it with 8 or 16 bits")
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        check_strips(image)
        _check_tags(image)
    if image.format == "PPM" and (numbers := netpbm.read_numbers(image)) is not None:
        return numbers
    if image.format == "BMP" and (image.mode, image.info.get(BITS)) not in _BMP_GRAYS and image.mode in {"1", "L"}:
        return _bmp_grays(image)
    if image.mode.startswith("I"):
        return _deep_gray(image)
    if _bits(image) > 8:
        return _deep_color(image)
    return image


def _bits(image: ImageFile.ImageFile) -> int:
    """Bits a value in the file, as far as they matter: 8, or more."""
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        return max((int(bits) for bits in image.tag_v2.get(_BITS, (1,))), default=1)
    return 16 if image.format == "PNG" and image.tile and ";16" in str(image.tile[0][3]) else 8


def _check_tags(image: TiffImagePlugin.TiffImageFile) -> None:
    """What Pillow guesses."""
    if _PHOTOMETRIC not in image.tag_v2:
        raise Unreadable("does not say what its values stand for (PhotometricInterpretation); save it as PNG")
    if _bits(image) == 8 and set(image.tag_v2.get(_SAMPLE_FORMAT, (1,))) != {1}:
        raise Unreadable("its values are no positive whole numbers, of unknown range; save it with 8 or 16 bits")


def _bmp_grays(image: ImageFile.ImageFile) -> Image.Image:
    """A palette that is black and white or a ramp of grays, which Pillow drops, whatever the bits of a pixel."""
    codec, _, start, arguments = image.tile[0]
    if codec != "raw":
        return image
    file = image.fp
    assert file is not None
    assert isinstance(arguments, tuple)
    file.seek(start)
    _, across, direction = arguments
    raw = {1: "P;1", 4: "P;4"}.get(image.info[BITS], "P")
    places = Image.frombytes("P", image.size, file.read(across * image.height), "raw", raw, across, direction)
    made = _like(image, places)
    made.putpalette(np.repeat(np.arange(256).clip(0, 1) * 255 if image.mode == "1" else np.arange(256), 3).tolist())
    return made


def _check_palette(made: Image.Image, image: ImageFile.ImageFile) -> None:
    """Refuses a pixel of a color that the palette lacks, and sets right the palettes of old TIFFs."""
    entries = image.info.get(ENTRIES)
    if isinstance(image, TiffImagePlugin.TiffImageFile) and made.mode in {"P", "PA"}:
        values = tuple(image.tag_v2[_PALETTE])
        entries = len(values) // 3
        if max(values) < _OLD_PALETTE:
            image.load()
            made.putpalette(bytes(values), "RGB;L")
    if entries is None:
        return
    counts = (made.getchannel(0) if made.mode == "PA" else made).histogram()
    if made.mode == "1":
        counts = [counts[0], counts[255]]
    clear = made.info.get("transparency")
    lacking = [place for place, count in enumerate(counts) if count and place >= entries and place != clear]
    if lacking:
        raise Unreadable(f"its pixels name color {lacking[0]}, its palette has {entries}; save it again as PNG")


def _deep_gray(image: ImageFile.ImageFile) -> Image.Image:
    top, inverted = 65535, False
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        tags, bits = image.tag_v2, _bits(image)
        if bits > 16 or tags.get(_SAMPLE_FORMAT, (1,))[0] != 1:
            raise Unreadable(f"its values are integers of {bits} bits, of unknown range; save it with 8 or 16 bits")
        top, inverted = 2**bits - 1, tags.get(_PHOTOMETRIC) == 0
    values = np.asarray(image)
    gray = scaled(values, top)
    made = _like(image, Image.fromarray(255 - gray if inverted else gray))
    if "transparency" in image.info:
        made.putalpha(Image.fromarray(np.where(values == image.info["transparency"], 0, 255).astype(np.uint8)))
    return made


def _deep_color(image: ImageFile.ImageFile) -> Image.Image:
    """Colors of 16 bits. Pillow keeps their upper 8; OpenCV reads all, and has to agree on those."""
    import cv2

    file = image.fp
    assert file is not None
    file.seek(0)
    data = np.frombuffer(file.read(), np.uint8)
    file.seek(0)
    image.load()
    upper = np.asarray(image)
    read = None if "transparency" in image.info or _bits(image) > 16 else cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
    if read is not None and read.ndim == 3 and read.dtype == np.uint16 and read.shape[2] == upper.shape[2]:
        values: Samples = read[..., [2, 1, 0, 3][: read.shape[2]]]
        for turned in _turns(image):
            seen = turned(values)
            if seen.shape == upper.shape and np.array_equal(seen >> 8, upper):
                return _like(image, Image.fromarray(scaled(seen, 65535)))
    raise Unreadable(f"its {image.mode} values of 16 bits cannot be told for sure; save it as PNG or with 8 bits")


def _turns(image: ImageFile.ImageFile) -> list[Callable[[Samples], Samples]]:
    """How OpenCV's picture may lie to Pillow's: of TIFF both, either or none of them turn it as its tag says."""
    if image.format != "TIFF":
        return [lambda values: values]
    flips: list[Callable[[Samples], Samples]] = [
        lambda values: values,
        lambda values: values[:, ::-1],
        lambda values: values[::-1, ::-1],
        lambda values: values[::-1],
    ]
    return [*flips, *(lambda values, flip=flip: flip(values.swapaxes(0, 1)) for flip in flips)]


def _like(image: Image.Image, made: Image.Image) -> Image.Image:
    """``made`` with what the file says of itself; a TIFF has been turned already."""
    made.info = {key: value for key, value in image.info.items() if key != "transparency"}
    if image.format == "TIFF":
        made.info = {key: value for key, value in made.info.items() if key not in {"exif", "xmp"}}
    return made


def exif_of(image: Image.Image) -> dict[int, Any]:
    """EXIF's words, those of the camera among them; none where they cannot be read."""
    try:
        exif = image.getexif()
        return {**exif, **exif.get_ifd(ExifTags.IFD.Exif)}
    except Exception:  # damaged metadata does not make a picture unreadable
        return {}
