"""Attacks that know decisions alone: where they start, what they find, and what they ask."""

from __future__ import annotations

import math

import pytest
import torch
from attack_kit import CLASSES, SIZE, labeled, pictures, small_victim
from torch import Tensor, nn

from physadv.attacks import build_attack
from physadv.attacks.digital.problem import Problem
from physadv.attacks.digital.starting_points import noise, pooled, winners
from physadv.attacks.digital.transforms import transformed
from physadv.attacks.digital.views import Direct, View
from physadv.attacks.losses import LOSSES
from physadv.attacks.recipes.hard_label_sticker import HardLabelSticker
from physadv.attacks.recipes.hop_skip_jump import HopSkipJump
from physadv.goals import Goal, build_goal
from physadv.victims import Reading, Victim, under_attack, wrap_module

ATTACKS = ("hop-skip-jump", "hard-label-sticker")


class Answers(Victim):
    """Another victim's decisions: all that it tells is which class wins."""

    def __init__(self, inner: Victim) -> None:
        super().__init__(name="answers", classes=inner.classes, input_size=inner.input_size, differentiable=False)
        self.inner = inner
        self.eval()

    def forward(self, images: Tensor) -> Tensor:
        with torch.no_grad():
            best = self.inner(images).argmax(1)
        return 2.0 * nn.functional.one_hot(best, len(self.classes)).to(images.dtype)


class Windy(View):
    """Three frames a look, of a brightness that changes with the step."""

    def __init__(self, shown: Tensor) -> None:
        self.pictures, self.frames, self.varies = shown, 3, True

    def look(self, victim: Victim, changed: Tensor, *, step: int) -> Tensor:
        light = 1.0 + 0.03 * torch.tensor([math.sin(step), math.cos(step), math.sin(2 * step)])
        return torch.stack([victim(changed * value) for value in light], dim=1)


def plane() -> tuple[Victim, Tensor, Tensor]:
    """A victim of two classes, divided by a plane through pictures' values, its normal and pictures of class 0."""
    network = nn.Sequential(nn.Flatten(), nn.Linear(3 * SIZE * SIZE, 2))
    normal = torch.randn(3 * SIZE * SIZE, generator=torch.Generator().manual_seed(5))
    with torch.no_grad():
        network[1].weight.copy_(torch.stack([-normal, normal]))
        network[1].bias.copy_(torch.tensor([1.0, -1.0]) * (0.5 * normal.sum() + 8.0))
    return wrap_module(network, name="plane", classes=("a", "b"), size=SIZE).eval(), normal, pictures(6) * 0.5 + 0.25


def amounts(count: int) -> Tensor:
    return torch.rand(count, 5, generator=torch.Generator().manual_seed(77)) * 2.0 - 1.0


def problem_of(victim: Victim, view: View, goal: str, attack: str = "hop-skip-jump") -> tuple[Problem, Goal]:
    labels = labeled(victim, view.pictures)
    with torch.no_grad():
        made = build_goal(goal, victim=victim, true_class=labels, clean_logits=victim(view.pictures))
    return Problem(victim, view, build_attack(attack).change(), made, LOSSES["margin"]), made


@pytest.mark.parametrize("goal", ["untargeted", "targeted:no entry", "runner_up"])
@pytest.mark.parametrize("name", ATTACKS)
def test_they_need_nothing_but_the_winning_class(name: str, goal: str) -> None:
    victim, images = small_victim(), pictures(8, seed=3)
    labels = labeled(victim, images)
    attack = build_attack(name, {"max_queries": 600})
    told = attack(victim, images, labels, goal=goal)
    if goal != "runner_up":  # the runner-up is chosen by scores before the attack
        untold = attack(Answers(victim), images, labels, goal=goal)
        assert torch.equal(told.adversarial, untold.adversarial)
        assert torch.equal(told.queries, untold.queries)
    least = {"hop-skip-jump": 0.7, "hard-label-sticker": 0.9 if goal == "untargeted" else 0.0}
    assert told.success.float().mean() >= least[name]
    assert int(told.gradients.sum()) == 0


@pytest.mark.parametrize("budget", [1, 2, 7, 30, 99])
@pytest.mark.parametrize("name", ATTACKS)
def test_a_small_budget_is_kept(name: str, budget: int) -> None:
    victim, images = small_victim(), pictures(5)
    result = build_attack(name, {"max_queries": budget})(victim, images, labeled(victim, images))
    assert int(result.queries.max()) <= budget


def test_a_start_is_the_nearest_winner_of_the_pool_and_costs_what_was_tried() -> None:
    victim, images = small_victim(), pictures(3)
    pool = pictures(60, seed=9)
    labels = labeled(victim, pool)
    target = CLASSES.index("no entry")
    assert bool((labels == target).any())
    with under_attack(victim):
        problem, _ = problem_of(victim, Direct(images, (pool, labels)), "targeted:no entry")
        found, have = winners(problem, pooled(problem, 60), max_queries=60)
    assert bool(have.all())
    assert bool((problem.queries == 1).all())
    of_target = pool[labels == target]
    for picture, start in zip(images, found, strict=True):
        nearest = (of_target - picture).flatten(1).norm(dim=1).argmin()
        assert torch.equal(start, of_target[nearest])


def test_without_a_start_the_picture_is_given_up_unchanged() -> None:
    images, network = pictures(6), nn.Sequential(nn.Flatten(), nn.Linear(3 * SIZE * SIZE, 3))
    with torch.no_grad():
        network[1].weight.zero_()
        network[1].bias.copy_(torch.tensor([2.0, 1.0, 0.0]))
    constant = wrap_module(network, name="constant", classes=("a", "b", "c"), size=SIZE).eval()
    labels = torch.zeros(len(images), dtype=torch.int64)
    for name in ATTACKS:
        result = build_attack(name, {"max_queries": 100})(constant, images, labels, goal="targeted:c")
        assert torch.equal(result.adversarial, images)
        assert not bool(result.success.any())
        assert bool((result.queries > 0).all())


# HopSkipJump


@pytest.mark.parametrize("norm", ["l2", "linf"])
def test_at_a_plane_it_comes_near_the_least_change_there_is(norm: str) -> None:
    victim, normal, images = plane()
    labels = labeled(victim, images)
    assert bool((labels == 0).all())
    gap = (0.5 * normal.sum() + 8.0) - images.flatten(1) @ normal
    least = gap / (normal.norm() if norm == "l2" else normal.abs().sum())
    few, many = (
        build_attack("hop-skip-jump", {"norm": norm, "max_queries": budget})(victim, images, labels)
        for budget in (300, 6000)
    )
    assert bool(many.success.all())
    assert bool((many.norms[norm] >= least * 0.999).all())
    assert bool((many.norms[norm] <= least * 1.35).all())
    assert bool((many.norms[norm] < few.norms[norm]).all())


def test_its_normal_is_the_planes() -> None:
    victim, normal, images = plane()
    attack = build_attack("hop-skip-jump")
    assert isinstance(attack, HopSkipJump)
    with under_attack(victim):
        problem, _ = problem_of(victim, Direct(images), "untargeted")
        away = ((0.5 * normal.sum() + 8.0) - images.flatten(1) @ normal) / normal.norm() ** 2
        at = images + (away[:, None] * normal).reshape(images.shape) * 3.0
        at = attack.to_boundary(problem, at, problem.rows, step=0)
        generator = torch.Generator().manual_seed(0)
        found = attack.normal(problem, at, problem.rows, generator, turn=900, step=0)
    assert bool((torch.cosine_similarity(found.flatten(1), normal[None]) > 0.8).all())


@pytest.mark.parametrize("norm", ["l2", "linf"])
def test_its_changes_are_no_larger_than_foolboxs_for_the_same_queries(norm: str) -> None:
    foolbox = pytest.importorskip("foolbox")
    victim, images = small_victim(), pictures(24, seed=3)
    labels = labeled(victim, images)
    asked = 0

    class Asked(nn.Module):
        def forward(self, shown: Tensor) -> Tensor:
            nonlocal asked
            asked += len(shown)
            return victim(shown)

    torch.manual_seed(0)
    theirs = foolbox.attacks.HopSkipJumpAttack(steps=5, constraint=norm)
    model = foolbox.PyTorchModel(Asked().eval(), bounds=(0, 1), device="cpu")
    _, clipped, _ = theirs(model, images, labels, epsilons=[None])
    change = (clipped[0] - images).flatten(1)
    sizes = change.norm(dim=1) if norm == "l2" else change.abs().amax(1)
    ours = build_attack("hop-skip-jump", {"norm": norm, "max_queries": asked // len(images)})(victim, images, labels)
    assert bool(ours.success.all())
    assert float(ours.norms[norm].median()) <= 1.1 * float(sizes.median())


def test_it_keeps_to_the_boundary_of_conditions_that_change() -> None:
    victim, images = small_victim(), pictures(16, seed=3)
    attack = build_attack("hop-skip-jump", {"max_queries": 3000})
    with under_attack(victim):
        problem, goal = problem_of(victim, Windy(images), "untargeted")
        theta = attack.search(problem, torch.Generator().manual_seed(0))
        wins = problem.view.look(victim, problem.changed(theta), step=10_000)
        share = (
            goal.of(problem.rows.repeat_interleave(3)).won(Reading(wins.flatten(0, 1))).reshape(-1, 3).float().mean(1)
        )
        start, _ = winners(problem, noise(problem, torch.Generator().manual_seed(0), 50), max_queries=10**6)
    assert int(problem.queries.max()) >= 2900
    assert (share >= 0.5).float().mean() >= 0.4
    closer = (theta.flatten(1).norm(dim=1) < 0.5 * (start - images).flatten(1).norm(dim=1)).float().mean()
    assert closer > 0.7


# the sticker


def test_the_sticker_is_whole_patches_within_its_area() -> None:
    victim, images = small_victim(), pictures(16, seed=3)
    labels = labeled(victim, images)
    result = build_attack("hard-label-sticker", {"cells": 6, "max_queries": 1500})(victim, images, labels)
    assert result.success[result.attacked].float().mean() > 0.8
    changed = (result.adversarial != images).any(1)
    patches = changed.reshape(-1, 6, 2, 6, 2).float().mean((2, 4))
    assert bool(((patches == 0.0) | (patches == 1.0)).all())
    assert float(changed.float().mean((1, 2)).max()) <= 0.25
    flat = result.adversarial.reshape(-1, 3, 6, 2, 6, 2)
    assert bool(((flat - flat[..., :1, :, :1]).abs().amax((1, 3, 5)) < 1e-6)[patches > 0].all())


def test_nearly_every_patch_that_is_left_is_needed() -> None:
    victim, images = small_victim(), pictures(16, seed=3)
    labels = labeled(victim, images)
    options = {"cells": 6, "transforms": 1, "threshold": 1.0, "max_area": 1.0, "rounds": 1, "max_queries": 4000}
    result = build_attack("hard-label-sticker", options)(victim, images, labels)
    needed = []
    for picture, won, label in zip(images, result.adversarial, labels, strict=True):
        patches = (picture != won).any(0).reshape(6, 2, 6, 2).any(3).any(1)
        for down, right in patches.nonzero().tolist():
            less, there = won.clone(), (slice(None), slice(2 * down, 2 * down + 2), slice(2 * right, 2 * right + 2))
            less[there] = picture[there]
            needed.append(bool(labeled(victim, less[None])[0] == label))
    assert sum(needed) >= 0.9 * len(needed)


def test_transforms_make_it_hold_where_it_is_shifted_and_turned() -> None:
    victim, images = small_victim(), pictures(24, seed=3)
    labels = labeled(victim, images)

    def held(**options: object) -> float:
        attack = build_attack("hard-label-sticker", {"max_queries": 4000, **options})
        result = attack(victim, images, labels)
        shown = transformed(result.adversarial, amounts(40))
        return float((labeled(victim, shown.flatten(0, 1)).reshape(40, -1) != labels).float().mean())

    assert held(transforms=8, threshold=0.9) > held(transforms=1) + 0.05


def test_boosting_raises_the_share_that_wins() -> None:
    victim, images = small_victim(), pictures(24, seed=3)
    attack = build_attack("hard-label-sticker", {"max_queries": 10**6, "cells": 6, "transforms": 12})
    assert isinstance(attack, HardLabelSticker)
    generator = torch.Generator().manual_seed(0)
    with under_attack(victim):
        problem, _ = problem_of(victim, Direct(images), "untargeted", "hard-label-sticker")
        paint, _ = winners(problem, noise(problem, generator, 20), max_queries=50)
        cells = torch.zeros(len(images), 6, 6, dtype=torch.bool)
        cells[:, 1:4, 2:5] = True

        def share(paint: Tensor) -> Tensor:
            where = nn.functional.interpolate(cells[:, None].float(), size=(SIZE, SIZE))
            fresh = torch.Generator().manual_seed(99)
            return attack.shares(problem, torch.cat([paint, where], 1), problem.rows, fresh, step=0)[0]

        before = share(paint)
        for _ in range(6):
            paint = attack.boosted(problem, paint, cells, problem.rows, generator, step=0)
        after = share(paint)
    assert float(after.mean()) > float(before.mean()) + 0.1


def test_transforms_are_the_same_for_all_pictures() -> None:
    images = pictures(2)
    both = transformed(images, amounts(3))
    assert both.shape == (3, 2, 3, SIZE, SIZE)
    assert torch.allclose(both[:, 1:], transformed(images[1:], amounts(3)))
    assert not torch.allclose(both[0], images, atol=0.01)
    assert torch.allclose(transformed(images, torch.zeros(1, 5))[0], images, atol=1e-5)
    gray = transformed(torch.full((1, 3, SIZE, SIZE), 0.5), amounts(3))
    assert float(gray.std(-1).max()) < 1e-6
    assert 0.4 <= float(gray.min()) <= float(gray.max()) <= 0.6
    one = torch.zeros(1, 3, SIZE, SIZE)
    one[..., 5, 5] = 1.0
    right = transformed(one, torch.tensor([[-1.0, 0.0, 0.0, 0.0, 0.0]]))[0, 0, 0]  # 4 % of 12 pixels
    assert float(right[5, 6]) == pytest.approx(0.48, abs=1e-3)
