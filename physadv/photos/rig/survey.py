"""Where a rig's markers really hang: from many photographs at once, as hands place them to a millimeter or two."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from physadv.core.errors import PhysadvError
from physadv.core.progress import Listener, counter
from physadv.photos.camera import Camera, camera_from_focal, load_camera
from physadv.photos.photo_files import Refusal, list_files, read_file
from physadv.photos.rig.markers import DetectedMarkers, find_markers, pose_from_markers
from physadv.photos.rig.rig import Marker, Rig

Matrix: TypeAlias = npt.NDArray[np.float64]

PLACED_SD_MM, TURNED_SD_DEG, GROWN_SD = 3.0, 1.0, 0.02
"""How well a person is expected to place and turn a marker, and a printer to print its size: what the photographs leave
open, the overall place and size of the rig before all, stays as the rig says."""
_CORNER_SD_PX = 0.2
_LEAST_VIEWS = 5
_POOR_PX = 3.0
"""Of a photograph's error after the fit, beyond which its rig hung otherwise."""


@dataclass(frozen=True, eq=False)
class View:
    """Markers that one photograph shows, and the camera that took it."""

    name: str
    seen: DetectedMarkers
    camera: Camera


@dataclass(frozen=True)
class Moved:
    """A marker's place beside the others: by how much it is off, and that number's standard deviation."""

    id: int
    right_mm: float
    down_mm: float
    turn_deg: float
    sd_mm: float
    views: int


@dataclass(frozen=True)
class Survey:
    """The rig as it hangs.

    Attributes:
        rig: with the markers' places, turns and sizes as found.
        moved: of each marker that the photographs show.
        size: of the markers as printed, as a share of what the rig says.
        error_px: root mean square of the reprojection error, before and after.
        views: photographs that say something.
    """

    rig: Rig
    moved: tuple[Moved, ...]
    size: float
    error_px: tuple[float, float]
    views: int


def survey_rig(views: Sequence[View], rig: Rig, *, note: Callable[[str], None] | None = None) -> Survey:
    """Bundle adjustment (Triggs et al. 2000) of the poses of all photographs and the places of all markers.

    Args:
        views: photographs of the rig, hung once and not moved.
        rig: where the markers ought to be.
        note: told of photographs that are left out.

    Raises:
        PhysadvError: too few photographs show several markers, or they do not show one and the same rig.
    """
    ids = {marker.id for marker in rig.markers}
    several = [view for view in views if len(ids & view.seen.corners.keys()) >= 2]
    bundle = _Bundle(rig, several)
    solution = bundle.solved()
    errors = bundle.errors_px(solution)
    good = errors <= max(_POOR_PX, 3.0 * float(np.median(errors)))
    if good.all():
        return bundle.told(solution)
    for view, fine, error in zip(several, good, errors, strict=True):
        if not fine and note:
            note(f"{view.name}: fits the others only within {error:.1f} px and is left out; did the rig hang so?")
    bundle = _Bundle(rig, [view for view, fine in zip(several, good, strict=True) if fine])
    return bundle.told(bundle.solved())


class _Bundle:
    """Unknowns ``z``: the markers' common size, right, down and turn of each, then six of each photograph's pose."""

    def __init__(self, rig: Rig, views: Sequence[View]) -> None:
        if len(views) < _LEAST_VIEWS:
            raise PhysadvError(
                f"rig: {len(views)} photographs show two or more of its markers as one rig; at least {_LEAST_VIEWS} "
                "are needed, from different sides, and the markers must not be moved between them"
            )
        self.rig, self.views = rig, list(views)
        self.markers = [m for m in rig.markers if any(m.id in view.seen.corners for view in views)]
        self.first_pose = 1 + 3 * len(self.markers)
        poses = []
        for view in self.views:
            found = pose_from_markers(view.seen, rig, view.camera)
            assert found is not None
            poses.append(found.extrinsic)
        self.start = np.concatenate([np.zeros(self.first_pose), *poses])

    def placed(self, z: Matrix) -> list[Marker]:
        """The markers as ``z`` has them."""
        return [
            marker.model_copy(
                update={
                    "x_mm": marker.x_mm + float(right),
                    "y_mm": marker.y_mm + float(down),
                    "turn_deg": marker.turn_deg + float(turn),
                    "size_mm": marker.size_mm * (1.0 + float(z[0])),
                }
            )
            for marker, (right, down, turn) in zip(self.markers, z[1 : self.first_pose].reshape(-1, 3), strict=True)
        ]

    def _residuals(self, z: Matrix) -> list[Matrix]:
        """Reprojection errors ``[n, 2]`` of each photograph, in pixels."""
        import cv2

        markers, found = self.placed(z), []
        for view, pose in zip(self.views, z[self.first_pose :].reshape(-1, 6), strict=True):
            plane, seen = view.seen.pairs(markers)
            points = np.concatenate([plane, np.zeros((len(plane), 1))], axis=1)
            again, _ = cv2.projectPoints(points, pose[:3], pose[3:], view.camera.matrix, view.camera.coefficients)
            found.append(again.reshape(-1, 2) - seen)
        return found

    def _weighted(self, z: Matrix) -> Matrix:
        expected = np.tile([PLACED_SD_MM, PLACED_SD_MM, TURNED_SD_DEG], len(self.markers))
        prior = z[: self.first_pose] / np.concatenate([[GROWN_SD], expected])
        return np.concatenate([*(part.reshape(-1) / _CORNER_SD_PX for part in self._residuals(z)), prior])

    def _sparsity(self) -> Any:
        from scipy.sparse import lil_matrix

        counts = [2 * 4 * sum(m.id in view.seen.corners for m in self.markers) for view in self.views]
        pattern = lil_matrix((sum(counts) + self.first_pose, len(self.start)), dtype=np.int8)
        pattern[:, : self.first_pose] = 1
        row = 0
        for number, count in enumerate(counts):
            column = self.first_pose + 6 * number
            pattern[row : row + count, column : column + 6] = 1
            row += count
        return pattern

    def solved(self) -> Any:
        """The minimum; corners that a shadow or a fold has displaced count less the further they are off."""
        from scipy.optimize import least_squares

        return least_squares(
            self._weighted, self.start, loss="soft_l1", x_scale="jac", jac_sparsity=self._sparsity(), max_nfev=200
        )

    def errors_px(self, solution: Any) -> Matrix:
        """Of each photograph."""
        return np.array([np.sqrt((part**2).sum(1).mean()) for part in self._residuals(solution.x)])

    def told(self, solution: Any) -> Survey:
        """The rig, and how sure its places are."""
        z, spread = solution.x, self._deviations(solution.jac.toarray())
        markers = self.placed(z)
        found = {marker.id: marker for marker in markers}
        shifts = z[1 : self.first_pose].reshape(-1, 3)
        return Survey(
            rig=self.rig.model_copy(
                update={"markers": tuple(found.get(marker.id, marker) for marker in self.rig.markers)}
            ),
            moved=tuple(
                Moved(
                    id=marker.id,
                    right_mm=float(shift[0]),
                    down_mm=float(shift[1]),
                    turn_deg=float(shift[2]),
                    sd_mm=float(np.hypot(*sd[:2]) / np.sqrt(2.0)),
                    views=sum(marker.id in view.seen.corners for view in self.views),
                )
                for marker, shift, sd in zip(markers, shifts, spread, strict=True)
            ),
            size=1.0 + float(z[0]),
            error_px=(self._rms(self.start), self._rms(z)),
            views=len(self.views),
        )

    def _deviations(self, jacobian: Matrix) -> Matrix:
        """Of the markers' places beside each other ``[M, 3]``, without what moves, turns or scales all of them."""
        covariance = np.linalg.pinv(jacobian.T @ jacobian)[: self.first_pose, : self.first_pose]
        count = len(self.markers)
        x, y = np.array([[marker.x_mm, marker.y_mm] for marker in self.markers]).T
        none, one = np.zeros(count), np.ones(count)
        common = np.zeros((self.first_pose, 4))
        common[0, 3] = 1.0
        for number, parts in enumerate(((one, none, none), (none, one, none), (-y, x, np.degrees(one)), (x, y, none))):
            common[1:, number] = np.stack(parts, 1).reshape(-1)
        free = np.eye(self.first_pose) - common @ np.linalg.pinv(common)
        return np.asarray(np.sqrt(np.diag(free @ covariance @ free).clip(0))[1:].reshape(-1, 3), np.float64)

    def _rms(self, z: Matrix) -> float:
        return float(np.sqrt(np.concatenate([(part**2).sum(1) for part in self._residuals(z)]).mean()))


def survey_photographs(
    folder: Path,
    rig: Rig,
    *,
    camera: Path | None = None,
    every: int = 15,
    listener: Listener | None = None,
) -> tuple[Survey, list[str]]:
    """The same of a folder of photographs, and what was left out and why.

    Args:
        folder: of photographs and videos; of these, every n-th frame.
        rig: where the markers ought to be.
        camera: file of its calibration; EXIF's focal length otherwise.
        every: n.
        listener: told of progress.

    Raises:
        PhysadvError: the folder or the camera is wrong, or :func:`survey_rig` finds too little.
    """
    lens = load_camera(camera) if camera else None
    views: list[View] = []
    notes: list[str] = []
    files = list_files(folder)
    for number, path in enumerate(files):
        for photo in read_file(path, path.relative_to(folder).as_posix(), every=every):
            if isinstance(photo, Refusal):
                notes.append(f"{photo.name}: {photo.why}")
                continue
            height, width = photo.pixels.shape[:2]
            try:
                sized = lens.sized(width, height) if lens else camera_from_focal(width, height, photo.equivalent_mm)
            except PhysadvError as error:
                notes.append(f"{photo.name}: {error}")
                continue
            views.append(View(photo.name, find_markers(photo.pixels), sized))
        counter(listener, "photographs")(number + 1, len(files))
    return survey_rig(views, rig, note=notes.append), notes
