"""What the words of a command say together: options, ``--set``, and options that mean nothing beside others."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import typer

from physadv.core.errors import PhysadvError, shown

_SPELLED = {"scenes": "--scene", "n": "--samples", "method": "METHOD"}
"""Options whose names are not those of their keys."""


def joined(
    words: Mapping[str, Any], given: Sequence[str] | None, *, kinds: Collection[str] = (), into: Mapping[str, str] = {}
) -> dict[str, Any]:
    """Keys of a configuration, from options and from ``--set``.

    Args:
        words: what options say, by key; of these keys ``--set`` may not speak.
        given: the words of ``--set``.
        kinds: keys whose option names a kind; ``--set`` may give the kind's own keys, such as ``mask.clearance=0.1``.
        into: other keys to which ``--set`` may give keys below an option's, such as ``attack.eps=0.03``.

    Raises:
        PhysadvError: a key is given both ways, or not as :func:`physadv.core.config.settings` takes it.
    """
    from physadv.core.config import settings

    found = settings(given or (), "--set")
    for key, place in into.items():
        if {key, place} <= set(found):
            raise PhysadvError(f"--set {_word(key, given)}: is the same as {place}; give one of both")
        if key in found:
            found[place] = found.pop(key)
    told = dict(words)
    for key, value in found.items():
        if key not in words:
            told[key] = value
            continue
        option = _SPELLED.get(key, "--" + key.replace("_", "-"))
        if key not in kinds or not isinstance(value, Mapping) or "kind" in value:
            raise PhysadvError(f"--set {_word(key, given)}: {key} has an option of its own; give it as {option}")
        if Path(words[key]).suffix:
            raise PhysadvError(f"--set {_word(key, given)}: {option} {shown(words[key])} is a file; say it there")
        told[key] = {"kind": words[key], **value}
    return told


def _word(key: str, given: Sequence[str] | None) -> str:
    """The first word that speaks of a key, for messages."""
    return shown(next(word for word in given or () if word.partition("=")[0].partition(".")[0] == key))


def refuse_unused(context: typer.Context, names: Collection[str], why: str) -> None:
    """Refuses options that would do nothing.

    Args:
        context: of the command.
        names: its parameters that mean nothing here.
        why: the end of a sentence that begins with the option.

    Raises:
        PhysadvError: the user has given one of them.
    """
    for parameter in context.command.params:
        source = context.get_parameter_source(parameter.name or "")
        if parameter.name in names and source is not None and source.name == "COMMANDLINE":
            raise PhysadvError(f"{parameter.opts[0]}: has no meaning {why}")
