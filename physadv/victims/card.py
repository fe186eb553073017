"""The victim card: a YAML file that makes any model usable by its path."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from physadv.core.class_lists import ClassNames
from physadv.core.config import BesidePath, Config, Text
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
    weights: Annotated[BesidePath, Field(min_length=1)]
    """Path of the weights; a relative one starts at the card."""
    classes: Annotated[ClassNames, Field(min_length=2)]
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
