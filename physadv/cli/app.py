"""The command line: words to calls, nothing else. Heavy imports wait until a command needs them.

Each group of commands has its own file; here they get their names and their order.
"""

from __future__ import annotations

import signal
import sys
from typing import Annotated, Any

import typer

import physadv
from physadv.cli import attack, design, evaluate, photos, printing, show, train
from physadv.cli.libraries import quiet_libraries
from physadv.cli.outcomes import Code, one_line, outcome_of
from physadv.cli.signals import Signals
from physadv.cli.streams import guarded_streams, say, tell
from physadv.core.errors import PhysadvError

app = typer.Typer(
    name="physadv",
    invoke_without_command=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(design.run)
app.command()(design.design)
app.command()(evaluate.evaluate)
app.command()(attack.attack)
app.command()(train.train)
app.command("train-advgan")(train.train_generator)
app.command("print")(printing.print_sheets)
app.command("print-rig")(printing.print_rig)
app.command()(photos.calibrate)
app.command()(evaluate.report)
app.command()(show.preview)
app.command()(show.signs)
app.command("list")(show.list_parts)
app.add_typer(photos.app, name="photos")

RESUMES = frozenset({"run", "design", "evaluate", "attack", "train", "train-advgan"})
"""Commands that keep what they have done: after a stop, the same command resumes."""
_running = ""


@app.callback()
def _begin(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", "-V", is_eager=True, help="Show the version and exit.")] = False,
) -> None:
    """Does a traffic-sign classifier survive stickers and graffiti in the physical world?"""
    global _running
    _running = context.invoked_subcommand or ""
    if version:
        say(f"physadv {physadv.__version__}")
        raise typer.Exit
    if not _running:
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
        tell("stopped; the same command resumes" if _running in RESUMES else "stopped")
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
        raise PhysadvError(one_line(error.format_message())) from error
    return code if isinstance(code, int) else Code.DONE
