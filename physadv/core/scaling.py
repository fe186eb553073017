"""Samples of any depth as 8 bits."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Pixels: TypeAlias = npt.NDArray[np.uint8]
Samples: TypeAlias = npt.NDArray[Any]

STRIP_PX = 512
"""Rows that are converted at once."""


def scaled(values: Samples, top: int) -> Pixels:
    """Values of 0 to ``top`` as 0 to 255, rounded to the nearest, strip by strip."""
    table = ((np.arange(top + 1, dtype=np.int64) * 510 + top) // (2 * top)).astype(np.uint8)
    made = np.empty(values.shape, np.uint8)
    for start in range(0, len(values), STRIP_PX):
        made[start : start + STRIP_PX] = table[values[start : start + STRIP_PX]]
    return made
