"""Weights from files, without ever unpickling code, and into a network, with an error that says what does not fit."""

from __future__ import annotations

import hashlib
import pickle
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from physadv.core.errors import PhysadvError
from physadv.core.files import check_regular

SAVED_BY_TORCH = (b"PK\x03\x04", b"\x80")
"""How files of ``torch.save`` begin: a zip archive, or in the old format a pickle."""
IN_THE_WAY = ("_orig_mod.", "_fsdp_wrapped_module.", "_checkpoint_wrapped_module.")
"""What wrappers of PyTorch's own put into names, anywhere."""
_DEEPEST = 4
"""Mappings in mappings that are looked into."""
_MOST_SETS = 1000
"""Mappings that are looked into, all together."""
_TRAINING = re.compile(r"(^|[_-])(loss(es)?|criteri(on|a)|metrics?|acc(uracy)?)([_-]|$)")
"""In the first part of a name: what a training keeps beside its network."""
ITSELF = "."
"""Place of what lies in the file itself, and not under a key."""
_BESIDE = re.compile(r"sched|callback|rng|seed|loop|hyper|config|scaler|best|score|stats?$|history", re.IGNORECASE)
"""In the place of a set, or its name: what a training keeps that is no layer."""
_OPTIMIZER = re.compile(r"optim", re.IGNORECASE)
"""In a key: below it are moments of weights, of the same names and shapes."""
NO_WEIGHT = "num_batches_tracked"
"""End of a name that normalization counts under; networks read without it."""

Parameters = Mapping[str, Tensor]


def read_parameters(path: Path) -> dict[str, dict[str, Tensor]]:
    """The sets of parameters in a file of safetensors, or that ``torch.save`` wrote, by their place in the file.

    Places are the keys that lead there, joined by dots: ``state_dict``, ``model.ema``; empty for the file itself.

    Raises:
        PhysadvError: the file is missing, truncated, of another kind, holds no tensors, or would need code to be
            unpickled.
    """
    check_regular(path, what="file of weights")
    saved = _read_safetensors(path) if path.suffix == ".safetensors" else _read_state_dict(path)
    sets = dict(_sets(saved, path))
    if not sets:
        raise PhysadvError(f"{path}: does not hold a state dict; expected a mapping of parameter names to tensors")
    return sets


def _sets(saved: Mapping[Any, Any], path: Path) -> Iterator[tuple[str, dict[str, Tensor]]]:
    """Every mapping in ``saved``, itself first, that holds tensors by name.

    Raises:
        PhysadvError: there are so many that a mapping seems to hold itself.
    """
    waiting: list[tuple[str, Mapping[Any, Any], int]] = [("", saved, 0)]
    looked_into = 0
    while waiting:
        place, here, depth = waiting.pop(0)
        looked_into += 1
        if looked_into > _MOST_SETS:
            raise PhysadvError(
                f"{path}: holds more than {_MOST_SETS} mappings in one another; save one state dict alone"
            )
        tensors = {key: value for key, value in here.items() if isinstance(key, str) and isinstance(value, Tensor)}
        if tensors:
            yield place, tensors
        if depth < _DEEPEST:
            below = [
                (key, value)
                for key, value in here.items()
                if isinstance(key, str) and isinstance(value, Mapping) and not _OPTIMIZER.search(key)
            ]
            waiting[:0] = [(f"{place}.{key}" if place else key, value, depth + 1) for key, value in below[:_MOST_SETS]]


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
    _check_stored(path)
    try:
        saved = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        if "unsupported" in str(error).lower():
            raise PhysadvError(
                f"{path}: holds pickled Python objects, which are refused since unpickling runs code; "
                "save the state dict of the model alone, best as .safetensors"
            ) from error
        raise PhysadvError(f"{path}: not a readable state dict ({_first_line(error)}); is it complete?") from error
    except Exception as error:  # of a file that breaks off or has been altered, whatever there is
        raise PhysadvError(f"{path}: not a readable state dict ({_first_line(error)}); is it complete?") from error
    if not isinstance(saved, Mapping):
        raise PhysadvError(f"{path}: holds a {type(saved).__name__}; expected a state dict")
    return saved


def _check_stored(path: Path) -> None:
    """Refuses an archive with compressed parts, which ``torch.save`` never writes: they may be of any size.

    Raises:
        PhysadvError: it has some.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            stored = sum(part.file_size for part in archive.infolist()) <= path.stat().st_size
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return  # no archive, or one that PyTorch will say more of
    if not stored:
        raise PhysadvError(f"{path}: is a compressed archive, which torch.save never writes; save the state dict again")


def fill(
    network: nn.Module, sets: Mapping[str, Parameters], *, source: Path, what: str, place: str | None = None
) -> None:
    """Puts parameters into a network, each to its name, whatever a wrapper has put before all of the names.

    Args:
        network: what is filled; in double precision afterwards where its weights are.
        sets: of parameters, by their place in the file.
        source: the file that they are from, for the message.
        what: the network, for the message.
        place: of the set that is meant, with what stands before its names, "." for the file itself; if not given, the
            only one that fits.

    Raises:
        PhysadvError: a name is missing or in excess, a shape is another, a tensor is of another kind, or several sets
            fit, or nearly fit, that are not the same.
    """
    wanted = network.state_dict()
    beside: dict[str, list[str]] = {}
    tried: list[tuple[str, Parameters]] = []
    for at, parameters in sets.items():
        found, others = _named(parameters, wanted)
        names = [".".join(part for part in (at, prefix.rstrip(".")) if part) or ITSELF for prefix in found]
        tried += zip(names, found.values(), strict=True)
        beside |= dict.fromkeys(names, others)
    if place is not None:
        there = ", ".join(f"{ITSELF} (the file itself)" if name == ITSELF else name for name, _ in tried)
        tried = [(name, named) for name, named in tried if place == name]
        if not tried:
            raise PhysadvError(f"{source}: holds nothing under weights_key = {place!r}; there is: {there}")
    fitting = [(name, named) for name, named in tried if not _complaint(named, wanted, what)]
    if not fitting:
        _, nearest = max(tried, key=lambda one: len(set(one[1]) & set(wanted)))
        raise PhysadvError(f"{source}: {_complaint(nearest, wanted, what)}")
    name, chosen = fitting[0]
    for other, named in fitting[1:]:
        if not all(torch.equal(chosen[key], named[key]) for key in wanted if key in chosen and key in named):
            raise PhysadvError(
                f"{source}: holds several sets of weights that fit {what} and differ, {name!r} and {other!r}; "
                "say which is meant with weights_key in the card"
            )
    if place is None:
        for other, named in tried:
            if _rivals(named, chosen, wanted):
                raise PhysadvError(
                    f"{source}: the weights under {name!r} fit {what}, but those under {other!r} nearly do and differ "
                    f"({_complaint(named, wanted, what)}); say which are meant with weights_key in the card"
                )
        beside[name] = [*beside[name], *_elsewhere(sets, chosen, [named for _, named in fitting])]
    if beside[name] and place is None:
        raise PhysadvError(
            f"{source}: holds {_listed(beside[name])} beside the weights of {what} under {name!r}: a layer of its own, "
            f"such as a normalization, would be left out; to use the weights alone, write weights_key: {name} in the "
            "card"
        )
    floating = [tensor for tensor in chosen.values() if tensor.is_floating_point()]
    if floating and all(tensor.dtype == torch.float64 for tensor in floating):
        network.double()
    network.load_state_dict(dict(chosen), strict=False)


def _elsewhere(sets: Mapping[str, Parameters], chosen: Parameters, fitting: Sequence[Parameters]) -> list[str]:
    """Tensors that lie in other mappings of the file than the weights, and that a layer may need."""
    known = {id(tensor) for named in (chosen, *fitting) for tensor in named.values()}
    return [
        f"{at}.{key}" if at else key
        for at, parameters in sets.items()
        for key, tensor in parameters.items()
        if id(tensor) not in known and not any(id(one) in known for one in parameters.values())
        if tensor.is_floating_point() and tensor.ndim > 0
        if not _BESIDE.search(at) and not _BESIDE.search(key) and not _of_training(f"{at}.{key}" if at else key, tensor)
    ]


def _rivals(named: Parameters, chosen: Parameters, wanted: Parameters) -> bool:
    """Whether another set is a network of nearly the same shape with other weights: who is to say which was meant?"""
    common = [key for key in wanted if key in named and key in chosen and named[key].shape == wanted[key].shape]
    needed = [key for key in wanted if not key.endswith(NO_WEIGHT)]
    if 2 * len(common) < len(needed) or {id(one) for one in named.values()} <= {id(one) for one in chosen.values()}:
        return False
    return not all(torch.equal(named[key], chosen[key].to(named[key].dtype)) for key in common)


def _named(parameters: Parameters, wanted: Parameters) -> tuple[dict[str, Parameters], list[str]]:
    """The parameters without what stands before their names, by each prefix that may; and the names that have none.

    Losses, metrics and whole numbers that are alone, such as ``n_averaged``, are of the training: they do not count.
    """
    plain: dict[str, Tensor] = {}
    for name, tensor in parameters.items():
        for word in IN_THE_WAY:
            name = name.replace(word, "")
        plain[name] = tensor
    if len(plain) < len(parameters):
        plain = dict(parameters)
    first = next((name for name in wanted if not name.endswith(NO_WEIGHT)), "")
    prefixes = [name.removesuffix(first) for name in plain if name == first or name.endswith(f".{first}")]
    found: dict[str, Parameters] = {
        one: {name.removeprefix(one): tensor for name, tensor in plain.items() if name.startswith(one)}
        for one in prefixes or [""]
    }
    needed = [name for name in wanted if not name.endswith(NO_WEIGHT)]
    whole = [one for one, named in found.items() if all(name in named for name in needed)]
    for one in whole:  # a copy of the network that lies below it, such as a teacher, is no part of it
        inner = tuple(other for other in whole if other != one and other.startswith(one))
        if inner:
            found[one] = {
                name.removeprefix(one): tensor
                for name, tensor in plain.items()
                if name.startswith(one) and not name.startswith(inner)
            }
    others = [
        name for name, tensor in plain.items() if not name.startswith(tuple(found)) and not _of_training(name, tensor)
    ]
    return found, others


def _of_training(name: str, tensor: Tensor) -> bool:
    if _TRAINING.search(name.split(".")[0].lower()):
        return True
    return tensor.ndim == 0 and not tensor.is_floating_point() and not tensor.is_complex()


def _complaint(parameters: Parameters, wanted: Parameters, what: str) -> str:
    """Why parameters are not those of a network; empty where they are."""
    missing = [name for name in wanted if name not in parameters and not name.endswith(NO_WEIGHT)]
    if missing:
        return f"lacks {_listed(missing)} of {what}; it holds {_listed(list(parameters))}"
    excess = [name for name in parameters if name not in wanted]
    if excess:
        return f"holds {_listed(excess)}, which {what} does not have"
    for name, tensor in parameters.items():
        if tensor.shape != wanted[name].shape:
            return f"{name} has shape {list(tensor.shape)}, but {what} needs {list(wanted[name].shape)}"
        if strange := _strange(tensor, wanted[name]):
            return f"{name} is {strange}, but {what} needs {_kind(wanted[name])}; save plain numbers of that kind"
    return ""


def _strange(tensor: Tensor, wanted: Tensor) -> str:
    """What is unlike plain numbers of the wanted kind: copying it would fail or mean something else."""
    if tensor.is_meta:
        return "a meta tensor, which has no values"
    if tensor.is_quantized:
        return "quantized"
    if tensor.layout != torch.strided:
        return "sparse"
    same = tensor.is_floating_point() == wanted.is_floating_point() and tensor.is_complex() == wanted.is_complex()
    return "" if same and (tensor.dtype == torch.bool) == (wanted.dtype == torch.bool) else _kind(tensor)


def _kind(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")


def digest(network: nn.Module) -> str:
    """Hexadecimal SHA-256 of a network's parameters and buffers, names and shapes included.

    Raises:
        PhysadvError: a parameter has no values yet.
    """
    total = hashlib.sha256()
    for name, value in sorted(network.state_dict().items()):
        for part in _parts_of(value):
            if isinstance(part, Tensor):
                if is_lazy(part) or part.is_meta:
                    raise PhysadvError(
                        f"the network's {name} has no values yet; run it once, or load its weights, before it is a "
                        "victim"
                    )
                plain = part.detach().cpu()
                plain = (plain.dequantize() if plain.is_quantized else plain).contiguous()
                total.update(f"{name}{list(part.shape)}{part.dtype}".encode())
                total.update(plain.flatten().view(torch.uint8).numpy().tobytes())
            else:
                total.update(f"{name}{part!r}".encode())
    return total.hexdigest()


def _parts_of(value: Any) -> Iterator[Any]:
    """A state's values: quantized layers and modules of their own keep more than tensors."""
    if isinstance(value, Mapping):
        value = [one for item in value.items() for one in item]
    if isinstance(value, (list, tuple)):
        for one in value:
            yield from _parts_of(one)
    else:
        yield value


def _listed(names: list[str]) -> str:
    shown = ", ".join(names[:3])
    return f"{shown} and {len(names) - 3} more" if len(names) > 3 else shown


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0][:200].rstrip(".") or type(error).__name__
