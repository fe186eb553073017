"""From a victim to its hardened sister: weights, card, model card and curves in a folder."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

from safetensors.torch import save_file

from physadv.attacks import build_attack
from physadv.core.devices import pick_device
from physadv.core.errors import PhysadvError
from physadv.core.files import atomic_path, write_json, write_text
from physadv.core.identity import digest_of
from physadv.core.memory import keep_freed_memory
from physadv.core.progress import Listener
from physadv.core.run_folder import claim
from physadv.core.versions import package_versions
from physadv.core.yaml_text import dump_yaml
from physadv.defenses import Defended, load_victim
from physadv.signs import load_sign
from physadv.training.config import TrainingConfig
from physadv.training.data import Photographs, training_photographs
from physadv.training.loop import Training
from physadv.training.model_card import measured_on, model_card
from physadv.training.plots import draw_curves
from physadv.training.stickers import known_signs
from physadv.victims import Victim, warn_doubts
from physadv.victims.library import NetworkVictim

CHECKPOINT = "checkpoint.pt"


def train(
    config: TrainingConfig,
    out: Path,
    *,
    data: Path | None = None,
    listener: Listener | None = None,
) -> Victim:
    """Trains, going on from a checkpoint in ``out`` if there is one.

    Args:
        config: what is asked.
        out: folder of ``<name>.yaml`` (the victim card), ``<name>.safetensors``, ``<name>.md`` (the model card),
            ``curves.json`` and ``curves.png``.
        data: folder of the data sets; PHYSADV_DATA if not given.
        listener: told of progress, of the training and then of each figure of the model card.

    Returns:
        The hardened victim, as its card loads it.

    Raises:
        PhysadvError: something is wrong with the victim, the data or ``out``.
    """
    keep_freed_memory()
    device = pick_device(config.device)
    config = config.model_copy(update={"device": str(device)})
    start = _trainable(config.victim.value).to(device)
    victim = copy.deepcopy(start)
    photographs, held_out = training_photographs(
        config.dataset,
        data,
        config.split,
        classes=victim.classes,
        size=max(victim.input_size),
        held_out=config.held_out,
        seed=config.seed,
    )
    identity = _identity(config, victim, photographs, held_out) | {"device": str(device)}
    card = out / f"{config.made}.yaml"
    weights, report = card.with_suffix(".safetensors"), card.with_suffix(".md")
    test = measured_on(config, data, victim, held_out)  # read before the training: it may be damaged
    measured: Any = "nothing"
    if config.card:
        measured = {"card": config.card.model_dump(mode="json"), "pictures": test.dataset.fingerprint}
    with claim(out, identity, command="physadv train") as run:
        if run.finished(asked=measured):
            return load_victim(card, device=device)
        if not run.sealed(card.name, weights.name):
            warn_doubts(victim)
            training = Training(config, victim, photographs, held_out)
            training.run(out / CHECKPOINT, identity=digest_of(identity), listener=listener)
            _write(training, victim, card)
            run.seal(card.name, weights.name)
        made = load_victim(card, device=device)
        write_text(report, model_card(config, made, test, photographs, start=start, listener=listener))
        (out / CHECKPOINT).unlink(missing_ok=True)
        run.finish(card.name, weights.name, report.name, asked=measured)
    return made


def _identity(config: TrainingConfig, victim: Victim, learned: Photographs, held_out: Photographs) -> dict[str, Any]:
    """What decides the weights."""
    attack = build_attack(config.attack, config.attack_options) if config.attack else None
    told = config.model_dump(mode="json", exclude={"name", "victim", "scenes", "device", "card"})
    return {
        "name": config.made,
        "config": {**told, "attack_options": attack.told_of(config.attack_options) if attack else {}},
        "victim": victim.fingerprint,
        "attack": attack.fingerprint if attack else None,
        "pictures": {"learned from": learned.dataset.fingerprint, "held out": held_out.dataset.fingerprint},
        "scenes": [scene.value.fingerprint for scene in config.scenes],
        "signs": [load_sign(name).fingerprint for name in known_signs(victim)],
        "versions": package_versions(),
    }


def _trainable(victim: Victim) -> NetworkVictim:
    """A victim whose weights can be trained and saved.

    Raises:
        PhysadvError: it has none, or no gradient.
    """
    if isinstance(victim, Defended):
        raise PhysadvError(
            f"victim {victim.name!r}: is behind a defense; train the victim without it, then put the defense around "
            "what is made"
        )
    if not isinstance(victim, NetworkVictim) or not victim.differentiable or not list(victim.parameters()):
        raise PhysadvError(
            f"victim {victim.name!r}: has no weights that could be trained; give a card whose adapter is torch, "
            "torchvision or timm"
        )
    return victim


def _write(training: Training, start: NetworkVictim, card: Path) -> None:
    """Weights and curves, and the victim card last: where it is, the training is done."""
    config, network = training.config, training.average.network
    weights = card.with_suffix(".safetensors")
    with atomic_path(weights) as temporary:
        save_file({name: value.contiguous().cpu() for name, value in network.state_dict().items()}, temporary)
    write_json(card.parent / "curves.json", training.points)
    draw_curves(training.points, card.parent / "curves.png", title=config.made)
    described = f"{start.card.name} after {config.steps} steps of {config.method} training"
    own = {"name": config.made, "description": described, "weights": weights.name, "weights_key": None}
    made = start.card.model_copy(update=own)
    values = made.model_dump(mode="json", exclude_defaults=True)
    write_text(card, dump_yaml(values))
