"""``photos`` and ``calibrate``: what photographs of printed signs say."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from physadv.cli.options import BarOption, CameraOption, EveryOption, SeedOption, SignOption, out_file, out_folder
from physadv.cli.streams import say
from physadv.cli.words import refuse_unused
from physadv.core.errors import PhysadvError
from physadv.core.number_format import percent

_SHOWN = {
    "patch": "show the patch",
    "clean": "show the clean sign",
    "gray": "show the gray control",
    "random": "show the random control",
    "unknown": "may show paint that is not known",
}
app = typer.Typer(help="Find signs in photographs, calibrate cameras.", invoke_without_command=True)


@app.callback()
def _begin(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        say(context.get_help())


@app.command()
def ingest(
    context: typer.Context,
    photographs: Annotated[
        Path,
        typer.Argument(
            metavar="FOLDER", help="Photographs and videos; those of controls in its folders clean/, gray/ and random/."
        ),
    ],
    out: Annotated[Path, out_folder("Folder of the session to write.")],
    sign: SignOption = "us/stop",
    patch: Annotated[
        Path | None, typer.Option(help="Folder of the patch on the sign. [default: paint that is not known]")
    ] = None,
    clean: Annotated[
        Path | None, typer.Option(help="Folder of photographs of the clean sign, as a control. [default: clean/]")
    ] = None,
    rig: Annotated[
        Path | None, typer.Option(help="Markers around the sign: rig.json. [default: find the sign by its outline]")
    ] = None,
    camera: CameraOption = None,
    corners: Annotated[Path | None, typer.Option(help="CSV of the sign's corners, clicked by you.")] = None,
    detector: Annotated[
        Path | None, typer.Option(help="Card of an ONNX detector, for photographs whose outline is not found.")
    ] = None,
    bar_mm: BarOption = None,
    every: EveryOption = 15,
) -> None:
    """Find the sign in photographs, with its pose and light.

    The session has a row for each photograph, a crop, and an overlay to check by eye.
    """
    from physadv.cli.progress import progress_bar
    from physadv.photos.ingest import ingest

    if rig is None:
        refuse_unused(context, ("bar_mm",), "without --rig, whose markers it corrects")
    with progress_bar() as listener:
        made = ingest(
            photographs,
            out,
            sign=sign,
            patch=patch,
            clean=clean,
            rig=rig,
            camera=camera,
            corners=corners,
            detector=detector,
            bar_mm=bar_mm,
            every=every,
            listener=listener,
        )
    looked_at = made.found + made.missed
    unread = f"; {made.unread} cannot be read" if made.unread else ""
    say(f"{out}: the sign in {made.found} of {looked_at} photographs, {made.flagged} of them doubtful{unread}")
    for why, count in made.doubts:
        say(f"doubtful in {count}: {why}")
    shown = dict(made.shown)
    say(", ".join(f"{count} {_SHOWN[subject]}" for subject, count in shown.items()))
    if "unknown" in shown:
        control = "" if "clean" in shown else "; photographs of the clean sign belong in a folder clean/, or in --clean"
        say(f"to compare them with a simulation, name the patch with --patch{control}")
    for why, count in made.rough:
        say(f"in {count}: {why}")
    for name, why in made.given_up:
        say(f"skipped: {name}: {why}")
    say(f"look through: {out / 'overlays' / 'index.html'}")
    if not made.found:
        none = f"the sign was found in none of its {made.missed} photographs" if made.missed else "nothing can be read"
        raise PhysadvError(f"{photographs}: {none}{unread if made.missed else ''}")


@app.command("calibrate-camera")
def calibrate_the_camera(
    photographs: Annotated[Path, typer.Argument(metavar="FOLDER", help="Photographs of the Charuco board.")],
    out: Annotated[Path, out_file("JSON file to write.")],
    columns: Annotated[int, typer.Option(min=3, max=30, help="Squares across the board.")] = 8,
    rows: Annotated[int, typer.Option(min=3, max=30, help="Squares down the board.")] = 11,
    square_mm: Annotated[float, typer.Option(help="Side of a square.")] = 20.0,
    marker_mm: Annotated[float, typer.Option(help="Side of a marker.")] = 15.0,
) -> None:
    """Measure a camera's focal length and lens distortion.

    The photographs show the Charuco board that physadv print-rig has made.
    """
    from physadv.cli.progress import progress_bar
    from physadv.core.config import validate
    from physadv.photos.calibrate import camera_from_photographs
    from physadv.photos.camera import Board, save_camera

    words = {"columns": columns, "rows": rows, "square_mm": square_mm, "marker_mm": marker_mm}
    board = validate(Board, words, "physadv photos calibrate-camera")
    with progress_bar() as listener:
        camera, notes = camera_from_photographs(photographs, board, listener=listener)
    for note in notes:
        say(f"skipped: {note}")
    save_camera(camera, out)
    say(
        f"{out}: focal length {camera.fx_px:.0f} px ± {percent(camera.focal_sd, 2)}, error {camera.rms_px:.2f} px "
        f"over {camera.views} photographs"
    )


@app.command("measure-rig")
def measure_the_rig(
    photographs: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="Photographs of the rig; it must not be moved between them.")
    ],
    rig: Annotated[Path, typer.Option(help="The rig.json of physadv print-rig.")],
    out: Annotated[Path, out_file("JSON file to write: the --rig for physadv photos ingest.")],
    camera: CameraOption = None,
    every: EveryOption = 15,
) -> None:
    """Measure where the rig's markers really are.

    All photographs are adjusted together; hands place markers to a millimeter or two.
    """
    from physadv.cli.progress import progress_bar
    from physadv.photos.rig.rig import load_rig, save_rig
    from physadv.photos.rig.survey import survey_photographs

    layout = load_rig(rig)
    with progress_bar() as listener:
        found, notes = survey_photographs(photographs, layout, camera=camera, every=every, listener=listener)
    save_rig(found.rig, out)
    for note in notes:
        say(f"skipped: {note}")
    for marker in found.moved:
        say(
            f"marker {marker.id}: {marker.right_mm:+.1f} mm to the right, {marker.down_mm:+.1f} mm down "
            f"(± {2 * marker.sd_mm:.1f}), turned {marker.turn_deg:+.1f} deg, in {marker.views} photographs"
        )
    before, after = found.error_px
    say(
        f"{out}: markers printed at {percent(found.size, 1)}; error {before:.2f} px before, {after:.2f} px after, over "
        f"{found.views} photographs"
    )


def calibrate(
    session: Annotated[
        Path,
        typer.Argument(metavar="SESSION", help="Session of physadv photos ingest whose photographs show the chart."),
    ],
    out: Annotated[Path, out_file("JSON file to write.")],
    name: Annotated[str, typer.Option(help="A name for printer, paper and camera.")] = "",
    paper: Annotated[float, typer.Option(min=0.3, max=1.0, help="Reflectance of the unprinted paper.")] = 0.87,
    nodes: Annotated[int, typer.Option(min=2, max=17, help="Nodes along each axis of the color table.")] = 5,
    seed: SeedOption = 0,
) -> None:
    """Learn a printer's and a camera's colors from a chart.

    The chart is one that physadv print-rig has made, in the photographs of a session. --seed draws the half of the
    colors that is held out.
    """
    from physadv.patches import save_calibration
    from physadv.photos.calibrate import calibrate

    made = calibrate(session, name=name, paper=paper, nodes=nodes, seed=seed)
    save_calibration(made, out)
    errors = made.measured["delta_e_2000"]
    say(
        f"{out}: DE2000 of held-out patches {errors['held_out']['mean']:.1f} (95 % below "
        f"{errors['held_out']['p95']:.1f}), without calibration {errors['held_out_before']['mean']:.1f}; "
        f"{made.measured['patches']} patches in {made.measured['photographs']} photographs; prints "
        f"{percent(made.measured['gamut_of_srgb'])} of sRGB's colors"
    )
    say(f"next: physadv design --calibration {out} --out my-patch")
