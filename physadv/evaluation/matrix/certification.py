"""Certified accuracy of a victim behind a defense: what no attack within a bound can change, picture by picture."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pydantic import Field
from torch import Tensor

from physadv.core.config import Config
from physadv.core.devices import AUTO, pick_device
from physadv.core.errors import PhysadvError
from physadv.core.limits import MAX_FRAMES, MAX_QUERIES
from physadv.core.notebooks import one_line
from physadv.core.number_format import percent
from physadv.core.parquet import read_parquet, write_parquet
from physadv.core.progress import Listener
from physadv.core.run_folder import claim
from physadv.core.statistics import Rate, rate, shown_rate
from physadv.core.versions import package_versions
from physadv.defenses import Defense, VictimField, build_defense, certify, certify_patch
from physadv.defenses.recipes.patch_cleanser import PatchCleanser
from physadv.defenses.recipes.randomized_smoothing import RandomizedSmoothing, certified_radius
from physadv.evaluation.batteries.flags import CLEAN_ACCURACY, half_width, info, warning
from physadv.evaluation.batteries.summary import Flag
from physadv.evaluation.matrix.matrix import drawn, pictures_for
from physadv.evaluation.metrics.measured import Measured
from physadv.evaluation.picture_accuracy import predictions
from physadv.evaluation.result import RESULTS, Result, ResultRow
from physadv.evaluation.runners.runner import Job, LocalRunner
from physadv.signs.datasets import SignDataset, load_known
from physadv.victims import Victim

TABLE_NAME = "certificates.parquet"
_LEVELS = 8
"""Radii in the table, evenly from 0 to the largest one that so many samples can certify."""
_HALF_WIDTH = 0.05
_CAPPED = 0.1
"""Share of pictures at the largest radius above which more samples are worth while."""

_SCHEMA = pa.schema(
    [
        ("picture", pa.int64()),
        ("label", pa.int64()),
        ("undefended", pa.int64()),
        ("predicted", pa.int64()),
        ("right", pa.bool_()),
        ("bound", pa.float64()),
    ]
)
"""``undefended`` is the victim's own class; ``predicted`` the defended one's, -1 where it abstains and null where the
defense does not say; ``bound`` is up to what the right class is certain, in the defense's unit, 0 where it is not."""


class CertificationPlan(Config):
    """Which victim behind which defense, on which pictures."""

    victim: VictimField
    defense: str
    """That is certified, in words; the victim may stand behind others."""
    dataset: str = "gtsrb"
    split: str | None = None
    limit: int = Field(default=500, ge=1, le=MAX_FRAMES)
    """Pictures, drawn by ``seed``."""
    n: int = Field(default=1000, ge=1, le=MAX_QUERIES)
    """Samples of noise a picture, for a defense that draws them."""
    n0: int = Field(default=100, ge=1, le=MAX_QUERIES)
    """Others, that choose the class."""
    alpha: float = Field(default=0.001, gt=0.0, lt=1.0)
    """Probability that a picture's bound is too large."""
    seed: int = Field(default=0, ge=0, lt=2**31)


class Level(Config):
    """Certified accuracy at one bound."""

    bound: float
    accuracy: Rate
    """Share of all pictures that are certainly read correctly, whatever an attack within the bound does."""


@RESULTS.register("certification")
class CertificationSummary(Result):
    """``certification.json``."""

    file_name = "certification.json"
    called = "a certification"

    kind: Literal["certification"] = "certification"
    schema_version: Literal[1] = 1
    plan: CertificationPlan
    victim: str
    victim_sha256: str
    defense: str
    paper: str
    unit: str
    """Of the bounds, in words."""
    pictures: int
    dataset: str
    notes: tuple[str, ...]
    clean_accuracy: Rate
    """Of the victim without the defense."""
    defended_accuracy: Rate
    """Of the defended victim, on the same pictures; where it abstains it is not right."""
    abstained: Rate | None
    """None for a defense that always answers."""
    levels: tuple[Level, ...]
    flags: tuple[Flag, ...]
    seconds: float
    versions: dict[str, str]

    def __repr__(self) -> str:
        """In one line: victim, defense, and the accuracy at the least bound."""
        levels = [f"{shown_rate(one.accuracy)} certain at {one.bound:g} {self.unit}" for one in self.levels[:1]]
        pictures = f"{self.pictures} pictures of {self.dataset}"
        return one_line(self, f"of {self.victim} behind {self.defense}", pictures, *levels)

    __str__ = __repr__

    @property
    def caption(self) -> str:
        return f"{self.victim} behind {self.defense}: {self.pictures} pictures of {self.dataset}"

    @property
    def about(self) -> str:
        return f"Attacks are bounded by the {self.unit}."

    @property
    def rows(self) -> tuple[ResultRow, ...]:
        """Without and with the defense, then a row a bound."""

        warnings = tuple(f"{flag.message} [{flag.code}]" for flag in self.flags)

        def row(case: str, metric: str, title: str, found: Rate) -> ResultRow:
            better: Literal["higher", "lower"] = "lower" if metric == "abstained" else "higher"
            figure = Measured(metric=metric, title=title, better=better, of="picture", rate=found)
            return ResultRow({"case": case}, (figure,), warnings)

        found = [
            row("no defense, no attack", "accuracy", "Accuracy", self.clean_accuracy),
            row("defended, no attack", "accuracy", "Accuracy", self.defended_accuracy),
        ]
        if self.abstained is not None:
            found.append(row("defended, no attack", "abstained", "Abstained", self.abstained))
        for level in self.levels:
            case = f"any attack up to {level.bound:g}"
            found.append(row(case, "certified", "Certified accuracy", level.accuracy))
        return tuple(found)


@dataclass(frozen=True)
class CertifiedPictures:
    """What a defense says of some pictures, ``[N]`` each; ``predicted`` is None where it says only what is right."""

    predicted: npt.NDArray[np.int64] | None
    right: npt.NDArray[np.bool_]
    bound: npt.NDArray[np.float64]


Certify = Callable[[Victim, Tensor, Tensor, int], CertifiedPictures]
"""Of a victim, pictures ``[N, 3, H, W]``, their labels ``[N]`` and the number of the first of them."""


@dataclass(frozen=True)
class Certifier:
    """How a defense is certified.

    Attributes:
        words: the defense with the options that its certificates depend on.
        unit: of its bounds, in words.
        levels: bounds to tell the accuracy at, rising.
        at_once: pictures of a part, which is what a stopped run loses at most.
        certify: does it.
    """

    words: str
    unit: str
    levels: tuple[float, ...]
    at_once: int
    certify: Certify


def certifier_of(defense: Defense, plan: CertificationPlan) -> Certifier:
    """How this defense is certified.

    Raises:
        PhysadvError: nothing is certain of it.
    """
    if isinstance(defense, RandomizedSmoothing):
        return _smoothed(defense, plan)
    if isinstance(defense, PatchCleanser):
        return _masked(defense)
    raise PhysadvError(
        f"defense {defense.kind!r}: it certifies nothing; randomized-smoothing (L2) and patch-cleanser (patches) do"
    )


def _smoothed(defense: RandomizedSmoothing, plan: CertificationPlan) -> Certifier:
    def certified(victim: Victim, pictures: Tensor, labels: Tensor, first: int) -> CertifiedPictures:
        made = certify(
            victim,
            pictures,
            labels,
            sigma=defense.sigma,
            n0=plan.n0,
            n=plan.n,
            alpha=plan.alpha,
            seed=plan.seed,
            first=first,
        )
        right = (made.predicted == made.labels).cpu().numpy()
        return CertifiedPictures(
            made.predicted.cpu().numpy(), right, np.where(right, made.radius_l2.cpu().numpy(), 0.0)
        )

    top = certified_radius(plan.n, plan.n, sigma=defense.sigma, alpha=plan.alpha)
    levels = tuple(round(top * step / _LEVELS, 3) for step in range(_LEVELS))
    words = f"{defense.kind} (sigma {defense.sigma:g}, {plan.n} samples, alpha {plan.alpha:g})"
    return Certifier(words, "L2 norm of the change, pictures in [0,1]", levels, 8, certified)


def _masked(defense: PatchCleanser) -> Certifier:
    def certified(victim: Victim, pictures: Tensor, labels: Tensor, first: int) -> CertifiedPictures:
        made = certify_patch(
            victim, pictures, labels, patch_px=defense.patch_px, masks=defense.masks, fill=defense.fill
        )
        bound = np.where(made.certified.cpu().numpy(), float(defense.patch_px), 0.0)
        return CertifiedPictures(None, made.right.cpu().numpy(), bound)

    words = f"{defense.kind} (patch {defense.patch_px} px, {defense.masks} masks an axis, fill {defense.fill:g})"
    return Certifier(words, "side in px of a square patch, anywhere", (float(defense.patch_px),), 32, certified)


def run_certification(
    plan: CertificationPlan,
    out: Path,
    *,
    data: Path | None = None,
    device: str = AUTO,
    listener: Listener | None = None,
) -> CertificationSummary:
    """Certifies the plan's pictures into ``out``; finished parts are kept, so that the same call resumes.

    ``out`` gets ``certificates.parquet`` (one row a picture) and ``certification.json``.

    Raises:
        PhysadvError: the victim, the defense or the data are wrong, or ``out`` holds something else.
    """
    began = time.monotonic()
    defense = build_defense(plan.defense)
    certifier = certifier_of(defense, plan)
    place = pick_device(device)
    victim = plan.victim.value.to(place)
    chosen = drawn(load_known(victim.classes, plan.dataset, data, split=plan.split), plan.limit, plan.seed)
    if not len(chosen):
        raise PhysadvError(f"{plan.dataset}: has no picture of a class that victim {victim.name!r} knows")
    chosen.check()
    pictures, labels = pictures_for(victim, chosen)
    if isinstance(defense, PatchCleanser):
        defense.mask_set(pictures)
    identity = {
        "plan": plan.model_dump(mode="json", exclude={"victim"}),
        "victim": victim.fingerprint,
        "pictures": chosen.fingerprint,
        "device": str(place),
        "versions": package_versions(),
    }
    with claim(out, identity, command="physadv certify") as run:
        if run.finished():
            return read_certification(out)
        work = _parts(certifier, victim, pictures, labels, out / "parts")
        parts = list(LocalRunner().run(work, stage="pictures", listener=listener))
        table = pa.concat_tables([read_parquet(part) for part in parts])
        write_parquet(out / TABLE_NAME, table)
        made = _summary(plan, defense, certifier, victim, chosen, table, seconds=time.monotonic() - began)
        made.write(out)
        run.finish(CertificationSummary.file_name, TABLE_NAME)
        shutil.rmtree(out / "parts", ignore_errors=True)
    return made


def _summary(
    plan: CertificationPlan,
    defense: Defense,
    certifier: Certifier,
    victim: Victim,
    chosen: SignDataset,
    table: pa.Table,
    *,
    seconds: float,
) -> CertificationSummary:
    right, bound = table.column("right").to_numpy(), table.column("bound").to_numpy()
    clean = rate(table.column("undefended").to_numpy() == table.column("label").to_numpy())
    predicted = table.column("predicted")
    levels = tuple(Level(bound=level, accuracy=rate(bound >= level if level else right)) for level in certifier.levels)
    return CertificationSummary(
        plan=plan,
        victim=victim.name,
        victim_sha256=victim.sha256,
        defense=certifier.words,
        paper=defense.paper,
        unit=certifier.unit,
        pictures=len(table),
        dataset=f"{chosen.kind} {chosen.split}",
        notes=chosen.notes,
        clean_accuracy=clean,
        defended_accuracy=rate(right),
        abstained=None if predicted.null_count else rate(predicted.to_numpy() < 0),
        levels=levels,
        flags=(
            *(warning("victim-doubtful", f"Victim {victim.name}: {doubt}.") for doubt in victim.doubts),
            *_flags(clean, rate(right), levels, bound, defense, plan),
        ),
        seconds=round(seconds, 2),
        versions=package_versions(),
    )


def read_certification(folder: Path) -> CertificationSummary:
    """The summary in a folder.

    Raises:
        PhysadvError: there is none, or it is damaged.
    """
    return CertificationSummary.read(folder)


@dataclass(frozen=True)
class _Part(Job[Path]):
    """The table of a few pictures."""

    certifier: Certifier
    victim: Victim
    pictures: Tensor
    labels: Tensor
    start: int
    folder: Path

    @property
    def size(self) -> int:
        """Pictures."""
        return len(self.labels)

    @property
    def path(self) -> Path:
        return self.folder / f"{self.start:08d}.parquet"

    def kept(self) -> Path | None:
        return self.path if _there(self.path) else None

    def make(self, listener: Listener | None) -> Path:
        found = self.certifier.certify(self.victim, self.pictures, self.labels, self.start)
        count = len(found.right)
        columns = {
            "picture": np.arange(self.start, self.start + count),
            "label": self.labels.cpu().numpy(),
            "undefended": predictions(self.victim, self.pictures.cpu()).numpy(),
            "predicted": pa.nulls(count, pa.int64()) if found.predicted is None else found.predicted,
            "right": found.right,
            "bound": found.bound,
        }
        write_parquet(self.path, pa.table(columns, schema=_SCHEMA))
        return self.path


def _parts(certifier: Certifier, victim: Victim, pictures: Tensor, labels: Tensor, folder: Path) -> list[_Part]:
    """Parts of a few pictures each."""
    ends = [
        (start, min(start + certifier.at_once, len(pictures))) for start in range(0, len(pictures), certifier.at_once)
    ]
    return [_Part(certifier, victim, pictures[a:b], labels[a:b], a, folder) for a, b in ends]


def _there(path: Path) -> bool:
    try:
        read_parquet(path)
    except PhysadvError:
        return False
    return True


def _flags(
    clean: Rate,
    defended: Rate,
    levels: tuple[Level, ...],
    bound: npt.NDArray[np.float64],
    defense: Defense,
    plan: CertificationPlan,
) -> Iterator[Flag]:
    """What makes the figures doubtful, or what their reader should know."""
    if not clean.hits:
        yield warning("nothing-to-attack", "The victim reads none of the clean pictures correctly.")
    elif clean.value is not None and clean.value < CLEAN_ACCURACY:
        yield warning(
            "clean-accuracy-low",
            f"The victim reads only {percent(clean.value, 1)} of the clean pictures correctly, without the defense "
            f"({percent(CLEAN_ACCURACY, 1)} wanted): no certificate can be better.",
        )
    if clean.value is not None and defended.value is not None and defended.value < CLEAN_ACCURACY * clean.value:
        yield warning(
            "defense-costs-accuracy",
            f"Behind the defense {percent(defended.value, 1)} are read correctly, without it {percent(clean.value, 1)}"
            ": the victim was not trained for what the defense shows it.",
        )
    half = half_width(levels[0].accuracy)
    if half is not None and half > _HALF_WIDTH:
        yield warning(
            "too-few-frames",
            f"The certified accuracy is known to ±{100 * half:.1f} points, ±{100 * _HALF_WIDTH:g} are wanted: about "
            f"{(half / _HALF_WIDTH) ** 2:.2g} times as many pictures are needed.",
        )
    if isinstance(defense, RandomizedSmoothing):
        top = certified_radius(plan.n, plan.n, sigma=defense.sigma, alpha=plan.alpha)
        capped = float((bound >= top - 1e-9).mean())
        if capped > _CAPPED:
            yield info(
                "radius-capped",
                f"{percent(capped, 1)} of the pictures reach {top:.3f}, the largest radius that n = {plan.n} samples "
                "can certify: more samples would certify more.",
            )
