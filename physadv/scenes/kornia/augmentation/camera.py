"""The camera as Kornia augmentations: its lens, its sensor, its JPEG encoder."""

from __future__ import annotations

import torch
from torch import Tensor

from physadv.core.color import srgb_to_linear
from physadv.core.jpeg import jpeg
from physadv.scenes.camera import sensor
from physadv.scenes.camera.lens import Lens, pixel_blur
from physadv.scenes.kornia.augmentation.parameters import (
    Flags,
    Params,
    Photometric,
    Range,
    check_range,
)


class RandomLens(Photometric):
    """Blur of the lens and of the pixels, and the streak of a moving camera, on linear light.

    Args:
        defocus_px: standard deviation of the lens blur in camera pixels.
        streak_px: length of the streak in camera pixels.
        streak_angle_deg: its direction, from the picture's horizontal downwards.
        camera_px: camera pixels that one pixel of the picture covers: more where the picture was made smaller.
        p, same_on_batch, keepdim: as in Kornia.

    Raises:
        ValueError: a range is none, or goes beyond what the quantity can be.
    """

    def __init__(
        self,
        defocus_px: Range = (0.0, 1.5),
        streak_px: Range = (0.0, 4.0),
        streak_angle_deg: Range = (-90.0, 90.0),
        camera_px: Range = (1.0, 1.0),
        *,
        p: float = 1.0,
        same_on_batch: bool = False,
        keepdim: bool = False,
    ) -> None:
        ranges = {
            "defocus_px": check_range("defocus_px", defocus_px),
            "streak_px": check_range("streak_px", streak_px, limits=(0.0, 1000.0)),
            "streak_angle_deg": check_range("streak_angle_deg", streak_angle_deg, limits=(-360.0, 360.0)),
            "camera_px": check_range("camera_px", camera_px, limits=(0.05, 1000.0)),
        }
        super().__init__(ranges, p=p, same_on_batch=same_on_batch, keepdim=keepdim)

    def apply_transform(self, input: Tensor, params: Params, flags: Flags, transform: Tensor | None = None) -> Tensor:
        """Pictures through that lens."""
        height, width = input.shape[-2:]
        defocus, streak_px, degrees, camera_px = (
            params[name].to(input) for name in ("defocus_px", "streak_px", "streak_angle_deg", "camera_px")
        )
        blur, angle = pixel_blur(defocus, camera_px), torch.deg2rad(degrees)
        streak = (streak_px / camera_px)[:, None] * torch.stack([torch.cos(angle), torch.sin(angle)], dim=-1)
        lens = Lens.of(height, width, blur[:, None].expand(-1, 2), streak)
        return sensor.tone(lens(srgb_to_linear(input)), torch.ones_like(blur))


class RandomSensor(Photometric):
    """Shot and read noise of the sensor, and the slope of its tone curve (EMVA 1288, equation 12).

    Args:
        full_well_e: electrons at full scale; fewer are noisier.
        read_noise_e: standard deviation of the read noise in electrons.
        contrast: slope of the tone curve at middle gray over that of sRGB.
        camera_px: camera pixels, in number, that one pixel of the picture averages.
        p, same_on_batch, keepdim: as in Kornia.

    Raises:
        ValueError: a range is none, or goes beyond what the quantity can be.
    """

    def __init__(
        self,
        full_well_e: Range = (1500.0, 12000.0),
        read_noise_e: Range = (1.0, 8.0),
        contrast: Range = (0.8, 1.3),
        camera_px: Range = (1.0, 1.0),
        *,
        p: float = 1.0,
        same_on_batch: bool = False,
        keepdim: bool = False,
    ) -> None:
        ranges = {
            "full_well_e": check_range("full_well_e", full_well_e),
            "read_noise_e": check_range("read_noise_e", read_noise_e),
            "contrast": check_range("contrast", contrast),
            "camera_px": check_range("camera_px", camera_px, limits=(0.05, 1e6)),
        }
        super().__init__(ranges, p=p, same_on_batch=same_on_batch, keepdim=keepdim, seeded=True)

    def apply_transform(self, input: Tensor, params: Params, flags: Flags, transform: Tensor | None = None) -> Tensor:
        """Pictures as that sensor records them; the noise is constant under differentiation."""
        linear = srgb_to_linear(input)
        unit = sensor.noise(params["noise_seed"].to(input.device), (3, *input.shape[-2:])).to(input.dtype)
        full, read, pixels, contrast = (
            params[name].to(input) for name in ("full_well_e", "read_noise_e", "camera_px", "contrast")
        )
        return sensor.tone(linear + sensor.sensor_noise(linear, unit, full, read, pixels), contrast)


class RandomQuickJPEG(Photometric):
    """Baseline JPEG whose gradient passes straight through: a tenth of the time of a differentiable one.

    Args:
        jpeg_quality: 1 to 100 on libjpeg's scale; above 100 a picture is left alone.
        p, same_on_batch, keepdim: as in Kornia.

    Raises:
        ValueError: the range is none, or goes beyond what the quality can be.
    """

    def __init__(
        self,
        jpeg_quality: Range = (45.0, 98.0),
        *,
        p: float = 1.0,
        same_on_batch: bool = False,
        keepdim: bool = False,
    ) -> None:
        ranges = {"jpeg_quality": check_range("jpeg_quality", jpeg_quality)}
        super().__init__(ranges, p=p, same_on_batch=same_on_batch, keepdim=keepdim)

    def apply_transform(self, input: Tensor, params: Params, flags: Flags, transform: Tensor | None = None) -> Tensor:
        """Pictures after JPEG."""
        quality = params["jpeg_quality"].to(input)
        return jpeg(input, quality, torch.ones_like(quality))
