"""The README's lines on a user's own model, run as they stand there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import physadv


class Network(nn.Module):
    def forward(self, images: Tensor) -> Tensor:
        return 9 * images.mean((2, 3))


@pytest.mark.filterwarnings("ignore::physadv.core.errors.PhysadvWarning")
def test_the_five_lines_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(model = .*?)```", text, re.S)
    assert len(code.strip().splitlines()) == 5
    quick: dict[str, Any] = {"steps": 2, "views": 4, "held_out_frames": 16, "texture_px": 32}
    design, evaluate = physadv.design, physadv.evaluate
    monkeypatch.setattr(physadv, "design", lambda **given: design(**given, **quick))
    monkeypatch.setattr(physadv, "evaluate", lambda *given, **more: evaluate(*given, **more, frames=4))
    monkeypatch.chdir(tmp_path)
    names = {"physadv": physadv, "network": Network(), "pictures": torch.rand(2, 3, 64, 64), "labels": [0, 1]}
    exec(code, names)
    assert (tmp_path / "report" / "summary.json").exists()
    assert (tmp_path / "patches" / "mine" / "patch.json").exists()
