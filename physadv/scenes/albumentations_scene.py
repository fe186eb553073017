"""A scene through albumentations: another scene's frames, changed by a pipeline of a user's; scored only.

albumentations 2.0.8 is the last release under the MIT licence, and no longer maintained: all that is known here of its
pipelines is in this file.
"""

from __future__ import annotations

import copy
import warnings
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from physadv.core.color import from_uint8, to_uint8
from physadv.core.config import BesidePath, Config, Text, read_yaml, validate
from physadv.core.errors import PhysadvError
from physadv.core.identity import digest_of
from physadv.scenes.conditions import Conditions
from physadv.scenes.kornia.modules import numbers_in
from physadv.scenes.library import SCENE_KINDS, SceneField
from physadv.scenes.scene import PaintedSign, Part, Scene
from physadv.scenes.weather.weather_kind import Pixels, albumentations_library
from physadv.signs import Sign

_LARGEST = 4096


class AlbumentationsConfig(Config):
    """A scene through albumentations as its YAML declares it."""

    kind: Literal["albumentations"] = "albumentations"
    name: Text
    description: str = ""
    pipeline: BesidePath
    """File of ``albumentations.save(compose, path, data_format="yaml")``, or ``"json"``."""
    base: SceneField = Field(default="frontal", validate_default=True)
    """The scene whose frames are changed: straight ahead, in even light, if not given."""
    px: int = Field(default=64, ge=16, le=512)
    """Side of the square pictures that the pipeline gets; they are then resized for the victim."""


class _Saved(Config):
    """The content of such a file."""

    version: str = Field(alias="__version__")
    transform: dict[str, Any]


@SCENE_KINDS.register("albumentations")
class AlbumentationsScene(Scene):
    """Another scene's frames through a saved pipeline of albumentations; scored only, for it has no gradient.

    Frames are rendered at ``px`` x ``px``, rounded to 8 bits, changed and resized. A frame's own ``noise_seed`` decides
    what the pipeline draws.
    """

    kind = "albumentations"
    differentiable = False
    why_no_gradient = "albumentations passes none"
    configuration = AlbumentationsConfig

    def __init__(self, config: AlbumentationsConfig) -> None:
        self.config, self.name, self.px = config, config.name, config.px
        self._use(config.base.value)
        self.description = config.description or f"{self.base.name} through {Path(config.pipeline).name}"
        path = Path(config.pipeline)
        self.saved = validate(_Saved, read_yaml(path), path)
        self._pipeline, self._with_points = _loaded(self.saved, path)
        self._change(np.zeros((self.px, self.px, 3), np.uint8), seed=0)

    def _use(self, base: Scene) -> None:
        self.base, self.lights, self.frames_per_approach = base, base.lights, base.frames_per_approach

    @property
    def pictures(self) -> frozenset[str]:
        return self.base.pictures

    @cached_property
    def fingerprint(self) -> str:
        return digest_of([self.kind, self.name, self.saved.model_dump(), self.px, self.base.fingerprint])

    def for_part(self, part: Part) -> AlbumentationsScene:
        other = AlbumentationsScene(self.config)
        other._use(self.base.for_part(part))
        return other

    def sample(self, count: int, *, seed: int, start: int = 0) -> Conditions:
        return self.base.sample(count, seed=seed, start=start)

    def render(self, painted: PaintedSign, conditions: Conditions, *, size: tuple[int, int]) -> Tensor:
        frames = to_uint8(self.base.render(painted, conditions, size=(self.px, self.px)))
        changed = [
            _resized(from_uint8(self._change(pixels, seed=seed)), size)
            for pixels, seed in zip(frames, conditions.noise_seed.tolist(), strict=True)
        ]
        return torch.stack(changed).to(painted.rgba) if changed else painted.rgba.new_zeros(0, 3, *size)

    def homographies(self, sign: Sign, conditions: Conditions, *, size: tuple[int, int]) -> Tensor:
        """Where the pipeline moves the picture's corners; what it bends beside that is not in a homography."""
        to_picture = self.base.homographies(sign, conditions, size=(self.px, self.px))
        blank = np.zeros((self.px, self.px, 3), np.uint8)
        found = [self._moved(blank, seed=seed, size=size) for seed in conditions.noise_seed.tolist()]
        return torch.from_numpy(np.stack(found)).to(to_picture) @ to_picture

    def _moved(self, pixels: Pixels, *, seed: int, size: tuple[int, int]) -> np.ndarray[Any, np.dtype[np.float64]]:
        """Where the pipeline moves a picture's points, ``[3, 3]``, in pixels that cover [i, i + 1).

        Raises:
            PhysadvError: it bends pictures, so that their corners do not say where the rest goes.
        """
        side = float(self.px - 1)
        corners = np.array([[0.0, 0.0], [side, 0.0], [side, side], [0.0, side]], np.float32)
        self._with_points.set_random_seed(seed % 2**32)
        try:
            made = self._with_points(image=pixels, keypoints=corners)
            moved = np.asarray(made["keypoints"], np.float32)[:, :2] + np.float32(0.5)
            matrix = cv2.getPerspectiveTransform(corners + 0.5, moved)
        except Exception as error:  # albumentations and OpenCV refuse by errors of many kinds
            raise PhysadvError(
                f"{self.config.pipeline}: does not say where it moves the sign's corners, as pipelines that bend a "
                "picture do; its frames can be scored, but the sign's place in them is not known"
            ) from error
        height, width = made["image"].shape[:2]
        placed: np.ndarray[Any, np.dtype[np.float64]] = np.diag([size[1] / width, size[0] / height, 1.0]) @ matrix
        return placed

    def _change(self, pixels: Pixels, *, seed: int) -> Pixels:
        """The picture as the pipeline changes it.

        Raises:
            PhysadvError: the pipeline does not take such a picture, or makes something else of it.
        """
        self._pipeline.set_random_seed(seed % 2**32)
        try:
            made = self._pipeline(image=pixels)
        except Exception as error:  # albumentations refuses by errors of many kinds
            words = " ".join(str(error).split())[:300]
            raise PhysadvError(
                f"{self.config.pipeline}: fails on a picture of {self.px} x {self.px}: {words}"
            ) from error
        seen = made["image"]
        if not isinstance(seen, np.ndarray) or seen.dtype != np.uint8 or seen.ndim != 3 or seen.shape[2] != 3:
            raise PhysadvError(
                f"{self.config.pipeline}: makes no 8-bit picture of three colors; leave out what prepares pictures for "
                "a network (Normalize, ToTensorV2, ToFloat): that is the victim card's"
            )
        if 0 in seen.shape:
            raise PhysadvError(f"{self.config.pipeline}: leaves nothing of a picture of {self.px} x {self.px}")
        return seen


def _resized(picture: Tensor, size: tuple[int, int]) -> Tensor:
    if tuple(picture.shape[-2:]) == size:
        return picture
    seen = F.interpolate(picture[None], size=size, mode="bilinear", antialias=True, align_corners=False)
    return seen[0].clamp(0.0, 1.0)


def _loaded(saved: _Saved, path: Path) -> tuple[Any, Any]:
    """The pipeline, and the same so that it moves points with its pictures.

    Raises:
        PhysadvError: it is no saved pipeline, or albumentations does not know one of its transforms or their values.
    """
    A = albumentations_library()
    if not all(abs(number) <= _LARGEST for number in numbers_in(saved.transform)):
        raise PhysadvError(f"{path}: has a number beyond {_LARGEST}, which no transform of such pictures needs")
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)  # it warns of an unknown parameter, and goes on without
        try:
            made = A.from_dict({"transform": saved.transform})
        except Exception as error:
            words = " ".join(str(error).split())[:300] or type(error).__name__
            raise PhysadvError(
                f"{path}: is no pipeline that albumentations {A.__version__} can load ({type(error).__name__}: "
                f"{words}); write it with albumentations.save(compose, path, data_format='yaml')"
            ) from error
    inner = made.transforms if isinstance(made, A.Compose) else [made]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that no transform moves points, where none does
        points = A.KeypointParams(format="xy", remove_invisible=False)
        chance = getattr(made, "p", 1.0) if isinstance(made, A.Compose) else 1.0
        return A.Compose(inner, p=chance), A.Compose(copy.deepcopy(inner), p=chance, keypoint_params=points)
