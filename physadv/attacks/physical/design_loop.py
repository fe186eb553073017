"""The stages of a design, each a :class:`Run`, between checkpoints; and what a kind of mask makes of them.

A mask whose shapes are there is painted by :class:`Sticker`. A kind that is searched brings its own search:
:func:`perturbation_of` and :func:`find_place` are generic functions, and its file registers with them what it needs.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import singledispatch
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from physadv.attacks.physical.engine import Budget, Run, Snapshot, design_seed
from physadv.attacks.physical.perturbations import Perturbation, Sticker
from physadv.attacks.physical.sign_search import SignTask, Work
from physadv.patches import MaskConfig, PaintConfig, build_mask, ink_of, load_palette, parse_mask

if TYPE_CHECKING:
    from physadv.attacks.physical.rp2 import DesignConfig


class DesignLoop:
    """The runs of one design.

    Attributes:
        config, task: what is designed, and what its words mean.
        paint, palette, ink: of the stickers.
    """

    def __init__(self, config: DesignConfig, task: SignTask, work: Work) -> None:
        self.config, self.task, self.work = config, task, work
        self.paint: PaintConfig = config.paint
        self.palette, self.ink = load_palette(), ink_of(config.calibration)

    def run(self, stage: str, perturbation: Perturbation, budget: Budget, *, stop_at: float) -> Run:
        """A run with this design's parts."""
        return Run(
            stage=stage,
            perturbation=perturbation,
            goal=self.task.goal,
            search=self.config.search,
            victim=self.task.victim,
            train=self.task.train,
            held_out=self.task.held_out,
            held_out_batches=max(1, -(-self.config.held_out_frames // self.config.views)),
            budget=budget,
            check_every=self.config.check_every,
            stop_at=stop_at,
            listener=self.work.listener,
        )

    def generator(self, number: int) -> torch.Generator:
        """Of the random numbers of a run's start."""
        return torch.Generator().manual_seed(design_seed(self.config.seed, f"start/{number}"))

    def follow(self, run: Run, name: str, start: Snapshot, extra: Mapping[str, Any]) -> Snapshot:
        """Runs to the end, and leaves checkpoints of that name with what is found already."""
        checkpoint = self.work.checkpoint
        snapshot = start
        try:
            for snapshot in run.snapshots(start):
                if checkpoint:
                    checkpoint.write(name, snapshot, dict(extra), force=snapshot.finished)
        except KeyboardInterrupt:
            if checkpoint and snapshot.step:
                checkpoint.write(name, snapshot, dict(extra), force=True)
            raise
        return snapshot

    def __call__(self) -> tuple[Snapshot, Run]:
        """Best snapshot and its run."""
        checkpoint, config = self.work.checkpoint, self.config
        spent_s = time.perf_counter() - self.work.started
        saved = checkpoint.read(self.task.device) if checkpoint else None
        name, snapshot, extra = saved or ("", None, {})
        budget = Budget(config.steps, max(1.0, config.seconds - spent_s) if config.seconds else None)
        mask: MaskConfig = config.mask
        warm: Tensor | None = None
        if mask.share_to_find:
            if "stickers" not in extra:
                where = budget.share(mask.share_to_find)
                extra["stickers"], warm = find_place(mask, self, where, name, snapshot, extra)
                name, snapshot = "", None
            budget = budget.share(1.0 - mask.share_to_find)
            mask = parse_mask(extra["stickers"])
        perturbation = perturbation_of(mask, self)
        first = int(name.removeprefix("run ")) if name.startswith("run ") else 0
        best: Snapshot | None = None
        for number in range(first, config.restarts):
            stage = "design" if config.restarts == 1 else f"design {number + 1}/{config.restarts}"
            run = self.run(stage, perturbation, budget.share(1.0 / config.restarts), stop_at=config.stop_at)
            start = snapshot if snapshot is not None and number == first else run.begin(self.generator(number), warm)
            done = self.follow(run, f"run {number}", _carry(start, best), extra)
            best, snapshot, warm = done, None, None
            if done.held >= 3:
                break
        assert best is not None
        return best, run


@singledispatch
def perturbation_of(mask: MaskConfig, loop: DesignLoop) -> Perturbation:
    """What may change on the sign, for a kind of mask: paint in its shapes, unless the kind has registered its own."""
    task, config = loop.task, loop.config
    return Sticker(
        task.sign,
        build_mask(mask, task.sign, px=task.px),
        loop.paint,
        px=task.px,
        device=task.device,
        palette=loop.palette,
        smoothness=config.smoothness,
        printability=0.0 if config.calibration else config.printability,
        ink=loop.ink,
    )


@singledispatch
def find_place(
    mask: MaskConfig, loop: DesignLoop, budget: Budget, name: str, saved: Snapshot | None, extra: Mapping[str, Any]
) -> tuple[dict[str, Any], Tensor]:
    """Where the stickers of a kind of mask go, for those kinds that have no place before they are designed.

    Args:
        mask: whose kind has registered how.
        loop: whose runs it is made of.
        budget: what may be spent.
        name, saved, extra: of the checkpoint that the work resumes from; empty, None and empty at first.

    Returns:
        The keys of a mask that has shapes, and the paint's parameters that they were found with.
    """
    raise NotImplementedError(f"mask kind {mask.kind!r} does not say how it is found")


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
