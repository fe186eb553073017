"""The adapter ``timm``."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from physadv.core.errors import PhysadvError, unknown_name
from physadv.victims.adapter import ADAPTERS, Adapter, architecture_of, filled
from physadv.victims.card import VictimCard


@ADAPTERS.register("timm")
class TimmModel(Adapter):
    """A classifier of timm, by its name there, with weights from safetensors or a state dict."""

    @staticmethod
    def load(card: VictimCard, weights: Path) -> nn.Module:
        try:
            import timm
        except ImportError as error:
            raise PhysadvError(
                f"victim {card.name!r}: the adapter timm needs the package timm: pip install 'physadv[timm]'"
            ) from error
        name = architecture_of(card)
        if not timm.is_model(name):
            raise unknown_name("timm architecture", name, timm.list_models())
        network: nn.Module = timm.create_model(
            name, pretrained=False, num_classes=len(card.classes), in_chans=card.input.channel_count
        )
        return filled(network, card, weights)
