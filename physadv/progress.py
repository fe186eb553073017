"""Progress bars of designs and trainings, and of what is counted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.progress import MofNCompleteColumn, TextColumn

from physadv.core.progress import bars, counted_progress
from physadv.core.wording import percent

if TYPE_CHECKING:
    from physadv.attacks import Listener
    from physadv.attacks import Progress as DesignProgress
    from physadv.training import Progress as TrainingStands

__all__ = ["counted_progress", "design_progress", "training_progress"]


@contextmanager
def design_progress() -> Iterator[Listener]:
    """A bar for each stage of a design: share of the budget, steps, loss, success on held-out frames."""
    stands = "step {task.fields[step]}  loss {task.fields[loss]:.3f}  held out {task.fields[success]}"
    with bars(TextColumn(stands), width=13) as made:

        def listen(progress: DesignProgress) -> None:
            made.show(
                progress.stage,
                progress.fraction,
                1.0,
                step=progress.step,
                loss=progress.loss,
                success=percent(progress.held_out_success),
            )

        yield listen


@contextmanager
def training_progress() -> Iterator[Callable[[TrainingStands], None]]:
    """A bar of a training: steps, loss, the last point of its curves."""
    with bars(MofNCompleteColumn(), TextColumn("loss {task.fields[loss]:.3f}  {task.fields[read]}"), width=8) as made:

        def listen(stands: TrainingStands) -> None:
            shown = {name: stands.point[name] for name in ("clean", "attacked") if name in stands.point}
            read = "  ".join(f"{name} {percent(share)}" for name, share in shown.items())
            made.show("training", stands.step, stands.steps, loss=stands.loss, read=read)

        yield listen
