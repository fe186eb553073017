"""Golden pictures: six frames of every shipped scene, so that a change of what is seen is seen.

After a change that is meant, look at the new pictures and keep them:

    PHYSADV_WRITE_GOLDEN=1 python -m pytest tests/scenes/test_scenes_golden.py
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from scene_kit import painted

from physadv.core.color import to_uint8
from physadv.core.images import read_image, write_png
from physadv.scenes import load_scene, scene_names

FOLDER = Path(__file__).parent / "golden"
FRAMES, PX = 6, 48


def strip(name: str) -> npt.NDArray[np.uint8]:
    """Frames side by side, ``[48, 288, 3]``; those of a drive-by are spread over one approach."""
    scene = load_scene(name)
    stride = max(1, (scene.frames_per_approach - 1) // (FRAMES - 1))
    conditions = scene.sample(FRAMES * stride, seed=2018)[::stride]
    frames = to_uint8(scene.render(painted(px=256), conditions, size=(PX, PX)))
    return np.concatenate(list(frames), axis=1)


@pytest.mark.parametrize("name", scene_names())
def test_a_shipped_scene_looks_as_it_did(name: str) -> None:
    with torch.no_grad():
        seen = strip(name)
    path = FOLDER / f"{name}.png"
    if os.environ.get("PHYSADV_WRITE_GOLDEN"):
        FOLDER.mkdir(exist_ok=True)
        write_png(path, seen)
        pytest.skip(f"wrote {path}")
    assert path.is_file(), f"{path} is missing: see the top of {Path(__file__).name}"
    difference = np.abs(seen.astype(np.int16) - read_image(path))
    assert difference.mean() < 2.0, f"{name}: mean difference {difference.mean():.2f} of 255"
    assert difference.max() < 30, f"{name}: largest difference {difference.max()} of 255"


def test_every_golden_picture_has_its_scene() -> None:
    assert {path.stem for path in FOLDER.iterdir()} == set(scene_names())
