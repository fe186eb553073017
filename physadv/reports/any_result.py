"""The report of any result: its rows and figures in one table. Kinds that have more to show register their own page."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from markupsafe import Markup

from physadv.core.files import write_text
from physadv.core.registry import Registry
from physadv.evaluation.result import Result
from physadv.reports import words
from physadv.reports.page import FILE_NAME, environment, template_text, write_report

REPORTS: Registry[Callable[[Any, Path], Path]] = Registry("report")
"""Functions that write the page of a kind of result into its folder, by the kind's name."""
REPORTS.register("batteries")(write_report)


def write_result(result: Result, folder: Path) -> Path:
    """Writes ``folder/report.html``, and says where: the page of the result's kind, or a table of its figures.

    Raises:
        PhysadvError: a picture cannot be read, or the page cannot be written.
    """
    return REPORTS[result.kind](result, folder) if result.kind in REPORTS else write_table(result, folder)


def write_table(result: Result, folder: Path) -> Path:
    """Writes ``folder/report.html`` with a table of all rows and figures, warnings and broken limits."""
    rows = result.rows
    figures = {one.metric: one for row in reversed(rows) for one in reversed(row.figures)}
    page = (
        environment()
        .get_template("result.html.j2")
        .render(
            style=Markup(template_text("report.css")),
            result=result,
            labels=list(dict.fromkeys(name for row in rows for name in row.labels)),
            figures=list(reversed(figures.values())),
            rows=[(row, {one.metric: words.figure_of(one) for one in row.figures}) for row in rows],
            warnings=list(dict.fromkeys(warning for row in rows for warning in row.warnings)),
            failures=[(row, failure) for row in rows for failure in row.failures],
            details=result.model_dump(mode="json"),
        )
    )
    path = folder / FILE_NAME
    write_text(path, page)
    return path
