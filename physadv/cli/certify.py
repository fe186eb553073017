"""``certify``: what no attack within a bound can change, behind a defence that can say so."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from physadv.cli.options import DataOption, DeviceOption, SeedOption, out_folder
from physadv.cli.streams import say


def certify(
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
    dataset: Annotated[str, typer.Option(help="Data set of the pictures: gtsrb, lisa or image-folder.")] = "gtsrb",
    split: Annotated[str | None, typer.Option(help="Its split.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Pictures, drawn by the seed.")] = 500,
    data: DataOption = None,
    samples: Annotated[
        int, typer.Option(min=1, help="Of noise a picture, with randomized smoothing: more certify larger radii.")
    ] = 1000,
    alpha: Annotated[float, typer.Option(help="Probability that a picture's radius is too large.")] = 0.001,
    seed: SeedOption = 0,
    device: DeviceOption = "auto",
) -> None:
    """Certify a victim behind a defence.

    The result is the share of pictures that no attack within a bound can change. If it was stopped, the same command
    resumes.
    """
    from rich.console import Console

    from physadv.cli.progress import progress_bar
    from physadv.core.config import validate
    from physadv.evaluation.matrix.certification import CertificationPlan, run_certification
    from physadv.reports.any_result import write_result
    from physadv.reports.terminal import certified_table

    words = {
        "victim": "+".join([victim, *defense[:-1]]),
        "defense": defense[-1],
        "dataset": dataset,
        "split": split,
        "limit": limit,
        "n": samples,
        "n0": min(100, samples),
        "alpha": alpha,
        "seed": seed,
    }
    plan = validate(CertificationPlan, words, "physadv certify")
    with progress_bar() as listener:
        summary = run_certification(plan, out, data=data, device=device, listener=listener)
    Console().print(certified_table(summary))
    for flag in summary.flags:
        say(f"{'warning' if flag.level == 'warning' else 'note'}: {flag.message} [{flag.code}]")
    say(f"report: {write_result(summary, out)}")
