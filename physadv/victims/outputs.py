"""What a network gives, in whatever it is wrapped, as logits: a tensor, a tuple, a mapping, a dataclass, an array."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from physadv.core.errors import PhysadvError

LOGITS = "logits"
"""The name that is taken for what it says, as in the outputs of Hugging Face's models."""
_CELLS = 21
"""Cells of a grid of strides 8, 16 and 32 come in this number: 16 + 4 + 1 for each 32 x 32 pixels."""
_BOX_SIDES = frozenset({4, 5, 6, 7})
"""Values of a box: four corners, with a score, a class, the picture's number."""
DETECTOR = (
    "; this looks like a detector of objects, which gives boxes, and only classifiers are attacked and scored: give "
    "the classifier that reads what is in its boxes; physadv photos ingest --detector finds the sign in photographs "
    "with it"
)


def parts_of(given: Any) -> dict[str, Any] | None:
    """The named parts of an output, numbered where they have no names; None: it is in one piece."""
    if isinstance(given, Mapping):
        return {str(name): value for name, value in given.items()}
    if is_dataclass(given) and not isinstance(given, type):
        return {field.name: getattr(given, field.name) for field in fields(given)}
    if isinstance(given, (tuple, list)):
        names = getattr(given, "_fields", range(len(given)))
        return {str(name): value for name, value in zip(names, given, strict=True)}
    return {LOGITS: getattr(given, LOGITS)} if hasattr(given, LOGITS) else None


def logits_of(given: Any, *, pictures: int, classes: int, named: str | None = None, source: str) -> Tensor:
    """The logits in a network's output, ``[N, K]`` as far as they are that.

    The part called ``logits`` is taken, else the only part with one value a picture and class.

    Args:
        given: the output: a tensor or array, or a tuple, list, mapping, named tuple or dataclass of them.
        pictures: N.
        classes: K.
        named: the part to take, by its name or, in a tuple, its number.
        source: whose output it is, for messages.

    Raises:
        PhysadvError: no part is the logits, it is not clear which, or they are no real numbers.
    """
    if isinstance(given, Tensor) and named is None:
        return _flat(_real(given, source), pictures, classes)
    parts = parts_of(given)
    if parts is None:
        if isinstance(given, (Tensor, np.ndarray)) and named is None:
            return _flat(_real(given, source), pictures, classes)
        told = f", and has no output_name = {named!r}" if named is not None else ""
        raise PhysadvError(f"{source}: its network gives {_shape(given)}, not the logits [N, {classes}]{told}")
    arrays = {name: value for name, value in parts.items() if isinstance(value, (Tensor, np.ndarray))}
    fitting = [name for name, value in arrays.items() if _fits(value, pictures, classes)]
    if named is not None:
        chosen = [named] if named in arrays else []
    elif LOGITS in arrays:
        chosen = [LOGITS]
    else:
        chosen = list(arrays) if len(arrays) == len(parts) == 1 else fitting
    if len(chosen) == 1:
        return _flat(_real(arrays[chosen[0]], source), pictures, classes)
    listed = ", ".join(f"{name}: {_shape(value)}" for name, value in list(parts.items())[:8])
    if named is not None:
        raise PhysadvError(f"{source}: output_name = {named!r}: its network gives {listed or 'nothing'}")
    which = f"{' and '.join(fitting)} could each be the logits" if fitting else f"none is the logits [N, {classes}]"
    boxes = not fitting and any(
        gives_boxes(value.shape, classes) or any(word in name.lower() for word in ("box", "det"))
        for name, value in arrays.items()
    )
    advice = DETECTOR if boxes else "; say which of them with output_name"
    raise PhysadvError(f"{source}: its network gives several outputs ({listed}) and {which}{advice}")


def gives_boxes(shape: Sequence[int], classes: int) -> bool:
    """Whether an output of this shape looks like a detector's: ``[N, boxes, 4 + ...]`` or ``[N, 4 + ..., boxes]``.

    Args:
        shape: of the output.
        classes: that the network is said to tell apart.
    """
    if len(shape) != 3:
        return False
    many, values = max(shape[1:]), min(shape[1:])
    told = {*_BOX_SIDES, classes + 4, classes + 5}
    return many > values and (values in told or (values > min(_BOX_SIDES) and many % _CELLS == 0))


def _real(given: Tensor | npt.NDArray[Any], source: str) -> Tensor:
    """The output as a tensor; of yes and no, complex numbers and texts no class is the largest."""
    try:
        value = given if isinstance(given, Tensor) else torch.as_tensor(given)
    except TypeError:
        value = None
    if value is None or value.is_complex() or value.dtype == torch.bool:
        kind = str(given.dtype).removeprefix("torch.").replace("object", "text")
        raise PhysadvError(f"{source}: its network answers in {kind}; logits should be real numbers")
    return value


def _fits(value: Any, pictures: int, classes: int) -> bool:
    shape = tuple(value.shape)
    return shape[:2] == (pictures, classes) and all(side == 1 for side in shape[2:])


def _flat(value: Tensor, pictures: int, classes: int) -> Tensor:
    """``[N, K]`` of ``[N, K, 1, 1]``, which fully convolutional networks give."""
    return value.flatten(1) if value.ndim > 2 and _fits(value, pictures, classes) else value


def _shape(value: Any) -> str:
    return str(list(value.shape)) if isinstance(value, (Tensor, np.ndarray)) else f"a {type(value).__name__}"
