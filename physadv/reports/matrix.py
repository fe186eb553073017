"""The robustness matrix as one self-contained HTML file."""

from __future__ import annotations

from pathlib import Path

from markupsafe import Markup

from physadv.core.files import write_text
from physadv.evaluation.robustness import Cell, RobustnessSummary
from physadv.reports import words
from physadv.reports.page import FILE_NAME, environment, template_text
from physadv.reports.pictures import data_url

SHADES = 10
EXAMPLE_PX = 576


def write_matrix(summary: RobustnessSummary, folder: Path) -> Path:
    """Writes ``report.html`` into the folder of the summary.

    Raises:
        PhysadvError: it cannot be written.
    """
    cells = {(cell.victim, cell.attack): cell for cell in summary.cells}
    victims = list(dict.fromkeys(cell.victim for cell in summary.cells))
    attacks = list(dict.fromkeys(cell.attack for cell in summary.cells))
    html = (
        environment()
        .get_template("matrix.html.j2")
        .render(
            style=Markup(template_text("report.css")),
            summary=summary,
            victims=victims,
            attacks=attacks,
            cells=cells,
            clean={cell.victim: cell.clean_accuracy for cell in summary.cells if not cell.on_signs},
            places=list({repr(cell.on_signs): cell.on_signs for cell in summary.cells if cell.on_signs}.values()),
            shade=_shade,
            headline=_headline(summary),
            flags=[(cell, flag) for cell in summary.cells for flag in cell.flags],
            pictures={
                (cell.victim, cell.attack): data_url(folder, cell.examples, side_px=EXAMPLE_PX, exact=True)
                for cell in summary.cells
                if cell.examples
            },
        )
    )
    path = folder / FILE_NAME
    write_text(path, html)
    return path


def _shade(cell: Cell) -> int:
    """Step of the ramp: darker the more pictures are lost."""
    value = cell.robust_accuracy.value
    return 0 if value is None else round((1.0 - value) * SHADES)


def _headline(summary: RobustnessSummary) -> str:
    def left(cell: Cell) -> float:
        return 1.0 if cell.robust_accuracy.value is None else cell.robust_accuracy.value

    worst = min(summary.cells, key=left)
    clean = words.percent(worst.clean_accuracy.value)
    return f"{worst.victim} reads {clean} of clean pictures, and {words.percent(left(worst))} under {worst.attack}"
