"""Digital and physical robustness side by side: victims x attacks, a share with its interval in every cell.

A cell is one attack on one victim: either on pictures of a data set, straight into the victim, or on signs, designed
through scenes and scored in frames that the design never saw. All victims see the same pictures and the same frames.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import pyarrow as pa
import torch
from pydantic import AfterValidator, Field, model_validator
from torch import Tensor

from physadv.attacks.digital.attack import Result as AttackResult
from physadv.attacks.digital.attack import build_attack
from physadv.attacks.gradients import check_attacks
from physadv.attacks.physical.sign_search import true_class_of
from physadv.core.config import Config, validate
from physadv.core.devices import AUTO, pick_device
from physadv.core.errors import PhysadvError
from physadv.core.files import atomic_path, is_there, read_json, write_json
from physadv.core.images import write_png
from physadv.core.limits import MAX_BATCH, MAX_FRAMES
from physadv.core.named import different
from physadv.core.notebooks import one_line
from physadv.core.parquet import read_parquet, write_parquet
from physadv.core.progress import Listener, renamed
from physadv.core.run_folder import claim
from physadv.core.statistics import Rate, rate, shown_rate
from physadv.core.versions import package_versions
from physadv.defenses import Defended, VictimField
from physadv.evaluation.batteries.flags import warning
from physadv.evaluation.batteries.summary import Flag
from physadv.evaluation.matrix.flags import cell_flags
from physadv.evaluation.matrix.sign_cells import (
    STICKER,
    OnSigns,
    asks_gradients,
    attack_signs,
    check_on_signs,
    knowledge_of,
)
from physadv.evaluation.metrics.measured import Measured
from physadv.evaluation.result import RESULTS, Result, ResultRow
from physadv.evaluation.runners.runner import Job, LocalRunner
from physadv.goals import check_goal
from physadv.signs.datasets import SignDataset, load_dataset
from physadv.signs.listing import tell
from physadv.victims import Victim

TABLE_NAME = "outcomes.parquet"
NORMS = ("l0", "l1", "l2", "linf")
EXAMPLES = 6
"""Pictures of a cell that are kept to look at."""


class AttackSpec(Config):
    """An attack of the registry with its options, towards a goal."""

    attack: str
    goal: str = "untargeted"
    options: dict[str, Any] = Field(default_factory=dict)
    on_signs: OnSigns | None = None
    """On signs, through scenes; None: on the pictures of the data set."""
    title: str = ""
    """How the report calls it; made from the rest if not given."""

    @property
    def heading(self) -> str:
        """The title, or one made from attack, goal and options."""
        if self.title:
            return self.title
        shown = [
            f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}"
            for name, value in self.options.items()
        ]
        words = [self.attack, *shown, *(["on signs"] if self.on_signs else [])]
        return ", ".join(words if self.goal == "untargeted" else [*words, self.goal])


class RobustnessPlan(Config):
    """Which attacks on which victims, on which pictures."""

    victims: Annotated[tuple[VictimField, ...], Field(min_length=1), AfterValidator(different)]
    attacks: tuple[AttackSpec, ...] = Field(min_length=1)
    dataset: str = "gtsrb"
    split: str | None = None
    limit: int | None = Field(default=1000, ge=1, le=MAX_FRAMES)
    """Pictures, drawn by ``seed``; None: all."""
    seed: int = Field(default=0, ge=0, lt=2**31)
    batch: int = Field(default=128, ge=1, le=MAX_BATCH)

    @model_validator(mode="after")
    def _check(self) -> RobustnessPlan:
        titles = [spec.heading for spec in self.attacks]
        for number, title in enumerate(titles):
            if title in titles[:number]:
                raise ValueError(f"attack {title!r} is given twice; give one of them another title")
        for spec in self.attacks:
            if spec.on_signs:
                check_on_signs(spec.attack, spec.options, spec.goal, spec.on_signs)
            else:
                build_attack(spec.attack, spec.options)
        return self


class Example(Config):
    """A picture that was won, and what it was read as."""

    picture: int
    """Its number in the table of outcomes."""
    true_class: str
    clean: str
    """The class that the clean picture was read as."""
    adversarial: str
    """The class that the changed picture was read as."""


class Cell(Config):
    """One attack on one victim.

    ``success`` counts among the pictures that the victim read correctly, ``robust_accuracy`` among all: the share that
    is still read correctly.
    """

    victim: str
    attack: str
    kind: str
    goal: str
    knowledge: Literal["gradients", "scores", "decisions"]
    options: dict[str, Any]
    clean_accuracy: Rate
    robust_accuracy: Rate
    success: Rate
    median_norms: dict[str, float | None]
    """Of the changes that succeeded."""
    median_queries: float | None
    """Frames that the victim answered, over the pictures that were attacked."""
    seconds: float
    flags: tuple[Flag, ...]
    constant: bool = False
    """All clean pictures, though of several classes, were read as one class."""
    on_signs: OnSigns | None = None
    """On which signs, in which scenes; its shares are of frames. None: on the pictures of the data set."""
    control_accuracy: Rate | None = None
    """On signs, with plain gray in place of the sticker."""
    examples: str
    """PNG of some pictures, a column each: clean, adversarial, difference; relative to the folder, '' without one."""
    shown: tuple[Example, ...] = ()
    """What the columns of ``examples`` show."""

    @property
    def figures(self) -> tuple[Measured, ...]:
        """Its figures, as every result has them."""
        of = "frame" if self.on_signs else "picture"
        norms = [(f"median-{name}", f"Median {name} of the changes that succeeded") for name in self.median_norms]
        return (
            Measured(metric="clean-accuracy", title="Read clean", better="higher", of=of, rate=self.clean_accuracy),
            Measured(
                metric="robust-accuracy", title="Read under attack", better="higher", of=of, rate=self.robust_accuracy
            ),
            Measured(metric="success", title="Attack success", better="lower", of=of, rate=self.success),
            Measured(
                metric="median-queries",
                title="Median queries",
                unit="frames",
                better="higher",
                value=self.median_queries,
            ),
            *(
                Measured(metric=metric, title=title, unit="norm", better="higher", value=self.median_norms[name])
                for (metric, title), name in zip(norms, self.median_norms, strict=True)
            ),
        )


@RESULTS.register("robustness")
class RobustnessSummary(Result):
    """Everything that the matrix report says."""

    file_name = "robustness.json"
    called = "a robustness matrix"

    kind: Literal["robustness"] = "robustness"
    schema_version: Literal[1] = 1
    plan: RobustnessPlan
    pictures: int
    dataset: str
    notes: tuple[str, ...] = ()
    """What of the data set was left out, and why."""
    victims: dict[str, str]
    """Name to SHA-256 of the weights."""
    gradients: dict[str, str] = Field(default_factory=dict)
    """Of victims behind a defense: through what the gradient of an attack runs."""
    cells: tuple[Cell, ...]
    versions: dict[str, str]

    def __repr__(self) -> str:
        """In one line: what was attacked, and the least that a victim still reads."""
        least = min(self.cells, key=lambda cell: cell.robust_accuracy.value or 0.0, default=None)
        worst = f"{least.victim} reads {shown_rate(least.robust_accuracy)} under {least.attack}" if least else None
        victims = len({cell.victim for cell in self.cells})
        pictures = f"{self.pictures} pictures of {self.dataset}"
        return one_line(self, f"of {len(self.cells)} cells", f"{victims} victims", pictures, worst)

    __str__ = __repr__

    @property
    def caption(self) -> str:
        return f"{self.pictures} pictures of {self.dataset}"

    @property
    def rows(self) -> tuple[ResultRow, ...]:
        """A row a cell."""
        return tuple(
            ResultRow(
                {"victim": cell.victim, "attack": cell.attack, "goal": cell.goal},
                cell.figures,
                tuple(flag.code for flag in cell.flags if flag.level == "warning"),
            )
            for cell in self.cells
        )


def run_robustness(
    plan: RobustnessPlan, out: Path, *, data: Path | None = None, device: str = AUTO, listener: Listener | None = None
) -> RobustnessSummary:
    """Runs the plan into ``out``; finished cells are kept, so that the same call resumes.

    Raises:
        PhysadvError: a victim, an attack or the data are wrong, or ``out`` holds something else.
    """
    place = pick_device(device)
    victims = [named.value.to(place) for named in plan.victims]
    names = [victim.name for victim in victims]
    if len(set(names)) < len(names):
        raise PhysadvError(f"victims: {', '.join(names)}; each needs its own name")
    asking = {spec.heading: asks_gradients(spec.attack, spec.options) for spec in plan.attacks}
    for victim in victims:
        check_attacks(victim, [one for one in asking if asking[one]], [one for one in asking if not asking[one]])
        for spec in plan.attacks:
            _check_victim(spec, victim)
    chosen = _pictures(plan, victims, data)
    with claim(out, _identity(plan, victims, chosen, place), command="physadv attack") as run:
        names = [f"{row}-{number}" for row in range(len(victims)) for number in range(len(plan.attacks))]
        if run.finished() and all(_kept(*_files(out, name)) for name in names):
            return read_robustness(out)
        summary = _run(plan, victims, chosen, out, listener)
        run.finish(RobustnessSummary.file_name, TABLE_NAME)
    return summary


def _identity(
    plan: RobustnessPlan, victims: Sequence[Victim], chosen: SignDataset, place: torch.device
) -> dict[str, Any]:
    """What decides the matrix."""
    return {
        "plan": plan.model_dump(mode="json", exclude={"victims", "attacks"}),
        "victims": {victim.name: victim.fingerprint for victim in victims},
        "attacks": [_attack_identity(spec) for spec in plan.attacks],
        "pictures": chosen.fingerprint,
        "device": str(place),
        "versions": package_versions(),
    }


def _attack_identity(spec: AttackSpec) -> dict[str, Any]:
    """What decides the cells of an attack beside victims and pictures."""
    told = spec.model_dump(mode="json", exclude={"on_signs"})
    if spec.attack != STICKER:
        attack = build_attack(spec.attack, spec.options)
        told |= {"options": attack.told_of(spec.options), "files": attack.fingerprint}
    where = spec.on_signs
    if where is None:
        return told
    return {
        **told,
        "on signs": where.model_dump(mode="json", exclude={"signs", "scenes", "scored_in"}),
        "signs": [sign.value.fingerprint for sign in where.signs],
        "scenes": [scene.value.fingerprint for scene in where.scenes],
        "scored in": where.scored_in.value.fingerprint,
    }


def _run(
    plan: RobustnessPlan, victims: Sequence[Victim], chosen: SignDataset, out: Path, listener: Listener | None
) -> RobustnessSummary:
    shown = _Shown(chosen)
    work = [
        _Attacked(out, f"{row}-{number}", plan, spec, victim, shown)
        for row, victim in enumerate(victims)
        for number, spec in enumerate(plan.attacks)
    ]
    cells = list(LocalRunner().run(work, listener=listener))
    summary = RobustnessSummary(
        plan=plan,
        pictures=len(chosen),
        dataset=f"{chosen.kind} {chosen.split}",
        notes=chosen.notes,
        victims={victim.name: victim.sha256 for victim in victims},
        gradients={v.name: f"{v.gradient_words} ({v.adaptive})" for v in victims if isinstance(v, Defended)},
        cells=tuple(_flagged(cells, {victim.name: victim.differentiable for victim in victims})),
        versions=package_versions(),
    )
    _join(out, [out / "cells" / f"{v}-{a}.parquet" for v in range(len(victims)) for a in range(len(plan.attacks))])
    summary.write(out)
    return summary


def read_robustness(folder: Path) -> RobustnessSummary:
    """The summary in a folder.

    Raises:
        PhysadvError: there is none, or it is damaged.
    """
    return RobustnessSummary.read(folder)


def _check_victim(spec: AttackSpec, victim: Victim) -> None:
    check_goal(spec.goal, victim)
    for sign in spec.on_signs.signs if spec.on_signs else ():
        true_class_of(sign.value, victim)


def _pictures(plan: RobustnessPlan, victims: Iterable[Victim], data: Path | None) -> SignDataset:
    """Pictures of classes that all victims know."""
    chosen = load_dataset(plan.dataset, data, split=plan.split)
    for victim in victims:
        told = len(chosen.notes)
        chosen = chosen.among(victim.classes)
        tell(chosen.notes[told:])
    chosen = drawn(chosen, plan.limit, plan.seed)
    chosen.check()
    return chosen


def drawn(chosen: SignDataset, limit: int | None, seed: int) -> SignDataset:
    """So many of the pictures, drawn by the seed; all of them where there are no more."""
    if not limit or limit >= len(chosen):
        return chosen
    order = torch.randperm(len(chosen), generator=torch.Generator().manual_seed(seed))
    return chosen.subset(order[:limit].sort().values)


def pictures_for(victim: Victim, chosen: SignDataset) -> tuple[Tensor, Tensor]:
    """The pictures ``[N, 3, H, W]`` at the victim's size, and their labels ``[N]`` in its words."""
    height, width = victim.input_size
    known = chosen.select(victim.classes)
    side = max(height, width)
    pictures = torch.cat([some for some, _ in known.batches(side)])
    if height != width:
        pictures = torch.nn.functional.interpolate(pictures, size=(height, width), mode="bilinear", antialias=True)
    device = next(victim.parameters(), torch.zeros(())).device
    return pictures.clamp(0.0, 1.0).to(device), known.labels.to(device)


class _Shown:
    """Pictures of a data set as victims are shown them: those of one victim at a time are kept."""

    def __init__(self, chosen: SignDataset) -> None:
        self.chosen = chosen
        self._last: tuple[Victim, tuple[Tensor, Tensor]] | None = None

    def to(self, victim: Victim) -> tuple[Tensor, Tensor]:
        """Pictures and labels, as :func:`pictures_for`."""
        if self._last is None or self._last[0] is not victim:
            self._last = victim, pictures_for(victim, self.chosen)
        return self._last[1]


@dataclass(frozen=True)
class _Attacked(Job[Cell]):
    """One attack on one victim: a record, a table and a picture of examples."""

    out: Path
    name: str
    plan: RobustnessPlan
    spec: AttackSpec
    victim: Victim
    shown: _Shown

    def kept(self) -> Cell | None:
        return _kept(*_files(self.out, self.name))

    def make(self, listener: Listener | None) -> Cell:
        title = f"{self.victim.name} · {self.spec.heading}"
        out, plan, spec, victim = self.out, self.plan, self.spec, self.victim
        (pictures, labels), (record, table) = self.shown.to(victim), _files(self.out, self.name)
        tell = renamed(listener, title)
        started = time.perf_counter()
        control = None
        if spec.on_signs:
            done = attack_signs(
                spec.attack, spec.options, spec.goal, spec.on_signs, victim, seed=plan.seed, listener=tell
            )
            result, pictures, labels, control = done.result, done.clean, done.labels, done.control
        else:
            attack = build_attack(spec.attack, spec.options)
            result = attack(victim, pictures, labels, goal=spec.goal, seed=plan.seed, batch=plan.batch, listener=tell)
        rows = _shown(labels, result)
        examples = _examples(out / "cells" / f"{self.name}.png", pictures, rows, result)
        cell = _measured(victim, spec, labels, result, control, time.perf_counter() - started)
        cell = cell.model_copy(update={"examples": examples, "shown": _described(victim, rows, labels, result)})
        _write_table(table, victim.name, spec.heading, labels, result)
        write_json(record, cell.model_dump(mode="json"))
        return cell


def _files(out: Path, name: str) -> tuple[Path, Path]:
    """A cell's record and table."""
    return out / "cells" / f"{name}.json", out / "cells" / f"{name}.parquet"


def _kept(record: Path, table: Path) -> Cell | None:
    """A finished cell; None where a file of it is missing or damaged, so that it is computed again."""
    try:
        cell = validate(Cell, read_json(record), record)
        read_parquet(table)
        if cell.examples and not is_there(record.parent.parent / cell.examples):
            return None
    except PhysadvError:
        return None
    return cell


def _measured(
    victim: Victim,
    spec: AttackSpec,
    labels: Tensor,
    result: AttackResult,
    control: Tensor | None,
    seconds: float,
) -> Cell:
    read = result.clean == labels
    won = result.success & read & result.attacked
    asked = result.queries[result.attacked].double()
    norms = {
        name: float(result.norms[name][won].double().median()) if name in result.norms and bool(won.any()) else None
        for name in NORMS
    }
    options = spec.options if spec.on_signs else build_attack(spec.attack, spec.options).model_dump(mode="json")
    return Cell(
        victim=victim.name,
        attack=spec.heading,
        kind=spec.attack,
        goal=spec.goal,
        knowledge=knowledge_of(spec.attack),
        options=options,
        clean_accuracy=rate(read.cpu().numpy()),
        robust_accuracy=rate((result.predicted == labels).cpu().numpy()),
        success=rate(won[read & result.attacked].cpu().numpy()),
        median_norms=norms,
        median_queries=float(asked.median()) if len(asked) else None,
        seconds=round(seconds, 2),
        flags=(
            *(warning("victim-doubtful", f"Victim {victim.name}: {doubt}.") for doubt in victim.doubts),
            *(warning("search", note) for note in result.flags if note not in victim.doubts),
        ),
        constant=_constant(result.clean, labels),
        on_signs=spec.on_signs,
        control_accuracy=None if control is None else rate(control.cpu().numpy()),
        examples="",
    )


def _flagged(cells: list[Cell], differentiable: dict[str, bool]) -> Iterator[Cell]:
    """The cells with the flags that need the whole matrix, before those of their own search."""
    for cell in cells:
        found = cell_flags(cell, cells, differentiable=differentiable[cell.victim])
        yield cell.model_copy(update={"flags": (*found, *cell.flags)})


def _constant(read: Tensor, labels: Tensor) -> bool:
    """Whether pictures of several classes were all read as one."""
    return bool((labels != labels[0]).any()) and not bool((read != read[0]).any())


def _shown(labels: Tensor, result: AttackResult) -> Tensor:
    """Numbers of some of the pictures that were won."""
    rows = (result.success & result.attacked & (result.clean == labels)).nonzero()[:, 0]
    if not len(rows):
        return rows
    return rows[torch.linspace(0, len(rows) - 1, min(EXAMPLES, len(rows))).round().long()]


def _described(victim: Victim, rows: Tensor, labels: Tensor, result: AttackResult) -> tuple[Example, ...]:
    """What these pictures were read as, in the victim's words."""
    names = victim.classes
    return tuple(
        Example(
            picture=row,
            true_class=names[int(labels[row])],
            clean=names[int(result.clean[row])],
            adversarial=names[int(result.predicted[row])],
        )
        for row in rows.tolist()
    )


def _examples(path: Path, pictures: Tensor, rows: Tensor, result: AttackResult) -> str:
    """Writes these pictures: clean, adversarial, and the difference around gray."""
    if not len(rows):
        return ""
    clean, made = pictures[rows].cpu(), result.adversarial[rows].cpu()
    change = made - clean
    scale = 0.5 / change.abs().flatten(1).amax(1).clamp(min=1e-6)[:, None, None, None]
    strips = torch.cat([clean, made, 0.5 + change * scale], dim=2).permute(0, 2, 3, 1)
    sheet = torch.cat(list(strips), dim=1)
    with atomic_path(path) as temporary:
        write_png(temporary, (sheet.clamp(0, 1) * 255).round().to(torch.uint8).numpy())
    return f"{path.parent.name}/{path.name}"


def _write_table(path: Path, victim: str, attack: str, labels: Tensor, result: AttackResult) -> None:
    columns: dict[str, Any] = {
        "victim": pa.array([victim] * len(labels)),
        "attack": pa.array([attack] * len(labels)),
        "picture": np.arange(len(labels)),
        "label": labels.cpu().numpy(),
        **{
            name: getattr(result, name).cpu().numpy()
            for name in ("clean", "predicted", "attacked", "success", "queries", "gradients")
        },
        **{
            name: result.norms[name].double().cpu().numpy() if name in result.norms else np.full(len(labels), np.nan)
            for name in NORMS
        },
    }
    write_parquet(path, pa.table(columns))


def _join(out: Path, parts: list[Path]) -> None:
    write_parquet(out / TABLE_NAME, pa.concat_tables([read_parquet(part) for part in parts]))
