"""What looks at the sign: one protocol for every model."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from physadv.core.errors import PhysadvError, PhysadvWarning, unknown_name
from physadv.core.names import find_name
from physadv.victims.fused_network import quickened
from physadv.victims.outputs import DETECTOR, gives_boxes
from physadv.victims.preprocess import Box
from physadv.victims.reading import Reading


class Victim(nn.Module):
    """A classifier under test: ``[N, 3, H, W]`` RGB in [0,1], sRGB-encoded, any H and W, to logits ``[N, K]``.

    Resizing to ``input_size``, normalization, gray-scale and equalization happen inside.

    Attributes:
        name: how tables and reports call it.
        classes: K class names, in the order of the logits.
        input_size: native ``(height, width)`` in pixels; frames are rendered at this size.
        box: how a sign's box is cut out for it.
        differentiable: whether gradients reach the input.
        why_not: why they do not, in words.
        doubts: what its trial has found that makes its answers doubtful, a sentence each; every report shows them.
        sha256: of the weights' file, or of the parameters where there is no file.
        source: where the weights come from (a path or a registry name).
    """

    def __init__(
        self,
        *,
        name: str,
        classes: Sequence[str],
        input_size: tuple[int, int],
        box: Box = "squash",
        differentiable: bool = True,
        sha256: str = "",
        source: str = "",
    ) -> None:
        super().__init__()
        self.name = name
        self.classes = tuple(str(label) for label in classes)
        self.input_size = input_size
        self.box: Box = box
        self.differentiable = differentiable
        self.why_not = "" if differentiable else "it is said to give none"
        self.doubts: tuple[str, ...] = ()
        self.doubts_told = False
        self.sha256 = sha256
        self.source = source

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """Logits of a copy of the images: what a network writes into its input reaches nobody else.

        Raises:
            PhysadvError: it is not being trained, and an answer is not finite: NaN would count as some class.
        """
        given = super().__call__(*(one.clone() if isinstance(one, Tensor) else one for one in arguments), **named)
        if not self.training and isinstance(given, Tensor):
            _check_finite(self, given)
        return given

    def read(self, images: Tensor) -> Reading:
        """What it says of ``images`` ``[N, 3, H, W]``, as goals and statistics take it."""
        return Reading(self(images))

    def forward(self, images: Tensor) -> Tensor:
        """Logits ``[N, K]`` of ``images`` ``[N, 3, H, W]``."""
        raise NotImplementedError

    @property
    def fingerprint(self) -> str:
        """Hash of all that decides its answers, as far as it is known: work on another victim is not resumed.

        A victim of no known content is known by its answers to some pictures.
        """
        return self.sha256 or self._answers()

    @torch.no_grad()
    def _answers(self) -> str:
        noise = torch.rand(8, 3, *self.input_size, generator=torch.Generator().manual_seed(0))
        place = next((one.device for one in self.parameters()), torch.device("cpu"))
        logits = self(noise.to(place)).double().cpu()
        size = float(logits.abs().amax().clamp(min=1e-12))
        rounded = (logits / size * 1000).round().to(torch.int64)
        return hashlib.sha256(f"{size:.2e}".encode() + rounded.numpy().tobytes()).hexdigest()

    def find_class(self, *names: str) -> int | None:
        """Index of the first of ``names`` that is one of ``classes``, or None.

        One that is there exactly comes before all others; for the rest see :mod:`physadv.core.names`.

        Raises:
            PhysadvError: several classes are spelt like it, and none exactly so.
        """
        for name in names:
            if name in self.classes:
                return self.classes.index(name)
        found = (find_name(name, self.classes, of=f"victim {self.name!r}") for name in names)
        return next((index for index in found if index is not None), None)

    def class_index(self, name: str) -> int:
        """Index of the class of that name.

        Raises:
            PhysadvError: there is none, or there are several that are spelt like it.
        """
        index = self.find_class(name)
        if index is None:
            raise unknown_name("class", name, self.classes, of=f"victim {self.name!r}")
        return index


def warn_doubts(victim: Victim) -> None:
    """Says what is doubtful about a victim, once: before work on it starts, as every report will say it afterwards."""
    if not victim.doubts_told:
        victim.doubts_told = True
        for doubt in victim.doubts:
            warnings.warn(f"victim {victim.name!r}: {doubt}", PhysadvWarning, stacklevel=3)


def device_of(victim: nn.Module) -> torch.device:
    """Where a model's parameters and buffers are; the CPU where it has none."""
    return next((one.device for one in (*victim.parameters(), *victim.buffers())), torch.device("cpu"))


@contextmanager
def placed(victim: Victim, device: torch.device) -> Iterator[Victim]:
    """The victim on a device, and afterwards where it was found."""
    home = device_of(victim)
    victim.to(device)
    try:
        yield victim
    finally:
        victim.to(home)


@contextmanager
def under_attack(victim: nn.Module, *, quicken: bool = True) -> Iterator[None]:
    """Puts a model in ``eval`` with frozen parameters, and leaves it as it was found, error or not.

    Args:
        victim: the model.
        quicken: meanwhile the networks of victims are rewritten for speed, the same functions to rounding
            (:func:`physadv.victims.fused_network.quickened`); that takes some 20 ms, which a few passes do not win
            back.
    """
    modes = [(module, module.training) for module in victim.modules()]
    frozen = [(parameter, parameter.requires_grad) for parameter in victim.parameters()]
    victim.eval()
    for parameter, _ in frozen:
        parameter.requires_grad_(False)
    networks = [
        (owner, network)
        for owner in victim.modules()
        if quicken and isinstance(owner, Victim)
        for name, network in owner.named_children()
        if name == "network"
    ]
    try:
        for owner, network in networks:
            owner.network = quickened(network)
        yield
    finally:
        for owner, network in networks:
            owner.network = network
        for module, training in modes:
            module.training = training
        for parameter, requires_grad in frozen:
            parameter.requires_grad_(requires_grad)


def check_logits(victim: Victim, images: Tensor) -> Tensor:
    """The victim's logits, checked once for what users get wrong.

    Raises:
        PhysadvError: wrong shape, not one logit a class, not real numbers, not finite.
    """
    with torch.no_grad():
        logits: Tensor = victim(images)
    if logits.ndim != 2 or len(logits) != len(images) or logits.shape[1] != len(victim.classes):
        advice = DETECTOR if gives_boxes(logits.shape, len(victim.classes)) else ""
        raise PhysadvError(
            f"victim {victim.name!r}: answers {list(logits.shape)} to {len(images)} images, but its list of "
            f"classes has {len(victim.classes)}; they should be [{len(images)}, {len(victim.classes)}]{advice}"
        )
    _check_finite(victim, logits)
    return logits


def _check_finite(victim: Victim, logits: Tensor) -> None:
    if not torch.isfinite(logits).all():
        raise PhysadvError(f"victim {victim.name!r}: its logits are not finite; are the weights intact?")
