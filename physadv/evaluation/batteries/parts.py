"""A battery on its way: its scenes loaded, its frames counted, cut into parts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from physadv.evaluation.batteries.battery import Battery, frame_counts
from physadv.evaluation.batteries.scoring import FrameRange
from physadv.scenes import Scene
from physadv.scenes.weather.weather import Weather

PART_FRAMES = 256
"""Frames of a part: what a killed run loses at most."""


@dataclass(frozen=True)
class CountedBattery:
    """A battery with its scenes loaded and its frames counted."""

    battery: Battery
    frames: int | None

    @property
    def scenes(self) -> tuple[Scene, ...]:
        """Of the entries."""
        return self.battery.scenes

    @cached_property
    def counts(self) -> list[int]:
        """Frames of the entries."""
        return frame_counts(self.battery, self.scenes, frames=self.frames)

    @cached_property
    def photographs(self) -> frozenset[str]:
        """Digests of those that the entries show."""
        return frozenset().union(*(scene.pictures for scene in self.scenes))

    def stretches(self) -> Iterator[FrameRange]:
        """The battery in parts."""
        for number, (entry, scene, count) in enumerate(
            zip(self.battery.entries, self.scenes, self.counts, strict=True)
        ):
            for start in range(0, count, PART_FRAMES):
                size = min(PART_FRAMES, count - start)
                yield FrameRange(self.battery.name, number, scene, entry.seed, start, size)

    def seeds(self) -> list[tuple[str, int]]:
        """Scene (under its weather) and seed of each entry, for comparison with a design's."""
        bare = [scene.base if isinstance(scene, Weather) else scene for scene in self.scenes]
        return [(scene.name, entry.seed) for scene, entry in zip(bare, self.battery.entries, strict=True)]
