"""Perturbations: what may change on the sign, and what is admissible."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from physadv.patches import (
    Ink,
    Inks,
    Mask,
    PaintedTexels,
    PaintKind,
    Palette,
    as_sent,
    compose_texels,
    non_printability,
    total_variation,
    with_rim,
)
from physadv.scenes import PaintedSign
from physadv.signs import Sign

_SPARSE = 0.4
"""Of the texture that is painted, up to which listing the samples that see paint is quicker than not."""


def edges(sign: Sign, device: torch.device) -> tuple[Tensor, Tensor]:
    """Outward normals ``[E, 2]`` and distances ``[E]``, in extents, of a convex outline's edges from its center."""
    corners = torch.tensor(sign.outline_mm, dtype=torch.float32, device=device) / sign.extent_mm
    along = corners.roll(-1, 0) - corners
    normals = torch.stack([along[:, 1], -along[:, 0]], 1) / along.norm(dim=1, keepdim=True)
    distances = (normals * corners).sum(1)
    return normals * distances.sign()[:, None], distances.abs()


class Perturbation(ABC):
    """A family of painted signs, indexed by parameters ``theta``."""

    def at(self, progress: float) -> Perturbation:
        """The family when ``progress`` in [0,1] of the search is over; the same throughout unless it tightens."""
        return self

    @abstractmethod
    def begin(self, generator: torch.Generator) -> Tensor:
        """Parameters to start from."""

    @abstractmethod
    def painted(self, theta: Tensor) -> PaintedSign:
        """The sign with this paint, differentiable in ``theta``."""

    @abstractmethod
    def project(self, theta: Tensor) -> Tensor:
        """The nearest admissible parameters."""

    @abstractmethod
    def finish(self, theta: Tensor) -> tuple[Mask, Tensor]:
        """Mask and sRGB colors ``[3, P, P]`` (on the CPU) of the patch that is made from ``theta``."""

    def penalty(self, theta: Tensor) -> Tensor:
        """What else is unwanted of the paint, a scalar; 0 if nothing is."""
        return theta.new_zeros(())


class Sticker(Perturbation):
    """Paint of any colors inside a fixed mask: RP2's perturbation (Eykholt et al. 2018, section 3.2).

    Args:
        sign: what is painted on.
        mask: where.
        paint: which colors there are.
        px: texels a side while optimizing.
        smoothness: weight of the total variation.
        printability: weight of the non-printability of the printed colors.
        ink: what the printed colors reflect.
    """

    def __init__(
        self,
        sign: Sign,
        mask: Mask,
        paint: PaintKind,
        *,
        px: int,
        device: torch.device,
        palette: Palette,
        smoothness: float,
        printability: float,
        ink: Ink = as_sent,
    ) -> None:
        self.sign, self.paint, self.px, self.ink = sign, paint, px, ink
        self.mask = mask.at(px)
        self.alpha = self.mask.alpha.to(device)
        self.base = sign.texture(px).to(device)
        self._bare = PaintedSign(sign, self.base, 1.0 - self.alpha)
        self._texels = PaintedTexels.of(self.alpha)
        self._sparse = float(self.alpha.mean()) < _SPARSE
        self._inks = Inks.of(palette.to(device))
        self._smoothness, self._printability = smoothness, printability

    def begin(self, generator: torch.Generator) -> Tensor:
        """Nearly gray, with a little noise so that no two texels start alike."""
        return self.paint.init(generator, self.px).to(self.alpha.device)

    def painted(self, theta: Tensor) -> PaintedSign:
        """The sign's artwork under opaque ink."""
        texels = self._texels
        colors = self.ink(texels.colors(self.paint.decode(theta)))
        return self._bare.repainted(compose_texels(self.base, texels, colors), only_covered=self._sparse)

    def project(self, theta: Tensor) -> Tensor:
        """Into the colors' range."""
        return self.paint.project(theta)

    def finish(self, theta: Tensor) -> tuple[Mask, Tensor]:
        """The mask, and the colors that are printed."""
        return self.mask, with_rim(self.paint.finalize(theta).cpu(), self.mask.alpha)

    def penalty(self, theta: Tensor) -> Tensor:
        """Weighted total variation and non-printability, of the printed color."""
        total = theta.new_zeros(())
        if self._smoothness or self._printability:
            colors = self._texels.colors(self.paint.decode(theta))
            if self._smoothness:
                total = total + self._smoothness * total_variation(colors, self._texels)
            if self._printability:
                total = total + self._printability * non_printability(colors, self._inks, self._texels)
        return total


class FullFace(Sticker):
    """Color over the whole face with an L1 penalty on what differs from the sign: RP2's first stage.

    The penalty makes the change sparse, so that what is left says where paint matters (Eykholt et al. 2018, section
    3.2.1).
    """

    def __init__(
        self,
        sign: Sign,
        mask: Mask,
        paint: PaintKind,
        *,
        px: int,
        device: torch.device,
        palette: Palette,
        sparsity: float,
        ink: Ink = as_sent,
    ) -> None:
        super().__init__(
            sign, mask, paint, px=px, device=device, palette=palette, smoothness=0.0, printability=0.0, ink=ink
        )
        self._sparsity = sparsity

    def change(self, theta: Tensor) -> Tensor:
        """Difference of the paint's linear color from the sign's, ``[3, P, P]``."""
        return (self.ink(self.paint.decode(theta)) - self.base[:3]) * self.alpha

    def blended(self, change: Tensor) -> PaintedSign:
        """The bare sign plus a change, differentiable in ``change``."""
        return self._bare.repainted(torch.cat([self.base[:3] + change, self.base[3:]]))

    def penalty(self, theta: Tensor) -> Tensor:
        """The mean absolute change of the face."""
        return self._sparsity * self.change(theta).abs().mean(0).sum() / self.alpha.sum()
