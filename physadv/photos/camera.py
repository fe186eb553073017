"""Cameras: focal length, principal point and lens distortion, from a Charuco board, from EXIF, or assumed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from physadv.core.config import Config, validate
from physadv.core.errors import PhysadvError
from physadv.core.files import read_json, write_json
from physadv.core.limits import MAX_PX

Matrix: TypeAlias = npt.NDArray[np.float64]
Pixels: TypeAlias = npt.NDArray[np.uint8]

_FILM_DIAGONAL_MM = 43.2666
"""Of 36 mm x 24 mm: what 35 mm equivalent focal lengths refer to (CIPA DCG-001)."""
_EXIF_SD = 0.03
_ASSUMED_EQUIVALENT_MM = 27.0
"""Main camera of most phones."""
_ASSUMED_SD = 0.2
_LEAST_VIEWS = 5
_LEAST_CORNERS = 8
_ASPECT_SLACK = 0.01
_FOCAL_SHARES = (0.1, 200.0)
"""Shortest and longest focal length over the longer side: fields of view of 157 and of 0.3 degrees."""
_COEFFICIENTS = (0, 4, 5, 8, 12, 14)
"""Of OpenCV's models of distortion."""
_ONE_SIDED = frozenset({2, 3, *range(8, 14)})
"""Of them, those that are not the same in all directions: tangential, thin prism, tilted sensor."""
_FOLDED_PX = 1.0


class Camera(Config):
    """A pinhole camera with lens distortion, as OpenCV has it, for pictures of one size."""

    width_px: int = Field(gt=0, le=MAX_PX)
    height_px: int = Field(gt=0, le=MAX_PX)
    fx_px: float = Field(gt=0)
    fy_px: float = Field(gt=0)
    cx_px: float
    cy_px: float
    """Principal point; the middle of the first pixel is (0, 0)."""
    distortion: tuple[float, ...] = ()
    """OpenCV's 4, 5, 8, 12 or 14 coefficients (k1, k2, p1, p2, k3, ...); none if empty."""
    focal_sd: float = Field(default=0.0, ge=0, le=1)
    """Standard deviation of the focal length, as a share."""
    source: Literal["calibrated", "exif", "assumed"] = "calibrated"
    rms_px: float | None = Field(default=None, ge=0)
    """Root mean square of the calibration's reprojection error."""
    views: int | None = None
    """Photographs of the board that it was calibrated on."""

    @model_validator(mode="after")
    def _check(self) -> Camera:
        longest = max(self.width_px, self.height_px)
        for name, focal in (("fx_px", self.fx_px), ("fy_px", self.fy_px)):
            if not _FOCAL_SHARES[0] * longest <= focal <= _FOCAL_SHARES[1] * longest:
                raise ValueError(
                    f"{name} = {focal:g}: a picture of {self.width_px} x {self.height_px} px has a focal length of "
                    f"{_FOCAL_SHARES[0] * longest:g} to {_FOCAL_SHARES[1] * longest:g} px"
                )
        if not 0.5 <= self.fx_px / self.fy_px <= 2.0:
            raise ValueError(f"fx_px = {self.fx_px:g} and fy_px = {self.fy_px:g}: should be about the same")
        if not (0.0 <= self.cx_px <= self.width_px and 0.0 <= self.cy_px <= self.height_px):
            raise ValueError(f"cx_px, cy_px = {self.cx_px:g}, {self.cy_px:g}: should lie in the picture")
        if len(self.distortion) not in _COEFFICIENTS:
            counts = ", ".join(map(str, _COEFFICIENTS[1:-1]))
            raise ValueError(
                f"distortion: holds {len(self.distortion)} numbers; OpenCV's models have {counts} or "
                f"{_COEFFICIENTS[-1]} (none is [])"
            )
        if any(self.distortion) and not self._can_be_undone():
            raise ValueError("distortion: folds the picture over itself; no lens does that")
        return self

    def _can_be_undone(self) -> bool:
        """Whether the distortion maps the middle half of the picture so that the way back leads to the same place."""
        import cv2

        share = np.linspace(0.25, 0.75, 5)
        columns, rows = np.meshgrid(share * self.width_px, share * self.height_px)
        seen = np.stack([columns, rows], -1).reshape(-1, 1, 2)
        rays = cv2.undistortPoints(seen, self.matrix, self.coefficients)
        if not np.isfinite(rays).all():
            return False
        rays = np.concatenate([rays.reshape(-1, 2), np.ones((len(rays), 1))], axis=1)
        again, _ = cv2.projectPoints(rays, np.zeros(3), np.zeros(3), self.matrix, self.coefficients)
        return bool(np.isfinite(again).all() and np.abs(again - seen).max() < _FOLDED_PX)

    @property
    def matrix(self) -> Matrix:
        """``[3, 3]``."""
        return np.array([[self.fx_px, 0, self.cx_px], [0, self.fy_px, self.cy_px], [0, 0, 1]], np.float64)

    @property
    def coefficients(self) -> Matrix:
        """Of the distortion, for OpenCV."""
        return np.array(self.distortion or (0.0,) * 5, np.float64)

    def sized(self, width_px: int, height_px: int) -> Camera:
        """The same camera's pictures in another size, or on their side.

        Raises:
            PhysadvError: the pictures have another shape, so they are not this camera's whole pictures.
        """
        camera = self
        if (width_px > height_px) != (self.width_px > self.height_px) and width_px != height_px:
            camera = self._turned()
        scale = width_px / camera.width_px
        if abs(height_px / camera.height_px / scale - 1.0) > _ASPECT_SLACK:
            raise PhysadvError(
                f"picture of {width_px} x {height_px} px: the camera was calibrated for {self.width_px} x "
                f"{self.height_px} px, which is another shape; give whole pictures of the same camera and mode"
            )
        if scale == 1.0:
            return camera
        return camera.model_copy(
            update={
                "width_px": width_px,
                "height_px": height_px,
                "fx_px": camera.fx_px * scale,
                "fy_px": camera.fy_px * scale,
                "cx_px": (camera.cx_px + 0.5) * scale - 0.5,
                "cy_px": (camera.cy_px + 0.5) * scale - 0.5,
            }
        )

    def _turned(self) -> Camera:
        """Held upright instead of on its side; which way round is not known, so the axis is put in the middle."""
        symmetric = tuple(0.0 if number in _ONE_SIDED else value for number, value in enumerate(self.distortion))
        return self.model_copy(
            update={
                "width_px": self.height_px,
                "height_px": self.width_px,
                "fx_px": self.fy_px,
                "fy_px": self.fx_px,
                "cx_px": (self.height_px - 1) / 2.0,
                "cy_px": (self.width_px - 1) / 2.0,
                "distortion": symmetric,
            }
        )


def load_camera(path: str | Path) -> Camera:
    """What ``physadv photos calibrate-camera`` wrote.

    Raises:
        PhysadvError: the file is missing or not a camera's.
    """
    data = read_json(Path(path))
    if not isinstance(data, dict) or "fx_px" not in data:
        raise PhysadvError(f"{path}: is not a camera file; give the file that physadv photos calibrate-camera wrote")
    return validate(Camera, data, path)


def save_camera(camera: Camera, path: str | Path) -> None:
    """As JSON, whole or not at all."""
    write_json(Path(path), camera.model_dump(mode="json"))


def camera_from_focal(width_px: int, height_px: int, equivalent_mm: float | None) -> Camera:
    """From the 35 mm equivalent focal length in EXIF; without one, that of a common phone, and a large deviation."""
    known = equivalent_mm is not None and equivalent_mm > 0
    focal = (equivalent_mm if known else _ASSUMED_EQUIVALENT_MM) or _ASSUMED_EQUIVALENT_MM
    focal_px = focal / _FILM_DIAGONAL_MM * float(np.hypot(width_px, height_px))
    return Camera(
        width_px=width_px,
        height_px=height_px,
        fx_px=focal_px,
        fy_px=focal_px,
        cx_px=(width_px - 1) / 2.0,
        cy_px=(height_px - 1) / 2.0,
        focal_sd=_EXIF_SD if known else _ASSUMED_SD,
        source="exif" if known else "assumed",
    )


class Board(Config):
    """A Charuco board: a chessboard with a marker in every white square."""

    columns: int = Field(default=8, ge=3, le=30)
    rows: int = Field(default=11, ge=3, le=30)
    square_mm: float = Field(default=20.0, gt=0)
    marker_mm: float = Field(default=15.0, gt=0)

    def build(self) -> Any:
        """OpenCV's board."""
        import cv2

        dictionary = cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_5X5_100)
        return cv2.aruco.CharucoBoard((self.columns, self.rows), self.square_mm, self.marker_mm, dictionary)


@dataclass(frozen=True, eq=False)
class BoardView:
    """What one photograph shows of a board: corners in mm ``[n, 3]`` and in pixels ``[n, 2]``."""

    name: str
    board_mm: npt.NDArray[np.float32]
    seen_px: npt.NDArray[np.float32]


def find_board(name: str, pixels: Pixels, board: Board) -> BoardView | None:
    """The board's corners in a picture ``[H, W, 3]`` RGB; None where too few are seen."""
    import cv2

    made = board.build()
    gray = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    corners, ids, _, _ = cv2.aruco.CharucoDetector(made).detectBoard(gray)
    if ids is None or len(ids) < _LEAST_CORNERS:
        return None
    objects, seen = made.matchImagePoints(corners, ids)
    return BoardView(name, objects.reshape(-1, 3), seen.reshape(-1, 2))


def calibrate_camera(
    views: Sequence[BoardView], size: tuple[int, int], *, note: Callable[[str], None] | None = None
) -> Camera:
    """A camera from photographs of a Charuco board (Zhang 2000, as in OpenCV).

    Photographs whose own error is more than three times the median are left out, and the camera is fitted again.

    Args:
        views: of the board.
        size: width and height of the pictures in pixels.
        note: told of what is left out.

    Raises:
        PhysadvError: too few photographs, or the fit does not hold.
    """
    kept = list(views)
    fitted = _fitted(kept, size)
    error = fitted[-1][:, 0]
    good = error <= max(3.0 * float(np.median(error)), 0.5)
    if not good.all():
        for view, fine in zip(kept, good, strict=True):
            if not fine and note:
                note(f"{view.name}: its board fits badly and is left out; was it bent, or blurred?")
        kept = [view for view, fine in zip(kept, good, strict=True) if fine]
        fitted = _fitted(kept, size)
    rms, matrix, distortion, _, _, deviations, _, _ = fitted
    focal = float(matrix[0, 0] + matrix[1, 1]) / 2.0
    found = {
        "width_px": size[0],
        "height_px": size[1],
        "fx_px": float(matrix[0, 0]),
        "fy_px": float(matrix[1, 1]),
        "cx_px": float(matrix[0, 2]),
        "cy_px": float(matrix[1, 2]),
        "distortion": [float(value) for value in distortion.reshape(-1)[:5]],
        "focal_sd": round(float(deviations[:2].mean()) / focal, 6),
        "rms_px": round(float(rms), 4),
        "views": len(kept),
    }
    return validate(Camera, found, "camera: the photographs of the board fit no lens")


def _fitted(views: Sequence[BoardView], size: tuple[int, int]) -> Any:
    """What OpenCV's ``calibrateCameraExtended`` gives; the last of it is each photograph's error."""
    import cv2

    if len(views) < _LEAST_VIEWS:
        raise PhysadvError(
            f"camera: the board was found in {len(views)} photographs; at least {_LEAST_VIEWS} are needed, from "
            "different sides and distances"
        )
    boards, seen = [view.board_mm for view in views], [view.seen_px for view in views]
    return cv2.calibrateCameraExtended(boards, seen, size, None, None)
