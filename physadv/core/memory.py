"""The process's memory."""

from __future__ import annotations

import ctypes
import sys

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""Names of mallopt's parameters in glibc's malloc.h."""
_KEPT = 1 << 30
_MOST_FROM_HEAP = 1 << 25
"""The largest threshold that glibc takes."""


def keep_freed_memory() -> None:
    """Has the C library keep up to 1 GiB of what is freed for its next use, where it is glibc; else does nothing.

    By default, glibc gives large blocks back to the system as soon as they are free. A search frees and takes the same
    blocks at every step, and the system's clearing of their pages is then up to a fifth of a step's time.
    """
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_TRIM_THRESHOLD, _KEPT)
        mallopt(_MMAP_THRESHOLD, _MOST_FROM_HEAP)
