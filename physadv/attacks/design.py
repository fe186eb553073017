"""Designing a patch: RP2 through the roadside, as a recipe of the four parts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor

from physadv.attacks.discover import Discover
from physadv.attacks.engine import Budget, Checkpoint, FrameStream, Listener, Run, Snapshot, design_seed
from physadv.attacks.goals import Goal, build_goal
from physadv.attacks.perturbations import FullFace, Sticker
from physadv.attacks.searches import Adam, AnySearch
from physadv.core.config import Config
from physadv.core.errors import PhysadvError
from physadv.patches import (
    Mask,
    MaskField,
    Paint,
    PaintConfig,
    Patch,
    build_mask,
    discover_mask,
    load_palette,
    new_record,
    save_patch,
)
from physadv.scenes import PaintedSign, Scene, load_scene
from physadv.signs import Sign, load_sign
from physadv.victims import Victim, check_logits, load_victim, under_attack

CHECKPOINT = "design.checkpoint"


class DesignConfig(Config):
    """Everything that makes a design; echoed whole into the patch's record, so that it can be run again from itself."""

    sign: str = "us/stop"
    victim: str = "gtsrb-cnn"
    goal: str = "untargeted"
    mask: MaskField = Field(default="bars", validate_default=True)
    paint: PaintConfig = Field(default_factory=PaintConfig)
    scenes: tuple[str | dict[str, Any], ...] = Field(default=("wide",), min_length=1)
    search: AnySearch = Field(default_factory=Adam)
    seconds: float | None = Field(default=None, gt=0)
    """Budget of working time. Results differ from machine to machine; give ``steps`` for a repeatable design."""
    steps: int | None = Field(default=None, gt=0)
    restarts: int = Field(default=1, ge=1, le=100)
    """Runs from different starts that share the budget; the best on held-out frames is kept."""
    seed: int = Field(default=0, ge=0, lt=2**31)
    views: int = Field(default=64, ge=1, le=4096)
    """Frames a step."""
    texture_px: int | None = Field(default=None, ge=16, le=2048)
    """Texels a side while optimising; four times the victim's input if not given, 128 to 512."""
    held_out_frames: int = Field(default=256, ge=16)
    """Frames, never trained on, that choose the best iterate and stop the design early."""
    check_every: int = Field(default=50, ge=1)
    stop_at: float = Field(default=0.998, gt=0)
    """Held-out success at which, three checks in a row, the design ends early; above 1: never."""
    smoothness: float = Field(default=0.02, ge=0)
    printability: float = Field(default=0.02, ge=0)
    true_class: str | None = None
    """The sign's class in the victim's words, where they cannot be matched by name."""
    device: Literal["cpu", "cuda", "mps"] = "cpu"

    @model_validator(mode="after")
    def _check(self) -> DesignConfig:
        if self.seconds is None and self.steps is None:
            raise ValueError("give a budget: seconds or steps")
        return self


@dataclass(frozen=True)
class _Parts:
    """What a configuration's names mean."""

    sign: Sign
    victim: Victim
    scenes: tuple[Scene, ...]
    goal: Goal
    px: int
    device: torch.device
    train: FrameStream
    held_out: FrameStream


def pick_device(name: str) -> torch.device:
    """The device of that name.

    Raises:
        PhysadvError: this machine has none.
    """
    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not available[name]:
        raise PhysadvError(f"--device {name}: this machine has none that torch can use; try --device cpu")
    return torch.device(name)


def true_class_of(sign: Sign, victim: Victim, name: str | None = None) -> int:
    """Index of the sign's own class in the victim's classes.

    Raises:
        PhysadvError: the victim does not know the sign, or has no class of the name given.
    """
    if name is not None:
        return victim.class_index(name)
    index = victim.find_class(*sign.labels)
    if index is None:
        raise PhysadvError(
            f"victim {victim.name!r}: none of its classes is sign {sign.name} ({', '.join(sign.labels)}); "
            f"say which with --true-class: {', '.join(victim.classes)}"
        )
    return index


def _prepare(config: DesignConfig, victim: Victim | None) -> _Parts:
    device = pick_device(config.device)
    sign = load_sign(config.sign)
    scenes = tuple(load_scene(spec) for spec in config.scenes)
    for scene in scenes:
        if not scene.differentiable:
            raise PhysadvError(f"scene {scene.name!r}: has no gradient, so it can score a patch but not design one")
    victim = victim or load_victim(config.victim)
    if not victim.differentiable:
        raise PhysadvError(f"victim {victim.name!r}: has no gradient; design on a differentiable one and transfer")
    victim = victim.to(device)
    px = config.texture_px or max(128, min(512, 1 << (4 * max(victim.input_size) - 1).bit_length()))

    def stream(part: str) -> FrameStream:
        seed = design_seed(config.seed, part)
        return FrameStream(scenes, seed=seed, views=config.views, size=victim.input_size, device=device)

    held_out = stream("held-out")
    bare = PaintedSign(sign, sign.texture(px).to(device), torch.ones(1, px, px, device=device))
    with under_attack(victim):
        clean_logits = check_logits(victim, held_out.render(bare, 0))
    true_class = true_class_of(sign, victim, config.true_class)
    goal = build_goal(config.goal, victim=victim, true_class=true_class, clean_logits=clean_logits)
    return _Parts(sign, victim, scenes, goal, px, device, stream("train"), held_out)


def _identity(config: DesignConfig) -> str:
    return hashlib.sha256(config.model_dump_json().encode()).hexdigest()


class _Design:
    """The stages of one design, each a :class:`Run`, between checkpoints."""

    def __init__(self, config: DesignConfig, parts: _Parts, checkpoint: Checkpoint | None, listener: Listener | None):
        self.config, self.parts, self.checkpoint, self.listener = config, parts, checkpoint, listener
        self.paint = Paint(config.paint)
        self.palette = load_palette()

    def _run(self, stage: str, perturbation: Sticker, budget: Budget, *, stop_at: float, search: Any) -> Run:
        return Run(
            stage=stage,
            perturbation=perturbation,
            goal=self.parts.goal,
            search=search,
            victim=self.parts.victim,
            train=self.parts.train,
            held_out=self.parts.held_out,
            held_out_batches=max(1, -(-self.config.held_out_frames // self.config.views)),
            budget=budget,
            check_every=self.config.check_every,
            stop_at=stop_at,
            listener=self.listener,
        )

    def _options(self) -> dict[str, Any]:
        return {
            "px": self.parts.px,
            "device": self.parts.device,
            "palette": self.palette,
            "smoothness": self.config.smoothness,
            "printability": self.config.printability,
        }

    def _generator(self, number: int) -> torch.Generator:
        return torch.Generator().manual_seed(design_seed(self.config.seed, f"start/{number}"))

    def _follow(self, run: Run, name: str, start: Snapshot, extra: dict[str, Any]) -> Snapshot:
        snapshot = start
        try:
            for snapshot in run.snapshots(start):
                if self.checkpoint:
                    self.checkpoint.write(name, snapshot, extra, force=snapshot.finished)
        except KeyboardInterrupt:
            if self.checkpoint and snapshot.step:
                self.checkpoint.write(name, snapshot, extra, force=True)
            raise
        return snapshot

    def __call__(self) -> tuple[Mask, Snapshot, Run]:
        """Mask, best snapshot and its run."""
        saved = self.checkpoint.read(self.parts.device) if self.checkpoint else None
        name, snapshot, extra = saved or ("", None, {})
        budget = Budget(self.config.steps, self.config.seconds)
        mask_config = self.config.mask
        if isinstance(mask_config, Discover):
            if "stickers" not in extra:
                start = snapshot if name == "discover" else None
                extra["stickers"] = self._discover(mask_config, budget.share(mask_config.share), start)
                name, snapshot = "", None
            mask = build_mask(extra["stickers"], self.parts.sign, px=self.parts.px)
            budget = budget.share(1.0 - mask_config.share)
        else:
            mask = build_mask(mask_config, self.parts.sign, px=self.parts.px)
        perturbation = Sticker(self.parts.sign, mask, self.paint, **self._options())
        first = int(name.removeprefix("run ")) if name.startswith("run ") else 0
        best: Snapshot | None = None
        for number in range(first, self.config.restarts):
            stage = "design" if self.config.restarts == 1 else f"design {number + 1}/{self.config.restarts}"
            run = self._run(
                stage,
                perturbation,
                budget.share(1.0 / self.config.restarts),
                stop_at=self.config.stop_at,
                search=self.config.search,
            )
            start = snapshot if snapshot is not None and number == first else run.begin(self._generator(number))
            done = self._follow(run, f"run {number}", _carry(start, best), extra)
            best, snapshot = done, None
            if done.held >= 3:
                break
        assert best is not None
        return mask, best, run

    def _discover(self, config: Discover, budget: Budget, start: Snapshot | None) -> dict[str, Any]:
        """RP2's first stage: a sparse change of the whole face, thresholded into stickers."""
        full = build_mask("poster", self.parts.sign, px=self.parts.px)
        face = FullFace(self.parts.sign, full, self.paint, sparsity=config.sparsity, **self._options())
        run = self._run("where to paint", face, budget, stop_at=2.0, search=self.config.search)
        start = start or run.begin(self._generator(-1))
        done = self._follow(run, "discover", start, {})
        with torch.no_grad():
            change = face.change(done.theta)
        found = discover_mask(
            change.cpu(),
            self.parts.sign,
            max_stickers=config.max_stickers,
            min_side_mm=config.min_side_mm,
            max_area_fraction=config.max_area_fraction,
        )
        return found.config.model_dump(mode="json")


def _carry(start: Snapshot, best: Snapshot | None) -> Snapshot:
    """A fresh start that must beat what an earlier restart has found."""
    if best is None or start.step:
        return start
    return Snapshot(
        theta=start.theta,
        search=start.search,
        best_theta=best.best_theta,
        best_success=best.best_success,
        best_loss=best.best_loss,
    )


def design(
    config: DesignConfig,
    *,
    out: Path | None = None,
    victim: Victim | None = None,
    listener: Listener | None = None,
    replace: bool = False,
) -> Patch:
    """Designs a patch.

    Args:
        config: what to design, for whom, through which scenes, and how long.
        out: folder of the bundle. While the design runs, it holds the checkpoint from which the same call resumes.
        victim: a model that is loaded already, in place of ``config.victim``.
        listener: told of every step.
        replace: overwrite a bundle that is there.

    Raises:
        PhysadvError: something in ``config`` is wrong, or ``out`` belongs to another design.
    """
    checkpoint = None
    if out is not None:
        if (out / "patch.json").exists() and not replace:
            raise PhysadvError(f"{out}: holds a patch already; choose another --out, or add --replace")
        if out.exists() and not out.is_dir():
            raise PhysadvError(f"{out}: is a file; --out should be a folder")
        checkpoint = Checkpoint(out / CHECKPOINT, identity=_identity(config))
    parts = _prepare(config, victim)
    with under_attack(parts.victim):
        mask, best, run = _Design(config, parts, checkpoint, listener)()
    assert best.best_theta is not None
    patch = _bundle(config, parts, mask, best, run, name=out.name if out else "patch")
    if out is not None:
        save_patch(patch, out, replace=True)
    return patch
