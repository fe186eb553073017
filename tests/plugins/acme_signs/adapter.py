"""A model that weighs the picture's mean colors."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from physadv.victims.adapter import ADAPTERS, Adapter
from physadv.victims.card import VictimCard


class MeanColors(nn.Module):
    """Logits that are weighted sums of the mean colors."""

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight)

    def forward(self, images: Tensor) -> Tensor:
        return images.mean((2, 3)) @ self.weight.T


@ADAPTERS.register("acme-colors")
class ColorsFile(Adapter):
    """A file of weights of the mean red, green and blue, ``[K, 3]``."""

    @staticmethod
    def load(card: VictimCard, weights: Path) -> nn.Module:
        return MeanColors(torch.as_tensor(load_file(weights)["weight"]))
