"""From a victim to its hardened sister: weights, card, model card and curves in a folder."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from safetensors.torch import save_file

from physadv.core.devices import pick_device
from physadv.core.errors import PhysadvError
from physadv.core.files import atomic_path, write_json, write_text
from physadv.core.memory import keep_freed_memory
from physadv.core.progress import Counted
from physadv.core.yaml_text import dump_yaml
from physadv.defenses.training.config import TrainingConfig
from physadv.defenses.training.data import training_photographs
from physadv.defenses.training.loop import Listener, Training
from physadv.defenses.training.model_card import measured_on, model_card
from physadv.defenses.training.plots import draw_curves
from physadv.evaluation.runfolder import open_run
from physadv.victims import Victim, load_victim, warn_doubts
from physadv.victims.library import NetworkVictim

CHECKPOINT = "checkpoint.pt"


def train(
    config: TrainingConfig,
    out: Path,
    *,
    data: Path | None = None,
    listener: Listener | None = None,
    measuring: Counted | None = None,
) -> Victim:
    """Trains, going on from a checkpoint in ``out`` if there is one.

    Args:
        config: what is asked.
        out: folder of ``<name>.yaml`` (the victim card), ``<name>.safetensors``, ``<name>.md`` (the model card),
            ``curves.json`` and ``curves.png``.
        data: folder of the data sets; PHYSADV_DATA if not given.
        listener: told of progress.
        measuring: told of progress afterwards, while the model card's figures are measured.

    Returns:
        The hardened victim, as its card loads it.

    Raises:
        PhysadvError: something is wrong with the victim, the data or ``out``.
    """
    keep_freed_memory()
    device = pick_device(config.device)
    config = config.model_copy(update={"device": str(device)})
    victim = _trainable(load_victim(config.victim, device=device))
    photographs, held_out = training_photographs(
        config.dataset,
        data,
        config.split,
        classes=victim.classes,
        size=max(victim.input_size),
        held_out=config.held_out,
        seed=config.seed,
    )
    identity = {"config": config.model_dump(mode="json"), "victim": victim.fingerprint, "pictures": len(photographs)}
    open_run(out, identity, command="physadv train", resume=True)
    card = out / f"{config.made}.yaml"
    if not card.exists():
        warn_doubts(victim)
        training = Training(config, victim, photographs, held_out)
        digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()
        training.run(out / CHECKPOINT, identity=digest, listener=listener)
        _write(training, victim, card)
    made = load_victim(card, device=device)
    if not card.with_suffix(".md").exists():
        test = measured_on(config, data, made, held_out)
        start = load_victim(config.victim, device=device)
        text = model_card(config, made, test, photographs, start=start, listener=measuring)
        write_text(card.with_suffix(".md"), text)
    (out / CHECKPOINT).unlink(missing_ok=True)
    return made


def _trainable(victim: Victim) -> NetworkVictim:
    """A victim whose weights can be trained and saved.

    Raises:
        PhysadvError: it has none, or no gradient.
    """
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
    made = start.card.model_copy(update={"name": config.made, "description": described, "weights": weights.name})
    values = made.model_dump(mode="json", exclude_defaults=True)
    write_text(card, dump_yaml(values))
