"""``evaluate``, of scenes and of photographs, and ``report``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from physadv.cli.options import (
    BatchOption,
    CalibrationOption,
    DataOption,
    DefenseOption,
    DeviceOption,
    ResultsArgument,
    TrueClassOption,
    VictimsOption,
    behind,
    out_folder,
)
from physadv.cli.outcomes import judged
from physadv.cli.streams import say, tell
from physadv.cli.words import refuse_unused
from physadv.core.errors import PhysadvError
from physadv.core.limits import MAX_FRAMES

if TYPE_CHECKING:
    from physadv.evaluation.batteries.summary import Summary


_OF_SCENES = ("battery", "frames", "batch", "dataset", "data")


def evaluate(
    context: typer.Context,
    patches: Annotated[
        list[Path] | None, typer.Argument(metavar="PATCH", help="Folders of patches, or names of shipped ones.")
    ] = None,
    *,
    out: Annotated[Path, out_folder("Folder of the results.")],
    victim: VictimsOption,
    defense: DefenseOption = None,
    battery: Annotated[
        list[str] | None,
        typer.Option(
            metavar="BATTERY",
            help="A battery: a name or a YAML file; may be repeated. [default: stationary-15, drive-by]",
        ),
    ] = None,
    frames: Annotated[
        int | None,
        typer.Option(min=1, max=MAX_FRAMES, help="Frames of each entry, in place of the battery's own number."),
    ] = None,
    max_asr: Annotated[
        float | None,
        typer.Option(
            help="Exit with 1 if more than this share of frames, or of photographs, is read as any wrong class "
            "(untargeted success), 0 to 1; where a battery's own limit is stricter, that one holds.",
        ),
    ] = None,
    max_targeted_asr: Annotated[
        float | None,
        typer.Option(help="The same for success at the patch's own goal, such as its target class."),
    ] = None,
    true_class: TrueClassOption = None,
    calibration: CalibrationOption = None,
    dataset: Annotated[
        list[str] | None,
        typer.Option(
            metavar="DATASET", help="Report the victims' accuracy on a data set too: gtsrb, lisa or image-folder."
        ),
    ] = None,
    data: DataOption = None,
    photos: Annotated[
        Path | None,
        typer.Option(help="Score photographs, beside their simulation: a session of physadv photos ingest."),
    ] = None,
    device: DeviceOption = "auto",
    batch: BatchOption = 64,
) -> None:
    """Score patches beside their controls and write the report.

    Patch and controls are shown in the same frames. If it was stopped, the same command resumes. With a limit, the
    exit code is 1 if the limit is exceeded.
    """
    if photos is not None:
        refuse_unused(context, _OF_SCENES, "with --photos, which scores each photograph once")
        _evaluate_photos(
            photos,
            patches or [],
            behind(victim, defense),
            out,
            true_class=true_class,
            calibration=calibration,
            max_asr=max_asr,
            max_targeted_asr=max_targeted_asr,
            device=device,
        )
        return
    if not dataset:
        refuse_unused(context, ("data",), "without --dataset, which is read from it")
    from physadv.cli.progress import progress_bar
    from physadv.evaluation import evaluate
    from physadv.signs.datasets import load_dataset

    if not patches:
        raise PhysadvError("no patch to evaluate; name at least one folder, or give --photos")

    with progress_bar() as listener:
        summary = evaluate(
            patches,
            behind(victim, defense),
            battery or ["stationary-15", "drive-by"],
            out,
            frames=frames,
            max_asr=max_asr,
            max_targeted_asr=max_targeted_asr,
            true_class=true_class,
            calibration=calibration,
            device=device,
            batch=batch,
            datasets=[load_dataset(name, data) for name in dataset or ()],
            listener=listener,
        )
    finish(summary, out)


def _evaluate_photos(
    session: Path,
    patches: list[Path],
    victims: list[str],
    out: Path,
    *,
    true_class: str | None,
    calibration: Path | None,
    max_asr: float | None,
    max_targeted_asr: float | None,
    device: str,
) -> None:
    """Scores a session's photographs and writes the report; exit code 1 if a limit is exceeded."""
    from physadv.cli.progress import progress_bar
    from physadv.evaluation.photographs.score import evaluate_photographs
    from physadv.reports.photographs import verdict, write_photograph_report

    with progress_bar() as listener:
        summary = evaluate_photographs(
            session,
            victims,
            out,
            patches=patches,
            true_class=true_class,
            calibration=calibration,
            max_asr=max_asr,
            max_targeted_asr=max_targeted_asr,
            device=device,
            listener=listener,
        )
    page = write_photograph_report(summary, out)
    with judged(kept=summary.passed):
        said = verdict(summary)
        say(said.headline)
        for line in said.sentences:
            say(f"  {line}")
        for group in summary.groups:
            for failure in group.failures:
                say(f"failed: {group.title}, {group.victim}: {failure}")
        for option, limit in (("--max-asr", max_asr), ("--max-targeted-asr", max_targeted_asr)):
            if limit is not None and summary.passed:
                say(f"kept: {option} {limit:g}")
        say(f"report: {page}")


def report(
    folder: ResultsArgument,
) -> None:
    """Write report.html again from the results in a folder."""
    from physadv.reports import report_from

    say(f"report: {report_from(folder)}")


def finish(summary: Summary, folder: Path) -> None:
    """Report, summary on the terminal, exit code 1 if a limit is exceeded."""
    from rich.console import Console

    from physadv.evaluation import exceeds
    from physadv.reports import print_summary, write_report

    page = write_report(summary, folder)
    with judged(kept=not exceeds(summary)):
        print_summary(summary, Console())
        say(f"report: {page}")
        broken = sum(not record.passed for record in summary.records)
        if broken:
            tell(f"failed: {broken} of {len(summary.records)} results break a limit")
