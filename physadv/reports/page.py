"""The HTML report: one self-contained file. Everything that it says comes from the summary."""

from __future__ import annotations

import base64
import gzip
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from physadv.core.files import write_text
from physadv.core.number_format import metres
from physadv.core.statistics import Rate
from physadv.core.yaml_text import dump_yaml
from physadv.evaluation.batteries.summary import PatchInfo, Record, Slice, Summary, goals_of, ranked
from physadv.evaluation.metrics.measured import Measured
from physadv.goals import Untargeted, parse_goal
from physadv.reports import charts, words
from physadv.reports.charts import Bar, Curve
from physadv.reports.pictures import Gallery, data_url, embed

FILE_NAME = "report.html"
HERO_PX, CARD_PX, THUMB_PX = 320, 160, 72
CONFUSION_ROWS = 8
MOST_INLINE = 24
"""Results that stand in the page as they are; those of a larger run are packed, and unpacked when asked for."""
MOST_FINDINGS, MOST_SUBJECTS = 24, 6
"""Messages of one kind that a notice lists; patches whose controls are shown beside them."""
CONFIG_CHARACTERS = 40_000
"""A configuration longer than this is cut in the page; the whole of it is in ``summary.json``."""
UNPRINTABLE = {code: "\ufffd" for code in [*range(32), *range(127, 160)] if chr(code) not in "\t\n"}


@dataclass(frozen=True)
class Chart:
    """A chart with its heading and the sentence under it."""

    title: str
    note: str
    picture: Markup


@dataclass(frozen=True)
class Tile:
    """One figure at the head of a record."""

    title: str
    value: str
    detail: str
    kind: str = ""


@dataclass(frozen=True)
class PatchView:
    """A patch with its pictures as ``data:`` addresses."""

    number: int
    info: PatchInfo
    hero: str
    thumb: str
    subjects: tuple[tuple[str, str], ...]
    area: str


@dataclass(frozen=True)
class RecordView:
    """Everything that the page shows of one record."""

    anchor: str
    record: Record
    patch: PatchView
    verdict: words.Verdict
    tiles: tuple[Tile, ...]
    charts: tuple[Chart, ...]
    timeline: Chart | None
    gallery: Gallery
    slices: tuple[tuple[str, tuple[Slice, ...]], ...]
    undrawn: bool
    """Other results of the run have pictures, this one has none."""


@dataclass(frozen=True)
class MatrixRow:
    """One patch against one victim in every battery; None where it was not run."""

    patch: PatchView
    victim: str
    cells: tuple[RecordView | None, ...]


@dataclass(frozen=True)
class Grid:
    """Patches by victims in one battery."""

    battery: str
    frames: str
    victims: tuple[str, ...]
    rows: tuple[tuple[PatchView, tuple[RecordView | None, ...]], ...]


@dataclass(frozen=True)
class Findings:
    """Flags or failures of one kind: what they say in general, and each message with its results."""

    code: str
    title: str
    items: tuple[tuple[str, tuple[RecordView, ...]], ...]

    @property
    def count(self) -> int:
        """Results that have one."""
        return len({view.anchor for _, views in self.items for view in views})


@dataclass(frozen=True)
class Badge:
    """The verdict on the thresholds."""

    kind: str
    mark: str
    text: str


def write_report(summary: Summary, folder: Path) -> Path:
    """Writes ``folder/report.html`` atomically, and says where; the summary's pictures are looked for in ``folder``.

    Raises:
        PhysadvError: a picture is unreadable or lies outside the folder, or the page cannot be written.
    """
    path = folder / FILE_NAME
    write_text(path, render_page(summary, folder))
    return path


def render_page(summary: Summary, folder: Path) -> str:
    """The page as text (see :func:`write_report`)."""
    patches = {patch.name: patch_view(number, patch, folder) for number, patch in enumerate(summary.patches)}
    galleries = embed(folder, summary)
    drawn = any(gallery.size for gallery in galleries)
    views = [
        record_view(i, record, patches[record.patch], gallery, undrawn=drawn and not gallery.size)
        for i, (record, gallery) in enumerate(zip(summary.records, galleries, strict=True))
    ]
    script = template_text("report.js")
    made = environment()
    page = made.get_template("report.html.j2").render(
        summary=summary,
        verdict=words.summary_verdict(summary),
        badge=badge(summary, summary.records),
        badge_of=lambda view: badge(summary, [view.record]),
        hero=hero(summary, patches),
        patches=list(patches.values()),
        records=views,
        packed=packed(made, summary, views) if len(views) > MOST_INLINE else (),
        grids=grids(summary, views, patches),
        matrix=matrix(summary, views, patches),
        most_findings=MOST_FINDINGS,
        most_subjects=MOST_SUBJECTS,
        failures=grouped(views, words.grouped_failures(summary)),
        limits=words.limits_of(summary),
        mixed=len(goals_of(summary.records)) > 1,
        kinds=words.kinds(summary),
        warnings=grouped(views, words.grouped_flags(summary, "warning")),
        glossary=words.glossary(summary),
        style=Markup(template_text("report.css")),
        script=Markup(script),
        script_hash=base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii"),
    )
    return page.translate(UNPRINTABLE)


def packed(made: Environment, summary: Summary, views: Sequence[RecordView]) -> list[tuple[str, str]]:
    """Each result's anchor, and its section as the script unpacks it: gzip, in base64."""
    section = made.get_template("record.html.j2").module.record_section  # type: ignore[attr-defined]
    return [
        (view.anchor, pack(section(view, True, lambda one: badge(summary, [one.record])).translate(UNPRINTABLE)))
        for view in views
    ]


def pack(text: str) -> str:
    """Text as gzip in base64, the same for the same text."""
    return base64.b64encode(gzip.compress(text.encode("utf-8"), compresslevel=9, mtime=0)).decode("ascii")


def template_text(name: str) -> str:
    """A file that travels beside the template."""
    return resources.files("physadv.reports").joinpath("templates", name).read_text(encoding="utf-8")


def environment() -> Environment:
    """Jinja with escaping on, and the words of the report as filters."""
    made = Environment(
        loader=PackageLoader("physadv.reports", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters: dict[str, Callable[..., Any]] = {
        "share": words.share,
        "share_interval": words.share_interval,
        "interval": words.interval,
        "full": words.full,
        "sample": words.sample,
        "points": words.points,
        "p_value": words.p_value,
        "percent": words.percent,
        "count": words.count,
        "plural": words.plural,
        "metres": metres,
        "level": charts.level,
        "yaml": as_yaml,
        "slice_label": words.slice_label,
        "sentence": words.sentence,
    }
    made.filters.update(filters)
    made.globals.update(subject_names=words.SUBJECTS, test_names=words.TESTS, box_words=words.BOXES, aimed=words.aimed)
    return made


def as_yaml(value: Mapping[str, Any]) -> str:
    """A configuration as YAML, cut where it is very long."""
    text = dump_yaml(dict(value), width=96)
    if len(text) <= CONFIG_CHARACTERS:
        return text
    return f"{text[:CONFIG_CHARACTERS]}\n# cut here; the whole of it is in summary.json\n"


def patch_view(number: int, patch: PatchInfo, folder: Path) -> PatchView:
    """A patch with its pictures; ``number`` is its place in the summary."""
    subjects = [(name, patch.pictures.get(name, "")) for name in words.SUBJECTS]
    return PatchView(
        number=number,
        info=patch,
        hero=data_url(folder, patch.picture, side_px=HERO_PX, alpha=True),
        thumb=data_url(folder, patch.picture, side_px=THUMB_PX, alpha=True),
        subjects=tuple(
            (words.SUBJECTS[name], data_url(folder, file, side_px=CARD_PX, alpha=True))
            for name, file in subjects
            if file
        ),
        area=words.percent(patch.area_fraction, 1) if patch.area_fraction is not None else words.NONE,
    )


def hero(summary: Summary, patches: Mapping[str, PatchView]) -> PatchView | None:
    """The patch to show beside the verdict: the only one, or that of the strongest record."""
    known = [record for record in summary.records if record.headline.value is not None] or list(summary.records)
    if not known:
        return None
    return patches[ranked(known)[0].patch]


def record_view(number: int, record: Record, patch: PatchView, gallery: Gallery, *, undrawn: bool) -> RecordView:
    """Everything that the page shows of one record."""
    return RecordView(
        anchor=f"record-{number + 1}",
        record=record,
        patch=patch,
        verdict=words.verdict(record, patch.info),
        tiles=tuple(tiles(record)),
        charts=tuple(record_charts(record)),
        timeline=timeline(record),
        gallery=gallery,
        slices=tuple((title, parts) for title, parts in slice_groups(record) if parts),
        undrawn=undrawn,
    )


def slice_groups(record: Record) -> list[tuple[str, tuple[Slice, ...]]]:
    """The record's slices under their headings."""
    return [
        ("Entry", record.by_entry if len(record.by_entry) > 1 else ()),
        ("Light", record.by_light),
        ("Distance", record.by_distance),
        ("Angle", record.by_angle),
        ("Weather", record.by_weather),
        ("Along the drive", record.timeline),
    ]


def tiles(record: Record) -> list[Tile]:
    """The figures at the head of a record, each with its interval and n, in their order."""
    shown = [one for one in record.metrics if one.tile]
    return [tile_of(one, "" if number else "patch") for number, one in enumerate(shown)]


def tile_of(figure: Measured, kind: str = "") -> Tile:
    """A tile of any figure."""
    if figure.rate is not None:
        tile = rate_tile(figure.title, figure.rate, kind, unit="" if figure.of == "frame" else figure.of)
        if figure.control is None:
            return tile
        control = f"{words.share_interval(figure.control)} of {words.plural(figure.control.n, figure.of)}"
        return replace(tile, detail=f"{tile.detail}; {figure.over} {control}")
    if figure.difference is not None:
        found = figure.difference
        value, _, limits = words.points(found).partition(" ")
        detail = f"{limits} points · {words.plural(found.n, 'frame')}, {words.p_value(found.p_value)}"
        return Tile(figure.title, value, detail.strip(), kind)
    return Tile(figure.title, words.number_of(figure), figure.note, kind)


def rate_tile(title: str, rate: Rate, kind: str = "", *, unit: str = "") -> Tile:
    """A tile of one rate."""
    if rate.value is None:
        return Tile(title, words.NONE, "no frames", kind)
    sample = f"{rate.hits} of {words.plural(rate.n, unit)}" if unit else words.sample(rate)
    return Tile(title, words.share(rate), f"({words.interval(rate)}) · {sample}", kind)


def record_charts(record: Record) -> list[Chart]:
    """The charts of a record, those without data left out."""
    goal = parse_goal(record.goal).phrase
    made = [controls_chart(record)]
    if len(record.heat_map.cells) > 1:
        made.append(
            Chart(
                "Distance and angle",
                f"Share {goal}; n under each share. Dashed: fewer than {charts.FEW} frames, or none.",
                charts.heat_map("Distance and angle", record.heat_map, aimed=words.aimed(record)),
            )
        )
    if record.by_weather:
        made.append(weather_chart(record))
    for title, slices in (("Light", record.by_light), ("Battery entry", record.by_entry)):
        if len(slices) > 1:
            made.append(slices_chart(title, slices, record))
    if len(record.heat_map.cells) <= 1 and len(record.by_distance) > 1:
        made.append(slices_chart("Distance", record.by_distance, record))
    if record.confusion:
        shown = record.confusion[:CONFUSION_ROWS]
        made.append(
            Chart(
                "What the painted sign is read as",
                f"Most probable class, over all {words.plural(record.frames, 'frame')}"
                + (
                    f"; {len(record.confusion) - len(shown)} rarer classes left out."
                    if len(record.confusion) > len(shown)
                    else "."
                ),
                charts.confusion_bars("What the painted sign is read as", shown, record.frames),
            )
        )
    return made


def controls_chart(record: Record) -> Chart:
    """The patch beside gray and random texture, at each goal."""
    rows = [record.patch_success, *(control for control in record.controls if control.subject != "clean")]

    def kind(subject: str) -> str:
        return "patch" if subject == "patch" else "control"

    aimed = [Bar(words.SUBJECTS[s.subject], s.at_goal, kind(s.subject)) for s in rows]
    groups = [(parse_goal(record.goal).title, aimed)] if words.aimed(record) else []
    groups.append(
        (
            Untargeted().title,
            [Bar(words.SUBJECTS[s.subject], s.untargeted, kind(s.subject)) for s in rows],
        )
    )
    title = "Patch against controls"
    note = (
        f"Among the {words.plural(record.clean_correct, 'frame')} whose clean sign is read correctly; "
        f"lines are 95{words.UNIT} intervals."
    )
    return Chart(title, note, charts.grouped_bars(title, groups))


def slices_chart(title: str, slices: Sequence[Slice], record: Record) -> Chart:
    """Success by light, or any other slices, with the best control marked."""
    control = words.SUBJECTS[record.gain.control].lower()
    rows = [Bar(words.slice_label(part), part.at_goal, "patch", part.control) for part in slices]
    note = f"Share {parse_goal(record.goal).phrase}; ◇ marks the best control ({control})."
    return Chart(f"By {title.lower()}", note, charts.bars(f"Success by {title.lower()}", rows))


def weather_chart(record: Record) -> Chart:
    """Weather by severity as a heat map where severities are known, else as bars."""
    if any(part.low is None for part in record.by_weather):
        return slices_chart("Weather", record.by_weather, record)
    names = [weather_name(part) for part in record.by_weather]
    rows = list(dict.fromkeys(names))
    severities = sorted({part.low for part in record.by_weather if part.low is not None})
    cells = {
        (rows.index(name), severities.index(part.low)): (
            part.at_goal,
            f"Best control: {words.full(part.control)}. Clean sign: {words.full(part.clean_accuracy)}",
        )
        for name, part in zip(names, record.by_weather, strict=True)
        if part.low is not None
    }
    picture = charts.grid(
        "Weather and severity",
        rows=rows,
        columns=[f"{severity:g}" for severity in severities],
        cells=cells,
        row_title="Weather",
        column_title="Severity",
    )
    return Chart(
        "Weather and severity",
        f"Share {parse_goal(record.goal).phrase}; n under each share; dashed: fewer than {charts.FEW}.",
        picture,
    )


def weather_name(part: Slice) -> str:
    """The label without its severity: ``rain 3`` is ``rain``."""
    name, _, last = part.label.rpartition(" ")
    return name if name and part.low is not None and last.strip("()") == f"{part.low:g}" else part.label


def timeline(record: Record) -> Chart | None:
    """Success along the drive; None without drives."""
    if not record.timeline:
        return None

    def middle(part: Slice) -> float:
        return ((part.low or 0.0) + (part.high if part.high is not None else part.low or 0.0)) / 2.0

    control = words.SUBJECTS[record.gain.control].split(",")[0]
    curves = [
        Curve("Patch", "patch", tuple((middle(p), p.at_goal) for p in record.timeline)),
        Curve(control, "control", tuple((middle(p), p.control) for p in record.timeline)),
        Curve("Clean accuracy", "clean", tuple((middle(p), p.clean_accuracy) for p in record.timeline)),
    ]
    approaches = record.consecutive.approaches if record.consecutive else ()
    note = (
        f"Share {parse_goal(record.goal).phrase} by distance, with its 95{words.UNIT} interval as a band. "
        "In the strips a high bar is a fooled frame, a low one a frame that held, a gap one whose clean sign is "
        "misread; the number is the longest run."
    )
    title = "Along the drive"
    pictures = [charts.timeline(title, curves, approaches, narrow=narrow) for narrow in (False, True)]
    return Chart(title, note, Markup("").join(pictures))


def badge(summary: Summary, records: Sequence[Record]) -> Badge:
    """Pass or fail against the thresholds; neither where no limit was set on the attack's success."""
    failed = sum(not record.passed for record in records)
    total = f" of {len(records)}" if len(records) > 1 else ""
    if failed:
        return Badge("fail", "✗", f"Fail{f': {failed}{total}' if total else ''}")
    limited = sum(words.is_limited(summary, record) for record in records)
    if not limited:
        return Badge("none", "–", "No pass limit set")
    return Badge("pass", "✓", f"Pass{f': {limited}{total}' if total else ''}")


def matrix(summary: Summary, views: Sequence[RecordView], patches: Mapping[str, PatchView]) -> list[MatrixRow]:
    """Patches and victims down, batteries across; empty for a single record."""
    if len(views) < 2:
        return []
    by_key = {(view.record.patch, view.record.victim, view.record.battery): view for view in views}
    pairs = dict.fromkeys((view.record.patch, view.record.victim) for view in views)
    return [
        MatrixRow(
            patches[patch], victim, tuple(by_key.get((patch, victim, battery.name)) for battery in summary.batteries)
        )
        for patch, victim in pairs
    ]


def grids(summary: Summary, views: Sequence[RecordView], patches: Mapping[str, PatchView]) -> list[Grid]:
    """Patches by victims, a table a battery; none where there is only one patch or one victim."""
    if len(summary.patches) < 2 or len(summary.victims) < 2:
        return []
    by_key = {(view.record.battery, view.record.patch, view.record.victim): view for view in views}
    victims = tuple(victim.name for victim in summary.victims)
    made = []
    for battery in summary.batteries:
        rows = tuple(
            (patches[patch.name], tuple(by_key.get((battery.name, patch.name, victim)) for victim in victims))
            for patch in summary.patches
        )
        counts = {view.record.frames for _, cells in rows for view in cells if view}
        frames = f"{words.plural(min(counts), 'frame')} each" if len(counts) == 1 else ""
        made.append(Grid(battery.name, frames, victims, rows))
    return made


def grouped(views: Sequence[RecordView], kinds: Sequence[words.Kind]) -> list[Findings]:
    """Findings by kind, with the views of their records."""
    by_record = {id(view.record): view for view in views}
    return [
        Findings(
            kind.code,
            kind.title,
            tuple((message, tuple(by_record[id(record)] for record in records)) for message, records in kind.items),
        )
        for kind in kinds
    ]
