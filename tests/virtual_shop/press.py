"""A four-color printer that nobody has calibrated: what becomes of the colors that it is sent."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

Image: TypeAlias = npt.NDArray[np.float32]

# Solid inks and their overprints on coated paper, CIELAB D50 (ISO 12647-2:2004/Amd 1:2007, paper types 1 and 2).
_LAB = {
    (0, 0, 0): (95.0, 0.0, -2.0),
    (1, 0, 0): (55.0, -37.0, -50.0),
    (0, 1, 0): (48.0, 74.0, -3.0),
    (0, 0, 1): (89.0, -5.0, 93.0),
    (0, 1, 1): (47.0, 68.0, 48.0),
    (1, 0, 1): (50.0, -68.0, 25.0),
    (1, 1, 0): (24.0, 17.0, -46.0),
    (1, 1, 1): (23.0, 0.0, 0.0),
}
_BLACK_LAB = (16.0, 0.0, 0.0)


@dataclass(frozen=True)
class Press:
    """Neugebauer's equations with Yule and Nielsen's exponent: halftone dots of four inks, laid at random.

    Attributes:
        dot_gain: what a dot of half coverage grows by, as a share of the area.
        yule_nielsen: exponent for light that spreads in the paper.
        black_from: share of common ink from which black replaces color (gray component replacement).
        dots_mm: how far a dot's ink spreads.
        banding: relative change of coverage from pass to pass of the head.
    """

    dot_gain: float = 0.17
    yule_nielsen: float = 1.8
    black_from: float = 0.35
    dots_mm: float = 0.18
    banding: float = 0.012

    def __call__(self, encoded: Image, dpi: float, *, seed: int = 0) -> Image:
        """Linear reflectance ``[H, W, 3]`` of a page of sRGB values ``[H, W, 3]`` in [0,1]."""
        dots = dpi / 25.4
        coverage = self.separate(encoded)
        coverage = coverage + 4.0 * self.dot_gain * coverage * (1.0 - coverage)
        passes = np.random.default_rng(seed).normal(
            1.0, self.banding, (coverage.shape[0] // max(1, round(4 * dots)) + 2)
        )
        rows = np.interp(np.arange(coverage.shape[0]) / (4 * dots), np.arange(len(passes)), passes)
        coverage = np.clip(coverage * rows[:, None, None], 0.0, 1.0).astype(np.float32)
        coverage = cv2.GaussianBlur(coverage, (0, 0), max(self.dots_mm * dots, 0.05))
        return self.reflect(coverage)

    def separate(self, encoded: Image) -> Image:
        """Coverage of cyan, magenta, yellow and black ``[..., 4]``, as a plain driver turns RGB into ink."""
        ink = 1.0 - np.clip(encoded, 0.0, 1.0)
        common = ink.min(-1, keepdims=True)
        black = np.clip((common - self.black_from) / (1.0 - self.black_from), 0.0, 1.0)
        color = (ink - black) / np.maximum(1.0 - black, 1e-6)
        return np.concatenate([np.clip(color, 0.0, 1.0), black], -1).astype(np.float32)

    def reflect(self, coverage: Image) -> Image:
        """Linear sRGB reflectance ``[..., 3]`` of ink coverage ``[..., 4]`` (Demichel's weights)."""
        total = np.zeros((*coverage.shape[:-1], 3), np.float32)
        for inks, solid in zip(*_solids(), strict=True):
            weight = np.ones(coverage.shape[:-1], np.float32)
            for number, there in enumerate(inks):
                weight = weight * (coverage[..., number] if there else 1.0 - coverage[..., number])
            total += weight[..., None] * (solid ** (1.0 / self.yule_nielsen)).astype(np.float32)
        return total**self.yule_nielsen


def _solids() -> tuple[list[tuple[int, ...]], list[npt.NDArray[np.float64]]]:
    """The sixteen overprints and their reflectance; black over a color is black with a trace of it."""
    inks, colors = [], []
    black = linear_of_lab(_BLACK_LAB)
    for combination in product((0, 1), repeat=4):
        under = linear_of_lab(_LAB[combination[:3]])
        inks.append(combination)
        colors.append(black * (0.3 + 0.7 * under) if combination[3] else under)
    return inks, colors


def linear_of_lab(lab: tuple[float, float, float]) -> npt.NDArray[np.float64]:
    """Linear sRGB of CIELAB under D50, adapted to D65 (Bradford), cut to what is not negative."""
    fy = (lab[0] + 16.0) / 116.0
    f = np.array([fy + lab[1] / 500.0, fy, fy - lab[2] / 200.0])
    xyz = np.where(f > 6.0 / 29.0, f**3, 3 * (6.0 / 29.0) ** 2 * (f - 4.0 / 29.0)) * [0.9642, 1.0, 0.8249]
    # XYZ under D50 to linear sRGB: Lindbloom's table of RGB/XYZ matrices, "sRGB, D50"
    matrix = np.array(
        [[3.1338561, -1.6168667, -0.4906146], [-0.9787684, 1.9161415, 0.0334540], [0.0719453, -0.2289914, 1.4052427]]
    )
    return np.clip(matrix @ xyz, 0.002, 1.0)
