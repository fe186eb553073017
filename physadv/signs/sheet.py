"""A picture of several signs, for people."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from physadv.core.color import linear_to_srgb, srgb_to_linear, to_uint8
from physadv.core.errors import PhysadvError
from physadv.signs.sign import Sign

PAPER = 0.62, 0.66, 0.68
INK = (32, 36, 40)


def draw_sheet(signs: Sequence[Sign], px: int) -> npt.NDArray[np.uint8]:
    """The signs side by side, ``px`` wide each and named, on one ``[H, W, 3]`` uint8 picture.

    Raises:
        PhysadvError: no signs.
    """
    if not signs:
        raise PhysadvError("a sheet of signs needs at least one sign")
    columns = min(len(signs), math.ceil(math.sqrt(len(signs) * 1.5)))
    rows = math.ceil(len(signs) / columns)
    gap, caption = max(4, px // 12), max(12, px // 9)
    width, height = columns * (px + gap) + gap, rows * (px + gap + caption) + gap
    paper = Image.new("RGB", (width, height), tuple(round(255 * value) for value in PAPER))
    pen, font = ImageDraw.Draw(paper), _font(caption)
    for index, sign in enumerate(signs):
        left = gap + index % columns * (px + gap)
        top = gap + index // columns * (px + gap + caption)
        paper.paste(Image.fromarray(_picture(sign, px)), (left, top))
        pen.text((left + px / 2, top + px + caption * 0.55), sign.name, fill=INK, font=font, anchor="mm")
    return np.asarray(paper)


def _picture(sign: Sign, px: int) -> npt.NDArray[np.uint8]:
    """``[px, px, 3]`` uint8: the sign on paper, blended in linear light."""
    texture = sign.texture(px)
    color, alpha = texture[:3], texture[3:]
    paper = srgb_to_linear(alpha.new_tensor(PAPER))[:, None, None]
    return to_uint8(linear_to_srgb(color * alpha + paper * (1 - alpha)))


def _font(caption_px: int) -> ImageFont.ImageFont | ImageFont.FreeTypeFont:
    return ImageFont.load_default(size=max(9, round(caption_px * 0.7)))
