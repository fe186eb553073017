"""What an attack is after. A goal parses its own words, judges readings, and gives the loss that leads there."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar, TypeAlias

import torch
from torch import Tensor
from torch.nn import functional as F
from typing_extensions import Self

from physadv.core.errors import PhysadvError
from physadv.core.registry import Registry
from physadv.victims import Victim
from physadv.victims.reading import Reading

MISREAD = 1.5
"""Weight, in the loss of a goal with a target, of being misread at all: with more of it, less of what is misread is the
target."""
UNKNOWN = -1
"""The true class of a goal that no victim has given a meaning to yet."""

Classes: TypeAlias = int | Tensor
"""One class for every frame, or a class a frame ``[N]``, int64."""


def each(classes: Classes, logits: Tensor) -> Tensor:
    """A class for each of ``logits [N, K]``."""
    return torch.as_tensor(classes, device=logits.device).expand(len(logits))


def margin(logits: Tensor, wanted: Tensor) -> Tensor:
    """Largest other logit minus the wanted one, ``[N]``: negative where the wanted class wins (Carlini & Wagner)."""
    others = logits.scatter(1, wanted[:, None], -torch.inf)
    return others.amax(1) - logits.gather(1, wanted[:, None])[:, 0]


def smooth_hinge(lead: Tensor) -> Tensor:
    """Loss of the lead that is to be lost: flat once a frame is won, and no steeper the further it is from that.

    Success is a share of frames: one that nothing can win (a face nearly edge-on, a blur) must not outweigh those that
    can be, as under a square of the lead, nor must one that is merely far be abandoned, as under its logarithm.
    """
    return F.softplus(lead)


@dataclass(frozen=True)
class Goal(ABC):
    """What counts as success, as registered under the first word that it is written with.

    A goal is parsed from its words, which name classes; :meth:`bind` gives them a victim's numbers, and only then it
    can judge. A new goal defines :meth:`lead` and what it is called; where its words name classes, also :meth:`parse`,
    :attr:`named` and :meth:`with_classes`.

    Attributes:
        true_class: index of the sign's own class, or one a frame ``[N]``.
    """

    true_class: Classes = UNKNOWN

    kind: ClassVar[str]
    """The first of its words."""
    form: ClassVar[str]
    """How it is written, as help and error messages show it."""
    toward: ClassVar[bool] = False
    """Whether a loss leads towards :meth:`steered_class`; else away from it."""

    @classmethod
    def parse(cls, argument: str) -> Self:
        """The goal from what follows the colon; empty where nothing does.

        Raises:
            PhysadvError: it is not of this goal's form.
        """
        if argument:
            raise PhysadvError(f"goal {cls.kind}:{argument}: should be {cls.form}")
        return cls()

    @property
    def named(self) -> tuple[str, ...]:
        """The classes that its words name."""
        return ()

    @property
    def argument(self) -> str:
        """Its words after the colon; empty: none."""
        return ""

    @property
    def words(self) -> str:
        """As it is written, on the command line and in records."""
        return f"{self.kind}:{self.argument}" if self.argument else self.kind

    @property
    def title(self) -> str:
        """Success in a few words, as a heading: what became of the sign."""
        raise NotImplementedError

    @property
    def phrase(self) -> str:
        """The title inside a sentence."""
        return self.title[0].lower() + self.title[1:]

    def deed(self, victim: str) -> str:
        """What a patch does to the victim of that name, as a predicate: ``fools lisa-cnn``."""
        raise NotImplementedError

    def bind(self, victim: Victim, true_class: Classes, clean: Reading | None = None) -> Goal:
        """The goal with this victim's numbers of the classes that it names.

        Args:
            victim: gives meaning to names.
            true_class: index of the sign's own class, or one a frame ``[N]``.
            clean: the victim's reading of the clean sign, or of the N clean pictures; for goals that depend on it.

        Raises:
            PhysadvError: the victim has no such class, or it is the sign's own.
        """
        bound = replace(self, true_class=true_class)
        indices = [victim.class_index(name) for name in self.named]
        return bound.with_classes(indices, [victim.classes[index] for index in indices]) if indices else bound

    def with_classes(self, indices: list[int], names: list[str]) -> Goal:
        """With the numbers of the classes that it names, and their names as the victim has them.

        Raises:
            PhysadvError: they make no goal for this true class.
        """
        return self

    @abstractmethod
    def lead(self, reading: Reading) -> Tensor:
        """How far each frame is from being won, in logits ``[N]``: negative where it is won."""

    def loss(self, reading: Reading) -> Tensor:
        """Loss ``[N]``, smaller is nearer to the goal; smooth, and flat once a frame is won.

        A goal with a target asks of a frame that cannot be brought there that it be misread at least.
        """
        total = smooth_hinge(self.lead(reading))
        if self.toward:
            total = total + MISREAD * smooth_hinge(-margin(reading.logits, each(self.true_class, reading.logits)))
        return total

    def won(self, reading: Reading) -> Tensor:
        """Whether each frame is won, bool ``[N]``."""
        return self.lead(reading) < 0.0

    def probability(self, reading: Reading) -> Tensor:
        """The victim's probability of what is wanted, ``[N]``: frames are ordered by it."""
        return 1.0 - reading.probabilities.gather(1, each(self.true_class, reading.logits)[:, None])[:, 0]

    def steered_class(self, reading: Reading) -> Tensor:
        """The class of each frame that a loss leads away from, or (:attr:`toward`) to, ``[N]``."""
        return each(self.true_class, reading.logits)

    def fits(self, classes: Tensor) -> Tensor:
        """Whether a prediction of those classes ``[M]`` can win, for each of this goal's frames: bool ``[N or 1, M]``.

        What a search that knows decisions alone starts from.
        """
        return classes != torch.as_tensor(self.true_class, device=classes.device).reshape(-1, 1)

    def wants(self, name: str) -> bool:
        """Whether its words name this class."""
        return name in self.named

    def of(self, which: Tensor) -> Self:
        """The goal of some of the frames, by their numbers; any of them may come more than once."""
        changed = {
            one.name: value[which] for one in fields(self) if isinstance(value := getattr(self, one.name), Tensor)
        }
        return replace(self, **changed) if changed else self

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and all(
            _same(getattr(self, f.name), getattr(other, f.name)) for f in fields(self)
        )


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, Tensor) or isinstance(other, Tensor):
        return isinstance(one, Tensor) and isinstance(other, Tensor) and torch.equal(one, other)
    return bool(one == other)


GOALS: Registry[type[Goal]] = Registry("goal")
"""Goals by the first of their words."""


def parse_goal(words: str) -> Goal:
    """The goal that is written so, before any victim has given its classes a meaning.

    Raises:
        PhysadvError: no such goal, or not of its form.
    """
    kind, _, argument = words.partition(":")
    if kind not in GOALS:
        forms = ", ".join(goal.form for _, goal in GOALS.items())
        raise PhysadvError(f"goal {words!r}: should be one of {forms}")
    goal = GOALS[kind].parse(argument)
    if argument and not goal.argument:
        raise TypeError(f"goal {kind!r}: takes {argument!r} and does not write it back; it should define argument")
    return goal


def check_goal(words: str, victim: Victim) -> None:
    """Whether the words of a goal mean something to a victim.

    Raises:
        PhysadvError: no such goal or class.
    """
    for name in parse_goal(words).named:
        victim.class_index(name)


def build_goal(words: str, *, victim: Victim, true_class: Classes, clean_logits: Tensor) -> Goal:
    """A goal from its words, for one sign in all frames or for each of N pictures.

    Args:
        words: as on the command line, ``targeted:CLASS`` for instance.
        victim: gives meaning to the classes' names.
        true_class: index of the sign's own class; or the true classes ``[N]`` of the pictures.
        clean_logits: ``[N, K]`` of the clean sign or pictures.

    Raises:
        PhysadvError: no such goal or class, or the target is the sign's own class, or that of all pictures.
    """
    return parse_goal(words).bind(victim, true_class, Reading(clean_logits))
