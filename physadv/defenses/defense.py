"""What a defense is, the victim that it makes of a victim, and defenses from words."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from physadv.core.config import Config, read_value, validate
from physadv.core.errors import PhysadvError
from physadv.core.registry import Registry
from physadv.victims import Victim

Adaptive = Literal["through", "bpda", "eot"]
"""How an attack that knows the defense gets its gradient: exactly; past what has none by a stand-in (backward pass
differentiable approximation, Athalye et al. 2018a, arXiv:1802.00420); or as an expectation over the defense's random
numbers (expectation over transformation, Athalye et al. 2018b, arXiv:1707.07397)."""
_ORDER: tuple[Adaptive, ...] = ("through", "bpda", "eot")


class Defense(Config, ABC):
    """Base of all defenses.

    Attributes:
        kind: the name in the registry.
        paper: where it comes from.
        adaptive: how an attack that knows it gets its gradient.
    """

    kind: str
    paper: ClassVar[str]
    adaptive: ClassVar[Adaptive]

    @property
    @abstractmethod
    def gradient_words(self) -> str:
        """Through what the gradient of an adaptive attack runs, in words for a report."""

    @abstractmethod
    def answer(self, victim: Victim, images: Tensor, *, draw: int = 0) -> Tensor:
        """Logits ``[N, K]`` of ``images [N, 3, H, W]`` in [0,1].

        A picture's do not depend on the others. Random numbers, where there are any, are those of number ``draw``.
        """

    @property
    def options(self) -> dict[str, Any]:
        """Every option and its value."""
        return self.model_dump(exclude={"kind"})

    @property
    def words(self) -> str:
        """What :func:`build_defense` makes this defense of."""
        options = ",".join(f"{name}={value}" for name, value in self.options.items())
        return f"{self.kind}:{options}" if options else self.kind

    def wrap(self, victim: Victim) -> Defended:
        """The victim behind this defense."""
        return Defended(victim, self)


class Defended(Victim):
    """A victim behind a defense, itself a victim.

    It is differentiable where the victim behind it is. Each call that is differentiated draws new random numbers, so
    that a search sees their expectation; all others use the same, so that an answer can be had again.

    Args:
        victim: what is defended.
        defense: how.

    Attributes:
        adaptive: how an attack that knows the defense, and those behind it, gets its gradient.
        gradient_words: the same in words for a report.
        draws: how many calls have been differentiated.
    """

    def __init__(self, victim: Victim, defense: Defense) -> None:
        options = ",".join(f"{name}={value}" for name, value in defense.options.items())
        super().__init__(
            name=f"{victim.name}+{defense.kind}({options})",
            classes=victim.classes,
            input_size=victim.input_size,
            box=victim.box,
            differentiable=victim.differentiable,
            sha256=victim.sha256,
            source=f"{victim.source}+{defense.words}",
        )
        self.victim, self.defense, self.draws = victim, defense, 0
        self.adaptive: Adaptive = defense.adaptive
        self.gradient_words = f"{defense.kind}: {defense.gradient_words}"
        if isinstance(victim, Defended):
            self.adaptive = max(self.adaptive, victim.adaptive, key=_ORDER.index)
            self.gradient_words += f"; {victim.gradient_words}"
        self.why_not, self.doubts = victim.why_not, victim.doubts
        self.training = victim.training

    @property
    def fingerprint(self) -> str:
        """That of the victim, and the defense's options."""
        return hashlib.sha256(f"{self.victim.fingerprint} {self.defense.words}".encode()).hexdigest()

    def forward(self, images: Tensor) -> Tensor:
        """Logits ``[N, K]`` of ``images`` ``[N, 3, H, W]``."""
        if torch.is_grad_enabled() and images.requires_grad:
            self.draws += 1
            return self.defense.answer(self.victim, images, draw=self.draws)
        return self.defense.answer(self.victim, images)


class Purification(Defense):
    """Base of the defenses that clean the picture before the victim reads it."""

    @abstractmethod
    def clean(self, images: Tensor) -> Tensor:
        """The cleaned pictures ``[N, 3, H, W]`` in [0,1]."""

    def answer(self, victim: Victim, images: Tensor, *, draw: int = 0) -> Tensor:
        """Logits ``[N, K]`` of the cleaned pictures."""
        logits: Tensor = victim(self.clean(images))
        return logits


DEFENSES: Registry[type[Defense]] = Registry("defense")
"""Defenses by name."""


def build_defense(words: str) -> Defense:
    """The defense of words such as ``median`` and ``jpeg:quality=75,gradient=bpda``.

    Raises:
        PhysadvError: no such defense or option, an option twice or without value, or a wrong value.
    """
    name, colon, rest = words.partition(":")
    part = DEFENSES[name]
    known = ", ".join(sorted(set(part.model_fields) - {"kind"}))
    options: dict[str, Any] = {}
    for word in rest.split(",") if colon else ():
        option, equals, text = (piece.strip() for piece in word.partition("="))
        if not equals or not text or option not in part.model_fields or option == "kind":
            raise PhysadvError(f"defense {words!r}: {word!r} should be one of these, then = and a value: {known}")
        if option in options:
            raise PhysadvError(f"defense {words!r}: option {option!r} is given twice")
        options[option] = read_value(text, f"defense {words!r}: option {option!r}")
    return validate(part, {"kind": name, **options}, f"defense {words!r}")


def defended(victim: Victim, words: Sequence[str]) -> Victim:
    """The victim behind defenses, each around those before it: the last one is the first to see the picture.

    Raises:
        PhysadvError: as :func:`build_defense`.
    """
    for word in words:
        victim = build_defense(word).wrap(victim)
    return victim
