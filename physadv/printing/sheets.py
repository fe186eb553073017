"""A patch on paper at true scale: stickers with cut lines, how they go together, and the controls' twins."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from shapely import affinity, get_parts, line_merge
from shapely.geometry import box
from shapely.geometry.base import BaseGeometry

from physadv.core.errors import PhysadvError
from physadv.patches import Patch, control_patch, find_bundle, load_patch
from physadv.printing.assembly import assembly_shapes
from physadv.printing.drawing import Document, Line, Picture, Shape, Words, text_width, write_document
from physadv.printing.layout import ARROW_MM, Placed, Sheet, lay_out
from physadv.printing.paper import Paper, finished, pick_paper
from physadv.printing.pieces import Pixels, face, patch_pieces, rings_of, turned, window
from physadv.printing.printer_profile import Conversion, conversion

CONTROLS_PRINTED = ("gray", "random")
DPI_RANGE = (50, 1200)
_CROSS_MM = 3.0
_CONTROL_SEED = 0
"""That evaluations use: what is photographed is what is simulated."""


@dataclass(frozen=True)
class SheetOptions:
    """How a patch is printed.

    Attributes:
        paper: of :data:`physadv.printing.paper.PAPERS`.
        poster: the whole painted face.
        controls: the gray and the random twin too.
        join_mm: parts that are no further from each other stay on one carrier.
        bleed_mm: of paint beyond the cut line.
        overlap_mm: of tiles.
        margin_mm: that the printer leaves white.
        dpi: of pictures.
        bar_mm: what an earlier sheet's 100 mm bar measured.
        icc, intent: the printer's profile.
    """

    paper: str = "A4"
    poster: bool = False
    controls: bool = False
    join_mm: float = 0.0
    bleed_mm: float = 2.0
    overlap_mm: float = 15.0
    margin_mm: float = 10.0
    dpi: int = 300
    bar_mm: float | None = None
    icc: Path | None = None
    intent: str = "relative"


def print_patch(folder: str | Path, out: Path, options: SheetOptions | None = None) -> list[Path]:
    """Writes a patch's sheets; the same patch and options give the same bytes.

    Args:
        folder: of the bundle, or the name of a shipped one.
        out: ``.pdf``; or ``.png``, one file a page; or ``.svg``, the cut lines of one page a file.
        options: how.

    Returns:
        The files.

    Raises:
        PhysadvError: the bundle or an option is wrong.
    """
    options = options or SheetOptions()
    for name, value, (low, high) in (
        ("dpi", options.dpi, DPI_RANGE),
        ("bleed-mm", options.bleed_mm, (0.0, 20.0)),
        ("overlap-mm", options.overlap_mm, (5.0, 60.0)),
        ("join-mm", options.join_mm, (0.0, 200.0)),
    ):
        if not low <= value <= high:
            raise PhysadvError(f"--{name} {value:g}: should be from {low:g} to {high:g}")
    patch = load_patch(folder)
    document = patch_document(patch, bundle_hash(find_bundle(folder)), options)
    return write_document(document, out, dpi=options.dpi)


def bundle_hash(folder: Path) -> str:
    """Twelve hexadecimal digits of what is in a bundle: the patch's id, in the code on its sheets."""
    digest = hashlib.sha256()
    for name in ("patch.json", "mask.png", "paint.png"):
        digest.update((folder / name).read_bytes())
    return digest.hexdigest()[:12]


def patch_document(patch: Patch, identity: str, options: SheetOptions) -> Document:
    """All sheets of a patch: stickers, how they go together, and the controls."""
    paper = pick_paper(options.paper, margin_mm=options.margin_mm, bar_mm=options.bar_mm)
    colors = conversion(options.icc, options.intent)
    pieces = patch_pieces(patch, poster=options.poster, join_mm=options.join_mm)
    sheets = lay_out(pieces, paper, overlap_mm=options.overlap_mm, bleed_mm=options.bleed_mm)
    kinds = [("", patch)]
    if options.controls:
        kinds += [(kind, control_patch(patch, kind, _CONTROL_SEED)) for kind in CONTROLS_PRINTED]
    drawn: list[tuple[Paper, list[Shape], str]] = []
    for kind, shown in kinds:
        pixels = face(shown, poster=options.poster)
        title = patch.name if not kind else f"{patch.name}, {kind.upper()} CONTROL: photographs of it go into {kind}/"
        drawn += [(sheet.paper, _shapes(sheet, pixels, patch, options, colors), title) for sheet in sheets]
    drawn.append((paper, assembly_shapes(patch, pieces, paper, colors), f"{patch.name}, where the stickers go"))
    words = (
        f"{identity}   {patch.record.created[:10] or 'undated'}   sign {patch.sign.name}, "
        f"{patch.sign.width_mm:g} x {patch.sign.height_mm:g} mm",
        f"colors: {colors.words}",
    )
    code, count = f"physadv {patch.name} {identity}", len(drawn)
    pages = tuple(
        finished(lies, shapes, title=title, lines=words, code=code, number=number, count=count)
        for number, (lies, shapes, title) in enumerate(drawn, start=1)
    )
    return Document(f"physadv patch {patch.name} {identity}", pages)


def _shapes(sheet: Sheet, pixels: Pixels, patch: Patch, options: SheetOptions, colors: Conversion) -> list[Shape]:
    shapes: list[Shape] = []
    for placed in sheet.placed:
        shapes += _sticker(placed, sheet.paper, pixels, patch, options, colors)
    return shapes


def _sticker(
    placed: Placed, paper: Paper, pixels: Pixels, patch: Patch, options: SheetOptions, colors: Conversion
) -> list[Shape]:
    """A piece or a tile: picture, cut lines, label, and the marks of tiles."""
    left, top = paper.left + placed.left, paper.left + placed.top
    x, y = left - placed.part[0], top - placed.part[1]
    room = 0.0 if placed.is_tile else placed.bleed_mm
    area = box(*placed.part).buffer(room, join_style="mitre")
    inked = placed.shape.buffer(placed.bleed_mm, join_style="mitre").intersection(area)
    low_x, low_y, high_x, high_y = area.bounds
    dots = colors(window(pixels, patch.sign, area.bounds, dpi=options.dpi, turn_deg=placed.turn_deg))
    through = rings_of(affinity.translate(inked, x, y))
    made: list[Shape] = [Picture(low_x + x, low_y + y, high_x - low_x, high_y - low_y, dots, through)]
    made += _cut_lines(affinity.translate(placed.shape.boundary.intersection(area), x, y))
    if placed.is_tile:
        made += _registration(placed, x, y)
    base = left - room, top - room - 1.4
    made.append(Words(*base, placed.label))
    if placed.turn_deg:
        made += _arrow(base[0] + text_width(placed.label) + ARROW_MM / 2.0, base[1] - 1.2, placed.turn_deg)
    return made


def _arrow(x: float, y: float, turn_deg: float) -> list[Shape]:
    """Towards the sign's top."""
    points = np.array([[0.0, 1.8], [0.0, -1.8], [-1.0, -0.6], [0.0, -1.8], [1.0, -0.6]]) @ turned(turn_deg).T + (x, y)
    return [Line(tuple((float(a), float(b)) for a, b in points), 0.35)]


def _cut_lines(boundary: BaseGeometry) -> list[Shape]:
    """Along a boundary, whole or what a tile has of it."""
    whole = line_merge(boundary) if boundary.geom_type == "MultiLineString" else boundary
    lines = [
        part for part in get_parts(whole).tolist() if part.geom_type in ("LineString", "LinearRing") and part.length
    ]
    return [
        Line(
            tuple((float(a), float(b)) for a, b in line.coords[: -1 if line.is_ring else None]),
            0.1,
            line.is_ring,
            cut=True,
        )
        for line in lines
    ]


def _registration(placed: Placed, x: float, y: float) -> list[Shape]:
    """Crosses in the middle of the strips that neighboring tiles share; on both they lie at the same place."""
    left, top, right, bottom = placed.part
    crosses = []
    for number, seam in enumerate(placed.seams):
        if seam is not None:
            for share in (0.25, 0.75):
                beside = (seam, top + share * (bottom - top)), (left + share * (right - left), seam)
                crosses.append(beside[number % 2])
    made: list[Shape] = []
    for a, b in crosses:
        a, b = a + x, b + y
        made.append(Line(((a - _CROSS_MM, b), (a + _CROSS_MM, b)), 0.1))
        made.append(Line(((a, b - _CROSS_MM), (a, b + _CROSS_MM)), 0.1))
    return made
