"""Findings in plain words: numbers with the precision that their interval allows, and the verdict of a record."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from physadv.core import number_format as wording
from physadv.core.config import validate
from physadv.core.number_format import metres, plain_number
from physadv.core.statistics import Difference, Rate
from physadv.evaluation.batteries.battery import Thresholds
from physadv.evaluation.batteries.flags import MEANINGS, limited
from physadv.evaluation.batteries.summary import (
    Confusion,
    Consecutive,
    PatchInfo,
    Record,
    Slice,
    Subject,
    Success,
    Summary,
    goals_of,
    success_at,
)
from physadv.evaluation.metrics.measured import Measured
from physadv.goals import Untargeted, parse_goal
from physadv.victims import Box

T = TypeVar("T", bound=Hashable)

UNIT = "\u202f%"
"""Narrow no-break space and per cent sign."""
NONE = "–"
HEADLINE = "success"
"""The metric that a result is known by."""
POSTER_AREA = 0.9
"""A patch that covers more of the sign is called a poster."""

SUBJECTS: dict[Subject, str] = {
    "patch": "This patch",
    "gray": "Plain gray, same shape",
    "random": "Random texture, same shape",
    "clean": "Clean sign",
}
DOERS: dict[Subject, str] = {
    "patch": "the patch",
    "gray": "a plain gray {noun} of the same shape",
    "random": "the same shape in random texture",
    "clean": "the clean sign",
}


BOXES: dict[Box, str] = {
    "squash": "shown the sign’s box squashed to them",
    "square": "shown the sign’s box widened to a square",
    "either": "shown the sign’s box squashed or widened to a square, as each frame’s conditions say",
}
TESTS = {"mcnemar-exact": "exact McNemar test", "sign-test-by-approach": "exact sign test over drives"}


def digits(low: float, high: float) -> int:
    """Decimals of a percentage that an interval of this width justifies: one below two points, else none."""
    return 1 if high - low < 0.02 else 0


def percent(value: float | None, decimals: int = 0) -> str:
    """A share as a percentage whose unit stays on the line of its number, or a dash.

    >>> percent(0.872), percent(None)
    ('87\\u202f%', '–')
    """
    return NONE if value is None else wording.percent(value, decimals).replace(" %", UNIT)


def interval(rate: Rate) -> str:
    """``83–90``: the limits of a rate, in per cent."""
    if rate.low is None or rate.high is None:
        return NONE
    decimals = digits(rate.low, rate.high)
    return f"{plain_number(rate.low * 100, decimals)}–{plain_number(rate.high * 100, decimals)}"


def share(rate: Rate) -> str:
    """``87 %``, with a decimal where the interval is that narrow."""
    if rate.value is None or rate.low is None or rate.high is None:
        return NONE
    return percent(rate.value, digits(rate.low, rate.high))


def share_interval(rate: Rate) -> str:
    """``87 % (83–90)``."""
    return NONE if rate.value is None else f"{share(rate)}\u00a0({interval(rate)})"


def count(number: int) -> str:
    """``12 480``, grouped by narrow spaces from five digits on."""
    return f"{number:,}".replace(",", "\u202f") if abs(number) >= 10_000 else str(number)


def plural(number: int, noun: str, ending: str = "s") -> str:
    """``1 frame``, ``12 frames``."""
    return f"{count(number)} {noun}{'' if number == 1 else ending}"


def sample(rate: Rate) -> str:
    """``417 of 480 frames``, and the drives where they are the independent units."""
    drives = f" in {plural(rate.clusters, 'drive')}" if rate.method == "wilson-clustered" and rate.n else ""
    return f"{count(rate.hits)} of {plural(rate.n, 'frame')}{drives}"


def full(rate: Rate) -> str:
    """A rate with everything that belongs to it, for tooltips and screen readers."""
    if rate.value is None:
        return "no frames"
    return f"{share(rate)}, 95{UNIT} interval {interval(rate)}{UNIT}, {sample(rate)}"


def points(difference: Difference) -> str:
    """``+83 (79 to 86)``: percentage points with the interval."""
    if difference.value is None or difference.low is None or difference.high is None:
        return NONE
    decimals = digits(difference.low, difference.high)
    low, high = (signed(limit * 100, decimals) for limit in (difference.low, difference.high))
    return f"{signed(difference.value * 100, decimals, plus=True)} ({low} to {high})"


def signed(value: float, decimals: int, *, plus: bool = False) -> str:
    """With a true minus, and a plus if wanted; a rounded zero has neither."""
    text = f"{abs(value):.{decimals}f}"
    if float(text) == 0.0:
        return "0"
    return f"{'−' if value < 0 else '+' if plus else ''}{text}"


def p_value(value: float | None) -> str:
    """``p = 0.03`` or ``p < 0.001``."""
    if value is None:
        return NONE
    shown = "< 0.001" if value < 0.001 else f"= {value:.3f}" if value < 0.1 else f"= {value:.2f}"
    return f"p {shown}".replace(" ", "\u00a0")


def number_of(figure: Measured) -> str:
    """A figure that is a plain number, with its unit."""
    if figure.value is None:
        return NONE
    if figure.unit in ("frames", "drives"):
        return plural(round(figure.value), figure.unit.removesuffix("s"))
    if figure.unit in ("probability", "share"):
        return f"{figure.value:.2f}"
    return metres(figure.value) if figure.unit == "m" else f"{figure.value:.1f} {figure.unit}"


def figure_of(figure: Measured) -> str:
    """A figure with its interval, where it has one."""
    if figure.rate is not None:
        return share_interval(figure.rate)
    return number_of(figure) if figure.difference is None else points(figure.difference)


def cell_of(figure: Measured) -> str:
    """A figure in a cell of a table; the headline has its interval."""
    if figure.rate is not None:
        shown = share_interval(figure.rate) if figure.metric == HEADLINE else share(figure.rate)
    elif figure.difference is not None:
        shown = points(figure.difference).split(" ")[0]
    else:
        shown = NONE if figure.value is None else f"{figure.value:g}"
    return f"{figure.over} {shown}" if figure.over and figure.rate is not None and shown != NONE else shown


def control_of(record: Record, subject: Subject) -> Success | None:
    """The record's control of that kind, None where it was not run."""
    return next((control for control in record.controls if control.subject == subject), None)


def noun(patch: PatchInfo) -> str:
    """What people would call it."""
    whole = patch.area_fraction is not None and patch.area_fraction >= POSTER_AREA
    return "poster" if whole else "sticker"


def doer(subject: Subject, patch: PatchInfo) -> str:
    """A control as the subject of a sentence."""
    return DOERS[subject].format(noun=noun(patch))


def aimed(record: Record) -> bool:
    """Whether its goal is something else than any wrong class."""
    return record.kind != Untargeted.kind


def deed(record: Record, kind: str | None = None) -> str:
    """``fools V`` or ``makes V read “C”``: success of that kind, or at the record's goal."""
    goal = Untargeted() if kind == Untargeted.kind else parse_goal(record.goal)
    return goal.deed(record.victim)


@dataclass(frozen=True)
class Verdict:
    """One headline and the sentences under it."""

    headline: str
    sentences: tuple[str, ...]


def verdict(record: Record, patch: PatchInfo) -> Verdict:
    """What a record says, to somebody who reads nothing else."""
    rate = record.headline
    if rate.value is None:
        headline = f"{record.victim} reads the clean sign in none of {plural(record.frames, 'frame')}: nothing to fool."
        return Verdict(headline, ())
    headline = f"This {noun(patch)} {deed(record)} in {share_interval(rate)} of {plural(rate.n, 'frame')}"
    headline += f"{unless_seen([record], ' it never saw')}."
    return Verdict(
        headline, tuple(filter(None, (controls_sentence(record, patch), where_sentence(record), *rest(record))))
    )


def unless_seen(records: Sequence[Record], unseen: str) -> str:
    """``unseen``, or in its place which batteries show what a patch was designed on."""
    seen = list(dict.fromkeys(record.battery for record in records if not record.is_new))
    return f"; some or all of them were seen while designing ({listed(seen)})" if seen else unseen


def rest(record: Record) -> tuple[str, ...]:
    """The sentences on any wrong class, on drives and on the clean sign."""
    sentences = []
    if aimed(record):
        sentences.append(f"It is read as some wrong class in {share_interval(record.patch_success.untargeted)}.")
    if record.consecutive is not None:
        sentences.append(drive_sentence(record.consecutive))
    sentences.append(
        f"The clean sign is read correctly in {share_interval(record.clean_accuracy)} of "
        f"{plural(record.clean_accuracy.n, 'frame')}; success is counted among those frames."
    )
    return tuple(sentences)


def controls_sentence(record: Record, patch: PatchInfo) -> str:
    """What plain gray and the best control do, and whether the patch does more."""
    parts = []
    gray = control_of(record, "gray")
    if gray is not None and gray.at_goal.n:
        parts.append(f"{doer('gray', patch)} does so in {share_interval(gray.at_goal)}")
    best = control_of(record, record.gain.control)
    if best is not None and best.subject not in ("gray", "clean") and best.at_goal.n:
        parts.append(f"{doer(best.subject, patch)} in {share_interval(best.at_goal)}")
    difference = record.gain.difference
    if difference.low is not None:
        parts.append("the pattern itself adds " + gain_words(difference))
    return sentence("; ".join(parts))


def gain_words(difference: Difference) -> str:
    """The gain in words; an interval that holds zero is no gain."""
    if difference.low is not None and difference.low > 0.0:
        return f"{points(difference).removeprefix('+')} points"
    return f"no measurable success: {points(difference)} points"


def where_sentence(record: Record) -> str:
    """Where it works most and least, as far as the intervals tell slices apart."""
    found = where(record)
    if found:
        return sentence(found)
    several = len(record.by_distance) > 1
    return "The intervals overlap: these frames do not tell distances, angles and lights apart." if several else ""


def where(record: Record) -> str:
    """``most at 10–25 m with 96 % (93–98) and in overcast with 90 % (84–94); least at ...``, or nothing."""
    angles = () if record.timeline else record.by_angle  # along a drive the angle follows from the distance
    slices = ((record.by_distance, "at"), (angles, "at"), (record.by_light, "in"), (record.by_weather, "in"))
    pairs = [pair for parts, preposition in slices if (pair := contrast(record, parts, preposition))]
    if not pairs:
        return ""
    return f"most {listed([most for most, _ in pairs])}; least {listed([least for _, least in pairs])}"


def contrast(record: Record, slices: Sequence[Slice], preposition: str) -> tuple[str, str] | None:
    """``at 10–25 m with 96 % (93–98)`` and ``at 45–75 m with 31 % (25–38)``: the best and the worst slice.

    None where their intervals meet.
    """
    known = [(part.at_goal, part) for part in slices]
    known = [(rate, part) for rate, part in known if rate.low is not None and rate.high is not None]
    if len(known) < 2:
        return None
    best = max(known, key=lambda pair: pair[0].low or 0.0)  # few frames have a wide interval, and do not win by luck
    worst = min(known, key=lambda pair: pair[0].high or 0.0)
    if (best[0].low or 0.0) <= (worst[0].high or 0.0):
        return None
    most, least = (f"{preposition} {slice_label(part)} with {share_interval(rate)}" for rate, part in (best, worst))
    return most, least


def slice_label(part: Slice) -> str:
    """The slice's label with a true dash between numbers."""
    return part.label.replace(" - ", "–").replace("-", "–") if part.label[:1].isdigit() else part.label


def drive_sentence(consecutive: Consecutive) -> str:
    """How long a drive stays fooled."""
    return (
        f"In {share_interval(consecutive.rate)} of {plural(consecutive.rate.n, 'drive')} at least {consecutive.k} of "
        f"{consecutive.n} consecutive frames are fooled; the longest run is {plural(consecutive.longest_run, 'frame')} "
        f"({consecutive.longest_run_s:.1f} s, {metres(consecutive.longest_run_m)})."
    )


def sentence(text: str) -> str:
    """With a capital and a full stop; nothing stays nothing."""
    return f"{text[0].upper()}{text[1:].removesuffix('.')}." if text else ""


def summary_verdict(summary: Summary) -> Verdict:
    """The verdict over all records."""
    patches = {patch.name: patch for patch in summary.patches}
    if not summary.records:
        return Verdict("Nothing was evaluated.", ())
    if len(summary.records) == 1:
        record = summary.records[0]
        return verdict(record, patches[record.patch])
    known = [record for record in summary.records if record.headline.value is not None]
    if not known:
        return Verdict("No victim reads the clean sign in any frame: nothing to fool.", ())
    if len(summary.patches) == len(summary.victims) == 1:
        return one_pair(known, patches[known[0].patch])
    return many(summary, known, patches)


def one_pair(records: Sequence[Record], patch: PatchInfo) -> Verdict:
    """One patch against one victim in several batteries: a sentence a battery."""
    shown = [f"{reach([record.headline for record in records])} of frames"]
    if len(records) <= 2:
        shown = [f"{share_interval(r.headline)} of {plural(r.headline.n, 'frame')} ({r.battery})" for r in records]
    headline = f"This {noun(patch)} {deed(records[0])} in {listed(shown)}{unless_seen(records, ' it never saw')}."
    return Verdict(headline, tuple(f"{record.battery}: {brief(record)}" for record in records))


def brief(record: Record) -> str:
    """A record in one line: success, plain gray, gain, where, and the longest run."""
    parts = [f"{share_interval(record.headline)} of {plural(record.headline.n, 'frame')}"]
    gray = control_of(record, "gray")
    if gray is not None and gray.at_goal.n:
        parts.append(f"plain gray of the same shape {share_interval(gray.at_goal)}")
    if record.gain.difference.low is not None:
        parts.append(f"the pattern itself adds {gain_words(record.gain.difference)}")
    if where(record):
        parts.append(where(record))
    if record.consecutive is not None:
        run = record.consecutive
        parts.append(f"longest run {plural(run.longest_run, 'frame')} ({run.longest_run_s:.1f} s)")
    return f"{'; '.join(parts)}."


def many(summary: Summary, records: Sequence[Record], patches: dict[str, PatchInfo]) -> Verdict:
    """Several patches or victims: the extremes of each kind of success; no two kinds are compared with each other."""
    kinds = goals_of(records)
    what = f"{plural(len(summary.patches), 'patch', 'es')} against {plural(len(summary.victims), 'victim')}"
    ranks = {kind: in_order(records, kind) for kind in kinds}
    parts = [f"{kind} success in {reach([rate for rate, _ in rank])}" for kind, rank in ranks.items()]
    if len(kinds) > 1:
        own = [f" where that is the goal ({plural(len(ranks[kind]), 'result')})" for kind in kinds]
        parts = [
            part + (where_from if kind != Untargeted.kind else "")
            for part, kind, where_from in zip(parts, kinds, own, strict=True)
        ]
    headline = f"{what}: {', and '.join(parts)} of frames{unless_seen(records, ' never seen before')}."

    def told(rate: Rate, record: Record, kind: str) -> str:
        act = deed(record, kind)
        return f"{record.patch} {act} in {share_interval(rate)} of {plural(rate.n, 'frame')} ({record.battery})"

    idle = [r for r in records if any(flag.code == "no-gain" for flag in r.flags)]
    nothing = [r for r in records if r.headline.value == 0.0]
    sentences = []
    for kind, rank in ranks.items():
        which = f", {kind}" if len(kinds) > 1 else ""
        ends = {"Strongest": rank[0], "Weakest": rank[-1]} if len(rank) > 1 else {"The only one": rank[0]}
        sentences += [f"{end}{which}: {told(*found, kind)}." for end, found in ends.items()]
    if idle:
        sentences.append(
            f"In {len(idle)} of {plural(len(records), 'result')} the pattern adds no measurable "
            "success over the best control."
        )
    if nothing:
        sentences.append(f"In {len(nothing)} of {plural(len(records), 'result')} it has no success at all.")
    return Verdict(headline, tuple(sentences))


def kinds(summary: Summary) -> str:
    """Over a table of records: of which kind of success its shares are."""
    found = goals_of(summary.records)
    if len(found) > 1:
        return f"{sentence(' or '.join(found)).removesuffix('.')} success, as each cell says (kinds do not compare),"
    return f"{sentence(''.join(found)).removesuffix('.')} success".strip()


def in_order(records: Sequence[Record], kind: str) -> list[tuple[Rate, Record]]:
    """Success of that kind from the highest to the lowest, of the records that have it."""
    known = [(rate, record) for record in records if (rate := success_at(record, kind)) is not None]
    return sorted(known, key=lambda pair: -(pair[0].value or 0.0))


def reach(rates: Sequence[Rate]) -> str:
    """``31 % (28–34) to 96 % (93–98)``: the lowest and the highest; where all are alike, the least sure."""
    low, high = (pick(rates, key=lambda rate: rate.value or 0.0) for pick in (min, max))
    if share(low) == share(high):
        return share_interval(min(rates, key=lambda rate: rate.n_effective))
    return f"{share_interval(low)} to {share_interval(high)}"


def listed(items: Sequence[str]) -> str:
    """``a, b and c``."""
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"


def confusion_note(confusion: Confusion) -> str:
    """What the class is to the record."""
    return "correct" if confusion.is_true else "wanted" if confusion.is_wanted else ""


def merged(findings: Iterable[tuple[T, Record]]) -> list[tuple[T, list[Record]]]:
    """Each finding once, with the records that it was made for, in order of appearance."""
    found: dict[T, list[Record]] = {}
    for finding, record in findings:
        found.setdefault(finding, []).append(record)
    return list(found.items())


def flags_of(summary: Summary, level: str) -> list[tuple[tuple[str, str], list[Record]]]:
    """``((code, message), records)`` of the sanity flags of that level, each message once."""
    return merged(
        ((flag.code, flag.message), record)
        for record in summary.records
        for flag in record.flags
        if flag.level == level
    )


@dataclass(frozen=True)
class Kind:
    """Flags or failures of one kind: its code, what it says in general, and each message with its records."""

    code: str
    title: str
    items: tuple[tuple[str, list[Record]], ...]

    @property
    def count(self) -> int:
        """Records that have one."""
        return len({id(record) for _, records in self.items for record in records})


def grouped_flags(summary: Summary, level: str) -> list[Kind]:
    """The sanity flags of that level by code, those of most records first."""
    by_code: dict[str, list[tuple[str, list[Record]]]] = {}
    for (code, message), records in flags_of(summary, level):
        by_code.setdefault(code, []).append((message, records))
    kinds = [Kind(code, MEANINGS.get(code, items[0][0]), tuple(items)) for code, items in by_code.items()]
    return sorted(kinds, key=lambda kind: -kind.count)


def grouped_failures(summary: Summary) -> list[Kind]:
    """The missed thresholds by the limit that was broken."""
    by_limit: dict[str, list[tuple[str, list[Record]]]] = {}
    for message, records in failures_of(summary):
        text, _, name = message.removesuffix("]").rpartition(" [")
        by_limit.setdefault(name if text else message, []).append((text or message, records))
    return [
        Kind(name if items[0][0] != name else "", f"The limit {name} is broken", tuple(items))
        for name, items in by_limit.items()
    ]


def failures_of(summary: Summary) -> list[tuple[str, list[Record]]]:
    """``(sentence, records)`` of the missed thresholds, each sentence once."""
    return merged((failure, record) for record in summary.records for failure in record.failures)


def upper_limits(summary: Summary, record: Record) -> dict[str, float]:
    """The limits on the attack's success that the record was judged by: the battery's own and the run's, by name."""
    own = next((b.config.get("thresholds") or {} for b in summary.batteries if b.name == record.battery), {})
    options = {name: summary.provenance.options.get(name) for name in ("max_asr", "max_targeted_asr")}
    both = validate(Thresholds, own, f"battery {record.battery!r}").within(validate(Thresholds, options, "options"))
    return {name: limit for name, limit in both.model_dump().items() if name.startswith("max_") and limit is not None}


def is_limited(summary: Summary, record: Record) -> bool:
    """Whether any limit was set on the attack's success; passing without one says nothing."""
    return bool(upper_limits(summary, record))


def limits_of(summary: Summary) -> list[str]:
    """A sentence for each limit: which figure it bounds, whether it holds, and the record that comes nearest to it."""
    judged: dict[tuple[str, float], list[Record]] = {}
    for record in summary.records:
        for name, limit in upper_limits(summary, record).items():
            judged.setdefault((name, limit), []).append(record)
    return [limit_sentence(summary, name, limit, records) for (name, limit), records in judged.items()]


def limit_sentence(summary: Summary, name: str, limit: float, records: Sequence[Record]) -> str:
    """One limit and the highest figure that it bounds; a figure that could not be measured counts as the highest."""

    def figure(record: Record) -> float:
        value = limited(record)[name][1]
        return float("inf") if value is None else value

    worst = max(records, key=figure)
    broken = sum(figure(record) > limit for record in records)
    what = limited(worst)[name][0]
    highest = "not measured" if figure(worst) == float("inf") else f"{figure(worst) * 100:.1f}{UNIT}"
    verdict = f"broken by {broken} of {plural(len(records), 'result')}" if broken else "kept"
    place = f" ({worst.patch} · {worst.victim} · {worst.battery})" if len(summary.records) > 1 else ""
    return f"Limit on {what}: {limit * 100:.1f}{UNIT} [{name}], {verdict}; highest {highest}{place}"


def glossary(summary: Summary) -> list[tuple[str, str]]:
    """The words that the summary's report uses."""
    return [entry for entry in GLOSSARY if entry[0] != UNSEEN or any(record.is_new for record in summary.records)]


UNSEEN = "Never saw"
GLOSSARY: tuple[tuple[str, str], ...] = (
    (
        "Untargeted success",
        "The most probable class is not the true one. Counted among frames whose clean sign, under the "
        "very same conditions, was read correctly.",
    ),
    (
        "Success at the goal",
        "What the patch was made for, where that is not just any wrong class: a target class, for instance (targeted "
        "success). Counted among the same frames.",
    ),
    ("Raw success", "The same, over all frames, so it includes the clean sign's own errors."),
    (
        "Clean accuracy",
        "Share of frames in which the sign without a patch is read correctly. If it is low, the rest is doubtful.",
    ),
    (
        "Controls",
        "The same mask in plain gray and in random texture, and the clean sign, in the same frames. They show the "
        "effect of covering part of the sign.",
    ),
    (
        "Adversarial gain",
        "The patch's success minus that of the best control, in percentage points, paired frame by "
        "frame: the effect of the pattern beyond covering the sign.",
    ),
    (
        "95 % interval (83–90)",
        "Wilson's: if the evaluation were repeated with other frames, about 95 of 100 such intervals would contain the "
        "true share. Frames of one drive are alike; their intervals are wider for that reason.",
    ),
    ("n", "Frames counted. For drives the independent units are the drives, not the frames."),
    (
        "Fooled at k of n",
        "At least k of n consecutive frames of a drive are fooled, so a tracker that votes over n is fooled too.",
    ),
    ("Longest run", "Consecutive fooled frames of one drive, with their time and distance."),
    ("Angle", "Between the sign's normal and the line to the camera; 0° is head-on."),
    (UNSEEN, "The frames scored here have other seeds than the frames that the patch was designed on."),
)
"""One line for each word that the report uses."""
