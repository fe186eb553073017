"""``run`` and ``design``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from physadv.cli.evaluate import finish
from physadv.cli.options import CalibrationOption, DefenseOption, DeviceOption, SeedOption, VictimOption, behind
from physadv.cli.streams import say


def run(
    experiment: Annotated[
        Path | None, typer.Argument(help="Experiment file; the shipped stop-sign experiment if not given.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the results; runs/NAME if not given.")] = None,
    device: DeviceOption = "cpu",
) -> None:
    """Design a patch, evaluate it, write the report. The same command resumes what was stopped."""
    from physadv.evaluation.experiment import EVALUATION, load_experiment, run_experiment
    from physadv.progress import design_progress

    plan = load_experiment(experiment)
    folder = out or Path("runs") / plan.name
    with design_progress() as listener:
        summary = run_experiment(plan, folder, listener=listener, device=device)
    finish(summary, folder / EVALUATION)


def design(
    out: Annotated[Path, typer.Option(help="Folder of the patch to write.")],
    victim: VictimOption = "gtsrb-cnn",
    defense: DefenseOption = None,
    sign: Annotated[str, typer.Option(help="The sign to paint on; see physadv signs.")] = "us/stop",
    goal: Annotated[str, typer.Option(help="untargeted, runner_up, or targeted:CLASS.")] = "untargeted",
    mask: Annotated[str, typer.Option(help="Kind of mask, or a mask's YAML file; see physadv list.")] = "bars",
    paint: Annotated[
        str, typer.Option(help="Which colours: a kind of paint, or a paint's YAML file; see physadv list.")
    ] = "free",
    scene: Annotated[
        list[str] | None,
        typer.Option(help="Scene to design through, name or YAML file; may be repeated. [default: wide]"),
    ] = None,
    search: Annotated[str, typer.Option(help="adam or sign.")] = "adam",
    seconds: Annotated[float | None, typer.Option(help="Budget of time. [default: 60]")] = None,
    steps: Annotated[int | None, typer.Option(help="Budget of steps: repeatable, where --seconds is not.")] = None,
    restarts: Annotated[int, typer.Option(help="Runs that share the budget; the best is kept.")] = 1,
    seed: SeedOption = 0,
    views: Annotated[int, typer.Option(help="Frames a step.")] = 64,
    true_class: Annotated[str | None, typer.Option(help="The sign's class in the victim's words.")] = None,
    calibration: CalibrationOption = None,
    device: DeviceOption = "cpu",
    replace: Annotated[bool, typer.Option("--replace", help="Overwrite the patch that is there.")] = False,
) -> None:
    """Design a patch that fools a victim, through differentiable scenes."""
    from physadv.attacks import DesignConfig, design
    from physadv.core.config import validate
    from physadv.defenses import load
    from physadv.progress import design_progress

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
    with design_progress() as listener:
        patch = design(config, out=out, victim=load(config.victim), listener=listener, overwrite=replace)
    measured = patch.record.measured
    say(
        f"{out}: {patch.record.goal} on {measured['held_out_success']:.0%} of {measured['held_out_frames']} frames "
        f"kept aside while designing; {patch.record.area_fraction:.1%} of the sign's area"
    )
    for flag in measured["flags"]:
        say(f"note: {flag}")
    say(f"next: physadv evaluate {out} --victim {victim} --battery stationary-15 --battery drive-by --out report")
