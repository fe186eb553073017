"""Progress bars on the terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

if TYPE_CHECKING:
    from physadv.attacks import Listener
    from physadv.attacks import Progress as DesignProgress
    from physadv.defenses.training import Progress as TrainingStands


@contextmanager
def _bars(*columns: ProgressColumn) -> Iterator[Progress]:
    """Bars that show up once they are started, so that what fails before leaves nothing but its message."""
    console = Console(stderr=True)
    bars = Progress(*columns, console=console, transient=not console.is_terminal)
    try:
        yield bars
    finally:
        if bars.live.is_started:
            bars.stop()


@contextmanager
def design_progress() -> Iterator[Listener]:
    """A bar for each stage of a design: share of the budget, steps, loss, success on frames kept aside."""
    columns = (
        TextColumn("{task.description:14}"),
        BarColumn(bar_width=32),
        TextColumn("{task.percentage:>3.0f} %"),
        TextColumn("step {task.fields[step]:>5}  loss {task.fields[loss]:6.3f}  success {task.fields[success]:>4.0%}"),
        TimeElapsedColumn(),
    )
    with _bars(*columns) as bars:
        tasks: dict[str, TaskID] = {}

        def listen(progress: DesignProgress) -> None:
            if progress.stage not in tasks:
                bars.start()
                tasks[progress.stage] = bars.add_task(progress.stage, total=1.0, step=0, loss=0.0, success=0.0)
            bars.update(
                tasks[progress.stage],
                completed=progress.fraction,
                step=progress.step,
                loss=progress.loss,
                success=progress.held_out_success,
            )

        yield listen


@contextmanager
def training_progress() -> Iterator[Callable[[TrainingStands], None]]:
    """A bar of a training: steps, loss, the last point of its curves."""
    columns = (
        TextColumn("training"),
        BarColumn(bar_width=32),
        MofNCompleteColumn(),
        TextColumn("loss {task.fields[loss]:.3f}  {task.fields[read]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with _bars(*columns) as bars:
        tasks: list[TaskID] = []

        def listen(stands: TrainingStands) -> None:
            if not tasks:
                bars.start()
                tasks.append(bars.add_task("training", total=stands.steps, loss=stands.loss, read=""))
            shown = {name: stands.point[name] for name in ("clean", "attacked") if name in stands.point}
            read = "  ".join(f"{name} {share:.1%}" for name, share in shown.items())
            bars.update(tasks[0], completed=stands.step, loss=stands.loss, read=read)

        yield listen


@contextmanager
def counted_progress() -> Iterator[Callable[[str, int, int], None]]:
    """A bar for each thing that is counted: its title, how many are done, of how many."""
    columns = (
        TextColumn("{task.description:40}"),
        BarColumn(bar_width=32),
        TextColumn("{task.completed:>5.0f}/{task.total:.0f}"),
        TimeElapsedColumn(),
    )
    with _bars(*columns) as bars:
        tasks: dict[str, TaskID] = {}

        def listen(title: str, done: int, total: int) -> None:
            if title not in tasks:
                bars.start()
                tasks[title] = bars.add_task(title, total=total)
            bars.update(tasks[title], completed=done)

        yield listen
