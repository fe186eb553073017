"""Pictures and labels as people have them, checked and on the victim's device."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import torch
from torch import Tensor

from physadv.core.errors import PhysadvError, PhysadvWarning
from physadv.victims.victim import Victim, device_of

_SLACK = 1e-6
"""How far rounding may have taken pictures out of [0,1]."""


def pictures_from(given: Any) -> Tensor:
    """Pictures as a tensor: an array's or a list's numbers in single precision, a tensor as it is.

    Raises:
        PhysadvError: they are not pictures ``[N, 3, H, W]`` of real numbers.
    """
    try:
        pictures = given if isinstance(given, Tensor) else torch.as_tensor(np.asarray(given))
    except (TypeError, ValueError, RuntimeError) as error:
        raise PhysadvError(
            f"pictures: {type(given).__name__}; they should be a tensor or array [N, 3, H, W]"
        ) from error
    if pictures.ndim != 4 or pictures.shape[1] != 3 or not pictures.is_floating_point():
        raise PhysadvError(
            f"pictures: {list(pictures.shape)} of {pictures.dtype}; they should be [N, 3, H, W], real numbers in [0,1]"
        )
    return pictures if isinstance(given, Tensor) else pictures.float()


def labels_from(given: Any, victim: Victim) -> Tensor:
    """Labels as numbers: of a tensor, an array or a list of whole numbers or class names.

    Raises:
        PhysadvError: they are neither, or the victim has no class of that name.
    """
    words = list(given) if isinstance(given, (list, tuple, np.ndarray)) else []
    if words and all(isinstance(word, str) for word in words):
        return torch.tensor([victim.class_index(word) for word in words])
    try:
        labels = given if isinstance(given, Tensor) else torch.as_tensor(np.asarray(given))
    except (TypeError, ValueError, RuntimeError) as error:
        raise PhysadvError(f"labels: {given!r:.80}; they should be one class number or name a picture") from error
    whole = not labels.is_complex() and labels.dtype != torch.bool and bool((labels == labels.long()).all())
    if not whole:
        raise PhysadvError(f"labels: of {labels.dtype}; they should be whole numbers, one class a picture")
    return labels.long()


def labeled_pictures(victim: Victim, pictures: Any, labels: Any) -> tuple[Tensor, Tensor]:
    """Pictures and labels on the victim's device, checked for what users get wrong; rounding out of [0,1] is clipped.

    Raises:
        PhysadvError: something is wrong.
    """
    pictures, labels = pictures_from(pictures), labels_from(labels, victim)
    if list(victim.buffers()) or list(victim.parameters()):
        pictures = pictures.to(device_of(victim))
    labels = labels.to(pictures.device)
    if labels.ndim != 1 or len(labels) != len(pictures):
        raise PhysadvError(
            f"labels: {list(labels.shape)} for {len(pictures)} pictures; they should be [{len(pictures)}]"
        )
    if not len(pictures):
        raise PhysadvError("pictures: there are none")
    if not bool(torch.isfinite(pictures).all()):
        raise PhysadvError("pictures: have values that are not finite (NaN or infinity); they should be in [0,1]")
    low, high = float(pictures.min()), float(pictures.max())
    if not (low >= -_SLACK and high <= 1.0 + _SLACK):
        hint = " (divide by 255)" if high > 2.0 and low >= 0.0 else " (normalization belongs to the victim)"
        raise PhysadvError(f"pictures: range from {low:g} to {high:g}; they should be in [0,1]{hint}")
    wrong = (labels < 0) | (labels >= len(victim.classes))
    if bool(wrong.any()):
        raise PhysadvError(
            f"labels: {int(labels[wrong][0])} is not a class of victim {victim.name!r}; "
            f"classes are 0 to {len(victim.classes) - 1}"
        )
    if any(module.training for module in victim.modules()):
        warnings.warn(
            f"victim {victim.name!r} is in train mode; it is attacked in eval mode and left as it was",
            PhysadvWarning,
            stacklevel=3,
        )
    return pictures.clamp(0.0, 1.0), labels
