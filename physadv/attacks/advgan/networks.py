"""The two networks of AdvGAN, small and fully convolutional.

Both are of the kind that translates pictures into pictures (Johnson et al. 2016, arXiv:1603.08155; Isola et al. 2017,
arXiv:1611.07004), which the paper names as its own. They normalize groups of channels of each picture: unlike instance
normalization this is defined down to one pixel, and unlike batch normalization a picture's change is its own affair.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_GROUPS = 4
_REDUCTION = 4
"""How much smaller a side is in the middle of the generator."""


def _layer(before: int, after: int, *, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(before, after, 3, stride=stride, padding=1), nn.GroupNorm(_GROUPS, after), nn.ReLU())


def _enlarging(before: int, after: int) -> nn.Sequential:
    return nn.Sequential(nn.Upsample(scale_factor=2, mode="nearest"), _layer(before, after))


class Residual(nn.Module):
    """Two convolutions, added to what goes in (He et al. 2016, arXiv:1512.03385)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            _layer(channels, channels), nn.Conv2d(channels, channels, 3, padding=1), nn.GroupNorm(_GROUPS, channels)
        )

    def forward(self, features: Tensor) -> Tensor:
        """``[N, C, h, w]`` of the same shape."""
        change: Tensor = self.layers(features)
        return features + change


class Generator(nn.Module):
    """From pictures to changes of them, within a cube.

    Args:
        eps: the largest change of a value, in units of pictures in [0,1].
        width: channels of the first layer, a multiple of 4.
        blocks: residual blocks in the middle.
    """

    def __init__(self, eps: float, *, width: int = 8, blocks: int = 4) -> None:
        super().__init__()
        self.eps = eps
        self.layers = nn.Sequential(
            _layer(3, width),
            _layer(width, 2 * width, stride=2),
            _layer(2 * width, 4 * width, stride=2),
            *(Residual(4 * width) for _ in range(blocks)),
            _enlarging(4 * width, 2 * width),
            _enlarging(2 * width, width),
            nn.Conv2d(width, 3, 3, padding=1),
        )

    def forward(self, pictures: Tensor) -> Tensor:
        """Changes ``[N, 3, H, W]`` of at most ``eps`` of pictures ``[N, 3, H, W]`` in [0,1], of any size."""
        height, width = pictures.shape[-2:]
        padded = F.pad(pictures, (0, -width % _REDUCTION, 0, -height % _REDUCTION), mode="replicate")
        made: Tensor = self.layers(padded * 2.0 - 1.0)
        return self.eps * torch.tanh(made[..., :height, :width])


class Discriminator(nn.Module):
    """Tells pictures from changed ones, by the mean of what it thinks of their parts.

    Args:
        width: channels of the first layer, a multiple of 4.
    """

    def __init__(self, *, width: int = 8) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(3, width, 4, stride=2, padding=2), nn.LeakyReLU(0.2)]
        for before in (width, 2 * width):
            convolution = nn.Conv2d(before, 2 * before, 4, stride=2, padding=2)
            layers += [convolution, nn.GroupNorm(_GROUPS, 2 * before), nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*layers, nn.Conv2d(4 * width, 1, 1))

    def forward(self, pictures: Tensor) -> Tensor:
        """How much like a clean one each of the pictures ``[N, 3, H, W]`` is, ``[N]``: trained towards 1, else 0."""
        parts: Tensor = self.layers(pictures * 2.0 - 1.0)
        return parts.flatten(1).mean(1)
