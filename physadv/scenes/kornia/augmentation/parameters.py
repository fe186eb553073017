"""What the augmentations have in common: ranges of physical quantities, and light that is computed on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import torch
from kornia.augmentation import IntensityAugmentationBase2D
from kornia.augmentation.random_generator import PlainUniformGenerator
from torch import Tensor

from physadv.scenes.conditions import INTEGERS, QUANTITIES, Conditions
from physadv.scenes.roadside.config import LIMITS

Range: TypeAlias = tuple[float, float]
"""Least and greatest value, between which a quantity is drawn uniformly."""
Params: TypeAlias = dict[str, Tensor]
Flags: TypeAlias = dict[str, Any]


def check_range(name: str, value: Range, *, limits: tuple[float, float] | None = None) -> Range:
    """A range of a quantity.

    Raises:
        ValueError: it is no pair of rising numbers, or goes beyond what the quantity can be.
    """
    low, high = limits or LIMITS[name]
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        raise ValueError(f"{name} = {value!r}: should be two numbers, the least and the greatest")
    least, most = (float(one) for one in value)
    if not low <= least <= most <= high:
        raise ValueError(f"{name} = {value!r}: should be two rising numbers from {low:g} to {high:g}")
    return least, most


class Photometric(IntensityAugmentationBase2D):  # type: ignore[misc]
    """An augmentation of pictures ``[B, 3, H, W]`` in [0,1], sRGB-encoded, by quantities that are drawn uniformly.

    Boxes, masks and keypoints stay where they are.

    Args:
        ranges: of each quantity, by name.
        seeded: whether each picture also gets a ``noise_seed``.
        p, same_on_batch, keepdim: as in Kornia.
    """

    def __init__(
        self, ranges: Mapping[str, Range], *, p: float, same_on_batch: bool, keepdim: bool, seeded: bool = False
    ) -> None:
        super().__init__(p=p, same_on_batch=same_on_batch, keepdim=keepdim)
        self._seeded = seeded
        self._param_generator = PlainUniformGenerator(*((value, name, None, None) for name, value in ranges.items()))

    def generate_parameters(self, batch_shape: tuple[int, ...]) -> Params:
        """Kornia's own, and the seeds."""
        drawn: Params = super().generate_parameters(batch_shape)
        if self._seeded:
            drawn["noise_seed"] = draw_seeds(batch_shape[0], same=self.same_on_batch)
        return drawn


def draw_seeds(count: int, *, same: bool) -> Tensor:
    """Seeds ``[count]``, int64, from torch's generator."""
    seeds = torch.randint(2**53, (1 if same else count,))
    return seeds.expand(count).clone()


def conditions_of(params: Mapping[str, Tensor], like: Tensor) -> Conditions:
    """The quantities among ``params``, all others being 0, for pictures ``like [B, ...]``."""
    count = len(like)
    numbers = torch.zeros(count, dtype=torch.int64, device=like.device)
    blank = torch.zeros(count, dtype=like.dtype, device=like.device)
    values: dict[str, Any] = {name: numbers if name in INTEGERS else blank for name in QUANTITIES}
    own = {name: params[name].to(values[name]) for name in QUANTITIES if name in params}
    return Conditions(index=numbers, approach=numbers, light=numbers, time_s=blank, **{**values, **own})
