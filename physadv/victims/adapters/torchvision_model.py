"""The adapter ``torchvision``."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from physadv.core.errors import unknown_name
from physadv.victims.adapter import ADAPTERS, Adapter, architecture_of, filled
from physadv.victims.card import VictimCard


@ADAPTERS.register("torchvision")
class TorchvisionModel(Adapter):
    """A classifier of torchvision, by its name there, with weights from safetensors or a state dict."""

    @staticmethod
    def load(card: VictimCard, weights: Path) -> nn.Module:
        from torchvision import models

        name = architecture_of(card)
        known = models.list_models(module=models)
        if name not in known:
            raise unknown_name("torchvision architecture", name, known)
        extra = {"init_weights": False} if name in {"googlenet", "inception_v3"} else {}
        return filled(models.get_model(name, weights=None, num_classes=len(card.classes), **extra), card, weights)
