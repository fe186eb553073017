"""A user's own network or function, handed straight to the design, the evaluation and the attacks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from attack_kit import CLASSES as FIVE
from attack_kit import SIZE, labeled, pictures, small_victim
from evaluation_kit import colored_patch, quick_battery
from torch import Tensor, nn

import physadv
from physadv.attacks import build_attack
from physadv.core.errors import PhysadvError
from physadv.victims import Victim

NAMES = ["stop", "speedLimit45", "yield"]
QUICK: dict[str, Any] = {
    "steps": 4, "views": 4, "held_out_frames": 16, "texture_px": 32, "check_every": 2, "sign": "us/stop"
}  # fmt: skip
pytestmark = pytest.mark.filterwarnings("ignore::physadv.core.errors.PhysadvWarning")


def redness(images: Tensor) -> Tensor:
    """Stop where the middle is red, speedLimit45 where it is blue."""
    side = images.shape[-1] // 4
    red, green, blue = images[:, :, side:-side, side:-side].mean((2, 3)).unbind(1)
    return torch.stack([20 * (red - blue) - 2, 20 * (blue - red), 10 * (green - red)], dim=1)


class Redness(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(()))

    def forward(self, images: Tensor) -> Tensor:
        return redness(images) * self.gain


@pytest.mark.parametrize(
    "model", [Redness(), redness, lambda images: {"logits": redness(images)}], ids=["module", "function", "dict"]
)
def test_a_design_and_an_evaluation_take_it(tmp_path: Path, model: Any) -> None:
    patch = physadv.design(victim=model, classes=NAMES, size=16, out=str(tmp_path / "patch"), **QUICK)
    assert patch.record.goal == "untargeted"
    assert patch.record.config["sign"] == "us/stop"
    summary = physadv.evaluate(patch, model, quick_battery(frames=40), str(tmp_path / "report"), classes=NAMES, size=16)
    assert summary.records[0].frames == 40
    assert summary.victims[0].classes == 3


def test_a_module_stays_where_and_as_it_was(tmp_path: Path) -> None:
    model = Redness().train()
    physadv.design(victim=model, classes=NAMES, size=16, **QUICK)
    assert model.training
    assert model.gain.requires_grad
    assert model.gain.grad is None


def test_a_function_whose_logits_are_scaled_is_another_run(tmp_path: Path) -> None:
    said: dict[str, Any] = {"classes": NAMES, "size": 16, "name": "mine"}
    run: list[Any] = [[colored_patch()], quick_battery(frames=20), tmp_path]
    physadv.evaluate(run[0], [redness], *run[1:], **said)
    with pytest.raises(PhysadvError, match="fingerprint"):
        physadv.evaluate(run[0], [lambda images: redness(images) / 4.0], *run[1:], **said)


def test_a_network_that_has_been_trained_since_is_another(tmp_path: Path) -> None:
    model = Redness().eval()
    victim = physadv.wrap_module(model, classes=NAMES, size=16, name="mine")
    before = victim.fingerprint
    assert victim.fingerprint == before
    run: list[Any] = [[colored_patch()], [victim], quick_battery(frames=20), tmp_path]
    physadv.evaluate(*run)
    with torch.no_grad():
        model.gain.mul_(0.25)
    assert victim.fingerprint != before
    with pytest.raises(PhysadvError, match="fingerprint"):
        physadv.evaluate(*run)


class Own(Victim):
    """A victim of somebody's own, without a file."""

    def __init__(self, bias: float) -> None:
        super().__init__(name="own", classes=NAMES, input_size=(16, 16))
        self.bias = bias

    def forward(self, images: Tensor) -> Tensor:
        return redness(images) + torch.tensor([self.bias, 0.0, 0.0])


def test_two_victims_without_a_file_are_known_by_their_answers() -> None:
    assert Own(0.0).fingerprint == Own(0.0).fingerprint != Own(30.0).fingerprint


def test_a_random_function_is_no_other() -> None:
    def noisy(images: Tensor) -> Tensor:
        return redness(images) + 5.0 * torch.randn(len(images), 3)

    one, other = (physadv.wrap_module(noisy, classes=NAMES, size=16) for _ in range(2))
    assert one.fingerprint == one.fingerprint != other.fingerprint


class KeepsMore(nn.Module):
    """A network with a state of its own beside its tensors."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = small_victim().network  # type: ignore[attr-defined]

    def forward(self, images: Tensor) -> Tensor:
        made: Tensor = self.inner(images)
        return made

    def get_extra_state(self) -> dict[str, int]:
        return {"epoch": 3}

    def set_extra_state(self, state: object) -> None:
        pass


def test_a_network_that_keeps_more_than_tensors_is_a_victim() -> None:
    size = small_victim().input_size
    made = physadv.wrap_module(KeepsMore().eval(), classes=list(small_victim().classes), size=size)
    assert len(made.fingerprint) > 8


@pytest.mark.parametrize(
    ("network", "words"),
    [
        (nn.Sequential(nn.Flatten(), nn.LazyLinear(3)), "has no values yet"),
        (nn.Sequential(nn.Flatten(), nn.Linear(768, 3)).to("meta"), "has no values yet"),
        (
            torch.jit.freeze(
                torch.jit.trace(nn.Sequential(nn.Flatten(), nn.Linear(768, 3)).eval(), torch.rand(1, 3, 16, 16))
            ),
            "whose mode cannot be set",
        ),
        ({"fc.weight": torch.rand(3, 4)}, "is a dict, which cannot be shown pictures"),
        ("gtsrb-cnn", "is a str, which cannot be shown pictures"),
    ],
)
def test_what_is_no_network_to_be_shown_pictures_is_one_sentence(network: Any, words: str) -> None:
    with pytest.raises(PhysadvError, match=words) as caught:
        physadv.wrap_module(network, classes=["stop", "yield", "a"], size=16)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_probabilities_in_any_precision_are_no_logits(dtype: torch.dtype) -> None:
    network = small_victim().network  # type: ignore[attr-defined]
    size = small_victim().input_size

    def soft(images: Tensor) -> Tensor:
        made: Tensor = network(images).softmax(1).to(dtype)
        return made

    with pytest.raises(PhysadvError, match="its outputs are probabilities"):
        physadv.wrap_module(soft, classes=list(small_victim().classes), size=size)


def test_a_function_that_changes_is_another_run(tmp_path: Path) -> None:
    said: dict[str, Any] = {"classes": NAMES, "size": 16, "name": "mine"}
    run: list[Any] = [[colored_patch()], quick_battery(frames=20), tmp_path]
    physadv.evaluate(run[0], [redness], *run[1:], **said)
    physadv.evaluate(run[0], [lambda images: redness(images)], *run[1:], **said)
    with pytest.raises(PhysadvError, match=r"victims\.0\.fingerprint"):
        physadv.evaluate(run[0], [lambda images: redness(images.flip(1))], *run[1:], **said)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: physadv.design(victim=redness), r"'redness': say what its outputs stand for: classes="),
        (lambda: physadv.design(victim=redness, classes=NAMES), r"takes pictures of many sizes .* size="),
        (lambda: physadv.design(victim="gtsrb-cnn", classes=NAMES), "classes: is for a torch module or a function"),
        (lambda: physadv.design(victim=3), r"victim = 3: expected a torch module"),
        (lambda: physadv.wrap_module(redness, classes=dict(enumerate(NAMES)), size=16), "classes is a mapping; it sh"),  # type: ignore[arg-type]
        (lambda: physadv.wrap_module(redness, classes=set(NAMES), size=16), "classes is a set; it should be a list"),  # type: ignore[arg-type]
        (lambda: physadv.design(victim=redness, classes=NAMES, size=16, stepz=3), "unknown key 'stepz'"),
        (lambda: physadv.design(victim=redness, classes=NAMES, size=16, std=0), "std"),
        (lambda: physadv.design(physadv.DesignConfig(steps=1), sign="us/yield"), "sign: give it in the configuration"),
        (lambda: physadv.evaluate([], [redness], "wide", "o", clases=NAMES), "clases: is no option of an evaluation"),
        (lambda: physadv.evaluate([], "gtsrb-cnn", "wide", "o", classes=NAMES), "classes: is for torch modules"),
        (lambda: physadv.design(victim=small_victim(), classes=FIVE), "classes: victim 'small' brings its own"),
    ],
)
def test_what_is_missing_or_too_much_is_one_sentence(call: Any, sentence: str) -> None:
    with pytest.raises(PhysadvError, match=sentence) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_attacks_take_it_with_labels_as_they_come() -> None:
    victim = small_victim()
    images = pictures(4)
    labels = labeled(victim, images)
    attack = build_attack("pgd", {"steps": 3, "eps": 0.1})
    expected = attack(victim, images, labels).adversarial
    network = victim.network
    for given in (labels.tolist(), labels.numpy(), tuple(labels.tolist()), labels.float(), labels.to(torch.uint8)):
        assert torch.equal(attack(network, images, given).adversarial, expected)
    assert torch.equal(attack(network, images.numpy(), labels).adversarial, expected)
    assert torch.equal(attack(network, images.tolist(), labels).adversarial, expected)
    named = [FIVE[number] for number in labels.tolist()]
    assert torch.equal(attack(network, images, named, classes=FIVE).adversarial, expected)
    assert torch.equal(attack(network.forward, images, labels).adversarial, expected)
    result = attack(lambda x: network(x * 2 - 1), images, labels)
    assert torch.equal(result.adversarial, attack(network, images, labels, mean=0.5, std=0.5).adversarial)


@pytest.mark.parametrize(
    ("labels", "sentence"),
    [
        ([0.5, 1, 2], "they should be whole numbers"),
        ([True, False, True], "they should be whole numbers"),
        ([0, 1], r"labels: \[2\] for 3 pictures"),
        ([0, 1, 9], "labels: 9 is"),
        (["stop", "yield", "tree"], "unknown class 'tree'"),
        ([None, 1, 2], "labels"),
        ([[0, 1], [2]], "labels"),
        (7, "labels"),
    ],
    ids=str,
)
def test_labels_that_are_none_are_one_sentence(labels: Any, sentence: str) -> None:
    with pytest.raises(PhysadvError, match=sentence):
        build_attack("fgsm")(small_victim(), pictures(3), labels)


def test_pictures_that_are_none_are_one_sentence() -> None:
    for given in (None, "picture.png", np.zeros((2, 3, 4, 4), np.uint8), torch.zeros(3, 4, 4), [[1.0]]):
        with pytest.raises(PhysadvError, match="pictures"):
            build_attack("fgsm")(small_victim(), given, [0, 1])


def test_a_size_that_does_not_fit_is_one_sentence() -> None:
    with pytest.raises(PhysadvError, match=f"cannot take an input of {SIZE + 9} x {SIZE + 9} pixels"):
        build_attack("fgsm")(small_victim().network, torch.rand(2, 3, SIZE + 9, SIZE + 9), [0, 1])
