"""Reproduce RP2 (Eykholt et al. 2018, arXiv:1707.08945) on its authors' own network and photographs, and go beyond it.

    python scripts/reproduce_rp2.py --data FOLDER [--out FOLDER] [--part published --part stickers ...]

FOLDER (or PHYSADV_DATA) holds ``rp2/`` (``victim_32``, ``victim_256``, ``masks``, ``published_noise_32.npz``),
``models/`` (``rp2_lisa_cnn.safetensors``, ``gtsrb_cnn30_dmitry.onnx``, ``models.json``) and GTSRB as torchvision lays
it out. Parts:

- ``published``: the authors' noise on their 40 photographs, as they scored it: clip(x + noise * mask, 0, 1).
- ``stickers``: a sticker designed in the roadside alone (or those of ``--patch``), beside the authors' noise as
  stickers, on held-out roadside frames and pasted onto the 40 photographs.
- ``accuracy``: ``gtsrb-cnn`` and a third party's ONNX classifier on GTSRB's test pictures that are there.
- ``transfer``: a sticker designed against ``gtsrb-cnn``, on it and on the third party's classifier, and what both read
  of those pictures, in one report.

Finished designs and evaluations in ``--out`` are kept: run again, the script resumes.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from torch import Tensor

from physadv.attacks import DesignConfig, design
from physadv.cli.progress import progress_bar
from physadv.core.color import from_uint8
from physadv.core.errors import PhysadvError
from physadv.core.files import read_json, read_named_yaml, write_text
from physadv.core.images import read_image
from physadv.core.statistics import Rate
from physadv.defenses import load_victim
from physadv.evaluation import evaluate
from physadv.evaluation.batteries.summary import Summary
from physadv.evaluation.picture_accuracy import accuracy, judge, with_noise
from physadv.patches import Patch, load_patch
from physadv.patches.published_noise import patch_from_noise
from physadv.reports import write_report
from physadv.scenes import Photographs, PhotographsConfig
from physadv.scenes.photographs.study import pictures_in
from physadv.signs import class_names, load_sign
from physadv.signs.datasets import data_root, load_dataset
from physadv.victims import Victim

TARGET = "speedLimit45"
PUBLISHED = {  # published noise: its mask, and how many of the 40 photographs it turned into a speed limit 45
    "sticker_l1": ("mask_l1loss_uniform_rectangles.png", 36),
    "poster_octagon": ("octagon.png", 40),
}


def write_card(path: Path, card: dict[str, Any]) -> Path:
    """A victim card for a model of the data folder."""
    write_text(path, yaml.safe_dump(card, sort_keys=False))
    return path


def rp2_card(data: Path, out: Path) -> Path:
    """RP2's own LISA-CNN."""
    about = read_json(data / "models" / "models.json")["rp2_lisa_cnn"]
    weights = str((data / "models" / about["file"]).resolve())
    card = {"name": "rp2-lisa-cnn", "adapter": "torch", "architecture": "lisa-cnn", "weights": weights}
    return write_card(out / "rp2-lisa-cnn.yaml", {**card, "classes": about["labels"], "input": {"size": 32}})


def third_party_card(data: Path, out: Path) -> Path:
    """A GTSRB classifier that somebody else trained, 30 x 30 pixels, ONNX."""
    about = read_json(data / "models" / "models.json")["gtsrb_cnn30_dmitry"]
    weights = str((data / "models" / about["file"]).resolve())
    card = {"name": "third-party-onnx", "adapter": "onnx", "weights": weights, "output": "probabilities"}
    pixels = {"size": 30, "interpolation": "bicubic", "layout": "nhwc"}
    return write_card(out / "third-party-onnx.yaml", {**card, "classes": list(class_names("gtsrb")), "input": pixels})


def published_noise(data: Path, name: str) -> tuple[Tensor, Tensor]:
    """One of the authors' noises ``[3, 32, 32]`` and its mask, of the same shape."""
    noise = torch.from_numpy(np.load(data / "rp2" / "published_noise_32.npz")[name]).permute(2, 0, 1)
    return noise, from_uint8(read_image(data / "rp2" / "masks" / PUBLISHED[name][0]))


def published(data: Path, out: Path, options: argparse.Namespace) -> bool:
    """The authors' noise, added as they added it; true where the counts are theirs."""
    victim = load_victim(rp2_card(data, out))
    pictures = torch.stack([from_uint8(read_image(file)) for file in pictures_in(data / "rp2" / "victim_32")])
    clean = judge(victim, pictures, true_class="stop", target=TARGET)
    say("RP2's photographs, clean: read as stop", clean.correct)
    exact = clean.correct.hits == len(pictures)
    for name, (_, expected) in PUBLISHED.items():
        noise, mask = published_noise(data, name)
        verdict = judge(victim, with_noise(pictures, noise, mask), true_class="stop", target=TARGET)
        assert verdict.targeted is not None
        say(f"+ published {name}: read as {TARGET}", verdict.targeted, f"published: {expected}/40")
        exact = exact and verdict.targeted.hits == expected
    return exact


def published_patches(data: Path) -> list[Patch]:
    """The authors' noise as stickers that one could print."""
    sign = load_sign("us/stop")
    patches = []
    for name in PUBLISHED:
        noise, mask = published_noise(data, name)
        where = mask.amin(0) > 0.5
        patches.append(patch_from_noise(sign, noise, where, name=f"rp2-{name}", goal=f"targeted:{TARGET}"))
    return patches


def designed(folder: Path, victim: str, goal: str, options: argparse.Namespace, *, sign: str = "us/stop") -> Path:
    """The bundle in ``folder``, designed first where it is not there yet."""
    if not (folder / "patch.json").exists():
        print(f"designing {folder.name} against {victim} for {options.seconds:g} s ...", flush=True)
        config = {"sign": sign, "victim": victim, "goal": goal, "mask": options.mask, "seed": options.seed}
        design(DesignConfig.model_validate({**config, "seconds": options.seconds}), out=folder)
    return folder


def drive_by_40() -> dict[str, Any]:
    """The battery of drive-bys from 40 m."""
    scene = read_named_yaml("physadv.scenes", "presets/drive-by.yaml")
    scene = {**scene, "name": "drive-by-40", "drive": {**scene["drive"], "from_m": 40}}
    return {"name": "drive-by-40", "entries": [{"scene": scene, "approaches": 24, "seed": 910040}]}


def photographs(data: Path) -> dict[str, Any]:
    """The battery of RP2's 40 photographs, each once, as it is."""
    config = {"name": "rp2-photographs", "kind": "photographs", "folder": str((data / "rp2" / "victim_256").resolve())}
    scene = Photographs(PhotographsConfig.model_validate(config))
    print(f"sign found in {len(scene.photographs)} of {len(scene.files)} photographs")
    for missed in scene.left_out:
        print(f"  left out {missed.file.name}: {missed.reason}")
    return {"name": "rp2-photographs", "entries": [{"scene": config, "frames": len(scene.photographs), "seed": 0}]}


def stickers(data: Path, out: Path, options: argparse.Namespace) -> bool:
    """Our stickers beside the authors', on roadside frames and on their photographs."""
    card = rp2_card(data, out)
    folders = options.patch or [designed(out / "designed-lisa", str(card), f"targeted:{TARGET}", options)]
    patches: list[Path | Patch] = [*folders, *published_patches(data)]
    batteries = [photographs(data), "stationary-15", drive_by_40()]
    for folder in folders:
        print(f"{folder.name}: {load_patch(folder).mask.area_fraction:.1%} of the sign's area")
    with progress_bar() as listener:
        result = evaluate(patches, [card], batteries, out / "stickers", device=options.device, listener=listener)
    show(result, out / "stickers")
    return True


def gtsrb_accuracy(data: Path, out: Path, options: argparse.Namespace) -> bool:
    """Both GTSRB classifiers on the test pictures that the folder has."""
    dataset = load_dataset("gtsrb", data, split="test")
    victims: list[Victim] = [load_victim("gtsrb-cnn"), load_victim(third_party_card(data, out))]
    for victim in victims:
        say(f"{victim.name} on {len(dataset):,} of GTSRB's 12,630 test pictures: correct", accuracy(victim, dataset))
    return True


def transfer(data: Path, out: Path, options: argparse.Namespace) -> bool:
    """Both GTSRB classifiers on its test pictures and under a sticker for ``gtsrb-cnn``, in one report."""
    folder = designed(out / "designed-gtsrb", "gtsrb-cnn", "untargeted", options, sign="de/stop")
    victims: list[str | Path] = ["gtsrb-cnn", third_party_card(data, out)]
    tests = [load_dataset("gtsrb", data, split="test")]
    batteries = ["stationary-15", drive_by_40()]
    told = {"frames": options.frames, "device": options.device, "datasets": tests}
    with progress_bar() as listener:
        result = evaluate([folder], victims, batteries, out / "transfer", **told, listener=listener)
    show(result, out / "transfer")
    return True


def say(what: str, share: Rate, remark: str = "") -> None:
    """One figure with its 95 % interval."""
    value, low, high = (0.0 if number is None else number for number in (share.value, share.low, share.high))
    interval = f"{share.hits:>5}/{share.n:<5} {value:7.1%}  [{low:.1%}, {high:.1%}]"
    print(f"{what:<66} {interval}  {remark}".rstrip(), flush=True)


def show(summary: Summary, folder: Path) -> None:
    """Every record's clean accuracy, success of the patch and gain over the best control."""
    for record in summary.records:
        print(f"\n{record.patch} on {record.victim}, {record.battery}")
        say("  clean sign read correctly", record.clean_accuracy)
        success = record.patch_success
        say("  untargeted, of all frames", success.untargeted_raw)
        if record.kind != "untargeted":
            say(f"  {record.goal}, of all frames", success.at_goal_raw)
        gain = record.gain.difference
        if gain.value is not None and gain.low is not None and gain.high is not None:
            best = f"best control: {record.gain.control}"
            print(f"  gain at the goal {gain.value:+.1%} [{gain.low:+.1%}, {gain.high:+.1%}], {best}")
    print(f"\nreport: {write_report(summary, folder)}")


PARTS: dict[str, Callable[[Path, Path, argparse.Namespace], bool]] = {
    "published": published,
    "stickers": stickers,
    "accuracy": gtsrb_accuracy,
    "transfer": transfer,
}


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line's options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="folder of the data; PHYSADV_DATA where not given")
    parser.add_argument("--out", type=Path, default=Path("rp2-reproduced"), help="where results go")
    parser.add_argument("--part", action="append", choices=list(PARTS), help="only this part; may be repeated")
    parser.add_argument("--patch", type=Path, action="append", help="a bundle to score in place of a new design")
    parser.add_argument("--mask", default="discover", help="mask of a new design: a kind, or a YAML file")
    parser.add_argument("--seconds", type=float, default=60.0, help="budget of a new design")
    parser.add_argument("--frames", type=int, help="frames of a scene in the report of transfer; all if not given")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """0: done; 1: the published figures came out otherwise; 2: something in the options or the data is wrong."""
    options = parsed(arguments)
    try:
        data = data_root(options.data)
        results = []
        for name in options.part or PARTS:
            print(f"\n== {name}", flush=True)
            results.append(PARTS[name](data, options.out, options))
    except PhysadvError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
