"""What scoring photographs found, as a record, its verdicts, and ``junit.xml``."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from physadv.core.config import Config, validate
from physadv.core.files import read_json, write_json
from physadv.evaluation.agreement import Agreement
from physadv.evaluation.flags import above
from physadv.evaluation.junit import Case, rate_words, write_cases
from physadv.evaluation.outcomes import OUTCOMES_VERSION
from physadv.evaluation.summary import Rate

SUMMARY_NAME = "photographs.json"
SUITE = "photographs"


class Part(Config):
    """Photographs of some distance, angle or light: what happened, and what the simulation foretold."""

    by: Literal["all", "distance", "angle", "light"]
    label: str
    misread: Rate
    simulated: float | None
    """Share of their simulated frames that are misread."""


class Group(Config):
    """One patch or control, photographed, and one victim."""

    victim: str
    subject: str
    patch: str
    parts: tuple[Part, ...]
    failures: tuple[str, ...] = ()
    """One sentence for a limit that was exceeded; empty is a pass."""

    @property
    def title(self) -> str:
        """What was photographed: ``clean sign``, ``bars``, ``bars (grey)``."""
        return title_of(self.subject, self.patch)


class Shown(Config):
    """One photograph and one victim."""

    file: str
    crop: str
    victim: str
    subject: str
    patch: str
    predicted: str
    probability: float
    misread: bool
    simulated: float | None
    distance_m: float
    angle_deg: float

    @property
    def title(self) -> str:
        """As a :class:`Group`'s."""
        return title_of(self.subject, self.patch)


class PhotographSummary(Config):
    """``photographs.json``."""

    session: str
    photographs_sha256: str
    sign: str
    true_class: dict[str, str]
    scene: str
    draws: int
    seed: int
    margin: float
    calibration: str | None
    max_asr: float | None = None
    groups: tuple[Group, ...]
    agreement: Agreement | None
    shown: tuple[Shown, ...]
    flags: tuple[str, ...]
    versions: dict[str, str]
    outcomes_version: int = OUTCOMES_VERSION

    @property
    def passed(self) -> bool:
        """Whether no limit was exceeded."""
        return not any(group.failures for group in self.groups)


def title_of(subject: str, patch: str) -> str:
    """Of a patch or control in photographs, in words."""
    if subject == "clean":
        return "clean sign"
    return patch or "patch" if subject == "patch" else f"{patch or 'patch'} ({subject})"


def judged(group: Group, max_asr: float | None) -> Group:
    """The group with its failure, if it shows a patch that is misread more often than the limit allows."""
    share = group.parts[0].misread.value
    if max_asr is None or group.subject != "patch" or share is None or share <= max_asr:
        return group
    return group.model_copy(update={"failures": (above("attack success in photographs", share, max_asr),)})


def write_photograph_summary(folder: Path, summary: PhotographSummary, *, seconds: float) -> None:
    """``photographs.json``, and ``junit.xml`` with a case for each patch, control and victim."""
    write_json(folder / SUMMARY_NAME, summary.model_dump(mode="json"))
    cases = [Case(group.title, group.victim, group.failures, _lines(group, summary)) for group in summary.groups]
    write_cases(folder / "junit.xml", {SUITE: cases}, seconds=seconds)


def _lines(group: Group, summary: PhotographSummary) -> tuple[str, ...]:
    whole = group.parts[0]
    foretold = () if whole.simulated is None else (f"misread in simulated frames: {whole.simulated:.4f}",)
    return (f"misread: {rate_words(whole.misread)}", *foretold, *(f"warning: {flag}" for flag in summary.flags))


def read_photograph_summary(folder: Path) -> PhotographSummary:
    """What ``physadv evaluate --photos`` wrote into a folder.

    Raises:
        PhysadvError: missing, not JSON, or not of this schema.
    """
    return validate(PhotographSummary, read_json(folder / SUMMARY_NAME), folder / SUMMARY_NAME)
