"""``list``, ``signs`` and ``preview``: what there is, and what it looks like."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from physadv.cli.options import SeedOption
from physadv.cli.streams import say


def list_parts() -> None:
    """List victims, attacks' parts, masks, paints, scenes, batteries and signs."""
    from physadv.catalogue import catalogue

    for title, rows in catalogue():
        _table(title, rows)


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
        say(f"drawn on {out}")


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
    say(f"{frames} frames of scene {scene}: {out}")


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
