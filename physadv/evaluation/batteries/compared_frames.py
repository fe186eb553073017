"""One patch against one victim in one battery, read back from the table: all subjects side by side, frame by frame."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from physadv.core.errors import PhysadvError
from physadv.core.statistics import Flags, Groups
from physadv.evaluation.batteries.summary import SUBJECTS, Subject
from physadv.evaluation.outcomes import Places, numpy_column, select

_COUNTS = ("entry", "index", "seed", "approach", "frames_per_approach")
_KEYS = ("entry", "index")
_REALS = ("time_s", "distance_m", "angle_deg")
_SCENERY = ("scene", "light_name", "weather")
_NUMBERS = ("probability", "true_probability", "goal_probability")
_FLAGS = ("correct", "won")
_COLUMNS = (
    "subject",
    *_COUNTS,
    *_REALS,
    *_SCENERY,
    "severity",
    "true_class",
    "goal",
    "predicted",
    *_NUMBERS,
    *_FLAGS,
)

Codes = npt.NDArray[np.int32]
Numbers = npt.NDArray[np.float32]


@dataclass(frozen=True)
class NameColumn:
    """A column of names: codes into ``names``, -1 where there is none."""

    codes: Codes
    names: tuple[str, ...]

    def __getitem__(self, row: int) -> str | None:
        code = int(self.codes[row])
        return self.names[code] if code >= 0 else None

    def where(self, name: str) -> Flags:
        """Rows of that name."""
        return np.asarray(self.codes == self.names.index(name)) if name in self.names else self.codes < -1

    def present(self) -> list[str]:
        """The names that occur, sorted."""
        return sorted(self.names[code] for code in np.unique(self.codes) if code >= 0)


@dataclass(frozen=True)
class SubjectReadings:
    """What the victim said of one subject, ``[n]`` each."""

    predicted: NameColumn
    probability: Numbers
    true_probability: Numbers
    goal_probability: Numbers
    """Of what the patch was made for."""
    correct: Flags
    won: Flags
    """At the goal of the record."""

    @property
    def misread(self) -> Flags:
        """Read as any wrong class."""
        return ~self.correct

    def fooled(self, *, untargeted: bool = False) -> Flags:
        """Which frames fooled the victim: at the record's goal, or so that it reads any wrong class."""
        return self.misread if untargeted else self.won


@dataclass(frozen=True)
class ComparedFrames:
    """The frames of a record, sorted by entry and index, ``[n]`` each, and what was seen in them."""

    entry: npt.NDArray[np.int32]
    index: npt.NDArray[np.int64]
    seed: npt.NDArray[np.int64]
    approach: npt.NDArray[np.int64]
    driven: Flags
    """Frames of a drive."""
    time_s: Numbers
    distance_m: Numbers
    angle_deg: Numbers
    scene: NameColumn
    light: NameColumn
    weather: NameColumn
    severity: npt.NDArray[np.int16]
    true_class: str
    goal: str
    """What the patch was made for, in words, as far as this victim knows its classes."""
    seen: dict[Subject, SubjectReadings]

    def __len__(self) -> int:
        return len(self.index)

    @property
    def clean(self) -> Flags:
        """Frames whose clean sign was read correctly."""
        return self.seen["clean"].correct

    def groups(self) -> Groups | None:
        """Which frames are not independent: one number a drive, and one of its own for every other frame."""
        if not self.driven.any():
            return None
        own = np.arange(len(self), dtype=np.int64)
        drive = (self.entry.astype(np.int64) << 40) + self.approach + len(self)
        return np.where(self.driven, drive, own)


class _Column:
    """Batches of one subject's columns, gathered; what all subjects share is kept of the patch alone."""

    def __init__(self, subject: str) -> None:
        whole = subject == "patch"
        self._values = (*(_COUNTS if whole else _KEYS), *(_REALS if whole else ()), *_NUMBERS, *_FLAGS)
        self._named = (*_SCENERY, "predicted", "true_class", "goal") if whole else ("predicted",)
        self.parts: dict[str, list[npt.NDArray[Any]]] = {name: [] for name in _COLUMNS}
        self.names: dict[str, dict[str, int]] = {}

    def add(self, batch: pa.RecordBatch) -> None:
        for name in self._values:
            self.parts[name].append(numpy_column(batch, name).astype(_TYPES.get(name, np.float32)))
        severity = batch.column("severity").fill_null(0)
        self.parts["severity"].append(severity.to_numpy(zero_copy_only=False).astype(np.int16))
        for name in self._named:
            self.parts[name].append(self._codes(name, batch.column(name)))

    def _codes(self, name: str, column: pa.DictionaryArray) -> Codes:
        known = self.names.setdefault(name, {})
        local = [known.setdefault(label, len(known)) for label in column.dictionary.to_pylist()]
        table = np.asarray([*local, -1], np.int32)
        return cast("Codes", table[column.indices.fill_null(len(local)).to_numpy(zero_copy_only=False)])

    def array(self, name: str, order: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
        return np.concatenate(self.parts[name])[order]

    def named(self, name: str, order: npt.NDArray[np.int64]) -> NameColumn:
        return NameColumn(self.array(name, order), tuple(self.names.get(name, {})))


_TYPES: dict[str, type[np.generic]] = {
    "entry": np.int32,
    "index": np.int64,
    "seed": np.int64,
    "approach": np.int64,
    "frames_per_approach": np.int32,
    **dict.fromkeys(_FLAGS, np.bool_),
}


def read_frames(path: Path, *, patch: str, victim: str, battery: str, places: Places | None = None) -> ComparedFrames:
    """The frames of a record; about 200 bytes a frame are held, whatever else is in the table.

    With ``places`` of the table, only the row groups that hold some of them are read.

    Raises:
        PhysadvError: the table has no such record, or its subjects were not seen in the same frames.
    """
    columns: dict[str, _Column] = {subject: _Column(subject) for subject in SUBJECTS}
    groups = None if places is None else places.groups(patch=patch, victim=victim, battery=battery)
    for batch in select(path, _COLUMNS, groups=groups, patch=patch, victim=victim, battery=battery):
        subjects = batch.column("subject")
        for subject in pc.unique(subjects.dictionary_decode()).to_pylist():
            columns[subject].add(batch.filter(pc.equal(subjects, subject)))
    if not columns["patch"].parts["index"]:
        raise PhysadvError(f"{path}: no rows of patch {patch!r}, victim {victim!r}, battery {battery!r}")
    orders = {subject: _order(column) for subject, column in columns.items() if column.parts["index"]}
    keys = {subject: _keys(columns[subject])[order] for subject, order in orders.items()}
    for subject in SUBJECTS:
        if subject not in keys or not np.array_equal(keys[subject], keys["patch"]):
            raise PhysadvError(f"{path}: subject {subject!r} was not seen in the same frames as patch {patch!r}")
    seen = {subject: _seen(columns[subject], orders[subject]) for subject in SUBJECTS}
    return _assemble(columns["patch"], orders["patch"], seen)


def _keys(column: _Column) -> npt.NDArray[np.int64]:
    entry, index = (np.concatenate(column.parts[name]).astype(np.int64) for name in ("entry", "index"))
    return np.asarray((entry << 44) + index)


def _order(column: _Column) -> npt.NDArray[np.int64]:
    return np.argsort(_keys(column), kind="stable")


def _seen(column: _Column, order: npt.NDArray[np.int64]) -> SubjectReadings:
    arrays = {name: column.array(name, order) for name in (*_NUMBERS, *_FLAGS)}
    return SubjectReadings(predicted=column.named("predicted", order), **arrays)


def _assemble(column: _Column, order: npt.NDArray[np.int64], seen: dict[Subject, SubjectReadings]) -> ComparedFrames:
    arrays = {name: column.array(name, order) for name in (*_REALS, "entry", "index", "seed", "approach", "severity")}
    true, goal = (column.named(name, order) for name in ("true_class", "goal"))
    return ComparedFrames(
        **arrays,
        driven=column.array("frames_per_approach", order) > 1,
        scene=column.named("scene", order),
        light=column.named("light_name", order),
        weather=column.named("weather", order),
        true_class=true[0] or "",
        goal=goal[0] or "",
        seen=seen,
    )
