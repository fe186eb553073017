"""Picture files decoded to 8 bits a value, upright, one picture a file; what cannot be told for sure is refused."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, ImageFile, ImageOps, TiffImagePlugin, UnidentifiedImageError, WebPImagePlugin

from physadv.core.errors import PhysadvError
from physadv.core.files import begins, check_regular
from physadv.core.folders import OTHER_PICTURES

Pixels: TypeAlias = npt.NDArray[np.uint8]
Samples: TypeAlias = npt.NDArray[np.uint16]

FORMATS = ("PNG", "JPEG", "PPM", "BMP", "TIFF", "WEBP", "GIF")
MAX_SIDE = 30_000
"""Pixels a side: more than any camera has, and less than what drawing and warping can address (32,767)."""
MAX_FILE_BYTES = 1_000_000_000
_MAX_PLAIN_BYTES = 64_000_000
"""Of a PNM file whose numbers are written out."""
CODING = "cicp"
"""Of ``Image.info``: a PNG's code points of ITU-T H.273."""
STRIP_PX = 512
"""Rows that are converted at once."""
_HEIF = "HEIF"
_PLUGINS = (TiffImagePlugin, WebPImagePlugin)  # importing them is what makes Pillow know the formats
_ALPHA = frozenset({"LA", "La", "PA", "RGBA", "RGBa"})
_MODES = frozenset({"1", "L", "P", "RGB", "RGBX", "CMYK", "LAB"}) | _ALPHA
_NOT_A_PAGE = 0b101
"""Bits of TIFF's NewSubfileType: a page that is a smaller copy, or the mask, of another."""
_MOST_PAGES = 64
_SUBFILE, _BITS, _PHOTOMETRIC, _INKS, _SAMPLE_FORMAT = 254, 258, 262, 332, 339


class Unreadable(ValueError):
    """Why a picture is refused; the message follows its file's name."""


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
            with path.open("rb") as file, _recognised(file) as image:
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
            kinds = "damaged, or a TIFF of a rare kind, such as floating-point colours; save it with 8 or 16 bits"
        raise PhysadvError(f"{path}: not a readable picture ({kinds})") from error
    except Image.DecompressionBombError as error:
        raise PhysadvError(f"{path}: more than the limit of {max_pixels / 1e6:.0f} megapixels") from error
    except Exception as error:  # decoders of damaged files raise whatever there is
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise PhysadvError(f"{path}: not a readable picture ({reason})") from error


def _recognised(file: BinaryIO) -> ImageFile.ImageFile:
    head = file.read(16)
    coding = _coding(file) if head[:8] == b"\x89PNG\r\n\x1a\n" else b""
    file.seek(0)
    formats: tuple[str, ...] = FORMATS
    if head[4:8] == b"ftyp":
        if head[8:12] in {b"avif", b"avis"}:
            raise Unreadable("is AVIF, which is not read; use JPEG or PNG")
        _register_heif()
        formats = (_HEIF,)
    image = Image.open(file, formats=formats)
    if coding:
        image.info[CODING] = coding
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
    if image.format in {"MPO", _HEIF} or not getattr(image, "is_animated", False):
        return
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        if not any(_pages(image)):
            return
        raise Unreadable("has several pages; save the one that is meant as a file of its own")
    raise Unreadable("is an animation; save the frame that is meant as a file of its own")


def _pages(image: TiffImagePlugin.TiffImageFile) -> Iterator[bool]:
    """Of each page after the first, whether it is a picture of its own; leaves the first in place."""
    try:
        for page in range(1, _MOST_PAGES):
            image.seek(page)
            yield not int(image.tag_v2.get(_SUBFILE, 0)) & _NOT_A_PAGE
    except EOFError:
        pass
    finally:
        image.seek(0)


def upright(image: ImageFile.ImageFile) -> Image.Image:
    """The picture decoded to 8 bits a value, turned as EXIF says, in one of the modes that have a meaning.

    Raises:
        Unreadable: its values have no known meaning.
    """
    made = _in_eight_bits(image)
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
    if image.format == "PPM" and image.tile and image.tile[0][0].startswith("ppm") and image.mode != "1":
        return _netpbm(image)
    if image.mode.startswith("I"):
        return _deep_grey(image)
    if _bits(image) > 8:
        return _deep_colour(image)
    return image


def _bits(image: ImageFile.ImageFile) -> int:
    """Bits a value in the file, as far as they matter: 8, or more."""
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        return max((int(bits) for bits in image.tag_v2.get(_BITS, (1,))), default=1)
    return 16 if image.format == "PNG" and image.tile and ";16" in str(image.tile[0][3]) else 8


def _netpbm(image: ImageFile.ImageFile) -> Image.Image:
    """PGM and PPM whose largest value is another than 255, or whose numbers are written out; Pillow is slow there."""
    codec, _, start, arguments = image.tile[0]
    assert isinstance(arguments, tuple)
    top = int(arguments[1])
    file, bands = image.fp, len(image.getbands())
    assert file is not None
    file.seek(start)
    count = image.width * image.height * bands
    if codec == "ppm":
        kind = np.dtype(">u2") if top > 255 else np.dtype("u1")
        values = np.frombuffer(file.read(count * kind.itemsize), kind)
    else:
        text = file.read(_MAX_PLAIN_BYTES + 1)
        if len(text) > _MAX_PLAIN_BYTES:
            raise Unreadable("is too long for a PNM with its numbers written out; save it in the binary form")
        words = re.sub(rb"#[^\r\n]*", b" ", text).decode("ascii")
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # NumPy warns where a text is no number
            values = np.fromstring(words, np.int64, count=-1, sep=" ")[:count]
    if values.size < count:
        raise Unreadable(f"not a readable picture (truncated: {values.size} of {count} values)")
    if values.max() > top or values.min() < 0:
        raise Unreadable(f"not a readable picture (a value outside of 0 to {top})")
    shape = (image.height, image.width, *([bands] if bands > 1 else []))
    return Image.fromarray(_scaled(values.reshape(shape), top))


def _deep_grey(image: ImageFile.ImageFile) -> Image.Image:
    top, inverted = 65535, False
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        tags, bits = image.tag_v2, _bits(image)
        if bits > 16 or tags.get(_SAMPLE_FORMAT, (1,))[0] != 1:
            raise Unreadable(f"its values are integers of {bits} bits, of unknown range; save it with 8 or 16 bits")
        top, inverted = 2**bits - 1, tags.get(_PHOTOMETRIC) == 0
    if "transparency" in image.info:
        raise Unreadable("names a transparent grey of 16 bits; save it with an alpha channel, or with 8 bits")
    values = np.asarray(image)
    grey = _scaled(values, top)
    return _like(image, Image.fromarray(255 - grey if inverted else grey))


def _deep_colour(image: ImageFile.ImageFile) -> Image.Image:
    """Colours of 16 bits. Pillow keeps their upper 8; OpenCV reads all, and has to agree on those."""
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
                return _like(image, Image.fromarray(_scaled(seen, 65535)))
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


def _scaled(values: npt.NDArray[Any], top: int) -> Pixels:
    """Values of 0 to ``top`` as 0 to 255, rounded to the nearest, strip by strip."""
    table = ((np.arange(top + 1, dtype=np.int64) * 510 + top) // (2 * top)).astype(np.uint8)
    made = np.empty(values.shape, np.uint8)
    for start in range(0, len(values), STRIP_PX):
        made[start : start + STRIP_PX] = table[values[start : start + STRIP_PX]]
    return made


def exif_of(image: Image.Image) -> dict[int, Any]:
    """EXIF's words, those of the camera among them; none where they cannot be read."""
    try:
        exif = image.getexif()
        return {**exif, **exif.get_ifd(ExifTags.IFD.Exif)}
    except Exception:  # damaged metadata does not make a picture unreadable
        return {}


def _coding(file: BinaryIO) -> bytes:
    """The chunk ``cICP`` of a PNG (3rd edition, section 11.3.2.6), which Pillow does not read; or nothing."""
    file.seek(8)
    while len(start := file.read(8)) == 8 and start[4:] != b"IDAT":
        length = int.from_bytes(start[:4], "big")
        if start[4:] == b"cICP":
            coding = file.read(length)
            if len(coding) != 4:
                raise Unreadable(f"not a readable picture (its chunk cICP has {len(coding)} bytes in place of 4)")
            return coding
        file.seek(length + 4, io.SEEK_CUR)
    return b""
