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
    SeedOption,
    VictimOption,
    behind,
    held_out,
    out_folder,
)
from physadv.cli.streams import say
from physadv.core.files import check_writable
from physadv.core.number_format import percent


def run(
    experiment: Annotated[
        str, typer.Argument(metavar="EXPERIMENT", help="Experiment file, or a shipped experiment.")
    ] = "stop-sign",
    out: Annotated[Path | None, out_folder("Folder of the results. [default: runs/NAME]")] = None,
    device: DeviceOption = "auto",
) -> None:
    """Design a patch, evaluate it and write the report.

    If it was stopped, the same command resumes.
    """
    from physadv.cli.progress import progress_bar
    from physadv.evaluation.experiment import EVALUATION, load_experiment, run_experiment

    plan = load_experiment(experiment)
    folder = out or Path("runs") / plan.name
    check_writable(folder)
    with progress_bar() as listener:
        summary = run_experiment(plan, folder, listener=listener, device=device)
    finish(summary, folder / EVALUATION)


def design(
    out: Annotated[Path, out_folder("Folder of the patch to write.")],
    victim: VictimOption = "gtsrb-cnn",
    defense: DefenseOption = None,
    sign: Annotated[
        str, typer.Option(help="The sign to paint on: a name (see physadv list signs) or a YAML file.")
    ] = "us/stop",
    goal: GoalOption = "untargeted",
    mask: Annotated[
        str,
        typer.Option(help="Where paint may go: a kind (physadv list masks), a YAML file, or a drawing (SVG, PNG)."),
    ] = "bars",
    paint: Annotated[
        str, typer.Option(help="Which colours: a kind of paint (see physadv list paints) or a YAML file.")
    ] = "free",
    scene: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SCENE", help="Scene to design through: a name or a YAML file; may be repeated. [default: wide]"
        ),
    ] = None,
    search: Annotated[str, typer.Option(help="Search: adam or sign.")] = "adam",
    seconds: Annotated[float | None, typer.Option(help="Time budget. [default: 60, without --steps]")] = None,
    steps: Annotated[
        int | None, typer.Option(help="Step budget: gives the same patch every time, which --seconds does not.")
    ] = None,
    restarts: Annotated[int, typer.Option(help="Starts that share the budget; the best is kept.")] = 1,
    seed: SeedOption = 0,
    views: Annotated[int, typer.Option(help="Frames in each step.")] = 64,
    true_class: Annotated[
        str | None, typer.Option(help="The victim's name for the sign's class, if no name matches.")
    ] = None,
    calibration: CalibrationOption = None,
    device: DeviceOption = "auto",
    replace: Annotated[bool, typer.Option("--replace", help="Replace the patch that is there.")] = False,
) -> None:
    """Design a patch that makes a victim misread a sign.

    Paint is searched through differentiable scenes. If it was stopped, the same command resumes.
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
        "search": {"kind": search},
        "seconds": seconds,
        "steps": steps,
        "restarts": restarts,
        "seed": seed,
        "views": views,
        "true_class": true_class,
        "calibration": str(calibration) if calibration else None,
        "device": device,
    }
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
