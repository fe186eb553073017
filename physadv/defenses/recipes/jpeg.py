"""JPEG compression before the picture is read."""

from __future__ import annotations

from typing import ClassVar, Literal

import cv2
import numpy as np
import numpy.typing as npt
import torch
from pydantic import Field
from torch import Tensor

from physadv.core.errors import PhysadvError
from physadv.core.jpeg import smooth_jpeg
from physadv.defenses.defense import DEFENSES, Adaptive, Purification


@DEFENSES.register("jpeg")
class Jpeg(Purification):
    """Pictures are encoded by libjpeg and decoded again, with 4:2:0 chroma."""

    kind: Literal["jpeg"] = "jpeg"
    paper: ClassVar[str] = "Dziugaite et al. 2016, arXiv:1608.00853"
    adaptive: ClassVar[Adaptive] = "bpda"
    quality: int = Field(default=75, ge=1, le=100)
    """As in libjpeg."""
    gradient: Literal["through", "bpda"] = "through"
    """What stands in for the encoder's gradient: that of JPEG with smooth rounding, or the identity's."""

    @property
    def gradient_words(self) -> str:
        """What stands in for the encoder."""
        stand_in = "JPEG with smooth rounding" if self.gradient == "through" else "the identity"
        return f"the gradient is that of {stand_in}, at the picture that the encoder gave"

    def clean(self, images: Tensor) -> Tensor:
        """The decoded pictures; with the gradient of the stand-in."""
        decoded = encode_and_decode(images.detach(), self.quality)
        if not (torch.is_grad_enabled() and images.requires_grad):
            return decoded
        stand_in = images
        if self.gradient == "through":
            stand_in = smooth_jpeg(images, images.new_full((len(images),), float(self.quality)))
        return decoded + (stand_in - stand_in.detach())


def encode_and_decode(images: Tensor, quality: int) -> Tensor:
    """``images [N, 3, H, W]`` in [0,1] after libjpeg at ``quality`` from 1 to 100.

    Raises:
        PhysadvError: the pictures are too large for the encoder.
    """
    levels = (images.clamp(0.0, 1.0) * 255.0).round().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
    pictures = [_one(np.ascontiguousarray(picture[..., ::-1]), quality)[..., ::-1] for picture in levels]
    stacked = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2)
    return stacked.to(device=images.device, dtype=images.dtype) / 255.0


def _one(picture: npt.NDArray[np.uint8], quality: int) -> npt.NDArray[np.uint8]:
    try:
        _, code = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
    except cv2.error as error:
        height, width = picture.shape[:2]
        raise PhysadvError(f"defense 'jpeg': pictures of {width} x {height} pixels cannot be encoded") from error
    return np.asarray(cv2.imdecode(code, cv2.IMREAD_COLOR), np.uint8)
