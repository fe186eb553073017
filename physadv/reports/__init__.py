"""Reports: one HTML file that needs no network, and the same findings on a terminal."""

from __future__ import annotations

from pathlib import Path

from physadv.core.errors import PhysadvError
from physadv.core.run_folder import check_sealed
from physadv.evaluation.batteries.summary import read_summary
from physadv.evaluation.matrix.matrix import SUMMARY_NAME as MATRIX_NAME
from physadv.evaluation.matrix.matrix import read_robustness
from physadv.evaluation.photographs.verdicts import SUMMARY_NAME as PHOTOGRAPHS_NAME
from physadv.evaluation.photographs.verdicts import read_photograph_summary
from physadv.reports.matrix import write_matrix
from physadv.reports.page import SUMMARY_NAME, write_report
from physadv.reports.photographs import write_photograph_report
from physadv.reports.terminal import print_summary

__all__ = ["print_summary", "report_from", "write_matrix", "write_report"]


def report_from(folder: Path) -> Path:
    """Writes ``report.html`` beside the summary of a folder, and says where.

    Raises:
        PhysadvError: the summary or one of its pictures cannot be read, or has changed since it was written, or the
            page cannot be written.
    """
    check_sealed(folder, MATRIX_NAME, PHOTOGRAPHS_NAME, SUMMARY_NAME)
    if (folder / MATRIX_NAME).is_file():
        return write_matrix(read_robustness(folder), folder)
    if (folder / PHOTOGRAPHS_NAME).is_file():
        return write_photograph_report(read_photograph_summary(folder), folder)
    if not (folder / SUMMARY_NAME).is_file():
        raise PhysadvError(
            f"{folder}: no {SUMMARY_NAME} here; give a folder that physadv evaluate, run or attack has written"
        )
    return write_report(read_summary(folder), folder)
