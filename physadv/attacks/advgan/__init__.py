"""AdvGAN: a network that makes each picture's change in one pass, trained against a victim and a discriminator."""

from physadv.attacks.advgan.config import AdvGanConfig, GameOptions, StudentConfig
from physadv.attacks.advgan.files import TrainedGenerator, load_generator
from physadv.attacks.advgan.networks import Discriminator, Generator
from physadv.attacks.advgan.training import train_advgan

__all__ = [
    "AdvGanConfig",
    "Discriminator",
    "GameOptions",
    "Generator",
    "StudentConfig",
    "TrainedGenerator",
    "load_generator",
    "train_advgan",
]
