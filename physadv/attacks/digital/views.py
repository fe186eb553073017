"""Views: through what changed pictures are seen."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from physadv.attacks.physical.engine import FrameStream
from physadv.core.color import linear_to_srgb, srgb_to_linear
from physadv.scenes import PaintedSign
from physadv.signs import Sign
from physadv.victims import Victim


class View(ABC):
    """Pictures, and how a victim comes to see changed ones.

    Attributes:
        pictures: ``[B, 3, H, W]``, unchanged, sRGB-encoded in [0,1].
        frames: how many frames of each picture a look takes.
        varies: whether looks of different steps have different conditions.
        pool: pictures ``[P, 3, H, W]`` that a search may start from, and their true classes ``[P]``; None: none.
    """

    pictures: Tensor
    frames: int = 1
    varies: bool = False
    pool: tuple[Tensor, Tensor] | None = None

    @abstractmethod
    def look(self, victim: Victim, changed: Tensor, *, step: int) -> Tensor:
        """Logits ``[M, frames, K]`` of changed pictures ``[M, 3, H, W]``; looks of one ``step`` share their conditions.

        The M pictures are changes of any of the B, in any number.
        """


class Direct(View):
    """The pictures as they are, straight into the victim: the digital attack.

    Args:
        pictures: ``[B, 3, H, W]`` in [0,1].
        pool: other pictures of that size, and their true classes.
    """

    def __init__(self, pictures: Tensor, pool: tuple[Tensor, Tensor] | None = None) -> None:
        self.pictures, self.pool = pictures, pool

    def look(self, victim: Victim, changed: Tensor, *, step: int) -> Tensor:
        """One frame a picture."""
        logits: Tensor = victim(changed)
        return logits[:, None]


class Some(View):
    """Some of a view's pictures, by their numbers ``rows [M]``."""

    def __init__(self, view: View, rows: Tensor) -> None:
        self._view = view
        self.pictures = view.pictures[rows]
        self.frames, self.varies, self.pool = view.frames, view.varies, view.pool

    def look(self, victim: Victim, changed: Tensor, *, step: int) -> Tensor:
        """As the view does."""
        return self._view.look(victim, changed, step=step)


class SignInScenes(View):
    """A sign's artwork, printed, on the sign, in scenes: the expectation over their conditions.

    Args:
        sign: whose artwork is the one picture.
        stream: frames of that sign.
        px: texels a side.
        printed: the change is ink, under which there is no sheeting to light up; else it is light, as a shadow is.
    """

    def __init__(self, sign: Sign, stream: FrameStream, *, px: int, device: torch.device, printed: bool = True) -> None:
        self.sign, self._stream, self._printed = sign, stream, printed
        self._texture = sign.texture(px).to(device)
        self.pictures = linear_to_srgb(self._texture[:3])[None]
        self.frames, self.varies = stream.frames, True

    def painted(self, changed: Tensor) -> PaintedSign:
        """The sign in changed artwork ``[3, P, P]``."""
        alpha = self._texture[3:]
        sheeting = torch.ones_like(alpha)
        if self._printed:
            sheeting = ((changed.detach() - self.pictures[0]).abs() < 1.0 / 255.0).all(0, keepdim=True).to(alpha)
        return PaintedSign(self.sign, torch.cat([srgb_to_linear(changed), alpha]), sheeting)

    def look(self, victim: Victim, changed: Tensor, *, step: int) -> Tensor:
        """Every picture in the same frames."""
        return torch.stack([victim(self.shown(picture, step=step)) for picture in changed])

    def shown(self, changed: Tensor, *, step: int) -> Tensor:
        """The frames ``[frames, 3, H, W]`` of one changed artwork ``[3, P, P]``."""
        return self._stream.render(self.painted(changed), step)
