"""Kinds of models: each adapter turns a victim card into a network from prepared pictures to raw outputs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path

from torch import nn

from physadv.core.errors import PhysadvError
from physadv.core.registry import Registry
from physadv.victims.card import VictimCard
from physadv.victims.parameters import fill, read_parameters


class Adapter(ABC):
    """How models of one kind are loaded; a subclass that is registered in :data:`ADAPTERS`."""

    @staticmethod  # noqa: B027 (most adapters learn it from their library)
    def check_architecture(name: str) -> None:
        """Checks the architecture of a card, where that can be done before anything is loaded.

        Raises:
            PhysadvError: the adapter has no such architecture.
        """

    @staticmethod
    @abstractmethod
    def load(card: VictimCard, weights: Path) -> nn.Module:
        """The network of a card.

        Its attribute ``differentiable`` is false if it gives no gradient.

        Raises:
            PhysadvError: it cannot be loaded.
        """

    @staticmethod
    def files(weights: Path) -> list[Path]:
        """Every file that the model consists of."""
        return [weights]


ADAPTERS: Registry[type[Adapter]] = Registry("adapter")


def architecture_of(card: VictimCard) -> str:
    """The network's name in a card.

    Raises:
        PhysadvError: it has none.
    """
    if card.architecture is None:
        raise PhysadvError(f"victim {card.name!r}: key 'architecture' is missing; the adapter {card.adapter} needs it")
    return card.architecture


def filled(network: nn.Module, card: VictimCard, weights: Path) -> nn.Module:
    """The network with the weights of a file: safetensors, or a state dict.

    Raises:
        PhysadvError: they are not its weights.
    """
    what = f"architecture {card.architecture!r} with {len(card.classes)} classes"
    fill(network, read_parameters(weights), source=weights, what=what, place=card.weights_key)
    return network
