"""The rig on paper: markers to fix around a sign, the color chart, and a board to calibrate a camera on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from physadv.core.errors import PhysadvError
from physadv.core.files import atomic_folder
from physadv.photos.camera import Board
from physadv.photos.rig.rig import CELLS, QUIET_CELLS, Chart, Marker, Rig, default_rig, marker_cells, save_rig
from physadv.printing.drawing import Document, Fill, Line, Page, Picture, Shape, Words, write_document
from physadv.printing.paper import Paper, finished, pick_paper
from physadv.printing.printer_profile import Conversion, conversion
from physadv.signs import Sign, load_sign

_GAP_MM = 6.0
_LABEL_MM = 10.0
_BOARD_PX_PER_MM = 10
_AS_SENT = Conversion()


def print_rig(
    out: Path,
    *,
    sign: str = "us/stop",
    paper: str = "A4",
    marker_mm: float | None = None,
    around: bool | None = None,
    margin_mm: float = 10.0,
    bar_mm: float | None = None,
    icc: Path | None = None,
    intent: str = "relative",
) -> list[Path]:
    """Writes ``rig.pdf`` and ``rig.json`` into a new folder.

    Args:
        out: the folder.
        sign: that the markers go around.
        paper: of :data:`physadv.printing.paper.PAPERS`.
        marker_mm: side of a marker; what fits beside the sign if not given.
        around: outside of the sign's box instead of in its free corners.
        margin_mm: that the printer leaves white.
        bar_mm: what an earlier sheet's 100 mm bar measured.
        icc, intent: the printer's profile: the chart is to be printed as the stickers are.

    Raises:
        PhysadvError: an option is wrong, or the paper too small.
    """
    shown = load_sign(sign)
    sheet = pick_paper(paper, margin_mm=margin_mm, bar_mm=bar_mm)
    rig = default_rig(shown, marker_mm=marker_mm, around=around)
    document = rig_document(rig, shown, sheet, colors=conversion(icc, intent))
    with atomic_folder(out) as folder:
        write_document(document, folder / "rig.pdf")
        save_rig(rig, folder / "rig.json")
    return [out / "rig.pdf", out / "rig.json"]


def rig_document(
    rig: Rig, sign: Sign, paper: Paper, board: Board | None = None, *, colors: Conversion = _AS_SENT
) -> Document:
    """All sheets of a rig; the chart's colors go through ``colors``.

    Raises:
        PhysadvError: the paper is too small for the chart, the board or a marker.
    """
    drawn = [(shapes, "markers") for shapes in _marker_pages(rig, paper)]
    drawn.append((_plan(rig, sign, paper), "where the markers go"))
    if rig.chart is not None:
        drawn.append((_chart(rig.chart, paper, colors), "color chart: hang it beside the sign, in the same light"))
    drawn.append((_board(board or Board(), paper), "board: photograph it from many sides to calibrate the camera"))
    words = (
        f"rig of sign {rig.sign}, {rig.sign_width_mm:g} x {rig.sign_height_mm:g} mm; print on matt paper",
        f"colors: {colors.words}",
    )
    pages: list[Page] = [
        finished(paper, shapes, title=title, lines=words, code=f"physadv rig {rig.sign}", number=k, count=len(drawn))
        for k, (shapes, title) in enumerate(drawn, start=1)
    ]
    return Document(f"physadv rig {rig.sign}", tuple(pages))


def _marker(marker: Marker, x: float, y: float) -> list[Shape]:
    """A marker about (x, y)."""
    cell = marker.size_mm / CELLS
    left, top = x - marker.size_mm / 2.0, y - marker.size_mm / 2.0
    black = [(int(row), int(column)) for row, column in np.argwhere(marker_cells(marker.id) == 0)]
    rings = tuple(
        (
            (left + column * cell, top + row * cell),
            (left + (column + 1) * cell, top + row * cell),
            (left + (column + 1) * cell, top + (row + 1) * cell),
            (left + column * cell, top + (row + 1) * cell),
        )
        for row, column in black
    )
    return [Fill(rings)]


def _zone(marker: Marker) -> float:
    """Side of a marker with the white around it."""
    return marker.size_mm * (1.0 + 2.0 * QUIET_CELLS / CELLS)


def _marker_pages(rig: Rig, paper: Paper) -> list[list[Shape]]:
    side = max(_zone(marker) for marker in rig.markers)
    columns = int((paper.clear_width + _GAP_MM) / (side + _GAP_MM))
    rows = int((paper.height + _GAP_MM) / (side + _LABEL_MM + _GAP_MM))
    if columns < 1 or rows < 1:
        raise PhysadvError(
            f"--paper: {_left(paper)} are left beside margins, scale bar and foot, and a marker with its border takes "
            f"{side:.0f} mm; choose a larger paper or a smaller --marker-mm"
        )
    each = columns * rows
    pages = []
    for start in range(0, len(rig.markers), each):
        shapes: list[Shape] = []
        for place, marker in enumerate(rig.markers[start : start + each]):
            row, column = divmod(place, columns)
            x = paper.left + column * (side + _GAP_MM) + side / 2.0
            y = paper.left + row * (side + _LABEL_MM + _GAP_MM) + _LABEL_MM + side / 2.0
            shapes += _marker(marker, x, y)
            half = _zone(marker) / 2.0
            box = ((x - half, y - half), (x + half, y - half), (x + half, y + half), (x - half, y + half))
            shapes.append(Line(box, 0.1, closed=True, cut=True))
            shapes.append(Words(x - half, y - half - 5.6, f"{marker.id}, {_corner(marker)}; this way up"))
            shapes.append(Words(x - half, y - half - 1.4, _place(marker, rig)))
        pages.append(shapes)
    return pages


def _corner(marker: Marker) -> str:
    return f"{'upper' if marker.y_mm < 0 else 'lower'} {'left' if marker.x_mm < 0 else 'right'}"


def _place(marker: Marker, rig: Rig) -> str:
    """Of the black square's outer edges from the sign's."""
    across = rig.sign_width_mm / 2.0 - abs(marker.x_mm) - marker.size_mm / 2.0
    down = rig.sign_height_mm / 2.0 - abs(marker.y_mm) - marker.size_mm / 2.0
    where = "inside" if across >= 0 else "outside"
    return f"black edge {abs(across):.1f} and {abs(down):.1f} mm {where} the sign's outermost lines"


def _plan(rig: Rig, sign: Sign, paper: Paper) -> list[Shape]:
    reach_x = max(abs(marker.x_mm) + marker.size_mm for marker in rig.markers)
    reach_y = max(abs(marker.y_mm) + marker.size_mm for marker in rig.markers)
    scale = min(
        paper.width / (2.0 * max(reach_x, sign.width_mm / 2.0)),
        (paper.height - 40.0) / (2.0 * max(reach_y, sign.height_mm / 2.0)),
    )
    x, y = paper.left + paper.width / 2.0, paper.left + (paper.height - 30.0) / 2.0
    outline = tuple((x + a * scale, y + b * scale) for a, b in sign.outline_mm)
    shapes: list[Shape] = [Line(outline, 0.3, closed=True)]
    for marker in rig.markers:
        small = marker.model_copy(update={"size_mm": marker.size_mm * scale})
        shapes += _marker(small, x + marker.x_mm * scale, y + marker.y_mm * scale)
        shapes.append(
            Words(x + marker.x_mm * scale * 0.72, y + marker.y_mm * scale * 0.86, str(marker.id), 4.0, "middle")
        )
    centers = sorted({(abs(marker.x_mm), abs(marker.y_mm)) for marker in rig.markers})
    words = [
        "Fix the markers flat, upright, in the sign's plane (on a board behind it), numbers as drawn.",
        *(
            f"Centers {2 * a:.1f} mm apart across and {2 * b:.1f} mm down, middle of the sign in the middle."
            for a, b in centers
        ),
        "A millimeter counts: measure the finished rig, and write what differs into rig.json.",
    ]
    foot = paper.left + paper.height - 6.0 * len(words)
    return [*shapes, *(Words(paper.left, foot + 6.0 * k, text) for k, text in enumerate(words))]


def _chart(chart: Chart, paper: Paper, colors: Conversion) -> list[Shape]:
    reach = _reach(chart.markers, chart)
    _check(paper, reach, "color chart")
    x, y = paper.left + paper.width / 2.0, paper.left + paper.height / 2.0
    shapes: list[Shape] = []
    for (a, b), color in zip(chart.centers_mm.tolist(), chart.colors, strict=True):
        dot = np.round(np.array(color) * 255.0).astype(np.uint8).reshape(1, 1, 3)
        half = chart.patch_mm / 2.0
        shapes.append(Picture(x + a - half, y + b - half, chart.patch_mm, chart.patch_mm, colors(dot)))
    for marker in chart.markers:
        shapes += _marker(marker, x + marker.x_mm, y + marker.y_mm)
    return shapes


def _reach(markers: Sequence[Marker], chart: Chart) -> tuple[float, float]:
    pitch = chart.patch_mm + chart.gap_mm
    across = max([abs(marker.x_mm) + _zone(marker) / 2.0 for marker in markers] + [chart.columns * pitch / 2.0])
    down = max([abs(marker.y_mm) + _zone(marker) / 2.0 for marker in markers] + [chart.rows * pitch / 2.0])
    return 2.0 * across, 2.0 * down


def _board(board: Board, paper: Paper) -> list[Shape]:
    size = board.columns * board.square_mm, board.rows * board.square_mm
    _check(paper, size, "board")
    dots = board.build().generateImage((round(size[0] * _BOARD_PX_PER_MM), round(size[1] * _BOARD_PX_PER_MM)))
    pixels = np.repeat(np.asarray(dots, np.uint8)[..., None], 3, axis=2)
    left, top = paper.left + (paper.width - size[0]) / 2.0, paper.left + (paper.height - size[1]) / 2.0
    return [Picture(left, top, size[0], size[1], pixels)]


def _check(paper: Paper, size: tuple[float, float], what: str) -> None:
    if size[0] > paper.width or size[1] > paper.height:
        raise PhysadvError(
            f"--paper: {_left(paper)} are left beside margins and foot, and the {what} takes {size[0]:.0f} x "
            f"{size[1]:.0f} mm; choose A4, Letter or larger, or a smaller margin"
        )


def _left(paper: Paper) -> str:
    return f"{paper.width:.0f} x {paper.height:.0f} mm"
