"""Checkpoints of trainings: written whole, read without unpickling code, refused where they are damaged."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from physadv.core.errors import PhysadvError
from physadv.core.files import atomic_path, check_regular


def write_checkpoint(path: Path, identity: str, state: dict[str, Any]) -> None:
    """Writes what a training needs to resume.

    Args:
        path: of the file.
        identity: digest of all that the training depends on.
        state: tensors, numbers, text, and lists and mappings of them.
    """
    with atomic_path(path) as temporary:
        torch.save({**state, "identity": identity}, temporary)


@contextmanager
def checkpoint_of(path: Path, identity: str, device: torch.device) -> Iterator[dict[str, Any] | None]:
    """The state in a checkpoint; None if there is no file.

    It is put to use inside of the ``with``: what does not fit there is refused as what cannot be read is.

    Raises:
        PhysadvError: it is damaged, or of another training.
    """
    try:
        path.lstat()
    except FileNotFoundError:
        yield None
        return
    check_regular(path)
    try:
        state: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
        found = state["identity"]
    except Exception as error:  # of a damaged file, whatever there is
        raise _damaged(path) from error
    if found != identity:
        raise PhysadvError(f"{path.parent}: holds the checkpoint of another training; choose another --out")
    try:
        yield state
    except torch.cuda.OutOfMemoryError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        raise _damaged(path) from error


def _damaged(path: Path) -> PhysadvError:
    return PhysadvError(f"{path}: not a readable checkpoint; remove it to start again")
