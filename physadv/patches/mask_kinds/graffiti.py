"""Graffiti: strokes of a brush along splines, and words in hand-painted capitals."""

from __future__ import annotations

import math
import random
from itertools import pairwise
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
import shapely
from pydantic import Field, field_validator, model_validator
from shapely import affinity
from shapely.geometry.base import BaseGeometry
from typing_extensions import Self

from physadv.core.config import Config, Text
from physadv.core.limits import MAX_SEED
from physadv.patches.letters import LETTERS
from physadv.patches.mask import MASKS, Degrees, InMillimeters, LengthMm, Mm, Shapes, WidthMm, numbered
from physadv.patches.splines import bezier, catmull_rom, evenly
from physadv.signs.sign import Sign

Points = npt.NDArray[np.float64]

NIB_DEG = 35.0
NIB_FLATNESS = 0.28


class Stroke(Config):
    """One stroke of the brush."""

    points_mm: Annotated[tuple[tuple[Mm, Mm], ...], Field(min_length=2)]
    """Where the brush goes: through the points (``catmull-rom``), or as 3k + 1 Bezier control points."""
    width_mm: WidthMm
    spline: Literal["catmull-rom", "bezier"] = "catmull-rom"

    @model_validator(mode="after")
    def _control_points(self) -> Self:
        if self.spline == "bezier" and len(self.points_mm) % 3 != 1:
            raise ValueError(f"a cubic Bezier stroke has 4, 7, 10 ... points, found {len(self.points_mm)}")
        return self

    def path(self) -> Points:
        """The brush's way ``[n, 2]`` in mm."""
        points = np.asarray(self.points_mm, dtype=np.float64)
        return bezier(points) if self.spline == "bezier" else catmull_rom(points)


class Word(Config):
    """A word in hand-painted capitals."""

    text: Annotated[Text, Field(min_length=1, max_length=40)]
    """Letters A to Z, digits and spaces."""
    x_mm: Mm = 0.0
    """Of the word's middle, to the right of the sign's center."""
    y_mm: Mm
    """Of the word's middle, below the sign's center."""
    height_mm: LengthMm
    """Of the letters, paint included."""
    stroke_mm: WidthMm
    """Width of the brush."""
    slant_deg: Annotated[float, Field(ge=-45.0, le=45.0, allow_inf_nan=False)] = 8.0
    """How much the letters lean to the right."""
    turn_deg: Degrees = 0.0
    """Of the whole word, clockwise."""
    spacing: Annotated[float, Field(ge=-0.5, le=3.0, allow_inf_nan=False)] = 0.55
    """Clear room between letters, in widths of the brush."""

    @field_validator("text")
    @classmethod
    def _known_letters(cls, text: str) -> str:
        wrong = sorted({letter for letter in text.upper() if letter not in LETTERS and letter != " "})
        if wrong:
            raise ValueError(f"{' '.join(wrong)} cannot be painted; letters A to Z, digits and spaces can")
        if not text.strip():
            raise ValueError("there is no letter in it")
        return text.upper()

    @model_validator(mode="after")
    def _brush_fits(self) -> Self:
        if self.stroke_mm > self.height_mm / 3.0:
            raise ValueError(
                f"stroke_mm = {self.stroke_mm:g} is too wide for letters of height_mm = {self.height_mm:g}; "
                f"at most a third of the height stays legible"
            )
        return self


@MASKS.register("graffiti")
class Graffiti(InMillimeters):
    """Strokes and words of a brush; by default RP2's LOVE above and HATE below the legend (section 4.2)."""

    kind: Literal["graffiti"] = "graffiti"
    drawn_for_mm: LengthMm | None = 762.0
    strokes: tuple[Stroke, ...] = ()
    words: tuple[Word, ...] = (
        Word(text="LOVE", y_mm=-209.0, x_mm=-6.0, height_mm=128.0, stroke_mm=31.0, turn_deg=-3.0),
        Word(text="HATE", y_mm=209.0, x_mm=4.0, height_mm=128.0, stroke_mm=31.0, turn_deg=2.0),
    )
    unsteadiness: Annotated[float, Field(ge=0.0, le=2.0, allow_inf_nan=False)] = 1.0
    """Of the painter's hand: 0 draws like a machine, 1 like a person."""
    seed: Annotated[int, Field(ge=0, lt=MAX_SEED)] = 0
    """Of the unsteadiness."""

    def drawn(self, sign: Sign) -> Shapes:
        """Each stroke, then each word."""
        # random.Random is the generator whose sequence Python promises to keep: bundles redraw their graffiti.
        hand = Hand(random.Random(self.seed), self.unsteadiness)
        strokes = numbered("stroke", (brush(stroke.path(), stroke.width_mm, hand) for stroke in self.strokes))
        return {**strokes, **numbered("word", (write(word, hand) for word in self.words))}


class Hand:
    """A hand that is never quite steady; ``sway`` draws from ``[-amount, amount]``."""

    def __init__(self, chance: random.Random, unsteadiness: float) -> None:
        self._chance = chance
        self._unsteadiness = unsteadiness

    def sway(self, amount: float) -> float:
        """A small deviation."""
        return amount * self._unsteadiness * (2.0 * self._chance.random() - 1.0)

    def pressure(self, travelled: Points, width_mm: float) -> Points:
        """Relative width of the stroke along its way: full where it starts, uneven, thinner where it ends."""
        phases = [math.tau * self._chance.random() for _ in range(2)]
        fast, slow = (np.sin(travelled / (width_mm * n) + phase) for n, phase in zip((0.9, 2.3), phases, strict=True))
        remaining = (travelled[-1] - travelled) / width_mm
        lift = 0.3 * np.exp(-remaining / 0.6)
        return np.asarray(1.0 - self._unsteadiness * (0.05 + 0.035 * (fast + slow) + lift).clip(-0.1, 0.45))


def brush(path: Points, width_mm: float, hand: Hand) -> BaseGeometry:
    """The area that a flat-nibbed brush of ``width_mm`` covers on its way along ``path`` ``[n, 2]``."""
    points = evenly(path, width_mm / 5.0)
    steps = np.diff(points, axis=0)
    lengths = np.hypot(steps[:, 0], steps[:, 1])
    headings = np.arctan2(steps[:, 1], steps[:, 0])
    travelled = np.concatenate([[0.0], np.cumsum(lengths)])
    nib = 1.0 - NIB_FLATNESS * np.abs(np.cos(headings + math.radians(NIB_DEG)))
    flat = np.convolve(np.pad(np.append(nib, nib[-1]), 2, mode="edge"), np.full(5, 0.2), mode="valid")
    radii = width_mm / 2.0 * hand.pressure(travelled, width_mm) * flat
    discs = shapely.buffer(shapely.points(points), radii, quad_segs=8)
    hulls = shapely.convex_hull(shapely.union(discs[:-1], discs[1:]))
    return shapely.simplify(shapely.union_all(hulls), width_mm / 200.0)


def write(word: Word, hand: Hand) -> BaseGeometry:
    """The area that a painted word covers."""
    letters: list[BaseGeometry] = []
    pen_mm = 0.0
    for letter in word.text:
        if letter == " ":
            pen_mm += 0.45 * word.height_mm
            continue
        painted = _letter(letter, word, hand)
        left, _, right, _ = painted.bounds
        letters.append(affinity.translate(painted, pen_mm - left, hand.sway(0.035 * word.height_mm)))
        pen_mm += right - left + word.spacing * word.stroke_mm
    painted_word = affinity.skew(shapely.union_all(letters), xs=-word.slant_deg, origin=(0.0, 0.0))
    left, top, right, bottom = painted_word.bounds
    middle = affinity.translate(painted_word, word.x_mm - (left + right) / 2.0, word.y_mm - (top + bottom) / 2.0)
    return affinity.rotate(middle, word.turn_deg, origin=(word.x_mm, word.y_mm))


def _letter(letter: str, word: Word, hand: Hand) -> BaseGeometry:
    """One letter at the origin: its skeleton, bent a little, under the brush."""
    scale = (word.height_mm - word.stroke_mm) * (1.0 + hand.sway(0.05))
    strokes = [brush(_bent(points, smooth, hand) * scale, word.stroke_mm, hand) for points, smooth in LETTERS[letter]]
    return affinity.rotate(shapely.union_all(strokes), hand.sway(3.5), origin=(0.0, scale))


def _bent(points: Points, smooth: bool, hand: Hand) -> Points:
    """A letter's stroke with its points displaced, and its straight lines bowed, by an unsteady hand."""
    moved = points + np.array([[hand.sway(0.022), hand.sway(0.022)] for _ in points])
    if smooth:
        return catmull_rom(moved)
    legs = []
    for start, end in pairwise(moved):
        across = np.array([start[1] - end[1], end[0] - start[0]])
        legs.append(catmull_rom(np.stack([start, (start + end) / 2.0 + across * hand.sway(0.045), end])))
    return np.concatenate(legs)
