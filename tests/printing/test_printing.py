"""Sheets at true scale: measured on what poppler and PDFium draw of them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import cv2
import numpy as np
import pypdfium2
import pytest
import shapely
import torch
from cli_kit import Command, refused
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from shapely import affinity
from shapely.geometry import Point, Polygon, box
from shapely.ops import unary_union

from physadv.patches import build_mask, load_patch, new_patch, parse_mask, save_patch
from physadv.photos.camera import Board, find_board
from physadv.photos.rig.markers import find_markers
from physadv.photos.rig.rig import default_rig, load_rig
from physadv.printing.assembly import assembly_shapes
from physadv.printing.dimensions import dimensions
from physadv.printing.drawing import Line, Words, text_width, wrapped
from physadv.printing.layout import GAP_MM, LABEL_MM, Placed, Sheet, lay_out
from physadv.printing.paper import PAPERS, SIDE_MM, pick_paper
from physadv.printing.pieces import Piece, patch_pieces
from physadv.printing.printer_profile import conversion
from physadv.printing.rig_sheets import print_rig, rig_document
from physadv.printing.sheets import SheetOptions, bundle_hash, patch_document, print_patch
from physadv.signs import load_sign

DPI = 300
PER_MM = DPI / 25.4
TICK_MM = 0.15
FOOT_MM = pick_paper("A4").foot
PINK, GREEN = (230, 20, 160), (10, 200, 60)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two stickers: a pink one of 120 x 60 mm, a green one of 40 x 90 mm, and a long pink one of 500 x 80 mm."""
    folder = tmp_path_factory.mktemp("patches") / "three"
    sign = load_sign("us/stop")
    stickers = [
        {"left_mm": -200, "top_mm": -250, "width_mm": 120, "height_mm": 60},
        {"left_mm": 100, "top_mm": -260, "width_mm": 40, "height_mm": 90},
        {"left_mm": -250, "top_mm": 180, "width_mm": 500, "height_mm": 80},
    ]
    mask = build_mask(parse_mask({"kind": "stickers", "stickers": stickers, "drawn_for_mm": 762}), sign, px=1024)
    paint = torch.tensor(PINK).reshape(3, 1, 1).expand(3, 1024, 1024).clone() / 255.0
    paint[:, :512, 512:] = torch.tensor(GREEN).reshape(3, 1, 1) / 255.0
    save_patch(new_patch(sign, mask, paint, name="three"), folder)
    return folder


def pages(pdf: Path, dpi: int = DPI) -> list[np.ndarray]:
    with pypdfium2.PdfDocument(pdf) as document:
        return [np.asarray(page.render(scale=dpi / 72.0).to_pil().convert("RGB")) for page in document]


def poppler(pdf: Path, folder: Path) -> list[np.ndarray]:
    subprocess.run(["pdftoppm", "-r", str(DPI), "-png", str(pdf), str(folder / "page")], check=True)
    return [np.asarray(Image.open(path).convert("RGB")) for path in sorted(folder.glob("page*.png"))]


def extent_mm(where: np.ndarray) -> tuple[float, float, float, float]:
    """Left, top, width, height of what is true, in mm."""
    rows, columns = np.flatnonzero(where.any(1)), np.flatnonzero(where.any(0))
    return (
        columns[0] / PER_MM,
        rows[0] / PER_MM,
        (columns[-1] + 1 - columns[0]) / PER_MM,
        (rows[-1] + 1 - rows[0]) / PER_MM,
    )


def near(page: np.ndarray, color: tuple[int, int, int]) -> np.ndarray:
    return np.asarray(np.abs(page.astype(int) - color).max(2) < 40)


def bar_length(page: np.ndarray) -> float:
    """From the middle of the first tick to that of the last: the longest dark row in the page's foot."""
    foot = page[-int((10 + FOOT_MM) * PER_MM) :, : int(150 * PER_MM)].max(2) < 140
    row = foot[foot.sum(1).argmax()]
    columns = np.flatnonzero(row)
    whole = max(np.split(columns, np.flatnonzero(np.diff(columns) > 1) + 1), key=len)
    return float(len(whole)) / PER_MM - TICK_MM


def upright_bar(page: np.ndarray, margin_mm: float = 10.0) -> tuple[float, float]:
    """The same of the upright bar, in the strip at the right; and where its left end is from the paper's right edge."""
    strip = page[: -int((margin_mm + FOOT_MM) * PER_MM), -int((margin_mm + SIDE_MM) * PER_MM) :].max(2) < 140
    column = strip[:, strip.sum(0).argmax()]
    rows, columns = np.flatnonzero(column), np.flatnonzero(strip.any(0))
    length = float(rows[-1] + 1 - rows[0]) / PER_MM - TICK_MM if len(rows) else 0.0
    return length, float(strip.shape[1] - columns[0]) / PER_MM if len(columns) else 0.0


@pytest.mark.parametrize("engine", ["pdfium", "poppler"])
def test_stickers_and_the_bar_have_their_size_on_paper(bundle: Path, tmp_path: Path, engine: str) -> None:
    if engine == "poppler" and shutil.which("pdftoppm") is None:
        pytest.skip("needs poppler's pdftoppm")
    (pdf,) = print_patch(bundle, tmp_path / "s.pdf", SheetOptions(bleed_mm=0.0))
    seen = pages(pdf) if engine == "pdfium" else poppler(pdf, tmp_path)
    whole = next(page for page in seen if near(page, GREEN).any())
    assert extent_mm(near(whole, GREEN))[2:] == pytest.approx((40.0, 90.0), abs=0.2)
    assert extent_mm(near(whole, PINK))[2:] == pytest.approx((120.0, 60.0), abs=0.2)
    for page in seen:
        assert bar_length(page) == pytest.approx(100.0, abs=0.2)
    assert upright_bar(seen[0])[0] == pytest.approx(100.0, abs=0.2)
    assert upright_bar(seen[1])[0] == 0.0


@pytest.mark.parametrize("options", [{}, {"poster": True}, {"bar_mm": 98.0}, {"paper": "A5", "margin_mm": 5.0}])
def test_nothing_runs_into_the_upright_bar(bundle: Path, tmp_path: Path, options: dict[str, Any]) -> None:
    (pdf,) = print_patch(bundle, tmp_path / "s.pdf", SheetOptions(dpi=100, **options))
    scale, margin = 100.0 / options.get("bar_mm", 100.0), options.get("margin_mm", 10.0)
    foot = pick_paper(options.get("paper", "A4"), margin_mm=margin).foot
    for number, page in enumerate(pages(pdf)[:3]):
        strip = page[: -int((margin + foot * scale) * PER_MM), -int((margin + SIDE_MM * scale - 0.3) * PER_MM) :]
        assert np.ptp(strip.astype(int), axis=2).max() < 30, "no paint beside it"
        length, reach = upright_bar(page, margin)
        if number == 0:
            assert length == pytest.approx(100.0 * scale, abs=0.25)
            assert reach < margin + SIDE_MM * scale - 1.0
        else:
            assert length == 0.0


def test_a_rig_has_both_bars_and_they_keep_off_its_markers(tmp_path: Path) -> None:
    print_rig(tmp_path / "rig")
    first = pages(tmp_path / "rig" / "rig.pdf")[0]
    assert bar_length(first) == pytest.approx(100.0, abs=0.2)
    length, reach = upright_bar(first)
    assert length == pytest.approx(100.0, abs=0.2)
    assert reach < 10.0 + SIDE_MM - 1.0


def test_the_bleed_goes_beyond_the_cut(bundle: Path, tmp_path: Path) -> None:
    (pdf,) = print_patch(bundle, tmp_path / "s.pdf", SheetOptions(bleed_mm=3.0))
    whole = next(page for page in pages(pdf) if near(page, GREEN).any())
    assert extent_mm(near(whole, GREEN))[2:] == pytest.approx((46.0, 96.0), abs=0.3)


def test_tiles_go_together_to_the_whole_sticker(bundle: Path) -> None:
    patch = load_patch(bundle)
    piece = max(patch_pieces(patch), key=lambda one: one.width)
    sheets = lay_out([piece], pick_paper("A4"), overlap_mm=15.0)
    tiles = [placed for sheet in sheets for placed in sheet.placed]
    assert len(tiles) == 2
    union = unary_union([box(*tile.part) for tile in tiles])
    assert union.bounds == pytest.approx(piece.box)
    shared = box(*tiles[0].part).intersection(box(*tiles[1].part))
    assert shared.bounds[2] - shared.bounds[0] >= 15.0 - 1e-6


def test_registration_marks_of_neighbors_lie_at_the_same_place_of_the_sign(bundle: Path, tmp_path: Path) -> None:
    (pdf,) = print_patch(bundle, tmp_path / "s.pdf", SheetOptions(bleed_mm=0.0))
    tiles = [page for page in pages(pdf) if near(page, PINK).any() and not near(page, GREEN).any()]
    assert len(tiles) == 2
    piece = max(patch_pieces(load_patch(bundle)), key=lambda one: one.width)
    sheets = [sheet for sheet in lay_out(patch_pieces(load_patch(bundle)), pick_paper("A4")) if len(sheet.placed) == 1]
    places = []
    for page, sheet in zip(tiles, sheets, strict=True):
        (tile,) = sheet.placed
        left, top, _, _ = extent_mm(near(page, PINK) | (page.max(2) < 60))
        inside = page[:, : -round((10 + SIDE_MM) * PER_MM)].astype(int)
        y0 = round((10 + tile.top) * PER_MM)
        band = inside[y0 + 20 : y0 + round(piece.height * PER_MM) - 20]
        dark = (band.max(2) < 120).sum(0)
        columns = np.flatnonzero((dark > 8.0 * PER_MM) & (dark < 0.6 * len(band)))  # two crosses, no cut line
        places.append(float(columns.mean()) / PER_MM - 10.0 + tile.part[0])
        assert left == pytest.approx(10.0, abs=0.6)
        assert top > 5.0
    assert places[0] == pytest.approx(places[1], abs=0.4)


@settings(max_examples=60, deadline=None)
@given(
    sizes=st.lists(st.tuples(st.floats(8, 900), st.floats(8, 900)), min_size=1, max_size=8),
    paper=st.sampled_from(sorted(PAPERS)),
    margin=st.floats(3, 20),
    overlap=st.floats(8, 25),
)
def test_every_sticker_is_printed_whole_and_nothing_lies_in_the_margin(
    sizes: list[tuple[float, float]], paper: str, margin: float, overlap: float
) -> None:
    pieces = [Piece(str(k), box(0, 0, w, h), (0.0, 0.0, w, h)) for k, (w, h) in enumerate(sizes)]
    sheets = lay_out(pieces, pick_paper(paper, margin_mm=margin), overlap_mm=overlap, bleed_mm=2.0)
    shown: dict[str, list[Placed]] = {}
    for sheet in sheets:
        areas = []
        for placed in sheet.placed:
            assert 0.0 <= placed.bleed_mm <= 2.0
            right = placed.left + placed.part[2] - placed.part[0]
            bottom = placed.top + placed.part[3] - placed.part[1]
            assert placed.left >= 0
            assert placed.top >= 0
            assert right <= sheet.paper.clear_width + 1e-6
            assert bottom <= sheet.paper.height + 1e-6
            areas.append(box(placed.left, placed.top, right, bottom))
            shown.setdefault(placed.piece.label, []).append(placed)
        for number, area in enumerate(areas):
            for other in areas[number + 1 :]:
                assert area.distance(other) >= GAP_MM - 1e-6
    for piece in pieces:
        (whole,) = {placed.shape for placed in shown[piece.label]}
        assert whole.area == pytest.approx(piece.shape.area)
        assert unary_union([box(*placed.part) for placed in shown[piece.label]]).covers(whole.buffer(-1e-6))


def pages_of(sheets: list[Sheet], point: tuple[float, float]) -> list[Placed]:
    """Where a point of a sticker, in mm of the sign, is printed."""
    found = []
    for sheet in sheets:
        for placed in sheet.placed:
            (x, y) = affinity.rotate(Point(point), placed.turn_deg, origin=(0, 0)).coords[0]
            left, top, right, bottom = placed.part
            found += [placed] if left <= x <= right and top <= y <= bottom else []
    return found


@settings(max_examples=40, deadline=None)
@given(
    width=st.floats(20, 1200),
    height=st.floats(20, 1200),
    turn=st.floats(0, 180),
    at=st.tuples(st.floats(-300, 300), st.floats(-300, 300)),
    paper=st.sampled_from(["A4", "Letter", "A3", "A5"]),
    overlap=st.floats(5, 25),
    where=st.lists(st.tuples(st.floats(0.001, 0.999), st.floats(0.001, 0.999)), min_size=5, max_size=5),
)
def test_a_point_is_on_one_page_or_in_the_stated_overlap(
    width: float,
    height: float,
    turn: float,
    at: tuple[float, float],
    paper: str,
    overlap: float,
    where: list[tuple[float, float]],
) -> None:
    plain = box(at[0], at[1], at[0] + width, at[1] + height)
    shape = affinity.rotate(plain, turn, origin=(0, 0))
    piece = Piece("A", shape, shape.bounds)
    sheets = lay_out([piece], pick_paper(paper), overlap_mm=overlap, bleed_mm=2.0)
    for u, v in where:
        point = affinity.rotate(Point(at[0] + u * width, at[1] + v * height), turn, origin=(0, 0)).coords[0]
        found = pages_of(sheets, point)
        assert found
        if len(sheets) == 1:
            continue
        (x, y) = affinity.rotate(Point(point), found[0].turn_deg, origin=(0, 0)).coords[0]
        beside = [seam for tile in found for seam in (tile.seams[0], tile.seams[2]) if seam is not None]
        above = [seam for tile in found for seam in (tile.seams[1], tile.seams[3]) if seam is not None]
        shared_x = any(abs(x - seam) <= overlap / 2.0 + 1e-6 for seam in beside)
        shared_y = any(abs(y - seam) <= overlap / 2.0 + 1e-6 for seam in above)
        assert len(found) <= (1 + shared_x) * (1 + shared_y)


def test_neighboring_tiles_share_what_is_stated_and_no_more() -> None:
    piece = Piece("A", box(0, 0, 300, 100), (0.0, 0.0, 300.0, 100.0))
    tiles = [placed for sheet in lay_out([piece], pick_paper("A4"), overlap_mm=15.0) for placed in sheet.placed]
    assert len(tiles) == 2
    assert box(*tiles[0].part).intersection(box(*tiles[1].part)).area == pytest.approx(15.0 * 100.0)
    assert "overlap 15 mm" in tiles[0].label


def test_tiles_that_would_stay_white_are_left_out() -> None:
    corner = box(0, 0, 600, 40).union(box(0, 0, 40, 600))
    sheets = lay_out([Piece("A", corner, corner.bounds)], pick_paper("A4"), overlap_mm=15.0)
    tiles = [placed for sheet in sheets for placed in sheet.placed]
    assert len(tiles) < tiles[0].rows * tiles[0].columns
    assert unary_union([box(*tile.part) for tile in tiles]).covers(tiles[0].shape.buffer(-1e-6))


@pytest.mark.parametrize(
    ("width", "height", "angle", "bleed_mm"),
    [
        (100.0, 200.0, 0.0, 2.0),
        (193.0, 159.0, 0.0, 2.0),
        (250.0, 30.0, 45.0, 2.0),
        (190.0, 40.0, 20.0, 2.0),
        (180.0, 230.0, 0.0, 0.5),
    ],
)
def test_a_sticker_that_fits_a_page_turned_or_with_less_bleed_is_on_one(
    width: float, height: float, angle: float, bleed_mm: float
) -> None:
    shape = affinity.rotate(box(-width / 2, -height / 2, width / 2, height / 2), angle)
    sheets = lay_out([Piece("A", shape, shape.bounds)], pick_paper("A4"), bleed_mm=2.0)
    ((placed,),) = [sheet.placed for sheet in sheets]
    assert not placed.is_tile
    assert placed.bleed_mm == pytest.approx(bleed_mm, abs=0.01)
    left, top, right, bottom = placed.shape.bounds
    assert right - left + 2 * placed.bleed_mm <= sheets[0].paper.clear_width + 1e-9
    assert bottom - top + 2 * placed.bleed_mm + LABEL_MM <= sheets[0].paper.height + 1e-9


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One sticker of 193 x 159 mm, pink on the left and green on the right, which fits A4 only when it is turned."""
    folder = tmp_path_factory.mktemp("patches") / "wide"
    sign = load_sign("us/stop")
    sticker = {"left_mm": -96.5, "top_mm": -70, "width_mm": 193, "height_mm": 159}
    mask = build_mask(parse_mask({"kind": "stickers", "stickers": [sticker], "drawn_for_mm": 762}), sign, px=1024)
    paint = torch.tensor(PINK).reshape(3, 1, 1).expand(3, 1024, 1024).clone() / 255.0
    paint[:, :, 512:] = torch.tensor(GREEN).reshape(3, 1, 1) / 255.0
    save_patch(new_patch(sign, mask, paint, name="wide"), folder)
    return folder


def test_paper_is_turned_before_stickers_are() -> None:
    """On as many pages: a sticker that lies as on the sign is easier to stick on."""
    bars = patch_pieces(load_patch("de-stop-bars"))
    paper = pick_paper("A2", margin_mm=10.0)
    sheets = lay_out(bars, paper, overlap_mm=15.0, bleed_mm=2.0)
    placed = [one for sheet in sheets for one in sheet.placed]
    assert [one.piece.label for one in placed] == [bar.label for bar in bars]
    assert max(bar.width for bar in bars) > paper.clear_width, "upright paper has no room for them as they are"
    assert not any(one.turn_deg or one.is_tile for one in placed)


def test_a_turned_sticker_keeps_its_scale_its_paint_and_its_cut_lines(wide: Path, tmp_path: Path) -> None:
    (pdf,) = print_patch(wide, tmp_path / "s.pdf", SheetOptions(bleed_mm=0.0, dpi=150))
    page, placing = pages(pdf)
    left, top, width, height = extent_mm(near(page, PINK))
    assert (width, height) == pytest.approx((159.0, 96.5), abs=0.5)
    assert extent_mm(near(page, GREEN)) == pytest.approx((left, top + 96.5, 159.0, 96.5), abs=0.5)
    (cut,) = print_patch(wide, tmp_path / "cut.svg", SheetOptions(bleed_mm=0.0))
    (path,) = ElementTree.parse(cut).getroot().iter("{http://www.w3.org/2000/svg}path")
    outline = Polygon([tuple(map(float, pair.split())) for pair in path.attrib["d"][2:-2].split(" L ")])
    low_x, low_y, high_x, high_y = outline.bounds
    assert (high_x - low_x, high_y - low_y) == pytest.approx((159.0, 193.0), abs=0.01)
    assert (low_x, low_y) == pytest.approx((left, top), abs=0.25)
    # where the sticker goes is drawn as it hangs: pink on the left
    pink, green = extent_mm(near(placing, PINK)), extent_mm(near(placing, GREEN))
    assert pink[0] + pink[2] == pytest.approx(green[0], abs=0.5)
    assert pink[2] / pink[3] == pytest.approx(96.5 / 159.0, rel=0.03)


@pytest.mark.parametrize(("paper", "options"), [("A4", {"controls": True}), ("A5", {}), ("Letter", {"poster": True})])
def test_words_are_read_at_arms_length_and_stay_on_the_page(paper: str, options: dict[str, Any], bundle: Path) -> None:
    document = patch_document(load_patch(bundle), "0" * 12, SheetOptions(paper=paper, dpi=50, **options))
    rig = rig_document(default_rig(load_sign("us/stop")), load_sign("us/stop"), pick_paper("A4"))
    for page in (*document.pages, *rig.pages):
        for words in (shape for shape in page.shapes if isinstance(shape, Words)):
            assert words.size_mm / 25.4 * 72.0 >= 9.0, words
            length = text_width(words.text, words.size_mm)
            if words.turned:
                assert words.y - length >= 0.0, words
            else:
                start = words.x - length * {"left": 0.0, "middle": 0.5, "right": 1.0}[words.anchor]
                assert start >= 0.0, words
                assert start + length <= page.width_mm, words
                assert words.y <= page.height_mm - 5.0, words


@settings(max_examples=40, deadline=None)
@given(st.text(st.characters(codec="latin-1", categories=["L", "N", "P", "Zs"]), max_size=200), st.floats(20, 170))
def test_wrapped_lines_keep_all_words_within_the_width(text: str, width: float) -> None:
    lines = wrapped(text, width)
    assert "".join("".join(lines).split()) == "".join(text.split())
    assert all(text_width(line) <= width or len(line) == 1 for line in lines)


def test_the_code_and_the_words_say_what_the_sheet_is(bundle: Path, tmp_path: Path) -> None:
    (pdf,) = print_patch(bundle, tmp_path / "s.pdf")
    identity = bundle_hash(bundle)
    found, _, _ = cv2.QRCodeDetector().detectAndDecode(pages(pdf)[0][..., ::-1].copy())
    assert found == f"physadv three {identity}"
    with pypdfium2.PdfDocument(pdf) as document:
        texts = [page.get_textpage().get_text_range() for page in document]
    for number, text in enumerate(texts, start=1):
        assert "test artefact, not for public roads" in text
        assert identity in text
        assert f"sheet {number} of {len(texts)}" in text
    assert "A: 120.0 x 60.0 mm" in " ".join(texts)
    assert "181.0" in texts[-1]  # of sticker A from the sign's left edge
    assert "131.0" in texts[-1]  # and from its upper edge


def test_the_same_patch_gives_the_same_bytes(bundle: Path, tmp_path: Path) -> None:
    print_patch(bundle, tmp_path / "a.pdf")
    print_patch(bundle, tmp_path / "b.pdf")
    assert (tmp_path / "a.pdf").read_bytes() == (tmp_path / "b.pdf").read_bytes()


def test_controls_are_printed_on_sheets_of_their_own(bundle: Path, tmp_path: Path) -> None:
    (plain,) = print_patch(bundle, tmp_path / "a.pdf")
    (more,) = print_patch(bundle, tmp_path / "b.pdf", SheetOptions(controls=True))
    with pypdfium2.PdfDocument(plain) as one, pypdfium2.PdfDocument(more) as other:
        assert len(other) == 3 * (len(one) - 1) + 1
        texts = " ".join(page.get_textpage().get_text_range() for page in other)
    assert "GRAY CONTROL: photographs of it go into gray/" in texts
    assert "RANDOM CONTROL" in texts


def test_a_printer_that_shrinks_is_made_up_for(bundle: Path, tmp_path: Path) -> None:
    (pdf,) = print_patch(bundle, tmp_path / "s.pdf", SheetOptions(bleed_mm=0.0, bar_mm=97.0))
    whole = next(page for page in pages(pdf) if near(page, GREEN).any())
    assert extent_mm(near(whole, GREEN))[2] * 0.97 == pytest.approx(40.0, abs=0.2)
    assert bar_length(whole) * 0.97 == pytest.approx(100.0, abs=0.25)


def test_a_plotters_files_hold_the_stickers_area(bundle: Path, tmp_path: Path) -> None:
    paths = print_patch(bundle, tmp_path / "cut.svg", SheetOptions(paper="A2"))
    total = 0.0
    for path in paths:
        root = ElementTree.parse(path).getroot()
        assert root.attrib["width"].endswith("mm")
        for shape in root.iter("{http://www.w3.org/2000/svg}path"):
            points = [tuple(map(float, pair.split())) for pair in shape.attrib["d"][2:-2].split(" L ")]
            total += Polygon(points).area
    expected = 120 * 60 + 40 * 90 + 500 * 80
    assert total == pytest.approx(expected, rel=1e-3)


def test_png_is_the_pdfs_picture(bundle: Path, tmp_path: Path) -> None:
    (pdf,) = print_patch(bundle, tmp_path / "s.pdf", SheetOptions(dpi=150))
    files = print_patch(bundle, tmp_path / "s.png", SheetOptions(dpi=150))
    assert [path.name for path in files] == [f"s-{number}.png" for number in range(1, len(files) + 1)]
    assert sorted(tmp_path.glob("*.png")) == sorted(files)
    for page, path in zip(pages(pdf, 150), files, strict=True):
        with Image.open(path) as picture:
            assert picture.info["dpi"][0] == pytest.approx(150, abs=0.1)
            assert np.array_equal(np.asarray(picture.convert("RGB")), page)


def test_a_poster_shows_the_whole_sign(bundle: Path, tmp_path: Path) -> None:
    (pdf,) = print_patch(bundle, tmp_path / "p.pdf", SheetOptions(poster=True, paper="A0", bleed_mm=0.0))
    page = pages(pdf, 60)[0]
    rows, columns = np.nonzero((page[..., 0] > 120) & (page[..., 1] < 80) & (page[..., 2] < 80))
    assert (np.ptp(columns) + 1) / 60 * 25.4 == pytest.approx(762 - 2 * 19, abs=6)
    assert (np.ptp(rows) + 1) / 60 * 25.4 == pytest.approx(762 - 2 * 19, abs=6)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nothing", "--out", "a.pdf"], "no patch there"),
        (["{}", "--out", "a.doc"], "should end in .pdf"),
        (["{}", "--out", "a.pdf", "--paper", "A9"], "should be one of"),
        (["{}", "--out", "a.pdf", "--dpi", "5"], "from 50 to 1200"),
        (["{}", "--out", "a.pdf", "--bar-mm", "70"], "without fitting"),
        (["{}", "--out", "a.pdf", "--margin-mm", "90"], "from 0 to 40"),
        (["{}", "--out", "a.pdf", "--paper", "A5", "--overlap-mm", "60"], "no room"),
        (["{}", "--out", "a.pdf", "--icc", "x.icc", "--intent", "nice"], "should be one of perceptual"),
    ],
)
def test_mistakes_are_one_sentence(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, physadv: Command, words: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    refused(physadv("print", *(word.format(bundle) for word in words)), message)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("paper", ["A4", "Letter"])
def test_a_printed_rig_is_the_one_in_its_file(tmp_path: Path, paper: str) -> None:
    print_rig(tmp_path / "rig", paper=paper)
    rig = load_rig(tmp_path / "rig" / "rig.json")
    assert rig == default_rig(load_sign("us/stop"))
    assert rig.chart is not None
    sizes: dict[int, float] = {}
    for page in pages(tmp_path / "rig" / "rig.pdf"):
        for number, corners in find_markers(page).corners.items():
            side = np.linalg.norm(corners - np.roll(corners, 1, axis=0), axis=1).mean() / PER_MM
            sizes[number] = max(side, sizes.get(number, 0.0))
    for marker in (*rig.markers, *rig.chart.markers):
        assert sizes[marker.id] == pytest.approx(marker.size_mm, abs=0.25)
    boards = [find_board("page", page, Board()) for page in pages(tmp_path / "rig" / "rig.pdf")]
    (seen,) = [board for board in boards if board is not None]
    assert len(seen.board_mm) == 7 * 10
    mm = np.linalg.norm(seen.board_mm[0] - seen.board_mm[-1])
    assert np.linalg.norm(seen.seen_px[0] - seen.seen_px[-1]) / PER_MM == pytest.approx(mm, abs=0.25)


def test_the_printed_chart_has_its_colors_at_their_places(tmp_path: Path) -> None:
    print_rig(tmp_path / "rig")
    chart = load_rig(tmp_path / "rig" / "rig.json").chart
    assert chart is not None
    page = next(p for p in pages(tmp_path / "rig" / "rig.pdf") if 40 in find_markers(p).corners)
    millimeters, places = find_markers(page).pairs(chart.markers)
    homography, _ = cv2.findHomography(millimeters, places)
    for center, color in zip(chart.centers_mm, chart.colors, strict=True):
        x, y, w = homography @ [*center, 1.0]
        seen = page[round(y / w), round(x / w)]
        np.testing.assert_allclose(seen, np.array(color) * 255, atol=2)


def rectangles(boxes: list[tuple[float, float, float, float]]) -> list[Piece]:
    return [Piece(f"S{number}", shapely.box(*box), box) for number, box in enumerate(boxes)]


GRIDS = {
    "a row": [(x, -40.0, x + 60.0, 40.0) for x in (-200.0, -100.0, 0.0, 100.0)],
    "a lattice": [(x, y, x + 70.0, y + 70.0) for x in range(-300, 300, 120) for y in range(-300, 300, 120)],
    "one within a ring of others": [
        *((x, y, x + 180.0, y + 180.0) for x in (-290.0, -90.0, 110.0) for y in (-290.0, -90.0, 110.0))
    ],
}


@pytest.mark.parametrize("boxes", GRIDS.values(), ids=GRIDS)
def test_lines_of_distances_cross_no_sticker(boxes: list[tuple[float, float, float, float]]) -> None:
    pieces = rectangles(boxes)
    found = dimensions(pieces, (381.0, 381.0), clear_mm=2.0, apart_mm=16.0)
    assert len(found) == 2 * len(pieces)
    for line in found:
        box, near = line.piece.box, line.along + 2 * line.is_far
        assert line.length_mm == pytest.approx(381.0 - box[near] if line.is_far else 381.0 + box[near])
        assert line.points, (line.piece.label, "a gap of 20 mm leaves a way")
        drawn = shapely.LineString(line.points)
        assert drawn.intersection(line.piece.shape).length == 0.0 or drawn.touches(line.piece.shape)
        assert line.points[0][line.along] == (381.0 if line.is_far else -381.0)
        assert line.points[-1][line.along] == box[near]
        for other in pieces:
            if other is not line.piece:
                assert drawn.distance(other.shape) >= 2.0, (line.piece.label, other.label)


def test_a_sticker_that_others_enclose_has_no_line_and_stands_in_the_table() -> None:
    inner, ring = shapely.box(-20, -20, 20, 20), shapely.box(-90, -90, 90, 90) - shapely.box(-60, -60, 60, 60)
    pieces = [Piece("A", ring, ring.bounds), Piece("B", inner, inner.bounds)]
    found = dimensions(pieces, (381.0, 381.0), clear_mm=2.0, apart_mm=16.0)
    assert [bool(line.points) for line in found] == [True, True, False, False]


def test_words_of_distances_do_not_run_into_each_other() -> None:
    pieces = rectangles([(x, y, x + 6.0, y + 6.0) for x in range(-80, 80, 14) for y in range(-80, 80, 14)])
    found = [line for line in dimensions(pieces, (381.0, 381.0), clear_mm=2.0, apart_mm=30.0) if line.points]
    assert 40 < len(found) < 2 * len(pieces)
    for along, is_far in ((0, False), (0, True), (1, False), (1, True)):
        places = sorted(line.points[0][1 - along] for line in found if (line.along, line.is_far) == (along, is_far))
        assert min(np.diff(places)) > 0.7 * 30.0


@pytest.mark.parametrize("name", ["de-stop-bars", "de-stop-discover-80", "de-stop-love-hate"])
def test_no_line_of_the_placing_page_runs_through_a_sticker_and_its_words_stand_on_paper(name: str) -> None:
    patch = load_patch(name)
    pieces, paper = patch_pieces(patch), pick_paper("A4")
    shapes = assembly_shapes(patch, pieces, paper, conversion(None))
    outlines = [shape for shape in shapes if isinstance(shape, Line) and shape.closed and shape.width_mm == 0.2]
    stickers = shapely.MultiPolygon([(outline.points, []) for outline in outlines]).buffer(-0.01)
    lines = [shape for shape in shapes if isinstance(shape, Line) and shape.dash_mm]
    assert len(lines) == 2 * len(pieces)
    for line in lines:
        assert not shapely.LineString(line.points).crosses(stickers)
    for words in (shape for shape in shapes if isinstance(shape, Words)):
        length = text_width(words.text, words.size_mm)
        left = words.x - {"left": 0.0, "middle": 0.5, "right": 1.0}[words.anchor] * length * (not words.turned)
        assert left >= paper.left - 0.1
        assert left + (0.0 if words.turned else length) <= paper.left + paper.width + 0.1
        assert paper.left <= words.y <= paper.left + paper.height + 1.0
        assert not words.turned or words.y - length >= paper.left
