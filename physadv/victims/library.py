"""Victims by name, by card, or around any module."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from physadv.core.config import load_config, validate
from physadv.core.errors import PhysadvError, unknown_name
from physadv.core.files import sha256
from physadv.victims.adapters import ADAPTERS
from physadv.victims.card import VictimCard
from physadv.victims.parameters import digest
from physadv.victims.preprocess import InputConfig, Preprocess
from physadv.victims.victim import Victim, check_logits, under_attack

SHIPPED = Path(__file__).parent / "weights"
"""Cards and weights that travel with the package; a card put there is a victim by its file's name."""
SMALLEST_PROBABILITY = 1e-12


class NetworkVictim(Victim):
    """A network behind its preprocessing.

    Attributes:
        card: what it was made from.
        preprocess: from ``[N, 3, H, W]`` in [0,1] to what the network takes.
        network: from there to raw outputs ``[N, K]``.
    """

    def __init__(self, network: nn.Module, *, card: VictimCard, digest: str, source: str) -> None:
        super().__init__(
            name=card.name,
            classes=card.classes,
            input_size=card.input.height_width,
            box=card.input.box,
            differentiable=bool(getattr(network, "differentiable", True)),
            sha256=digest,
            source=source,
        )
        self.card = card
        self.preprocess = Preprocess(card.input)
        self.network = network
        self.probabilities = card.output == "probabilities"

    @property
    def fingerprint(self) -> str:
        """Of the weights and of what the card says."""
        said = self.card.model_dump_json(exclude={"weights", "description"})
        return hashlib.sha256(f"{self.sha256} {said}".encode()).hexdigest()

    def forward(self, images: Tensor) -> Tensor:
        """Logits ``[N, K]`` of ``images`` ``[N, 3, H, W]`` in [0,1]."""
        outputs: Tensor = self.network(self.preprocess(images))
        return outputs.clamp(min=SMALLEST_PROBABILITY).log() if self.probabilities else outputs


def victim_names() -> list[str]:
    """Names of the shipped victims."""
    return sorted(path.stem for path in SHIPPED.glob("*.yaml"))


def load_victim(spec: str | Path, *, device: str | torch.device = "cpu") -> Victim:
    """A victim, in ``eval`` mode, tried once on two pictures.

    Args:
        spec: a shipped victim's name, or the path of a victim card (YAML).
        device: where it runs.

    Raises:
        PhysadvError: no such victim; a wrong card; weights that are missing, unreadable or of another network; outputs
            that are not one logit a class.
    """
    shipped = isinstance(spec, str) and spec in victim_names()
    path = SHIPPED / f"{spec}.yaml" if shipped else Path(spec).expanduser()
    if path.suffix not in {".yaml", ".yml"}:
        raise unknown_name("victim", str(spec), victim_names(), also="the path of a victim card (.yaml)")
    card = load_config(VictimCard, path)
    weights = card.weights_path(path.parent)
    try:
        network = ADAPTERS[card.adapter](card, weights)
        victim = NetworkVictim(network, card=card, digest=sha256(weights), source=str(spec)).eval().to(device)
        _try_out(victim, torch.device(device))
    except PhysadvError as error:
        raise (error if str(weights) in str(error) else PhysadvError(f"{path}: {error}")) from error
    return victim


def wrap_module(
    module: nn.Module,
    *,
    name: str,
    classes: Sequence[str],
    size: int | tuple[int, int],
    output: str = "logits",
    **input_options: Any,
) -> Victim:
    """Any module as a victim; its mode and parameters are left as they are.

    Args:
        module: from prepared pictures to ``[N, K]``.
        name: how tables and reports call it.
        classes: K class names in the order of the outputs.
        size: native side, or height and width, in pixels.
        output: ``logits`` or ``probabilities``.
        input_options: further keys of :class:`InputConfig`, such as ``mean`` and ``std``.

    Raises:
        PhysadvError: a wrong option, or outputs that are not one logit a class.
    """
    source = f"victim {name!r}"
    prepared = validate(InputConfig, {"size": size, **input_options}, f"{source}: input")
    about = {"name": name, "weights": "-", "classes": tuple(classes), "input": prepared, "output": output}
    victim = NetworkVictim(module, card=validate(VictimCard, about, source), digest=digest(module), source=name)
    tensor = next(iter([*module.parameters(), *module.buffers()]), torch.zeros(1))
    victim.preprocess.to(tensor.device)
    victim.training = module.training
    _try_out(victim, tensor.device)
    return victim


def _try_out(victim: NetworkVictim, device: torch.device) -> None:
    """Runs two pictures of noise through, for what a card gets wrong."""
    images = torch.rand(2, 3, *victim.input_size, generator=torch.Generator().manual_seed(0)).to(device)
    with under_attack(victim, quicken=False):
        try:
            logits = check_logits(victim, images)
        except RuntimeError as error:
            size = " x ".join(map(str, victim.input_size))
            reason = str(error).strip().split("\n")[0]
            raise PhysadvError(
                f"victim {victim.name!r}: its network cannot take an input of {size} pixels ({reason})"
            ) from error
    shares = bool((logits >= 0).all()) and torch.allclose(logits.sum(1), torch.ones(2, device=device), atol=1e-4)
    if victim.probabilities:
        with torch.no_grad(), under_attack(victim, quicken=False):
            given = victim.network(victim.preprocess(images))
        if not bool((given >= 0).all()) or not torch.allclose(given.sum(1), torch.ones(2, device=device), atol=1e-2):
            raise PhysadvError(
                f"victim {victim.name!r}: its outputs are no probabilities (they are negative or do not add up to 1); "
                "say output: logits"
            )
    elif shares:
        raise PhysadvError(
            f"victim {victim.name!r}: its outputs are probabilities (they add up to 1), not logits; "
            "say so with output: probabilities"
        )
