"""Substitute: it learns from decisions alone, grows its pictures by the Jacobian, and keeps the budget."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from attack_kit import labeled, pictures, small_victim
from torch import Tensor, nn

from physadv.attacks.digital.attack import build_attack
from physadv.attacks.digital.problem import Problem
from physadv.attacks.digital.substitute import affordable, agreement, jacobian_sign
from physadv.attacks.digital.views import Direct
from physadv.attacks.recipes.substitute import Substitute
from physadv.core.errors import PhysadvError
from physadv.goals import Untargeted
from physadv.victims import Victim, under_attack, wrap_module


def attack(**options: Any) -> Substitute:
    built = build_attack("substitute", {"epochs": 5, "rounds": 3, **options})
    assert isinstance(built, Substitute)
    return built


class Decisions(Victim):
    """The victim's winning classes, with logits that say nothing else."""

    def __init__(self, inner: Victim) -> None:
        super().__init__(name=inner.name, classes=inner.classes, input_size=inner.input_size, differentiable=False)
        self.inner = inner

    def forward(self, images: Tensor) -> Tensor:
        return torch.eye(len(self.classes))[self.inner(images).argmax(1)] * 7.0


def problem_of(victim: Victim, images: Tensor, labels: Tensor, pool: Tensor | None = None) -> Problem:
    view = Direct(images, None if pool is None else (pool, labeled(victim, pool)))
    return attack().problem(victim, view, Untargeted(labels))


def test_only_decisions_matter() -> None:
    victim, images = small_victim(), pictures(8)
    labels = labeled(victim, images)
    one = attack(rounds=2)(victim, images, labels)
    other = attack(rounds=2)(Decisions(victim).eval(), images, labels)
    assert torch.equal(one.adversarial, other.adversarial)
    assert torch.equal(one.queries, other.queries)


def test_the_sign_is_that_of_the_named_classes_slope() -> None:
    victim, images = small_victim(), pictures(3)
    classes = torch.tensor([0, 3, 1])
    sign = jacobian_sign(victim, Direct(images), images, classes[:, None], step=0)
    with torch.no_grad():
        before, after = (victim(some).gather(1, classes[:, None]) for some in (images, images + 1e-3 * sign))
    assert bool((after > before).all())
    assert bool((sign.abs() == 1.0).all())
    assert all(parameter.requires_grad for parameter in victim.parameters())


def test_the_pictures_double_and_then_grow_by_a_number_that_stays() -> None:
    victim, images = small_victim(), pictures(8)
    problem = problem_of(victim, images, labeled(victim, images))
    with under_attack(victim):
        attack(rounds=4, doublings=2, added=5).train(problem, torch.Generator().manual_seed(0))
    assert int(problem.queries.sum()) == 8 * 4 + 5 + 5
    assert "agreed with the victim" in problem.notes[0]


@pytest.mark.parametrize("limit", [1, 3, 6])
def test_the_budget_is_kept_and_used(limit: int) -> None:
    victim, images = small_victim(), pictures(5)
    labels = labeled(victim, images)
    result = attack(max_queries=limit, rounds=8)(victim, images, labels)
    assert bool((result.queries == limit).all())
    assert int(result.gradients.sum()) == 0


def test_the_pool_is_paid_for_in_equal_shares() -> None:
    victim, images = small_victim(), pictures(4)
    problem = problem_of(victim, images, labeled(victim, images), pool=pictures(12, seed=5))
    with under_attack(victim):
        attack(rounds=0).train(problem, torch.Generator().manual_seed(0))
    assert problem.queries.tolist() == [3, 3, 3, 3]
    rows = torch.tensor([0, 1, 0, 0, 2])
    assert affordable(problem, 5, rows).tolist() == [True, True, True, False, True]


class Brightest(nn.Module):
    """Three classes: the channel that is brightest on the whole."""

    def forward(self, images: Tensor) -> Tensor:
        return images.mean((2, 3)) * 20.0


def test_it_comes_to_agree_with_the_victim() -> None:
    victim = wrap_module(Brightest(), name="brightest", classes=("r", "g", "b"), size=12).eval()
    images, pool, others = pictures(6), pictures(60, seed=5), pictures(90, seed=9)
    answers = labeled(victim, others)
    commonest = float(answers.bincount().max()) / len(answers)
    problem = problem_of(victim, images, labeled(victim, images), pool=pool)
    student = attack(rounds=1, epochs=15).train(problem, torch.Generator().manual_seed(0))
    assert agreement(student, others, answers) > commonest + 0.1
    assert not student.training


@pytest.mark.parametrize(("inner", "eps", "norm"), [("fgsm", 0.1, "linf"), ("pgd", 0.5, "l2")])
def test_the_change_is_in_the_inner_attacks_ball(inner: str, eps: float, norm: str) -> None:
    victim, images = small_victim(), pictures(6)
    made = attack(attack=inner, attack_options={"eps": eps, "norm": norm})(victim, images, labeled(victim, images))
    assert 0.5 * eps < float(made.norms[norm].max()) <= eps + 1e-5


def test_wrong_options_are_refused_in_a_sentence() -> None:
    for options in ({"attack": "square"}, {"attack": "substitute"}, {"architecture": "none"}, {"attack": "none"}):
        with pytest.raises(PhysadvError):
            attack(**options)
