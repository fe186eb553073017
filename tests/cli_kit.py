"""The command line in tests: what runs it (the fixture ``physadv``) gives, and what a refusal looks like."""

from __future__ import annotations

from collections.abc import Callable

Command = Callable[..., tuple[int, str, str]]
"""Words of a command to its exit code, standard output and standard error."""


def refused(result: tuple[int, str, str], *words: str, code: int = 2) -> None:
    """Exit code 2, or another one, and one sentence that holds ``words``; warnings may come before it."""
    ended, _, error = result
    assert ended == code, error
    lines = [line for line in error.splitlines() if line.strip() and not line.startswith("warning: ")]
    assert len(lines) == 1, error
    assert lines[0].startswith("error: ")
    assert "Traceback" not in error
    for word in words:
        assert word in error, f"{word!r} is not in: {error}"


def unwritable(result: tuple[int, str, str], *words: str) -> None:
    """Exit code 3, of an output that cannot be written, and one sentence that holds ``words``."""
    refused(result, "cannot be written", *words, code=3)
