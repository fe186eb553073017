"""stAdv: its flow is a resampling, its smoothness is the paper's, and what it finds is smooth."""

from __future__ import annotations

import pytest
import torch
from attack_kit import labeled, pictures, small_victim
from torch import Tensor

from physadv.attacks.digital.attack import build_attack
from physadv.attacks.digital.views import Direct
from physadv.attacks.recipes.stadv import Flow, lead_above, unevenness
from physadv.goals import Untargeted
from physadv.victims import Reading, under_attack


def shift(images: Tensor, right: float, down: float) -> Tensor:
    height, width = images.shape[-2:]
    one = torch.tensor([right, down], dtype=images.dtype)[None, :, None, None]
    return one.expand(len(images), 2, height, width)


def flow(seed: int, *, dtype: torch.dtype = torch.float32, count: int = 2, size: int = 12) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return (torch.rand(count, 2, size, size, generator=generator) * 3.0 - 1.5).to(dtype)


def test_no_flow_is_no_change() -> None:
    images = pictures(3)
    change = Flow(0.05)
    torch.testing.assert_close(change.apply(images, change.begin(images, None)), images, atol=1e-6, rtol=0.0)


def test_a_flow_of_whole_pixels_moves_them_and_repeats_the_border() -> None:
    images = pictures(2)
    moved = Flow(0.05).apply(images, shift(images, 2.0, -1.0))
    expected = torch.cat([images[..., 2:], *[images[..., -1:]] * 2], dim=-1)
    expected = torch.cat([expected[..., :1, :], expected[..., :-1, :]], dim=-2)
    torch.testing.assert_close(moved, expected, atol=1e-5, rtol=0.0)


def test_it_agrees_with_a_bilinear_sample_written_out() -> None:
    images, theta = pictures(2), flow(0)
    height, width = images.shape[-2:]
    moved = Flow(0.05).apply(images, theta)
    for n, row, column in ((0, 0, 0), (0, 5, 7), (1, 11, 3), (1, 6, 11)):
        x = float((column + theta[n, 0, row, column]).clamp(0, width - 1))
        y = float((row + theta[n, 1, row, column]).clamp(0, height - 1))
        left, top = min(int(x), width - 2), min(int(y), height - 2)
        a, b = x - left, y - top
        corners = images[n, :, top : top + 2, left : left + 2]
        across = corners[..., 0] * (1 - a) + corners[..., 1] * a
        torch.testing.assert_close(
            moved[n, :, row, column], across[:, 0] * (1 - b) + across[:, 1] * b, atol=1e-5, rtol=0
        )


def test_it_agrees_with_opencv() -> None:
    cv2 = pytest.importorskip("cv2")
    images, theta = pictures(1), torch.full((1, 2, 12, 12), 0.5)
    rows, columns = torch.meshgrid(torch.arange(12.0), torch.arange(12.0), indexing="ij")
    maps = (columns + theta[0, 0]).numpy(), (rows + theta[0, 1]).numpy()
    there = cv2.remap(images[0].permute(1, 2, 0).numpy(), *maps, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    here = Flow(0.05).apply(images, theta)[0].permute(1, 2, 0)
    torch.testing.assert_close(here, torch.from_numpy(there), atol=1e-5, rtol=0.0)


def test_its_gradient_is_that_of_finite_differences() -> None:
    images = pictures(1).double()[..., :5, :5].contiguous()
    theta = flow(3, dtype=torch.float64, count=1, size=5).requires_grad_(True)
    assert torch.autograd.gradcheck(lambda t: Flow(0.05).apply(images, t), (theta,), atol=1e-6)
    assert torch.autograd.gradcheck(unevenness, (theta,), atol=1e-6)


def test_smoothness_sums_the_distances_to_all_four_neighbors() -> None:
    theta = flow(1, count=2, size=4)
    expected = torch.zeros(2)
    for row in range(4):
        for column in range(4):
            for down, right in ((0, 1), (1, 0), (0, -1), (-1, 0)):
                if 0 <= row + down < 4 and 0 <= column + right < 4:
                    apart = theta[:, :, row, column] - theta[:, :, row + down, column + right]
                    expected += apart.norm(dim=1)
    torch.testing.assert_close(unevenness(theta), expected, atol=1e-3, rtol=1e-5)
    still = shift(pictures(2), 3.0, -2.0).clone().requires_grad_(True)
    unevenness(still).sum().backward()
    assert float(unevenness(still.detach()).abs().max()) < 1e-4
    assert still.grad is not None
    assert float(still.grad.abs().max()) == 0.0


def test_its_loss_stops_at_the_confidence() -> None:
    logits = torch.tensor([[3.0, 1.0], [1.0, 2.0], [0.0, 9.0]])
    goal = Untargeted(torch.zeros(3, dtype=torch.int64))
    assert lead_above(0.0)(Reading(logits), goal).tolist() == [2.0, 0.0, 0.0]
    assert lead_above(4.0)(Reading(logits), goal).tolist() == [2.0, -1.0, -4.0]


def test_no_displacement_is_longer_than_allowed() -> None:
    images = pictures(3)
    change = Flow(0.05, max_px=0.5)
    for theta in (change.begin(images, torch.Generator().manual_seed(0)), change.project(images, flow(2, count=3))):
        assert float(theta.norm(dim=1).max()) <= 0.5 + 1e-6
    short = flow(2, count=3) * 0.1
    assert torch.equal(change.project(images, short), short)


def test_more_weight_makes_what_wins_smoother() -> None:
    victim, images = small_victim(), pictures(12, seed=3)
    labels = labeled(victim, images)
    won, uneven = [], []
    for tau in (0.0, 0.005):
        attack = build_attack("stadv", {"tau": tau})
        with under_attack(victim):
            problem = attack.problem(victim, Direct(images), Untargeted(labels))
            theta = attack.search(problem, torch.Generator())
            won.append(problem.success(problem.look(theta)) == 1.0)
        uneven.append(unevenness(theta))
    both = won[0] & won[1]
    assert float(both.float().mean()) > 0.5
    assert float((uneven[1] < uneven[0])[both].float().mean()) > 0.8


def test_colors_stay_those_of_the_picture() -> None:
    victim, images = small_victim(), pictures(6)
    made = build_attack("stadv", {"tau": 0.005})(victim, images, labeled(victim, images)).adversarial
    assert not torch.equal(made, images)
    for channel in range(3):
        low, high = images[:, channel].flatten(1).amin(1), images[:, channel].flatten(1).amax(1)
        assert bool((made[:, channel].flatten(1) >= low[:, None] - 1e-5).all())
        assert bool((made[:, channel].flatten(1) <= high[:, None] + 1e-5).all())
