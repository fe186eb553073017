"""Any attack, seen through scenes: what it changes is a sign's artwork, printed and put on the sign."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor

from physadv.attacks.digital.attack import Attack, build_attack
from physadv.attacks.digital.problem import Problem
from physadv.attacks.digital.views import SignInScenes
from physadv.attacks.gradients import check_differentiable
from physadv.attacks.physical.engine import design_seed
from physadv.attacks.physical.sign_search import SignChange, SignSearch, SignTask, Work, make_patch
from physadv.core.errors import PhysadvError
from physadv.core.limits import MAX_VIEWS
from physadv.patches import Patch
from physadv.patches.published_noise import patch_from_noise
from physadv.scenes import PaintedSign
from physadv.victims import Reading, Victim


class SignAttackConfig(SignSearch):
    """An attack of the registry on a sign's artwork, as the victim sees it through scenes."""

    command: ClassVar[str] = "physadv attack --scene"

    attack: str
    options: dict[str, Any] = Field(default_factory=dict)
    views: int = Field(default=32, ge=1, le=MAX_VIEWS)
    """Frames of every look."""
    texture_px: int = Field(default=128, ge=16, le=1024)
    """Texels a side of the artwork."""

    @property
    def recipe(self) -> Attack:
        """The attack with its options."""
        return build_attack(self.attack, self.options)

    def check_victim(self, victim: Victim) -> None:
        """Whether the victim has gradients, where the attack asks for them."""
        if self.recipe.asks_gradients:
            check_differentiable(victim, f"attack {self.attack!r}")

    @property
    def held_out_batch(self) -> int:
        """All of them at once."""
        return self.held_out_frames

    @property
    def decides(self) -> dict[str, Any]:
        """With the files that the attack's options name by their content."""
        recipe, shared = self.recipe, super().decides["config"]
        return {"config": {**shared, "options": recipe.told_of(self.options)}, "attack": recipe.fingerprint}

    def find(self, task: SignTask, work: Work) -> SignChange:
        """Runs the attack on the artwork, and looks at the result in frames that are held out."""
        recipe = self.recipe
        seen, held_out = (
            SignInScenes(task.sign, stream, px=task.px, device=task.device, printed=recipe.printed)
            for stream in (task.train, task.held_out)
        )
        problem = recipe.problem(task.victim, seen, task.goal)
        theta = recipe.search(problem, torch.Generator().manual_seed(design_seed(self.seed, recipe.kind))).detach()
        with torch.no_grad():
            changed = problem.changed(theta).clamp(0.0, 1.0)
            won = task.goal.won(Reading(held_out.look(task.victim, changed, step=0)[0])).float()
        return ChangedArtwork(recipe, seen, changed[0], won, problem)


class ChangedArtwork(SignChange):
    """What an attack has made of a sign's artwork.

    Attributes:
        recipe: the attack that did it.
        seen: the view that it was searched through; its one picture is the artwork.
        changed: the artwork now, ``[3, P, P]``, sRGB-encoded in [0,1].
        won: which of the held-out frames are won, ``[F]``, 0 or 1.
    """

    def __init__(self, recipe: Attack, seen: SignInScenes, changed: Tensor, won: Tensor, problem: Problem) -> None:
        self.recipe, self.seen, self.changed, self.won = recipe, seen, changed, won
        self.attack = recipe.kind
        self.queries, self.gradients = int(problem.queries[0]), int(problem.gradients[0])
        self.flags = recipe.flags(problem)
        self.measured = {
            "held_out_success": round(float(won.mean()), 4),
            "held_out_frames": len(won),
            "queries": self.queries,
            "gradients": self.gradients,
        }

    def patch(self, name: str, made: dict[str, Any]) -> Patch:
        sign, noise = self.seen.sign, (self.changed - self.seen.pictures[0]).cpu()
        where = noise.abs().amax(0) >= 1.0 / 255.0
        if not bool(where.any()):
            raise PhysadvError(
                f"attack {self.attack!r}: has changed nothing of sign {sign.name}; give it more steps or a larger bound"
            )
        if not self.recipe.printed:
            light = "the change is light, and the bundle holds it as paint: headlights show the two differently"
            measured = {**made["measured"], "flags": [*made["measured"]["flags"], light]}
            made = {**made, "measured": measured}
        return patch_from_noise(sign, noise, where, name=name, made=made)

    def shown(self, px: int, device: torch.device) -> dict[str, PaintedSign]:
        return {"attacked": self.seen.painted(self.changed)}


def attack_sign(config: SignAttackConfig, *, out: Path | None = None, victim: Victim | None = None) -> Patch:
    """Runs the attack, and makes a patch of what it has changed.

    Args:
        config: what is attacked, how, and through which scenes.
        out: folder of the bundle.
        victim: a model that is loaded already, in place of ``config.victim``.

    Raises:
        PhysadvError: something in ``config`` is wrong, the attack has changed nothing, or ``out`` is taken.
    """
    options = config.recipe.model_dump(mode="json", exclude={"kind"})
    return make_patch(config.model_copy(update={"options": options}), out=out, victim=victim, name=config.attack)
