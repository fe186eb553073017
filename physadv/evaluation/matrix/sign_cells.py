"""Attacks on signs, for the matrix: designed through scenes, scored in frames of another scene."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from pydantic import Field
from torch import Tensor

from physadv.attacks import DesignConfig, SignAttackConfig
from physadv.attacks.digital.attack import ATTACKS, Knowledge, Result, build_attack
from physadv.attacks.physical.sign_search import SignChange, SignSearch, find_change, true_class_of
from physadv.core.config import Config, validate
from physadv.core.devices import AUTO
from physadv.core.limits import MAX_BATCH, MAX_FRAMES
from physadv.core.named import Reference
from physadv.core.progress import Listener, counter
from physadv.core.randomness import substream
from physadv.evaluation.subjects import texture_px
from physadv.goals import build_goal
from physadv.scenes import PaintedSign, SceneField, ScenesField
from physadv.signs import Sign, SignField
from physadv.victims import Reading, Victim, device_of

STICKER = "rp2"
"""Name of the one attack that designs stickers; all others change the artwork."""
_BATCH = 128


class OnSigns(Config):
    """On which signs, designed through what, and scored in what."""

    signs: tuple[SignField, ...] = Field(default=("de/stop",), min_length=1, validate_default=True)
    scenes: ScenesField = Field(default=("wide",), validate_default=True)
    """That the search sees."""
    scored_in: SceneField = Field(default="stationary-15", validate_default=True)
    """The scene of the frames that count; the search never sees them."""
    frames: int = Field(default=240, ge=1, le=MAX_FRAMES)
    """Frames a sign."""
    views: int = Field(default=32, ge=1, le=MAX_BATCH)
    """Frames of every look of the search."""


@dataclass(frozen=True, eq=False)
class OnSignsResult:
    """Frames of signs, clean and attacked, and what became of them.

    Attributes:
        result: its pictures are the frames ``[N, 3, H, W]``; its queries are those of the whole search of a sign.
        clean: the same frames of clean signs.
        labels: the signs' classes ``[N]``.
        control: whether the same frames are read rightly where the sticker is plain gray, ``[N]``; None: there is no
            sticker.
    """

    result: Result
    clean: Tensor
    labels: Tensor
    control: Tensor | None


def knowledge_of(attack: str) -> Knowledge:
    """What an attack, or the design of stickers, must be told of the victim."""
    return "gradients" if attack == STICKER else ATTACKS[attack].knowledge


def asks_gradients(attack: str, options: dict[str, Any]) -> bool:
    """Whether it needs a victim that can be differentiated, with these options."""
    return attack == STICKER or build_attack(attack, options).asks_gradients


def check_on_signs(attack: str, options: dict[str, Any], goal: str, where: OnSigns) -> None:
    """Whether these options make sense.

    Raises:
        PhysadvError: an unknown sign or scene, or a wrong option.
    """
    for sign in where.signs:
        _ = sign.value
    _ = where.scored_in.value
    _config(attack, options, goal, where, where.signs[0], seed=0)


def attack_signs(
    attack: str,
    options: dict[str, Any],
    goal: str,
    where: OnSigns,
    victim: Victim,
    *,
    seed: int,
    listener: Listener | None = None,
) -> OnSignsResult:
    """Attacks each sign, and scores what was found.

    Args:
        attack: of the registry, or ``rp2``.
        options: of the attack; with ``rp2``, of :class:`physadv.attacks.DesignConfig`.
        goal: in words.
        where: signs and scenes.
        victim: the classifier.
        seed: of all random numbers.
        listener: told of the signs that are done.

    Raises:
        PhysadvError: the victim does not know a sign, or something is wrong with the options.
    """
    parts = []
    for number, named in enumerate(where.signs):
        sign = named.value
        config = _config(attack, options, goal, where, named, seed=seed, device=str(device_of(victim)))
        task, change = find_change(config, victim=victim)
        parts.append(_scored(change, task.flags(change), sign, goal, where, victim, seed))
        counter(listener, "signs")(number + 1, len(where.signs))
    return _joined(parts)


def _config(
    attack: str,
    options: dict[str, Any],
    goal: str,
    where: OnSigns,
    sign: Reference[Sign],
    *,
    seed: int,
    device: str = AUTO,
) -> SignSearch:
    common = {"sign": sign, "goal": goal, "scenes": where.scenes, "views": where.views, "seed": seed, "device": device}
    if attack == STICKER:
        return validate(DesignConfig, {"steps": 300, **common, **options}, f"attack {STICKER!r}")
    return validate(SignAttackConfig, {"attack": attack, "options": options, **common}, f"attack {attack!r} on signs")


def _scored(
    change: SignChange, flags: tuple[str, ...], sign: Sign, goal: str, where: OnSigns, victim: Victim, seed: int
) -> OnSignsResult:
    device = device_of(victim)
    painted = change.shown(texture_px(max(victim.input_size)), device)
    px = painted["attacked"].rgba.shape[-1]
    bare = PaintedSign(sign, sign.texture(px).to(device), torch.ones(1, px, px, device=device))
    frames, readings = _read({"clean": bare, **painted}, where, victim, seed)
    labels = torch.full((where.frames,), true_class_of(sign, victim), device=device)
    aim = build_goal(goal, victim=victim, true_class=labels, clean_logits=readings["clean"].logits)
    count = torch.ones_like(labels)
    result = Result(
        adversarial=frames["attacked"],
        success=aim.won(readings["attacked"]),
        attacked=~aim.won(readings["clean"]),
        clean=readings["clean"].predicted,
        predicted=readings["attacked"].predicted,
        queries=count * change.queries,
        gradients=count * change.gradients,
        norms={},
        flags=(*flags, *_seen(where)),
    )
    control = readings["gray"].predicted == labels if "gray" in painted else None
    return OnSignsResult(result, frames["clean"], labels, control)


def _seen(where: OnSigns) -> tuple[str, ...]:
    """A flag where the frames that count show photographs that the search sees."""
    seen = frozenset().union(*(scene.value.pictures for scene in where.scenes))
    both = len(seen & where.scored_in.value.pictures)
    return (f"{both} of the photographs that it is scored in were seen by the attack",) if both else ()


@torch.no_grad()
def _read(
    shown: dict[str, PaintedSign], where: OnSigns, victim: Victim, seed: int
) -> tuple[dict[str, Tensor], dict[str, Reading]]:
    """Frames and readings of each painted sign, all in the same conditions."""
    scene = where.scored_in.value
    seed = substream(seed, f"robustness/{where.scored_in}")
    frames: dict[str, list[Tensor]] = {name: [] for name in shown}
    for start in range(0, where.frames, _BATCH):
        count = min(_BATCH, where.frames - start)
        conditions = scene.sample(count, seed=seed, start=start).with_box(victim.box)
        for name, painted in shown.items():
            there = conditions.to(painted.rgba.device)
            frames[name].append(scene.render(painted, there, size=victim.input_size))
    joined = {name: torch.cat(parts) for name, parts in frames.items()}
    return joined, {
        name: Reading.joined([victim.read(part) for part in torch.split(of, _BATCH)]) for name, of in joined.items()
    }


def _joined(parts: list[OnSignsResult]) -> OnSignsResult:
    def all_of(name: str) -> Tensor:
        return torch.cat([getattr(part.result, name) for part in parts])

    names = ("adversarial", "success", "attacked", "clean", "predicted", "queries", "gradients")
    flags = tuple(dict.fromkeys(flag for part in parts for flag in part.result.flags))
    controls = [part.control for part in parts if part.control is not None]
    return OnSignsResult(
        result=Result(**{name: all_of(name) for name in names}, norms={}, flags=flags),
        clean=torch.cat([part.clean for part in parts]),
        labels=torch.cat([part.labels for part in parts]),
        control=torch.cat(controls) if controls else None,
    )
