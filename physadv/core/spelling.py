"""American spelling, for names in files that were written when some had the British one."""

from __future__ import annotations

from typing import Any

_WORDS = (
    ("colour", "color"),
    ("centred", "centered"),
    ("centre", "center"),
    ("grey", "gray"),
    ("labelled", "labeled"),
    ("defence", "defense"),
    ("neighbour", "neighbor"),
    ("optimis", "optimiz"),
    ("normalis", "normaliz"),
    ("quantis", "quantiz"),
)


def american(name: Any) -> Any:
    """A name with its British words in American spelling; what is no text is left as it is."""
    if not isinstance(name, str):
        return name
    for british, ours in _WORDS:
        name = name.replace(british, ours)
    return name
