"""Victims from words, with or without defenses around them: the one door to a victim."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import torch

from physadv.core.devices import pick_device
from physadv.core.named import Named, Reference
from physadv.defenses.defense import DEFENSES, defended
from physadv.victims import Victim, read_victim, shipped_victim, victim_names, victim_of_card


def split(spec: str) -> list[str]:
    """The victim's name and the words of each defense; a ``+`` in a path is left alone."""
    known = "|".join(re.escape(name) for name in DEFENSES)
    return re.split(rf"\+(?=(?:{known})(?:[:+]|$))", spec)


class _Victims(Named[Victim]):
    """Victims whose name or path defenses follow."""

    def __call__(self, spec: str | Path | Mapping[str, Any] | Victim, folder: Path | None = None) -> Victim:
        if not isinstance(spec, (str, Path)):
            return super().__call__(spec, folder)
        name, *defenses = split(str(spec))
        return defended(super().__call__(name if isinstance(spec, str) else Path(name), folder), defenses)

    def is_file(self, spec: str | Path) -> bool:
        return super().is_file(split(str(spec))[0])

    def located(self, spec: str, folder: Path) -> str:
        name, *defenses = split(spec)
        return "+".join([super().located(name, folder), *defenses])


VICTIMS = _Victims(
    "victim",
    Victim,
    names=victim_names,
    ship=shipped_victim,
    read=read_victim,
    build=victim_of_card,
    also="the path of a victim card (.yaml)",
)
VictimField: TypeAlias = Annotated[Reference[Victim], VICTIMS]
"""A victim inside a configuration: a shipped victim's name or the path of a card, and defenses behind it; or a card's
content."""


def load_victim(spec: str | Path | Mapping[str, Any] | Victim, *, device: str | torch.device | None = None) -> Victim:
    """A victim in ``eval`` mode, after a trial on signs and noise (:mod:`physadv.victims.trial`).

    Args:
        spec: a shipped victim's name, or the path of a victim card (YAML). Defenses may follow, each after a ``+``,
            such as ``gtsrb-cnn+median+jpeg:quality=75``; the last one is the first to see the picture. Or a card's
            content, or a victim, which is returned as it is.
        device: where it runs; None leaves it where it is, which is the CPU for one that is loaded here.

    Raises:
        PhysadvError: no such victim, defense or option; a wrong card; weights that are missing, unreadable or of
            another network; outputs that are not one logit a class or not finite.
    """
    place = None if device is None else pick_device(device)
    victim = VICTIMS(spec)
    return victim if place is None else victim.to(place)
