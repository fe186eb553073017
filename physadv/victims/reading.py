"""A reading: what a victim says of frames, whatever kind of model it is. Goals and statistics ask nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Reading:
    """What a classifier says of N frames.

    Attributes:
        logits: ``[N, K]``.
    """

    logits: Tensor

    def __len__(self) -> int:
        return len(self.logits)

    def __getitem__(self, rows: Tensor | slice) -> Reading:
        return Reading(self.logits[rows])

    @property
    def predicted(self) -> Tensor:
        """The most probable class of each frame, ``[N]``, int64."""
        return self.logits.argmax(1)

    @property
    def probabilities(self) -> Tensor:
        """``[N, K]``."""
        return self.logits.softmax(1)

    @staticmethod
    def joined(parts: Sequence[Reading]) -> Reading:
        """One reading of the frames of several, in order."""
        return Reading(torch.cat([part.logits for part in parts]))
