"""FGSM and its iterations: equations, bounds, and independent implementations."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from attack_kit import labeled, pictures, small_victim
from torch.nn import functional as F

import physadv.attacks.recipes  # noqa: F401 (registers the attacks)
from physadv.attacks.digital.attack import build_attack
from physadv.attacks.recipes.gradient_sign import fast_gradient_method

INF = math.inf


def test_fgsm_is_its_equation() -> None:
    victim, images = small_victim(), pictures()
    labels = labeled(victim, images)
    leaf = images.clone().requires_grad_(True)
    (gradient,) = torch.autograd.grad(F.cross_entropy(victim(leaf), labels), leaf)
    expected = (images + 0.03 * gradient.sign()).clamp(0, 1)
    torch.testing.assert_close(build_attack("fgsm", {"eps": 0.03})(victim, images, labels).adversarial, expected)
    torch.testing.assert_close(fast_gradient_method(victim, images, 0.03, INF, 0.0, 1.0), expected)
    towards = torch.zeros_like(labels)
    leaf = images.clone().requires_grad_(True)
    (gradient,) = torch.autograd.grad(F.cross_entropy(victim(leaf), towards), leaf)
    torch.testing.assert_close(
        fast_gradient_method(victim, images, 0.03, INF, y=towards, targeted=True), images - 0.03 * gradient.sign()
    )


@pytest.mark.parametrize(("norm", "order"), [(INF, INF), (2, 2), (1, 1)])
def test_the_pure_function_steps_by_eps_and_climbs(norm: float, order: float) -> None:
    victim, images = small_victim(), pictures()
    labels = labeled(victim, images)
    moved = fast_gradient_method(victim, images, 0.05, norm, y=labels)
    size = torch.linalg.vector_norm((moved - images).flatten(1), ord=order, dim=1)
    torch.testing.assert_close(size, torch.full((len(images),), 0.05), rtol=1e-4, atol=1e-6)
    with torch.no_grad():
        before, after = (F.cross_entropy(victim(x), labels, reduction="none") for x in (images, moved))
    assert (after > before).all()


def test_ties_share_the_l1_step() -> None:
    weights = torch.tensor([[1.0, -1.0, 0.5, 0.0], [0.0, 0.0, 0.0, 0.0]])
    x = torch.zeros(1, 4)
    moved = fast_gradient_method(lambda z: z @ weights.T, x, 1.0, 1, y=torch.tensor([1]))
    torch.testing.assert_close(moved, torch.tensor([[0.5, -0.5, 0.0, 0.0]]))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"norm": 3}, "norm"),
        ({"eps": -0.1}, "negative"),
        ({"clip_min": 0.0}, "both"),
        ({"clip_min": 1.0, "clip_max": 0.0}, "above"),
        ({"targeted": True}, "y should"),
    ],
)
def test_the_pure_function_refuses_nonsense(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        fast_gradient_method(small_victim(), pictures(), **{"eps": 0.1, "norm": INF, **options})


@pytest.mark.parametrize("norm", ["linf", "l2", "l1"])
def test_more_steps_and_restarts_never_lose(norm: str) -> None:
    victim, images = small_victim(), pictures(32, seed=5)
    labels = labeled(victim, images)
    eps = {"linf": 0.02, "l2": 0.25, "l1": 2.0}[norm]

    def rate(**options: Any) -> float:
        attack = build_attack("pgd", {"eps": eps, "norm": norm, **options})
        return float(attack(victim, images, labels).success.float().mean())

    one, many, again = rate(steps=1), rate(steps=20), rate(steps=20, restarts=4)
    assert one <= many <= again
    assert 0.0 < many < 1.0


FOOLBOX = [
    ("fgsm", {"eps": 0.03}, "LinfFastGradientAttack", {}, 1e-6),
    ("fgsm", {"eps": 0.3, "norm": "l2"}, "L2FastGradientAttack", {}, 1e-6),
    (
        "bim",
        {"eps": 0.03, "steps": 8, "step_size": 0.01},
        "LinfBasicIterativeAttack",
        {"steps": 8, "abs_stepsize": 0.01, "random_start": False},
        None,
    ),
    ("pgd", {"eps": 0.03, "steps": 20}, "LinfPGD", {"steps": 20, "rel_stepsize": 0.125}, None),
    ("pgd", {"eps": 0.3, "norm": "l2", "steps": 20}, "L2PGD", {"steps": 20, "rel_stepsize": 0.125}, None),
]


@pytest.mark.parametrize(("name", "options", "peer", "peer_options", "equal"), FOOLBOX)
def test_foolbox_agrees(
    name: str, options: dict[str, Any], peer: str, peer_options: dict[str, Any], equal: float | None
) -> None:
    foolbox = pytest.importorskip("foolbox")
    victim, images = small_victim().eval(), pictures(200, seed=7)
    labels = labeled(victim, images)
    ours = build_attack(name, options)(victim, images, labels)
    model = foolbox.PyTorchModel(victim, bounds=(0, 1), device="cpu")
    _, theirs, success = getattr(foolbox.attacks, peer)(**peer_options)(model, images, labels, epsilons=options["eps"])
    assert float(ours.success.float().mean()) >= float(success.float().mean()) - 0.01
    if equal is not None:
        torch.testing.assert_close(ours.adversarial, theirs, rtol=0, atol=equal)
    assert 0.02 < float(ours.success.float().mean()) < 0.98
