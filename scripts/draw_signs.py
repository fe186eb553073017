"""Draws the artwork of every sign in ``sign_data/`` from dimensions in millimeters.

usage: python scripts/draw_signs.py [FOLDER]      # needs shapely; rewrites FOLDER/<country>/<sign>.svg

The outline comes from the YAML file beside the picture; what is drawn on it is written here. The same versions of
shapely and GEOS give the same bytes.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from lettering import DIN, DIN_DIGITS, DIN_NARROW, SERIES_C, SERIES_D, SERIES_E, word
from shapely import affinity
from shapely.geometry import Polygon, box
from shapely.geometry.base import BaseGeometry
from shapely.geometry.polygon import orient
from shapely.ops import unary_union
from sign_symbols import arc, arrow, band, barbed_arrow, capsule, car, digger, disc, place, pupil, rounded_box, walker

from physadv.core.config import load_config
from physadv.core.files import bundled, write_text
from physadv.signs.catalog import SignFile
from physadv.signs.outline import Octagon, expand

INCH = 25.4
WHITE, BLACK = "#f2f2ee", "#161616"
RED, YELLOW, YELLOW_GREEN, AMBER, GREEN = "#b01c2e", "#f5b80f", "#c3d81a", "#f7a800", "#00734a"
DE_RED, DE_YELLOW, DE_GREEN, DE_BLUE = "#b5171f", "#f3b114", "#0b7a4b", "#0a4f94"
"""How sheeting looks in daylight, after 23 CFR 655 subpart F and DIN 6171-1 (RAL 3020, 1023, 6024, 5017)."""


@dataclass(frozen=True)
class Layer:
    """One color and where it lies."""

    color: str
    shape: BaseGeometry


Drawing = Callable[[Polygon], list[Layer]]
DRAWINGS: dict[str, Drawing] = {}


def drawing(name: str) -> Callable[[Drawing], Drawing]:
    def file(draw: Drawing) -> Drawing:
        DRAWINGS[name] = draw
        return draw

    return file


def inside(face: Polygon, margin_mm: float) -> BaseGeometry:
    """The face without its margin; rounded corners keep their centers."""
    return face.buffer(-margin_mm, join_style="mitre")


def bordered(face: Polygon, color: str, *, margin_mm: float, border_mm: float, ink: str = BLACK) -> list[Layer]:
    """A face with a border set in from its edge, as the US warning and regulatory signs have it."""
    return [
        Layer(color, face),
        Layer(ink, inside(face, margin_mm).difference(inside(face, margin_mm + border_mm))),
    ]


def us_warning(face: Polygon, color: str = YELLOW) -> list[Layer]:
    return bordered(face, color, margin_mm=0.5 * INCH, border_mm=0.75 * INCH)


def us_regulatory(face: Polygon) -> list[Layer]:
    return bordered(face, WHITE, margin_mm=0.375 * INCH, border_mm=0.625 * INCH)


def de_danger(face: Polygon) -> list[Layer]:
    """White triangle, red band, white edge."""
    return [Layer(WHITE, face), Layer(DE_RED, inside(face, 9)), Layer(WHITE, inside(face, 88))]


def de_ban(face: Polygon) -> list[Layer]:
    """White disc, red ring, white edge."""
    return [Layer(WHITE, face), Layer(DE_RED, disc(0, 0, 294)), Layer(WHITE, disc(0, 0, 232))]


def de_order(face: Polygon) -> list[Layer]:
    """Blue disc with a white edge."""
    return [Layer(WHITE, face), Layer(DE_BLUE, disc(0, 0, 288))]


def octagon(across_flats: float, x: float = 0.0, y: float = 0.0) -> Polygon:
    corners = Octagon(shape="octagon", across_flats_mm=across_flats).corners()
    return Polygon([(x + corner[0], y + corner[1]) for corner in corners])


# ---- United States -------------------------------------------------------------------------------------------------


@drawing("us/stop")
def us_stop(face: Polygon) -> list[Layer]:
    return [
        Layer(WHITE, face),
        Layer(RED, inside(face, 0.75 * INCH)),
        Layer(WHITE, word("STOP", SERIES_C, height=10 * INCH)),
    ]


@drawing("us/yield")
def us_yield(face: Polygon) -> list[Layer]:
    y0 = face.bounds[1]
    half = 18 * INCH
    sharp = Polygon([(-half, y0), (half, y0), (0, y0 + half * math.sqrt(3))])
    white = inside(sharp, 4.6 * INCH)
    return [
        Layer(WHITE, face),
        Layer(RED, inside(face, 0.5 * INCH)),
        Layer(WHITE, white),
        Layer(RED, word("YIELD", SERIES_C, height=3 * INCH, y=white.bounds[1] + 3.4 * INCH)),
    ]


def us_speed_limit(number: int) -> Drawing:
    def draw(face: Polygon) -> list[Layer]:
        top = face.bounds[1]
        return [
            *us_regulatory(face),
            Layer(BLACK, word("SPEED", SERIES_E, height=4 * INCH, y=top + 5 * INCH, width=18.5 * INCH)),
            Layer(BLACK, word("LIMIT", SERIES_E, height=4 * INCH, y=top + 11 * INCH, width=15 * INCH)),
            Layer(BLACK, word(str(number), SERIES_E, height=10 * INCH, y=top + 21.25 * INCH)),
        ]

    return draw


for _number in (25, 30, 35, 40, 45):
    DRAWINGS[f"us/speed-limit-{_number}"] = us_speed_limit(_number)


@drawing("us/pedestrian-crossing")
def us_pedestrian_crossing(face: Polygon) -> list[Layer]:
    return [*us_warning(face, YELLOW_GREEN), Layer(BLACK, place(walker(), size=590, y=0))]


@drawing("us/school")
def us_school(face: Polygon) -> list[Layer]:
    book = box(-0.30, -0.04, -0.18, 0.10)
    pair = [
        place(pupil(skirt=True), x=-140, y=130, size=420),
        place(pupil().union(place(book, x=0.44, y=0.08)), x=95, y=80, size=520),
    ]
    return [*us_warning(face, YELLOW_GREEN), *(Layer(BLACK, shape) for shape in pair)]


@drawing("us/school-speed-limit-25")
def us_school_speed_limit(face: Polygon) -> list[Layer]:
    top = face.bounds[1]
    panel = inside(face, 0.375 * INCH).intersection(box(-1000, top, 1000, top + 9.5 * INCH))
    lines = [
        word("SCHOOL", SERIES_D, height=5 * INCH, y=top + 5.2 * INCH, width=19.5 * INCH),
        word("SPEED", SERIES_E, height=4 * INCH, y=top + 13.5 * INCH, width=18.5 * INCH),
        word("LIMIT", SERIES_E, height=4 * INCH, y=top + 19.5 * INCH, width=15 * INCH),
        word("25", SERIES_E, height=10 * INCH, y=top + 28.5 * INCH),
        word("WHEN", SERIES_D, height=4 * INCH, y=top + 37.5 * INCH),
        word("FLASHING", SERIES_C, height=4 * INCH, y=top + 43.3 * INCH, width=20 * INCH),
    ]
    rule = box(-11 * INCH, top + 9.5 * INCH, 11 * INCH, top + 10.1 * INCH)
    border = us_regulatory(face)
    return [border[0], Layer(YELLOW_GREEN, panel), border[1], Layer(BLACK, unary_union([rule, *lines]))]


@drawing("us/stop-ahead")
def us_stop_ahead(face: Polygon) -> list[Layer]:
    shaft = arrow([(0, -70), (0, -235)], 92, 150, 240)
    return [
        *us_warning(face),
        Layer(BLACK, shaft),
        Layer(WHITE, octagon(410, 0, 150)),
        Layer(RED, octagon(384, 0, 150)),
    ]


@drawing("us/signal-ahead")
def us_signal_ahead(face: Polygon) -> list[Layer]:
    colors = zip((-190, 0, 190), (RED, AMBER, GREEN), strict=True)
    return [
        *us_warning(face),
        Layer(BLACK, rounded_box(-115, -305, 115, 305, 45)),
        *(Layer(color, disc(0, y, 80)) for y, color in colors),
    ]


@drawing("us/merge")
def us_merge(face: Polygon) -> list[Layer]:
    main = arrow([(-45, 250), (-45, -90)], 105, 185, 265)
    joining = band([(260, 300), (140, 140), (-45, -20)], 78)
    low = box(-300, -400, 300, 215)
    return [*us_warning(face), Layer(BLACK, main.union(joining.intersection(low)))]


@drawing("us/added-lane")
def us_added_lane(face: Polygon) -> list[Layer]:
    main = arrow([(-160, 255), (-160, -110)], 88, 180, 225)
    path = [(240, 190), (185, 120), *arc((215, 20), 90, 132, 180), (125, -50)]
    dashes = [box(-18, y, 6, y + 70) for y in (-330, -215, -100)]
    wedge = [band([(-6, 15), (-6, 330)], 26), band([(-6, 20), (45, 140), (120, 240)], 26)]
    return [*us_warning(face), Layer(BLACK, unary_union([main, arrow(path, 84, 165, 205), *dashes, *wedge]))]


@drawing("us/lane-ends")
def us_lane_ends(face: Polygon) -> list[Layer]:
    left = band([(-150, 290), (-150, -290)], 66)
    right = band([(190, 250), (190, 110), (95, -110), (95, -330)], 66, join="mitre")
    dashes = [box(-8, y, 18, y + 60) for y in (40, 150, 260)]
    return [*us_warning(face), Layer(BLACK, unary_union([left, right, *dashes]))]


@drawing("us/turn-right")
def us_turn_right(face: Polygon) -> list[Layer]:
    path = [(-165, 265), (-165, -20), *arc((-95, -20), 70, 180, 270), (95, -90)]
    return [*us_warning(face), Layer(BLACK, arrow(path, 120, 220, 300))]


@drawing("us/keep-right")
def us_keep_right(face: Polygon) -> list[Layer]:
    island = Polygon([(-225, -290), (-30, -290), *arc((-127, -20), 55, 15, 165)])
    path = [(-60, 300), (-60, 215), *arc((45, 215), 105, 180, 225), (15, 95), *arc((-5, -45), 130, 45, 0), (125, -75)]
    return [*us_regulatory(face), Layer(BLACK, unary_union([island, arrow(path, 95, 200, 250)]))]


@drawing("us/do-not-enter")
def us_do_not_enter(face: Polygon) -> list[Layer]:
    bar = box(-12 * INCH, -2.5 * INCH, 12 * INCH, 2.5 * INCH)
    legend = [
        word("DO NOT", SERIES_D, height=5 * INCH, y=-6.3 * INCH, width=18 * INCH),
        word("ENTER", SERIES_D, height=5 * INCH, y=6.3 * INCH, width=17 * INCH),
    ]
    return [Layer(WHITE, face), Layer(RED, disc(0, 0, 14.5 * INCH)), Layer(WHITE, unary_union([bar, *legend]))]


# ---- Germany -------------------------------------------------------------------------------------------------------


@drawing("de/stop")
def de_stop(face: Polygon) -> list[Layer]:
    return [
        Layer(WHITE, face),
        Layer(DE_RED, inside(face, 20)),
        Layer(WHITE, word("STOP", DIN, height=300)),
    ]


@drawing("de/yield")
def de_yield(face: Polygon) -> list[Layer]:
    return de_danger(face)


def de_speed_limit(number: int) -> Drawing:
    def draw(face: Polygon) -> list[Layer]:
        digits = str(number)
        style, height = (DIN_DIGITS, 262) if len(digits) == 2 else (DIN_NARROW, 244)
        return [*de_ban(face), Layer(BLACK, word(digits, style, height=height))]

    return draw


for _number in (20, 30, 50, 60, 70, 80, 100, 120):
    DRAWINGS[f"de/speed-limit-{_number}"] = de_speed_limit(_number)


@drawing("de/no-passing")
def de_no_passing(face: Polygon) -> list[Layer]:
    return [
        *de_ban(face),
        Layer(DE_RED, place(car(), x=-104, size=185)),
        Layer(BLACK, place(car(), x=104, size=185)),
    ]


@drawing("de/priority-next-intersection")
def de_priority_next(face: Polygon) -> list[Layer]:
    low = face.bounds[3]
    shaft = arrow([(0, low - 112), (0, low - 370)], 84, 150, 168)
    cross = box(-150, low - 275, 150, low - 222)
    return [*de_danger(face), Layer(BLACK, unary_union([shaft, cross]))]


@drawing("de/priority-road")
def de_priority_road(face: Polygon) -> list[Layer]:
    return [
        Layer(BLACK, face),
        Layer(WHITE, inside(face, 8)),
        Layer(BLACK, inside(face, 92)),
        Layer(DE_YELLOW, inside(face, 102)),
    ]


@drawing("de/no-vehicles")
def de_no_vehicles(face: Polygon) -> list[Layer]:
    return de_ban(face)


@drawing("de/no-entry")
def de_no_entry(face: Polygon) -> list[Layer]:
    return [Layer(WHITE, face), Layer(DE_RED, disc(0, 0, 290)), Layer(WHITE, box(-225, -60, 225, 60))]


@drawing("de/general-caution")
def de_general_caution(face: Polygon) -> list[Layer]:
    low = face.bounds[3]
    bar = capsule((0, low - 445), 34, (0, low - 250), 20)
    return [*de_danger(face), Layer(BLACK, unary_union([bar, disc(0, low - 168, 33)]))]


@drawing("de/road-work")
def de_road_work(face: Polygon) -> list[Layer]:
    return [*de_danger(face), Layer(BLACK, place(digger(), x=-35, y=face.bounds[3] - 275, size=350, mirror=True))]


@drawing("de/traffic-signals")
def de_traffic_signals(face: Polygon) -> list[Layer]:
    low = face.bounds[3]
    lamps = zip((low - 420, low - 292, low - 164), (DE_RED, DE_YELLOW, DE_GREEN), strict=True)
    return [*de_danger(face), *(Layer(color, disc(0, y, 52)) for y, color in lamps)]


@drawing("de/pedestrians")
def de_pedestrians(face: Polygon) -> list[Layer]:
    return [*de_danger(face), Layer(BLACK, place(walker(), y=face.bounds[3] - 295, size=390))]


@drawing("de/children")
def de_children(face: Polygon) -> list[Layer]:
    low = face.bounds[3]
    pair = [
        place(pupil(running=True), x=-95, y=low - 232, size=265),
        place(pupil(running=True, skirt=True), x=78, y=low - 275, size=350),
    ]
    return [*de_danger(face), Layer(BLACK, unary_union(pair))]


@drawing("de/end-all-restrictions")
def de_end_all(face: Polygon) -> list[Layer]:
    stripes = [box(-400, y - 9, 400, y + 9) for y in (-64, -32, 0, 32, 64)]
    slanted = affinity.rotate(unary_union(stripes), -45, origin=(0, 0)).intersection(disc(0, 0, 285))
    return [Layer(WHITE, face), Layer(BLACK, disc(0, 0, 296).difference(disc(0, 0, 284))), Layer(BLACK, slanted)]


@drawing("de/turn-right")
def de_turn_right(face: Polygon) -> list[Layer]:
    path = [(-125, 200), (-125, 75), *arc((10, 75), 135, 180, 270), (195, -60)]
    return [*de_order(face), Layer(WHITE, barbed_arrow(path, 82, 190))]


@drawing("de/straight-only")
def de_straight_only(face: Polygon) -> list[Layer]:
    return [*de_order(face), Layer(WHITE, barbed_arrow([(0, 225), (0, -225)], 86, 210))]


@drawing("de/keep-right")
def de_keep_right(face: Polygon) -> list[Layer]:
    down = affinity.rotate(barbed_arrow([(0, 225), (0, -225)], 86, 210), 135, origin=(0, 0))
    return [*de_order(face), Layer(WHITE, down)]


@drawing("de/roundabout")
def de_roundabout(face: Polygon) -> list[Layer]:
    one = arrow(arc((0, 0), 165, 40, -45), 52, 85, 138)
    three = [affinity.rotate(one, turn, origin=(0, 0)) for turn in (0, 120, 240)]
    return [*de_order(face), Layer(WHITE, unary_union(three))]


def to_svg(title: str, face: Polygon, layers: list[Layer]) -> str:
    """SVG in mm whose view box is the square around the face."""
    x0, y0, x1, y1 = face.bounds
    side = max(x1 - x0, y1 - y0)
    paths = "\n".join(f'  <path fill="{layer.color}" d="{_path(layer.shape)}"/>' for layer in layers)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{-side / 2:.2f} {-side / 2:.2f} {side:.2f} {side:.2f}" '
        f'fill-rule="evenodd">\n  <title>{title}</title>\n{paths}\n</svg>\n'
    )


def _path(shape: BaseGeometry) -> str:
    polygons = [part for part in getattr(shape, "geoms", [shape]) if isinstance(part, Polygon) and not part.is_empty]
    polygons = sorted((orient(polygon.simplify(0.02)) for polygon in polygons), key=lambda polygon: polygon.bounds)
    rings = [ring for polygon in polygons for ring in (polygon.exterior, *polygon.interiors)]
    return " ".join("M" + " ".join(f"{x:.2f},{y:.2f}" for x, y in ring.coords[:-1]) + "Z" for ring in rings)


def draw(folder: Path) -> dict[str, str]:
    """Name to SVG, for every sign."""
    pictures = {}
    for name, layers_of in sorted(DRAWINGS.items()):
        spec = load_config(SignFile, folder / f"{name}.yaml")
        face = Polygon(expand(spec.outline))
        pictures[name] = to_svg(spec.title, face, layers_of(face))
    return pictures


def main(folder: Path) -> None:
    for name, svg in draw(folder).items():
        write_text(folder / f"{name}.svg", svg)
    print(f"{len(DRAWINGS)} signs drawn under {folder}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else bundled("sign_data"))
