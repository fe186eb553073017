"""Running batteries on this machine: parts of the table as they come, then statistics, pictures and verdicts."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn

from physadv.attacks.physical.clean_sign import warn_unread
from physadv.core.devices import AUTO, pick_device
from physadv.core.errors import PhysadvError
from physadv.core.files import sha256
from physadv.core.limits import MAX_BATCH, MAX_FRAMES
from physadv.core.progress import Listener, counter
from physadv.core.run_folder import RECORD, RunFolder, claim
from physadv.core.versions import package_versions
from physadv.evaluation.batteries.battery import Battery, Thresholds, load_battery
from physadv.evaluation.batteries.gallery import FOLDER as PICTURES_FOLDER
from physadv.evaluation.batteries.gallery import sign_pictures
from physadv.evaluation.batteries.parts import CountedBattery
from physadv.evaluation.batteries.results import Results, victim_info
from physadv.evaluation.batteries.scoring import FrameRange, Scorer
from physadv.evaluation.batteries.summary import (
    BatteryInfo,
    PatchInfo,
    Provenance,
    Summary,
    read_summary,
)
from physadv.evaluation.junit import write_junit
from physadv.evaluation.outcomes import OUTCOMES_VERSION, Parts, check_version
from physadv.evaluation.runners.runner import Job, LocalRunner
from physadv.evaluation.subjects import Candidate, load_candidates, texture_px
from physadv.evaluation.victims_at_work import check_limits, looking
from physadv.patches import Patch, ink_of
from physadv.signs.datasets import SignDataset
from physadv.victims import MODEL_OPTIONS, Victim, as_victim, check_logits

FIRST_FRAMES = 16
"""That each victim is shown of each clean sign before the work starts."""
Model: TypeAlias = str | Path | Victim | nn.Module | Callable[[Tensor], Any]
"""What can be evaluated: a name, a card, a victim, a module, a function."""
TABLE = "outcomes.parquet"
PARTS = "parts"


def evaluate(
    patches: Sequence[str | Path | Patch] | str | Path | Patch,
    victims: Sequence[Model] | Model,
    batteries: Sequence[str | Path | Battery | Mapping[str, Any]] | str | Path | Battery,
    out: str | Path,
    *,
    frames: int | None = None,
    max_asr: float | None = None,
    max_targeted_asr: float | None = None,
    true_class: str | None = None,
    calibration: str | Path | None = None,
    device: str = AUTO,
    batch: int = 64,
    listener: Listener | None = None,
    resume: bool = True,
    renew: bool = False,
    datasets: Sequence[SignDataset] = (),
    **model: Any,
) -> Summary:
    """Scores patches and their controls against victims, on the same frames, and writes everything into ``out``.

    ``out`` gets ``run.json``, ``outcomes.parquet`` (one row a frame, subject, patch and victim), ``summary.json``,
    ``junit.xml`` and ``pictures/``. While it runs, finished parts lie in ``parts/``; a killed run, started again with
    the same arguments, resumes after the last of them and gives the same table.

    Args:
        patches: bundles, as folders or loaded.
        victims: names, cards or victims that are loaded; or any torch module or function of pictures, of which
            ``model`` tells the rest.
        batteries: names, files, contents or loaded batteries.
        out: a folder that is new, empty, or of this same run.
        frames: frames an entry in place of the batteries' own numbers, rounded up to whole drives.
        max_asr: a limit on the untargeted success (any wrong class); where a battery's own is stricter, that one
            holds.
        max_targeted_asr: a limit on the success at the patches' own goal, likewise.
        true_class: the sign's class in the victims' words, where it cannot be matched by name.
        calibration: file of ``physadv calibrate``: printer and camera through which paint is seen, the controls' too.
        device: where to render and to look.
        batch: frames rendered at once.
        listener: told of progress, such as ``physadv.progress_bar()`` gives.
        resume: resume a run that was killed; if false, a folder with a run is an error.
        renew: replace another run's results in ``out``; if false, they are an error.
        datasets: whose pictures the victims read as well, so that the report says how good they are.
        model: of victims that are modules or functions: ``classes``, ``size``, ``mean`` and whatever else
            :func:`physadv.victims.wrap_module` takes.

    Raises:
        PhysadvError: something given is wrong, or the disk is full; what ``out`` holds is then whole files,
            from which the same call resumes.
    """
    started, clock = datetime.now(timezone.utc), time.monotonic()
    out, patches, batteries = Path(out), _several(patches), _several(batteries)
    victims = _models(_several(victims), model)
    _check_options(batch=batch, frames=frames)
    check_limits(max_asr=max_asr, max_targeted_asr=max_targeted_asr)
    limits = Thresholds(max_asr=max_asr, max_targeted_asr=max_targeted_asr)
    place = pick_device(device)
    courses = [CountedBattery(load_battery(spec), frames) for spec in batteries]
    check_unique("battery", [course.battery.name for course in courses])
    with ExitStack() as stack:
        models = [stack.enter_context(looking(spec, place)) for spec in victims]
        check_unique("victim", [victim.name for victim in models])
        px = texture_px(max(max(victim.input_size) for victim in models))
        candidates = load_candidates(patches, px=px, device=place, ink=ink_of(calibration))
        _check_targets(candidates, max_targeted_asr)
        scorer = Scorer(candidates, models, batch=batch, device=place, true_class=true_class)
        options = {"frames": frames, "true_class": true_class, "device": str(place)}
        identity = _identity(courses, candidates, models, options, calibration)
        if calibration is not None:
            options["calibration"] = str(calibration)
        asked = _asked(courses, datasets, limits)
        for victim in models:
            check_logits(victim, torch.full((2, 3, *victim.input_size), 0.5, device=place))
        run = stack.enter_context(claim(out, identity, command="physadv evaluate", resume=resume, renew=renew))
        if run.finished(asked):
            return read_summary(out)
        infos, read = [], counter(listener if datasets else None, "victims on data sets")
        for number, victim in enumerate(models):
            read(number, len(models))
            infos.append(victim_info(victim, datasets))
        read(len(models), len(models))
        if not run.sealed(TABLE) and not any((out / PARTS).glob("*.parquet")):
            _look_at_clean(scorer, courses)
        _score(scorer, courses, run, listener)
        records = Results(out, out / TABLE, scorer, courses, limits).records(listener)
        summary = Summary(
            provenance=Provenance(
                command=_command(),
                started=started.isoformat(timespec="seconds"),
                finished=datetime.now(timezone.utc).isoformat(timespec="seconds"),
                seconds=time.monotonic() - clock,
                versions=package_versions(),
                device=str(place),
                options={**options, "max_asr": max_asr, "max_targeted_asr": max_targeted_asr, "batch": batch},
                outcomes=TABLE,
                outcomes_sha256=sha256(out / TABLE),
                outcomes_version=OUTCOMES_VERSION,
                rows=check_version(out / TABLE),
            ),
            patches=tuple(_patch_info(candidate, out, number) for number, candidate in enumerate(candidates)),
            victims=tuple(infos),
            batteries=tuple(_battery_info(course) for course in courses),
            records=tuple(records),
        )
        summary.write(out)
        write_junit(out / "junit.xml", summary)
        shown = sorted(path.relative_to(out).as_posix() for path in (out / PICTURES_FOLDER).rglob("*.*"))
        run.finish(TABLE, Summary.file_name, "junit.xml", *shown, asked=asked)
    return summary


def _several(given: Any) -> list[Any]:
    """One of something, or each of several, as a list."""
    return list(given) if isinstance(given, (list, tuple)) else [given]


def _models(victims: list[Any], options: dict[str, Any]) -> list[str | Path | Victim]:
    """Victims with modules and functions as victims, too."""
    ours = [isinstance(one, (str, Path, Victim)) for one in victims]
    unknown = sorted(set(options) - MODEL_OPTIONS)
    if unknown or (options and all(ours)):
        known = ", ".join(sorted(MODEL_OPTIONS))
        told = "is no option of an evaluation" if unknown else "is for torch modules and functions as victims"
        raise PhysadvError(f"{(unknown or list(options))[0]}: {told}; options of these models: {known}")
    return [one if mine else as_victim(one, **options) for one, mine in zip(victims, ours, strict=True)]


def _check_options(*, batch: int, frames: int | None) -> None:
    if not 1 <= batch <= MAX_BATCH:
        raise PhysadvError(f"batch = {batch}: should be 1 to {MAX_BATCH} frames at once")
    if frames is not None and not 1 <= frames <= MAX_FRAMES:
        raise PhysadvError(f"frames = {frames}: should be 1 to {MAX_FRAMES} frames an entry")


def _check_targets(candidates: Sequence[Candidate], max_targeted_asr: float | None) -> None:
    """Refuses a limit on the targeted success where no patch has a target: it would pass whatever happens."""
    if max_targeted_asr is not None and all(not candidate.making.aimed for candidate in candidates):
        raise PhysadvError(
            f"max-targeted-asr = {max_targeted_asr:g}: no patch has a target class, so there is nothing to bound; "
            "give max-asr"
        )


def check_unique(kind: str, names: Sequence[str]) -> None:
    """Refuses a list of victims or batteries that is empty or names one twice.

    Raises:
        PhysadvError: it does.
    """
    if not names:
        raise PhysadvError(f"no {kind} to evaluate with; name at least one")
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise PhysadvError(f"{kind} {twice[0]!r} is given twice")


def _identity(
    courses: Sequence[CountedBattery],
    candidates: Sequence[Candidate],
    victims: Sequence[Victim],
    options: Mapping[str, Any],
    calibration: str | Path | None,
) -> dict[str, Any]:
    """What decides the table: two requests with the same identity are the same run."""
    return {
        "batteries": [
            {
                "name": course.battery.name,
                "entries": [entry.model_dump(mode="json", exclude={"scene"}) for entry in course.battery.entries],
                "scenes": [scene.fingerprint for scene in course.scenes],
            }
            for course in courses
        ],
        "patches": [{"name": candidate.name, "sha256": candidate.sha256} for candidate in candidates],
        "victims": [{"name": victim.name, "fingerprint": victim.fingerprint} for victim in victims],
        "options": dict(options),
        "calibration": None if calibration is None else sha256(Path(calibration)),
        "versions": package_versions(),
        "outcomes_version": OUTCOMES_VERSION,
    }


def _asked(courses: Sequence[CountedBattery], datasets: Sequence[SignDataset], limits: Thresholds) -> dict[str, Any]:
    """What a finished table is made into: limits, bins, other data that the victims read."""
    return {
        "batteries": [course.battery.model_dump(mode="json", exclude={"entries"}) for course in courses],
        "data sets": [[dataset.kind, dataset.split, dataset.fingerprint] for dataset in datasets],
        "limits": limits.model_dump(mode="json"),
    }


def _command() -> str:
    return shlex.join(["physadv" if Path(sys.argv[0]).stem == "physadv" else sys.argv[0], *sys.argv[1:]])


@torch.no_grad()
def _look_at_clean(scorer: Scorer, courses: Sequence[CountedBattery]) -> None:
    """Warns of a victim that does not read a clean sign in a few frames of the first battery."""
    scene, entry = courses[0].scenes[0], courses[0].battery.entries[0]
    length = scene.frames_per_approach if scene.frames_per_approach > 1 else FIRST_FRAMES
    near = torch.linspace(0, length - 1, min(length, FIRST_FRAMES)).round().long()
    conditions = scene.sample(length, seed=entry.seed)[near].to(scorer.device)
    clean = {candidate.sign.fingerprint: candidate for candidate in scorer.candidates}
    for candidate in clean.values():
        for victim in scorer.victims:
            frames = scene.render(candidate.painted["clean"], conditions.with_box(victim.box), size=victim.input_size)
            true = scorer.true[candidate.sign.fingerprint, victim.name]
            warn_unread(victim, candidate.sign, true, victim(frames))


@dataclass(frozen=True)
class _Part(Job[Path]):
    """A few hundred frames of an entry: a part of the table."""

    scorer: Scorer
    parts: Parts
    stretch: FrameRange
    path: Path

    @property
    def size(self) -> int:
        """Frames."""
        return self.stretch.count

    def kept(self) -> Path | None:
        return self.path if self.parts.there(self.path) else None

    def make(self, listener: Listener | None) -> Path:
        self.parts.write(self.path, self.scorer.rows(self.stretch))
        return self.path


def _score(scorer: Scorer, courses: Sequence[CountedBattery], run: RunFolder, listener: Listener | None) -> None:
    """Fills in the parts that are missing, and merges them."""
    table, parts = run.folder / TABLE, Parts(run.folder / PARTS)
    if run.sealed(TABLE):
        check_version(table)
        return
    work = [
        _Part(scorer, parts, stretch, parts.path(number, stretch.entry, stretch.start))
        for number, course in enumerate(courses)
        for stretch in course.stretches()
    ]
    paths = list(LocalRunner().run(work, stage="frames", listener=listener))
    parts.merge(paths, table, run=(run.folder / RECORD).read_text(encoding="utf-8"))
    run.seal(TABLE)
    parts.clear()


def _patch_info(candidate: Candidate, out: Path, number: int) -> PatchInfo:
    pictures = sign_pictures(candidate.painted, out, stem=f"{number:03d}")
    area = candidate.record.get("area_fraction")
    return PatchInfo(
        name=candidate.name,
        sign=candidate.sign.name,
        sign_title=candidate.sign.title,
        area_fraction=float(area) if isinstance(area, (int, float)) else None,
        folder=candidate.folder,
        sha256=candidate.sha256,
        picture=pictures["patch"],
        pictures=pictures,
        record=candidate.record,
    )


def _battery_info(course: CountedBattery) -> BatteryInfo:
    return BatteryInfo(
        name=course.battery.name,
        description=course.battery.description,
        sha256=course.battery.sha256,
        frames=sum(course.counts),
        config=course.battery.model_dump(mode="json"),
        scenes=tuple(scene.fingerprint for scene in course.scenes),
    )
