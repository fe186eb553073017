"""``run`` and ``design``."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated, Any

import typer

from physadv.cli.evaluate import finish
from physadv.cli.options import (
    CalibrationOption,
    DefenseOption,
    DeviceOption,
    GoalOption,
    OptionalDeviceOption,
    ScenesOption,
    SeedOption,
    SetOption,
    SignOption,
    TrueClassOption,
    VictimOption,
    ViewsOption,
    behind,
    held_out,
    out_folder,
)
from physadv.cli.streams import say
from physadv.cli.words import joined
from physadv.core.errors import PhysadvError
from physadv.core.files import check_writable
from physadv.core.limits import MAX_STEPS
from physadv.core.number_format import percent


def run(
    experiment: Annotated[
        str, typer.Argument(metavar="EXPERIMENT", help="Experiment file, or a shipped experiment.")
    ] = "stop-sign",
    out: Annotated[Path | None, out_folder("Folder of the results. [default: runs/NAME]")] = None,
    option: SetOption = None,
    device: OptionalDeviceOption = None,
) -> None:
    """Design a patch, evaluate it and write the report.

    --set gives other values than the file to keys of the experiment: design.seconds=5 or evaluate.frames=60. Without
    --device, the experiment's own design.device says where it runs. If it was stopped, the same command resumes.
    """
    from physadv.cli.progress import progress_bar
    from physadv.core.config import settings
    from physadv.evaluation.experiment import EVALUATION, load_experiment, run_experiment

    plan = load_experiment(experiment)
    keys = settings(option or (), "--set")
    design_keys = keys.get("design")
    if isinstance(design_keys, dict) and "device" in design_keys:
        raise PhysadvError(
            f"--set design.device={design_keys['device']}: design.device has an option of its own; give it as --device"
        )
    if keys:
        plan = plan.changed(keys, "physadv run --set")
    folder = out or Path("runs") / plan.name
    check_writable(folder)
    with progress_bar() as listener:
        summary = run_experiment(plan, folder, listener=listener, device=device)
    finish(summary, folder / EVALUATION)


def design(
    out: Annotated[Path, out_folder("Folder of the patch to write.")],
    victim: VictimOption = "gtsrb-cnn",
    defense: DefenseOption = None,
    sign: SignOption = "us/stop",
    goal: GoalOption = "untargeted",
    mask: Annotated[
        str,
        typer.Option(help="Where paint may go: a kind (physadv list masks), a YAML file, or a drawing (SVG, PNG)."),
    ] = "bars",
    paint: Annotated[
        str, typer.Option(help="Which colors: a kind of paint (see physadv list paints) or a YAML file.")
    ] = "free",
    scene: ScenesOption = None,
    search: Annotated[str, typer.Option(help="A kind of search (adam, sign) or a YAML file.")] = "adam",
    seconds: Annotated[float | None, typer.Option(help="Time budget. [default: 60, without --steps]")] = None,
    steps: Annotated[
        int | None,
        typer.Option(
            min=1, max=MAX_STEPS, help="Step budget: gives the same patch every time, which --seconds does not."
        ),
    ] = None,
    restarts: Annotated[int, typer.Option(min=1, max=100, help="Starts that share the budget; the best is kept.")] = 1,
    seed: SeedOption = 0,
    views: ViewsOption = 64,
    true_class: TrueClassOption = None,
    calibration: CalibrationOption = None,
    option: SetOption = None,
    device: DeviceOption = "auto",
    replace: Annotated[bool, typer.Option("--replace", help="Replace the patch that is there.")] = False,
) -> None:
    """Design a patch that makes a victim misread a sign.

    Paint is searched through differentiable scenes, the scene wide if none is given. --set also gives keys of mask,
    paint and search: mask.clearance=0.1 or search.learning_rate=0.1. If it was stopped, the same command resumes.
    """
    from physadv.attacks import DesignConfig, design
    from physadv.cli.progress import progress_bar
    from physadv.core.config import validate

    if seconds is None and steps is None:
        seconds = 60.0
    words: dict[str, Any] = {
        "victim": behind([victim], defense)[0],
        "sign": sign,
        "goal": goal,
        "mask": mask,
        "paint": paint,
        "scenes": scene or ["wide"],
        "search": search,
        "seconds": seconds,
        "steps": steps,
        "restarts": restarts,
        "seed": seed,
        "views": views,
        "true_class": true_class,
        "calibration": str(calibration) if calibration else None,
        "device": device,
    }
    words = joined(words, option, kinds=("mask", "paint", "search"))
    config = validate(DesignConfig, words, "physadv design")
    with progress_bar() as listener:
        patch = design(config, out=out, listener=listener, overwrite=replace)
    measured = patch.record.measured
    say(
        f"{out}: {patch.record.goal} on {held_out(measured)} frames "
        f"held out; {percent(patch.record.area_fraction, 1)} of the sign's area"
    )
    for flag in measured["flags"]:
        say(f"note: {flag}")
    told = f" --true-class {shlex.quote(true_class)}" if true_class else ""
    say(f"next: physadv evaluate {out} --victim {victim}{told} --battery stationary-15 --battery drive-by --out report")
