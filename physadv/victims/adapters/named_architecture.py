"""The adapter ``torch``: the architectures that have a name here."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from physadv.victims.adapter import ADAPTERS, Adapter, architecture_of, filled
from physadv.victims.architectures import ARCHITECTURES
from physadv.victims.card import VictimCard


@ADAPTERS.register("torch")
class NamedArchitecture(Adapter):
    """One of the named architectures, with weights from safetensors or a state dict."""

    @staticmethod
    def check_architecture(name: str) -> None:
        ARCHITECTURES[name]

    @staticmethod
    def load(card: VictimCard, weights: Path) -> nn.Module:
        return filled(ARCHITECTURES[architecture_of(card)](len(card.classes)), card, weights)
