"""A session: photographs of a sign, each with its pose and light, in a folder that can be moved."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal, TypeAlias, get_args

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, PlainSerializer, model_validator

from physadv.core import tables as core_tables
from physadv.core.config import Config, validate
from physadv.core.errors import PhysadvError
from physadv.core.files import read_json, write_json
from physadv.core.identity import digest_of, digest_of_files
from physadv.core.images import read_image
from physadv.core.limits import MAX_PX, MAX_STEPS
from physadv.core.parquet import read_parquet, write_parquet
from physadv.core.spelling import american
from physadv.photos.rig.rig import Rig

TABLE = "photos.parquet"
GIVEN_UP = "given_up.csv"
RECORD = "session.json"
CROPS = "crops"
OVERLAYS = "overlays"
ROWS = "rows"
"""Folder of what is known of each file, so that no file is read twice."""
_Subject = Literal["patch", "clean", "gray", "random", "unknown"]
Subject: TypeAlias = Annotated[_Subject, BeforeValidator(american)]
SUBJECTS: tuple[Subject, ...] = get_args(_Subject)
"""What a photograph shows: a patch whose bundle is known, a control of one, the clean sign, or paint of others."""


def _finite_or_unknown(value: float) -> float:
    if math.isinf(value):
        raise ValueError("should be a number, or nothing where it is not known")
    return value


Measure = Annotated[
    float,
    BeforeValidator(lambda value: math.nan if value is None else value),
    AfterValidator(_finite_or_unknown),
    PlainSerializer(lambda value: None if math.isnan(value) else value, when_used="json"),
]
"""A number, or not a number where it is unknown, which JSON has no word for."""
Number = Annotated[float, Field(allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Deviation = Annotated[float, Field(ge=0, allow_inf_nan=False)]
HalfTurn = Annotated[float, Field(ge=-180, le=180)]
ASSUMED = "assumed"
"""Source of a focal length that is not known."""
_FARTHEST_M = 10_000.0
_MOST_CUT = 20.0
"""A sign's size over its crop's: more of it cannot be cut off by the photograph's edge."""
_LEAST_AREA_SCALE = 1e-12
"""Square pixels a square millimeter: far below that of any sign that can be seen."""


def _area_scale(homography: npt.NDArray[np.float64]) -> float:
    """Of the sign's plane at its center, square pixels a square millimeter; 0 where it has none."""
    depth = homography[2, 2]
    return float(np.linalg.det(homography) / depth**3) if depth else 0.0


class Row(Config):
    """A photograph in which the sign was found; angles and exposure as in :class:`physadv.scenes.Conditions`."""

    model_config = ConfigDict(allow_inf_nan=True)  # what is not known is not a number

    file: str
    sha256: str
    taken: str
    camera: str
    subject: Subject
    patch: str
    how: str
    confidence: float = Field(ge=0, le=1)
    width_px: int = Field(gt=0, le=MAX_PX)
    height_px: int = Field(gt=0, le=MAX_PX)
    sign_px: Positive
    """Longer side of the sign's box in the photograph."""
    distance_m: Measure
    """Not known without a focal length (:attr:`focal_source` is ``assumed``), and then not a number."""
    distance_sd_m: Measure
    yaw_deg: HalfTurn
    yaw_sd_deg: Deviation
    pitch_deg: float = Field(ge=-90, le=90)
    pitch_sd_deg: Deviation
    roll_deg: HalfTurn
    roll_sd_deg: Deviation
    angle_deg: float = Field(ge=0, le=180)
    """Between the sign's normal and the line to the camera."""
    error_px: Deviation
    focal_px: Positive
    focal_source: str
    """``calibrated``, ``exif``, or ``assumed``: that of a common phone, where none is known."""
    homography: tuple[float, ...] = Field(min_length=9, max_length=9)
    """Of the sign's plane in mm to pixels, row by row, lens distortion left out."""
    exposure_ev: Measure
    temperature_k: Measure
    illuminance_lux: Measure
    ev100: Measure
    crop: str
    """Picture of the sign with room around it, relative to the session."""
    box_left: Number
    box_top: Number
    box_width: Positive
    box_height: Positive
    """Of the sign in the crop, in pixels; beyond its edges where the photograph's edge cuts the sign."""
    chart: tuple[tuple[Measure, Measure, Measure], ...] | None = None
    """Colors of the chart's patches, sRGB-encoded, where it is seen."""
    flags: tuple[str, ...] = ()
    """What makes the find itself, and so the sign's box, doubtful."""
    rough: tuple[str, ...] = ()
    """What makes distance or angles rough or unknown while the box is sure."""

    @model_validator(mode="before")
    @classmethod
    def _forget_what_was_assumed(cls, values: Any) -> Any:
        """A distance that follows from an assumed focal length, as older sessions hold it, is not known."""
        if isinstance(values, dict) and values.get("focal_source") == ASSUMED:
            return {**values, "distance_m": math.nan, "distance_sd_m": math.nan}
        return values

    @model_validator(mode="after")
    def _check(self) -> Row:
        if self.has_distance and not 0.0 < self.distance_m <= _FARTHEST_M:
            raise ValueError(f"distance_m = {self.distance_m:g}: should be greater than 0 and at most {_FARTHEST_M:g}")
        if self.has_distance and not self.distance_sd_m >= 0.0:
            raise ValueError(f"distance_sd_m = {self.distance_sd_m:g}: should be 0 or greater")
        matrix = np.array(self.homography).reshape(3, 3)
        if not (np.isfinite(matrix).all() and abs(_area_scale(matrix)) > _LEAST_AREA_SCALE):
            raise ValueError("homography: should be nine numbers of a matrix that has an inverse")
        place = PurePosixPath(self.crop)
        if place.is_absolute() or ".." in place.parts:
            raise ValueError(f"crop = {self.crop!r}: should lie in the session")
        return self

    @property
    def has_distance(self) -> bool:
        """Whether the camera's distance is known: its focal length is, from a calibration or from EXIF."""
        return self.focal_source != ASSUMED


class Session(Config):
    """``session.json``: how the photographs were read."""

    schema_version: Literal[1] = 1
    sign: str
    patch: str | None = None
    photographs: str
    """The folder that they were read from."""
    clean: str | None = None
    """The folder that photographs of the clean sign were read from, if that was another one."""
    rig: Rig | None = None
    bar_mm: float | None = Field(default=None, gt=0)
    every: int = Field(default=15, ge=1, le=MAX_STEPS)
    corners_sha256: str | None = None
    camera_sha256: str | None = None
    detector_sha256: str | None = None
    versions: dict[str, str] = Field(default_factory=dict)
    sha256: str | None = None
    """Of the sign, the table and the crops, as they were written; sessions of older versions lack it."""


def write_session(folder: Path, session: Session) -> None:
    """``session.json``, last of all: where it is, the photographs are all read."""
    whole = session.model_copy(update={"sha256": _content(folder)})
    write_json(folder / RECORD, whole.model_dump(mode="json"))


def write_table(folder: Path, rows: list[Row]) -> None:
    """``photos.parquet``, one row a photograph, by file."""
    columns = [row.model_dump() for row in sorted(rows, key=lambda row: row.file)]
    for values in columns:
        values["chart"] = None if values["chart"] is None else [value for color in values["chart"] for value in color]
    table = pa.Table.from_pylist(columns, schema=_schema())
    write_parquet(folder / TABLE, table)


def _schema() -> pa.Schema:
    kinds: dict[Any, pa.DataType] = {str: pa.string(), int: pa.int64(), float: pa.float64()}
    special = {
        "homography": pa.list_(pa.float64()),
        "chart": pa.list_(pa.float64()),
        "flags": pa.list_(pa.string()),
        "rough": pa.list_(pa.string()),
        "subject": pa.string(),
    }
    return pa.schema(
        [
            (name, special.get(name) or kinds.get(field.annotation, pa.float64()))
            for name, field in Row.model_fields.items()
        ]
    )


def write_given_up(folder: Path, refusals: list[tuple[str, str]]) -> None:
    """``given_up.csv``: what could not be used, and why; which spreadsheets show and never run."""
    core_tables.write_table(folder / GIVEN_UP, ("file", "why"), sorted(refusals))


def load_session(folder: Path) -> tuple[Session, list[Row]]:
    """What ``physadv photos ingest`` wrote.

    Raises:
        PhysadvError: it is not a session, or not a whole one.
    """
    if not (folder / RECORD).is_file():
        if (folder / ROWS).is_dir():
            raise PhysadvError(f"{folder}: its photographs are not all read; run the same physadv photos ingest again")
        raise PhysadvError(
            f"{folder}: is not a session of photographs; give the folder that physadv photos ingest wrote"
        )
    session = validate(Session, read_json(folder / RECORD), folder / RECORD)
    columns = read_parquet(folder / TABLE).to_pylist()
    rows: dict[str, Row] = {}
    for values in columns:
        row = validate(
            Row, {**values, "chart": _triples(values.get("chart"))}, f"{folder / TABLE}: {values.get('file')}"
        )
        if row.file in rows:
            raise PhysadvError(f"{folder / TABLE}: {row.file} is given twice; each photograph counts once")
        rows[row.file] = row
    return session, list(rows.values())


def _triples(values: Any) -> Any:
    """The chart's colors from the table's flat list; what is no such list is left to be refused."""
    if not isinstance(values, list) or len(values) % 3:
        return values
    return [values[start : start + 3] for start in range(0, len(values), 3)]


def session_fingerprint(folder: Path) -> str:
    """Digest of a session's record, sign, table and crops."""
    return digest_of([digest_of_files([folder / RECORD]), _content(folder)])


def was_edited(folder: Path, session: Session) -> bool | None:
    """Whether a file of a session has changed since physadv wrote it; None: it is not known, for it has no digest."""
    if "sha256" not in session.model_fields_set:
        return None
    return session.sha256 != _content(folder)


def _content(folder: Path) -> str:
    files = [folder / TABLE, *sorted(folder.glob("sign.*")), *sorted((folder / CROPS).glob("*"))]
    return digest_of_files(files, root=folder)


def read_crop(folder: Path, row: Row) -> npt.NDArray[np.uint8]:
    """The picture around the sign ``[H, W, 3]``.

    Raises:
        PhysadvError: it is missing or damaged, or the sign's box does not lie in it.
    """
    pixels = read_image(folder / row.crop)
    spans = (
        (row.box_left, row.box_width, pixels.shape[1]),
        (row.box_top, row.box_height, pixels.shape[0]),
    )
    if any(start + length <= 0 or start >= whole or length > _MOST_CUT * whole for start, length, whole in spans):
        raise PhysadvError(
            f"{folder / TABLE}: {row.file}: the sign's box ({row.box_left:g}, {row.box_top:g}, {row.box_width:g} x "
            f"{row.box_height:g} px) does not lie in its crop of {pixels.shape[1]} x {pixels.shape[0]} px"
        )
    return pixels


_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?: %)?")


def counted(remarks: Iterable[str]) -> list[tuple[str, int]]:
    """Remarks on photographs, those that differ in numbers alone as one with the numbers' range, commonest first.

    >>> counted(["agrees to 45 %", "is cut off", "agrees to 59 %"])
    [('agrees to 45 % to 59 %', 2), ('is cut off', 1)]
    """
    alike: dict[str, list[str]] = {}
    for remark in remarks:
        alike.setdefault(_NUMBER.sub("#", remark), []).append(remark)
    found = [(_ranged(those), len(those)) for those in alike.values()]
    return sorted(found, key=lambda pair: -pair[1])


def _ranged(remarks: Sequence[str]) -> str:
    columns = zip(*(_NUMBER.findall(remark) for remark in remarks), strict=True)
    ranges = iter([dict.fromkeys((min(column, key=_value), max(column, key=_value))) for column in columns])
    return _NUMBER.sub(lambda _: " to ".join(next(ranges)), remarks[0])


def _value(number: str) -> float:
    return float(number.removesuffix(" %"))
