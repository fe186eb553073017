"""Any row of a run's table as a picture: the photograph, or the frame, rendered again from its conditions."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import torch
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from torch import Tensor

from physadv.core.color import to_uint8
from physadv.core.devices import pick_device
from physadv.core.errors import PhysadvError, shown
from physadv.core.files import atomic_path, sha256
from physadv.core.notebooks import html_picture, html_table, one_line
from physadv.core.number_format import percent
from physadv.core.parquet import check_filled
from physadv.core.versions import package_versions
from physadv.evaluation.batteries.battery import load_battery
from physadv.evaluation.batteries.parts import PART_FRAMES
from physadv.evaluation.batteries.summary import BatteryInfo, PatchInfo, Summary
from physadv.evaluation.outcomes import MAY_LACK, check_version, completed, open_outcomes
from physadv.evaluation.photographs.figures import PhotographSummary
from physadv.evaluation.photographs.score import TABLE as PHOTOGRAPHS_TABLE
from physadv.evaluation.photographs.scoring import PHOTOGRAPHS, victim_view
from physadv.evaluation.result import RESULTS, open_result
from physadv.evaluation.subjects import Candidate, load_candidates, texture_px
from physadv.patches import Patch, ink_of
from physadv.photos.session import TABLE as SESSION_TABLE
from physadv.photos.session import Row as SessionRow
from physadv.photos.session import load_session, read_crop
from physadv.scenes import COLUMNS, Conditions, Scene

_SAME = ("patch", "subject", "victim", "battery", "entry")
"""Columns that the frames of one look of a victim have in common."""
_DRAWING = ("physadv", "torch", "numpy", "opencv-python-headless", "resvg_py")
"""Packages that decide the pixels of a frame."""
VIEW_PX = 512
"""Shorter side of a view."""
_GAP = 0.02
"""Between the two halves of a picture, as a share of the view's width."""


@dataclass(frozen=True, eq=False)
class Replay:
    """A frame or a photograph as it was scored, with its row of the table.

    Attributes:
        number: of the row.
        row: every column.
        frame: exactly what the victim was shown, ``[3, H, W]`` in [0,1].
        view: the same, large enough to look at, ``[3, h, w]`` in [0,1].
        what: what is shown, in words.
        conditions: of the frame or photograph, by name; None where one is not known.
        notes: what may make it another picture than was scored, a sentence each.
    """

    number: int
    row: Mapping[str, Any]
    frame: Tensor
    view: Tensor
    what: str
    conditions: Mapping[str, Any]
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return one_line(self, f"of {self.words}")

    @property
    def words(self) -> str:
        """What was shown and what it was read as, in one line."""
        row = self.row
        sure = percent(row["probability"], 1)
        return (
            f"row {self.number}: {self.what}; {row['victim']} reads {row['predicted']} ({sure}), "
            f"it is {row['true_class']}"
        )

    @property
    def picture(self) -> Tensor:
        """The view, and beside it what the victim was shown, enlarged pixel by pixel: ``[3, h, 2 w + gap]``."""
        seen = torch.nn.functional.interpolate(self.frame[None], size=self.view.shape[1:], mode="nearest")[0]
        gap = self.view.new_ones(3, self.view.shape[1], max(1, round(_GAP * self.view.shape[2])))
        return torch.cat([self.view, gap, seen.to(self.view)], dim=2)

    def save(self, path: Path, *, exact: bool = False) -> None:
        """Writes :attr:`picture`, or :attr:`frame` alone if ``exact``, as PNG, 8 bits a channel.

        The row is in the file's text ``physadv`` as JSON.

        Raises:
            PhysadvError: it cannot be written.
        """
        with atomic_path(path) as temporary:
            temporary.write_bytes(self._png(self.frame if exact else self.picture))

    def _png(self, picture: Tensor) -> bytes:
        told = PngInfo()
        told.add_text("physadv", json.dumps({"row": self.number, **self.row}, default=str))
        buffer = BytesIO()
        Image.fromarray(to_uint8(picture)).save(buffer, format="PNG", pnginfo=told)
        return buffer.getvalue()

    def _repr_png_(self) -> bytes:
        """As notebooks show it."""
        return self._png(self.picture)

    def _repr_html_(self) -> str:
        """The picture and its conditions, as notebooks show them."""
        rows = [(name, str(value)) for name, value in self.conditions.items() if value is not None]
        return html_picture(self._repr_png_(), self.words) + html_table(self.words, ("condition", "value"), rows)


def replay(
    folder: Path, row: int, *, patch: Path | Patch | None = None, px: int = VIEW_PX, device: str | None = None
) -> Replay:
    """The frame or the photograph of a row of ``outcomes.parquet``, exactly as the victim was shown it, and larger.

    Args:
        folder: of an evaluation.
        row: counted from 0.
        patch: the patch's bundle, where it lies elsewhere than when it was scored; it has to be the same.
        px: shorter side of the view in pixels; a victim that is shown more is not shown less here.
        device: where to render; None: where the frame was scored, or the CPU where there is no such device.

    Raises:
        PhysadvError: no such row, the patch or the session is not there or not the same, or the folder is no
            evaluation's.
    """
    kind, content, file = open_result(folder)
    if RESULTS[kind] is PhotographSummary:
        for option, value in (("--patch", patch), ("--device", device)):
            if value is not None:
                raise PhysadvError(f"{option}: has no meaning for photographs, which are neither painted nor rendered")
        return _photograph(PhotographSummary.of(content, file), folder, row, px)
    if RESULTS[kind] is not Summary:
        raise PhysadvError(
            f"{folder}: the rows of an attack's table, or of a certification's, are pictures of a data set, which are "
            "changed one by one and not kept; give a folder of physadv evaluate or run (examples of an attack are in "
            "cells/)"
        )
    summary = Summary.of(content, file)
    place = pick_device(device) if device is not None else _device_of(summary)
    values, batch = _looked_at(folder / summary.provenance.outcomes, row, summary)
    options = summary.provenance.options
    victim = next(info for info in summary.victims if info.name == values["victim"])
    scene = _scene(folder, next(info for info in summary.batteries if info.name == values["battery"]), values["entry"])
    candidate = _candidate(folder, summary, values["patch"], patch, options.get("calibration"), place)
    columns = {name: batch.column(name).to_numpy(zero_copy_only=False) for name in COLUMNS}
    conditions = Conditions.from_columns(columns)
    painted, conditions = candidate.painted[values["subject"]], conditions.to(place)
    at = conditions.index.tolist().index(values["index"])
    with torch.no_grad():
        frames = scene.render(painted, conditions, size=victim.input_size)
        view = scene.render(painted, conditions[at : at + 1], size=_enlarged(victim.input_size, px))
    what = (
        f"{values['subject']} of {values['patch']}, frame {values['index']} of {values['scene']} (seed "
        f"{values['seed']}), {values['distance_m']:.1f} m, {values['angle_deg']:.0f} deg, {values['light_name']}"
    )
    told = (*COLUMNS, "light_name", "angle_deg", "weather", "severity", "weather_parameters")
    shown_conditions = {name: values[name] for name in told}
    notes = _other_versions(summary.provenance.versions)
    return Replay(row, values, frames[at].cpu(), view[0].cpu(), what, shown_conditions, notes)


def _other_versions(scored: Mapping[str, str]) -> tuple[str, ...]:
    """What draws the frame now and is of another version than when it was scored."""
    now = package_versions()
    others = [name for name in _DRAWING if scored.get(name) != now.get(name)]
    if not others:
        return ()
    then = ", ".join(f"{name} {scored.get(name, '(none)')} (now {now.get(name, 'none')})" for name in others)
    return (f"it was scored with {then}: its pixels may differ from what was scored",)


def _enlarged(size: tuple[int, int], px: int) -> tuple[int, int]:
    """The same shape with a shorter side of ``px``, unless it is that large already."""
    scale = max(1.0, px / min(size))
    return round(size[0] * scale), round(size[1] * scale)


def _photograph(summary: PhotographSummary, folder: Path, row: int, px: int) -> Replay:
    """A photograph as a victim was shown it, from the session's crop.

    Raises:
        PhysadvError: see :func:`replay`.
    """
    table = folder / PHOTOGRAPHS_TABLE
    values = _near(table, row, MAY_LACK | {"distance_m", "hfov_deg"})[0]
    if values["battery"] != PHOTOGRAPHS:
        raise PhysadvError(
            f"--row {row}: is a simulated frame beside a photograph, and the results do not hold its patch; give the "
            f"row of a photograph, whose battery is {PHOTOGRAPHS!r}"
        )
    victim = next((info for info in summary.victims if info.name == values["victim"]), None)
    if victim is None:
        raise PhysadvError(
            f"{folder}: is of an older physadv, which did not keep how victims are shown photographs; score them again"
        )
    session = Path(summary.session)
    shown_row = next((one for one in load_session(session)[1] if one.file == values["scene"]), None)
    if shown_row is None or sha256(session / SESSION_TABLE) != summary.photographs_sha256:
        raise PhysadvError(f"{session}: is not as it was scored; score the photographs again")
    crop, square = read_crop(session, shown_row), victim.box == "square"
    frame, view = (
        victim_view(crop, shown_row, size, square=square)[0]
        for size in (victim.input_size, _enlarged(victim.input_size, px))
    )
    title = next(
        (one.title for one in summary.shown if (one.file, one.victim) == (shown_row.file, victim.name)),
        shown_row.subject,
    )
    where = f"{shown_row.distance_m:.1f} m" if shown_row.has_distance else "distance not known"
    what = f"photograph {shown_row.file} of {title}, {where}, {shown_row.angle_deg:.0f} deg"
    return Replay(row, values, frame, view, what, _measured(shown_row))


def _measured(row: SessionRow) -> dict[str, Any]:
    """What is known of a photograph; None where it is not."""
    names = (
        *("distance_m", "distance_sd_m", "yaw_deg", "yaw_sd_deg", "pitch_deg", "pitch_sd_deg", "roll_deg", "angle_deg"),
        *("exposure_ev", "temperature_k", "illuminance_lux", "ev100", "sign_px", "focal_px", "focal_source"),
        *("how", "confidence", "camera", "taken"),
    )
    values = {name: getattr(row, name) for name in names}
    values |= {"doubtful": "; ".join(row.flags), "rough": "; ".join(row.rough)}
    if not row.has_distance:
        values["focal_px"] = None
    unknown = {
        name for name, value in values.items() if value == "" or (isinstance(value, float) and math.isnan(value))
    }
    return {name: None if name in unknown else value for name, value in values.items()}


def _device_of(summary: Summary) -> torch.device:
    try:
        return pick_device(summary.provenance.device)
    except PhysadvError:
        return torch.device("cpu")


def _near(path: Path, row: int, may_lack: Collection[str] = MAY_LACK) -> tuple[dict[str, Any], pa.Table]:
    """A row of the table, and what is stored about it: all rows that can have been rendered in one batch with it."""
    total = check_version(path)
    if not 0 <= row < total:
        raise PhysadvError(f"--row {row}: {path} has rows 0 to {total - 1}")
    with open_outcomes(path) as file:
        starts = [0]
        for number in range(file.num_row_groups):
            starts.append(starts[-1] + file.metadata.row_group(number).num_rows)
        group = max(number for number, start in enumerate(starts[:-1]) if start <= row)
        near = range(max(0, group - 1), min(file.num_row_groups, group + 2))
        rows = completed(file.read_row_groups(list(near))).combine_chunks()
    for batch in rows.to_batches():
        check_filled(path, batch, may_lack)
    values: dict[str, Any] = rows.slice(row - starts[near[0]], 1).to_pylist()[0]
    return values, rows


def _looked_at(path: Path, row: int, summary: Summary) -> tuple[dict[str, Any], pa.RecordBatch]:
    """A row of the table, and all rows that were rendered in one batch with it."""
    values, rows = _near(path, row)
    known = {info.name for info in summary.victims}, {info.name for info in summary.batteries}
    if values["victim"] not in known[0] or values["battery"] not in known[1]:
        raise PhysadvError(f"{path}: row {row} is not of this run; its summary.json belongs to another table")
    size = summary.provenance.options.get("batch") or 1
    if isinstance(size, bool) or not isinstance(size, int) or size < 1:
        raise PhysadvError(f"{path}: its summary.json has batch = {shown(size)}; it should be a whole number from 1")
    start = values["index"] - values["index"] % PART_FRAMES
    first = start + (values["index"] - start) // size * size
    index = rows.column("index")
    last = min(first + size, start + PART_FRAMES)
    together = pc.and_(pc.greater_equal(index, first), pc.less(index, last))
    for name in _SAME:
        together = pc.and_(together, pc.equal(rows.column(name), values[name]))
    found = rows.filter(together).combine_chunks().to_batches()
    return values, found[0]


def _scene(folder: Path, battery: BatteryInfo, entry: int) -> Scene:
    """The scene of an entry as it was scored.

    Raises:
        PhysadvError: it cannot be loaded again, or files that it reads have changed.
    """
    scene = load_battery(battery.config).scenes[entry]
    if battery.scenes and scene.fingerprint != battery.scenes[entry]:
        raise PhysadvError(
            f"{folder}: scene {scene.name!r} is not as it was scored (pictures that it shows have changed, or another "
            "version of physadv draws it in another way); evaluate again, into another folder"
        )
    return scene


def _candidate(
    folder: Path,
    summary: Summary,
    name: str,
    given: Path | Patch | None,
    calibration: str | None,
    device: torch.device,
) -> Candidate:
    """The patch as it was scored.

    Raises:
        PhysadvError: it is not there, or not the same.
    """
    info = next(info for info in summary.patches if info.name == name)
    px = texture_px(max(max(victim.input_size) for victim in summary.victims))
    if isinstance(given, Patch):
        source: Path | Patch = given
    else:
        source = given or _bundle(folder, info)
    candidate = load_candidates([source], px=px, device=device, ink=ink_of(calibration))[0]
    if candidate.sha256 != info.sha256:
        raise PhysadvError(
            f"{info.folder if isinstance(source, Patch) else source}: is not the patch {name!r} as it was scored (it, "
            "its sign or the calibration has changed since); give the one that was with --patch"
        )
    return candidate


def _bundle(folder: Path, info: PatchInfo) -> Path:
    """Where the patch lies: as recorded, or beside the results, as physadv run leaves it."""
    places = [*([Path(info.folder)] if info.folder else []), folder.resolve().parent / info.name]
    for place in places:
        if (place / "patch.json").is_file():
            return place
    raise PhysadvError(
        f"patch {info.name!r}: not found in {' or '.join(map(str, places))}; give its folder with --patch"
    )
