"""What a training learns from: photographs of a data set, held in memory where they fit, and what keeps them varied."""

from __future__ import annotations

from pathlib import Path

import kornia.augmentation as K
import numpy as np
import torch
from torch import Tensor, nn

from physadv.core.color import from_uint8
from physadv.core.errors import PhysadvError
from physadv.signs.datasets import SignDataset, load_known

_HELD_BYTES = 2**30
"""Up to which all pictures stay in memory; above it they are read when they are wanted."""


class Photographs:
    """Pictures of a data set at one size.

    Args:
        dataset: labeled in the victim's words.
        size: side in pixels.

    Raises:
        PhysadvError: pictures cannot be read; all of them are looked at here, not in the middle of a training.
    """

    def __init__(self, dataset: SignDataset, size: int) -> None:
        self.dataset, self.size, self.labels = dataset, size, dataset.labels
        fits = len(dataset) * 3 * size * size <= _HELD_BYTES
        self._pixels = torch.from_numpy(dataset.pixels(size)) if fits else None
        if not fits:
            dataset.check()

    def __len__(self) -> int:
        return len(self.dataset)

    def rows(self, numbers: Tensor) -> tuple[Tensor, Tensor]:
        """``[N, 3, size, size]`` in [0,1] and labels ``[N]``."""
        if self._pixels is None:
            pixels = self.dataset.pixels(self.size, indices=numbers.tolist())
        else:
            pixels = np.asarray(self._pixels[numbers])
        return from_uint8(pixels), self.labels[numbers]

    def balanced(self) -> Tensor:
        """Weight of each picture in a draw: rarer classes oftener, by the square root of their size."""
        return torch.bincount(self.labels).clamp(min=1).float().rsqrt()[self.labels]


def training_photographs(
    kind: str, root: Path | None, split: str | None, *, classes: tuple[str, ...], size: int, held_out: int, seed: int
) -> tuple[Photographs, Photographs]:
    """Pictures to learn from, and pictures kept out of it: about ``held_out``, in whole tracks.

    Raises:
        PhysadvError: the data are not there, or too few.
    """
    default = {"gtsrb": "train"}.get(kind)
    known = load_known(classes, kind, root, split=split or default)
    if len(known) < 2 * held_out:
        raise PhysadvError(
            f"data set {kind!r}: {len(known)} pictures of the victim's classes; to keep {held_out} of them out of the "
            f"training it should have {2 * held_out} at least (or set held_out lower)"
        )
    tracks = np.unique([item.track or str(number) for number, item in enumerate(known.items)], return_inverse=True)[1]
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(int(tracks.max()) + 1, generator=generator).numpy()
    rank = np.argsort(order)[tracks]
    counts = np.cumsum(np.bincount(rank))
    kept = rank <= int(np.searchsorted(counts, held_out))
    if kept.all():
        raise PhysadvError(f"data set {kind!r}: is one track, so that nothing of it can be kept out of the training")
    parts = (np.flatnonzero(~kept).tolist(), np.flatnonzero(kept).tolist())
    try:
        learned, aside = (Photographs(known.subset(part), size) for part in parts)
    except PhysadvError:
        known.check()  # names those of both parts
        raise
    return learned, aside


def augmentation() -> nn.Module:
    """Kornia's: small turns, shifts and scales, perspective, brightness, contrast, now and then blur and noise."""
    steps: nn.Module = nn.Sequential(
        K.RandomAffine(8.0, (0.06, 0.06), (0.7, 1.05), padding_mode="reflection", p=1.0),
        K.RandomPerspective(0.3, p=0.4),
        K.RandomBrightness((0.6, 1.5), p=0.8),
        K.RandomContrast((0.6, 1.5), p=0.8),
        K.RandomGaussianBlur((5, 5), (0.3, 1.2), p=0.3),
        K.RandomGaussianNoise(0.0, 0.02, p=0.3),
    )
    return steps
