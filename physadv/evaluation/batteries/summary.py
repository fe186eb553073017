"""The schema of ``summary.json``: everything a report says, computed from the outcomes table alone.

Words, as every field below uses them:

- *frame*: one picture of the sign under one draw of the conditions; a *subject* (``patch``, ``clean``, ``gray``,
  ``random``) is what stands on the post. All subjects are seen in the same frames.
- *won* (or fooled): the patch's goal is met, as :mod:`physadv.goals` says. *Untargeted*: the most probable class is not
  the true one.
- *success* (the headline): the share of fooled frames **among the frames whose clean sign was read correctly**. The
  plain share over all frames is given beside it with the suffix ``_raw``.
- *goal* of a record: what the patch was made for, where the victim knows its classes, else ``untargeted``.
- *adversarial gain*: the patch's success minus the best control's, on the same frames.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeAlias, get_args

from pydantic import BeforeValidator, Field, model_validator

from physadv.core.config import Config
from physadv.core.notebooks import one_line
from physadv.core.spelling import american
from physadv.core.statistics import Difference, Rate, shown_rate
from physadv.evaluation.metrics.measured import Measured
from physadv.evaluation.result import RESULTS, Result, ResultRow
from physadv.goals import Untargeted
from physadv.victims import Box

SUMMARY_VERSION: Final = 2
"""Of the schema of ``summary.json``. A test ties it to the fields."""

SEEN_FRAMES, SEEN_PHOTOGRAPHS = "seen-frames", "seen-photographs"
"""Codes of the flags of a record whose frames, or the photographs in them, the patch was designed on."""

_Subject = Literal["patch", "clean", "gray", "random"]
Subject: TypeAlias = Annotated[_Subject, BeforeValidator(american)]
SUBJECTS: tuple[Subject, ...] = get_args(_Subject)

CONTROL_NAMES: dict[Subject, str] = {
    "patch": "the patch",
    "gray": "plain gray",
    "random": "random texture",
    "clean": "clean sign",
}
"""Subjects inside a title."""


class Success(Config):
    """How often one subject fooled the victim: at the record's goal, and so that it reads any wrong class."""

    subject: Subject
    at_goal: Rate
    """Headline: among frames whose clean sign was read correctly."""
    untargeted: Rate
    at_goal_raw: Rate
    """Over all frames."""
    untargeted_raw: Rate
    mean_true_probability: float | None
    """The victim's mean probability of the true class, over all frames."""
    mean_goal_probability: float | None
    """Of what the patch was made for."""


class Gain(Config):
    """Adversarial gain: the patch over that control with the highest success at this goal."""

    goal: str
    control: Subject
    difference: Difference


class Slice(Config):
    """The same figures for one part of the frames (a light, a distance bin, a battery entry, a weather)."""

    label: str
    low: float | None = None
    """Lower edge of the bin where the slice is one (metres, degrees, severity); the lower edge is included."""
    high: float | None = None
    frames: int
    clean_accuracy: Rate
    at_goal: Rate
    untargeted: Rate
    control: Rate
    """Success of the record's best control, at the record's goal."""


class HeatCell(Config):
    """One cell of the heat map that has frames."""

    distance_bin: int
    angle_bin: int
    frames: int
    at_goal: Rate
    untargeted: Rate
    clean_accuracy: Rate


class HeatMap(Config):
    """Success by distance and by angle. Cells without frames are absent.

    The angle is the true one, between the sign's normal and the line to the camera, from yaw, pitch, lateral and height
    offset and distance together.
    """

    distance_edges_m: tuple[float, ...]
    angle_edges_deg: tuple[float, ...]
    cells: tuple[HeatCell, ...]


class Approach(Config):
    """One drive towards the sign.

    ``fooled``, runs and windows count frames fooled at the record's goal, in order of time; a frame whose clean sign is
    misread counts as not fooled.
    """

    entry: int
    approach: int
    light: str
    frames: int
    far_m: float
    near_m: float
    fooled: int
    longest_run: int
    """Longest run of fooled frames."""
    longest_run_s: float
    longest_run_m: float
    """Way covered along the road during that run."""
    fooled_k_of_n: bool
    trace: str | None = None
    """One letter a frame from far to near, of the first drives only: ``#`` fooled, ``.`` not fooled, ``-`` the clean
    sign is misread too."""


class Consecutive(Config):
    """Drives in which at least ``k`` of some ``n`` consecutive frames were fooled at the record's goal."""

    k: int
    n: int
    rate: Rate
    """Over drives."""
    control_rate: Rate
    """The best control's, over the same drives."""
    longest_run: int
    longest_run_s: float
    longest_run_m: float
    median_longest_run: float
    approaches: tuple[Approach, ...]


class Confusion(Config):
    """A class that the painted sign was read as, over all frames of the patch; the true class is among them."""

    name: str
    frames: int
    share: float
    is_true: bool
    is_wanted: bool
    """The patch was made for it."""


class Picture(Config):
    """One frame, rendered again from its conditions. Paths are relative to the folder of ``summary.json``."""

    rank: int
    picture: str
    """PNG for people, larger than what the victim saw."""
    seen: str
    """PNG of what the victim saw, at its input size."""
    row: int | None = None
    """Of the outcomes table, counted from 0: what ``physadv replay --row`` shows."""
    entry: int
    scene: str
    index: int
    seed: int
    light: str
    weather: str | None
    severity: int | None
    distance_m: float
    angle_deg: float
    predicted: str
    probability: float
    """Of the predicted class."""
    true_probability: float
    goal_probability: float
    """Of what the patch was made for."""
    clean_predicted: str
    fooled: bool
    """At the record's goal."""


class Flag(Config):
    """Something that makes the record doubtful (``warning``) or that its reader should know (``info``)."""

    level: Literal["warning", "info"]
    code: str
    """Stable, such as ``clean-accuracy-low``; see ``physadv.evaluation.batteries.flags``."""
    message: str
    """One sentence."""


class Record(Config):
    """One patch against one victim in one battery."""

    patch: str
    victim: str
    battery: str
    goal: str
    """In words, such as ``targeted:speedLimit45``."""
    true_class: str
    frames: int
    clean_correct: int
    """Frames whose clean sign was read correctly: the n of the headline."""
    approaches: int
    """Drives; 0 where frames are independent."""
    clean_accuracy: Rate
    patch_success: Success
    controls: tuple[Success, ...]
    """Clean, gray, random. The clean sign's headline success is 0 by definition; its raw one is its error rate."""
    gain: Gain
    """Adversarial gain at the record's goal."""
    gain_untargeted: Gain
    metrics: tuple[Measured, ...] = ()
    """Every figure that is registered, in the order in which reports show them."""
    by_entry: tuple[Slice, ...]
    by_light: tuple[Slice, ...]
    by_distance: tuple[Slice, ...]
    by_angle: tuple[Slice, ...]
    by_weather: tuple[Slice, ...]
    """One a weather and severity, ``low`` is the severity; empty without weather."""
    timeline: tuple[Slice, ...]
    """Drive-by frames only, by distance along the approach, far to near; empty without drives."""
    heat_map: HeatMap
    consecutive: Consecutive | None
    """None without drives."""
    confusion: tuple[Confusion, ...]
    most_fooled: tuple[Picture, ...]
    least_fooled: tuple[Picture, ...]
    """Both are empty where a run has so many records that the report shows pictures of some of them alone."""
    flags: tuple[Flag, ...]
    failures: tuple[str, ...]
    """One sentence for each pass threshold that was missed; empty is a pass."""

    def __repr__(self) -> str:
        broken = f"{len(self.failures)} limits broken" if self.failures else None
        where = f"{self.patch} on {self.victim} in {self.battery}"
        return one_line(self, where, f"{self.kind} success {shown_rate(self.headline)}", broken)

    __str__ = __repr__

    @property
    def passed(self) -> bool:
        """Whether every threshold was met."""
        return not self.failures

    @property
    def is_new(self) -> bool:
        """Whether, as far as is known, the patch was designed on none of these frames and of their photographs."""
        return not {SEEN_FRAMES, SEEN_PHOTOGRAPHS} & {flag.code for flag in self.flags}

    @property
    def headline(self) -> Rate:
        """Success at the record's goal."""
        return self.patch_success.at_goal

    @property
    def kind(self) -> str:
        """The goal's first word: what kind of success it is."""
        return self.goal.partition(":")[0].replace("_", "-")


class PatchInfo(Config):
    """A patch as it was evaluated."""

    name: str
    sign: str
    sign_title: str
    area_fraction: float | None
    """Of the sign's area."""
    folder: str | None
    sha256: str
    """Of the bundle's files."""
    picture: str
    """PNG of the painted sign (RGBA, 320 px), relative to the folder of ``summary.json``."""
    pictures: dict[str, str]
    """Subject (``patch``, ``clean``, ``gray``, ``random``) to PNG like ``picture``."""
    record: dict[str, Any]
    """``patch.json`` whole: attack, configuration, design's victim, measured results."""


class DatasetAccuracy(Config):
    """How much of a data set a victim reads, all of it unpainted."""

    kind: str
    split: str
    accuracy: Rate
    notes: tuple[str, ...] = ()
    """What of it was left out, and why."""


class VictimInfo(Config):
    """A victim as it was evaluated."""

    name: str
    source: str
    sha256: str
    classes: int
    input_size: tuple[int, int]
    box: Box = "either"
    differentiable: bool
    doubts: tuple[str, ...] = ()
    """What its trial has found that makes its answers doubtful, a sentence each."""
    datasets: tuple[DatasetAccuracy, ...] = ()
    """Of each data set that was asked for, by the pictures of its classes."""


class BatteryInfo(Config):
    """A battery as it was run."""

    name: str
    description: str
    sha256: str
    """Of its configuration."""
    frames: int
    """Over all entries."""
    config: dict[str, Any]
    """The battery's YAML, defaults filled in."""
    scenes: tuple[str, ...] = ()
    """Fingerprint of each entry's scene, of the content of every file that it reads; empty where it is not known."""


class Provenance(Config):
    """What it takes to run the evaluation again."""

    command: str
    started: str
    """ISO 8601, UTC."""
    finished: str
    seconds: float
    """Wall time of the last run of the command; a resumed run counts from its resumption."""
    versions: dict[str, str]
    """Packages."""
    device: str
    options: dict[str, Any]
    outcomes: str
    """The table, relative to the folder of ``summary.json``."""
    outcomes_sha256: str
    outcomes_version: int
    rows: int


@RESULTS.register("batteries")
class Summary(Result):
    """``summary.json``."""

    file_name = "summary.json"
    called = "a summary"

    kind: Literal["batteries"] = "batteries"
    schema_version: Literal[2] = SUMMARY_VERSION
    provenance: Provenance
    patches: tuple[PatchInfo, ...]
    victims: tuple[VictimInfo, ...] = Field(min_length=1)
    batteries: tuple[BatteryInfo, ...]
    records: tuple[Record, ...]

    @model_validator(mode="after")
    def _records_are_of_what_is_described(self) -> Summary:
        described = {
            "patch": {each.name for each in self.patches},
            "victim": {each.name for each in self.victims},
            "battery": {each.name for each in self.batteries},
        }
        for part, names in described.items():
            for record in self.records:
                if getattr(record, part) not in names:
                    raise ValueError(f"a record is of {part} {getattr(record, part)!r}, which is not described")
        return self

    def __repr__(self) -> str:
        """In one line: what was evaluated, and the result where there is but one, or the highest of each kind."""
        names = ("patches", "victims", "batteries")
        sizes = ", ".join(f"{len(getattr(self, name))} {name}" for name in names)
        found = []
        for kind in goals_of(self.records):
            rates = [rate for record in self.records if (rate := success_at(record, kind)) and rate.value is not None]
            if rates:
                most = max(rates, key=lambda rate: rate.value or 0.0)
                found.append(f"{kind} success {'up to ' if len(rates) > 1 else ''}{shown_rate(most)}")
        broken = sum(not record.passed for record in self.records)
        limits = f"limits broken in {broken}" if broken else None
        return one_line(self, f"of {len(self.records)} results", sizes, *found, limits)

    __str__ = __repr__

    @property
    def caption(self) -> str:
        return f"{len(self.records)} results, {self.provenance.rows} rows"

    @property
    def rows(self) -> tuple[ResultRow, ...]:
        """A row a record."""
        return tuple(
            ResultRow(
                labels={"patch": record.patch, "victim": record.victim, "battery": record.battery, "goal": record.goal},
                figures=record.metrics,
                warnings=tuple(flag.code for flag in record.flags if flag.level == "warning"),
                failures=record.failures,
            )
            for record in self.records
        )


def goals_of(records: Sequence[Record]) -> tuple[str, ...]:
    """The kinds of success that records are counted at, each once, ``untargeted`` last."""
    return tuple(sorted({record.kind for record in records}, key=lambda kind: (kind == Untargeted.kind, kind)))


def success_at(record: Record, kind: str) -> Rate | None:
    """The patch's success of that kind; None where the record has another goal."""
    if kind == Untargeted.kind:
        return record.patch_success.untargeted
    return record.patch_success.at_goal if record.kind == kind else None


def ranked_at(records: Sequence[Record]) -> str:
    """The kind of success by which records can be compared: their own where they share one, else any wrong class."""
    kinds = goals_of(records)
    return kinds[0] if len(kinds) == 1 else Untargeted.kind


def ranked(records: Sequence[Record]) -> list[Record]:
    """From the highest success to the lowest, of the one kind that all of them have."""
    kind = ranked_at(records)

    def value(record: Record) -> float:
        rate = success_at(record, kind)
        return 0.0 if rate is None or rate.value is None else rate.value

    return sorted(records, key=lambda record: -value(record))


def read_summary(path: Path) -> Summary:
    """The summary in a file, or in the ``summary.json`` of a folder.

    Raises:
        PhysadvError: missing, not JSON, or not of this schema.
    """
    return Summary.read(path)
