"""What a victim says of ready-made pictures: data sets of photographs, and pictures with noise added (no scene)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from physadv.core.statistics import Rate, rate
from physadv.signs.datasets import Crop, SignDataset
from physadv.victims import Victim, under_attack

_BATCH = 64


@dataclass(frozen=True)
class Verdict:
    """How many of some pictures were read as which class, with Wilson 95 % intervals.

    Attributes:
        correct: for their own class.
        untargeted: for another one.
        targeted: for the target, None without one.
        taken_for: pictures by the class that they were read as, most first.
    """

    correct: Rate
    untargeted: Rate
    targeted: Rate | None
    taken_for: dict[str, int]


def predictions(victim: Victim, pictures: Iterable[Tensor], *, batch: int = _BATCH) -> Tensor:
    """The class ``[N]`` (int64) that the victim takes each picture for.

    Args:
        pictures: ``[3, H, W]`` in [0,1] each, of any size; the victim resizes them from there.
        batch: pictures of one size that are shown at once.
    """
    found: dict[int, int] = {}
    waiting: dict[tuple[int, ...], list[tuple[int, Tensor]]] = {}

    def show(some: list[tuple[int, Tensor]]) -> None:
        answers = victim(torch.stack([picture for _, picture in some])).argmax(1).tolist()
        found.update(zip((number for number, _ in some), answers, strict=True))

    with under_attack(victim), torch.no_grad():
        for number, picture in enumerate(pictures):
            same_size = waiting.setdefault(tuple(picture.shape), [])
            same_size.append((number, picture))
            if len(same_size) == batch:
                show(waiting.pop(tuple(picture.shape)))
        for some in waiting.values():
            show(some)
    return torch.tensor([found[number] for number in range(len(found))], dtype=torch.int64)


def judge(victim: Victim, pictures: Iterable[Tensor], *, true_class: str, target: str | None = None) -> Verdict:
    """The verdict on pictures of one class.

    Raises:
        PhysadvError: the victim does not know the class or the target.
    """
    true = victim.class_index(true_class)
    wanted = None if target is None else victim.class_index(target)
    predicted = predictions(victim, pictures)
    counts = torch.bincount(predicted, minlength=len(victim.classes)).tolist()
    order = sorted(range(len(counts)), key=lambda number: -counts[number])
    return Verdict(
        correct=rate((predicted == true).numpy()),
        untargeted=rate((predicted != true).numpy()),
        targeted=None if wanted is None else rate((predicted == wanted).numpy()),
        taken_for={victim.classes[number]: counts[number] for number in order if counts[number]},
    )


def accuracy(victim: Victim, dataset: SignDataset, *, crop: Crop = "frame") -> Rate:
    """Share of a data set's pictures that the victim reads correctly, classes matched by name.

    Pictures of classes that the victim does not have are left out.

    Raises:
        PhysadvError: they have no class in common, or a picture cannot be read.
    """
    known = dataset.select(victim.classes)
    pictures = (torch.from_numpy(pixels.copy()) for pixels in known.each(crop=crop))
    scaled = (pixels.permute(2, 0, 1).float() / 255.0 for pixels in pictures)
    return rate((predictions(victim, scaled) == known.labels).numpy())


def with_noise(pictures: Tensor, noise: Tensor, where: Tensor) -> Tensor:
    """``clip(x + noise * mask, 0, 1)``: the pictures as RP2's authors scored their noise digitally.

    Args:
        pictures: ``[N, 3, H, W]`` in [0,1].
        noise: ``[3, H, W]``.
        where: ``[H, W]`` or ``[3, H, W]``, 1 where it is added.
    """
    return (pictures + noise * where).clamp(0.0, 1.0)
