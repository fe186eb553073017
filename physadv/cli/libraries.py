"""What other libraries would write to the terminal: it is for their users, not for those of a command."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from physadv.cli.outcomes import debugging
from physadv.cli.streams import tell
from physadv.core.errors import PhysadvWarning

_QUIET = {
    "NO_ALBUMENTATIONS_UPDATE": "1",
    "OPENCV_LOG_LEVEL": "OFF",
    "OPENCV_FFMPEG_LOGLEVEL": "-8",
    "TORCH_CPP_LOG_LEVEL": "ERROR",
}
"""Environment variables that libraries read once, when they are imported; a user's own values hold."""


@contextmanager
def quiet_libraries() -> Iterator[None]:
    """Our own warnings become a line each on standard error; those of other libraries go nowhere.

    All of them are shown to whoever asks Python for warnings (``-W``, ``PYTHONWARNINGS``) or sets ``PHYSADV_DEBUG``.
    """
    if debugging() or sys.warnoptions:
        yield
        return
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    last_resort, logging.lastResort = logging.lastResort, logging.NullHandler()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("default", PhysadvWarning)
            warnings.showwarning = _show
            yield
    finally:
        logging.lastResort = last_resort


def _show(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    if issubclass(category, PhysadvWarning):
        tell(f"warning: {message}")
