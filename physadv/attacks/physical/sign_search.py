"""Searches for a change of one sign, as a victim sees it through scenes: what all of them are told, given, and make.

A design of stickers and an attack of the registry differ in what they change and how they search. The rest is here: the
configuration that both share, the frames, the victim's reading of the clean sign, the goal, the bundle and its record.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from pydantic import Field

from physadv.attacks.physical.clean_sign import unread, warn_unread
from physadv.attacks.physical.engine import Checkpoint, FrameStream, design_seed, pictures_of, shared_pictures
from physadv.core.config import Config
from physadv.core.devices import AUTO, DeviceName, device_name, pick_device
from physadv.core.errors import PhysadvError
from physadv.core.identity import digest_of
from physadv.core.limits import MAX_HELD_OUT, MAX_RUN_SEED, MAX_TEXTURE_PX, MAX_VIEWS
from physadv.core.memory import keep_freed_memory
from physadv.core.progress import Listener
from physadv.core.versions import package_versions
from physadv.defenses import VictimField
from physadv.goals import Goal, build_goal
from physadv.patches import CHECKPOINT, Patch, VictimNote, bundle_of, check_replaceable, save_patch
from physadv.scenes import PaintedSign, Part, Scene, ScenesField
from physadv.signs import Sign, SignField, class_names
from physadv.victims import Victim, check_logits, placed, under_attack


class SignSearch(Config, ABC):
    """A search for a change of one sign: what it is told. It is echoed whole into the patch's record, and runs again
    from there."""

    sign: SignField = Field(default="us/stop", validate_default=True)
    victim: VictimField = Field(default="gtsrb-cnn", validate_default=True)
    goal: str = "untargeted"
    scenes: ScenesField = Field(default=("wide",), validate_default=True)
    views: int = Field(default=64, ge=1, le=MAX_VIEWS)
    """Frames a step."""
    texture_px: int | None = Field(default=None, ge=16, le=MAX_TEXTURE_PX)
    """Texels a side while searching; four times the victim's input if not given, 128 to 512."""
    held_out_frames: int = Field(default=256, ge=16, le=MAX_HELD_OUT)
    """Frames, never searched on, that the result is measured on."""
    true_class: str | None = None
    """The sign's class in the victim's words, where they cannot be matched by name."""
    seed: int = Field(default=0, ge=0, le=MAX_RUN_SEED)
    device: DeviceName = AUTO

    command: ClassVar[str]
    """Under which the user knows it."""

    @abstractmethod
    def check_victim(self, victim: Victim) -> None:
        """Whether the search can be run on this victim, and with what else it is told.

        Raises:
            PhysadvError: the victim lacks what the search needs, or a file is wrong.
        """

    @property
    def held_out_batch(self) -> int:
        """Frames that are held out and looked at together."""
        return self.views

    @property
    def decides(self) -> dict[str, Any]:
        """What of it decides the change, files by their content; sign, victim, scenes and device aside."""
        return {"config": self.model_dump(mode="json", exclude={"sign", "victim", "scenes", "device"})}

    @abstractmethod
    def find(self, task: SignTask, work: Work) -> SignChange:
        """Runs the search."""

    def texels(self, victim: Victim) -> int:
        """Texels a side for a victim."""
        return self.texture_px or max(128, min(512, 1 << (4 * max(victim.input_size) - 1).bit_length()))


@dataclass(frozen=True)
class SignTask:
    """What a search on a sign is given: all that its words mean.

    Attributes:
        sign, victim, scenes, goal: its parts; the victim is on ``device``, and frozen while the search runs.
        px: texels a side of the artwork.
        device: where frames are rendered.
        train, held_out: streams of frames with different seeds.
        doubts: what makes the victim doubtful before anything is painted, in words.
    """

    sign: Sign
    victim: Victim
    scenes: tuple[Scene, ...]
    goal: Goal
    px: int
    device: torch.device
    train: FrameStream
    held_out: FrameStream
    doubts: tuple[str, ...]

    def flags(self, change: SignChange) -> tuple[str, ...]:
        """What makes a change of this sign doubtful: the victim, the search, the photographs."""
        return (*self.doubts, *change.flags, *shared_pictures(self.scenes))


@dataclass(frozen=True)
class Work:
    """How a search is run.

    Attributes:
        started: when the call began, by ``time.perf_counter``: what was done since counts as work.
        checkpoint: where it leaves what it has; None: nowhere.
        listener: told of every step.
    """

    started: float
    checkpoint: Checkpoint | None = None
    listener: Listener | None = None


class SignChange(ABC):
    """What a search has made of a sign.

    Attributes:
        attack: name of the attack, as the patch's record has it.
        queries, gradients: frames that the victim answered, and of them those with a gradient.
        measured: what the record says of it.
        flags: what made the search doubtful, in words.
    """

    attack: str
    queries: int
    gradients: int
    measured: dict[str, Any]
    flags: tuple[str, ...]

    @abstractmethod
    def patch(self, name: str, made: dict[str, Any]) -> Patch:
        """The patch that can be printed of it.

        Args:
            name: of the patch.
            made: fields of its record.

        Raises:
            PhysadvError: nothing was changed.
        """

    @abstractmethod
    def shown(self, px: int, device: torch.device) -> dict[str, PaintedSign]:
        """The sign as it was ``attacked``, and in plain ``gray`` where it has such a control.

        Args:
            px: texels a side, unless it is shown as it was searched.
            device: where.
        """


def true_class_of(sign: Sign, victim: Victim, name: str | None = None) -> int:
    """Index of the sign's own class in the victim's classes.

    Raises:
        PhysadvError: the victim does not know the sign, or has no class of the name given.
    """
    if name is not None:
        return victim.class_index(name)
    option = "--true-class" if getattr(victim, "by_card", True) else "true_class="  # a module came through Python
    try:
        index = victim.find_class(*sign.labels)
    except PhysadvError as error:
        raise PhysadvError(f"sign {sign.name}: {error}, with {option}") from error
    numbered = index is not None and victim.classes[index].isdecimal()
    if index is None or (numbered and len(victim.classes) != len(class_names("gtsrb"))):  # only GTSRB's are known
        raise PhysadvError(
            f"victim {victim.name!r}: none of its classes is sign {sign.name} ({', '.join(sign.labels)}); "
            f"say which with {option}: {', '.join(victim.classes)}"
        )
    return index


def prepare(config: SignSearch, victim: Victim) -> SignTask:
    """What the words mean, for a victim that is on the configuration's device.

    Raises:
        PhysadvError: something in ``config`` is wrong.
    """
    keep_freed_memory()
    device = pick_device(config.device)
    config.check_victim(victim)
    sign, scenes = config.sign.value, tuple(scene.value for scene in config.scenes)
    px = config.texels(victim)

    def stream(part: Part, views: int) -> FrameStream:
        shown, seed = [scene.for_part(part) for scene in scenes], design_seed(config.seed, part)
        return FrameStream(shown, seed=seed, views=views, size=victim.input_size, box=victim.box, device=device)

    held_out = stream("held-out", config.held_out_batch)
    bare = PaintedSign(sign, sign.texture(px).to(device), torch.ones(1, px, px, device=device))
    with under_attack(victim, quicken=False):
        clean_logits = check_logits(victim, held_out.render(bare, 0))
    true_class = true_class_of(sign, victim, config.true_class)
    warn_unread(victim, sign, true_class, clean_logits)
    doubts = (
        *filter(None, [unread(victim, sign, true_class, clean_logits)]),
        *(f"{victim.name}: {doubt}" for doubt in victim.doubts),
    )
    goal = build_goal(config.goal, victim=victim, true_class=true_class, clean_logits=clean_logits)
    return SignTask(sign, victim, scenes, goal, px, device, stream("train", config.views), held_out, doubts)


@contextmanager
def prepared(config: SignSearch, victim: Victim | None) -> Iterator[SignTask]:
    """:func:`prepare` with the configuration's own victim, or another that is loaded already, moved to its device."""
    with placed(victim or config.victim.value, pick_device(config.device)) as model:
        yield prepare(config, model)


def find_change(config: SignSearch, *, victim: Victim | None = None) -> tuple[SignTask, SignChange]:
    """Runs a search, and gives what it was given and what it has found.

    Raises:
        PhysadvError: something in ``config`` is wrong, or the victim lacks what the search needs.
    """
    started = time.perf_counter()
    with prepared(config, victim) as task, under_attack(task.victim):
        return task, config.find(task, Work(started))


def make_patch(
    config: SignSearch,
    *,
    out: Path | None,
    victim: Victim | None = None,
    listener: Listener | None = None,
    overwrite: bool = False,
    name: str = "patch",
) -> Patch:
    """Runs a search, and makes a patch of what it has found.

    Args:
        config: what is searched, for whom, through which scenes, and how long.
        out: folder of the bundle. While the search runs, it holds the checkpoint from which the same call resumes; when
            it is done, the same call reads the patch that is there.
        victim: a model that is loaded already, in place of ``config.victim``.
        listener: told of every step.
        overwrite: search anew, and replace the bundle that is there.
        name: of the patch, where there is no folder.

    Raises:
        PhysadvError: something in ``config`` is wrong, the search has changed nothing, or ``out`` belongs to another
            one.
    """
    started = time.perf_counter()
    if out is not None:
        check_replaceable(out)
    config = config.model_copy(update={"device": device_name(config.device)})
    with prepared(config, victim) as task:
        identity = _identity(config, task)

        def made(name: str, checkpoint: Checkpoint | None) -> Patch:
            with under_attack(task.victim):
                change = config.find(task, Work(started, checkpoint, listener))
            return _patch(config, task, change, name=name, identity=identity)

        if out is None:
            return made(name, None)
        with bundle_of(out, identity, command=config.command, overwrite=overwrite) as there:
            if there:
                return there
            checkpoint = Checkpoint(out / CHECKPOINT, identity=digest_of(identity))
            with checkpoint.kept_if_of_use():
                patch = made(out.resolve().name, checkpoint)
            save_patch(patch, out.resolve(), replace=True)
    return patch


def _identity(config: SignSearch, task: SignTask) -> dict[str, Any]:
    """All that decides the patch, files by their content."""
    return {
        **config.decides,
        "sign": task.sign.fingerprint,
        "victim": task.victim.fingerprint,
        "scenes": [scene.fingerprint for scene in task.scenes],
        "device": str(task.device),
        "versions": package_versions(),
    }


def _patch(config: SignSearch, task: SignTask, change: SignChange, *, name: str, identity: dict[str, Any]) -> Patch:
    """The patch with its record."""
    victim = task.victim
    return change.patch(
        name,
        {
            "attack": change.attack,
            "config": config.model_dump(mode="json"),
            "goal": task.goal.words,
            "seed": config.seed,
            "victim": VictimNote(name=victim.name, sha256=victim.sha256, source=victim.source),
            "measured": {**change.measured, "flags": list(task.flags(change)), **pictures_of(task.scenes)},
            "identity": identity,
        },
    )
