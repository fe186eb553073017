"""A folder of photographs of a sign: where the sign is in each, what light fell on it, and which cannot be used."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from physadv.core.color import from_uint8, srgb_to_linear
from physadv.core.errors import PhysadvError
from physadv.core.files import at_home
from physadv.core.folders import PICTURES, picture_files
from physadv.core.images import cut_out, read_image
from physadv.core.tables import Line, read_table
from physadv.scenes.photographs.appearance import Appearance, estimate
from physadv.scenes.photographs.sign_outline import (
    TRUSTED,
    TRUSTED_QUARTER,
    Located,
    Matrix,
    Pixels,
    Template,
    apply,
    from_corners,
    locate,
    template_of,
)
from physadv.scenes.roadside.config import DEFAULTS
from physadv.signs import Sign
from physadv.signs.datasets import DATA_VARIABLE

LARGEST_PX = 1024
"""Longer side to which larger pictures are shrunk."""


@dataclass(frozen=True, eq=False)
class Photograph:
    """One picture of the set.

    Attributes:
        file: where it lies.
        pixels: ``[H, W, 3]`` uint8, cropped as the scene asks.
        to_photo: ``[3, 3]``, mm on the sign to continuous pixels.
        confidence: agreement of picture and artwork on the sign, -1 to 1 (1 where the corners were given).
        appearance: its light, shading, glare and blur.
        located: where the sign is in the file's picture.
    """

    file: Path
    pixels: Pixels
    to_photo: Matrix
    confidence: float
    appearance: Appearance
    located: Located


@dataclass(frozen=True)
class LeftOut:
    """A picture that the set does not use, and why."""

    file: Path
    reason: str


@dataclass(frozen=True)
class Study:
    """A folder's pictures with the sign found in them, and those in which it was not."""

    photographs: tuple[Photograph, ...]
    left_out: tuple[LeftOut, ...]


@lru_cache(maxsize=8)
def study_folder(
    stamps: tuple[tuple[Path, str], ...], sign: Sign, corners: tuple[Path, str] | None, margin: float | None
) -> Study:
    """Studies the pictures of a folder; remembered as long as neither they nor the corners' file change.

    Args:
        stamps: the pictures, each with the digest of its content.
        sign: that they show.
        corners: CSV with homographies (see :func:`read_corners`) and the digest of its content; the rest is found.
        margin: room around the sign's box to which a picture is cut, as a share of the box; None: not cut.

    Raises:
        PhysadvError: a file cannot be read, or the CSV names a picture that is not there.
    """
    template = template_of(sign)
    given = {} if corners is None else read_corners(corners[0], sign)
    unknown = set(given) - {file.name for file, _ in stamps}
    if unknown and corners:
        raise PhysadvError(f"{corners[0]}: names {sorted(unknown)[0]!r}, which is not in {stamps[0][0].parent}")
    found: list[Photograph] = []
    missed: list[LeftOut] = []
    for file, _ in stamps:
        result = _study_one(file, sign, template, given.get(file.name), margin)
        if isinstance(result, Photograph):
            found.append(result)
        else:
            missed.append(LeftOut(file, result))
    return Study(tuple(found), tuple(missed))


def _study_one(
    file: Path, sign: Sign, template: Template, given: Matrix | None, margin: float | None
) -> Photograph | str:
    """The picture, or why it cannot be used."""
    pixels = read_image(file)
    if given is None and template.is_round:
        return "the sign looks the same when turned, so which way is up has to be given"
    located = locate(pixels, template) if given is None else Located(given, 1.0, 1.0)
    if located is None:
        return "nothing in it has the sign's color and shape"
    if not located.is_trusted:
        return (
            f"what looks most like the sign agrees with its artwork by only {located.confidence:.2f} "
            f"({located.worst_quarter:.2f} in the worst quarter; {TRUSTED} and {TRUSTED_QUARTER} are needed)"
        )
    return _photograph(file, pixels, located, sign, margin)


def squared(photo: Photograph, sign: Sign, margin: float | None) -> Photograph:
    """The photograph cut out anew for a victim that takes squares: the shorter side is widened, see :func:`_box`.

    Raises:
        PhysadvError: its light cannot be told any more, or the file cannot be read.
    """
    made = _photograph(photo.file, read_image(photo.file), photo.located, sign, margin, square=True)
    if isinstance(made, str):
        raise PhysadvError(f"{photo.file}: widened to a square, {made}")
    return made


def _photograph(
    file: Path, pixels: Pixels, located: Located, sign: Sign, margin: float | None, *, square: bool = False
) -> Photograph | str:
    """The picture cut out, with its light, or why it cannot be used."""
    pixels, to_photo = _cropped(pixels, located.to_photo, _box(pixels, located.to_photo, sign, margin, square=square))
    linear = srgb_to_linear(from_uint8(pixels)).permute(1, 2, 0).contiguous().numpy()
    try:
        appearance = estimate(linear, to_photo, sign)
    except ValueError as error:
        return str(error)
    return Photograph(file, pixels, to_photo, located.confidence, appearance, located)


def _box(
    pixels: Pixels, to_photo: Matrix, sign: Sign, margin: float | None, *, square: bool
) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of what a victim gets: the sign's box with ``margin`` around it, or all (None).

    A ``square`` is made by widening the shorter side, and may reach beyond the picture.
    """
    sides = np.array(pixels.shape[1::-1])
    low, high = np.zeros(2, int), sides
    if margin is not None:
        corners = apply(to_photo, sign.outline_mm)
        room = (corners.max(0) - corners.min(0)) * margin
        low, high = (np.floor(corners.min(0) - room).astype(int), np.ceil(corners.max(0) + room).astype(int))
    if square:
        side = (high - low).max()
        low = low - (side - (high - low)) // 2
        high = low + side
    else:
        low = low.clip(0, sides - 2)
        high = high.clip(low + 2, sides)
    return int(low[0]), int(low[1]), int(high[0]), int(high[1])


def _cropped(pixels: Pixels, to_photo: Matrix, box: tuple[int, int, int, int]) -> tuple[Pixels, Matrix]:
    """The picture cut to the box, its edge repeated beyond it, and shrunk where it is very large."""
    pixels = cut_out(pixels, *box)
    to_photo = np.array([[1.0, 0.0, -box[0]], [0.0, 1.0, -box[1]], [0.0, 0.0, 1.0]]) @ to_photo
    height, width = pixels.shape[:2]
    if max(height, width) <= LARGEST_PX:
        return pixels, to_photo
    share = LARGEST_PX / max(height, width)
    size = (max(2, round(width * share)), max(2, round(height * share)))
    smaller = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
    return smaller, np.diag([size[0] / width, size[1] / height, 1.0]) @ to_photo


_MATRIX = tuple(f"h{i}{j}" for i in (1, 2, 3) for j in (1, 2, 3))
_FORMS = (_MATRIX, ("x_px", "y_px", "x_mm", "y_mm"), ("x_px", "y_px"))


def read_corners(path: Path, sign: Sign) -> dict[str, Matrix]:
    """Homographies ``[3, 3]`` by picture's name, from a CSV with a header.

    Columns are ``file`` and either ``h11 ... h33`` (one row a picture: mm on the sign, x right, y down, center at the
    origin, to pixels), or ``x_px, y_px, x_mm, y_mm`` (a row a point, at least four points a picture), or ``x_px, y_px``
    alone (the corners of the sign's outline in its order, either way around). Further columns are ignored. Pixel i
    covers i to i + 1: its center is at i + 0.5.

    Raises:
        PhysadvError: no table, other columns, too few points, or points that determine no homography.
    """
    table = read_table(path, ("file",), also=(*_MATRIX, "x_px", "y_px", "x_mm", "y_mm"))
    names = next((names for names in _FORMS if set(names) <= set(table.columns)), None)
    if names is None or ("x_mm" in table.columns) != ("y_mm" in table.columns):
        raise PhysadvError(
            f"{path}: its columns are {', '.join(table.header)}; they should be file and h11 ... h33, or "
            "file, x_px, y_px and, where the points are not the outline's corners, x_mm, y_mm"
        )
    by_file: dict[str, list[Line]] = {}
    for line in table.whole():
        by_file.setdefault(line.text("file"), []).append(line)
    return {name: _homography(name, lines, names, sign) for name, lines in by_file.items()}


def _homography(file: str, lines: Sequence[Line], names: Sequence[str], sign: Sign) -> Matrix:
    """Of one picture, whose first row says where errors are."""
    values = np.array([[line.decimal(name) for name in names] for line in lines], np.float64)
    try:
        found = _of_matrix(values) if names == _MATRIX else _of_points(values, sign)
        _check(found, sign)
    except ValueError as error:
        raise lines[0].error(f"{file}: {error}") from error
    return found


def _of_matrix(values: Matrix) -> Matrix:
    matrix = values[0].reshape(3, 3)
    if len(values) != 1 or abs(np.linalg.det(matrix)) < 1e-12 or matrix[2, 2] == 0.0:
        raise ValueError("expected one row with a matrix that can be inverted")
    return np.asarray(matrix / matrix[2, 2], np.float64)


def _of_points(values: Matrix, sign: Sign) -> Matrix:
    seen, corners = values[:, :2], np.array(sign.outline_mm)
    if values.shape[1] == 4:
        if len(values) < 4:
            raise ValueError(f"{len(values)} points; expected at least 4")
        return from_corners(seen, values[:, 2:])
    if len(values) != len(corners):
        raise ValueError(f"{len(values)} points; expected the {len(corners)} corners of sign {sign.name}")
    if _turning(seen) * _turning(corners) < 0:
        seen = np.concatenate([seen[:1], seen[:0:-1]])
    return from_corners(seen, corners)


def _turning(points: Matrix) -> float:
    """Twice the area that points go around, negative where they go around the other way."""
    after = np.roll(points, -1, axis=0)
    return float((points[:, 0] * after[:, 1] - after[:, 0] * points[:, 1]).sum())


def _check(to_photo: Matrix, sign: Sign) -> None:
    """Refuses a homography that shows the sign mirrored, or partly behind the camera.

    Raises:
        ValueError: it does.
    """
    outline = np.concatenate([np.array(sign.outline_mm), np.ones((len(sign.outline_mm), 1))], axis=1)
    if (outline @ to_photo[2] <= 0.0).any():
        raise ValueError("the sign would lie partly behind the camera; are the points in their order?")
    if np.linalg.det(to_photo) < 0.0:
        raise ValueError("the sign would be seen mirrored; are the points in their order?")


def find_path(name: str, base: Path | None = None, *, what: str) -> Path:
    """A path of the configuration: absolute, in ``base``, in the data folder, or here.

    Raises:
        PhysadvError: it is in none of these places.
    """
    wanted = at_home(name)
    data = os.environ.get(DATA_VARIABLE)
    places = [base, Path(data) if data else None, Path.cwd()]
    candidates = [wanted] if wanted.is_absolute() else [place / wanted for place in places if place is not None]
    for candidate in candidates:
        if candidate.exists():
            return candidate
    hint = "" if data or wanted.is_absolute() else f"; {DATA_VARIABLE} is not set"
    raise PhysadvError(f"{what} = {name}: does not exist (looked for {', '.join(map(str, candidates))}){hint}")


def pictures_in(folder: Path) -> tuple[Path, ...]:
    """The pictures of a folder, in the order of their names (2 before 10).

    Raises:
        PhysadvError: not a folder, or no picture in it.
    """
    if not folder.is_dir():
        raise PhysadvError(f"{folder}: is a file; 'folder' should be a folder of pictures")
    files = picture_files(folder)
    if not files:
        raise PhysadvError(f"{folder}: has no picture ({', '.join(sorted(PICTURES))})")
    return tuple(sorted(files, key=lambda file: (len(file.stem), file.stem)))


def pose_of(to_photo: Matrix, sign: Sign) -> tuple[float, float, float]:
    """Nominal distance in m, yaw and pitch in degrees, as the scene's conditions tell them.

    Weak perspective: the homography's Jacobian at the sign's center shrinks the foreshortened direction by the cosine
    of the viewing angle; which side is the farther one is told by the perspective term.
    """
    w = to_photo[2, 2]
    jacobian = (to_photo[:2, :2] * w - np.outer(to_photo[:2, 2], to_photo[2, :2])) / w**2
    _, (large, small), axes = np.linalg.svd(jacobian)
    slant = math.acos(min(1.0, small / large))
    short = axes[1] if axes[1] @ to_photo[2, :2] * np.sign(w) >= 0 else -axes[1]
    yaw = math.degrees(math.atan2(math.sin(slant) * short[0], math.cos(slant)))
    pitch = math.degrees(math.asin(-math.sin(slant) * short[1]))
    focal_px = DEFAULTS["image_width_px"] / 2.0 / math.tan(math.radians(DEFAULTS["hfov_deg"] / 2.0))
    return focal_px / (large * 1000.0), yaw, pitch
