"""Kornia's augmentations by name, as a scene's file lists them."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import kornia.augmentation
from kornia.augmentation import AugmentationSequential, GeometricAugmentationBase2D, IntensityAugmentationBase2D
from torch import nn

from physadv.core.errors import PhysadvError, shown, unknown_name
from physadv.scenes.kornia import augmentation

_OF_A_BATCH = ("same_on_batch", "p_batch", "keepdim")
"""Parameters that say how the pictures of a batch belong together, which frames do not."""


@cache
def augmentations() -> dict[str, type[nn.Module]]:
    """Augmentations of single pictures, Kornia's and those of :mod:`physadv.augmentation`, by class name."""
    own = {name: getattr(augmentation, name) for name in augmentation.__all__ if name != "RandomScene"}
    bases = (IntensityAugmentationBase2D, GeometricAugmentationBase2D)
    return own | {
        name: part
        for name, part in sorted(vars(kornia.augmentation).items())
        if inspect.isclass(part) and issubclass(part, nn.Module) and issubclass(part, bases) and part not in bases
    }


LARGEST_SIDES = 4
"""A size or a kernel may be so many times the pictures' side ..."""
LARGEST = 512
"""... and anything may be as large as that."""


def sequence(transforms: Sequence[str | Mapping[str, Any]], *, px: int) -> AugmentationSequential:
    """The modules of a list, in a row.

    Args:
        transforms: names of classes, or mappings of one name to the class's parameters.
        px: side of the pictures that they will get.

    Raises:
        PhysadvError: an unknown name or parameter, or a value that the class refuses.
    """
    return AugmentationSequential(*(_module(one, f"transforms[{at}]", px) for at, one in enumerate(transforms)))


def _module(said: str | Mapping[str, Any], where: str, px: int) -> nn.Module:
    if isinstance(said, Mapping) and len(said) != 1:
        raise PhysadvError(
            f"{where}: {shown(dict(said))} names {len(said)} transforms; each has an entry of its own in the list"
        )
    name, parameters = (said, {}) if isinstance(said, str) else next(iter(said.items()))
    known = augmentations()
    if name not in known:
        other = getattr(kornia.augmentation, name, None)
        if inspect.isclass(other) and issubclass(other, nn.Module):
            raise PhysadvError(f"{where}: {name} is no intensity or geometric augmentation of single pictures")
        raise PhysadvError(f"{where}: {unknown_name('augmentation of Kornia', name, known)}")
    if not isinstance(parameters, Mapping):
        raise PhysadvError(f"{where}: {name} = {shown(parameters)}: should be a mapping of parameters to values")
    takes = [one for one in inspect.signature(known[name]).parameters if one not in _OF_A_BATCH]
    for parameter in parameters:
        if parameter in _OF_A_BATCH:
            raise PhysadvError(f"{where}: {name}: {parameter} has no meaning here, for each frame is drawn by itself")
        if parameter not in takes:
            raise PhysadvError(f"{where}: {name}: {unknown_name('parameter', str(parameter), takes)}")
    chance = parameters.get("p", 1.0)
    if isinstance(chance, bool) or not isinstance(chance, (int, float)) or not 0.0 <= chance <= 1.0:
        raise PhysadvError(f"{where}: {name}: p = {shown(chance)}: should be a probability, from 0 to 1")
    if name in kornia.augmentation.__dict__:
        _check_sizes(parameters, f"{where}: {name}", px)
    try:
        return known[name](**{key: _value(value) for key, value in parameters.items()})
    except Exception as error:  # Kornia checks its arguments by errors of many kinds
        raise PhysadvError(f"{where}: {name}: {reason(error)}") from error


def _check_sizes(parameters: Mapping[str, Any], where: str, px: int) -> None:
    """Refuses sizes and kernels that would take all the memory."""
    for name, value in parameters.items():
        for number in numbers_in(value):
            if not abs(number) <= max(LARGEST, LARGEST_SIDES * px):
                raise PhysadvError(
                    f"{where}: {name} = {shown(value)}: is too large for pictures of {px} x {px}; "
                    f"{max(LARGEST, LARGEST_SIDES * px)} is the most"
                )


def numbers_in(value: Any) -> list[float]:
    """The numbers in nested lists and mappings; true and false are none."""
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        return [number for one in value for number in numbers_in(one)]
    return [value] if isinstance(value, (int, float)) and not isinstance(value, bool) else []


def _value(value: Any) -> Any:
    """As Kornia takes it: a list is a tuple."""
    return tuple(_value(one) for one in value) if isinstance(value, (list, tuple)) else value


def reason(error: Exception) -> str:
    """What an error of Kornia's says, in one line."""
    words = " ".join(str(error).split())
    return words[:300] or type(error).__name__
