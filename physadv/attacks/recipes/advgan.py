"""Changes that a generative network makes."""

from __future__ import annotations

import operator
from pathlib import Path
from typing import ClassVar, Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor

from physadv.attacks.advgan.config import AdvGanConfig, GameOptions
from physadv.attacks.advgan.files import RECORD, WEIGHTS, TrainedGenerator, load_generator
from physadv.attacks.advgan.game import Game
from physadv.attacks.digital.attack import ATTACKS, Attack
from physadv.attacks.digital.changes import Change, PixelBall
from physadv.attacks.digital.problem import Problem
from physadv.attacks.digital.sizes import LargestChange
from physadv.attacks.digital.substitute import seeded
from physadv.core.errors import PhysadvError
from physadv.core.identity import digest_of, digest_of_files
from physadv.core.limits import MAX_STEPS
from physadv.goals import parse_goal


@ATTACKS.register("advgan")
class AdvGan(GameOptions, Attack):
    """A generator makes every picture's change in one pass; it has learned to lead a victim and a discriminator astray.

    Without a trained one it is trained here, on the very pictures that are attacked and against their own goals. A
    trained one asks the victim nothing.
    """

    kind: Literal["advgan"] = "advgan"
    paper: ClassVar[str] = "Xiao et al. 2018, arXiv:1801.02610"
    named_files: ClassVar[frozenset[str]] = frozenset({"generator"})
    generator: str | None = None
    """Folder of a trained one; all else that has an option is its own then."""
    eps: LargestChange | None = None
    """The largest change of a value, in units of pictures in [0,1]: the trained generator's, else 16/255, if not
    given."""
    steps: int = Field(default=300, ge=1, le=MAX_STEPS)

    @model_validator(mode="after")
    def _check(self) -> AdvGan:
        fields = type(self).model_fields
        given = [
            name for name in fields if name not in ("kind", "generator") and getattr(self, name) != fields[name].default
        ]
        if self.generator is not None and given:
            raise PhysadvError(
                f"attack 'advgan', {given[0]} = {getattr(self, given[0])!r}: is for training; "
                f"leave it out, or generator = {self.generator!r}"
            )
        return self

    @property
    def asks_gradients(self) -> bool:
        """Only a generator that is still to be trained needs them."""
        return self.generator is None

    @property
    def fingerprint(self) -> str:
        if self.generator is None:
            return super().fingerprint
        folder = Path(self.generator).expanduser()
        return digest_of([self.kind, digest_of_files([folder / RECORD, folder / WEIGHTS])])

    def change(self) -> Change:
        """Any change of the pixels of at most eps."""
        if self.generator is not None:
            return PixelBall(load_generator(self.generator).record.config.eps)
        return PixelBall(AdvGanConfig().eps if self.eps is None else self.eps)

    def search(self, problem: Problem, generator: torch.Generator) -> Tensor:
        """What the generator makes of the pictures."""
        if self.generator is None:
            network = self._trained(problem, generator)
        else:
            found = load_generator(self.generator, device=problem.pictures.device)
            found.check_size(problem.pictures)
            _note(problem, found)
            network = found.network
        with torch.no_grad():
            return problem.project(network(problem.pictures))

    def _trained(self, problem: Problem, generator: torch.Generator) -> torch.nn.Module:
        change = problem.change
        assert isinstance(change, PixelBall)
        with seeded(generator, problem.pictures.device):
            game = Game(self, eps=change.eps, device=problem.pictures.device)
        for step in range(self.steps):
            order = torch.randperm(len(problem), generator=generator)
            game.play(problem, order[: self.batch].to(problem.rows.device), step=step)
        return game.generator


def _note(problem: Problem, found: TrainedGenerator) -> None:
    """What makes a trained generator doubtful here: another victim, another goal."""
    record, goal, victim = found.record, problem.goal, problem.victim
    if record.victim_sha256 != victim.sha256:
        problem.note(f"the generator was trained against another victim, {record.victim!r}")
    theirs = parse_goal(record.config.goal)
    same = theirs.kind == goal.kind and len(theirs.named) == len(goal.named)
    same = same and all(map(operator.eq, map(victim.find_class, theirs.named), map(victim.find_class, goal.named)))
    if not (same or (theirs.kind == "runner_up" and goal.toward)):
        problem.note(f"the generator was trained for another goal, {record.config.goal}")
