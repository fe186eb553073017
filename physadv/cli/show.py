"""``list``, ``signs`` and ``preview``: what there is, and what it looks like."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from physadv.cli.options import OptionalSignOption, SceneOption, SeedOption, out_file
from physadv.cli.streams import say
from physadv.cli.words import refuse_unused


def list_parts(
    section: Annotated[
        str | None, typer.Argument(metavar="SECTION", help="One section, such as attacks or scenes.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON, for other programs.")] = False,
) -> None:
    """List victims, attacks, masks, scenes, signs and all else."""
    from physadv.catalogue import catalogue

    parts = catalogue(section)
    if as_json:
        say(json.dumps(parts, indent=1, ensure_ascii=False))
        return
    for number, (title, rows) in enumerate(parts.items()):
        if number:
            say("")
        _table(title, rows)


def signs(
    context: typer.Context,
    out: Annotated[Path | None, out_file("PNG file to draw them in.")] = None,
    px: Annotated[int, typer.Option(min=32, max=2048, help="Side of a drawn sign, in pixels.")] = 192,
) -> None:
    """List the signs, or draw them."""
    from physadv.core.files import atomic_path
    from physadv.core.images import check_png, write_png
    from physadv.signs import draw_sheet, list_rows, load_sign, sign_names

    if out is not None:
        check_png(out)
    if out is None:
        refuse_unused(context, ("px",), "without --out, which draws the signs")
        _table("signs", list_rows())
    else:
        with atomic_path(out) as temporary:
            write_png(temporary, draw_sheet([load_sign(name) for name in sign_names()], px))
        say(f"drawn on {out}")


def preview(
    scene: SceneOption = "wide",
    out: Annotated[Path, out_file("PNG file to write.")] = Path("preview.png"),
    sign: OptionalSignOption = None,
    patch: Annotated[Path | None, typer.Option(help="Folder of a patch to show.")] = None,
    frames: Annotated[int, typer.Option(min=1, max=400, help="Number of frames.")] = 24,
    px: Annotated[int, typer.Option(min=16, max=1024, help="Side of a frame, in pixels.")] = 128,
    seed: SeedOption = 0,
) -> None:
    """Draw a contact sheet of a scene's frames.

    Each frame has its conditions below it. Without --patch and --sign, the sign is us/stop.
    """
    from physadv.scenes.contact_sheet import write_contact_sheet

    write_contact_sheet(out, scene=scene, sign=sign, patch=patch, frames=frames, px=px, seed=seed)
    say(f"{frames} frames of scene {scene}: {out}")


_BELOW = ("paper", "class names")
"""Columns of details: below the last of the others, for eighty characters hold no more beside one another."""


def _table(title: str, rows: list[dict[str, str]]) -> None:
    """Rows under their columns, no wider than the terminal."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    table = Table(header_style="dim", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    *columns, last = (column for column in rows[0] if column not in _BELOW)
    for column in columns:
        table.add_column(column, no_wrap=column != "what", overflow="fold")
    table.add_column(last, overflow="fold")
    for row in rows:
        cells = [Text(row[column]) for column in (*columns, last)]
        for column in _BELOW:
            if column in row:
                cells[-1].append(f"\n{row[column]}", style="dim")
        table.add_row(*cells)
    with console.capture() as capture:
        console.print(Text(title, style="bold"))
        console.print(table)
    for line in capture.get().splitlines():
        say(line.rstrip())
