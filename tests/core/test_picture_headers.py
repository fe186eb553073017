"""What a picture file's head says of its colors, of its palette and of what is clear: heeded, or refused."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from icc_kit import gray_profile, matrix_profile
from picture_kit import bmp, gif, png, saved, tiff
from PIL import Image

from physadv.core.errors import PhysadvError
from physadv.core.images import read_image

COLOR, P3 = (200, 100, 50), (215, 93, 31)
"""Display P3's (200, 100, 50) is sRGB's (215, 93, 31): through the published matrices, then sRGB's curve."""
PROFILE = matrix_profile("Display P3", "sRGB")
ONE = bytes((*COLOR[::-1], 0))
"""A row of a BMP: blue, green, red, and a byte to four."""
SRGB_CORNERS = [0.64, 0.33, 0.03, 0.30, 0.60, 0.10, 0.15, 0.06, 0.79]


def embedded(space: bytes, profile: bytes, *, length: int | None = None, header: int = 124) -> bytes:
    """A BMP of one pixel with a profile behind its pixels; ``bV5ProfileData`` counts from the header."""
    words = space + bytes(48 + 4) + struct.pack("<3I", header + 4, len(profile) if length is None else length, 0)
    return bmp(ONE, (1, 1), 24, header=header, space=words if header == 124 else space, tail=profile)


def calibrated(corners: list[float], gamma: float) -> bytes:
    numbers = struct.pack("<9I", *(round(number * 2**30) for number in corners))
    return bmp(ONE, (1, 1), 24, header=108, space=bytes(4) + numbers + struct.pack("<3I", *3 * [round(gamma * 65536)]))


def extension(name: bytes, data: bytes) -> bytes:
    """A GIF's application extension: its data in blocks of up to 255 bytes."""
    blocks = [data[start : start + 255] for start in range(0, len(data), 255)]
    return b"!\xff\x0b" + name + b"".join(bytes([len(block)]) + block for block in blocks) + b"\0"


TWO = [COLOR, (9, 9, 9)]
BLACK_AND_WHITE = [(0, 0, 0), (255, 255, 255)]
RAMP = [(level, level, level) for level in range(16)]
OLD_PALETTE = [200, 9, *[0] * 254, 100, 9, *[0] * 254, 50, 9, *[0] * 254]
PLACES = np.array([[0, 1]], np.uint8)
READ: dict[str, tuple[Callable[[], bytes], list[tuple[int, ...]]]] = {
    "bmp, embedded profile": (lambda: embedded(b"DEBM", PROFILE), [P3]),
    "bmp, srgb": (lambda: embedded(b"BGRs", b""), [COLOR]),
    "bmp, Windows' space": (lambda: bmp(ONE, (1, 1), 24, header=108, space=b" niW"), [COLOR]),
    "bmp, calibrated by nothing": (lambda: calibrated([0.0] * 9, 0.0), [COLOR]),
    "bmp, calibrated as srgb": (lambda: calibrated(SRGB_CORNERS, 2.2), [COLOR]),
    "bmp, calibrated as srgb, the gamma inverted": (lambda: calibrated(SRGB_CORNERS, 1 / 2.2), [COLOR]),
    "bmp, black and white of 8 bits": (
        lambda: bmp(bytes([0, 1, 1, 0]), (4, 1), 8, palette=BLACK_AND_WHITE),
        [(0,) * 3, (255,) * 3, (255,) * 3, (0,) * 3],
    ),
    "bmp, black and white of 4 bits": (
        lambda: bmp(bytes([0x01, 0x10, 0, 0]), (4, 1), 4, palette=BLACK_AND_WHITE),
        [(0,) * 3, (255,) * 3, (255,) * 3, (0,) * 3],
    ),
    "bmp, grays of 4 bits": (
        lambda: bmp(bytes([0x0F, 0x20, 0, 0]), (3, 1), 4, palette=RAMP),
        [(0,) * 3, (15,) * 3, (2,) * 3],
    ),
    "bmp, grays of 4 bits, from the top": (
        lambda: bmp(bytes([0x10, 0, 0, 0, 0x20, 0, 0, 0]), (1, -2), 4, palette=RAMP),
        [(1,) * 3, (2,) * 3],
    ),
    "bmp, black and white, run lengths": (
        lambda: bmp(bytes([1, 0, 2, 1, 0, 1]), (3, 1), 8, palette=BLACK_AND_WHITE, method=1),
        [(0,) * 3, (255,) * 3, (255,) * 3],
    ),
    "gif, profile": (lambda: gif([0], TWO, extension(b"ICCRGBG1012", PROFILE)), [P3]),
    "gif, another extension": (lambda: gif([0], TWO, extension(b"NETSCAPE2.0", b"\1\0\0")), [COLOR]),
    "tiff, palette of 16 bits": (
        lambda: tiff(PLACES, (262, 3, 3), lists={320: (3, [257 * value for value in OLD_PALETTE])}),
        [COLOR, (9, 9, 9)],
    ),
    "tiff, palette of 8 bits": (
        lambda: tiff(PLACES, (262, 3, 3), lists={320: (3, OLD_PALETTE)}),
        [COLOR, (9, 9, 9)],
    ),
    "tiff, chromaticities of display p3": (
        lambda: tiff(
            np.array([[COLOR]], np.uint8),
            lists={
                318: (5, [3127, 10000, 3290, 10000]),
                319: (5, [680, 1000, 320, 1000, 265, 1000, 690, 1000, 150, 1000, 60, 1000]),
            },
        ),
        [P3],
    ),
    "tiff, chromaticities of srgb": (
        lambda: tiff(
            np.array([[COLOR]], np.uint8),
            lists={319: (5, [64, 100, 33, 100, 30, 100, 60, 100, 15, 100, 6, 100])},
        ),
        [COLOR],
    ),
}


def read(folder: Path, data: bytes, mode: str = "RGB") -> np.ndarray:
    (folder / "picture").write_bytes(data)
    return read_image(folder / "picture", mode=mode)


@pytest.mark.parametrize("kind", READ)
def test_the_head_is_heeded(tmp_path: Path, kind: str) -> None:
    make, wanted = READ[kind]
    seen = read(tmp_path, make()).reshape(-1, 3)
    assert seen.shape == (len(wanted), 3)
    assert np.abs(seen.astype(int) - wanted).max() <= (1 if P3 in wanted else 0), seen


def packed(places: list[int], bits: int) -> np.ndarray:
    """One row of a PNG of fewer than 8 bits."""
    row = "".join(f"{place:0{bits}b}" for place in places)
    return np.frombuffer(int(row.ljust(8, "0"), 2).to_bytes(1, "big"), np.uint8)[None]


def few(places: list[int], bits: int, key: int) -> bytes:
    made = png(packed(places, bits), bits, 0, (b"tRNS", struct.pack(">H", key)))
    head = struct.pack(">2I5B", len(places), 1, bits, 0, 0, 0, 0)
    return made[:16] + head + struct.pack(">I", zlib.crc32(b"IHDR" + head)) + made[33:]


CLEAR_GRAYS: dict[str, tuple[Callable[[], bytes], list[int], list[int]]] = {
    "1 bit": (lambda: few([0, 1], 1, 1), [0, 255], [255, 0]),
    "1 bit, black": (lambda: few([0, 1], 1, 0), [0, 255], [0, 255]),
    "2 bits": (lambda: few([0, 1, 2, 3], 2, 1), [0, 85, 170, 255], [255, 0, 255, 255]),
    "4 bits": (lambda: few([0, 15], 4, 15), [0, 255], [255, 0]),
    "4 bits, with bits that are to be masked": (lambda: few([2, 15], 4, 0x12), [34, 255], [0, 255]),
    "8 bits": (lambda: png(np.array([[7, 8]]), 8, 0, (b"tRNS", b"\0\7")), [7, 8], [0, 255]),
    # 257 and 258 are both seen as 1
    "16 bits": (lambda: png(np.array([[257, 258]]), 16, 0, (b"tRNS", b"\1\1")), [1, 1], [0, 255]),
}


@pytest.mark.parametrize("kind", CLEAR_GRAYS)
def test_a_clear_gray_is_one_at_every_depth(tmp_path: Path, kind: str) -> None:
    make, grays, alpha = CLEAR_GRAYS[kind]
    seen = read(tmp_path, make(), "RGBA")
    assert seen[0, :, 0].tolist() == grays
    assert seen[0, :, 3].tolist() == alpha
    with pytest.raises(PhysadvError, match="transparent parts"):
        read(tmp_path, make())


def test_a_gray_that_no_pixel_has_clears_nothing(tmp_path: Path) -> None:
    assert read(tmp_path, few([0, 2], 2, 1), "L").tolist() == [[0, 170]]


def test_a_gif_beside_its_clear_screen(tmp_path: Path) -> None:
    clear = b"!\xf9\x04\x01\0\0\x01\0"
    seen = read(tmp_path, gif([0], TWO, clear, screen=(2, 1), corner=(1, 0)), "RGBA")
    assert seen[0, :, 3].tolist() == [0, 255]
    assert seen[0, 1].tolist() == [*COLOR, 255]


def one_frame() -> bytes:
    """A WebP's canvas of 4 x 2 pixels with one frame of 2 x 2 (WebP Container, "Animation")."""
    image = saved(Image.new("RGB", (2, 2), COLOR), "WEBP", lossless=True)[12:]
    frame = bytes(6) + b"\1\0\0\1\0\0" + bytes(4) + image
    parts = ((b"VP8X", b"\2\0\0\0\3\0\0\1\0\0"), (b"ANIM", bytes(6)), (b"ANMF", frame))
    body = b"WEBP" + b"".join(name + struct.pack("<I", len(data)) + data for name, data in parts)
    return b"RIFF" + struct.pack("<I", len(body)) + body


P6 = b"P6 1 1 255\nabc"
REFUSED: dict[str, tuple[Callable[[], bytes], str]] = {
    "bmp, linked profile": (lambda: embedded(b"KNIL", b"p3.icm\0"), "not embedded in it"),
    "bmp, profile cut": (lambda: embedded(b"DEBM", PROFILE, length=9999), "profile is incomplete"),
    "bmp, damaged profile": (lambda: embedded(b"DEBM", b"no profile" * 20), "profile cannot be read"),
    "bmp, profile of grays": (lambda: embedded(b"DEBM", gray_profile()), "profile is for GRAY"),
    "bmp, embedded in a header that has no place for it": (lambda: embedded(b"DEBM", PROFILE, header=108), "bV4CSType"),
    "bmp, calibrated gamma": (lambda: calibrated(SRGB_CORNERS, 1.0), "not embedded in it"),
    "bmp, calibrated primaries": (
        lambda: calibrated([0.68, 0.32, 0.0, 0.265, 0.69, 0.045, 0.15, 0.06, 0.79], 2.2),
        "not embedded in it",
    ),
    "bmp, one bit of alpha": (
        lambda: bmp(
            bytes(4),
            (2, 1),
            16,
            method=3,
            header=108,
            after=struct.pack("<4I", 0x7C00, 0x3E0, 0x1F, 0x8000),
            space=b"BGRs",
        ),
        "alpha channel of one bit",
    ),
    "bmp beyond its palette": (
        lambda: bmp(bytes([0, 1, 2, 0]), (4, 1), 8, palette=TWO),
        "name color 2, its palette has 2",
    ),
    "bmp beyond its grays": (
        lambda: bmp(bytes([0, 16, 0, 0]), (2, 1), 8, palette=RAMP),
        "name color 16, its palette has 16",
    ),
    "bmp beyond black and white": (
        lambda: bmp(bytes([0, 2, 0, 0]), (2, 1), 8, palette=BLACK_AND_WHITE),
        "name color 2, its palette has 2",
    ),
    "png beyond its palette": (
        lambda: png(np.array([[0, 5]]), 8, 3, (b"PLTE", bytes([1, 2, 3, 4, 5, 6]))),
        "name color 5, its palette has 2",
    ),
    "png without a palette": (lambda: png(np.array([[0]]), 8, 3), "its palette has 0"),
    "gif beyond its palette": (lambda: gif([0, 5], TWO), "name color 5, its palette has 2"),
    "gif beyond its grays": (lambda: gif([0, 5], [(0, 0, 0), (1, 1, 1)]), "name color 5, its palette has 2"),
    "gif without a palette": (lambda: gif([0, 5], []), "its palette has 0"),
    "gif that fills a part of its screen": (lambda: gif([0], TWO, screen=(2, 1)), "does not fill its screen of 2 x 1"),
    "gif beyond its screen": (lambda: gif([0, 1], TWO, screen=(1, 1)), "does not fill its screen of 1 x 1"),
    "gif with a damaged profile": (lambda: gif([0], TWO, extension(b"ICCRGBG1012", b"x" * 300)), "cannot be read"),
    "tiff beyond its palette": (
        lambda: tiff(np.array([[0, 5]], np.uint8), (262, 3, 3), lists={320: (3, [500, 9, 500, 9, 500, 9])}),
        "name color 5, its palette has 2",
    ),
    "tiff that does not say what 0 is": (lambda: tiff(PLACES, without=262), "PhotometricInterpretation"),
    "tiff of signed bytes": (lambda: tiff(PLACES, (339, 3, 2)), "no positive whole numbers"),
    "tiff with curves of its own": (
        lambda: tiff(PLACES, lists={301: (3, [257 * level for level in range(256)])}),
        "TransferFunction",
    ),
    "webp whose only frame fills a part of its canvas": (lambda: one_frame(), "animation"),
    "two pictures in a ppm": (lambda: P6 + P6, r"more after its picture, perhaps another one \(bytes: 14\)"),
    "two pictures in a pgm": (lambda: 2 * b"P5 1 1 255\na", "perhaps another one"),
    "two pictures in a pgm of 16 bits": (lambda: 2 * b"P5 1 1 65535\nab", r"\(bytes: 15\)"),
    "two pictures in a pgm of 12 bits": (lambda: 2 * b"P5 1 1 4095\n\0b", r"\(bytes: 14\)"),
    "two pictures in a pbm": (lambda: 2 * b"P4 9 1\n\0\0", r"\(bytes: 9\)"),
    "a line end of Windows in a ppm's head": (lambda: P6.replace(b"\n", b"\r\n"), r"\(bytes: 1\)"),
    "numbers behind a written-out ppm": (lambda: b"P3 1 1 255\n1 2 3 4\n", r"\(values: 1\)"),
    "numbers behind a written-out pbm": (lambda: b"P1 2 1\n0 1 1\n", r"\(values: 1\)"),
    "two pictures, written out": (lambda: 2 * b"P2 1 1 255\n7\n", "not a readable picture"),
    "another number in a pbm": (lambda: b"P1 2 1\n02\n", "outside of 0 to 1"),
    "a ppm of no kind": (lambda: b"PyRGBA 1 1 255\nabcd", "no PBM, PGM or PPM"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_the_head_leaves_open_is_refused(tmp_path: Path, kind: str) -> None:
    make, words = REFUSED[kind]
    with pytest.raises(PhysadvError, match=words) as caught:
        read(tmp_path, make())
    assert str(caught.value).startswith(f"{tmp_path / 'picture'}: ")
    assert "\n" not in str(caught.value)


def test_bits_written_out_need_no_spaces(tmp_path: Path) -> None:
    assert read(tmp_path, b"P1 4 1\n01 # black\n1\n0", "L").tolist() == [[255, 0, 0, 255]]


def test_a_mask_of_a_tiff_is_heeded(tmp_path: Path) -> None:
    """A page that says what of the first is seen (NewSubfileType 4)."""
    from PIL import TiffImagePlugin

    mask = TiffImagePlugin.ImageFileDirectory_v2()
    mask[254] = 4
    with TiffImagePlugin.AppendingTiffWriter(str(tmp_path / "picture.tiff"), new=True) as writer:
        Image.new("RGB", (2, 2)).save(writer, format="TIFF")
        writer.newFrame()
        Image.new("1", (2, 2)).save(writer, format="TIFF", tiffinfo=mask)
    with pytest.raises(PhysadvError, match="or a mask"):
        read_image(tmp_path / "picture.tiff")


def png_of(width: int, height: int, rows: bytes, *, interlaced: int = 0) -> bytes:
    """A gray PNG of 8 bits that says it is so large, and holds these rows with their filters' kinds."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, interlaced)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def test_a_png_with_fewer_rows_than_it_says_is_refused(tmp_path: Path) -> None:
    (tmp_path / "whole.png").write_bytes(png_of(4, 8, (b"\0" + bytes([200] * 4)) * 8))
    assert (read_image(tmp_path / "whole.png") == 200).all()
    for there in (0, 4, 7):
        (tmp_path / "cut.png").write_bytes(png_of(4, 8, (b"\0" + bytes([200] * 4)) * there))
        with pytest.raises(PhysadvError, match=rf"cut\.png: not a readable picture \(it has {5 * there} of 40 bytes"):
            read_image(tmp_path / "cut.png")


@pytest.mark.parametrize("passes", [7, 6])
def test_an_interlaced_png_has_all_its_passes(passes: int, tmp_path: Path) -> None:
    """Its last row is of the last pass but one, so it does not tell."""
    adam7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    rows = b""
    for x, y, across, down in adam7[:passes]:
        columns = -(-(7 - x) // across)
        rows += (b"\0" + bytes([200] * columns)) * -(-(7 - y) // down)
    (tmp_path / "a.png").write_bytes(png_of(7, 7, rows, interlaced=1))
    if passes == 7:
        assert (read_image(tmp_path / "a.png") == 200).all()
        return
    with pytest.raises(PhysadvError, match=r"it has 39 of 63 bytes"):
        read_image(tmp_path / "a.png")


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "I;16"])
@pytest.mark.parametrize("size", [(1, 1), (7, 5), (33, 18)])
def test_a_whole_png_has_all_its_bytes(mode: str, size: tuple[int, int], tmp_path: Path) -> None:
    Image.new(mode, size, (0, 0, 0, 255) if mode == "RGBA" else 0).save(tmp_path / "a.png")
    assert read_image(tmp_path / "a.png").shape[:2] == size[::-1]
    cv2.imwrite(str(tmp_path / "b.png"), np.zeros((*size[::-1], 3), np.uint8))
    assert read_image(tmp_path / "b.png").shape[:2] == size[::-1]


@pytest.mark.parametrize("planes", [1, 2])
def test_a_tiff_with_fewer_strips_than_rows_is_refused(planes: int, tmp_path: Path) -> None:
    samples = 3 if planes == 2 else 1
    entries = [
        (256, 3, 2), (257, 3, 4), (259, 3, 1), (262, 3, 2 if samples == 3 else 1), (273, 4, 8), (277, 3, samples),
        (278, 3, 2), (279, 4, 4), (284, 3, planes),
    ]  # fmt: skip
    if samples == 1:
        entries.insert(2, (258, 3, 8))
    data = b"II*\0" + struct.pack("<I", 12) + bytes([9] * 4) + struct.pack("<H", len(entries))
    data += b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in entries) + bytes(4)
    (tmp_path / "a.tif").write_bytes(data)
    with pytest.raises(PhysadvError, match=r"a\.tif: not a readable picture"):
        read_image(tmp_path / "a.tif")


@pytest.mark.parametrize("compression", [None, "tiff_lzw", "tiff_deflate", "packbits"])
@pytest.mark.parametrize("mode", ["1", "L", "RGB", "RGBA", "I;16"])
def test_a_whole_tiff_is_read(mode: str, compression: str | None, tmp_path: Path) -> None:
    Image.new(mode, (37, 300), (0, 0, 0, 255) if mode == "RGBA" else 0).save(
        tmp_path / "a.tif", compression=compression
    )
    assert read_image(tmp_path / "a.tif").shape[:2] == (300, 37)
