"""Networks by name, for weights that come without their code."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from physadv.core.registry import Registry

Architecture = Callable[[int], nn.Module]
architectures: Registry[Architecture] = Registry("architecture")
"""Names to functions of the number of classes."""


@architectures.register("lisa-cnn")
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


@architectures.register("gtsrb-cnn")
class GtsrbCnn(nn.Module):
    """The project's own small classifier: ``[N, 3, 32, 32]`` to logits ``[N, classes]``; 0.94 M parameters at 43 classes.

    Six convolutions with batch normalisation over four halvings of the resolution, and one linear layer; made to cost
    about as much as LISA-CNN, since an attack runs it forward and backward at every step.
    """

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.features = nn.Sequential(
            _conv(3, 48, size=5, stride=2),
            _conv(48, 64),
            _conv(64, 128, stride=2),
            _conv(128, 128),
            _conv(128, 192, stride=2),
            _conv(192, 192),
        )
        self.dropout = nn.Dropout(0.25)
        self.fc = nn.Linear(192 * 4 * 4, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Logits ``[N, classes]``."""
        logits: Tensor = self.fc(self.dropout(self.features(2.0 * images - 1.0).flatten(1)))
        return logits
