"""``one_of:CLASS|CLASS``: any of several classes."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor
from typing_extensions import Self

from physadv.core.errors import PhysadvError
from physadv.goals.goal import GOALS, Goal
from physadv.goals.kinds.targeted import check_other
from physadv.victims.reading import Reading


@GOALS.register("one_of")
@dataclass(frozen=True, eq=False)
class OneOf(Goal):
    """Any of the classes given as one_of:CLASS|CLASS, such as all speed limits that are too high.

    Attributes:
        targets: their indices.
        names: as they were given.
    """

    targets: tuple[int, ...] = ()
    names: tuple[str, ...] = ()

    kind = "one_of"
    form = "one_of:CLASS|CLASS"
    toward = True

    @classmethod
    def parse(cls, argument: str) -> Self:
        names = tuple(name.strip() for name in argument.split("|"))
        if len(names) < 2 or not all(names) or len(set(names)) < len(names):
            raise PhysadvError(f"goal {cls.kind}:{argument}: should be {cls.form}, two or more different classes")
        return cls(names=names)

    @property
    def named(self) -> tuple[str, ...]:
        return self.names

    @property
    def argument(self) -> str:
        return "|".join(self.names)

    @property
    def _listed(self) -> str:
        *most, last = (f"“{name}”" for name in self.names)
        return f"{', '.join(most)} or {last}"

    @property
    def title(self) -> str:
        return f"Read as {self._listed}"

    def deed(self, victim: str) -> str:
        return f"makes {victim} read {self._listed}"

    def with_classes(self, indices: list[int], names: list[str]) -> Goal:
        for name, index in zip(self.names, indices, strict=True):
            check_other(self.words, index, name, self.true_class)
        if len(set(indices)) < len(indices):
            raise PhysadvError(f"goal {self.words!r}: names a class of the victim twice")
        return replace(self, targets=tuple(indices), names=tuple(names))

    def lead(self, reading: Reading) -> Tensor:
        """The strongest other class's lead over the strongest of these."""
        these = reading.logits[:, list(self.targets)].amax(1)
        others = reading.logits.index_fill(1, torch.tensor(self.targets, device=these.device), -torch.inf).amax(1)
        return others - these

    def won(self, reading: Reading) -> Tensor:
        """The prediction is one of them."""
        return torch.isin(reading.predicted, torch.tensor(self.targets, device=reading.logits.device))

    def probability(self, reading: Reading) -> Tensor:
        """Of all of them together."""
        return reading.probabilities[:, list(self.targets)].sum(1)

    def steered_class(self, reading: Reading) -> Tensor:
        """Each frame's most probable of them."""
        targets = torch.tensor(self.targets, device=reading.logits.device)
        return targets[reading.logits[:, list(self.targets)].argmax(1)]

    def fits(self, classes: Tensor) -> Tensor:
        """It is one of them."""
        return torch.isin(classes, torch.tensor(self.targets, device=classes.device))[None]
