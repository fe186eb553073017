"""FGSM before and after adversarial training, as in the usual introductory article, on a small network.

    python scripts/reproduce_article.py --data FOLDER --out runs/article            # GTSRB
    python scripts/reproduce_article.py --mnist FOLDER --out runs/article-mnist     # MNIST as torchvision keeps it

A small network (LISA-CNN: three convolutions and a linear layer) is trained from random weights on plain pictures, then
trained on, from that checkpoint, on clean and FGSM examples half and half (Goodfellow et al. 2015). Both are attacked
by FGSM at the training's eps, and by PGD of the same eps, which the training has not seen. Stopped at any moment, the
same command goes on. A quarter of an hour on one core.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

import torch
import yaml
from safetensors.torch import save_file

from physadv.cli.progress import progress_bar
from physadv.core.errors import PhysadvError
from physadv.core.files import atomic_folder
from physadv.evaluation.matrix.matrix import RobustnessPlan, run_robustness
from physadv.reports.matrix import write_matrix
from physadv.signs import class_names
from physadv.training import train, training_config
from physadv.victims.architectures import LisaCnn


def export_mnist(root: Path, out: Path) -> None:
    """MNIST's pictures as class folders, which any data set may be read from."""
    from torchvision.datasets import MNIST

    if out.exists():
        return
    with atomic_folder(out) as folder:
        for split, training in (("train", True), ("test", False)):
            try:
                dataset = MNIST(str(root), train=training)
            except RuntimeError as error:
                raise PhysadvError(f"{root}: no MNIST as torchvision.datasets.MNIST keeps it") from error
            for digit in range(10):
                (folder / split / str(digit)).mkdir(parents=True)
            for number, (picture, digit) in enumerate(dataset):
                picture.convert("RGB").save(folder / split / str(digit) / f"{number:05d}.png")


def untrained(folder: Path, classes: list[str], seed: int) -> Path:
    """The card of a small network with random weights."""
    card = folder / "untrained.yaml"
    if not card.exists():
        folder.mkdir(parents=True, exist_ok=True)
        torch.manual_seed(seed)
        save_file(LisaCnn(len(classes)).state_dict(), str(folder / "untrained.safetensors"))
        words = {"name": "untrained", "architecture": "lisa-cnn", "weights": "untrained.safetensors"}
        card.write_text(yaml.safe_dump({**words, "classes": classes, "input": {"size": 32}}))
    return card


def trained(method: str, start: Path, name: str, out: Path, data: Path, **options: Any) -> Path:
    config = training_config(method, victim=str(start), name=name, frames=0, weight_decay=1e-4, **options)
    with progress_bar() as listener:
        train(config, out / name, data=data, listener=listener)
    return out / name / f"{name}.yaml"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=os.environ.get("PHYSADV_DATA"), help="data folder [PHYSADV_DATA]")
    parser.add_argument("--mnist", type=Path, help="folder of MNIST; in place of GTSRB")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--eps", type=float, default=0.1, help="of FGSM, in L-inf, for pictures in [0,1]")
    parser.add_argument("--steps", type=int, default=3000, help="of 128 pictures, of either training")
    parser.add_argument("--limit", type=int, default=2000, help="test pictures that are attacked")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    data, dataset, training_split, test_split = args.data, "gtsrb", "train", "test"
    classes = list(class_names("gtsrb"))
    augment = True
    if args.mnist:
        data, dataset, classes, augment = args.out / "mnist", "image-folder", [str(digit) for digit in range(10)], False
        export_mnist(args.mnist, data)
    elif data is None:
        parser.error("no data folder: give --data, --mnist, or set PHYSADV_DATA")
    common = {
        "dataset": dataset,
        "split": training_split,
        "steps": args.steps,
        "batch": 128,
        "augment": augment,
        "seed": args.seed,
    }
    folder = args.out / "victims"
    start = untrained(folder, classes, args.seed)
    plain = trained("clean", start, "plain", folder, data, learning_rate=2e-3, **common)
    options = {"attack_options": {"eps": args.eps}}
    hardened = trained("fgsm", plain, "fgsm-trained", folder, data, learning_rate=1e-3, **common, **options)
    plan = RobustnessPlan(
        victims=(str(plain), str(hardened)),
        attacks=(
            {"attack": "fgsm", "options": {"eps": args.eps}},  # type: ignore[arg-type]
            {"attack": "pgd", "options": {"eps": args.eps}},  # type: ignore[arg-type]
        ),
        dataset=dataset,
        split=test_split,
        limit=args.limit,
        seed=args.seed,
    )
    with progress_bar() as listener:
        summary = run_robustness(plan, args.out / "matrix", data=data, listener=listener)
    print(f"report: {write_matrix(summary, args.out / 'matrix')}")
    for cell in summary.cells:
        for title, rate in (("clean", cell.clean_accuracy), (cell.attack, cell.robust_accuracy)):
            share = f"{rate.value:.1%} ({rate.low:.1%} to {rate.high:.1%})"
            print(f"{cell.victim:14} {title:16} {rate.hits}/{rate.n} = {share}")


if __name__ == "__main__":
    try:
        main()
    except PhysadvError as error:
        sys.exit(f"error: {error}")
