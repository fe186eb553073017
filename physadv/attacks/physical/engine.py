"""The loop: parameters, frames, loss, step; best iterate kept, checkpoints written, stopped and taken up anywhere."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, get_args

import torch
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor

from physadv.attacks.gradients import check_reached
from physadv.attacks.physical.perturbations import Perturbation
from physadv.attacks.searches import Search, State
from physadv.core.errors import CannotWrite, PhysadvError
from physadv.core.files import atomic_path, check_regular
from physadv.core.progress import Listener, Progress
from physadv.core.randomness import substream
from physadv.goals import Goal
from physadv.scenes import PaintedSign, Part, Prepared, Scene
from physadv.victims import Box, Reading, Victim

_BLOCK = 2048
"""Frames whose conditions are drawn at once; drawing many costs little more than drawing one."""
_CHECKPOINT_EVERY_S = 5.0


@dataclass(frozen=True)
class Budget:
    """When a run ends: after so many steps, or so many seconds of work, whichever comes first."""

    steps: int | None
    seconds: float | None

    def progress(self, step: int, elapsed_s: float) -> float:
        """Share that is spent, 0 to 1."""
        by_steps = step / self.steps if self.steps else 0.0
        by_time = elapsed_s / self.seconds if self.seconds else 0.0
        return min(1.0, max(by_steps, by_time))

    def share(self, part: float) -> Budget:
        """A part of this budget."""
        return Budget(
            steps=max(1, round(self.steps * part)) if self.steps else None,
            seconds=self.seconds * part if self.seconds else None,
        )


@dataclass(frozen=True)
class Snapshot:
    """A run between two steps; all that a checkpoint holds."""

    theta: Tensor
    search: State
    step: int = 0
    elapsed_s: float = 0.0
    best_theta: Tensor | None = None
    best_success: float = -1.0
    best_loss: float = float("inf")
    held: int = 0
    """Checks in a row at which the held-out success was good enough to stop."""
    losses: tuple[float, ...] = ()
    """Mean training loss between checks."""
    successes: tuple[float, ...] = ()
    """Held-out success at checks."""
    zero_gradients: int = 0
    finished: bool = False


class FrameStream:
    """Frames of one sign in several scenes in turn, drawn in blocks; batch k depends on the seed and k alone.

    Args:
        scenes: that the frames come from.
        seed: of all random numbers.
        views: frames of a batch.
        size, box: how a victim takes them, ``input_size`` and ``box`` of :class:`Victim`.
        device: where they are rendered.
    """

    def __init__(
        self,
        scenes: Sequence[Scene],
        *,
        seed: int,
        views: int,
        size: tuple[int, int],
        box: Box,
        device: torch.device,
    ) -> None:
        self._scenes, self._seed, self._size, self._box, self._device = list(scenes), seed, size, box, device
        self._per_scene = max(1, -(-views // len(self._scenes)))
        self.frames = self._per_scene * len(self._scenes)
        self._batches = max(1, _BLOCK // self._per_scene)
        self._drawn: dict[int, tuple[int, Prepared]] = {}

    def _prepared(self, painted: PaintedSign, number: int, batch: int) -> Prepared:
        block, offset = divmod(batch, self._batches)
        if self._drawn.get(number, (-1,))[0] != block:
            scene, count = self._scenes[number], self._batches * self._per_scene
            drawn = scene.sample(count, seed=self._seed, start=block * count).with_box(self._box)
            self._drawn[number] = (block, scene.prepare(painted, drawn.to(self._device), size=self._size))
        start = offset * self._per_scene
        return self._drawn[number][1][start : start + self._per_scene]

    def render(self, painted: PaintedSign, batch: int) -> Tensor:
        """Frames ``[views, 3, H, W]`` of batch number ``batch``."""
        frames = [
            scene.show(painted, self._prepared(painted, number, batch)) for number, scene in enumerate(self._scenes)
        ]
        return frames[0] if len(frames) == 1 else torch.cat(frames)


@dataclass
class Run:
    """One search for one perturbation.

    Attributes:
        stage: its name in the progress bar.
        perturbation, goal, search, victim: the attack's parts; the victim is frozen by the caller.
        train, held_out: streams of frames with different seeds.
        held_out_batches: batches of the held-out stream that a check looks at.
        budget: when it ends.
        check_every: steps between checks.
        stop_at: held-out success at which, three checks in a row, it ends early; above 1 never.
    """

    stage: str
    perturbation: Perturbation
    goal: Goal
    search: Search
    victim: Victim
    train: FrameStream
    held_out: FrameStream
    held_out_batches: int
    budget: Budget
    check_every: int = 50
    stop_at: float = 2.0
    listener: Listener | None = None
    clock: Callable[[], float] = field(default=time.perf_counter)

    def begin(self, generator: torch.Generator, theta: Tensor | None = None) -> Snapshot:
        """The snapshot before the first step, from a random start or from ``theta``."""
        theta = self.perturbation.begin(generator) if theta is None else theta
        return Snapshot(theta=theta, search=self.search.begin(theta))

    def snapshots(self, snapshot: Snapshot) -> Iterator[Snapshot]:
        """Runs on from ``snapshot``; yields after every check, the last one finished."""
        while not snapshot.finished:
            snapshot = self._stretch(snapshot)
            yield snapshot

    def gradient(self, theta: Tensor, batch: int, progress: float = 0.0) -> tuple[float, Tensor]:
        """Loss over batch number ``batch`` of the training frames, and its gradient, at that moment of the search.

        Raises:
            PhysadvError: the gradient is not finite.
        """
        leaf = theta.detach().requires_grad_(True)
        perturbation = self.perturbation.at(progress)
        frames = self.train.render(perturbation.painted(leaf), batch)
        reading = self.victim.read(frames)
        check_reached(reading.logits, self.victim, "a design")
        loss = self.goal.loss(reading).mean() + perturbation.penalty(leaf)
        (gradient,) = torch.autograd.grad(loss, leaf)
        if not bool(torch.isfinite(gradient).all()):
            raise PhysadvError(f"victim {self.victim.name!r}: its gradient is not finite; are the weights intact?")
        return float(loss.detach()), gradient

    def _stretch(self, snapshot: Snapshot) -> Snapshot:
        """Steps up to the next check, and the check."""
        started = self.clock()
        theta, state, step = snapshot.theta, snapshot.search, snapshot.step
        losses: list[float] = []
        zero = snapshot.zero_gradients
        progress = 0.0
        while True:
            progress = self.budget.progress(step, snapshot.elapsed_s + self.clock() - started)
            if progress >= 1.0 or (losses and step % self.check_every == 0):
                break
            loss, gradient = self.gradient(theta, step, progress)
            losses.append(loss)
            zero += int(not bool(gradient.any()))
            theta, state = self.search.step(theta, gradient, state, progress=progress)
            theta = self.perturbation.project(theta)
            step += 1
            self._tell(progress, step, losses[-1], snapshot.best_success)
        return self._check(snapshot, theta, state, step, losses, zero, started, progress)

    @torch.no_grad()
    def _check(
        self,
        snapshot: Snapshot,
        theta: Tensor,
        state: State,
        step: int,
        losses: list[float],
        zero: int,
        started: float,
        progress: float,
    ) -> Snapshot:
        painted = self.perturbation.at(progress).painted(theta)
        frames = (self.held_out.render(painted, number) for number in range(self.held_out_batches))
        reading = Reading.joined([self.victim.read(some) for some in frames])
        success = float(self.goal.won(reading).float().mean())
        loss = float(self.goal.loss(reading).mean())
        better = (success, -loss) > (snapshot.best_success, -snapshot.best_loss)
        held = snapshot.held + 1 if success >= self.stop_at else 0
        return replace(
            snapshot,
            theta=theta,
            search=state,
            step=step,
            elapsed_s=snapshot.elapsed_s + self.clock() - started,
            best_theta=theta if better else snapshot.best_theta,
            best_success=success if better else snapshot.best_success,
            best_loss=loss if better else snapshot.best_loss,
            held=held,
            losses=(*snapshot.losses, sum(losses) / len(losses)) if losses else snapshot.losses,
            successes=(*snapshot.successes, success),
            zero_gradients=zero,
            finished=progress >= 1.0 or held >= 3,
        )

    def _tell(self, progress: float, step: int, loss: float, success: float) -> None:
        if self.listener:
            shares = {"held out": max(0.0, success)}
            self.listener(Progress(self.stage, progress, None, step=step, loss=loss, shares=shares))


def design_seed(seed: int, part: str) -> int:
    """Seed of a design's frames: a name space of its own, so that no battery ever scores on them."""
    return substream(seed, f"design/{part}")


def pictures_of(scenes: Sequence[Scene]) -> dict[str, list[str]]:
    """What a patch's record says of the photographs that its scenes show: ``photographs``, where there are any."""
    shown = sorted(set().union(*(scene.pictures for scene in scenes)))
    return {"photographs": shown} if shown else {}


def shared_pictures(scenes: Sequence[Scene]) -> list[str]:
    """The flag of a design that is measured on the photographs that it searches on; none where they are apart."""
    train, held_out = (set().union(*(scene.for_part(part).pictures for scene in scenes)) for part in get_args(Part))
    both = len(train & held_out)
    told = f"{both} photograph{' is' if both == 1 else 's are'} both searched on and among the held-out frames"
    return [f"{told}, so success there says little about other pictures"] if both else []


class Checkpoint:
    """Snapshots on disk, one safetensors file, replaced atomically."""

    def __init__(self, path: Path, *, identity: str) -> None:
        self.path, self._identity = path, identity
        self._written = 0.0

    @contextmanager
    def kept_if_of_use(self) -> Iterator[None]:
        """Work that may be resumed if it is stopped or the disk is full, but not after a user's mistake.

        The same command would only meet the mistake again, and any other one would find the folder taken. What was
        there before stays.
        """
        file_was_there, folder_was_there = self.path.exists(), self.path.parent.exists()
        try:
            yield
        except CannotWrite:
            raise
        except PhysadvError:
            if not file_was_there:
                self.path.unlink(missing_ok=True)
            if not folder_was_there:
                with suppress(OSError):
                    self.path.parent.rmdir()
            raise

    def write(self, name: str, snapshot: Snapshot, extra: dict[str, Any], *, force: bool = False) -> None:
        """Writes, at most every five seconds unless forced."""
        if not force and time.perf_counter() - self._written < _CHECKPOINT_EVERY_S:
            return
        tensors = {"theta": snapshot.theta, **{f"search.{k}": v for k, v in snapshot.search.items()}}
        if snapshot.best_theta is not None:
            tensors["best_theta"] = snapshot.best_theta
        plain = {
            key: value
            for key, value in snapshot.__dict__.items()
            if key not in {"theta", "search", "best_theta"} and value != float("inf")
        }
        meta = {"identity": self._identity, "stage": name, "snapshot": plain, "extra": extra}
        with atomic_path(self.path) as temporary:
            plain_tensors = {key: value.detach().cpu().contiguous().clone() for key, value in tensors.items()}
            temporary.write_bytes(save(plain_tensors, metadata={"physadv": json.dumps(meta)}))
        self._written = time.perf_counter()

    def read(self, device: torch.device) -> tuple[str, Snapshot, dict[str, Any]] | None:
        """Stage, snapshot and extras, or None if there is no checkpoint.

        Raises:
            PhysadvError: it belongs to another design, or is not a checkpoint.
        """
        if not self.path.exists():
            return None
        check_regular(self.path)
        try:
            with safe_open(str(self.path), framework="pt") as file:
                meta = json.loads((file.metadata() or {})["physadv"])
                tensors = {key: file.get_tensor(key).to(device) for key in file.keys()}  # noqa: SIM118
            identity, plain = meta["identity"], {**meta["snapshot"]}
            for key in ("losses", "successes"):
                plain[key] = tuple(plain[key])
            search = {key.removeprefix("search."): value for key, value in tensors.items() if key.startswith("search.")}
            snapshot = Snapshot(theta=tensors["theta"], search=search, best_theta=tensors.get("best_theta"), **plain)
            found = str(meta["stage"]), snapshot, dict(meta["extra"])
        except Exception as error:  # of a damaged file, whatever there is
            raise PhysadvError(f"{self.path}: not a readable checkpoint; remove it to start again") from error
        if identity != self._identity:
            raise PhysadvError(
                f"{self.path}: is the checkpoint of another design, or what this one is made from has changed; "
                "choose another --out, or remove that file"
            )
        return found
