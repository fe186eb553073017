"""A victim card in a file, with all that can be said of it before its model is loaded."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationInfo, field_validator

from physadv.core.config import collected
from physadv.core.files import check_regular
from physadv.victims.adapter import ADAPTERS
from physadv.victims.card import VictimCard


class LoadableCard(VictimCard):
    """A card whose adapter, architecture and weights are there: what lacks is told with its other faults."""

    @field_validator("adapter")
    @classmethod
    def _adapter_is_known(cls, adapter: str) -> str:
        collected(ADAPTERS.__getitem__)(adapter)
        return adapter

    @field_validator("architecture")
    @classmethod
    def _architecture_is_known(cls, architecture: str | None, info: ValidationInfo) -> str | None:
        if architecture is not None and info.data.get("adapter") in ADAPTERS:
            collected(ADAPTERS[info.data["adapter"]].check_architecture)(architecture)
        return architecture

    @field_validator("weights")
    @classmethod
    def _weights_are_there(cls, weights: str) -> str:
        collected(check_regular)(Path(weights), what="file of weights")
        return weights
