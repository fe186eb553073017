"""Goals: what counts as success, and the loss that leads there. Every goal works with every search."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import TypeAlias

import torch
from torch import Tensor
from torch.nn import functional as F
from typing_extensions import Self

from physadv.core.errors import PhysadvError
from physadv.core.registry import Registry
from physadv.victims import Victim

MISREAD = 1.5
"""Weight, in a target's loss, of being misread at all: with more of it, less of what is misread is the target."""

Classes: TypeAlias = int | Tensor
"""One class for every frame, or a class a frame ``[N]``, int64."""


def each(classes: Classes, logits: Tensor) -> Tensor:
    """A class for each of ``logits [N, K]``."""
    return torch.as_tensor(classes, device=logits.device).expand(len(logits))


def _chosen(classes: Classes, which: Tensor) -> Classes:
    return classes[which] if isinstance(classes, Tensor) else classes


def margin(logits: Tensor, wanted: Tensor) -> Tensor:
    """Largest other logit minus the wanted one, ``[N]``: negative where the wanted class wins (Carlini & Wagner)."""
    others = logits.scatter(1, wanted[:, None], -torch.inf)
    return others.amax(1) - logits.gather(1, wanted[:, None])[:, 0]


def _hinge(lead: Tensor) -> Tensor:
    """Loss of the lead that is to be lost: flat once a frame is won, and no steeper the further it is from that.

    Success is a share of frames: one that nothing can win (a face nearly edge-on, a blur) must not outweigh those that
    can be, as under a square of the lead, nor must one that is merely far be abandoned, as under its logarithm.
    """
    return F.softplus(lead)


@dataclass(frozen=True)
class Goal(ABC):
    """What the attack is after.

    Attributes:
        true_class: index of the sign's own class, or one a frame.
    """

    true_class: Classes

    @abstractmethod
    def loss(self, logits: Tensor) -> Tensor:
        """Loss ``[N]`` of logits ``[N, K]``, smaller is nearer to the goal; smooth, and flat once a frame is won."""

    @abstractmethod
    def success(self, logits: Tensor) -> Tensor:
        """Whether each frame is won, bool ``[N]``."""

    @property
    def target_class(self) -> int | None:
        """Index of the class aimed at, None if any wrong one will do."""
        return None

    @property
    def steer(self) -> tuple[Classes, bool]:
        """The classes that a loss looks at, and whether it leads towards them (or away)."""
        return self.true_class, False

    def of(self, which: Tensor) -> Self:
        """The goal of some of the frames, by their numbers; any of them may come more than once."""
        return replace(self, true_class=_chosen(self.true_class, which))


@dataclass(frozen=True)
class Untargeted(Goal):
    """Any class but the sign's own."""

    def loss(self, logits: Tensor) -> Tensor:
        """From the true class's lead."""
        return _hinge(-margin(logits, each(self.true_class, logits)))

    def success(self, logits: Tensor) -> Tensor:
        """The prediction is wrong."""
        return logits.argmax(1) != each(self.true_class, logits)


@dataclass(frozen=True)
class Targeted(Goal):
    """A given class, or one a frame."""

    target: Classes

    def loss(self, logits: Tensor) -> Tensor:
        """From the strongest other class's lead over the target, and from the true class's own.

        The second asks of a frame that cannot be brought to the target that it be misread at least.
        """
        misread = _hinge(-margin(logits, each(self.true_class, logits)))
        return _hinge(margin(logits, each(self.target, logits))) + MISREAD * misread

    def success(self, logits: Tensor) -> Tensor:
        """The prediction is the target."""
        return logits.argmax(1) == each(self.target, logits)

    @property
    def target_class(self) -> int | None:
        return self.target if isinstance(self.target, int) else None

    @property
    def steer(self) -> tuple[Classes, bool]:
        """Towards the target."""
        return self.target, True

    def of(self, which: Tensor) -> Self:
        """The goal of some of the frames."""
        return replace(self, true_class=_chosen(self.true_class, which), target=_chosen(self.target, which))


GOALS: Registry[str] = Registry("goal")
GOALS.register("untargeted")("any class but the sign's own")
GOALS.register("targeted")("the class given as targeted:CLASS")
GOALS.register("runner_up")("the second most probable class of the clean sign")


def _parsed(spec: str) -> tuple[str, str]:
    kind, _, name = spec.partition(":")
    GOALS[kind]
    if (kind == "targeted") != bool(name):
        raise PhysadvError(
            f"goal {spec!r}: write untargeted, runner_up, or targeted:CLASS, such as targeted:speedLimit45"
        )
    return kind, name


def check_goal(spec: str, victim: Victim) -> None:
    """Whether the words of a goal mean something to a victim.

    Raises:
        PhysadvError: no such goal or class.
    """
    kind, name = _parsed(spec)
    if kind == "targeted":
        victim.class_index(name)


def build_goal(spec: str, *, victim: Victim, true_class: int, clean_logits: Tensor) -> Goal:
    """A goal from its words on the command line.

    Args:
        spec: ``untargeted``, ``targeted:CLASS`` or ``runner_up``.
        victim: gives meaning to the class's name.
        true_class: index of the sign's own class.
        clean_logits: ``[N, K]`` of the clean sign, for ``runner_up``: its mean probabilities decide.

    Raises:
        PhysadvError: no such goal or class, or the target is the sign's own class.
    """
    kind, name = _parsed(spec)
    if kind == "untargeted":
        return Untargeted(true_class)
    if kind == "runner_up":
        mean = clean_logits.softmax(1).mean(0)
        mean[true_class] = -1.0
        return Targeted(true_class, int(mean.argmax()))
    target = victim.class_index(name)
    if target == true_class:
        raise PhysadvError(f"goal {spec!r}: {name} is the sign's own class; choose another one")
    return Targeted(true_class, target)


def goal_for(spec: str, *, victim: Victim, labels: Tensor, clean_logits: Tensor) -> Goal:
    """A goal for each of N pictures, from the same words.

    Args:
        spec: as for :func:`build_goal`.
        victim: gives meaning to the class's name.
        labels: true classes ``[N]``.
        clean_logits: ``[N, K]`` of the clean pictures; the runner-up is each one's own.

    Raises:
        PhysadvError: no such goal or class, or all pictures are of the target class already.
    """
    kind, name = _parsed(spec)
    if kind == "untargeted":
        return Untargeted(labels)
    if kind == "runner_up":
        others = clean_logits.scatter(1, labels[:, None], -torch.inf)
        return Targeted(labels, others.argmax(1))
    target = victim.class_index(name)
    if bool((labels == target).all()):
        raise PhysadvError(f"goal {spec!r}: every picture is of class {name} already; choose another target")
    return Targeted(labels, torch.full_like(labels, target))
