"""NES: its estimate is the gradient, and its budget is kept."""

from __future__ import annotations

import pytest
import torch
from attack_kit import labeled, pictures, small_victim

from physadv.attacks import build_attack
from physadv.attacks.digital.views import Direct
from physadv.attacks.recipes.nes import Nes
from physadv.goals import build_goal
from physadv.victims import under_attack


def attack(**options: object) -> Nes:
    built = build_attack("nes", {"eps": 0.1, **options})
    assert isinstance(built, Nes)
    return built


def test_the_estimate_comes_near_the_gradient_as_samples_grow() -> None:
    victim, images = small_victim(), pictures(4)
    labels = labeled(victim, images)
    one = attack(sigma=0.01)
    with under_attack(victim):
        goal = build_goal("untargeted", victim=victim, true_class=labels, clean_logits=victim(images))
        problem = one.problem(victim, Direct(images), goal)
        theta = problem.begin(None)
        _, _, exact = problem.gradient(theta)
        cosines = []
        for pairs in (30, 3000):
            generator = torch.Generator().manual_seed(0)
            before = problem.queries.clone()
            found = one.estimate(problem, theta, problem.rows, generator, pairs=pairs, step=0)
            assert bool((problem.queries - before == 2 * pairs).all())
            cosines.append(torch.cosine_similarity(found.flatten(1), exact.flatten(1)))
    assert bool((cosines[1] > 0.9).all())
    assert bool((cosines[1] > cosines[0]).all())
    ratio = found.flatten(1).norm(dim=1) / exact.flatten(1).norm(dim=1)
    assert bool(((ratio - 1.0).abs() < 0.15).all())


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_it_wins_about_what_gradients_win_and_stops_there(norm: str) -> None:
    victim, images = small_victim(), pictures(24, seed=3)
    labels = labeled(victim, images)
    eps = {"linf": 0.1, "l2": 1.2}[norm]
    white = build_attack("pgd", {"eps": eps, "norm": norm, "steps": 20})(victim, images, labels)
    found = attack(eps=eps, norm=norm, max_queries=3000)(victim, images, labels)
    assert white.success.float().mean() > 0.3
    assert found.success.float().mean() >= white.success.float().mean() - 0.1
    assert float(found.norms[norm].max()) <= eps + 1e-5
    assert int(found.queries[found.success].min()) < 1000
    assert bool((found.queries[~found.success] > 2900).all())


@pytest.mark.parametrize("budget", [1, 2, 3, 52, 120])
def test_a_small_budget_is_kept(budget: int) -> None:
    victim, images = small_victim(), pictures(5)
    result = attack(max_queries=budget)(victim, images, labeled(victim, images))
    assert int(result.queries.max()) <= budget
    if budget < 3:
        assert torch.equal(result.adversarial, images)
