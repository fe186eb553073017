"""A contact sheet: frames of a scene with their conditions as captions."""

from __future__ import annotations

import math
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import torch

from physadv.core.color import to_uint8
from physadv.core.errors import PhysadvError
from physadv.core.files import atomic_path
from physadv.core.images import check_png, write_png
from physadv.core.notebooks import ShownPixels, shown
from physadv.core.number_format import percent
from physadv.patches import load_patch
from physadv.scenes.camera.geometry import viewing_angle_deg
from physadv.scenes.conditions import Conditions
from physadv.scenes.library import load_scene
from physadv.scenes.scene import PaintedSign, Scene
from physadv.signs import load_sign

_TEXTURE_PX = 1024
_INK, _QUIET, _PAPER = (38, 38, 38), (115, 115, 115), (255, 255, 255)
_LINE_PX = 15
_CLEAR_M = 5000.0
"""Visibility from which a caption says nothing of haze."""


def _captions(scene: Scene, conditions: Conditions) -> list[tuple[str, ...]]:
    """Four lines a frame: where the camera stands and how the box is cut out, light, camera, what else there is."""
    angle = viewing_angle_deg(conditions)
    lines: list[tuple[str, ...]] = []
    for i in range(len(conditions)):
        seen = {name: float(value[i]) for name, value in conditions.items()}
        box = "square" if seen["crop_square"] > 0.5 else "squashed"
        shutter = f"  1/{1 / seen['shutter_s']:.0f} s" if seen["shutter_s"] > 0 else ""
        quality = f"  q{seen['jpeg_quality']:.0f}" if seen["jpeg_quality"] <= 100 else ""
        here = {
            f"shadow {percent(seen['shadow_strength'])}": seen["shadow_strength"] > 0,
            f"headlight {seen['headlight']:.1f}": seen["headlight"] > 0,
            f"sight {seen['visibility_m'] / 1000:.1f} km": seen["visibility_m"] < _CLEAR_M,
            f"{seen['speed_kmh']:.0f} km/h": seen["speed_kmh"] > 0,
        }
        lines.append(
            (
                f"{seen['distance_m']:.1f} m  {float(angle[i]):.0f} deg  {box}",
                f"{scene.lights[int(seen['light'])]}  {seen['exposure_ev']:+.1f} EV  {seen['temperature_k']:.0f} K",
                f"{seen['image_width_px']:.0f} px  {seen['hfov_deg']:.0f} deg{shutter}{quality}",
                "  ".join(text for text, there in here.items() if there),
            )
        )
    return lines


def _write(canvas: npt.NDArray[np.uint8], text: str, x: int, y: int, color: tuple[int, int, int], width: int) -> None:
    scale = 0.36
    while scale > 0.2 and cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, 1)[0][0] > width:
        scale -= 0.02
    cv2.putText(canvas, text, (x, y), cv2.FONT_HERSHEY_SIMPLEX, scale, color, 1, cv2.LINE_AA)


def contact_sheet(
    scene: Scene, painted: PaintedSign, *, frames: int, px: int, seed: int = 0, columns: int | None = None
) -> ShownPixels:
    """Frames of a scene on one picture, ``[H, W, 3]`` uint8. A drive-by's frames are spread over its approaches."""
    stride = max(1, 4 * scene.frames_per_approach // max(1, frames)) if scene.frames_per_approach > 1 else 1
    conditions = scene.sample(frames * stride, seed=seed)[::stride]
    with torch.no_grad():
        batches = [scene.render(painted, conditions[i : i + 16], size=(px, px)) for i in range(0, frames, 16)]
    pictures = to_uint8(torch.cat(batches))
    columns = columns or max(1, min(frames, math.ceil(math.sqrt(frames * 1.5))))
    rows = math.ceil(frames / columns)
    gap = 12
    captions = _captions(scene, conditions)
    wide, tall = px + gap, px + len(captions[0]) * _LINE_PX + gap
    sheet = np.full((rows * tall + gap, columns * wide + gap, 3), _PAPER, np.uint8)
    for i, (picture, lines) in enumerate(zip(pictures, captions, strict=True)):
        y, x = gap + (i // columns) * tall, gap + (i % columns) * wide
        sheet[y : y + px, x : x + px] = picture
        for number, line in enumerate(lines, 1):
            _write(sheet, line, x, y + px + number * _LINE_PX - 3, _INK if number == 1 else _QUIET, px)
    return shown(sheet)


def write_contact_sheet(
    out: Path,
    *,
    scene: str,
    sign: str | None = None,
    patch: Path | None = None,
    frames: int = 24,
    px: int = 128,
    seed: int = 0,
) -> None:
    """Writes the contact sheet of a scene with a clean sign, or with a patch on its own sign.

    Raises:
        PhysadvError: unknown scene, sign or patch; a file that is no PNG; or it cannot be written.
    """
    check_png(out)
    if patch is not None and sign is not None:
        raise PhysadvError(f"--sign {sign}: the patch has a sign of its own; give one of --patch and --sign")
    if patch is None:
        shown = load_sign(sign or "us/stop")
        painted = PaintedSign(shown, shown.texture(_TEXTURE_PX), torch.ones(1, _TEXTURE_PX, _TEXTURE_PX))
    else:
        bundle = load_patch(patch)
        painted = PaintedSign(bundle.sign, bundle.painted(_TEXTURE_PX), bundle.sheeting(_TEXTURE_PX))
    sheet = contact_sheet(load_scene(scene), painted, frames=frames, px=px, seed=seed)
    with atomic_path(out) as temporary:
        write_png(temporary, sheet)
