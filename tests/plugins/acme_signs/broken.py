"""What a package looks like that is older than the physadv beside it."""

from physadv.attacks import SomethingThatIsNoMore  # type: ignore[attr-defined]  # noqa: F401
