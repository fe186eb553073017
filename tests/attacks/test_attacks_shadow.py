"""The shadow of a polygon: where it lies, how dark it is, and that it is light rather than paint."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from attack_kit import labeled, pictures, small_victim

from physadv.attacks import SignAttackConfig, build_attack
from physadv.attacks.physical.sign_attack import ChangedArtwork
from physadv.attacks.physical.sign_search import find_change
from physadv.attacks.recipes.shadow import PolygonShadow


def shadow(corners: int = 3, strength: float = 0.43, within: str = "picture") -> PolygonShadow:
    return PolygonShadow(corners, strength, within)  # type: ignore[arg-type]


@pytest.mark.parametrize("corners", [3, 4, 6])
def test_it_covers_what_opencv_fills(corners: int) -> None:
    generator = torch.Generator().manual_seed(corners)
    images = torch.rand(8, 3, 40, 60, generator=generator)
    theta = torch.rand(8, corners, 2, generator=generator)
    shade = shadow(corners).shade(images, theta)
    assert float(shade.min()) >= 0.0
    assert float(shade.max()) <= 1.0
    for one, points in zip(shade[:, 0].numpy(), theta.numpy(), strict=True):
        filled = np.zeros((40 * 16, 60 * 16), np.float32)
        cv2.fillPoly(filled, [np.round(points * [60 * 16, 40 * 16]).astype(np.int32)], 1.0)
        expected = cv2.resize(filled, (60, 40), interpolation=cv2.INTER_AREA)
        assert np.abs(one - expected).mean() < 0.01
        assert np.abs(one - expected).max() < 0.35


def test_lightness_is_a_share_of_what_it_was_as_opencv_has_it() -> None:
    images = pictures(2) * 0.6 + 0.2
    whole = torch.tensor([[[-9.0, -9.0], [30.0, -9.0], [-9.0, 30.0]]]).expand(2, -1, -1)
    dark = shadow().apply(images, whole)

    def lightness(of: torch.Tensor) -> np.ndarray:
        return np.stack([cv2.cvtColor(one.permute(1, 2, 0).numpy(), cv2.COLOR_RGB2LAB)[..., 0] for one in of])

    inside = ((dark > 1e-3) & (dark < 1 - 1e-3)).all(1).numpy()
    assert inside.mean() > 0.5
    np.testing.assert_allclose(lightness(dark)[inside], 0.43 * lightness(images)[inside], atol=0.5)


def test_nothing_is_dark_outside_and_no_shadow_is_no_change() -> None:
    images = pictures(3)
    change = shadow(within="ellipse")
    assert torch.equal(change.apply(images, change.begin(images, None)), images)
    whole = torch.tensor([[[-9.0, -9.0], [30.0, -9.0], [-9.0, 30.0]]]).expand(3, -1, -1)
    shade = change.shade(images, whole)
    assert torch.equal(shade[:, :, 0, 0], torch.zeros(3, 1))
    assert torch.equal(shade[:, :, 6, 6], torch.ones(3, 1))
    assert float(shade.mean()) == pytest.approx(np.pi / 4, abs=0.01)


@pytest.mark.slow
def test_darker_shadows_win_more() -> None:
    victim, images = small_victim(), pictures(40)
    labels = labeled(victim, images)

    def share(strength: float) -> float:
        return float(build_attack("shadow", {"strength": strength})(victim, images, labels).success.float().mean())

    assert share(1.0) == 0.0
    assert share(0.2) > share(0.8)


def test_on_a_sign_it_dims_the_sheeting_with_the_paint() -> None:
    _, found = find_change(
        SignAttackConfig(
            attack="shadow",
            options={"max_queries": 320, "population": 8},
            sign="de/stop",
            scenes=("daylight",),
            views=4,
            held_out_frames=16,
        )
    )
    assert isinstance(found, ChangedArtwork)
    assert not torch.equal(found.changed, found.seen.pictures[0])
    painted = found.seen.painted(found.changed)
    assert bool((painted.sheeting == 1.0).all())
    assert found.queries <= 320
