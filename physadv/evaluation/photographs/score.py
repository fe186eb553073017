"""Scoring photographs: what victims read in them, beside simulated frames of exactly their conditions."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pyarrow as pa
import torch

from physadv.attacks import true_class_of
from physadv.core.devices import AUTO, pick_device
from physadv.core.errors import PhysadvError
from physadv.core.files import sha256
from physadv.core.parquet import write_parquet
from physadv.core.progress import Listener, counter
from physadv.core.run_folder import claim
from physadv.core.versions import package_versions
from physadv.evaluation.batteries.results import victim_info
from physadv.evaluation.outcomes import OUTCOMES_VERSION, SCHEMA, VERSION_KEY
from physadv.evaluation.photographs.figures import (
    PAINTED,
    PhotographSummary,
    ScoredPhotograph,
    agreements,
    flags,
    groups,
)
from physadv.evaluation.photographs.scoring import Scorer
from physadv.evaluation.photographs.verdicts import (
    judged,
    read_photograph_summary,
    write_photograph_summary,
)
from physadv.evaluation.subjects import Candidate, known_goal, load_candidates, texture_px
from physadv.evaluation.victims_at_work import check_limits, looking
from physadv.patches import ink_of
from physadv.photos.session import TABLE as PHOTOGRAPHS_TABLE
from physadv.photos.session import Row, load_session, session_fingerprint, was_edited
from physadv.scenes import PaintedSign, load_scene
from physadv.signs import Sign, kept_sign
from physadv.victims import Victim, warn_doubts

TABLE = "outcomes.parquet"


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
    max_targeted_asr: float | None = None,
    device: str = AUTO,
    listener: Listener | None = None,
) -> PhotographSummary:
    """What victims read in photographs, and in simulated frames of the same sign, pose, light and camera.

    ``out`` gets ``outcomes.parquet``, with the columns of a simulated evaluation (battery ``photographs``, and
    ``photographs, simulated``), ``photographs.json`` and ``junit.xml``.

    Args:
        session: of ``physadv photos ingest``.
        victims: names, cards or loaded models.
        out: folder of the results.
        patches: bundles of what the photographs show; photographs of other paint are scored, but not simulated.
        scene: for what a photograph does not say of its conditions: noise, blur, tone, shadows.
        draws: simulated frames a photograph.
        seed: of these.
        true_class: the sign's class in the victims' words, where it cannot be matched by name.
        calibration: of the printer and camera, for the simulated frames; what they would be without it is told too.
        max_asr: a limit on the share of a patch's photographs that are misread; a summary above it has not passed.
        max_targeted_asr: a limit on the share that is won at the patch's own goal.
        device: where to render and to look.
        listener: told of progress.

    Raises:
        PhysadvError: something given is wrong.
    """
    if draws < 1:
        raise PhysadvError(f"draws = {draws}: at least one simulated frame a photograph is needed")
    check_limits(max_asr=max_asr, max_targeted_asr=max_targeted_asr)
    began = time.monotonic()
    record, rows = load_session(session)
    if not rows:
        raise PhysadvError(f"{session}: the sign was found in none of its photographs")
    if max_asr is not None and not any(row.subject in PAINTED for row in rows):
        raise PhysadvError(f"--max-asr {max_asr:g}: {session} shows no patch, so there is no success to limit")
    if max_targeted_asr is not None and not patches:
        raise PhysadvError(f"--max-targeted-asr {max_targeted_asr:g}: no patch is given, so no target is known")
    sign = kept_sign(session, record.sign)
    simulator = load_scene(scene)
    place = pick_device(device)
    with ExitStack() as stack:
        models = [stack.enter_context(looking(spec, place)) for spec in victims]
        names = [victim.name for victim in models]
        if len(set(names)) != len(names) or not names:
            raise PhysadvError("victims: name at least one, and each once")
        px = texture_px(max(max(victim.input_size) for victim in models))
        candidates = _candidates(sign, patches, px, place, calibration)
        rows = [_told(row, {candidate.name for candidate in candidates}) for row in rows]
        _check_shown(session, rows, candidates)
        sent = _candidates(sign, patches, px, place, None) if calibration is not None else []
        if max_targeted_asr is not None and not any(candidate.making.aimed for candidate in candidates):
            raise PhysadvError(f"--max-targeted-asr {max_targeted_asr:g}: no patch has a target class; give --max-asr")
        true = {victim.name: true_class_of(sign, victim, true_class) for victim in models}
        scorer = Scorer(
            session=session,
            victims=models,
            true=true,
            goals={
                (candidate.name, victim.name): known_goal(candidate.making.goal, victim, true[victim.name])
                for candidate in candidates
                for victim in models
            },
            painted=_painted(sign, px, place, candidates) if candidates or not _unknown(rows) else {},
            as_sent=_painted(sign, px, place, sent) if calibration is not None else {},
            scene=simulator,
            draws=draws,
            seed=seed,
            device=place,
        )
        identity = {
            "photographs": session_fingerprint(session),
            "victims": {victim.name: victim.fingerprint for victim in models},
            "patches": {candidate.name: candidate.sha256 for candidate in candidates},
            "scene": simulator.fingerprint,
            "options": {"draws": draws, "seed": seed, "true_class": true_class, "device": str(place)},
            "calibration": None if calibration is None else sha256(Path(calibration)),
            "versions": package_versions(),
        }
        run = stack.enter_context(claim(out, identity, command="physadv evaluate --photos"))
        asked = {"max_asr": max_asr, "max_targeted_asr": max_targeted_asr}
        if run.finished(asked):
            return read_photograph_summary(out)
        for model in models:
            warn_doubts(model)
        batches: list[pa.RecordBatch] = []
        shown: list[ScoredPhotograph] = []
        for number, row in enumerate(rows):
            for made, batch in scorer(row, number):
                shown.append(made)
                batches += batch
            counter(listener, "photographs")(number + 1, len(rows))
        classes = {victim.name: victim.classes[scorer.true[victim.name]] for victim in models}
        schema = SCHEMA.with_metadata({VERSION_KEY: str(OUTCOMES_VERSION).encode()})
        table = pa.Table.from_batches(batches, SCHEMA).unify_dictionaries().replace_schema_metadata(schema.metadata)
        write_parquet(out / TABLE, table)
        misread, won = agreements(shown)
        sent_misread, sent_won = agreements(shown, as_sent=True)
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
            max_targeted_asr=max_targeted_asr,
            groups=tuple(
                judged(group, max_asr=max_asr, max_targeted_asr=max_targeted_asr) for group in groups(rows, shown)
            ),
            agreement=misread,
            agreement_won=won,
            agreement_as_sent=sent_misread,
            agreement_won_as_sent=sent_won,
            victims=tuple(victim_info(model) for model in models),
            shown=tuple(shown),
            flags=(
                *(f"{model.name}: {doubt}" for model in models for doubt in model.doubts),
                *_edited(candidates, session, was_edited(session, record)),
                *flags(rows, shown),
            ),
            versions=package_versions(),
        )
        write_photograph_summary(out, summary, seconds=time.monotonic() - began)
        run.finish(TABLE, PhotographSummary.file_name, "junit.xml", asked=asked)
    return summary


def _told(row: Row, known: Collection[str]) -> Row:
    """The row; paint that is called as a bundle that was given is that patch."""
    if row.subject == "unknown" and row.patch in known:
        return row.model_copy(update={"subject": "patch"})
    return row


def _unknown(rows: Sequence[Row]) -> bool:
    return any(row.subject == "unknown" for row in rows)


def _check_shown(session: Path, rows: Sequence[Row], candidates: Sequence[Candidate]) -> None:
    """Refuses a bundle that no photograph shows: it would count for nothing.

    Raises:
        PhysadvError: there is one.
    """
    shown = {row.patch for row in rows if row.subject != "unknown"}
    for candidate in candidates:
        if candidate.name not in shown:
            raise PhysadvError(
                f"{candidate.folder}: no photograph of {session} is said to show it; read them again with "
                f"physadv photos ingest --patch {candidate.folder}, or put them into a folder named {candidate.name}"
            )


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
        if not candidate.sign.looks_like(sign):
            raise PhysadvError(
                f"{candidate.folder}: is for another sign that is named {sign.name} too, of another size or artwork "
                "than the one in the photographs"
            )
    return candidates


def _edited(candidates: Sequence[Candidate], session: Path, changed: bool | None) -> Iterator[str]:
    """Sentences on patches and a session that were edited, and on those of which it cannot be told."""
    makings = [(candidate.name, candidate.making) for candidate in candidates]
    edited = [name for name, making in makings if making.edited] + [str(session)] * (changed is True)
    unchecked = [name for name, making in makings if making.unchecked] + [str(session)] * (changed is None)
    if edited:
        yield f"edited after physadv wrote them, so what they say may be wrong: {', '.join(edited)}"
    if unchecked:
        yield f"not checked for edits, for their files have no digest: {', '.join(unchecked)}"


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
