"""Victims from words, with or without defences around them."""

from __future__ import annotations

import re
from pathlib import Path

import torch

from physadv.defenses.defense import DEFENSES, defended
from physadv.victims import Victim, load_undefended


def load_victim(spec: str | Path, *, device: str | torch.device = "cpu") -> Victim:
    """A victim in ``eval`` mode, after a trial on signs and noise (:mod:`physadv.victims.trial`).

    Args:
        spec: a shipped victim's name, or the path of a victim card (YAML). Defenses may follow, each after a ``+``,
            such as ``gtsrb-cnn+median+jpeg:quality=75``; the last one is the first to see the picture.
        device: where it runs.

    Raises:
        PhysadvError: no such victim, defence or option; a wrong card; weights that are missing, unreadable or of
            another network; outputs that are not one logit a class or not finite.
    """
    name, *defenses = split(str(spec))
    return defended(load_undefended(name, device=device), defenses)


def split(spec: str) -> list[str]:
    """The victim's name and the words of each defence; a ``+`` in a path is left alone."""
    known = "|".join(re.escape(name) for name in DEFENSES)
    return re.split(rf"\+(?=(?:{known})(?:[:+]|$))", spec)
