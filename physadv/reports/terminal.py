"""The report on a terminal: the verdict, one line a record, and what to be careful about."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from physadv.evaluation.batteries.summary import Record, Summary, ranked_at, success_at
from physadv.evaluation.matrix.certification import CertificationSummary
from physadv.reports import words

MOST_ROWS = 24
"""Results that have a row each; of more, only the success is shown, patches by victims."""
MOST_MESSAGES = 3
"""Messages of one kind that have a line each."""


def print_summary(summary: Summary, console: Console) -> None:
    """Prints the verdict, a table of records, failed thresholds and sanity flags."""
    verdict = words.summary_verdict(summary)
    console.print(Text(verdict.headline, style="bold"))
    for line in verdict.sentences:
        console.print(Padding(Text(line), (0, 0, 0, 2), expand=False))
    if len(summary.records) > MOST_ROWS and len(summary.patches) > 1 and len(summary.victims) > 1:
        for battery in summary.batteries:
            console.print(Text(f"{battery.name}, {ranked_at(summary.records)} success", style="italic"))
            console.print(grid(summary, battery.name))
        for number, victim in enumerate(summary.victims, 1):
            console.print(Text(f"  [{number}] {victim.name}", style="dim"))
    elif summary.records:
        console.print(table(summary))
    for line in words.limits_of(summary):
        console.print(Text(line))
    for kind in words.grouped_failures(summary):
        code = f" [{kind.code}]" if kind.code else ""
        print_kind(summary, console, kind, mark="✗", style="red", code=code)
    for level, mark, style in (("warning", "⚠", "yellow"), ("info", "·", "dim")):
        for kind in words.grouped_flags(summary, level):
            print_kind(summary, console, kind, mark=mark, style=style, code=f" [{kind.code}]")


def print_kind(summary: Summary, console: Console, kind: words.Kind, *, mark: str, style: str, code: str) -> None:
    """Each message of one kind, or, where there are many, what they have in common and the first of them."""
    if len(kind.items) <= MOST_MESSAGES:
        for message, records in kind.items:
            console.print(Text(f"{mark} {words.sentence(message)}{code}{where(summary, records)}", style=style))
        return
    message, records = kind.items[0]
    count = f"in {kind.count} of {words.plural(len(summary.records), 'result')}"
    console.print(Text(f"{mark} {kind.title}{code}, {count}, such as: {message}{where(summary, records)}", style=style))


def where(summary: Summary, records: Sequence[Record]) -> str:
    """The records that a finding is about; nothing where there is but one."""
    if len(summary.records) == 1:
        return ""
    if len(records) == len(summary.records):
        return " (all records)"
    names = [f"{record.patch} · {record.victim} · {record.battery}" for record in records]
    return f" ({', '.join(names[:3])}{f' and {len(names) - 3} more' if len(names) > 3 else ''})"


def table(summary: Summary) -> Table:
    """One row a record, under its patch and victim where there are several of them.

    The goal that success is counted at stands over its column, or with each row where records differ in it.
    """
    made = Table(box=None, pad_edge=False, show_edge=False, padding=(0, 2, 0, 0))
    columns = headings(summary)
    several = len(summary.patches) * len(summary.victims) > 1
    made.add_column("", overflow="fold")
    kinds = {record.kind for record in summary.records}
    of_kind = "" if len(kinds) > 1 else f"{summary.records[0].kind}\n"
    for name in ("n", *(f"{of_kind}{name}" if name == words.HEADLINE else name for name in columns), ""):
        made.add_column(Text(name), justify="right" if name else "left", no_wrap=True)
    patch, victim = "", ""
    for record in summary.records:
        if several and record.patch != patch:
            made.add_row(Text(record.patch, style="bold"))
        if several and (record.patch, record.victim) != (patch, victim):
            made.add_row(Text(f"  {record.victim}"))
        patch, victim = record.patch, record.victim
        kind = f", {record.kind}" if len(kinds) > 1 else ""
        battery = Text(f"{'    ' if several else ''}{record.battery}{kind}")
        made.add_row(battery, *(Text(cell) for cell in cells(record, columns)), outcome(summary, record))
    return made


def grid(summary: Summary, battery: str) -> Table:
    """Success of each patch against each victim in one battery; victims are numbered.

    It is of one kind in all cells: the records' own where they share one, else untargeted.
    """
    kind = ranked_at(summary.records)
    made = Table(
        title=Text(f"{battery}, {kind} success"), title_justify="left", box=None, pad_edge=False, padding=(0, 1, 0, 0)
    )
    made.add_column("", overflow="fold")
    for number in range(1, len(summary.victims) + 1):
        made.add_column(Text(f"[{number}]"), justify="right", no_wrap=True)
    found = {(record.patch, record.victim): record for record in summary.records if record.battery == battery}
    for patch in summary.patches:
        row = [found.get((patch.name, victim.name)) for victim in summary.victims]
        shares = [
            Text(words.NONE)
            if record is None
            else Text(words.share(success_at(record, kind) or record.headline), "" if record.passed else "bold red")
            for record in row
        ]
        made.add_row(Text(patch.name), *shares)
    return made


def certified_table(summary: CertificationSummary) -> Table:
    """Certified accuracy at each bound, under the accuracy without and with the defense."""
    title = (
        f"{summary.victim} behind {summary.defense}: {words.plural(summary.pictures, 'picture')} of {summary.dataset}"
    )
    made = Table(title=Text(title), title_justify="left", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    made.add_column(Text(summary.unit))
    made.add_column(Text("read correctly, for certain"), justify="right")
    made.add_row("no defense, no attack", Text(words.share_interval(summary.clean_accuracy)))
    made.add_row("defended, no attack", Text(words.share_interval(summary.defended_accuracy)))
    if summary.abstained is not None:
        made.add_row("defended, abstains", Text(words.share_interval(summary.abstained)))
    for level in summary.levels:
        made.add_row(f"up to {level.bound:g}", Text(words.share_interval(level.accuracy)))
    return made


def headings(summary: Summary) -> list[str]:
    """Of the columns of figures: those of any record, in their order."""
    return list(dict.fromkeys(one.heading for record in summary.records for one in record.metrics if one.heading))


def cells(record: Record, columns: Sequence[str]) -> list[str]:
    """The row of a record between its name and its outcome."""
    found = {one.heading: words.cell_of(one) for one in record.metrics}
    return [words.count(record.headline.n), *(found.get(name, words.NONE) for name in columns)]


def outcome(summary: Summary, record: Record) -> Text:
    """Pass, fail, or nothing where no limit was set."""
    if not record.passed:
        return Text("✗ fail", style="bold red")
    return Text("✓ pass", style="green") if words.is_limited(summary, record) else Text("")
