"""What looks at the sign: one protocol for every model, adapters for each kind, victims by name or by card."""

from physadv.victims.adapters import ADAPTERS
from physadv.victims.architectures import ARCHITECTURES
from physadv.victims.card import VictimCard
from physadv.victims.library import load_victim, victim_names, wrap_module
from physadv.victims.preprocess import Box, InputConfig
from physadv.victims.victim import Victim, check_logits, under_attack

__all__ = [
    "ADAPTERS",
    "ARCHITECTURES",
    "Box",
    "InputConfig",
    "Victim",
    "VictimCard",
    "check_logits",
    "load_victim",
    "under_attack",
    "victim_names",
    "wrap_module",
]
