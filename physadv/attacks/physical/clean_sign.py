"""Whether a victim reads the sign before anything is put on it: told at once, before any work is spent."""

from __future__ import annotations

import warnings

import torch
from torch import Tensor

from physadv.core.errors import PhysadvWarning
from physadv.core.number_format import percent
from physadv.signs import Sign
from physadv.victims import Victim, warn_doubts

LEAST_READ = 0.5
"""Share of frames in which a clean sign should be read, for a result on them to mean something."""


def unread(victim: Victim, sign: Sign, true_class: int, logits: Tensor) -> str:
    """What is said of a victim that does not read a clean sign; empty where it does.

    Args:
        victim: that was shown the sign.
        sign: without paint.
        true_class: the sign's, in the victim's classes.
        logits: the victim's, of frames of the clean sign ``[N, K]``.
    """
    read = logits.argmax(1)
    share = float((read == true_class).float().mean())
    if share >= LEAST_READ:
        return ""
    others = torch.bincount(read[read != true_class], minlength=len(victim.classes))
    return (
        f"the victim reads the unpainted sign in {percent(share)} of frames, so success says little about the paint "
        f"({victim.name} reads {sign.name} mostly as {victim.classes[int(others.argmax())]})"
    )


def warn_unread(victim: Victim, sign: Sign, true_class: int, logits: Tensor) -> None:
    """Warns of what is doubtful about a victim, and where :func:`unread` has something to say."""
    warn_doubts(victim)
    if told := unread(victim, sign, true_class, logits):
        warnings.warn(told, PhysadvWarning, stacklevel=2)
