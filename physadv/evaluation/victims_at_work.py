"""Where victims look, and how they are left afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from physadv.core.errors import PhysadvError
from physadv.defenses import load_victim
from physadv.victims import Victim, placed, under_attack


@contextmanager
def looking(spec: str | Path | Victim, device: torch.device) -> Iterator[Victim]:
    """A victim in eval mode on ``device``, left as and where it was found."""
    victim = load_victim(spec)
    with placed(victim, device), under_attack(victim):
        yield victim


def check_limits(*, max_asr: float | None = None, max_targeted_asr: float | None = None) -> None:
    """Refuses a limit that is not a share.

    Raises:
        PhysadvError: one is not from 0 to 1.
    """
    for name, limit in (("max-asr", max_asr), ("max-targeted-asr", max_targeted_asr)):
        if limit is not None and not 0.0 <= limit <= 1.0:
            raise PhysadvError(f"{name} = {limit:g}: a share from 0 to 1 is expected")
