"""What a kind of weather is: its parameters by severity, and how they are painted with albumentations.

A severity is a row of numbers, chosen by eye on contact sheets of all kinds and severities: 1 is barely seen, 5 is
about the worst in which a person still tells the sign. What falls or floats is drawn by albumentations on a black (or
a white) layer and laid over the frame with an opacity, so that a drop hides what is behind it instead of adding to it.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch

from physadv.core.randomness import integers, uniforms
from physadv.core.registry import Registry

Pixels = npt.NDArray[np.uint8]
Field32 = npt.NDArray[np.float32]
Parameters = dict[str, float | int]
SEVERITIES = (1, 2, 3, 4, 5)


class Draw:
    """The random numbers of one frame: named, so that a kind that draws one more leaves the others as they were."""

    def __init__(self, noise_seed: int) -> None:
        self._index = torch.tensor(noise_seed)

    def between(self, name: str, low: float, high: float) -> float:
        """A uniform number in [low, high), rounded to 4 digits so that the table holds all of it."""
        share = float(uniforms(self._index, seed=0, stream=f"weather {name}"))
        return round(low + (high - low) * share, 4)

    def seed(self) -> int:
        """Of the transform's own generators (where the drops fall)."""
        return int(integers(self._index, seed=0, stream="weather seed")) % 2**31


class WeatherKind(ABC):
    """One kind of weather; a subclass that is registered in :data:`WEATHERS`."""

    work_px: ClassVar[int] = 128
    """Shorter side of the frame on which it is painted, at least, before it is resized to the victim's input."""
    fixed: ClassVar[bool] = False
    """Painted at exactly ``work_px``: that many pixels the camera has of the sign."""

    @staticmethod
    @abstractmethod
    def draw(severity: int, draw: Draw) -> Parameters:
        """Parameters of a frame from its severity (1 to 5) and random numbers."""

    @staticmethod
    @abstractmethod
    def paint(pixels: Pixels, parameters: Parameters) -> Pixels:
        """A frame ``[H, W, 3]`` uint8 under these parameters (and their ``seed``)."""


WEATHERS: Registry[type[WeatherKind]] = Registry("weather")


def albumentations_library() -> Any:
    """The library, imported late (it takes a second) and kept from asking the network for its newest version."""
    os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
    import albumentations

    return albumentations


def by_severity(severity: int, values: tuple[float, float, float, float, float]) -> float:
    return values[severity - 1]


_LAYER_PX = 128


def layer(
    transforms: list[Any], shape: tuple[int, ...], *, fill: int, seed: int, blur_px: float, px: int = _LAYER_PX
) -> Field32:
    """What the transforms draw on a plain layer, ``[H, W, 3]`` in [0,1] at the frame's ``shape``, softened.

    It is drawn with ``px`` on the shorter side, whatever the frame's size: the weather is the same at every resolution.
    """
    import cv2

    height, width = shape[:2]
    scale = px / min(height, width)
    drawn = transformed(np.full((round(height * scale), round(width * scale), 3), fill, np.uint8), transforms, seed)
    field = drawn.astype(np.float32) / 255.0
    soft = cv2.GaussianBlur(field, (0, 0), blur_px) if blur_px > 0 else field
    return np.asarray(cv2.resize(soft, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)


def transformed(pixels: Pixels, transforms: list[Any], seed: int) -> Pixels:
    for offset, transform in enumerate(transforms):
        transform.set_random_seed(seed + offset)
        pixels = transform(image=pixels)["image"]
    return pixels


def lay_over(pixels: Pixels, cover: Field32, gray: float) -> Pixels:
    return np.asarray(np.rint(pixels * (1.0 - cover) + gray * cover), np.uint8)
