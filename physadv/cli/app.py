"""The command line: words to calls, nothing else. Heavy imports wait until a command needs them.

Each group of commands has its own file; here they get their names and their order.
"""

from __future__ import annotations

import signal
import sys
from itertools import pairwise
from typing import Annotated, Any

import typer

import physadv
from physadv.cli import attack, certify, design, evaluate, photos, printing, replay, show, train
from physadv.cli.libraries import quiet_libraries
from physadv.cli.outcomes import Code, one_line, outcome_of
from physadv.cli.signals import Signals
from physadv.cli.streams import guarded_streams, say, tell
from physadv.core.errors import PhysadvError, shown

app = typer.Typer(
    name="physadv",
    invoke_without_command=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _example(words: str) -> str:
    """The end of a command's help; the first character keeps the line as it is."""
    return f"\b\nExample: physadv {words}"


app.command(epilog=_example("run"))(design.run)
app.command(epilog=_example("design --mask discover --seconds 60 --out patches/mine"))(design.design)
app.command(epilog=_example("evaluate patches/mine --victim gtsrb-cnn --out report"))(evaluate.evaluate)
app.command(epilog=_example("attack pgd --victim gtsrb-cnn --data FOLDER --out digital"))(attack.attack)
app.command(epilog=_example("certify gtsrb-cnn --defense patch-cleanser --out certified"))(certify.certify)
app.command(epilog=_example("train roadside --data FOLDER --out hardened"))(train.train)
app.command("train-advgan", epilog=_example("train-advgan --data FOLDER --out generator"))(train.train_generator)
app.command("print", epilog=_example("print patches/mine --controls --out sheets.pdf"))(printing.print_sheets)
app.command("print-rig", epilog=_example("print-rig --sign us/stop --out rig"))(printing.print_rig)
app.command(epilog=_example("calibrate session --out printer_camera.json"))(photos.calibrate)
app.command(epilog=_example("report report"))(evaluate.report)
app.command(epilog=_example("replay report --row 1234 --out frame.png"))(replay.replay)
app.command(epilog=_example("preview --scene drive-by --out frames.png"))(show.preview)
app.command(epilog=_example("signs --out signs.png"))(show.signs)
app.command("list", epilog=_example("list attacks"))(show.list_parts)
app.add_typer(photos.app, name="photos")

RESUMES = frozenset({"run", "design", "evaluate", "attack", "certify", "train", "train-advgan", "photos ingest"})
"""Commands that keep what they have done: after a stop, the same command resumes."""


@app.callback()
def _begin(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", "-V", is_eager=True, help="Show the version and exit.")] = False,
) -> None:
    """Does a traffic-sign classifier survive stickers and graffiti in the physical world?"""
    if version:
        say(f"physadv {physadv.__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        say(context.get_help())


# Typer brings its own copy of click or depends on it, as its version has it: only its own exports are sure to be there
_USAGE_ERROR: Any = typer.BadParameter.__mro__[2]


def main() -> None:
    """Entry point: runs the command that ``sys.argv`` names and exits with its :class:`physadv.cli.outcomes.Code`."""
    with guarded_streams():
        code = _run()
    sys.exit(code)


def _run() -> int:
    """The command's exit code; what has to be said of it is said."""
    signals = Signals()
    try:
        with quiet_libraries(), signals.heard():
            try:
                code = _command()
            finally:
                sys.stdout.flush()
    except KeyboardInterrupt:
        code = Code.INTERRUPTED
    except Exception as error:
        code = outcome_of(error)
    if signals.received or code == Code.INTERRUPTED:
        resumes = RESUMES & {sys.argv[1], " ".join(sys.argv[1:3])} if sys.argv[1:] else ()
        tell("stopped; the same command resumes" if resumes else "stopped")
        return 128 + (signals.received or signal.SIGINT)
    return code


def _command() -> int:
    try:
        code = app(standalone_mode=False)
    except typer.Abort as error:
        raise KeyboardInterrupt from error
    except typer.Exit as ended:
        code = ended.exit_code
    except _USAGE_ERROR as error:
        raise PhysadvError(_usage(error, sys.argv)) from error
    return code if isinstance(code, int) else Code.DONE


def _usage(error: Any, words: list[str]) -> str:
    """What is wrong with the words of a command; Typer does not tell the value of an option."""
    for option in getattr(getattr(error, "param", None), "opts", ()):
        given = [after for word, after in pairwise(words) if word == option]
        given += [word.removeprefix(f"{option}=") for word in words if word.startswith(f"{option}=")]
        if given:
            return f"{option} {shown(given[-1])}: {one_line(error.message).removeprefix('Input ')}"
    return one_line(error.format_message())
