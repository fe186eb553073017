"""What a training is told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import Field, model_validator

from physadv.attacks import build_attack
from physadv.core.config import Config, validate
from physadv.core.devices import AUTO, DeviceName
from physadv.core.errors import PhysadvError
from physadv.core.limits import MAX_BATCH, MAX_COUNT, MAX_FRAMES, MAX_HELD_OUT, MAX_RUN_SEED, MAX_STEPS
from physadv.core.registry import Registry
from physadv.defenses import VictimField
from physadv.scenes import ScenesField


class StickerPoolConfig(Config):
    """Adversarial stickers on the shipped signs that the victim knows, seen through scenes.

    Every step takes one sign, paints one of its stickers on by some steps against the network as it then is, and learns
    from the frames. A sticker's paint goes on from where it was left, as long as its place lasts.
    """

    frames: int = Field(default=32, ge=1, le=MAX_BATCH)
    """Of a step."""
    per_sign: int = Field(default=8, ge=1, le=MAX_COUNT)
    """Stickers that a sign has at a time."""
    steps: int = Field(default=3, ge=1, le=MAX_STEPS)
    """Sign steps of the paint before each use."""
    step_size: float = Field(default=0.08, gt=0, le=1)
    """Of a color in [0,1]."""
    renewed: float = Field(default=0.15, ge=0, le=1)
    """Chance that a sticker starts anew, elsewhere, before its use."""
    rectangles: int = Field(default=4, ge=1, le=100)
    """Of a sticker, at most; one to so many."""
    area: tuple[float, float] = (0.04, 0.25)
    """Of all rectangles together, as a share of the sign's, from and to."""
    texture_px: int = Field(default=64, ge=16, le=512)

    @model_validator(mode="after")
    def _check(self) -> StickerPoolConfig:
        low, high = self.area
        if not 0.0 < low <= high <= 1.0:
            raise ValueError(f"area = {list(self.area)}: should be two shares, 0 < from <= to <= 1")
        return self


class CardConfig(Config):
    """What is measured for the model card, once the training is done."""

    pictures: int | None = Field(default=None, ge=1, le=MAX_FRAMES)
    """Photographs that are read as they are, drawn by the seed; None: all."""
    attacked: int = Field(default=500, ge=0, le=MAX_FRAMES)
    """Of them, those that are attacked; 0: none are."""


class TrainingConfig(Config):
    """A training that begins with a victim's weights."""

    victim: VictimField = Field(default="gtsrb-cnn", validate_default=True)
    """Name or card of the model to start from."""
    name: str = Field(default="", max_length=100, pattern=r"^([A-Za-z0-9][A-Za-z0-9._+-]*)?$")
    """Of the model that is made, and of its files; the victim's and the method's if not given."""
    method: str = "pgd"
    """What the rest was preset by; see :data:`METHODS`."""
    attack: str | None = None
    """Attack of the registry that the photographs are changed by; None: they stay as they are."""
    attack_options: dict[str, Any] = Field(default_factory=dict)
    clean_share: float = Field(default=0.5, ge=0, le=1)
    """Of the photographs of a batch that stay as they are."""
    stickers: StickerPoolConfig | None = None
    """Adversarial stickers through the scenes; None: the frames show unpainted signs only."""
    scenes: ScenesField = Field(default=("wide",), validate_default=True)
    frames: int = Field(default=32, ge=0, le=MAX_BATCH)
    """Frames of unpainted signs in every batch, so that what the victim knows of scenes is not lost."""
    dataset: str = "gtsrb"
    split: str | None = None
    """Of the data set; its training split if not given."""
    held_out: int = Field(default=512, ge=16, le=MAX_HELD_OUT)
    """Photographs kept out of the training for the curves; whole tracks where the data set has them."""
    augment: bool = True
    """Photographs are turned, moved, scaled, and their light changed."""
    steps: int = Field(default=2000, ge=1, le=MAX_STEPS)
    batch: int = Field(default=96, ge=1, le=MAX_BATCH)
    """Photographs."""
    learning_rate: float = Field(default=5e-4, gt=0)
    """The highest; it rises over a twentieth of the steps, then falls as a cosine."""
    weight_decay: float = Field(default=0.05, ge=0)
    label_smoothing: float = Field(default=0.05, ge=0, lt=1)
    average: float = Field(default=0.995, ge=0, lt=1)
    """Of the running average of the weights, its memory a step; what is kept is the average."""
    check_every: int = Field(default=200, ge=1, le=MAX_STEPS)
    """Steps between two points of the curves."""
    card: CardConfig | None = Field(default_factory=CardConfig)
    """What is measured for the model card; None: nothing."""
    seed: int = Field(default=0, ge=0, le=MAX_RUN_SEED)
    device: DeviceName = AUTO

    @model_validator(mode="after")
    def _check(self) -> TrainingConfig:
        if self.attack is not None:
            build_attack(self.attack, self.attack_options)
        elif self.attack_options:
            raise ValueError("attack_options: need an attack; set attack too")
        return self

    @property
    def made(self) -> str:
        """Name of the model that is made."""
        return self.name or f"{str(self.victim).rsplit('/', 1)[-1].rsplit('.yaml', 1)[0]}-{self.method}"


@dataclass(frozen=True)
class Method:
    """A training by name.

    Attributes:
        paper: where it comes from.
        preset: what it sets of a :class:`TrainingConfig`.
    """

    paper: str
    preset: dict[str, Any]


METHODS: Registry[Method] = Registry("training")
"""Trainings by name."""

_ALONE: dict[str, Any] = {"clean_share": 0.0}
METHODS.register("clean")(Method("no adversary: what further training alone does (the control)", {}))
METHODS.register("fgsm")(
    Method(
        "Goodfellow et al. 2015, arXiv:1412.6572, section 6: clean and FGSM examples, half and half", {"attack": "fgsm"}
    )
)
METHODS.register("pgd")(
    Method(
        "Madry et al. 2018, arXiv:1706.06083, section 5: PGD-7 examples alone",
        {"attack": "pgd", "attack_options": {"steps": 7, "step_size": 2 / 255}, **_ALONE},
    )
)
METHODS.register("fast")(
    Method(
        "Wong et al. 2020, arXiv:2001.03994: one step of 1.25 eps from a random start",
        {"attack": "pgd", "attack_options": {"steps": 1, "step_size": 10 / 255}, **_ALONE},
    )
)
METHODS.register("doa")(
    Method(
        "Wu et al. 2020, arXiv:1909.09552: defense against occlusion attacks",
        {"attack": "rectangle-occlusion", "attack_options": {"steps": 5, "candidates": 6}, **_ALONE},
    )
)
METHODS.register("masked")(
    Method(
        "Saha et al. 2023, arXiv:2306.12610: two gray masks in the worst places, one after another, for PatchCleanser",
        {
            "attack": "rectangle-occlusion",
            "attack_options": {"steps": 0, "rectangles": 2, "height": 0.28, "width": 0.28, "candidates": 6},
            "clean_share": 0.25,
        },
    )
)
METHODS.register("roadside")(
    Method("adversarial stickers on signs, through the expectation of scenes", {"stickers": {}, "frames": 16})
)


def training_config(method: str, **options: Any) -> TrainingConfig:
    """The configuration of a method, with options that differ from its presets.

    ``attack_options`` are added to the method's own, unless ``attack`` is another one, and ``stickers`` to its own.

    Raises:
        PhysadvError: no such method or option, or a wrong value.
    """
    preset = METHODS[method].preset
    words: dict[str, Any] = {**preset, "method": method, **options}
    other = words.get("attack") != preset.get("attack")
    words["attack_options"] = {
        **({} if other else preset.get("attack_options", {})),
        **_mapping(method, "attack", options.get("attack_options", {})),
    }
    if words.get("stickers") is not None:
        words["stickers"] = {**preset.get("stickers", {}), **_mapping(method, "stickers", options.get("stickers", {}))}
    return validate(TrainingConfig, words, f"training {method!r}")


def _mapping(method: str, key: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise PhysadvError(
            f"training {method!r}: {key} = {value!r}: give its options one by one, such as {key}.steps=3"
        )
    return value
