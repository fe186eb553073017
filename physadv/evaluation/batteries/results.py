"""From a finished table to its records: figures, verdicts, flags, and the pictures that the report shows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from physadv.core.progress import Listener, counter
from physadv.evaluation.batteries.battery import Thresholds
from physadv.evaluation.batteries.compared_frames import ComparedFrames, read_frames
from physadv.evaluation.batteries.figures import build_record, notable_frames
from physadv.evaluation.batteries.flags import failures_of, flags_of, transfer_flags
from physadv.evaluation.batteries.gallery import FramePictures, frames_a_side
from physadv.evaluation.batteries.parts import CountedBattery
from physadv.evaluation.batteries.scoring import Scorer
from physadv.evaluation.batteries.summary import DatasetAccuracy, Record, VictimInfo
from physadv.evaluation.metrics import kinds as _kinds  # noqa: F401 (registers the metrics)
from physadv.evaluation.metrics.metric import measured
from physadv.evaluation.outcomes import Places
from physadv.evaluation.picture_accuracy import accuracy
from physadv.evaluation.subjects import Candidate
from physadv.signs.datasets import SignDataset
from physadv.victims import Victim

FIGURES, DRAWING = "results", "pictures"
"""Titles of the two stages' progress."""


@dataclass(frozen=True)
class Results:
    """The records of a run.

    Attributes:
        out: the run's folder.
        table: its outcomes.
        scorer: patches and victims.
        courses: the batteries.
        limits: beside the batteries' own.
    """

    out: Path
    table: Path
    scorer: Scorer
    courses: Sequence[CountedBattery]
    limits: Thresholds

    def records(self, listener: Listener | None) -> list[Record]:
        """A record for each battery, patch and victim; pictures are drawn of those alone that the report shows."""
        keys = list(self._keys())
        found: list[Record] = []
        for number, key in enumerate(keys):
            found.append(self._record(*key))
            counter(listener, FIGURES)(number + 1, len(keys))
        counts = frames_a_side(found)
        total = 2 * sum(counts)
        for number, (key, count) in enumerate(zip(keys, counts, strict=True)):
            if count:
                found[number] = self._illustrated(found[number], *key, count=count)
                counter(listener, DRAWING)(2 * sum(counts[: number + 1]), total)
        return self._compared(found)

    def _keys(self) -> Iterator[tuple[CountedBattery, Candidate, Victim]]:
        for course in self.courses:
            for candidate in self.scorer.candidates:
                for victim in self.scorer.victims:
                    yield course, candidate, victim

    @cached_property
    def _places(self) -> Places:
        return Places(self.table)

    @cached_property
    def _infos(self) -> dict[str, VictimInfo]:
        return {victim.name: victim_info(victim) for victim in self.scorer.victims}

    def _frames(self, course: CountedBattery, candidate: Candidate, victim: Victim) -> ComparedFrames:
        name = course.battery.name
        return read_frames(self.table, patch=candidate.name, victim=victim.name, battery=name, places=self._places)

    def _record(self, course: CountedBattery, candidate: Candidate, victim: Victim) -> Record:
        """With its verdict and flags, without pictures."""
        frames = self._frames(course, candidate, victim)
        record = build_record(frames, patch=candidate.name, victim=victim.name, battery=course.battery)
        record = record.model_copy(update={"metrics": measured(record, frames)})
        flags = flags_of(
            record,
            battery=course.battery,
            victim=self._infos[victim.name],
            making=candidate.making,
            seeds=course.seeds(),
            photographs=course.photographs,
        )
        failures = failures_of(record, course.battery.thresholds.within(self.limits))
        return record.model_copy(update={"flags": tuple(flags), "failures": tuple(failures)})

    def _illustrated(
        self, record: Record, course: CountedBattery, candidate: Candidate, victim: Victim, *, count: int
    ) -> Record:
        """With pictures of so many of the most and of the least fooled frames."""
        frames = self._frames(course, candidate, victim)
        most, least = notable_frames(frames, course.battery.bins, count=count)
        album = FramePictures(
            table=self.table,
            places=self._places,
            out=self.out,
            stem="-".join(f"{number:03d}" for number in self._numbers(course, candidate, victim)),
            painted=candidate.painted["patch"],
            scenes=course.scenes,
            size=victim.input_size,
            keys=(candidate.name, victim.name, course.battery.name),
        )
        shown_most, shown_least = album.pictures(frames, most, least)
        return record.model_copy(update={"most_fooled": shown_most, "least_fooled": shown_least})

    def _numbers(self, course: CountedBattery, candidate: Candidate, victim: Victim) -> tuple[int, int, int]:
        candidates, victims = list(self.scorer.candidates), list(self.scorer.victims)
        return candidates.index(candidate), victims.index(victim), list(self.courses).index(course)

    def _compared(self, records: list[Record]) -> list[Record]:
        """With the flags that need the other records."""
        made = {candidate.name: candidate.making for candidate in self.scorer.candidates}
        white_box = {
            (record.patch, victim.name)
            for record in records
            for victim in self.scorer.victims
            if made[record.patch].victim in (victim.name, victim.source)
        }
        return [
            record.model_copy(update={"flags": (*record.flags, *transfer_flags(record, records, white_box))})
            for record in records
        ]


def victim_info(victim: Victim, datasets: Sequence[SignDataset] = ()) -> VictimInfo:
    """The victim as a summary tells of it, with how much of the data sets it reads."""
    return VictimInfo(
        name=victim.name,
        source=victim.source,
        sha256=victim.sha256,
        classes=len(victim.classes),
        input_size=victim.input_size,
        box=victim.box,
        differentiable=victim.differentiable,
        doubts=victim.doubts,
        datasets=tuple(
            DatasetAccuracy(
                kind=dataset.kind,
                split=dataset.split,
                accuracy=accuracy(victim, dataset),
                notes=dataset.select(victim.classes).notes,
            )
            for dataset in datasets
        ),
    )
