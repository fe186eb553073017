"""An experiment: design and evaluate in one file, resumable."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from pydantic import Field

from physadv.attacks import DesignConfig, design, true_class_of
from physadv.core.config import Config, load_config, overlaid, validate
from physadv.core.devices import device_name
from physadv.core.errors import PhysadvError
from physadv.core.files import read_named_yaml, write_json
from physadv.core.limits import MAX_FRAMES
from physadv.core.named import YAML, Named
from physadv.core.progress import Listener
from physadv.core.run_folder import claim
from physadv.defenses import VictimField
from physadv.evaluation.batteries.battery import Battery, BatteryField
from physadv.evaluation.batteries.run import check_unique, evaluate
from physadv.evaluation.batteries.summary import Summary
from physadv.goals import check_goal
from physadv.patches import ink_of
from physadv.victims import Victim

SHIPPED = "stop-sign"
EVALUATION = "evaluation"
"""Folder of an experiment's results."""
ECHO = "experiment.json"
"""What was asked."""


class Scoring(Config):
    """What an experiment's patch is scored with."""

    victims: tuple[VictimField, ...] = ()
    """Beside the victim that the patch is designed against."""
    batteries: tuple[BatteryField, ...] = Field(
        default=("stationary-15", "drive-by"), min_length=1, validate_default=True
    )
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

    def changed(self, keys: Mapping[str, Any], source: str) -> Experiment:
        """The experiment with other values for some of its keys; relative paths start at the working folder.

        Args:
            keys: nested as in a file.
            source: for messages.

        Raises:
            PhysadvError: an unknown key or a wrong value.
        """
        return validate(Experiment, overlaid(self.model_dump(mode="json"), keys), source)


def experiment_names() -> list[str]:
    """Names of the shipped experiments."""
    folder = resources.files("physadv.evaluation").joinpath("experiments")
    return sorted(entry.name.removesuffix(".yaml") for entry in folder.iterdir() if entry.name.endswith(".yaml"))


def load_experiment(spec: str | Path | Mapping[str, Any] | Experiment = SHIPPED) -> Experiment:
    """An experiment.

    Args:
        spec: a shipped experiment's name, the path of a YAML file, its content, or an experiment, which is returned as
            it is. Relative paths in a file start at the file.

    Raises:
        PhysadvError: no such experiment, or its declaration is wrong.
    """
    return EXPERIMENTS(spec)


def _shipped(name: str) -> Experiment:
    return validate(Experiment, read_named_yaml("physadv.evaluation", f"experiments/{name}.yaml"), f"experiment {name}")


def _declared(data: Mapping[str, Any], source: str, folder: Path | None = None) -> Experiment:
    return validate(Experiment, dict(data), source, folder=folder)


EXPERIMENTS = Named(
    "experiment",
    Experiment,
    names=experiment_names,
    ship=_shipped,
    read=lambda path: load_config(Experiment, path),
    build=_declared,
    endings=(*YAML, ".json"),
)


def run_experiment(
    plan: Experiment, out: Path, *, listener: Listener | None = None, device: str | None = None
) -> Summary:
    """Runs what is still missing of an experiment in folder ``out``: the patch, then the evaluation's files.

    Both are made on ``device``, or on that of the plan's design. An evaluation that was asked otherwise is made anew;
    the design is kept as long as what decides it is the same.

    Raises:
        PhysadvError: ``out`` holds another design or something else, or something in the plan is wrong.
    """
    device = device_name(plan.design.device if device is None else device)
    plan = plan.model_copy(update={"design": plan.design.model_copy(update={"device": device})})
    victims, batteries = _checked(plan)
    with claim(out, {"experiment": plan.name}, command="physadv run"):
        patch = out / plan.name
        design(plan.design, out=patch, victim=victims[0], listener=listener)
        write_json(out / ECHO, plan.model_dump(mode="json"))
        return evaluate(
            [patch],
            victims,
            batteries,
            out / EVALUATION,
            frames=plan.evaluate.frames,
            max_asr=plan.max_asr,
            max_targeted_asr=plan.max_targeted_asr,
            true_class=plan.design.true_class,
            calibration=plan.design.calibration,
            device=device,
            renew=True,
            listener=listener,
        )


def _checked(plan: Experiment) -> tuple[list[Victim], list[Battery]]:
    """Victims, the one to design against first, and batteries; whatever can be wrong is found before work starts."""
    victims = [one.value for one in dict.fromkeys((plan.design.victim, *plan.evaluate.victims))]
    batteries = [one.value for one in plan.evaluate.batteries]
    check_unique("victim", [victim.name for victim in victims])
    check_unique("battery", [battery.name for battery in batteries])
    check_goal(plan.design.goal, victims[0])
    if plan.max_targeted_asr is not None and plan.design.goal == "untargeted":
        raise PhysadvError(
            f"max_targeted_asr = {plan.max_targeted_asr:g}: the design's goal is untargeted, so there is no target; "
            "use max_asr"
        )
    sign = plan.design.sign.value
    for victim in victims:
        true_class_of(sign, victim, plan.design.true_class)
    for scene in plan.design.scenes:
        _ = scene.value
    ink_of(plan.design.calibration)
    return victims, batteries
