"""The rectangular occlusion attack: where it lies, and what it may change."""

from __future__ import annotations

import pytest
import torch
from attack_kit import labeled, pictures, small_victim

from physadv.attacks import build_attack
from physadv.attacks.digital.views import Direct
from physadv.attacks.recipes.occlusion import RectangleOcclusion
from physadv.goals import build_goal


def attack(**options: object) -> RectangleOcclusion:
    built = build_attack("rectangle-occlusion", {"height": 0.25, "width": 0.4, "stride": 0.1, "steps": 10, **options})
    assert isinstance(built, RectangleOcclusion)
    return built


def test_it_changes_one_rectangle_of_its_size_and_nothing_else() -> None:
    victim, images = small_victim(), pictures(12)
    result = attack()(victim, images, labeled(victim, images))
    assert result.success.any()
    changed = (result.adversarial != images).any(1)
    for where in changed[result.attacked]:
        down, right = where.nonzero().unbind(1)
        assert down.max() - down.min() < 3
        assert right.max() - right.min() < 5
    assert float(result.norms["l0"].max()) <= 3 * 5


def test_the_grid_reaches_every_border() -> None:
    masks = attack().masks(pictures(1))
    assert bool((masks.flatten(1).sum(1) == 15).all())
    covered = masks.amax(0)[0]
    assert bool((covered == 1).all())


def test_exhaustive_search_takes_the_place_of_the_largest_loss() -> None:
    victim, images = small_victim(), pictures(5)
    labels = labeled(victim, images)
    one = attack(location="exhaustive")
    with torch.no_grad():
        goal = build_goal("untargeted", victim=victim, true_class=labels, clean_logits=victim(images))
        problem = one.problem(victim, Direct(images), goal)
        place = one.place(problem, problem.begin(None), step=0)
        masks = one.masks(images)
        for row in range(5):
            gray = images[row] + masks * (0.5 - images[row])
            loss = torch.nn.functional.cross_entropy(victim(gray), labels[row].expand(len(masks)), reduction="none")
            assert torch.equal(place[row], masks[int(loss.argmax())])


def test_guided_search_with_all_candidates_is_exhaustive_search_and_asks_less_with_few() -> None:
    victim, images = small_victim(), pictures(8)
    labels = labeled(victim, images)
    everywhere = attack(location="exhaustive")(victim, images, labels)
    guided = attack(candidates=1000)(victim, images, labels)
    assert torch.equal(everywhere.adversarial, guided.adversarial)
    few = attack(candidates=4)(victim, images, labels)
    places = len(attack().masks(images))
    assert int(everywhere.queries.max()) == places + 10 + 1
    assert int(few.queries.max()) == 4 + 1 + 10 + 1


def test_guided_places_are_those_of_the_largest_gradient() -> None:
    victim, images = small_victim(), pictures(3)
    labels = labeled(victim, images)
    one = attack()
    goal = build_goal("untargeted", victim=victim, true_class=labels, clean_logits=victim(images).detach())
    problem = one.problem(victim, Direct(images), goal)
    steep = one._steep(problem, problem.begin(None), 0)
    leaf = images.clone().requires_grad_(True)
    loss = torch.nn.functional.cross_entropy(victim(leaf), labels, reduction="sum")
    (gradient,) = torch.autograd.grad(loss, leaf)
    energy = gradient.square().sum(1, keepdim=True)
    expected = (energy[:, None] * one.masks(images)[None]).flatten(2).sum(2) / 15
    torch.testing.assert_close(steep, expected)


@pytest.mark.parametrize("share", [1.0, 0.01])
def test_rectangles_of_the_whole_picture_or_of_a_pixel(share: float) -> None:
    victim, images = small_victim(), pictures(3)
    result = attack(height=share, width=share)(victim, images, labeled(victim, images))
    assert float(result.norms["l0"].max()) <= max(1, 144 * share)


def test_more_rectangles_are_placed_beside_those_before_and_may_stay_gray() -> None:
    victim, images = small_victim(), pictures(6)
    labels = labeled(victim, images)
    one = attack(steps=0)(victim, images, labels)
    two = attack(steps=0, rectangles=2)(victim, images, labels)
    for before, after in zip(one.adversarial[one.attacked], two.adversarial[two.attacked], strict=True):
        first, both = (before - 0.5).abs() < 1e-6, (after - 0.5).abs() < 1e-6
        assert bool((first <= both).all())
        assert 15 < int(both.all(0).sum()) <= 30
    changed = (two.adversarial != images).any(1, keepdim=True).expand_as(images)
    torch.testing.assert_close(two.adversarial[changed], torch.full_like(two.adversarial[changed], 0.5))
    painted = attack(rectangles=2)(victim, images, labels)
    assert int(painted.success.sum()) >= int(two.success.sum())
