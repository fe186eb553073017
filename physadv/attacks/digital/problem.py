"""A problem: victim, view, change and goal in one, as a search sees it; it counts what a search asks."""

from __future__ import annotations

import torch
from torch import Tensor

from physadv.attacks.digital.changes import Change
from physadv.attacks.digital.views import Some, View
from physadv.attacks.gradients import check_differentiable, check_reached
from physadv.attacks.losses import Loss
from physadv.core.errors import PhysadvError
from physadv.goals import Goal
from physadv.victims import Reading, Victim


class Problem:
    """B searches at once, each for the parameters of one picture's change.

    Args:
        victim: in ``eval``, frozen (:func:`physadv.victims.under_attack`).
        view: the pictures, and through what they are seen.
        change: what may change on them.
        goal: of the B pictures.
        loss: of readings and goal.

    Attributes:
        queries: frames of each picture that the victim has answered, ``[B]``.
        gradients: of them, those that it has been differentiated for, ``[B]``.
        notes: what makes the search doubtful, in words (:meth:`note`).
    """

    def __init__(self, victim: Victim, view: View, change: Change, goal: Goal, loss: Loss) -> None:
        self.victim, self.view, self.change, self.goal, self._loss = victim, view, change, goal, loss
        self.pictures = view.pictures
        self.rows = torch.arange(len(self.pictures), device=self.pictures.device)
        self.queries = torch.zeros(len(self.rows), dtype=torch.int64, device=self.rows.device)
        self.gradients = torch.zeros_like(self.queries)
        self.notes: list[str] = []
        self._latest: tuple[Tensor, Tensor] | None = None

    def __len__(self) -> int:
        return len(self.pictures)

    def note(self, words: str) -> None:
        """Takes note of what makes the search doubtful; it ends up in the result's flags."""
        self.notes.append(words)

    def part(
        self, rows: Tensor, *, loss: Loss | None = None, goal: Goal | None = None, change: Change | None = None
    ) -> Problem:
        """The same problem of the pictures numbered ``rows [M]`` alone, with counts of its own (:meth:`charge`).

        Args:
            rows: each at most once.
            loss: another one than this problem's.
            goal: another one, of all B pictures.
            change: another one.
        """
        some, goal = Some(self.view, rows), (goal or self.goal).of(rows)
        return Problem(self.victim, some, change or self.change, goal, loss or self._loss)

    def charge(self, rows: Tensor, part: Problem) -> None:
        """Adds what a part of the pictures numbered ``rows`` has asked, and its notes."""
        self.queries.index_add_(0, rows, part.queries)
        self.gradients.index_add_(0, rows, part.gradients)
        self.notes.extend(part.notes)

    def begin(self, generator: torch.Generator | None) -> Tensor:
        """Parameters to start from ``[B, ...]``; those of no change without a generator."""
        return self.change.begin(self.pictures, generator)

    def project(self, theta: Tensor, rows: Tensor | None = None) -> Tensor:
        """The nearest admissible parameters, of all pictures or of those numbered ``rows [M]``."""
        return self.change.project(self._of(rows), theta)

    def changed(self, theta: Tensor, rows: Tensor | None = None) -> Tensor:
        """The changed pictures ``[M, 3, H, W]``."""
        return self.change.apply(self._of(rows), theta)

    def look(self, theta: Tensor, rows: Tensor | None = None, *, step: int = 0) -> Tensor:
        """Logits ``[M, frames, K]``."""
        return self.show(self.changed(theta, rows), rows, step=step)

    def show(self, changed: Tensor, rows: Tensor | None = None, *, step: int = 0) -> Tensor:
        """Logits ``[M, frames, K]`` of changed pictures of the numbers ``rows``, however they came about."""
        asked = self.rows if rows is None else rows
        self.queries.index_add_(0, asked, torch.full_like(asked, self.view.frames))
        logits = self.view.look(self.victim, changed, step=step)
        self._latest = None if rows is not None or torch.is_grad_enabled() else (changed, logits)
        return logits

    @torch.no_grad()
    def answers(self, changed: Tensor) -> Tensor:
        """Logits ``[B, frames, K]`` of all pictures as they are changed in the end, which count as no queries.

        Where conditions do not vary, those that the last look without gradient saw are not shown again.
        """
        if self.view.varies or self._latest is None:
            return self.view.look(self.victim, changed, step=0)
        seen, logits = self._latest
        others = (changed != seen).flatten(1).any(1).nonzero()[:, 0]
        if len(others):
            again = Some(self.view, others).look(self.victim, changed[others], step=0)
            logits = logits.index_copy(0, others, again)
        return logits

    def losses(self, logits: Tensor, rows: Tensor | None = None) -> Tensor:
        """Mean loss over the frames ``[M]``."""
        return self._over_frames(logits, rows, self._loss)

    def success(self, logits: Tensor, rows: Tensor | None = None) -> Tensor:
        """Share of frames that are won, ``[M]``."""
        return self._over_frames(logits, rows, lambda reading, goal: goal.won(reading).to(logits.dtype))

    def gradient(
        self, theta: Tensor, rows: Tensor | None = None, *, step: int = 0, loss: Loss | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Loss with penalty ``[M]``, success ``[M]``, and the loss's gradient ``[M, ...]``.

        Raises:
            PhysadvError: the victim has no gradient, or one that is not finite.
        """
        check_differentiable(self.victim, "this attack")
        leaf = theta.detach().requires_grad_(True)
        logits = self.look(leaf, rows, step=step)
        check_reached(logits, self.victim, "this attack")
        total = self._over_frames(logits, rows, loss or self._loss) + self.change.penalty(leaf)
        (gradient,) = torch.autograd.grad(total.sum(), leaf)
        if not bool(torch.isfinite(gradient.sum())):
            raise PhysadvError(f"victim {self.victim.name!r}: its gradient is not finite; are the weights intact?")
        asked = self.rows if rows is None else rows
        self.gradients.index_add_(0, asked, torch.full_like(asked, self.view.frames))
        return total.detach(), self.success(logits.detach(), rows), gradient

    def _of(self, rows: Tensor | None) -> Tensor:
        return self.pictures if rows is None else self.pictures[rows]

    def _over_frames(self, logits: Tensor, rows: Tensor | None, measure: Loss) -> Tensor:
        count, frames, classes = logits.shape
        asked = (self.rows if rows is None else rows).repeat_interleave(frames)
        reading = Reading(logits.reshape(count * frames, classes))
        return measure(reading, self.goal.of(asked)).reshape(count, frames).mean(1)
