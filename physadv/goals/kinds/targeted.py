"""``targeted:CLASS``: a class that is given."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor
from typing_extensions import Self

from physadv.core.errors import PhysadvError
from physadv.goals.goal import GOALS, UNKNOWN, Classes, Goal, each, margin
from physadv.victims.reading import Reading


def check_other(words: str, target: int, name: str, true_class: Classes) -> None:
    """Whether a class is another one than the sign's own, or than all pictures'.

    Raises:
        PhysadvError: it is not.
    """
    if isinstance(true_class, Tensor):
        if bool((true_class == target).all()):
            raise PhysadvError(f"goal {words!r}: every picture is of class {name} already; choose another target")
    elif true_class == target:
        raise PhysadvError(f"goal {words!r}: {name} is the sign's own class; choose another one")


@GOALS.register("targeted")
@dataclass(frozen=True, eq=False)
class Targeted(Goal):
    """The class given as targeted:CLASS.

    Attributes:
        target: its index, or one a frame ``[N]``.
        name: as it was given.
    """

    target: Classes = UNKNOWN
    name: str = ""

    kind = "targeted"
    form = "targeted:CLASS"
    toward = True

    @classmethod
    def parse(cls, argument: str) -> Self:
        if not argument:
            raise PhysadvError(f"goal {cls.kind!r}: should be {cls.form}, such as {cls.kind}:speedLimit45")
        return cls(name=argument)

    @property
    def named(self) -> tuple[str, ...]:
        return (self.name,) if self.name else ()

    @property
    def argument(self) -> str:
        return self.name

    @property
    def title(self) -> str:
        return f"Read as “{self.name}”"

    def deed(self, victim: str) -> str:
        return f"makes {victim} read “{self.name}”"

    def with_classes(self, indices: list[int], names: list[str]) -> Goal:
        check_other(self.words, indices[0], self.name, self.true_class)
        return replace(self, target=_alike(indices[0], self.true_class), name=names[0])

    def lead(self, reading: Reading) -> Tensor:
        """The strongest other class's lead over the target."""
        return margin(reading.logits, each(self.target, reading.logits))

    def won(self, reading: Reading) -> Tensor:
        """The prediction is the target."""
        return reading.predicted == each(self.target, reading.logits)

    def probability(self, reading: Reading) -> Tensor:
        """The target's."""
        return reading.probabilities.gather(1, each(self.target, reading.logits)[:, None])[:, 0]

    def steered_class(self, reading: Reading) -> Tensor:
        """The target."""
        return each(self.target, reading.logits)

    def fits(self, classes: Tensor) -> Tensor:
        """It is the target."""
        return classes == torch.as_tensor(self.target, device=classes.device).reshape(-1, 1)


def _alike(index: int, true_class: Classes) -> Classes:
    return torch.full_like(true_class, index) if isinstance(true_class, Tensor) else index
