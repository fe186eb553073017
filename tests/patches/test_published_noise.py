"""Published noise as a sticker, and victims on ready-made pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from evaluation_kit import ColorVictim
from PIL import Image
from torch import Tensor

from physadv.core.color import linear_to_srgb
from physadv.core.errors import PhysadvError
from physadv.evaluation.picture_accuracy import accuracy, judge, predictions, with_noise
from physadv.patches import load_patch, save_patch
from physadv.patches.published_noise import patch_from_noise
from physadv.signs import load_sign
from physadv.signs.datasets import Item, SignDataset

STOP = load_sign("us/stop")
SIDE = 16


def block(top: int, bottom: int, left: int, right: int) -> Tensor:
    where = torch.zeros(SIDE, SIDE, dtype=torch.bool)
    where[top:bottom, left:right] = True
    return where


def plain(*rgb: float, size: int = 16) -> Tensor:
    """A picture of one color."""
    return torch.tensor(rgb, dtype=torch.float32)[:, None, None].expand(3, size, size)


# ---- published noise as a sticker


def test_a_masked_pixel_is_a_square_of_the_sign_in_the_color_that_the_noise_gives() -> None:
    where = block(3, 5, 4, 10) | block(9, 12, 4, 6)
    noise = torch.where(where, torch.full((3, SIDE, SIDE), 5.0), torch.zeros(3, SIDE, SIDE))
    noise[1] *= -1
    patch = patch_from_noise(STOP, noise, where, name="noisy", goal="targeted:yield")
    pixel = STOP.extent_mm / SIDE
    assert patch.mask.area_fraction == pytest.approx(float(where.sum()) * pixel**2 / STOP.area_mm2, rel=1e-3)
    assert len(patch.mask.shapes_mm) == 2
    painted = patch.painted(SIDE)
    assert torch.allclose(painted[:3, where], torch.tensor([1.0, 0.0, 1.0])[:, None].expand(3, int(where.sum())))
    assert torch.allclose(painted[:3, ~where], STOP.texture(SIDE)[:3, ~where], atol=1e-3)
    assert patch.record.goal == "targeted:yield"


def test_pixels_half_beside_the_sign_are_left_out() -> None:
    where = block(0, SIDE // 2, 0, SIDE)
    patch = patch_from_noise(STOP, torch.zeros(3, SIDE, SIDE), where, name="half")
    assert 0.4 < patch.mask.area_fraction < 0.5


def test_small_noise_changes_the_artwork_by_itself() -> None:
    where = block(4, 12, 4, 12)
    patch = patch_from_noise(STOP, torch.full((3, SIDE, SIDE), 0.1), where, name="faint")
    artwork = linear_to_srgb(STOP.texture(SIDE)[:3])
    assert torch.allclose(patch.paint[:, where], (artwork + 0.1).clamp(0, 1)[:, where], atol=1e-5)


def test_a_mask_of_the_whole_face_is_a_poster(tmp_path: Path) -> None:
    patch = patch_from_noise(STOP, torch.zeros(3, SIDE, SIDE), block(0, SIDE, 0, SIDE), name="all")
    assert patch.mask.config.kind == "poster"
    save_patch(patch, tmp_path / "all")
    assert load_patch(tmp_path / "all").mask.area_fraction == pytest.approx(1.0)


def test_wrong_noise_is_refused() -> None:
    noise = torch.zeros(3, SIDE, SIDE)
    with pytest.raises(PhysadvError, match=r"should be \[3, S, S\] and \[S, S\]"):
        patch_from_noise(STOP, noise, torch.ones(4, 4, dtype=torch.bool), name="x")
    with pytest.raises(PhysadvError, match="not finite"):
        patch_from_noise(STOP, noise / 0.0, block(3, 5, 4, 10), name="x")
    with pytest.raises(PhysadvError, match="no pixel on the sign"):
        patch_from_noise(STOP, noise, block(0, 1, 0, 1), name="x")


# ---- victims on ready-made pictures


def test_pictures_of_any_size_are_judged_in_their_order() -> None:
    victim = ColorVictim()
    pictures = [plain(1, 0, 0, size=16 + i % 3) if i % 2 else plain(0, 0, 1, size=16 + i % 3) for i in range(11)]
    expected = [0 if i % 2 else 1 for i in range(11)]
    assert predictions(victim, pictures, batch=2).tolist() == expected
    verdict = judge(victim, pictures, true_class="stop", target="speedLimit45")
    assert (verdict.correct.hits, verdict.untargeted.hits) == (5, 6)
    assert verdict.targeted is not None
    assert verdict.targeted.hits == 6
    assert verdict.taken_for == {"speedLimit45": 6, "stop": 5}
    low, high = verdict.targeted.low, verdict.targeted.high
    assert low is not None
    assert high is not None
    assert low < 6 / 11 < high


def test_the_victim_is_left_as_it_was() -> None:
    victim = ColorVictim().train()
    predictions(victim, [plain(1, 0, 0)])
    assert victim.training


def test_accuracy_matches_classes_by_name(tmp_path: Path) -> None:
    colors = {"Stop": (255, 0, 0), "speed limit 45": (0, 0, 255), "elk": (0, 255, 0)}
    items = []
    for label, (name, color) in enumerate(colors.items()):
        for size in (16, 20):
            path = tmp_path / f"{name}{size}.png"
            Image.fromarray(np.full((size, size, 3), color, np.uint8)).save(path)
            items.append(Item(path=path, label=label))
    items.append(Item(path=items[0].path, label=1))  # a red picture said to be a speed limit
    dataset = SignDataset(kind="image-folder", split="all", classes=tuple(colors), items=items)
    share = accuracy(ColorVictim(), dataset)
    assert (share.hits, share.n) == (4, 5)
    with pytest.raises(PhysadvError, match="none of the classes"):
        accuracy(ColorVictim(classes=("stop", "yield", "speedLimit45")), dataset.subset([4, 5]).select(["elk"]))


def test_noise_is_added_under_its_mask_and_clipped() -> None:
    pictures = torch.rand(2, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    where = torch.zeros(4, 4)
    where[1, 2] = 1.0
    noisy = with_noise(pictures, torch.full((3, 4, 4), 9.0), where)
    assert (noisy[:, :, 1, 2] == 1.0).all()
    assert torch.equal(noisy[:, :, where == 0], pictures[:, :, where == 0])
