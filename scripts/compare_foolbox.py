"""The attacks that foolbox has too, on the same pictures with the same budget: success, size of the change, time.

    python scripts/compare_foolbox.py --data FOLDER [--limit 200]

Needs foolbox (``pip install foolbox``). Deterministic attacks should agree to rounding; those that start at random, to
within a point or so. Minimum-norm attacks are compared by the median norm that they needed.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path
from typing import Any

import foolbox
import torch
from torch import Tensor

from physadv.attacks import build_attack
from physadv.attacks.digital.norm_balls import lengths
from physadv.core.errors import PhysadvError
from physadv.defenses import load_victim
from physadv.signs.datasets import load_dataset
from physadv.victims import under_attack

INF = 4 / 255
F = foolbox.attacks
ROWS: list[tuple[str, dict[str, Any], Any, float | None]] = [
    ("fgsm", {"eps": INF}, F.LinfFastGradientAttack(random_start=False), INF),
    ("fgsm", {"eps": 0.5, "norm": "l2"}, F.L2FastGradientAttack(random_start=False), 0.5),
    ("bim", {"eps": INF, "step_size": 0.001}, F.LinfBasicIterativeAttack(abs_stepsize=0.001, steps=20), INF),
    ("pgd", {"eps": INF, "step_size": 0.002}, F.LinfProjectedGradientDescentAttack(abs_stepsize=0.002, steps=20), INF),
    (
        "pgd",
        {"eps": 0.5, "norm": "l2", "step_size": 0.06},
        F.L2ProjectedGradientDescentAttack(abs_stepsize=0.06, steps=20),
        0.5,
    ),
    (
        "pgd",
        {"eps": 8.0, "norm": "l1", "step_size": 1.0},
        F.L1ProjectedGradientDescentAttack(abs_stepsize=1.0, steps=20),
        8.0,
    ),
    ("deepfool", {}, F.L2DeepFoolAttack(steps=50, candidates=10, overshoot=0.02), None),
    ("deepfool", {"norm": "linf"}, F.LinfDeepFoolAttack(steps=50, candidates=10, overshoot=0.02), None),
    (
        "cw-l2",
        {"steps": 100, "binary_steps": 5, "initial_c": 1e-3},
        F.L2CarliniWagnerAttack(binary_search_steps=5, steps=100, stepsize=1e-2, initial_const=1e-3),
        None,
    ),
]


def timed(run: Any) -> tuple[Tensor, float]:
    started = time.perf_counter()
    made: Tensor = run()
    return made, time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=os.environ.get("PHYSADV_DATA"), help="data folder [PHYSADV_DATA]")
    parser.add_argument("--limit", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    victim = load_victim("gtsrb-cnn")
    dataset = load_dataset("gtsrb", args.data).select(victim.classes)
    drawn = torch.randperm(len(dataset), generator=torch.Generator().manual_seed(args.seed))[: args.limit].sort().values
    images, labels = next(dataset.subset(drawn).batches(victim.input_size[0], batch_size=args.limit))
    with under_attack(victim):
        read = victim(images).argmax(1) == labels
        images, labels = images[read], labels[read]
        model = foolbox.PyTorchModel(victim, bounds=(0, 1), device="cpu")
        print(f"{len(images)} photographs of GTSRB that {victim.name} reads rightly; foolbox {foolbox.__version__}")
        print(f"{'attack':28} {'ours':>20} {'foolbox':>20} {'largest difference':>20} {'seconds':>14}")
        for name, options, peer, eps in ROWS:
            attack = build_attack(name, options)
            norm = options.get("norm", "l2" if name in {"deepfool", "cw-l2"} else "linf")
            ours, own = timed(lambda attack=attack: attack(victim, images, labels, seed=args.seed).adversarial)
            torch.manual_seed(args.seed)
            theirs, other = timed(lambda peer=peer, eps=eps: peer(model, images, labels, epsilons=eps)[1])
            words = []
            for made in (ours, theirs):
                won = victim(made).argmax(1) != labels
                text = f"{won.float().mean():.1%}"
                if eps is None:
                    text += f", {norm} {lengths(made - images, norm)[won].median():.5f}"
                words.append(text)
            apart = f"{(ours - theirs).abs().max():.1e}"
            print(
                f"{name + ' ' + norm:28} {words[0]:>20} {words[1]:>20} {apart:>20} {own:6.1f} {other:6.1f}", flush=True
            )


if __name__ == "__main__":
    try:
        main()
    except PhysadvError as error:
        sys.exit(f"error: {error}")
