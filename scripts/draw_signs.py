"""Draws the artwork of every sign in ``sign_data/`` from dimensions in millimetres.

usage: python scripts/draw_signs.py [FOLDER]      # needs shapely; rewrites FOLDER/<country>/<sign>.svg

The outline comes from the YAML file beside the picture; what is drawn on it is written here. The same versions of
shapely and GEOS give the same bytes.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from lettering import DIN, SERIES_C, word
from shapely.geometry import Polygon
from shapely.geometry.base import BaseGeometry
from shapely.geometry.polygon import orient

from physadv.core.config import load_config
from physadv.core.files import bundled, write_text
from physadv.signs.catalog import SignFile
from physadv.signs.outline import expand

INCH = 25.4
WHITE, BLACK, RED, DE_RED = "#f2f2ee", "#161616", "#b01c2e", "#b5171f"


@dataclass(frozen=True)
class Layer:
    """One colour and where it lies."""

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
    """The face without its margin; rounded corners keep their centres."""
    return face.buffer(-margin_mm, join_style="mitre")


@drawing("us/stop")
def us_stop(face: Polygon) -> list[Layer]:
    return [
        Layer(WHITE, face),
        Layer(RED, inside(face, 0.75 * INCH)),
        Layer(WHITE, word("STOP", SERIES_C, height=10 * INCH)),
    ]


@drawing("de/stop")
def de_stop(face: Polygon) -> list[Layer]:
    return [
        Layer(WHITE, face),
        Layer(DE_RED, inside(face, 20)),
        Layer(WHITE, word("STOP", DIN, height=300)),
    ]


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
