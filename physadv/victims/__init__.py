"""What looks at the sign: one protocol for every model, adapters for each kind, victims by name or by card."""

from physadv.victims.adapter import ADAPTERS, Adapter
from physadv.victims.architectures import ARCHITECTURES
from physadv.victims.card import VictimCard
from physadv.victims.library import (
    MODEL_OPTIONS,
    as_victim,
    read_victim,
    shipped_victim,
    victim_names,
    victim_of_card,
    victim_of_pictures,
    wrap_module,
)
from physadv.victims.preprocess import Box, InputConfig
from physadv.victims.reading import Reading
from physadv.victims.victim import Victim, check_logits, device_of, placed, under_attack, warn_doubts

__all__ = [
    "ADAPTERS",
    "ARCHITECTURES",
    "MODEL_OPTIONS",
    "Adapter",
    "Box",
    "InputConfig",
    "Reading",
    "Victim",
    "VictimCard",
    "as_victim",
    "check_logits",
    "device_of",
    "placed",
    "read_victim",
    "shipped_victim",
    "under_attack",
    "victim_names",
    "victim_of_card",
    "victim_of_pictures",
    "warn_doubts",
    "wrap_module",
]
