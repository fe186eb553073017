"""The protocol of every scene: sample conditions, render frames from them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor
from typing_extensions import Self

from physadv.core.config import Config
from physadv.core.identity import digest_of
from physadv.core.notebooks import one_line
from physadv.core.number_format import percent
from physadv.scenes.camera.texture import build_atlas
from physadv.scenes.conditions import Conditions
from physadv.scenes.frames import Frames, frames_of
from physadv.signs import Sign

Part = Literal["train", "held-out"]
"""Of a design's frames: those that it searches on, and those that it is measured on."""


@dataclass(frozen=True, eq=False)
class PaintedSign:
    """A sign as it stands in the street, paint included.

    Attributes:
        sign: outline and size.
        rgba: ``[4, P, P]``, linear RGB and coverage, straight alpha; the sign's longer side fills the picture.
        sheeting: ``[1, P, P]``, how much of the retroreflective sheeting is uncovered: 1 bare, 0 under a sticker.
        ground: the same sign in constant colors, where this one's differ from it only where the sheeting is covered.
    """

    sign: Sign
    rgba: Tensor
    sheeting: Tensor
    ground: PaintedSign | None = None

    def __repr__(self) -> str:
        covered = self.rgba[3:].sum().clamp(min=1e-9)
        bare = float((self.sheeting * self.rgba[3:]).sum() / covered)
        return one_line(
            self, self.sign.name, f"{percent(1.0 - bare, 1)} of it covered", f"{self.rgba.shape[-1]} texels a side"
        )

    @cached_property
    def mm_per_px(self) -> float:
        """Size of a texel on the sign."""
        return self.sign.extent_mm / self.rgba.shape[-1]

    @cached_property
    def matte_atlas(self) -> Tensor:
        """Atlas ``[2, A, A]`` of what does not change with the paint's color: coverage and bare sheeting."""
        return build_atlas(torch.cat([self.rgba[3:], self.sheeting * self.rgba[3:]]).detach())

    @cached_property
    def color_atlas(self) -> Tensor:
        """Atlas ``[3, A, A]`` of the colors, as far as the sign covers each texel."""
        return build_atlas(self.rgba[:3] * self.rgba[3:])

    @cached_property
    def change_atlas(self) -> Tensor:
        """Atlas ``[3, A, A]`` of what the colors differ from those of the ground."""
        assert self.ground is not None
        return build_atlas((self.rgba[:3] - self.ground.rgba[:3]) * self.rgba[3:])

    def repainted(self, rgba: Tensor, *, only_covered: bool = False) -> PaintedSign:
        """The same sign and mask in other colors; what does not depend on the color is not computed again.

        Args:
            rgba: the colors, and the same coverage.
            only_covered: they differ from this sign's only where the sheeting is covered, and gradients are wanted of
                no others; frames are then the quicker, the less is covered.
        """
        other = PaintedSign(self.sign, rgba, self.sheeting, ground=self if only_covered else None)
        other.__dict__["matte_atlas"] = self.matte_atlas
        return other


@dataclass(frozen=True, eq=False)
class Prepared:
    """Frames for which all is worked out that needs no pixel: many at once, to be shown in slices.

    Attributes:
        conditions: of the frames.
        size: of the pictures, (H, W).
    """

    conditions: Conditions
    size: tuple[int, int]

    def __len__(self) -> int:
        return len(self.conditions)

    def __getitem__(self, which: slice) -> Self:
        values = ((field.name, getattr(self, field.name)) for field in fields(self))
        parts: dict[str, Any] = {k: v[which] for k, v in values if isinstance(v, (Tensor, Conditions, Prepared))}
        return replace(self, **parts)


class Scene(ABC):
    """How a sign is seen: a distribution of conditions, and a renderer that replays any of them.

    Attributes:
        name: how tables and reports call it.
        kind: of the renderer (``roadside``, ``photographs``, ``weather`` ...).
        description: one line for people.
        lights: names that :attr:`Conditions.light` points into.
        differentiable: whether gradients reach the painted sign.
        why_no_gradient: in a few words, where they do not and there is more to say.
        frames_per_approach: frames that belong together (one drive-by), 1 where frames are independent.
    """

    name: str
    kind: str
    description: str = ""
    lights: tuple[str, ...]
    differentiable: bool = True
    why_no_gradient: str = ""
    frames_per_approach: int = 1
    configuration: ClassVar[type[Config]]
    """Of what its declaration says; of the kinds in :data:`physadv.scenes.SCENE_KINDS`."""

    @classmethod
    def from_config(cls, config: Any) -> Scene:
        """The scene that a :attr:`configuration` declares."""
        return cls(config)  # type: ignore[call-arg]  # of the kinds that are made of it

    @property
    def declaration(self) -> str | dict[str, Any]:
        """From which the scene can be loaded again, wherever its file was: what its file would say, without defaults.

        A scene that was made in Python has its name alone.
        """
        config = getattr(self, "config", None)
        return {"kind": self.kind, **config.model_dump(mode="json", exclude_unset=True)} if config else self.name

    @property
    def pictures(self) -> frozenset[str]:
        """Digests of the photographs of a sign that the frames show; none where all is drawn."""
        return frozenset()

    @property
    def fingerprint(self) -> str:
        """Of all that decides the frames: the scene's declaration and the content of every file that it reads.

        A kind that reads files, or that is made in Python with more than a name, says what else there is.
        """
        return digest_of([self.kind, self.name, self.declaration, sorted(self.pictures)])

    def for_part(self, part: Part) -> Scene:
        """The scene of that part of a design's frames: drawn ones differ by their seeds, photographs are dealt out."""
        return self

    @abstractmethod
    def sample(self, count: int, *, seed: int, start: int = 0) -> Conditions:
        """Conditions of the frames ``start .. start + count``; frame i depends on ``(seed, i)`` alone."""

    @abstractmethod
    def render(self, painted: PaintedSign, conditions: Conditions, *, size: tuple[int, int]) -> Tensor:
        """Frames ``[N, 3, H, W]`` in [0,1], sRGB-encoded, as the classifier gets them, on the painted sign's device."""

    @abstractmethod
    def homographies(self, sign: Sign, conditions: Conditions, *, size: tuple[int, int]) -> Tensor:
        """From mm on the sign (x right, y down, from its center) to columns and rows of frames, ``[N, 3, 3]`` float64.

        Pixels are continuous: pixel i covers [i, i + 1).
        """

    def capture(self, painted: PaintedSign, conditions: Conditions, *, size: tuple[int, int]) -> Frames:
        """The frames of :meth:`render`, with the sign's place in them."""
        pictures = self.render(painted, conditions, size=size)
        with torch.no_grad():
            to_picture = self.homographies(painted.sign, conditions.to(pictures.device), size=size)
        return frames_of(painted.sign, pictures, to_picture, conditions)

    def prepare(self, painted: PaintedSign, conditions: Conditions, *, size: tuple[int, int]) -> Prepared:
        """What :meth:`show` needs for these frames of this sign, in any paint."""
        return Prepared(conditions.to(painted.rgba.device), size)

    def show(self, painted: PaintedSign, prepared: Prepared) -> Tensor:
        """The frames of :meth:`render`, of what :meth:`prepare` has worked out."""
        return self.render(painted, prepared.conditions, size=prepared.size)

    def view(self, painted: PaintedSign, count: int, *, seed: int, start: int, size: tuple[int, int]) -> Tensor:
        """Samples and renders in one go."""
        return self.render(painted, self.sample(count, seed=seed, start=start).to(painted.rgba.device), size=size)
