"""SVG that anybody may have written: an allow-list of what is drawn, limits, and a process of its own to draw it in.

What is drawn is what has been checked: ``svg_tree`` reads the elements that are allowed, ``svg_css`` settles their
styles, ``svg_plain`` writes them anew, and nothing else reaches the renderer. What that would draw in another way than
a browser is refused by name: text, pictures, filters, values that it does not know, references that lead nowhere.
"""

from __future__ import annotations

import io
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from xml.sax.saxutils import quoteattr

import numpy as np
import numpy.typing as npt
import resvg_py
from PIL import Image

from physadv.core.files import bundled
from physadv.signs.svg_plain import Writer
from physadv.signs.svg_tree import read_tree
from physadv.signs.svg_values import BadSvg

MAX_CHARACTERS = 4_000_000
MAX_SECONDS = 30
_MAX_BYTES = 2_000_000_000
"""Of memory, where the system can bound it."""

_CHILD = """
import sys
try:
    import resource
    resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[3]),) * 2)
except Exception:  # a system without limits
    pass
sys.path.append(sys.argv[1])
import resvg_py
side = int(sys.argv[2])
svg = sys.stdin.buffer.read().decode("utf-8")
try:
    made = resvg_py.svg_to_bytes(svg_string=svg, width=side, height=side, skip_system_fonts=True)
except ValueError as error:
    sys.exit("ValueError " + " ".join(str(error).split()))
sys.stdout.buffer.write(bytes(made))
"""


@dataclass(frozen=True)
class Drawing:
    """An SVG that may be drawn.

    Attributes:
        text: with only what is allowed.
        view_box: of the root, as written; empty where it has none.
        size: width and height of the root, as written.
    """

    text: str
    view_box: str
    size: tuple[str, str]

    def in_view_box(self, view_box: str) -> Drawing:
        """The same drawing in another view box."""
        root, rest = self.text.split(">", 1)
        attributes = re.sub(r"\s(viewBox|width|height|preserveAspectRatio)=(\"[^\"]*\"|'[^']*')", "", root)
        return Drawing(f"{attributes} viewBox={quoteattr(view_box)}>{rest}", view_box, ("", ""))

    def sized(self, side_px: int) -> str:
        """The text with its root as large as the picture: the renderer would round another size to whole pixels."""
        root, rest = self.text.split(">", 1)
        attributes = re.sub(r"\s(width|height)=(\"[^\"]*\"|'[^']*')", "", root)
        return f'{attributes} width="{side_px}" height="{side_px}">{rest}' if self.view_box else self.text


@lru_cache(maxsize=16)
def checked(svg: str) -> Drawing:
    """An SVG with only what may be drawn.

    Raises:
        BadSvg: it is not an SVG, is too large or too deep, or has what is not drawn; with its line.
    """
    if len(svg) > MAX_CHARACTERS:
        raise BadSvg(f"has {len(svg):,} characters; it may have {MAX_CHARACTERS:,}")
    made = Writer(read_tree(svg))
    return Drawing(made.text(), made.view_box, made.size)


def draw(drawing: Drawing, side_px: int, *, trusted: bool = False) -> npt.NDArray[np.uint8]:
    """The drawing as ``[side_px, side_px, 4]`` uint8, sRGB-encoded, straight alpha.

    Args:
        drawing: from :func:`checked`.
        side_px: of the square picture.
        trusted: it comes with physadv; others are drawn in a process of their own, with limits.

    Raises:
        BadSvg: it cannot be drawn, or not within the limits.
    """
    text = drawing.sized(side_px)
    data = _here(text, side_px) if trusted or not sys.executable else _apart(text, side_px)
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGBA"))


def _here(text: str, side_px: int) -> bytes:
    try:
        return bytes(resvg_py.svg_to_bytes(svg_string=text, width=side_px, height=side_px, skip_system_fonts=True))
    except ValueError as error:
        raise BadSvg(f"is not an SVG that can be drawn ({' '.join(str(error).split())})") from error


def _apart(text: str, side_px: int) -> bytes:
    packages = str(Path(str(resvg_py.__file__)).resolve().parents[1])
    words = [sys.executable, "-I", "-c", _CHILD, packages, str(side_px), str(_MAX_BYTES + 16 * side_px**2)]
    try:
        done = subprocess.run(words, input=text.encode("utf-8"), capture_output=True, timeout=MAX_SECONDS, check=False)
    except subprocess.TimeoutExpired as error:
        raise BadSvg(f"is not drawn within {MAX_SECONDS} s; make it simpler") from error
    if done.returncode == 0 and done.stdout:
        return done.stdout
    said = done.stderr.decode("utf-8", "replace").strip()
    if said.startswith("ValueError "):
        raise BadSvg(f"is not an SVG that can be drawn ({said.removeprefix('ValueError ')})")
    raise BadSvg("is not drawn: the renderer ends, or needs too much memory; make it simpler")


@lru_cache(maxsize=1)
def shipped() -> frozenset[str]:
    """The artwork that comes with physadv."""
    return frozenset(_texts())


def _texts() -> Iterator[str]:
    for path in sorted(bundled("sign_data").glob("*/*.svg")):
        yield path.read_text(encoding="utf-8")
