"""What the tests of all goals share: a goal of every kind, written as its form says."""

from __future__ import annotations

from physadv.goals import GOALS


def goal_words(kind: str, first: str, second: str, *, hide: int = 2, least: float = 0.9) -> str:
    """The words of a goal of that kind, with these classes wherever it names some."""
    form = GOALS[kind].form.replace("CLASS", first, 1).replace("CLASS", second)
    return form.replace(":K", f":{hide}").replace("0.9", f"{least:g}")
