"""The curves of a training as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from physadv.core.errors import PhysadvError
from physadv.core.files import atomic_path
from physadv.core.progress import Listener, Progress

FEW = 20
"""Points of a curve; up to so many, each is marked: one or two points alone make no line."""


def draw_curves(points: Sequence[dict[str, float]], path: Path, *, title: str) -> None:
    """Loss, and accuracy on photographs kept out of the training, over the steps; a PNG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, 3.0), layout="constrained", dpi=120)
    loss, accuracy = figure.subplots(1, 2)
    steps = [point["step"] for point in points]
    marker = "o" if len(points) <= FEW else ""
    loss.plot(steps, [point["loss"] for point in points], color="#8a8f98", marker=marker)
    loss.set(title="Loss of a step", xlabel="step", ylim=(0.0, None))
    for name, words, color in (("clean", "as they are", "#2f6fde"), ("attacked", "under its attack", "#d1495b")):
        if points and name in points[0]:
            shares = [100.0 * point[name] for point in points]
            accuracy.plot(steps, shares, marker=marker or ".", label=words, color=color)
            if len(points) == 1:
                accuracy.annotate(f" {shares[0]:.1f}", (steps[0], shares[0]), color=color, va="center")
    accuracy.set(title="Held-out photographs, read correctly (%)", xlabel="step", ylim=(0.0, 101.0))
    accuracy.legend(loc="best", frameon=False)
    if len(points) == 1:
        loss.annotate(f" {points[0]['loss']:.3g}", (steps[0], points[0]["loss"]), va="center")
    for axes in (loss, accuracy):
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.set_xlim(0.0, max([1.0, *steps]) * 1.15)
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
    writers: list[SummaryWriter] = []

    def listen(progress: Progress) -> None:
        if progress.loss is None or progress.step is None:  # of the measurements after the training
            return
        if not writers:  # only now is the folder the training's
            writers.append(SummaryWriter(str(folder / "tensorboard")))
        writer = writers[0]
        writer.add_scalar("loss", progress.loss, progress.step)
        if progress.measured:
            for name, share in progress.shares.items():
                writer.add_scalar(f"held-out/{name}", share, progress.step)
        if progress.step == progress.total:
            writer.close()

    return listen
