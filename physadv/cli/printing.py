"""``print`` and ``print-rig``: sheets at true scale."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from physadv.cli.options import out_file, out_folder
from physadv.cli.streams import say


def print_sheets(
    patch: Annotated[Path, typer.Argument(metavar="PATCH", help="Folder of a patch, or the name of a shipped one.")],
    out: Annotated[
        Path,
        out_file("A .pdf, a .png, or a .svg of the cut lines for a plotter. Several pages are NAME-1.png, NAME-2.png."),
    ],
    paper: Annotated[str, typer.Option(help="A5, A4, A3, A2, A1, A0, Letter, Legal or Tabloid.")] = "A4",
    poster: Annotated[
        bool, typer.Option("--poster", help="Print the whole face of the sign instead of stickers.")
    ] = False,
    controls: Annotated[bool, typer.Option("--controls", help="Print the grey and the random control too.")] = False,
    join_mm: Annotated[float, typer.Option(help="Pieces no further apart than this stay on one sheet.")] = 0.0,
    bleed_mm: Annotated[float, typer.Option(help="Paint beyond the cut line.")] = 2.0,
    overlap_mm: Annotated[float, typer.Option(help="Overlap of the tiles of a large sticker.")] = 15.0,
    margin_mm: Annotated[float, typer.Option(help="Border that the printer leaves white.")] = 10.0,
    dpi: Annotated[int, typer.Option(help="Dots per inch of a PNG and of the pictures in a PDF.")] = 300,
    bar_mm: Annotated[
        float | None,
        typer.Option(help="Measured length of the 100 mm bar of an earlier sheet; the scale is corrected by it."),
    ] = None,
    icc: Annotated[Path | None, typer.Option(help="The printer's ICC profile. [default: sRGB]")] = None,
    intent: Annotated[str, typer.Option(help="With --icc: perceptual, relative, saturation or absolute.")] = "relative",
) -> None:
    """Make sheets of a patch at true scale, to print and cut.

    The sheets have the stickers with cut lines, and show where they go on the sign.
    """
    from physadv.printing.sheets import SheetOptions, print_patch

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
    out: Annotated[Path, out_folder("Folder of rig.pdf and rig.json.")],
    sign: Annotated[
        str, typer.Option(help="The sign that the markers go around (see physadv list signs).")
    ] = "us/stop",
    paper: Annotated[str, typer.Option(help="A4, Letter or larger.")] = "A4",
    marker_mm: Annotated[float | None, typer.Option(help="Side of a marker. [default: what fits]")] = None,
    around: Annotated[
        bool | None,
        typer.Option(
            "--around/--corners",
            help="Markers around the sign, or in the free corners of its box. [default: what fits]",
        ),
    ] = None,
    margin_mm: Annotated[float, typer.Option(help="Border that the printer leaves white.")] = 10.0,
    bar_mm: Annotated[
        float | None,
        typer.Option(help="Measured length of the 100 mm bar of an earlier sheet; the scale is corrected by it."),
    ] = None,
    icc: Annotated[
        Path | None, typer.Option(help="The printer's ICC profile, as for the stickers. [default: sRGB]")
    ] = None,
    intent: Annotated[str, typer.Option(help="With --icc: perceptual, relative, saturation or absolute.")] = "relative",
) -> None:
    """Make sheets of markers, a colour chart and a camera board.

    Markers around the sign give the camera's pose, the chart its colours, the board its lens.
    """
    from physadv.printing.rig_sheets import print_rig

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
