"""Reports: one HTML file that needs no network, and the same findings on a terminal."""

from __future__ import annotations

from physadv.reports.page import report_from, write_report
from physadv.reports.terminal import print_summary

__all__ = ["print_summary", "report_from", "write_report"]
