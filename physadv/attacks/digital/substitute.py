"""A substitute: a network that learns a victim's decisions by asking, so that its gradients stand for the victim's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor
from torch.nn import functional as F

from physadv.attacks.digital.problem import Problem
from physadv.attacks.digital.queries import at_once, looks_left
from physadv.attacks.digital.views import View
from physadv.victims import ARCHITECTURES, Victim, under_attack, wrap_module

_SIDE_PX = 32
"""Input of the registered architectures."""
_BATCH = 64


class Witness(Victim):
    """A victim that keeps what it is shown, ``[N, 3, H, W]`` a look, and what it answers, logits ``[N, K]``."""

    def __init__(self, victim: Victim) -> None:
        size, box = victim.input_size, victim.box
        super().__init__(name=victim.name, classes=victim.classes, input_size=size, box=box, differentiable=False)
        self._victim = victim
        self.shown: list[Tensor] = []
        self.answers: list[Tensor] = []

    @torch.no_grad()
    def forward(self, images: Tensor) -> Tensor:
        """The victim's logits."""
        logits: Tensor = self._victim(images)
        self.shown.append(images.detach())
        self.answers.append(logits)
        return logits


def witnessed(problem: Problem, pictures: Tensor, rows: Tensor, *, step: int) -> tuple[Tensor, Tensor]:
    """Frames ``[M * frames, 3, H, W]`` that the victim sees of pictures ``[M, 3, H, W]``, and its logits for them.

    Args:
        problem: whose victim is asked.
        pictures: any.
        rows: numbers ``[M]`` of the problem's pictures that the queries are counted for.
        step: of the conditions.
    """
    witness = Witness(problem.victim)
    asking = Problem(witness, problem.view, problem.change, problem.goal, lambda reading, _: reading.logits.amax(1))
    size = at_once(problem)
    for some, of in zip(torch.split(pictures, size), torch.split(rows, size), strict=True):
        asking.show(some, of, step=step)
    problem.charge(problem.rows, asking)
    return torch.cat(witness.shown), torch.cat(witness.answers)


def affordable(problem: Problem, max_queries: int, rows: Tensor) -> Tensor:
    """Which of the looks counted for pictures ``rows [M]`` keep within the budget, bool ``[M]``: the first of each."""
    earlier = F.one_hot(rows, len(problem)).cumsum(0).gather(1, rows[:, None])[:, 0] - 1
    return earlier < looks_left(problem, max_queries, rows)


@contextmanager
def seeded(generator: torch.Generator, device: torch.device) -> Iterator[None]:
    """Torch's own random numbers (weights, dropout) from the generator; they go on afterwards as if nothing was."""
    seed = int(torch.randint(2**31, (), generator=generator))
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield


def new_student(victim: Victim, architecture: str, device: torch.device) -> Victim:
    """An untrained network of a registered architecture, with the victim's classes and its picture size outside."""
    network = ARCHITECTURES[architecture](len(victim.classes))
    return wrap_module(
        network, name=f"{architecture} for {victim.name}", classes=victim.classes, size=_SIDE_PX, trial=False
    ).to(device)


def learn(
    student: Victim, frames: Tensor, answers: Tensor, *, epochs: int, rate: float, generator: torch.Generator
) -> None:
    """Trains the student on what the victim has answered, by Adam on the cross-entropy, and leaves it in ``eval``.

    Args:
        student: what learns.
        frames: ``[N, 3, H, W]``.
        answers: classes ``[N]``, or probabilities ``[N, K]``.
        epochs: passes over the frames.
        rate: Adam's step.
        generator: of the order.
    """
    student.train()
    optimizer = torch.optim.Adam(student.parameters(), lr=rate)
    with torch.enable_grad():
        for _ in range(epochs):
            order = torch.randperm(len(frames), generator=generator).to(frames.device)
            for some in torch.split(order, _BATCH):
                if len(some) == 1 and len(order) > 1:
                    continue  # batch normalization cannot learn from one frame
                optimizer.zero_grad()
                torch.autograd.backward(F.cross_entropy(student(frames[some]), answers[some]))
                optimizer.step()
    student.eval()


def jacobian_sign(student: Victim, view: View, pictures: Tensor, classes: Tensor, *, step: int) -> Tensor:
    """Sign of the slope of the student's logits for given classes, ``[M, 3, H, W]``.

    Args:
        student: what stands for the victim.
        view: through which it sees the pictures.
        pictures: ``[M, 3, H, W]``.
        classes: one a frame, ``[M, frames]``.
        step: of the conditions.

    Source: Papernot et al. 2017, algorithm 1, the augmentation.
    """
    signs = []
    size = max(1, 2**20 // pictures[0].numel())
    with under_attack(student), torch.enable_grad():
        for some, of in zip(torch.split(pictures, size), torch.split(classes, size), strict=True):
            leaf = some.detach().requires_grad_(True)
            chosen = view.look(student, leaf, step=step).gather(2, of[..., None])
            signs.append(torch.autograd.grad(chosen.sum(), leaf)[0].sign())
    return torch.cat(signs)


@torch.no_grad()
def agreement(student: Victim, frames: Tensor, classes: Tensor) -> float:
    """Share of frames ``[N, 3, H, W]`` that the student puts in the victim's classes ``[N]``."""
    same = [
        student(some).argmax(1) == of
        for some, of in zip(torch.split(frames, 256), torch.split(classes, 256), strict=True)
    ]
    return float(torch.cat(same).float().mean())
