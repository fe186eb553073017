"""Sheets in a printer's own colors: through ICC profiles whose inks are known, and through files that are none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pypdfium2
import pytest
import torch
from cli_kit import Command, refused
from icc_kit import cmyk_profile, inks, printed
from PIL import Image, ImageCms
from pypdfium2 import raw

from physadv.core.color import srgb_to_linear
from physadv.patches import build_mask, new_patch, parse_mask, save_patch
from physadv.photos.rig.rig import load_rig
from physadv.printing.printer_profile import conversion
from physadv.signs import load_sign

COLORS = {"pink": (230, 20, 160), "green": (10, 200, 60), "gray": (128, 128, 128), "white": (255, 255, 255)}


def linear_of(color: tuple[int, int, int]) -> np.ndarray:
    return srgb_to_linear(torch.tensor(color, dtype=torch.float64) / 255.0).numpy()


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A sticker of 60 x 40 mm for each color."""
    sign = load_sign("us/stop")
    paint = torch.zeros(3, 1024, 1024)
    stickers = []
    for number, color in enumerate(COLORS.values()):
        stickers.append({"left_mm": -300 + 150 * number, "top_mm": -20, "width_mm": 60, "height_mm": 40})
        middle = round((stickers[-1]["left_mm"] + 30 + sign.extent_mm / 2) / sign.extent_mm * 1024)
        paint[:, :, middle - 80 : middle + 80] = torch.tensor(color).reshape(3, 1, 1) / 255.0
    mask = build_mask(parse_mask({"kind": "stickers", "stickers": stickers, "drawn_for_mm": 762}), sign, px=1024)
    save_patch(new_patch(sign, mask, paint, name="four"), tmp_path / "four")
    return tmp_path / "four"


def pictures(pdf: Path, *, of_one_dot: bool = False) -> list[np.ndarray]:
    """The pictures in a PDF, or those that are one dot, as they are stored: CMYK ``[H, W, 4]``."""
    found = []
    with pypdfium2.PdfDocument(pdf) as document:
        for page in document:
            for shape in page.get_objects(filter=[raw.FPDF_PAGEOBJ_IMAGE]):
                width, height = shape.get_px_size()
                if of_one_dot and (width, height) != (1, 1):
                    continue
                assert shape.get_metadata().colorspace == raw.FPDF_COLORSPACE_DEVICECMYK
                found.append(np.frombuffer(shape.get_data(decode_simple=True), np.uint8).reshape(height, width, 4))
            page.close()
    return found


def test_a_pdf_holds_the_inks_that_the_profile_gives(bundle: Path, tmp_path: Path, physadv: Command) -> None:
    """They are those of ImageCms, and of the ink model that the profile was made of."""
    icc = tmp_path / "inks.icc"
    icc.write_bytes(cmyk_profile())
    code, _, error = physadv("print", bundle, "--icc", icc, "--dpi", 100, "--out", tmp_path / "s.pdf")
    assert code == 0, error
    *shown, placing = pictures(tmp_path / "s.pdf")  # the last one shows where the stickers go
    assert len(shown) == len(COLORS)
    assert len(placing) > len(shown[0])
    transform = ImageCms.buildTransform(
        ImageCms.createProfile("sRGB"), str(icc), "RGB", "CMYK", ImageCms.Intent.RELATIVE_COLORIMETRIC
    )
    for picture, color in zip(shown, COLORS.values(), strict=True):
        middle = picture[picture.shape[0] // 2, picture.shape[1] // 2]
        made = ImageCms.applyTransform(Image.new("RGB", (1, 1), color), transform)
        assert made is not None
        np.testing.assert_allclose(middle, np.asarray(made)[0, 0], atol=1)
        np.testing.assert_allclose(middle / 255.0, inks(linear_of(color)), atol=0.06)
        np.testing.assert_allclose(printed(middle / 255.0), linear_of(color), atol=0.03)
    with pypdfium2.PdfDocument(tmp_path / "s.pdf") as document:
        text = document[0].get_textpage().get_text_range()
        seen = np.asarray(document[0].render(scale=1).to_pil().convert("RGB")).astype(int)
    assert "colors: four inks (relative)" in text
    assert ((seen[..., 1] - seen[..., 0] > 40) & (seen[..., 1] - seen[..., 2] > 40)).sum() > 5000, "green stays green"


def test_the_chart_goes_through_the_same_profile(tmp_path: Path, physadv: Command) -> None:
    """A calibration learns what becomes of a color that is sent: chart and stickers have to be sent alike."""
    icc = tmp_path / "inks.icc"
    icc.write_bytes(cmyk_profile())
    code, _, error = physadv("print-rig", "--icc", icc, "--out", tmp_path / "rig")
    assert code == 0, error
    chart = load_rig(tmp_path / "rig" / "rig.json").chart
    assert chart is not None
    dots = np.round(np.array(chart.colors) * 255).astype(np.uint8)
    wanted = conversion(icc)(dots[None])[0]
    with pypdfium2.PdfDocument(tmp_path / "rig" / "rig.pdf") as document:
        texts = [page.get_textpage().get_text_range() for page in document]
    assert "colors: four inks (relative)" in texts[0]
    found = {tuple(picture[0, 0].tolist()) for picture in pictures(tmp_path / "rig" / "rig.pdf", of_one_dot=True)}
    assert found == {tuple(ink.tolist()) for ink in wanted}
    refused(physadv("print-rig", "--icc", tmp_path / "no.icc", "--out", tmp_path / "none"), "no.icc")
    assert not (tmp_path / "none").exists()


def test_a_printer_that_takes_rgb_gets_rgb(tmp_path: Path) -> None:
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    data[12:16] = b"prtr"
    (tmp_path / "rgb.icc").write_bytes(data)
    pixels = np.array([list(COLORS.values())], np.uint8)
    for intent in ("perceptual", "relative", "saturation", "absolute"):
        same = conversion(tmp_path / "rgb.icc", intent)(pixels)
        assert np.abs(same.astype(int) - pixels).max() <= 2
    np.testing.assert_array_equal(conversion(None)(pixels), pixels)


WRONG = {
    "text": (b"no profile at all", "not a readable ICC profile"),
    "empty": (b"", "not a readable ICC profile"),
    "half": (cmyk_profile()[:3000], "cannot be printed to"),
    "lab": (ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes(), "a printer's is for RGB or CMYK"),
    "screen": (ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(), "is a profile for a display"),
    "camera": (cmyk_profile(b"scnr"), "is a profile for a scanner or a camera"),
    "one-way": (cmyk_profile(without=b"B2A0"), "cannot be printed to"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_profile_is_one_sentence(bundle: Path, tmp_path: Path, physadv: Command, name: str) -> None:
    data, words = WRONG[name]
    (tmp_path / f"{name}.icc").write_bytes(data)
    result = physadv("print", bundle, "--icc", tmp_path / f"{name}.icc", "--out", tmp_path / "s.pdf")
    refused(result, f"--icc {tmp_path / name}.icc: ", words)
    assert not (tmp_path / "s.pdf").exists()


def test_a_missing_profile_and_a_png_of_inks_are_refused(bundle: Path, tmp_path: Path, physadv: Command) -> None:
    refused(physadv("print", bundle, "--icc", tmp_path / "none.icc", "--out", tmp_path / "s.pdf"), "none.icc")
    (tmp_path / "inks.icc").write_bytes(cmyk_profile())
    result = physadv("print", bundle, "--icc", tmp_path / "inks.icc", "--dpi", 60, "--out", tmp_path / "s.png")
    refused(result, "s.png: PNG has no CMYK")
    assert not list(tmp_path.glob("s*"))
