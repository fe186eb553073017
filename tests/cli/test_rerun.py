"""What physadv writes of its work is enough to ask for the same again, whatever part of it a user has named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cli_kit import Command, quick

from physadv.attacks import DesignConfig, SignAttackConfig, attack_sign, design
from physadv.defenses import DEFENSES, build_defense, load_victim
from physadv.evaluation import evaluate, read_summary
from physadv.evaluation.experiment import load_experiment, run_experiment
from physadv.patches import load_patch

DEFENSE = "median:window=3"


@pytest.mark.parametrize("name", list(DEFENSES))
def test_a_defended_victim_is_loaded_from_its_own_source(name: str, card: Path) -> None:
    words = build_defense(name).words
    victim = load_victim(f"{card}+{words}+{DEFENSE}")
    again = load_victim(victim.source)
    assert (again.name, again.fingerprint) == (victim.name, victim.fingerprint)


def test_the_design_of_a_bundle(physadv: Command, card: Path, tmp_path: Path) -> None:
    out = tmp_path / "patch"
    code, _, error = physadv(*quick(card, out, defense=DEFENSE, mask="bars"))
    assert code == 0, error
    record = load_patch(out).record
    again = design(DesignConfig.model_validate(record.config), out=out, listener=pytest.fail)
    assert again.record.created == record.created


def test_the_attack_of_a_bundle(physadv: Command, card: Path, tmp_path: Path) -> None:
    out = tmp_path / "patch"
    options = ["--defense", DEFENSE, "--scene", "wide", "--set", "eps=0.3"]
    code, _, error = physadv("attack", "fgsm", "--victim", card, *options, "--out", out)
    assert code == 0, error
    record = load_patch(out).record
    again = attack_sign(SignAttackConfig.model_validate(record.config), out=out)
    assert again.record.created == record.created


def test_a_summary(physadv: Command, card: Path, tmp_path: Path) -> None:
    words = ["--victim", card, "--defense", DEFENSE, "--battery", "wide", "--frames", "16"]
    code, _, error = physadv("evaluate", "de-stop-bars", *words, "--out", tmp_path / "out")
    assert code == 0, error
    summary = read_summary(tmp_path / "out")
    again = evaluate(
        [patch.folder for patch in summary.patches if patch.folder],
        [victim.source for victim in summary.victims],
        [battery.config for battery in summary.batteries],
        tmp_path / "out",
        **{key: value for key, value in summary.provenance.options.items() if key != "batch"},
    )
    assert again.provenance.started == summary.provenance.started


def test_an_experiment(physadv: Command, card: Path, tmp_path: Path) -> None:
    plan = {
        "name": "trial",
        "design": {"victim": f"{card}+{DEFENSE}", "mask": "bars", "steps": 2, "views": 4, "held_out_frames": 16},
        "evaluate": {"batteries": ["wide"], "frames": 16},
    }
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    code, _, error = physadv("run", tmp_path / "plan.json", "--out", tmp_path / "out")
    assert code == 0, error
    summary = read_summary(tmp_path / "out" / "evaluation")
    written = load_experiment(tmp_path / "out" / "experiment.json")
    again = run_experiment(written, tmp_path / "out", listener=pytest.fail)
    assert again.provenance.started == summary.provenance.started
