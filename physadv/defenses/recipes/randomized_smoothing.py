"""Randomized smoothing: a vote of the victim over Gaussian noise, and the radius within which it cannot change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from pydantic import Field
from scipy.stats import beta, norm
from torch import Tensor
from torch.nn import functional as F

from physadv.core.errors import PhysadvError
from physadv.core.limits import MAX_COUNT, MAX_SEED
from physadv.core.randomness import substream
from physadv.defenses.defense import DEFENSES, Adaptive, Defense
from physadv.victims import Victim, under_attack
from physadv.victims.labeled_pictures import labeled_pictures

ABSTAINED = -1
"""The class of a picture on which the smoothed victim does not commit itself."""


@DEFENSES.register("randomized-smoothing")
class RandomizedSmoothing(Defense):
    """The victim's answers under Gaussian noise, put together.

    All pictures of a call see the same noise. What a search without gradients finds is fitted to that one noise: score
    it with another ``seed``.

    Source: Cohen et al. 2019; the mean of the softmax, and attacks through it, are Salman et al. 2019
    (arXiv:1906.04584), section 2.2.
    """

    kind: Literal["randomized-smoothing"] = "randomized-smoothing"
    paper: ClassVar[str] = "Cohen et al. 2019, arXiv:1902.02918"
    adaptive: ClassVar[Adaptive] = "eot"
    sigma: float = Field(default=0.25, gt=0)
    """Standard deviation of the noise, on pictures in [0,1]."""
    samples: int = Field(default=32, ge=1, le=MAX_COUNT)
    vote: Literal["soft", "hard"] = "soft"
    """Logits are the logarithm of the mean softmax, or of the share of votes (with one vote added, spread over all
    classes); the gradient is the former's."""
    seed: int = Field(default=0, ge=0, lt=MAX_SEED)

    @property
    def gradient_words(self) -> str:
        """Over what is averaged."""
        return f"the gradient is that of the mean softmax over {self.samples} samples of noise, new ones at every step"

    def answer(self, victim: Victim, images: Tensor, *, draw: int = 0) -> Tensor:
        """Logarithms of the shares ``[N, K]``."""
        generator = torch.Generator().manual_seed(substream(self.seed, f"randomized-smoothing/{draw}"))
        noise = torch.randn(self.samples, *images.shape[1:], generator=generator, dtype=torch.float64).to(images)
        noisy = (images[:, None] + self.sigma * noise).flatten(0, 1)
        logits: Tensor = victim(noisy).unflatten(0, (len(images), self.samples))
        soft: Tensor = logits.log_softmax(2).logsumexp(1) - torch.tensor(float(self.samples)).log().to(logits)
        if self.vote == "soft":
            return soft
        classes = logits.shape[2]
        votes = F.one_hot(logits.argmax(2), classes).sum(1).to(logits)
        hard: Tensor = ((votes + 1.0 / classes) / (self.samples + 1)).log()
        return hard + (soft - soft.detach())


@dataclass(frozen=True, eq=False)
class Certificates:
    """What is certain of each of N pictures, at error probability ``alpha`` a picture.

    Attributes:
        labels: true classes ``[N]``.
        predicted: classes of the smoothed victim ``[N]``; :data:`ABSTAINED` where it does not commit itself.
        radius_l2: L2 norm of a change below which the class stays, ``[N]``, in units of [0,1]; 0 where it abstained.
    """

    labels: Tensor
    predicted: Tensor
    radius_l2: Tensor

    def accuracy(self, radius_l2: float = 0.0) -> float:
        """Share of pictures that are certainly right for every change of L2 norm up to ``radius_l2``."""
        right = (self.predicted == self.labels) & (self.radius_l2 > radius_l2)
        return float(right.double().mean())


def certify(
    victim: Victim,
    pictures: Tensor,
    labels: Tensor,
    *,
    sigma: float = 0.25,
    n0: int = 100,
    n: int = 1000,
    alpha: float = 0.001,
    seed: int = 0,
    first: int = 0,
    batch: int = 1024,
) -> Certificates:
    """The class of the smoothed victim and the radius within which it is constant, for each picture.

    ``n0`` samples choose the class; of ``n`` others the share that votes for it is bounded from below (Clopper and
    Pearson 1934) at confidence ``1 - alpha``. A bound ``p`` above 1/2 gives the radius ``sigma * Phi^-1(p)``, any
    other one an abstention. Each picture has noise of its own.

    Args:
        victim: the one that is smoothed, without noise of its own.
        pictures: ``[N, 3, H, W]`` in [0,1].
        labels: true classes ``[N]``.
        sigma: standard deviation of the noise, on pictures in [0,1].
        n0, n: samples a picture.
        alpha: probability that a radius is too large.
        seed: of the noise.
        first: number of the first picture: pictures that are certified in parts have the noise of the whole.
        batch: noisy pictures that the victim is given at once.

    Raises:
        PhysadvError: pictures or labels are wrong, or an option is out of range.

    Source: Cohen et al. 2019, section 3.2.2 (CERTIFY) and theorem 1.
    """
    for name, value, fine in (
        ("sigma", sigma, sigma > 0),
        ("n0", n0, n0 >= 1),
        ("n", n, n >= 1),
        ("batch", batch, batch >= 1),
    ):
        if not fine:
            raise PhysadvError(f"{name} = {value!r}: should be greater than 0")
    if not 0.0 < alpha < 1.0:
        raise PhysadvError(f"alpha = {alpha!r}: should be between 0 and 1")
    pictures, labels = labeled_pictures(victim, pictures, labels)
    found = []
    with under_attack(victim), torch.no_grad():
        for number, picture in enumerate(pictures, first):
            generator = torch.Generator().manual_seed(substream(seed, f"certify/{number}"))
            chosen = int(_votes(victim, picture, sigma, n0, generator, batch).argmax())
            votes = _votes(victim, picture, sigma, n, generator, batch)
            found.append((chosen, certified_radius(int(votes[chosen]), n, sigma=sigma, alpha=alpha)))
    radius = torch.tensor([radius for _, radius in found], dtype=torch.float64, device=labels.device)
    classes = torch.tensor([chosen for chosen, _ in found], device=labels.device)
    return Certificates(labels, torch.where(radius > 0.0, classes, ABSTAINED), radius)


def certified_radius(votes: int, n: int, *, sigma: float, alpha: float) -> float:
    """L2 radius from ``votes`` of ``n`` for one class; 0 if a majority is not certain at confidence ``1 - alpha``."""
    lower = float(beta.ppf(alpha, votes, n - votes + 1)) if votes else 0.0
    return sigma * float(norm.ppf(lower)) if lower > 0.5 else 0.0


def _votes(victim: Victim, picture: Tensor, sigma: float, count: int, generator: torch.Generator, batch: int) -> Tensor:
    """Votes by class ``[K]`` for one picture ``[3, H, W]``."""
    votes = torch.zeros(len(victim.classes), dtype=torch.int64)
    for start in range(0, count, batch):
        some = min(batch, count - start)
        noise = torch.randn(some, *picture.shape, generator=generator).to(picture)
        votes += torch.bincount(victim(picture + sigma * noise).argmax(1).cpu(), minlength=len(votes))
    return votes
