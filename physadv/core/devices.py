"""Devices by name."""

from __future__ import annotations

import re
from functools import cache
from typing import Annotated, TypeAlias

import torch
from pydantic import AfterValidator

from physadv.core.errors import PhysadvError, unknown_name

AUTO = "auto"
NAMES = (AUTO, "cpu", "cuda", "cuda:1", "gpu", "mps")
"""How a device may be called; a number is that of one GPU of several."""
_SPELT = re.compile(r"(auto|cpu|mps|(?:cuda|gpu)(?::\d{1,3})?)(?::0)?")


def check_device_name(name: str) -> str:
    """The name of a device, in small letters, whether or not this machine has it.

    Raises:
        PhysadvError: it is the name of none.
    """
    small = str(name).strip().lower()
    if not _SPELT.fullmatch(small):
        raise unknown_name("device", str(name), NAMES)
    return small


DeviceName: TypeAlias = Annotated[str, AfterValidator(check_device_name)]
"""``auto`` is a CUDA GPU where there is one that works, else the CPU; ``gpu`` is CUDA's or Apple's."""


def pick_device(name: str | torch.device) -> torch.device:
    """The device of that name, a GPU with its number.

    Raises:
        PhysadvError: there is no such device, or this machine has none.
    """
    kind, _, number = check_device_name(str(name)).partition(":")
    if kind == AUTO:
        return torch.device("cuda", 0) if _cuda_works() else torch.device("cpu")
    if kind == "gpu":
        kind = "mps" if torch.backends.mps.is_available() and not torch.cuda.is_available() else "cuda"
    if kind == "cuda":
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if int(number or 0) >= count:
            raise PhysadvError(f"--device {name}: {_why_no_cuda(count)}; try --device auto")
        return torch.device("cuda", int(number or 0))
    if kind == "mps" and not torch.backends.mps.is_available():
        raise PhysadvError(f"--device {name}: this machine has no Apple GPU that torch can use; try --device auto")
    return torch.device(kind)


def device_name(name: str | torch.device) -> str:
    """The device that a name stands for on this machine, as records tell it: ``cpu``, ``cuda:0``, ``mps``."""
    return str(pick_device(name))


@cache
def _cuda_works() -> bool:
    """Whether there is a GPU that computes: one that is too old for this torch is there, and does not."""
    if not torch.cuda.is_available():
        return False
    try:
        return float(torch.ones(2, device="cuda").sum()) == 2.0
    except RuntimeError:
        return False


def _why_no_cuda(count: int) -> str:
    if count:
        numbers = "cuda:0 alone" if count == 1 else f"cuda:0 to cuda:{count - 1}"
        return f"this machine has {numbers}"
    if torch.version.cuda is None and getattr(torch.version, "hip", None) is None:
        return f"torch {torch.__version__} is installed without CUDA"
    return "this machine has no CUDA GPU that torch can use"
