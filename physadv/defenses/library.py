"""Victims from words, with or without defences around them."""

from __future__ import annotations

import re
from pathlib import Path

import torch

from physadv.defenses.defense import DEFENSES, defended
from physadv.victims import Victim, load_victim


def load(spec: str | Path, *, device: str | torch.device = "cpu") -> Victim:
    """A victim by name or card, and the defences around it.

    Args:
        spec: as :func:`physadv.victims.load_victim` takes it; defences follow, each after a ``+``, such as
            ``gtsrb-cnn+median+jpeg:quality=75``. The last one is the first to see the picture.
        device: where it runs.

    Raises:
        PhysadvError: no such victim, defence or option.
    """
    name, *defences = split(str(spec))
    return defended(load_victim(name, device=device), defences)


def split(spec: str) -> list[str]:
    """The victim's name and the words of each defence; a ``+`` in a path is left alone."""
    known = "|".join(re.escape(name) for name in DEFENSES)
    return re.split(rf"\+(?=(?:{known})(?:[:+]|$))", spec)
