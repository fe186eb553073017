"""Charts as inline SVG: pure functions from figures to markup. Colors are classes that the style sheet fills in.

Every mark carries a ``<title>`` (the tooltip) with its rate, interval and n. A chart is 360 units wide, so that it
is read without scaling on a phone; the timeline comes in a wide form too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from markupsafe import Markup

from physadv.core.number_format import metres
from physadv.core.statistics import Rate
from physadv.evaluation.batteries.summary import Approach, Confusion, HeatCell, HeatMap
from physadv.reports.svg import drawing, elide, tag
from physadv.reports.words import confusion_note, count, full, percent, plural, share, share_interval

WIDTH = 360.0
LEVELS = 10
"""Steps of the sequential palette, less one: classes ``h0`` to ``h10``."""
FEW = 10
"""A cell of a heat map with fewer frames is not colored: its share says next to nothing."""
STRIP = 15.0
"""Height of a strip with its gap."""
TRACE_LIMIT = 24
"""Strips of single drives that a timeline shows."""


@dataclass(frozen=True)
class Bar:
    """One bar.

    Attributes:
        label: at its left.
        rate: its length and whisker.
        kind: its color: ``patch``, ``control`` or ``clean``.
        reference: a rate to mark on it (the best control's).
    """

    label: str
    rate: Rate
    kind: str = "patch"
    reference: Rate | None = None


@dataclass(frozen=True)
class Curve:
    """Rates along the way: ``points`` are ``(distance_m, rate)``, ``kind`` as in :class:`Bar`."""

    label: str
    kind: str
    points: tuple[tuple[float, Rate], ...]


def level(value: float) -> int:
    """The palette's step for a share."""
    return round(min(max(value, 0.0), 1.0) * LEVELS)


def x_of(value: float, left: float = 0.0, width: float = WIDTH) -> float:
    """Where a share lies on a horizontal axis from 0 to 100 %."""
    return left + value * width


def whisker(rate: Rate, y: float, left: float = 0.0, width: float = WIDTH) -> Markup:
    """The interval of a rate as a line with end caps: one color on the bar, another beyond its end."""
    if rate.value is None or rate.low is None or rate.high is None:
        return Markup("")
    low, value, high = (x_of(share, left, width) for share in (rate.low, rate.value, rate.high))
    above = tag("path", d=f"M{value:.1f} {y:.1f}H{high:.1f}m0-4v8", class_="whisker")
    if value - low < 6.0:
        return above
    return tag("path", d=f"M{low:.1f} {y - 2.5:.1f}v5m0-2.5H{value:.1f}", class_="whisker-in") + above


def diamond(x: float, y: float) -> Markup:
    """The mark of a control."""
    return tag("path", d=f"M{x:.1f} {y - 5:.1f}l5 5l-5 5l-5 -5z", class_="diamond")


def captions(label: str, note: str, size: str, value: str, y: float) -> tuple[Markup, Markup, Markup]:
    """The words above a bar, and the bar's track."""
    name = tag("tspan", elide(label, 27 - len(note))), tag("tspan", note, dx=6, class_="muted") if note else ""
    figures = tag("tspan", size, class_="muted"), tag("tspan", value, dx=7, class_="value")
    return (
        tag("text", *name, x=0, y=y + 11),
        tag("text", *figures, x=WIDTH, y=y + 11, class_="end"),
        tag("rect", x=0, y=y + 17, width=WIDTH, height=9, rx=1.5, class_="track"),
    )


def bar_row(bar: Bar, y: float) -> Markup:
    """One bar with its words above it; 36 units high."""
    reference = f"; best control {full(bar.reference)}" if bar.reference is not None and bar.reference.n else ""
    shapes = [
        tag("title", f"{bar.label}: {full(bar.rate)}{reference}"),
        *captions(bar.label, "", f"n {count(bar.rate.n)}", share_interval(bar.rate), y),
    ]
    if bar.rate.value is not None:
        shapes.append(
            tag("rect", x=0, y=y + 17, width=x_of(bar.rate.value), height=9, rx=1.5, class_=f"fill-{bar.kind}")
        )
        shapes.append(whisker(bar.rate, y + 21.5))
    if bar.reference is not None and bar.reference.value is not None:
        shapes.append(diamond(x_of(bar.reference.value), y + 21.5))
    return tag("g", *shapes)


def axis(y: float, left: float = 0.0, width: float = WIDTH) -> Markup:
    """0, 50 and 100 % under bars."""
    marks = [
        tag("text", percent(at), x=x_of(at, left, width), y=y, class_=f"muted {anchor}")
        for at, anchor in ((0.0, "start"), (0.5, "middle"), (1.0, "end"))
    ]
    return tag("g", *marks, aria_hidden="true")


def bars(title: str, rows: Sequence[Bar]) -> Markup:
    """Bars with interval whiskers, one below the other."""
    shapes = [bar_row(bar, 36.0 * i) for i, bar in enumerate(rows)]
    height = 36.0 * len(rows) + 12
    summary = "; ".join(f"{bar.label} {share_interval(bar.rate)}" for bar in rows)
    return drawing(*shapes, axis(height - 2), width=WIDTH, height=height, title=title, summary=summary)


def grouped_bars(title: str, groups: Sequence[tuple[str, Sequence[Bar]]]) -> Markup:
    """Groups of bars, each under its heading: the patch beside its controls."""
    shapes: list[Markup] = []
    y = 0.0
    for heading, rows in groups:
        shapes.append(tag("text", elide(heading, 46), x=0, y=y + 12, class_="group"))
        shapes += [bar_row(bar, y + 20 + 36.0 * i) for i, bar in enumerate(rows)]
        y += 20 + 36.0 * len(rows) + 10
    summary = "; ".join(
        f"{heading}: " + ", ".join(f"{bar.label} {share_interval(bar.rate)}" for bar in rows)
        for heading, rows in groups
    )
    return drawing(*shapes, axis(y), width=WIDTH, height=y + 4, title=title, summary=summary)


def grid(
    title: str,
    *,
    rows: Sequence[str],
    columns: Sequence[str],
    cells: Mapping[tuple[int, int], tuple[Rate, str]],
    row_title: str,
    column_title: str,
    column_edges: Sequence[str] = (),
) -> Markup:
    """A heat map: ``cells`` maps ``(row, column)`` to the rate and a remark for the tooltip; absent ones stay blank.

    ``column_edges``, one more than ``columns``, are written at the borders in place of the columns' names.
    """
    left, top, row_height = 74.0, 34.0, 38.0
    column_width = (WIDTH - left) / max(len(columns), 1)
    shapes = [
        tag("text", row_title, x=0, y=11, class_="muted"),
        tag("text", column_title, x=WIDTH, y=11, class_="muted end"),
    ]
    heads = [(float(j), name) for j, name in enumerate(column_edges)] or [
        (j + 0.5, name) for j, name in enumerate(columns)
    ]
    for at, name in heads:
        anchor = "end" if at == len(columns) else "middle"
        shapes.append(
            tag("text", name, x=left + at * column_width - (1 if column_edges else 0), y=top - 7, class_=anchor)
        )
    for i, name in enumerate(rows):
        y = top + i * row_height
        shapes.append(tag("text", elide(name, 12), x=left - 8, y=y + row_height / 2 + 4, class_="label end"))
        for j, column in enumerate(columns):
            where = f"{name}, {column}"
            shapes.append(
                grid_cell(cells.get((i, j)), where, left + j * column_width, y, column_width - 2, row_height - 2)
            )
    height = top + row_height * len(rows) + 26
    known = [(rate, f"{rows[i]}, {columns[j]}") for (i, j), (rate, _) in cells.items() if rate.n >= FEW]
    best = max(known, key=lambda pair: pair[0].value or 0.0, default=None)
    worst = min(known, key=lambda pair: pair[0].value or 0.0, default=None)
    summary = ""
    if best and worst:
        summary = f"Highest at {best[1]}: {share_interval(best[0])}; lowest at {worst[1]}: {share_interval(worst[0])}"
    return drawing(*shapes, ramp(left, height - 14), width=WIDTH, height=height, title=title, summary=summary)


def grid_cell(cell: tuple[Rate, str] | None, where: str, x: float, y: float, width: float, height: float) -> Markup:
    """One cell of a heat map, with the share and n in it."""
    if cell is None:
        return tag(
            "g", tag("title", f"{where}: no frames"), tag("rect", x=x, y=y, width=width, height=height, class_="blank")
        )
    rate, remark = cell
    if rate.value is None:
        tooltip = tag("title", f"{where}: the clean sign is misread in every frame. {remark}")
        dash = tag("text", "–", x=x + width / 2, y=y + height / 2 + 4, class_="muted middle")
        return tag("g", tooltip, tag("rect", x=x, y=y, width=width, height=height, class_="blank"), dash)
    return tag(
        "g",
        tag("title", f"{where}: {full(rate)}. {remark}"),
        tag("rect", x=x, y=y, width=width, height=height, rx=2),
        tag("text", percent(rate.value), x=x + width / 2, y=y + height / 2, class_="middle cell"),
        tag("text", f"n {count(rate.n)}", x=x + width / 2, y=y + height / 2 + 12, class_="middle small"),
        class_=f"h{level(rate.value)}" if rate.n >= FEW else "few",
    )


def ramp(left: float, y: float) -> Markup:
    """The palette's legend."""
    step = 12.0
    boxes = [tag("rect", x=left + 28 + i * step, y=y, width=step, height=9, class_=f"h{i}") for i in range(LEVELS + 1)]
    end = left + 28 + (LEVELS + 1) * step
    return tag(
        "g",
        tag("text", percent(0.0), x=left, y=y + 9, class_="muted"),
        *boxes,
        tag("text", percent(1.0), x=end + 6, y=y + 9, class_="muted"),
        aria_hidden="true",
    )


def edge_labels(edges: Sequence[float], unit: str) -> list[str]:
    """``10–25 m`` for each bin between edges."""
    return [f"{low:g}–{high:g}{unit}" for low, high in pairwise(edges)]


def heat_map(title: str, data: HeatMap, *, aimed: bool) -> Markup:
    """Success by distance (rows, far above near) and by angle (columns)."""
    last = len(data.distance_edges_m) - 2

    def rate(cell: HeatCell) -> Rate:
        return cell.at_goal

    def wrong(cell: HeatCell) -> str:
        return f"Any wrong class: {full(cell.untargeted)}. " if aimed else ""

    used_rows = sorted({last - cell.distance_bin for cell in data.cells})
    bins = [cell.angle_bin for cell in data.cells]
    used_columns = list(range(min(bins, default=0), max(bins, default=-1) + 1))
    distances = list(reversed(edge_labels(data.distance_edges_m, " m")))
    angles = edge_labels(data.angle_edges_deg, "°")
    cells = {
        (used_rows.index(last - cell.distance_bin), used_columns.index(cell.angle_bin)): (
            rate(cell),
            f"{wrong(cell)}Clean sign read correctly: {full(cell.clean_accuracy)}",
        )
        for cell in data.cells
    }
    return grid(
        title,
        rows=[distances[i] for i in used_rows],
        columns=[angles[j] for j in used_columns],
        cells=cells,
        row_title="Distance",
        column_title="Angle to the sign's normal",
        column_edges=[f"{edge:g}°" for edge in data.angle_edges_deg[used_columns[0] : used_columns[-1] + 2]],
    )


def confusion_bars(title: str, classes: Sequence[Confusion], total: int) -> Markup:
    """What the painted sign was read as: counts and shares of all frames."""
    shapes = []
    for i, entry in enumerate(classes):
        y = 36.0 * i
        note = confusion_note(entry)
        kind = "clean" if entry.is_true else "patch" if entry.is_wanted else "control"
        shapes.append(
            tag(
                "g",
                tag("title", f"{entry.name}{f' ({note})' if note else ''}: {entry.frames} of {plural(total, 'frame')}"),
                *captions(entry.name, note, f"{count(entry.frames)} of {count(total)}", percent(entry.share), y),
                tag("rect", x=0, y=y + 17, width=x_of(entry.share), height=9, rx=1.5, class_=f"fill-{kind}"),
            )
        )
    summary = "; ".join(f"{entry.name} {percent(entry.share)}" for entry in classes)
    return drawing(*shapes, width=WIDTH, height=max(36.0 * len(classes), 1.0), title=title, summary=summary)


@dataclass(frozen=True)
class Road:
    """The plot area of a timeline: far at the left, near at the right. ``narrow`` is for phones."""

    far_m: float
    near_m: float
    narrow: bool = False
    top: float = 26.0
    height: float = 170.0

    @property
    def left(self) -> float:
        """Room for labels at the left."""
        return 70.0 if self.narrow else 96.0

    @property
    def width(self) -> float:
        """Of the plot."""
        return 246.0 if self.narrow else 850.0

    @property
    def total(self) -> float:
        """Of the whole picture."""
        return WIDTH if self.narrow else 1070.0

    def x(self, distance_m: float) -> float:
        """Where a distance lies."""
        return self.left + (self.far_m - distance_m) / max(self.far_m - self.near_m, 1e-9) * self.width

    def y(self, value: float) -> float:
        """Where a share lies."""
        return self.top + (1.0 - value) * self.height


def ticks(far_m: float, near_m: float, most: int) -> list[float]:
    """At most ``most`` round distances for the axis, far to near."""
    steps = (1, 2, 5, 10, 20, 25, 50, 100, 250, 1000)
    step = next((step for step in steps if (far_m - near_m) / step <= most), steps[-1])
    return [float(m) for m in range(int(far_m // step) * step, int(near_m) - 1, -step) if near_m <= m <= far_m]


def timeline(title: str, curves: Sequence[Curve], approaches: Sequence[Approach], *, narrow: bool = False) -> Markup:
    """Success along the way to the sign, with the interval's band, over the strips of single drives.

    In a strip every frame is a bar: high where it is fooled, low where it is not, and nothing but the base line where
    the clean sign is misread too.
    """
    traced = [approach for approach in approaches if approach.trace][:TRACE_LIMIT]
    strips = sorted(traced, key=lambda approach: (approach.light, approach.approach))
    distances = [m for curve in curves for m, _ in curve.points] + [m for a in strips for m in (a.far_m, a.near_m)]
    road = Road(max(distances, default=1.0), min(distances, default=0.0), narrow)
    names = legend(curves) if narrow else end_labels(curves, road)
    shapes = [frame(road), *(curve_shape(curve, road) for curve in curves), *names]
    top = road.top + road.height + 48
    if strips:
        shapes.append(tag("text", "Single drives, frame by frame", x=0, y=top - 9, class_="group"))
    shapes += [strip(approach, road, top + STRIP * i) for i, approach in enumerate(strips)]
    height = top + STRIP * len(strips) - (4 if strips else 24)
    summary = "; ".join(
        f"{curve.label}: " + ", ".join(f"{metres(m)} {share(rate)}" for m, rate in curve.points) for curve in curves[:1]
    )
    class_ = "narrow" if narrow else "wide"
    return drawing(*shapes, width=road.total, height=height, title=title, summary=summary, class_=class_)


def legend(curves: Sequence[Curve]) -> list[Markup]:
    """Names of the curves in a row, each after a piece of its line."""
    shapes, x = [], 0.0
    for curve in curves:
        line = tag("path", d=f"M{x:.1f} 7h18", class_=f"line-{curve.kind}")
        shapes.append(tag("g", line, tag("text", curve.label, x=x + 23, y=11, class_=f"name-{curve.kind}")))
        x += 36 + 7.2 * len(curve.label)
    return shapes


def frame(road: Road) -> Markup:
    """Grid lines and axes."""
    shapes = []
    for value in (0.0, 0.25, 0.5, 0.75, 1.0):
        y = road.y(value)
        shapes.append(tag("line", x1=road.left, x2=road.left + road.width, y1=y, y2=y, class_="rule"))
        shapes.append(tag("text", percent(value), x=road.left - 8, y=y + 4, class_="muted end"))
    bottom = road.top + road.height
    for m in ticks(road.far_m, road.near_m, 4 if road.narrow else 8):
        x = road.x(m)
        shapes.append(tag("line", x1=x, x2=x, y1=bottom, y2=bottom + 4, class_="rule"))
        shapes.append(tag("text", f"{m:g} m", x=x, y=bottom + 17, class_="muted middle"))
    if not road.narrow:
        shapes.append(tag("text", "driving towards the sign →", x=road.left, y=14, class_="muted"))
    return tag("g", *shapes, aria_hidden="true")


def curve_shape(curve: Curve, road: Road) -> Markup:
    """One curve, its band (patch only) and its points."""
    known = [(m, rate) for m, rate in curve.points if rate.value is not None]
    if not known:
        return Markup("")
    line = "M" + "L".join(f"{road.x(m):.1f} {road.y(rate.value or 0.0):.1f}" for m, rate in known)
    shapes = [tag("path", d=line, class_=f"line-{curve.kind}")]
    if curve.kind == "patch":
        upper = [f"{road.x(m):.1f} {road.y(rate.high or 0.0):.1f}" for m, rate in known]
        lower = [f"{road.x(m):.1f} {road.y(rate.low or 0.0):.1f}" for m, rate in reversed(known)]
        shapes.insert(0, tag("path", d=f"M{'L'.join([*upper, *lower])}z", class_="band"))
    shapes += [
        tag(
            "circle",
            tag("title", f"{curve.label} at {metres(m)}: {full(rate)}"),
            cx=road.x(m),
            cy=road.y(rate.value or 0.0),
            r=3.0 if curve.kind == "patch" else 2.0,
            class_=f"dot-{curve.kind}",
        )
        for m, rate in known
    ]
    return tag("g", *shapes)


def end_labels(curves: Sequence[Curve], road: Road) -> list[Markup]:
    """Names at the curves' ends, pushed apart where they would touch."""
    ends = []
    for curve in curves:
        known = [rate for _, rate in curve.points if rate.value is not None]
        if known:
            ends.append((road.y(known[-1].value or 0.0), curve))
    ends.sort(key=lambda pair: pair[0])
    shapes, last = [], -1e9
    for y, curve in ends:
        last = max(y, last + 15)
        shapes.append((last, curve))
    overflow = max(0.0, last - road.y(0.0))
    return [
        tag("text", curve.label, x=road.left + road.width + 8, y=y - overflow + 4, class_=f"name-{curve.kind}")
        for y, curve in shapes
    ]


def runs(trace: str) -> list[tuple[str, int, int]]:
    """``(letter, start, stop)`` of each run of equal letters.

    >>> runs("##.")
    [('#', 0, 2), ('.', 2, 3)]
    """
    found: list[tuple[str, int, int]] = []
    for i, letter in enumerate(trace):
        if found and found[-1][0] == letter:
            found[-1] = (letter, found[-1][1], i + 1)
        else:
            found.append((letter, i, i + 1))
    return found


def strip(approach: Approach, road: Road, y: float) -> Markup:
    """One drive as a strip of frames."""
    trace = approach.trace or ""
    step = (approach.far_m - approach.near_m) / max(len(trace), 1)
    words = (
        f"Drive {approach.approach}, {approach.light}: {approach.fooled} of {plural(approach.frames, 'frame')} fooled, "
        f"longest run {plural(approach.longest_run, 'frame')} ({approach.longest_run_s:.1f} s, "
        f"{metres(approach.longest_run_m)})"
    )
    shapes = [
        tag("title", words),
        tag("text", elide(approach.light, 10 if road.narrow else 14), x=road.left - 8, y=y + 9, class_="muted end"),
    ]
    start, stop = road.x(approach.far_m), road.x(approach.near_m)
    shapes.append(tag("line", x1=start, x2=stop, y1=y + 10.5, y2=y + 10.5, class_="rule"))
    for letter, first, last in runs(trace):
        left, right = road.x(approach.far_m - first * step), road.x(approach.far_m - last * step)
        if letter == "#":
            shapes.append(tag("rect", x=left, y=y, width=right - left, height=10, class_="fooled"))
        elif letter == ".":
            shapes.append(tag("rect", x=left, y=y + 8, width=right - left, height=2, class_="kept"))
    shapes.append(
        tag(
            "text",
            str(approach.longest_run) if road.narrow else f"longest {approach.longest_run}",
            x=road.left + road.width + 8,
            y=y + 9,
            class_="muted",
        )
    )
    return tag("g", *shapes)
