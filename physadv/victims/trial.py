"""A victim's trial: signs and noise are shown to it once, and what makes its answers doubtful is found out then."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from physadv.core.color import linear_to_srgb
from physadv.core.config import validate
from physadv.core.errors import PhysadvError
from physadv.victims.preprocess import InputConfig, Preprocess, resize
from physadv.victims.victim import Victim, check_logits, under_attack

if TYPE_CHECKING:
    from physadv.victims.library import NetworkVictim

SHOWN = ("us/stop", "de/yield", "de/no-entry", "de/keep-right", "us/speed-limit-45")
"""Signs of different shape and color, most of them in every country's set of classes."""
_DRAWN_PX = 64
_NOISE = 3
SAME = 1e-5
"""Answers that vary by less than this part of their size, over signs and noise, do not depend on the picture."""
NEARLY_SAME = 0.02
"""The same, but for rounding, of what is left where pictures in [0,1] are taken for ones in 0..255."""
MANY, QUICK_S = 8, 0.2
"""Times that the trial's pictures are shown in one batch, and how long one look at them may take for that."""
ROUNDING = 0.01
"""Of the spread of a picture's logits: two looks at the same picture that differ by more are two answers."""
SIZES = (16, 24, 28, 30, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 299, 320, 384)
"""Sides in pixels that networks are made for."""


@dataclass(frozen=True, eq=False)
class Trial:
    """What a victim has answered.

    Attributes:
        logits: of the trial's pictures ``[M, K]``.
        random: whether two looks at the same pictures differ.
    """

    logits: Tensor
    random: bool


@cache
def _drawn() -> Tensor:
    """Signs on gray and noise, coarse and fine, ``[M, 3, P, P]``; the signs come first."""
    from physadv.signs import load_sign

    pictures = []
    for name in SHOWN:
        drawn = load_sign(name).texture(_DRAWN_PX)
        color, alpha = drawn[:3], drawn[3:]
        pictures.append(linear_to_srgb(color * alpha + 0.2 * (1.0 - alpha)))
    generator = torch.Generator().manual_seed(0)
    for side in (_DRAWN_PX, 8, 3)[:_NOISE]:
        noise = torch.rand(1, 3, side, side, generator=generator)
        pictures.append(F.interpolate(noise, size=(_DRAWN_PX, _DRAWN_PX), mode="nearest")[0])
    return torch.stack(pictures).clamp(0.0, 1.0)


def trial_pictures(size: tuple[int, int], device: torch.device) -> Tensor:
    """The trial's pictures ``[M, 3, H, W]`` in [0,1]; the shipped signs come first, in the order of :data:`SHOWN`."""
    return resize(_drawn(), size).to(device)


def try_out(victim: NetworkVictim, device: torch.device) -> Trial:
    """Shows a victim signs and noise, and writes down on it what was found: its doubts, and whether it has a gradient.

    Raises:
        PhysadvError: outputs of a wrong shape, not finite, of another kind than the card says, or that depend on the
            other pictures of a batch.
    """
    pictures = trial_pictures(victim.input_size, device)
    cuda = [device] if device.type == "cuda" else []
    with under_attack(victim, quicken=False), torch.random.fork_rng(devices=cuda):
        logits = _looked(victim, pictures)
        _check_kind(victim, pictures, logits)
        random = _check_alone(victim, pictures, logits)
        slope = _slope(victim, pictures[:1]) if victim.differentiable else None
        logits = logits.detach().cpu().double()
        if isinstance(slope, str) and _constancy(logits, SAME):
            slope = "its answer is the same whatever the picture, so that there is nothing to differentiate"
        doubts = list(_doubts(victim, pictures, logits))
    if random:
        doubts.append(
            "its answers to the same picture differ from look to look: it is random, results vary from run to run, and "
            "an attack should average over its draws"
        )
    if isinstance(slope, str):
        victim.differentiable, victim.why_not = False, slope
    elif slope is not None and not bool(slope.any()):
        doubts.append("the gradient of its logits is zero at every pixel of the trial: gradients will not find much")
    victim.doubts = tuple(doubts)
    return Trial(logits, random)


RANDOM = "random"
"""In place of answers that differ from look to look."""


def answers(trial: Trial) -> str:
    """A digest of a trial's answers but for rounding: what there is to know a function without a file by."""
    if trial.random:
        return RANDOM
    size = trial.logits.abs().amax().clamp(min=1e-12)
    rounded = (trial.logits / size * 1000).round().to(torch.int64)
    return hashlib.sha256(f"{float(size):.2e}".encode() + rounded.numpy().tobytes()).hexdigest()


def one_size(victim_of: Callable[[int], NetworkVictim], source: str) -> NetworkVictim:
    """The victim at the only side in pixels that its network takes.

    Raises:
        PhysadvError: it takes none of those that are usual, or more than one.
    """
    taken = []
    for side in SIZES:
        victim = victim_of(side)
        with torch.no_grad(), under_attack(victim, quicken=False):
            try:
                fits = victim(torch.full((1, 3, side, side), 0.5, device=victim.preprocess.mean.device)).ndim == 2
            except Exception:  # a network raises what it likes where a picture is of a wrong size
                continue
        taken += [(side, victim)] if fits else []
    if len(taken) == 1:
        return taken[0][1]
    sides = ", ".join(str(side) for side, _ in taken)
    takes = (
        f"takes pictures of many sizes ({sides} pixels ...)" if taken else "takes none of the usual sizes of pictures"
    )
    raise PhysadvError(f"{source}: its network {takes}; say which it was trained on, such as size=32")


def _looked(victim: Victim, pictures: Tensor) -> Tensor:
    """Logits of the pictures, with what a network raises as one sentence."""
    try:
        return check_logits(victim, pictures)
    except PhysadvError as error:
        named = ", ".join(_broken(victim))
        if "not finite" in str(error) and named:
            raise PhysadvError(
                f"victim {victim.name!r}: its logits are not finite, for its weights are not: {named}"
            ) from error
        raise
    except Exception as error:  # of any kind: it is the user's own code
        size = " x ".join(map(str, victim.input_size))
        reason = (str(error).strip().split("\n")[0] or type(error).__name__)[:200]
        raise PhysadvError(
            f"victim {victim.name!r}: its network cannot take an input of {size} pixels ({reason})"
        ) from error


def _broken(victim: nn.Module) -> Iterator[str]:
    """Weights that hold what is no finite number, up to three."""
    bad = [
        name.removeprefix("network.") for name, one in victim.named_parameters() if not bool(torch.isfinite(one).all())
    ]
    bad += [
        name.removeprefix("network.")
        for name, one in victim.named_buffers()
        if one.is_floating_point() and bool(torch.isnan(one).any())
    ]
    yield from bad[:3]
    if len(bad) > 3:
        yield f"and {len(bad) - 3} more"


_SUM_OFF = 0.02
"""By how much probabilities in half precision may miss 1 together."""


def _check_kind(victim: NetworkVictim, pictures: Tensor, logits: Tensor) -> None:
    """Whether logits are logits and probabilities probabilities."""
    one = torch.ones(len(pictures), device=logits.device, dtype=logits.dtype)
    if victim.probabilities:
        with torch.no_grad():
            given = victim.given(victim.preprocess(pictures.clone())).to(logits)
        if not bool((given >= 0).all()) or not torch.allclose(given.sum(1), one, atol=1e-2):
            raise PhysadvError(
                f"victim {victim.name!r}: its outputs are not probabilities (they are negative or do not add up to 1): "
                f"{victim.advice(output='logits')}"
            )
        return
    sums = logits.sum(1)
    if bool((logits >= 0).all()) and bool(((sums - 1.0).abs() <= _SUM_OFF).all()):
        raise PhysadvError(
            f"victim {victim.name!r}: its outputs are probabilities (they add up to 1), not logits: "
            f"{victim.advice(output='probabilities')}"
        )
    total = float(sums[0])
    if not bool((logits >= 0).all()) or not torch.allclose(logits.sum(1), total * one, rtol=1e-4):
        return
    if not _constancy(logits, SAME):
        raise PhysadvError(
            f"victim {victim.name!r}: its outputs add up to {total:.4g} for every picture, as percentages do; "
            "it should give logits, or probabilities that add up to 1"
        )


def _check_alone(victim: Victim, pictures: Tensor, logits: Tensor) -> bool:
    """Whether the victim is random.

    Raises:
        PhysadvError: it is not, and yet a picture's answer is another one without the pictures beside it.
    """
    started = time.monotonic()
    if _differ(_looked(victim, pictures), logits):
        return True
    many = MANY if time.monotonic() - started < QUICK_S else 1
    others = [
        torch.cat([_looked(victim, one) for one in torch.split(pictures, 1)]),
        _looked(victim, pictures.flip(0)).flip(0),
        _looked(victim, pictures.repeat(many, 1, 1, 1)).view(many, *logits.shape)[-1],
    ]
    if not any(_differ(other, logits) for other in others):
        return False
    layers = [type(m).__name__ for m in victim.modules() if getattr(m, "track_running_stats", True) is False]
    why = f" ({layers[0]} without running statistics)" if layers and "Batch" in layers[0] else ""
    raise PhysadvError(
        f"victim {victim.name!r}: its answer to a picture changes with the pictures beside it in a batch{why}, so no "
        "result would mean anything; it should read each picture on its own"
    )


def _differ(some: Tensor, others: Tensor) -> bool:
    spread = (others.amax(1) - others.amin(1)).clamp(min=1e-12)
    return bool(((some - others).abs().amax(1) > ROUNDING * spread).any())


def _slope(victim: Victim, pictures: Tensor) -> Tensor | str:
    """The gradient of a random sum of logits, or why there is none."""
    leaf = pictures.clone().requires_grad_(True)
    with torch.enable_grad():
        logits = victim(leaf)
        if not logits.requires_grad:
            return "its network detaches its output from the picture, or works outside of PyTorch"
        weights = torch.randn(logits.shape, generator=torch.Generator().manual_seed(0)).to(logits)
        try:
            (slope,) = torch.autograd.grad((logits * weights).sum(), leaf, allow_unused=True)
        except (RuntimeError, NotImplementedError) as error:
            return f"its network cannot be differentiated: {str(error).strip().split(chr(10))[0][:200]}"
    return "its output does not depend on the picture by way of PyTorch" if slope is None else slope


def _constancy(logits: Tensor, least: float) -> bool:
    """Whether answers vary from picture to picture by less than a part of their spread over the classes."""
    free = logits - logits.mean(1, keepdim=True)
    varies = free.var(0).mean().sqrt()
    return bool(varies <= least * max(float(free.mean(0).std()), 1e-3 * float(logits.abs().amax()), 1e-12))


def _known(victim: Victim) -> list[tuple[int, int]]:
    """Of the signs that are shown, those that the victim has a class for: number of the picture, class."""
    from physadv.signs import load_sign

    found = []
    for number, name in enumerate(SHOWN):
        with suppress(PhysadvError):  # several classes are spelt like it
            index = victim.find_class(*load_sign(name).labels)
            if index is not None and not victim.classes[index].isdecimal():
                found.append((number, index))
    return found


def _doubts(victim: NetworkVictim, pictures: Tensor, logits: Tensor) -> Iterator[str]:
    """What card and answers tell: an input of another range, nearly all answers alike, signs not read."""
    known, read = _known(victim), logits.argmax(1)
    right = sum(int(read[number]) == index for number, index in known)
    alike = len(set(read.tolist())) == 1
    if _constancy(logits, SAME):
        cause = _cause(victim, pictures)
        yield f"it answers every picture alike, signs and noise: it does not go by the picture{cause}"
    elif alike and (_constancy(logits, NEARLY_SAME) or len({index for _, index in known}) > 1):
        yield (
            f"it reads every picture of its trial as {victim.classes[int(read[0])]!r}, {len(SHOWN)} signs and {_NOISE} "
            f"of noise{_cause(victim, pictures)}"
        )
    elif len(known) >= 3 and right <= 0.25 * len(known):
        better = _better(victim, pictures)
        if better or not right:
            yield (
                f"it reads {right or 'none'} of the {len(known)} clean signs that it was shown and has classes "
                f"for{_cause(victim, pictures)}"
            )
    elif far := _out_of_range(victim):
        yield far


def _cause(victim: NetworkVictim, pictures: Tensor) -> str:
    """The probable cause, as the end of a sentence: weights, or the input that makes it read signs."""
    if broken := ", ".join(_broken(victim)):
        return f"; its weights hold values that are not finite: {broken}"
    far, better = _out_of_range(victim), _better(victim, pictures)
    if far or better:
        return f"; {better}" if far in better else f"; {far}; or {better}" if better else f"; {far}"
    return "; is its input (scale, mean, std, channels) as it was trained, and are these its weights?"


@torch.no_grad()
def _better(victim: NetworkVictim, pictures: Tensor) -> str:
    """What to change of its input for the victim to read at least two signs more, or where it knows none, to go by
    the picture at all; empty where nothing does.
    """
    known = _known(victim)
    best, found = _right(victim, pictures, victim.preprocess, known) + 1, ""
    for other, words in _other_inputs(victim):
        try:
            preprocess = Preprocess(other).to(pictures.device)
            right = _right(victim, pictures, preprocess, known)
            given = victim.given(preprocess(pictures.clone())).cpu().double()
        except Exception:  # an input that is not for this network
            continue
        if len(known) >= 2 and right > best:
            best, found = right, f"{words}: it then reads {right} of {len(known)} signs"
        if len(known) < 2 and not _constancy(given, NEARLY_SAME) and len(set(given.argmax(1).tolist())) > 1:
            return f"{words}: its answers then go by the picture"
    return found


def _out_of_range(victim: NetworkVictim) -> str:
    """What is said of a mean that belongs to pictures of another range; empty where it does not."""
    config = victim.card.input
    if config.scale == 1 and any(value > 1 for value in config.mean):
        return f"mean {max(config.mean):g} belongs to pictures in 0..255: {victim.advice(scale=255)}"
    if config.scale == 255 and any(config.mean) and max(config.mean) <= 1:
        return f"mean {max(config.mean):g} belongs to pictures in 0..1: {victim.advice(scale=1)}"
    return ""


def _right(victim: NetworkVictim, pictures: Tensor, preprocess: Any, known: list[tuple[int, int]]) -> int:
    read = victim.given(preprocess(pictures.clone())).argmax(1).tolist()
    return sum(read[number] == index for number, index in known)


def _other_inputs(victim: NetworkVictim) -> Iterator[tuple[InputConfig, str]]:
    """Inputs that may have been meant instead, and what to say of them."""
    config = victim.card.input
    told = config.model_dump()

    def with_(**changes: Any) -> InputConfig:
        return validate(InputConfig, {**told, **changes}, "input")

    other = 1 if config.scale == 255 else 255
    words = _out_of_range(victim) or f"pictures reach it as 0..{config.scale}: {victim.advice(scale=other)}"
    yield with_(scale=other), words
    if config.mean or config.std:
        yield with_(mean=(), std=()), "leave out mean and std"
        yield with_(mean=(), std=(), scale=other), f"leave out mean and std, and {victim.advice(scale=other)}"
    else:
        half = 0.5 * config.scale
        yield with_(mean=(half,), std=(half,)), victim.advice(mean=half, std=half)
        if config.channel_count == 3:
            mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
            yield with_(scale=1, mean=mean, std=std), f"{victim.advice(mean=mean, std=std)}, ImageNet's"
    flipped = "bgr" if config.channels == "rgb" else "rgb"
    yield with_(channels=flipped), victim.advice(channels=flipped)
