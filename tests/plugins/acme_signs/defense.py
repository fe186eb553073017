"""Fewer levels of gray."""

from __future__ import annotations

from typing import ClassVar, Literal

from torch import Tensor

from physadv.defenses.defense import DEFENSES, Adaptive, Purification


@DEFENSES.register("acme-dim")
class Dim(Purification):
    """The picture with half of its contrast."""

    kind: Literal["acme-dim"] = "acme-dim"
    paper: ClassVar[str] = "Acme 2026"
    adaptive: ClassVar[Adaptive] = "through"

    @property
    def gradient_words(self) -> str:
        """As it is."""
        return "the gradient is exact"

    def clean(self, images: Tensor) -> Tensor:
        """Half way to gray."""
        return 0.25 + 0.5 * images
