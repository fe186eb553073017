"""Transfer from a substitute that has learned the victim's decisions."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor

from physadv.attacks.digital.attack import ATTACKS, Attack, BallAttack, Knowledge, build_attack
from physadv.attacks.digital.changes import Change, PixelBall
from physadv.attacks.digital.problem import Problem
from physadv.attacks.digital.substitute import (
    affordable,
    agreement,
    jacobian_sign,
    learn,
    new_student,
    seeded,
    witnessed,
)
from physadv.core.errors import PhysadvError
from physadv.core.limits import MAX_COUNT, MAX_FRAMES, MAX_QUERIES, MAX_STEPS
from physadv.core.number_format import percent
from physadv.victims import ARCHITECTURES, Victim


@ATTACKS.register("substitute")
class Substitute(Attack):
    """A network learns the victim's decisions from ever more pictures; an attack on it is shown to the victim.

    After every round each picture is followed by one a step further along the sign of the substitute's slope for the
    class that the victim has named: pictures near the victim's borders. All queries are the learning's; the attack
    itself asks the substitute alone. The pictures learned from are shared out evenly among those attacked, which pay
    for them, and for what grows from them.
    """

    kind: Literal["substitute"] = "substitute"
    knowledge: ClassVar[Knowledge] = "decisions"
    paper: ClassVar[str] = "Papernot et al. 2017, arXiv:1602.02697"
    attack: str = "fgsm"
    """Any that needs gradients; it attacks the substitute."""
    attack_options: dict[str, Any] = Field(default_factory=dict)
    max_queries: int = Field(default=2000, ge=1, le=MAX_QUERIES)
    seeds: int = Field(default=512, ge=1, le=MAX_FRAMES)
    """Pictures to learn from at first, at most."""
    rounds: int = Field(default=5, ge=0, le=MAX_COUNT)
    """How often they are added to: rho."""
    step: float = Field(default=0.1, gt=0)
    """Of the pictures that are added, in units of pictures in [0,1]: lambda."""
    turn: int = Field(default=3, ge=1, le=MAX_COUNT)
    """Rounds after which the step changes its sign: tau of Papernot et al. 2016, arXiv:1605.07277."""
    doublings: int = Field(default=3, ge=0, le=20)
    """Rounds that double the pictures: sigma of the same; later ones add a number that stays, chosen at random."""
    added: int = Field(default=400, ge=1, le=MAX_FRAMES)
    """That number: kappa of the same."""
    epochs: int = Field(default=10, ge=1, le=MAX_STEPS)
    """Of learning in a round."""
    learning_rate: float = Field(default=1e-3, gt=0)
    architecture: str = "lisa-cnn"

    @model_validator(mode="after")
    def _check(self) -> Substitute:
        ARCHITECTURES[self.architecture]
        if self.inner().knowledge != "gradients":
            raise PhysadvError(
                f"attack 'substitute', attack = {self.attack!r}: asks for no gradient, so it needs no substitute; "
                "choose one that does, such as fgsm or pgd"
            )
        return self

    def inner(self) -> Attack:
        """The attack on the substitute."""
        return build_attack(self.attack, self.attack_options)

    def change(self) -> Change:
        """That of the inner attack where it is a ball, else any."""
        inner = self.inner()
        return inner.change() if isinstance(inner, BallAttack) else PixelBall(float("inf"))

    def search(self, problem: Problem, generator: torch.Generator) -> Tensor:
        """What the inner attack finds on the substitute."""
        inner = self.inner()
        within = inner.problem(self.train(problem, generator), problem.view, problem.goal)
        theta = inner.search(within, generator).detach()
        with torch.no_grad():
            return problem.project(within.changed(theta) - problem.pictures)

    def train(self, problem: Problem, generator: torch.Generator) -> Victim:
        """A substitute for the problem's victim, in ``eval`` and frozen.

        It takes note of how often the two agreed on the last pictures that were added, before it learned from them.
        """
        pictures, rows = self._seeds(problem, generator)
        frames, classes = _decisions(problem, pictures, rows, 0)
        shared = None
        with seeded(generator, pictures.device):
            student = new_student(problem.victim, self.architecture, pictures.device)
            for done in range(self.rounds + 1):
                learn(student, frames, classes, epochs=self.epochs, rate=self.learning_rate, generator=generator)
                chosen = self._chosen(problem, rows, done, generator)
                if done == self.rounds or not len(chosen):
                    break
                named = classes.reshape(len(pictures), -1)[chosen]
                sign = jacobian_sign(student, problem.view, pictures[chosen], named, step=done)
                new = (pictures[chosen] + self.step * (-1.0) ** (done // self.turn) * sign).clamp(0.0, 1.0)
                seen, said = _decisions(problem, new, rows[chosen], done + 1)
                shared = agreement(student, seen, said)
                pictures, rows = torch.cat([pictures, new]), torch.cat([rows, rows[chosen]])
                frames, classes = torch.cat([frames, seen]), torch.cat([classes, said])
        if shared is not None:
            problem.note(f"the substitute agreed with the victim on {percent(shared)} of the pictures added last")
        return student.requires_grad_(False)

    def _seeds(self, problem: Problem, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Pictures to learn from at first, and the numbers of those that pay for them."""
        found = problem.pictures if problem.view.pool is None else problem.view.pool[0]
        found = found[torch.randperm(len(found), generator=generator)[: self.seeds].to(found.device)]
        rows = torch.arange(len(found), device=found.device) % len(problem)
        kept = affordable(problem, self.max_queries, rows)
        if not bool(kept.any()):
            raise PhysadvError(
                f"attack 'substitute', max_queries = {self.max_queries}: should be at least {problem.view.frames}, the "
                "frames of one look"
            )
        return found[kept], rows[kept]

    def _chosen(self, problem: Problem, rows: Tensor, done: int, generator: torch.Generator) -> Tensor:
        """Numbers of the pictures that others are grown from after so many rounds, as far as the budget goes."""
        order = torch.randperm(len(rows), generator=generator).to(rows.device)
        if done >= self.doublings:
            order = order[: self.added]
        return order[affordable(problem, self.max_queries, rows[order])]


def _decisions(problem: Problem, pictures: Tensor, rows: Tensor, step: int) -> tuple[Tensor, Tensor]:
    frames, logits = witnessed(problem, pictures, rows, step=step)
    return frames, logits.argmax(1)
