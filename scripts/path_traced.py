"""Scores patches in a path-traced car park that shares no code with the roadside they were designed in.

    python scripts/path_traced.py PATCH... --victim VICTIM [--out FOLDER] [--repeats 4] [--variant llvm_ad_rgb]

Needs the extra ``render`` (Mitsuba 3). The place, its lights and the phone are those of ``tests/virtual_shop``; colors
are as the patch's picture has them (a printer is simulated by ``scripts/prove_loop.py``). RP2's fifteen places, each
``--repeats`` times in each of four lights, for the clean sign and every patch; crops are the sign's box with a little
room, stretched to the victim's input, as RP2's and LISA's are. Frames go to ``--out``.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import cv2
import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from prove_loop import PLACES_FT_DEG, stance
from virtual_shop import phone, place

from physadv.attacks.physical.sign_search import true_class_of
from physadv.core.images import read_image
from physadv.core.statistics import rate
from physadv.defenses import load_victim
from physadv.patches import Patch, load_patch
from physadv.signs import load_sign
from physadv.victims import Victim

CAMERA = phone.Phone(width_px=1512, height_px=1134, off_center_px=(4.0, -3.0))
"""The phone's picture at 1.7 megapixels: 70 pixels a sign at 40 ft, and quick to trace."""


def crop(file: Path, pose: np.ndarray, outline_m: np.ndarray, seed: int) -> np.ndarray:
    """The sign's box in a photograph with 0 to 8 % room on each side, ``[h, w, 3]`` uint8."""
    turn = cv2.Rodrigues(pose[:3, :3])[0]
    points, _ = cv2.projectPoints(outline_m, turn, pose[:3, 3], CAMERA.matrix, np.array(CAMERA.distortion))
    points = points.reshape(-1, 2)
    low, high = points.min(0), points.max(0)
    room = np.random.default_rng(seed).uniform(0.0, 0.08, (2, 2)) * (high - low)
    photo = read_image(file)
    left, top = np.floor(np.maximum(low - room[0], 0)).astype(int)
    right, bottom = np.ceil(np.minimum(high + room[1], [CAMERA.width_px, CAMERA.height_px])).astype(int)
    return photo[top:bottom, left:right]


def main() -> None:
    """Renders, reads, tells."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("patch", type=Path, nargs="+")
    parser.add_argument("--victim", default="gtsrb-cnn")
    parser.add_argument("--out", type=Path, default=Path("path-traced"))
    parser.add_argument("--repeats", type=int, default=4)
    parser.add_argument("--variant", default="scalar_rgb")
    parser.add_argument("--samples", type=int, default=16)
    options = parser.parse_args()
    place.use(options.variant)
    victim = load_victim(options.victim).eval()
    patches = {folder.name: load_patch(folder) for folder in options.patch}
    sign = load_sign(next(iter(patches.values())).record.sign)
    true = true_class_of(sign, victim)
    size = victim.input_size[::-1]
    outline = np.array([(x, -y, 0.0) for x, y in sign.outline_mm]) / 1000.0
    pictures = {"clean": sign.texture(1024)} | {name: patch.painted(1024) for name, patch in patches.items()}
    read: dict[str, list[int]] = {name: [] for name in pictures}
    for name, rgba in pictures.items():
        paint, opacity = rgba[:3].permute(1, 2, 0).numpy(), rgba[3].numpy()
        plane = place.Plane(paint, opacity, sign.extent_mm / 1000.0, np.eye(4))
        for light_number, light in enumerate(place.LIGHTS):
            scene = place.build([plane], light)
            for spot in range(len(PLACES_FT_DEG)):
                for repeat in range(options.repeats):
                    seed = 100_000 * light_number + 1000 * spot + 10 * repeat
                    pose, stops = stance(spot, seed)
                    file = options.out / name / f"{light_number}-{spot:02d}-{repeat}.jpg"
                    if not file.exists():
                        phone.photograph(
                            scene, pose, outline, light, file,
                            phone=CAMERA, stops=stops, samples=options.samples, seed=seed,
                        )  # fmt: skip
                    shown = cv2.resize(crop(file, pose, outline, seed), size, interpolation=cv2.INTER_AREA)
                    frame = torch.from_numpy(shown).permute(2, 0, 1)[None].float() / 255.0
                    with torch.no_grad():
                        read[name].append(int(victim(frame).argmax()))
        tell(name, np.array(read[name]), np.array(read["clean"]) == true, true, target_of(name, patches, victim))


def target_of(name: str, patches: dict[str, Patch], victim: Victim) -> int | None:
    """Index of the class that a patch aims at."""
    goal = patches[name].record.goal if name in patches else ""
    return victim.class_index(goal.partition(":")[2]) if goal.startswith("targeted:") else None


def tell(name: str, read: np.ndarray, clean: np.ndarray, true: int, target: int | None) -> None:
    """What a subject was read as, of all frames and of those whose clean sign is read."""
    for words, which in (("all frames", np.full(len(read), True)), ("frames whose clean sign is read", clean)):
        shares = {"read as the sign": read == true} | ({"read as the target": read == target} if target else {})
        for what, hit in shares.items():
            share = rate(hit[which])
            interval = f"{share.value:.1%} [{share.low:.1%}, {share.high:.1%}]"
            print(f"{name}: {what} in {share.hits}/{share.n} = {interval} of {words}", flush=True)


if __name__ == "__main__":
    main()
