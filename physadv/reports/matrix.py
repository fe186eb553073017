"""The robustness matrix as one self-contained HTML file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from markupsafe import Markup

from physadv.core.files import write_text
from physadv.core.images import read_image
from physadv.evaluation.batteries.flags import MEANINGS
from physadv.evaluation.batteries.summary import Flag
from physadv.evaluation.matrix.matrix import Cell, Example, RobustnessSummary
from physadv.reports import words
from physadv.reports.any_result import REPORTS
from physadv.reports.page import FILE_NAME, environment, template_text
from physadv.reports.pictures import inside, png_url

SHADES = 10
MOST_MESSAGES = 3
"""Flags of one kind that are told one by one; of more, what they have in common."""
MOST_STRIPS = 96
"""Pictures in the page: six of each attack on each victim, fewer where there are many."""


@REPORTS.register("robustness")
def write_matrix(summary: RobustnessSummary, folder: Path) -> Path:
    """Writes ``report.html`` into the folder of the summary.

    Raises:
        PhysadvError: it cannot be written.
    """
    cells = {(cell.victim, cell.attack): cell for cell in summary.cells}
    shown = max(1, MOST_STRIPS // max(1, sum(bool(cell.examples) for cell in summary.cells)))
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
            flags=flags_of_matrix(summary),
            examples=[(cell, strips(folder, cell, shown)) for cell in summary.cells if cell.examples],
        )
    )
    path = folder / FILE_NAME
    write_text(path, html)
    return path


def flags_of_matrix(summary: RobustnessSummary) -> list[tuple[str, Flag]]:
    """Flags, warnings first, with where they hold: cells, or a whole victim; many of one kind are one."""
    cells: dict[str, list[Cell]] = {}
    found: dict[tuple[str, Flag], list[Cell]] = {}
    for cell in summary.cells:
        cells.setdefault(cell.victim, []).append(cell)
        for flag in cell.flags:
            found.setdefault((cell.victim, flag), []).append(cell)
    placed: list[tuple[str, Flag]] = []
    codes = dict.fromkeys(flag.code for _, flag in found)
    for code in codes:
        held = {key: those for key, those in found.items() if key[1].code == code}
        if len(held) > MOST_MESSAGES and code in MEANINGS:
            flag = next(iter(held))[1].model_copy(update={"message": f"{MEANINGS[code]}."})
            placed.append((f"{sum(map(len, held.values()))} of {len(summary.cells)} cells", flag))
            continue
        for (victim, flag), those in held.items():
            whole = those == cells[victim]
            placed.append((victim if whole else f"{victim}, {words.listed([cell.attack for cell in those])}", flag))
    return sorted(placed, key=lambda pair: pair[1].level != "warning")


def strips(folder: Path, cell: Cell, most: int) -> list[tuple[Example | None, str]]:
    """Pictures of a cell, each clean, changed and the change side by side, as ``data:`` addresses.

    Raises:
        PhysadvError: the sheet of examples is unreadable or lies outside the folder.
    """
    path = inside(folder, cell.examples)
    if not path.is_file():
        return []
    sheet = read_image(path)
    height = sheet.shape[0] // 3
    width = height if not cell.shown else sheet.shape[1] // len(cell.shown)
    found: list[tuple[Example | None, str]] = []
    for number in range(min(most, sheet.shape[1] // width)):
        column = sheet[:, number * width : (number + 1) * width]
        strip = np.concatenate([column[row * height : (row + 1) * height] for row in range(3)], axis=1)
        found.append((cell.shown[number] if cell.shown else None, png_url(strip)))
    return found


def _shade(cell: Cell) -> int:
    """Step of the ramp: darker the more pictures are lost."""
    value = cell.robust_accuracy.value
    return 0 if value is None else round((1.0 - value) * SHADES)


def _headline(summary: RobustnessSummary) -> str:
    def left(cell: Cell) -> float:
        return 1.0 if cell.robust_accuracy.value is None else cell.robust_accuracy.value

    worst = min(summary.cells, key=left)
    clean, attacked = words.share_interval(worst.clean_accuracy), words.share_interval(worst.robust_accuracy)
    return f"{worst.victim} reads {clean} of clean pictures, and {attacked} under {worst.attack}"
