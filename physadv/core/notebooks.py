"""What notebooks and prompts show of our values: PNG of pictures, HTML of tables, a line of text.

Everything in HTML is escaped text.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from html import escape
from io import BytesIO
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image


def png_bytes(pixels: npt.NDArray[np.uint8]) -> bytes:
    """``[H, W, 3 or 4]`` or ``[H, W]`` uint8 as the bytes of a PNG."""
    buffer = BytesIO()
    Image.fromarray(np.asarray(pixels)).save(buffer, format="PNG")
    return buffer.getvalue()


class ShownPixels(np.ndarray[Any, np.dtype[np.uint8]]):
    """Pixels ``[H, W, 3]`` uint8 that notebooks show as a picture; else an array like any other."""

    def _repr_png_(self) -> bytes | None:
        is_picture = self.dtype == np.uint8 and (self.ndim == 2 or (self.ndim == 3 and self.shape[2] in (3, 4)))
        return png_bytes(self) if is_picture and self.size else None


def shown(pixels: npt.NDArray[np.uint8]) -> ShownPixels:
    """The same pixels, as notebooks show them."""
    return pixels.view(ShownPixels)


def html_table(caption: str, headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table as HTML."""
    head = "".join(f'<th style="text-align:left">{escape(heading)}</th>' for heading in headings)
    body = "".join(
        "<tr>" + "".join(f'<td style="text-align:left">{escape(cell)}</td>' for cell in row) + "</tr>" for row in rows
    )
    return (
        f'<table><caption style="text-align:left;font-weight:bold">{escape(caption)}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    )


def html_picture(png: bytes, text: str) -> str:
    """A picture as HTML; ``text`` is what a screen reader says."""
    address = base64.b64encode(png).decode("ascii")
    return f'<img src="data:image/png;base64,{address}" alt="{escape(text)}">'


_LONGEST_FACT = 120


def one_line(value: object, *facts: str | None) -> str:
    """A value as a prompt shows it: ``<Patch mine: bars on us/stop, untargeted>``, whatever arrays it holds.

    Args:
        value: whose class is named.
        facts: in short; the first one follows the class; those that are None or empty are left out.
    """
    told = [" ".join(fact.split()) for fact in facts if fact]
    told = [fact if len(fact) <= _LONGEST_FACT else f"{fact[: _LONGEST_FACT - 4]} ..." for fact in told]
    name = type(value).__name__
    return f"<{name} {told[0]}{': ' if told[1:] else ''}{', '.join(told[1:])}>" if told else f"<{name}>"
