"""Where a flat sign stands before the camera, as a Kornia augmentation that moves boxes, masks and keypoints along."""

from __future__ import annotations

from typing import Any, Literal

import torch
from kornia.augmentation import GeometricAugmentationBase2D
from kornia.augmentation.random_generator import PlainUniformGenerator
from kornia.constants import Resample
from kornia.geometry.linalg import transform_points
from kornia.geometry.transform import warp_perspective
from torch import Tensor

from physadv.scenes.camera import geometry
from physadv.scenes.kornia.augmentation.parameters import (
    Flags,
    Params,
    Range,
    check_range,
    conditions_of,
)

_CAMERA = {"image_width_px": 4000.0, "hfov_deg": 60.0}
"""The box around the sign is cut out and resized to the picture, so that these say nothing."""


class RandomPlacement(GeometricAugmentationBase2D):  # type: ignore[misc]
    """The picture as a flat board that stands in the street: turned, and seen by a camera that aims at it.

    What the camera sees of the board's box is resized to the picture's size, as a detector's crop is.

    Args:
        distance_m, lateral_m, height_m: of the camera from the board's middle.
        yaw_deg, pitch_deg, roll_deg: by which the board is turned.
        margin: room around the board's box on every side, as a share of the box.
        board_m: length of the picture's longer side.
        resample: ``bilinear``, ``nearest`` or ``bicubic``.
        padding_mode: what lies around the board: ``zeros``, ``border`` or ``reflection``.
        p, same_on_batch, keepdim: as in Kornia.

    Raises:
        ValueError: a range is none, or goes beyond what the quantity can be.
    """

    def __init__(
        self,
        distance_m: Range = (3.0, 40.0),
        lateral_m: Range = (-3.5, 3.5),
        height_m: Range = (-2.0, 0.5),
        yaw_deg: Range = (-45.0, 45.0),
        pitch_deg: Range = (-8.0, 8.0),
        roll_deg: Range = (-8.0, 8.0),
        margin: Range = (0.0, 0.15),
        *,
        board_m: float = 0.75,
        resample: str = Resample.BILINEAR.name,
        padding_mode: Literal["zeros", "border", "reflection"] = "zeros",
        p: float = 1.0,
        same_on_batch: bool = False,
        keepdim: bool = False,
    ) -> None:
        super().__init__(p=p, same_on_batch=same_on_batch, keepdim=keepdim)
        given = {
            "distance_m": distance_m,
            "lateral_m": lateral_m,
            "height_m": height_m,
            "yaw_deg": yaw_deg,
            "pitch_deg": pitch_deg,
            "roll_deg": roll_deg,
        }
        ranges = {name: check_range(name, value) for name, value in given.items()}
        ranges["margin"] = check_range("margin", margin, limits=(-0.3, 3.0))
        if not 0.0 < board_m <= 20.0:
            raise ValueError(f"board_m = {board_m!r}: should be above 0, and 20 at most")
        if padding_mode not in ("zeros", "border", "reflection"):
            raise ValueError(f"padding_mode = {padding_mode!r}: should be zeros, border or reflection")
        self._param_generator = PlainUniformGenerator(*((value, name, None, None) for name, value in ranges.items()))
        self.flags: dict[str, Any] = {
            "board_m": float(board_m),
            "resample": Resample.get(resample),
            "padding_mode": padding_mode,
            "align_corners": False,
        }

    def compute_transformation(self, input: Tensor, params: Params, flags: Flags) -> Tensor:
        """From the picture's pixels to the frame's, ``[B, 3, 3]``."""
        height, width = input.shape[-2:]
        longer = max(height, width)
        scale = 1000.0 * flags["board_m"] / longer
        exact = torch.zeros(len(input), dtype=torch.float64, device=input.device)
        camera = {name: torch.full_like(exact, value) for name, value in _CAMERA.items()}
        conditions = conditions_of({**params, **camera}, exact)
        to_board = torch.tensor(
            [[scale, 0.0, (0.5 - width / 2.0) * scale], [0.0, scale, (0.5 - height / 2.0) * scale], [0.0, 0.0, 1.0]],
            dtype=torch.float64,
            device=input.device,
        )
        to_camera = geometry.homography(conditions, aim="sign") @ to_board
        corners = torch.tensor(
            [[-0.5, -0.5], [width - 0.5, -0.5], [width - 0.5, height - 0.5], [-0.5, height - 0.5]],
            dtype=torch.float64,
            device=input.device,
        )
        seen = transform_points(to_camera, corners.expand(len(input), -1, -1))
        low, high = seen.amin(1), seen.amax(1)
        sides = (high - low) * (1.0 + 2.0 * params["margin"].to(exact))[:, None]
        left = (low + high - sides) / 2.0
        stretch = torch.tensor([width, height], dtype=torch.float64, device=input.device) / sides
        to_frame = torch.diag_embed(torch.cat([stretch, torch.ones_like(stretch[:, :1])], dim=1))
        to_frame[:, :2, 2] = -left * stretch - 0.5
        moved = to_frame @ to_camera
        return (moved / moved[:, 2:, 2:]).to(input.dtype)

    def apply_transform(self, input: Tensor, params: Params, flags: Flags, transform: Tensor | None = None) -> Tensor:
        """Pictures as the camera sees them."""
        return self._warped(input, transform, flags, (input.shape[-2], input.shape[-1]))

    def inverse_transform(
        self, input: Tensor, flags: Flags, transform: Tensor | None = None, size: tuple[int, int] | None = None
    ) -> Tensor:
        """The board seen straight from the front again."""
        return self._warped(input, transform, flags, size or (input.shape[-2], input.shape[-1]))

    def _warped(self, input: Tensor, transform: Tensor | None, flags: Flags, size: tuple[int, int]) -> Tensor:
        if transform is None:
            raise TypeError("the transformation matrix is missing")
        seen: Tensor = warp_perspective(
            input,
            transform.to(input),
            size,
            mode=flags["resample"].name.lower(),
            align_corners=flags["align_corners"],
            padding_mode=flags["padding_mode"],
        )
        return seen
