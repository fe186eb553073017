"""The one reader of pictures: what each kind of file means, in values worked out by hand, and what is refused."""

from __future__ import annotations

import io
import os
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from icc_kit import cmyk_profile, gray_profile, linear_table_profile, matrix_profile
from picture_kit import png, saved, tiff
from PIL import Image, TiffImagePlugin

from physadv.core.errors import PhysadvError
from physadv.core.images import read_image, read_photograph

RNG = np.random.default_rng(20)
PLAIN = RNG.integers(0, 256, (9, 13, 3), dtype=np.uint8)
COLOR = (200, 100, 50)
"""Of the pictures with a profile; the right values in sRGB stand beside each."""


def rounded(values: np.ndarray, top: int) -> np.ndarray:
    return np.floor(values.astype(np.float64) * 255.0 / top + 0.5).astype(np.uint8)


def read(folder: Path, data: bytes, mode: str = "RGB") -> np.ndarray:
    (folder / "picture").write_bytes(data)
    return read_image(folder / "picture", mode=mode)


def says(folder: Path, data: bytes, words: str, mode: str = "RGB") -> None:
    with pytest.raises(PhysadvError, match=words) as caught:
        read(folder, data, mode)
    assert str(caught.value).startswith(f"{folder / 'picture'}: ")
    assert "\n" not in str(caught.value)


PLAIN_FILES = {
    "png": lambda: saved(Image.fromarray(PLAIN), "PNG"),
    "ppm": lambda: saved(Image.fromarray(PLAIN), "PPM"),
    "bmp": lambda: saved(Image.fromarray(PLAIN), "BMP"),
    "tiff": lambda: saved(Image.fromarray(PLAIN), "TIFF", compression="tiff_lzw"),
    "webp": lambda: saved(Image.fromarray(PLAIN), "WEBP", lossless=True),
    "opaque alpha": lambda: saved(Image.fromarray(PLAIN).convert("RGBA"), "PNG"),
    "srgb chunk": lambda: png(PLAIN, 8, 2, (b"sRGB", b"\0"), (b"gAMA", struct.pack(">I", 45455))),
    "gamma of srgb": lambda: png(PLAIN, 8, 2, (b"gAMA", struct.pack(">I", 45455))),
    "coded srgb": lambda: png(PLAIN, 8, 2, (b"cICP", bytes([1, 13, 0, 1]))),
    "srgb profile": lambda: saved(Image.fromarray(PLAIN), "PNG", icc_profile=matrix_profile("sRGB", "sRGB")),
    "plain ppm": lambda: b"P3 13 9 # size\n255\n" + " ".join(map(str, PLAIN.reshape(-1))).encode(),
}


@pytest.mark.parametrize("kind", PLAIN_FILES)
def test_eight_bits_in_srgb_are_the_pixels_themselves(tmp_path: Path, kind: str) -> None:
    np.testing.assert_array_equal(read(tmp_path, PLAIN_FILES[kind]()), PLAIN)


def test_a_jpeg_is_decoded_as_pillow_does(tmp_path: Path) -> None:
    data = saved(Image.fromarray(PLAIN), "JPEG", quality=80)
    np.testing.assert_array_equal(read(tmp_path, data), np.asarray(Image.open(io.BytesIO(data))))


def test_a_tall_picture_is_read_in_strips(tmp_path: Path) -> None:
    tall = RNG.integers(0, 256, (1300, 3, 3), dtype=np.uint8)
    np.testing.assert_array_equal(read(tmp_path, saved(Image.fromarray(tall), "PNG")), tall)
    converted = read(tmp_path, saved(Image.fromarray(tall), "PNG", icc_profile=matrix_profile("Display P3", "sRGB")))
    again = read(
        tmp_path, saved(Image.fromarray(tall[512:600]), "PNG", icc_profile=matrix_profile("Display P3", "sRGB"))
    )
    np.testing.assert_array_equal(converted[512:600], again)


GRAY_16 = np.array([[0, 128, 129, 257, 385], [386, 32767, 32896, 65406, 65535]], np.uint16)
"""128 is 0.498 of a step of 255, 129 is 0.502; 65406 is 254.498."""
GRAY_16_SEEN = np.array([[0, 0, 1, 1, 1], [2, 127, 128, 254, 255]], np.uint8)
COLOR_16 = RNG.integers(0, 65536, (6, 5, 3), dtype=np.uint16)
ALPHA_16 = np.concatenate([COLOR_16, np.full((6, 5, 1), 65535, np.uint16)], 2)
DEEP_FILES: dict[str, tuple[Callable[[], bytes], np.ndarray]] = {
    "gray png": (lambda: png(GRAY_16, 16, 0), GRAY_16_SEEN),
    "gray tiff": (lambda: tiff(GRAY_16), GRAY_16_SEEN),
    "gray tiff, the other byte first": (lambda: tiff(GRAY_16, order=">"), GRAY_16_SEEN),
    "gray tiff, 0 is white": (lambda: tiff(GRAY_16, (262, 3, 0)), 255 - GRAY_16_SEEN),
    "gray pgm": (lambda: b"P5 5 2 65535\n" + GRAY_16.astype(">u2").tobytes(), GRAY_16_SEEN),
    "color png": (lambda: png(COLOR_16, 16, 2), rounded(COLOR_16, 65535)),
    "color png with opaque alpha": (lambda: png(ALPHA_16, 16, 6), rounded(COLOR_16, 65535)),
    "gray png with opaque alpha": (
        lambda: png(np.stack([GRAY_16, np.full_like(GRAY_16, 65535)], 2), 16, 4),
        GRAY_16_SEEN,
    ),
    "color tiff": (lambda: tiff(COLOR_16), rounded(COLOR_16, 65535)),
    "color tiff, the other byte first": (lambda: tiff(COLOR_16, order=">"), rounded(COLOR_16, 65535)),
    "color tiff, compressed": (
        lambda: cv2.imencode(".tiff", COLOR_16[..., ::-1])[1].tobytes(),
        rounded(COLOR_16, 65535),
    ),
    "color ppm": (lambda: b"P6 5 6 65535\n" + COLOR_16.astype(">u2").tobytes(), rounded(COLOR_16, 65535)),
    "12 bits of a pgm": (
        lambda: b"P5 64 64 4095\n" + np.arange(4096, dtype=">u2").tobytes(),
        rounded(np.arange(4096).reshape(64, 64), 4095),
    ),
    "7 bits of a ppm": (
        lambda: b"P6 2 1 127\n" + bytes([0, 1, 63, 64, 126, 127]),
        np.array([[[0, 2, 126], [129, 253, 255]]], np.uint8),
    ),
    "3 steps, written out": (lambda: b"P2 4 1\n# made by hand\n3\n0 1 2 3 ", np.array([[0, 85, 170, 255]], np.uint8)),
}


@pytest.mark.parametrize("kind", DEEP_FILES)
def test_sixteen_bits_are_scaled_by_the_largest_value_and_rounded(tmp_path: Path, kind: str) -> None:
    make, wanted = DEEP_FILES[kind]
    np.testing.assert_array_equal(read(tmp_path, make(), "L" if wanted.ndim == 2 else "RGB"), wanted)


BLACK_AND_WHITE = np.array([[True, False, True], [False, False, True]])
FEW_COLORS = Image.fromarray(np.array([[0, 1, 2]], np.uint8)).convert("P")
FEW_COLORS.putpalette([10, 20, 30, 200, 100, 50, 255, 255, 0])
OTHER_MODES: dict[str, tuple[Callable[[], bytes], object]] = {
    "bilevel png": (
        lambda: saved(Image.fromarray(BLACK_AND_WHITE), "PNG"),
        np.repeat(BLACK_AND_WHITE[..., None] * 255, 3, 2),
    ),
    "bilevel tiff": (
        lambda: saved(Image.fromarray(BLACK_AND_WHITE), "TIFF", compression="group4"),
        np.repeat(BLACK_AND_WHITE[..., None] * 255, 3, 2),
    ),
    "pbm": (lambda: b"P1 3 1\n0 1 0\n", [[[255] * 3, [0] * 3, [255] * 3]]),
    "palette png": (lambda: saved(FEW_COLORS, "PNG"), [[[10, 20, 30], [200, 100, 50], [255, 255, 0]]]),
    "palette gif": (lambda: saved(FEW_COLORS, "GIF"), [[[10, 20, 30], [200, 100, 50], [255, 255, 0]]]),
    "opaque LA": (lambda: saved(Image.new("LA", (1, 1), (77, 255)), "PNG"), [[[77] * 3]]),
    # CIE 1976 of D50: L* = 50 is Y = 0.1842, of sRGB 118.9; (54.29, 80.8, 69.9) is sRGB's red.
    "lab": (
        lambda: saved(Image.frombytes("LAB", (3, 1), bytes([255, 0, 0, 128, 0, 0, 138, 81, 70])), "TIFF"),
        [[[255, 255, 255], [119, 119, 119], [254, 0, 0]]],
    ),
}


@pytest.mark.parametrize("kind", OTHER_MODES)
def test_modes_with_a_meaning_are_read(tmp_path: Path, kind: str) -> None:
    make, wanted = OTHER_MODES[kind]
    tolerance = 5 if kind == "lab" else 0  # its red is 0.2 away in L*, 0.2 in a*
    np.testing.assert_allclose(read(tmp_path, make()), np.asarray(wanted), atol=tolerance, rtol=0)


P3, ADOBE = (215, 93, 31), (227, 100, 42)
"""Display P3's and Adobe RGB's (200, 100, 50): through the published matrices of primaries, then sRGB's curve."""
OF_COLOR = Image.new("RGB", (2, 2), COLOR)
P3_CHROMATICITIES = struct.pack(">8I", 31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000)
EXACT: dict[str, dict[str, object]] = {"WEBP": {"lossless": True}, "JPEG": {"quality": 100, "subsampling": 0}}
PROFILED: dict[str, tuple[Callable[[], bytes], tuple[int, int, int]]] = {
    f"{name} {kind}": (
        lambda kind=kind, profile=profile: saved(OF_COLOR, kind, icc_profile=profile, **EXACT.get(kind, {})),
        wanted,
    )
    for name, profile, wanted in (
        ("display p3", matrix_profile("Display P3", "sRGB"), P3),
        ("adobe rgb", matrix_profile("Adobe RGB", "Adobe"), ADOBE),
        ("linear", matrix_profile("sRGB", "linear"), (229, 169, 122)),
    )
    for kind in ("PNG", "TIFF", "JPEG", "WEBP")
}
PROFILED |= {
    "table": (
        lambda: saved(Image.new("RGB", (2, 2), (119, 51, 255)), "PNG", icc_profile=linear_table_profile()),
        (182, 124, 255),
    ),
    "gray": (lambda: saved(Image.new("L", (2, 2), 55), "PNG", icc_profile=gray_profile()), (128, 128, 128)),
    "bilevel": (lambda: saved(Image.new("1", (2, 2), 1), "PNG", icc_profile=gray_profile()), (255, 255, 255)),
    "gray with a profile for colors": (
        lambda: saved(Image.new("L", (2, 2), 55), "PNG", icc_profile=matrix_profile("Display P3", "linear")),
        (128, 128, 128),
    ),
    "palette": (
        lambda: saved(OF_COLOR.quantize(2), "PNG", icc_profile=matrix_profile("Display P3", "sRGB")),
        P3,
    ),
    "16 bits": (
        lambda: png(
            np.full((2, 2, 3), COLOR, np.uint16) * 257,
            16,
            2,
            (b"iCCP", b"p3\0\0" + zlib.compress(matrix_profile("Display P3", "sRGB"))),
        ),
        P3,
    ),
    "cyan of a printer": (
        lambda: saved(Image.new("CMYK", (2, 2), (255, 0, 0, 0)), "TIFF", icc_profile=cmyk_profile()),
        (0, 255, 255),
    ),
    "cyan of a printer, JPEG, where Adobe writes 0 for all ink": (
        lambda: saved(Image.new("CMYK", (8, 8), (255, 0, 0, 0)), "JPEG", icc_profile=cmyk_profile(), quality=100),
        (0, 255, 255),
    ),
    "png of display p3 by its chromaticities": (
        lambda: png(np.full((2, 2, 3), COLOR), 8, 2, (b"gAMA", struct.pack(">I", 45455)), (b"cHRM", P3_CHROMATICITIES)),
        P3,
    ),
    "png of linear light": (
        lambda: png(np.full((2, 2, 3), COLOR), 8, 2, (b"gAMA", struct.pack(">I", 100000))),
        (229, 169, 122),
    ),
    "png of display p3 by its code": (
        lambda: png(np.full((2, 2, 3), COLOR), 8, 2, (b"cICP", bytes([12, 13, 0, 1]))),
        P3,
    ),
    "png whose code stands above its profile": (
        lambda: png(
            np.full((2, 2, 3), COLOR),
            8,
            2,
            (b"iCCP", b"x\0\0" + zlib.compress(matrix_profile("Adobe RGB", "Adobe"))),
            (b"cICP", bytes([12, 13, 0, 1])),
        ),
        P3,
    ),
    "camera's adobe rgb without a profile": (lambda: _r03(), ADOBE),
}


def _r03() -> bytes:
    """EXIF of DCF's optional color space, by hand: no ICC profile, color space 65535, interoperability R03."""
    exif = struct.pack("<H2HIIHHI4x", 1, 0x8769, 4, 1, 26, 2, 0, 0)[:14] + bytes(4)
    exif += struct.pack("<HHHIHxxHHII", 2, 0xA001, 3, 1, 65535, 0xA005, 4, 1, 56) + bytes(4)
    exif = (
        (b"II*\0" + struct.pack("<I", 8) + exif).ljust(56, b"\0")
        + struct.pack("<HHHI4s", 1, 1, 2, 4, b"R03\0")
        + bytes(4)
    )
    return saved(OF_COLOR, "JPEG", quality=100, subsampling=0, exif=b"Exif\0\0" + exif)


@pytest.mark.parametrize("kind", PROFILED)
def test_a_color_profile_is_converted_to_srgb(tmp_path: Path, kind: str) -> None:
    make, wanted = PROFILED[kind]
    seen = read(tmp_path, make())
    tolerance = 2 if "JPEG" in kind or "camera" in kind else 1
    assert np.abs(seen.astype(int) - wanted).max() <= tolerance, (seen[0, 0], wanted)


def test_alpha_stays_where_it_is_wanted_and_colors_are_converted(tmp_path: Path) -> None:
    data = saved(Image.new("RGBA", (2, 2), (*COLOR, 90)), "PNG", icc_profile=matrix_profile("Display P3", "sRGB"))
    seen = read(tmp_path, data, "RGBA")
    assert np.abs(seen.astype(int) - (*P3, 90)).max() <= 1
    assert seen[0, 0, 3] == 90


CLEAR = {
    "rgba": lambda: saved(Image.new("RGBA", (3, 3), (9, 9, 9, 254)), "PNG"),
    "la": lambda: saved(Image.new("LA", (3, 3), (9, 0)), "PNG"),
    "webp": lambda: saved(Image.new("RGBA", (3, 3), (9, 9, 9, 0)), "WEBP", lossless=True),
    "palette": lambda: saved(FEW_COLORS, "PNG", transparency=1),
    "palette with shares": lambda: saved(FEW_COLORS, "PNG", transparency=bytes([255, 255, 100])),
    "gif": lambda: saved(FEW_COLORS, "GIF", transparency=0),
    "a transparent color": lambda: saved(OF_COLOR, "PNG", transparency=COLOR),
    "16 bits": lambda: png(ALPHA_16 // 2, 16, 6),
}


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("kind", CLEAR)
def test_transparent_parts_are_refused_where_a_photograph_is_wanted(tmp_path: Path, kind: str, mode: str) -> None:
    says(tmp_path, CLEAR[kind](), "transparent parts", mode)
    assert read(tmp_path, CLEAR[kind](), "RGBA")[..., 3].min() < 255


def several(kind: str) -> bytes:
    frames = [Image.new("RGB", (8, 8), color) for color in ("red", "blue")]
    return saved(frames[0], kind, save_all=True, append_images=frames[1:])


REFUSED: dict[str, tuple[Callable[[], bytes], str]] = {
    "floating tiff": (lambda: saved(Image.new("F", (3, 3), 0.5), "TIFF"), "floating-point"),
    "floating pfm": (lambda: saved(Image.new("F", (3, 3), 0.5), "PPM"), "floating-point"),
    "floating colors": (lambda: tiff(np.zeros((3, 3, 3), np.float32), (339, 3, 3)), "such as floating-point colors"),
    "32-bit tiff": (lambda: saved(Image.new("I", (3, 3), 70000), "TIFF"), "integers of 32 bits"),
    "signed tiff": (lambda: tiff(np.zeros((3, 3), np.int16), (339, 3, 2)), "integers of 16 bits"),
    "cmyk": (lambda: saved(Image.new("CMYK", (3, 3)), "TIFF"), "CMYK without a color profile"),
    "cmyk jpeg": (lambda: saved(Image.new("CMYK", (8, 8)), "JPEG"), "CMYK without a color profile"),
    "ycbcr tiff": (lambda: saved(Image.new("YCbCr", (8, 8)), "TIFF"), "mode YCbCr"),
    "animated gif": (lambda: several("GIF"), "animation"),
    "animated png": (lambda: several("PNG"), "animation"),
    "animated webp": (lambda: several("WEBP"), "animation"),
    "pages": (lambda: several("TIFF"), "several pages"),
    "damaged profile": (lambda: saved(OF_COLOR, "PNG", icc_profile=b"nonsense" * 30), "profile cannot be read"),
    "profile of another kind": (
        lambda: saved(OF_COLOR, "PNG", icc_profile=cmyk_profile()),
        "is for CMYK .* its values are RGB",
    ),
    "profile of grays": (lambda: saved(OF_COLOR, "PNG", icc_profile=gray_profile()), "is for GRAY"),
    "profile that is a link": (
        lambda: saved(OF_COLOR, "PNG", icc_profile=linear_table_profile(b"link")),
        r"\(class link\)",
    ),
    "profile without its table": (
        lambda: saved(Image.new("CMYK", (2, 2)), "TIFF", icc_profile=cmyk_profile(without=b"A2B0")),
        "profile cannot be applied",
    ),
    "high dynamic range": (
        lambda: png(PLAIN, 8, 2, (b"cICP", bytes([9, 16, 0, 1]))),
        r"high dynamic range \(PQ\)",
    ),
    "video levels": (lambda: png(PLAIN, 8, 2, (b"cICP", bytes([1, 13, 0, 0]))), "video levels"),
    "YCbCr in a PNG": (lambda: png(PLAIN, 8, 2, (b"cICP", bytes([1, 13, 6, 1]))), "YCbCr"),
    "a code that is cut": (lambda: png(PLAIN, 8, 2, (b"cICP", b"")), "0 bytes in place of 4"),
    "a gamma of nothing": (lambda: png(PLAIN, 8, 2, (b"gAMA", struct.pack(">I", 2**31 - 1))), "a gamma of 21474.8"),
    "unknown primaries": (lambda: png(PLAIN, 8, 2, (b"cICP", bytes([200, 13, 0, 1]))), "primaries 200"),
    "chromaticities of nothing": (lambda: png(PLAIN, 8, 2, (b"cHRM", bytes(32))), "span no colors"),
    "too wide": (lambda: b"P5 120000000 1 255\n" + bytes(100), "each side should have 1 to 30,000"),
    "too large": (lambda: b"P5 20000 20000 255\n" + bytes(100), "megapixels"),
    "beyond 2 to the 31": (lambda: b"P5 99999999 99999999 255\n", "megapixels"),
    "pgm beyond its maximum": (lambda: b"P5 2 1 100\n" + bytes([1, 101]), "outside of 0 to 100"),
    "text": (lambda: b"this is no picture", "not a readable picture"),
    "nothing": (lambda: b"", "not a readable picture"),
    "avif": (lambda: struct.pack(">I", 24) + b"ftypavif" + bytes(40), "AVIF, which is not read"),
}
TRUNCATED = {
    "png": lambda: saved(Image.fromarray(PLAIN).resize((300, 300)), "PNG"),
    "jpeg": lambda: saved(Image.fromarray(PLAIN).resize((300, 300)), "JPEG"),
    "ppm": lambda: saved(Image.fromarray(PLAIN), "PPM"),
    "pgm": lambda: b"P5 64 64 4095\n" + bytes(8192),
    "plain pgm": lambda: b"P2 64 64 9\n" + b"1 " * 4096,
    "bmp": lambda: saved(Image.fromarray(PLAIN), "BMP"),
    "tiff": lambda: saved(Image.fromarray(PLAIN), "TIFF"),
    "webp": lambda: saved(Image.fromarray(PLAIN).resize((300, 300)), "WEBP"),
    "gif": lambda: saved(Image.fromarray(PLAIN).resize((300, 300)), "GIF"),
    "16 bits": lambda: png(RNG.integers(0, 65536, (90, 90, 3), dtype=np.uint16), 16, 2),
}
REFUSED |= {
    f"half a {kind}": (lambda make=make: make()[: len(make()) // 2], "not a readable picture|cannot be told")
    for kind, make in TRUNCATED.items()
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_cannot_be_known_is_refused_in_one_sentence(tmp_path: Path, kind: str) -> None:
    make, words = REFUSED[kind]
    says(tmp_path, make(), words)


TURNS = {
    1: lambda seen: seen,
    2: lambda seen: seen[:, ::-1],
    3: lambda seen: seen[::-1, ::-1],
    4: lambda seen: seen[::-1],
    5: lambda seen: seen.swapaxes(0, 1),
    6: lambda seen: seen.swapaxes(0, 1)[:, ::-1],
    7: lambda seen: seen.swapaxes(0, 1)[::-1, ::-1],
    8: lambda seen: seen.swapaxes(0, 1)[::-1],
}
"""From what the file stores to what is seen, for each value of EXIF's orientation (TIFF 6.0, tag 274)."""


@pytest.mark.parametrize("orientation", TURNS)
@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP", "JPEG", "16 bits", "16-bit tiff", "gray 16-bit tiff"])
def test_a_picture_is_turned_as_its_exif_says(tmp_path: Path, kind: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[274] = orientation
    stored = np.kron(PLAIN[:2, :3] // 2, np.ones((16, 16, 1), np.uint8))
    wide = stored.astype(np.uint16) * 257
    data = {
        "16 bits": lambda: png(wide, 16, 2, (b"eXIf", exif.tobytes().removeprefix(b"Exif\0\0"))),
        "16-bit tiff": lambda: tiff(wide, (274, 3, orientation)),
        "gray 16-bit tiff": lambda: tiff(wide[..., 0], (274, 3, orientation)),
        "WEBP": lambda: saved(Image.fromarray(stored), kind, exif=exif, lossless=True),
        "JPEG": lambda: saved(Image.fromarray(stored), kind, exif=exif, quality=95, subsampling=0),
    }.get(kind, lambda: saved(Image.fromarray(stored), kind, exif=exif))()
    seen = read(tmp_path, data, "L" if "gray" in kind else "RGB")
    wanted = TURNS[orientation](stored[..., 0] if "gray" in kind else stored)
    assert seen.shape == wanted.shape
    assert np.abs(seen.astype(int) - wanted).max() <= (12 if kind == "JPEG" else 0)


@pytest.mark.parametrize("orientation", [1, 3, 6])
def test_heic_is_read_turned_and_in_srgb_everywhere(tmp_path: Path, orientation: int) -> None:
    heif = pytest.importorskip("pillow_heif")
    exif = Image.Exif()
    exif[274] = orientation
    stored = np.zeros((64, 96, 3), np.uint8)
    stored[:, :48], stored[:, 48:] = COLOR, (60, 60, 60)
    made = heif.from_pillow(Image.fromarray(stored))
    profile = matrix_profile("Display P3", "sRGB")
    made.save(tmp_path / "a.heic", quality=100, chroma=444, exif=exif.tobytes(), icc_profile=profile)
    (tmp_path / "called.jpg").write_bytes((tmp_path / "a.heic").read_bytes())
    right = stored.copy()
    right[:, :48] = P3
    for name in ("a.heic", "called.jpg"):
        seen = read_image(tmp_path / name)
        wanted = TURNS[orientation](right)
        assert seen.shape == wanted.shape
        assert np.abs(seen.astype(int) - wanted).mean() < 3


def test_heic_is_read_by_its_color_codes(tmp_path: Path) -> None:
    heif = pytest.importorskip("pillow_heif")
    made = heif.from_pillow(Image.new("RGB", (64, 64), COLOR))
    codes = {"color_primaries": 12, "transfer_characteristics": 13, "matrix_coefficients": 1, "full_range_flag": 1}
    made.save(tmp_path / "a.heic", quality=100, chroma=444, save_nclx_profile=True, **codes)
    assert np.abs(read_image(tmp_path / "a.heic").astype(int) - P3).max() <= 4


def test_without_the_plug_in_heic_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    says(tmp_path, struct.pack(">I", 24) + b"ftypheic" + bytes(40), r"pip install 'physadv\[heic\]', or use JPEG")


def test_the_first_picture_of_a_phones_jpeg_is_the_photograph(tmp_path: Path) -> None:
    """Multi-picture JPEG: depth or a brighter copy follows the photograph."""
    frames = [Image.new("RGB", (16, 16), color) for color in ((200, 0, 0), (0, 0, 200))]
    data = saved(frames[0], "MPO", save_all=True, append_images=frames[1:])
    assert read(tmp_path, data)[0, 0].tolist() == pytest.approx([200, 0, 0], abs=3)


def test_a_smaller_copy_within_a_tiff_is_not_another_picture(tmp_path: Path) -> None:
    small = TiffImagePlugin.ImageFileDirectory_v2()
    small[254] = 1
    buffer = io.BytesIO()
    with TiffImagePlugin.AppendingTiffWriter(buffer, new=True) as writer:
        Image.fromarray(PLAIN).save(writer, format="TIFF")
        writer.newFrame()
        Image.fromarray(PLAIN[:3, :3]).save(writer, format="TIFF", tiffinfo=small)
    np.testing.assert_array_equal(read(tmp_path, buffer.getvalue()), PLAIN)


def test_what_is_no_regular_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    for name, words in (("pipe.png", "a pipe"), ("none.png", "no such picture"), (".", "a folder")):
        with pytest.raises(PhysadvError, match=words):
            read_image(tmp_path / name)
    with pytest.raises(PhysadvError, match="a device"):
        read_image(Path("/dev/zero"))


def test_a_photograph_comes_with_its_exif(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x829A] = 0.01
    (tmp_path / "a.jpg").write_bytes(saved(OF_COLOR, "JPEG", exif=exif.tobytes()))
    pixels, words = read_photograph(tmp_path / "a.jpg")
    assert pixels.shape == (2, 2, 3)
    assert float(words[0x829A]) == pytest.approx(0.01)


BOMBS = {
    "png header": lambda: png(np.zeros((1, 1)), 8, 0).replace(
        struct.pack(">2I", 1, 1), struct.pack(">2I", 120_000_000, 1)
    ),
    "png of zeros": lambda: png_of_zeros(25_000, 4_700),
    "plain pgm": lambda: b"P2 10000 10000 255\n" + b"0 " * 1_000_000,
    "12-bit pgm": lambda: b"P5 10000 12000 4095\n" + bytes(240_000_000),
}


def png_of_zeros(width: int, height: int) -> bytes:
    deflate, head = zlib.compressobj(1), struct.pack(">2I5B", width, height, 8, 6, 0, 0, 0)
    row = bytes(1 + 4 * width)
    body = b"".join([*(deflate.compress(row) for _ in range(height)), deflate.flush()])
    parts = ((b"IHDR", head), (b"IDAT", body), (b"IEND", b""))
    chunks = (struct.pack(">I", len(d)) + n + d + struct.pack(">I", zlib.crc32(n + d)) for n, d in parts)
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


@pytest.mark.parametrize(
    "kind", ["png header", "plain pgm", *(pytest.param(kind, marks=pytest.mark.slow) for kind in list(BOMBS)[1::2])]
)
def test_the_largest_pictures_stay_within_time_and_memory(tmp_path: Path, kind: str) -> None:
    (tmp_path / "bomb").write_bytes(BOMBS[kind]())
    code = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_DATA, (2_000_000_000,) * 2)\n"
        "from pathlib import Path; from physadv.core.errors import PhysadvError\n"
        "from physadv.core.images import read_image\n"
        "try: print(read_image(Path(sys.argv[1]), mode='RGBA').shape)\n"
        "except PhysadvError as error: print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "bomb")], capture_output=True, text=True, timeout=60, check=True
    )
    assert len(done.stdout.splitlines()) == 1, done.stdout
