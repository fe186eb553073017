"""A session: photographs of a sign, each with its pose and light, in a folder that can be moved."""

from __future__ import annotations

import csv
import io
import json
import math
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BeforeValidator, ConfigDict, Field, PlainSerializer

from physadv.core.config import Config, validate
from physadv.core.errors import PhysadvError
from physadv.core.files import atomic_path, read_json, write_json, write_text
from physadv.core.images import read_image
from physadv.photos.rig import Rig

TABLE = "photos.parquet"
GIVEN_UP = "given_up.csv"
RECORD = "session.json"
CROPS = "crops"
OVERLAYS = "overlays"
Subject = Literal["patch", "clean", "grey", "random", "unknown"]
"""What a photograph shows: a patch whose bundle is known, a control of one, the clean sign, or paint of others."""

Measure = Annotated[
    float,
    BeforeValidator(lambda value: math.nan if value is None else value),
    PlainSerializer(lambda value: None if math.isnan(value) else value, when_used="json"),
]
"""A number, or not a number where it is unknown, which JSON has no word for."""


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
    confidence: float
    width_px: int
    height_px: int
    sign_px: float
    """Longer side of the sign's box in the photograph."""
    distance_m: float
    distance_sd_m: float
    yaw_deg: float
    yaw_sd_deg: float
    pitch_deg: float
    pitch_sd_deg: float
    roll_deg: float
    roll_sd_deg: float
    angle_deg: float
    """Between the sign's normal and the line to the camera."""
    error_px: float
    focal_px: float
    focal_source: str
    homography: tuple[float, ...]
    """Of the sign's plane in mm to pixels, row by row, lens distortion left out."""
    exposure_ev: Measure
    temperature_k: Measure
    illuminance_lux: Measure
    ev100: Measure
    crop: str
    """Picture of the sign with room around it, relative to the session."""
    box_left: float
    box_top: float
    box_width: float
    box_height: float
    """Of the sign in the crop, in pixels."""
    chart: tuple[tuple[Measure, Measure, Measure], ...] | None = None
    """Colours of the chart's patches, sRGB-encoded, where it is seen."""
    flags: tuple[str, ...] = ()
    """What makes the find itself, and so the sign's box, doubtful."""
    rough: tuple[str, ...] = ()
    """What makes distance or angles rough while the box is sure."""


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
    bar_mm: float | None = None
    every: int = Field(default=15, ge=1)
    corners_sha256: str | None = None
    camera_sha256: str | None = None
    detector_sha256: str | None = None
    versions: dict[str, str] = Field(default_factory=dict)


def write_table(folder: Path, rows: list[Row]) -> None:
    """``photos.parquet``, one row a photograph, by file."""
    columns = [row.model_dump() for row in sorted(rows, key=lambda row: row.file)]
    for values in columns:
        values["chart"] = None if values["chart"] is None else [value for colour in values["chart"] for value in colour]
    table = pa.Table.from_pylist(columns, schema=_schema())
    with atomic_path(folder / TABLE) as temporary:
        pq.write_table(table, temporary, compression="zstd")


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
    """``given_up.csv``: what could not be used, and why."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["file", "why"])
    writer.writerows(sorted(refusals))
    write_text(folder / GIVEN_UP, text.getvalue())


def load_session(folder: Path) -> tuple[Session, list[Row]]:
    """What ``physadv photos ingest`` wrote.

    Raises:
        PhysadvError: it is no session, or not a whole one.
    """
    if not (folder / RECORD).is_file():
        raise PhysadvError(f"{folder}: is no session of photographs; give the folder that physadv photos ingest wrote")
    if not (folder / TABLE).is_file():
        raise PhysadvError(f"{folder}: its photographs are not all read; run the same physadv photos ingest again")
    session = validate(Session, read_json(folder / RECORD), folder / RECORD)
    try:
        columns = pq.read_table(folder / TABLE).to_pylist()
    except (pa.ArrowInvalid, OSError) as error:
        raise PhysadvError(f"{folder / TABLE}: not a readable table ({error})") from error
    rows = []
    for values in columns:
        chart = values.get("chart")
        values["chart"] = None if chart is None else np.array(chart, float).reshape(-1, 3).tolist()
        rows.append(validate(Row, values, folder / TABLE))
    return session, rows


def read_crop(folder: Path, row: Row) -> npt.NDArray[np.uint8]:
    """The picture around the sign ``[H, W, 3]``.

    Raises:
        PhysadvError: it is missing or damaged.
    """
    return read_image(folder / row.crop)


def row_json(row: Row) -> Any:
    """As JSON, for a row that is kept while the others are read."""
    return json.loads(row.model_dump_json())


def open_session(folder: Path, session: Session) -> Path:
    """The folder's place for finished rows; the session goes on if it is the same one.

    Raises:
        PhysadvError: the folder holds something else.
    """
    record = folder / RECORD
    echo = session.model_dump(mode="json")
    if record.exists():
        if read_json(record) != echo:
            raise PhysadvError(
                f"{folder}: holds a session that was read with other options; choose another --out, or remove it"
            )
    elif folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise PhysadvError(f"{folder}: exists and is no session of photographs; choose another --out")
    else:
        write_json(record, echo)
    place = folder / "rows"
    place.mkdir(exist_ok=True)
    return place
