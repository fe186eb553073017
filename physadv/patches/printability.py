"""Printability: colours that a printer makes, and smoothness."""

from __future__ import annotations

from functools import lru_cache
from itertools import product
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor

from physadv.core.color import linear_to_srgb
from physadv.core.errors import PhysadvError

Palette: TypeAlias = Tensor
"""Printable colours ``[M, 3]``, sRGB-encoded."""

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
_CHUNK = 1024


@lru_cache(maxsize=1)
def generic_palette() -> Palette:
    """A generic four-colour printer's palette ``[M, 3]``, computed, not measured; treat as read-only.

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
    """Printable colours ``[M, 3]``: of a file with one ``r,g,b`` in [0,1] a line (as RP2's), or the generic palette.

    Raises:
        PhysadvError: the file is missing, holds no colour, or a line is not three numbers in [0,1].
    """
    if path is None:
        return generic_palette().clone()
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise PhysadvError(f"{path}: not a text file; a palette has one r,g,b in 0 to 1 a line") from error
    except OSError as error:
        raise PhysadvError(f"{path}: cannot be read ({error.strerror})") from error
    colours = [_colour(path, number, line) for number, line in enumerate(lines, start=1) if line.strip()]
    if not 1 <= len(colours) <= MAX_PALETTE:
        raise PhysadvError(f"{path}: holds {len(colours)} colours; a palette has 1 to {MAX_PALETTE}")
    return torch.tensor(colours, dtype=torch.float32)


def _colour(path: Path, number: int, line: str) -> tuple[float, ...]:
    try:
        colour = tuple(float(value) for value in line.split(","))
    except ValueError:
        colour = ()
    if len(colour) != 3 or not all(0.0 <= value <= 1.0 for value in colour):
        raise PhysadvError(f"{path}: line {number} is {line.strip()[:60]!r}; it should be r,g,b, each from 0 to 1")
    return colour


def non_printability(srgb: Tensor, palette: Palette, mask: Tensor) -> Tensor:
    """Mean distance of the painted texels' colours from the nearest printable ones, a scalar from 0 to 1.73.

    The score of Sharif et al. 2016 (section 4.3), which RP2 adds to its loss (Eykholt et al. 2018, eq. 2 and 3), sums
    over texels the *product* of the distances to all M printable colours. With M = 30 a product of distances of about
    0.5 is 1e-9, so its gradient vanishes long before a colour is printable, its scale changes with every colour added
    to the palette, and it was applied to the noise, not to what is printed. The distance to the nearest colour is zero
    at the same places and has a gradient of length one everywhere else, towards that colour.

    Args:
        srgb: the printed colours ``[3, P, P]``, not the change that they make.
        palette: ``[M, 3]``.
        mask: coverage ``[1, P, P]``; texels count by it.
    """
    painted = mask[0] > 0.0
    if not bool(painted.any()):
        return srgb.new_zeros(())
    inks = palette.to(srgb)
    aim = torch.zeros_like(srgb)
    aim[:, painted] = _nearest(srgb.detach()[:, painted], inks)
    distance = (((srgb - aim) ** 2).sum(0) + _ROUNDING**2).sqrt() - _ROUNDING
    return (distance * mask[0]).sum() / mask[0].sum()


def _nearest(colours: Tensor, inks: Tensor) -> Tensor:
    """The ink nearest to each of the colours ``[3, n]``, or the mean of equally near ones; for every step of a search.

    Looks for the least ``|c - p|^2`` less ``|c|^2``, which no choice of p changes, by matrix products of parts that fit
    the cache; PyTorch's argmin is ten times as slow on a CPU as its plain minimum.
    """
    length = (inks**2).sum(1, keepdim=True)
    found = []
    for part in torch.split(colours, _CHUNK, dim=1):
        relative = torch.addmm(length, inks, part, alpha=-2.0)
        chosen = (relative == relative.amin(0)).to(inks)
        found.append((inks.T @ chosen) / chosen.sum(0))
    return torch.cat(found, dim=1)


def total_variation(srgb: Tensor, mask: Tensor, *, isotropic: bool = False) -> Tensor:
    """Mean change of the painted colours over a 128th of the sign's width, a scalar (Rudin, Osher and Fatemi 1992).

    The same at any resolution: the integral of the gradient's magnitude over the painted area, by that area. Pairs of
    texels count as far as both are painted, so that the mask's own edge costs nothing.

    Args:
        srgb: ``[3, P, P]``.
        mask: coverage ``[1, P, P]``.
        isotropic: Euclidean length of the gradient instead of the sum of its two parts (which prefers upright edges).
    """
    px = srgb.shape[-1]
    across = (srgb[:, :-1, 1:] - srgb[:, :-1, :-1]).abs()
    down = (srgb[:, 1:, :-1] - srgb[:, :-1, :-1]).abs()
    across_weight = mask[:, :-1, 1:] * mask[:, :-1, :-1]
    down_weight = mask[:, 1:, :-1] * mask[:, :-1, :-1]
    if isotropic:
        # The small constant keeps the gradient of the root finite where the paint is flat.
        squared = across**2 * across_weight + down**2 * down_weight
        length = ((squared + 1e-8).sqrt() - 1e-4).sum() / 3.0
        return length / mask.sum().clamp(min=1e-6) * (px / _REFERENCE_PX)
    steps = (across * across_weight).sum() + (down * down_weight).sum()
    return steps / (3.0 * (across_weight.sum() + down_weight.sum()).clamp(min=1.0)) * (px / _REFERENCE_PX)
