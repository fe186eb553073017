"""Frames: a scene's pictures with where the sign is in them. A crop is made of them here, whatever the scene."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from kornia.geometry.linalg import transform_points
from torch import Tensor
from torch.nn import functional as F

from physadv.core.notebooks import one_line
from physadv.scenes.conditions import Conditions
from physadv.signs import Sign

_FINER = 4
"""Samples a pixel of a crop, along each axis, at most."""


@dataclass(frozen=True, eq=False)
class Frames:
    """Pictures of one sign, and its place in each.

    Pixels are continuous: pixel i covers [i, i + 1).

    Attributes:
        pictures: ``[N, 3, H, W]`` in [0,1], sRGB-encoded.
        outline_px: the sign's outline ``[N, V, 2]``, columns and rows.
        corners_px: of the rectangle around the outline on the sign, ``[N, 4, 2]``: left top, right top, right bottom,
            left bottom as one looks at the sign.
        conditions: that decided them.
    """

    pictures: Tensor
    outline_px: Tensor
    corners_px: Tensor
    conditions: Conditions

    def __len__(self) -> int:
        return len(self.pictures)

    def __repr__(self) -> str:
        height, width = self.pictures.shape[-2:]
        return one_line(self, f"{len(self)} of {width} x {height} px", f"sign whole in {int(self.visible.sum())}")

    @property
    def box_px(self) -> Tensor:
        """The upright box around the outline ``[N, 4]``: left, top, right, bottom; it may reach beyond the picture."""
        return torch.cat([self.outline_px.amin(1), self.outline_px.amax(1)], dim=1)

    @property
    def visible(self) -> Tensor:
        """Whether the whole sign is in the picture, bool ``[N]``."""
        height, width = self.pictures.shape[-2:]
        limit = torch.tensor([width, height], dtype=self.outline_px.dtype, device=self.outline_px.device)
        inside = (self.outline_px >= 0.0) & (self.outline_px <= limit)
        return inside.flatten(1).all(1)

    def cropped(self, size: tuple[int, int], *, margin: float = 0.0, square: bool = False) -> Frames:
        """The sign's boxes, cut out and resized.

        What lies beyond the picture repeats its edge. Gradients reach the pictures.

        Args:
            size: of the crops, (H, W).
            margin: room around the box on every side, as a share of the box.
            square: the shorter side is widened to the longer one; else the box is squashed to ``size``.
        """
        low, high = self.box_px[:, :2], self.box_px[:, 2:]
        sides = (high - low) * (1.0 + 2.0 * margin)
        if square:
            sides = sides.amax(1, keepdim=True).expand(-1, 2)
        corner = (low + high - sides) / 2.0
        limits = torch.tensor(size[::-1], dtype=sides.dtype, device=sides.device)
        scale = limits / sides

        def moved(points: Tensor) -> Tensor:
            return (points - corner[:, None]) * scale[:, None]

        return replace(
            self,
            pictures=_cut(self.pictures, corner, sides, size),
            outline_px=moved(self.outline_px),
            corners_px=moved(self.corners_px),
        )


def frames_of(sign: Sign, pictures: Tensor, to_picture: Tensor, conditions: Conditions) -> Frames:
    """Frames of a sign whose plane is seen through homographies.

    Args:
        sign: in the pictures.
        pictures: ``[N, 3, H, W]``.
        to_picture: ``[N, 3, 3]``, from mm on the sign (x right, y down, from its center) to columns and rows.
        conditions: of the pictures.
    """
    outline = torch.tensor(sign.outline_mm, dtype=torch.float64, device=to_picture.device)
    low, high = outline.amin(0), outline.amax(0)
    corners = torch.stack([low, torch.stack([high[0], low[1]]), high, torch.stack([low[0], high[1]])])
    outline_px, corners_px = (
        transform_points(to_picture.double(), points.expand(len(to_picture), -1, -1)) for points in (outline, corners)
    )
    return Frames(pictures, outline_px, corners_px, conditions)


def _cut(pictures: Tensor, corner: Tensor, sides: Tensor, size: tuple[int, int]) -> Tensor:
    """Windows ``[N, 3, *size]`` of the pictures, each the mean of as many samples as its pixels have, at most 16."""
    height, width = pictures.shape[-2:]
    shrinks = float((sides / torch.tensor(size[::-1], dtype=sides.dtype, device=sides.device)).max())
    finer = min(_FINER, max(1, round(shrinks)))
    axes = []
    for axis, (side, whole) in enumerate(((size[1], width), (size[0], height))):
        steps = (torch.arange(side * finer, dtype=sides.dtype, device=sides.device) + 0.5) / (side * finer)
        at = corner[:, axis, None] + sides[:, axis, None] * steps
        axes.append(2.0 * at / whole - 1.0)
    count = len(pictures)
    x, y = (one.to(pictures.dtype) for one in axes)
    grid = torch.stack(
        [x[:, None, :].expand(count, y.shape[1], -1), y[:, :, None].expand(count, -1, x.shape[1])], dim=-1
    )
    seen = F.grid_sample(pictures, grid, mode="bilinear", padding_mode="border", align_corners=False)
    return F.avg_pool2d(seen, finer) if finer > 1 else seen
