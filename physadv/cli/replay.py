"""``replay``: a row of a run's table as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from physadv.cli.options import out_file
from physadv.cli.streams import say


def replay(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="A folder that physadv evaluate or run has written.")
    ],
    row: Annotated[int, typer.Option(min=0, help="Row of outcomes.parquet, counted from 0.")],
    out: Annotated[Path, out_file("PNG file to write.")] = Path("frame.png"),
    patch: Annotated[
        Path | None, typer.Option(help="Folder of the patch, if it is no longer where it was scored.")
    ] = None,
    px: Annotated[
        int | None,
        typer.Option(min=16, max=2048, help="Shorter side of a larger picture. [default: exactly as it was scored]"),
    ] = None,
    device: Annotated[str | None, typer.Option(help="Where to render. [default: where it was scored, or cpu]")] = None,
) -> None:
    """Draw a row of outcomes.parquet: one scored frame.

    Its conditions are printed.
    """
    from physadv.core.images import check_png
    from physadv.evaluation.replayed_frame import replay as replayed

    check_png(out)
    shown = replayed(folder, row, patch=patch, px=px, device=device)
    shown.save(out)
    say(shown.words)
    for name, value in shown.conditions.items():
        if value is not None:
            say(f"  {name:20} {value:.6g}" if isinstance(value, float) else f"  {name:20} {value}")
    scored = "exactly as it was scored" if px is None else "larger than it was scored"
    say(f"{out}: {shown.frame.shape[2]} x {shown.frame.shape[1]} px, {scored}")
