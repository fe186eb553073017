"""Certified accuracy from the command line: the figures of the certify functions, resumed anywhere, with flags."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from cli_kit import Command, refused, write_card
from PIL import Image
from safetensors.torch import save_file

from physadv.core.errors import PhysadvError
from physadv.core.progress import Progress
from physadv.defenses import certify, certify_patch, load_victim
from physadv.evaluation.matrix import certification
from physadv.evaluation.matrix.certification import CertificationPlan, read_certification, run_certification
from physadv.evaluation.matrix.matrix import drawn, pictures_for
from physadv.signs.datasets import load_known
from physadv.victims.architectures import LisaCnn

CLASSES = ["stop", "yield", "speedLimit45"]
SMOOTHING, MASKS = "randomized-smoothing:sigma=0.1", "patch-cleanser:patch_px=6,masks=3"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Class folders of noise, and the card of an untrained victim."""
    folder = tmp_path_factory.mktemp("certified")
    rng = np.random.default_rng(0)
    for name in CLASSES:
        (folder / "data" / name).mkdir(parents=True)
        for number in range(8):
            pixels = rng.integers(0, 256, (40, 36, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / "data" / name / f"{number}.png")
    torch.manual_seed(0)
    save_file(LisaCnn(len(CLASSES)).state_dict(), str(folder / "one.safetensors"))
    write_card(folder / "one.yaml", name="one", weights="one.safetensors")
    return folder


def plan(folder: Path, defense: str, **changes: object) -> CertificationPlan:
    words = {"victim": str(folder / "one.yaml"), "defense": defense, "dataset": "image-folder", "limit": 20}
    return CertificationPlan.model_validate({**words, "n": 60, "n0": 20, "alpha": 0.05, **changes})


@pytest.mark.parametrize("defense", [SMOOTHING, MASKS])
def test_the_figures_are_those_of_the_functions(folder: Path, defense: str, tmp_path: Path) -> None:
    """Certified in parts, the pictures have the bounds that one call gives them."""
    asked = plan(folder, defense)
    summary = run_certification(asked, tmp_path / "out", data=folder / "data")
    assert read_certification(tmp_path / "out") == summary
    victim = load_victim(folder / "one.yaml")
    chosen = drawn(load_known(victim.classes, "image-folder", folder / "data"), 20, 0)
    pictures, labels = pictures_for(victim, chosen)
    table = pq.read_table(tmp_path / "out" / "certificates.parquet").to_pydict()
    assert table["label"] == labels.tolist()
    with torch.no_grad():
        assert table["undefended"] == victim(pictures).argmax(1).tolist()
    if defense == SMOOTHING:
        whole = certify(victim, pictures, labels, sigma=0.1, n=60, n0=20, alpha=0.05)
        assert table["predicted"] == whole.predicted.tolist()
        right = whole.predicted == whole.labels
        assert table["bound"] == torch.where(right, whole.radius_l2, 0.0).tolist()
        for level in summary.levels[1:]:
            assert level.accuracy.hits == int((right & (whole.radius_l2 >= level.bound)).sum())
        assert summary.levels[0].accuracy == summary.defended_accuracy
        assert summary.abstained is not None
    else:
        masked = certify_patch(victim, pictures, labels, patch_px=6, masks=3)
        assert table["right"] == masked.right.tolist()
        assert [bound == 6.0 for bound in table["bound"]] == masked.certified.tolist()
        (level,) = summary.levels
        assert (level.bound, level.accuracy.hits) == (6.0, int(masked.certified.sum()))
        assert summary.abstained is None
    hits = [level.accuracy.hits for level in summary.levels]
    assert hits == sorted(hits, reverse=True)
    assert f"{summary.levels[-1].bound:g}" in summary._repr_html_()


def test_a_stopped_certification_resumes(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = plan(folder, SMOOTHING)
    whole = run_certification(asked, tmp_path / "whole", data=folder / "data")

    class Killed(Exception):
        pass

    def killer(progress: Progress) -> None:
        if progress.done >= 16:
            raise Killed

    with pytest.raises(Killed):
        run_certification(asked, tmp_path / "broken", data=folder / "data", listener=killer)
    assert len(list((tmp_path / "broken" / "parts").iterdir())) == 2
    assert not (tmp_path / "broken" / "certification.json").exists()
    first: list[int] = []

    def counted(*arguments: Any, **options: Any) -> Any:
        first.append(options["first"])
        return certify(*arguments, **options)

    monkeypatch.setattr(certification, "certify", counted)
    again = run_certification(asked, tmp_path / "broken", data=folder / "data")
    assert first == [16]
    assert run_certification(asked, tmp_path / "broken", data=folder / "data") == again
    assert first == [16]
    assert again.model_copy(update={"seconds": 0.0}) == whole.model_copy(update={"seconds": 0.0})
    with pytest.raises(PhysadvError, match="holds other results"):
        run_certification(plan(folder, SMOOTHING, n=70), tmp_path / "broken", data=folder / "data")


def test_from_the_command_line(folder: Path, physadv: Command, tmp_path: Path) -> None:
    words = ["certify", folder / "one.yaml", "--dataset", "image-folder", "--data", folder / "data", "--limit", 12]
    code, said, error = physadv(*words, "--samples", 40, "--defense", SMOOTHING, "--out", tmp_path / "l2")
    assert code == 0, error
    summary = read_certification(tmp_path / "l2")
    assert "sigma 0.1, 40 samples" in said
    for level in summary.levels:
        assert f"up to {level.bound:g}" in said
    assert {"clean-accuracy-low", "too-few-frames"} <= {flag.code for flag in summary.flags}
    assert "[clean-accuracy-low]" in said
    behind = ["--defense", "median", "--defense", MASKS]
    assert physadv(*words, *behind, "--out", tmp_path / "patch")[0] == 0
    assert read_certification(tmp_path / "patch").victim.startswith("one+median(")
    elsewhere = ["--out", tmp_path / "elsewhere"]
    refused(physadv(*words, "--defense", "median", *elsewhere), "'median'", "it certifies nothing")
    refused(physadv(*words, "--defense", "patch-cleanser:patch_px=99", *elsewhere), "patch_px = 99")
    refused(physadv(*words, "--defense", SMOOTHING, "--alpha", 2, *elsewhere), "alpha")
    assert not (tmp_path / "elsewhere").exists()


def test_a_radius_that_samples_limit_is_told(folder: Path, tmp_path: Path) -> None:
    """With next to no noise the untrained victim never changes its mind: what it reads right reaches the top radius."""
    summary = run_certification(plan(folder, "randomized-smoothing:sigma=0.0001"), tmp_path, data=folder / "data")
    assert "radius-capped" in {flag.code for flag in summary.flags}
