"""The documentation names everything that is registered, and its examples work."""

from __future__ import annotations

import gc
import re
from pathlib import Path

import pytest

import physadv.reports  # noqa: F401 (every registry is there)
from physadv import augmentation
from physadv.attacks import ATTACKS
from physadv.core.registry import Registry
from physadv.defenses import DEFENSES
from physadv.evaluation.experiment import load_experiment
from physadv.patches import PAINTS, build_mask, parse_mask, parse_paint
from physadv.scenes import load_scene
from physadv.scenes.roadside.config import LIMITS
from physadv.training import METHODS

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "attacks.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", [*ATTACKS, *DEFENSES, *METHODS])
def test_every_attack_defense_and_training_is_on_the_page(name: str) -> None:
    assert f"`{name}`" in PAGE


@pytest.mark.parametrize("name", sorted(ATTACKS))
def test_what_an_attack_needs_is_as_the_page_says(name: str) -> None:
    row = next(line for line in PAGE.splitlines() if line.startswith(f"| `{name}`"))
    assert f"| {ATTACKS[name].knowledge} |" in row


FILES = (ROOT / "docs" / "files.md").read_text(encoding="utf-8")
EXAMPLES = dict(re.findall(r"```yaml\n# (\S+)\n(.*?)```", FILES, re.DOTALL))


@pytest.fixture
def examples(tmp_path: Path) -> Path:
    for name, text in EXAMPLES.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def test_the_files_on_the_page_work_together(examples: Path) -> None:
    plan = load_experiment(examples / "experiment.yaml")
    assert plan.design.mask == parse_mask(examples / "stickers.yaml")
    assert plan.design.paint == parse_paint(examples / "inks.yaml") != parse_paint("palette")
    assert [scene.value.name for scene in plan.design.scenes] == ["car-park"]
    (battery,) = (one.value for one in plan.evaluate.batteries)
    assert [scene.name for scene in battery.scenes] == ["car-park", "daylight+weather"]
    sign = plan.design.sign.value
    for name in ("stickers.yaml", "arrow.yaml"):
        assert 0.0 < build_mask(examples / name, sign, px=128).area_fraction < 0.3


def test_every_paint_is_on_the_page() -> None:
    assert [name for name in PAINTS if not re.search(rf"(kind: |`){name}\b", FILES)] == []


def test_every_condition_is_on_the_page() -> None:
    assert [name for name in LIMITS if f"`{name}`" not in FILES] == []


@pytest.mark.parametrize("page", [*(ROOT / "docs").glob("*.md"), ROOT / "README.md"], ids=lambda page: page.stem)
def test_every_source_file_that_a_page_names_is_there(page: Path) -> None:
    for name in set(re.findall(r"`([\w/]+\.py)\b", page.read_text(encoding="utf-8"))):
        places = [ROOT / name, ROOT / "physadv" / name]
        assert any(place.is_file() for place in places) or ("/" not in name and list(ROOT.rglob(name))), name


KORNIA = (ROOT / "docs" / "kornia.md").read_text(encoding="utf-8")


def test_the_scenes_on_the_page_of_kornia_are_scenes(tmp_path: Path) -> None:
    import albumentations as A

    A.save(A.Compose([A.RandomGamma(p=1.0)]), tmp_path / "pipeline.yaml", data_format="yaml")
    for name, text in re.findall(r"```yaml\n(# \S+)\n(.*?)```", KORNIA, re.DOTALL):
        path = tmp_path / name.removeprefix("# ")
        path.write_text(text, encoding="utf-8")
        scene = load_scene(path)
        assert (scene.name, scene.kind) == (path.stem, "albumentations" if path.stem == "street" else "kornia")


@pytest.mark.parametrize("block", re.findall(r"```python\n(.*?)```", KORNIA, re.DOTALL), ids=range(3))
def test_the_python_on_the_page_of_kornia_runs(block: str) -> None:
    exec(compile(block, "kornia.md", "exec"), {})


def test_every_own_augmentation_is_on_the_page_of_kornia() -> None:
    assert [name for name in augmentation.__all__ if f"| `{name}` |" not in KORNIA] == []


CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
PARTS = sorted((ROOT / "tests" / "plugins" / "acme_signs").glob("*.py"))


def test_the_parts_that_contributors_are_shown_are_those_that_are_tested() -> None:
    blocks = re.findall(r"```python\n(.*?)```", CONTRIBUTING, re.DOTALL)
    sources = [path.read_text(encoding="utf-8") for path in PARTS]
    for block in blocks:
        assert any(block.strip() in source for source in sources), block[:80]
    shown = [path for path, source in zip(PARTS, sources, strict=True) if any(b.strip() in source for b in blocks)]
    assert {path.stem for path in PARTS} - {path.stem for path in shown} == {"__init__", "broken"}


def test_every_registry_can_be_extended_as_the_page_says() -> None:
    groups = set(re.findall(r"`(physadv\.[a-z_]+)`", CONTRIBUTING.split("## In a package of your own")[1]))
    known = {one.group for one in gc.get_objects() if type(one) is Registry and not one.kind.startswith("test")}
    assert groups == known


def test_the_glossary_is_in_order_and_has_no_word_twice() -> None:
    page = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    words = re.findall(r"^\| (?!word|-)([^|]+) \|", page, re.MULTILINE)
    assert words == sorted(words, key=str.casefold)
    assert len(words) == len(set(words)) > 30
