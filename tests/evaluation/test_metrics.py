"""Every registered metric is in the summary, on the terminal, in the report and in JUnit, with its interval."""

from __future__ import annotations

import io
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from evaluation_kit import ColorVictim, colored_patch, quick_battery
from rich.console import Console

from physadv.core.statistics import Rate, rate
from physadv.evaluation import evaluate
from physadv.evaluation.batteries.compared_frames import ComparedFrames, read_frames
from physadv.evaluation.batteries.summary import Record, Summary, read_summary
from physadv.evaluation.metrics.metric import METRICS, Metric, measured
from physadv.reports import print_summary, report_from, words


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Summary, Path]:
    """An evaluation of frames and of drives, for one patch with a target."""
    out = tmp_path_factory.mktemp("metrics") / "run"
    battery = quick_battery(frames=60, drives=6, consecutive={"k": 2, "n": 4})
    summary = evaluate([colored_patch()], [ColorVictim()], [battery], out)
    return summary, out


def frames_of(out: Path) -> ComparedFrames:
    return read_frames(out / "outcomes.parquet", patch="blue", victim="color", battery="quick")


@pytest.mark.parametrize("name", METRICS)
def test_a_metric_is_wherever_results_are_read(name: str, run: tuple[Summary, Path]) -> None:
    summary, out = run
    assert read_summary(out) == summary
    (record,) = summary.records
    found = next(one for one in record.metrics if one.metric == name)
    assert found.title
    assert found.number is not None
    assert sum(one is not None for one in (found.rate, found.difference, found.value)) == 1
    report_from(out)
    page = (out / "report.html").read_text(encoding="utf-8")
    assert f"<dt>{found.title}</dt>" in page or not found.tile
    tree = ElementTree.parse(out / "junit.xml")
    assert f"{found.title}: " in (tree.findtext(".//system-out") or "")
    said = io.StringIO()
    print_summary(summary, Console(file=said, width=200))
    head = next(line for line in said.getvalue().splitlines() if "clean" in line and "gain" in line)
    assert found.heading in head
    if found.heading:
        assert words.cell_of(found).split(" ")[0] in said.getvalue()


@pytest.mark.parametrize("name", METRICS)
def test_a_metric_says_which_way_is_better_and_needs_the_table_alone(name: str, run: tuple[Summary, Path]) -> None:
    summary, out = run
    assert METRICS[name].better in ("higher", "lower")
    assert (METRICS[name].__doc__ or "").strip()
    again = measured(summary.records[0], frames_of(out))
    assert again == summary.records[0].metrics


def test_what_is_measured_is_what_the_table_holds(run: tuple[Summary, Path]) -> None:
    summary, out = run
    frames = frames_of(out)
    clean, patch = frames.clean, frames.seen["patch"]
    number = {one.metric: one.number for one in summary.records[0].metrics}
    assert number["success"] == pytest.approx(float(patch.won[clean].mean()))
    assert number["untargeted-success"] == pytest.approx(float(patch.misread[clean].mean()))
    assert number["clean-accuracy"] == pytest.approx(float(clean.mean()))
    control = frames.seen[summary.records[0].gain.control].won[clean]
    assert number["gain"] == pytest.approx(float(patch.won[clean].mean() - control.mean()))
    lost = float((frames.seen["clean"].true_probability - patch.true_probability).mean())
    assert number["lost-confidence"] == pytest.approx(lost, abs=1e-6)
    runs = [len(part) for part in "".join(_letters(frames)).replace(".", " ").replace("|", " ").split()]
    assert number["longest-run"] == max(runs, default=0)


def _letters(frames: ComparedFrames) -> list[str]:
    """Fooled frames of drives as #, others as ., drives apart."""
    letters, before = [], None
    for row in np.flatnonzero(frames.driven).tolist():
        drive = (frames.entry[row], frames.approach[row])
        letters.append("|" if drive != before else "")
        letters.append("#" if frames.seen["patch"].won[row] and frames.clean[row] else ".")
        before = drive
    return letters


def test_the_headline_comes_first_and_metrics_keep_their_places(run: tuple[Summary, Path]) -> None:
    names = [one.metric for one in run[0].records[0].metrics]
    assert names[0] == words.HEADLINE
    places = [METRICS[name].place for name in names]
    assert places == sorted(places)


def test_a_metric_is_one_class(run: tuple[Summary, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    class Odd(Metric):
        """Frames of odd numbers that are fooled."""

        title = "Odd frames fooled"
        heading = "odd"
        better = "lower"

        def measure(self, record: Record, frames: ComparedFrames) -> Rate:
            return rate(frames.seen["patch"].won[frames.index % 2 == 1])

    monkeypatch.setitem(METRICS.parts, "odd", Odd)
    summary, out = run
    record = summary.records[0].model_copy(update={"metrics": measured(summary.records[0], frames_of(out))})
    said = io.StringIO()
    print_summary(summary.model_copy(update={"records": (record,)}), Console(file=said, width=200))
    assert "odd" in said.getvalue()


@pytest.mark.parametrize("value", [np.float32(2.5), 3, np.int64(3)])
def test_a_metric_may_give_any_number(value: float, run: tuple[Summary, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    class Number(Metric):
        """A number."""

        title = "A number"
        heading = "success"
        better = "lower"

        def measure(self, record: Record, frames: ComparedFrames) -> float:
            return value

    monkeypatch.setitem(METRICS.parts, "number", Number)
    summary, out = run
    found = {one.metric: one for one in measured(summary.records[0], frames_of(out))}
    assert found["number"].value == float(value)
    assert (found["success"].heading, found["number"].heading) == ("success", "number"), "no column hides another"


def test_a_metric_that_gives_something_else_is_a_defect(
    run: tuple[Summary, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Wrong(Metric):
        """An array."""

        title = "Wrong"
        better = "lower"

        def measure(self, record: Record, frames: ComparedFrames) -> float:
            return np.zeros(2)  # type: ignore[return-value]

    monkeypatch.setitem(METRICS.parts, "wrong", Wrong)
    summary, out = run
    with pytest.raises(TypeError, match="metric 'wrong': gives"):
        measured(summary.records[0], frames_of(out))
