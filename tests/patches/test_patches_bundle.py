"""The bundle on disk, its controls, and patches from pictures."""

from __future__ import annotations

import filecmp
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from physadv.core.color import linear_to_srgb, to_uint8
from physadv.core.errors import PhysadvError
from physadv.patches import (
    BUNDLE_PX,
    CONTROLS,
    Patch,
    VictimNote,
    build_mask,
    control_patch,
    load_patch,
    new_patch,
    parse_paint,
    patch_from_picture,
    save_patch,
)
from physadv.patches import bundle as bundle_module
from physadv.patches.controls import detail_px
from physadv.signs import load_sign

PICTURES = ("painted.png", "mask.png", "paint.png")
FILES = (*PICTURES, "patch.json")


def a_patch(kind: str = "bars", paint: str = "free", px: int = 64) -> Patch:
    sign = load_sign("us/stop")
    parts = parse_paint(paint)
    theta = parts.project(0.5 + torch.randn(parts.parameters(px), generator=torch.Generator().manual_seed(5)))
    made = {
        "paint": parts.model_dump(mode="json"),
        "attack": "by hand",
        "config": {"steps": 3},
        "goal": "untargeted",
        "seed": 5,
        "victim": VictimNote(name="v", sha256="0" * 64),
        "measured": {"success": 0.5},
    }
    return new_patch(sign, build_mask(kind, sign, px=px), parts.finalize(theta), name="p", made=made)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundles") / "p"
    save_patch(a_patch(), folder)
    return folder


@pytest.fixture
def copy(saved: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "copy"
    folder.mkdir()
    for name in FILES:
        (folder / name).write_bytes((saved / name).read_bytes())
    return folder


@pytest.mark.parametrize(("kind", "paint"), [("bars", "two-tone"), ("graffiti", "free"), ("poster", "palette")])
def test_a_bundle_comes_back_to_the_bit(kind: str, paint: str, tmp_path: Path) -> None:
    patch = a_patch(kind, paint)
    save_patch(patch, tmp_path / "a")
    loaded = load_patch(tmp_path / "a")
    save_patch(loaded, tmp_path / "b")
    for name in FILES:
        assert filecmp.cmp(tmp_path / "a" / name, tmp_path / "b" / name, shallow=False), name
    assert loaded.record == patch.record
    assert (loaded.painted(64) - patch.painted(64)).abs().max() < 0.006
    stored = np.asarray(Image.open(tmp_path / "a" / "painted.png"))
    shown = loaded.painted(BUNDLE_PX)
    assert np.array_equal(stored, to_uint8(torch.cat([linear_to_srgb(shown[:3]), shown[3:]])))


def test_the_pictures_are_what_the_names_say(saved: Path) -> None:
    painted, paint = (np.asarray(Image.open(saved / name)) for name in ("painted.png", "paint.png"))
    mask = Image.open(saved / "mask.png")
    assert mask.mode == "L"
    assert painted.shape == paint.shape == (BUNDLE_PX, BUNDLE_PX, 4)
    covered = np.asarray(mask) == 255
    assert np.array_equal(painted[covered][:, :3], paint[covered][:, :3])
    assert (paint[np.asarray(mask) == 0][:, 3] == 0).all()
    sign = load_sign("us/stop").texture(BUNDLE_PX)
    bare = to_uint8(torch.cat([linear_to_srgb(sign[:3]), sign[3:]]))
    assert np.array_equal(painted[np.asarray(mask) == 0], bare[np.asarray(mask) == 0])
    width = (painted[BUNDLE_PX // 2, :, 3] > 127).sum()
    assert width == BUNDLE_PX


def test_a_palette_stays_the_palette_on_paper(tmp_path: Path) -> None:
    patch = a_patch("bars", "palette", px=96)
    save_patch(patch, tmp_path / "p")
    pixels = np.asarray(Image.open(tmp_path / "p" / "paint.png"))
    printed = {tuple(color) for color in pixels[pixels[..., 3] > 0][:, :3].tolist()}
    palette = parse_paint("palette").finalize(torch.eye(5)[:, :, None])
    assert printed == {tuple(color) for color in to_uint8(palette)[:, 0].tolist()}


def test_the_record_says_it_all(saved: Path) -> None:
    record = json.loads((saved / "patch.json").read_text())
    assert record["schema_version"] == 1
    assert record["notice"] == "test artefact, not for public roads"
    assert record["sign_width_mm"] == 762.0
    assert record["mask"]["kind"] == "bars"
    assert 0.135 < record["area_fraction"] < 0.145
    assert record["victim"]["sha256"] == "0" * 64
    assert record["config"] == {"steps": 3}
    assert {"physadv", "torch", "python"} <= set(record["versions"])


def test_uncovered_sheeting_is_what_the_mask_leaves() -> None:
    patch = a_patch()
    assert torch.equal(patch.sheeting(128), 1.0 - patch.mask.at(128).alpha)


def test_an_existing_folder_is_kept_unless_told_otherwise(copy: Path) -> None:
    before = (copy / "patch.json").read_bytes()
    with pytest.raises(PhysadvError, match="exists already"):
        save_patch(a_patch("poster"), copy)
    assert (copy / "patch.json").read_bytes() == before
    save_patch(a_patch("poster"), copy, replace=True)
    assert load_patch(copy).mask.config.kind == "poster"
    assert [path.name for path in copy.parent.iterdir()] == ["copy"]


def test_a_failed_save_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, pixels: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(bundle_module, "write_png", full)
    with pytest.raises(PhysadvError, match="No space left"):
        save_patch(a_patch(), tmp_path / "p")
    assert list(tmp_path.iterdir()) == []


def edited(folder: Path, **keys: Any) -> None:
    record = json.loads((folder / "patch.json").read_text())
    (folder / "patch.json").write_text(json.dumps({**record, **keys}))


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"schema_version": 2}, "schema_version = 2; this physadv reads version 1"),
        ({"schema_version": None}, "schema_version = None"),
        ({"sign": "us/stopp"}, "us/stopp"),
        ({"sign_width_mm": 900.0}, "762 x 762 mm"),
        ({"area_fraction": 0.9}, "area_fraction = 0.9"),
        ({"area_fraction": 2.0}, "area_fraction"),
        ({"mask": {"kind": "poster"}}, "mask.png"),
        ({"mask": {"kind": "bard"}}, "unknown mask 'bard'"),
        ({"created": "yesterday"}, "created"),
        ({"nmae": "x"}, "unknown key 'nmae'"),
    ],
)
def test_a_record_that_is_wrong_is_refused(copy: Path, keys: dict[str, Any], words: str) -> None:
    edited(copy, **keys)
    with pytest.raises(PhysadvError, match=words) as caught:
        load_patch(copy)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(copy: Path, name: str) -> None:
    (copy / name).unlink()
    with pytest.raises(PhysadvError, match=name):
        load_patch(copy)


@pytest.mark.parametrize("name", FILES)
def test_a_truncated_file_is_named(copy: Path, name: str) -> None:
    whole = (copy / name).read_bytes()
    (copy / name).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(PhysadvError, match=name):
        load_patch(copy)


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_of_another_size_is_refused(copy: Path, name: str) -> None:
    Image.open(copy / name).resize((512, 1024)).save(copy / name)
    with pytest.raises(PhysadvError, match=f"{name}: is 512 x 1024 pixels"):
        load_patch(copy)


@pytest.mark.parametrize("digest", ["", None, 0, "0" * 64])
def test_a_bundle_whose_digest_was_emptied_is_edited(copy: Path, digest: Any) -> None:
    edited(copy, sha256=digest)
    patch = load_patch(copy)
    assert (patch.edited, patch.unchecked) == (True, False)


def test_a_bundle_without_a_digest_is_not_checked(copy: Path) -> None:
    assert not load_patch(copy).unchecked
    record = json.loads((copy / "patch.json").read_text())
    del record["sha256"]
    (copy / "patch.json").write_text(json.dumps(record))
    patch = load_patch(copy)
    assert (patch.edited, patch.unchecked) == (False, True)


@pytest.mark.parametrize("name", ["painted.png", "paint.png"])
def test_a_picture_without_alpha_is_refused(copy: Path, name: str) -> None:
    Image.open(copy / name).convert("RGB").save(copy / name)
    with pytest.raises(PhysadvError, match=f"{name}: has no alpha channel; it should be RGBA"):
        load_patch(copy)


@pytest.mark.parametrize("alpha", [0, 255])
def test_an_outline_that_is_not_the_signs_is_refused(copy: Path, alpha: int) -> None:
    picture = Image.open(copy / "painted.png")
    picture.putalpha(alpha)
    picture.save(copy / "painted.png")
    with pytest.raises(PhysadvError, match=r"painted\.png: does not show sign us/stop"):
        load_patch(copy)


def test_what_is_no_patch_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(PhysadvError, match="no patch there"):
        load_patch(tmp_path / "none")
    (tmp_path / "patch.json").write_text("[1]")
    with pytest.raises(PhysadvError, match="holds list"):
        load_patch(tmp_path)


def test_a_shipped_patch_is_found_by_its_name(saved: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(bundle_module, "bundled", lambda folder: saved.parent)
    monkeypatch.chdir(tmp_path)
    assert load_patch("p").name == "p"
    with pytest.raises(PhysadvError, match=r"come with physadv: p$"):
        load_patch("q")


@pytest.mark.parametrize(
    ("paint", "words"),
    [
        (torch.zeros(1, 8, 8), "shape"),
        (torch.zeros(3, 8, 9), "shape"),
        (torch.full((3, 8, 8), 1.5), "outside of 0 to 1"),
    ],
)
def test_a_paint_that_is_none_is_refused(paint: Tensor, words: str) -> None:
    patch = a_patch()
    with pytest.raises(PhysadvError, match=words):
        new_patch(patch.sign, patch.mask, paint, name="p")


# Controls ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", CONTROLS)
def test_every_control_is_on_the_same_place_and_can_be_kept(kind: str, tmp_path: Path) -> None:
    patch = a_patch("bars", "palette")
    control = control_patch(patch, kind, 7)
    assert control.sign is patch.sign
    assert control.paint.shape == patch.paint.shape
    assert control.name == f"p ({kind})"
    assert torch.equal(control.paint, control_patch(patch, kind, 7).paint)
    assert kind == "clean" or torch.equal(control.mask.alpha, patch.mask.alpha)
    save_patch(control, tmp_path / kind)
    assert (load_patch(tmp_path / kind).painted(64) - control.painted(64)).abs().max() < 0.006


def test_the_clean_control_is_the_bare_sign() -> None:
    control = control_patch(a_patch(), "clean")
    assert torch.allclose(control.painted(64), control.sign.texture(64))
    assert float(control.sheeting(64).min()) == 1.0


def test_the_gray_control_reflects_18_per_cent() -> None:
    control = control_patch(a_patch(), "gray")
    inside = control.mask.at(256).alpha[0] == 1.0
    assert control.painted(256)[:3, inside].numpy() == pytest.approx(0.18, abs=1e-4)


def blocks(side: int, px: int = 128) -> Tensor:
    count = px // side + 1
    field = torch.rand(3, count, count, generator=torch.Generator().manual_seed(side))
    return field.repeat_interleave(side, 1).repeat_interleave(side, 2)[:, :px, :px]


@pytest.mark.parametrize("side", [1, 3, 6])
def test_the_random_control_has_the_patchs_colors_and_detail(side: int) -> None:
    sign = load_sign("us/stop")
    patch = new_patch(sign, build_mask("poster", sign, px=128), blocks(side), name="p")
    control = control_patch(patch, "random", 1)
    mask = patch.mask.alpha[0]
    assert detail_px(control.paint.mean(0), mask) == pytest.approx(side, rel=0.2)
    inside = mask > 0.5
    for statistic in (torch.mean, torch.std):
        expected = statistic(patch.paint[:, inside], dim=1)
        assert torch.allclose(statistic(control.paint[:, inside], dim=1), expected, atol=0.05)
    correlation = torch.corrcoef(torch.stack([control.paint[0][inside], patch.paint[0][inside]]))[0, 1]
    assert abs(float(correlation)) < 0.15
    assert not torch.equal(control.paint, control_patch(patch, "random", 2).paint)


def test_the_random_control_of_a_plain_patch_is_not_plain() -> None:
    patch = a_patch()
    plain = replace(patch, paint=torch.zeros_like(patch.paint))
    assert control_patch(plain, "random").paint.std() > 0.1


def test_an_unknown_control_is_refused() -> None:
    with pytest.raises(PhysadvError, match="unknown control 'green'"):
        control_patch(a_patch(), "green")


# Pictures ------------------------------------------------------------------------------------------------------------


def test_a_picture_becomes_a_patch(tmp_path: Path) -> None:
    sign = load_sign("us/stop")
    pixels = np.zeros((300, 500, 4), dtype=np.uint8)
    pixels[:, :250] = (255, 0, 0, 255)
    pixels[:, 250:] = (0, 0, 255, 255)
    pixels[:30] = (9, 9, 9, 0)
    Image.fromarray(pixels).save(tmp_path / "art.png")
    patch = patch_from_picture(sign, build_mask("poster", sign), tmp_path / "art.png", name="art")
    paint = patch.paint
    assert paint.shape == (3, BUNDLE_PX, BUNDLE_PX)
    assert paint[:, 600, 400].tolist() == [1.0, 0.0, 0.0]
    assert paint[:, 600, 600].tolist() == [0.0, 0.0, 1.0]
    assert paint[:, 5, 5].tolist() == [1.0, 1.0, 1.0]
    save_patch(patch, tmp_path / "art")
    assert load_patch(tmp_path / "art").name == "art"


def test_a_picture_can_fill_the_box_of_the_mask(tmp_path: Path) -> None:
    sign = load_sign("us/stop")
    pixels = np.zeros((100, 100, 3), dtype=np.uint8)
    pixels[50:, :, 1] = 255
    Image.fromarray(pixels).save(tmp_path / "art.png")
    mask = build_mask(
        {"kind": "stickers", "stickers": [{"left_mm": -50, "top_mm": 150, "width_mm": 100, "height_mm": 100}]}, sign
    )
    patch = patch_from_picture(sign, mask, tmp_path / "art.png", name="art", fit="mask")
    texel = BUNDLE_PX / sign.extent_mm
    middle = round((200 + sign.extent_mm / 2) * texel)
    assert patch.paint[:, middle - 20, 512].tolist() == [0.0, 0.0, 0.0]
    assert patch.paint[:, middle + 20, 512].tolist() == [0.0, 1.0, 0.0]


def test_a_picture_that_is_none_is_refused(tmp_path: Path) -> None:
    patch = a_patch()
    (tmp_path / "art.png").write_text("no picture")
    with pytest.raises(PhysadvError, match=r"art\.png: not a readable picture"):
        patch_from_picture(patch.sign, patch.mask, tmp_path / "art.png", name="art")
    with pytest.raises(PhysadvError, match="mask is empty"):
        patch_from_picture(patch.sign, patch.mask.emptied(), tmp_path / "art.png", name="art")
