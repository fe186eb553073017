"""What is said of a victim that gives no gradient, and what attacks it all the same."""

from __future__ import annotations

from torch import Tensor

from physadv.core.errors import PhysadvError
from physadv.victims import Victim


def gradient_free() -> list[str]:
    """Names of the registered attacks that need no gradient."""
    from physadv.attacks.attack import ATTACKS

    return [name for name, part in ATTACKS.items() if part.knowledge != "gradients"]


def no_gradient(victim: Victim, what: str) -> PhysadvError:
    """The error of something that needs gradients of a victim that gives none.

    Args:
        victim: that gives none.
        what: needs them, such as ``attack 'pgd'``.
    """
    why = f" ({victim.why_not})" if victim.why_not else ""
    return PhysadvError(
        f"{what} needs gradients, and no gradient reaches the picture through victim {victim.name!r}{why}; "
        f"these attacks need none: {', '.join(gradient_free())}; or design on another victim and evaluate this one"
    )


def check_differentiable(victim: Victim, what: str) -> None:
    """Refuses a victim that says that it gives no gradient.

    Raises:
        PhysadvError: it does.
    """
    if not victim.differentiable:
        raise no_gradient(victim, what)


def check_reached(logits: Tensor, victim: Victim, what: str) -> None:
    """Refuses logits that no gradient leads back from.

    Raises:
        PhysadvError: they are detached from the picture.
    """
    if not logits.requires_grad:
        raise no_gradient(victim, what)
