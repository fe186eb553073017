"""The matrix of victims and attacks: figures are those of the table, cells are kept, the page says them."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from cli_kit import Command, write_card
from PIL import Image
from safetensors.torch import save_file

from physadv.core.errors import PhysadvError
from physadv.core.statistics import rate
from physadv.defenses import load_victim
from physadv.evaluation.matrix import matrix as robustness
from physadv.evaluation.matrix.flags import cell_flags
from physadv.evaluation.matrix.matrix import Cell, RobustnessPlan, read_robustness, run_robustness
from physadv.reports import report_from
from physadv.reports.matrix import flags_of_matrix
from physadv.victims.architectures import LisaCnn

CLASSES = ["stop", "yield", "speedLimit45"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Class folders of noise, and cards of two untrained victims that know their classes."""
    rng = np.random.default_rng(0)
    for name in CLASSES:
        (tmp_path / "data" / name).mkdir(parents=True)
        for number in range(8):
            pixels = rng.integers(0, 256, (40, 36, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "data" / name / f"{number}.png")
    for seed, card in enumerate(("one", "other")):
        torch.manual_seed(seed)
        network = LisaCnn(len(CLASSES))
        save_file(network.state_dict(), str(tmp_path / f"{card}.safetensors"))
        write_card(tmp_path / f"{card}.yaml", name=card, weights=f"{card}.safetensors")
    return tmp_path


def plan(folder: Path, **changes: object) -> RobustnessPlan:
    return RobustnessPlan.model_validate(
        {
            "victims": [str(folder / "one.yaml"), str(folder / "other.yaml")],
            "attacks": [
                {"attack": "fgsm", "options": {"eps": 0.02}},
                {"attack": "pgd", "options": {"eps": 0.02, "steps": 3}, "goal": "targeted:yield"},
            ],
            "dataset": "image-folder",
            "limit": 20,
            **changes,
        }
    )


def test_figures_are_those_of_the_table(folder: Path) -> None:
    summary = run_robustness(plan(folder), folder / "out", data=folder / "data")
    assert summary == read_robustness(folder / "out")
    table = pq.read_table(folder / "out" / "outcomes.parquet").to_pylist()
    assert len(table) == 2 * 2 * 20
    assert {row["picture"] for row in table} == set(range(20))
    labels = {row["picture"]: row["label"] for row in table}
    assert all(labels[row["picture"]] == row["label"] for row in table)
    for cell in summary.cells:
        rows = [row for row in table if (row["victim"], row["attack"]) == (cell.victim, cell.attack)]
        read = [row["clean"] == row["label"] for row in rows]
        assert cell.clean_accuracy.hits == sum(read)
        assert cell.robust_accuracy.hits == sum(row["predicted"] == row["label"] for row in rows)
        tried = [row for row, ok in zip(rows, read, strict=True) if ok and row["attacked"]]
        assert (cell.success.hits, cell.success.n) == (sum(row["success"] for row in tried), len(tried))
        assert all(row["linf"] <= 0.02 + 1e-6 for row in rows)
    assert any(cell.success.hits for cell in summary.cells)


def test_finished_cells_are_kept_and_another_plan_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = run_robustness(plan(folder), folder / "out", data=folder / "data")
    (folder / "out" / "cells" / "1-1.json").unlink()
    seen: list[str] = []
    again = run_robustness(
        plan(folder), folder / "out", data=folder / "data", listener=lambda progress: seen.append(progress.stage)
    )
    assert {title.split(" · ")[0] for title in seen} == {"other"}
    assert len(set(seen)) == 1

    def timeless(summary: robustness.RobustnessSummary) -> list[object]:
        return [cell.model_copy(update={"seconds": 0.0}) for cell in summary.cells]

    assert timeless(again) == timeless(first)
    with pytest.raises(PhysadvError, match=r"holds other results.*limit"):
        run_robustness(plan(folder, limit=10), folder / "out", data=folder / "data")


def test_the_page_says_every_figure_and_needs_no_network(folder: Path) -> None:
    summary = run_robustness(plan(folder), folder / "out", data=folder / "data")
    text = report_from(folder / "out").read_text(encoding="utf-8")
    for cell in summary.cells:
        assert cell.attack in text
        assert f"{cell.success.hits}/{cell.success.n}" in text
    assert "http" not in text.replace("http-equiv", "")
    assert text.count("data:image/png") == sum(len(cell.shown) for cell in summary.cells) > 0
    for cell in summary.cells:
        for flag in cell.flags:
            assert f"[{flag.code}]" in text


def test_examples_say_what_was_read(folder: Path) -> None:
    """Each picture with its class and what the victim read, clean and attacked, as the table has it."""
    summary = run_robustness(plan(folder), folder / "out", data=folder / "data")
    table = pq.read_table(folder / "out" / "outcomes.parquet").to_pylist()
    text = report_from(folder / "out").read_text(encoding="utf-8")
    names = sorted(CLASSES)
    victims = {path.stem: load_victim(path).classes for path in (folder / "one.yaml", folder / "other.yaml")}
    assert all(sorted(classes) == names for classes in victims.values())
    rows = {(row["victim"], row["attack"], row["picture"]): row for row in table}
    for cell in summary.cells:
        classes = victims[cell.victim]
        for shown in cell.shown:
            row = rows[cell.victim, cell.attack, shown.picture]
            read = (classes[row["label"]], classes[row["clean"]], classes[row["predicted"]])
            assert (shown.true_class, shown.clean, shown.adversarial) == read
            assert shown.clean != shown.adversarial
            assert f"adversarial: <b>{shown.adversarial}</b>" in text


def flags(folder: Path, **changes: object) -> dict[str, set[str]]:
    summary = run_robustness(plan(folder, **changes), folder / "out", data=folder / "data")
    return {f"{cell.victim} {cell.kind}": {flag.code for flag in cell.flags} for cell in summary.cells}


def constant_card(folder: Path, name: str) -> str:
    """The card of a victim that says yield, whatever it is shown, if more surely of some pictures than of others."""
    state = LisaCnn(len(CLASSES)).state_dict()
    save_file({**state, "fc1.bias": torch.tensor([0.0, 50.0, 0.0])}, str(folder / f"{name}.safetensors"))
    write_card(folder / f"{name}.yaml", name=name, weights=f"{name}.safetensors")
    return str(folder / f"{name}.yaml")


def test_a_victim_that_reads_little_is_flagged(folder: Path, physadv: Command) -> None:
    victims = [constant_card(folder, "constant")]
    found = flags(folder, victims=victims, attacks=[{"attack": "fgsm"}])
    assert {"constant-answer", "clean-accuracy-low", "too-few-frames"} <= found["constant fgsm"]
    words = ["attack", "fgsm", "--victim", victims[0], "--dataset", "image-folder", "--data", folder / "data"]
    code, out, err = physadv(*words, "--limit", 20, "--out", folder / "said")
    assert code == 0, err
    assert "warning: constant: " in out
    assert "[clean-accuracy-low]" in out


def test_many_flags_of_one_kind_are_one(folder: Path) -> None:
    attacks = [{"attack": "fgsm", "options": {"eps": eps}} for eps in (0.01, 0.02, 0.05, 0.1)]
    summary = run_robustness(plan(folder, attacks=attacks, limit=8), folder / "out", data=folder / "data")
    told = [place for place, flag in flags_of_matrix(summary) if flag.code == "too-few-frames"]
    assert told == ["8 of 8 cells"] or len(told) <= 3
    assert sum(flag.code == "too-few-frames" for cell in summary.cells for flag in cell.flags) == 8


def test_a_victim_that_reads_nothing_is_flagged(folder: Path) -> None:
    """Its classes are the data's, and none of the pictures is of the one that it says."""
    shutil.rmtree(folder / "data" / "yield")
    found = flags(folder, victims=[constant_card(folder, "constant")], attacks=[{"attack": "fgsm"}])
    assert "nothing-to-attack" in found["constant fgsm"]
    assert "clean-accuracy-low" not in found["constant fgsm"]


def cell(**changes: Any) -> Cell:
    hits, n = changes.pop("won", (50, 100))
    rates = {
        "clean_accuracy": rate(np.arange(1000) < 990),
        "robust_accuracy": rate(np.arange(1000) < 500),
        "success": rate(np.arange(n) < hits),
    }
    made = {"victim": "v", "attack": "pgd", "kind": "pgd", "goal": "untargeted", "knowledge": "gradients"}
    options = {"eps": 0.03, "norm": "linf"}
    more = {"median_norms": {}, "median_queries": 1.0, "seconds": 1.0, "flags": (), "examples": ""}
    return Cell.model_validate({**made, "options": options, **rates, **more, **changes})


def test_an_attack_without_gradients_that_does_better_is_flagged() -> None:
    pgd, square = cell(won=(100, 1000)), cell(attack="square", kind="square", knowledge="scores", won=(300, 1000))
    assert codes(pgd, [pgd, square]) == {"black-box-beats-gradients"}
    assert codes(square, [pgd, square]) == set()
    without = {"attack": "square", "kind": "square", "knowledge": "scores"}
    for other in ({"victim": "w"}, {"goal": "targeted:stop"}, {"options": {"eps": 0.1}}, {"won": (102, 1000)}):
        assert codes(pgd, [pgd, cell(**{"won": (300, 1000), **without, **other})]) == set()


def codes(one: Cell, cells: list[Cell], *, differentiable: bool = True) -> set[str]:
    return {flag.code for flag in cell_flags(one, cells, differentiable=differentiable)}


def test_a_good_cell_has_no_flags_and_one_without_gradient_says_so() -> None:
    good = cell()
    assert codes(good, [good]) == set()
    assert codes(good, [good], differentiable=False) == {"no-gradient"}


def test_signs_stand_beside_pictures(folder: Path) -> None:
    where = {"signs": ["us/stop", "us/yield"], "scenes": ["daylight"], "frames": 10, "views": 4, "scored_in": "dusk"}
    attacks = [
        {"attack": "fgsm"},
        {"attack": "fgsm", "options": {"eps": 0.1}, "on_signs": where},
        {"attack": "rp2", "options": {"steps": 3, "mask": "poster", "held_out_frames": 16}, "on_signs": where},
    ]
    victims = [str(folder / "one.yaml")]
    summary = run_robustness(plan(folder, attacks=attacks, victims=victims), folder / "out", data=folder / "data")
    digital, printed, sticker = summary.cells
    assert digital.on_signs is None
    assert (printed.robust_accuracy.n, sticker.robust_accuracy.n) == (20, 20)
    assert printed.clean_accuracy == sticker.clean_accuracy
    assert printed.control_accuracy is None
    assert sticker.control_accuracy is not None
    assert sticker.control_accuracy.n == 20
    assert printed.median_queries == (1 + 1) * 4 or printed.median_queries is None or printed.median_queries == 4
    table = pq.read_table(folder / "out" / "outcomes.parquet").to_pylist()
    rows = [row for row in table if row["attack"] == sticker.attack]
    assert sum(row["predicted"] == row["label"] for row in rows) == sticker.robust_accuracy.hits
    assert {row["label"] for row in rows} == {0, 1}
    text = report_from(folder / "out").read_text(encoding="utf-8")
    assert "10 frames of dusk" in text.replace("\n", " ")
    with pytest.raises(PhysadvError, match="unknown sign"):
        plan(folder, attacks=[{"attack": "fgsm", "on_signs": {"signs": ["us/cake"]}}])
    foreign = plan(folder, attacks=[{"attack": "fgsm", "on_signs": {"signs": ["de/no-entry"]}}])
    with pytest.raises(PhysadvError, match="none of its classes"):
        run_robustness(foreign, folder / "other", data=folder / "data")
    assert not (folder / "other").exists()


def test_from_the_command_line(folder: Path, physadv: Command) -> None:
    words = ["attack", "fgsm", "pgd", "--victim", folder / "one.yaml", "--dataset", "image-folder"]
    words += ["--data", folder / "data", "--limit", 12, "--set", "eps=0.01", "--set", "pgd.steps=2"]
    code, out, err = physadv(*words, "--out", folder / "out")
    assert code == 0, err
    assert "pgd, eps 0.01, steps 2" in out
    options = {cell.kind: cell.options for cell in read_robustness(folder / "out").cells}
    assert (options["fgsm"]["eps"], options["pgd"]["eps"], options["pgd"]["steps"]) == (0.01, 0.01, 2)
    for extra, message in [
        (["--set", "epsilon=1"], "fgsm.eps"),
        (["--set", "eps"], "then = and a value"),
        (["--set", "pgd.steps=0"], "steps"),
        (["--goal", "targeted:tree"], "tree"),
        (["--dataset", "imagenet"], "unknown data set"),
    ]:
        code, _, err = physadv(*words, *extra, "--out", folder / "elsewhere")
        assert code == 2
        assert message in err
        assert err.count("error: ") == 1
    assert not (folder / "elsewhere" / "robustness.json").exists()
    code, _, err = physadv("attack", "nothing", *words[3:], "--out", folder / "elsewhere")
    assert code == 2
    assert "unknown attack 'nothing'" in err


def test_a_defense_stands_around_the_victim(folder: Path, physadv: Command) -> None:
    words = ["attack", "fgsm", "--victim", folder / "one.yaml", "--dataset", "image-folder", "--data", folder / "data"]
    words += ["--limit", 12, "--defense", "median", "--defense", "jpeg:quality=50"]
    code, _, err = physadv(*words, "--out", folder / "out")
    assert code == 0, err
    summary = read_robustness(folder / "out")
    (name,) = summary.victims
    assert name.startswith("one+median(")
    assert "+jpeg(quality=50" in name
    assert "(bpda)" in summary.gradients[name]
    assert "attacked with the defense in place" in (folder / "out" / "report.html").read_text(encoding="utf-8")
    code, _, err = physadv(*words, "--defense", "jpeg:quality=500", "--out", folder / "elsewhere")
    assert code == 2
    assert "quality" in err
    assert err.count("error: ") == 1


def test_on_a_sign_from_the_command_line(folder: Path, physadv: Command) -> None:
    words = ["attack", "pgd", "--victim", folder / "one.yaml", "--scene", "daylight", "--views", 4]
    code, out, err = physadv(*words, "--set", "steps=2", "--set", "eps=0.1", "--out", folder / "patch")
    assert code == 0, err
    assert "of the sign's area" in out
    assert (folder / "patch" / "patch.json").exists()
    code, _, err = physadv(*words, "--out", folder / "patch")
    assert code == 2
    assert "holds another patch already" in err
