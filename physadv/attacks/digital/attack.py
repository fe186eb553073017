"""Attacks under the names that the literature gives them: one call that checks, batches and measures success."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from pydantic import model_validator
from torch import Tensor, nn
from typing_extensions import Self

from physadv.attacks.digital.changes import Change, PixelBall
from physadv.attacks.digital.norm_balls import changed_pixels, lengths
from physadv.attacks.digital.problem import Problem
from physadv.attacks.digital.sizes import Size, check_in_range
from physadv.attacks.digital.views import Direct, View
from physadv.attacks.gradients import check_differentiable
from physadv.attacks.losses import LOSSES
from physadv.core.config import Config, read_value, validate
from physadv.core.errors import PhysadvError, PhysadvWarning, shown
from physadv.core.identity import digest_of
from physadv.core.notebooks import one_line
from physadv.core.progress import Listener, counter
from physadv.core.randomness import substream
from physadv.core.registry import Registry
from physadv.goals import Goal, build_goal
from physadv.victims import Reading, Victim, check_logits, under_attack, victim_of_pictures, warn_doubts
from physadv.victims.labeled_pictures import labeled_pictures, pictures_from

Knowledge = Literal["gradients", "scores", "decisions"]


@dataclass(frozen=True, eq=False)
class Result:
    """What an attack has made of N pictures.

    Attributes:
        adversarial: ``[N, 3, H, W]`` in [0,1]; a picture that was not attacked is as it was.
        success: whether the goal is met, bool ``[N]``; for an untargeted one also where the clean picture is misread.
        attacked: pictures that were not won from the start, bool ``[N]``.
        clean, predicted: the victim's classes before and after, ``[N]``.
        queries, gradients: frames that the victim answered, and of them those with a gradient, ``[N]``.
        norms: of the change, ``[N]`` each: ``l0`` (pixels), ``l1``, ``l2``, ``linf``.
        flags: what makes the result doubtful, in words.
    """

    adversarial: Tensor
    success: Tensor
    attacked: Tensor
    clean: Tensor
    predicted: Tensor
    queries: Tensor
    gradients: Tensor
    norms: dict[str, Tensor]
    flags: tuple[str, ...] = ()

    def __repr__(self) -> str:
        attacked = int(self.attacked.sum())
        return one_line(
            self,
            f"of {len(self.success)} pictures",
            f"success in {int(self.success.sum())}",
            f"{attacked} attacked",
            f"{int(self.queries.sum())} frames asked",
            *self.flags,
        )


class Attack(Config, ABC):
    """A recipe: which change, which loss, which search. Everything else happens in :meth:`__call__`."""

    kind: str
    knowledge: ClassVar[Knowledge] = "gradients"
    """What it must be told: gradients, scores (logits), or decisions (the winning class)."""
    paper: ClassVar[str]
    """Where it comes from."""
    loss: ClassVar[str] = "cross-entropy"
    named_files: ClassVar[frozenset[str]] = frozenset()
    """Options that name files or folders: these count by their content, wherever they lie."""
    printed: ClassVar[bool] = True
    """Its change is ink on the picture, where that is a sign's artwork; False: it is light."""

    @abstractmethod
    def change(self) -> Change:
        """What may change on the pictures."""

    @abstractmethod
    def search(self, problem: Problem, generator: torch.Generator) -> Tensor:
        """The parameters that it finds for the change of each of the problem's pictures, ``[B, ...]``."""

    @property
    def asks_gradients(self) -> bool:
        """Whether, with these options, it asks the victim for gradients."""
        return self.knowledge == "gradients"

    @property
    def fingerprint(self) -> str:
        """Of the options, and of the content of every file that they name."""
        return digest_of(self.model_dump(mode="json"))

    @classmethod
    def told_of(cls, options: Mapping[str, Any]) -> dict[str, Any]:
        """Options as they are part of an identity: without those of which :attr:`fingerprint` has the content."""
        return {name: value for name, value in options.items() if name not in cls.named_files}

    def flags(self, problem: Problem) -> tuple[str, ...]:
        """What made the search doubtful, in words: what it took note of."""
        return tuple(problem.notes)

    def problem(self, victim: Victim, view: View, goal: Goal) -> Problem:
        """The problem that :meth:`search` is given."""
        return Problem(victim, view, self.change(), goal, LOSSES[self.loss])

    def __call__(
        self,
        victim: Victim | nn.Module | Callable[[Tensor], Any],
        pictures: Any,
        labels: Any,
        *,
        goal: str = "untargeted",
        seed: int = 0,
        batch: int = 256,
        listener: Listener | None = None,
        **model: Any,
    ) -> Result:
        """Attacks pictures that go straight into the victim.

        Args:
            victim: the classifier; or any torch module or function of pictures, of which ``model`` tells the rest.
            pictures: ``[N, 3, H, W]`` in [0,1], sRGB-encoded; a tensor or an array.
            labels: true classes ``[N]``, numbers or names; a tensor, an array or a list.
            goal: its words, ``targeted:CLASS`` for instance (:mod:`physadv.goals`).
            seed: of all random numbers; a picture's do depend on ``batch``.
            batch: pictures that are attacked at once.
            listener: told of progress.
            model: ``classes``, ``mean``, ``std`` and whatever else :func:`physadv.victims.wrap_module` takes. Without
                them, the network reads the pictures as they are, and its classes are called by their numbers.

        Raises:
            PhysadvError: pictures out of range or of a wrong shape, wrong labels, an unknown goal, or a victim whose
                knowledge the attack lacks.
        """
        pictures = pictures_from(pictures)
        victim = victim_of_pictures(victim, pictures, **model)
        pictures, labels = labeled_pictures(victim, pictures, labels)
        if self.asks_gradients:
            check_differentiable(victim, f"attack {self.kind!r}")
        warn_doubts(victim)
        parts, count = [], counter(listener, self.kind)
        with under_attack(victim):
            for start in range(0, len(pictures), batch):
                some = slice(start, start + batch)
                generator = torch.Generator().manual_seed(substream(seed, f"{self.kind}/{start}"))
                parts.append(self._attack(victim, pictures[some], labels[some], goal, generator))
                count(min(start + batch, len(pictures)), len(pictures))
        return _joined(parts)

    def _attack(
        self, victim: Victim, pictures: Tensor, labels: Tensor, words: str, generator: torch.Generator
    ) -> Result:
        with torch.no_grad():
            clean_logits = check_logits(victim, pictures)
        _warn_of_probabilities(victim, clean_logits)
        goal = build_goal(words, victim=victim, true_class=labels, clean_logits=clean_logits)
        open_ = ~goal.won(Reading(clean_logits))
        rows = open_.nonzero()[:, 0]
        adversarial, logits = pictures.clone(), clean_logits.clone()
        queries = torch.zeros_like(labels)
        gradients = torch.zeros_like(labels)
        flags: tuple[str, ...] = ()
        if len(rows):
            problem = self.problem(victim, Direct(pictures[rows], (pictures, labels)), goal.of(rows))
            theta = self.search(problem, generator).detach()
            flags = self.flags(problem)
            queries[rows], gradients[rows] = problem.queries, problem.gradients
            with torch.no_grad():
                adversarial[rows] = problem.changed(theta).clamp(0.0, 1.0)
                logits[rows] = problem.answers(adversarial[rows])[:, 0]
        change = adversarial - pictures
        return Result(
            adversarial=adversarial,
            success=goal.won(Reading(logits)),
            attacked=open_,
            clean=clean_logits.argmax(1),
            predicted=logits.argmax(1),
            queries=queries,
            gradients=gradients,
            norms={"l0": changed_pixels(change), **{n: lengths(change, n) for n in ("l1", "l2", "linf")}},
            flags=flags,
        )


class BallAttack(Attack):
    """Base of the attacks whose change is any within a ball."""

    eps: Size
    norm: Literal["linf", "l2", "l1"] = "linf"

    @model_validator(mode="after")
    def _in_range(self) -> Self:
        """In the other norms lengths have no such bound."""
        for name in ("eps", "step_size"):
            value = getattr(self, name, None)
            if value is not None and self.norm == "linf":
                check_in_range(value, f"{name} = {value:g}: ")
        return self

    def change(self) -> Change:
        """Any change of the pixels within the ball."""
        return PixelBall(self.eps, self.norm)


ATTACKS: Registry[type[Attack]] = Registry("attack")
"""Attacks by name."""


def build_attack(name: str, options: dict[str, Any] | None = None) -> Attack:
    """The attack of that name, with its options.

    Raises:
        PhysadvError: no such attack or option, or a wrong value.
    """
    return validate(ATTACKS[name], {"kind": name, **(options or {})}, f"attack {name!r}")


def options_for(attacks: Sequence[str], words: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Options by attack, from words such as ``eps=0.03`` (all that have it) and ``pgd.eps=0.03`` (that one, whatever
    all others have).

    Raises:
        PhysadvError: an unknown attack, no value, an option that none of the attacks has, or one that is given twice.
    """
    found: dict[str, dict[str, Any]] = {name: {} for name in attacks}
    known = {name: set(ATTACKS[name].model_fields) - {"kind"} for name in attacks}
    given: set[str] = set()
    for word in words:
        name, equals, text = word.partition("=")
        attack, _, option = name.rpartition(".")
        takers = [one for one in attacks if option in known[one] and attack in ("", one)]
        if not equals or not takers:
            every = sorted({f"{one}.{key}" for one in attacks for key in known[one]})
            raise PhysadvError(f"--set {shown(word)}: should be one of these, then = and a value: {', '.join(every)}")
        if name in given:
            raise PhysadvError(f"--set {shown(word)}: {name} is given twice")
        given.add(name)
        for one in takers:
            if attack or f"{one}.{option}" not in given:
                found[one][option] = read_value(text, f"--set {shown(word)}")
    return {name: _typed(name, options) for name, options in found.items()}


def _typed(name: str, options: dict[str, Any]) -> dict[str, Any]:
    """Options as their attack takes them: what is a number, and what a text that looks like one, is for it to say."""
    told = build_attack(name, options).model_dump(mode="json")
    return {option: told[option] for option in options}


def _warn_of_probabilities(victim: Victim, logits: Tensor) -> None:
    if float(logits.min()) >= 0.0 and bool(((logits.sum(1) - 1.0).abs() < 1e-3).all()):
        warnings.warn(
            f"victim {victim.name!r} answers what look like probabilities, not logits: gradients of its losses fade "
            "where it is sure, and attacks look weaker than they are; give the layer before the softmax",
            PhysadvWarning,
            stacklevel=4,
        )


def _joined(parts: list[Result]) -> Result:
    def all_of(name: str) -> Tensor:
        return torch.cat([getattr(part, name) for part in parts])

    names = ("adversarial", "success", "attacked", "clean", "predicted", "queries", "gradients")
    return Result(
        **{name: all_of(name) for name in names},
        norms={norm: torch.cat([part.norms[norm] for part in parts]) for norm in parts[0].norms},
        flags=tuple(dict.fromkeys(flag for part in parts for flag in part.flags)),
    )
