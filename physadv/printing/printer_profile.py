"""From sRGB to a printer's own colors, through its ICC profile."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms

from physadv.core.errors import PhysadvError
from physadv.core.files import read_bytes

Pixels: TypeAlias = npt.NDArray[np.uint8]
Intent = Literal["perceptual", "relative", "saturation", "absolute"]
INTENTS: dict[str, int] = {"perceptual": 0, "relative": 1, "saturation": 2, "absolute": 3}
"""Rendering intents by name (ICC.1, section 6.1.2 ff.)."""
_MODES = {"RGB": "RGB", "CMYK": "CMYK"}
_CLASSES = {
    "scnr": "a scanner or a camera",
    "mntr": "a display",
    "spac": "a color space",
    "link": "a link of two devices",
    "abst": "effects",
    "nmcl": "named colors",
}
"""What profiles other than a printer's, ``prtr``, are for (ICC.1:2010, section 7.2.5)."""


@dataclass(frozen=True)
class Conversion:
    """A transform of pictures; without a profile they stay sRGB."""

    transform: Any = None
    words: str = "sRGB"

    def __call__(self, pixels: Pixels) -> Pixels:
        """Pixels ``[H, W, 3]`` RGB to ``[H, W, 3]`` or ``[H, W, 4]`` in the printer's colors."""
        if self.transform is None:
            return pixels
        made = ImageCms.applyTransform(Image.fromarray(pixels), self.transform)
        assert made is not None
        return np.asarray(made, np.uint8)


def conversion(profile: Path | None, intent: str = "relative") -> Conversion:
    """From sRGB to a printer's profile.

    Raises:
        PhysadvError: the file is no ICC profile that can be printed to, or the intent is unknown.
    """
    if intent not in INTENTS:
        raise PhysadvError(f"--intent {intent!r}: should be one of {', '.join(INTENTS)}")
    if profile is None:
        return Conversion()
    data = read_bytes(profile, what="ICC profile")
    try:
        printer = ImageCms.ImageCmsProfile(BytesIO(data))
        space, kind = (str(word).strip() for word in (printer.profile.xcolor_space, printer.profile.device_class))
        name = ImageCms.getProfileDescription(printer).strip()
    except (ImageCms.PyCMSError, OSError) as error:
        raise PhysadvError(f"--icc {profile}: not a readable ICC profile") from error
    if space not in _MODES:
        raise PhysadvError(f"--icc {profile}: is a profile for {space}; a printer's is for RGB or CMYK")
    if kind != "prtr":
        raise PhysadvError(
            f"--icc {profile}: is a profile for {_CLASSES.get(kind, repr(kind))}; give the printer's own, for this "
            "paper, or leave it out and print in sRGB"
        )
    try:
        transform = ImageCms.buildTransform(
            ImageCms.createProfile("sRGB"), printer, "RGB", _MODES[space], ImageCms.Intent(INTENTS[intent])
        )
        ImageCms.applyTransform(Image.new("RGB", (1, 1)), transform)
    except (ImageCms.PyCMSError, OSError) as error:
        raise PhysadvError(
            f"--icc {profile}: cannot be printed to ({error}); give a printer's output profile"
        ) from error
    return Conversion(transform, f"{name} ({intent})")
