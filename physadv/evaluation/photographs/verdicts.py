"""Limits on what scored photographs show, and the files that say so: ``photographs.json`` and ``junit.xml``."""

from __future__ import annotations

from pathlib import Path

from physadv.evaluation.batteries.flags import above
from physadv.evaluation.junit import Case, rate_words, write_cases
from physadv.evaluation.photographs.figures import PAINTED, Group, PhotographSummary

SUITE = "photographs"


def judged(group: Group, *, max_asr: float | None = None, max_targeted_asr: float | None = None) -> Group:
    """The group with its failures, if it shows a patch that succeeds more often than the limits allow."""
    whole = group.parts[0]
    limits = [
        ("untargeted success (any wrong class) in photographs", whole.misread, max_asr, "max_asr"),
        (f"success at the goal ({group.aim}) in photographs", whole.won, max_targeted_asr, "max_targeted_asr"),
    ]
    if group.subject not in PAINTED:
        return group
    failures = tuple(
        above(what, found.value, limit, name)
        for what, found, limit, name in limits
        if limit is not None and found is not None and found.value is not None and found.value > limit
    )
    return group.model_copy(update={"failures": failures})


def write_photograph_summary(folder: Path, summary: PhotographSummary, *, seconds: float) -> None:
    """``photographs.json``, and ``junit.xml`` with a case for each patch, control and victim."""
    summary.write(folder)
    cases = [Case(group.title, group.victim, group.failures, _lines(group, summary)) for group in summary.groups]
    write_cases(folder / "junit.xml", {SUITE: cases}, seconds=seconds)


def _lines(group: Group, summary: PhotographSummary) -> tuple[str, ...]:
    whole = group.parts[0]
    lines = [f"misread: {rate_words(whole.misread)}"]
    if group.beyond_clean is not None:
        more = group.beyond_clean
        lines.append(f"misread more than the clean sign: {more.value:+.4f} ({more.low:+.4f} to {more.high:+.4f})")
    if whole.simulated is not None:
        lines.append(f"misread in simulated frames: {whole.simulated:.4f}")
    if whole.won is not None:
        lines.append(f"{group.aim}: {rate_words(whole.won)}")
    return (*lines, *(f"warning: {flag}" for flag in summary.flags))


def read_photograph_summary(folder: Path) -> PhotographSummary:
    """What ``physadv evaluate --photos`` wrote into a folder.

    Raises:
        PhysadvError: missing, not JSON, or not of this schema.
    """
    return PhotographSummary.read(folder)
