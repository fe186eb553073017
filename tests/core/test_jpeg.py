"""JPEG as tensors against libjpeg's, and its gradients."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from physadv.core.color import from_uint8, linear_to_srgb, to_uint8
from physadv.core.jpeg import jpeg
from physadv.scenes.roadside.backdrop import draw_backdrop


def street(number: int, px: int = 64) -> Tensor:
    """A cut-out of a backdrop, 8 bits."""
    picture = linear_to_srgb(torch.from_numpy(draw_backdrop(number)).movedim(-1, 0))[:, 150 : 150 + px, 200 : 200 + px]
    return from_uint8(to_uint8(picture))


def pillow(image: Tensor, quality: int) -> Tensor:
    file = io.BytesIO()
    Image.fromarray(to_uint8(image)).save(file, format="JPEG", quality=quality, subsampling="4:2:0")
    return from_uint8(np.asarray(Image.open(file)))


def encoded(images: Tensor, quality: float, pixels: float = 1.0) -> Tensor:
    column = torch.ones(len(images))
    return jpeg(images, quality * column, pixels * column)


@pytest.mark.parametrize("px", [64, 48, 96])
@pytest.mark.parametrize("quality", [15, 40, 60, 80, 95])
def test_jpeg_is_like_libjpegs(quality: int, px: int) -> None:
    images = torch.stack([street(number, px) for number in range(4)])
    ours = encoded(images, float(quality))
    theirs = torch.stack([pillow(image, quality) for image in images])
    loss = (theirs - images).abs().mean()
    assert (ours - images).abs().mean() == pytest.approx(float(loss), rel=0.1)
    assert (ours - theirs).abs().mean() < 2.0 / 255.0  # libjpeg's decoder smooths the chroma's steps
    luma = torch.tensor([0.299, 0.587, 0.114])[:, None, None]
    assert ((ours - theirs) * luma).sum(1).abs().mean() < 1.2 / 255.0


def test_jpeg_loses_more_the_lower_the_quality_and_nothing_above_100() -> None:
    images = torch.stack([street(number) for number in range(3)])
    losses = [float((encoded(images, q) - images).abs().mean()) for q in (10.0, 25.0, 50.0, 75.0, 90.0, 100.0)]
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < 2 / 255
    assert torch.equal(encoded(images, 101.0), images)


def test_jpeg_leaves_the_frames_alone_that_ask_for_none() -> None:
    images = torch.stack([street(0), street(1)])
    mixed = jpeg(images, torch.tensor([101.0, 30.0]), torch.ones(2))
    assert torch.equal(mixed[0], images[0])
    assert not torch.equal(mixed[1], images[1])


def test_jpeg_of_any_size() -> None:
    for height, width in ((15, 17), (32, 40), (70, 33)):
        images = street(2, 80)[None, :, :height, :width]
        assert encoded(images, 80.0).shape == images.shape
        assert (encoded(images, 80.0) - images).abs().mean() < 4 / 255


def test_jpeg_shows_less_in_an_averaged_picture() -> None:
    images = street(3)[None]
    assert (encoded(images, 40.0, 16.0) - images).abs().mean() < 0.6 * (encoded(images, 40.0) - images).abs().mean()


def test_jpegs_gradient_passes_straight_through() -> None:
    images = street(1)[None].requires_grad_(True)
    weights = torch.rand_like(images)
    (gradient,) = torch.autograd.grad((encoded(images, 30.0) * weights).sum(), images)
    torch.testing.assert_close(gradient, weights)
