"""What the tests of all attacks share: small victims, pictures, and options with which each attack is quick."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from physadv.victims import Victim, wrap_module

CLASSES = ("stop", "yield", "give way", "no entry", "speed limit 30")
SIZE = 12

QUICK: dict[str, dict[str, Any]] = {
    "pgd": {"steps": 5, "eps": 0.2},
    "bim": {"steps": 5, "eps": 0.2},
    "mi-fgsm": {"steps": 5, "eps": 0.2},
    "fgsm": {"eps": 0.2},
    "nes": {"eps": 0.2, "max_queries": 1000},
    "advgan": {"eps": 0.2, "steps": 20, "learning_rate": 5e-3},
    "hop-skip-jump": {"max_queries": 1000},
    "hard-label-sticker": {"max_queries": 1500},
    "apgd-ce": {"steps": 20, "eps": 0.2},
    "apgd-t": {"steps": 10, "eps": 0.2, "targets": 3},
    "fab": {"steps": 10, "targets": 3},
    "auto-attack": {"steps": 5, "eps": 0.2, "targets": 2, "square_queries": 50},
    "deepfool": {"steps": 10, "candidates": 3},
    "substitute": {"attack": "pgd", "attack_options": {"eps": 0.2}, "rounds": 3, "doublings": 4, "epochs": 5},
    "one-pixel": {"pixels": 5, "population": 30, "max_queries": 900},
    "square": {"eps": 0.2, "max_queries": 300},
    "stadv": {"tau": 0.005, "steps": 60},
    "cw-l2": {"steps": 40, "binary_steps": 3, "initial_c": 1.0},
}
"""Options by attack; those that are not here are quick as they are."""


def small_victim(seed: int = 0) -> Victim:
    """A small smooth network of five classes on pictures of 12 x 12."""
    torch.manual_seed(seed)
    network = nn.Sequential(
        nn.Conv2d(3, 8, 5, stride=2, padding=2),
        nn.GELU(),
        nn.Conv2d(8, 16, 3, stride=2, padding=1),
        nn.GELU(),
        nn.Flatten(),
        nn.Linear(144, len(CLASSES)),
    )
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(3.0)
    return wrap_module(network, name="small", classes=CLASSES, size=SIZE).eval()


def pictures(count: int = 6, seed: int = 1) -> Tensor:
    """Smooth random pictures ``[count, 3, 12, 12]`` that stay clear of 0 and 1."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(count, 3, 4, 4, generator=generator)
    return nn.functional.interpolate(coarse, size=(SIZE, SIZE), mode="bilinear") * 0.8 + 0.1


def labeled(victim: Victim, images: Tensor) -> Tensor:
    """The victim's own answers as labels: every picture is read correctly."""
    with torch.no_grad():
        return victim(images).argmax(1)
