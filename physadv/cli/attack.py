"""``attack``: pictures of a data set, or a sign through scenes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from physadv.cli.options import (
    BatchOption,
    DataOption,
    DatasetOption,
    DefenseOption,
    DeviceOption,
    GoalOption,
    LimitOption,
    ScenesOption,
    SeedOption,
    SetOption,
    SignOption,
    SplitOption,
    TrueClassOption,
    VictimsOption,
    ViewsOption,
    behind,
    held_out,
    out_folder,
)
from physadv.cli.streams import say
from physadv.cli.words import joined, refuse_unused
from physadv.core.errors import PhysadvError
from physadv.core.number_format import percent

_OF_PICTURES = ("dataset", "split", "limit", "data", "batch")
_OF_SIGNS = ("sign", "views", "true_class")


def attack(
    context: typer.Context,
    attacks: Annotated[list[str], typer.Argument(metavar="ATTACK", help="Names of attacks; see physadv list attacks.")],
    out: Annotated[Path, out_folder("Folder of the results, or of the patch.")],
    victim: VictimsOption,
    defense: DefenseOption = None,
    goal: GoalOption = "untargeted",
    option: SetOption = None,
    dataset: DatasetOption = "gtsrb",
    split: SplitOption = None,
    limit: LimitOption = 1000,
    data: DataOption = None,
    scene: ScenesOption = None,
    sign: SignOption = "us/stop",
    views: ViewsOption = 32,
    true_class: TrueClassOption = None,
    batch: BatchOption = 128,
    seed: SeedOption = 0,
    device: DeviceOption = "auto",
) -> None:
    """Attack pictures of a data set, or a sign through scenes.

    On pictures, the result is a matrix of attacks and victims. With --scene, a sign's artwork is attacked through these
    scenes, and the result is a patch; --sign, --views and --true-class go with it. --set gives an attack's options:
    eps=0.03 for all that have it, or pgd.eps=0.03 for one; with --scene also texture_px and held_out_frames. If it was
    stopped, the same command resumes.
    """
    from physadv.attacks.digital.attack import options_for
    from physadv.core.config import validate

    victim = behind(victim, defense)
    if scene:
        refuse_unused(context, _OF_PICTURES, "with --scene, which attacks a sign and no pictures of a data set")
        words: dict[str, Any] = {"goal": goal, "scenes": scene, "sign": sign, "views": views, "true_class": true_class}
        _attack_sign(attacks, victim, out, option or [], {**words, "seed": seed, "device": device})
        return
    refuse_unused(context, _OF_SIGNS, "without --scene, through which a sign is attacked")
    options = options_for(attacks, option or [])
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


def _attack_sign(attacks: list[str], victims: list[str], out: Path, given: list[str], words: dict[str, Any]) -> None:
    from physadv.attacks import SignAttackConfig, attack_sign
    from physadv.attacks.digital.attack import options_for
    from physadv.core.config import validate

    keys = set(SignAttackConfig.model_fields) - {"attack", "options", "victim", *words}
    own = [word for word in given if word.partition("=")[0] in keys]
    options = options_for(attacks, [word for word in given if word not in own])
    if len(attacks) > 1 or len(victims) > 1:
        raise PhysadvError(f"--scene: one attack on one victim makes one patch, not {len(attacks)} on {len(victims)}")
    words = joined({**words, "attack": attacks[0], "options": options[attacks[0]], "victim": victims[0]}, own)
    config = validate(SignAttackConfig, words, "physadv attack")
    patch = attack_sign(config, out=out)
    measured = patch.record.measured
    say(
        f"{out}: {patch.record.goal} on {held_out(measured)} frames "
        f"held out; {percent(patch.record.area_fraction, 1)} of the sign's area, {measured['queries']} frames asked"
    )
    for flag in measured["flags"]:
        say(f"note: {flag}")
