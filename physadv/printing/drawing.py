"""Pages as lists of shapes in millimeters, and what makes PDF, PNG and SVG of them.

The origin is a page's top left corner, x to the right and y down.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from physadv.core.errors import PhysadvError
from physadv.core.files import atomic_path, write_text

Points: TypeAlias = tuple[tuple[float, float], ...]
MM = 72.0 / 25.4
"""Points of PDF a millimeter."""
READABLE_MM = 3.3
"""Smallest size of text that is read at arm's length: 9.4 points."""
FONT = "Helvetica"
SUFFIXES = (".pdf", ".png", ".svg")


@dataclass(frozen=True)
class Line:
    """Straight lines through points; ``closed`` joins the last to the first."""

    points: Points
    width_mm: float = 0.2
    closed: bool = False
    dash_mm: tuple[float, float] | None = None
    cut: bool = False
    """A knife follows it: it is what SVG cut files hold."""


@dataclass(frozen=True)
class Fill:
    """Polygons filled in one gray, 0 black to 1 white; holes by the even-odd rule."""

    rings: tuple[Points, ...]
    gray: float = 0.0


@dataclass(frozen=True)
class Words:
    """A line of text; ``anchor`` says which point of its baseline (x, y) is."""

    x: float
    y: float
    text: str
    size_mm: float = READABLE_MM
    anchor: str = "left"
    turned: bool = False
    """Reads upwards."""


def text_width(text: str, size_mm: float = READABLE_MM) -> float:
    """Of a line of text, in mm."""
    from reportlab.pdfbase import pdfmetrics

    return float(pdfmetrics.stringWidth(_printable(text), FONT, size_mm))


def wrapped(text: str, width: float, size_mm: float = READABLE_MM) -> list[str]:
    """A text in lines no wider than so many mm; a word that is wider by itself is cut."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if text_width(longer, size_mm) <= width:
            lines[-1] = longer
            continue
        if lines[-1]:
            lines.append("")
        while len(word) > 1 and text_width(word, size_mm) > width:
            fits = max(1, next(k for k in range(len(word), 0, -1) if k == 1 or text_width(word[:k], size_mm) <= width))
            lines[-1], word = word[:fits], word[fits:]
            lines.append("")
        lines[-1] = word
    return lines


@dataclass(frozen=True, eq=False)
class Picture:
    """Pixels ``[H, W, C]`` uint8, three channels RGB and four CMYK, seen through polygons, or whole without any."""

    left: float
    top: float
    width: float
    height: float
    pixels: npt.NDArray[np.uint8]
    through: tuple[Points, ...] = ()


Shape: TypeAlias = Line | Fill | Words | Picture


@dataclass(frozen=True)
class Page:
    """A page of paper, or a file for a cutter."""

    width_mm: float
    height_mm: float
    shapes: tuple[Shape, ...]
    name: str = ""
    scale: float = 1.0
    """Everything is drawn so much larger, about the top left corner: it makes up for a printer that shrinks."""


@dataclass(frozen=True)
class Document:
    """Pages with what is written into the file about them."""

    title: str
    pages: tuple[Page, ...] = field(default_factory=tuple)


def write_document(document: Document, out: Path, *, dpi: int = 300) -> list[Path]:
    """Writes a document as its suffix says: one PDF, or a PNG or an SVG a page. The same pages give the same bytes.

    SVG holds the cut lines alone, in true scale, for plotters.

    Raises:
        PhysadvError: another suffix, or the file cannot be written.
    """
    suffix = out.suffix.lower()
    if suffix not in SUFFIXES:
        raise PhysadvError(f"--out {out}: should end in .pdf, .png or .svg")
    if suffix == ".pdf":
        with atomic_path(out) as temporary:
            temporary.write_bytes(pdf_bytes(document))
        return [out]
    if suffix == ".png":
        return _write_pngs(document, out, dpi)
    cut = [page for page in document.pages if any(isinstance(shape, Line) and shape.cut for shape in page.shapes)]
    names = _names(out, len(cut))
    for page, path in zip(cut, names, strict=True):
        write_text(path, svg_text(page))
    return names


def _names(out: Path, count: int) -> list[Path]:
    return [out] if count == 1 else [out.with_name(f"{out.stem}-{k + 1}{out.suffix}") for k in range(count)]


def _write_pngs(document: Document, out: Path, dpi: int) -> list[Path]:
    import pypdfium2

    if any(_is_cmyk(shape) for page in document.pages for shape in page.shapes):
        raise PhysadvError(f"--out {out}: PNG has no CMYK; write a PDF, or use a profile for RGB")
    with pypdfium2.PdfDocument(pdf_bytes(document)) as pdf:
        names = _names(out, len(pdf))
        for number, path in enumerate(names):
            picture = pdf[number].render(scale=dpi / 72.0).to_pil()
            with atomic_path(path) as temporary:
                picture.save(temporary, format="PNG", dpi=(dpi, dpi))
    return names


def _is_cmyk(shape: Shape) -> bool:
    return isinstance(shape, Picture) and shape.pixels.shape[2] == 4


def pdf_bytes(document: Document) -> bytes:
    """The PDF; device colors, no date, no random identifier."""
    from reportlab.pdfgen import canvas

    buffer = io.BytesIO()
    pdf = canvas.Canvas(buffer, invariant=1, pageCompression=1)
    pdf.setTitle(document.title)
    pdf.setCreator("physadv")
    pdf.setViewerPreference("PrintScaling", "None")
    for page in document.pages:
        pdf.setPageSize((page.width_mm * MM, page.height_mm * MM))
        pdf.translate(0, page.height_mm * MM)
        pdf.scale(MM * page.scale, MM * page.scale)
        for shape in page.shapes:
            _draw(pdf, shape)
        pdf.showPage()
    pdf.save()
    return buffer.getvalue()


def _draw(pdf: Any, shape: Shape) -> None:
    if isinstance(shape, Line):
        pdf.setStrokeGray(0.0)
        pdf.setLineWidth(shape.width_mm)
        pdf.setDash(list(shape.dash_mm) if shape.dash_mm else [])
        pdf.drawPath(_path(pdf, [shape.points], closed=shape.closed), stroke=1, fill=0)
    elif isinstance(shape, Fill):
        pdf.setFillGray(shape.gray)
        pdf.drawPath(_path(pdf, shape.rings), stroke=0, fill=1, fillMode=0)
    elif isinstance(shape, Words):
        _write(pdf, shape)
    else:
        _place(pdf, shape)


def _path(pdf: Any, rings: Sequence[Points], *, closed: bool = True) -> Any:
    path = pdf.beginPath()
    for ring in rings:
        path.moveTo(ring[0][0], -ring[0][1])
        for x, y in ring[1:]:
            path.lineTo(x, -y)
        if closed:
            path.close()
    return path


def _write(pdf: Any, words: Words) -> None:
    pdf.saveState()
    pdf.translate(words.x, -words.y)
    if words.turned:
        pdf.rotate(90)
    pdf.setFillGray(0.0)
    pdf.setFont(FONT, words.size_mm)
    text = _printable(words.text)
    {"left": pdf.drawString, "middle": pdf.drawCentredString, "right": pdf.drawRightString}[words.anchor](0, 0, text)
    pdf.restoreState()


def _printable(text: str) -> str:
    """What the PDF's built-in font has."""
    return text.encode("latin-1", "replace").decode("latin-1")


def _place(pdf: Any, picture: Picture) -> None:
    from PIL import Image
    from reportlab.lib.utils import ImageReader

    image = Image.fromarray(picture.pixels, mode="CMYK" if _is_cmyk(picture) else "RGB")
    pdf.saveState()
    if picture.through:
        pdf.clipPath(_path(pdf, picture.through), stroke=0, fill=0, fillMode=0)
    pdf.drawImage(
        ImageReader(image), picture.left, -(picture.top + picture.height), picture.width, picture.height, mask=None
    )
    pdf.restoreState()


def svg_text(page: Page) -> str:
    """The cut lines of a page, in millimeters."""
    lines = []
    for shape in page.shapes:
        if isinstance(shape, Line) and shape.cut:
            data = " L ".join(f"{x * page.scale:.3f} {y * page.scale:.3f}" for x, y in shape.points)
            lines.append(f'<path d="M {data}{" Z" if shape.closed else ""}"/>')
    size = (
        f'width="{page.width_mm:g}mm" height="{page.height_mm:g}mm" viewBox="0 0 {page.width_mm:g} {page.height_mm:g}"'
    )
    body = "\n".join(lines)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size}>\n'
        f'<g fill="none" stroke="#000" stroke-width="0.1">\n{body}\n</g>\n</svg>\n'
    )
