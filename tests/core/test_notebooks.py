"""What notebooks show of patches, sheets, summaries and replayed frames."""

from __future__ import annotations

import re
from io import BytesIO
from pathlib import Path

import numpy as np
import torch
from evaluation_kit import ColorVictim, colored_patch, quick_battery
from PIL import Image

from physadv.attacks import Result
from physadv.core.notebooks import html_table, shown
from physadv.evaluation import evaluate, replay
from physadv.scenes import PaintedSign, load_scene
from physadv.scenes.contact_sheet import contact_sheet
from physadv.signs import load_sign


def test_a_patch_shows_its_painted_sign() -> None:
    patch = colored_patch((0.1, 0.2, 0.9))
    with Image.open(BytesIO(patch._repr_png_())) as image:
        assert (image.mode, image.size) == ("RGBA", (256, 256))
        middle = image.getpixel((128, 128))
        assert image.getpixel((0, 0))[3] == 0  # type: ignore[index]
    assert np.abs(np.array(middle[:3]) - np.array([0.1, 0.2, 0.9]) * 255).max() < 60  # type: ignore[index]
    html = patch._repr_html_()
    assert "data:image/png;base64," in html
    assert "targeted:speedLimit45" in html


def test_a_contact_sheet_shows_itself_and_is_still_an_array() -> None:
    sign = load_sign("us/stop")
    texture = sign.texture(64)
    painted = PaintedSign(sign, texture, texture[:1] * 0 + 1)
    sheet = contact_sheet(load_scene("daylight"), painted, frames=2, px=32)
    assert sheet.dtype == np.uint8
    with Image.open(BytesIO(sheet._repr_png_() or b"")) as image:
        assert np.array_equal(np.asarray(image), sheet)
    assert shown(np.zeros((0, 0, 3), np.uint8))._repr_png_() is None
    assert sheet.mean(axis=2)._repr_png_() is None


def test_a_summary_is_a_table_and_names_are_text(tmp_path: Path) -> None:
    patch = colored_patch(name="<b>blue</b>")
    summary = evaluate([patch], [ColorVictim()], [quick_battery(frames=40)], tmp_path, max_asr=0.0)
    html = summary._repr_html_()
    assert "&lt;b&gt;blue&lt;/b&gt;" in html
    assert "<b>blue" not in html
    assert "[max_asr]" in html
    told = repr(summary)
    assert re.fullmatch(
        r"<Summary of 1 results: 1 patches, 1 victims, 1 batteries, targeted success [\d.]+ % \(.*\), n \d+,"
        r" limits broken in 1>",
        told,
    ), told
    assert str(summary) == told
    assert f"{summary.records[0]!r}".startswith("<Record <b>blue</b> on ")
    frame = replay(tmp_path, 0, patch=patch)
    assert repr(frame).startswith("<Replay of row 0: ")
    assert "distance_m" in frame._repr_html_()
    with Image.open(BytesIO(frame._repr_png_())) as image:
        assert image.size == (2 * 512 + 10, 512)


def test_a_prompt_shows_one_line_without_arrays() -> None:
    patch = colored_patch((0.1, 0.2, 0.9), name="two\nlines")
    sign = load_sign("us/stop")
    scene = load_scene("daylight")
    three = torch.ones(3, dtype=torch.int64)
    result = Result(torch.zeros(3, 3, 8, 8), three > 0, three > 0, three, three, three, three, {"l2": three / 2})
    shown_as = {
        repr(patch): ["<Patch two lines: ", " on us/stop", "targeted:speedLimit45"],
        repr(patch.mask): ["<Mask ", "of the sign"],
        repr(PaintedSign(sign, patch.painted(64), patch.sheeting(64))): ["<PaintedSign us/stop: ", "of it covered"],
        repr(scene.sample(5, seed=0)): ["<Conditions of 5 frames: ", " m, ", "deg of yaw>"],
        repr(scene.sample(5, seed=0)[:0]): ["<Conditions of no frames>"],
        repr(result): ["<Result of 3 pictures: success in 3, 3 attacked, 3 frames asked>"],
    }
    for line, words in shown_as.items():
        assert all(word in line for word in words), line
        assert "\n" not in line
        assert "tensor" not in line
        assert len(line) < 250


def test_a_table_is_escaped() -> None:
    assert "<script>" not in html_table("<script>", ["<script>"], [["<script>"]])
