"""The command line: words to calls, nothing else. Heavy imports wait until a command needs them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from physadv import photo_commands
from physadv.core.errors import PhysadvError

if TYPE_CHECKING:
    from physadv.evaluation.summary import Summary

app = typer.Typer(
    name="physadv",
    help="Does a traffic-sign classifier survive stickers and graffiti in the physical world?",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    add_completion=False,
)

VictimOption = Annotated[str, typer.Option("--victim", help="A shipped victim's name, or the path of a victim card.")]
DefenseOption = Annotated[
    list[str] | None,
    typer.Option("--defense", help="A defence around every victim, such as jpeg:quality=75; may be repeated."),
]
DeviceOption = Annotated[str, typer.Option(help="cpu, cuda or mps.")]
SeedOption = Annotated[
    int, typer.Option(min=0, max=2**31 - 1, help="Seed of everything that is drawn at random.", show_choices=False)
]
app.add_typer(photo_commands.app, name="photos")

CalibrationOption = Annotated[
    Path | None, typer.Option(help="File of a printer's and a camera's colours, as physadv calibrate writes it.")
]
DataOption = Annotated[Path | None, typer.Option(help="Data folder; in place of PHYSADV_DATA.")]


@app.command()
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
    _finish(summary, folder / EVALUATION, max_asr=plan.max_asr)


def _behind(victims: list[str], defenses: list[str] | None) -> list[str]:
    """The victims' names with the defences around them, as :func:`physadv.defenses.load` takes them."""
    if defenses:
        from physadv.defenses import build_defense

        for words in defenses:
            build_defense(words)
    return ["+".join([victim, *(defenses or ())]) for victim in victims]


@app.command()
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
        "victim": _behind([victim], defense)[0],
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
    typer.echo(
        f"{out}: {patch.record.goal} on {measured['held_out_success']:.0%} of {measured['held_out_frames']} frames "
        f"kept aside while designing; {patch.record.area_fraction:.1%} of the sign's area"
    )
    for flag in measured["flags"]:
        typer.echo(f"note: {flag}")
    typer.echo(
        f"next: physadv evaluate {out} --victim {victim} --battery stationary-15 --battery drive-by --out report"
    )


@app.command()
def evaluate(
    patches: Annotated[list[Path] | None, typer.Argument(help="Folders of patches.")] = None,
    *,
    out: Annotated[Path, typer.Option(help="Folder of the results.")],
    victim: Annotated[list[str], typer.Option(help="A victim's name or card; may be repeated.")],
    defense: DefenseOption = None,
    battery: Annotated[
        list[str] | None,
        typer.Option(help="A battery's name or file; may be repeated. [default: stationary-15, drive-by]"),
    ] = None,
    frames: Annotated[int | None, typer.Option(help="Frames an entry, in place of the battery's own number.")] = None,
    max_asr: Annotated[
        float | None,
        typer.Option(
            help="Exit with 1 if more than this share of frames, or of photographs, is misread, 0 to 1; where a "
            "battery's own limit is stricter, that one holds."
        ),
    ] = None,
    true_class: Annotated[str | None, typer.Option(help="The sign's class in the victim's words.")] = None,
    calibration: CalibrationOption = None,
    dataset: Annotated[
        list[str] | None,
        typer.Option(help="Tell how much of a data set the victims read, too: gtsrb, lisa or image-folder."),
    ] = None,
    data: DataOption = None,
    photos: Annotated[
        Path | None,
        typer.Option(help="Score photographs instead: a session of physadv photos ingest, beside their simulation."),
    ] = None,
    device: DeviceOption = "cpu",
    batch: Annotated[int | None, typer.Option(help="Frames rendered at once. [default: 64]")] = None,
) -> None:
    """Score patches and their controls on the same frames, and write the report."""
    if photos is not None:
        given = {"--battery": battery, "--frames": frames, "--batch": batch, "--dataset": dataset}
        unused = [name for name, value in given.items() if value is not None]
        if unused:
            raise PhysadvError(f"{unused[0]}: has no meaning with --photos, which scores each photograph once")
        photo_commands.evaluate_photos(
            photos,
            patches or [],
            _behind(victim, defense),
            out,
            true_class=true_class,
            calibration=calibration,
            max_asr=max_asr,
            device=device,
        )
        return
    from physadv.evaluation import evaluate
    from physadv.signs.datasets import load_dataset

    if not patches:
        raise PhysadvError("no patch to evaluate; name at least one folder, or give --photos")

    summary = evaluate(
        patches,
        _behind(victim, defense),
        battery or ["stationary-15", "drive-by"],
        out,
        frames=frames,
        max_asr=max_asr,
        true_class=true_class,
        calibration=calibration,
        device=device,
        batch=64 if batch is None else batch,
        datasets=[load_dataset(name, data) for name in dataset or ()],
    )
    _finish(summary, out, max_asr=max_asr)


@app.command()
def attack(
    attacks: Annotated[list[str], typer.Argument(help="Attacks by name; see physadv list.")],
    out: Annotated[Path, typer.Option(help="Folder of the results; with --scene, of the patch.")],
    victim: Annotated[list[str], typer.Option(help="A victim's name or card; may be repeated.")],
    defense: DefenseOption = None,
    goal: Annotated[str, typer.Option(help="untargeted, runner_up, or targeted:CLASS.")] = "untargeted",
    option: Annotated[
        list[str] | None,
        typer.Option("--set", help="An attack's option: eps=0.03 for all that have it, or pgd.eps=0.03 for one."),
    ] = None,
    dataset: Annotated[str, typer.Option(help="Data set of the pictures: gtsrb, lisa or image-folder.")] = "gtsrb",
    split: Annotated[str | None, typer.Option(help="Its split.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Pictures, drawn by the seed.")] = 1000,
    data: DataOption = None,
    scene: Annotated[
        list[str] | None,
        typer.Option(help="Attack a sign's artwork as seen through this scene instead; may be repeated."),
    ] = None,
    sign: Annotated[str, typer.Option(help="With --scene: the sign; see physadv signs.")] = "us/stop",
    views: Annotated[int, typer.Option(min=1, help="With --scene: frames of every look.")] = 32,
    true_class: Annotated[
        str | None, typer.Option(help="With --scene: the sign's class in the victim's words.")
    ] = None,
    batch: Annotated[int, typer.Option(min=1, help="Pictures attacked at once.")] = 128,
    seed: SeedOption = 0,
    device: DeviceOption = "cpu",
) -> None:
    """Attack victims digitally and write the matrix of attacks and victims; or a sign, through scenes."""
    from physadv.attacks.attack import options_for
    from physadv.core.config import validate

    options = options_for(attacks, option or [])
    victim = _behind(victim, defense)
    if scene:
        words: dict[str, Any] = {"goal": goal, "scenes": scene, "sign": sign, "views": views, "true_class": true_class}
        _attack_sign(attacks, victim, out, options, {**words, "seed": seed, "device": device})
        return
    from physadv.evaluation.robustness import RobustnessPlan, run_robustness
    from physadv.progress import counted_progress
    from physadv.reports.matrix import write_matrix

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
    with counted_progress() as listener:
        summary = run_robustness(plan, out, data=data, device=device, listener=listener)
    for cell in summary.cells:
        typer.echo(
            f"{cell.victim}, {cell.attack}: {cell.clean_accuracy.value or 0:.1%} read clean, "
            f"{cell.robust_accuracy.value or 0:.1%} under attack"
        )
    typer.echo(f"report: {write_matrix(summary, out)}")


@app.command()
def train(
    method: Annotated[str, typer.Argument(help="How: pgd, doa, roadside, ...; see physadv list.")],
    out: Annotated[Path, typer.Option(help="Folder of the victim card, weights, model card and curves.")],
    victim: VictimOption = "gtsrb-cnn",
    name: Annotated[str, typer.Option(help="Name of what is made. [default: VICTIM-METHOD]")] = "",
    attack: Annotated[str | None, typer.Option(help="Attack on the photographs, in place of the method's own.")] = None,
    option: Annotated[
        list[str] | None,
        typer.Option("--set", help="An option: learning_rate=0.001, attack.eps=0.03 or stickers.frames=64."),
    ] = None,
    steps: Annotated[int, typer.Option(min=1, help="Steps of the weights.")] = 2000,
    scene: Annotated[
        list[str] | None, typer.Option(help="Scene of the frames of signs; may be repeated. [default: wide]")
    ] = None,
    dataset: Annotated[str, typer.Option(help="Data set of the photographs: gtsrb, lisa or image-folder.")] = "gtsrb",
    split: Annotated[str | None, typer.Option(help="Its split. [default: that for training]")] = None,
    data: DataOption = None,
    tensorboard: Annotated[bool, typer.Option("--tensorboard", help="Write the curves for TensorBoard too.")] = False,
    seed: SeedOption = 0,
    device: DeviceOption = "cpu",
) -> None:
    """Harden a victim: go on from its weights, on what attacks make of its pictures. The same command resumes."""
    from physadv.core.config import settings
    from physadv.defenses.training import train as trained
    from physadv.defenses.training import training_config
    from physadv.defenses.training.plots import tensorboard_listener
    from physadv.progress import training_progress

    options = settings(option or [], "--set")
    if "attack" in options:
        options["attack_options"] = options.pop("attack")
    words: dict[str, Any] = {"victim": victim, "name": name, "dataset": dataset, "split": split, "steps": steps}
    words |= {"seed": seed, "device": device}
    words |= {key: value for key, value in {"scenes": scene, "attack": attack}.items() if value}
    config = training_config(method, **{**words, **options})
    also = tensorboard_listener(out) if tensorboard else None
    with training_progress() as bar:

        def listen(stands: Any) -> None:
            bar(stands)
            if also:
                also(stands)

        made = trained(config, out, data=data, listener=listen)
    typer.echo(f"victim card: {out / made.name}.yaml")
    typer.echo(f"model card: {out / made.name}.md")


@app.command("train-advgan")
def train_generator(
    out: Annotated[Path, typer.Option(help="Folder of the generator.")],
    victim: VictimOption = "gtsrb-cnn",
    defense: DefenseOption = None,
    goal: Annotated[str, typer.Option(help="untargeted, runner_up, or targeted:CLASS.")] = "untargeted",
    distilled: Annotated[
        bool, typer.Option("--distilled", help="Black box: gradients of a student of the victim's scores alone.")
    ] = False,
    option: Annotated[
        list[str] | None, typer.Option("--set", help="An option: eps=0.03, steps=2000 or student.every=100.")
    ] = None,
    dataset: Annotated[str, typer.Option(help="Data set of the pictures: gtsrb, lisa or image-folder.")] = "gtsrb",
    split: Annotated[str | None, typer.Option(help="Its split. [default: that for training]")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Pictures, drawn by the seed.")] = 4000,
    data: DataOption = None,
    seed: SeedOption = 0,
    device: DeviceOption = "cpu",
) -> None:
    """Train AdvGAN's generator against a victim; physadv attack advgan --set generator=FOLDER applies it."""
    from physadv.attacks.advgan import AdvGanConfig
    from physadv.core.config import settings, validate
    from physadv.evaluation.generators import Progress, train_generator
    from physadv.progress import counted_progress

    words = {"goal": goal, "distilled": distilled, "seed": seed, "device": device, **settings(option or [], "--set")}
    config = validate(AdvGanConfig, words, "physadv train-advgan")
    with counted_progress() as bar:

        def listen(stands: Progress) -> None:
            bar("generator", stands.step, stands.steps)

        train_generator(
            _behind([victim], defense)[0],
            out,
            config=config,
            dataset=dataset,
            split=split,
            limit=limit,
            data=data,
            listener=listen,
        )
    typer.echo(f"next: physadv attack advgan --set generator={out} --victim {victim} --out results")


def _attack_sign(
    attacks: list[str], victims: list[str], out: Path, options: dict[str, dict[str, Any]], words: dict[str, Any]
) -> None:
    from physadv.attacks import SignAttackConfig, attack_sign
    from physadv.core.config import validate
    from physadv.defenses import load

    if len(attacks) > 1 or len(victims) > 1:
        raise PhysadvError(f"--scene: one attack on one victim makes one patch, not {len(attacks)} on {len(victims)}")
    words = {**words, "attack": attacks[0], "options": options[attacks[0]], "victim": victims[0]}
    config = validate(SignAttackConfig, words, "physadv attack")
    patch = attack_sign(config, out=out, victim=load(config.victim, device=config.device))
    measured = patch.record.measured
    typer.echo(
        f"{out}: {patch.record.goal} on {measured['held_out_success']:.0%} of {measured['held_out_frames']} frames "
        f"kept aside; {patch.record.area_fraction:.1%} of the sign's area, {measured['queries']} frames asked"
    )


app.command("print")(photo_commands.print_sheets)
app.command("print-rig")(photo_commands.print_rig)
app.command()(photo_commands.calibrate)


@app.command()
def report(folder: Annotated[Path, typer.Argument(help="Folder that physadv evaluate or run has written.")]) -> None:
    """Write report.html again from the results in a folder."""
    from physadv.reports import report_from

    typer.echo(f"report: {report_from(folder)}")


@app.command()
def preview(
    scene: Annotated[str, typer.Option(help="Scene, name or YAML file.")] = "wide",
    out: Annotated[Path, typer.Option(help="PNG to write.")] = Path("preview.png"),
    sign: Annotated[
        str | None, typer.Option(help="The sign to show, where no patch is given. [default: us/stop]")
    ] = None,
    patch: Annotated[Path | None, typer.Option(help="Folder of a patch to show.")] = None,
    frames: Annotated[int, typer.Option(min=1, max=400, help="How many frames.")] = 24,
    px: Annotated[int, typer.Option(min=16, max=1024, help="Side of a frame.")] = 128,
    seed: SeedOption = 0,
) -> None:
    """Write a contact sheet of a scene's frames, each with its conditions."""
    from physadv.scenes.contact_sheet import write_contact_sheet

    write_contact_sheet(out, scene=scene, sign=sign, patch=patch, frames=frames, px=px, seed=seed)
    typer.echo(f"{frames} frames of scene {scene}: {out}")


@app.command()
def signs(
    out: Annotated[Path | None, typer.Option(help="PNG to draw them on.")] = None,
    px: Annotated[int, typer.Option(min=32, max=2048, help="Side of a drawn sign.")] = 192,
) -> None:
    """List the signs, and draw them."""
    from physadv.core.files import atomic_path
    from physadv.core.images import check_png, write_png
    from physadv.signs import draw_sheet, list_rows, load_sign, sign_names

    if out is not None:
        check_png(out)
    _table("signs", list_rows())
    if out is not None:
        with atomic_path(out) as temporary:
            write_png(temporary, draw_sheet([load_sign(name) for name in sign_names()], px))
        typer.echo(f"drawn on {out}")


@app.command(name="list")
def list_parts() -> None:
    """List victims, attacks' parts, masks, paints, scenes, batteries and signs."""
    from physadv.catalogue import catalogue

    for title, rows in catalogue():
        _table(title, rows)


_ANY_WIDTH = 1000
"""Of a file, or of another program that reads a table: names are whole."""


def _table(title: str, rows: list[dict[str, str]]) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console()
    table = Table(title=title, title_justify="left", header_style="bold")
    for column in rows[0] if rows else ():
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*map(escape, row.values()))
    if not console.is_terminal:
        console.width = _ANY_WIDTH
    console.print(table)


def _finish(summary: Summary, folder: Path, *, max_asr: float | None) -> None:
    """Report, summary on the terminal, exit code 1 if a threshold is broken."""
    from rich.console import Console

    from physadv.evaluation import exceeds
    from physadv.reports import print_summary, write_report

    page = write_report(summary, folder)
    print_summary(summary, Console())
    typer.echo(f"report: {page}")
    if exceeds(summary, max_asr):
        raise typer.Exit(1)


_INTERRUPTED = 130
# Typer brings its own copy of click or depends on it, as its version has it: only its own exports are sure to be there
_USAGE_ERROR: Any = typer.BadParameter.__mro__[2]


def main() -> None:
    """Entry point: a user's mistake is one sentence and exit code 2."""
    code: object = 0
    try:
        code = app(standalone_mode=False)
    except PhysadvError as error:
        typer.echo(f"error: {error}", err=True)
        code = 2
    except (KeyboardInterrupt, typer.Abort):
        code = _INTERRUPTED
    except typer.Exit as ended:
        code = ended.exit_code
    except _USAGE_ERROR as error:
        typer.echo(f"error: {error.format_message()}", err=True)
        code = 2
    if code == _INTERRUPTED:
        typer.echo("stopped; the same command goes on from what was kept", err=True)
    sys.exit(code if isinstance(code, int) else 0)
