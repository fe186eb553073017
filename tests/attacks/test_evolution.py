"""Differential evolution of many populations: it finds minima as scipy's does, each population on its own."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from attack_kit import labeled, pictures, small_victim
from scipy.optimize import differential_evolution
from torch import Tensor

from physadv.attacks import build_attack
from physadv.attacks.digital.evolution import Evolution


def sphere(points: Tensor) -> Tensor:
    return ((points - 0.3) ** 2).sum(-1)


def rosenbrock(points: Tensor) -> Tensor:
    x, y = points[..., 0], points[..., 1]
    return (1.0 - x) ** 2 + 100.0 * (y - x**2) ** 2


FUNCTIONS = {"sphere": (sphere, (-1.0, 1.0), 4, 1e-3), "rosenbrock": (rosenbrock, (-2.0, 2.0), 2, 1e-2)}


def generations(name: str, count: int, *, crossover: float = 1.0, seed: int = 0) -> Tensor:
    """Generations until each of ``count`` populations of 20 has come below the function's tolerance."""
    function, (low, high), size, tolerance = FUNCTIONS[name]
    generator = torch.Generator().manual_seed(seed)
    points = low + (high - low) * torch.rand(count, 20, size, generator=generator)
    box = torch.full((size,), low), torch.full((size,), high)
    search = Evolution(points, function(points), *box, generator=generator, weight=0.7, crossover=crossover)
    rows, reached = torch.arange(count), torch.full((count,), 500)
    for number in range(1, 500):
        rivals = search.ask(rows)
        assert float(rivals.min()) >= low
        assert float(rivals.max()) <= high
        before = search.losses.clone()
        search.tell(rows, rivals, function(rivals))
        assert bool((search.losses <= before).all())
        reached[(search.best()[1] <= tolerance) & (reached == 500)] = number
    assert torch.equal(function(search.points), search.losses)
    return reached


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_it_needs_as_many_generations_as_scipys(name: str) -> None:
    function, bounds, size, tolerance = FUNCTIONS[name]
    ours = generations(name, 40, crossover=0.9)
    assert bool((ours < 500).all())
    theirs = []
    for seed in range(20):

        def stop(intermediate_result: object) -> bool:
            return float(intermediate_result.fun) <= tolerance  # type: ignore[attr-defined]

        found = differential_evolution(
            lambda point: function(torch.from_numpy(point.T)).numpy(),
            [bounds] * size,
            strategy="rand1bin",
            popsize=20 // size,
            mutation=0.7,
            recombination=0.9,
            init="random",
            updating="deferred",
            vectorized=True,
            polish=False,
            tol=0,
            maxiter=500,
            rng=seed,
            callback=stop,
        )
        theirs.append(found.nit)
    assert float(ours.float().median()) == pytest.approx(float(np.median(theirs)), rel=0.35)


def test_populations_do_not_mix_and_those_left_out_stay() -> None:
    generator = torch.Generator().manual_seed(0)
    points = torch.rand(3, 8, 2, generator=generator) + torch.tensor([0.0, 10.0, 20.0])[:, None, None]
    box = torch.zeros(2), torch.full((2,), 30.0)
    search = Evolution(points, points.sum(-1), *box, generator=generator, weight=0.0)
    rivals = search.ask(torch.tensor([2, 0]))
    assert bool(((rivals[0] >= 20) & (rivals[0] <= 21)).all())
    assert bool(((rivals[1] >= 0) & (rivals[1] <= 1)).all())
    search.tell(torch.tensor([2, 0]), rivals, torch.full((2, 8), -1.0))
    assert torch.equal(search.points[1], points[1])
    assert torch.equal(search.points[2], rivals[0])


def test_rivals_are_made_of_three_others() -> None:
    count = 7
    marks = 10.0 ** torch.arange(count, dtype=torch.float64)
    points = marks[None, :, None].expand(50, -1, 1)
    box = torch.full((1,), -1e9, dtype=torch.float64), torch.full((1,), 1e9, dtype=torch.float64)
    search = Evolution(points, torch.zeros(50, count), *box, generator=torch.Generator().manual_seed(0), weight=2.0)
    for rivals in search.ask(torch.arange(50)):
        for own, value in enumerate(rivals[:, 0].tolist()):
            sums = {
                float(marks[a] + 2.0 * (marks[b] - marks[c]))
                for a in range(count)
                for b in range(count)
                for c in range(count)
                if len({a, b, c, own}) == 4
            }
            assert value in sums


def test_a_rival_differs_from_its_point_in_one_coordinate_at_least() -> None:
    generator = torch.Generator().manual_seed(0)
    points = torch.rand(20, 8, 5, generator=generator)
    box = torch.full((5,), -9.0), torch.full((5,), 9.0)
    search = Evolution(points, points.sum(-1), *box, generator=generator, crossover=0.0)
    changed = (search.ask(torch.arange(20)) != points).sum(-1)
    assert torch.equal(changed, torch.ones_like(changed))


@pytest.mark.parametrize(
    ("name", "options"), [("one-pixel", {"pixels": 8, "population": 20}), ("shadow", {"strength": 0.2})]
)
def test_pictures_that_have_won_ask_no_more(name: str, options: dict[str, object]) -> None:
    victim, images = small_victim(), pictures(40)
    result = build_attack(name, {**options, "max_queries": 600})(victim, images, labeled(victim, images))
    assert 0 < int(result.success.sum()) < len(images)
    assert int(result.queries[result.success].float().median()) < 300
    assert set(result.queries[~result.success].tolist()) == {600}


@pytest.mark.parametrize("budget", [1, 3, 25, 61])
@pytest.mark.parametrize("name", ["one-pixel", "shadow"])
def test_the_budget_is_kept_however_small(name: str, budget: int) -> None:
    victim, images = small_victim(), pictures(6)
    attack = build_attack(name, {"population": 20, "max_queries": budget})
    result = attack(victim, images, labeled(victim, images))
    assert int(result.queries.max()) <= budget
    assert int(result.queries.max()) >= min(budget, 20) or bool(result.success.all())
