"""Light as Kornia augmentations: its color and strength, a cast shadow, the air between sign and camera."""

from __future__ import annotations

import torch
from torch import Tensor

from physadv.core.color import linear_to_srgb, srgb_to_linear
from physadv.scenes.camera import light
from physadv.scenes.kornia.augmentation.parameters import (
    Flags,
    Params,
    Photometric,
    Range,
    check_range,
    conditions_of,
)


class RandomIllumination(Photometric):
    """Light of another color temperature and another exposure, on linear light.

    Args:
        exposure_ev: stops over (positive) or under the picture's own exposure.
        temperature_k: color temperature under a camera that is balanced for daylight of 6500 K.
        p, same_on_batch, keepdim: as in Kornia.

    Raises:
        ValueError: a range is none, or goes beyond what the quantity can be.
    """

    def __init__(
        self,
        exposure_ev: Range = (-1.0, 1.0),
        temperature_k: Range = (4000.0, 9000.0),
        *,
        p: float = 1.0,
        same_on_batch: bool = False,
        keepdim: bool = False,
    ) -> None:
        ranges = {
            "exposure_ev": check_range("exposure_ev", exposure_ev),
            "temperature_k": check_range("temperature_k", temperature_k),
        }
        super().__init__(ranges, p=p, same_on_batch=same_on_batch, keepdim=keepdim)

    def apply_transform(self, input: Tensor, params: Params, flags: Flags, transform: Tensor | None = None) -> Tensor:
        """Pictures in that light, clipped where the sensor is full."""
        arriving = light.illumination_rgb(conditions_of(params, input))
        return linear_to_srgb((srgb_to_linear(input) * arriving[:, :, None, None]).clamp(0.0, 1.0))


class RandomCastShadow(Photometric):
    """The soft band of shadow that a branch or a post throws across the sign.

    Args:
        strength: share of the light that it takes away.
        width, offset, softness: of the band, of its middle from the picture's, and of its edges, as shares of the
            picture's longer side.
        angle_deg: of the direction across the band, from the picture's horizontal.
        p, same_on_batch, keepdim: as in Kornia.

    Raises:
        ValueError: a range is none, or goes beyond what the quantity can be.
    """

    def __init__(
        self,
        strength: Range = (0.3, 0.8),
        width: Range = (0.1, 1.0),
        offset: Range = (-0.5, 0.5),
        softness: Range = (0.01, 0.2),
        angle_deg: Range = (-90.0, 90.0),
        *,
        p: float = 1.0,
        same_on_batch: bool = False,
        keepdim: bool = False,
    ) -> None:
        ranges = {
            "shadow_strength": check_range("strength", strength, limits=(0.0, 1.0)),
            "shadow_width": check_range("width", width, limits=(0.0, 10.0)),
            "shadow_offset": check_range("offset", offset, limits=(-5.0, 5.0)),
            "shadow_softness": check_range("softness", softness, limits=(0.0, 5.0)),
            "shadow_angle_deg": check_range("angle_deg", angle_deg, limits=(-360.0, 360.0)),
        }
        super().__init__(ranges, p=p, same_on_batch=same_on_batch, keepdim=keepdim)

    def apply_transform(self, input: Tensor, params: Params, flags: Flags, transform: Tensor | None = None) -> Tensor:
        """Pictures with the shadow on them; a picture is taken as 1000 mm long, so that its limits are the sign's."""
        height, width = input.shape[-2:]
        longer = max(height, width)
        lengths = {f"shadow_{name}_mm": 1000.0 * params[f"shadow_{name}"] for name in ("width", "offset", "softness")}
        conditions = conditions_of({**params, **lengths}, input)
        x, y = (
            ((torch.arange(side, dtype=input.dtype, device=input.device) + 0.5) - side / 2.0) * (1000.0 / longer)
            for side in (width, height)
        )
        left = light.shadow_map(conditions, x[None, None, :], y[None, :, None])
        return linear_to_srgb(srgb_to_linear(input) * left[:, None])


class RandomHaze(Photometric):
    """Air between the sign and the camera: it takes light away and adds its own (Koschmieder's law).

    Args:
        distance_m: to the camera.
        visibility_m: meteorological visibility, at which a contrast of 2 % is left.
        p, same_on_batch, keepdim: as in Kornia.

    Raises:
        ValueError: a range is none, or goes beyond what the quantity can be.
    """

    def __init__(
        self,
        distance_m: Range = (10.0, 60.0),
        visibility_m: Range = (60.0, 1000.0),
        *,
        p: float = 1.0,
        same_on_batch: bool = False,
        keepdim: bool = False,
    ) -> None:
        ranges = {
            "distance_m": check_range("distance_m", distance_m),
            "visibility_m": check_range("visibility_m", visibility_m),
        }
        super().__init__(ranges, p=p, same_on_batch=same_on_batch, keepdim=keepdim)

    def apply_transform(self, input: Tensor, params: Params, flags: Flags, transform: Tensor | None = None) -> Tensor:
        """Pictures through that air."""
        conditions = conditions_of(params, input)
        transmitted = light.transmission(conditions)
        white = torch.ones(len(input), 3, dtype=input.dtype, device=input.device)
        added = light.airlight_rgb(white, transmitted)[:, :, None, None]
        return linear_to_srgb(srgb_to_linear(input) * transmitted[:, None, None, None] + added)
