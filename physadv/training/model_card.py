"""The model card of a trained victim: data, recipe, measured accuracy, limits."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from jinja2 import Environment, PackageLoader, StrictUndefined
from torch import Tensor

from physadv.attacks import build_attack
from physadv.core.errors import PhysadvError
from physadv.core.number_format import with_interval
from physadv.core.progress import Listener, counter, renamed
from physadv.core.statistics import Rate, rate
from physadv.core.yaml_text import dump_yaml
from physadv.signs.datasets import load_known
from physadv.training.config import METHODS, TrainingConfig
from physadv.training.data import Photographs
from physadv.victims import Victim

SHOWN = ("fgsm", "pgd", "rectangle-occlusion")
"""Attacks of the card, with their default options."""


def measured_on(config: TrainingConfig, data: Path | None, victim: Victim, held_out: Photographs) -> Photographs:
    """The test split where the data set has one, else the photographs kept out of the training; as many as asked."""
    test = held_out.dataset
    if config.dataset == "gtsrb" and config.split is None and config.card is not None:
        with suppress(PhysadvError):
            test = load_known(victim.classes, config.dataset, data, split="test")
    wanted = config.card.pictures if config.card else None
    if wanted is not None and wanted < len(test):
        test = test.subset(_some(len(test), wanted, config.seed))
    return held_out if test is held_out.dataset else Photographs(test, held_out.size)


def _some(count: int, wanted: int, seed: int) -> Tensor:
    """Numbers of some of so many pictures, drawn by a seed, rising."""
    return torch.randperm(count, generator=torch.Generator().manual_seed(seed))[:wanted].sort().values


def model_card(
    config: TrainingConfig,
    made: Victim,
    photographs: Photographs,
    learned: Photographs,
    *,
    start: Victim,
    listener: Listener | None = None,
) -> str:
    """Markdown: what was done, and what came out, side by side with what it started from.

    Args:
        config: of the training.
        made: what came out.
        photographs: to measure on.
        learned: photographs that were learned from.
        start: what it started from.
        listener: told of each measurement.
    """
    pair = (start, made)

    def stage(what: str, victim: Victim) -> str:
        return f"{what}, {victim.name}"

    rows, classes = [], []
    if config.card:
        clean = [_read(one, photographs, counter(listener, stage("clean", one))) for one in pair]
        rows.append(_row("none", clean))
        members = [(name, photographs.labels == number) for number, name in enumerate(made.classes)]
        classes = [
            {"name": name, "n": int(of.sum()), "shares": [float(right[of].float().mean()) for right in clean]}
            for name, of in members
            if bool(of.any())
        ]
    if config.card and config.card.attacked:
        images, labels = photographs.rows(_some(len(photographs), config.card.attacked, config.seed))
        for name in SHOWN:
            withstood = [
                _withstood(name, one, images, labels, config.seed, renamed(listener, stage(name, one))) for one in pair
            ]
            rows.append(_row(name, withstood))
    loader = PackageLoader("physadv.training", package_path="")
    template = Environment(loader=loader, undefined=StrictUndefined, autoescape=False).get_template("model_card.md.j2")
    return template.render(
        config=config,
        made=made,
        start=start,
        paper=METHODS[config.method].paper,
        learned=len(learned),
        notes=dict.fromkeys([*learned.dataset.notes, *photographs.dataset.notes]),
        where=f"{photographs.dataset.kind} {photographs.dataset.split}",
        rows=rows,
        classes=classes,
        recipe=dump_yaml(config.model_dump(mode="json")).rstrip(),
    )


def _row(attack: str, right: list[Tensor]) -> dict[str, Any]:
    rates = [rate(each.numpy()) for each in right]
    shares = [with_interval(each.value or 0.0, each.low or 0.0, each.high or 0.0) for each in rates]
    return {"attack": attack, "n": len(right[0]), "shares": shares, "verdict": _verdict(*rates)}


def _verdict(start: Rate, made: Rate) -> str:
    """What a row of two rates says, as far as their intervals are apart."""
    if (made.low or 0.0) > (start.high or 0.0):
        return "better"
    return "worse" if (made.high or 0.0) < (start.low or 0.0) else "no sure difference"


def _read(victim: Victim, photographs: Photographs, count: Callable[[int, int], None]) -> Tensor:
    """Which of the photographs are read rightly, bool ``[N]``."""
    right = []
    device = next(victim.parameters()).device
    with torch.no_grad():
        for numbers in torch.split(torch.arange(len(photographs)), 256):
            images, labels = photographs.rows(numbers)
            right.append(victim(images.to(device)).argmax(1).cpu() == labels)
            count(sum(map(len, right)), len(photographs))
    return torch.cat(right)


def _withstood(
    name: str, victim: Victim, images: Tensor, labels: Tensor, seed: int, listener: Listener | None
) -> Tensor:
    """Which of the pictures are still read rightly under an attack, bool ``[N]``."""
    device = next(victim.parameters()).device
    result = build_attack(name)(victim, images.to(device), labels.to(device), seed=seed, listener=listener)
    return result.predicted.cpu() == labels
