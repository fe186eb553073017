"""PatchCleanser: the picture is read behind masks, one of which hides any patch of a given size."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from physadv.core.errors import PhysadvError
from physadv.defenses.defense import DEFENSES, Adaptive, Defense
from physadv.victims import Victim, under_attack
from physadv.victims.labeled_pictures import labeled_pictures

_AT_ONCE = 512
"""Masked pictures that the victim is given at once."""


@DEFENSES.register("patch-cleanser")
class PatchCleanser(Defense):
    """Double masking: if the answers behind single masks differ, a second mask decides whom to believe.

    All the same: that is the answer. Else one that differs from the majority is believed if a second mask, wherever it
    lies, does not change it; and otherwise the majority. The logits are the mean over the single masks that voted for
    the answer; for a believed minority, over the first mask that is believed.

    Source: Xiang et al. 2022, section 3 (algorithm 1 for the inference, definition 2 for the masks).
    """

    kind: Literal["patch-cleanser"] = "patch-cleanser"
    paper: ClassVar[str] = "Xiang et al. 2022, arXiv:2108.09135"
    adaptive: ClassVar[Adaptive] = "through"
    patch_px: int = Field(default=6, ge=1, le=4096)
    """Side in pixels of the largest square patch that is hidden."""
    masks: int = Field(default=6, ge=1, le=32)
    """Masks along each axis: more of them are smaller and hide less of the sign, and take longer."""
    fill: float = Field(default=0.5, ge=0, le=1)
    """What the masked pixels are set to."""

    @property
    def gradient_words(self) -> str:
        """Through which masks it goes."""
        return (
            "the gradient is that of the mean logits behind the single masks that voted for the answer, with the "
            "choice of the masks held fixed"
        )

    def answer(self, victim: Victim, images: Tensor, *, draw: int = 0) -> Tensor:
        """Logits ``[N, K]`` behind the masks that decide."""
        masks = self.mask_set(images)
        logits = behind(victim, images, masks, self.fill)
        believed = self._believed(victim, images.detach(), masks, logits.detach().argmax(2)).to(logits)
        return (logits * believed[:, :, None]).sum(1) / believed.sum(1, keepdim=True)

    def mask_set(self, images: Tensor) -> Tensor:
        """The masks for pictures of that size ``[M, H, W]``, true where a mask hides."""
        return covering_masks((images.shape[-2], images.shape[-1]), self.patch_px, self.masks).to(images.device)

    @torch.no_grad()
    def _believed(self, victim: Victim, images: Tensor, masks: Tensor, read: Tensor) -> Tensor:
        """Which of the single masks, read as the classes ``read [N, M]``, decide: true or false ``[N, M]``."""
        majority = most_frequent(read, len(victim.classes))
        believed = read == majority[:, None]
        rows, numbers = (~believed).nonzero(as_tuple=True)
        if not len(rows):
            return believed
        stays = torch.cat(
            [
                self._stays(victim, images[some], masks, masks[number], read[some, number])
                for some, number in zip(
                    *(torch.split(these, _per_call(masks)) for these in (rows, numbers)), strict=True
                )
            ]
        )
        for row, number in reversed(list(zip(rows[stays].tolist(), numbers[stays].tolist(), strict=True))):
            believed[row] = False
            believed[row, number] = True
        return believed

    def _stays(self, victim: Victim, images: Tensor, masks: Tensor, first: Tensor, classes: Tensor) -> Tensor:
        """Whether every second mask leaves the answer behind the ``first [D, H, W]`` at ``classes [D]``."""
        once = torch.where(first[:, None], self.fill, images)
        return (behind(victim, once, masks, self.fill).argmax(2) == classes[:, None]).all(1)


def covering_masks(size: tuple[int, int], patch_px: int, masks: int) -> Tensor:
    """Masks ``[M, H, W]``, of which one hides a square patch of ``patch_px`` wherever it lies; true where they hide.

    Along an axis of n pixels, masks of ``patch + stride - 1`` pixels lie ``stride = ceil((n - patch + 1) / masks)``
    apart, the last at the border; M is at most ``masks ** 2``.

    Raises:
        PhysadvError: the patch does not fit into the picture.

    Source: Xiang et al. 2022, section 3.4.
    """
    if patch_px > min(size):
        raise PhysadvError(
            f"patch_px = {patch_px}: the pictures have {size[1]} x {size[0]} pixels; it should be at most {min(size)}"
        )
    rows, columns = (_along(side, patch_px, masks) for side in size)
    return (rows[:, None, :, None] & columns[None, :, None, :]).flatten(0, 1)


def _along(side: int, patch_px: int, masks: int) -> Tensor:
    stride = math.ceil((side - patch_px + 1) / masks)
    length = patch_px + stride - 1
    starts = torch.tensor(sorted({min(start, side - length) for start in range(0, side - patch_px + 1, stride)}))
    pixels = torch.arange(side)
    return (pixels >= starts[:, None]) & (pixels < starts[:, None] + length)


def behind(victim: Victim, images: Tensor, masks: Tensor, fill: float) -> Tensor:
    """Logits ``[N, M, K]`` of ``images [N, 3, H, W]`` behind each of ``masks [M, H, W]``."""
    parts = [
        victim(torch.where(masks[:, None], fill, some[:, None]).flatten(0, 1)).unflatten(0, (len(some), len(masks)))
        for some in torch.split(images, _per_call(masks))
    ]
    return torch.cat(parts)


def most_frequent(read: Tensor, classes: int) -> Tensor:
    """The most frequent class of each row of ``read [N, M]``, the first of several, ``[N]``."""
    counts = torch.zeros(len(read), classes, dtype=torch.int64, device=read.device)
    return counts.scatter_add_(1, read, torch.ones_like(read)).argmax(1)


def _per_call(masks: Tensor) -> int:
    return max(1, _AT_ONCE // len(masks))


@dataclass(frozen=True, eq=False)
class PatchCertificates:
    """What is certain of each of N pictures.

    Attributes:
        right: the defended victim reads the picture, without a patch, rightly, ``[N]``.
        certified: it does so whatever one patch of the size, anywhere, shows, ``[N]``.
        masks: how many there are.
        patch_share: the patch's share of the picture's area.
    """

    right: Tensor
    certified: Tensor
    masks: int
    patch_share: float

    @property
    def clean_accuracy(self) -> float:
        """Share of pictures that are read rightly without a patch."""
        return float(self.right.double().mean())

    @property
    def certified_accuracy(self) -> float:
        """Share of pictures that no patch can change."""
        return float(self.certified.double().mean())


def certify_patch(
    victim: Victim,
    pictures: Tensor,
    labels: Tensor,
    *,
    patch_px: int = 6,
    masks: int = 6,
    fill: float = 0.5,
    batch: int = 64,
) -> PatchCertificates:
    """Which pictures are read rightly behind double masking, and which for certain.

    A picture is certain if its class is read behind every pair of masks.

    Args:
        victim: the one that reads the masked pictures.
        pictures: ``[N, 3, H, W]`` in [0,1].
        labels: true classes ``[N]``.
        patch_px, masks, fill: as in :class:`PatchCleanser`.
        batch: pictures at a time.

    Raises:
        PhysadvError: pictures or labels are wrong, or an option is out of range.

    Source: Xiang et al. 2022, theorem 1 and algorithm 2.
    """
    for name, value in (("patch_px", patch_px), ("masks", masks), ("batch", batch)):
        if value < 1:
            raise PhysadvError(f"{name} = {value!r}: should be at least 1")
    if not 0.0 <= fill <= 1.0:
        raise PhysadvError(f"fill = {fill!r}: should be in [0,1]")
    pictures, labels = labeled_pictures(victim, pictures, labels)
    defense = PatchCleanser(patch_px=patch_px, masks=masks, fill=fill)
    hidden = defense.mask_set(pictures)
    pairs = _pairs(hidden)
    right, certified = [], []
    with under_attack(victim), torch.no_grad():
        for some, classes in zip(torch.split(pictures, batch), torch.split(labels, batch), strict=True):
            right.append(defense.answer(victim, some).argmax(1) == classes)
            certified.append(_certain(victim, some, classes, pairs, fill))
    share = patch_px**2 / float(pictures.shape[-1] * pictures.shape[-2])
    return PatchCertificates(torch.cat(right), torch.cat(certified), len(hidden), share)


def _pairs(masks: Tensor) -> Tensor:
    """Each mask, and each union of two, ``[M (M + 1) / 2, H, W]``."""
    first, second = torch.triu_indices(len(masks), len(masks), device=masks.device)
    return masks[first] | masks[second]


def _certain(victim: Victim, images: Tensor, classes: Tensor, pairs: Tensor, fill: float) -> Tensor:
    """Whether ``classes [N]`` are read behind all ``pairs``; a picture is left out after the first that fails."""
    certain = torch.ones(len(images), dtype=torch.bool, device=images.device)
    for some in torch.split(pairs, 64):
        rows = certain.nonzero()[:, 0]
        if not len(rows):
            break
        read = behind(victim, images[rows], some, fill).argmax(2)
        certain[rows] = (read == classes[rows, None]).all(1)
    return certain
