"""Designing a patch: RP2 through the roadside, as a recipe of the four parts."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn import functional as F

from physadv.attacks.gradients import check_differentiable
from physadv.attacks.physical.brush_strokes import Graffiti, Strokes
from physadv.attacks.physical.clean_sign import unread, warn_unread
from physadv.attacks.physical.discover import DiscoverRectangles, Found, attribution
from physadv.attacks.physical.engine import (
    Budget,
    Checkpoint,
    FrameStream,
    Run,
    Snapshot,
    design_seed,
    pictures_of,
    shared_pictures,
)
from physadv.attacks.physical.freeform_stickers import FreeformStickers
from physadv.attacks.physical.moving_stickers import MovingStickers
from physadv.attacks.physical.perturbations import FullFace, Perturbation, Sticker
from physadv.attacks.searches import Search, SearchConfig
from physadv.core.config import BesidePath, Config, validate
from physadv.core.devices import AUTO, DeviceName, device_name, pick_device
from physadv.core.errors import PhysadvError
from physadv.core.files import sha256
from physadv.core.identity import digest_of
from physadv.core.limits import MAX_HELD_OUT, MAX_SECONDS, MAX_STEPS, MAX_TEXTURE_PX
from physadv.core.memory import keep_freed_memory
from physadv.core.progress import Listener
from physadv.core.versions import package_versions
from physadv.defenses import VICTIMS, VictimField
from physadv.goals import Goal, build_goal
from physadv.patches import (
    CHECKPOINT,
    Ink,
    MaskConfig,
    MaskField,
    PaintConfig,
    Patch,
    VictimNote,
    build_mask,
    bundle_of,
    check_fits,
    check_replaceable,
    discover_mask,
    ink_of,
    load_palette,
    new_patch,
    parse_mask,
    save_patch,
)
from physadv.patches.mask_kinds.rectangles import Stickers
from physadv.scenes import PaintedSign, Part, Scene, ScenesField
from physadv.signs import Sign, SignField, class_names
from physadv.victims import MODEL_OPTIONS, Victim, as_victim, check_logits, placed, under_attack

_MOVING = 0.7
"""Share of the time to discover that goes to moving the stickers."""


class DesignConfig(Config):
    """Everything that makes a design; echoed whole into the patch's record, so that it can be run again from itself."""

    sign: SignField = Field(default="us/stop", validate_default=True)
    victim: VictimField = Field(default="gtsrb-cnn", validate_default=True)
    goal: str = "untargeted"
    mask: MaskField = Field(default="bars", validate_default=True)
    paint: PaintConfig = Field(default="free", validate_default=True)
    scenes: ScenesField = Field(default=("wide",), validate_default=True)
    search: SearchConfig = Field(default="adam", validate_default=True)
    seconds: float | None = Field(default=None, gt=0, le=MAX_SECONDS)
    """Budget of working time. Results differ from machine to machine; give ``steps`` for a repeatable design."""
    steps: int | None = Field(default=None, gt=0, le=MAX_STEPS)
    restarts: int = Field(default=1, ge=1, le=100)
    """Runs from different starts that share the budget; the best on held-out frames is kept."""
    seed: int = Field(default=0, ge=0, lt=2**31)
    views: int = Field(default=64, ge=1, le=4096)
    """Frames a step."""
    texture_px: int | None = Field(default=None, ge=16, le=MAX_TEXTURE_PX)
    """Texels a side while optimising; four times the victim's input if not given, 128 to 512."""
    held_out_frames: int = Field(default=256, ge=16, le=MAX_HELD_OUT)
    """Frames, never trained on, that choose the best iterate and stop the design early."""
    check_every: int = Field(default=50, ge=1, le=MAX_STEPS)
    stop_at: float = Field(default=0.998, gt=0)
    """Held-out success at which, three checks in a row, the design ends early; above 1: never."""
    smoothness: float = Field(default=0.02, ge=0)
    printability: float = Field(default=0.2, ge=0)
    """Weight of the distance from a generic printer's colours. More of it makes patches that, each colour replaced by
    the nearest that can be printed, do less. With ``calibration`` there is none, for what is searched
    then is what to send to the printer, all of which it can print."""
    calibration: BesidePath | None = None
    """File of ``physadv calibrate``: printer and camera through which colours are seen; sRGB's own if not given."""
    true_class: str | None = None
    """The sign's class in the victim's words, where they cannot be matched by name."""
    device: DeviceName = AUTO

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
    doubts: tuple[str, ...]
    """What makes the victim doubtful before anything is painted."""
    ink: Ink


def true_class_of(sign: Sign, victim: Victim, name: str | None = None) -> int:
    """Index of the sign's own class in the victim's classes.

    Raises:
        PhysadvError: the victim does not know the sign, or has no class of the name given.
    """
    if name is not None:
        return victim.class_index(name)
    option = "--true-class" if getattr(victim, "by_card", True) else "true_class="  # a module came through Python
    try:
        index = victim.find_class(*sign.labels)
    except PhysadvError as error:
        raise PhysadvError(f"sign {sign.name}: {error}, with {option}") from error
    numbered = index is not None and victim.classes[index].isdecimal()
    if index is None or (numbered and len(victim.classes) != len(class_names("gtsrb"))):  # only GTSRB's are known
        raise PhysadvError(
            f"victim {victim.name!r}: none of its classes is sign {sign.name} ({', '.join(sign.labels)}); "
            f"say which with {option}: {', '.join(victim.classes)}"
        )
    return index


def _prepare(config: DesignConfig, victim: Victim) -> _Parts:
    """What the words mean, for a victim that is on the configuration's device."""
    keep_freed_memory()
    ink = ink_of(config.calibration)
    device = pick_device(config.device)
    sign = config.sign.value
    scenes = tuple(scene.value for scene in config.scenes)
    for scene in scenes:
        if not scene.differentiable:
            raise PhysadvError(f"scene {scene.name!r}: has no gradient, so it can score a patch but not design one")
    check_differentiable(victim, "a design")
    px = config.texture_px or max(128, min(512, 1 << (4 * max(victim.input_size) - 1).bit_length()))

    def stream(part: Part) -> FrameStream:
        shown, seed = [scene.parted(part) for scene in scenes], design_seed(config.seed, part)
        return FrameStream(shown, seed=seed, views=config.views, size=victim.input_size, box=victim.box, device=device)

    held_out = stream("held-out")
    bare = PaintedSign(sign, sign.texture(px).to(device), torch.ones(1, px, px, device=device))
    with under_attack(victim, quicken=False):
        clean_logits = check_logits(victim, held_out.render(bare, 0))
    true_class = true_class_of(sign, victim, config.true_class)
    warn_unread(victim, sign, true_class, clean_logits)
    doubts = (
        *filter(None, [unread(victim, sign, true_class, clean_logits)]),
        *(f"{victim.name}: {doubt}" for doubt in victim.doubts),
    )
    goal = build_goal(config.goal, victim=victim, true_class=true_class, clean_logits=clean_logits)
    return _Parts(sign, victim, scenes, goal, px, device, stream("train"), held_out, doubts, ink)


def _identity(config: DesignConfig, parts: _Parts) -> dict[str, Any]:
    """All that decides the patch, files by their content."""
    named = {"sign", "victim", "scenes", "calibration", "device"}
    return {
        "config": config.model_dump(mode="json", exclude=named),
        "sign": parts.sign.fingerprint,
        "victim": parts.victim.fingerprint,
        "scenes": [scene.fingerprint for scene in parts.scenes],
        "calibration": sha256(Path(config.calibration)) if config.calibration else None,
        "device": str(parts.device),
        "versions": package_versions(),
    }


class _Design:
    """The stages of one design, each a :class:`Run`, between checkpoints."""

    def __init__(
        self,
        config: DesignConfig,
        parts: _Parts,
        checkpoint: Checkpoint | None,
        listener: Listener | None,
        spent_s: float = 0.0,
    ) -> None:
        self.config, self.parts, self.checkpoint, self.listener = config, parts, checkpoint, listener
        self.spent_s = spent_s
        self.paint = config.paint
        self.palette = load_palette()
        self.ink = parts.ink

    def run(self, stage: str, perturbation: Perturbation, budget: Budget, *, stop_at: float) -> Run:
        """A run with this design's parts."""
        return Run(
            stage=stage,
            perturbation=perturbation,
            goal=self.parts.goal,
            search=self.config.search,
            victim=self.parts.victim,
            train=self.parts.train,
            held_out=self.parts.held_out,
            held_out_batches=max(1, -(-self.config.held_out_frames // self.config.views)),
            budget=budget,
            check_every=self.config.check_every,
            stop_at=stop_at,
            listener=self.listener,
        )

    def perturbation(self, mask: MaskConfig) -> Perturbation:
        """What may change, for a mask."""
        if isinstance(mask, Strokes):
            return Graffiti(self.parts.sign, mask, px=self.parts.px, device=self.parts.device, ink=self.ink)
        return Sticker(
            self.parts.sign,
            build_mask(mask, self.parts.sign, px=self.parts.px),
            self.paint,
            px=self.parts.px,
            device=self.parts.device,
            palette=self.palette,
            smoothness=self.config.smoothness,
            printability=0.0 if self.config.calibration else self.config.printability,
            ink=self.ink,
        )

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

    def __call__(self) -> tuple[Snapshot, Run]:
        """Best snapshot and its run."""
        saved = self.checkpoint.read(self.parts.device) if self.checkpoint else None
        name, snapshot, extra = saved or ("", None, {})
        seconds = self.config.seconds
        budget = Budget(self.config.steps, max(1.0, seconds - self.spent_s) if seconds else None)
        mask_config = self.config.mask
        warm: Tensor | None = None
        if isinstance(mask_config, Found):
            if "stickers" not in extra:
                where = budget.share(mask_config.share)
                extra["stickers"], warm = self._found(mask_config, where, name, snapshot, extra)
                name, snapshot = "", None
            budget = budget.share(1.0 - mask_config.share)
            mask_config = parse_mask(extra["stickers"])
        perturbation = self.perturbation(mask_config)
        first = int(name.removeprefix("run ")) if name.startswith("run ") else 0
        best: Snapshot | None = None
        for number in range(first, self.config.restarts):
            stage = "design" if self.config.restarts == 1 else f"design {number + 1}/{self.config.restarts}"
            run = self.run(stage, perturbation, budget.share(1.0 / self.config.restarts), stop_at=self.config.stop_at)
            start = snapshot if snapshot is not None and number == first else run.begin(self._generator(number), warm)
            done = self._follow(run, f"run {number}", _carry(start, best), extra)
            best, snapshot, warm = done, None, None
            if done.held >= 3:
                break
        assert best is not None
        return best, run

    def _found(
        self, config: Found, budget: Budget, name: str, saved: Snapshot | None, extra: dict[str, Any]
    ) -> tuple[dict[str, Any], Tensor]:
        """Stickers of the kind asked for, and the paint that they came with."""
        if isinstance(config, DiscoverRectangles):
            return self._rectangles(config, budget, name, saved, extra.get("kept", {"kind": "poster"}))
        shapes = FreeformStickers(
            self.parts.sign,
            self.paint,
            px=self.parts.px,
            device=self.parts.device,
            max_stickers=config.max_stickers,
            min_side_mm=config.min_side_mm,
            max_area_fraction=config.max_area_fraction,
            ink=self.ink,
        )
        run = self.run("where", shapes, budget, stop_at=2.0)
        theta = self._follow(run, "where", saved or run.begin(self._generator(-1)), {}).theta
        return shapes.mask(theta).config.model_dump(mode="json"), shapes.paint_of(theta)

    def _rectangles(
        self, config: DiscoverRectangles, budget: Budget, name: str, saved: Snapshot | None, kept: dict[str, Any]
    ) -> tuple[dict[str, Any], Tensor]:
        """RP2's first stage, in rounds: paint what is kept of the face, keep what contributes most; stickers, paint."""
        parts = self.parts
        check_fits(parts.sign, px=parts.px, min_side_mm=config.min_side_mm, max_area_fraction=config.max_area_fraction)
        rounds = config.rounds()
        first = int(name.removeprefix("discover ")) if name.startswith("discover ") else 0
        theta: Tensor | None = None
        for number in range(first, len(rounds)):
            face = FullFace(
                parts.sign,
                build_mask(kept, parts.sign, px=parts.px),
                self.paint,
                px=parts.px,
                device=parts.device,
                palette=self.palette,
                sparsity=config.sparsity,
                ink=self.ink,
            )
            stage = f"where {number + 1}/{len(rounds)}"
            run = self.run(stage, face, budget.share((1.0 - _MOVING) / len(rounds)), stop_at=2.0)
            start = saved if number == first and saved else run.begin(self._generator(-1), theta)
            done = self._follow(run, f"discover {number}", start, {"kept": kept})
            theta = done.theta
            area, stickers = rounds[number]
            saliency = attribution(face, theta, victim=parts.victim, goal=parts.goal, frames=parts.train)
            found = discover_mask(
                _smoothed(saliency),
                parts.sign,
                max_stickers=stickers,
                min_side_mm=config.min_side_mm,
                max_area_fraction=area,
            )
            kept = found.config.model_dump(mode="json")
        assert theta is not None
        return self._moved(config, kept, theta, budget)

    def _moved(
        self, config: DiscoverRectangles, kept: dict[str, Any], theta: Tensor, budget: Budget
    ) -> tuple[dict[str, Any], Tensor]:
        """The stickers after a run in which they move together with their paint."""
        moving = MovingStickers(
            self.parts.sign,
            Stickers.model_validate(kept),
            self.paint,
            px=self.parts.px,
            device=self.parts.device,
            max_area_fraction=config.max_area_fraction * 0.999,
            min_side_mm=config.min_side_mm,
            ink=self.ink,
        )
        run = self.run("moving", moving, budget.share(_MOVING), stop_at=2.0)
        *_, done = run.snapshots(run.begin(self._generator(-2), moving.joined(theta)))
        best = done.best_theta if done.best_theta is not None else done.theta
        return moving.stickers(best).model_dump(mode="json"), moving.paint_of(best)


def _smoothed(saliency: Tensor) -> Tensor:
    """Averages ``[P, P]`` over a neighbourhood of 1/32 of the sign: neighbours' shares are noisy and of either sign."""
    width = max(1, saliency.shape[-1] // 64) * 2 + 1
    return F.avg_pool2d(saliency[None, None], width, stride=1, padding=width // 2)[0, 0].cpu()


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


def _flags(snapshot: Snapshot) -> list[str]:
    """What makes the search itself doubtful."""
    flags = []
    if snapshot.zero_gradients:
        flags.append(f"gradient was zero in {snapshot.zero_gradients} of {snapshot.step} steps")
    losses = snapshot.losses
    if len(losses) >= 8:
        quarter = len(losses) // 4
        before, last = sum(losses[-2 * quarter : -quarter]) / quarter, sum(losses[-quarter:]) / quarter
        if last < 0.95 * before and snapshot.held < 3:
            flags.append(
                f"loss still falling at the last step ({before:.3g} to {last:.3g}); more seconds or steps would help"
            )
    return flags


def _bundle(
    config: DesignConfig, parts: _Parts, best: Snapshot, run: Run, *, name: str, identity: dict[str, Any]
) -> Patch:
    """The patch with its record."""
    assert best.best_theta is not None
    frames = run.held_out_batches * config.views
    measured = {
        "held_out_success": round(best.best_success, 4),
        "held_out_frames": frames,
        "held_out_loss": round(best.best_loss, 5),
        "steps": best.step,
        "seconds": round(best.elapsed_s, 1),
        "held_out_history": [round(success, 4) for success in best.successes],
        "loss_history": [round(loss, 4) for loss in best.losses],
        "flags": [*parts.doubts, *_flags(best), *shared_pictures(parts.scenes)],
        **pictures_of(parts.scenes),
    }
    with torch.no_grad():
        mask, paint = run.perturbation.finish(best.best_theta)
    victim = parts.victim
    return new_patch(
        parts.sign,
        mask,
        paint,
        name=name,
        made={
            "paint": config.paint.model_dump(mode="json"),
            "attack": "rp2-roadside",
            "config": config.model_dump(mode="json"),
            "goal": parts.goal.words,
            "seed": config.seed,
            "victim": VictimNote(name=victim.name, sha256=victim.sha256, source=victim.source),
            "measured": measured,
            "identity": identity,
        },
    )


def prepare_step(config: DesignConfig, victim: Victim, *, goal: Goal, search: Search) -> Callable[[], None]:
    """One optimisation step after another, without checks and bookkeeping: what a benchmark times."""
    parts = _prepare(config, victim.to(pick_device(config.device)))
    parts = replace(parts, goal=goal)
    maker = _Design(config, parts, None, None)
    run = maker.run("bench", maker.perturbation(config.mask), Budget(1, None), stop_at=2.0)
    now = run.begin(torch.Generator().manual_seed(0))

    def step() -> None:
        nonlocal now
        _, gradient = run.gradient(now.theta, now.step)
        theta, state = search.step(now.theta, gradient, now.search, progress=0.0)
        now = replace(now, theta=run.perturbation.project(theta), search=state, step=now.step + 1)

    return step


def _asked(config: DesignConfig | None, victim: Any, options: dict[str, Any]) -> DesignConfig:
    """Configuration of a call, model and all, however it is given."""
    model = {key: options[key] for key in options if key in MODEL_OPTIONS}
    keys = {key: options[key] for key in options if key not in MODEL_OPTIONS}
    if isinstance(victim, (str, Path)) or victim is None:
        if model:
            raise PhysadvError(
                f"{next(iter(model))}: is for a torch module or a function as victim; a card says it itself"
            )
    else:
        victim = as_victim(victim, **model)
    told = {} if victim is None else {"victim": VICTIMS.refer(victim)}
    if config is not None:
        if keys:
            raise PhysadvError(f"{next(iter(keys))}: give it in the configuration, or give no configuration")
        return config.model_copy(update=told)
    if not {"seconds", "steps"} & set(keys):
        keys["seconds"] = 60.0
    return validate(DesignConfig, {**told, **keys}, "physadv.design")


def design(
    config: DesignConfig | None = None,
    *,
    out: str | Path | None = None,
    victim: Victim | nn.Module | Callable[[Tensor], Any] | str | Path | None = None,
    listener: Listener | None = None,
    overwrite: bool = False,
    **options: Any,
) -> Patch:
    """Designs a patch.

    Args:
        config: what to design, for whom, through which scenes, and how long; or its keys in ``options``.
        out: folder of the bundle. While the design runs, it holds the checkpoint from which the same call resumes; when
            it is done, the same call reads the patch that is there.
        victim: in place of ``config.victim``: a name, a card, a victim that is loaded, or any torch module or function
            of pictures, together with ``classes`` and what else :func:`physadv.victims.wrap_module` takes.
        listener: told of every step.
        overwrite: design anew, and replace the bundle that is there.
        options: keys of :class:`DesignConfig` in place of ``config`` (60 seconds if no budget is given), and of a model
            that is a module or function: ``classes``, ``size``, ``mean``, ``std``, ``output`` ...

    Raises:
        PhysadvError: something in ``config`` or ``options`` is wrong, or ``out`` belongs to another design.
    """
    started = time.perf_counter()
    config = _asked(config, victim, options)
    out = Path(out) if out is not None else None
    if out is not None:
        check_replaceable(out)
    config = config.model_copy(update={"device": device_name(config.device)})
    with placed(config.victim.value, pick_device(config.device)) as model:
        parts = _prepare(config, model)
        identity = _identity(config, parts)
        if out is None:
            return _designed(config, parts, None, listener, started, name="patch", identity=identity)
        with bundle_of(out, identity, command="physadv design", overwrite=overwrite) as there:
            if there:
                return there
            checkpoint, name = Checkpoint(out / CHECKPOINT, identity=digest_of(identity)), out.resolve().name
            with checkpoint.kept_if_of_use():
                patch = _designed(config, parts, checkpoint, listener, started, name=name, identity=identity)
            save_patch(patch, out.resolve(), replace=True)
    return patch


def _designed(
    config: DesignConfig,
    parts: _Parts,
    checkpoint: Checkpoint | None,
    listener: Listener | None,
    started: float,
    *,
    name: str,
    identity: dict[str, Any],
) -> Patch:
    with under_attack(parts.victim):
        spent_s = time.perf_counter() - started
        best, run = _Design(config, parts, checkpoint, listener, spent_s)()
    return _bundle(config, parts, best, run, name=name, identity=identity)
