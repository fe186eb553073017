"""Adversarial training: a victim learns from what attacks make of its pictures."""

from physadv.training.config import METHODS, Method, StickerPoolConfig, TrainingConfig, training_config
from physadv.training.loop import Training
from physadv.training.train import train

__all__ = [
    "METHODS",
    "Method",
    "StickerPoolConfig",
    "Training",
    "TrainingConfig",
    "train",
    "training_config",
]
