"""AdvGAN on a data set: pictures from the user's folder to a generator in another."""

from __future__ import annotations

from pathlib import Path

from physadv.attacks.advgan import AdvGanConfig, train_advgan
from physadv.core.progress import Listener
from physadv.defenses import load_victim
from physadv.evaluation.matrix.matrix import drawn, pictures_for
from physadv.signs.datasets import load_known


def train_generator(
    victim: str,
    out: Path,
    *,
    config: AdvGanConfig,
    dataset: str = "gtsrb",
    split: str | None = None,
    limit: int | None = 4000,
    data: Path | None = None,
    listener: Listener | None = None,
) -> Path:
    """Trains a generator against a victim, going on from a checkpoint in ``out`` if there is one.

    Args:
        victim: as :func:`physadv.defenses.load_victim` takes it.
        out: folder of the generator, for ``physadv attack advgan --set generator=FOLDER``.
        config: what is asked.
        dataset, split: of the pictures; GTSRB's training split if not given.
        limit: pictures, drawn by the seed; None: all.
        data: folder of the data sets; PHYSADV_DATA if not given.
        listener: told of progress.

    Raises:
        PhysadvError: something is wrong with the victim, the data or ``out``.
    """
    loaded = load_victim(victim)
    known = load_known(loaded.classes, dataset, data, split=split or {"gtsrb": "train"}.get(dataset))
    chosen = drawn(known, limit, config.seed)
    chosen.check()
    pictures, labels = pictures_for(loaded, chosen)
    return train_advgan(loaded, pictures, labels, out, config=config, notes=known.notes, listener=listener)
