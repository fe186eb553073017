"""``physadv list``: all that is registered, quickly and on eighty columns."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from cli_kit import Command, refused

from physadv.attacks import ATTACKS, GOALS, SEARCHES
from physadv.catalogue import SECTIONS, catalogue
from physadv.core.files import bundled
from physadv.core.registry import Registry
from physadv.defenses import DEFENSES, load_victim
from physadv.evaluation import battery_names, load_battery
from physadv.patches import MASKS, PAINTS, load_patch
from physadv.scenes import load_scene, scene_names
from physadv.signs import sign_names
from physadv.training import METHODS
from physadv.victims import victim_names


def _rows(section: str) -> dict[str, dict[str, str]]:
    (rows,) = catalogue(section).values()
    return {row["name"]: row for row in rows}


@pytest.mark.parametrize(
    ("section", "registry"),
    [
        ("goals", GOALS),
        ("attacks", ATTACKS),
        ("defenses", DEFENSES),
        ("trainings", METHODS),
        ("searches", SEARCHES),
        ("masks", MASKS),
        ("paints", PAINTS),
    ],
)
def test_what_is_registered_is_listed(section: str, registry: Registry[object]) -> None:
    rows = _rows(section)
    assert list(rows) == list(registry)
    for name, part in registry.items():
        row = rows[name]
        if "what" in row and isinstance(part, type):
            assert row["what"] == (part.__doc__ or "").strip().split("\n")[0].replace("``", "")
        for column, attribute in (("paper", "paper"), ("needs", "knowledge"), ("attacked by", "adaptive")):
            if column in row:
                assert row[column] == getattr(part, attribute)
        assert all(row.values())


def test_trainings_and_goals_say_what_they_are() -> None:
    assert {name: row["what"] for name, row in _rows("trainings").items()} == {n: m.paper for n, m in METHODS.items()}
    assert [row["name"] for row in catalogue("goals")["goals"]] == list(GOALS)


def test_victims_scenes_batteries_signs_and_patches_are_listed() -> None:
    victims = {name: load_victim(name) for name in victim_names()}
    assert {n: (r["classes"], r["input"], r["sha256"]) for n, r in _rows("victims").items()} == {
        name: (str(len(one.classes)), "{} x {}".format(*one.input_size), one.sha256[:12])
        for name, one in victims.items()
    }
    scenes = [load_scene(name) for name in scene_names()]
    assert {n: (r["kind"], r["what"]) for n, r in _rows("scenes").items()} == {
        scene.name: (scene.kind, scene.description) for scene in scenes
    }
    batteries = [load_battery(name) for name in battery_names()]
    assert {n: r["what"] for n, r in _rows("batteries").items()} == {b.name: b.description for b in batteries}
    assert list(_rows("signs")) == sign_names()
    patches = {path.name: load_patch(path) for path in bundled("patches").iterdir() if path.is_dir()}
    assert {n: (r["sign"], r["designed against"]) for n, r in _rows("patches").items()} == {
        name: (patch.sign.name, patch.record.victim and patch.record.victim.name) for name, patch in patches.items()
    }


def test_the_list_needs_no_torch_and_fits_a_terminal() -> None:
    shown = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "physadv", "list"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "COLUMNS": "80"},
    )
    for heavy in ("torch", "scipy", "cv2", "matplotlib"):
        assert f" {heavy}\n" not in shown.stderr, f"physadv list imports {heavy}"
    lines = shown.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert not any(line.endswith(" ") for line in lines)
    for section, rows in catalogue().items():
        assert section in lines
        for row in rows:
            assert any(line.startswith(f"{row['name']}  ") for line in lines), row["name"]


def test_one_section_or_json(physadv: Command) -> None:
    for section in SECTIONS:
        code, out, _ = physadv("list", section)
        assert code == 0
        assert out.startswith(f"{section}\n")
    assert json.loads(physadv("list", "attacks", "--json")[1]) == catalogue("attacks")
    assert json.loads(physadv("list", "--json")[1]) == catalogue()
    refused(physadv("list", "attack"), "section", "did you mean attacks?")
