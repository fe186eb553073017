"""A gradient step of the whole radius in the L2 norm."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from torch import Tensor

from physadv.attacks.digital.attack import ATTACKS, BallAttack
from physadv.attacks.digital.descent import Steepest, descend
from physadv.attacks.digital.problem import Problem
from physadv.attacks.digital.sizes import Size


@ATTACKS.register("acme-step")
class AcmeStep(BallAttack):
    """One step of the whole radius along the gradient."""

    kind: Literal["acme-step"] = "acme-step"
    paper: ClassVar[str] = "Acme 2026"
    norm: Literal["linf", "l2", "l1"] = "l2"
    eps: Size = 4.0

    def search(self, problem: Problem, generator: torch.Generator) -> Tensor:
        """The picture, one step further."""
        return descend(problem, problem.begin(None), Steepest(norm=self.norm, step_size=self.eps), steps=1)
