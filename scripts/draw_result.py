"""Draws the README's picture: a painted sign, and frames of it with what the victim reads.

python scripts/draw_result.py runs/stop-sign/stop-sign docs/images/result.png
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
import torch

from physadv.core.color import linear_to_srgb, to_uint8
from physadv.core.images import write_png
from physadv.defenses import load_victim
from physadv.patches import load_patch
from physadv.scenes import PaintedSign, load_scene

FRAME, GAP, LINE = 150, 14, 40
ROWS, COLUMNS = 2, 4


def label(canvas: np.ndarray, text: str, x: int, y: int, color: tuple[int, int, int]) -> None:
    """One line of text."""
    cv2.putText(canvas, text, (x, y), cv2.FONT_HERSHEY_SIMPLEX, 0.42, color, 1, cv2.LINE_AA)


def main() -> None:
    """Reads the patch, renders, writes the picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("patch", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--scene", default="drive-by")
    parser.add_argument("--seed", type=int, default=2)
    options = parser.parse_args()
    patch = load_patch(options.patch)
    victim = load_victim(patch.record.victim.source if patch.record.victim else "gtsrb-cnn").eval()
    scene = load_scene(options.scene)
    stride = scene.frames_per_approach + 7
    conditions = scene.sample(ROWS * COLUMNS * stride, seed=options.seed)[4::stride].with_box(victim.box)
    painted = PaintedSign(patch.sign, patch.painted(512), patch.sheeting(512))
    with torch.no_grad():
        read = victim(scene.render(painted, conditions, size=victim.input_size)).softmax(1).max(1)
        frames = to_uint8(scene.render(painted, conditions, size=(FRAME, FRAME)))
    face = ROWS * (FRAME + LINE) - LINE + 4
    rgba = patch.painted(face)
    paper = linear_to_srgb(rgba[:3].clamp(0, 1)) * rgba[3:] + 1.0 - rgba[3:]
    canvas = np.full((face + LINE + 2 * GAP, face + COLUMNS * (FRAME + GAP) + 3 * GAP, 3), 255, np.uint8)
    canvas[GAP : GAP + face, GAP : GAP + face] = to_uint8(paper)
    for i, frame in enumerate(frames):
        y = GAP + (i // COLUMNS) * (FRAME + LINE)
        x = face + 3 * GAP + (i % COLUMNS) * (FRAME + GAP)
        canvas[y : y + FRAME, x : x + FRAME] = frame
        light = scene.lights[int(conditions.light[i])]
        label(canvas, f"{float(conditions.distance_m[i]):.0f} m, {light}", x, y + FRAME + 14, (90, 90, 90))
        name = victim.classes[int(read.indices[i])]
        label(canvas, f"{name} {float(read.values[i]):.0%}", x, y + FRAME + 30, (20, 20, 20))
    options.out.parent.mkdir(parents=True, exist_ok=True)
    write_png(options.out, canvas)


if __name__ == "__main__":
    main()
