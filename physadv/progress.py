"""Progress bars on the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

if TYPE_CHECKING:
    from physadv.attacks import Listener
    from physadv.attacks import Progress as DesignProgress


@contextmanager
def design_progress() -> Iterator[Listener]:
    """A bar for each stage of a design: share of the budget, steps, loss, success on frames kept aside."""
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description:14}"),
        BarColumn(bar_width=32),
        TextColumn("{task.percentage:>3.0f} %"),
        TextColumn("step {task.fields[step]:>5}  loss {task.fields[loss]:6.3f}  success {task.fields[success]:>4.0%}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=not console.is_terminal) as bars:
        tasks: dict[str, TaskID] = {}

        def listen(progress: DesignProgress) -> None:
            if progress.stage not in tasks:
                tasks[progress.stage] = bars.add_task(progress.stage, total=1.0, step=0, loss=0.0, success=0.0)
            bars.update(
                tasks[progress.stage],
                completed=progress.fraction,
                step=progress.step,
                loss=progress.loss,
                success=progress.held_out_success,
            )

        yield listen
