"""The runner: one table from the same frames for all subjects, resumable, in bounded memory, with verdicts."""

from __future__ import annotations

import base64
import gzip
import json
import re
import shutil
import struct
import subprocess
import sys
import textwrap
from contextlib import suppress
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from evaluation_kit import CLASSES, ColorVictim, QuickScene, colored_patch, quick_battery
from photograph_kit import street
from PIL import Image
from torch import Tensor

from physadv.attacks.physical.engine import pictures_of
from physadv.core.errors import PhysadvError
from physadv.core.number_format import percent
from physadv.evaluation import evaluate, exceeds, load_battery, read_summary
from physadv.evaluation.batteries.flags import above
from physadv.evaluation.batteries.gallery import MOST_FRAMES, PICTURES
from physadv.evaluation.batteries.summary import SEEN_PHOTOGRAPHS, Summary
from physadv.evaluation.outcomes import (
    OUTCOMES_VERSION,
    ROWS_PER_GROUP,
    SCHEMA,
    VERSION_KEY,
    check_version,
    read_batches,
    rows_of,
)
from physadv.patches import save_patch
from physadv.reports import words, write_report
from physadv.reports.page import render_page
from physadv.scenes import Conditions, PaintedSign, load_scene
from physadv.signs.datasets import load_dataset

SUBJECTS = ("patch", "clean", "gray", "random")


def run(out: Path, **changes: Any) -> Summary:
    arguments = {
        "patches": [colored_patch()],
        "victims": [ColorVictim()],
        "batteries": [quick_battery(frames=300, drives=12)],
        "out": out,
        **changes,
    }
    return evaluate(**arguments)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Summary]:
    out = tmp_path_factory.mktemp("run") / "out"
    victims = [ColorVictim(), ColorVictim(name="other", classes=("yield", "stop"), size=24, differentiable=False)]
    patches = [colored_patch(), colored_patch((0.4, 0.4, 0.4), name="dull", goal="untargeted")]
    return out, run(out, patches=patches, victims=victims)


def table(out: Path) -> pa.Table:
    return pq.read_table(out / "outcomes.parquet")


def test_what_a_run_leaves_behind(done: tuple[Path, Summary]) -> None:
    out, summary = done
    assert {path.name for path in out.iterdir()} == {
        "run.json",
        "outcomes.parquet",
        "summary.json",
        "junit.xml",
        "pictures",
    }
    assert read_summary(out) == summary
    assert check_version(out / "outcomes.parquet") == summary.provenance.rows == 540 * 4 * 2 * 2
    assert pq.read_schema(out / "outcomes.parquet").metadata[VERSION_KEY] == str(OUTCOMES_VERSION).encode()
    assert pq.read_schema(out / "outcomes.parquet").remove_metadata().equals(SCHEMA)
    assert len(summary.records) == 4


def test_all_subjects_are_seen_in_the_same_frames(done: tuple[Path, Summary]) -> None:
    rows = table(done[0])
    conditions = [field for field in SCHEMA.names if field in Conditions.__dataclass_fields__]
    views = {}
    for patch in ("blue", "dull"):
        for victim in ("color", "other"):
            for subject in SUBJECTS:
                mask = np.logical_and.reduce(
                    [
                        np.array(rows[column].to_pylist()) == value
                        for column, value in (("patch", patch), ("victim", victim), ("subject", subject))
                    ]
                )
                part = rows.filter(pa.array(mask))
                assert len(part) == 540
                views[patch, victim, subject] = part.select(["entry", "seed", *conditions])
    first = next(iter(views.values()))
    assert all(view.equals(first) for view in views.values())


def test_flags_of_a_row_follow_from_its_classes(done: tuple[Path, Summary]) -> None:
    for row in table(done[0]).to_pylist():
        assert row["true_class"] == "stop"
        assert row["correct"] == (row["predicted"] == "stop")
        assert row["predicted"] == row["top_classes"][0]
        assert row["probability"] == row["top_probabilities"][0] == max(row["top_probabilities"])
        known = row["patch"] == "blue" and row["victim"] == "color"
        assert row["goal"] == ("targeted:speedLimit45" if known else "untargeted")
        assert row["won"] == (row["predicted"] == "speedLimit45" if known else not row["correct"])
        target = row["top_classes"].index("speedLimit45") if known else row["top_classes"].index("stop")
        share = row["top_probabilities"][target]
        assert row["goal_probability"] == pytest.approx(share if known else 1.0 - share, abs=1e-6)
        assert row["light_name"] in ("day", "dusk")
        assert row["weather"] is None


def test_rows_replay_to_what_the_victim_saw(done: tuple[Path, Summary]) -> None:
    rows = [row for row in table(done[0]).to_pylist() if row["patch"] == "blue" and row["victim"] == "color"]
    rows = [row for row in rows if row["subject"] == "patch" and row["entry"] == 0][:40]
    conditions = Conditions.from_columns({name: [row[name] for row in rows] for name in rows[0]})
    patch = colored_patch()
    painted = PaintedSign(patch.sign, patch.painted(256), patch.sheeting(256))
    probability = ColorVictim()(QuickScene().render(painted, conditions, size=(16, 16))).softmax(1)
    assert probability[:, 0].tolist() == pytest.approx([row["true_probability"] for row in rows], abs=1e-6)


class Memory(ColorVictim):
    """Remembers what it was shown."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.shown: list[Tensor] = []

    def forward(self, images: Tensor) -> Tensor:
        self.shown.append(images)
        return super().forward(images)


def test_each_victim_is_shown_boxes_as_it_takes_them(tmp_path: Path) -> None:
    victims = {box: Memory(name=box, box=box) for box in ("squash", "square", "either")}
    battery = load_battery({"name": "points", "entries": [{"scene": "stationary-15", "frames": 15, "seed": 4}]})
    summary = run(tmp_path / "out", victims=list(victims.values()), batteries=[battery], batch=15)
    assert {victim.name: victim.box for victim in summary.victims} == {box: box for box in victims}
    rows = [row for row in table(tmp_path / "out").to_pylist() if row["subject"] == "patch"]
    patch, scene = colored_patch(), load_scene("stationary-15")
    painted = PaintedSign(patch.sign, patch.painted(256), patch.sheeting(256))
    squares = {}
    for box, victim in victims.items():
        own = [row for row in rows if row["victim"] == box]
        conditions = Conditions.from_columns({name: [row[name] for row in own] for name in own[0]})
        squares[box] = conditions.crop_square.tolist()
        frames = scene.render(painted, conditions, size=(16, 16))
        assert any(shown.shape == frames.shape and torch.allclose(shown, frames, atol=1e-5) for shown in victim.shown)
    assert squares["squash"] == [0.0] * 15
    assert squares["square"] == [1.0] * 15
    assert set(squares["either"]) == {0.0, 1.0}
    assert len({tuple(row["yaw_deg"] for row in rows if row["victim"] == box) for box in victims}) == 1


def test_what_victims_read_of_a_data_set_is_in_the_same_report(tmp_path: Path) -> None:
    for name, colors in {"stop": ["red", "red", "blue"], "yield": ["green"]}.items():
        (tmp_path / "signs" / name).mkdir(parents=True)
        for number, color in enumerate(colors):
            Image.new("RGB", (20, 24), color).save(tmp_path / "signs" / name / f"{number}.png")
    signs = load_dataset("image-folder", tmp_path / "signs")
    victims = [ColorVictim(), ColorVictim(name="other", classes=("speedLimit45", "stop"))]
    summary = run(tmp_path / "out", victims=victims, datasets=[signs])
    told = {victim.name: victim.datasets for victim in read_summary(tmp_path / "out" / "summary.json").victims}
    assert told == {victim.name: victim.datasets for victim in summary.victims}
    (three,), (two,) = told["color"], told["other"]
    assert (three.kind, three.split, three.accuracy.hits, three.accuracy.n) == ("image-folder", "all", 3, 4)
    assert (two.accuracy.hits, two.accuracy.n) == (2, 3), "pictures of classes that it does not have are left out"
    page = write_report(summary, tmp_path / "out").read_text()
    assert "image-folder, all" in page
    assert "n 4" in page
    with pytest.raises(PhysadvError, match="pictures of none of the classes"):
        run(tmp_path / "b", victims=[ColorVictim(name="c", classes=("speedLimit45", "yield"))], true_class="yield",
            datasets=[signs.select(["stop"])])  # fmt: skip
    assert not (tmp_path / "b").exists()


def test_the_summary_agrees_with_the_table(done: tuple[Path, Summary]) -> None:
    out, summary = done
    rows = [row for row in table(out).to_pylist() if row["patch"] == "blue" and row["victim"] == "color"]
    by = {subject: [row for row in rows if row["subject"] == subject] for subject in SUBJECTS}
    record = summary.records[0]
    read = [row["correct"] for row in by["clean"]]
    assert 0 < sum(read) < len(read)
    assert (record.clean_accuracy.hits, record.clean_accuracy.n) == (sum(read), 540)
    for subject, success in [
        ("patch", record.patch_success),
        *zip(("clean", "gray", "random"), record.controls, strict=True),
    ]:
        assert success.subject == subject
        hits = [not row["correct"] for row in by[subject]]
        assert success.untargeted_raw.hits == sum(hits)
        assert success.untargeted.hits == sum(h and r for h, r in zip(hits, read, strict=True))
        assert success.untargeted.n == sum(read)
        assert success.at_goal.hits == sum(row["won"] and r for row, r in zip(by[subject], read, strict=True))
        assert success.mean_true_probability == pytest.approx(np.mean([row["true_probability"] for row in by[subject]]))
    assert record.goal == "targeted:speedLimit45"
    assert record.headline == record.patch_success.at_goal
    assert sum(share.frames for share in record.confusion) == 540
    assert record.approaches == 12
    assert record.consecutive.rate.n == 12
    assert sum(cell.frames for cell in record.heat_map.cells) == 540
    for slices in (record.by_light, record.by_distance, record.by_angle, record.by_entry):
        assert sum(part.untargeted.hits for part in slices) == record.patch_success.untargeted.hits
    assert sum(part.frames for part in record.timeline) == 240


def test_records_know_what_their_victim_lacks(done: tuple[Path, Summary]) -> None:
    by = {(record.patch, record.victim): record for record in done[1].records}
    codes = {flag.code for flag in by["blue", "other"].flags}
    assert {"transfer", "no-target", "no-gradient"} <= codes
    assert by["blue", "other"].goal == "untargeted"
    assert not {"transfer", "no-target", "no-gradient"} & {flag.code for flag in by["blue", "color"].flags}
    assert by["dull", "color"].goal == "untargeted"


def test_pictures_are_there_and_of_their_frames(done: tuple[Path, Summary]) -> None:
    out, summary = done
    for record in summary.records:
        assert record.most_fooled
        assert record.least_fooled
        for picture in (*record.most_fooled, *record.least_fooled):
            with Image.open(out / picture.seen) as seen, Image.open(out / picture.picture) as large:
                side = 16 if record.victim == "color" else 24
                assert seen.size == (side, side)
                assert large.size == (192, 192)
        ranks = [picture.goal_probability for picture in record.most_fooled]
        assert ranks[0] >= max(picture.goal_probability for picture in record.least_fooled)
    for info in summary.patches:
        assert set(info.pictures) == set(SUBJECTS)
        with Image.open(out / info.picture) as image:
            assert image.mode == "RGBA"


class Killed(BaseException):
    """Not an error that anything may catch."""


class Dying(QuickScene):
    """A scene in which the machine is switched off at the n-th render."""

    left = 0

    def render(self, *arguments: Any, **options: Any) -> Tensor:
        Dying.left -= 1
        if Dying.left < 0:
            raise Killed
        return super().render(*arguments, **options)


@pytest.mark.parametrize("renders", [1, 23, 33])
def test_a_killed_run_resumes_to_the_same_table(renders: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    battery = quick_battery(frames=700, drives=0)
    whole = run(tmp_path / "whole", batteries=[battery])
    Dying.left = renders
    with monkeypatch.context() as patching:
        patching.setitem(battery.__dict__, "scenes", (Dying(),))
        with pytest.raises(Killed):
            run(tmp_path / "killed", batteries=[battery])
    out = tmp_path / "killed"
    finished = sorted((out / "parts").glob("*.parquet")) if (out / "parts").exists() else []
    assert not (out / "outcomes.parquet").exists()
    assert len(finished) == renders // 16  # four subjects times four batches of 64 a part of 256
    before = {path: path.stat().st_mtime_ns for path in finished}
    resumed = run(out, batteries=[battery])
    assert all(not path.exists() for path in before)
    assert (tmp_path / "whole" / "outcomes.parquet").read_bytes() != b""
    assert table(out).equals(table(tmp_path / "whole"))
    assert resumed.records == whole.records


def test_a_resumed_run_does_not_do_its_parts_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    battery = quick_battery(frames=600)
    Dying.left = 34
    with monkeypatch.context() as patching:
        patching.setitem(battery.__dict__, "scenes", (Dying(),))
        with pytest.raises(Killed):
            run(tmp_path, batteries=[battery])
        Dying.left = 8 + 2  # the last part: four subjects, two batches; then the pictures in two sizes
        run(tmp_path, batteries=[battery])
    assert Dying.left == 0


def test_only_the_pictures_that_the_report_shows_are_drawn(tmp_path: Path) -> None:
    """A run of more results than its report has room for: the strongest of each patch and victim come first."""
    patches = [colored_patch((0.2, 0.3, 0.3 + 0.02 * number), name=f"patch {number}") for number in range(6)]
    victims = [ColorVictim(name=f"victim {number}") for number in range(5)]
    summary = run(tmp_path, patches=patches, victims=victims, batteries=[quick_battery(frames=40)])
    shown = [picture for record in summary.records for picture in (*record.most_fooled, *record.least_fooled)]
    assert 0 < len(shown) <= MOST_FRAMES < 2 * PICTURES * len(summary.records)
    assert {record.patch for record in summary.records if record.most_fooled} == {
        patch.record.name for patch in patches
    }
    assert {record.victim for record in summary.records if record.most_fooled} == {victim.name for victim in victims}
    signs = {path for info in summary.patches for path in info.pictures.values()}
    on_disk = {f"pictures/{path.name}" for path in (tmp_path / "pictures").iterdir()}
    assert on_disk == signs | {path for picture in shown for path in (picture.picture, picture.seen)}
    packed = re.findall(r'id="pack-[^"]+">([^<]*)<', render_page(summary, tmp_path))
    sections = [gzip.decompress(base64.b64decode(text)).decode() for text in packed]
    assert sum(section.count('class="seen"') for section in sections) == len(shown)


def test_a_picture_knows_its_row(done: tuple[Path, Summary]) -> None:
    out, summary = done
    rows = table(out).to_pylist()
    for record in summary.records:
        for picture in (*record.most_fooled, *record.least_fooled):
            assert picture.row is not None
            row = rows[picture.row]
            assert (row["patch"], row["victim"], row["battery"]) == (record.patch, record.victim, record.battery)
            assert (row["subject"], row["entry"], row["index"]) == ("patch", picture.entry, picture.index)
            assert row["predicted"] == picture.predicted


def test_a_finished_run_is_only_summed_up_again(tmp_path: Path) -> None:
    first = run(tmp_path)
    stamp = (tmp_path / "outcomes.parquet").stat().st_mtime_ns
    (tmp_path / "summary.json").unlink()
    again = run(tmp_path, max_asr=0.0)
    assert (tmp_path / "outcomes.parquet").stat().st_mtime_ns == stamp
    assert again.records[0].patch_success == first.records[0].patch_success
    assert not again.passed


def test_batches_do_not_change_the_table(tmp_path: Path) -> None:
    run(tmp_path / "a", batch=64)
    run(tmp_path / "b", batch=37)
    assert table(tmp_path / "a").equals(table(tmp_path / "b"))


@pytest.mark.parametrize(
    ("changes", "difference"),
    [
        ({"frames": 50}, "options.frames was None, now 50"),
        ({"batteries": [quick_battery(frames=200)]}, "batteries.0.entries.0.frames was 60, now 200"),
        ({"victims": [ColorVictim(sha256="changed")]}, "victims.0.fingerprint"),
        ({"patches": [colored_patch((0.9, 0.1, 0.1))]}, "the content of patches.0.sha256 has changed"),
    ],
)
def test_a_folder_of_another_run_is_refused(changes: dict[str, Any], difference: str, tmp_path: Path) -> None:
    run(tmp_path, batteries=[quick_battery(frames=60)])
    before = (tmp_path / "summary.json").read_bytes()
    with pytest.raises(PhysadvError, match="holds other results") as caught:
        run(tmp_path, **{"batteries": [quick_battery(frames=60)], **changes})
    assert difference in str(caught.value)
    assert (tmp_path / "summary.json").read_bytes() == before


def test_foreign_folders_and_repeats_are_refused(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("x")
    with pytest.raises(PhysadvError, match=r"holds thesis\.tex, which physadv evaluate did not write"):
        run(tmp_path / "mine")
    (tmp_path / "file").write_text("x")
    with pytest.raises(PhysadvError, match="is a file"):
        run(tmp_path / "file")
    run(tmp_path / "own", batteries=[quick_battery(frames=20)])
    with pytest.raises(PhysadvError, match="holds this run already"):
        run(tmp_path / "own", batteries=[quick_battery(frames=20)], resume=False)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"patches": []}, "no patch"),
        ({"victims": []}, "no victim"),
        ({"batteries": []}, "no battery"),
        ({"victims": [ColorVictim(), ColorVictim()]}, "'color' is given twice"),
        ({"patches": [colored_patch(), colored_patch()]}, "two patches are named 'blue'"),
        ({"batteries": [quick_battery(), quick_battery()]}, "'quick' is given twice"),
        ({"victims": [ColorVictim(classes=("yield", "speedLimit45"))]}, "none of its classes"),
        ({"true_class": "giveway"}, "unknown class"),
        ({"batch": 0}, "batch = 0"),
        ({"max_asr": 1.5}, "max-asr = 1.5"),
        ({"device": "toaster"}, "device 'toaster'"),
        ({"frames": 0}, "frames = 0"),
    ],
)
def test_wrong_requests_leave_nothing_behind(changes: dict[str, Any], sentence: str, tmp_path: Path) -> None:
    with pytest.raises(PhysadvError) as caught:
        run(tmp_path / "out", **changes)
    assert sentence in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_a_victim_with_the_wrong_number_of_outputs_is_refused(tmp_path: Path) -> None:
    class Short(ColorVictim):
        def forward(self, images: Tensor) -> Tensor:
            return super().forward(images)[:, :2]

    with pytest.raises(PhysadvError, match="list of classes has"):
        run(tmp_path / "out", victims=[Short()])
    assert not (tmp_path / "out").exists()


def test_victims_are_left_as_they_were_found(tmp_path: Path) -> None:
    victim = ColorVictim()
    victim.head = torch.nn.Linear(2, 2)
    victim.train()
    run(tmp_path, victims=[victim], batteries=[quick_battery(frames=20)])
    assert victim.training
    assert victim.head.training
    assert all(parameter.requires_grad for parameter in victim.parameters())


def test_a_disk_that_is_full_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: Any, **options: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pq.ParquetWriter, "write_batch", full)
    with pytest.raises(PhysadvError, match="No space left"):
        run(tmp_path / "out")
    assert not list((tmp_path / "out").rglob("*.parquet"))


def test_bundles_on_disk_are_named_by_their_folder(tmp_path: Path) -> None:
    save_patch(colored_patch(), tmp_path / "renamed")
    summary = run(tmp_path / "out", patches=[tmp_path / "renamed"], batteries=[quick_battery(frames=20)])
    info = summary.patches[0]
    assert info.name == summary.records[0].patch == "renamed"
    assert info.record["name"] == "blue"
    assert info.area_fraction == pytest.approx(1.0)
    assert info.folder == str(tmp_path / "renamed")


def test_damaged_and_foreign_tables_are_refused(tmp_path: Path) -> None:
    run(tmp_path, batteries=[quick_battery(frames=20)])
    file = tmp_path / "outcomes.parquet"
    file.write_bytes(file.read_bytes()[:500])
    with pytest.raises(PhysadvError, match="not a readable Parquet table"):
        check_version(file)
    pq.write_table(pa.table({"x": [1]}), file)
    with pytest.raises(PhysadvError, match="its columns are others than physadv wrote"):
        check_version(file)
    with pytest.raises(PhysadvError, match=r"outcomes\.parquet: has changed since it was written"):
        run(tmp_path, batteries=[quick_battery(frames=20)])
    file.unlink()
    run(tmp_path, batteries=[quick_battery(frames=20)])


def test_a_flipped_bit_in_a_table_never_goes_unnoticed(tmp_path: Path) -> None:
    """Of the pages, by their checksums; of the rest of the file, by the digest in the run's record."""
    run(tmp_path, batteries=[quick_battery(frames=20)])
    file = tmp_path / "outcomes.parquet"
    whole, rows = file.read_bytes(), pa.Table.from_batches(read_batches(file))
    (footer,) = struct.unpack("<I", whole[-8:-4])
    random = np.random.default_rng(0)
    changed = 0
    for place in random.integers(4, len(whole) - 8 - footer, 60).tolist():
        file.write_bytes(whole[:place] + bytes([whole[place] ^ (1 << random.integers(8))]) + whole[place + 1 :])
        with suppress(PhysadvError):
            assert pa.Table.from_batches(read_batches(file)).equals(rows), f"byte {place}"
            continue
        changed += 1
    assert changed > 30
    for place in (9, len(whole) // 2, len(whole) - 20):
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(PhysadvError, match="has changed since it was written"):
            run(tmp_path, batteries=[quick_battery(frames=20)])


def test_rows_must_be_of_the_schema() -> None:
    with pytest.raises(ValueError, match="differ from the schema"):
        rows_of({"patch": "x"}, 1)


def test_junit_says_which_threshold_was_missed(tmp_path: Path) -> None:
    limits = {"max_asr": 0.1, "max_targeted_asr": 0.1, "max_fooled_drives": 0.0, "min_clean_accuracy": 1.0}
    limits["max_gain"] = -0.5
    battery = quick_battery(frames=100, drives=10, thresholds=limits)
    summary = run(tmp_path, patches=[colored_patch((0.0, 0.1, 1.0), name="a<&>b")], batteries=[battery])
    root = ElementTree.parse(tmp_path / "junit.xml").getroot()
    case = root.find("testsuite/testcase")
    assert case is not None
    assert case.get("name") == "a<&>b"
    assert case.get("classname") == "physadv.quick.color"
    failures = [failure.get("message", "") for failure in case.iter("failure")]
    assert tuple(failures) == summary.records[0].failures
    for what in (
        "untargeted success (any wrong class) 100.0 % is above the limit of 10.0 % by 90.0 points [max_asr]",
        "targeted success (read as “speedLimit45”) 100.0 % is above the limit of 10.0 % by 90.0 points",
        "adversarial gain",
        "drives fooled",
        "clean accuracy",
    ):
        assert any(what in failure for failure in failures), what
    assert (root.get("tests"), root.get("failures")) == ("1", "1")
    assert exceeds(summary)


def test_exit_code_follows_max_asr(tmp_path: Path) -> None:
    summary = run(tmp_path, batteries=[quick_battery(frames=100)])
    success = summary.records[0].patch_success.untargeted.value
    assert success is not None
    assert 0.1 < success < 1.0
    assert not exceeds(summary)
    assert not exceeds(summary, success)
    assert exceeds(summary, success - 0.01)
    passing = ElementTree.parse(tmp_path / "junit.xml").getroot()
    assert passing.get("failures") == "0"
    assert passing.find("testsuite/testcase/failure") is None


@pytest.mark.parametrize(
    ("own", "given", "holds"), [(None, 0.2, 0.2), (0.1, 0.9, 0.1), (0.9, 0.2, 0.2), (0.1, None, 0.1)]
)
def test_the_stricter_of_two_limits_holds(own: float | None, given: float | None, holds: float, tmp_path: Path) -> None:
    battery = quick_battery(frames=100, thresholds={"max_asr": own})
    record = run(tmp_path, batteries=[battery], max_asr=given).records[0]
    success = record.patch_success.untargeted.value
    assert success is not None
    assert success > 0.2
    over = f"by {100 * (success - holds):.1f} points [max_asr]"
    words = f"untargeted success (any wrong class) {percent(success, 1)} is above the limit of {percent(holds, 1)}"
    assert record.failures == (f"{words} {over}",)


@pytest.mark.parametrize("where", ["option", "battery"])
def test_each_success_has_a_limit_of_its_own(where: str, tmp_path: Path) -> None:
    """A targeted patch: half of the frames are read as its target, more as some wrong class."""
    plain = run(tmp_path / "plain", batteries=[quick_battery(frames=100)]).records[0]
    targeted, untargeted = plain.headline.value, plain.patch_success.untargeted.value
    assert targeted is not None
    assert untargeted is not None
    assert targeted <= untargeted
    for name, value in (("max_asr", untargeted), ("max_targeted_asr", targeted)):
        for limit, broken in ((value, False), (value - 0.01, True)):
            given = {name: limit}
            battery = quick_battery(frames=100, thresholds=given if where == "battery" else {})
            out = tmp_path / f"{name}-{broken}"
            summary = run(out, batteries=[battery], **({} if where == "battery" else given))
            assert exceeds(summary) is broken
            assert [f"[{name}]" in failure for failure in summary.records[0].failures] == [True] * broken
            assert exceeds(run(tmp_path / "plain", batteries=[quick_battery(frames=100)]), **given) is broken


def test_a_targeted_limit_without_a_target_is_refused(tmp_path: Path) -> None:
    untargeted = colored_patch(goal="untargeted")
    with pytest.raises(PhysadvError, match="no patch has a target class"):
        run(tmp_path, patches=[untargeted], max_targeted_asr=0.1)
    assert not list(tmp_path.iterdir())


def test_a_limit_that_is_narrowly_broken_says_so() -> None:
    assert above("success", 0.10004, 0.1, "max_asr") == (
        "success 10.004 % is above the limit of 10.000 % by 0.004 points [max_asr]"
    )


def test_no_clean_frame_passes_no_threshold(tmp_path: Path) -> None:
    blind = ColorVictim(classes=CLASSES)
    blind.forward = lambda images: torch.tensor([[0.0, 1.0, 2.0]]).expand(len(images), 3)  # type: ignore[method-assign]
    summary = run(tmp_path, victims=[blind], batteries=[quick_battery(frames=30, drives=3)], max_asr=0.9)
    record = summary.records[0]
    assert record.patch_success.untargeted.value is None
    assert record.failures
    assert "nothing-to-attack" in {flag.code for flag in record.flags}
    assert exceeds(summary, 0.9)
    json.loads((tmp_path / "summary.json").read_text())


def test_a_seed_that_the_design_used_is_flagged(tmp_path: Path) -> None:
    seen = colored_patch(name="seen", seed=5, config={"scenes": [{"name": "quick"}]})
    fresh = colored_patch(name="fresh", seed=4, config={"scenes": [{"name": "quick"}]})
    summary = run(tmp_path, patches=[seen, fresh], batteries=[quick_battery(frames=20)])
    codes = {record.patch: {flag.code for flag in record.flags} for record in summary.records}
    assert "seen-frames" in codes["seen"]
    assert "seen-frames" not in codes["fresh"]
    assert "seen-scenes" in codes["fresh"]


@pytest.mark.parametrize("recorded", [True, False])
def test_photographs_that_the_design_used_are_not_said_to_be_new(tmp_path: Path, recorded: bool) -> None:
    ours = street(tmp_path / "ours", 3)
    shutil.copytree(ours, tmp_path / "copy")
    street(tmp_path / "copy", 1, first=8)
    theirs = street(tmp_path / "theirs", 2, first=5)
    made = {"kind": "photographs", "name": "made", "folder": str(ours)}
    measured = pictures_of([load_scene(made)]) if recorded else {}
    patch = colored_patch(config={"scenes": [made]}, measured=measured)
    if recorded:
        shutil.rmtree(ours)
    batteries = [
        load_battery(
            {
                "name": name,
                "entries": [{"scene": {**made, "name": name, "folder": str(folder)}, "frames": 4, "seed": 5}],
            }
        )
        for name, folder in (("copy", tmp_path / "copy"), ("theirs", theirs))
    ]
    summary = run(tmp_path / "out", patches=[patch], batteries=batteries)
    seen, new = summary.records
    flag = next(flag for flag in seen.flags if flag.code == SEEN_PHOTOGRAPHS)
    assert "designed on 3 of the 4 photographs that battery copy shows" in flag.message
    assert (seen.is_new, new.is_new) == (False, True)
    heads = [
        words.summary_verdict(summary).headline,
        *(words.verdict(r, summary.patches[0]).headline for r in summary.records),
    ]
    assert ["never" in head for head in heads] == [False, False, True]
    assert "seen while designing (copy)" in heads[0]
    alone = summary.model_copy(update={"records": (seen,)})
    assert "never saw" not in render_page(alone, tmp_path / "out").lower()


MEASURE = """
    import re, sys
    sys.path.insert(0, {tests!r})
    from pathlib import Path
    from evaluation_kit import ColorVictim, colored_patch, quick_battery
    from physadv.evaluation import evaluate
    import pyarrow.parquet as pq
    out = Path({out!r})
    for number, frames in enumerate({frames!r}):
        folder, battery = out / str(number), quick_battery(frames=frames)
        evaluate([colored_patch()], [ColorVictim()], [battery], folder)
        file = pq.ParquetFile(folder / "outcomes.parquet")
        largest = max(file.metadata.row_group(i).num_rows for i in range(file.num_row_groups))
        # the peak of this process alone; RUSAGE_SELF begins with that of the one that it was forked from
        peak = re.search("VmHWM: *(.+) kB", Path("/proc/self/status").read_text().replace(chr(9), " "))[1]
        print(frames, largest, int(peak) // 1024)
"""


@pytest.mark.slow
def test_memory_does_not_grow_with_frames(tmp_path: Path) -> None:
    script = textwrap.dedent(MEASURE).format(
        tests=str(Path(__file__).parents[1] / "kits"), out=str(tmp_path), frames=(1000, 4000, 24000)
    )
    finished = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    peaks = [int(line.split()[2]) for line in finished.stdout.splitlines()]
    groups = [int(line.split()[1]) for line in finished.stdout.splitlines()]
    assert max(groups) <= ROWS_PER_GROUP
    assert peaks[2] - peaks[1] < 23, peaks  # MiB: 20,000 frames more, 80,000 rows of about 600 bytes
    shutil.rmtree(tmp_path)


def test_an_edited_bundle_is_marked_in_its_report(tmp_path: Path) -> None:
    save_patch(colored_patch(), tmp_path / "patch")
    record = tmp_path / "patch" / "patch.json"
    told = json.loads(record.read_text())
    record.write_text(json.dumps({**told, "measured": {"held_out_success": 1.0}}))
    summary = run(tmp_path / "out", patches=[tmp_path / "patch"], batteries=[quick_battery(frames=20)])
    assert "edited" in {flag.code for flag in summary.records[0].flags}
    assert "edited after physadv wrote them" in render_page(summary, tmp_path / "out")
    record.write_text(json.dumps({key: value for key, value in told.items() if key != "sha256"}))
    summary = run(tmp_path / "old", patches=[tmp_path / "patch"], batteries=[quick_battery(frames=20)])
    assert {"edited", "unchecked"} & {flag.code for flag in summary.records[0].flags} == {"unchecked"}
    assert "Not checked for edits" in render_page(summary, tmp_path / "old")
