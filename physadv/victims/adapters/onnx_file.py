"""The adapter ``onnx``."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from physadv.core.errors import PhysadvError
from physadv.victims.adapter import ADAPTERS, Adapter
from physadv.victims.card import VictimCard


@ADAPTERS.register("onnx")
class OnnxFile(Adapter):
    """An ONNX file, run by ONNX Runtime; without gradient."""

    @staticmethod
    def load(card: VictimCard, weights: Path) -> nn.Module:
        from physadv.victims.onnx_network import OnnxNetwork

        if card.architecture is not None:
            raise PhysadvError(
                f"victim {card.name!r}: architecture = {card.architecture!r}: an ONNX file brings its own; leave it out"
            )
        if card.weights_key is not None:
            raise PhysadvError(
                f"victim {card.name!r}: weights_key = {card.weights_key!r}: an ONNX file has no sets to choose from; "
                "leave it out"
            )
        return OnnxNetwork(weights, card.input, classes=len(card.classes), output_name=card.output_name)

    @staticmethod
    def files(weights: Path) -> list[Path]:
        """The graph, and what it keeps beside itself."""
        from physadv.core.onnx import external_files

        return [weights, *external_files(weights)]
