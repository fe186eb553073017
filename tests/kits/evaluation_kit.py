"""Small stand-ins for tests of the evaluation: a victim that goes by color, a patch of one color, a quick scene."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from physadv.core.color import linear_to_srgb
from physadv.core.config import Config
from physadv.evaluation.batteries.battery import Battery, load_battery
from physadv.patches import Patch, build_mask, new_patch
from physadv.patches.bundle import VictimNote
from physadv.scenes import QUANTITIES, SCENE_KINDS, Conditions, PaintedSign, Scene
from physadv.signs import Sign, load_sign
from physadv.victims import Victim

CLASSES = ("stop", "speedLimit45", "yield")


class ColorVictim(Victim):
    """Says stop where the middle of the picture is red, speedLimit45 where it is blue, yield where it is neither."""

    def __init__(
        self, *, name: str = "color", classes: tuple[str, ...] = CLASSES, size: int = 16, **options: Any
    ) -> None:
        options = {"sha256": f"hash of {name}", **options}
        super().__init__(name=name, classes=classes, input_size=(size, size), **options)

    def forward(self, images: Tensor) -> Tensor:
        side = images.shape[-1] // 4
        red, green, blue = images[:, :, side:-side, side:-side].mean((2, 3)).unbind(1)
        logits = torch.stack([20 * (red - blue) - 2, 20 * (blue - red), 10 * (green - red)], dim=1)
        return logits[:, [CLASSES.index(name) for name in self.classes]]


class QuickConfig(Config):
    kind: str = "quick"
    frames_per_approach: int = 1
    spread: float = 0.6


@SCENE_KINDS.register("quick")
class QuickScene(Scene):
    """Frames of the sign's mean color, reddened or blued by the frame's own noise: all that is needed, at no cost."""

    kind = "quick"
    configuration = QuickConfig

    @classmethod
    def from_config(cls, config: QuickConfig) -> QuickScene:
        return cls(frames_per_approach=config.frames_per_approach, spread=config.spread)

    @property
    def declaration(self) -> dict[str, Any]:
        return {"kind": self.kind, "frames_per_approach": self.frames_per_approach, "spread": self.spread}

    def __init__(self, *, frames_per_approach: int = 1, spread: float = 0.6) -> None:
        self.name = "quick"
        self.lights = ("day", "dusk")
        self.frames_per_approach = frames_per_approach
        self.spread = spread

    def sample(self, count: int, *, seed: int, start: int = 0) -> Conditions:
        index = torch.arange(start, start + count)
        random = torch.frac(torch.sin((index + 1).double() * (12.9898 + seed % 97)) * 43758.5453).abs().float()
        values = {name: torch.zeros(count) for name in QUANTITIES}
        values |= {"background": index, "noise_seed": (random * 1e6).long(), "yaw_deg": random * 40}
        values["distance_m"] = 40.0 - (index % max(self.frames_per_approach, 30)).float()
        approach = index // self.frames_per_approach
        step = (index % self.frames_per_approach).float() / 10
        return Conditions(index=index, approach=approach, time_s=step, light=approach % 2, **values)

    def homographies(self, sign: Sign, conditions: Conditions, *, size: tuple[int, int]) -> Tensor:
        """The sign's square fills the frame."""
        height, width = size
        extent = sign.extent_mm
        rows = [[width / extent, 0.0, width / 2], [0.0, height / extent, height / 2], [0.0, 0.0, 1.0]]
        return torch.tensor(rows, dtype=torch.float64).expand(len(conditions), 3, 3)

    def render(self, painted: PaintedSign, conditions: Conditions, *, size: tuple[int, int]) -> Tensor:
        rgba = painted.rgba
        mean = (rgba[:3] * rgba[3:]).sum((1, 2)) / rgba[3:].sum()
        noise = (conditions.noise_seed.float() / 1e6 - 0.5) * self.spread
        tint = torch.stack([noise, torch.zeros_like(noise), -noise], dim=1)
        frames = (linear_to_srgb(mean)[None] + tint).clamp(0, 1)
        return frames[:, :, None, None].expand(-1, -1, *size)


def quick_battery(*, frames: int = 300, drives: int = 0, **changes: Any) -> Battery:
    """Still frames of the quick scene, and drives of 20 frames."""
    entries: list[dict[str, Any]] = [{"scene": {"kind": "quick"}, "frames": frames, "seed": 5}] if frames else []
    if drives:
        entries.append({"scene": {"kind": "quick", "frames_per_approach": 20}, "approaches": drives, "seed": 6})
    return load_battery({"name": "quick", "entries": entries, **changes})


def colored_patch(color: tuple[float, float, float] = (0.35, 0.3, 0.6), *, name: str = "blue", **made: Any) -> Patch:
    """A poster of stripes of about one color on the US stop sign."""
    sign = load_sign("us/stop")
    stripes = 1.0 - 0.2 * ((torch.arange(64) // 8) % 2)
    paint = (torch.tensor(color)[:, None, None] * stripes).expand(3, 64, 64).contiguous()
    made = {"goal": "targeted:speedLimit45", "victim": VictimNote(name="color", sha256="hash of color"), **made}
    return new_patch(sign, build_mask("poster", sign, px=64), paint, name=name, made=made)
