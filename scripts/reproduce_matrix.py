"""Does adversarial training help against the attacks that it was not trained on? Trainings by attacks, in one report.

    python scripts/reproduce_matrix.py --data FOLDER --out runs/matrix [--victim CARD ...]

Each training of ``physadv train`` goes on from ``gtsrb-cnn`` for ``--steps`` steps; then each model, and ``gtsrb-cnn``
itself, is attacked by FGSM, PGD, one-pixel, stAdv, a rectangle and a shadow on GTSRB's test photographs, and by a
sticker and a shadow on signs through the roadside: designed in scene ``wide``, scored in ``stationary-15``. Trained
models can be given with ``--victim`` instead. Stopped at any moment, the same command resumes. Several hours on two
cores with the default numbers.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from physadv.cli.progress import progress_bar
from physadv.core.errors import PhysadvError
from physadv.evaluation.matrix.matrix import AttackSpec, RobustnessPlan, run_robustness
from physadv.reports.matrix import write_matrix
from physadv.training import METHODS, train, training_config

SIGNS = {"signs": ["de/stop", "us/stop"], "scenes": ["wide"], "scored_in": "stationary-15", "frames": 240}
ATTACKS = (
    {"attack": "fgsm", "title": "FGSM 8/255"},
    {"attack": "pgd", "title": "PGD-20 8/255"},
    {"attack": "one-pixel", "options": {"max_queries": 1000}, "title": "one pixel"},
    {"attack": "stadv", "options": {"steps": 100}, "title": "stAdv"},
    {"attack": "rectangle-occlusion", "title": "rectangle, 5 %"},
    {"attack": "shadow", "options": {"max_queries": 500}, "title": "shadow"},
    {"attack": "rp2", "options": {"mask": "bars", "steps": 200}, "on_signs": SIGNS, "title": "sticker, on signs"},
    {"attack": "shadow", "options": {"max_queries": 6400}, "on_signs": SIGNS, "title": "shadow, on signs"},
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=os.environ.get("PHYSADV_DATA"), help="data folder [PHYSADV_DATA]")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--victim", action="append", default=[], help="a trained model's card, in place of training")
    parser.add_argument("--steps", type=int, default=2000, help="of each training")
    parser.add_argument("--limit", type=int, default=200, help="photographs that are attacked")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    if args.data is None:
        parser.error("no data folder: give --data or set PHYSADV_DATA")
    victims = list(args.victim)
    for method in () if victims else METHODS:
        config = training_config(method, steps=args.steps, seed=args.seed)
        print(config.made)
        with progress_bar() as listener:
            train(config, args.out / "victims" / method, data=args.data, listener=listener)
        victims.append(str(args.out / "victims" / method / f"{config.made}.yaml"))
    plan = RobustnessPlan(
        victims=("gtsrb-cnn", *victims),
        attacks=tuple(AttackSpec.model_validate(attack) for attack in ATTACKS),
        limit=args.limit,
        seed=args.seed,
    )
    with progress_bar() as counter:
        summary = run_robustness(plan, args.out / "matrix", data=args.data, listener=counter)
    for cell in summary.cells:
        rate = cell.robust_accuracy
        print(f"{cell.victim:24} {cell.attack:20} {rate.value:6.1%} ({rate.low:.1%} to {rate.high:.1%})")
    print(f"report: {write_matrix(summary, args.out / 'matrix')}")


if __name__ == "__main__":
    try:
        main()
    except PhysadvError as error:
        sys.exit(f"error: {error}")
