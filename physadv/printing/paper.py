"""Paper, and what every sheet has in its margin: a scale bar, a code, and words that say what it is."""

from __future__ import annotations

from dataclasses import dataclass

from physadv.core.errors import PhysadvError
from physadv.patches import NOTICE
from physadv.printing.drawing import READABLE_MM, Fill, Line, Page, Shape, Words, text_width, wrapped

PAPERS = {
    "A5": (148.0, 210.0),
    "A4": (210.0, 297.0),
    "A3": (297.0, 420.0),
    "A2": (420.0, 594.0),
    "A1": (594.0, 841.0),
    "A0": (841.0, 1189.0),
    "Letter": (215.9, 279.4),
    "Legal": (215.9, 355.6),
    "Tabloid": (279.4, 431.8),
}
"""Width and height in mm, upright (ISO 216; ANSI/ASME Y14.1)."""
BAR_MM = 100.0
_FOOT_MM, _NARROW_FOOT_MM = 30.0, 46.0
"""Height of the strip for the scale bar and the words, at the lower margin; where the words take more lines."""
_NARROW_MM = 160.0
"""Width of what is printed on, below which the bar's words have no room beside it."""
_ROW_MM = 4.2
SIDE_MM = 9.0
"""Width of the strip for the upright scale bar, at the right margin of the first sheet; kept free on all, so that
tiles are alike."""
BAR_RANGE = (90.0, 110.0)
_QR_MM = 17.0


@dataclass(frozen=True)
class Paper:
    """A sheet as it lies: the part that is printed on is inside the margins and above the foot.

    Attributes:
        width_mm, height_mm: of the sheet.
        margin_mm: that a printer leaves white.
        scale: everything is drawn so much larger, to make up for a printer that shrinks.
    """

    width_mm: float
    height_mm: float
    margin_mm: float = 10.0
    scale: float = 1.0

    @property
    def left(self) -> float:
        """Of the part that is printed on, before scaling."""
        return self.margin_mm / self.scale

    @property
    def width(self) -> float:
        """Of the part that is printed on."""
        return (self.width_mm - 2.0 * self.margin_mm) / self.scale

    @property
    def clear_width(self) -> float:
        """Of the part beside the strip for the upright bar."""
        return self.width - SIDE_MM

    @property
    def height(self) -> float:
        """Of the part that is printed on, the foot left out."""
        return (self.height_mm - 2.0 * self.margin_mm) / self.scale - self.foot

    @property
    def foot(self) -> float:
        """Height of the strip below, for the scale bar and the words."""
        return _NARROW_FOOT_MM if self.is_narrow else _FOOT_MM

    @property
    def is_narrow(self) -> bool:
        """Whether the scale bar's words have no room beside it."""
        return self.width < _NARROW_MM

    def turned(self) -> Paper:
        """The sheet on its side."""
        return Paper(self.height_mm, self.width_mm, self.margin_mm, self.scale)


def pick_paper(name: str, *, margin_mm: float = 10.0, bar_mm: float | None = None) -> Paper:
    """A paper by name, upright.

    Args:
        name: of :data:`PAPERS`, whatever the case.
        margin_mm: that the printer leaves white.
        bar_mm: what an earlier sheet's 100 mm bar measured; the new one makes up for it.

    Raises:
        PhysadvError: no such paper, or a margin or a bar out of range.
    """
    sizes = {known.lower(): size for known, size in PAPERS.items()}
    if name.lower() not in sizes:
        raise PhysadvError(f"--paper {name!r}: should be one of {', '.join(PAPERS)}")
    if not 0.0 <= margin_mm <= 40.0:
        raise PhysadvError(f"--margin-mm {margin_mm:g}: should be from 0 to 40")
    if bar_mm is not None and not BAR_RANGE[0] <= bar_mm <= BAR_RANGE[1]:
        raise PhysadvError(
            f"--bar-mm {bar_mm:g}: a 100 mm bar should measure {BAR_RANGE[0]:g} to {BAR_RANGE[1]:g} mm; "
            "print at 100 %, without fitting to the page"
        )
    width, height = sizes[name.lower()]
    return Paper(width, height, margin_mm, BAR_MM / bar_mm if bar_mm else 1.0)


def finished(
    paper: Paper, shapes: list[Shape], *, title: str, lines: tuple[str, ...], code: str, number: int, count: int
) -> Page:
    """A page with its foot; the first of a document has a scale bar each way, for printers that scale them unequally.

    Args:
        paper: as it lies.
        shapes: of the page.
        title: of the sheet, in the foot.
        lines: below it.
        code: that the QR code holds.
        number, count: of the sheet, from 1.
    """
    foot = paper.left + paper.height + 3.0
    bar = min(BAR_MM, paper.width - _QR_MM - 4.0)
    made: list[Shape] = [*shapes, *_bar(paper.left, foot + 4.0, bar)]
    if number == 1:
        made += upright_bar(paper.left + paper.width - 1.0, paper.left, min(BAR_MM, paper.height))
    made += qr_code(code, paper.left + paper.width - _QR_MM, foot, _QR_MM)
    room = paper.width - _QR_MM - 4.0
    told = _BAR_WORDS.format(10.0 * int(bar / 10.0))
    if paper.is_narrow:
        texts = wrapped(told, room)
    else:
        texts = []
        made += [
            Words(paper.left + bar + 4.0, foot + 1.6 + _ROW_MM * row, text)
            for row, text in enumerate(wrapped(told, room - bar - 4.0))
        ]
    for text in (f"{title}, sheet {number} of {count}", NOTICE, *lines):
        texts += wrapped(text, room)
    top = foot + 4.0 + _ROW_MM + (0.0 if paper.is_narrow else 2.5)
    most = int((paper.left + paper.height + paper.foot - top) / _ROW_MM) + 1
    if len(texts) > most:
        texts = [*texts[: most - 1], texts[most - 1] + " ..."]
    made += [Words(paper.left, top + _ROW_MM * row, text) for row, text in enumerate(texts)]
    return Page(paper.width_mm, paper.height_mm, tuple(made), name=title, scale=paper.scale)


_BAR_WORDS = "{:g} mm: measure this bar; if it is not, print at 100 % or give --bar-mm"


def _bar(left: float, top: float, length: float) -> list[Shape]:
    """A bar with a tick every ten millimeters."""
    whole = 10.0 * int(length / 10.0)
    ticks = [
        Line(((left + at, top - (2.5 if at in (0.0, whole) else 1.2)), (left + at, top)), 0.15)
        for at in (10.0 * step for step in range(int(whole / 10.0) + 1))
    ]
    return [Line(((left, top), (left + whole, top)), 0.15), *ticks]


def upright_bar(right: float, top: float, length: float) -> list[Shape]:
    """The same from top to bottom, its ticks to the left; ``right`` is the words' base line."""
    whole = 10.0 * int(length / 10.0)
    x = right - READABLE_MM - 0.6
    ticks = [
        Line(((x - (2.5 if at in (0.0, whole) else 1.2), top + at), (x, top + at)), 0.15)
        for at in (10.0 * step for step in range(int(whole / 10.0) + 1))
    ]
    words = f"{whole:g} mm: measure this one too"
    if text_width(f"{words}; --bar-mm takes their mean") <= whole:
        words += "; --bar-mm takes their mean"
    return [Line(((x, top), (x, top + whole)), 0.15), *ticks, Words(right, top + whole, words, turned=True)]


def qr_code(text: str, left: float, top: float, side: float) -> list[Shape]:
    """A QR code as filled squares."""
    import segno

    rows = [list(row) for row in segno.make(text, error="m", micro=False).matrix_iter(border=0)]
    cell = side / len(rows)
    rings = []
    for down, row in enumerate(rows):
        right = 0
        while right < len(row):
            length = 0
            while right + length < len(row) and row[right + length]:
                length += 1
            if length:
                x, y = left + right * cell, top + down * cell
                end = x + length * cell
                rings.append(((x, y), (end, y), (end, y + cell), (x, y + cell)))
            right += length + 1
    return [Fill(tuple(rings))]
