"""Printability: colors that a printer makes, and smoothness."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import Tensor

from physadv.core.color import linear_to_srgb
from physadv.core.errors import PhysadvError
from physadv.core.files import read_bytes

Palette: TypeAlias = Tensor
"""Printable colors ``[M, 3]``, sRGB-encoded."""

MAX_PALETTE = 100_000

_PAPER = (0.93, 0.93, 0.92)
_INKS = {"cyan": (0.00, 0.42, 0.62), "magenta": (0.66, 0.02, 0.26), "yellow": (0.92, 0.78, 0.02), "black": (0.02,) * 3}
"""Linear reflectance of the solid inks on paper: round values of the order that coated paper has, not measured."""
_SURFACE = 0.01
"""What the surface of the darkest overprint still reflects."""
_LEVELS = 4
_YULE_NIELSEN = 2.0
_ROUNDING = 1e-3
"""Within a quarter of an 8-bit level the distance's cone is rounded off, so that its gradient is finite."""
_REFERENCE_PX = 128
_CELLS = 32
"""Of the color cube along an edge, in the table of near inks."""
_CANDIDATES = 4
"""Inks a cell; where more crowd in one, the score may be a thirtieth too large."""


@lru_cache(maxsize=1)
def generic_palette() -> Palette:
    """A generic four-color printer's palette ``[M, 3]``, computed, not measured; treat as read-only.

    Dots of cyan, magenta, yellow and black at 0, 1/3, 2/3 and full coverage on white paper: Neugebauer's equations
    (1937) with Demichel's coverages and a Yule-Nielsen factor of 2; overprinted inks multiply their transmittances.
    """
    paper = torch.tensor(_PAPER, dtype=torch.float64)
    transmittance = torch.tensor(list(_INKS.values()), dtype=torch.float64) / paper
    overprints = torch.tensor(list(product((0.0, 1.0), repeat=4)), dtype=torch.float64)
    solids = (paper * torch.where(overprints[..., None] > 0, transmittance, 1.0).prod(1)).clamp(min=_SURFACE)
    dots = torch.tensor(list(product(torch.linspace(0, 1, _LEVELS).tolist(), repeat=4)), dtype=torch.float64)
    shares = torch.where(overprints > 0, dots[:, None], 1.0 - dots[:, None]).prod(-1)
    linear = (shares @ solids ** (1.0 / _YULE_NIELSEN)) ** _YULE_NIELSEN
    encoded = (linear_to_srgb(linear.clamp(0.0, 1.0)) * 255.0).round() / 255.0
    return torch.from_numpy(np.unique(encoded.numpy(), axis=0)).float()


def load_palette(path: Path | None = None) -> Palette:
    """Printable colors ``[M, 3]``: of a file with one ``r,g,b`` in [0,1] a line (as RP2's), or the generic palette.

    Raises:
        PhysadvError: the file is missing, holds no color, or a line is not three numbers in [0,1].
    """
    if path is None:
        return generic_palette().clone()
    try:
        lines = read_bytes(path, what="palette").decode("utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise PhysadvError(f"{path}: not a text file; a palette has one r,g,b in 0 to 1 a line") from error
    colors = [_color(path, number, line) for number, line in enumerate(lines, start=1) if line.strip()]
    if not 1 <= len(colors) <= MAX_PALETTE:
        raise PhysadvError(f"{path}: holds {len(colors)} colors; a palette has 1 to {MAX_PALETTE}")
    return torch.tensor(colors, dtype=torch.float32)


def _color(path: Path, number: int, line: str) -> tuple[float, ...]:
    try:
        color = tuple(float(value) for value in line.split(","))
    except ValueError:
        color = ()
    if len(color) != 3 or not all(0.0 <= value <= 1.0 for value in color):
        raise PhysadvError(f"{path}: line {number} is {line.strip()[:60]!r}; it should be r,g,b, each from 0 to 1")
    return color


@dataclass(frozen=True, eq=False)
class Inks:
    """A palette with a table of which of its colors are near, so that every step of a search finds the nearest soon.

    Attributes:
        palette: ``[M, 3]``.
        near: ``[cells, k]``, numbers of the inks nearest to the middle of each cell of the color cube.
    """

    palette: Palette
    near: Tensor

    @classmethod
    def of(cls, palette: Palette) -> Inks:
        """Those of a palette ``[M, 3]``."""
        middle = (np.arange(_CELLS) + 0.5) / _CELLS
        cells = np.stack(np.meshgrid(middle, middle, middle, indexing="ij"), -1).reshape(-1, 3)
        which = list(range(1, 1 + min(_CANDIDATES, len(palette))))
        near = cKDTree(palette.double().cpu().numpy()).query(cells, k=which)[1]
        return cls(palette, torch.from_numpy(near).to(palette.device))

    def nearest(self, colors: Tensor) -> Tensor:
        """The ink nearest to each of ``colors [3, n]``."""
        cell = (colors * _CELLS).long().clamp_(0, _CELLS - 1)
        near = self.near[(cell[0] * _CELLS + cell[1]) * _CELLS + cell[2]]
        candidates = self.palette.to(colors).T[:, near]
        chosen = (candidates - colors[:, :, None]).pow_(2).sum(0).min(1, keepdim=True).indices
        return candidates.gather(2, chosen.expand(3, -1, -1))[:, :, 0]


@dataclass(frozen=True, eq=False)
class PaintedTexels:
    """The painted texels of a mask in one list, and the pairs of neighbors among them; made once for a search.

    Attributes:
        index: ``[n]`` of the texels in the flattened texture.
        cover: ``[n]``, how much of each is painted.
        first, second: ``[m]``, numbers in the list of two texels that touch.
        both: ``[m]``, how far both are painted.
        px: the texture's size.
    """

    index: Tensor
    cover: Tensor
    first: Tensor
    second: Tensor
    both: Tensor
    px: int

    @classmethod
    def of(cls, mask: Tensor) -> PaintedTexels:
        """Those of a coverage ``[1, P, P]``."""
        cover = mask[0].flatten()
        index = (cover > 0.0).nonzero()[:, 0]
        number = torch.full_like(cover, -1, dtype=torch.int64)
        number[index] = torch.arange(len(index), device=mask.device)
        table = number.reshape(mask.shape[-2:])
        first = torch.cat([table[:-1, :-1].flatten()] * 2)
        second = torch.cat([table[:-1, 1:].flatten(), table[1:, :-1].flatten()])
        touching = (first >= 0) & (second >= 0)
        first, second = first[touching], second[touching]
        listed = cover[index]
        return cls(index, listed, first, second, listed[first] * listed[second], mask.shape[-1])

    def colors(self, srgb: Tensor) -> Tensor:
        """Those of ``srgb [3, P, P]`` that are painted, ``[3, n]``, differentiable."""
        return srgb.flatten(1).index_select(1, self.index)


def non_printability(colors: Tensor, inks: Inks, texels: PaintedTexels) -> Tensor:
    """Mean distance of the painted texels' colors from the nearest printable ones, a scalar from 0 to 1.73.

    The score of Sharif et al. 2016 (section 4.3), which RP2 adds to its loss (Eykholt et al. 2018, eq. 2 and 3), sums
    over texels the *product* of the distances to all M printable colors. With M = 30 a product of distances of about
    0.5 is 1e-9, so its gradient vanishes long before a color is printable, its scale changes with every color added
    to the palette, and it was applied to the noise, not to what is printed. The distance to the nearest color is zero
    at the same places and has a gradient of length one everywhere else, towards that color.

    Args:
        colors: the printed colors ``[3, n]``, not the change that they make.
        inks: that the printer has.
        texels: whose colors they are; they count by how much of them is painted.
    """
    if not len(texels.index):
        return colors.new_zeros(())
    aim = inks.nearest(colors.detach())
    distance = (((colors - aim) ** 2).sum(0) + _ROUNDING**2).sqrt() - _ROUNDING
    return (distance * texels.cover).sum() / texels.cover.sum()


def total_variation(colors: Tensor, texels: PaintedTexels) -> Tensor:
    """Mean change of the painted colors over a 128th of the sign's width, a scalar (Rudin, Osher and Fatemi 1992).

    The same at any resolution: the integral of the gradient's magnitude (the sum of its two parts) over the painted
    area, by that area. Pairs of texels count as far as both are painted, so that the mask's own edge costs nothing.

    Args:
        colors: of the painted texels, ``[3, n]``.
        texels: where they are.
    """
    step = colors.index_select(1, texels.first) - colors.index_select(1, texels.second)
    steps = (step.abs().sum(0) * texels.both).sum()
    return steps / (3.0 * texels.both.sum().clamp(min=1.0)) * (texels.px / _REFERENCE_PX)
