"""The command line's part for photographs: words to calls."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Photographs of printed signs: find the sign, calibrate the camera.", no_args_is_help=True)


@app.command()
def ingest(
    photographs: Annotated[Path, typer.Argument(help="Folder of photographs and videos; controls in clean/, grey/.")],
    out: Annotated[Path, typer.Option(help="Folder of the session to write.")],
    sign: Annotated[str, typer.Option(help="The sign they show; see physadv signs.")] = "us/stop",
    patch: Annotated[Path | None, typer.Option(help="The patch on it: a bundle.")] = None,
    rig: Annotated[Path | None, typer.Option(help="File of the markers about the sign: rig.json.")] = None,
    camera: Annotated[
        Path | None, typer.Option(help="File of physadv photos calibrate-camera. [default: EXIF's focal length]")
    ] = None,
    corners: Annotated[Path | None, typer.Option(help="CSV of points that you have clicked.")] = None,
    bar_mm: Annotated[float | None, typer.Option(help="What the sheet's 100 mm bar measures.")] = None,
    every: Annotated[int, typer.Option(min=1, help="Of a video, every n-th frame.")] = 15,
) -> None:
    """Find the sign in photographs: pose, light and a crop of each, and overlays to look through."""
    from physadv.photos.ingest import ingest
    from physadv.progress import counted_progress

    with counted_progress() as listener:
        made = ingest(
            photographs,
            out,
            sign=sign,
            patch=patch,
            rig=rig,
            camera=camera,
            corners=corners,
            bar_mm=bar_mm,
            every=every,
            listener=listener,
        )
    typer.echo(f"{out}: the sign in {made.found} photographs, {made.flagged} of them doubtful")
    for name, why in made.given_up:
        typer.echo(f"given up: {name}: {why}")
    typer.echo(f"look through: {out / 'overlays' / 'index.html'}")


@app.command("calibrate-camera")
def calibrate_the_camera(
    photographs: Annotated[Path, typer.Argument(help="Folder of photographs of the Charuco board.")],
    out: Annotated[Path, typer.Option(help="JSON file to write.")],
    columns: Annotated[int, typer.Option(help="Squares of the board across.")] = 8,
    rows: Annotated[int, typer.Option(help="Squares of the board down.")] = 11,
    square_mm: Annotated[float, typer.Option(help="Side of a square.")] = 22.0,
    marker_mm: Annotated[float, typer.Option(help="Side of a marker.")] = 16.0,
) -> None:
    """Focal length and lens distortion from photographs of a printed board."""
    from physadv.core.config import validate
    from physadv.photos.calibrate import camera_from_photographs
    from physadv.photos.camera import Board, save_camera
    from physadv.progress import counted_progress

    words = {"columns": columns, "rows": rows, "square_mm": square_mm, "marker_mm": marker_mm}
    board = validate(Board, words, "physadv photos calibrate-camera")
    with counted_progress() as listener:
        camera, notes = camera_from_photographs(photographs, board, listener=listener)
    for note in notes:
        typer.echo(f"left out: {note}")
    save_camera(camera, out)
    typer.echo(
        f"{out}: focal length {camera.fx_px:.0f} px +- {camera.focal_sd:.2%}, error {camera.rms_px:.2f} px "
        f"over {camera.views} photographs"
    )


def calibrate(
    session: Annotated[Path, typer.Argument(help="Session of photographs that show the colour chart.")],
    out: Annotated[Path, typer.Option(help="JSON file to write.")],
    name: Annotated[str, typer.Option(help="Of printer, paper and camera, in your words.")] = "",
    paper: Annotated[float, typer.Option(min=0.3, max=1.0, help="Reflectance of the unprinted paper.")] = 0.87,
    nodes: Annotated[int, typer.Option(min=2, max=17, help="Of the table of colours along an axis.")] = 5,
    seed: Annotated[int, typer.Option(help="Of the half of the patches that is kept aside.")] = 0,
) -> None:
    """Learn how a printer's colours come out, as a camera sees them, from photographs of the colour chart."""
    from physadv.patches import save_calibration
    from physadv.photos.calibrate import calibrate

    made = calibrate(session, name=name, paper=paper, nodes=nodes, seed=seed)
    save_calibration(made, out)
    errors = made.measured["delta_e_2000"]
    typer.echo(
        f"{out}: DE2000 of patches kept aside {errors['held_out']['mean']:.1f} (95 % below "
        f"{errors['held_out']['p95']:.1f}), without calibration {errors['held_out_before']['mean']:.1f}; "
        f"{made.measured['patches']} patches in {made.measured['photographs']} photographs"
    )
    typer.echo(f"next: physadv design --calibration {out} --out my-patch")


def evaluate_photos(
    session: Path, patches: list[Path], victims: list[str], out: Path, true_class: str | None, calibration: Path | None
) -> None:
    """Scores a session's photographs and writes the report."""
    from physadv.evaluation.on_photographs import evaluate_photographs
    from physadv.progress import counted_progress
    from physadv.reports.photographs import headline, write_photograph_report

    with counted_progress() as listener:
        summary = evaluate_photographs(
            session,
            victims,
            out,
            patches=patches,
            true_class=true_class,
            calibration=calibration,
            listener=listener,
        )
    typer.echo(headline(summary))
    typer.echo(f"report: {write_photograph_report(summary, out)}")
