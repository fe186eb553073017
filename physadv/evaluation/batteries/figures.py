"""From a record's frames to its figures. Everything here is computed from the table alone."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from physadv.core.statistics import Flags, bin_index, difference, k_of_n, longest_run, rate
from physadv.evaluation.batteries.battery import Battery, Bins, Window
from physadv.evaluation.batteries.compared_frames import ComparedFrames
from physadv.evaluation.batteries.summary import (
    Approach,
    Confusion,
    Consecutive,
    Gain,
    HeatCell,
    HeatMap,
    Record,
    Slice,
    Subject,
    Success,
)
from physadv.goals import Untargeted, parse_goal

CONTROLS: tuple[Subject, ...] = ("gray", "random", "clean")
TRACES = 48
"""Drives whose frames are written out one by one."""
_TIMELINE_BINS = 30


def build_record(frames: ComparedFrames, *, patch: str, victim: str, battery: Battery) -> Record:
    """The record without pictures, flags and failures, which need more than the table."""
    gain = adversarial_gain(frames)
    control = gain.control
    drives = len(np.unique((frames.entry.astype(np.int64) << 40)[frames.driven] + frames.approach[frames.driven]))
    return Record(
        patch=patch,
        victim=victim,
        battery=battery.name,
        goal=frames.goal,
        true_class=frames.true_class,
        frames=len(frames),
        clean_correct=int(frames.clean.sum()),
        approaches=drives,
        clean_accuracy=rate(frames.clean, frames.groups()),
        patch_success=success(frames, "patch"),
        controls=tuple(success(frames, subject) for subject in ("clean", "gray", "random")),
        gain=gain,
        gain_untargeted=adversarial_gain(frames, untargeted=True),
        by_entry=tuple(by_entry(frames, battery, control)),
        by_light=tuple(cut(frames, frames.light.where(name), control, label=name) for name in frames.light.present()),
        by_distance=tuple(by_bin(frames, frames.distance_m, battery.bins.distance_m, control, unit=" m")),
        by_angle=tuple(by_bin(frames, frames.angle_deg, battery.bins.angle_deg, control, unit="°")),
        by_weather=tuple(by_weather(frames, control)),
        timeline=tuple(timeline(frames, control)),
        heat_map=heat_map(frames, battery.bins),
        consecutive=consecutive(frames, battery.consecutive, control) if drives else None,
        confusion=tuple(confusion(frames)),
        most_fooled=(),
        least_fooled=(),
        flags=(),
        failures=(),
    )


def _groups(frames: ComparedFrames, which: Flags) -> npt.NDArray[np.int64] | None:
    groups = frames.groups()
    return None if groups is None else groups[which]


def _mean(values: npt.NDArray[np.float32]) -> float | None:
    return float(values.mean(dtype=np.float64)) if len(values) and not np.isnan(values).any() else None


def success(frames: ComparedFrames, subject: Subject) -> Success:
    """How often ``subject`` fooled the victim."""
    seen, clean = frames.seen[subject], frames.clean
    kept = _groups(frames, clean)
    return Success(
        subject=subject,
        at_goal=rate(seen.won[clean], kept),
        untargeted=rate(seen.misread[clean], kept),
        at_goal_raw=rate(seen.won, frames.groups()),
        untargeted_raw=rate(seen.misread, frames.groups()),
        mean_true_probability=_mean(seen.true_probability),
        mean_goal_probability=_mean(seen.goal_probability),
    )


def adversarial_gain(frames: ComparedFrames, *, untargeted: bool = False) -> Gain:
    """The patch over the control with the highest success, paired, among frames whose clean sign was read correctly."""
    clean = frames.clean
    best = max(CONTROLS, key=lambda subject: int(frames.seen[subject].fooled(untargeted=untargeted)[clean].sum()))
    patch, control = (frames.seen[subject].fooled(untargeted=untargeted)[clean] for subject in ("patch", best))
    return Gain(
        goal=Untargeted.kind if untargeted else frames.goal,
        control=best,
        difference=difference(patch, control, _groups(frames, clean)),
    )


def cut(
    frames: ComparedFrames,
    which: Flags,
    control: Subject,
    *,
    label: str,
    low: float | None = None,
    high: float | None = None,
) -> Slice:
    """The figures of the frames ``which``."""
    patch, counted = frames.seen["patch"], which & frames.clean
    groups = _groups(frames, counted)
    return Slice(
        label=label,
        low=low,
        high=high,
        frames=int(which.sum()),
        clean_accuracy=rate(frames.clean[which], _groups(frames, which)),
        at_goal=rate(patch.won[counted], groups),
        untargeted=rate(patch.misread[counted], groups),
        control=rate(frames.seen[control].won[counted], groups),
    )


def by_entry(frames: ComparedFrames, battery: Battery, control: Subject) -> Iterator[Slice]:
    """A slice a battery entry; the label is the scene's name."""
    for number in range(len(battery.entries)):
        which = np.asarray(frames.entry == number)
        if which.any():
            yield cut(frames, which, control, label=frames.scene[int(np.argmax(which))] or "", low=float(number))


def by_bin(
    frames: ComparedFrames, values: npt.NDArray[np.float32], edges: tuple[float, ...], control: Subject, *, unit: str
) -> Iterator[Slice]:
    """A slice a bin that has frames."""
    bins = bin_index(values, edges)
    for number in np.unique(bins).tolist():
        low, high = edges[number], edges[number + 1]
        yield cut(frames, bins == number, control, label=f"{low:g}–{high:g}{unit}", low=low, high=high)


def by_weather(frames: ComparedFrames, control: Subject) -> Iterator[Slice]:
    """A slice a weather and severity."""
    for name in frames.weather.present():
        here = frames.weather.where(name)
        for severity in np.unique(frames.severity[here]).tolist():
            which = here & (frames.severity == severity)
            yield cut(frames, which, control, label=f"{name} {severity}", low=float(severity), high=float(severity))


def timeline(frames: ComparedFrames, control: Subject) -> Iterator[Slice]:
    """Slices of the drives' frames by distance, far to near, at most about 30."""
    if not frames.driven.any():
        return
    distance = frames.distance_m[frames.driven]
    far, near = float(distance.max()), float(distance.min())
    wanted = max(far - near, 1e-3) / _TIMELINE_BINS
    step = next(width for width in (0.25, 0.5, 1.0, 2.0, 2.5, 5.0, 10.0, 20.0, 50.0, 100.0) if width >= wanted)
    bins = np.floor(frames.distance_m / step).astype(np.int64)
    for number in np.unique(bins[frames.driven])[::-1].tolist():
        low, high = number * step, (number + 1) * step
        which = frames.driven & (bins == number)
        yield cut(frames, which, control, label=f"{low:g}–{high:g} m", low=low, high=high)


def heat_map(frames: ComparedFrames, bins: Bins) -> HeatMap:
    """Success by distance and angle."""
    rows, columns = bin_index(frames.distance_m, bins.distance_m), bin_index(frames.angle_deg, bins.angle_deg)
    cells = []
    for row, column in np.unique(np.stack([rows, columns], axis=-1), axis=0).tolist():
        part = cut(frames, (rows == row) & (columns == column), "clean", label="")
        cells.append(
            HeatCell(
                distance_bin=row,
                angle_bin=column,
                frames=part.frames,
                at_goal=part.at_goal,
                untargeted=part.untargeted,
                clean_accuracy=part.clean_accuracy,
            )
        )
    return HeatMap(distance_edges_m=bins.distance_m, angle_edges_deg=bins.angle_deg, cells=tuple(cells))


def consecutive(frames: ComparedFrames, window: Window, control: Subject) -> Consecutive:
    """Runs of fooled frames, drive by drive. A frame whose clean sign is misread counts as not fooled."""
    drives = list(_drives(frames))
    patch, other = (frames.seen[subject].won & frames.clean for subject in ("patch", control))
    approaches = tuple(
        _approach(frames, rows, patch, window, traced=number < TRACES) for number, rows in enumerate(drives)
    )
    controls = np.array([k_of_n(other[rows], k=window.k, n=window.n) for rows in drives])
    longest = max(approaches, key=lambda approach: approach.longest_run)
    return Consecutive(
        k=window.k,
        n=window.n,
        rate=rate(np.array([approach.fooled_k_of_n for approach in approaches])),
        control_rate=rate(controls),
        longest_run=longest.longest_run,
        longest_run_s=longest.longest_run_s,
        longest_run_m=longest.longest_run_m,
        median_longest_run=float(np.median([approach.longest_run for approach in approaches])),
        approaches=approaches,
    )


def _drives(frames: ComparedFrames) -> Iterator[npt.NDArray[np.int64]]:
    """Rows of each drive, in order of time."""
    rows = np.flatnonzero(frames.driven)
    keys = (frames.entry.astype(np.int64)[rows] << 40) + frames.approach[rows]
    for part in np.split(rows, np.flatnonzero(np.diff(keys)) + 1):
        yield part[np.argsort(frames.time_s[part], kind="stable")]


def _approach(
    frames: ComparedFrames, rows: npt.NDArray[np.int64], fooled: Flags, window: Window, *, traced: bool
) -> Approach:
    hits, clean = fooled[rows], frames.clean[rows]
    _, length = longest_run(hits)
    steps = max(1, len(rows) - 1)
    letters = np.where(hits, "#", np.where(clean, ".", "-"))
    distance, time = frames.distance_m[rows], frames.time_s[rows]
    return Approach(
        entry=int(frames.entry[rows[0]]),
        approach=int(frames.approach[rows[0]]),
        light=frames.light[int(rows[0])] or "",
        frames=len(rows),
        far_m=float(distance.max()),
        near_m=float(distance.min()),
        fooled=int(hits.sum()),
        longest_run=length,
        longest_run_s=length * float(time[-1] - time[0]) / steps,
        longest_run_m=length * float(distance.max() - distance.min()) / steps,
        fooled_k_of_n=k_of_n(hits, k=window.k, n=window.n),
        trace="".join(letters.tolist()) if traced else None,
    )


def confusion(frames: ComparedFrames) -> Iterator[Confusion]:
    """What the painted sign was read as, commonest first."""
    predicted = frames.seen["patch"].predicted
    goal = parse_goal(frames.goal)
    counts = np.bincount(predicted.codes, minlength=len(predicted.names))
    for code in np.argsort(-counts, kind="stable").tolist():
        if counts[code]:
            name = predicted.names[code]
            yield Confusion(
                name=name,
                frames=int(counts[code]),
                share=float(counts[code] / len(frames)),
                is_true=name == frames.true_class,
                is_wanted=goal.wants(name),
            )


def notable_frames(frames: ComparedFrames, bins: Bins, *, count: int) -> tuple[list[int], list[int]]:
    """Rows of the ``count`` most and the ``count`` least fooled frames among those whose clean sign was read correctly.

    Frames of one cell of the heat map and one light look alike, so each list takes one of a cell before a second.
    """
    patch = frames.seen["patch"]
    score = np.asarray(patch.goal_probability + patch.won, np.float32)  # won frames before all others
    cell = (
        bin_index(frames.distance_m, bins.distance_m) * 1_000_000
        + bin_index(frames.angle_deg, bins.angle_deg) * 1000
        + frames.light.codes
    )
    rows = np.flatnonzero(frames.clean)
    descending = rows[np.argsort(-score[rows], kind="stable")]
    most = _varied(descending, cell, count)
    least = [row for row in _varied(descending[::-1], cell, 2 * count) if row not in most][:count]
    return most, least


def _varied(rows: npt.NDArray[np.int64], cell: npt.NDArray[np.int64], count: int) -> list[int]:
    chosen: list[int] = []
    cells: set[int] = set()
    spare: list[int] = []
    for row in rows.tolist():
        if len(chosen) == count:
            break
        if int(cell[row]) in cells:
            spare.append(row)
        else:
            cells.add(int(cell[row]))
            chosen.append(row)
    return [*chosen, *spare[: count - len(chosen)]]


__all__ = ["CONTROLS", "build_record", "notable_frames"]
