"""The roadside as a whole: gradients, replay, independence of the batch, shipped scenes, backdrops, contact sheet."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image
from scene_kit import conditions, linear, middle, painted, quiet, roadside, square, stop_sign
from torch import Tensor
from torch.nn import functional

from physadv.core.errors import PhysadvError
from physadv.core.images import read_image
from physadv.scenes import Conditions, PaintedSign, Roadside, load_scene, scene_names
from physadv.scenes.camera.geometry import crop_box, homography
from physadv.scenes.contact_sheet import contact_sheet, write_contact_sheet
from physadv.scenes.roadside.backdrop import HEIGHT, WIDTH, backdrop_atlas, draw_backdrop, find_backdrops

SIZE = (32, 32)


ROADSIDES = [name for name in scene_names() if load_scene(name).kind == "roadside"]


def preset(name: str) -> Roadside:
    scene = load_scene(name)
    assert isinstance(scene, Roadside)
    return scene


# gradients


def differentiable(scene: Roadside, seen: Conditions, size: tuple[int, int], px: int) -> tuple[PaintedSign, Tensor]:
    """A sign in random colors well inside the gamut, and weights for a loss, in float64."""
    generator = torch.Generator().manual_seed(int(seen.index[0]) + px)
    colors = 0.15 + 0.5 * torch.rand(3, px, px, generator=generator, dtype=torch.float64)
    weights = torch.rand(len(seen), 3, *size, generator=generator, dtype=torch.float64)
    return painted(colors, px=px, dtype=torch.float64), weights


def smooth(seen: Conditions) -> Conditions:
    """Without what is deliberately constant (noise) or passed straight through (JPEG), nor over-exposed."""
    return replace(
        seen,
        jpeg_quality=torch.full((len(seen),), 101.0),
        exposure_ev=seen.exposure_ev.clamp(max=-0.5),
        contrast=seen.contrast.clamp(max=1.2),
    )


@pytest.mark.parametrize("name", ROADSIDES)
@pytest.mark.parametrize("size", [(24, 24), (40, 28)])
def test_gradients_agree_with_finite_differences(name: str, size: tuple[int, int]) -> None:
    scene = preset(name)
    seen = smooth(scene.sample(8, seed=3, start=20))
    sign, weights = differentiable(scene, seen, size, px=32)
    exposure = scene.expose(sign, seen, size=size)
    exposure = replace(exposure, unit_noise=torch.zeros_like(exposure.unit_noise))

    def loss(rgba: Tensor) -> Tensor:
        return (scene.record(sign.repainted(rgba), exposure) * weights).sum()

    leaf = sign.rgba.clone().requires_grad_(True)
    (gradient,) = torch.autograd.grad(loss(leaf), leaf)

    def difference(direction: Tensor, step: float = 1e-5) -> float:
        return float(loss(sign.rgba + step * direction) - loss(sign.rgba - step * direction)) / (2 * step)

    generator = torch.Generator().manual_seed(1)
    everywhere = torch.randn(sign.rgba.shape, generator=generator, dtype=torch.float64)
    everywhere[3] = 0.0
    assert difference(everywhere) == pytest.approx(float((gradient * everywhere).sum()), rel=1e-5)
    inside = (sign.rgba[3] > 0.9).nonzero()
    for row, column in inside[torch.randperm(len(inside), generator=generator)[:6]].tolist():
        channel = int(torch.randint(3, (), generator=generator))
        texel = torch.zeros_like(sign.rgba)
        texel[channel, row, column] = 1.0
        assert difference(texel) == pytest.approx(float(gradient[channel, row, column]), rel=1e-4, abs=1e-9)


@pytest.mark.parametrize("px", [128, 256])
def test_gradients_reach_every_texel_of_the_paint(px: int) -> None:
    scene = preset("wide")
    seen = scene.sample(400, seed=1)
    near = seen[(seen.distance_m < 4.0) & (seen.exposure_ev > -2)][:24]
    assert len(near) == 24
    leaf = painted(0.3, px=px).rgba.requires_grad_(True)
    sign = painted(px=px).repainted(leaf)
    (gradient,) = torch.autograd.grad(scene.render(sign, near, size=SIZE).sum(), leaf)
    assert torch.isfinite(gradient).all()
    paint = leaf.detach()[3] > 0.5
    assert (gradient[:3, paint] > 0).all()
    total = gradient[:3, paint].sum(0)
    assert float(total.max() / total.median()) < 50  # no texel is favored


def test_no_gradient_comes_from_beyond_the_outline() -> None:
    leaf = painted(0.3).rgba.requires_grad_(True)
    frames = preset("wide").render(painted().repainted(leaf), preset("wide").sample(4, seed=0), size=SIZE)
    (gradient,) = torch.autograd.grad(frames.sum(), leaf)
    assert (gradient[:3, leaf.detach()[3] == 0] == 0).all()


# replay


def through_parquet(seen: Conditions, path: Path) -> Conditions:
    pq.write_table(pa.table(seen.to_columns()), path)
    table = pq.read_table(path)
    return Conditions.from_columns({name: table[name].to_numpy() for name in table.column_names})


@pytest.mark.parametrize("name", ROADSIDES)
def test_a_frame_is_replayed_bit_by_bit_from_the_table(name: str, tmp_path: Path) -> None:
    scene, sign = preset(name), painted()
    seen = scene.sample(12, seed=2**45 + 1, start=7)
    again = through_parquet(seen, tmp_path / "conditions.parquet")
    for (column, before), (_, after) in zip(seen.items(), again.items(), strict=True):
        assert before.dtype == after.dtype, column
        assert torch.equal(before, after), column
    assert torch.equal(scene.render(sign, seen, size=SIZE), scene.render(sign, again, size=SIZE))
    assert torch.equal(scene.view(sign, 12, seed=2**45 + 1, start=7, size=SIZE), scene.render(sign, seen, size=SIZE))


@pytest.mark.parametrize("name", ROADSIDES)
def test_a_frame_is_the_same_in_any_batch(name: str) -> None:
    scene, sign = preset(name), painted()
    seen = scene.sample(24, seed=9)
    whole = scene.render(sign, seen, size=SIZE)
    for which in (slice(0, 1), slice(5, 12), slice(23, 24), torch.tensor([3, 19, 8])):
        part = scene.render(sign, seen[which], size=SIZE)
        # rounding in another order can move a JPEG coefficient over an edge: one step in one block, and rarely
        difference = (part - whole[which]).abs()
        assert float((difference > 1e-4).float().mean()) < 1e-3
        assert difference.max() < 0.15
    plain = replace(seen, jpeg_quality=torch.full((24,), 101.0))
    whole = scene.render(sign, plain, size=SIZE)
    for k in range(24):
        torch.testing.assert_close(scene.render(sign, plain[k : k + 1], size=SIZE)[0], whole[k], rtol=0, atol=2e-5)


def test_a_short_streak_is_the_same_beside_a_long_one() -> None:
    """The blur has more taps where a frame of the batch has a long streak; the other frames must not notice."""
    seen = conditions(distance_m=60.0, shutter_s=0.01, shake_deg_s=[1.6, 60.0, 0.0])
    frames = quiet(roadside(), painted(), seen, SIZE)
    for k in (0, 2):
        torch.testing.assert_close(quiet(roadside(), painted(), seen[k : k + 1], SIZE)[0], frames[k], rtol=0, atol=2e-6)
    assert (frames[0] - frames[2]).abs().max() > 1e-3
    assert (frames[1] - frames[2]).abs().max() > 0.1


def test_rendering_writes_nothing_into_what_it_is_given() -> None:
    sign, seen = painted(), preset("wide").sample(6, seed=0)
    before = sign.rgba.clone(), sign.sheeting.clone(), {name: value.clone() for name, value in seen.items()}
    preset("wide").render(sign, seen, size=SIZE)
    assert torch.equal(sign.rgba, before[0])
    assert torch.equal(sign.sheeting, before[1])
    assert all(torch.equal(value, before[2][name]) for name, value in seen.items())


def test_double_precision_shows_the_same_frames() -> None:
    seen = smooth(preset("wide").sample(8, seed=0))
    single, double = (
        preset("wide").render(painted(dtype=kind), seen, size=SIZE) for kind in (torch.float32, torch.float64)
    )
    assert double.dtype == torch.float64
    difference = (single - double).abs()
    assert difference.mean() < 1e-4  # a level of the mip map can tip over where a footprint is on its edge
    assert difference.flatten(1).amax(1).median() < 2e-3


# shipped scenes


@pytest.mark.parametrize("name", ROADSIDES)
def test_a_shipped_scene_renders(name: str) -> None:
    scene = preset(name)
    leaf = painted().rgba.requires_grad_(True)
    seen = scene.sample(24, seed=1)
    frames = scene.render(painted().repainted(leaf), seen, size=(40, 36))
    (gradient,) = torch.autograd.grad(frames.square().sum(), leaf)
    frames = frames.detach()
    assert frames.shape == (24, 3, 40, 36)
    assert torch.isfinite(frames).all()
    assert 0.0 <= float(frames.min()) < float(frames.max()) <= 1.0
    assert (frames.flatten(1).std(1) > 0.01).all()
    assert torch.isfinite(gradient).all()
    assert (gradient[:3] != 0).any()


def test_the_stop_sign_is_red_and_in_the_middle() -> None:
    frames = linear(
        preset("stationary-15").render(painted(), preset("stationary-15").sample(15, seed=0), size=(48, 48))
    )
    red, green, blue = middle(frames, 0.5).mean((2, 3)).T
    assert (red > 1.2 * green).all()
    assert (red / green).median() > 2
    assert (red / blue).median() > 2


@pytest.mark.parametrize("size", [(80, 20), (20, 80), (70, 90)])
def test_a_picture_larger_than_the_crop_is_enlarged(size: tuple[int, int]) -> None:
    """The camera has no more pixels than it has: 40 of them are resized, whatever the picture's own size is."""
    seen = conditions(distance_m=[38.0, 38.0], yaw_deg=[0.0, 10.0], crop_square=1.0)
    box = crop_box(stop_sign(), seen, homography(seen, aim="sign"))
    side = int(box.width[0])
    assert side == int(box.height[1]) < 60
    small = quiet(roadside(), painted(), seen, (min(size[0], side), min(size[1], side)))
    expected = functional.interpolate(small, size=size, mode="bilinear", antialias=True)
    torch.testing.assert_close(quiet(roadside(), painted(), seen, size), expected, rtol=0, atol=1e-3)
    mixed = conditions(distance_m=[38.0, 4.0], crop_square=1.0)  # only one frame of the batch needs it
    alone = quiet(roadside(), painted(), mixed[1:], size)
    torch.testing.assert_close(quiet(roadside(), painted(), mixed, size)[1:], alone, rtol=0, atol=2e-6)


def test_oversampling_keeps_the_picture() -> None:
    seen = conditions(distance_m=[2.0, 6.0, 30.0], yaw_deg=[40.0, 0.0, 20.0])
    once, twice = (quiet(roadside(oversample=k), painted(), seen, SIZE) for k in (1, 2))
    assert (once - twice).abs().mean() < 0.03


def test_the_backdrop_shows_beside_the_sign_and_not_through_it() -> None:
    seen = conditions(background=[0, 1], crop_margin=0.5)
    one, other = quiet(roadside(), square(torch.full((3, 64, 64), 0.4)), seen, SIZE)
    difference = (one - other).abs()
    assert middle(difference, 0.4).max() < 1e-6
    assert difference[:, :6].mean() > 0.02


# backdrops


def test_drawn_backdrops_are_pictures_of_their_number_alone() -> None:
    first = draw_backdrop(3)
    assert first.shape == (HEIGHT, WIDTH, 3)
    assert first.dtype == np.float32
    assert 0.0 <= first.min() < first.max() <= 1.0
    assert np.array_equal(first, draw_backdrop(3))
    assert np.abs(first - draw_backdrop(4)).mean() > 0.02


def flat_pictures(folder: Path, colors: list[tuple[int, int, int]]) -> None:
    folder.mkdir()
    for number, color in enumerate(colors):
        kind = "jpg" if number % 2 else "PNG"
        Image.new("RGB", (90, 60), color).save(folder / f"{number}.{kind}", format="JPEG" if number % 2 else "PNG")
    (folder / "notes.txt").write_text("not a picture")


def test_a_folder_of_photographs_is_the_backdrop(tmp_path: Path) -> None:
    colors = [(200, 30, 30), (30, 200, 30), (30, 30, 200)]
    flat_pictures(tmp_path / "streets", colors)
    (tmp_path / "mine.yaml").write_text("name: mine\nbackdrops: streets\nconditions: {crop_margin: 0.6}\n")
    scene = load_scene(tmp_path / "mine.yaml")  # a relative path starts at the scene's file
    assert isinstance(scene, Roadside)
    seen = conditions(background=[0, 1, 2, 3], crop_margin=0.6)
    frames = quiet(scene, painted(0.2), seen, SIZE)
    corners = frames[:, :, :3, :3].mean((2, 3))
    expected = torch.tensor([*colors, colors[0]]) / 255.0
    torch.testing.assert_close(corners, expected, rtol=0, atol=0.02)


def test_a_folder_of_photographs_that_is_not_one(tmp_path: Path) -> None:
    with pytest.raises(PhysadvError, match=r"nowhere.*no such folder"):
        roadside(backdrops=str(tmp_path / "nowhere"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(PhysadvError, match=r"empty.*has no picture \(.*\.jpg.*\.png"):
        roadside(backdrops=str(tmp_path / "empty"))
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "street.jpg").write_bytes(b"\xff\xd8 no")
    with pytest.raises(PhysadvError, match=r"street\.jpg: not a readable picture"):
        roadside(backdrops=str(tmp_path / "broken")).render(painted(), conditions(), size=SIZE)


def test_backdrop_levels_do_not_bleed_into_each_other(tmp_path: Path) -> None:
    """White beside black pictures in one atlas: a frame of either shows nothing of the other at any distance."""
    flat_pictures(tmp_path / "streets", [(255, 255, 255), (0, 0, 0)])
    scene = roadside(backdrops=str(tmp_path / "streets"))
    number = torch.arange(40) % 2
    seen = conditions(
        background=number,
        distance_m=torch.logspace(0.2, 1.87, 40),
        backdrop_x=torch.linspace(0, 1, 40),
        backdrop_y=torch.linspace(1, 0, 40),
        hfov_deg=90.0,
        crop_margin=0.5,
    )
    atlas, count = backdrop_atlas(find_backdrops(str(tmp_path / "streets")), torch.device("cpu"))
    assert count == 2
    assert atlas.shape[0] == 3
    sides = [quiet(scene, square(torch.full((3, 32, 32), level)), seen, (24, 24))[..., :8] for level in (1.0, 0.0)]
    assert sides[0][number == 0].min() > 0.97
    assert sides[1][number == 1].max() < 0.03


# contact sheet


@pytest.mark.parametrize("name", ["wide", "drive-by"])
def test_a_contact_sheet_shows_every_frame_and_its_conditions(name: str) -> None:
    scene, sign = preset(name), painted()
    sheet = contact_sheet(scene, sign, frames=5, px=64, seed=2, columns=3)
    assert sheet.dtype == np.uint8
    cells = [sheet[12 + r * 136 : 76 + r * 136, 12 + c * 76 : 76 + c * 76] for r in range(2) for c in range(3)]
    assert all(cell.std() > 3 for cell in cells[:5])
    assert (cells[5] == 255).all()
    lines = [sheet[76 + 15 * line : 91 + 15 * line, 12:76] for line in range(3)]
    assert all((line < 192).any() for line in lines)


def test_a_contact_sheet_is_a_png(tmp_path: Path) -> None:
    out = tmp_path / "sheets" / "dusk.png"
    write_contact_sheet(out, scene="dusk", frames=4, px=48)
    assert read_image(out).std() > 10
    assert [path.name for path in out.parent.iterdir()] == ["dusk.png"]


def test_a_contact_sheet_of_nothing_that_is_there(tmp_path: Path) -> None:
    out = tmp_path / "sheet.png"
    for options, words in (
        ({"scene": "dask"}, "unknown scene"),
        ({"scene": "dusk", "sign": "us/stopp"}, "us/stop"),
        ({"scene": "dusk", "patch": tmp_path / "none"}, "none"),
    ):
        with pytest.raises(PhysadvError, match=words):
            write_contact_sheet(out, frames=1, px=16, **options)  # type: ignore[arg-type]
    with pytest.raises(PhysadvError, match=r"should end in \.png"):
        write_contact_sheet(tmp_path / "sheet.jpg", scene="dusk")
    assert not list(tmp_path.iterdir())


# another device


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
@pytest.mark.parametrize("name", ROADSIDES)
def test_cuda_shows_the_same_frames(name: str) -> None:
    scene, sign = preset(name), painted()
    seen = replace(scene.sample(32, seed=4), jpeg_quality=torch.full((32,), 101.0))
    there = PaintedSign(sign.sign, sign.rgba.cuda(), sign.sheeting.cuda())
    frames = scene.render(there, seen, size=SIZE)
    assert frames.device.type == "cuda"
    torch.testing.assert_close(frames.cpu(), scene.render(sign, seen, size=SIZE), rtol=0, atol=2e-3)
