"""Adversarial training: a victim learns from what attacks make of its pictures."""

from physadv.defenses.training.config import METHODS, Method, StickerPoolConfig, TrainingConfig, training_config
from physadv.defenses.training.loop import Progress, Training
from physadv.defenses.training.train import train

__all__ = [
    "METHODS",
    "PAPERS",
    "Method",
    "Progress",
    "StickerPoolConfig",
    "Training",
    "TrainingConfig",
    "train",
    "training_config",
]
