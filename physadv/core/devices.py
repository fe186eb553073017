"""Devices by name."""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

import torch

from physadv.core.errors import PhysadvError, unknown_name

DeviceName: TypeAlias = Literal["cpu", "cuda", "mps"]


def pick_device(name: str) -> torch.device:
    """The device of that name.

    Raises:
        PhysadvError: there is no such device, or this machine has none.
    """
    kind, colon, number = name.partition(":")
    if kind not in get_args(DeviceName) or (colon and not number.isdecimal()):
        raise unknown_name("device", name, get_args(DeviceName))
    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not available[kind] or (kind == "cuda" and colon and int(number) >= torch.cuda.device_count()):
        raise PhysadvError(f"--device {name}: torch finds no such device on this machine; try --device cpu")
    return torch.device(name)
