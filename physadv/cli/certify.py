"""``certify``: what no attack within a bound can change, behind a defense that can say so."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from physadv.cli.options import (
    DataOption,
    DatasetOption,
    DeviceOption,
    LimitOption,
    SeedOption,
    SetOption,
    SplitOption,
    out_folder,
)
from physadv.cli.streams import say
from physadv.cli.words import joined, refuse_unused
from physadv.core.limits import MAX_QUERIES

_OF_NOISE = ("samples", "alpha", "option")


def certify(
    context: typer.Context,
    victim: Annotated[str, typer.Argument(metavar="VICTIM", help="A shipped victim's name, or a victim card.")],
    out: Annotated[Path, out_folder("Folder of the results.")],
    defense: Annotated[
        list[str],
        typer.Option(
            metavar="DEFENSE",
            help="randomized-smoothing:sigma=0.25 (L2) or patch-cleanser:patch_px=6 (patches); of several, the last "
            "one is certified, with the others behind it.",
        ),
    ],
    dataset: DatasetOption = "gtsrb",
    split: SplitOption = None,
    limit: LimitOption = 500,
    data: DataOption = None,
    samples: Annotated[
        int,
        typer.Option(
            min=1,
            max=MAX_QUERIES,
            help="Of noise a picture, with randomized smoothing: more certify larger radii.",
        ),
    ] = 1000,
    alpha: Annotated[
        float, typer.Option(help="With randomized smoothing: probability that a picture's radius is too large.")
    ] = 0.001,
    option: SetOption = None,
    seed: SeedOption = 0,
    device: DeviceOption = "auto",
) -> None:
    """Certify a victim behind a defense.

    The result is the share of pictures that no attack within a bound can change. With randomized smoothing, --set n0=50
    says how many samples choose the class, before --samples others certify it. If it was stopped, the same command
    resumes.
    """
    from rich.console import Console

    from physadv.cli.progress import progress_bar
    from physadv.core.config import validate
    from physadv.defenses import build_defense
    from physadv.defenses.recipes.randomized_smoothing import RandomizedSmoothing
    from physadv.evaluation.matrix.certification import CertificationPlan, run_certification
    from physadv.reports.any_result import write_result
    from physadv.reports.terminal import certified_table

    if not isinstance(build_defense(defense[-1]), RandomizedSmoothing):
        refuse_unused(context, _OF_NOISE, f"with {defense[-1]}, which draws no noise")
    words = {
        "victim": "+".join([victim, *defense[:-1]]),
        "defense": defense[-1],
        "dataset": dataset,
        "split": split,
        "limit": limit,
        "n": samples,
        "alpha": alpha,
        "seed": seed,
    }
    plan = validate(CertificationPlan, {"n0": min(100, samples), **joined(words, option)}, "physadv certify")
    with progress_bar() as listener:
        summary = run_certification(plan, out, data=data, device=device, listener=listener)
    Console().print(certified_table(summary))
    for flag in summary.flags:
        say(f"{'warning' if flag.level == 'warning' else 'note'}: {flag.message} [{flag.code}]")
    say(f"report: {write_result(summary, out)}")
