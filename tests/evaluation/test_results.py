"""Every kind of result: one file that says its kind and version, rows of figures, and a page."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cli_kit import Command, refused
from evaluation_kit import ColorVictim, colored_patch, quick_battery

from physadv.core.errors import PhysadvError
from physadv.core.statistics import Rate
from physadv.evaluation import evaluate, read_result
from physadv.evaluation.batteries.compared_frames import read_frames
from physadv.evaluation.matrix.certification import CertificationPlan, CertificationSummary, Level
from physadv.evaluation.matrix.matrix import Cell, RobustnessPlan, RobustnessSummary
from physadv.evaluation.outcomes import OUTCOMES_VERSION, SCHEMA, check_version, read_batches
from physadv.evaluation.photographs.figures import Group, Part, PhotographSummary
from physadv.evaluation.result import RESULTS, Result
from physadv.reports import REPORTS, report_from


def share(hits: int, n: int) -> Rate:
    return Rate(hits=hits, n=n, value=hits / n, low=0.0, high=1.0, n_effective=float(n), clusters=n, method="wilson")


def robustness() -> Result:
    cell = Cell(
        victim="one",
        attack="fgsm",
        kind="fgsm",
        goal="untargeted",
        knowledge="gradients",
        options={},
        clean_accuracy=share(9, 10),
        robust_accuracy=share(3, 10),
        success=share(6, 9),
        median_norms={"l0": 9.0, "l1": 2.0, "l2": 0.5, "linf": 0.03},
        median_queries=1.0,
        seconds=0.1,
        flags=(),
        examples="",
    )
    plan = RobustnessPlan.model_validate({"victims": ["lisa-cnn"], "attacks": [{"attack": "fgsm"}]})
    return RobustnessSummary(
        plan=plan, pictures=10, dataset="gtsrb test", victims={"one": "ab"}, cells=(cell,), versions={}
    )


def certification() -> Result:
    plan = {"victim": "lisa-cnn", "defense": "randomized-smoothing:sigma=0.25"}
    return CertificationSummary(
        plan=CertificationPlan.model_validate(plan),
        victim="one",
        victim_sha256="ab",
        defense="randomized smoothing",
        paper="Cohen et al. 2019",
        unit="L2 radius",
        pictures=10,
        dataset="gtsrb test",
        notes=(),
        clean_accuracy=share(9, 10),
        defended_accuracy=share(8, 10),
        abstained=share(1, 10),
        levels=(Level(bound=0.25, accuracy=share(5, 10)),),
        flags=(),
        seconds=1.0,
        versions={},
    )


def photographs() -> Result:
    whole = Part(by="all", label="all photographs", misread=share(2, 7), simulated=0.4)
    group = Group(victim="one", subject="unknown", patch="", parts=(whole,), failures=("too much",))
    return PhotographSummary(
        session="street",
        photographs_sha256="ab",
        sign="us/stop",
        true_class={"one": "stop"},
        scene="wide",
        draws=4,
        seed=0,
        calibration=None,
        groups=(group,),
        agreement=None,
        agreement_won=None,
        agreement_as_sent=None,
        agreement_won_as_sent=None,
        shown=(),
        flags=("few photographs",),
        versions={},
    )


@pytest.fixture
def folder(kind: str, tmp_path: Path) -> Path:
    """Where a result of that kind lies."""
    if kind == "batteries":
        evaluate([colored_patch()], [ColorVictim()], [quick_battery(frames=20)], tmp_path / "run")
        return tmp_path / "run"
    made = {"robustness": robustness, "certification": certification, "photographs": photographs}[kind]()
    made.write(tmp_path)
    return tmp_path


@pytest.mark.parametrize("kind", RESULTS)
def test_a_result_is_read_by_what_it_says_it_is(kind: str, folder: Path) -> None:
    file = folder / RESULTS[kind].file_name
    content = json.loads(file.read_text())
    assert (content["kind"], content["schema_version"]) == (kind, RESULTS[kind].model_fields["schema_version"].default)
    made = read_result(folder)
    assert type(made) is RESULTS[kind]
    other = folder / "kept.json"
    other.write_text(file.read_text())
    assert read_result(other) == made, "its name does not matter"
    del content["kind"]
    file.write_text(json.dumps(content))
    assert read_result(folder) == made, "files from before results said their kind"


@pytest.mark.parametrize("kind", RESULTS)
def test_every_figure_of_every_row_is_on_its_page_and_in_a_notebook(kind: str, folder: Path) -> None:
    result = read_result(folder)
    assert result.rows
    for row in result.rows:
        assert row.labels
        assert row.figures
        assert all(one.title and one.better in ("higher", "lower") for one in row.figures)
    page = report_from(folder).read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>")
    shown = result._repr_html_()
    for row in result.rows:
        assert all(label in shown for label in row.labels.values())
        assert all(failure in shown and failure in page for failure in row.failures)
    assert result.passed == (kind != "photographs")


def test_a_kind_without_a_page_of_its_own_has_a_table(tmp_path: Path, physadv: Command) -> None:
    certification().write(tmp_path)
    assert "certification" not in REPORTS
    code, said, _ = physadv("report", tmp_path)
    assert (code, said.strip()) == (0, f"report: {tmp_path / 'report.html'}")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    for words in (
        "any attack up to 0.25",
        "bounded by the L2 radius",
        "Certified accuracy",
        "one behind randomized smoothing",
    ):
        assert words in page


@pytest.mark.parametrize("kind", RESULTS)
def test_an_older_version_is_one_sentence(kind: str, tmp_path: Path) -> None:
    file = tmp_path / RESULTS[kind].file_name
    file.write_text('{"schema_version": 0, "x": 1}')
    with pytest.raises(PhysadvError, match=r"version 0 of .*; this physadv reads version \d: run the command"):
        read_result(tmp_path)


def test_what_is_no_result_is_one_sentence(tmp_path: Path, physadv: Command) -> None:
    refused(physadv("report", tmp_path), "has none of", "summary.json")
    (tmp_path / "other.json").write_text('{"kind": "opera"}')
    refused(physadv("report", tmp_path / "other.json"), "unknown kind of result 'opera'", "batteries")
    (tmp_path / "summary.json").write_text("[]")
    refused(physadv("report", tmp_path), "summary.json")


FROZEN = sorted((Path(__file__).parents[1] / "frozen").glob("*.json"))


@pytest.mark.parametrize("path", FROZEN, ids=lambda path: path.stem)
def test_files_as_they_were_written_once_are_still_read(path: Path, tmp_path: Path) -> None:
    """A file of every version that is read; a new version gets a new file, and old ones stay."""
    kind, version = path.stem.rsplit("-", 1)
    result = read_result(path)
    assert (result.kind, result.schema_version) == (kind, int(version))
    assert result.rows
    (tmp_path / path.name).write_bytes(path.read_bytes())
    if kind != "photographs":
        assert report_from(tmp_path / path.name).is_file()


def test_every_version_that_is_read_has_such_a_file() -> None:
    now = {f"{name}-{kind.model_fields['schema_version'].default}" for name, kind in RESULTS.items()}
    assert now <= {path.stem for path in FROZEN}


@pytest.mark.parametrize("version", range(2, OUTCOMES_VERSION + 1))
def test_a_table_as_it_was_written_once_is_still_read(version: int) -> None:
    path = FROZEN[0].parent / f"outcomes-{version}.parquet"
    assert check_version(path) == sum(len(batch) for batch in read_batches(path))
    assert {tuple(batch.schema.names) for batch in read_batches(path)} == {tuple(SCHEMA.names)}
    victim = next(read_batches(path)).column("victim")[0].as_py()
    frames = read_frames(path, patch="blue", victim=victim, battery="quick")
    (record,) = read_result(FROZEN[0].parent / "batteries-2.json").rows
    success = next(one for one in record.figures if one.metric == "success")
    assert success.number == pytest.approx(float(frames.seen["patch"].won[frames.clean].mean()))
