"""Scoring photographs: what victims read in them, beside simulated frames of exactly their conditions."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
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
from physadv.evaluation.candidates import Candidate, load_candidates, texture_px
from physadv.evaluation.looking import check_limit, device_named, looking
from physadv.evaluation.outcomes import OUTCOMES_VERSION, SCHEMA, TOP, VERSION_KEY, rows_of
from physadv.evaluation.photograph_figures import MARGIN, PhotographSummary, Shown, agreements, flags, groups
from physadv.evaluation.photograph_verdicts import judged, write_photograph_summary
from physadv.evaluation.runfolder import open_run, versions
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
        candidates = _candidates(sign, patches, px, place, calibration)
        painted = _painted(sign, px, place, candidates)
        targets = {candidate.name: candidate.making.target for candidate in candidates}
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
            for made, batch in _score(
                session, row, number, models, true, targets, painted, simulator, draws, seed, place
            ):
                shown.append(made)
                batches += batch
            if listener:
                listener("photographs", number + 1, len(rows))
        classes = {victim.name: victim.classes[true[victim.name]] for victim in models}
    schema = SCHEMA.with_metadata({VERSION_KEY: str(OUTCOMES_VERSION).encode()})
    table = pa.Table.from_batches(batches, SCHEMA).unify_dictionaries().replace_schema_metadata(schema.metadata)
    with atomic_path(out / TABLE) as temporary:
        pq.write_table(table, temporary, compression="zstd")
    misread, hit = agreements(shown)
    summary = PhotographSummary(
        session=str(session),
        photographs_sha256=sha256(session / PHOTOGRAPHS_TABLE),
        sign=sign.name,
        true_class=classes,
        scene=scene,
        draws=draws,
        seed=seed,
        calibration=None if calibration is None else str(calibration),
        max_asr=max_asr,
        groups=tuple(judged(group, max_asr) for group in groups(rows, shown)),
        agreement=misread,
        agreement_hit=hit,
        shown=tuple(shown),
        flags=tuple(flags(rows, shown)),
        versions=versions(),
    )
    write_photograph_summary(out, summary, seconds=time.monotonic() - began)
    return summary


def _candidates(
    sign: Sign, patches: Sequence[Path], px: int, device: torch.device, calibration: str | Path | None
) -> list[Candidate]:
    if not patches:
        return []
    candidates = load_candidates(list(patches), px=px, device=device, ink=ink_of(calibration))
    for candidate in candidates:
        if candidate.sign.name != sign.name:
            raise PhysadvError(
                f"{candidate.folder}: is for sign {candidate.sign.name}; the photographs show {sign.name}"
            )
    return candidates


def _painted(
    sign: Sign, px: int, device: torch.device, candidates: Sequence[Candidate]
) -> dict[tuple[str, str], PaintedSign]:
    """Painted signs by subject and patch; the clean one for any patch."""
    found: dict[tuple[str, str], PaintedSign] = {
        ("clean", ""): PaintedSign(sign, sign.texture(px).to(device), torch.ones(1, px, px, device=device))
    }
    for candidate in candidates:
        found |= {(subject, candidate.name): made for subject, made in candidate.painted.items() if subject != "clean"}
    return found


def _score(
    session: Path,
    row: Row,
    number: int,
    models: Sequence[Victim],
    true: dict[str, int],
    targets: dict[str, str | None],
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
        own, name = true[victim.name], targets.get(row.patch)
        target = None if name is None else victim.find_class(name)
        target = None if target == own else target
        photo = _batch(row, victim, own, target, logits, conditions[:1], scene, PHOTOGRAPHS, seed)
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
            simulated=None if frames is None else _share(frames.argmax(1) != own),
            target=None if target is None else victim.classes[target],
            hit=None if target is None else best == target,
            simulated_hit=None if frames is None or target is None else _share(frames.argmax(1) == target),
            distance_m=row.distance_m,
            angle_deg=row.angle_deg,
        )
        batches = [photo]
        if frames is not None:
            batches.append(_batch(row, victim, own, target, frames, conditions, scene, SIMULATED, seed))
        yield made, batches


def _share(won: Tensor) -> float:
    return float(won.double().mean())


def victim_view(crop: Pixels, row: Row, size: tuple[int, int]) -> Tensor:
    """What a victim sees of a photograph, ``[1, 3, H, W]``: the sign's box with a little room, squashed."""
    import cv2

    size_px = np.array([row.box_width, row.box_height])
    room, corner = MARGIN * size_px, np.array([row.box_left, row.box_top])
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
        "crop_margin": MARGIN,
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
    target: int | None,
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
        "target_class": None if target is None else victim.classes[target],
        "top_classes": names[best.indices.numpy()].tolist(),
        "top_probabilities": list(best.values.numpy()),
        "predicted": names[predicted].tolist(),
        "probability": best.values[:, 0].numpy(),
        "true_probability": probability[:, true].numpy(),
        "target_probability": None if target is None else probability[:, target].numpy(),
        "correct": predicted == true,
        "fooled_untargeted": predicted != true,
        "fooled_targeted": None if target is None else predicted == target,
    }
    return rows_of(columns, len(logits))
