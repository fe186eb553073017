"""Masks that somebody has drawn: an SVG or a picture, on the sign to the millimeter, or one sentence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from cli_kit import Command
from PIL import Image, ImageDraw
from shapely.geometry import Polygon

from physadv.core.errors import PhysadvError
from physadv.patches import build_mask, load_patch, new_patch, parse_mask, save_patch
from physadv.signs import Sign, load_sign

STOP, YIELD = load_sign("us/stop"), load_sign("us/yield")
HEAD = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="{}">'
SQUARE = HEAD.format("-381 -381 762 762")
BAR = '<rect x="-200" y="100" width="300" height="60"/>'


def svg(folder: Path, *parts: str, head: str = SQUARE) -> Path:
    (folder / "mask.svg").write_text(f"{head}{''.join(parts)}</svg>")
    return folder / "mask.svg"


def picture(folder: Path, mode: str, ground: object, paint: object, size: tuple[int, int] = (762, 762)) -> Path:
    """One bar of 300 x 60 px with its upper left corner at (181, 481)."""
    made = Image.new(mode, size, ground)  # type: ignore[arg-type]
    ImageDraw.Draw(made).rectangle((181, 481, 480, 540), fill=paint)  # type: ignore[arg-type]
    made.save(folder / "mask.png")
    return folder / "mask.png"


def shape_of(path: Path, sign: Sign = STOP) -> tuple[Polygon, ...]:
    return tuple(Polygon(ring) for ring in build_mask(path, sign).shapes_mm)


DRAWN: dict[str, Callable[[Path], Path]] = {
    "svg": lambda folder: svg(folder, BAR),
    "svg of another unit": lambda folder: svg(
        folder, '<rect x="36.2" y="96.2" width="60" height="12"/>', head=HEAD.format("0 0 152.4 152.4")
    ),
    "svg at the sign's size": lambda folder: svg(
        folder, BAR, head=SQUARE.replace("<svg", '<svg width="76.2cm" height="762mm"')
    ),
    "svg on a white ground": lambda folder: svg(
        folder, '<rect x="-381" y="-381" width="762" height="762" fill="#fff"/>', BAR
    ),
    "svg, moved and through a reference": lambda folder: svg(
        folder,
        '<defs><path id="a" d="M0 0h300v60h-300z"/></defs><g transform="translate(-200 100)"><use href="#a"/></g>',
    ),
    "svg of another color": lambda folder: svg(folder, BAR.replace("/>", ' fill="#fff"/>')),
    "png with alpha": lambda folder: picture(folder, "RGBA", (0, 0, 0, 0), (200, 20, 20, 255)),
    "png of white paint": lambda folder: picture(folder, "LA", (0, 0), (255, 255)),
    "png black on white": lambda folder: picture(folder, "L", 255, 0),
    "png of two colors": lambda folder: picture(folder, "1", 1, 0),
    "png with an opaque alpha": lambda folder: picture(folder, "RGBA", (255, 255, 255, 255), (0, 0, 0, 255)),
}


@pytest.mark.parametrize("kind", DRAWN)
def test_a_drawing_is_on_the_sign_to_the_millimeter(tmp_path: Path, kind: str) -> None:
    (shape,) = shape_of(DRAWN[kind](tmp_path))
    assert shape.bounds == pytest.approx((-200.0, 100.0, 100.0, 160.0), abs=0.3)
    assert shape.area == pytest.approx(300.0 * 60.0, rel=2e-3)


def test_holes_and_curves_are_kept(tmp_path: Path) -> None:
    ring = '<path fill-rule="evenodd" d="M0-150a150 150 0 1 0 .01 0zM0-50a50 50 0 1 0 .01 0z"/>'
    mask = build_mask(svg(tmp_path, ring), STOP)
    assert len(mask.shapes_mm) == 2
    assert mask.area_fraction * STOP.area_mm2 == pytest.approx(np.pi * (150**2 - 50**2), rel=2e-3)


@pytest.mark.parametrize("size", [(1024, 1024), (1024, 903)])
def test_a_picture_covers_the_outline_or_the_square_of_its_longer_side(tmp_path: Path, size: tuple[int, int]) -> None:
    """A triangle is wider than high: its proportions say which of the two a picture is."""
    width, height = size
    made = Image.new("L", size, 255)
    ImageDraw.Draw(made).rectangle((width // 2 - 50, height // 2 - 100, width // 2 + 49, height // 2 - 1), fill=0)
    made.save(tmp_path / "mask.png")
    (shape,) = shape_of(tmp_path / "mask.png", YIELD)
    pixel = YIELD.width_mm / width
    assert shape.bounds == pytest.approx((-50 * pixel, -100 * pixel, 50 * pixel, 0.0), abs=0.6 * pixel)


def refuse(tmp_path: Path, path: Path, words: str, sign: Sign = STOP) -> None:
    with pytest.raises(PhysadvError, match=words) as caught:
        build_mask(path, sign)
    assert path.name in str(caught.value)
    assert "\n" not in str(caught.value)


GRADIENT = np.tile(np.linspace(0, 255, 300).astype(np.uint8), (300, 1))
NOISE = np.pad(np.random.default_rng(0).integers(0, 2, (200, 200), np.uint8), 50, constant_values=1) * 255
NO_MASK: dict[str, tuple[Callable[[Path], Path], str]] = {
    "text": (lambda folder: svg(folder, BAR, "<text>NO</text>"), "has <text>, which is not drawn; convert"),
    "a picture": (lambda folder: svg(folder, '<image href="a.png"/>'), "has <image>"),
    "a filter": (lambda folder: svg(folder, BAR.replace("/>", ' filter="url(#f)"/>')), "has filter="),
    "beyond its view box": (
        lambda folder: svg(folder, '<rect x="300" y="0" width="200" height="60"/>'),
        "outside of its view box",
    ),
    "another size": (
        lambda folder: svg(folder, BAR, head=SQUARE.replace("<svg", '<svg width="100mm" height="100mm"')),
        "says that it is 100 mm wide; sign us/stop is 762 x 762 mm",
    ),
    "another height": (
        lambda folder: svg(folder, BAR, head=SQUARE.replace("<svg", '<svg height="100mm"')),
        "says that it is 100 mm wide; sign us/stop is 762 x 762 mm",
    ),
    "stretched": (
        lambda folder: svg(
            folder, BAR, head=SQUARE.replace("<svg", '<svg width="762mm" height="381mm" preserveAspectRatio="none"')
        ),
        "762mm x 381mm with the view box .* the same proportions",
    ),
    "a page": (
        lambda folder: svg(folder, "<rect width='90' height='90'/>", head=HEAD.format("0 0 210 297")),
        "0.707 times",
    ),
    "no view box": (lambda folder: svg(folder, BAR, head=SQUARE.split(" viewBox")[0] + ">"), "view box is missing"),
    "a view box of words": (
        lambda folder: svg(folder, BAR, head=HEAD.format("a b c d")),
        "viewBox='a b c d' .* four numbers",
    ),
    "an empty svg": (lambda folder: svg(folder), "nothing to paint"),
    "a clear png": (lambda folder: picture(folder, "RGBA", (0, 0, 0, 0), (0, 0, 0, 0)), "nothing to paint"),
    "white on black": (
        lambda folder: picture(folder, "L", 0, 255),
        "black along its edge; .* turn black and white over",
    ),
    "both": (
        lambda folder: corners_cut(picture(folder, "RGBA", (255, 255, 255, 255), (0, 0, 0, 255))),
        "clear parts and is black on white",
    ),
    "colors": (lambda folder: picture(folder, "RGB", (255, 255, 255), (255, 0, 0)), "has colors"),
    "gray": (lambda folder: picture(folder, "L", 255, 128), "half clear or gray"),
    "half clear": (lambda folder: picture(folder, "RGBA", (0, 0, 0, 0), (0, 0, 0, 140)), "half clear or gray"),
    "a shade": (lambda folder: kept(folder, Image.fromarray(GRADIENT)), "half clear or gray"),
    "another shape": (lambda folder: picture(folder, "L", 255, 0, (1000, 762)), "1.31 times as wide as high"),
    "few pixels": (lambda folder: kept(folder, Image.new("L", (64, 64), 255)), "too few for a mask"),
    "noise": (lambda folder: kept(folder, Image.fromarray(NOISE)), "separate pieces"),
    "over the edge": (
        lambda folder: svg(folder, '<rect x="-380" y="-380" width="200" height="200"/>'),
        "of piece 1 lies outside the sign",
    ),
    "no file": (lambda folder: folder / "mask.svg", "no such mask"),
}


def kept(folder: Path, made: Image.Image) -> Path:
    made.save(folder / "mask.png")
    return folder / "mask.png"


def corners_cut(path: Path) -> Path:
    made = Image.open(path)
    made.paste((0, 0, 0, 0), (0, 0, 100, 100))
    made.save(path)
    return path


@pytest.mark.parametrize("kind", NO_MASK)
def test_what_does_not_say_for_sure_what_is_painted_is_refused(tmp_path: Path, kind: str) -> None:
    make, words = NO_MASK[kind]
    path = make(tmp_path)
    with pytest.raises(PhysadvError, match=words) as caught:
        build_mask(path, STOP)
    assert "\n" not in str(caught.value)


def test_a_bundle_keeps_what_was_drawn(tmp_path: Path) -> None:
    path = svg(tmp_path, BAR, '<circle cy="-200" r="50"/>')
    patch = new_patch(STOP, build_mask(path, STOP), torch.full((3, 64, 64), 0.5), name="p")
    save_patch(patch, tmp_path / "bundle")
    path.unlink()
    assert load_patch(tmp_path / "bundle").mask.shapes_mm == patch.mask.shapes_mm
    assert patch.record.mask["source"] == "mask.svg"


def test_an_experiment_names_a_drawing_beside_it(tmp_path: Path) -> None:
    from physadv.evaluation.experiment import load_experiment

    svg(tmp_path, BAR)
    (tmp_path / "e.yaml").write_text(
        "name: e\ndesign: {sign: us/stop, victim: gtsrb-cnn, mask: mask.svg, steps: 1}\n"
        "evaluate: {batteries: [stationary-15]}\n"
    )
    assert load_experiment(tmp_path / "e.yaml").design.mask == parse_mask(tmp_path / "mask.svg")


def test_the_command_line_takes_a_drawing(tmp_path: Path, physadv: Command) -> None:
    path = picture(tmp_path, "RGB", (255, 255, 255), (255, 0, 0))
    code, _, error = physadv("design", "--mask", path, "--out", tmp_path / "out")
    assert code == 2
    assert "mask.png: has colors" in " ".join(error.split())
    assert not (tmp_path / "out").exists()


POINTS = ((-100.0, -100.0), (100.0, -100.0), (100.0, 50.0), (-100.0, 50.0))


@pytest.mark.parametrize("corners", [POINTS, POINTS[::-1], (*POINTS, POINTS[0]), (POINTS[0], *POINTS)])
def test_either_direction_and_repeated_corners_are_the_same_polygon(corners: tuple[tuple[float, float], ...]) -> None:
    mask = build_mask({"kind": "polygons", "polygons": [corners]}, STOP)
    assert mask.area_fraction * STOP.area_mm2 == pytest.approx(30_000.0)
    (ring,) = mask.shapes_mm
    assert sum(x * v - u * y for (x, y), (u, v) in zip(ring, (*ring[1:], ring[0]), strict=True)) > 0, "one direction"


@pytest.mark.parametrize(
    ("corners", "words"),
    [
        ([(5.0, 5.0)] * 4, "polygon 1 has no area: its corners lie in one point or on one line"),
        ([(0.0, 0.0), (10.0, 10.0), (20.0, 20.0), (5.0, 5.0)], "polygon 1 has no area"),
        ([(0.0, 0.0), (0.1, 0.1), (0.3, 0.3), (0.7, 0.7)], "polygon 1 has no area"),
        ([POINTS[0], POINTS[2], POINTS[1], POINTS[3]], "polygon 1 crosses or touches itself"),
        ([POINTS[0], POINTS[1]], "at least 3"),
    ],
)
def test_corners_that_are_no_polygon_are_refused(corners: list[tuple[float, float]], words: str) -> None:
    with pytest.raises(PhysadvError, match=words):
        build_mask({"kind": "polygons", "polygons": [corners]}, STOP)


@pytest.mark.parametrize(
    "points", [[(5.0, 5.0)] * 4, [(0.0, 0.0), (0.0, 0.0), (50.0, 50.0)], [(0.0, 0.0), (50.0, 0.0)] * 3]
)
def test_strokes_of_equal_points_are_painted(points: list[tuple[float, float]]) -> None:
    stroke = {"points_mm": points, "width_mm": 30}
    mask = build_mask({"kind": "graffiti", "strokes": [stroke], "words": []}, STOP)
    assert torch.isfinite(mask.alpha).all()
    assert mask.area_fraction > 0.0


def test_shares_are_of_the_drawings_own_view_box(tmp_path: Path) -> None:
    """Not of the square that it is drawn in, or of the wider one that is looked at around it."""
    sign = load_sign("us/speed-limit-25")
    wide, high = sign.width_mm, sign.height_mm
    head = HEAD.format(f"0 0 {wide} {high}")
    share = svg(tmp_path, '<rect x="25%" y="25%" width="50%" height="25%"/>', head=head)
    (one,) = shape_of(share, sign)
    np.testing.assert_allclose(one.bounds, (-wide / 4, -high / 4, wide / 4, 0), atol=1.0)
