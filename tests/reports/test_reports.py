"""The report: what it says, that it is one safe and self-contained file, and that a browser shows it well."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from html import unescape
from html.parser import HTMLParser
from io import StringIO
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw
from rich.console import Console

from physadv.core.errors import PhysadvError
from physadv.core.statistics import Rate, difference, k_of_n, longest_run, rate
from physadv.evaluation.batteries.summary import (
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
    Record,
    Slice,
    Success,
    Summary,
    VictimInfo,
    ranked,
    ranked_at,
    read_summary,
)
from physadv.evaluation.metrics.metric import measured
from physadv.reports import charts, print_summary, report_from, terminal, words, write_report
from physadv.reports.page import render_page
from physadv.reports.terminal import table

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
        self.gray: Flags = (rng.random(total) < 0.05) | ~self.clean
        self.gray_target: Flags = self.gray & (rng.random(total) < 0.3)

    def rate(self, hits: Flags, where: Flags | None = None) -> Rate:
        keep = np.ones(len(hits), dtype=bool) if where is None else where
        return rate(hits[keep], self.drive[keep] if self.drives else None)

    def slice(
        self, label: str, where: Flags, targeted: bool, low: float | None = None, high: float | None = None
    ) -> Slice:
        read = where & self.clean
        return Slice(
            label=label,
            low=low,
            high=high,
            frames=int(where.sum()),
            clean_accuracy=self.rate(self.clean, where),
            untargeted=self.rate(self.wrong, read),
            at_goal=self.rate(self.target if targeted else self.wrong, read),
            control=self.rate(self.gray_target if targeted else self.gray, read),
        )

    def bins(self, values: Reals, edges: Sequence[float], unit: str, targeted: bool) -> tuple[Slice, ...]:
        made = [
            self.slice(f"{low:g}-{high:g} {unit}", (values >= low) & (values < high), targeted, low, high)
            for low, high in pairwise(edges)
        ]
        return tuple(part for part in made if part.frames)

    def success(self, subject: Any, wrong: Flags, target: Flags, targeted: bool) -> Success:
        return Success(
            subject=subject,
            untargeted=self.rate(wrong, self.clean),
            at_goal=self.rate(target if targeted else wrong, self.clean),
            untargeted_raw=self.rate(wrong),
            at_goal_raw=self.rate(target if targeted else wrong),
            mean_true_probability=0.21,
            mean_goal_probability=0.64,
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
                            at_goal=part.at_goal,
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
    counts = sorted(
        [*zip(classes, [*shares, left // 2, left // 4, left // 8], strict=False)], key=lambda pair: -pair[1]
    )
    made = Record(
        patch=patch,
        victim=victim,
        battery=battery,
        goal=f"targeted:{target}" if targeted else "untargeted",
        true_class="stop",
        frames=n,
        clean_correct=int(frames.clean.sum()),
        approaches=drives,
        clean_accuracy=frames.rate(frames.clean),
        patch_success=frames.success("patch", frames.wrong, frames.target, targeted),
        controls=(
            frames.success("clean", ~frames.clean, ~frames.clean & False, targeted),
            frames.success("gray", frames.gray, frames.gray_target, targeted),
            frames.success("random", np.roll(frames.gray, 7), np.roll(frames.gray_target, 5), targeted),
        ),
        gain_untargeted=Gain(
            goal="untargeted",
            control="gray",
            difference=difference(frames.wrong[frames.clean], frames.gray[frames.clean], groups),
        ),
        gain=Gain(
            goal=f"targeted:{target}",
            control="random",
            difference=difference(frames.target[frames.clean], frames.gray_target[frames.clean], groups),
        )
        if targeted
        else Gain(
            goal="untargeted",
            control="gray",
            difference=difference(frames.wrong[frames.clean], frames.gray[frames.clean], groups),
        ),
        by_entry=(),
        by_light=tuple(
            frames.slice(name, frames.light == i, targeted)
            for i, name in enumerate(light_names)
            if (frames.light == i).any()
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
            Confusion(name=name, frames=count, share=count / n, is_true=name == "stop", is_wanted=name == target)
            for name, count in counts
        ),
        most_fooled=make_pictures(pictures, fooled=True),
        least_fooled=make_pictures(pictures, fooled=False),
        flags=(
            *(Flag(level="warning", code="made-up", message=text) for text in warnings),
            Flag(level="info", code="note", message="The interval asked for is met with 480 frames."),
        ),
        failures=tuple(failures),
    )
    return made.model_copy(update={"metrics": measured(made, cast(Any, None))})


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
            goal_probability=0.98 if fooled else 0.01,
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
    max_asr: float | None = None,
    **options: Any,
) -> Summary:
    """A consistent made-up summary, its pictures written to ``folder``."""
    subjects = {"patch": True, "clean": False, "gray": True, "random": True}
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
            options={"seed": 0, "max_asr": max_asr},
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
            VictimInfo(
                name=name, source=f"{name}.yaml", sha256="ef" * 32, classes=43, input_size=(48, 48), differentiable=True
            )
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


# ------------------------------------------------------------------------------------------------------- what it says


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Summary, str, Path]]:
    """Summaries of several shapes with their pages."""
    shapes: dict[str, dict[str, Any]] = {
        "one": {"failures": ("Success 85 % is above the 10 % allowed.",), "max_asr": 0.1},
        "untargeted": {"target": None, "strength": -4.0},
        "several": {
            "patches": ("two-bars", "poster"),
            "victims": ("gtsrb-cnn", "third-party"),
            "batteries": ("stationary-15", "drive-by", "weather"),
            "warnings": ("The clean sign is misread in every fifth frame.",),
        },
        "hostile": {
            "patches": (HOSTILE,),
            "victims": (HOSTILE + "v" * 200,),
            "batteries": (HOSTILE + " drive",),
            "target": HOSTILE,
            "warnings": (HOSTILE,),
            "failures": (HOSTILE,),
            "light_names": (HOSTILE, *LIGHTS[1:]),
        },
    }
    made = {}
    for name, options in shapes.items():
        folder = tmp_path_factory.mktemp(name)
        summary = make_summary(folder, **options)
        page = write_report(summary, folder)
        made[name] = (summary, page.read_text(encoding="utf-8"), page)
    return made


SHAPES = ("one", "untargeted", "several", "hostile")


class Page(HTMLParser):
    """Elements, text and nesting errors of a page."""

    VOID = frozenset({"meta", "link", "img", "br"})
    HIDDEN = frozenset({"script", "style"})

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.stack: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.errors: list[str] = []
        self.parts: list[str] = []
        self.feed(html)
        self.close()
        self.errors += [f"<{tag}> is never closed" for tag in self.stack]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if len({name for name, _ in attrs}) != len(attrs):
            self.errors.append(f"<{tag}> repeats an attribute")
        if tag not in self.VOID:
            self.stack.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if not self.stack or self.stack.pop() != tag:
            self.errors.append(f"</{tag}> closes something else at {self.getpos()}")

    def handle_data(self, data: str) -> None:
        if not self.HIDDEN & set(self.stack):
            self.parts.append(data)

    @property
    def text(self) -> str:
        return squeezed(" ".join(self.parts))

    def attributes(self, name: str) -> list[str]:
        return [value or "" for _, attributes in self.elements for key, value in attributes.items() if key == name]


def squeezed(text: str) -> str:
    return " ".join(text.split())


def rates(value: Any) -> Iterator[Rate]:
    """Every rate inside a model."""
    if isinstance(value, Rate):
        yield value
    elif isinstance(value, tuple):
        for item in value:
            yield from rates(item)
    elif hasattr(type(value), "model_fields"):
        for field in type(value).model_fields:
            yield from rates(getattr(value, field))


@pytest.mark.parametrize("shape", SHAPES)
def test_page_is_well_formed(reports: dict[str, tuple[Summary, str, Path]], shape: str) -> None:
    page = Page(reports[shape][1])
    assert page.errors == []
    ids = page.attributes("id")
    assert len(ids) == len(set(ids))
    anchors = {href[1:] for href in page.attributes("href") if href.startswith("#")}
    assert anchors <= set(ids)
    named = {name for names in page.attributes("aria-labeledby") for name in names.split()}
    assert named <= set(ids)


@pytest.mark.parametrize("shape", SHAPES)
def test_every_section_is_there(reports: dict[str, tuple[Summary, str, Path]], shape: str) -> None:
    summary, html, _ = reports[shape]
    ids = set(Page(html).attributes("id"))
    wanted = {"verdict", "patches", "rerun", "provenance", "glossary"}
    wanted |= {f"record-{i + 1}" for i in range(len(summary.records))}
    wanted |= {"overview"} if len(summary.records) > 1 else set()
    wanted |= (
        {"flags"} if any(flag.level == "warning" for record in summary.records for flag in record.flags) else set()
    )
    wanted |= {"failures"} if not summary.passed else set()
    assert wanted <= ids
    text = Page(html).text
    for heading in (
        "Patch against controls",
        "Distance and angle",
        "What the painted sign is read as",
        "Responsible use",
    ):
        assert heading in text
    assert ("Along the drive" in text) == any(record.timeline for record in summary.records)
    assert ("Weather and severity" in text) == any(record.by_weather for record in summary.records)
    for fact in (summary.provenance.outcomes_sha256, summary.victims[0].sha256, summary.patches[0].sha256, "0.1.0"):
        assert fact in text


@pytest.mark.parametrize("shape", ["one", "untargeted", "several"])
def test_every_rate_has_its_n_and_interval(reports: dict[str, tuple[Summary, str, Path]], shape: str) -> None:
    summary, html, _ = reports[shape]
    text = Page(html).text
    found = [made for record in summary.records for made in rates(record) if made.value is not None]
    assert len(found) > 50
    for made in found:
        table = f"{words.share_interval(made)} {words.count(made.hits)} of {words.count(made.n)}"
        tile = f"({words.interval(made)}) · {words.sample(made)}"
        drives = f"({words.interval(made)}) · {made.hits} of {words.plural(made.n, 'drive')}"
        beside = f"{words.share_interval(made)} of {words.plural(made.n, 'drive')}"
        assert any(squeezed(form) in text for form in (table, words.full(made), tile, drives, beside)), made


def test_verdict_and_badge_stand_before_the_figures(reports: dict[str, tuple[Summary, str, Path]]) -> None:
    summary, html, _ = reports["one"]
    text, headline = Page(html).text, words.verdict(summary.records[0], summary.patches[0]).headline
    assert headline.startswith("This sticker makes gtsrb-cnn read “speedLimit45” in ")
    assert f"of {summary.records[0].headline.n} frames" in headline
    text = text.partition("Skip to the verdict")[2]
    positions = [
        text.index(squeezed(part)) for part in ("✗ Fail", headline, "Success 85 % is above", "Adversarial gain")
    ]
    assert positions == sorted(positions)


def unpacked(html: str) -> dict[str, str]:
    """Anchors of the packed results, and their sections."""
    found = re.findall(r'<script type="text/plain" id="pack-([^"]+)">([^<]*)</script>', html)
    return {anchor: gzip.decompress(base64.b64decode(text)).decode("utf-8") for anchor, text in found}


def test_a_large_run_is_a_small_page_that_begins_with_a_table(tmp_path: Path) -> None:
    patches, victims = [f"patch {n}" for n in range(5)], [HOSTILE, *(f"victim {n}" for n in range(5))]
    warnings = [f"The clean sign is misread in {n} %." for n in range(30)]
    summary = make_summary(tmp_path, patches=patches, victims=victims, frames_a_side=0)
    code = "clean-accuracy-low"
    records = tuple(
        record.model_copy(update={"flags": (Flag(level="warning", code=code, message=text),)})
        for record, text in zip(summary.records, warnings, strict=True)
    )
    summary = summary.model_copy(update={"records": records})
    html = render_page(summary, tmp_path)
    page, sections = Page(html), unpacked(html)
    assert not page.errors
    assert len(sections) == len(records) == 30
    assert len(page.elements) < 700
    assert len(html) < 30 * 25_000
    anchors = {attributes["id"] for _, attributes in page.elements if attributes.get("id")}
    for href in page.attributes("href"):
        assert href == "data:," or href.removeprefix("#") in anchors | set(sections)
    for record, text, section in zip(records, warnings, sections.values(), strict=True):
        made = Page(section)
        assert not made.errors
        assert record.patch in made.text
        assert record.victim.replace("\0", "\N{REPLACEMENT CHARACTER}") in made.text
        assert text in made.text
        assert not [tag for tag, _ in made.elements if tag == "script"]
    assert page.text.index("Overview: patches by victims") < page.text.index("In 30 of 30 results")
    assert page.text.count(f"[{code}]") == 1


def test_a_large_run_is_a_table_on_the_terminal(tmp_path: Path) -> None:
    summary = make_summary(tmp_path, patches=["a", "b", "c"], victims=[f"v{n}" for n in range(9)], frames_a_side=0)
    out = StringIO()
    print_summary(summary, Console(file=out, width=80))
    text = out.getvalue()
    assert "[9] v8" in text
    assert all(len(line) <= 80 for line in text.splitlines())
    for record in summary.records:
        assert words.share(record.headline) in text
    assert len(text.splitlines()) < 30


def test_warnings_stand_between_the_table_and_the_results(reports: dict[str, tuple[Summary, str, Path]]) -> None:
    text = Page(reports["several"][1]).text
    warning = text.index("The clean sign is misread in every fifth frame.")
    assert text.index("Overview: patches by victims") < warning < text.index("Patch against controls")


def test_warnings_of_one_victim_stand_before_the_overview(tmp_path: Path) -> None:
    told = "The clean sign is misread in every fifth frame."
    text = Page(render_page(make_summary(tmp_path, batteries=("one", "two"), warnings=(told,)), tmp_path)).text
    assert text.index(told) < text.index("Overview")


@pytest.mark.parametrize(
    ("max_asr", "thresholds", "failures", "expected"),
    [
        (None, {}, (), "No pass limit set"),
        (None, {"max_asr": None, "min_clean_accuracy": 0.9}, (), "No pass limit set"),
        (0.95, {}, (), "Pass"),
        (None, {"max_asr": 0.95}, (), "Pass"),
        (None, {}, ("Clean accuracy is too low.",), "Fail"),
    ],
)
def test_a_pass_without_a_limit_is_not_called_one(
    tmp_path: Path, max_asr: float | None, thresholds: dict[str, Any], failures: tuple[str, ...], expected: str
) -> None:
    summary = make_summary(tmp_path, max_asr=max_asr, failures=failures, frames_a_side=0)
    battery = summary.batteries[0]
    battery = battery.model_copy(update={"config": {**battery.config, "thresholds": thresholds}})
    html = render_page(summary.model_copy(update={"batteries": (battery,)}), tmp_path)
    badges = re.findall(r'class="badge \w+"><span aria-hidden="true">.</span>([^<]+)<', html)
    assert badges
    assert set(badges) == {expected}


def test_a_patch_that_adds_nothing_is_said_to_add_nothing(reports: dict[str, tuple[Summary, str, Path]]) -> None:
    summary, html, _ = reports["untargeted"]
    assert (summary.records[0].gain.difference.low or 0.0) <= 0.0
    assert "the pattern itself adds no measurable success" in Page(html).text


def test_a_slice_is_named_only_where_the_intervals_part() -> None:
    record = make_record("p", "v", "stationary-15")
    rates_of = {"near": (90, 100), "far": (30, 100), "few": (0, 3)}
    parts = tuple(
        record.by_light[0].model_copy(update={"label": name, "at_goal": rate(np.arange(n) < hits)})
        for name, (hits, n) in rates_of.items()
    )
    assert words.contrast(record, parts, "at") == (
        "at near with 90\u202f%\u00a0(83–94)",
        "at far with 30\u202f%\u00a0(22–40)",
    )
    same = tuple(part.model_copy(update={"at_goal": rate(np.arange(100) < 60)}) for part in parts)
    assert words.contrast(record, same, "at") is None


def test_equal_rates_are_said_once() -> None:
    low, high = (rate(np.arange(100) < hits) for hits in (74, 90))
    assert words.reach([high, low]) == f"{words.share_interval(low)} to {words.share_interval(high)}"
    assert words.reach([low, low]) == "74\u202f%\u00a0(65–82)"
    less_sure = rate(np.arange(50) < 37)
    assert words.reach([less_sure, low]) == words.reach([less_sure])


@pytest.mark.parametrize("changes", [{"patches": ("a", "b")}, {"batteries": ("one", "two", "three")}])
def test_headlines_of_equal_rates_name_one_share(tmp_path: Path, changes: dict[str, Any]) -> None:
    summary = make_summary(tmp_path, frames_a_side=0, **changes)
    success = summary.records[0].patch_success
    records = tuple(record.model_copy(update={"patch_success": success}) for record in summary.records)
    headline = words.summary_verdict(summary.model_copy(update={"records": records})).headline
    assert headline.count(words.share(records[0].headline)) == 1


def mixed_summary(folder: Path) -> Summary:
    """A targeted patch on one victim that knows its target and on two that do not, as read from untargeted rates."""
    summary = make_summary(folder, patches=("a", "b"), victims=("knows", "lacks", "lacks too"), frames_a_side=0)
    records = tuple(
        make_record(record.patch, record.victim, record.battery, seed=seed, target=target, strength=strength)
        for seed, (record, (target, strength)) in enumerate(
            zip(summary.records, [("merge", 0.5), (None, 3.0), (None, -3.0)] * 2, strict=True)
        )
    )
    return summary.model_copy(update={"records": records})


def test_rates_of_different_kinds_are_not_ranked_with_each_other(tmp_path: Path) -> None:
    """What is read as the target on one victim says nothing beside what is misread on another that lacks the target."""
    summary = mixed_summary(tmp_path)
    verdict = words.summary_verdict(summary)
    aimed = [record.headline for record in summary.records if words.aimed(record)]
    wrong = [record.patch_success.untargeted for record in summary.records]
    assert len(aimed) == 2
    assert verdict.headline == (
        f"2 patches against 3 victims: targeted success in {words.reach(aimed)} where that is the goal (2 results), "
        f"and untargeted success in {words.reach(wrong)} of frames never seen before."
    )
    strongest = max(summary.records, key=lambda record: record.patch_success.untargeted.value or 0.0)
    told = {line.partition(":")[0]: line for line in verdict.sentences}
    assert set(told) >= {f"{end}, {kind}" for end in ("Strongest", "Weakest") for kind in ("targeted", "untargeted")}
    assert f"{strongest.patch} fools {strongest.victim} in" in told["Strongest, untargeted"]
    assert "makes knows read “merge” in" in told["Strongest, targeted"]
    assert "makes knows read “merge” in" in told["Weakest, targeted"]


def test_results_without_gain_are_counted_as_their_flag_counts_them(tmp_path: Path) -> None:
    """A result without any success has no such flag; the verdict tells it apart."""
    summary = mixed_summary(tmp_path)
    first, second, *others = summary.records
    flag = Flag(level="warning", code="no-gain", message="It has none.")
    never = first.patch_success.model_copy(
        update={"untargeted": rate(np.zeros(50, bool)), "at_goal": rate(np.zeros(50, bool))}
    )
    changed = [
        first.model_copy(update={"flags": (flag,)}),
        second.model_copy(update={"flags": (), "patch_success": never, "goal": "untargeted"}),
        *(one.model_copy(update={"flags": ()}) for one in others),
    ]
    told = words.summary_verdict(summary.model_copy(update={"records": tuple(changed)})).sentences
    assert "In 1 of 6 results the pattern adds no measurable success over the best control." in told
    assert "In 1 of 6 results it has no success at all." in told


def test_one_target_among_several_results_is_called_the_only_one(tmp_path: Path) -> None:
    summary = mixed_summary(tmp_path)
    summary = summary.model_copy(update={"records": summary.records[:3]})
    told = [line.partition(":")[0] for line in words.summary_verdict(summary).sentences]
    assert told[:3] == ["The only one, targeted", "Strongest, untargeted", "Weakest, untargeted"]


def test_tables_of_results_say_of_which_kind_a_share_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mixed, alike = mixed_summary(tmp_path), make_summary(tmp_path, patches=("a", "b"), victims=("v", "w"))
    assert "as each cell says (kinds do not compare)" in Page(render_page(mixed, tmp_path)).text
    cells = re.findall(r"<td[^>]*><a href=[^>]*>(.*?)</a>", render_page(mixed, tmp_path))
    assert [("untargeted" in cell, "targeted" in cell) for cell in cells] == [
        (False, True), (True, True), (True, True)
    ] * 2  # fmt: skip
    assert "Targeted success with its 95 % interval" in Page(render_page(alike, tmp_path)).text
    out = StringIO()
    monkeypatch.setattr(terminal, "MOST_ROWS", 5)
    print_summary(mixed, Console(file=out, width=200))
    assert "stationary-15, untargeted success\n" in out.getvalue()
    for record in mixed.records:
        assert words.share(record.patch_success.untargeted) in out.getvalue()


def test_pictures_and_the_sign_beside_the_verdict_go_by_one_kind_of_success(tmp_path: Path) -> None:
    made = mixed_summary(tmp_path).records
    best, target = made[1], made[0]  # of any wrong class, and the only one of a target
    certain = target.patch_success.model_copy(update={"at_goal": rate(np.ones(480, bool))})
    target = target.model_copy(update={"patch_success": certain})
    assert (target.headline.value or 0.0) > (best.headline.value or 0.0)
    assert ranked([target, best]) == [best, target]
    assert ranked([best.model_copy(update={"patch": "x"}), target])[-1] is target
    assert ranked([target]) == [target]
    assert ranked_at(made) == "untargeted"
    assert ranked_at([target]) == "targeted"


def test_no_clean_frame_means_nothing_to_fool(tmp_path: Path) -> None:
    summary = make_summary(tmp_path, frames_a_side=0)
    record = summary.records[0]
    nothing = record.patch_success.model_copy(update={"untargeted": empty_rate(), "at_goal": empty_rate()})
    none = Gain(goal="targeted:merge", control="gray", difference=difference(np.zeros(0, bool), np.zeros(0, bool)))
    record = record.model_copy(update={"patch_success": nothing, "gain": none, "by_distance": ()})
    summary = summary.model_copy(update={"records": (record,)})
    assert "nothing to fool" in Page(render_page(summary, tmp_path)).text
    out = StringIO()
    print_summary(summary, Console(file=out, width=120))
    assert "nothing to fool" in out.getvalue()


def test_nothing_evaluated_is_still_a_page(tmp_path: Path) -> None:
    summary = make_summary(tmp_path).model_copy(update={"records": ()})
    page = Page(render_page(summary, tmp_path))
    assert page.errors == []
    assert "Nothing was evaluated." in page.text
    print_summary(summary, Console(file=StringIO()))


@given(value=st.floats(0.0, 1.0), decimals=st.sampled_from([0, 1]))
def test_percent_never_rounds_to_the_ends(value: float, decimals: int) -> None:
    shown = words.percent(value, decimals).removesuffix(words.UNIT)
    if shown in ("0", "100"):
        assert value == float(shown) / 100.0
    elif shown[0] not in "<>":
        assert abs(float(shown) - 100.0 * value) <= 0.5 * 10.0**-decimals + 1e-9


@given(hits=st.integers(0, 500), more=st.integers(0, 500))
def test_a_rate_lies_in_its_printed_interval(hits: int, more: int) -> None:
    if hits + more == 0:
        return
    made = rate(np.arange(hits + more) < hits)
    low, high = (float(limit) for limit in words.interval(made).split("–"))
    shown = words.share(made).removesuffix(words.UNIT)
    if shown[0] not in "<>":
        assert low <= float(shown) <= high


# ------------------------------------------------------------------------------------------- one safe, small, lone file


def test_hostile_names_stay_text(reports: dict[str, tuple[Summary, str, Path]]) -> None:
    html = reports["hostile"][1]
    page = Page(html)
    assert [tag for tag, _ in page.elements].count("script") == 1
    assert not [name for _, attributes in page.elements for name in attributes if name.startswith("on")]
    assert all(src.startswith("data:") for src in page.attributes("src"))
    assert HOSTILE.replace("\u0000", "\ufffd") in page.text
    assert "\u0000" not in html


@pytest.mark.parametrize("shape", SHAPES)
def test_nothing_is_loaded_from_anywhere(reports: dict[str, tuple[Summary, str, Path]], shape: str) -> None:
    html = reports[shape][1]
    page = Page(html)
    loading = (
        "src",
        "srcset",
        "poster",
        "data",
        "action",
        "formaction",
        "background",
        "xlink:href",
        "manifest",
        "ping",
    )
    for name in loading:
        assert all(value.startswith("data:image/") for value in page.attributes(name))
    for tag, attributes in page.elements:
        href = attributes.get("href") or "#"
        assert href.startswith("#") or (tag == "link" and href == "data:,")
        assert tag not in ("iframe", "object", "embed", "base", "form", "audio", "video", "image", "use")
    styles = "".join(re.findall(r"<style>(.*?)</style>", html, re.DOTALL)) + "".join(page.attributes("style"))
    assert "@import" not in styles
    assert all(address.startswith("data:image/") for address in re.findall(r"url\(\s*(.{11})", styles))
    script = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)[0]
    assert not re.search(r"fetch|XMLHttpRequest|import|WebSocket|sendBeacon|eval", script)


def test_policy_admits_the_page_s_own_script_alone(reports: dict[str, tuple[Summary, str, Path]]) -> None:
    html = reports["one"][1]
    policy = next(
        a["content"] or "" for _, a in Page(html).elements if a.get("http-equiv") == "Content-Security-Policy"
    )
    script = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)[0]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'")


def test_many_noisy_records_stay_small(tmp_path: Path) -> None:
    summary = make_summary(tmp_path, patches=("a", "b"), batteries=("stationary-15", "drive-by", "weather"))
    noise = np.random.default_rng(0).integers(0, 255, (256, 256, 3), dtype=np.uint8)
    for file in (tmp_path / "pictures").glob("frame-?.png"):
        Image.fromarray(noise).save(file)
    page = write_report(summary, tmp_path)
    assert page.stat().st_size < 3_000_000
    assert page.read_text(encoding="utf-8").count("data:image/jpeg") >= 2 * len(summary.records)


def test_a_picture_that_is_gone_is_said_to_be_gone(tmp_path: Path) -> None:
    summary = make_summary(tmp_path)
    shutil.rmtree(tmp_path / "pictures")
    assert "picture missing: pictures/frame-0.png" in Page(render_page(summary, tmp_path)).text


def test_a_picture_of_a_name_that_no_file_can_have_is_said_to_be_gone(tmp_path: Path) -> None:
    summary = make_summary(tmp_path)
    patch = summary.patches[0].model_copy(update={"picture": "a" * 3_000})
    assert "picture missing" in Page(render_page(summary.model_copy(update={"patches": (patch,)}), tmp_path)).text


def test_a_picture_outside_the_folder_is_refused(tmp_path: Path) -> None:
    draw_sign(tmp_path / "secret.png", 64)
    folder = tmp_path / "report"
    summary = make_summary(folder)
    patch = summary.patches[0].model_copy(update={"picture": "../secret.png"})
    with pytest.raises(PhysadvError, match="outside the report's folder"):
        write_report(summary.model_copy(update={"patches": (patch,)}), folder)
    assert not (folder / "report.html").exists()


def test_a_broken_picture_leaves_nothing_half_written(tmp_path: Path) -> None:
    summary = make_summary(tmp_path)
    (tmp_path / "pictures" / "frame-3.png").write_bytes(b"\x89PNG broken")
    with pytest.raises(PhysadvError, match=r"frame-3\.png"):
        write_report(summary, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["pictures"]


def test_a_report_is_made_again_from_its_folder(tmp_path: Path) -> None:
    summary = make_summary(tmp_path, frames_a_side=1)
    summary.write(tmp_path)
    first = write_report(summary, tmp_path).read_bytes()
    (tmp_path / "report.html").unlink()
    assert report_from(tmp_path) == tmp_path / "report.html"
    assert (tmp_path / "report.html").read_bytes() == first
    with pytest.raises(PhysadvError, match=r"elsewhere: has none of .*summary.json"):
        report_from(tmp_path / "elsewhere")


# --------------------------------------------------------------------------------------------------- charts and colors


def test_a_bar_is_as_long_as_its_rate() -> None:
    made = rate(np.arange(200) < 50)
    svg = str(charts.bars("t", [charts.Bar("a", made)]))
    assert re.search(r'width="90" height="9" rx="1.5" class="fill-patch"', svg)
    ends = [float(x) for x in re.findall(r'd="M([\d.]+) [\d.]+(?:v5m0-2.5)?H([\d.]+)', svg) for x in x]
    assert ends == pytest.approx([360 * (made.low or 0), 90, 90, 360 * (made.high or 0)], abs=0.06)


def test_a_strip_shows_every_fooled_frame() -> None:
    record = make_record("p", "v", "drive-by")
    assert record.consecutive is not None
    approach = record.consecutive.approaches[0]
    svg = str(charts.timeline("t", [], [approach]))
    widths = [float(width) for width in re.findall(r'width="([\d.]+)" height="10" class="fooled"', svg)]
    road = charts.Road(approach.far_m, approach.near_m)
    assert sum(widths) / road.width * len(approach.trace or "") == pytest.approx(approach.fooled, abs=0.1)


def test_the_heat_map_has_far_above_near_and_no_empty_rows() -> None:
    record = make_record("p", "v", "stationary-15")
    svg = str(charts.heat_map("t", record.heat_map, aimed=True))
    assert svg.index(">25–40 m</text>") < svg.index(">0–5 m</text>")
    assert "40–75 m" not in svg
    for cell in record.heat_map.cells:
        assert cell.at_goal.value is None or words.full(cell.at_goal) in svg


def test_chart_text_is_escaped() -> None:
    svg = str(charts.bars(HOSTILE, [charts.Bar(HOSTILE, rate(np.ones(5, bool)))]))
    assert "<script" not in svg
    assert "<img" not in svg


def variables(css: str) -> dict[str, str]:
    return dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})\b", css))


def luminance(color: str) -> float:
    channels = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.fixture(scope="module", params=["light", "dark"])
def theme(request: pytest.FixtureRequest, reports: dict[str, tuple[Summary, str, Path]]) -> str:
    """The part of the style sheet that makes a theme."""
    style = re.findall(r"<style>(.*?)</style>", reports["one"][1], re.DOTALL)[0]
    light, dark = style.split("@media screen and (prefers-color-scheme: dark)")
    return light if request.param == "light" else dark


def test_text_meets_wcag_aa(theme: str) -> None:
    colors = variables(theme)
    text = [("ink", "paper"), ("ink", "card"), ("soft", "paper"), ("soft", "card"), ("link", "paper"), ("link", "card")]
    text += [("patch", "card"), ("control", "card"), ("clean", "card"), ("soft", "track")]
    text += [("good", "good-soft"), ("bad", "bad-soft"), ("warn", "warn-soft"), ("bad", "paper"), ("warn", "paper")]
    ratios = {(one, other): contrast(colors[one], colors[other]) for one, other in text}
    assert {pair: ratio for pair, ratio in ratios.items() if ratio < 4.5} == {}
    assert contrast(colors["patch"], colors["track"]) >= 3.0
    assert contrast(colors["control"], colors["track"]) >= 3.0


def test_the_palette_is_readable_and_runs_one_way(theme: str) -> None:
    steps = re.findall(r"\.h(\d+) \{ --cell: (#\w{6}); --on: (#\w{6})", theme)[: charts.LEVELS + 1]
    assert [int(number) for number, _, _ in steps] == list(range(charts.LEVELS + 1))
    assert min(contrast(cell, on) for _, cell, on in steps) >= 4.5
    brightness = [luminance(cell) for _, cell, _ in steps]
    assert brightness in (sorted(brightness), sorted(brightness, reverse=True))


# ----------------------------------------------------------------------------------------------------------- terminal


@pytest.mark.parametrize("shape", SHAPES)
def test_the_terminal_says_the_same(reports: dict[str, tuple[Summary, str, Path]], shape: str) -> None:
    summary = reports[shape][0]
    out = StringIO()
    print_summary(summary, Console(file=out, width=400))
    said = squeezed(out.getvalue())
    assert squeezed(words.summary_verdict(summary).headline) in said
    for record in summary.records:
        assert squeezed(words.share_interval(record.headline)) in said
        assert squeezed(record.battery) in said
    assert ("fail" in said) == (not summary.passed)


def test_the_terminal_says_which_success_it_counts(reports: dict[str, tuple[Summary, str, Path]]) -> None:
    one, other = reports["several"][0], reports["untargeted"][0].records[0]
    other = other.model_copy(update={"patch": one.records[0].patch})
    both = one.model_copy(update={"records": (*one.records, other)})
    said = []
    for summary in (one, reports["untargeted"][0], both):
        out = StringIO()
        Console(file=out, width=400).print(table(summary))
        said.append(out.getvalue())
    assert ("targeted" in said[0], "untargeted" in said[0]) == (True, False)
    assert said[1].count("untargeted") == 1
    assert all(f"{record.battery}, {record.kind}" in said[2] for record in both.records)


def test_the_terminal_table_fits_eighty_columns(reports: dict[str, tuple[Summary, str, Path]]) -> None:
    out = StringIO()
    print_summary(reports["several"][0], Console(file=out, width=80))
    assert max(map(len, out.getvalue().splitlines())) <= 80


# ------------------------------------------------------------------------------------------------------------ browser

PROBE = """
<script>
addEventListener("load", function () {
  var wide = document.documentElement.scrollWidth, button = document.getElementById("theme"), clipped = [];
  document.querySelectorAll("svg").forEach(function (svg) {
    var box = svg.getBoundingClientRect();
    svg.querySelectorAll("text").forEach(function (text) {
      var t = text.getBoundingClientRect();
      if (t.width && (t.right > box.right + 4 || t.left < box.left - 4)) { clipped.push(text.textContent); }
    });
  });
  var before = getComputedStyle(document.body).backgroundColor;
  button.click();
  var after = getComputedStyle(document.body).backgroundColor;
  var broken = Array.prototype.filter.call(document.images, function (i) { return !i.naturalWidth; }).length;
  parent.postMessage(JSON.stringify({
    width: innerWidth, scroll: wide, toggled: before !== after, button: button.textContent, clipped: clipped,
    broken: broken, loaded: performance.getEntriesByType("resource").map(function (e) { return e.name.slice(0, 40); })
  }), "*");
});
</script>
"""
FRAME = """<!doctype html><title>frame</title>
<script>addEventListener("message", function (e) { document.body.setAttribute("data-probe", e.data); });</script>
<iframe src="probed.html" style="width: WIDTHpx; height: 900px; border: 0"></iframe>
"""
"""Chromium's window has a least width; a frame has none."""


def browse(page: Path, folder: Path, *, width: int) -> tuple[dict[str, Any], str]:
    """What a probe inside the page measured, and the browser's log."""
    assert CHROMIUM is not None
    html = page.read_text(encoding="utf-8")
    html = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", html).replace("</body>", f"{PROBE}</body>")
    probed = folder / "probed.html"
    probed.write_text(html, encoding="utf-8")
    (folder / "frame.html").write_text(FRAME.replace("WIDTH", str(width)), encoding="utf-8")
    done = chromium(folder, folder / "frame.html", width=max(width + 40, 600))
    found = re.search(r'data-probe="([^"]*)"', done.stdout)
    assert found, done.stderr
    return json.loads(unescape(found.group(1))), done.stderr


def chromium(folder: Path, page: Path, *, width: int, anchor: str = "") -> subprocess.CompletedProcess[str]:
    """The page's document after its scripts have run."""
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
    options += ["--enable-logging=stderr", "--virtual-time-budget=3000", f"--window-size={width},900", "--dump-dom"]
    command = [str(CHROMIUM), *options, f"--user-data-dir={folder / 'profile'}", page.as_uri() + anchor]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)


needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium found")


@needs_browser
@pytest.mark.parametrize(("shape", "width"), [("several", 390), ("hostile", 390), ("several", 1280)])
def test_a_browser_shows_it_without_sideways_scrolling(
    reports: dict[str, tuple[Summary, str, Path]], tmp_path: Path, shape: str, width: int
) -> None:
    measured, log = browse(reports[shape][2], tmp_path, width=width)
    assert measured["width"] == width
    assert measured["scroll"] <= width
    assert measured["clipped"] == []
    assert measured["broken"] == 0
    assert measured["toggled"]
    assert measured["button"] in ("Light theme", "Dark theme")
    assert all(name.startswith("data:") for name in measured["loaded"])
    assert "CONSOLE" not in log


@needs_browser
def test_a_browser_runs_the_page_under_its_own_policy(
    reports: dict[str, tuple[Summary, str, Path]], tmp_path: Path
) -> None:
    done = chromium(tmp_path, reports["hostile"][2], width=800)
    assert "CONSOLE" not in done.stderr
    button = re.search(r'<button type="button" id="theme"([^>]*)>(\w+) theme', done.stdout)
    assert button
    assert "hidden" not in button.group(1)


@needs_browser
def test_a_browser_unpacks_the_result_that_is_asked_for(tmp_path: Path) -> None:
    patches, victims = [f"patch {n}" for n in range(5)], [HOSTILE, *(f"victim {n}" for n in range(5))]
    summary = make_summary(tmp_path, patches=patches, victims=victims, frames_a_side=0)
    page = write_report(summary, tmp_path)
    done = chromium(tmp_path, page, width=800, anchor="#record-7")
    assert "CONSOLE" not in done.stderr
    assert done.stdout.count('<section class="record"') == 1
    shown = Page(done.stdout[done.stdout.index('<div id="result-place">') :].split("</section>")[0])
    assert summary.records[6].patch in shown.text
    assert "alert" not in [tag for tag, _ in shown.elements]
    assert not [tag for tag, _ in shown.elements if tag == "script"]


def test_a_summary_without_victims_is_refused(tmp_path: Path) -> None:
    summary = make_summary(tmp_path)
    made = summary.model_dump(mode="json") | {"victims": []}
    (tmp_path / "summary.json").write_text(json.dumps(made))
    with pytest.raises(PhysadvError, match=r"summary\.json: victims"):
        read_summary(tmp_path)
