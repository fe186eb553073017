"""Paint, printability and composition."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mask_kit import SIGN
from torch import Tensor

from physadv.core.color import linear_to_srgb, srgb_to_linear
from physadv.core.config import Config
from physadv.core.errors import PhysadvError
from physadv.patches import (
    PAINTS,
    Inks,
    PaintConfig,
    PaintedTexels,
    build_mask,
    compose,
    generic_palette,
    load_palette,
    non_printability,
    parse_paint,
    total_variation,
)
from physadv.patches.paint import PaintKind
from physadv.patches.resample import resample

PX = 16


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def some_theta(paint: PaintKind, seed: int = 0) -> Tensor:
    return paint.project(torch.randn(paint.parameters(PX), generator=generator(seed)))


@pytest.mark.parametrize("kind", PAINTS)
def test_every_paint_makes_colors_and_its_projection_changes_none(kind: str) -> None:
    paint = parse_paint(kind)
    raw = 3.0 * torch.randn(paint.parameters(PX), generator=generator())
    theta = paint.project(raw)
    colors = paint.decode(theta)
    assert colors.shape == (3, PX, PX)
    assert colors.min() >= 0.0
    assert colors.max() <= 1.0
    assert torch.allclose(paint.project(theta), theta, atol=1e-6) or kind in {"palette"}
    assert torch.allclose(paint.finalize(theta), colors, atol=1e-5)
    assert not paint.finalize(theta.requires_grad_(True)).requires_grad


@pytest.mark.parametrize("kind", PAINTS)
def test_every_paint_starts_the_same_from_the_same_seed_and_inside_its_limits(kind: str) -> None:
    paint = parse_paint(kind)
    first = paint.init(generator(1), PX)
    assert first.shape == paint.parameters(PX)
    assert torch.equal(first, paint.init(generator(1), PX))
    assert not torch.equal(first, paint.init(generator(2), PX))
    assert torch.allclose(paint.decode(paint.project(first)), paint.decode(first), atol=1e-6)


@pytest.mark.parametrize("kind", PAINTS)
@pytest.mark.parametrize("search", ["adam", "sign"])
def test_every_paint_can_be_searched_with_either_step(kind: str, search: str) -> None:
    """From its start, each paint gets to a bright and a dark half, at the same step size."""
    paint = parse_paint(kind)
    wanted = torch.zeros(1, PX, PX)
    wanted[..., PX // 2 :] = 1.0
    theta = paint.init(generator(), PX).requires_grad_(True)
    adam = torch.optim.Adam([theta], lr=0.05)
    for _ in range(60):
        loss = ((srgb_to_linear(paint.decode(theta)) - wanted) ** 2).mean()
        (theta.grad,) = torch.autograd.grad(loss, theta)
        if search == "adam":
            adam.step()
        with torch.no_grad():
            theta.copy_(paint.project(theta - 0.05 * theta.grad.sign() if search == "sign" else theta))
    gray = paint.finalize(theta).mean(0)
    assert gray[:, PX // 2 :].min() > 0.9
    assert gray[:, : PX // 2].max() < 0.2


@pytest.mark.parametrize("kind", PAINTS)
def test_the_gradient_lives_at_black_and_white(kind: str) -> None:
    paint = parse_paint(kind)
    for extreme in (-5.0, 5.0):
        theta = torch.zeros(paint.parameters(4))
        theta[0] = extreme
        theta = paint.project(theta).requires_grad_(True)
        (slope,) = torch.autograd.grad(srgb_to_linear(paint.decode(theta)).sum(), theta)
        assert slope.abs().max() > 1e-3


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(*[st.floats(0, 1)] * 3), min_size=2, max_size=6), st.integers(0, 99))
def test_a_palette_prints_its_own_colors_only(colors: list[tuple[float, float, float]], seed: int) -> None:
    paint = parse_paint({"kind": "palette", "colors": colors})
    printed = paint.finalize(some_theta(paint, seed))
    table = torch.tensor(colors)
    distance = (printed.flatten(1).T[:, None] - table[None]).abs().amax(-1).amin(1)
    assert distance.max() == 0.0
    shown = resample(printed, torch.ones(1, PX, PX), 3 * PX)
    assert (shown.flatten(1).T[:, None] - table[None]).abs().amax(-1).amin(1).max() == 0.0


def test_a_paint_is_a_field_of_a_configuration() -> None:
    class Recipe(Config):
        paint: PaintConfig

    recipe = Recipe(paint="two-tone")  # type: ignore[arg-type]
    assert recipe.paint.kind == "two-tone"
    assert Recipe.model_validate_json(recipe.model_dump_json()) == recipe
    assert Recipe(paint={"kind": "palette", "colors": [(0, 0, 0), (1, 1, 1)]}).paint.channels == 2  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("gold", "unknown paint 'gold'"),
        ({}, "'kind' is missing"),
        ({"kind": "free", "colors": []}, "unknown key 'colors'"),
        ({"kind": "palette", "colors": [[0, 0, 0]]}, "colors"),
        ({"kind": "palette", "colors": [[0, 0, 0], [0, 0, 255]]}, "255"),
        ({"kind": "two-tone", "temperature": 0}, "temperature"),
    ],
)
def test_a_wrong_paint_is_one_clear_sentence(spec: object, words: str) -> None:
    with pytest.raises(PhysadvError, match=words):
        parse_paint(spec)  # type: ignore[arg-type]


# Resampling and composition ------------------------------------------------------------------------------------------


def test_what_lies_beside_the_mask_does_not_get_into_the_paint() -> None:
    paint = torch.rand(3, 64, 64, generator=generator())
    mask = build_mask("bars", SIGN, px=64)
    other = torch.where(mask.alpha > 0, paint, 1.0 - paint)
    inside = mask.at(16).alpha > 0
    first, second = resample(paint, mask.alpha, 16), resample(other, mask.alpha, 16)
    assert torch.allclose(first * inside, second * inside, atol=1e-6)
    assert not torch.allclose(first, second)


def test_coarser_paint_is_the_mean_light_and_finer_paint_the_same_blocks() -> None:
    paint = torch.rand(3, 12, 12, generator=generator())
    ones = torch.ones(1, 12, 12)
    mean = srgb_to_linear(paint).reshape(3, 6, 2, 6, 2).mean((2, 4))
    assert torch.allclose(resample(paint, ones, 6), linear_to_srgb(mean), atol=1e-5)
    finer = resample(paint, ones, 48)
    assert torch.equal(finer, paint.repeat_interleave(4, 1).repeat_interleave(4, 2))
    assert torch.allclose(resample(finer, torch.ones(1, 48, 48), 12), paint, atol=1e-5)
    assert resample(paint, ones, 7).shape == (3, 7, 7)


def test_paint_covers_the_sign_and_only_there() -> None:
    sign = torch.rand(4, 32, 32, generator=generator(), dtype=torch.float64)
    paint = torch.rand(3, 32, 32, generator=generator(1), dtype=torch.float64)
    sign[3] = 1.0
    mask = build_mask("bars", SIGN, px=32).alpha.double()
    painted = compose(sign, mask, paint)
    expected = sign[:3] * (1 - mask) + paint * mask
    assert torch.allclose(painted[:3], expected)
    assert torch.equal(painted[3], sign[3])
    assert torch.equal(compose(sign, torch.zeros_like(mask), paint), sign)


def test_a_poster_leaves_no_rim_of_the_sign_at_its_edge() -> None:
    poster = build_mask("poster", SIGN, px=33).alpha
    sign = torch.cat([torch.ones(3, 33, 33), poster])
    painted = compose(sign, poster, torch.zeros(3, 33, 33))
    assert painted[:3][:, poster[0] > 0].max() < 1e-6


def test_composition_has_the_right_gradient() -> None:
    sign = torch.rand(4, 5, 5, generator=generator(), dtype=torch.float64)
    mask = torch.rand(1, 5, 5, generator=generator(1), dtype=torch.float64)
    paint = torch.rand(3, 5, 5, generator=generator(2), dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda p: compose(sign, mask, p), paint)


# Printability --------------------------------------------------------------------------------------------------------


def flat(color: tuple[float, float, float]) -> Tensor:
    return torch.tensor(color)[:, None, None].expand(3, 8, 8)


def test_the_generic_palette_is_a_printers_gamut() -> None:
    palette = generic_palette()
    assert 100 < len(palette) < 300
    assert palette.min() > 0.0
    assert palette.max() < 1.0
    gray = palette.mean(1)
    assert gray.max() > 0.95
    assert gray.min() < 0.16
    neon_green = (palette - torch.tensor([0.0, 1.0, 0.0])).norm(dim=1).min()
    assert neon_green > 0.3


def score_of(srgb: Tensor, palette: Tensor, mask: Tensor) -> Tensor:
    texels = PaintedTexels.of(mask)
    return non_printability(texels.colors(srgb), Inks.of(palette), texels)


def test_the_nearest_ink_is_found() -> None:
    inks = Inks.of(generic_palette())
    colors = torch.rand(3, 4000, generator=generator())
    distance = (inks.nearest(colors) - colors).norm(dim=0)
    least = torch.cdist(colors.T, inks.palette).amin(1)
    assert (distance - least).max() < 1 / 32
    assert (distance - least > 1e-4).float().mean() < 0.02


def test_printable_colors_cost_nothing_and_others_their_distance() -> None:
    palette = torch.tensor([[0.0, 0.0, 0.0], [1.0, 1.0, 1.0], [1.0, 0.0, 0.0]])
    mask = torch.ones(1, 8, 8)
    for color in palette.tolist():
        assert float(score_of(flat(tuple(color)), palette, mask)) < 1e-3
    assert float(score_of(flat((0.3, 0.0, 0.0)), palette, mask)) == pytest.approx(0.3, abs=1e-3)
    assert float(score_of(flat((0.0, 1.0, 0.0)), palette, mask)) == pytest.approx(1.0, abs=1e-3)


def test_the_penalty_has_a_gradient_even_with_a_great_palette() -> None:
    """Where the product of Sharif et al. has underflowed."""
    palette = generic_palette()
    color = flat((0.0, 0.9, 0.1)).clone().requires_grad_(True)
    distances = (color[:, 0, 0] - palette).norm(dim=1).detach()
    assert float(distances.prod()) < 1e-20
    score = score_of(color, palette, torch.ones(1, 8, 8))
    (slope,) = torch.autograd.grad(score, color)
    assert score > 0.1
    assert float(slope.sum((1, 2)).norm()) > 0.5


def test_only_painted_texels_count() -> None:
    palette = torch.tensor([[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]])
    mask = torch.zeros(1, 8, 8)
    assert float(score_of(flat((0.5, 0.5, 0.5)), palette, mask)) == 0.0
    mask[0, :2] = 1.0
    colors = torch.zeros(3, 8, 8)
    colors[:, 2:] = 0.5
    assert float(score_of(colors, palette, mask)) < 1e-3


def test_palettes_are_read_as_triplets(tmp_path: Path) -> None:
    path = tmp_path / "triplets.txt"
    path.write_text("0.1,0.2,0.3\n\n1,1,1\n", encoding="utf-8")
    assert torch.allclose(load_palette(path), torch.tensor([[0.1, 0.2, 0.3], [1, 1, 1]]))
    for text, words in [
        ("0.1,0.2\n", "line 1"),
        ("0,0,0\n1,2,3\n", "line 2"),
        ("0,0,nan\n", "line 1"),
        ("red\n", "line 1"),
        ("", "0 colors"),
    ]:
        path.write_text(text, encoding="utf-8")
        with pytest.raises(PhysadvError, match=words):
            load_palette(path)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(PhysadvError, match="not a text file"):
        load_palette(path)
    with pytest.raises(PhysadvError, match="cannot be read"):
        load_palette(tmp_path / "none.txt")


def test_variation_does_not_depend_on_resolution_nor_on_what_is_not_painted() -> None:
    def ramp(px: int) -> Tensor:
        return torch.linspace(0.5 / px, 1 - 0.5 / px, px).expand(3, px, px)

    def variation(paint: Tensor, mask: Tensor) -> float:
        texels = PaintedTexels.of(mask)
        return float(total_variation(texels.colors(paint), texels))

    values = [variation(ramp(px), build_mask("bars", SIGN, px=px).alpha) for px in (64, 128, 256)]
    assert values == pytest.approx([values[1]] * 3, rel=0.08)
    mask = build_mask("bars", SIGN, px=64).alpha
    noise = torch.where(mask > 0, 0.5, torch.rand(3, 64, 64, generator=generator()))
    assert variation(noise, mask) == pytest.approx(0.0, abs=1e-6)
    assert variation(torch.rand(3, 64, 64, generator=generator()), mask) > 0.1
