"""Press: what printed colors reflect."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from attack_kit import small_victim
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.interpolate import RegularGridInterpolator

from physadv.attacks import DesignConfig, design
from physadv.attacks.physical.brush_strokes import Graffiti, Strokes
from physadv.attacks.physical.moving_stickers import MovingStickers
from physadv.attacks.physical.perturbations import FullFace, Perturbation, Sticker
from physadv.core.color import linear_to_srgb, srgb_to_linear
from physadv.core.errors import PhysadvError
from physadv.evaluation.subjects import load_candidates
from physadv.patches import build_mask, generic_palette, load_patch, new_patch, parse_mask, parse_paint
from physadv.patches.mask_kinds.rectangles import Stickers
from physadv.patches.printer_colors import (
    Calibration,
    Ink,
    Press,
    as_sent,
    grid,
    interpolate,
    load_calibration,
    save_calibration,
)
from physadv.signs import load_sign


def dull(nodes: int = 5) -> Calibration:
    """A press that makes colors darker and less saturated, with a paper that is not white."""
    linear = srgb_to_linear(grid(nodes))
    made = 0.02 + 0.8 * (0.7 * linear + 0.3 * linear.mean(1, keepdim=True)) * torch.tensor([1.0, 0.97, 0.9])
    return Calibration(name="dull", nodes=nodes, colors=tuple(map(tuple, linear_to_srgb(made).tolist())))


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), nodes=st.integers(2, 9))
def test_interpolation_is_scipys(seed: int, nodes: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    table = torch.rand(nodes, nodes, nodes, 3, generator=generator, dtype=torch.float64)
    colors = torch.rand(3, 20, generator=generator, dtype=torch.float64)
    colors[:, 0], colors[:, 1] = 0.0, 1.0
    line = np.linspace(0, 1, nodes)
    expected = RegularGridInterpolator((line,) * 3, table.numpy())(colors.T.numpy())
    np.testing.assert_allclose(interpolate(table, colors).T.numpy(), expected, atol=1e-12)


def test_gradients_are_finite_differences() -> None:
    table = torch.rand(4, 4, 4, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    colors = 0.05 + 0.2 * torch.rand(3, 6, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda seen: interpolate(table, seen), colors.requires_grad_(True))


def test_a_calibration_is_its_table_at_the_nodes_and_survives_its_file(tmp_path: Path) -> None:
    made = dull()
    save_calibration(made, tmp_path / "press.json")
    again = load_calibration(tmp_path / "press.json")
    assert again == made
    seen = again.press(grid(5).T)
    torch.testing.assert_close(seen.T, srgb_to_linear(torch.tensor(made.colors)))
    picture = torch.rand(3, 7, 5)
    assert again.press(picture).shape == picture.shape
    assert bool((again.press(torch.full((3, 1), 1.2)) == again.press(torch.ones(3, 1))).all())


def test_the_palette_lies_within_what_the_press_makes() -> None:
    palette = dull().press.palette(5)
    assert palette.shape == (125, 3)
    white, black = palette[-1], palette[0]
    assert float(palette.max()) <= float(white.max()) + 1e-6
    torch.testing.assert_close(
        srgb_to_linear(white), torch.tensor([0.82, 0.82 * 0.97 + 0.02 * 0.03, 0.74]), atol=0.02, rtol=0
    )
    assert float(black.min()) >= float(linear_to_srgb(torch.tensor(0.019)))


def test_the_ideal_press_is_srgb() -> None:
    colors = torch.rand(3, 10)
    assert torch.equal(as_sent(colors), srgb_to_linear(colors))
    torch.testing.assert_close(Press(grid(3).reshape(3, 3, 3, 3))(colors), as_sent(colors))


def perturbations(ink: Ink) -> list[Perturbation]:
    sign, device = load_sign("us/stop"), torch.device("cpu")
    mask = build_mask(parse_mask("bars"), sign, px=32)
    common = {"px": 32, "device": device, "ink": ink}
    boxes = {"stickers": [{"left_mm": -200, "top_mm": -150, "width_mm": 400, "height_mm": 300}], "drawn_for_mm": 762}
    return [
        Sticker(sign, mask, parse_paint("free"), palette=generic_palette(), smoothness=0, printability=0, **common),
        FullFace(sign, mask, parse_paint("free"), palette=generic_palette(), sparsity=0.1, **common),
        MovingStickers(
            sign, Stickers.model_validate(boxes), parse_paint("free"), max_area_fraction=0.3, min_side_mm=20, **common
        ),
        Graffiti(sign, Strokes(count=2, width_mm=220), **common),
    ]


@pytest.mark.parametrize("number", range(4))
def test_a_search_sees_what_the_press_prints_and_gradients_pass_through_it(number: int) -> None:
    ideal, printed = perturbations(as_sent)[number], perturbations(lambda sent: 0.5 * srgb_to_linear(sent))[number]
    theta = ideal.begin(torch.Generator().manual_seed(0))
    theta = ideal.project(theta).requires_grad_(True)
    before, after = ideal.painted(theta), printed.painted(theta)
    covered = after.sheeting[0] < 0.01
    assert bool(covered.any())
    torch.testing.assert_close(after.rgba[:3, covered], 0.5 * before.rgba[:3, covered], atol=0.01, rtol=0.02)
    bare = after.sheeting[0] == 1.0
    torch.testing.assert_close(after.rgba[:3, bare], before.rgba[:3, bare], atol=2e-3, rtol=0)
    (gradient,) = torch.autograd.grad(after.rgba.sum(), theta)
    assert bool((gradient != 0).any())


def test_patches_and_their_controls_are_scored_as_they_come_out_of_the_press() -> None:
    sign = load_sign("us/stop")
    mask = build_mask(parse_mask("bars"), sign, px=64)
    patch = new_patch(sign, mask, torch.rand(3, 64, 64, generator=torch.Generator().manual_seed(0)), name="one")
    (plain,) = load_candidates([patch], px=64, device=torch.device("cpu"))
    press = dull().press
    (seen,) = load_candidates([patch], px=64, device=torch.device("cpu"), ink=press)
    assert torch.equal(seen.painted["clean"].rgba, plain.painted["clean"].rgba)
    inside = mask.alpha[0] == 1.0
    for subject in ("patch", "gray", "random"):
        sent = linear_to_srgb(plain.painted[subject].rgba[:3, inside])
        torch.testing.assert_close(seen.painted[subject].rgba[:3, inside], press(sent), atol=2e-3, rtol=0)
    assert seen.sha256 != plain.sha256


def test_a_design_through_a_press_finds_other_paint_and_says_so(tmp_path: Path) -> None:
    save_calibration(dull(), tmp_path / "press.json")
    words = {"mask": "bars", "scenes": ["daylight"], "steps": 3, "views": 4, "texture_px": 32, "held_out_frames": 16}
    words |= {"check_every": 1, "true_class": "stop"}
    victim = small_victim()
    made = {}
    for calibration in (None, str(tmp_path / "press.json")):
        config = DesignConfig.model_validate({**words, "calibration": calibration})
        made[calibration] = design(config, out=tmp_path / str(bool(calibration)), victim=victim)
    plain, pressed = made.values()
    assert not torch.equal(plain.paint, pressed.paint)
    assert load_patch(tmp_path / "True").record.config["calibration"].endswith("press.json")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"nodes": 4}, "asks for its cube"),
        ({"colors": [[0.1, 0.2, 7.0]] * 125}, "from 0 to 1"),
        ({"color": 1}, "unknown key"),
    ],
)
def test_a_wrong_file_is_one_sentence(tmp_path: Path, change: dict[str, object], words: str) -> None:
    import json

    path = tmp_path / "press.json"
    path.write_text(json.dumps({**dull().model_dump(mode="json"), **change}))
    with pytest.raises(PhysadvError, match=words):
        load_calibration(path)
    path.write_text("[]")
    with pytest.raises(PhysadvError, match="physadv calibrate"):
        load_calibration(path)
