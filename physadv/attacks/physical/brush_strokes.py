"""Graffiti: brush strokes whose course and color are searched, rather than paint in a fixed mask."""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from physadv.attacks.physical.design_loop import DesignLoop, perturbation_of
from physadv.attacks.physical.perturbations import Perturbation, edges
from physadv.core.errors import PhysadvError
from physadv.patches import MASKS, Ink, Mask, MaskConfig, Shapes, as_sent, build_mask
from physadv.scenes import PaintedSign
from physadv.signs import Sign

_SAMPLES = 12
"""Points along a stroke while searching."""
_EDGE_MM = 8.0
"""Strokes keep at least this far from the sign's edge."""


@MASKS.register("strokes")
class Strokes(MaskConfig):
    """Brush strokes whose course and color the design finds."""

    kind: Literal["strokes"] = "strokes"
    count: int = Field(default=3, ge=1, le=20)
    width_mm: float = Field(default=50.0, ge=1, le=1000)

    def shapes(self, sign: Sign) -> Shapes:
        """There is none before the design has run."""
        raise PhysadvError("mask 'strokes': has no shape until it is designed, so it cannot be drawn")


class Graffiti(Perturbation):
    """Cubic Bezier strokes of one width, each of one color, painted one over the other.

    Parameters ``[count, 11]``: four control points as shares of the sign's extent from its center, then an sRGB color.
    While searching, a stroke's edge is a ramp of about two texels, so that gradients move it; the patch has it sharp.
    """

    def __init__(self, sign: Sign, config: Strokes, *, px: int, device: torch.device, ink: Ink = as_sent) -> None:
        self._normals, distances = edges(sign, device)
        self._limits = distances - (config.width_mm * 0.55 + _EDGE_MM) / sign.extent_mm
        if float(self._limits.min()) <= 0.0:
            raise PhysadvError(f"mask 'strokes': width_mm = {config.width_mm:g} is too wide for sign {sign.name}")
        self.sign, self.config, self.px, self.ink = sign, config, px, ink
        self.base = sign.texture(px).to(device)
        centers = (torch.arange(px, device=device) + 0.5) / px - 0.5
        self._texels = torch.stack(torch.meshgrid(centers, centers, indexing="xy"), -1).reshape(-1, 2)
        t = torch.linspace(0.0, 1.0, _SAMPLES, device=device)[:, None]
        self._bernstein = torch.cat([(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3], 1)

    def begin(self, generator: torch.Generator) -> Tensor:
        """Strokes across the sign, of any color."""
        points = (torch.rand(self.config.count, 8, generator=generator) - 0.5) * 0.6
        colors = torch.rand(self.config.count, 3, generator=generator)
        return self.project(torch.cat([points, colors], 1).to(self.base.device))

    def project(self, theta: Tensor) -> Tensor:
        """Control points on the sign, where the whole stroke then is, since outlines are convex; colors in range."""
        points = theta[:, :8].reshape(-1, 4, 2)
        beyond = (points @ self._normals.T / self._limits).amax(-1, keepdim=True).clamp(min=1.0)
        return torch.cat([(points / beyond).flatten(1), theta[:, 8:].clamp(0.0, 1.0)], 1)

    def _cover(self, theta: Tensor) -> Tensor:
        """Coverage ``[count, P, P]`` of each stroke."""
        path = self._bernstein @ theta[:, :8].reshape(-1, 4, 2)
        start, step = path[:, :-1, None], path[:, 1:, None] - path[:, :-1, None]
        offset = self._texels - start
        along = (offset * step).sum(-1) / (step * step).sum(-1).clamp(min=1e-9)
        nearest = offset - along.clamp(0.0, 1.0)[..., None] * step
        distance = (nearest.square().sum(-1).amin(1) + 1e-10).sqrt()
        inside = self.config.width_mm / self.sign.extent_mm / 2.0 - distance
        return torch.sigmoid(inside * self.px * 2.0).reshape(-1, self.px, self.px)

    def painted(self, theta: Tensor) -> PaintedSign:
        """The sign under the strokes."""
        rgb, bare = self.base[:3], torch.ones_like(self.base[:1])
        colors = self.ink(theta[:, 8:].T).T
        for cover, color in zip(self._cover(theta), colors, strict=True):
            rgb = rgb + (color[:, None, None] - rgb) * cover
            bare = bare * (1.0 - cover)
        return PaintedSign(self.sign, torch.cat([rgb, self.base[3:]]), bare.detach())

    def finish(self, theta: Tensor) -> tuple[Mask, Tensor]:
        """The strokes as a mask of kind ``graffiti``, and their colors."""
        extent = self.sign.extent_mm
        strokes = [
            {
                "points_mm": (row[:8].reshape(4, 2) * extent).tolist(),
                "width_mm": self.config.width_mm,
                "spline": "bezier",
            }
            for row in theta.detach().cpu()
        ]
        mask = build_mask(
            {"kind": "graffiti", "words": [], "strokes": strokes, "unsteadiness": 0.0, "drawn_for_mm": extent},
            self.sign,
            px=self.px,
        )
        # the last stroke that is at least half over a texel is on top; beyond all edges, the nearest stroke's color
        cover = self._cover(theta.detach())
        order = torch.arange(1, len(cover) + 1, device=cover.device)[:, None, None]
        top = torch.where(cover >= 0.5, 1.0 + order, cover).argmax(0)
        return mask, theta.detach()[:, 8:][top].movedim(-1, 0).cpu()


@perturbation_of.register
def _(mask: Strokes, loop: DesignLoop) -> Perturbation:
    """Strokes that are searched as a whole."""
    task = loop.task
    return Graffiti(task.sign, mask, px=task.px, device=task.device, ink=loop.ink)
