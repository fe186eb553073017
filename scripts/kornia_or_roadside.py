"""What the physics buys: designs of equal time through a plain Kornia chain and through the roadside.

    python scripts/kornia_or_roadside.py WORK --data FOLDER [--seconds 60] [--seeds 3] [--repeats 1]
                                         [--variant llvm_ad_rgb]

The victim is RP2's own LISA-CNN of the data folder, the target speedLimit45, the mask ``discover``. Each design is
scored on frames of either scene that it was not designed on (1,500 of the battery ``stationary-15``, 1,500 of
``kornia-chain``), and, with the extra ``render``, in photographs of the path-traced car park of
``tests/virtual_shop`` (``--repeats 0`` leaves them out), which has no part in either. What is done already is kept.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from reproduce_rp2 import TARGET, rp2_card

import physadv
from physadv.core.number_format import percent
from physadv.core.statistics import Rate
from physadv.evaluation.batteries.summary import Summary

SCENES = ("kornia-chain", "wide")
CHAIN = {"name": "kornia-chain", "entries": [{"scene": "kornia-chain", "frames": 1500, "seed": 77}]}


def words(rate: Rate) -> str:
    """A rate with its interval."""
    return f"{percent(rate.value or 0.0, 1)} ({percent(rate.low or 0.0, 1)} to {percent(rate.high or 0.0, 1)})"


def tell(summary: Summary) -> None:
    """A row a patch and battery, of all frames."""
    print("| patch | frames | read as the target | misread | clean sign misread |\n|---|---|---|---|---|")
    for record in summary.records:
        success, clean = record.patch_success, record.controls[0]
        cells = (success.at_goal_raw, success.untargeted_raw, clean.untargeted_raw)
        print(f"| {record.patch} | {record.battery} | {' | '.join(map(words, cells))} |", flush=True)


def main() -> None:
    """Designs, scores, tells."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--variant", default="scalar_rgb")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    card = rp2_card(options.data, options.work)
    patches = []
    for seed in range(options.seeds):
        for scene in SCENES:
            out = options.work / f"{scene}-{seed}"
            if not out.is_dir():
                made = physadv.design(
                    out=out,
                    victim=card,
                    goal=f"targeted:{TARGET}",
                    mask="discover",
                    scenes=[scene],
                    seconds=options.seconds,
                    seed=seed,
                )
                print(f"{out.name}: {made}", flush=True)
            patches.append(out)
    tell(physadv.evaluate(patches, card, ["stationary-15", CHAIN], options.work / "scores"))
    if options.repeats:
        script = Path(__file__).with_name("path_traced.py")
        command = [sys.executable, str(script), *map(str, patches), "--victim", str(card)]
        command += ["--out", str(options.work / "path-traced"), "--repeats", str(options.repeats)]
        subprocess.run([*command, "--variant", options.variant], check=True)


if __name__ == "__main__":
    main()
