"""Scoring photographs: what victims read in them, beside simulated frames of exactly their conditions."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch import Tensor

from physadv.attacks import true_class_of
from physadv.core.color import from_uint8
from physadv.core.errors import PhysadvError
from physadv.core.files import atomic_path, sha256
from physadv.evaluation.agreement import Agreement, agreement
from physadv.evaluation.candidates import load_candidates, texture_px
from physadv.evaluation.looking import check_limit, device_named, looking
from physadv.evaluation.outcomes import OUTCOMES_VERSION, SCHEMA, TOP, VERSION_KEY, rows_of
from physadv.evaluation.photograph_summary import (
    Group,
    Part,
    PhotographSummary,
    Shown,
    judged,
    write_photograph_summary,
)
from physadv.evaluation.runfolder import open_run, versions
from physadv.evaluation.statistics import rate
from physadv.patches import ink_of
from physadv.photos.session import TABLE as PHOTOGRAPHS_TABLE
from physadv.photos.session import Row, load_session, read_crop
from physadv.scenes import Conditions, PaintedSign, Scene, load_scene, viewing_angle_deg
from physadv.signs import Sign, load_sign
from physadv.victims import Victim, check_logits

TABLE = "outcomes.parquet"
PHOTOGRAPHS, SIMULATED = "photographs", "photographs, simulated"
Listener: TypeAlias = Callable[[str, int, int], None]
Pixels: TypeAlias = npt.NDArray[np.uint8]

_MARGIN = 0.075
"""Room around the sign's box that a victim sees: the middle of what the scenes draw."""
_DISTANCES_M = (0.0, 3.0, 6.0, 10.0, 20.0, math.inf)
_ANGLES_DEG = (0.0, 10.0, 25.0, 40.0, 90.0)
_LUX = (0.0, 1_000.0, 10_000.0, 30_000.0, math.inf)


def evaluate_photographs(
    session: Path,
    victims: Sequence[str | Path | Victim],
    out: Path,
    *,
    patches: Sequence[Path] = (),
    scene: str = "stationary-15",
    draws: int = 16,
    seed: int = 0,
    true_class: str | None = None,
    calibration: str | Path | None = None,
    max_asr: float | None = None,
    device: str = "cpu",
    listener: Listener | None = None,
) -> PhotographSummary:
    """What victims read in photographs, and in simulated frames of the same sign, pose, light and camera.

    ``out`` gets ``outcomes.parquet``, with the columns of a simulated evaluation (battery ``photographs``, and
    ``photographs, simulated``), ``photographs.json`` and ``junit.xml``.

    Args:
        session: of ``physadv photos ingest``.
        victims: names, cards or loaded models.
        out: folder of the results.
        patches: bundles of what the photographs show; those of unknown patches are scored, but not simulated.
        scene: for what a photograph does not say of its conditions: noise, blur, tone, shadows.
        draws: simulated frames a photograph.
        seed: of these.
        true_class: the sign's class in the victims' words, where it cannot be matched by name.
        calibration: of the printer and camera, for the simulated frames.
        max_asr: a limit on the share of a patch's photographs that are misread; a summary above it has not passed.
        device: where to render and to look.
        listener: told of progress.

    Raises:
        PhysadvError: something given is wrong.
    """
    if draws < 1:
        raise PhysadvError(f"draws = {draws}: at least one simulated frame a photograph is needed")
    check_limit(max_asr)
    began = time.monotonic()
    record, rows = load_session(session)
    if not rows:
        raise PhysadvError(f"{session}: the sign was found in none of its photographs")
    if max_asr is not None and not any(row.subject == "patch" for row in rows):
        raise PhysadvError(f"--max-asr {max_asr:g}: {session} shows no patch, so there is no success to limit")
    sign = load_sign(record.sign)
    simulator = load_scene(scene)
    place = device_named(device)
    with ExitStack() as stack:
        models = [stack.enter_context(looking(spec, place)) for spec in victims]
        names = [victim.name for victim in models]
        if len(set(names)) != len(names) or not names:
            raise PhysadvError("victims: name at least one, and each once")
        px = texture_px(max(max(victim.input_size) for victim in models))
        painted = _painted(sign, patches, px, place, calibration)
        true = {victim.name: true_class_of(sign, victim, true_class) for victim in models}
        identity = {
            "photographs": sha256(session / PHOTOGRAPHS_TABLE),
            "victims": {victim.name: victim.sha256 for victim in models},
            "patches": sorted(f"{subject} {patch}" for subject, patch in painted),
            "options": [scene, draws, seed, true_class, None if calibration is None else str(calibration)],
        }
        open_run(out, identity, command="physadv evaluate --photos", resume=True)
        batches: list[pa.RecordBatch] = []
        shown: list[Shown] = []
        for number, row in enumerate(rows):
            for made, batch in _score(session, row, number, models, true, painted, simulator, draws, seed, place):
                shown.append(made)
                batches += batch
            if listener:
                listener("photographs", number + 1, len(rows))
        classes = {victim.name: victim.classes[true[victim.name]] for victim in models}
    schema = SCHEMA.with_metadata({VERSION_KEY: str(OUTCOMES_VERSION).encode()})
    table = pa.Table.from_batches(batches, SCHEMA).unify_dictionaries().replace_schema_metadata(schema.metadata)
    with atomic_path(out / TABLE) as temporary:
        pq.write_table(table, temporary, compression="zstd")
    summary = PhotographSummary(
        session=str(session),
        photographs_sha256=sha256(session / PHOTOGRAPHS_TABLE),
        sign=sign.name,
        true_class=classes,
        scene=scene,
        draws=draws,
        seed=seed,
        margin=_MARGIN,
        calibration=None if calibration is None else str(calibration),
        max_asr=max_asr,
        groups=tuple(judged(group, max_asr) for group in _groups(rows, shown)),
        agreement=_agreement(shown),
        shown=tuple(shown),
        flags=tuple(_flags(rows, shown)),
        versions=versions(),
    )
    write_photograph_summary(out, summary, seconds=time.monotonic() - began)
    return summary


def _painted(
    sign: Sign, patches: Sequence[Path], px: int, device: torch.device, calibration: str | Path | None
) -> dict[tuple[str, str], PaintedSign]:
    """Painted signs by subject and patch; the clean one for any patch."""
    bare = PaintedSign(sign, sign.texture(px).to(device), torch.ones(1, px, px, device=device))
    found: dict[tuple[str, str], PaintedSign] = {("clean", ""): bare}
    if not patches:
        return found
    for candidate in load_candidates(list(patches), px=px, device=device, ink=ink_of(calibration)):
        if candidate.sign.name != sign.name:
            raise PhysadvError(
                f"{candidate.folder}: is for sign {candidate.sign.name}; the photographs show {sign.name}"
            )
        found |= {(subject, candidate.name): made for subject, made in candidate.painted.items() if subject != "clean"}
    return found


def _score(
    session: Path,
    row: Row,
    number: int,
    models: Sequence[Victim],
    true: dict[str, int],
    painted: dict[tuple[str, str], PaintedSign],
    scene: Scene,
    draws: int,
    seed: int,
    device: torch.device,
) -> Iterator[tuple[Shown, list[pa.RecordBatch]]]:
    """Of each victim, what it reads in a photograph and in its simulated frames."""
    crop = read_crop(session, row)
    conditions = simulated_conditions(row, scene, number=number, draws=draws, seed=seed)
    sign = painted.get((row.subject, "" if row.subject == "clean" else row.patch))
    for victim in models:
        with torch.no_grad():
            logits = check_logits(victim, victim_view(crop, row, victim.input_size).to(device)).float().cpu()
            frames = None
            if sign is not None:
                frames = victim(scene.render(sign, conditions.to(device), size=victim.input_size)).float().cpu()
        own = true[victim.name]
        photo = _batch(row, victim, own, logits, conditions[:1], scene, PHOTOGRAPHS, seed)
        share = None if frames is None else float((frames.argmax(1) != own).double().mean())
        probabilities = logits.softmax(1)[0]
        best = int(probabilities.argmax())
        made = Shown(
            file=row.file,
            crop=row.crop,
            victim=victim.name,
            subject=row.subject,
            patch=row.patch,
            predicted=victim.classes[best],
            probability=float(probabilities[best]),
            misread=best != own,
            simulated=share,
            distance_m=row.distance_m,
            angle_deg=row.angle_deg,
        )
        batches = [photo]
        if frames is not None:
            batches.append(_batch(row, victim, own, frames, conditions, scene, SIMULATED, seed))
        yield made, batches


def victim_view(crop: Pixels, row: Row, size: tuple[int, int]) -> Tensor:
    """What a victim sees of a photograph, ``[1, 3, H, W]``: the sign's box with a little room, squashed."""
    import cv2

    size_px = np.array([row.box_width, row.box_height])
    room, corner = _MARGIN * size_px, np.array([row.box_left, row.box_top])
    left, top = np.floor(np.maximum(corner - room, 0)).astype(int)
    right, bottom = np.ceil(corner + size_px + room).astype(int)
    view = crop[top : min(bottom, crop.shape[0]), left : min(right, crop.shape[1])]
    larger = view.shape[0] < size[0] or view.shape[1] < size[1]
    how = cv2.INTER_LINEAR if larger else cv2.INTER_AREA
    return from_uint8(cv2.resize(view, (size[1], size[0]), interpolation=how))[None]


def simulated_conditions(row: Row, scene: Scene, *, number: int, draws: int, seed: int) -> Conditions:
    """Conditions of frames as the photograph's: pose, camera and light as measured, the rest as the scene draws it."""
    drawn = scene.sample(draws, seed=seed, start=number * draws)

    def all_of(value: float) -> Tensor:
        return torch.full((draws,), value, dtype=torch.float32)

    known = {
        "distance_m": row.distance_m,
        "lateral_m": 0.0,
        "height_m": 0.0,
        "yaw_deg": row.yaw_deg,
        "pitch_deg": row.pitch_deg,
        "roll_deg": row.roll_deg,
        "image_width_px": float(row.width_px),
        "hfov_deg": math.degrees(2.0 * math.atan(row.width_px / 2.0 / row.focal_px)),
        "speed_kmh": 0.0,
        "crop_margin": _MARGIN,
        "crop_shift_x": 0.0,
        "crop_shift_y": 0.0,
        "crop_scale": 1.0,
        "crop_square": 0.0,
        "exposure_ev": row.exposure_ev,
        "temperature_k": row.temperature_k,
    }
    values = {name: all_of(value) for name, value in known.items() if not math.isnan(value)}
    if "exposure_ev" in values:
        values |= {"sun_fraction": all_of(0.0)}  # the exposure was measured on the sign itself
    return replace(drawn, **values)


def _batch(
    row: Row,
    victim: Victim,
    true: int,
    logits: Tensor,
    conditions: Conditions,
    scene: Scene,
    battery: str,
    seed: int,
) -> pa.RecordBatch:
    probability = logits.softmax(1)
    best = probability.topk(min(TOP, probability.shape[1]), dim=1)
    names = np.asarray(victim.classes, dtype=object)
    predicted = best.indices[:, 0].numpy()
    columns: dict[str, Any] = {
        "patch": row.patch,
        "subject": row.subject,
        "victim": victim.name,
        "battery": battery,
        "entry": 0,
        "scene": row.file if battery == PHOTOGRAPHS else scene.name,
        "seed": seed,
        "frames_per_approach": 1,
        **conditions.to_columns(),
        "light_name": [scene.lights[which] for which in conditions.light.tolist()],
        "angle_deg": viewing_angle_deg(conditions).numpy(),
        "weather": None,
        "severity": None,
        "weather_parameters": None,
        "true_class": victim.classes[true],
        "target_class": None,
        "top_classes": names[best.indices.numpy()].tolist(),
        "top_probabilities": list(best.values.numpy()),
        "predicted": names[predicted].tolist(),
        "probability": best.values[:, 0].numpy(),
        "true_probability": probability[:, true].numpy(),
        "target_probability": None,
        "correct": predicted == true,
        "fooled_untargeted": predicted != true,
        "fooled_targeted": None,
    }
    return rows_of(columns, len(logits))


def _groups(rows: Sequence[Row], shown: Sequence[Shown]) -> Iterator[Group]:
    lux = {row.file: row.illuminance_lux for row in rows}
    for key in sorted({(one.victim, one.patch, one.subject) for one in shown}):
        some = [one for one in shown if (one.victim, one.patch, one.subject) == key]
        parts = [_part("all", "all photographs", some)]
        for by, limits, unit, value in (
            ("distance", _DISTANCES_M, " m", lambda one: one.distance_m),
            ("angle", _ANGLES_DEG, "°", lambda one: one.angle_deg),
            ("light", _LUX, " lx", lambda one: lux[one.file]),
        ):
            for low, high in pairwise(limits):
                inside = [one for one in some if low <= value(one) < high]
                if inside:
                    label = f"{low:,.0f} to {high:,.0f}{unit}" if math.isfinite(high) else f"from {low:,.0f}{unit}"
                    parts.append(_part(by, label, inside))
        yield Group(victim=key[0], patch=key[1], subject=key[2], parts=tuple(parts))


def _part(by: Any, label: str, some: Sequence[Shown]) -> Part:
    foretold = [one.simulated for one in some if one.simulated is not None]
    return Part(
        by=by,
        label=label,
        misread=rate(np.array([one.misread for one in some])),
        simulated=float(np.mean(foretold)) if foretold else None,
    )


def _agreement(shown: Sequence[Shown]) -> Agreement | None:
    known = [one for one in shown if one.simulated is not None]
    if not known:
        return None
    return agreement(
        np.array([one.simulated for one in known], np.float64),
        np.array([one.misread for one in known]),
        [f"{one.victim}/{one.patch}/{one.subject}" for one in known],
    )


def _flags(rows: Sequence[Row], shown: Sequence[Shown]) -> Iterator[str]:
    doubtful = sum(bool(row.flags) for row in rows)
    if doubtful:
        yield f"{doubtful} of {len(rows)} photographs were found with doubt; look at the session's overlays"
    subjects = {row.subject for row in rows}
    if "patch" in subjects and not subjects & {"grey", "random"}:
        yield "no control was photographed: what covering the place alone does is not known"
    if "clean" not in subjects:
        yield "the clean sign was not photographed: how often it is misread without any patch is not known"
    for victim in dict.fromkeys(one.victim for one in shown):
        clean = [one for one in shown if one.victim == victim and one.subject == "clean"]
        lost = sum(one.misread for one in clean)
        if clean and lost > 0.2 * len(clean):
            yield f"{victim} misreads {lost} of {len(clean)} photographs of the clean sign"
    missing = sorted({one.patch or one.subject for one in shown if one.simulated is None})
    if missing:
        yield f"not simulated, for the bundle was not given: {', '.join(missing)}"
    groups: dict[tuple[str, str, str], int] = {}
    for one in shown:
        key = (one.victim, one.patch, one.subject)
        groups[key] = groups.get(key, 0) + 1
    if groups and min(groups.values()) < 20:
        yield f"as few as {min(groups.values())} photographs of one kind: intervals are wide"
