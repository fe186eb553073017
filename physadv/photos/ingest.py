"""From a folder of photographs to a session: find the sign in each, its pose and light; nothing stops the rest."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from pydantic import ValidationError

from physadv.core.config import Config, explain, validate
from physadv.core.errors import CannotWrite, PhysadvError
from physadv.core.files import atomic_path, read_json, sha256, write_json
from physadv.core.identity import digest_of
from physadv.core.images import write_png
from physadv.core.progress import Listener, counter
from physadv.core.run_folder import claim
from physadv.core.versions import package_versions
from physadv.patches import find_bundle, load_patch
from physadv.photos.camera import Camera, camera_from_focal, load_camera
from physadv.photos.color.light import UNKNOWN, estimate_light, light_of_paper
from physadv.photos.finding.clicked_points import Clicked, read_sidecar
from physadv.photos.finding.detector import Detector, load_detector
from physadv.photos.finding.find_sign import FoundSign, find_sign
from physadv.photos.overlays import stem_of, write_index, write_overlay, write_refused
from physadv.photos.photo_files import Photo, Refusal, list_files, read_file
from physadv.photos.rig.markers import DetectedMarkers, printed_rig, read_chart
from physadv.photos.rig.rig import Rig, load_rig
from physadv.photos.session import (
    CROPS,
    GIVEN_UP,
    OVERLAYS,
    RECORD,
    ROWS,
    SUBJECTS,
    TABLE,
    Row,
    Session,
    Subject,
    counted,
    write_given_up,
    write_session,
    write_table,
)
from physadv.signs import Sign, keep_sign, load_sign

Matrix: TypeAlias = npt.NDArray[np.float64]

_ROOM = 0.5
"""Around the sign's box in a crop, as a share of it."""
_CROP_PX = 1024
_CONTROLS: dict[str, Subject] = {"clean": "clean", "gray": "gray", "grey": "gray", "random": "random"}
_UNREAD = "the points given for it are not used; of a video the frames #0, #{0}, #{1} ... are read"


@dataclass(frozen=True)
class Outcome:
    """What became of a folder of photographs.

    Attributes:
        found: photographs with the sign in them.
        missed: photographs that could be read, in which it is not found.
        unread: files, and frames of videos, that could not be read.
        given_up: name and reason of all that are not used: missed, unread, and points of frames that are not read.
        flagged: of those found, how many finds are doubtful.
        doubts: why they are, and in how many photographs; one may have several.
        rough: why distance or angles are rough where the find is sure, and in how many photographs.
        shown: how many of those found show what (:data:`~physadv.photos.session.Subject`), as their folders say.
    """

    found: int
    missed: int
    unread: int
    given_up: tuple[tuple[str, str], ...]
    flagged: int
    doubts: tuple[tuple[str, int], ...]
    rough: tuple[tuple[str, int], ...]
    shown: tuple[tuple[Subject, int], ...]


@dataclass(frozen=True, eq=False)
class _Reader:
    """What a photograph is read with."""

    session: Session
    sign: Sign
    rig: Rig | None
    camera: Camera | None
    points: dict[str, Clicked]
    detector: Detector | None
    out: Path
    around: str
    """Name of the folder of photographs, which may say what they show."""

    def read(self, photo: Photo) -> Row:
        """Its row, with crop and overlay written.

        Raises:
            PhysadvError: the sign is not found.
        """
        height, width = photo.pixels.shape[:2]
        camera = (
            self.camera.sized(width, height) if self.camera else camera_from_focal(width, height, photo.equivalent_mm)
        )
        clicked = self.points.get(photo.name)
        subject, patch = subject_of(photo.name, self.session.patch, around=self.around)
        with _said_of(clicked):
            found, seen = find_sign(
                photo.pixels,
                self.sign,
                camera,
                rig=self.rig,
                points=clicked.points if clicked else None,
                detector=self.detector,
                painted=subject != "clean",
            )
        stem = stem_of(photo.name)
        crop, box = self._crop(photo, found)
        row = self._row(photo, camera, found, seen, subject, patch, f"{CROPS}/{stem}.png", box)
        (self.out / CROPS).mkdir(exist_ok=True)
        with atomic_path(self.out / row.crop) as temporary:
            write_png(temporary, crop)
        write_overlay(self.out / OVERLAYS / f"{stem}.jpg", photo.pixels, found, row)
        return row

    def _crop(self, photo: Photo, found: FoundSign) -> tuple[npt.NDArray[np.uint8], Matrix]:
        """The sign with room around it, and its box in it (left, top, width, height)."""
        import cv2

        height, width = photo.pixels.shape[:2]
        low, high = found.outline_px.min(0), found.outline_px.max(0)
        room = _ROOM * (high - low)
        left, top = np.floor(np.maximum(low - room, 0)).astype(int)
        right, bottom = np.ceil(np.minimum(high + room, [width, height])).astype(int)
        if right - left < 2 or bottom - top < 2:
            raise PhysadvError("the sign lies outside of the picture")
        crop = np.ascontiguousarray(photo.pixels[top:bottom, left:right])
        scale = min(1.0, _CROP_PX / max(crop.shape[:2]))
        if scale < 1.0:
            size = (round(crop.shape[1] * scale), round(crop.shape[0] * scale))
            crop = cv2.resize(crop, size, interpolation=cv2.INTER_AREA)
        box = np.concatenate([low - [left, top] + 0.5, high - low]) * scale
        return crop.astype(np.uint8), box

    def _row(
        self,
        photo: Photo,
        camera: Camera,
        found: FoundSign,
        seen: DetectedMarkers,
        subject: Subject,
        patch: str,
        crop: str,
        box: Matrix,
    ) -> Row:
        pose = found.pose
        chart = read_chart(photo.pixels, seen, self.rig.chart) if self.rig and self.rig.chart else None
        light = estimate_light(photo.pixels, pose.homography, self.sign, photo.ev100)
        if light is None and chart is not None:
            light = light_of_paper(chart.paper, photo.ev100)
        light = light or UNKNOWN
        cosine = np.cos(np.radians(pose.yaw_deg)) * np.cos(np.radians(pose.pitch_deg))
        return Row(
            file=photo.name,
            sha256=photo.sha256,
            taken=photo.taken,
            camera=photo.camera,
            subject=subject,
            patch=patch,
            how=found.how,
            confidence=found.confidence,
            width_px=photo.pixels.shape[1],
            height_px=photo.pixels.shape[0],
            sign_px=float(np.ptp(found.outline_px, axis=0).max()),
            distance_m=pose.distance_m,
            distance_sd_m=pose.distance_sd_m,
            yaw_deg=pose.yaw_deg,
            yaw_sd_deg=pose.yaw_sd_deg,
            pitch_deg=pose.pitch_deg,
            pitch_sd_deg=pose.pitch_sd_deg,
            roll_deg=pose.roll_deg,
            roll_sd_deg=pose.roll_sd_deg,
            angle_deg=float(np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0)))),
            error_px=pose.error_px,
            focal_px=(camera.fx_px + camera.fy_px) / 2.0,
            focal_source=camera.source,
            homography=tuple(float(value) for value in pose.homography.reshape(-1)),
            exposure_ev=light.exposure_ev,
            temperature_k=light.temperature_k,
            illuminance_lux=light.illuminance_lux,
            ev100=np.nan if photo.ev100 is None else photo.ev100,
            crop=crop,
            box_left=float(box[0]),
            box_top=float(box[1]),
            box_width=float(box[2]),
            box_height=float(box[3]),
            chart=None if chart is None else tuple((float(r), float(g), float(b)) for r, g, b in chart.colors),
            flags=found.flags,
            rough=found.rough,
        )


@contextmanager
def _said_of(clicked: Clicked | None) -> Iterator[None]:
    """Says where the points stand that a photograph is refused for; wrong ones refuse it."""
    if clicked is None:
        yield
        return
    if clicked.points is None:
        raise PhysadvError(f"{clicked.where}: {clicked.why}")
    try:
        yield
    except PhysadvError as error:
        raise PhysadvError(f"{clicked.where}: {error}") from error


def subject_of(name: str, patch: str | None, *, around: str = "") -> tuple[Subject, str]:
    """What a photograph shows, by the folders that it lies in, and the name of the paint.

    In a folder ``clean``, ``gray`` or ``random``, however deep, it is the clean sign or a control. Any other photograph
    shows the patch of ``--patch``; without one its paint is not known, and is called as its folder is.

    Args:
        name: of the photograph, with its folders.
        patch: name of the patch that was given.
        around: name of the folder that they all lie in, which counts if it is one of those three.
    """
    folders = PurePosixPath(name).parts[:-1]
    named = patch or next((part for part in reversed(folders) if part.lower() not in _CONTROLS), "")
    control = next((part.lower() for part in (*reversed(folders), around) if part.lower() in _CONTROLS), "")
    return _CONTROLS.get(control, "patch" if patch else "unknown"), named


def ingest(
    photographs: Path,
    out: Path,
    *,
    sign: str = "us/stop",
    patch: str | Path | None = None,
    clean: Path | None = None,
    rig: Path | None = None,
    camera: Path | None = None,
    corners: Path | None = None,
    detector: Path | None = None,
    bar_mm: float | None = None,
    every: int = 15,
    listener: Listener | None = None,
) -> Outcome:
    """Reads photographs into a session; a stopped run, started again with the same options, resumes.

    Args:
        photographs: folder; what lies in folders ``clean``, ``gray`` and ``random`` shows the controls.
        out: folder of the session: ``photos.parquet``, ``given_up.csv``, ``overlays/``, ``crops/``, ``session.json``.
        sign: that they show.
        patch: on it; a bundle. Without one the paint is not known, and is compared with no simulation.
        clean: folder of photographs of the clean sign, as a control; named ``clean/...`` in the session.
        rig: file of the markers about it.
        camera: file of its calibration; EXIF's focal length otherwise.
        corners: sidecar with points that a person has clicked.
        detector: card of an ONNX detector that says where to look, where the outline alone is not found.
        bar_mm: what the printed sheet's 100 mm bar measures.
        every: of a video, every n-th frame.
        listener: told of progress.

    Raises:
        PhysadvError: an option is wrong. A photograph that cannot be used is skipped, and the others are read.
    """
    if every < 1:
        raise PhysadvError(f"every = {every}: should be 1 or more, of a video's frames")
    shown = load_sign(sign)
    named = None
    if patch is not None:
        bundle = load_patch(patch)
        if bundle.sign.name != shown.name:
            raise PhysadvError(f"--patch {patch}: is for sign {bundle.sign.name}, not for {shown.name}; give --sign")
        if not bundle.sign.looks_like(shown):
            raise PhysadvError(
                f"--patch {patch}: is for another sign that is named {shown.name} too, of another size or artwork "
                f"({bundle.sign.width_mm:g} x {bundle.sign.height_mm:g} mm, not {shown.width_mm:g} x "
                f"{shown.height_mm:g}); give that one as --sign"
            )
        named = find_bundle(patch).resolve().name
    layout = load_rig(rig) if rig else None
    if layout and (layout.sign, layout.sign_width_mm) != (shown.name, shown.width_mm):
        raise PhysadvError(f"{rig}: is the rig of sign {layout.sign}, not of {shown.name}")
    if layout and bar_mm is not None:
        layout = printed_rig(layout, bar_mm)
    points = read_sidecar(corners) if corners else {}
    files = _files(photographs, clean)
    _check_names(corners, points, files, photographs)
    seeker = load_detector(detector) if detector else None
    session = Session(
        sign=shown.name,
        patch=named,
        photographs=str(photographs.resolve()),
        clean=str(clean.resolve()) if clean else None,
        rig=layout,
        bar_mm=bar_mm,
        every=every,
        corners_sha256=sha256(corners) if corners else None,
        camera_sha256=sha256(camera) if camera else None,
        detector_sha256=seeker.fingerprint if seeker else None,
        versions=package_versions(),
    )
    lens = load_camera(camera) if camera else None
    identity = session.model_dump(mode="json", exclude={"sha256", "photographs", "clean"})
    identity |= {"folder": photographs.resolve().name, "sign": shown.fingerprint}
    with claim(out, identity, command="physadv photos ingest") as run:
        content = digest_of([[file.name, _content(file.path)] for file in files])
        finished = run.finished(content)
        if not finished:
            (out / RECORD).unlink(missing_ok=True)
            keep_sign(shown, out)
        reader = _Reader(session, shown, layout, lens, points, seeker, out, photographs.resolve().name)
        done: list[_Entry] = []
        for number, file in enumerate(files):
            done += _file(reader, file, every)
            counter(listener, "photographs")(number + 1, len(files))
        rows = [one.row for one in done if one.row is not None]
        lost = [one for one in done if one.row is None]
        unused = points.keys() - {one.name for one in done}
        refused = [(one.name, one.why) for one in lost]
        refused += [(name, _UNREAD.format(every, 2 * every)) for name in unused]
        if not finished:
            _tidy(out, [name for name, _ in refused] + [row.file for row in rows])
            write_given_up(out, refused)
            write_index(out, rows, refused, shown)
            write_table(out, rows)
            write_session(out, session)
            run.finish(GIVEN_UP, TABLE, RECORD, asked=content)
    shows = Counter(row.subject for row in rows)
    return Outcome(
        found=len(rows),
        missed=sum(one.is_read for one in lost),
        unread=sum(not one.is_read for one in lost),
        given_up=tuple(refused),
        flagged=sum(bool(row.flags) for row in rows),
        doubts=tuple(counted(why for row in rows for why in row.flags)),
        rough=tuple(counted(why for row in rows for why in row.rough)),
        shown=tuple((subject, shows[subject]) for subject in SUBJECTS if shows[subject]),
    )


@dataclass(frozen=True)
class _File:
    """A photograph or a video on disk, and what the session calls it."""

    path: Path
    name: str


def _content(path: Path) -> str:
    """The digest of a file; what cannot be read has none, and is given up when its turn comes."""
    try:
        return sha256(path)
    except PhysadvError:
        return "cannot be read"


def _files(photographs: Path, clean: Path | None) -> list[_File]:
    """Those of both folders, each once; those of ``clean`` are called ``clean/...``.

    Raises:
        PhysadvError: a folder has none, or two files have one name.
    """
    controls = []
    if clean:
        controls = [_File(path, f"clean/{path.relative_to(clean).as_posix()}") for path in list_files(clean)]
    own = {file.path.resolve() for file in controls}
    others = [
        _File(path, path.relative_to(photographs).as_posix())
        for path in list_files(photographs)
        if path.resolve() not in own
    ]
    twice = sorted({file.name for file in others} & {file.name for file in controls})
    if twice:
        raise PhysadvError(f"--clean {clean}: {twice[0]} is in {photographs} too; rename one of them")
    return [*others, *controls]


def _check_names(corners: Path | None, points: dict[str, Clicked], files: list[_File], folder: Path) -> None:
    names = {file.name for file in files}
    unknown = sorted(name for name in points if name.split("#")[0] not in names)
    if unknown:
        raise PhysadvError(f"{corners}: names {unknown[0]!r}, which is not a file in {folder}")


def _tidy(out: Path, names: list[str]) -> None:
    """Removes the pictures of photographs that are no longer there."""
    wanted = {stem_of(name) for name in names}
    for path in (*(out / CROPS).glob("*"), *(out / OVERLAYS).glob("*.jpg")):
        if path.stem not in wanted:
            path.unlink()


class _Entry(Config):
    """A photograph of a file, as it is kept on disk: its row, or why there is none."""

    row: Row | None
    name: str
    why: str
    is_read: bool
    """Whether it could be read, so that the sign could be looked for."""


def _file(reader: _Reader, file: _File, every: int) -> list[_Entry]:
    """What is found in a file, kept on disk once it is known."""
    kept = reader.out / ROWS / f"{digest_of([file.name, _content(file.path)])[:32]}.json"
    found = _kept(kept)
    if found is None or any(one.row is not None and not (reader.out / one.row.crop).is_file() for one in found):
        found = list(_read(reader, file, every))
        write_json(kept, [json.loads(one.model_dump_json()) for one in found])
    return found


def _kept(path: Path) -> list[_Entry] | None:
    """What is known of a file already; None where that is nothing, or damaged, so that the file is read again."""
    if not path.exists():
        return None
    try:
        return [validate(_Entry, entry, path) for entry in read_json(path)]
    except (PhysadvError, TypeError):
        return None


def _read(reader: _Reader, file: _File, every: int) -> Iterator[_Entry]:
    for found in read_file(file.path, file.name, every=every):
        if isinstance(found, Refusal):
            yield _Entry(row=None, name=found.name, why=found.why, is_read=False)
            continue
        row, why = _row_or_reason(reader, found)
        if row is None:
            write_refused(reader.out / OVERLAYS / f"{stem_of(found.name)}.jpg", found.pixels)
        yield _Entry(row=row, name=found.name, why=why, is_read=True)


def _row_or_reason(reader: _Reader, photo: Photo) -> tuple[Row | None, str]:
    """The row of a photograph, or why it cannot be used: whatever is wrong with one, the others are still read."""
    import cv2

    try:
        return reader.read(photo), ""
    except CannotWrite:
        raise
    except PhysadvError as error:
        return None, str(error)
    except ValidationError as error:
        return None, f"what is measured in it cannot be right ({explain(error, Row)})"
    except (cv2.error, ArithmeticError, ValueError) as error:
        return None, f"it cannot be measured ({type(error).__name__}: {' '.join(str(error).split())})"
