"""Any attack, seen through scenes: what it changes is a sign's artwork, printed and put on the sign."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import Field
from torch import Tensor

from physadv.attacks.digital.attack import Attack, build_attack
from physadv.attacks.digital.views import Seen
from physadv.attacks.gradients import check_differentiable
from physadv.attacks.physical.clean_sign import unread, warn_unread
from physadv.attacks.physical.engine import FrameStream, design_seed, pictures_of, shared_pictures
from physadv.attacks.physical.rp2 import true_class_of
from physadv.core.config import Config
from physadv.core.devices import AUTO, DeviceName, device_name, pick_device
from physadv.core.errors import PhysadvError
from physadv.core.limits import MAX_HELD_OUT
from physadv.core.memory import keep_freed_memory
from physadv.core.versions import package_versions
from physadv.defenses import VictimField
from physadv.goals import Goal, build_goal
from physadv.patches import Patch, VictimNote, bundle_of, check_replaceable, save_patch
from physadv.patches.published_noise import patch_from_noise
from physadv.scenes import Part, ScenesField
from physadv.signs import SignField
from physadv.victims import Reading, Victim, check_logits, placed, under_attack


class SignAttackConfig(Config):
    """An attack of the registry on a sign's artwork, as the victim sees it through scenes."""

    attack: str
    options: dict[str, Any] = Field(default_factory=dict)
    sign: SignField = Field(default="us/stop", validate_default=True)
    victim: VictimField = Field(default="gtsrb-cnn", validate_default=True)
    goal: str = "untargeted"
    scenes: ScenesField = Field(default=("wide",), validate_default=True)
    views: int = Field(default=32, ge=1, le=4096)
    """Frames of every look."""
    texture_px: int = Field(default=128, ge=16, le=1024)
    """Texels a side of the artwork."""
    held_out_frames: int = Field(default=256, ge=16, le=MAX_HELD_OUT)
    """Frames, never searched on, that the result is measured on."""
    true_class: str | None = None
    seed: int = Field(default=0, ge=0, lt=2**31)
    device: DeviceName = AUTO


@dataclass(frozen=True, eq=False)
class SignSearch:
    """What an attack has made of a sign's artwork.

    Attributes:
        attack: that did it.
        seen: the view that it was searched through; its one picture is the artwork.
        changed: the artwork now, ``[3, P, P]``, sRGB-encoded in [0,1].
        goal: that was searched for.
        won: which of the held-out frames are won, ``[F]``, 0 or 1.
        queries, gradients: frames that the victim answered, and of them those with a gradient.
        flags: what made the search doubtful, in words.
        pictures: the photographs that the scenes show, as the patch's record tells them.
    """

    attack: Attack
    seen: Seen
    changed: Tensor
    goal: Goal
    won: Tensor
    queries: int
    gradients: int
    flags: tuple[str, ...]
    pictures: dict[str, list[str]]


def search_sign(config: SignAttackConfig, *, victim: Victim | None = None) -> SignSearch:
    """Runs the attack on the artwork.

    Args:
        config: what is attacked, how, and through which scenes.
        victim: a model that is loaded already, in place of ``config.victim``.

    Raises:
        PhysadvError: something in ``config`` is wrong, or the victim lacks what the attack needs.
    """
    keep_freed_memory()
    device = pick_device(config.device)
    with placed(victim or config.victim.value, device) as model:
        return _searched(config, model, device)


def _searched(config: SignAttackConfig, victim: Victim, device: torch.device) -> SignSearch:
    """The search, with the victim on the device."""
    attack = build_attack(config.attack, config.options)
    sign = config.sign.value
    if attack.asks_gradients:
        check_differentiable(victim, f"attack {attack.kind!r}")
    scenes = [scene.value for scene in config.scenes]

    def view(part: Part, views: int) -> Seen:
        shown, seed = [scene.parted(part) for scene in scenes], design_seed(config.seed, part)
        stream = FrameStream(shown, seed=seed, views=views, size=victim.input_size, box=victim.box, device=device)
        return Seen(sign, stream, px=config.texture_px, device=device, printed=attack.printed)

    seen, held_out = view("train", config.views), view("held-out", config.held_out_frames)
    with under_attack(victim):
        with torch.no_grad():
            clean = held_out.look(victim, held_out.pictures, step=0)[0]
        check_logits(victim, torch.zeros(1, 3, *victim.input_size, device=device))
        true_class = true_class_of(sign, victim, config.true_class)
        warn_unread(victim, sign, true_class, clean)
        doubts = (
            *filter(None, [unread(victim, sign, true_class, clean)]),
            *(f"{victim.name}: {doubt}" for doubt in victim.doubts),
        )
        goal = build_goal(config.goal, victim=victim, true_class=true_class, clean_logits=clean)
        problem = attack.problem(victim, seen, goal)
        theta = attack.search(problem, torch.Generator().manual_seed(design_seed(config.seed, attack.kind))).detach()
        with torch.no_grad():
            changed = problem.changed(theta).clamp(0.0, 1.0)
            won = goal.won(Reading(held_out.look(victim, changed, step=0)[0])).float()
    return SignSearch(
        attack=attack,
        seen=seen,
        changed=changed[0],
        goal=goal,
        won=won,
        queries=int(problem.queries[0]),
        gradients=int(problem.gradients[0]),
        flags=(*doubts, *attack.flags(problem), *shared_pictures(scenes)),
        pictures=pictures_of(scenes),
    )


def attack_sign(config: SignAttackConfig, *, out: Path | None = None, victim: Victim | None = None) -> Patch:
    """Runs the attack, and makes a patch of what it has changed.

    Args:
        config: what is attacked, how, and through which scenes.
        out: folder of the bundle.
        victim: a model that is loaded already, in place of ``config.victim``.

    Raises:
        PhysadvError: something in ``config`` is wrong, the attack has changed nothing, or ``out`` is taken.
    """
    options = build_attack(config.attack, config.options).model_dump(mode="json", exclude={"kind"})
    config = config.model_copy(update={"device": device_name(config.device), "options": options})
    victim = victim or config.victim.value
    identity = _identity(config, victim)
    if out is None:
        return _made(config, victim, identity, name=config.attack)
    check_replaceable(out)
    with bundle_of(out, identity, command="physadv attack --scene") as there:
        if there:
            return there
        patch = _made(config, victim, identity, name=out.resolve().name)
        save_patch(patch, out.resolve(), replace=True)
    return patch


def _identity(config: SignAttackConfig, victim: Victim) -> dict[str, Any]:
    """All that decides the patch, files by their content."""
    named = {"sign", "victim", "scenes", "device"}
    attack = build_attack(config.attack, config.options)
    return {
        "config": {**config.model_dump(mode="json", exclude=named), "options": attack.told_of(config.options)},
        "attack": attack.fingerprint,
        "sign": config.sign.value.fingerprint,
        "victim": victim.fingerprint,
        "scenes": [scene.value.fingerprint for scene in config.scenes],
        "device": str(pick_device(config.device)),
        "versions": package_versions(),
    }


def _made(config: SignAttackConfig, victim: Victim, identity: dict[str, Any], *, name: str) -> Patch:
    found = search_sign(config, victim=victim)
    kind, sign = found.attack.kind, found.seen.sign
    flags = list(found.flags)
    if not found.attack.printed:
        flags.append("the change is light, and the bundle holds it as paint: headlights show the two differently")
    noise = (found.changed - found.seen.pictures[0]).cpu()
    where = noise.abs().amax(0) >= 1.0 / 255.0
    if not bool(where.any()):
        raise PhysadvError(
            f"attack {kind!r}: has changed nothing of sign {sign.name}; give it more steps or a larger bound"
        )
    return patch_from_noise(
        sign,
        noise,
        where,
        name=name,
        goal=found.goal.words,
        made={
            "attack": kind,
            "config": config.model_dump(mode="json"),
            "seed": config.seed,
            "victim": VictimNote(name=victim.name, sha256=victim.sha256, source=victim.source),
            "measured": {
                "held_out_success": round(float(found.won.mean()), 4),
                "held_out_frames": len(found.won),
                "queries": found.queries,
                "gradients": found.gradients,
                "flags": flags,
                **found.pictures,
            },
            "identity": identity,
        },
    )
