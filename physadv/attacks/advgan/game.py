"""One step of the game between generator, discriminator and victim."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from physadv.attacks.advgan.config import GameOptions
from physadv.attacks.advgan.networks import Discriminator, Generator
from physadv.attacks.digital.norm_balls import lengths
from physadv.attacks.digital.problem import Problem
from physadv.attacks.losses import LOSSES, lead
from physadv.goals import Goal
from physadv.victims import Reading


class Game:
    """The two networks and their optimizers.

    The generator is a parametrisation of every picture's change: the victim's gradient for the change, which the
    problem gives and counts, is passed on to the generator's weights.

    Args:
        options: weights of the losses, and how it learns.
        eps: largest change of a value.
        device: of the networks; their weights are drawn from torch's own random numbers.
    """

    def __init__(self, options: GameOptions, *, eps: float, device: torch.device) -> None:
        self.options = options
        self.generator = Generator(eps, width=options.width).to(device)
        self.discriminator = Discriminator(width=options.width).to(device)
        self._generators = torch.optim.Adam(self.generator.parameters(), lr=options.learning_rate)
        self._discriminators = torch.optim.Adam(self.discriminator.parameters(), lr=options.learning_rate)

    def play(self, problem: Problem, rows: Tensor, *, step: int) -> dict[str, float]:
        """A step of both networks on the problem's pictures numbered ``rows [M]``; what the losses were.

        The discriminator's is that of least squares (Mao et al. 2017, arXiv:1611.04076, eq. 2). The generator's is
        adversarial + alpha GAN + beta hinge (Xiao et al. 2018, eq. 1 to 4).

        Raises:
            PhysadvError: the victim has no gradient, or one that is not finite.
        """
        options = self.options
        pictures = problem.pictures[rows]
        theta = problem.project(self.generator(pictures), rows)
        losses, success, slope = problem.gradient(theta, rows, step=step, loss=self.loss)
        changed = problem.changed(theta, rows)
        told = self._tell(pictures, changed.detach())
        unreal = ((self.discriminator(changed) - 1.0) ** 2).mean()
        length = lengths(theta, "l2")
        excess = (length - self.free_length(pictures)).clamp(min=0.0).mean()
        self._generators.zero_grad()
        weighted = options.alpha * unreal + options.beta * excess
        torch.autograd.backward([theta, weighted], [slope / len(rows), torch.ones_like(weighted)])
        self._generators.step()
        measured = {
            "adversarial": losses.mean(),
            "gan": unreal,
            "hinge": excess,
            "discriminator": told,
            "length": length.mean(),
            "success": success.mean(),
        }
        return {name: float(value.detach()) for name, value in measured.items()}

    def _tell(self, clean: Tensor, changed: Tensor) -> Tensor:
        """The discriminator's step, and its loss."""
        loss: Tensor = ((self.discriminator(clean) - 1.0) ** 2).mean() + (self.discriminator(changed) ** 2).mean()
        self._discriminators.zero_grad()
        torch.autograd.backward(loss)
        self._discriminators.step()
        return loss

    def loss(self, reading: Reading, goal: Goal) -> Tensor:
        """The adversarial loss ``[N]``; without a slope where a frame is won by ``confidence`` logits."""
        losses = LOSSES[self.options.adversarial_loss](reading, goal)
        return torch.where(lead(reading, goal) > -self.options.confidence, losses, losses.detach())

    def free_length(self, pictures: Tensor) -> float:
        """Euclidean length of a change that costs nothing: c."""
        if self.options.hinge is not None:
            return self.options.hinge
        return 0.5 * self.generator.eps * math.sqrt(pictures[0].numel())

    @torch.no_grad()
    def changed(self, problem: Problem, rows: Tensor | None = None) -> Tensor:
        """The pictures of a problem, or some, as the generator changes them."""
        pictures = problem.pictures if rows is None else problem.pictures[rows]
        return problem.changed(problem.project(self.generator(pictures), rows), rows)

    def state(self) -> dict[str, Any]:
        """All that a checkpoint has to hold."""
        return {name: part.state_dict() for name, part in self._parts().items()}

    def load(self, state: dict[str, Any]) -> None:
        """Goes on from a checkpoint."""
        for name, part in self._parts().items():
            part.load_state_dict(state[name])

    def _parts(self) -> dict[str, torch.nn.Module | torch.optim.Optimizer]:
        return {
            "generator": self.generator,
            "discriminator": self.discriminator,
            "generators": self._generators,
            "discriminators": self._discriminators,
        }
