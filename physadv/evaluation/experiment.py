"""An experiment: design and evaluate in one file, resumable."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Any

from pydantic import Field

from physadv.attacks import DesignConfig, Listener, design, true_class_of
from physadv.attacks.goals import check_goal
from physadv.core.config import Config, read_yaml, validate
from physadv.core.devices import AUTO, device_name
from physadv.core.errors import PhysadvError
from physadv.core.files import foreign_entries, read_json, read_named_yaml, write_json
from physadv.core.limits import MAX_FRAMES
from physadv.defenses import load
from physadv.defenses.library import split
from physadv.evaluation.battery import load_battery
from physadv.evaluation.runfolder import first_difference
from physadv.evaluation.runner import evaluate
from physadv.evaluation.summary import Summary
from physadv.patches import ink_of
from physadv.scenes import load_scene
from physadv.signs import load_sign

SHIPPED = "stop-sign"
EVALUATION = "evaluation"
"""Folder of an experiment's results."""
_JUDGING = {"description", "max_asr", "max_targeted_asr"}
"""Keys that neither the design nor the frames depend on."""


class Scoring(Config):
    """What an experiment's patch is scored with."""

    victims: tuple[str, ...] = ()
    """Beside the victim that the patch is designed against."""
    batteries: tuple[str, ...] = Field(default=("stationary-15", "drive-by"), min_length=1)
    frames: int | None = Field(default=None, gt=0, le=MAX_FRAMES)
    """Frames an entry, in place of the battery's own number."""


class Experiment(Config):
    """Design a patch, score it beside its controls."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    description: str = ""
    design: DesignConfig
    evaluate: Scoring = Field(default_factory=Scoring)
    max_asr: float | None = Field(default=None, ge=0, le=1)
    """A limit on the untargeted success (any wrong class); where a battery's own is stricter, that one holds."""
    max_targeted_asr: float | None = Field(default=None, ge=0, le=1)
    """A limit on the success at the patch's target, likewise."""


def experiment_names() -> list[str]:
    """Names of the shipped experiments."""
    folder = resources.files("physadv.evaluation").joinpath("experiments")
    return sorted(entry.name.removesuffix(".yaml") for entry in folder.iterdir() if entry.name.endswith(".yaml"))


def load_experiment(path: Path | None = None) -> Experiment:
    """An experiment file, or the shipped stop-sign experiment. Paths in it are relative to the file.

    Raises:
        PhysadvError: the file is missing or wrong.
    """
    if path is None or str(path) in experiment_names():
        name = SHIPPED if path is None else str(path)
        data = read_named_yaml("physadv.evaluation", f"experiments/{name}.yaml")
        return validate(Experiment, data, f"experiment {name}")
    data = read_yaml(path)
    for part, keys in _PATHS.items():
        if isinstance(data.get(part), dict):
            data[part] = {
                key: _from_file(value, path.parent) if key in keys else value for key, value in data[part].items()
            }
    return validate(Experiment, data, path)


_PATHS = {"design": {"sign", "victim", "mask", "paint", "scenes", "calibration"}, "evaluate": {"victims", "batteries"}}
"""Keys of an experiment whose values may be paths."""


def _from_file(value: Any, folder: Path) -> Any:
    """A value, or each of a list, with the path of a file in ``folder`` made one from here; defences stay behind it."""
    if isinstance(value, list):
        return [_from_file(one, folder) for one in value]
    if not isinstance(value, str):
        return value
    path, *defences = split(value)
    is_ours = path.endswith((".yaml", ".yml", ".json")) and (folder / path).is_file()
    return "+".join([str(folder / path), *defences]) if is_ours else value


def run_experiment(plan: Experiment, out: Path, *, listener: Listener | None = None, device: str = AUTO) -> Summary:
    """Runs what is still missing of an experiment in folder ``out``: ``patch/``, then the evaluation's files.

    Raises:
        PhysadvError: ``out`` belongs to another experiment, or something in the plan is wrong.
    """
    device = device_name(device)
    plan = plan.model_copy(update={"design": plan.design.model_copy(update={"device": device})})
    victims = {spec: load(spec) for spec in (plan.design.victim, *plan.evaluate.victims)}
    check_goal(plan.design.goal, victims[plan.design.victim])
    true_class_of(load_sign(plan.design.sign), victims[plan.design.victim], plan.design.true_class)
    for battery in plan.evaluate.batteries:
        load_battery(battery)
    for scene in plan.design.scenes:
        load_scene(scene)
    ink_of(plan.design.calibration)
    record = out / "experiment.json"
    if foreign_entries(out, [record.name]):
        if not record.exists():
            raise PhysadvError(f"{out}: exists and is not an experiment's folder; choose another --out")
        _check_same(read_json(record), plan, out)
    write_json(record, plan.model_dump(mode="json"))
    patch = out / plan.name
    if not (patch / "patch.json").exists():
        design(plan.design, out=patch, victim=victims[plan.design.victim], listener=listener)
    return evaluate(
        [patch],
        list(victims),
        list(plan.evaluate.batteries),
        out / EVALUATION,
        frames=plan.evaluate.frames,
        max_asr=plan.max_asr,
        max_targeted_asr=plan.max_targeted_asr,
        true_class=plan.design.true_class,
        calibration=plan.design.calibration,
        device=device,
    )


def _check_same(record: Any, plan: Experiment, out: Path) -> None:
    """Whether what ``out`` holds is this experiment's; what only judges or describes it may have changed."""
    old = {key: value for key, value in dict(record).items() if key not in _JUDGING} if isinstance(record, dict) else {}
    new = plan.model_dump(mode="json", exclude=_JUDGING)
    if old != new:
        change = first_difference(old, new)
        raise PhysadvError(f"{out}: holds another experiment ({change}); choose another --out, or remove that folder")
