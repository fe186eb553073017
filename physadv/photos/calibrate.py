"""Calibrations from photographs: of a camera on a board, of a printer's colors on a chart."""

from __future__ import annotations

import datetime
from pathlib import Path

import numpy as np

from physadv.core.errors import PhysadvError
from physadv.core.progress import Listener, counter
from physadv.patches import Calibration
from physadv.photos.camera import Board, BoardView, Camera, calibrate_camera, find_board
from physadv.photos.color.color_fit import Readings, fit
from physadv.photos.photo_files import Refusal, list_files, read_file
from physadv.photos.session import load_session


def camera_from_photographs(
    folder: Path, board: Board, *, listener: Listener | None = None
) -> tuple[Camera, list[str]]:
    """A camera from a folder of photographs of a board, and what was left out and why.

    Raises:
        PhysadvError: the folder has too few photographs of the board, or of several sizes.
    """
    views: list[BoardView] = []
    notes: list[str] = []
    sizes: dict[tuple[int, int], str] = {}
    files = list_files(folder)
    for number, path in enumerate(files):
        for photo in read_file(path, path.relative_to(folder).as_posix()):
            if isinstance(photo, Refusal):
                notes.append(f"{photo.name}: {photo.why}")
                continue
            view = find_board(photo.name, photo.pixels, board)
            if view is None:
                notes.append(f"{photo.name}: the board is not seen, or too little of it")
                continue
            sizes.setdefault((photo.pixels.shape[1], photo.pixels.shape[0]), photo.name)
            if len(sizes) > 1:
                (one, first), (other, second) = list(sizes.items())[:2]
                raise PhysadvError(
                    f"{folder}: {first} has {one[0]} x {one[1]} px and {second} {other[0]} x {other[1]} px; calibrate "
                    "on photographs of one camera, held one way"
                )
            views.append(view)
        counter(listener, "photographs")(number + 1, len(files))
    size = next(iter(sizes), (1, 1))
    return calibrate_camera(views, size, note=notes.append), notes


def calibrate(folder: Path, *, name: str = "", paper: float = 0.87, nodes: int = 5, seed: int = 0) -> Calibration:
    """A printer's and a camera's colors from a session whose photographs show the chart.

    Args:
        folder: of the session.
        name: of printer, paper and camera.
        paper: reflectance of the unprinted paper.
        nodes: of the table along an axis.
        seed: of the held-out half of the patches.

    Raises:
        PhysadvError: it is not a session, no photograph shows the chart, or too little of it can be read.
    """
    session, rows = load_session(folder)
    if session.rig is None or session.rig.chart is None:
        raise PhysadvError(f"{folder}: was read without a rig that has a color chart; give --rig to photos ingest")
    charts = [row.chart for row in rows if row.chart is not None]
    if not charts:
        raise PhysadvError(f"{folder}: none of {len(rows)} photographs shows the color chart large enough")
    sent = np.array(session.rig.chart.colors, np.float64)
    made = fit(Readings(sent, np.array(charts, np.float64)), nodes=nodes, paper=paper, seed=seed)
    created = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
    return made.model_copy(update={"name": name, "created": created})
