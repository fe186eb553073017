"""What the training of a generator is told."""

from __future__ import annotations

from pydantic import Field, field_validator

from physadv.attacks.digital.sizes import LargestChange
from physadv.attacks.losses import LOSSES
from physadv.core.config import Config
from physadv.core.devices import AUTO, DeviceName
from physadv.core.limits import MAX_BATCH, MAX_COUNT, MAX_FRAMES, MAX_RUN_SEED, MAX_STEPS
from physadv.victims import ARCHITECTURES


class GameOptions(Config):
    """How generator, discriminator and victim are played against each other."""

    steps: int = Field(default=1000, ge=1, le=MAX_STEPS)
    batch: int = Field(default=64, ge=1, le=MAX_BATCH)
    learning_rate: float = Field(default=1e-3, gt=0)
    """Adam's, of both networks."""
    alpha: float = Field(default=0.1, ge=0)
    """Weight of looking real to the discriminator, beside the adversarial loss's 1."""
    beta: float = Field(default=1.0, ge=0)
    """Weight of the hinge: of how much longer than ``hinge`` changes are on average."""
    hinge: float | None = Field(default=None, ge=0)
    """Euclidean length that costs nothing: the paper's c, in units of pictures in [0,1]; half the longest that eps
    allows if not given."""
    adversarial_loss: str = "margin"
    """Of the registered losses; the paper's is the margin of Carlini & Wagner."""
    confidence: float = Field(default=2.0, ge=0)
    """Lead in logits by which a frame has to be won; from there on it teaches nothing more: their kappa."""
    width: int = Field(default=8, ge=4, multiple_of=4, le=256)
    """Channels of the first layer of both networks."""

    @field_validator("adversarial_loss")
    @classmethod
    def _known(cls, name: str) -> str:
        LOSSES[name]
        return name


class StudentConfig(Config):
    """The network that learns a black box's answers."""

    architecture: str = "lisa-cnn"
    epochs: int = Field(default=20, ge=1, le=MAX_STEPS)
    """Over the clean pictures, before the first step."""
    every: int = Field(default=50, ge=0, le=MAX_STEPS)
    """Steps after which it learns from generated pictures too; 0: never, which is static distillation."""
    pictures: int = Field(default=256, ge=1, le=MAX_FRAMES)
    """That are changed and asked about each time, at most."""
    renewed_epochs: int = Field(default=2, ge=1, le=MAX_STEPS)
    """Over these and their clean originals."""
    learning_rate: float = Field(default=1e-3, gt=0)

    @field_validator("architecture")
    @classmethod
    def _known(cls, name: str) -> str:
        ARCHITECTURES[name]
        return name


class AdvGanConfig(GameOptions):
    """A generator that is trained and kept."""

    eps: LargestChange = 16 / 255
    """The largest change of a value, in units of pictures in [0,1]."""
    goal: str = "untargeted"
    """Its words, ``targeted:CLASS`` for instance (:mod:`physadv.goals`)."""
    distilled: bool = False
    """The victim is a black box: gradients are those of a student that learns its scores."""
    student: StudentConfig = StudentConfig()
    """With ``distilled``."""
    held_out: float = Field(default=0.1, gt=0, lt=1)
    """Share of the pictures that it is measured on and does not learn from."""
    check_every: int = Field(default=100, ge=1, le=MAX_STEPS)
    """Steps after which it is measured, samples are drawn and a checkpoint is written."""
    sample_count: int = Field(default=8, ge=1, le=MAX_COUNT)
    """Held-out pictures that a grid of samples shows, at most."""
    seed: int = Field(default=0, ge=0, le=MAX_RUN_SEED)
    device: DeviceName = AUTO
