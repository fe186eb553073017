"""From a victim and pictures to a generator in a folder; stopped and taken up anywhere."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from physadv.attacks.advgan.config import AdvGanConfig
from physadv.attacks.advgan.files import (
    RECORD,
    SAMPLES,
    WEIGHTS,
    GeneratorRecord,
    HeldOut,
    identity_of,
    save_generator,
    save_record,
    write_samples,
)
from physadv.attacks.advgan.game import Game
from physadv.attacks.digital.changes import PixelBall
from physadv.attacks.digital.problem import Problem
from physadv.attacks.digital.substitute import learn, new_student, seeded
from physadv.attacks.digital.views import Direct
from physadv.attacks.losses import LOSSES
from physadv.core.checkpoints import checkpoint_of, write_checkpoint
from physadv.core.devices import pick_device
from physadv.core.errors import PhysadvError
from physadv.core.files import check_writable, write_json
from physadv.core.identity import digest_of
from physadv.core.progress import Listener, Progress
from physadv.core.randomness import substream
from physadv.core.run_folder import claim
from physadv.goals import Goal, build_goal, check_goal
from physadv.victims import Reading, Victim, check_logits, placed, under_attack, warn_doubts
from physadv.victims.labeled_pictures import labeled_pictures

CHECKPOINT = "checkpoint.pt"
_AT_ONCE = 256
"""Pictures that the victim is asked about, or that are changed, at a time."""


def train_advgan(
    victim: Victim,
    pictures: Tensor,
    labels: Tensor,
    out: str | Path,
    *,
    config: AdvGanConfig,
    notes: Sequence[str] = (),
    listener: Listener | None = None,
) -> Path:
    """Trains a generator, going on from a checkpoint in ``out`` if there is one.

    Args:
        victim: what is to be led astray; on ``config.device`` meanwhile, and left as it was.
        pictures: ``[N, 3, H, W]`` in [0,1], sRGB-encoded; those that meet the goal unchanged are left out.
        labels: true classes ``[N]``.
        out: folder of ``generator.safetensors``, ``generator.yaml`` (:class:`GeneratorRecord`), ``curves.json`` and
            ``samples-STEP.png``.
        config: what is asked.
        notes: what a reader of the record should know of the pictures.
        listener: told of progress.

    Returns:
        ``out``, for :func:`load_generator`.

    Raises:
        PhysadvError: wrong pictures, labels or goal; too few pictures; a victim without gradients and no
            ``distilled``; or ``out`` holds something else.

    Source: Xiao et al. 2018, arXiv:1801.02610.
    """
    out, device = Path(out), pick_device(config.device)
    config = config.model_copy(update={"device": str(device)})
    if not victim.differentiable and not config.distilled:
        raise PhysadvError(
            f"victim {victim.name!r}: no gradient reaches the picture ({victim.why_not}); train the generator with "
            "distilled = true"
        )
    check_goal(config.goal, victim)
    with placed(victim, device):
        return _trained(victim, pictures.to(device), labels, out, config, device, listener, notes)


def _trained(
    victim: Victim,
    pictures: Tensor,
    labels: Tensor,
    out: Path,
    config: AdvGanConfig,
    device: torch.device,
    listener: Listener | None,
    notes: Sequence[str],
) -> Path:
    """The training, with victim and pictures on the device."""
    pictures, labels = labeled_pictures(victim, pictures, labels)
    told = identity_of(config, victim, pictures, labels)
    identity = digest_of(told)
    check_writable(out)
    with claim(out, told, command="physadv train-advgan", own=(CHECKPOINT, WEIGHTS)) as run:
        if run.finished():
            return out
        warn_doubts(victim)
        with under_attack(victim):
            training = _begun(config, victim, pictures, labels, out / CHECKPOINT, identity)
            training.run(out, identity=identity, listener=listener)
            training.write(out, identity, notes)
        (out / CHECKPOINT).unlink(missing_ok=True)
        run.finish(WEIGHTS, RECORD)
    return out


def _begun(
    config: AdvGanConfig, victim: Victim, pictures: Tensor, labels: Tensor, checkpoint: Path, identity: str
) -> Training:
    """The training as its checkpoint has it, if there is one."""
    with checkpoint_of(checkpoint, identity, pictures.device) as state:
        clean = _asked(victim, pictures) if state is None else state["clean"]
        training = Training(config, victim, pictures, labels, clean)
        if state is not None:
            training.load(state)
    return training


class Training:
    """A game against a victim or a student of it, as it stands after so many steps.

    Args:
        config: what is asked.
        victim: in ``eval``, frozen.
        pictures: ``[N, 3, H, W]`` on the victim's device.
        labels: true classes ``[N]``.
        clean: the victim's logits for them, ``[N, K]``.

    Attributes:
        step: steps done.
        points: of the curves: step, the step's losses, and ``held_out``, the victim's success on held-out pictures.
    """

    def __init__(self, config: AdvGanConfig, victim: Victim, pictures: Tensor, labels: Tensor, clean: Tensor) -> None:
        self.config, self.victim, self.clean = config, victim, clean
        goal = build_goal(config.goal, victim=victim, true_class=labels, clean_logits=clean)
        learned, kept = _split(config, ~goal.won(Reading(clean)))
        self._answers = clean[learned].softmax(1)
        self._held = self._problem(victim, pictures[kept], goal.of(kept))
        with seeded(self._random("begin"), pictures.device):
            self.game = Game(config, eps=config.eps, device=pictures.device)
            student = config.student.architecture
            self.student = new_student(victim, student, pictures.device) if config.distilled else None
        self.problem = self._problem(self.student or victim, pictures[learned], goal.of(learned))
        self.asked = len(pictures)
        self.step = 0
        self.points: list[dict[str, float]] = []

    def _problem(self, victim: Victim, pictures: Tensor, goal: Goal) -> Problem:
        return Problem(victim, Direct(pictures), PixelBall(self.config.eps), goal, LOSSES["margin"])

    def _random(self, name: str) -> torch.Generator:
        return torch.Generator().manual_seed(substream(self.config.seed, f"advgan/{name}"))

    def run(self, out: Path, *, identity: str, listener: Listener | None = None) -> None:
        """Goes on to the last step; checkpoints and samples are written to ``out`` on the way."""
        config = self.config
        while self.step < config.steps:
            generator = self._random(str(self.step))
            with seeded(generator, self.problem.pictures.device):
                losses = self._learn(generator)
            self.step += 1
            if self.step % config.check_every == 0 or self.step == config.steps:
                self.points.append({"step": float(self.step), **losses, "held_out": self.measure().success})
                self.sample(out / f"{SAMPLES}{self.step:05d}.png")
                self._save(out / CHECKPOINT, identity)
            if listener:
                shares = {"held out": self.points[-1]["held_out"]} if self.points else {}
                loss = losses["adversarial"]
                listener(Progress("generator", self.step, config.steps, step=self.step, loss=loss, shares=shares))

    def _learn(self, generator: torch.Generator) -> dict[str, float]:
        every = self.config.student.every
        if self.student and (self.step == 0 or (every and self.step % every == 0)):
            self._teach(self.student, generator)
        order = torch.randperm(len(self.problem), generator=generator)
        rows = order[: self.config.batch].to(self.problem.rows.device)
        with under_attack(self.problem.victim):
            return self.game.play(self.problem, rows, step=self.step)

    def _teach(self, student: Victim, generator: torch.Generator) -> None:
        """At first from the victim's answers to clean pictures; then from those to generated ones, beside the clean.

        Source: Xiao et al. 2018, static and dynamic distillation of the black-box attack.
        """
        config, problem = self.config.student, self.problem
        frames, answers, epochs = problem.pictures, self._answers, config.epochs
        if self.step:
            rows = torch.randperm(len(problem), generator=generator)[: config.pictures].to(problem.rows.device)
            changed = self._changed(problem, rows)
            said = _asked(self.victim, changed).softmax(1)
            self.asked += len(rows)
            frames, answers = torch.cat([frames[rows], changed]), torch.cat([answers[rows], said])
            epochs = config.renewed_epochs
        learn(student, frames, answers, epochs=epochs, rate=config.learning_rate, generator=generator)

    def _changed(self, problem: Problem, rows: Tensor) -> Tensor:
        return torch.cat([self.game.changed(problem, some) for some in torch.split(rows, _AT_ONCE)])

    def measure(self) -> HeldOut:
        """Success against the victim itself on the held-out pictures."""
        logits = _asked(self.victim, self._changed(self._held, self._held.rows))
        won = int(self._held.goal.won(Reading(logits)).sum())
        return HeldOut(pictures=len(self._held), won=won, success=round(won / len(self._held), 4))

    def sample(self, path: Path) -> None:
        """Writes a grid of held-out pictures: clean, changed, and the change."""
        rows = self._held.rows[: self.config.sample_count]
        write_samples(path, self._held.pictures[rows], self._changed(self._held, rows), self.config.eps)

    def write(self, out: Path, identity: str, notes: Sequence[str]) -> None:
        """Writes curves and generator, and the record last."""
        write_json(out / "curves.json", self.points)
        problem, distilled = self.problem, self.student is not None
        record = GeneratorRecord(
            config=self.config,
            victim=self.victim.name,
            victim_sha256=self.victim.sha256,
            picture_size=(problem.pictures.shape[-2], problem.pictures.shape[-1]),
            held_out=self.measure(),
            queries=self.asked if distilled else self.asked + int(problem.queries.sum()),
            gradients=0 if distilled else int(problem.gradients.sum()),
            notes=tuple(notes),
            identity=identity,
            weights_sha256=save_generator(self.game.generator, out),
        )
        save_record(record, out)

    def _save(self, path: Path, identity: str) -> None:
        state = {
            "step": self.step,
            "clean": self.clean,
            "game": self.game.state(),
            "student": self.student.state_dict() if self.student else {},
            "asked": self.asked,
            "queries": self.problem.queries,
            "gradients": self.problem.gradients,
            "points": self.points,
        }
        write_checkpoint(path, identity, state)

    def load(self, state: dict[str, Any]) -> None:
        """Goes on from a checkpoint."""
        self.game.load(state["game"])
        if self.student:
            self.student.load_state_dict(state["student"])
            self.student.eval()
        self.step, self.points, self.asked = state["step"], state["points"], state["asked"]
        self.problem.queries, self.problem.gradients = state["queries"], state["gradients"]


def _split(config: AdvGanConfig, open_: Tensor) -> tuple[Tensor, Tensor]:
    """Numbers of the pictures to learn from, and of the held-out ones; of those that are still to be won."""
    rows = open_.nonzero()[:, 0]
    kept = max(1, round(config.held_out * len(rows)))
    if len(rows) <= kept:
        raise PhysadvError(
            f"pictures: {len(rows)} of {len(open_)} are still to be won, and {kept} of them would be held out; "
            "give more"
        )
    generator = torch.Generator().manual_seed(substream(config.seed, "advgan/held-out"))
    rows = rows[torch.randperm(len(rows), generator=generator).to(rows.device)]
    return rows[kept:], rows[:kept]


@torch.no_grad()
def _asked(victim: Victim, pictures: Tensor) -> Tensor:
    return torch.cat([check_logits(victim, some) for some in torch.split(pictures, _AT_ONCE)])
