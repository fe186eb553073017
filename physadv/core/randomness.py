"""Random numbers that depend on (seed, frame, quantity) alone: not on the batch, the device, or what was drawn before.

A counter-based generator (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"); the mixing function is
the finaliser of SplitMix64 (Steele et al. 2014), on int64 tensors that wrap around.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import torch
from torch import Tensor


def _signed(value: int) -> int:
    return value - (1 << 64) if value >= 1 << 63 else value


def _mix(state: Tensor) -> Tensor:
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        state = (state ^ ((state >> shift) & ((1 << (64 - shift)) - 1))) * _signed(factor)
    return state ^ ((state >> 31) & ((1 << 33) - 1))


def integers(index: Tensor, *, seed: int, stream: str | Sequence[str]) -> Tensor:
    """Integers in [0, 2^53) for frame numbers ``index`` (int64, any shape), one sequence a ``(seed, stream)``.

    Several streams at once take an ``index [len(stream), N]``, or one ``[N]`` for all, and give a row each.
    """
    names = [stream] if isinstance(stream, str) else list(stream)
    keys = [_signed((seed * 0x9E3779B97F4A7C15 + zlib.crc32(name.encode())) % (1 << 64)) for name in names]
    key = torch.tensor(keys, device=index.device)
    if not isinstance(stream, str):
        key = key[:, None]
    state = _mix(_mix(key) + index * _signed(0x9E3779B97F4A7C15))
    return (state >> 11) & ((1 << 53) - 1)


def uniforms(index: Tensor, *, seed: int, stream: str | Sequence[str]) -> Tensor:
    """Uniform numbers in [0,1), float64, for frame numbers ``index``, as :func:`integers`."""
    return integers(index, seed=seed, stream=stream).double() / float(1 << 53)


def substream(seed: int, name: str) -> int:
    """A seed of its own for a purpose; far away (over 2^40) from the small seeds that people write."""
    index = torch.tensor([seed], dtype=torch.int64)
    return int(integers(index, seed=0, stream=name)) | (1 << 52)
