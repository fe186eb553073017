"""Errors that a user can correct: one sentence, exit code 2, no traceback."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class PhysadvError(Exception):
    """Something the user gave is wrong; the message names the file or option, its value and what would be right."""


class CannotWrite(PhysadvError):
    """The system refuses to write: once there is room, or permission, the same command resumes."""


class PhysadvWarning(UserWarning):
    """Something the user gave is probably not what was meant."""


def unknown_name(kind: str, name: str, known: Iterable[str], *, of: str = "", also: str = "") -> PhysadvError:
    """The error for a name that is not among ``known``, with the nearest ones first.

    Args:
        kind: of what the name should be.
        name: as given.
        known: names that there are.
        of: whose these are.
        also: what else could be given.
    """
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}? " if near else ""
    whose, other = f" of {of}" if of else "", f"; or {also}" if also else ""
    return PhysadvError(f"unknown {kind} {name!r}{whose}: {hint}known: {', '.join(names) or 'none'}{other}")
