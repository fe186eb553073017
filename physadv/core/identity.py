"""The identity of a piece of work: the content of all that decides its result, and what differs between two of them."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from physadv.core.errors import PhysadvError
from physadv.core.files import sha256

_DIGEST = re.compile(r"[0-9a-f]{64}")


def as_json(value: Any) -> Any:
    """A value as it comes back from JSON: tuples are lists, keys are text."""
    return json.loads(json.dumps(value))


def digest_of(value: Any) -> str:
    """Hexadecimal SHA-256 of a JSON value; the order of a mapping's keys does not matter."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def digest_of_files(files: Iterable[Path], *, root: Path | None = None) -> str:
    """Hexadecimal SHA-256 of the names and the bytes of files, in their order.

    Args:
        files: to read.
        root: folder that the names are relative to; None: a file's name alone counts.

    Raises:
        PhysadvError: a file cannot be read.
    """
    total = hashlib.sha256()
    for path in files:
        name = path.name if root is None else path.relative_to(root).as_posix()
        try:
            content = sha256(path)
        except OSError as error:
            raise PhysadvError(f"{path}: cannot be read ({error.strerror or error})") from error
        total.update(f"{len(name)} {name} {content}\n".encode("utf-8", "surrogateescape"))
    return total.hexdigest()


def first_difference(old: Any, new: Any, where: str = "") -> str:
    """Where two JSON values differ first, in words: ``config.seed was 0, now 1``, ``data.pictures has changed``."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in [*old, *(key for key in new if key not in old)]:
            inside = f"{where}.{key}" if where else str(key)
            if key not in old or key not in new:
                return f"{inside} is new" if key in new else f"{inside} is missing"
            if old[key] != new[key]:
                return first_difference(old[key], new[key], inside)
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for number, (before, after) in enumerate(zip(old, new, strict=True)):
            if before != after:
                return first_difference(before, after, f"{where}.{number}")
    subject = where or "its record"
    if _is_digest(old) and _is_digest(new):
        return f"the content of {subject} has changed"
    return f"{subject} was {_short(old)}, now {_short(new)}"


def _is_digest(value: Any) -> bool:
    return isinstance(value, str) and _DIGEST.fullmatch(value) is not None


def _short(value: Any) -> str:
    if isinstance(value, list) and value and all(isinstance(one, Mapping) and "name" in one for one in value):
        text = ", ".join(str(one["name"]) for one in value)
    else:
        text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
