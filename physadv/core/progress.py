"""Progress on standard error: bars of eighty columns on a terminal, green with the time that the work took when it is
done; where there is none, as in the log of a CI job, a plain line every half a minute.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TextColumn
from rich.table import Column
from rich.text import Text

Counted = Callable[[str, int, int], None]
"""Told what is counted, how many are done, and of how many."""
LINE_EVERY_S = 30.0
"""Seconds between two lines of a log."""


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

    def show(self, title: str, done: float, total: float, **fields: Any) -> None:
        """Sets a bar, with what its columns need; begins it if it is not there."""
        if title not in self._tasks:
            self.finish()
            self._bars.start()
            self._tasks[title] = self._bars.add_task(title, total=total, **fields)
        self._bars.update(self._tasks[title], completed=done, total=total, **fields)

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

    def show(self, title: str, done: float, total: float, **fields: Any) -> None:
        """Keeps how far the work is; says it, if the last line is long enough ago."""
        if title not in self._tasks:
            self.finish()
            self._tasks[title] = self._bars.add_task(title, total=total, **fields)
        self._bars.update(self._tasks[title], completed=done, total=total, **fields)
        now = monotonic()
        if now - self._last < LINE_EVERY_S:
            return
        self._last = now
        (task,) = (one for one in self._bars.tasks if one.id == self._tasks[title])
        said = [_plain(column, task) for column in self._bars.columns if not isinstance(column, BarColumn)]
        line = "  ".join([said[0].rstrip(), f"{task.percentage:.0f} %", *filter(None, said[1:])])
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)


def _plain(column: Any, task: Task) -> str:
    """What a column shows of a task, as text of one line."""
    shown = column.render(task)
    return " ".join((shown.plain if isinstance(shown, Text) else str(shown)).split())


@contextmanager
def bars(*columns: ProgressColumn, width: int = 20, shown: bool = True) -> Iterator[Bars]:
    """Bars with a title, columns of their own after the bar, and the time.

    Args:
        columns: between the bar and the time; each gives text.
        width: of the title; what is longer is cut. Titles are text, never markup.
        shown: whether to show anything.
    """
    console = Console(stderr=True)
    title = TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis"))
    title.get_table_column().width = width
    live = console.is_terminal or console.is_jupyter
    progress = Progress(
        title,
        BarColumn(bar_width=14, complete_style="cyan", finished_style="green"),
        *columns,
        TimeColumn(),
        console=console,
        transient=not console.is_terminal,
        disable=not shown or not live,
    )
    made = Bars(progress) if live or not shown else Lines(progress, console)
    try:
        yield made
        made.finish()
    finally:
        made.stop()


@contextmanager
def counted_progress(*, shown: bool = True) -> Iterator[Counted]:
    """A bar for each thing that is counted: its title, how many are done, of how many."""
    with bars(TextColumn("{task.completed:>5.0f}/{task.total:.0f}"), width=24, shown=shown) as made:
        yield made.show
