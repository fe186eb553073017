"""Adversarial stickers for a training: on the shipped signs, through scenes, against the network as it is."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from physadv.attacks.digital.changes import Covered
from physadv.attacks.digital.descent import Steepest, descend
from physadv.attacks.digital.problem import Problem
from physadv.attacks.digital.views import SignInScenes
from physadv.attacks.losses import LOSSES
from physadv.attacks.physical.engine import FrameStream, design_seed
from physadv.core.errors import PhysadvError
from physadv.goals import Untargeted
from physadv.scenes import Scene
from physadv.signs import Sign, load_sign, sign_names
from physadv.training.config import StickerPoolConfig
from physadv.victims import Victim


def known_signs(victim: Victim) -> dict[str, int]:
    """Names of the shipped signs that a victim has a class for, and these classes."""
    found = {name: victim.find_class(*load_sign(name).labels) for name in sign_names()}
    return {name: index for name, index in found.items() if index is not None}


class RoadsideSigns:
    """Frames of the signs that a victim knows, unpainted or under stickers that mislead it.

    Args:
        victim: that is trained.
        scenes: through which the signs are seen.
        frames: of a step.
        seed: of all random numbers.
        device: where the frames are rendered.
        stickers: how stickers are made; None: there are none.
    """

    def __init__(
        self,
        victim: Victim,
        scenes: Sequence[Scene],
        *,
        frames: int,
        seed: int,
        device: torch.device,
        stickers: StickerPoolConfig | None = None,
    ) -> None:
        self.victim, self.stickers, self.frames = victim, stickers, frames
        self.signs = known_signs(victim)
        if not self.signs:
            raise PhysadvError(
                f"victim {victim.name!r}: none of its classes is a shipped sign, so that frames of scenes cannot teach "
                "it anything; set frames to 0"
            )
        self._scenes = list(scenes)
        self._seed, self._device = seed, device
        self._px = stickers.texture_px if stickers else 256
        self._views: dict[str, SignInScenes] = {}
        self.pool: dict[str, Tensor] = {}

    def draw(self, step: int) -> tuple[Tensor, Tensor]:
        """Frames ``[N, 3, H, W]`` of one sign and their classes ``[N]``, always the same for a step and a network."""
        generator = torch.Generator().manual_seed(design_seed(self._seed, f"signs/{step}"))
        names = list(self.signs)
        name = names[int(torch.randint(len(names), (), generator=generator))]
        view = self._view(name)
        changed = view.pictures if self.stickers is None else self._painted(view, name, step, generator)
        last = step * (self.stickers.steps + 1 if self.stickers else 1)
        with torch.no_grad():
            frames = view.shown(changed[0], step=last + (self.stickers.steps if self.stickers else 0))
        return frames, torch.full((len(frames),), self.signs[name], device=frames.device)

    def _view(self, name: str) -> SignInScenes:
        if name not in self._views:
            stream = FrameStream(
                self._scenes,
                seed=design_seed(self._seed, f"training/{name}"),
                views=self.frames,
                size=self.victim.input_size,
                box=self.victim.box,
                device=self._device,
            )
            self._views[name] = SignInScenes(load_sign(name), stream, px=self._px, device=self._device)
        return self._views[name]

    def _painted(self, view: SignInScenes, name: str, step: int, generator: torch.Generator) -> Tensor:
        """The sign's artwork under one of its stickers, ``[1, 3, P, P]``."""
        config = self.stickers
        assert config is not None
        if name not in self.pool:
            fresh = [self._fresh(view.sign, generator) for _ in range(config.per_sign)]
            self.pool[name] = torch.stack(fresh).to(self._device)
        number = int(torch.randint(config.per_sign, (), generator=generator))
        if float(torch.rand((), generator=generator)) < config.renewed:
            self.pool[name][number] = self._fresh(view.sign, generator).to(self._device)
        goal = Untargeted(self.signs[name])
        problem = Problem(self.victim, view, Covered(), goal, LOSSES["cross-entropy"])
        theta = self.pool[name][number][None]
        search = Steepest(step_size=config.step_size)
        first = step * (config.steps + 1)
        theta = descend(problem, theta, search, steps=config.steps, keep_best=False, first=first).detach()
        self.pool[name][number] = theta[0]
        with torch.no_grad():
            return problem.changed(theta)

    def _fresh(self, sign: Sign, generator: torch.Generator) -> Tensor:
        """A sticker of random rectangles and colors, ``[4, P, P]``."""
        config = self.stickers
        assert config is not None
        px = self._px
        face = sign.texture(px)[3]
        count = 1 + int(torch.randint(config.rectangles, (), generator=generator))
        low, high = config.area
        wanted = low + (high - low) * float(torch.rand((), generator=generator))
        where = torch.zeros(px, px)
        index = torch.arange(px)
        for _ in range(count):
            shape = float(torch.rand((), generator=generator) * 2.0 - 1.0)
            area = wanted * float(face.sum()) / count
            height, width = (area**0.5 * 2.0**power for power in (-shape, shape))
            down, right = (torch.rand(2, generator=generator) * px).tolist()
            rows, columns = ((index - at).abs() <= side / 2.0 for at, side in ((down, height), (right, width)))
            where = torch.maximum(where, (rows[:, None] & columns[None]).float())
        colors = torch.rand(3, 1, 1, generator=generator) + 0.1 * torch.randn(3, px, px, generator=generator)
        return torch.cat([colors.clamp(0.0, 1.0), (where * (face > 0.5))[None]])
