"""One-pixel: so many pixels at most, the right ones, and in what colors."""

from __future__ import annotations

import pytest
import torch
from attack_kit import labeled, pictures, small_victim

from physadv.attacks import build_attack
from physadv.attacks.recipes.one_pixel import FewPixels


@pytest.mark.parametrize("pixels", [1, 3])
def test_no_more_pixels_than_asked_for_change(pixels: int) -> None:
    victim, images = small_victim(), pictures(24)
    options = {"pixels": pixels, "population": 40, "max_queries": 800}
    result = build_attack("one-pixel", options)(victim, images, labeled(victim, images))
    assert int(result.norms["l0"].max()) <= pixels
    assert bool((result.norms["l0"][result.success & result.attacked] >= 1).all())


def test_more_pixels_win_more() -> None:
    victim, images = small_victim(), pictures(40)
    labels = labeled(victim, images)
    shares = [
        float(
            build_attack("one-pixel", {"pixels": k, "max_queries": 1500})(victim, images, labels).success.float().mean()
        )
        for k in (1, 8)
    ]
    assert shares[1] > shares[0]


def test_it_finds_what_trying_every_pixel_finds() -> None:
    victim, images = small_victim(), pictures(12)
    labels = labeled(victim, images)
    result = build_attack("one-pixel", {"population": 60, "max_queries": 6000})(victim, images, labels)
    corners = torch.cartesian_prod(*[torch.tensor([0.0, 1.0])] * 3)
    for row in range(len(images)):
        tried = images[row].expand(144 * 8, -1, -1, -1).clone()
        place = torch.arange(144).repeat_interleave(8)
        tried[torch.arange(len(tried)), :, place // 12, place % 12] = corners.repeat(144, 1)
        with torch.no_grad():
            possible = bool((victim(tried).argmax(1) != labels[row]).any())
        assert bool(result.success[row]) or not possible


def test_pixels_lie_where_theta_says_and_the_later_one_is_seen() -> None:
    images = pictures(1)
    theta = torch.tensor([[[0.0, 0.0, 1.0, 0.0, 0.0], [0.999, 1.0, 0.0, 1.0, 0.0], [0.01, 0.02, 0.0, 0.0, 1.0]]])
    changed = FewPixels(3).apply(images, theta)
    assert changed[0, :, 0, 0].tolist() == [0.0, 0.0, 1.0]
    assert changed[0, :, 11, 11].tolist() == [0.0, 1.0, 0.0]
    assert int((changed != images).any(1).sum()) == 2
    none = FewPixels(3)
    assert torch.equal(none.apply(images, none.begin(images, None)), images)


@pytest.mark.parametrize(("height", "width"), [(4, 9), (9, 4)])
def test_pixels_lie_right_on_pictures_that_are_not_square(height: int, width: int) -> None:
    images = torch.full((1, 3, height, width), 0.5)
    theta = torch.tensor([[[2.5 / height, 3.5 / width, 1.0, 0.0, 0.0]]])
    changed = FewPixels(1).apply(images, theta)
    assert (changed != images).any(1).nonzero().tolist() == [[0, 2, 3]]


def test_only_the_wanted_class_counts() -> None:
    victim, images = small_victim(), pictures(30)
    labels = labeled(victim, images)
    attack = build_attack("one-pixel", {"pixels": 8, "max_queries": 1500})
    result = attack(victim, images, labels, goal="runner_up")
    with torch.no_grad():
        wanted = victim(images).topk(2).indices[:, 1]
    assert result.success.any()
    assert torch.equal(result.predicted[result.success], wanted[result.success])
