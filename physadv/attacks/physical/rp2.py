"""Designing a patch: RP2 through the roadside, as a recipe of the four parts."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from physadv.attacks.gradients import check_differentiable
from physadv.attacks.physical import brush_strokes as _brush_strokes  # noqa: F401 (registers a mask and its search)
from physadv.attacks.physical import discover as _discover  # noqa: F401 (likewise)
from physadv.attacks.physical.design_loop import DesignLoop, perturbation_of
from physadv.attacks.physical.engine import Budget, Snapshot
from physadv.attacks.physical.sign_search import SignChange, SignSearch, SignTask, Work, make_patch, prepare
from physadv.attacks.searches import Search, SearchConfig
from physadv.core.config import BesidePath, validate
from physadv.core.devices import pick_device
from physadv.core.errors import PhysadvError
from physadv.core.files import sha256
from physadv.core.limits import MAX_SECONDS, MAX_STEPS
from physadv.core.progress import Listener
from physadv.defenses import VICTIMS
from physadv.goals import Goal
from physadv.patches import Mask, MaskField, PaintConfig, Patch, control_patch, ink_of, new_patch
from physadv.scenes import PaintedSign
from physadv.signs import Sign
from physadv.victims import MODEL_OPTIONS, Victim, as_victim


class DesignConfig(SignSearch):
    """Everything that makes a design."""

    command: ClassVar[str] = "physadv design"

    mask: MaskField = Field(default="bars", validate_default=True)
    paint: PaintConfig = Field(default="free", validate_default=True)
    search: SearchConfig = Field(default="adam", validate_default=True)
    seconds: float | None = Field(default=None, gt=0, le=MAX_SECONDS)
    """Budget of working time. Results differ from machine to machine; give ``steps`` for a repeatable design."""
    steps: int | None = Field(default=None, gt=0, le=MAX_STEPS)
    restarts: int = Field(default=1, ge=1, le=100)
    """Runs from different starts that share the budget; the best on held-out frames is kept."""
    check_every: int = Field(default=50, ge=1, le=MAX_STEPS)
    stop_at: float = Field(default=0.998, gt=0)
    """Held-out success at which, three checks in a row, the design ends early; above 1: never."""
    smoothness: float = Field(default=0.02, ge=0)
    printability: float = Field(default=0.2, ge=0)
    """Weight of the distance from a generic printer's colors. More of it makes patches that, each color replaced by
    the nearest that can be printed, do less. With ``calibration`` there is none, for what is searched
    then is what to send to the printer, all of which it can print."""
    calibration: BesidePath | None = None
    """File of ``physadv calibrate``: printer and camera through which colors are seen; sRGB's own if not given."""

    @model_validator(mode="after")
    def _check(self) -> DesignConfig:
        if self.seconds is None and self.steps is None:
            raise ValueError("give a budget: seconds or steps")
        return self

    def check_victim(self, victim: Victim) -> None:
        """Whether the calibration is one, and scenes and victim have gradients."""
        ink_of(self.calibration)
        for scene in (one.value for one in self.scenes):
            if not scene.differentiable:
                why = f" ({scene.why_no_gradient})" if scene.why_no_gradient else ""
                raise PhysadvError(
                    f"scene {scene.name!r}: has no gradient{why}, so it can score a patch but not design one"
                )
        check_differentiable(victim, "a design")

    @property
    def decides(self) -> dict[str, Any]:
        """With the calibration by its content."""
        named = {"sign", "victim", "scenes", "calibration", "device"}
        content = sha256(Path(self.calibration)) if self.calibration else None
        return {"config": self.model_dump(mode="json", exclude=named), "calibration": content}

    def find(self, task: SignTask, work: Work) -> SignChange:
        """Runs the stages of the design."""
        loop = DesignLoop(self, task, work)
        best, run = loop()
        assert best.best_theta is not None
        with torch.no_grad():
            mask, paint = run.perturbation.finish(best.best_theta)
        return DesignedPaint(task.sign, mask, paint, config=self, best=best, frames=run.held_out_batches * self.views)


class DesignedPaint(SignChange):
    """Paint in a mask."""

    attack = "rp2-roadside"

    def __init__(
        self, sign: Sign, mask: Mask, paint: Tensor, *, config: DesignConfig, best: Snapshot, frames: int
    ) -> None:
        self.sign, self.mask, self.paint, self._kind = sign, mask, paint, config.paint
        self.queries = self.gradients = best.step * config.views
        self.flags = tuple(_flags(best))
        self.measured = {
            "held_out_success": round(best.best_success, 4),
            "held_out_frames": frames,
            "held_out_loss": round(best.best_loss, 5),
            "steps": best.step,
            "seconds": round(best.elapsed_s, 1),
            "held_out_history": [round(success, 4) for success in best.successes],
            "loss_history": [round(loss, 4) for loss in best.losses],
        }

    def patch(self, name: str, made: dict[str, Any]) -> Patch:
        made = {"paint": self._kind.model_dump(mode="json"), **made}
        return new_patch(self.sign, self.mask, self.paint, name=name, made=made)

    def shown(self, px: int, device: torch.device) -> dict[str, PaintedSign]:
        patch = self.patch("patch", {})
        return {
            name: PaintedSign(self.sign, one.painted(px).to(device), one.sheeting(px).to(device))
            for name, one in (("attacked", patch), ("gray", control_patch(patch, "gray")))
        }


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


def prepare_step(config: DesignConfig, victim: Victim, *, goal: Goal, search: Search) -> Callable[[], None]:
    """One optimization step after another, without checks and bookkeeping: what a benchmark times."""
    task = replace(prepare(config, victim.to(pick_device(config.device))), goal=goal)
    loop = DesignLoop(config, task, Work(time.perf_counter()))
    run = loop.run("bench", perturbation_of(config.mask, loop), Budget(1, None), stop_at=2.0)
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
    config = _asked(config, victim, options)
    return make_patch(config, out=Path(out) if out is not None else None, listener=listener, overwrite=overwrite)
