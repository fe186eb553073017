"""A whole scene as a Kornia augmentation: pictures of a sign's face in, frames of the sign in the street out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from kornia.augmentation import GeometricAugmentationBase2D
from kornia.geometry.transform import warp_perspective
from torch import Tensor

from physadv.core.color import srgb_to_linear
from physadv.scenes.conditions import COLUMNS, Conditions
from physadv.scenes.kornia.augmentation.parameters import Flags, Params, draw_seeds
from physadv.scenes.library import load_scene
from physadv.scenes.scene import PaintedSign, Scene
from physadv.signs import Sign, load_sign

_STARTS = 1_000_000
"""Numbers of frames to begin at, so that lights, stations and photographs come in their turn."""


class RandomScene(GeometricAugmentationBase2D):  # type: ignore[misc]
    """Frames of a sign as a scene shows it: place, light, weather, lens, sensor and encoder in one module.

    Masks, boxes and keypoints on the sign's face are moved to where the frame shows them. Gradients reach the pictures
    where the scene passes them. The parameters are the scene's conditions, one entry a picture.

    Args:
        scene: a shipped scene's name, the path of its file, its content, or a scene.
        sign: whose outline and size the picture has: a name, or a sign. The sign's longer side fills the picture.
        size: of the frames, (H, W).
        same_on_batch: all pictures are seen under the same conditions.
        keepdim: as in Kornia.

    Raises:
        PhysadvError: no such scene or sign.
        ValueError: the size is no pair of numbers from 1.
    """

    def __init__(
        self,
        scene: str | Path | Mapping[str, Any] | Scene = "wide",
        *,
        sign: str | Sign = "us/stop",
        size: tuple[int, int] = (64, 64),
        same_on_batch: bool = False,
        keepdim: bool = False,
    ) -> None:
        super().__init__(p=1.0, same_on_batch=same_on_batch, keepdim=keepdim)
        if len(size) != 2 or min(size) < 1:
            raise ValueError(f"size = {size!r}: should be the height and the width of the frames in pixels")
        self.scene = load_scene(scene)
        self.sign = sign if isinstance(sign, Sign) else load_sign(sign)
        self.flags: dict[str, Any] = {"size": (int(size[0]), int(size[1]))}

    def generate_parameters(self, batch_shape: tuple[int, ...]) -> Params:
        """The scene's conditions, of a seed from torch's generator."""
        count = batch_shape[0]
        seed, start = int(draw_seeds(1, same=True)), int(torch.randint(_STARTS, ()))
        drawn = self.scene.sample(1 if self.same_on_batch else count, seed=seed, start=start)
        if self.same_on_batch:
            drawn = drawn[torch.zeros(count, dtype=torch.int64)]
        return {**dict(drawn.items()), **drawn.extra}

    def compute_transformation(self, input: Tensor, params: Params, flags: Flags) -> Tensor:
        """From pixels of the sign's face to pixels of the frames, ``[B, 3, 3]``."""
        height, width = self._check(input)
        scale = self.sign.extent_mm / max(height, width)
        to_sign = torch.tensor(
            [[scale, 0.0, (0.5 - width / 2.0) * scale], [0.0, scale, (0.5 - height / 2.0) * scale], [0.0, 0.0, 1.0]],
            dtype=torch.float64,
            device=input.device,
        )
        conditions = _conditions(params).to(input.device)
        to_frame = self.scene.homographies(self.sign, conditions, size=flags["size"]).clone()
        to_frame[:, :2] -= 0.5 * to_frame[:, 2:]
        moved = to_frame.to(to_sign) @ to_sign
        return (moved / moved[:, 2:, 2:]).to(input.dtype)

    def apply_transform(self, input: Tensor, params: Params, flags: Flags, transform: Tensor | None = None) -> Tensor:
        """Frames ``[B, 3, *size]``; pictures that are one expanded picture are rendered together."""
        self._check(input)
        conditions = _conditions(params).to(input.device)
        if len(input) == 0:
            return input.new_zeros(0, 3, *flags["size"])
        if input.stride(0) == 0:
            return self.scene.render(self._painted(input[0]), conditions, size=flags["size"])
        frames = [
            self.scene.render(self._painted(picture), conditions[number : number + 1], size=flags["size"])
            for number, picture in enumerate(input)
        ]
        return torch.cat(frames)

    def apply_transform_mask(
        self, input: Tensor, params: Params, flags: Flags, transform: Tensor | None = None
    ) -> Tensor:
        """Masks on the sign's face as the frames show them."""
        matrix = self.transform_matrix if transform is None else transform
        return self._warped(input, matrix, flags["size"])

    def inverse_transform(
        self, input: Tensor, flags: Flags, transform: Tensor | None = None, size: tuple[int, int] | None = None
    ) -> Tensor:
        """The sign's face out of the frames, seen straight from the front; the light stays as it was."""
        return self._warped(input, transform, size or (input.shape[-2], input.shape[-1]), mode="bilinear")

    @staticmethod
    def _warped(input: Tensor, matrix: Tensor | None, size: tuple[int, int], *, mode: str = "nearest") -> Tensor:
        if matrix is None:
            raise TypeError("the transformation matrix is missing")
        seen: Tensor = warp_perspective(input, matrix.to(input), size, mode=mode, align_corners=False)
        return seen

    def _check(self, input: Tensor) -> tuple[int, int]:
        height, width = input.shape[-2:]
        if height != width or input.shape[1] not in (3, 4):
            raise ValueError(
                f"pictures of a sign's face should be [B, 3, P, P], or [B, 4, P, P] with their coverage; got "
                f"{list(input.shape)}"
            )
        return height, width

    def _painted(self, picture: Tensor) -> PaintedSign:
        cover = picture[3:] if len(picture) == 4 else self.sign.texture(picture.shape[-1])[3:].to(picture)
        rgba = torch.cat([srgb_to_linear(picture[:3]), cover])
        return PaintedSign(self.sign, rgba, torch.ones_like(cover))


def _conditions(params: Params) -> Conditions:
    own = {name: params[name] for name in COLUMNS if name in params}
    skipped = {*own, "batch_prob", "forward_input_shape"}
    return Conditions(**own, extra={name: value for name, value in params.items() if name not in skipped})
