"""The report: what it says, that it is one safe and self-contained file, and that a browser shows it well."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from html.parser import HTMLParser
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw
from rich.console import Console

from physadv.core.errors import PhysadvError
from physadv.evaluation.statistics import difference, k_of_n, longest_run, rate
from physadv.evaluation.summary import (
    Approach,
    BatteryInfo,
    Confusion,
    Consecutive,
    Flag,
    Gain,
    HeatCell,
    HeatMap,
    PatchInfo,
    Picture,
    Provenance,
    Rate,
    Record,
    Slice,
    Success,
    Summary,
    VictimInfo,
    write_summary,
)
from physadv.reports import charts, print_summary, report_from, words, write_report
from physadv.reports.page import render_page

Flags = npt.NDArray[np.bool_]
Reals = npt.NDArray[np.float64]

DISTANCE_EDGES = (0.0, 5.0, 10.0, 15.0, 25.0, 40.0, 75.0)
ANGLE_EDGES = (0.0, 10.0, 25.0, 40.0, 55.0, 75.0)
LIGHTS = ("noon", "overcast", "low-sun", "tree-shade", "dusk")
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>&amp;[bold]{{ 7 * 7 }}\u0000é"
FRAMES_A_DRIVE = 52
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)


def empty_rate() -> Rate:
    return rate(np.zeros(0, dtype=bool))


# ---------------------------------------------------------------------------------------------- a summary to report on


class Frames:
    """Frames with made-up outcomes that follow distance, angle and light, for one record."""

    def __init__(self, seed: int, *, count: int, drives: int, strength: float, clean: float = 0.98) -> None:
        rng = np.random.default_rng(seed)
        self.drives = drives
        total = drives * FRAMES_A_DRIVE if drives else count
        self.drive = np.arange(total) // FRAMES_A_DRIVE if drives else np.arange(total)
        along = 75.0 - (np.arange(total) % FRAMES_A_DRIVE) * 72.0 / (FRAMES_A_DRIVE - 1)
        self.distance: Reals = along if drives else rng.uniform(1.5, 30.0, total)
        self.angle: Reals = np.degrees(np.arctan(2.4 / self.distance)) if drives else rng.uniform(0.0, 60.0, total)
        self.light = (self.drive if drives else np.arange(total)) % len(LIGHTS)
        mood = rng.normal(0.0, 1.0, total)[self.drive] if drives else rng.normal(0.0, 0.3, total)
        base = strength + mood - np.abs(self.distance - 16.0) / 11.0 - self.angle / 40.0 - 0.5 * (self.light == 4)
        self.clean: Flags = rng.random(total) < clean
        self.target: Flags = rng.random(total) < 1.0 / (1.0 + np.exp(-base))
        self.wrong: Flags = self.target | (rng.random(total) < 1.0 / (1.0 + np.exp(-base - 1.0))) | ~self.clean
        self.grey: Flags = (rng.random(total) < 0.05) | ~self.clean
        self.grey_target: Flags = self.grey & (rng.random(total) < 0.3)

    def rate(self, hits: Flags, where: Flags | None = None) -> Rate:
        keep = np.ones(len(hits), dtype=bool) if where is None else where
        return rate(hits[keep], self.drive[keep] if self.drives else None)

    def slice(self, label: str, where: Flags, targeted: bool, low: float | None = None, high: float | None = None) -> Slice:
        read = where & self.clean
        return Slice(
            label=label,
            low=low,
            high=high,
            frames=int(where.sum()),
            clean_accuracy=self.rate(self.clean, where),
            untargeted=self.rate(self.wrong, read),
            targeted=self.rate(self.target, read) if targeted else None,
            control=self.rate(self.grey_target if targeted else self.grey, read),
        )

    def bins(self, values: Reals, edges: Sequence[float], unit: str, targeted: bool) -> tuple[Slice, ...]:
        made = [
            self.slice(f"{low:g}-{high:g} {unit}", (values >= low) & (values < high), targeted, low, high)
            for low, high in zip(edges[:-1], edges[1:], strict=True)
        ]
        return tuple(part for part in made if part.frames)

    def success(self, subject: Any, wrong: Flags, target: Flags, targeted: bool) -> Success:
        return Success(
            subject=subject,
            untargeted=self.rate(wrong, self.clean),
            targeted=self.rate(target, self.clean) if targeted else None,
            untargeted_raw=self.rate(wrong),
            targeted_raw=self.rate(target) if targeted else None,
            mean_true_probability=0.21,
            mean_target_probability=0.64 if targeted else None,
        )

    def heat_map(self, targeted: bool) -> HeatMap:
        cells = []
        for i in range(len(DISTANCE_EDGES) - 1):
            for j in range(len(ANGLE_EDGES) - 1):
                where = (self.distance >= DISTANCE_EDGES[i]) & (self.distance < DISTANCE_EDGES[i + 1])
                where &= (self.angle >= ANGLE_EDGES[j]) & (self.angle < ANGLE_EDGES[j + 1])
                if where.any():
                    part = self.slice("", where, targeted)
                    cells.append(
                        HeatCell(
                            distance_bin=i,
                            angle_bin=j,
                            frames=part.frames,
                            untargeted=part.untargeted,
                            targeted=part.targeted,
                            clean_accuracy=part.clean_accuracy,
                        )
                    )
        return HeatMap(distance_edges_m=DISTANCE_EDGES, angle_edges_deg=ANGLE_EDGES, cells=tuple(cells))

    def consecutive(self, fooled: Flags) -> Consecutive | None:
        if not self.drives:
            return None
        approaches = []
        for number in range(self.drives):
            mine = self.drive == number
            hits = fooled[mine]
            _, length = longest_run(hits)
            letters = np.where(~self.clean[mine], "-", np.where(hits, "#", "."))
            approaches.append(
                Approach(
                    entry=0,
                    approach=number,
                    light=LIGHTS[number % len(LIGHTS)],
                    frames=int(mine.sum()),
                    far_m=75.0,
                    near_m=3.0,
                    fooled=int(hits.sum()),
                    longest_run=length,
                    longest_run_s=length / 10.0,
                    longest_run_m=length * 1.4,
                    fooled_k_of_n=k_of_n(hits, k=8, n=10),
                    trace="".join(letters.tolist()),
                )
            )
        best = max(approaches, key=lambda approach: approach.longest_run)
        return Consecutive(
            k=8,
            n=10,
            rate=rate(np.array([approach.fooled_k_of_n for approach in approaches])),
            control_rate=rate(np.zeros(self.drives, dtype=bool)),
            longest_run=best.longest_run,
            longest_run_s=best.longest_run_s,
            longest_run_m=best.longest_run_m,
            median_longest_run=float(np.median([approach.longest_run for approach in approaches])),
            approaches=tuple(approaches),
        )


def make_record(
    patch: str,
    victim: str,
    battery: str,
    *,
    seed: int = 0,
    target: str | None = "speedLimit45",
    strength: float = 3.2,
    weather: bool = False,
    pictures: Sequence[tuple[str, str]] = (),
    warnings: Sequence[str] = (),
    failures: Sequence[str] = (),
    light_names: Sequence[str] = LIGHTS,
) -> Record:
    drives = 20 if "drive" in battery else 0
    frames = Frames(seed, count=480, drives=drives, strength=strength)
    targeted = target is not None
    groups = frames.drive[frames.clean] if drives else None
    classes = ["speedLimit45", "stop", "yield", "speedLimit35", "keepRight", "merge"]
    n = len(frames.clean)
    shares = [int(frames.target.sum()), int((~frames.wrong).sum())]
    left = n - sum(shares)
    counts = sorted([*zip(classes, [*shares, left // 2, left // 4, left // 8], strict=False)], key=lambda pair: -pair[1])
    return Record(
        patch=patch,
        victim=victim,
        battery=battery,
        goal="targeted" if targeted else "untargeted",
        true_class="stop",
        target_class=target,
        frames=n,
        clean_correct=int(frames.clean.sum()),
        approaches=drives,
        clean_accuracy=frames.rate(frames.clean),
        patch_success=frames.success("patch", frames.wrong, frames.target, targeted),
        controls=(
            frames.success("clean", ~frames.clean, ~frames.clean & False, targeted),
            frames.success("grey", frames.grey, frames.grey_target, targeted),
            frames.success("random", np.roll(frames.grey, 7), np.roll(frames.grey_target, 5), targeted),
        ),
        gain_untargeted=Gain(
            goal="untargeted",
            control="grey",
            difference=difference(frames.wrong[frames.clean], frames.grey[frames.clean], groups),
        ),
        gain_targeted=Gain(
            goal="targeted",
            control="random",
            difference=difference(frames.target[frames.clean], frames.grey_target[frames.clean], groups),
        )
        if targeted
        else None,
        by_entry=(),
        by_light=tuple(
            frames.slice(name, frames.light == i, targeted) for i, name in enumerate(light_names) if (frames.light == i).any()
        ),
        by_distance=frames.bins(frames.distance, DISTANCE_EDGES, "m", targeted),
        by_angle=frames.bins(frames.angle, ANGLE_EDGES, "deg", targeted),
        by_weather=tuple(
            frames.slice(f"{name} {severity}", (np.arange(n) % 15) == (3 * i + severity), targeted, float(severity))
            for i, name in enumerate(("rain", "fog", "snow", "sun flare"))
            for severity in (1, 2, 3)
        )
        if weather
        else (),
        timeline=tuple(reversed(frames.bins(frames.distance, tuple(np.arange(0.0, 80.0, 5.0)), "m", targeted)))
        if drives
        else (),
        heat_map=frames.heat_map(targeted),
        consecutive=frames.consecutive(frames.target if targeted else frames.wrong),
        confusion=tuple(
            Confusion(name=name, frames=count, share=count / n, is_true=name == "stop", is_target=name == target)
            for name, count in counts
        ),
        most_fooled=make_pictures(pictures, fooled=True),
        least_fooled=make_pictures(pictures, fooled=False),
        flags=tuple(Flag(level="warning", code="made-up", message=text) for text in warnings)
        + (Flag(level="info", code="note", message="The interval asked for is met with 480 frames."),),
        failures=tuple(failures),
    )


def make_pictures(files: Sequence[tuple[str, str]], *, fooled: bool) -> tuple[Picture, ...]:
    return tuple(
        Picture(
            rank=rank,
            picture=picture,
            seen=seen,
            entry=0,
            scene="stationary-15",
            index=17 + rank,
            seed=4711,
            light=LIGHTS[rank % len(LIGHTS)],
            weather=None,
            severity=None,
            distance_m=3.0 + 4 * rank,
            angle_deg=7.0 * rank,
            predicted="speedLimit45" if fooled else "stop",
            probability=0.99 - 0.03 * rank,
            true_probability=0.01 if fooled else 0.97,
            target_probability=0.98 if fooled else 0.01,
            clean_predicted="stop",
            fooled=fooled,
        )
        for rank, (picture, seen) in enumerate(files)
    )


def draw_sign(path: Path, size: int, *, mode: str = "RGBA", patch: bool = True) -> None:
    """An octagon with two bars."""
    image = Image.new(mode, (size, size), (0, 0, 0, 0) if mode == "RGBA" else (140, 150, 155))
    draw = ImageDraw.Draw(image)
    c = size * 0.2929
    corners = [(c, 0), (size - c, 0), (size, c), (size, size - c), (size - c, size), (c, size), (0, size - c), (0, c)]
    draw.polygon(corners, fill=(170, 20, 30) if mode == "RGB" else (170, 20, 30, 255))
    if patch:
        draw.rectangle((size * 0.2, size * 0.12, size * 0.8, size * 0.25), fill="black")
        draw.rectangle((size * 0.2, size * 0.75, size * 0.8, size * 0.88), fill="white")
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)


def make_summary(
    folder: Path,
    *,
    patches: Sequence[str] = ("two-bars",),
    victims: Sequence[str] = ("gtsrb-cnn",),
    batteries: Sequence[str] = ("stationary-15",),
    frames_a_side: int = 6,
    **options: Any,
) -> Summary:
    """A consistent made-up summary, its pictures written to ``folder``."""
    subjects = {"patch": True, "clean": False, "grey": True, "random": True}
    for subject, covered in subjects.items():
        draw_sign(folder / "pictures" / f"{subject}.png", 320, patch=covered)
    files = [(f"pictures/frame-{i}.png", f"pictures/frame-{i}-seen.png") for i in range(frames_a_side)]
    for picture, seen in files:
        draw_sign(folder / picture, 256, mode="RGB")
        draw_sign(folder / seen, 32, mode="RGB")
    records = [
        make_record(
            patch,
            victim,
            battery,
            seed=100 * i + 10 * j + k,
            pictures=files,
            weather=battery == "weather",
            **{"strength": 3.2 - 1.3 * i - 0.8 * j, **options},
        )
        for i, patch in enumerate(patches)
        for j, victim in enumerate(victims)
        for k, battery in enumerate(batteries)
    ]
    return Summary(
        provenance=Provenance(
            command=f"physadv evaluate {' '.join(patches)} --victim {' --victim '.join(victims)} --out out",
            started="2025-05-01T10:00:00Z",
            finished="2025-05-01T10:01:12Z",
            seconds=72.4,
            versions={"physadv": "0.1.0", "torch": "2.6.0", "kornia": "0.8.1", "python": "3.12.3"},
            device="cpu",
            options={"seed": 0, "max_asr": 0.1},
            outcomes="outcomes.parquet",
            outcomes_sha256="ab" * 32,
            outcomes_version=1,
            rows=sum(record.frames for record in records) * 4,
        ),
        patches=tuple(
            PatchInfo(
                name=name,
                sign="us/stop",
                sign_title="Stop (R1-1)",
                area_fraction=0.134,
                folder=f"patches/{name}",
                sha256="cd" * 32,
                picture="pictures/patch.png",
                pictures={subject: f"pictures/{subject}.png" for subject in subjects},
                record={"attack": "rp2", "seed": 0, "config": {"steps": 400, "mask": "bars"}, "victim": victims[0]},
            )
            for name in patches
        ),
        victims=tuple(
            VictimInfo(name=name, source=f"{name}.yaml", sha256="ef" * 32, classes=43, input_size=(48, 48), differentiable=True)
            for name in victims
        ),
        batteries=tuple(
            BatteryInfo(
                name=name,
                description=f"The battery {name}.",
                sha256="01" * 32,
                frames=480,
                config={"name": name, "entries": [{"scene": name, "count": 480, "seed": 4711}]},
            )
            for name in batteries
        ),
        records=tuple(records),
    )
