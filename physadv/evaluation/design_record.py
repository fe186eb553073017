"""What a patch's record says of its making, as far as an evaluation needs it.

Bundles made by other means may say nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from physadv.core.errors import PhysadvError
from physadv.goals import Untargeted, parse_goal
from physadv.patches import Patch, PatchRecord
from physadv.scenes import Photographs, load_scene


@dataclass(frozen=True)
class DesignRecord:
    """How a patch was made.

    Attributes:
        goal: what it was made for, in its own victim's words; None if that is not known.
        victim: name of the victim that it was designed against.
        victim_sha256: of that victim.
        scenes: names of the scenes that it was designed in.
        seed: of the design.
        flags: warnings that the design left.
        photographs: digests of those that its scenes show.
        edited: whether its bundle was changed after it was written.
        unchecked: whether that cannot be told.
    """

    goal: str | None = None
    victim: str | None = None
    victim_sha256: str | None = None
    scenes: tuple[str, ...] = ()
    seed: int | None = None
    flags: tuple[str, ...] = ()
    photographs: frozenset[str] = frozenset()
    edited: bool = False
    unchecked: bool = False

    @property
    def aimed(self) -> bool:
        """Whether it was made for something else than any wrong class."""
        return self.goal is not None and self.goal != Untargeted.kind


def making_of(patch: Patch) -> DesignRecord:
    """The making of a patch, as its ``patch.json`` tells it."""
    record = patch.record
    return DesignRecord(
        goal=_goal(record),
        victim=record.victim.name if record.victim else None,
        victim_sha256=(record.victim.sha256 or None) if record.victim else None,
        scenes=tuple(_scene_names(record.config.get("scenes"))),
        seed=record.seed,
        flags=tuple(_messages(record.measured.get("flags"))),
        photographs=_photographs(record),
        edited=patch.edited,
        unchecked=patch.unchecked,
    )


def _goal(record: PatchRecord) -> str | None:
    """Its words, where they alone say what is wanted."""
    try:
        goal = parse_goal(record.goal or "")
    except PhysadvError:
        return None
    return goal.words if goal.named or not goal.toward else None


def _scene_names(scenes: Any) -> Iterator[str]:
    for scene in scenes if isinstance(scenes, (list, tuple)) else ():
        name = scene.get("name") if isinstance(scene, Mapping) else scene
        if isinstance(name, str):
            yield name


def _photographs(record: PatchRecord) -> frozenset[str]:
    """As the record tells them, or else those that still lie where the scenes that it tells look for them."""
    told, scenes = record.measured.get("photographs"), record.config.get("scenes")
    if isinstance(told, (list, tuple)):
        return frozenset(map(str, told))
    found: set[str] = set()
    for scene in scenes if isinstance(scenes, (list, tuple)) else ():
        if isinstance(scene, Mapping) and scene.get("kind") == Photographs.kind:
            with suppress(PhysadvError):
                found |= load_scene(scene).pictures
    return frozenset(found)


def _messages(flags: Any) -> Iterator[str]:
    for flag in flags if isinstance(flags, (list, tuple)) else ():
        yield str(flag.get("message", flag)) if isinstance(flag, Mapping) else str(flag)
