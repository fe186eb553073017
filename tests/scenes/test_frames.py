"""Crops of frames: the same as the scene's own, the same place in them, and a gradient."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from photograph_kit import bare
from scene_kit import NEUTRAL, conditions, roadside

from physadv.scenes.frames import Frames
from physadv.signs import load_sign

SIGN = load_sign("us/stop")


def captured(size: tuple[int, int], **values: float) -> Frames:
    scene = roadside(conditions=NEUTRAL)
    return scene.capture(bare(SIGN), conditions(**values), size=size)


@pytest.mark.parametrize("square", [False, True])
def test_a_crop_of_a_wide_frame_is_what_the_scene_renders(square: bool) -> None:
    """The fast path of the same thing: within what resampling twice costs."""
    pose = {"distance_m": 4.0, "yaw_deg": 30.0, "pitch_deg": 6.0, "crop_square": float(square)}
    wide = captured((256, 256), crop_margin=0.6, **pose)
    cut = wide.cropped((48, 48), margin=0.1, square=square)
    close = captured((48, 48), crop_margin=0.1, **pose)
    assert float((cut.box_px - close.box_px).abs().max()) < 0.5
    assert float((cut.corners_px - close.corners_px).abs().max()) < 0.5
    error = float((cut.pictures - close.pictures).abs().mean())
    assert error < 0.03
    assert float((cut.pictures.roll(2, -1) - close.pictures).abs().mean()) > 2 * error, "two pixels aside is seen"


def test_a_crop_is_what_opencv_cuts() -> None:
    wide = captured((200, 160), crop_margin=0.5, distance_m=5.0)
    cut = wide.cropped((40, 40))
    left, top, right, bottom = wide.box_px[0].tolist()
    step_x, step_y = (right - left) / 160, (bottom - top) / 160
    matrix = np.array([[step_x, 0, left - 0.5 + step_x / 2], [0, step_y, top - 0.5 + step_y / 2]])
    picture = wide.pictures[0].permute(1, 2, 0).numpy()
    how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    warped = cv2.warpAffine(picture, matrix, (160, 160), flags=how, borderMode=cv2.BORDER_REPLICATE)
    expected = cv2.resize(warped, (40, 40), interpolation=cv2.INTER_AREA)
    found = cut.pictures[0].permute(1, 2, 0).numpy()
    assert float(np.abs(found - expected).mean()) < 0.01


def test_a_sign_that_is_cut_off_is_not_visible() -> None:
    whole = captured((64, 64), crop_margin=0.2)
    assert whole.visible.tolist() == [True]
    assert captured((64, 64), crop_margin=0.0, crop_shift_x=0.5).visible.tolist() == [False]
    assert "sign whole in 1" in repr(whole)


def test_the_gradient_of_a_crop_reaches_the_picture() -> None:
    wide = captured((64, 64), crop_margin=0.4)
    leaf = wide.pictures.double().requires_grad_(True)
    frames = Frames(leaf, wide.outline_px, wide.corners_px, wide.conditions)
    (slope,) = torch.autograd.grad(frames.cropped((16, 16), margin=0.1).pictures.sum(), leaf)
    assert float(slope.sum()) == pytest.approx(3 * 16 * 16)

    def cut(pictures: torch.Tensor) -> torch.Tensor:
        return Frames(pictures, wide.outline_px, wide.corners_px, wide.conditions).cropped((3, 3)).pictures

    noise = torch.rand(1, 3, 64, 64, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(cut, (noise,), fast_mode=True)
