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


@pytest.mark.parametrize(
    "more",
    [
        {"normalize": {"mean": torch.zeros(3)}},
        {"mean": torch.zeros(3)},
        {"temperature_scaling": {"weight": torch.eye(4)}},
        {"stn": {"fc.weight": torch.rand(4, 4)}},
    ],
    ids=lambda more: next(iter(more)),
)
def test_a_layer_in_another_mapping_is_not_left_out_in_silence(more: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(PhysadvError, match="would be left out; to use the weights alone, write weights_key: net"):
        loaded(tmp_path, {"net": A, **more})
    found = loaded(tmp_path, {"net": A, **more}, weights_key="net")
    assert all(torch.equal(found[name], value) for name, value in A.items())


@pytest.mark.parametrize(
    "more",
    [
        {"optimizer": {"state": {"exp_avg": torch.zeros(3)}}, "epoch": 3},
        {"rng_state": torch.zeros(8, dtype=torch.uint8), "best_accuracy": torch.tensor(0.9)},
        {"callbacks": {"checkpoint": {"best_model_score": torch.tensor([0.9])}}, "train_loss": torch.rand(5)},
        {"ema": A},
    ],
    ids=lambda more: next(iter(more)),
)
def test_what_a_training_keeps_does_not_matter(more: dict[str, Any], tmp_path: Path) -> None:
    found = loaded(tmp_path, {"net": A, **more})
    assert all(torch.equal(found[name], value) for name, value in A.items())


def test_a_word_inside_of_a_layers_name_is_no_word_of_training(tmp_path: Path) -> None:
    with pytest.raises(PhysadvError, match=r"holds gloss_removal\.weight beside"):
        loaded(tmp_path, {**under("net.", A), "gloss_removal.weight": torch.rand(3)})
