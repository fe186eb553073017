"""PBM, PGM and PPM: one picture a file, in bytes or with its numbers written out, of any largest value."""

from __future__ import annotations

import io
import re
import warnings

import numpy as np
from PIL import Image, ImageFile

from physadv.core.picture_headers import Unreadable
from physadv.core.scaling import Samples, scaled

_MAX_PLAIN_BYTES = 64_000_000
"""Of a file whose numbers are written out."""
_KINDS = (b"P1", b"P2", b"P3", b"P4", b"P5", b"P6", b"Pf")
_FOLLOWED = "has more after its picture, perhaps another one ({}); save the one that is meant as a file of its own"


def check_single(image: ImageFile.ImageFile) -> None:
    """Refuses a file with anything after its picture, which may hold several; and what is no kind of Netpbm's.

    Raises:
        Unreadable: it does.
    """
    file = image.fp
    assert file is not None
    file.seek(0)
    if file.read(2) not in _KINDS:
        raise Unreadable("is no PBM, PGM or PPM; save it as PNG")
    codec, _, start, arguments = image.tile[0]
    if codec == "ppm_plain" or image.mode == "F":
        return
    deep = arguments[1] > 255 if codec == "ppm" and isinstance(arguments, tuple) else image.mode == "I"
    across = (image.width + 7) // 8 if image.mode == "1" else image.width * len(image.getbands()) * (1 + deep)
    more = file.seek(0, io.SEEK_END) - start - across * image.height
    if more > 0:
        raise Unreadable(_FOLLOWED.format(f"bytes: {more:,}"))


def read_numbers(image: ImageFile.ImageFile) -> Image.Image | None:
    """What Pillow reads slowly: numbers that are written out, or of another largest value than 255; else None.

    Raises:
        Unreadable: the numbers are too few, too many or too large.
    """
    codec, _, start, arguments = image.tile[0]
    if not codec.startswith("ppm"):
        return None
    file, bands = image.fp, len(image.getbands())
    assert file is not None
    file.seek(start)
    top = int(arguments[1]) if isinstance(arguments, tuple) else 1
    count = image.width * image.height * bands
    if codec == "ppm":
        kind = np.dtype(">u2") if top > 255 else np.dtype("u1")
        values: Samples = np.frombuffer(file.read(count * kind.itemsize), kind)
    else:
        values = _written_out(file.read(_MAX_PLAIN_BYTES + 1), bits=image.mode == "1")
    if values.size < count:
        raise Unreadable(f"not a readable picture (truncated: {values.size} of {count} values)")
    if values.size > count:
        raise Unreadable(_FOLLOWED.format(f"values: {values.size - count:,}"))
    if values.max() > top or values.min() < 0:
        raise Unreadable(f"not a readable picture (a value outside of 0 to {top})")
    values = values.reshape((image.height, image.width, *([bands] if bands > 1 else [])))
    return Image.fromarray(values == 0 if image.mode == "1" else scaled(values, top))


def _written_out(text: bytes, *, bits: bool) -> Samples:
    if len(text) > _MAX_PLAIN_BYTES:
        raise Unreadable("is too long for a PNM with its numbers written out; save it in the binary form")
    words = re.sub(rb"#[^\r\n]*", b" ", text)
    if bits:  # no white space is needed between them
        return np.frombuffer(b"".join(words.split()), np.uint8).astype(np.int64) - ord("0")
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # NumPy warns where a text is no number
        return np.fromstring(words.decode("ascii"), np.int64, count=-1, sep=" ")
