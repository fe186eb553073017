"""The report of a session of photographs as one self-contained HTML file."""

from __future__ import annotations

from pathlib import Path

from markupsafe import Markup

from physadv.core.files import write_text
from physadv.evaluation.photographs.agreement import Estimate
from physadv.evaluation.photographs.figures import (
    PAINTED,
    Beyond,
    Group,
    PhotographSummary,
    ScoredPhotograph,
    predicted_rate,
)
from physadv.goals import parse_goal
from physadv.reports import words
from physadv.reports.any_result import REPORTS
from physadv.reports.page import FILE_NAME, environment, template_text
from physadv.reports.pictures import data_url

PICTURE_PX = 200
MOST_PICTURES = 24
MOST_SENTENCES, MOST_NAMES = 12, 3
"""Pairs of paint and victim that have a sentence each in the verdict, and kinds of paint that its headline names."""


@REPORTS.register("photographs")
def write_photograph_report(summary: PhotographSummary, folder: Path) -> Path:
    """Writes ``report.html`` into ``folder``; pictures come from the session.

    Raises:
        PhysadvError: a picture is missing, or the file cannot be written.
    """
    session = Path(summary.session)
    shown = chosen(summary)
    html = (
        environment()
        .get_template("photographs.html.j2")
        .render(
            style=Markup(template_text("report.css")),
            summary=summary,
            verdict=verdict(summary),
            estimate=estimate,
            pictures=[(one, data_url(session, one.crop, side_px=PICTURE_PX)) for one in shown],
            total=len(summary.shown),
            simulated=any(one.simulated is not None for one in summary.shown),
            beyond=beyond,
            slices=slices,
            details={"shown", "groups", "agreement", "agreement_won", "agreement_as_sent", "agreement_won_as_sent"},
        )
    )
    path = folder / FILE_NAME
    write_text(path, html)
    return path


def chosen(summary: PhotographSummary) -> list[ScoredPhotograph]:
    """Photographs to show: where photograph and simulation differ most, then the others, evenly over the groups."""

    def surprise(one: ScoredPhotograph) -> float:
        return 0.0 if one.simulated is None else abs(one.simulated - one.misread)

    by_group: dict[tuple[str, str, str], list[ScoredPhotograph]] = {}
    for one in sorted(summary.shown, key=lambda one: (-surprise(one), one.file)):
        by_group.setdefault((one.victim, one.patch, one.subject), []).append(one)
    turns = [group[k] for k in range(MOST_PICTURES) for group in by_group.values() if k < len(group)]
    return turns[:MOST_PICTURES]


def slices(group: Group) -> str:
    """``distance, angle and light``: by what its photographs are told apart, as far as that is known of them."""
    return words.listed(list(dict.fromkeys(part.by for part in group.parts[1:])))


def estimate(value: Estimate) -> str:
    """A number with its interval."""
    if value.value is None:
        return "too few to say"
    spread = "" if value.low is None else f" ({value.low:.2f} to {value.high:.2f})"
    return f"{value.value:.2f}{spread}"


def beyond(more: Beyond | None) -> str:
    """``+83 (79 to 86)``: percentage points more than the clean sign, with the interval."""
    if more is None:
        return words.NONE
    low, high = (words.signed(limit * 100, 0) for limit in (more.low, more.high))
    return f"{words.signed(more.value * 100, 0, plus=True)} ({low} to {high})"


def verdict(summary: PhotographSummary) -> words.Verdict:
    """What the photographs say: of one patch and victim in one sentence, of several what is common and one of each."""
    painted = [group for group in summary.groups if group.subject in PAINTED] or list(summary.groups)
    ordered = sorted(painted, key=lambda group: -(group.parts[0].misread.value or 0.0))
    told = [sentence(summary, group) for group in ordered]
    if len(ordered) == 1:
        return words.Verdict(told[0], ())
    victims, titles = (list(dict.fromkeys(getattr(group, name) for group in ordered)) for name in ("victim", "title"))
    who = f"{victims[0]} misreads" if len(victims) == 1 else f"{len(victims)} victims misread"
    what = words.listed(titles) if len(titles) <= MOST_NAMES else f"{len(titles)} kinds of paint"
    shares = words.reach([group.parts[0].misread for group in ordered])
    more = len(told) - MOST_SENTENCES
    left = (f"{words.plural(more, 'further pair')} of paint and victim, misread no more often, in the table",)
    return words.Verdict(
        f"{who} {shares} of the photographs of {what}", (*told[:MOST_SENTENCES], *(left if more > 0 else ()))
    )


def sentence(summary: PhotographSummary, group: Group) -> str:
    """What a victim reads in the photographs of one paint, and what the simulation or the clean sign says beside it."""
    whole = group.parts[0]
    predicted = "; the simulation predicted {}"
    said = f"{group.victim} misreads {words.share_interval(whole.misread)} of {_photographs(group)}"
    rate = predicted_rate(summary, group)
    if whole.won is not None:
        aimed = predicted_rate(summary, group, at_goal=True)
        said = f"{group.title} {parse_goal(group.goal).deed(group.victim)} in {words.share_interval(whole.won)} of "
        said += words.plural(whole.won.n, "photograph")
        said += predicted.format(words.share_interval(aimed)) if aimed is not None else ""
        said += f". {group.victim} misreads {words.share_interval(whole.misread)}"
    said += predicted.format(words.share_interval(rate)) if rate is not None else ""
    clean = next((one for one in summary.groups if (one.victim, one.subject) == (group.victim, "clean")), None)
    if group.subject == "unknown" and clean is not None:
        bare = clean.parts[0].misread
        said += f", and {words.share_interval(bare)} of {bare.n} of the clean sign"
    return said


def _photographs(group: Group) -> str:
    return f"{words.plural(group.parts[0].misread.n, 'photograph')} of {group.title}"
