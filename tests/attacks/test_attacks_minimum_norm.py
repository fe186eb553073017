"""Attacks that look for the smallest change: known distances, and an independent implementation."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from attack_kit import CLASSES, SIZE, labeled, pictures, small_victim
from torch import Tensor, nn

import physadv.attacks.recipes  # noqa: F401 (registers the attacks)
from physadv.attacks.digital.attack import build_attack
from physadv.attacks.digital.linear import onto_plane
from physadv.attacks.digital.norm_balls import Norm
from physadv.victims import Victim, wrap_module

SMALLEST = [("cw-l2", {"steps": 80, "binary_steps": 5, "initial_c": 0.1}), ("deepfool", {}), ("fab", {"steps": 30})]


class Linear(nn.Module):
    """Logits that are linear in the pixels; with ``scale`` 0 they do not depend on them."""

    def __init__(self, scale: float = 1.0) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(3)
        size = 3 * SIZE * SIZE
        self.weight = nn.Parameter(torch.randn(len(CLASSES), size, generator=generator) / size**0.5 * scale)
        self.bias = nn.Parameter(torch.linspace(0.2, -0.2, len(CLASSES)))

    def forward(self, images: Tensor) -> Tensor:
        return (images - 0.5).flatten(1) @ self.weight.T + self.bias


def linear(scale: float = 1.0) -> Victim:
    return wrap_module(Linear(scale), name="linear", classes=CLASSES, size=SIZE).eval()


def distances(victim: Victim, images: Tensor, norm: str) -> Tensor:
    """To every class's boundary ``[N, K]``, infinite for the predicted one; exact where no pixel is at its limit."""
    (network,) = (module for module in victim.modules() if isinstance(module, Linear))
    with torch.no_grad():
        logits, weight = network(images), network.weight
        top = logits.argmax(1)
        behind = logits.gather(1, top[:, None]) - logits
        between = weight[top][:, None] - weight
        dual = between.abs().sum(2) if norm == "linf" else between.norm(dim=2)
        return torch.where(dual > 0, behind / dual.clamp(min=1e-12), torch.inf)


@pytest.mark.parametrize(
    ("name", "options", "norm", "over"),
    [
        ("deepfool", {"norm": "l2"}, "l2", 0.03),
        ("deepfool", {"norm": "linf"}, "linf", 0.06),
        ("fab", {"norm": "l2", "steps": 20}, "l2", 0.01),
        ("fab", {"norm": "linf", "steps": 20}, "linf", 0.01),
        ("fab", {"norm": "l2", "steps": 20, "one_by_one": False}, "l2", 0.01),
        ("cw-l2", {"steps": 300, "binary_steps": 8, "initial_c": 1.0}, "l2", 0.06),
    ],
)
def test_a_linear_victim_is_beaten_at_its_distance(name: str, options: dict[str, Any], norm: str, over: float) -> None:
    victim, images = linear(), pictures(12)
    labels = labeled(victim, images)
    result = build_attack(name, options)(victim, images, labels)
    exact = distances(victim, images, norm).amin(1)
    assert bool(result.success.all())
    assert bool((result.norms[norm] >= exact * 0.999).all())
    assert bool((result.norms[norm] <= exact * (1.0 + over) + 2e-4).all())


@pytest.mark.parametrize(("name", "options"), SMALLEST)
@pytest.mark.parametrize("goal", ["runner_up", "targeted:no entry"])
def test_targets_are_reached_and_cost_no_less(name: str, options: dict[str, Any], goal: str) -> None:
    victim, images = small_victim(), pictures(12)
    labels = labeled(victim, images)
    attack, norm = build_attack(name, options), "linf" if name == "fab" else "l2"
    free, led = attack(victim, images, labels), attack(victim, images, labels, goal=goal)
    both = led.attacked & free.success & led.success
    assert float(led.success.float().mean()) >= 0.9
    assert bool(both.any())
    assert float(led.norms[norm][both].median()) >= 0.97 * float(free.norms[norm][both].median())


@pytest.mark.parametrize(("name", "options"), SMALLEST)
def test_without_a_way_nothing_is_changed(name: str, options: dict[str, Any]) -> None:
    victim, images = linear(0.0), pictures(3)
    result = build_attack(name, options)(victim, images, labeled(victim, images))
    assert not bool(result.success.any())
    assert torch.equal(result.adversarial, images)


def test_confidence_is_given_and_has_its_price() -> None:
    victim, images = small_victim(), pictures(10)
    labels = labeled(victim, images)
    options = {"steps": 80, "binary_steps": 5, "initial_c": 1.0}
    plain, sure = (build_attack("cw-l2", {**options, "confidence": k})(victim, images, labels) for k in (0.0, 2.0))
    with torch.no_grad():
        logits = victim(sure.adversarial)
    lead = logits.scatter(1, labels[:, None], -torch.inf).amax(1) - logits.gather(1, labels[:, None])[:, 0]
    assert bool((lead >= 2.0 - 1e-3).all())
    assert bool((sure.norms["l2"] > plain.norms["l2"]).all())


def test_more_rounds_and_steps_find_smaller_changes() -> None:
    victim, images = small_victim(), pictures(20)
    labels = labeled(victim, images)

    def median(name: str, **options: Any) -> float:
        return float(build_attack(name, options)(victim, images, labels).norms["l2"].median())

    hasty = median("cw-l2", steps=100, binary_steps=1, initial_c=1000.0)
    careful = median("cw-l2", steps=100, binary_steps=6, initial_c=10.0)
    assert careful < 0.95 * hasty
    assert careful <= median("deepfool") * 1.01
    assert median("fab", norm="l2", steps=40) <= median("deepfool") * 1.01


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_the_projection_closes_the_gap_by_the_least_change_in_the_box(norm: Norm) -> None:
    generator = torch.Generator().manual_seed(5)
    images = torch.rand(40, 3, 4, 4, generator=generator)
    normal = torch.randn(images.shape, generator=generator) * (torch.rand(images.shape, generator=generator) < 0.8)
    gap = torch.randn(40, generator=generator) * 6.0
    change = onto_plane(images, normal, gap, norm)
    left = gap + (normal * change).flatten(1).sum(1)
    reach = torch.where((normal * gap[:, None, None, None]) < 0, 1.0 - images, images)
    possible = (normal.abs() * reach).flatten(1).sum(1) >= gap.abs()
    assert 5 <= int(possible.sum()) < 40
    assert (images + change).min() >= -1e-6
    assert (images + change).max() <= 1.0 + 1e-6
    assert float(left[possible].abs().max()) < 1e-4
    limit = torch.where(gap[:, None, None, None] * normal < 0, 1.0 - images, -images) * (normal != 0)
    torch.testing.assert_close(change[~possible], limit[~possible])
    # optimal: coordinates short of their limit have moved alike (linf), or in proportion to the normal (l2)
    free = (change.abs() < reach - 1e-5) & (normal != 0)
    moved = change.abs() if norm == "linf" else change.abs() / normal.abs().clamp(min=1e-12)
    for row in possible.nonzero()[:, 0]:
        ways = moved[row][free[row]]
        stopped = moved[row][(normal[row] != 0) & ~free[row]]
        torch.testing.assert_close(ways, ways[:1].expand_as(ways), rtol=1e-3, atol=1e-5)
        assert not len(stopped) or float(stopped.max()) <= float(ways[0]) + 1e-4


@pytest.mark.parametrize(
    ("name", "options", "peer", "peer_options", "norm"),
    [
        ("deepfool", {"candidates": 4}, "L2DeepFoolAttack", {}, "l2"),
        ("deepfool", {"candidates": 4, "norm": "linf"}, "LinfDeepFoolAttack", {}, "linf"),
        (
            "cw-l2",
            {"steps": 60, "binary_steps": 6, "initial_c": 0.01},
            "L2CarliniWagnerAttack",
            {"steps": 60, "binary_search_steps": 6, "initial_const": 0.01},
            "l2",
        ),
    ],
)
def test_foolbox_agrees(name: str, options: dict[str, Any], peer: str, peer_options: dict[str, Any], norm: str) -> None:
    foolbox = pytest.importorskip("foolbox")
    victim, images = small_victim(), pictures(40, seed=7)
    labels = labeled(victim, images)
    ours = build_attack(name, options)(victim, images, labels)
    model = foolbox.PyTorchModel(victim, bounds=(0, 1), device="cpu")
    _, theirs, success = getattr(foolbox.attacks, peer)(**peer_options)(model, images, labels, epsilons=None)
    change = (theirs - images).flatten(1)
    size = change.norm(dim=1) if norm == "l2" else change.abs().amax(1)
    assert bool(ours.success[success].all())
    assert float(ours.norms[norm].median()) == pytest.approx(float(size.median()), rel=0.03)
    if name == "deepfool":
        torch.testing.assert_close(ours.adversarial, theirs, rtol=0, atol=1e-5)
