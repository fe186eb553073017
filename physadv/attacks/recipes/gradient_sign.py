"""FGSM and its iterations: steps of fixed length along the steepest direction of the loss."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from physadv.attacks.digital.attack import ATTACKS, BallAttack
from physadv.attacks.digital.descent import Best, Steepest, descend
from physadv.attacks.digital.norm_balls import Norm, steepest
from physadv.attacks.digital.problem import Problem
from physadv.attacks.digital.sizes import Size, Step
from physadv.core.limits import MAX_RESTARTS, MAX_STEPS


@ATTACKS.register("fgsm")
class Fgsm(BallAttack):
    """Fast gradient (sign) method: one step of the whole radius."""

    kind: Literal["fgsm"] = "fgsm"
    paper: ClassVar[str] = "Goodfellow et al. 2015, arXiv:1412.6572"
    eps: Size = 8 / 255

    def search(self, problem: Problem, generator: torch.Generator) -> Tensor:
        """One step from the picture."""
        step = Steepest(norm=self.norm, step_size=self.eps, sparsity=0.0)
        return descend(problem, problem.begin(None), step, steps=1)


class Iterated(BallAttack):
    """Projected steps of fixed length."""

    eps: Size = 8 / 255
    steps: int = Field(default=20, ge=1, le=MAX_STEPS)
    step_size: Step | None = None
    """2.5 eps / steps if not given, so that every point of the ball can be reached (Madry et al. 2018, section 5)."""
    momentum: float = Field(default=0.0, ge=0)
    restarts: int = Field(default=1, ge=1, le=MAX_RESTARTS)
    random_start: bool = True

    def search(self, problem: Problem, generator: torch.Generator) -> Tensor:
        """The best iterate of every restart."""
        size = self.step_size or 2.5 * self.eps / self.steps
        search = Steepest(norm=self.norm, step_size=size, momentum=self.momentum)
        start = problem.begin(generator if self.random_start else None)
        found = descend(problem, start, search, steps=self.steps)
        if self.restarts == 1:
            return found
        best = Best(found)
        for restart in range(self.restarts):
            if restart:
                found = descend(problem, problem.begin(generator), search, steps=self.steps)
            with torch.no_grad():
                logits = problem.look(found, step=self.steps)
            best.see(found, problem.losses(logits), problem.success(logits))
        return best.theta


@ATTACKS.register("bim")
class Bim(Iterated):
    """Basic iterative method: from the picture itself, in small steps."""

    kind: Literal["bim"] = "bim"
    paper: ClassVar[str] = "Kurakin et al. 2017, arXiv:1607.02533"
    random_start: bool = False


@ATTACKS.register("pgd")
class Pgd(Iterated):
    """Projected gradient descent from random points of the ball."""

    kind: Literal["pgd"] = "pgd"
    paper: ClassVar[str] = "Madry et al. 2018, arXiv:1706.06083"


@ATTACKS.register("mi-fgsm")
class MiFgsm(Iterated):
    """Momentum iterative FGSM, whose examples transfer better."""

    kind: Literal["mi-fgsm"] = "mi-fgsm"
    paper: ClassVar[str] = "Dong et al. 2018, arXiv:1710.06081"
    steps: int = Field(default=10, ge=1, le=MAX_STEPS)
    step_size: Step | None = None
    """eps / steps if not given, as in the paper."""
    momentum: float = Field(default=1.0, ge=0)
    random_start: bool = False

    def search(self, problem: Problem, generator: torch.Generator) -> Tensor:
        """The best iterate."""
        sized = self if self.step_size else self.model_copy(update={"step_size": self.eps / self.steps})
        return Iterated.search(sized, problem, generator)


_NORMS: dict[float, Norm] = {float("inf"): "linf", 1.0: "l1", 2.0: "l2"}


def fast_gradient_method(
    model: Callable[[Tensor], Tensor],
    x: Tensor,
    eps: float,
    norm: float,
    clip_min: float | None = None,
    clip_max: float | None = None,
    y: Tensor | None = None,
    targeted: bool = False,
) -> Tensor:
    """One fast gradient step as a pure function, for any model and any range of inputs.

    Args:
        model: inputs to logits ``[N, K]``.
        x: inputs ``[N, ...]``; left as they are.
        eps: norm of the step.
        norm: ``float("inf")`` (numpy's too), 2 or 1; with 1 the whole step goes to the coordinates of the largest
            gradient, in equal parts.
        clip_min, clip_max: range that the result is clipped to; both or neither.
        y: classes ``[N]``, true or (``targeted``) wanted; those that the model gives ``x`` if left out.
        targeted: step towards ``y`` instead of away from it.

    Raises:
        ValueError: another norm, a negative ``eps``, one limit without the other, limits the wrong way round, or
            ``targeted`` without ``y``.

    Source: Goodfellow et al. 2015, section 4; the norms as Kurakin et al. 2017 (arXiv:1611.01236).
    """
    if float(norm) not in _NORMS:
        raise ValueError(f"norm = {norm!r}: should be inf, 2 or 1")
    if eps < 0:
        raise ValueError(f"eps = {eps!r}: should not be negative")
    if (clip_min is None) != (clip_max is None):
        raise ValueError("clip_min and clip_max: give both or neither")
    if clip_min is not None and clip_max is not None and clip_min > clip_max:
        raise ValueError(f"clip_min = {clip_min!r} is above clip_max = {clip_max!r}")
    if targeted and y is None:
        raise ValueError("targeted: y should hold the classes that are wanted")
    leaf = x.detach().clone().requires_grad_(True)
    logits = model(leaf)
    classes = logits.argmax(1) if y is None else y
    (gradient,) = torch.autograd.grad(F.cross_entropy(logits, classes, reduction="sum"), leaf)
    step = eps * steepest(gradient, _NORMS[float(norm)])
    adversarial = x.detach() - step if targeted else x.detach() + step
    return adversarial if clip_min is None else adversarial.clamp(clip_min, clip_max)
