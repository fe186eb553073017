"""Progress on standard error: bars of eighty columns on a terminal, green with the time that the work took when it is
done; where there is none, as in the log of a CI job, a plain line every half a minute.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TextColumn
from rich.table import Column
from rich.text import Text

from physadv.core.number_format import percent
from physadv.core.progress import Listener
from physadv.core.progress import Progress as Stands

_WIDTH, _NARROW = 24, 13
"""Columns of a stage's name, and beside figures."""
_WHOLE = 1.0
"""What a share is of."""
LINE_EVERY_S = 30.0
"""Seconds between two lines of a log."""


class FiguresColumn(ProgressColumn):
    """How many are done, and of how many, where they are counted; then what has been measured."""

    def render(self, task: Task) -> Text:
        """The text of one bar."""
        counted = f"{task.completed:>5.0f}/{task.total:.0f}" if task.fields["counted"] else ""
        return Text("  ".join(filter(None, [counted, task.fields["said"]])))


class TimeColumn(ProgressColumn):
    """While there is work, about how long it still takes; then the time that it took."""

    def render(self, task: Task) -> Text:
        """The text of one bar."""
        if task.finished:
            return Text(f"in {_clock(task.finished_time)}", style="green")
        if task.time_remaining is None:
            return Text(_clock(task.elapsed), style="progress.elapsed")
        return Text(f"{_clock(task.time_remaining)} left", style="progress.remaining")


def _clock(seconds: float | None) -> str:
    minutes, rest = divmod(int(seconds or 0.0), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}" if minutes >= 60 else f"{minutes}:{rest:02}"


class Bars:
    """Bars, one for each title, that show up with the first of them.

    What fails before leaves nothing but its message. A bar is done when the next one begins, or when the work ends
    well: some work ends before its budget does.
    """

    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._tasks: dict[str, TaskID] = {}

    def show(self, progress: Stands) -> None:
        """Sets a stage's bar; begins it if it is not there."""
        self._set(progress)

    def _set(self, progress: Stands, *, start: bool = True) -> Task:
        if progress.stage not in self._tasks:
            self.finish()
            if start:
                self._bars.start()
            counted = progress.total is not None
            self._tasks[progress.stage] = self._bars.add_task(_titled(progress), counted=counted, said="")
        number, total = self._tasks[progress.stage], _WHOLE if progress.total is None else progress.total
        self._bars.update(number, completed=progress.done, total=total, said=_said(progress))
        (task,) = (one for one in self._bars.tasks if one.id == number)
        return task

    def finish(self) -> None:
        """Every bar is done."""
        for task in self._bars.tasks:
            self._bars.update(task.id, completed=task.total)

    def stop(self) -> None:
        """Leaves the bars as they are."""
        if self._bars.live.is_started:
            self._bars.stop()


class Lines(Bars):
    """The same as plain lines, for what is no terminal: one every half a minute, none of work that is done before."""

    def __init__(self, bars: Progress, console: Console) -> None:
        super().__init__(bars)
        self._console = console
        self._last = monotonic()

    def show(self, progress: Stands) -> None:
        """Keeps how far the work is; says it, if the last line is long enough ago."""
        task = self._set(progress, start=False)
        now = monotonic()
        if now - self._last < LINE_EVERY_S:
            return
        self._last = now
        said = [_plain(column, task) for column in self._bars.columns if not isinstance(column, BarColumn)]
        line = "  ".join([progress.stage, f"{task.percentage:.0f} %", *filter(None, said[1:])])
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)


def _plain(column: Any, task: Task) -> str:
    """What a column shows of a task, as text of one line."""
    shown = column.render(task)
    return " ".join((shown.plain if isinstance(shown, Text) else str(shown)).split())


@contextmanager
def progress_bar() -> Iterator[Listener]:
    """A bar on standard error for each stage of some work: how far it is, what it has measured, and the time.

    What is handed to work as its ``listener``::

        with physadv.progress_bar() as listener:
            physadv.evaluate(patch, "gtsrb-cnn", "drive-by", "report", listener=listener)
    """
    console = Console(stderr=True)
    title = TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True))
    live = console.is_terminal or console.is_jupyter
    progress = Progress(
        title,
        BarColumn(bar_width=14, complete_style="cyan", finished_style="green"),
        FiguresColumn(table_column=Column(no_wrap=True, overflow="ellipsis")),
        TimeColumn(),
        console=console,
        transient=not console.is_terminal,
        disable=not live,
    )
    made = Bars(progress) if live else Lines(progress, console)
    try:
        yield made.show
        made.finish()
    finally:
        made.stop()


def _titled(progress: Stands) -> str:
    """The stage, cut to what leaves room for the rest of a line."""
    width = _WIDTH if progress.loss is None else _NARROW
    cut = Text(progress.stage)
    cut.truncate(width, overflow="ellipsis", pad=True)
    return cut.plain


def _said(progress: Stands) -> str:
    """What stands behind a bar."""
    step = f"step {progress.step}" if progress.step is not None and progress.total is None else ""
    loss = "" if progress.loss is None else f"loss {progress.loss:.3f}"
    shares = [f"{name} {percent(share)}" for name, share in progress.shares.items()]
    return "  ".join(filter(None, [step, loss, *shares]))
