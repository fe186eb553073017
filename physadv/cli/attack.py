"""``attack``: pictures of a data set, or a sign through scenes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from physadv.cli.options import (
    DataOption,
    DefenseOption,
    DeviceOption,
    GoalOption,
    SeedOption,
    behind,
    held_out,
    out_folder,
)
from physadv.cli.streams import say
from physadv.core.errors import PhysadvError
from physadv.core.number_format import percent


def attack(
    attacks: Annotated[list[str], typer.Argument(metavar="ATTACK", help="Names of attacks; see physadv list attacks.")],
    out: Annotated[Path, out_folder("Folder of the results, or of the patch.")],
    victim: Annotated[
        list[str],
        typer.Option(
            metavar="NAME|CARD", help="A shipped victim's name, or the path of a victim card; may be repeated."
        ),
    ],
    defense: DefenseOption = None,
    goal: GoalOption = "untargeted",
    option: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="An attack's option: eps=0.03 for all that have it, or pgd.eps=0.03 for one.",
        ),
    ] = None,
    dataset: Annotated[str, typer.Option(help="Data set of the pictures: gtsrb, lisa or image-folder.")] = "gtsrb",
    split: Annotated[str | None, typer.Option(help="Split of the data set. [default: that for testing]")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many pictures; --seed draws them.")] = 1000,
    data: DataOption = None,
    scene: Annotated[
        list[str] | None,
        typer.Option(metavar="SCENE", help="Attack a sign's artwork through this scene; may be repeated."),
    ] = None,
    sign: Annotated[str, typer.Option(help="With --scene: the sign (see physadv list signs).")] = "us/stop",
    views: Annotated[int, typer.Option(min=1, help="With --scene: frames in each step.")] = 32,
    true_class: Annotated[
        str | None, typer.Option(help="With --scene: the victim's name for the sign's class, if no name matches.")
    ] = None,
    batch: Annotated[int, typer.Option(min=1, help="Pictures attacked at once; less needs less memory.")] = 128,
    seed: SeedOption = 0,
    device: DeviceOption = "auto",
) -> None:
    """Attack pictures of a data set, or a sign through scenes.

    On pictures, the result is a matrix of attacks and victims; with --scene, it is a patch. If it was stopped, the same
    command resumes.
    """
    from physadv.attacks.digital.attack import options_for
    from physadv.core.config import validate

    options = options_for(attacks, option or [])
    victim = behind(victim, defense)
    if scene:
        words: dict[str, Any] = {"goal": goal, "scenes": scene, "sign": sign, "views": views, "true_class": true_class}
        _attack_sign(attacks, victim, out, options, {**words, "seed": seed, "device": device})
        return
    from physadv.cli.progress import progress_bar
    from physadv.evaluation.matrix.matrix import RobustnessPlan, run_robustness
    from physadv.reports.matrix import flags_of_matrix, write_matrix
    from physadv.reports.words import share_interval

    words = {
        "victims": victim,
        "attacks": [{"attack": name, "goal": goal, "options": options[name]} for name in attacks],
        "dataset": dataset,
        "split": split,
        "limit": limit,
        "seed": seed,
        "batch": batch,
    }
    plan = validate(RobustnessPlan, words, "physadv attack")
    with progress_bar() as listener:
        summary = run_robustness(plan, out, data=data, device=device, listener=listener)
    for cell in summary.cells:
        say(
            f"{cell.victim}, {cell.attack}: {share_interval(cell.clean_accuracy)} read clean, "
            f"{share_interval(cell.robust_accuracy)} under attack"
        )
    for place, flag in flags_of_matrix(summary):
        say(f"{'warning' if flag.level == 'warning' else 'note'}: {place}: {flag.message} [{flag.code}]")
    say(f"report: {write_matrix(summary, out)}")


def _attack_sign(
    attacks: list[str], victims: list[str], out: Path, options: dict[str, dict[str, Any]], words: dict[str, Any]
) -> None:
    from physadv.attacks import SignAttackConfig, attack_sign
    from physadv.core.config import validate

    if len(attacks) > 1 or len(victims) > 1:
        raise PhysadvError(f"--scene: one attack on one victim makes one patch, not {len(attacks)} on {len(victims)}")
    words = {**words, "attack": attacks[0], "options": options[attacks[0]], "victim": victims[0]}
    config = validate(SignAttackConfig, words, "physadv attack")
    patch = attack_sign(config, out=out)
    measured = patch.record.measured
    say(
        f"{out}: {patch.record.goal} on {held_out(measured)} frames "
        f"held out; {percent(patch.record.area_fraction, 1)} of the sign's area, {measured['queries']} frames asked"
    )
    for flag in measured["flags"]:
        say(f"note: {flag}")
