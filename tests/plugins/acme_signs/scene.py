"""A sign straight ahead before a plain wall."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from physadv.core.color import linear_to_srgb
from physadv.core.config import Config
from physadv.scenes import QUANTITIES, SCENE_KINDS, Conditions, PaintedSign, Scene
from physadv.signs import Sign


class WallConfig(Config):
    """How bright the wall is."""

    kind: str = "acme-wall"
    name: str = "wall"
    gray: float = 0.4


@SCENE_KINDS.register("acme-wall")
class Wall(Scene):
    """The sign straight ahead before a plain wall, in the light of a frame's own exposure."""

    kind = "acme-wall"
    lights = ("day",)
    configuration = WallConfig

    def __init__(self, config: WallConfig) -> None:
        self.config, self.name = config, config.name

    def sample(self, count: int, *, seed: int, start: int = 0) -> Conditions:
        index = torch.arange(start, start + count)
        exposure = torch.frac(torch.sin((index + 1 + 31 * seed).double()) * 43758.5453).abs().float() - 0.5
        values: dict[str, Any] = {name: torch.zeros(count) for name in QUANTITIES}
        values |= {"background": index, "noise_seed": index, "exposure_ev": exposure, "distance_m": torch.ones(count)}
        return Conditions(
            index=index, approach=index, time_s=torch.zeros(count), light=torch.zeros_like(index), **values
        )

    def homographies(self, sign: Sign, conditions: Conditions, *, size: tuple[int, int]) -> Tensor:
        """The sign's square fills the frame."""
        height, width = size
        extent = sign.extent_mm
        rows = [[width / extent, 0.0, width / 2], [0.0, height / extent, height / 2], [0.0, 0.0, 1.0]]
        return torch.tensor(rows, dtype=torch.float64).expand(len(conditions), 3, 3)

    def render(self, painted: PaintedSign, conditions: Conditions, *, size: tuple[int, int]) -> Tensor:
        rgb, alpha = painted.rgba[None, :3], painted.rgba[None, 3:]
        flat = F.interpolate(rgb * alpha + self.config.gray * (1.0 - alpha), size=size, mode="area")
        light = 2.0 ** conditions.exposure_ev.to(flat)
        return linear_to_srgb((flat * light[:, None, None, None]).clamp(0.0, 1.0))
