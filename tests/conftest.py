"""Fixtures that several test files share."""

from __future__ import annotations

import math
import os
import sys
from pathlib import Path

import pytest
import torch
from cli_kit import CLASSES, Command, write_card
from safetensors.torch import save_file

from physadv import cli
from physadv.cli import progress
from physadv.victims.architectures import LisaCnn

if "PYTEST_XDIST_WORKER" in os.environ:
    torch.set_num_threads(1)  # two processes that each want all cores wait for one another


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder of real data sets (see ``sign_data/README.md``)."""
    folder = os.environ.get("PHYSADV_DATA")
    if not folder:
        pytest.skip("needs real data sets: set PHYSADV_DATA")
    return Path(folder)


@pytest.fixture
def physadv(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs a command in this process: exit code, standard output, standard error."""
    monkeypatch.setattr(progress, "LINE_EVERY_S", math.inf)  # none of its lines on a slow machine either

    def run(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["physadv", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        captured = capsys.readouterr()
        return int(ended.value.code or 0), captured.out, captured.err

    return run


@pytest.fixture
def card(tmp_path: Path) -> Path:
    """A victim card over a small untrained LISA-CNN."""
    torch.manual_seed(0)
    save_file(LisaCnn(len(CLASSES)).state_dict(), str(tmp_path / "weights.safetensors"))
    return write_card(tmp_path / "card.yaml")
