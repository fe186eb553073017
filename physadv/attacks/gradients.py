"""What is said of a victim that gives no gradient, and what attacks it all the same."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from physadv.core.errors import PhysadvError
from physadv.victims import Victim


def gradient_free() -> list[str]:
    """Names of the registered attacks that need no gradient."""
    from physadv.attacks.digital.attack import ATTACKS

    return [name for name, part in ATTACKS.items() if part.knowledge != "gradients"]


def no_gradient(victim: Victim, what: str, *, needs: str = "needs", instead: str = "") -> PhysadvError:
    """The error of something that needs gradients of a victim that gives none.

    Args:
        victim: that gives none.
        what: needs them, such as ``attack 'pgd'``.
        needs: the verb to it.
        instead: what else could be done, before what is always said.
    """
    why = f" ({victim.why_not})" if victim.why_not else ""
    return PhysadvError(
        f"{what} {needs} gradients, and no gradient reaches the picture through victim {victim.name!r}{why}; "
        f"{instead}these attacks need none: {', '.join(gradient_free())}; or design on another victim and evaluate "
        "this one"
    )


def check_differentiable(victim: Victim, what: str) -> None:
    """Refuses a victim that says that it gives no gradient.

    Raises:
        PhysadvError: it does.
    """
    if not victim.differentiable:
        raise no_gradient(victim, what)


def check_attacks(victim: Victim, needing: Sequence[str], others: Sequence[str]) -> None:
    """Refuses a list of attacks for a victim that gives no gradient, and says which of them may stay.

    Args:
        victim: that all are asked of.
        needing: attacks of the list that need gradients, as the user has named them.
        others: those that need none.

    Raises:
        PhysadvError: some need what the victim does not give.
    """
    if victim.differentiable or not needing:
        return
    one = len(needing) == 1
    names, kept = (", ".join(map(repr, names)) for names in (needing, others))
    stay = f" ({kept} may stay)" if others else ""
    raise no_gradient(
        victim,
        f"attack{'' if one else 's'} {names}",
        needs="needs" if one else "need",
        instead=f"leave {'it' if one else 'them'} out{stay}; " if others else "",
    )


def check_reached(logits: Tensor, victim: Victim, what: str) -> None:
    """Refuses logits that no gradient leads back from.

    Raises:
        PhysadvError: they are detached from the picture.
    """
    if not logits.requires_grad:
        raise no_gradient(victim, what)
