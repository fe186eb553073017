"""The command line in tests: its type, quick words for it, what a refusal looks like."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import yaml

CLASSES = ["stop", "yield", "speedLimit45"]

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


def write_card(path: Path, **changes: object) -> Path:
    content = {
        "name": "toy",
        "adapter": "torch",
        "architecture": "lisa-cnn",
        "weights": "weights.safetensors",
        "classes": CLASSES,
        "input": {"size": 32},
        **changes,
    }
    path.write_text(yaml.safe_dump(content))
    return path


def quick(card: Path, out: Path, **changes: object) -> list[object]:
    options = {"victim": card, "steps": 2, "views": 4, "out": out, **changes}
    return ["design", *(part for key, value in options.items() for part in (f"--{key}", value))]
