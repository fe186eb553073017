"""Moving stickers: rectangles whose place and size are searched together with the paint."""

from __future__ import annotations

import torch
from torch import Tensor

from physadv.attacks.physical.perturbations import Perturbation, edges
from physadv.patches import Ink, Mask, PaintKind, as_sent, build_mask, compose
from physadv.patches.mask_kinds.rectangles import Stickers
from physadv.scenes import PaintedSign
from physadv.signs import Sign

_UNIT = 0.1
"""A unit of a rectangle's parameters in extents: the step that suits colors then moves an edge by millimeters."""
_RAMP_TEXELS = 1.5
_INWARD_STEPS = 12


class MovingStickers(Perturbation):
    """Upright rectangles over a painted face; only what they cover is seen.

    Parameters, one vector: the paint's own for the whole face, then center and size ``[count, 4]`` of the rectangles.
    While they move, their edges are ramps of a few texels, so that gradients reach them; the patch has them sharp.

    Args:
        sign: what is painted on.
        start: rectangles to start from.
        paint: which colors there are.
        px: texels a side.
        device: where.
        max_area_fraction: of the sign, of all rectangles together.
        min_side_mm: of a rectangle.
        ink: what the printed colors reflect.
    """

    def __init__(
        self,
        sign: Sign,
        start: Stickers,
        paint: PaintKind,
        *,
        px: int,
        device: torch.device,
        max_area_fraction: float,
        min_side_mm: float,
        ink: Ink = as_sent,
    ) -> None:
        self.sign, self.paint, self.px, self.ink = sign, paint, px, ink
        self.base = sign.texture(px).to(device)
        self.count = len(start.stickers)
        self._start = _boxes(start, sign.extent_mm).to(device)
        self._coordinates = (torch.arange(px, device=device) + 0.5) / px - 0.5
        self._normals, self._distances = edges(sign, device)
        self._max_area = max_area_fraction * sign.area_mm2 / sign.extent_mm**2
        self._min_side = min_side_mm / sign.extent_mm

    def begin(self, generator: torch.Generator) -> Tensor:
        """Random paint under the rectangles to start from."""
        return self.joined(self.paint.init(generator, self.px).to(self.base.device))

    def joined(self, paint_theta: Tensor) -> Tensor:
        """Parameters from a paint's and the rectangles to start from."""
        return torch.cat([paint_theta.flatten(), self._start.flatten() / _UNIT])

    def _split(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        colors, boxes = theta[: -4 * self.count], theta[-4 * self.count :]
        return colors.reshape(self.paint.parameters(self.px)), boxes.reshape(-1, 4) * _UNIT

    def paint_of(self, theta: Tensor) -> Tensor:
        """The paint's own parameters."""
        return self._split(theta)[0]

    def _cover(self, boxes: Tensor) -> Tensor:
        """Coverage ``[1, P, P]`` of all rectangles together."""
        inside = boxes[:, 2:, None] / 2.0 - (self._coordinates - boxes[:, :2, None]).abs()
        along = torch.sigmoid(inside * (2.0 * self.px / _RAMP_TEXELS))
        cover = along[:, 1, :, None] * along[:, 0, None, :]
        return 1.0 - (1.0 - cover).prod(0, keepdim=True)

    def painted(self, theta: Tensor) -> PaintedSign:
        """The sign, with the paint where a rectangle is."""
        colors, boxes = self._split(theta)
        cover = self._cover(boxes)
        rgba = compose(self.base, cover, self.ink(self.paint.decode(colors)))
        return PaintedSign(self.sign, rgba, 1.0 - cover.detach())

    def project(self, theta: Tensor) -> Tensor:
        """Sides no shorter and areas together no larger than allowed, every corner on the sign, colors in range."""
        colors, boxes = self._split(theta)
        center, size = boxes[:, :2], boxes[:, 2:].clamp(min=self._min_side)
        for _ in range(2):
            size = size * (self._max_area / size.prod(1).sum()).sqrt().clamp(max=1.0)
            size = size.clamp(min=self._min_side)
        for _ in range(_INWARD_STEPS):
            beyond = center @ self._normals.T + size @ self._normals.T.abs() / 2.0 - self._distances + 0.004
            worst, edge = beyond.max(1)
            if not bool((worst > 0.0).any()):
                break
            center = center - worst.clamp(min=0.0)[:, None] * self._normals[edge]
        return torch.cat([self.paint.project(colors).flatten(), torch.cat([center, size], 1).flatten() / _UNIT])

    def stickers(self, theta: Tensor) -> Stickers:
        """The rectangles, in millimeters."""
        boxes = self._split(theta.detach().cpu())[1] * self.sign.extent_mm
        return Stickers.model_validate(
            {
                "drawn_for_mm": self.sign.extent_mm,
                "stickers": [
                    {"left_mm": x - w / 2, "top_mm": y - h / 2, "width_mm": w, "height_mm": h}
                    for x, y, w, h in boxes.tolist()
                ],
            }
        )

    def finish(self, theta: Tensor) -> tuple[Mask, Tensor]:
        """The rectangles as a mask, and the colors that are printed."""
        return build_mask(self.stickers(theta), self.sign, px=self.px), self.paint.finalize(self.paint_of(theta)).cpu()


def _boxes(stickers: Stickers, extent_mm: float) -> Tensor:
    """Center and size ``[count, 4]`` in extents."""
    scale = extent_mm / (stickers.drawn_for_mm or extent_mm)
    rows = [
        (s.left_mm + s.width_mm / 2.0, s.top_mm + s.height_mm / 2.0, s.width_mm, s.height_mm) for s in stickers.stickers
    ]
    return torch.tensor(rows) * scale / extent_mm
