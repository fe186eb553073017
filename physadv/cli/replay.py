"""``replay``: a row of a run's table as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from physadv.cli.options import OptionalDeviceOption, ResultsArgument, out_file
from physadv.cli.streams import say, tell


def replay(
    folder: ResultsArgument,
    row: Annotated[int, typer.Option(min=0, help="Row of outcomes.parquet, counted from 0.")],
    out: Annotated[Path, out_file("PNG file to write.")] = Path("frame.png"),
    patch: Annotated[
        Path | None, typer.Option(help="Folder of the patch, if it is no longer where it was scored.")
    ] = None,
    px: Annotated[
        int | None, typer.Option(min=16, max=2048, help="Shorter side of each half of the picture. [default: 512]")
    ] = None,
    seen: Annotated[
        bool, typer.Option("--seen", help="Write exactly what the victim was shown, pixel by pixel, and nothing else.")
    ] = False,
    device: OptionalDeviceOption = None,
) -> None:
    """Draw a scored frame or photograph from its row.

    On the left it is large enough to look at, on the right as the victim was shown it. Its conditions are printed. It
    is rendered where it was scored, or on the CPU, unless --device says where.
    """
    from physadv.core.errors import PhysadvError
    from physadv.core.images import check_png
    from physadv.evaluation.replayed_frame import VIEW_PX
    from physadv.evaluation.replayed_frame import replay as replayed

    check_png(out)
    if seen and px is not None:
        raise PhysadvError(f"--px {px}: has no meaning with --seen, which writes the victim's own pixels")
    shown = replayed(folder, row, patch=patch, px=px or VIEW_PX, device=device)
    shown.save(out, exact=seen)
    say(shown.words)
    for note in shown.notes:
        tell(f"note: {note}")
    for name, value in shown.conditions.items():
        if value is not None:
            say(f"  {name:20} {value:.6g}" if isinstance(value, float) else f"  {name:20} {value}")
    size, large = (f"{picture.shape[2]} x {picture.shape[1]} px" for picture in (shown.frame, shown.view))
    if seen:
        say(f"{out}: {size}, exactly as it was scored")
    else:
        say(f"{out}: left {large}, right the {size} that the victim was shown, enlarged")
