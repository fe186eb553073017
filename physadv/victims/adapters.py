"""Kinds of models: each adapter turns a victim card into a network from prepared pictures to raw outputs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pydantic import ValidationInfo, field_validator
from torch import nn

from physadv.core.config import collected
from physadv.core.errors import PhysadvError, unknown_name
from physadv.core.files import check_regular
from physadv.core.registry import Registry
from physadv.victims.architectures import ARCHITECTURES
from physadv.victims.card import VictimCard
from physadv.victims.parameters import fill, read_parameters

Adapter = Callable[[VictimCard, Path], nn.Module]
ADAPTERS: Registry[Adapter] = Registry("adapter")
"""Names to functions of a card and the path of its weights.

A network whose attribute ``differentiable`` is false gives no gradient.
"""


class LoadableCard(VictimCard):
    """A card in a file, whose adapter, architecture and weights are there: what lacks is told with its other faults."""

    @field_validator("adapter")
    @classmethod
    def _adapter_is_known(cls, adapter: str) -> str:
        collected(ADAPTERS.__getitem__)(adapter)
        return adapter

    @field_validator("architecture")
    @classmethod
    def _architecture_is_known(cls, architecture: str | None, info: ValidationInfo) -> str | None:
        if info.data.get("adapter") == "torch" and architecture is not None:
            collected(ARCHITECTURES.__getitem__)(architecture)
        return architecture

    @field_validator("weights")
    @classmethod
    def _weights_are_there(cls, weights: str) -> str:
        collected(check_regular)(Path(weights), what="file of weights")
        return weights


@ADAPTERS.register("torch")
def torch_network(card: VictimCard, weights: Path) -> nn.Module:
    """One of the named architectures, with weights from safetensors or a state dict."""
    return _filled(ARCHITECTURES[_architecture(card)](len(card.classes)), card, weights)


@ADAPTERS.register("torchvision")
def torchvision_network(card: VictimCard, weights: Path) -> nn.Module:
    """A classifier of torchvision, by its name there, with weights from safetensors or a state dict."""
    from torchvision import models

    name = _architecture(card)
    known = models.list_models(module=models)
    if name not in known:
        raise unknown_name("torchvision architecture", name, known)
    extra = {"init_weights": False} if name in {"googlenet", "inception_v3"} else {}
    return _filled(models.get_model(name, weights=None, num_classes=len(card.classes), **extra), card, weights)


@ADAPTERS.register("timm")
def timm_network(card: VictimCard, weights: Path) -> nn.Module:
    """A classifier of timm, by its name there, with weights from safetensors or a state dict."""
    try:
        import timm
    except ImportError as error:
        raise PhysadvError(
            f"victim {card.name!r}: the adapter timm needs the package timm: pip install 'physadv[timm]'"
        ) from error
    name = _architecture(card)
    if not timm.is_model(name):
        raise unknown_name("timm architecture", name, timm.list_models())
    network: nn.Module = timm.create_model(
        name, pretrained=False, num_classes=len(card.classes), in_chans=card.input.channel_count
    )
    return _filled(network, card, weights)


@ADAPTERS.register("onnx")
def onnx_network(card: VictimCard, weights: Path) -> nn.Module:
    """An ONNX file, run by ONNX Runtime; without gradient."""
    from physadv.victims.onnx_network import OnnxNetwork

    if card.architecture is not None:
        raise PhysadvError(
            f"victim {card.name!r}: architecture = {card.architecture!r}: an ONNX file brings its own; leave it out"
        )
    return OnnxNetwork(weights, card.input, classes=len(card.classes), output_name=card.output_name)


def files_of(card: VictimCard, weights: Path) -> list[Path]:
    """Every file that a card's model consists of: the weights, and what an ONNX graph keeps beside itself."""
    if card.adapter != "onnx":
        return [weights]
    from physadv.core.onnx import external_files

    return [weights, *external_files(weights)]


def _architecture(card: VictimCard) -> str:
    if card.architecture is None:
        raise PhysadvError(f"victim {card.name!r}: key 'architecture' is missing; the adapter {card.adapter} needs it")
    return card.architecture


def _filled(network: nn.Module, card: VictimCard, weights: Path) -> nn.Module:
    what = f"architecture {card.architecture!r} with {len(card.classes)} classes"
    fill(network, read_parameters(weights), source=weights, what=what, place=card.weights_key)
    return network
