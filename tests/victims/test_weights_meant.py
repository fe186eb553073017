"""A checkpoint with two networks in it: which one is meant is never guessed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from torch import Tensor

from physadv.core.errors import PhysadvError
from physadv.defenses import load_victim
from physadv.victims.architectures import ARCHITECTURES

State = dict[str, Tensor]


def state(seed: int) -> State:
    torch.manual_seed(seed)
    return dict(ARCHITECTURES["gtsrb-cnn"](4).state_dict())


def under(prefix: str, values: State) -> State:
    return {prefix + name: value for name, value in values.items()}


def other_head(values: State) -> State:
    return {name.replace("fc.", "head."): value for name, value in values.items()}


def fewer_classes(values: State) -> State:
    return {name: value[:3] if name.startswith("fc.") else value for name, value in values.items()}


def loaded(folder: Path, saved: Any, **more: Any) -> State:
    torch.save(saved, folder / "w.pt")
    card = {"name": "a", "adapter": "torch", "architecture": "gtsrb-cnn", "weights": "w.pt", "input": {"size": 32}}
    names = {"classes": ["stop", "yield", "a", "b"], **more}
    (folder / "card.yaml").write_text(yaml.safe_dump({**card, **names}))
    return dict(load_victim(folder / "card.yaml").network.state_dict())  # type: ignore[operator, union-attr]


A, B = state(1), state(2)
TWO: dict[str, Callable[[], Any]] = {
    "teacher below": lambda: {**A, **under("teacher.", B)},
    "teacher below a prefix": lambda: {**under("student.", A), **under("student.teacher.", B)},
    "compiled beside plain": lambda: {**A, **under("_orig_mod.", B)},
    "average under a key": lambda: {**A, "ema": B},
    "one name more": lambda: {"model": {**A, "x.weight": torch.ones(3)}, "ema": B},
    "another head": lambda: {"model": other_head(A), "momentum": B},
    "fewer classes": lambda: {**fewer_classes(A), "aux": B},
}


@pytest.mark.parametrize("case", TWO)
def test_two_networks_are_not_one(case: str, tmp_path: Path) -> None:
    with pytest.raises(PhysadvError, match="weights_key"):
        loaded(tmp_path, TWO[case]())


def test_a_copy_below_that_is_the_same_does_not_matter(tmp_path: Path) -> None:
    found = loaded(tmp_path, {**A, **under("teacher.", A)})
    assert all(torch.equal(found[name], value) for name, value in A.items())


@pytest.mark.parametrize(("key", "expected"), [(".", A), ("ema", B)])
def test_either_can_be_chosen(key: str, expected: State, tmp_path: Path) -> None:
    found = loaded(tmp_path, {**A, "ema": B}, weights_key=key)
    assert all(torch.equal(found[name], value) for name, value in expected.items())


def test_an_optimizers_moments_are_no_weights(tmp_path: Path) -> None:
    without = {name: value for name, value in A.items() if "running" not in name}
    with pytest.raises(PhysadvError, match=r"lacks .*running_mean"):
        loaded(tmp_path, {"state_dict": without, "optimizer": {"exp_avg": B}})
