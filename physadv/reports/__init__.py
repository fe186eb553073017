"""Reports: one HTML file that needs no network, and the same findings on a terminal."""

from __future__ import annotations

from pathlib import Path

import physadv.reports.matrix
import physadv.reports.photographs  # noqa: F401 (likewise)
from physadv.core.run_folder import check_sealed
from physadv.evaluation.result import RESULTS, read_result
from physadv.reports.any_result import REPORTS, write_result
from physadv.reports.matrix import write_matrix
from physadv.reports.page import write_report
from physadv.reports.terminal import print_summary

__all__ = ["REPORTS", "print_summary", "report_from", "write_matrix", "write_report", "write_result"]


def report_from(place: Path) -> Path:
    """Writes ``report.html`` beside a result, and says where.

    Args:
        place: the folder of the result, or its file.

    Raises:
        PhysadvError: the result or one of its pictures cannot be read, or has changed since it was written, or the
            page cannot be written.
    """
    folder = place.parent if place.is_file() else place
    check_sealed(folder, *(kind.file_name for _, kind in RESULTS.items()))
    return write_result(read_result(place), folder)
