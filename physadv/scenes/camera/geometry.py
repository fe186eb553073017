"""Place: where the sign falls in the picture. Pinhole camera, metres, float64; the sign's center is the origin.

Conventions as in :class:`physadv.scenes.conditions.Conditions`. Pixels are continuous: pixel i covers [i, i + 1),
the principal point is the origin of the picture's coordinates (u to the right, v down).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from kornia.geometry.linalg import transform_points
from torch import Tensor

from physadv.scenes.conditions import Conditions
from physadv.signs import Sign

Aim = Literal["sign", "road"]


def sign_rotation(conditions: Conditions) -> Tensor:
    """Rotation of the sign ``[N, 3, 3]``: roll in its plane, then pitch, then yaw about the vertical."""
    degrees = torch.stack([conditions.yaw_deg, -conditions.pitch_deg, -conditions.roll_deg]).double()
    sines, cosines = torch.deg2rad(degrees).sin(), torch.deg2rad(degrees).cos()
    (yaw_s, pitch_s, roll_s), (yaw_c, pitch_c, roll_c) = sines[..., None], cosines[..., None]
    right = torch.cat([yaw_c, torch.zeros_like(yaw_c), -yaw_s], dim=-1)
    up = torch.cat([yaw_s * pitch_s, pitch_c, yaw_c * pitch_s], dim=-1)
    normal = torch.cat([yaw_s * pitch_c, -pitch_s, yaw_c * pitch_c], dim=-1)
    return torch.stack([right * roll_c + up * roll_s, up * roll_c - right * roll_s, normal], dim=-1)


def camera_position_m(conditions: Conditions) -> Tensor:
    """Of the camera ``[N, 3]``."""
    return torch.stack([conditions.lateral_m, conditions.height_m, conditions.distance_m], dim=-1).double()


def camera_rotation(conditions: Conditions, *, aim: Aim) -> Tensor:
    """Rows are the camera's right, down and forward axes ``[N, 3, 3]``: along the road, or towards the sign."""
    position = camera_position_m(conditions)
    if aim == "road":
        forward = torch.tensor([0.0, 0.0, -1.0], dtype=torch.float64, device=position.device).expand_as(position)
    else:
        forward = -position / position.norm(dim=-1, keepdim=True)
    up = torch.tensor([0.0, 1.0, 0.0], dtype=torch.float64, device=position.device).expand_as(position)
    right = torch.linalg.cross(forward, up)
    right = right / right.norm(dim=-1, keepdim=True)
    return torch.stack([right, torch.linalg.cross(forward, right), forward], dim=-2)


def focal_px(conditions: Conditions) -> Tensor:
    """Focal length ``[N]`` in camera pixels."""
    return conditions.image_width_px.double() / 2.0 / torch.tan(torch.deg2rad(conditions.hfov_deg.double()) / 2.0)


def homography(conditions: Conditions, *, aim: Aim) -> Tensor:
    """Sign's plane in mm (x right, y down) to camera pixels about the principal point, ``[N, 3, 3]`` float64."""
    rotation = sign_rotation(conditions)
    plane = torch.stack(
        [rotation[:, :, 0] / 1000.0, -rotation[:, :, 1] / 1000.0, -camera_position_m(conditions)], dim=-1
    )
    ray = camera_rotation(conditions, aim=aim) @ plane
    focal = focal_px(conditions)[:, None]
    return torch.stack([focal * ray[:, 0], focal * ray[:, 1], ray[:, 2]], dim=1)


def viewing_angle_deg(conditions: Conditions) -> Tensor:
    """Angle ``[N]`` between the sign's normal and the line to the camera: 0 is head-on."""
    position = camera_position_m(conditions)
    normal = sign_rotation(conditions)[:, :, 2]
    cosine = (position * normal).sum(-1) / position.norm(dim=-1)
    return torch.rad2deg(torch.arccos(cosine.clamp(-1.0, 1.0)))


@dataclass(frozen=True, eq=False)
class Crop:
    """The classifier's cut-out, whole camera pixels: left, top, width, height, each ``[N]`` float64."""

    left: Tensor
    top: Tensor
    width: Tensor
    height: Tensor


def crop_box(sign: Sign, conditions: Conditions, to_camera: Tensor) -> Crop:
    """The box around the projected outline, with the detector's jitter and margin, rounded to whole pixels."""
    outline = torch.tensor(sign.outline_mm, dtype=torch.float64, device=to_camera.device)
    points = transform_points(to_camera, outline.expand(len(to_camera), -1, -1))
    low, high = points.amin(1), points.amax(1)
    size = high - low
    shift = torch.stack([conditions.crop_shift_x, conditions.crop_shift_y], dim=-1).double()
    center = (low + high) / 2.0 + shift * size
    size = size * (conditions.crop_scale.double() * (1.0 + 2.0 * conditions.crop_margin.double()))[:, None]
    size = size + (size.amax(-1, keepdim=True) - size) * conditions.crop_square.double()[:, None]
    size = size.round().clamp(min=2.0)
    corner = (center - size / 2.0).round()
    return Crop(left=corner[:, 0], top=corner[:, 1], width=size[:, 0], height=size[:, 1])
