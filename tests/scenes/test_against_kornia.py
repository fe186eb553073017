"""Where an operation stays ours, it gives what Kornia's gives; docs/architecture.md says why it stays."""

from __future__ import annotations

import kornia
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from physadv.attacks.digital.transforms import transformed
from physadv.attacks.recipes.stadv import Flow
from physadv.core.color import linear_to_srgb, srgb_to_linear
from physadv.defenses.defense import build_defense
from physadv.scenes import load_scene
from physadv.scenes.camera import geometry, sensor
from physadv.signs import load_sign


def pictures(count: int = 4, px: int = 32) -> Tensor:
    coarse = torch.rand(count, 3, 7, 7, generator=torch.Generator().manual_seed(count))
    return F.interpolate(coarse, size=(px, px), mode="bilinear") * 0.9 + 0.05


def test_transfer_functions() -> None:
    values = torch.linspace(0.0, 1.0, 3 * 32 * 32).reshape(1, 3, 32, 32)
    torch.testing.assert_close(srgb_to_linear(values), kornia.color.rgb_to_linear_rgb(values), rtol=0, atol=1e-6)
    torch.testing.assert_close(linear_to_srgb(values), kornia.color.linear_rgb_to_rgb(values), rtol=0, atol=1e-6)
    encoded = sensor.tone(values, torch.ones(1))
    torch.testing.assert_close(encoded, kornia.color.linear_rgb_to_rgb(values), rtol=0, atol=1e-5)


def test_small_turns_and_shifts() -> None:
    base = pictures(1)
    drawn = torch.tensor([[1.0, -0.5, 0.8, 1.0, 0.0], [-1.0, 1.0, -1.0, -0.3, 0.0]])
    right, down, scale, turn, _ = drawn.unbind(1)
    angle = torch.deg2rad(5.0 * turn)
    cosine, sine = (1.0 + 0.05 * scale) * angle.cos(), (1.0 + 0.05 * scale) * angle.sin()
    rows = [cosine, -sine, 0.08 * right, sine, cosine, 0.08 * down, 0 * sine, 0 * sine, 0 * sine + 1]
    back = torch.stack(rows, dim=1).reshape(-1, 3, 3)
    expected = kornia.geometry.homography_warp(
        base.expand(2, -1, -1, -1), back, (32, 32), padding_mode="border", align_corners=False
    )
    torch.testing.assert_close(transformed(base, drawn)[:, 0], expected, rtol=0, atol=1e-5)


def test_displacements() -> None:
    shifts = torch.randn(4, 2, 32, 32, generator=torch.Generator().manual_seed(1))
    columns, rows = torch.meshgrid(torch.arange(32.0), torch.arange(32.0), indexing="xy")
    expected = kornia.geometry.remap(
        pictures(), columns + shifts[:, 0], rows + shifts[:, 1], padding_mode="border", align_corners=True
    )
    torch.testing.assert_close(Flow(0.0).apply(pictures(), shifts), expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("window", [3, 5])
def test_the_median(window: int) -> None:
    half = window // 2
    padded = F.pad(pictures(), (half,) * 4, mode="replicate")
    expected = kornia.filters.median_blur(padded, window)[..., half:-half, half:-half]
    assert torch.equal(build_defense(f"median:window={window}").clean(pictures()), expected)


def test_the_camera() -> None:
    """Points of the sign through Kornia's pinhole, from the same rotation, place and focal length."""
    conditions, sign = load_scene("daylight").sample(8, seed=3), load_sign("us/stop")
    points = torch.tensor(sign.outline_mm, dtype=torch.float64).expand(8, -1, -1)
    flipped = torch.cat([points, torch.zeros_like(points[..., :1])], dim=-1) * torch.tensor([1.0, -1.0, 1.0]).double()
    on_road = (
        geometry.sign_rotation(conditions) @ flipped.mT / 1000.0 - geometry.camera_position_m(conditions)[..., None]
    )
    seen = geometry.camera_rotation(conditions, aim="sign") @ on_road
    intrinsics = torch.eye(3, dtype=torch.float64).repeat(8, 1, 1)
    intrinsics[:, 0, 0] = intrinsics[:, 1, 1] = geometry.focal_px(conditions)
    expected = kornia.geometry.project_points(seen.mT, intrinsics[:, None].expand(-1, points.shape[1], -1, -1))
    found = kornia.geometry.linalg.transform_points(geometry.homography(conditions, aim="sign"), points)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-8)
