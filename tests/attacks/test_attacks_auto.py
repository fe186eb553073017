"""Auto-PGD and AutoAttack: no weaker than their parts, and loud where the victim hides its gradients."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from attack_kit import CLASSES, SIZE, labeled, pictures, small_victim
from torch import Tensor, nn

import physadv.attacks.recipes  # noqa: F401 (registers the attacks)
from physadv.attacks.digital.attack import Result, build_attack
from physadv.attacks.digital.views import Direct
from physadv.attacks.recipes.apgd import ApgdCe, checkpoints
from physadv.goals import Untargeted
from physadv.victims import Victim, wrap_module

QUICK_AUTO = {"steps": 20, "targets": 3, "square_queries": 300}


class Stepped(nn.Module):
    """A network behind a staircase, which has no gradient."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, images: Tensor) -> Tensor:
        return self.inner((images * 64.0).round() / 64.0)


class Noisy(nn.Module):
    """A network that adds noise of its own."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, images: Tensor) -> Tensor:
        return self.inner(images + 0.05 * torch.randn_like(images))


def attacked(name: str, victim: Victim, count: int = 40, **options: Any) -> Result:
    images = pictures(count, seed=5)
    return build_attack(name, options)(victim, images, labeled(small_victim(), images))


def rate(result: Result) -> float:
    return float(result.success.float().mean())


def test_checkpoints_are_those_of_the_paper() -> None:
    assert checkpoints(100) == [22, 41, 57, 70, 80, 87, 93, 99]
    assert checkpoints(1) == [1]
    assert all(0 < at <= 10 for at in checkpoints(10))


@pytest.mark.parametrize(("norm", "eps"), [("linf", 0.015), ("l2", 0.2)])
def test_auto_pgd_is_no_weaker_than_pgd(norm: str, eps: float) -> None:
    victim = small_victim()
    pgd = rate(attacked("pgd", victim, norm=norm, eps=eps, steps=50, restarts=2))
    assert 0.05 < pgd < 0.95
    assert rate(attacked("apgd-ce", victim, norm=norm, eps=eps, steps=50)) >= pgd - 0.026
    assert rate(attacked("apgd-t", victim, norm=norm, eps=eps, steps=50, targets=4)) >= pgd


@pytest.mark.parametrize("goal", ["runner_up", "targeted:no entry"])
def test_auto_pgd_reaches_targets_no_worse_than_pgd(goal: str) -> None:
    victim, images = small_victim(), pictures(40, seed=5)
    labels = labeled(victim, images)

    def share(name: str, **options: Any) -> float:
        return rate(build_attack(name, {"eps": 0.015, **options})(victim, images, labels, goal=goal))

    pgd = share("pgd", steps=50)
    assert 0.05 < pgd < 1.0
    assert share("apgd-ce", steps=50) >= pgd - 0.026
    assert share("apgd-t", steps=50) >= pgd - 0.026


def test_winning_early_saves_queries() -> None:
    result = attacked("apgd-ce", small_victim(), eps=0.3, steps=50)
    assert rate(result) == 1.0
    assert float(result.queries[result.attacked].float().mean()) < 10.0


@pytest.mark.parametrize(("norm", "eps"), [("linf", 0.015), ("l2", 0.2)])
def test_auto_attack_wins_what_any_part_wins(norm: str, eps: float) -> None:
    victim = small_victim()
    whole = attacked("auto-attack", victim, norm=norm, eps=eps, **QUICK_AUTO)
    for name, options in (("apgd-ce", {"steps": 20}), ("apgd-t", {"steps": 20, "targets": 3})):
        part = attacked(name, victim, norm=norm, eps=eps, **options)
        assert rate(whole) >= rate(part) - 0.026
    smallest = attacked("fab", victim, norm=norm, steps=20, targets=3)
    within = (smallest.norms[norm] <= eps * 0.999) & smallest.success
    assert bool(whole.success[within].all())
    assert 0.05 < rate(whole) < 0.95
    assert float(whole.norms[norm].max()) <= eps + 1e-6
    assert float(whole.queries[whole.success].float().median()) < float(whole.queries[~whole.success].float().min())


def test_a_sound_victim_raises_no_flag() -> None:
    assert attacked("auto-attack", small_victim(), eps=0.015, **QUICK_AUTO).flags == ()


def test_masked_gradients_are_named() -> None:
    victim = wrap_module(Stepped(small_victim()), name="stepped", classes=CLASSES, size=SIZE).eval()
    result = attacked("auto-attack", victim, eps=0.02, **QUICK_AUTO)
    words = " ".join(result.flags)
    assert "gradient is zero" in words
    assert "square" in words
    assert "without a bound" in words
    assert rate(result) > 0.2
    assert rate(attacked("apgd-ce", victim, eps=0.02)) < rate(result)


def test_a_randomized_victim_is_named() -> None:
    victim = wrap_module(Noisy(small_victim()), name="noisy", classes=CLASSES, size=SIZE).eval()
    with torch.random.fork_rng():
        torch.manual_seed(0)
        result = attacked("auto-attack", victim, count=12, eps=0.01, steps=5, targets=1, square_queries=20)
    assert any("randomized" in flag for flag in result.flags)


def test_gradients_that_lead_nowhere_are_named() -> None:
    victim = wrap_module(Stepped(small_victim()), name="stepped", classes=CLASSES, size=SIZE).eval()
    flags = attacked("apgd-ce", victim, eps=0.002, steps=10).flags
    assert any("does not fall along its gradient" in flag for flag in flags)


@pytest.mark.parametrize(("late", "named"), [(-0.7, True), (-0.99, False)])
def test_a_loss_that_is_still_falling_is_named(late: float, named: bool) -> None:
    victim, images = small_victim(), pictures(4)
    attack = ApgdCe()
    problem = attack.problem(victim, Direct(images), Untargeted(labeled(victim, images)))
    at, _ = attack._begin(problem, problem.begin(None), 0)
    start = torch.zeros_like(at.loss)
    attack._doubt(problem, replace(at, first=start, late=start + late, best_loss=start - 1.0))
    assert any("still falling at the last step in 4 of 4" in note for note in problem.notes) == named


def test_a_step_that_brings_nothing_is_halved_from_the_best_point_on() -> None:
    victim, images = small_victim(), pictures(4)
    attack = ApgdCe(eps=0.1)
    problem = attack.problem(victim, Direct(images), Untargeted(labeled(victim, images)))
    at, _ = attack._begin(problem, problem.begin(None), 0)
    better = at.best_loss - torch.tensor([1.0, 1.0, 0.0, 0.0])
    at = replace(
        at,
        theta=at.theta + 0.05,
        falls=torch.tensor([8.0, 7.0, 8.0, 8.0]),
        best_loss=better,
        halved=torch.tensor([False, False, False, True]),
    )
    after = attack._look_back(at, 10)  # good; too few falls; no better since; no better, but halved just now
    torch.testing.assert_close(after.size, torch.tensor([0.2, 0.1, 0.1, 0.2]))
    assert torch.equal(after.halved, torch.tensor([False, True, True, False]))
    assert torch.equal(after.theta[1:3], at.best[1:3])
    assert torch.equal(after.theta[0], at.theta[0])
