"""Square attack: random search that keeps its budget and its ball, and wins what gradients win."""

from __future__ import annotations

import pytest
import torch
from attack_kit import labelled, pictures, small_victim

from physadv.attacks import build_attack
from physadv.attacks.recipes.square import Square, bump


@pytest.mark.parametrize(("norm", "eps"), [("linf", 0.015), ("l2", 0.3)])
def test_with_enough_queries_it_wins_nearly_what_pgd_wins(norm: str, eps: float) -> None:
    victim, images = small_victim(), pictures(60)
    labels = labelled(victim, images)
    by_gradient = build_attack("pgd", {"norm": norm, "eps": eps, "steps": 40})(victim, images, labels).success
    result = build_attack("square", {"norm": norm, "eps": eps, "max_queries": 1500})(victim, images, labels)
    assert 0.2 < float(by_gradient.float().mean()) < 1.0
    assert float(result.success.float().mean()) >= float(by_gradient.float().mean()) - 0.07
    assert float(result.norms[norm].max()) <= eps + 1e-5
    assert int(result.gradients.max()) == 0


@pytest.mark.parametrize("budget", [1, 2, 37])
@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_pictures_that_withstand_have_used_up_their_budget(norm: str, budget: int) -> None:
    victim, images = small_victim(), pictures(20)
    result = build_attack("square", {"norm": norm, "eps": 1e-4, "max_queries": budget})(
        victim, images, labelled(victim, images)
    )
    assert not result.success.any()
    assert set(result.queries.tolist()) == {budget}


def test_more_queries_win_more() -> None:
    victim, images = small_victim(), pictures(60)
    labels = labelled(victim, images)
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
    change = attack(victim, images, labelled(victim, images)).adversarial - images
    torch.testing.assert_close(change.abs(), torch.full_like(change, 0.03), atol=1e-6, rtol=0)


def test_bumps_weigh_most_in_the_middle() -> None:
    for size in (3, 6, 9):
        shape = bump(size)
        middle = (size - 1) // 2
        assert float(shape.max()) == float(shape[middle, middle])
        assert torch.equal(shape, shape.flip(0))
        assert torch.equal(shape, shape.T)
        assert float(shape.min()) > 0.0
