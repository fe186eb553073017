"""The victim card: a YAML file that makes any model usable by its path."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationInfo, field_validator

from physadv.core.class_lists import MAX_CLASSES, named_classes
from physadv.core.config import Config, Text
from physadv.core.errors import PhysadvError
from physadv.core.names import composed
from physadv.victims.preprocess import InputConfig


class VictimCard(Config):
    """What there is to know of a model in order to run it.

    A card::

        name: my-classifier
        adapter: torch
        architecture: gtsrb-cnn
        weights: my-classifier.safetensors
        classes: [stop, yield, speedLimit30]
        input: {size: 32, mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25]}
    """

    name: Annotated[str, Field(max_length=100, pattern=r"^[^/\\\x00-\x1f]+$")]
    """How tables and reports call it."""
    description: str = ""
    """One line for people."""
    adapter: str = "torch"
    """The kind of model: a name in the registry of adapters."""
    architecture: str | None = None
    """The network's name, where the adapter needs one."""
    weights: Annotated[str, Field(min_length=1)]
    """Path of the weights, relative to the card."""
    classes: Annotated[tuple[Text, ...], Field(min_length=2, max_length=MAX_CLASSES)]
    """Class names in the order of the outputs; in a file, also the path of a list of them, relative to the card, or
    the name of a known one (:mod:`physadv.core.class_lists`)."""
    input: InputConfig
    """What the network takes."""
    output: Literal["logits", "probabilities"] = "logits"
    """What the network gives; probabilities are turned into logits by their logarithm."""
    output_name: Text | None = None
    """Which of several outputs; found out where one alone fits, or is called ``logits``. In a tuple its number."""
    weights_key: Text | None = None
    """Under which key of the weights' file the network's parameters are, such as ``state_dict`` or ``model.ema``; found
    out where one alone fits."""

    @field_validator("classes", mode="before")
    @classmethod
    def _listed(cls, value: Any, info: ValidationInfo) -> Any:
        if not isinstance(value, str):
            return value
        try:
            return named_classes(value, (info.context or {}).get("folder", Path()))
        except PhysadvError as error:
            raise ValueError(str(error)) from error

    @field_validator("classes")
    @classmethod
    def _unique(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        twice = [label for label, count in Counter(map(composed, value)).items() if count > 1]
        if twice:
            times = sum(composed(label) == twice[0] for label in value)
            raise ValueError(f"class {twice[0]!r} is listed {times} times; every class needs its own name")
        return value

    def weights_path(self, folder: Path) -> Path:
        """Where the weights are, for a card in ``folder``."""
        return folder / Path(self.weights).expanduser()
