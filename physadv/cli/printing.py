"""``print`` and ``print-rig``: sheets at true scale."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from physadv.cli.options import (
    BarOption,
    IccOption,
    IntentOption,
    MarginOption,
    PaperOption,
    SignOption,
    out_file,
    out_folder,
)
from physadv.cli.streams import say
from physadv.cli.words import refuse_unused

_NO_PROFILE = "without --icc: sRGB is sent as it is"


def print_sheets(
    context: typer.Context,
    patch: Annotated[Path, typer.Argument(metavar="PATCH", help="Folder of a patch, or the name of a shipped one.")],
    out: Annotated[
        Path,
        out_file("A .pdf, a .png, or a .svg of the cut lines for a plotter. Several pages are NAME-1.png, NAME-2.png."),
    ],
    paper: PaperOption = "A4",
    poster: Annotated[
        bool, typer.Option("--poster", help="Print the whole face of the sign instead of stickers.")
    ] = False,
    controls: Annotated[bool, typer.Option("--controls", help="Print the gray and the random control too.")] = False,
    join_mm: Annotated[float, typer.Option(help="Pieces no further apart than this stay on one sheet.")] = 0.0,
    bleed_mm: Annotated[float, typer.Option(help="Paint beyond the cut line.")] = 2.0,
    overlap_mm: Annotated[float, typer.Option(help="Overlap of the tiles of a large sticker.")] = 15.0,
    margin_mm: MarginOption = 10.0,
    dpi: Annotated[int, typer.Option(help="Dots per inch of a PNG and of the pictures in a PDF.")] = 300,
    bar_mm: BarOption = None,
    icc: IccOption = None,
    intent: IntentOption = "relative",
) -> None:
    """Make sheets of a patch at true scale, to print and cut.

    The sheets have the stickers with cut lines, and show where they go on the sign.
    """
    from physadv.printing.sheets import SheetOptions, print_patch

    if icc is None:
        refuse_unused(context, ("intent",), _NO_PROFILE)
    options = SheetOptions(
        paper=paper,
        poster=poster,
        controls=controls,
        join_mm=join_mm,
        bleed_mm=bleed_mm,
        overlap_mm=overlap_mm,
        margin_mm=margin_mm,
        dpi=dpi,
        bar_mm=bar_mm,
        icc=icc,
        intent=intent,
    )
    for path in print_patch(patch, out, options):
        say(f"written: {path}")


def print_rig(
    context: typer.Context,
    out: Annotated[Path, out_folder("Folder of rig.pdf and rig.json.")],
    sign: SignOption = "us/stop",
    paper: PaperOption = "A4",
    marker_mm: Annotated[float | None, typer.Option(help="Side of a marker. [default: what fits]")] = None,
    around: Annotated[
        bool | None,
        typer.Option(
            "--around/--corners",
            help="Markers around the sign, or in the free corners of its box. [default: what fits]",
        ),
    ] = None,
    margin_mm: MarginOption = 10.0,
    bar_mm: BarOption = None,
    icc: IccOption = None,
    intent: IntentOption = "relative",
) -> None:
    """Make sheets of markers, a color chart and a camera board.

    Markers around the sign give the camera's pose, the chart its colors, the board its lens. The paper is A4, Letter
    or larger; --icc is that of the stickers.
    """
    from physadv.printing.rig_sheets import print_rig

    if icc is None:
        refuse_unused(context, ("intent",), _NO_PROFILE)
    for path in print_rig(
        out,
        sign=sign,
        paper=paper,
        marker_mm=marker_mm,
        around=around,
        margin_mm=margin_mm,
        bar_mm=bar_mm,
        icc=icc,
        intent=intent,
    ):
        say(f"written: {path}")
    say(f"next: photograph, then physadv photos ingest FOLDER --rig {out / 'rig.json'} --sign {sign} --out session")
