"""The command line: words to calls, nothing else. Heavy imports wait until a command needs them.

Each group of commands has its own file; here they get their names and their order.
"""

from __future__ import annotations

import sys
from typing import Any

import typer

from physadv.cli import attack, design, evaluate, photos, printing, show, train
from physadv.core.errors import PhysadvError

app = typer.Typer(
    name="physadv",
    help="Does a traffic-sign classifier survive stickers and graffiti in the physical world?",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    add_completion=False,
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
