"""The report of a session of photographs as one self-contained HTML file."""

from __future__ import annotations

from pathlib import Path

from markupsafe import Markup

from physadv.core.files import write_text
from physadv.evaluation.agreement import Estimate
from physadv.evaluation.photograph_figures import PAINTED, Beyond, Group, PhotographSummary, Shown
from physadv.reports import words
from physadv.reports.page import FILE_NAME, environment, template_text
from physadv.reports.pictures import data_url

PICTURE_PX = 200
MOST_PICTURES = 24


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
            headline=headline(summary),
            estimate=estimate,
            pictures=[(one, data_url(session, one.crop, side_px=PICTURE_PX)) for one in shown],
            total=len(summary.shown),
            simulated=any(one.simulated is not None for one in summary.shown),
            beyond=beyond,
            slices=slices,
            details={"shown", "groups", "agreement", "agreement_hit", "agreement_as_sent", "agreement_hit_as_sent"},
        )
    )
    path = folder / FILE_NAME
    write_text(path, html)
    return path


def chosen(summary: PhotographSummary) -> list[Shown]:
    """Photographs to show: where photograph and simulation differ most, then the others, evenly over the groups."""

    def surprise(one: Shown) -> float:
        return 0.0 if one.simulated is None else abs(one.simulated - one.misread)

    by_group: dict[tuple[str, str, str], list[Shown]] = {}
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


def headline(summary: PhotographSummary) -> str:
    """The one sentence: of the patch that is worst at what it was made for."""
    patched = [group for group in summary.groups if group.subject in PAINTED] or list(summary.groups)
    worst = max(patched, key=lambda group: (group.parts[0].hit or group.parts[0].misread).value or 0.0)
    whole = worst.parts[0]
    verb, happened, predicted = "misreads", whole.misread, whole.simulated
    if whole.hit is not None:
        verb, happened, predicted = f"reads {worst.target} in", whole.hit, whole.simulated_hit
    tail = "" if predicted is None else f"; the simulation predicted {words.percent(predicted)}"
    clean = next((one for one in summary.groups if (one.victim, one.subject) == (worst.victim, "clean")), None)
    if worst.subject == "unknown" and clean is not None:
        bare = clean.parts[0].misread
        tail = f", and {bare.hits} of {bare.n} of the clean sign"
    return f"{worst.victim} {verb} {happened.hits} of {happened.n} photographs of {worst.title}{tail}"
