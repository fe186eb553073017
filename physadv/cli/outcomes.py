"""How a command ends: an exit code for each outcome, and what standard error says of it.

``docs/reliability.md`` has the same table for people.
"""

from __future__ import annotations

import errno
import os
import platform
import shlex
import sys
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum

import typer

import physadv
from physadv.cli.streams import OutputFailed, tell
from physadv.core.errors import CannotWrite, PhysadvError

DEBUG = "PHYSADV_DEBUG"
"""Environment variable: set to anything but 0, a defect's traceback goes to standard error."""
_REFUSALS_TO_WRITE = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG}


class Code(IntEnum):
    """Exit codes of every command."""

    DONE = 0
    LIMIT_EXCEEDED = 1
    WRONG_INPUT = 2
    CANNOT_WRITE = 3
    OUT_OF_MEMORY = 4
    DEFECT = 70
    HANGUP = 129
    INTERRUPTED = 130
    PIPE_CLOSED = 141
    TERMINATED = 143


def outcome_of(error: BaseException) -> int:
    """The exit code of what ended a command; says why on standard error."""
    if isinstance(error, OutputFailed):
        if error.closed:
            return Code.PIPE_CLOSED
        tell(f"error: {error}")
        return Code.CANNOT_WRITE
    if isinstance(error, CannotWrite):
        tell(f"error: {one_line(error)}")
        return Code.CANNOT_WRITE
    if isinstance(error, PhysadvError):
        tell(f"error: {one_line(error)}")
        return Code.WRONG_INPUT
    if _is_memory(error):
        tell("error: there is not enough memory for this; try a smaller --batch, --views or --limit, or fewer victims")
        return Code.OUT_OF_MEMORY
    if isinstance(error, OSError) and error.errno in _REFUSALS_TO_WRITE:
        tell(f"error: {error.filename or tempfile.gettempdir()}: cannot be written ({error.strerror})")
        return Code.CANNOT_WRITE
    if isinstance(error, OSError) and error.filename and error.strerror:
        tell(f"error: {error.filename}: cannot be used ({error.strerror})")
        return Code.WRONG_INPUT
    _tell_defect(error)
    return Code.DEFECT


@contextmanager
def judged(*, kept: bool) -> Iterator[None]:
    """Words about results that keep the limits set, or not: the exit code says it even where nobody reads the words.

    Raises:
        typer.Exit: a limit is exceeded.
    """
    try:
        yield
    except OutputFailed:
        if kept:
            raise
    if not kept:
        raise typer.Exit(Code.LIMIT_EXCEEDED)


def one_line(error: BaseException) -> str:
    """An error's message on one line."""
    return " ".join(str(error).split("\n"))


def _is_memory(error: BaseException) -> bool:
    """Also what torch and OpenCV raise when memory cannot be had, as errors of other kinds."""
    said = str(error)
    return (
        isinstance(error, MemoryError)
        or type(error).__name__ == "OutOfMemoryError"
        or "can't allocate memory" in said
        or "Insufficient memory" in said
    )


def debugging() -> bool:
    """Whether the user wants to see tracebacks and other libraries' warnings."""
    return os.environ.get(DEBUG, "0") not in ("", "0")


def _tell_defect(error: BaseException) -> None:
    trace = "".join(traceback.format_exception(error))
    about = f"{type(error).__name__}: {one_line(error)}"[:300]
    what = f"error: this is a defect of physadv, not of your input ({about})"
    if debugging():
        tell(trace + what)
        return
    facts = f"physadv {physadv.__version__}, Python {platform.python_version()}, {platform.platform()}"
    try:
        with tempfile.NamedTemporaryFile("w", prefix="physadv-", suffix=".txt", delete=False, encoding="utf-8") as file:
            file.write(f"{facts}\n{shlex.join(sys.argv)}\n\n{trace}")
    except OSError:
        tell(f"{what}; {DEBUG}=1 shows where it happened")
    else:
        tell(f"{what}; please report it with {file.name}, or run it again with {DEBUG}=1")
