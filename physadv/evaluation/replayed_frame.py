"""Any row of a run's table as a picture: the frame that was scored, rendered again from its conditions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
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
from physadv.core.files import atomic_path
from physadv.core.notebooks import html_picture, html_table, one_line
from physadv.core.parquet import check_filled
from physadv.evaluation.battery import entry_scene, load_battery
from physadv.evaluation.candidates import Candidate, load_candidates, texture_px
from physadv.evaluation.course import PART_FRAMES
from physadv.evaluation.outcomes import MAY_LACK, check_version, open_outcomes
from physadv.evaluation.summary import PatchInfo, Summary, read_summary
from physadv.patches import Patch, ink_of
from physadv.scenes import Conditions

_SAME = ("patch", "subject", "victim", "battery", "entry")
"""Columns that the frames of one look of a victim have in common."""
_CONDITIONS = tuple(field.name for field in fields(Conditions))


@dataclass(frozen=True, eq=False)
class Replay:
    """A frame as it was scored, with its row of the table.

    Attributes:
        number: of the row.
        row: every column.
        frame: what the victim was shown, ``[3, H, W]`` in [0,1].
    """

    number: int
    row: Mapping[str, Any]
    frame: Tensor

    def __repr__(self) -> str:
        return one_line(self, f"of {self.words}")

    @property
    def words(self) -> str:
        """What was shown, in one line."""
        row = self.row
        return (
            f"row {self.number}: {row['subject']} of {row['patch']}, frame {row['index']} of {row['scene']} (seed "
            f"{row['seed']}), {row['distance_m']:.1f} m, {row['angle_deg']:.0f} deg, {row['light_name']}; "
            f"{row['victim']} reads {row['predicted']} ({row['probability']:.1%}), it is {row['true_class']}"
        )

    @property
    def conditions(self) -> dict[str, Any]:
        """The conditions of the frame and the weather in it, by column."""
        names = (*_CONDITIONS, "light_name", "angle_deg", "weather", "severity", "weather_parameters")
        return {name: self.row[name] for name in names}

    def save(self, path: Path) -> None:
        """Writes the frame as PNG, 8 bits a channel; its row is in the file's text ``physadv`` as JSON.

        Raises:
            PhysadvError: it cannot be written.
        """
        with atomic_path(path) as temporary:
            temporary.write_bytes(self._repr_png_())

    def _repr_png_(self) -> bytes:
        """As notebooks show it."""
        told = PngInfo()
        told.add_text("physadv", json.dumps({"row": self.number, **self.row}, default=str))
        buffer = BytesIO()
        Image.fromarray(to_uint8(self.frame)).save(buffer, format="PNG", pnginfo=told)
        return buffer.getvalue()

    def _repr_html_(self) -> str:
        """The frame and its conditions, as notebooks show them."""
        rows = [(name, str(value)) for name, value in self.conditions.items() if value is not None]
        return html_picture(self._repr_png_(), self.words) + html_table(self.words, ("condition", "value"), rows)


def replay(
    folder: Path, row: int, *, patch: Path | Patch | None = None, px: int | None = None, device: str | None = None
) -> Replay:
    """The frame of a row of ``outcomes.parquet``, exactly as the victim was shown it.

    Args:
        folder: of an evaluation.
        row: counted from 0.
        patch: the patch's bundle, where it lies elsewhere than when it was scored; it has to be the same.
        px: render the shorter side of the frame with so many pixels, to look at; None: as it was scored.
        device: where to render; None: where the frame was scored, or the CPU where there is no such device.

    Raises:
        PhysadvError: no such row, the patch is not there or not the same, or the folder is no evaluation's.
    """
    summary = _summary(folder)
    place = pick_device(device) if device is not None else _device_of(summary)
    values, batch = _looked_at(folder / summary.provenance.outcomes, row, summary)
    options = summary.provenance.options
    victim = next(info for info in summary.victims if info.name == values["victim"])
    battery = load_battery(next(info for info in summary.batteries if info.name == values["battery"]).config)
    scene = entry_scene(battery.entries[values["entry"]])
    candidate = _candidate(folder, summary, values["patch"], patch, options.get("calibration"), place)
    conditions = Conditions.from_columns({name: batch.column(name).to_numpy() for name in _CONDITIONS})
    size = victim.input_size
    if px is not None:
        scale = px / min(size)
        size = (round(size[0] * scale), round(size[1] * scale))
    with torch.no_grad():
        frames = scene.render(candidate.painted[values["subject"]], conditions.to(place), size=size)
    at = conditions.index.tolist().index(values["index"])
    return Replay(row, values, frames[at].cpu())


def _device_of(summary: Summary) -> torch.device:
    try:
        return pick_device(summary.provenance.device)
    except PhysadvError:
        return torch.device("cpu")


def _summary(folder: Path) -> Summary:
    if (folder / "robustness.json").is_file():
        raise PhysadvError(
            f"{folder}: the rows of an attack's table are pictures of a data set, which are changed one by one and not "
            "kept; give a folder of physadv evaluate or run (examples of the attack are in cells/)"
        )
    if (folder / "photographs.json").is_file():
        raise PhysadvError(
            f"{folder}: its rows are photographs, which the session holds (crops/), and their simulations; give a "
            "folder of physadv evaluate or run"
        )
    return read_summary(folder)


def _looked_at(path: Path, row: int, summary: Summary) -> tuple[dict[str, Any], pa.RecordBatch]:
    """A row of the table, and all rows that were rendered in one batch with it."""
    total = check_version(path)
    if not 0 <= row < total:
        raise PhysadvError(f"--row {row}: {path} has rows 0 to {total - 1}")
    with open_outcomes(path) as file:
        starts = [0]
        for number in range(file.num_row_groups):
            starts.append(starts[-1] + file.metadata.row_group(number).num_rows)
        group = max(number for number, start in enumerate(starts[:-1]) if start <= row)
        near = range(max(0, group - 1), min(file.num_row_groups, group + 2))
        rows = file.read_row_groups(list(near)).combine_chunks()
    for batch in rows.to_batches():
        check_filled(path, batch, MAY_LACK)
    values: dict[str, Any] = rows.slice(row - starts[near[0]], 1).to_pylist()[0]
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
