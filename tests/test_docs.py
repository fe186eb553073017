"""The documentation names everything that is registered."""

from __future__ import annotations

from pathlib import Path

import pytest

from physadv.attacks import ATTACKS
from physadv.defenses import DEFENSES
from physadv.defenses.training import METHODS

PAGE = (Path(__file__).resolve().parents[1] / "docs" / "attacks.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", [*ATTACKS, *DEFENSES, *METHODS])
def test_every_attack_defence_and_training_is_on_the_page(name: str) -> None:
    assert f"`{name}`" in PAGE


@pytest.mark.parametrize("name", sorted(ATTACKS))
def test_what_an_attack_needs_is_as_the_page_says(name: str) -> None:
    row = next(line for line in PAGE.splitlines() if line.startswith(f"| `{name}`"))
    assert f"| {ATTACKS[name].knowledge} |" in row
