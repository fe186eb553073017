"""Square attack: random search that keeps its budget and its ball, and wins what gradients win."""

from __future__ import annotations

import pytest
import torch
from attack_kit import labeled, pictures, small_victim

from physadv.attacks import build_attack
from physadv.attacks.digital.views import Direct
from physadv.attacks.recipes.square import Square, bump
from physadv.goals import build_goal


@pytest.mark.parametrize(
    ("norm", "eps", "enough"),
    [("linf", 0.015, 1500), pytest.param("l2", 0.3, 5000, marks=pytest.mark.slow)],
)
def test_with_enough_queries_it_wins_nearly_what_pgd_wins(norm: str, eps: float, enough: int) -> None:
    victim, images = small_victim(), pictures(60)
    labels = labeled(victim, images)
    by_gradient = build_attack("pgd", {"norm": norm, "eps": eps, "steps": 40})(victim, images, labels).success
    result = build_attack("square", {"norm": norm, "eps": eps, "max_queries": enough})(victim, images, labels)
    assert 0.2 < float(by_gradient.float().mean()) < 1.0
    assert float(result.success.float().mean()) >= float(by_gradient.float().mean()) - 0.07
    assert float(result.norms[norm].max()) <= eps + 1e-5
    assert int(result.gradients.max()) == 0


@pytest.mark.parametrize("budget", [1, 2, 37])
@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_pictures_that_withstand_have_used_up_their_budget(norm: str, budget: int) -> None:
    victim, images = small_victim(), pictures(20)
    result = build_attack("square", {"norm": norm, "eps": 1e-4, "max_queries": budget})(
        victim, images, labeled(victim, images)
    )
    assert not result.success.any()
    assert set(result.queries.tolist()) == {budget}


def test_more_queries_win_more() -> None:
    victim, images = small_victim(), pictures(60)
    labels = labeled(victim, images)
    shares = [
        float(build_attack("square", {"eps": 0.04, "max_queries": n})(victim, images, labels).success.float().mean())
        for n in (5, 1000)
    ]
    assert shares[1] > shares[0]


def test_squares_shrink_as_the_budget_goes() -> None:
    attack, images = Square(), pictures(1)
    sides = [attack.side(share, images) for share in (0.0, 0.002, 0.03, 0.3, 0.9)]
    assert sides == sorted(sides, reverse=True)
    assert sides[0] == round((0.8 * 144) ** 0.5)
    assert sides[-1] == 1


def test_changes_lie_at_the_bound_or_at_the_pictures_range() -> None:
    victim, images = small_victim(), pictures(10)
    attack = build_attack("square", {"eps": 0.03, "max_queries": 60})
    change = attack(victim, images, labeled(victim, images)).adversarial - images
    torch.testing.assert_close(change.abs(), torch.full_like(change, 0.03), atol=1e-6, rtol=0)


def test_pictures_that_have_won_ask_no_more() -> None:
    victim, images = small_victim(), pictures(40)
    result = build_attack("square", {"eps": 0.015, "max_queries": 500})(victim, images, labeled(victim, images))
    assert 0 < int(result.success.sum()) < len(images)
    assert int(result.queries[result.success].float().median()) < 250
    assert set(result.queries[~result.success].tolist()) == {500}


def test_every_square_changes_something() -> None:
    victim, images = small_victim(), pictures(40)
    labels = labeled(victim, images)
    attack, generator = Square(), torch.Generator().manual_seed(0)
    with torch.no_grad():
        goal = build_goal("untargeted", victim=victim, true_class=labels, clean_logits=victim(images))
    problem = attack.problem(victim, Direct(images), goal)
    theta = torch.full_like(images, attack.eps)
    for _ in range(10):
        trial = attack._trial(problem, theta, problem.rows, 1, generator)
        assert bool((trial != theta).flatten(1).any(1).all())


def test_what_a_square_loses_another_gains() -> None:
    generator = torch.Generator().manual_seed(0)
    attack = Square(norm="l2", eps=2.0)
    theta = torch.randn(4, 3, 12, 12, generator=generator)
    theta = 2.0 * theta / theta.flatten(1).norm(dim=1)[:, None, None, None]
    places = torch.tensor([[[1, 2]], [[7, 6]]]).expand(-1, 4, -1)
    moved = attack._moved(theta, torch.ones(4, 3, 1, 1), places, 4, torch.zeros(4, dtype=torch.bool))
    torch.testing.assert_close(moved.flatten(1).norm(dim=1), torch.full((4,), 2.0))
    assert torch.equal(moved[:, :, 7:11, 6:10], torch.zeros(4, 3, 4, 4))
    elsewhere = torch.ones(12, 12, dtype=torch.bool)
    elsewhere[1:5, 2:6] = elsewhere[7:11, 6:10] = False
    assert torch.equal(moved[:, :, elsewhere], theta[:, :, elsewhere])


def test_squares_lie_either_way() -> None:
    attack, places = Square(norm="l2", eps=1.0), torch.zeros(2, 2, 2, dtype=torch.int64)
    turned = torch.tensor([False, True])
    upright, across = attack._moved(torch.zeros(2, 3, 12, 12), torch.ones(2, 3, 1, 1), places, 6, turned)
    assert not torch.equal(upright, across)
    torch.testing.assert_close(across, upright.transpose(1, 2))


def test_bumps_weigh_most_in_the_middle() -> None:
    for size in (3, 6, 9):
        shape = bump(size)
        middle = (size - 1) // 2
        assert float(shape.max()) == float(shape[middle, middle])
        assert torch.equal(shape, shape.flip(0))
        assert torch.equal(shape, shape.T)
        assert float(shape.min()) > 0.0
