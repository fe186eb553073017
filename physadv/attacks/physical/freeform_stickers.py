"""Stickers of free shape, searched together with their paint."""

from __future__ import annotations

import copy
import functools

import torch
from torch import Tensor
from typing_extensions import Self

from physadv.attacks.physical.perturbations import Perturbation
from physadv.patches import Ink, Mask, PaintKind, as_sent, compose, freeform_mask
from physadv.scenes import PaintedSign
from physadv.signs import Sign

_AREA_START = 0.9
_AREA_REACHED = 0.75
"""Of the search, after which no more than the wanted area is covered."""
_SHARPNESS = (4.0, 60.0)
"""Of the cover's edge, per unit of height, at the start and at the end."""
_HALVINGS = 24


class FreeformStickers(Perturbation):
    """Paint where a height map is above the level that leaves the wanted area covered.

    Topology optimization by density: a filtered field, projected to 0 or 1 ever more sharply, under a limit on its
    volume (Bendsoe & Sigmund 2003; Wang, Lazarov & Sigmund 2011). The face starts almost covered and area is taken away
    bit by bit, so that paint and place settle together; a paint that has all of the face does not show which part of
    it is needed most.

    Parameters, one vector: the paint's own for the whole face, then heights ``[K, K]``, weights of cubic B-splines
    whose knots are a sticker's least width apart: finer shapes cannot arise.

    Args:
        sign: what is painted on.
        paint: which colors there are.
        px: texels a side.
        device: where.
        max_stickers, min_side_mm, max_area_fraction: limits of the mask that is made.
        ink: what the printed colors reflect.

    Raises:
        PhysadvError: no sticker can keep the limits.
    """

    def __init__(
        self,
        sign: Sign,
        paint: PaintKind,
        *,
        px: int,
        device: torch.device,
        max_stickers: int,
        min_side_mm: float,
        max_area_fraction: float,
        ink: Ink = as_sent,
    ) -> None:
        self.sign, self.paint, self.px, self.ink = sign, paint, px, ink
        self.base = sign.texture(px).to(device)
        self._mask_of = functools.partial(
            freeform_mask,
            sign=sign,
            max_stickers=max_stickers,
            min_side_mm=min_side_mm,
            max_area_fraction=max_area_fraction,
        )
        at = torch.linspace(-1.0, 1.0, px) ** 2
        self._mask_of(-(at[:, None] + at))  # limits that leave room for no sticker are told at once
        self._area = max_area_fraction
        self._face = self.base[3] > 0.999
        self._splines = _splines(px, max(1, round(sign.extent_mm / min_side_mm))).to(device)
        self._progress = 0.0

    def at(self, progress: float) -> Self:
        """With the area and the edges of that moment of the search."""
        now = copy.copy(self)
        now._progress = progress
        return now

    def begin(self, generator: torch.Generator) -> Tensor:
        """A random paint on level ground."""
        paint = self.paint.init(generator, self.px).to(self.base.device)
        return torch.cat([paint.flatten(), paint.new_zeros(self._splines.shape[1] ** 2)])

    def _split(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        knots = self._splines.shape[1]
        weights = theta[-(knots**2) :].reshape(knots, knots)
        colors = theta[: -(knots**2)].reshape(self.paint.parameters(self.px))
        return colors, self._splines @ weights @ self._splines.T

    def paint_of(self, theta: Tensor) -> Tensor:
        """The paint's own parameters."""
        return self._split(theta)[0]

    def _cover(self, height: Tensor) -> Tensor:
        """Coverage ``[1, P, P]``, differentiable: what rises anywhere sinks elsewhere, for the area is given."""
        share = min(1.0, self._progress / _AREA_REACHED)
        area = max(_AREA_START, self._area) ** (1.0 - share) * self._area**share
        sharpness = _SHARPNESS[0] ** (1.0 - self._progress) * _SHARPNESS[1] ** self._progress
        level = self._level(height.detach(), area, sharpness)
        slope = torch.sigmoid(sharpness * (height.detach() - level)) * self._face
        slope = slope * (1.0 - slope)
        level = level + ((height - height.detach()) * slope).sum() / slope.sum().clamp(min=1e-9)
        return (torch.sigmoid(sharpness * (height - level)) * self._face)[None]

    def _level(self, height: Tensor, area: float, sharpness: float) -> Tensor:
        """The level above which ``area`` of the face is, by bisection."""
        face = height[self._face]
        spread = 12.0 / sharpness
        low, high = face.min() - spread, face.max() + spread
        for _ in range(_HALVINGS):
            level = (low + high) / 2.0
            too_much = torch.sigmoid(sharpness * (face - level)).mean() > area
            low, high = torch.where(too_much, level, low), torch.where(too_much, high, level)
        return (low + high) / 2.0

    def painted(self, theta: Tensor) -> PaintedSign:
        """The sign, with the paint where the map is high."""
        colors, height = self._split(theta)
        cover = self._cover(height)
        rgba = compose(self.base, cover, self.ink(self.paint.decode(colors)))
        return PaintedSign(self.sign, rgba, 1.0 - cover.detach())

    def project(self, theta: Tensor) -> Tensor:
        """Colors into their range; any height will do."""
        colors = self.paint.project(self.paint_of(theta)).flatten()
        return torch.cat([colors, theta[len(colors) :]])

    def mask(self, theta: Tensor) -> Mask:
        """The stickers, with sharp edges and within all limits.

        Raises:
            PhysadvError: none fits.
        """
        with torch.no_grad():
            height = self._split(theta)[1]
        return self._mask_of(height)

    def finish(self, theta: Tensor) -> tuple[Mask, Tensor]:
        """The stickers, and the colors that are printed."""
        return self.mask(theta), self.paint.finalize(self.paint_of(theta)).cpu()


def _splines(px: int, cells: int) -> Tensor:
    """Values ``[px, cells + 3]`` of the uniform cubic B-splines over ``cells`` intervals at the texels' centers."""
    at = (torch.arange(px, dtype=torch.float64) + 0.5) / px * cells
    distance = (at[:, None] - torch.arange(-1, cells + 2, dtype=torch.float64)).abs()
    near, far = 2.0 / 3.0 - distance**2 + distance**3 / 2.0, (2.0 - distance).clamp(min=0.0) ** 3 / 6.0
    return torch.where(distance < 1.0, near, far).float()
