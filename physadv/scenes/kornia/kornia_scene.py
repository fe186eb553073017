"""A scene through Kornia: the sign as another scene shows it, changed by a chain of Kornia's augmentations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

import torch
from kornia.augmentation import AugmentationSequential
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from physadv.core.config import Config, Text
from physadv.core.errors import PhysadvError
from physadv.core.identity import digest_of
from physadv.scenes.conditions import Conditions
from physadv.scenes.kornia.chain import Chain
from physadv.scenes.kornia.modules import sequence
from physadv.scenes.library import SCENE_KINDS, SceneField, load_scene
from physadv.scenes.scene import PaintedSign, Part, Prepared, Scene
from physadv.signs import Sign

DEFAULT_BASE = "frontal"


class KorniaConfig(Config):
    """A scene through Kornia as its YAML declares it."""

    kind: Literal["kornia"] = "kornia"
    name: Text
    description: str = ""
    transforms: tuple[str | dict[str, dict[str, Any] | None], ...] = Field(min_length=1)
    """Classes of ``kornia.augmentation`` in order, each with its parameters or by its name alone."""
    base: SceneField = Field(default=DEFAULT_BASE, validate_default=True)
    """The scene whose frames are changed: straight ahead, in even light, if not given."""
    px: int = Field(default=64, ge=16, le=512)
    """Side of the square pictures that the transforms get; they are then resized for the victim."""


@dataclass(frozen=True, eq=False)
class _PreparedFrames(Prepared):
    base: Prepared


@SCENE_KINDS.register("kornia")
class KorniaScene(Scene):
    """Another scene's frames through a chain of Kornia's augmentations, with their gradients.

    A frame's conditions are those of the other scene and, as ``extra``, the parameters that the chain's modules drew
    for it. Frames are rendered at ``px`` x ``px``, changed, clipped to [0,1] and resized.

    Args:
        transforms: a list as in a scene's file, or any ``AugmentationSequential``.
        name: of the scene.
        base: the scene whose frames are changed.
        px: side of the pictures that the transforms get.
        description: one line for people.

    Raises:
        PhysadvError: a transform is not known, or refuses its parameters or such pictures.
    """

    kind = "kornia"
    configuration = KorniaConfig

    def __init__(
        self,
        transforms: AugmentationSequential | Sequence[str | Mapping[str, Any]],
        *,
        name: str,
        base: str | Scene = DEFAULT_BASE,
        px: int = 64,
        description: str = "",
    ) -> None:
        self.base = load_scene(base)
        if isinstance(self.base, KorniaScene):
            raise PhysadvError(f"base: {self.base.name!r} is a scene through Kornia itself; join the transforms")
        made = transforms if isinstance(transforms, AugmentationSequential) else sequence(transforms, px=px)
        self.chain = Chain(made, px=px)
        self.name, self.px = name, px
        self.description = description or f"{self.base.name} through {', '.join(self._modules)}"
        self.lights = self.base.lights
        self.frames_per_approach = self.base.frames_per_approach
        self.differentiable = self.base.differentiable and not self.chain.without_gradient
        self.why_no_gradient = self._why_no_gradient()
        self.config: KorniaConfig | None = None

    @classmethod
    def from_config(cls, config: KorniaConfig) -> KorniaScene:
        """The scene that a configuration declares."""
        transforms = [_said(one) for one in config.transforms]
        scene = cls(transforms, name=config.name, base=config.base.value, px=config.px, description=config.description)
        scene.config = config
        return scene

    @property
    def _modules(self) -> list[str]:
        return [type(module).__name__ for module in self.chain.modules.children()]

    def _why_no_gradient(self) -> str:
        if self.chain.without_gradient:
            names = ", ".join(name.rpartition("_")[0] or name for name in self.chain.without_gradient)
            return f"{names} {'passes' if len(self.chain.without_gradient) == 1 else 'pass'} none"
        return self.base.why_no_gradient

    @property
    def pictures(self) -> frozenset[str]:
        return self.base.pictures

    @cached_property
    def fingerprint(self) -> str:
        said = [_said(one) for one in self.config.transforms] if self.config else self.chain.described
        return digest_of([self.kind, self.name, said, self.px, self.base.fingerprint])

    def for_part(self, part: Part) -> KorniaScene:
        base = self.base.for_part(part)
        if base is self.base:
            return self
        other = KorniaScene(self.chain.modules, name=self.name, base=base, px=self.px, description=self.description)
        other.config = self.config
        return other

    def sample(self, count: int, *, seed: int, start: int = 0) -> Conditions:
        conditions = self.base.sample(count, seed=seed, start=start)
        return replace(conditions, extra=self.chain.draw(conditions.index, seed=seed))

    def render(self, painted: PaintedSign, conditions: Conditions, *, size: tuple[int, int]) -> Tensor:
        return self._changed(self.base.render(painted, conditions, size=(self.px, self.px)), conditions, size)

    def prepare(self, painted: PaintedSign, conditions: Conditions, *, size: tuple[int, int]) -> Prepared:
        base = self.base.prepare(painted, conditions, size=(self.px, self.px))
        return _PreparedFrames(conditions.to(painted.rgba.device), size, base)

    def show(self, painted: PaintedSign, prepared: Prepared) -> Tensor:
        assert isinstance(prepared, _PreparedFrames)
        return self._changed(self.base.show(painted, prepared.base), prepared.conditions, prepared.size)

    def homographies(self, sign: Sign, conditions: Conditions, *, size: tuple[int, int]) -> Tensor:
        to_picture = self.base.homographies(sign, conditions, size=(self.px, self.px))
        height, width = self.chain.size
        scale = torch.tensor([size[1] / width, size[0] / height, 1.0], dtype=torch.float64, device=to_picture.device)
        changed = self.chain.matrices(conditions.index.to(to_picture.device), _moved(conditions, to_picture.device))
        return scale.diag() @ changed @ to_picture

    def _changed(self, pictures: Tensor, conditions: Conditions, size: tuple[int, int]) -> Tensor:
        seen = self.chain(pictures, conditions.index, _moved(conditions, pictures.device)).clamp(0.0, 1.0)
        if tuple(seen.shape[-2:]) == size:
            return seen
        return F.interpolate(seen, size=size, mode="bilinear", antialias=True, align_corners=False).clamp(0.0, 1.0)


def _moved(conditions: Conditions, device: torch.device) -> dict[str, Tensor]:
    return {name: values.to(device) for name, values in conditions.extra.items()}


def _said(transform: str | Mapping[str, Any]) -> dict[str, Any]:
    """A transform without parameters as one with none, whichever way it was written."""
    if isinstance(transform, str):
        return {transform: {}}
    return {name: parameters or {} for name, parameters in transform.items()}
