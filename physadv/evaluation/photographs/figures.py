"""From photographs that were scored to their figures: shares by distance, angle and light, and agreement."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, Final, Literal

import numpy as np

from physadv.core.config import Config
from physadv.core.notebooks import one_line
from physadv.core.statistics import Rate, rate, shown_rate, unpaired
from physadv.evaluation.batteries.summary import VictimInfo
from physadv.evaluation.metrics.measured import Measured
from physadv.evaluation.outcomes import OUTCOMES_VERSION
from physadv.evaluation.photographs.agreement import Agreement, agreement
from physadv.evaluation.result import RESULTS, Result, ResultRow
from physadv.goals import Untargeted, parse_goal
from physadv.photos.session import Row, counted

PHOTOGRAPHS_VERSION: Final = 2
"""Of the schema of ``photographs.json``."""

MARGIN = 0.075
"""Room around the sign's box that a victim sees: the middle of what the scenes draw."""
MOST_TOLD = 3
"""Groups that a summary's line names."""
_DISTANCES_M = (0.0, 3.0, 6.0, 10.0, 20.0, math.inf)
_ANGLES_DEG = (0.0, 10.0, 25.0, 40.0, 90.0)
_ORDER = ("patch", "unknown", "gray", "random", "clean")
PAINTED = ("patch", "unknown")
"""Subjects whose success can be limited: paint, known or not, in place of a control."""
_LUX = (0.0, 1_000.0, 10_000.0, 30_000.0, math.inf)


class Part(Config):
    """Photographs of some distance, angle or light: what happened, and what the simulation predicted."""

    by: Literal["all", "distance", "angle", "light"]
    label: str
    misread: Rate
    simulated: float | None
    """Share of their simulated frames that are misread."""
    won: Rate | None = None
    """At the patch's goal; None where that is any wrong class."""
    simulated_won: float | None = None
    as_sent: float | None = None
    """As ``simulated``, without the calibration: in colors as sent to the printer."""
    as_sent_won: float | None = None


class Beyond(Config):
    """A share less another one, of other photographs, with its 95 % interval (Newcombe 1998, method 10)."""

    value: float
    low: float
    high: float


class Group(Config):
    """One patch or control, photographed, and one victim.

    Attributes:
        goal: what the patch was made for, as far as the victim knows its classes.
    """

    victim: str
    subject: str
    patch: str
    goal: str = Untargeted.kind
    parts: tuple[Part, ...]
    failures: tuple[str, ...] = ()
    """One sentence for a limit that was exceeded; empty is a pass."""
    beyond_clean: Beyond | None = None
    """How much oftener it is misread than the clean sign; None where that was not photographed."""

    @property
    def title(self) -> str:
        """What was photographed: ``clean sign``, ``bars``, ``bars (gray)``, ``unknown paint``."""
        return _title(self.subject, self.patch)

    @property
    def figures(self) -> tuple[Measured, ...]:
        """Of all its photographs together."""
        whole, of = self.parts[0], "photograph"
        found = [Measured(metric="misread", title="Read as a wrong class", better="lower", of=of, rate=whole.misread)]
        if whole.won is not None:
            title = parse_goal(self.goal).title
            found.append(Measured(metric="success", title=title, better="lower", of=of, rate=whole.won))
        if self.beyond_clean is not None:
            title, value = "Misread more than the clean sign", self.beyond_clean.value * 100.0
            found.append(Measured(metric="beyond-clean", title=title, unit="points", better="lower", value=value))
        if whole.simulated is not None:
            title = "Misread in simulated frames"
            found.append(Measured(metric="simulated", title=title, better="lower", value=whole.simulated))
        return tuple(found)

    @property
    def aim(self) -> str | None:
        """What success at its goal is called, ``read as “C”``; None where it is any wrong class."""
        return None if self.goal == Untargeted.kind else parse_goal(self.goal).phrase


class ScoredPhotograph(Config):
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
    goal: str
    won: bool
    simulated_won: float | None
    as_sent: float | None
    as_sent_won: float | None
    distance_m: float | None
    """None where no focal length is known."""
    angle_deg: float

    @property
    def title(self) -> str:
        """As a :class:`Group`'s."""
        return _title(self.subject, self.patch)

    @property
    def aimed(self) -> bool:
        """Whether the patch was made for something else than any wrong class."""
        return self.goal != Untargeted.kind


def _title(subject: str, patch: str) -> str:
    if subject == "clean":
        return "clean sign"
    if subject == "unknown":
        return f"unknown paint ({patch})" if patch else "unknown paint"
    return patch or "patch" if subject == "patch" else f"{patch or 'patch'} ({subject})"


@RESULTS.register("photographs")
class PhotographSummary(Result):
    """``photographs.json``."""

    file_name = "photographs.json"
    called = "scores of photographs"
    always_versioned = False

    kind: Literal["photographs"] = "photographs"
    schema_version: Literal[2] = PHOTOGRAPHS_VERSION

    session: str
    photographs_sha256: str
    sign: str
    true_class: dict[str, str]
    scene: str
    draws: int
    seed: int
    margin: float = MARGIN
    calibration: str | None
    max_asr: float | None = None
    max_targeted_asr: float | None = None
    groups: tuple[Group, ...]
    agreement: Agreement | None
    """Of the simulation on what is misread."""
    agreement_won: Agreement | None
    """Of the simulation on what is won, where a patch was made for something else than any wrong class."""
    agreement_as_sent: Agreement | None
    agreement_won_as_sent: Agreement | None
    """The same two without the calibration; None where there is none."""
    victims: tuple[VictimInfo, ...] = ()
    """What they are shown; empty in results of an older physadv."""
    shown: tuple[ScoredPhotograph, ...]
    flags: tuple[str, ...]
    versions: dict[str, str]
    outcomes_version: int = OUTCOMES_VERSION

    def __repr__(self) -> str:
        """In one line: the session, and what each victim misreads, as far as there is room."""
        found = [
            f"{group.victim} misreads {group.title} in {shown_rate(group.parts[0].misread)}" for group in self.groups
        ]
        more = f"{len(found) - MOST_TOLD} more" if len(found) > MOST_TOLD else None
        return one_line(self, f"of {self.session}", f"sign {self.sign}", *found[:MOST_TOLD], more)

    __str__ = __repr__

    @property
    def caption(self) -> str:
        return f"photographs of {self.session}, sign {self.sign}"

    @property
    def rows(self) -> tuple[ResultRow, ...]:
        """A row a patch or control and victim."""
        return tuple(
            ResultRow({"photographed": one.title, "victim": one.victim}, one.figures, self.flags, one.failures)
            for one in self.groups
        )


def groups(rows: Sequence[Row], shown: Sequence[ScoredPhotograph]) -> Iterator[Group]:
    """Shares of each patch or control and victim."""
    lux = {row.file: row.illuminance_lux for row in rows}
    clean = {
        victim: rate(np.array([one.misread for one in shown if (one.victim, one.subject) == (victim, "clean")], bool))
        for victim in {one.victim for one in shown}
    }
    keys = {(one.victim, one.patch, one.subject) for one in shown}
    for key in sorted(keys, key=lambda key: (key[0], key[1], _ORDER.index(key[2]))):
        some = [one for one in shown if (one.victim, one.patch, one.subject) == key]
        parts = [_part("all", "all photographs", some)]
        for by, limits, unit, value in (
            ("distance", _DISTANCES_M, " m", _distance_m),
            ("angle", _ANGLES_DEG, "°", lambda one: one.angle_deg),
            ("light", _LUX, " lx", lambda one: lux[one.file]),
        ):
            for low, high in pairwise(limits):
                inside = [one for one in some if low <= value(one) < high]
                if inside:
                    label = f"{low:,.0f} to {high:,.0f}{unit}" if math.isfinite(high) else f"from {low:,.0f}{unit}"
                    parts.append(_part(by, label, inside))
        more = None if key[2] == "clean" else unpaired(parts[0].misread, clean[key[0]])
        yield Group(
            victim=key[0],
            patch=key[1],
            subject=key[2],
            goal=some[0].goal,
            parts=tuple(parts),
            beyond_clean=None if more is None else Beyond(value=more[0], low=more[1], high=more[2]),
        )


def _distance_m(one: ScoredPhotograph) -> float:
    return math.nan if one.distance_m is None else one.distance_m


def _part(by: Any, label: str, some: Sequence[ScoredPhotograph]) -> Part:
    aimed = [one for one in some if one.aimed]
    return Part(
        by=by,
        label=label,
        misread=rate(np.array([one.misread for one in some])),
        simulated=_mean([one.simulated for one in some]),
        won=rate(np.array([one.won for one in aimed])) if aimed else None,
        simulated_won=_mean([one.simulated_won for one in aimed]),
        as_sent=_mean([one.as_sent for one in some]),
        as_sent_won=_mean([one.as_sent_won for one in aimed]),
    )


def predicted_rate(summary: PhotographSummary, group: Group, *, at_goal: bool = False) -> Rate | None:
    """Share of a group's simulated frames that are misread, or won at its goal; None where nothing was simulated.

    Frames of one photograph are alike: the interval counts photographs rather than frames.
    """
    mine = [one for one in summary.shown if (one.victim, one.patch, one.subject) == _key(group)]
    shares = [one.simulated_won if at_goal else one.simulated for one in mine]
    hits = [round(share * summary.draws) for share in shares if share is not None]
    if not hits:
        return None
    frames = np.arange(summary.draws)[None] < np.array(hits)[:, None]
    return rate(frames.reshape(-1), np.repeat(np.arange(len(hits)), summary.draws))


def _key(group: Group) -> tuple[str, str, str]:
    return group.victim, group.patch, group.subject


def _mean(shares: Sequence[float | None]) -> float | None:
    known = [share for share in shares if share is not None]
    return float(np.mean(known)) if known else None


def agreements(
    shown: Sequence[ScoredPhotograph], *, as_sent: bool = False
) -> tuple[Agreement | None, Agreement | None]:
    """Of the simulation with what was misread, and with what was won at another goal; None where nothing is known."""
    aimed = [one for one in shown if one.aimed]
    misread = [one.as_sent if as_sent else one.simulated for one in shown]
    won = [one.as_sent_won if as_sent else one.simulated_won for one in aimed]
    return (
        _agreement(misread, [one.misread for one in shown], shown),
        _agreement(won, [one.won for one in aimed], aimed),
    )


def _agreement(
    predicted: Sequence[float | None], happened: Sequence[bool], shown: Sequence[ScoredPhotograph]
) -> Agreement | None:
    known = [
        (share, was, f"{one.victim}/{one.patch}/{one.subject}")
        for share, was, one in zip(predicted, happened, shown, strict=True)
        if share is not None
    ]
    if not known:
        return None
    shares, outcomes, names = zip(*known, strict=True)
    return agreement(np.array(shares, np.float64), np.array(outcomes), list(names))


def flags(rows: Sequence[Row], shown: Sequence[ScoredPhotograph]) -> Iterator[str]:
    """What a reader has to know of photographs and figures, in sentences."""
    doubtful = sum(bool(row.flags) for row in rows)
    if doubtful:
        yield f"in {doubtful} of {len(rows)} photographs the find is doubtful; look at the session's overlays"
    for why, count in counted(why for row in rows for why in row.flags):
        yield f"doubtful in {count} of {len(rows)} photographs: {why}"
    for why, count in counted(why for row in rows for why in row.rough):
        yield f"in {count} of {len(rows)} photographs {why}"
    assumed = {row.file for row in rows if not row.has_distance}
    if any(one.file in assumed and one.simulated is not None for one in shown):
        yield (
            "photographs without a focal length are simulated with that of a common phone, from where the sign looks "
            "as large; that distance was not measured and is not reported"
        )
    subjects = {row.subject for row in rows}
    if "patch" in subjects and not subjects & {"gray", "random"}:
        yield "no control was photographed, so the effect of covering the place is not known"
    if "clean" not in subjects:
        yield (
            "the clean sign was not photographed, so it is not known how often it is misread without paint; give a "
            "folder of such photographs to physadv photos ingest with --clean"
        )
    unknown = sum(row.subject == "unknown" for row in rows)
    if unknown:
        yield (
            f"{unknown} of {len(rows)} photographs may show paint that is not known: what is read in them is counted, "
            "and compared with no simulation; where you have the patch, name it to physadv photos ingest with --patch"
        )
    for victim in dict.fromkeys(one.victim for one in shown):
        clean = [one for one in shown if one.victim == victim and one.subject == "clean"]
        lost = sum(one.misread for one in clean)
        if clean and lost > 0.2 * len(clean):
            yield f"{victim} misreads {lost} of {len(clean)} photographs of the clean sign"
    missing = sorted({one.title for one in shown if one.simulated is None and one.subject not in ("unknown", "clean")})
    if missing:
        yield f"not simulated, because the bundle was not given: {', '.join(missing)}"
    counts: dict[tuple[str, str, str], int] = {}
    for one in shown:
        key = (one.victim, one.patch, one.subject)
        counts[key] = counts.get(key, 0) + 1
    if counts and min(counts.values()) < 20:
        yield f"only {min(counts.values())} photographs of one kind: intervals are wide"
