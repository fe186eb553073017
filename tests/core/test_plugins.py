"""Packages that extend physadv: found by their entry points, tested as our own parts are, left out where they break."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
KINDS = ("attack", "goal", "mask", "paint", "search", "defense", "weather", "adapter", "scene", "metric")
CONTRACTS = {
    "attacks/test_attacks_recipes.py": "acme-step",
    "goals/test_goals.py": "acme_doubt",
    "patches/test_patches_masks.py": "acme-dot",
    "patches/test_patches_paint.py": "acme-sepia",
    "attacks/test_attacks_parts.py": "acme-descent",
    "victims/test_victims_as_they_come.py": "acme-dim or acme-step",
    "scenes/test_weather.py": "acme-hail",
    "scenes/test_scene_kinds.py": "acme-wall",
    "evaluation/test_metrics.py": "acme-unsure",
}
"""Tests that are parametrised over a registry, and what they are to be given."""


def _installed(folder: Path, points: dict[str, list[str]]) -> dict[str, str]:
    """Environment variables under which the package is installed, with entry points by group."""
    info = folder / "acme_signs-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-signs\nVersion: 1.0\n")
    text = "".join(f"[physadv.{group}]\n" + "\n".join(lines) + "\n" for group, lines in points.items())
    (info / "entry_points.txt").write_text(text)
    paths = [str(folder), str(TESTS / "plugins"), os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}


@pytest.fixture
def installed(tmp_path: Path) -> dict[str, str]:
    groups = {"scene": "scene_kind"}
    return _installed(tmp_path, {groups.get(kind, kind): [f"mine = acme_signs.{kind}"] for kind in KINDS})


def _python(code: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-c", code]
    return subprocess.run(words, env=environment, capture_output=True, text=True, timeout=240, check=False)


@pytest.mark.slow
@pytest.mark.parametrize("file", CONTRACTS)
def test_its_parts_go_through_the_tests_of_ours(file: str, installed: dict[str, str]) -> None:
    words = [sys.executable, "-m", "pytest", str(TESTS / file), "-k", CONTRACTS[file], "-q", "-n0", "-m", ""]
    done = subprocess.run(
        words, env=installed, capture_output=True, text=True, timeout=900, check=False, cwd=TESTS.parent
    )
    assert done.returncode == 0, done.stdout[-3000:]
    assert " passed" in done.stdout


@pytest.mark.slow
def test_they_are_listed_and_used(installed: dict[str, str], tmp_path: Path) -> None:
    done = _python(
        f"""
import torch
from pathlib import Path
from safetensors.torch import save_file
from physadv.catalogue import catalogue
from physadv.core.registry import Registry
from physadv.scenes.weather.weather import WeatherGrid

listed = {{section: [row["name"] for row in rows] for section, rows in catalogue().items()}}
for section, name in (
    ("attacks", "acme-step"), ("goals", "acme_doubt"), ("masks", "acme-dot"), ("paints", "acme-sepia"),
    ("searches", "acme-descent"), ("defenses", "acme-dim"), ("weathers", "acme-hail"), ("adapters", "acme-colors"),
    ("scene-kinds", "acme-wall"), ("metrics", "acme-unsure"),
):
    assert name in listed[section], section
assert "acme-hail" not in WeatherGrid().kinds, "what a shipped file means does not depend on what is installed"
assert WeatherGrid(kinds=("acme-hail",)).kinds == ("acme-hail",)

folder = Path({str(tmp_path)!r})
save_file({{"weight": torch.tensor([[9.0, -4.0, -4.0], [-4.0, -4.0, 9.0]])}}, folder / "w.safetensors")
card = folder / "card.yaml"
card.write_text('{{"name": "colors", "adapter": "acme-colors", "weights": "w.safetensors", "input": {{"size": 16}}, '
                '"classes": ["stop", "blue"]}}')
import physadv
patch = physadv.design(
    victim=str(card)+"+acme-dim", mask="acme-dot", paint="acme-sepia", goal="acme_doubt", search="acme-descent",
    scenes=[{{"kind": "acme-wall"}}], steps=20, views=8, held_out_frames=16, check_every=10, texture_px=64,
)
print(patch.record.mask["kind"], patch.record.paint["kind"], patch.record.goal)
""",
        installed,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["acme-dot", "acme-sepia", "acme_doubt"]


@pytest.mark.slow
def test_one_that_breaks_is_one_line_and_no_harm(tmp_path: Path) -> None:
    points = ["broken = acme_signs.broken", "good = acme_signs.attack", "gone = acme_signs.not_there"]
    environment = _installed(tmp_path, {"attack": points})
    code = "from physadv.cli import main; import sys; sys.argv = ['physadv', *{words}]; main()"
    shown = _python(code.format(words=["list", "attacks"]), environment)
    assert (shown.returncode, "acme-step" in shown.stdout) == (0, True)
    assert shown.stderr.count("\n") == 1, shown.stderr
    words = ["attack", "acme-step", "--victim", "lisa-cnn", "--set", "epz=1", "--out", str(tmp_path / "out")]
    used = _python(code.format(words=words), environment)
    assert used.returncode == 2
    lines = [line for line in used.stderr.splitlines() if line.startswith("warning: plug-in")]
    assert len(lines) == 2
    assert "'broken' (acme_signs.broken of acme-signs 1.0) is left out: ImportError: cannot import name" in lines[0]
    assert "'gone' (acme_signs.not_there of acme-signs 1.0) is left out: ModuleNotFoundError" in lines[1]


@pytest.mark.slow
def test_nothing_is_looked_up_while_physadv_is_being_imported(installed: dict[str, str]) -> None:
    """Else a plug-in would import a package that is half there."""
    done = _python(
        "import gc, physadv.cli, physadv.evaluation, physadv.training, physadv.reports\n"
        "from physadv.core.registry import Registry\n"
        "print([one.kind for one in gc.get_objects() if isinstance(one, Registry) and one._complete])",
        installed,
    )
    assert (done.returncode, done.stdout.strip()) == (0, "[]"), done.stderr
