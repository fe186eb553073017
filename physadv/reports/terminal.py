"""The report on a terminal: the verdict, one line a record, and what to be careful about."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from physadv.evaluation.summary import Record, Summary
from physadv.reports import words


def print_summary(summary: Summary, console: Console) -> None:
    """Prints the verdict, a table of records, failed thresholds and sanity flags."""
    verdict = words.summary_verdict(summary)
    console.print(Text(verdict.headline, style="bold"))
    for line in verdict.sentences:
        console.print(Text(f"  {line}"))
    if summary.records:
        console.print(table(summary))
    for record in summary.records:
        for failure in record.failures:
            console.print(Text(f"✗ {where(record)}: {failure}", style="red"))
    for level, mark, style in (("warning", "⚠", "yellow"), ("info", "·", "dim")):
        for code, message, records in words.unique_flags(summary.records, level=level):
            place = where(records[0]) if len(records) == 1 else words.plural(len(records), "record")
            console.print(Text(f"{mark} {message} [{code}; {place}]", style=style))


def where(record: Record) -> str:
    """``patch · victim · battery``."""
    return f"{record.patch} · {record.victim} · {record.battery}"


def table(summary: Summary) -> Table:
    """One row a record."""
    made = Table(box=None, pad_edge=False, show_edge=False, padding=(0, 2, 0, 0))
    drives = any(record.consecutive is not None for record in summary.records)
    for name in ("patch", "victim", "battery", "goal"):
        made.add_column(name, overflow="fold")
    for name in ("n", "success", "best control", "gain (points)", "clean"):
        made.add_column(name, justify="right")
    if drives:
        made.add_column("longest run", justify="right")
    made.add_column("")
    for record in summary.records:
        made.add_row(*(Text(cell) for cell in cells(record, drives=drives)), outcome(record))
    return made


def cells(record: Record, *, drives: bool) -> list[str]:
    """The row of a record, but for its outcome."""
    control = words.control_of(record, record.gain.control)
    row = [
        record.patch,
        record.victim,
        record.battery,
        record.target_class or "any wrong class" if record.goal == "targeted" else "any wrong class",
        words.count(record.headline.n),
        words.share_interval(record.headline),
        f"{record.gain.control} {words.share(words.at_goal(record, control))}" if control else words.NONE,
        words.points(record.gain.difference),
        words.share(record.clean_accuracy),
    ]
    if drives:
        row.append(words.plural(record.consecutive.longest_run, "frame") if record.consecutive else words.NONE)
    return row


def outcome(record: Record) -> Text:
    """Pass or fail."""
    return Text("✓ pass", style="green") if record.passed else Text("✗ fail", style="bold red")
