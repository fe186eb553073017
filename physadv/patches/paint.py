"""Paint: which colors a texel can take, and how a search moves among them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import torch
from pydantic import BeforeValidator, Field, SerializeAsAny
from torch import Tensor

from physadv.core.color import linear_to_srgb, srgb_to_linear
from physadv.core.config import Config, beside, collected, parse_kind
from physadv.core.named import YAML
from physadv.core.registry import Registry

Level = Annotated[float, Field(ge=0.0, le=1.0, allow_inf_nan=False)]
Rgb = tuple[Level, Level, Level]
"""An sRGB-encoded color."""

BLACK: Rgb = (0.15, 0.15, 0.15)
"""Black ink or film: L* 16, 2 % reflectance."""
WHITE: Rgb = (0.96, 0.96, 0.96)
"""White film: 91 % reflectance."""

START_SPREAD = 0.1
"""Of parameters about a neutral color."""


class PaintKind(Config):
    """A parameterization: parameters ``theta [C, P, P]`` to sRGB colors ``[3, P, P]``.

    All kinds have parameters of about unit range, so that one step size suits them all, and no kind's gradient fades
    where the paint is at its extremes, where attacks end up: sign gradient and Adam work alike.
    """

    kind: str

    @property
    @abstractmethod
    def channels(self) -> int:
        """Parameters a texel."""

    @abstractmethod
    def decode(self, theta: Tensor) -> Tensor:
        """Colors ``[3, P, P]`` in [0,1], differentiable."""

    @abstractmethod
    def project(self, theta: Tensor) -> Tensor:
        """The nearest admissible parameters."""

    @abstractmethod
    def init(self, generator: torch.Generator, px: int) -> Tensor:
        """Parameters to start from ``[C, px, px]``, on the CPU: nearly neutral, no two texels alike."""

    def parameters(self, px: int) -> tuple[int, int, int]:
        """Shape of ``theta`` at ``px`` texels a side."""
        return self.channels, px, px

    def finalize(self, theta: Tensor) -> Tensor:
        """The colors that are printed, without gradient; those of a palette are exact."""
        with torch.no_grad():
            return self.decode(theta)


def uniform_noise(generator: torch.Generator, channels: int, px: int) -> Tensor:
    """``[channels, px, px]`` in [-1,1), on the CPU."""
    return torch.rand(channels, px, px, generator=generator) * 2.0 - 1.0


def clipped(theta: Tensor) -> Tensor:
    """``theta`` in [0,1] with a whole gradient: PyTorch's clamp has none at its limits, where projected texels stay."""
    return theta + (theta.clamp(0.0, 1.0) - theta).detach()


PAINTS: Registry[type[PaintKind]] = Registry("paint")
"""Kinds of paint by name."""


class OneOfAFew(PaintKind):
    """Base of paints whose texels each take one of a few colors, exactly.

    The forward pass shows the color of the greatest score, the backward pass is that of a soft choice (a
    straight-through estimator: Bengio, Léonard and Courville 2013, arXiv 1308.3432), so that what is optimized is what
    is printed. The soft choice mixes in linear light, so that a black texel's way to white is as steep as a white
    one's to black.
    """

    temperature: Annotated[float, Field(gt=0.0, le=100.0, allow_inf_nan=False)] = 0.3
    """Of the soft choice: small minds only the runner-up color, large all alike."""

    @property
    @abstractmethod
    def inks(self) -> tuple[Rgb, ...]:
        """The colors there are."""

    @property
    def channels(self) -> int:
        """A score for each color."""
        return len(self.inks)

    def _table(self, like: Tensor) -> Tensor:
        return torch.tensor(self.inks, dtype=like.dtype, device=like.device)

    def decode(self, theta: Tensor) -> Tensor:
        """The chosen colors, with the gradient of the soft choice."""
        table = srgb_to_linear(self._table(theta))
        soft = torch.einsum("kij,kc->cij", (theta / self.temperature).softmax(0), table)
        hard = table[theta.argmax(0)].movedim(-1, 0)
        return linear_to_srgb(soft + (hard - soft).detach())

    def finalize(self, theta: Tensor) -> Tensor:
        """The chosen colors, to the bit."""
        return self._table(theta)[theta.argmax(0)].movedim(-1, 0)

    def project(self, theta: Tensor) -> Tensor:
        """Centered scores (a common offset changes nothing) within [-1,1], where the soft choice has a gradient."""
        return (theta - theta.mean(0, keepdim=True)).clamp(-1.0, 1.0)

    def init(self, generator: torch.Generator, px: int) -> Tensor:
        """Scores near 0: every color is about as likely."""
        return START_SPREAD * uniform_noise(generator, self.channels, px)


def parse_paint(spec: str | Path | Mapping[str, Any] | PaintKind) -> PaintKind:
    """A paint from its kind's name, a YAML file, a mapping, or itself.

    Raises:
        PhysadvError: unknown kind, unreadable file, unknown key or wrong value.
    """
    if isinstance(spec, PaintKind):
        return spec
    return parse_kind(spec, PAINTS)


PaintConfig: TypeAlias = Annotated[SerializeAsAny[PaintKind], BeforeValidator(collected(parse_paint)), beside(YAML)]
"""A paint inside another configuration: a kind's name, a YAML file's path, or the paint's own keys."""
