"""The folder of a run: what it was asked, which of its parts are there; whether a new request may resume it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow

from physadv.core.errors import PhysadvError
from physadv.core.files import clear_os_errors, foreign_entries, read_json, write_json
from physadv.patches import package_versions

RUN_VERSION = 1


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that a table depends on."""
    return {**package_versions(), "pyarrow": pyarrow.__version__}


def open_run(out: Path, identity: Mapping[str, Any], *, command: str, resume: bool) -> bool:
    """Claims ``out`` for a run, and says whether it resumes one that was there.

    Raises:
        PhysadvError: ``out`` holds something else, or another run, or one that must not be resumed.
    """
    record = out / "run.json"
    other = foreign_entries(out, (record.name,))
    if not record.exists():
        if other:
            raise PhysadvError(f"{out}: is not empty and not the folder of an evaluation; choose another one")
        with clear_os_errors(out):
            out.mkdir(parents=True, exist_ok=True)
        write_json(record, {"schema_version": RUN_VERSION, "command": command, "identity": identity})
        return False
    known = read_json(record)
    found = known.get("identity") if isinstance(known, dict) else None
    if found != identity:
        raise PhysadvError(
            f"{out}: belongs to another run ({first_difference(found, identity)}); choose another folder"
        )
    if not resume:
        raise PhysadvError(f"{out}: holds this run already; choose another folder, or let it resume")
    return True


def first_difference(old: Any, new: Any, where: str = "") -> str:
    """Where two JSON values differ first, for people."""
    if isinstance(old, dict) and isinstance(new, Mapping):
        for key in [*old, *(key for key in new if key not in old)]:
            if old.get(key) != new.get(key):
                return first_difference(old.get(key), new.get(key), f"{where}.{key}" if where else str(key))
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for number, (before, after) in enumerate(zip(old, new, strict=True)):
            if before != after:
                return first_difference(before, after, f"{where}.{number}")
    return f"{where or 'its record'} was {_short(old)}, now {_short(new)}"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
