"""Weights from files, without ever unpickling code, and into a network, with an error that says what does not fit."""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from physadv.core.errors import PhysadvError

WRAPPERS = ("state_dict", "model_state_dict", "model")
"""Keys under which training scripts file the parameters."""
SAVED_BY_TORCH = (b"PK\x03\x04", b"\x80")
"""How files of ``torch.save`` begin: a zip archive, or in the old format a pickle."""
DAMAGED = (RuntimeError, EOFError, OSError, ValueError, KeyError, IndexError, TypeError, AttributeError)
"""What ``torch.load`` raises when a file breaks off or has been altered."""
PARALLEL_PREFIX = "module."
"""Put before every name by ``DataParallel``."""


def read_parameters(path: Path) -> dict[str, Tensor]:
    """Names to tensors, from safetensors or a state dict that ``torch.save`` wrote.

    Raises:
        PhysadvError: the file is missing, truncated, of another kind, or would need code to be unpickled.
    """
    if not path.is_file():
        raise PhysadvError(f"{path}: no such file of weights")
    saved = _read_safetensors(path) if path.suffix == ".safetensors" else _read_state_dict(path)
    for wrapper in WRAPPERS:
        if isinstance(saved.get(wrapper), Mapping):
            saved = saved[wrapper]
            break
    if not saved or not all(isinstance(name, str) and isinstance(value, Tensor) for name, value in saved.items()):
        raise PhysadvError(f"{path}: holds no state dict; expected a mapping of parameter names to tensors")
    if all(name.startswith(PARALLEL_PREFIX) for name in saved):
        return {name.removeprefix(PARALLEL_PREFIX): value for name, value in saved.items()}
    return dict(saved)


def _read_safetensors(path: Path) -> Mapping[str, Any]:
    try:
        saved: dict[str, Tensor] = load_file(path)
    except (SafetensorError, OSError) as error:
        raise PhysadvError(
            f"{path}: not a readable safetensors file ({_first_line(error)}); is it complete?"
        ) from error
    return saved


def _read_state_dict(path: Path) -> Mapping[str, Any]:
    with path.open("rb") as file:
        start = file.read(4)
    if not start.startswith(SAVED_BY_TORCH):
        raise PhysadvError(f"{path}: neither a state dict nor safetensors")
    try:
        saved = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        if "unsupported" in str(error).lower():
            raise PhysadvError(
                f"{path}: holds pickled Python objects, which are refused since unpickling runs code; "
                "save the state dict of the model alone, best as .safetensors"
            ) from error
        raise PhysadvError(f"{path}: not a readable state dict ({_first_line(error)}); is it complete?") from error
    except DAMAGED as error:
        raise PhysadvError(f"{path}: not a readable state dict ({_first_line(error)}); is it complete?") from error
    if not isinstance(saved, Mapping):
        raise PhysadvError(f"{path}: holds a {type(saved).__name__}; expected a state dict")
    return saved


def fill(network: nn.Module, parameters: Mapping[str, Tensor], *, source: Path, what: str) -> None:
    """Puts parameters into a network, each to its name.

    Args:
        source: the file that they are from, for the message.
        what: the network, for the message.

    Raises:
        PhysadvError: a name is missing or in excess, or a shape is another.
    """
    wanted = network.state_dict()
    missing = [name for name in wanted if name not in parameters and not name.endswith("num_batches_tracked")]
    if missing:
        raise PhysadvError(f"{source}: lacks {_listed(missing)} of {what}; it holds {_listed(list(parameters))}")
    excess = [name for name in parameters if name not in wanted]
    if excess:
        raise PhysadvError(f"{source}: holds {_listed(excess)}, which {what} does not have")
    for name, tensor in parameters.items():
        if tensor.shape != wanted[name].shape:
            raise PhysadvError(
                f"{source}: {name} has shape {list(tensor.shape)}, but {what} needs {list(wanted[name].shape)}"
            )
    network.load_state_dict(dict(parameters), strict=False)


def digest(network: nn.Module) -> str:
    """Hexadecimal SHA-256 of a network's parameters and buffers, names and shapes included."""
    total = hashlib.sha256()
    for name, tensor in sorted(network.state_dict().items()):
        total.update(f"{name}{list(tensor.shape)}{tensor.dtype}".encode())
        total.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return total.hexdigest()


def _listed(names: list[str]) -> str:
    shown = ", ".join(names[:3])
    return f"{shown} and {len(names) - 3} more" if len(names) > 3 else shown


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0][:200].rstrip(".") or type(error).__name__
