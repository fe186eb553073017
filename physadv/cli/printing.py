"""``print`` and ``print-rig``: sheets at true scale."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from physadv.cli.streams import say


def print_sheets(
    patch: Annotated[Path, typer.Argument(help="Folder of a patch, or the name of a shipped one.")],
    out: Annotated[
        Path,
        typer.Option(
            help=".pdf; .png; or .svg, the cut lines for a plotter. Several pages: NAME-1.png, NAME-2.png ..."
        ),
    ],
    paper: Annotated[str, typer.Option(help="A5, A4, A3, A2, A1, A0, Letter, Legal or Tabloid.")] = "A4",
    poster: Annotated[bool, typer.Option("--poster", help="The whole painted face of the sign.")] = False,
    controls: Annotated[bool, typer.Option("--controls", help="The grey and the random twin too.")] = False,
    join_mm: Annotated[float, typer.Option(help="Parts no further apart stay on one carrier.")] = 0.0,
    bleed_mm: Annotated[float, typer.Option(help="Of paint beyond the cut line.")] = 2.0,
    overlap_mm: Annotated[float, typer.Option(help="Of the tiles of a large sticker.")] = 15.0,
    margin_mm: Annotated[float, typer.Option(help="That the printer leaves white.")] = 10.0,
    dpi: Annotated[int, typer.Option(help="Of pictures.")] = 300,
    bar_mm: Annotated[
        float | None, typer.Option(help="What an earlier sheet's 100 mm bar measured; this one makes up for it.")
    ] = None,
    icc: Annotated[Path | None, typer.Option(help="The printer's ICC profile. [default: sRGB]")] = None,
    intent: Annotated[str, typer.Option(help="With --icc: perceptual, relative, saturation or absolute.")] = "relative",
) -> None:
    """Print a patch at true scale: stickers with cut lines, where they go, and their controls."""
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
    out: Annotated[Path, typer.Option(help="Folder of rig.pdf and rig.json.")],
    sign: Annotated[str, typer.Option(help="The sign that the markers go around; see physadv signs.")] = "us/stop",
    paper: Annotated[str, typer.Option(help="A4, Letter or larger.")] = "A4",
    marker_mm: Annotated[float | None, typer.Option(help="Side of a marker. [default: what fits]")] = None,
    around: Annotated[
        bool | None, typer.Option("--around/--corners", help="Outside of the sign's box, or in its free corners.")
    ] = None,
    margin_mm: Annotated[float, typer.Option(help="That the printer leaves white.")] = 10.0,
    bar_mm: Annotated[
        float | None, typer.Option(help="What an earlier sheet's 100 mm bar measured; this one makes up for it.")
    ] = None,
    icc: Annotated[
        Path | None, typer.Option(help="The printer's ICC profile, as for the stickers. [default: sRGB]")
    ] = None,
    intent: Annotated[str, typer.Option(help="With --icc: perceptual, relative, saturation or absolute.")] = "relative",
) -> None:
    """Print markers to fix around a sign, a colour chart, and a board to calibrate the camera on."""
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
