"""Networks by name, for weights that come without their code."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.fx
from torch import Tensor, nn

from physadv.core.registry import Registry

Architecture = Callable[[int], nn.Module]
ARCHITECTURES: Registry[Architecture] = Registry("architecture")
"""Names to functions of the number of classes."""


@ARCHITECTURES.register("lisa-cnn")
class LisaCnn(nn.Module):
    """LISA-CNN as RP2 attacked it: ``[N, 3, 32, 32]`` to logits ``[N, classes]``.

    Source: Eykholt et al. 2018 (arXiv:1707.08945), section 5; the network is that of the CleverHans tutorial, three
    convolutions and a fully connected layer.
    """

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 8, stride=2, padding=3)
        self.conv2 = nn.Conv2d(64, 128, 6, stride=2)
        self.conv3 = nn.Conv2d(128, 128, 5)
        self.fc1 = nn.Linear(512, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Logits ``[N, classes]``."""
        features = self.conv1(images).relu()
        features = self.conv2(features).relu()
        features = self.conv3(features).relu()
        logits: Tensor = self.fc1(features.flatten(1))
        return logits


def _conv(inputs: int, outputs: int, size: int = 3, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, size, stride, size // 2, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()
    )


@ARCHITECTURES.register("gtsrb-cnn")
class GtsrbCnn(nn.Module):
    """The project's own classifier, of 0.94 M parameters at 43 classes: ``[N, 3, 32, 32]`` to ``[N, classes]``.

    The picture and its local contrast go through six convolutions with batch normalization, which halve the resolution
    three times, and one linear layer: little more than LISA-CNN's work, since an attack runs it at every step.
    """

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.features = nn.Sequential(
            _conv(6, 48, size=5, stride=2),
            _conv(48, 64),
            _conv(64, 128, stride=2),
            _conv(128, 128),
            _conv(128, 192, stride=2),
            _conv(192, 192),
        )
        self.dropout = nn.Dropout(0.4)
        self.fc = nn.Linear(192 * 4 * 4, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Logits ``[N, classes]``."""
        features = self.features(torch.cat([2.0 * images - 1.0, local_contrast(images)], dim=1))
        logits: Tensor = self.fc(self.dropout(features.flatten(1)))
        return logits


def local_contrast(images: Tensor, *, window_px: int = 9, floor: float = 0.04) -> Tensor:
    """``images`` less their local mean, over the local standard deviation of all channels.

    The window is a square. After the local contrast normalization of Jarrett et al. 2009 (ICCV), section 2.2.
    """
    around = images - _local_mean(images, window_px)
    variance = _local_mean((around * around).mean(1, keepdim=True), window_px)
    return around / (variance + floor**2).sqrt()


def _local_mean(images: Tensor, window_px: int) -> Tensor:
    # As products with two band matrices: six times faster on a CPU than avg_pool2d, which adds up every window anew.
    return _window(images, images.shape[-2], window_px) @ images @ _window(images, images.shape[-1], window_px).T


def _window(like: Tensor, size_px: int, window_px: int) -> Tensor:
    """``[size, size]``: row i averages the pixels of the window around i that the picture has."""
    pixels = torch.arange(size_px, device=like.device)
    near = ((pixels[:, None] - pixels).abs() <= window_px // 2).to(like.dtype)
    return near / near.sum(1, keepdim=True)


torch.fx.wrap("_local_mean")
