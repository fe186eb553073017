"""The rig: markers around a sign and a color chart, printed, with known places in millimeters and known colors."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence
from itertools import combinations, product
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator
from shapely.geometry import Polygon, box

from physadv.core.config import Config, validate
from physadv.core.errors import PhysadvError
from physadv.core.files import read_json, write_json
from physadv.core.limits import MAX_COUNT
from physadv.signs import Sign

Matrix: TypeAlias = npt.NDArray[np.float64]
Pixels: TypeAlias = npt.NDArray[np.uint8]

DICTIONARY: Literal["DICT_4X4_50"] = "DICT_4X4_50"
"""OpenCV's ArUco dictionary: four by four cells, which are the largest, so seen from furthest."""
MAX_ID = 50
CELLS = 6
"""Of a marker along a side, its black border included."""
QUIET_CELLS = 1.0
"""White around a marker, in cells."""
_CHART_IDS = (40, 41, 42, 43)
_SMALLEST_MM = 50.0
_AROUND_MM = 150.0
_LARGEST_MM = 1000.0
_FARTHEST_MM = 20_000.0
_SHUFFLE = 7
_LATTICE = 4
_RAMP = 12


class Marker(Config):
    """A square ArUco marker."""

    id: int = Field(ge=0, lt=MAX_ID)
    x_mm: float = Field(ge=-_FARTHEST_MM, le=_FARTHEST_MM)
    y_mm: float = Field(ge=-_FARTHEST_MM, le=_FARTHEST_MM)
    """Of its center, right and down."""
    size_mm: float = Field(ge=1, le=_LARGEST_MM)
    """Of its black square."""
    turn_deg: float = Field(default=0.0, gt=-180, le=180)
    """Clockwise from upright."""

    @property
    def corners_mm(self) -> Matrix:
        """Top left, top right, bottom right, bottom left, ``[4, 2]``: OpenCV's order."""
        half = self.size_mm / 2.0
        corners = np.array([[-half, -half], [half, -half], [half, half], [-half, half]])
        cosine, sine = np.cos(np.radians(self.turn_deg)), np.sin(np.radians(self.turn_deg))
        turned = corners @ np.array([[cosine, sine], [-sine, cosine]])
        return np.asarray(turned + np.array([self.x_mm, self.y_mm]), np.float64)


def _check_apart(markers: Sequence[Marker]) -> None:
    """Refuses markers that lie on each other.

    Raises:
        ValueError: two do.
    """
    for one, other in combinations(markers, 2):
        if Polygon(one.corners_mm).intersection(Polygon(other.corners_mm)).area > 0.0:
            raise ValueError(f"markers: {one.id} and {other.id} lie on each other")


class Chart(Config):
    """A color chart: square patches on white paper in rows, with a marker beyond each corner of the grid.

    Coordinates are the chart's own, from its center. It may hang anywhere in the sign's own light.
    """

    colors: tuple[tuple[float, float, float], ...]
    """sRGB-encoded values as sent to the printer, row by row."""
    columns: int = Field(ge=2, le=MAX_COUNT)
    patch_mm: float = Field(ge=1, le=_LARGEST_MM)
    gap_mm: float = Field(gt=0, le=_LARGEST_MM)
    """Of paper between patches: it shows how evenly the chart is lit."""
    markers: tuple[Marker, ...]

    @model_validator(mode="after")
    def _check(self) -> Chart:
        if len(self.markers) != len({marker.id for marker in self.markers}) or len(self.markers) < 2:
            raise ValueError("markers: a chart has at least two, with ids of their own")
        if not self.colors or not all(0.0 <= value <= 1.0 for color in self.colors for value in color):
            raise ValueError("colors: should be sRGB values from 0 to 1")
        _check_apart(self.markers)
        return self

    @property
    def rows(self) -> int:
        """Of patches."""
        return -(-len(self.colors) // self.columns)

    @property
    def centers_mm(self) -> Matrix:
        """Of the patches ``[P, 2]``."""
        pitch = self.patch_mm + self.gap_mm
        row, column = np.divmod(np.arange(len(self.colors)), self.columns)
        offset = np.array([self.columns - 1, self.rows - 1]) / 2.0
        return (np.stack([column, row], 1) - offset) * pitch


class Rig(Config):
    """Markers on the plane of a sign, in its own coordinates, and a chart; a JSON file beside the printed sheets."""

    schema_version: Literal[1] = 1
    sign: str
    sign_width_mm: float = Field(gt=0, le=_FARTHEST_MM)
    sign_height_mm: float = Field(gt=0, le=_FARTHEST_MM)
    dictionary: Literal["DICT_4X4_50"] = DICTIONARY
    markers: tuple[Marker, ...]
    chart: Chart | None = None

    @model_validator(mode="after")
    def _check(self) -> Rig:
        ids = [marker.id for marker in (*self.markers, *(self.chart.markers if self.chart else ()))]
        if len(ids) != len(set(ids)):
            raise ValueError("markers: two have the same id")
        if not self.markers:
            raise ValueError("markers: there are none")
        _check_apart(self.markers)
        return self

    def scaled(self, scale: float) -> Rig:
        """The rig with markers ``scale`` times as large about their centers, as a printer that is off makes them."""

        def printed(markers: Sequence[Marker]) -> tuple[Marker, ...]:
            return tuple(marker.model_copy(update={"size_mm": marker.size_mm * scale}) for marker in markers)

        return self.model_copy(update={"markers": printed(self.markers)})


def default_rig(sign: Sign, *, marker_mm: float | None = None, around: bool | None = None, chart: bool = True) -> Rig:
    """Four markers in the corners of the sign's box where they fit beside its outline, else around it; and a chart.

    On a board as large as the sign's box an octagon or a disc leaves its corners free.

    Args:
        sign: that the rig is for.
        marker_mm: size of a marker's black square; the largest that fits if not given, 150 mm around the sign.
        around: outside of the box; by default where the corners leave too little room.
        chart: with the color chart.

    Raises:
        PhysadvError: markers of that size do not fit into the corners.
    """
    if marker_mm is not None and not 0.0 < marker_mm <= _LARGEST_MM:
        raise PhysadvError(f"marker_mm = {marker_mm:g}: should be above 0 and at most {_LARGEST_MM:g}")
    room = corner_room_mm(sign)
    largest = room / (1.0 + 2.0 * QUIET_CELLS / CELLS)
    if around is None:
        around = largest < (marker_mm or _SMALLEST_MM)
    size = marker_mm or (_AROUND_MM if around else float(int(largest / 5.0) * 5))
    if not around and size > largest:
        raise PhysadvError(
            f"marker_mm = {size:g}: the corners beside sign {sign.name} have room for {largest:.0f} mm; "
            "give a smaller one, or place the markers around the sign"
        )
    quiet = size * QUIET_CELLS / CELLS
    outward = size / 2.0 + quiet
    sides = np.array([sign.width_mm, sign.height_mm]) / 2.0 + (outward if around else -outward)
    corners = [(-1, -1), (1, -1), (1, 1), (-1, 1)]
    markers = [
        Marker(id=number, x_mm=round(right * sides[0], 3), y_mm=round(down * sides[1], 3), size_mm=size)
        for number, (right, down) in enumerate(corners)
    ]
    return Rig(
        sign=sign.name,
        sign_width_mm=sign.width_mm,
        sign_height_mm=sign.height_mm,
        markers=tuple(markers),
        chart=default_chart() if chart else None,
    )


def corner_room_mm(sign: Sign) -> float:
    """Side of the largest square that fits into every corner of the sign's box without touching the outline."""
    outline = Polygon(sign.outline_mm)
    right, bottom = sign.width_mm / 2.0, sign.height_mm / 2.0
    low, high = 0.0, min(right, bottom)
    for _ in range(30):
        middle = (low + high) / 2.0
        squares = [
            box(min(x, x - dx * middle), min(y, y - dy * middle), max(x, x - dx * middle), max(y, y - dy * middle))
            for dx, dy in product((-1, 1), repeat=2)
            for x, y in ((dx * right, dy * bottom),)
        ]
        fits = not any(outline.intersects(square) for square in squares)
        low, high = (middle, high) if fits else (low, middle)
    return low


def default_chart(*, patch_mm: float = 14.0, gap_mm: float = 3.0, columns: int = 10, marker_mm: float = 20.0) -> Chart:
    """A hundred patches: 24 colors about the hue circle, a gray ramp, and a lattice of four levels of each primary.

    It fits on A4 and on Letter.

    They are dealt out at random, so that uneven light or a reflection does not pass for a color.
    """
    hues = [colorsys.hsv_to_rgb(step / 12.0, *tone) for tone in ((0.75, 0.7), (0.35, 0.85)) for step in range(12)]
    ramp = [(level,) * 3 for level in np.linspace(0.0, 1.0, _RAMP).tolist()]
    lattice = [tuple(rgb) for rgb in product(np.linspace(0.0, 1.0, _LATTICE).tolist(), repeat=3)]
    listed = [*hues, *ramp, *lattice]
    order = np.random.default_rng(_SHUFFLE).permutation(len(listed))
    colors = tuple((float(r), float(g), float(b)) for r, g, b in (np.round(listed[k], 4) for k in order))
    pitch = patch_mm + gap_mm
    rows = -(-len(colors) // columns)
    right = (columns * pitch - marker_mm) / 2.0
    down = rows * pitch / 2.0 + gap_mm + marker_mm / 2.0 + marker_mm * QUIET_CELLS / CELLS
    places = [(-right, -down), (right, -down), (right, down), (-right, down)]
    return Chart(
        colors=colors,
        columns=columns,
        patch_mm=patch_mm,
        gap_mm=gap_mm,
        markers=tuple(
            Marker(id=number, x_mm=round(x, 3), y_mm=round(y, 3), size_mm=marker_mm)
            for number, (x, y) in zip(_CHART_IDS, places, strict=True)
        ),
    )


def marker_cells(number: int) -> Pixels:
    """Cells of a marker ``[6, 6]``: 0 black, 255 white, its border included."""
    import cv2

    return np.asarray(cv2.aruco.generateImageMarker(aruco_dictionary(), number, CELLS), np.uint8)


def aruco_dictionary() -> Any:
    """OpenCV's."""
    import cv2

    return cv2.aruco.getPredefinedDictionary(getattr(cv2.aruco, DICTIONARY))


def load_rig(path: str | Path) -> Rig:
    """What ``physadv print-rig`` wrote beside its sheets.

    Raises:
        PhysadvError: the file is missing or no rig.
    """
    data = read_json(Path(path))
    if not isinstance(data, dict) or "markers" not in data:
        raise PhysadvError(f"{path}: is not a rig; give the rig.json that physadv print-rig wrote")
    return validate(Rig, data, path)


def save_rig(rig: Rig, path: str | Path) -> None:
    """As JSON, whole or not at all."""
    write_json(Path(path), rig.model_dump(mode="json"))
