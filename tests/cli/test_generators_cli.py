"""AdvGAN from the command line: trained on the user's pictures, kept, applied."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from cli_kit import Command, write_card
from PIL import Image
from safetensors.torch import save_file

from physadv.evaluation.matrix.matrix import read_robustness
from physadv.victims.architectures import LisaCnn


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Class folders of noise, and the card of an untrained victim."""
    rng = np.random.default_rng(0)
    classes = ["stop", "yield", "speedLimit45"]
    for name in classes:
        (tmp_path / "data" / name).mkdir(parents=True)
        for number in range(12):
            pixels = rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "data" / name / f"{number}.png")
    torch.manual_seed(0)
    save_file(LisaCnn(len(classes)).state_dict(), str(tmp_path / "one.safetensors"))
    write_card(tmp_path / "one.yaml", name="one", weights="one.safetensors")
    return tmp_path


def test_a_generator_is_trained_kept_and_applied(folder: Path, physadv: Command) -> None:
    common = ["--victim", folder / "one.yaml", "--dataset", "image-folder", "--data", folder / "data"]
    words = ["train-advgan", *common, "--set", "steps=4", "--set", "batch=4", "--set", "eps=0.1"]
    code, out, err = physadv(*words, "--out", folder / "made")
    assert code == 0, err
    assert "generator=" in out
    assert (folder / "made" / "generator.yaml").exists()
    code, _, err = physadv(*words, "--out", folder / "made")
    assert code == 0, err
    code, _, err = physadv(
        "attack", "advgan", *common, "--set", f"generator={folder / 'made'}", "--out", folder / "out"
    )
    assert code == 0, err
    (cell,) = read_robustness(folder / "out").cells
    assert cell.median_queries in (0.0, None)
    (folder / "other").mkdir()
    (folder / "other" / "thesis.txt").write_text("mine")
    code, _, err = physadv(*words, "--out", folder / "other")
    assert (code, [entry.name for entry in (folder / "other").iterdir()]) == (2, ["thesis.txt"])
    assert "thesis.txt" in err
    for extra, message in [
        (["--set", "eps=-1"], "eps"),
        (["--set", "student=1"], "student"),
        (["--goal", "targeted:tree"], "tree"),
        (["--seed", "1"], "another"),
    ]:
        code, _, err = physadv(*words, *extra, "--out", folder / "made")
        assert code == 2
        assert message in err
        assert err.count("error: ") == err.splitlines()[-1].startswith("error: ") == 1
