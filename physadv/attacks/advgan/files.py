"""A generator on disk: its weights, what it was made from and has achieved, and checkpoints on the way there."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from physadv.attacks.advgan.config import AdvGanConfig
from physadv.attacks.advgan.networks import Generator
from physadv.core.config import Config, load_config
from physadv.core.errors import PhysadvError
from physadv.core.files import at_home, atomic_path, sha256, write_text
from physadv.core.images import write_png
from physadv.core.versions import package_versions
from physadv.core.yaml_text import dump_yaml
from physadv.victims import Victim
from physadv.victims.parameters import fill, read_parameters

WEIGHTS = "generator.safetensors"
RECORD = "generator.yaml"
SAMPLES = "samples-"
"""What the names of the pictures of samples start with."""
_SAMPLE_PX = 96
"""Least side of a sample in the grid; smaller pictures are enlarged by a whole number."""


class HeldOut(Config):
    """What a generator has achieved on pictures that it has not learned from, and that the victim reads correctly."""

    pictures: int
    won: int
    success: float


class GeneratorRecord(Config):
    """``generator.yaml``."""

    config: AdvGanConfig
    victim: str
    victim_sha256: str
    picture_size: tuple[int, int]
    """Height and width in pixels."""
    held_out: HeldOut
    queries: int
    """Pictures that the victim answered for the training; those of the measurements are not among them."""
    gradients: int
    """Of them, those that it was differentiated for."""
    notes: tuple[str, ...] = ()
    """What of the pictures was left out, and why."""
    identity: str
    """Digest of all that the training depended on."""
    weights_sha256: str


@dataclass(frozen=True, eq=False)
class TrainedGenerator:
    """A generator and its record.

    Attributes:
        network: in ``eval``, frozen.
        record: what it was made from.
        folder: where it lies.
    """

    network: Generator
    record: GeneratorRecord
    folder: Path

    def check_size(self, pictures: Tensor) -> None:
        """Whether it was trained for pictures ``[N, 3, H, W]`` of that size.

        Raises:
            PhysadvError: it was not.
        """
        found, wanted = tuple(pictures.shape[1:]), (3, *self.record.picture_size)
        if found != wanted:
            raise PhysadvError(
                f"{self.folder}: its generator was trained for pictures of {list(wanted)}, these are {list(found)}; "
                "train one for this size"
            )


def save_generator(network: Generator, folder: Path) -> str:
    """Writes the weights; their SHA-256."""
    with atomic_path(folder / WEIGHTS) as temporary:
        save_file({name: value.contiguous().cpu() for name, value in network.state_dict().items()}, temporary)
    return sha256(folder / WEIGHTS)


def save_record(record: GeneratorRecord, folder: Path) -> None:
    """Writes the record, last of all: where it is, the training is done."""
    write_text(folder / RECORD, dump_yaml(record.model_dump(mode="json")))


def load_generator(folder: str | Path, *, device: str | torch.device = "cpu") -> TrainedGenerator:
    """A generator that :func:`physadv.attacks.advgan.train_advgan` has written.

    Raises:
        PhysadvError: no such folder, or one whose training is not done; a record or weights that are not what was
            written.
    """
    folder = at_home(folder)
    if not (folder / RECORD).is_file():
        raise PhysadvError(f"{folder}: has no trained generator ({RECORD} and {WEIGHTS})")
    record = load_config(GeneratorRecord, folder / RECORD)
    parameters = read_parameters(folder / WEIGHTS)
    if sha256(folder / WEIGHTS) != record.weights_sha256:
        raise PhysadvError(
            f"{folder / WEIGHTS}: is not the file that {RECORD} was written for; train the generator again"
        )
    network = Generator(record.config.eps, width=record.config.width)
    fill(network, parameters, source=folder / WEIGHTS, what="the generator")
    return TrainedGenerator(network.eval().requires_grad_(False).to(device), record, folder)


def write_samples(path: Path, clean: Tensor, changed: Tensor, eps: float) -> None:
    """A grid as PNG: clean pictures ``[N, 3, H, W]``, changed ones, and the changes, eps as full range."""
    grid = torch.stack([clean, changed, 0.5 + (changed - clean) / (2.0 * eps)]).clamp(0.0, 1.0)
    times = -(-_SAMPLE_PX // min(clean.shape[-2:]))
    larger = grid.repeat_interleave(times, dim=-2).repeat_interleave(times, dim=-1)
    rows, count, channels, height, width = larger.shape
    sheet = larger.permute(0, 3, 1, 4, 2).reshape(rows * height, count * width, channels)
    with atomic_path(path) as temporary:
        write_png(temporary, (sheet * 255.0).round().byte().cpu().numpy())


def identity_of(config: AdvGanConfig, victim: Victim, pictures: Tensor, labels: Tensor) -> dict[str, Any]:
    """All that decides how the training goes; the device does not."""
    total = hashlib.sha256()
    for tensor in (pictures, labels):
        total.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return {
        "config": config.model_dump(mode="json", exclude={"device"}),
        "victim": victim.fingerprint,
        "pictures": total.hexdigest(),
        "versions": package_versions(),
    }
