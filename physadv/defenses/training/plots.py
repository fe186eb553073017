"""The curves of a training as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from physadv.core.errors import PhysadvError
from physadv.core.files import atomic_path
from physadv.defenses.training.loop import Listener, Progress


def draw_curves(points: Sequence[dict[str, float]], path: Path, *, title: str) -> None:
    """Loss, and accuracy on photographs kept out of the training, over the steps; a PNG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, 3.0), layout="constrained", dpi=120)
    loss, accuracy = figure.subplots(1, 2)
    steps = [point["step"] for point in points]
    loss.plot(steps, [point["loss"] for point in points], color="#8a8f98")
    loss.set(title="Loss of a step", xlabel="step", ylim=(0.0, None))
    for name, words, colour in (("clean", "as they are", "#2f6fde"), ("attacked", "under its attack", "#d1495b")):
        if points and name in points[0]:
            accuracy.plot(steps, [100.0 * point[name] for point in points], marker=".", label=words, color=colour)
    accuracy.set(title="Photographs kept aside, read rightly (%)", xlabel="step", ylim=(0.0, 101.0))
    accuracy.legend(loc="lower right", frameon=False)
    for axes in (loss, accuracy):
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.25)
    figure.suptitle(title)
    with atomic_path(path) as temporary:
        figure.savefig(temporary)


def tensorboard_listener(folder: Path) -> Listener:
    """Writes loss and curves into ``folder`` as a training goes on, for TensorBoard.

    Raises:
        PhysadvError: the package tensorboard is not there.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise PhysadvError(
            "--tensorboard: needs the package tensorboard: pip install 'physadv[tensorboard]'"
        ) from error
    writer = SummaryWriter(str(folder / "tensorboard"))

    def listen(progress: Progress) -> None:
        writer.add_scalar("loss", progress.loss, progress.step)
        if progress.point.get("step") == progress.step:
            for name in ("clean", "attacked"):
                if name in progress.point:
                    writer.add_scalar(f"held-out/{name}", progress.point[name], progress.step)
        if progress.step == progress.steps:
            writer.close()

    return listen
