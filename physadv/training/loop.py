"""The loop: photographs and frames, attacked or not, and a step of the weights; stopped and taken up anywhere."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from physadv.attacks import build_attack
from physadv.attacks.digital.views import Direct
from physadv.core.checkpoints import checkpoint_of, write_checkpoint
from physadv.core.errors import PhysadvError
from physadv.core.progress import Listener, Progress
from physadv.core.randomness import substream
from physadv.goals import Untargeted
from physadv.training.config import TrainingConfig
from physadv.training.data import Photographs, augmentation
from physadv.training.stickers import RoadsideSigns
from physadv.victims import Victim, under_attack
from physadv.victims.library import NetworkVictim

_CHECKPOINT_EVERY = 50


class Training:
    """A victim's network, its running average and its optimizer, as they stand after so many steps.

    Args:
        config: what is asked.
        victim: trained in place; on its device.
        photographs: to learn from.
        held_out: kept out of it, for the curves.

    Attributes:
        step: steps done.
        points: of the curves: step, loss, and what :meth:`measure` gives.
    """

    def __init__(
        self, config: TrainingConfig, victim: NetworkVictim, photographs: Photographs, held_out: Photographs
    ) -> None:
        self.config, self.victim = config, victim
        self.photographs, self.held_out = photographs, held_out
        self.device = next(victim.parameters()).device
        self.attack = build_attack(config.attack, config.attack_options) if config.attack else None
        average = get_ema_multi_avg_fn(config.average)  # type: ignore[no-untyped-call]
        self._averaged = AveragedModel(victim, multi_avg_fn=average, use_buffers=True)
        self.optimizer = torch.optim.AdamW(victim.parameters(), lr=1.0, weight_decay=config.weight_decay)
        self.signs = self._signs(frames=config.frames) if config.frames else None
        stickers = config.stickers
        self.stickered = self._signs(frames=stickers.frames, stickers=stickers) if stickers else None
        self.step = 0
        self.points: list[dict[str, float]] = []
        self._weights = photographs.balanced()
        self._augment = augmentation() if config.augment else torch.nn.Identity()

    def _signs(self, **options: Any) -> RoadsideSigns:
        config, scenes = self.config, [scene.value for scene in self.config.scenes]
        return RoadsideSigns(self.victim, scenes, seed=config.seed, device=self.device, **options)

    def run(self, checkpoint: Path, *, identity: str, listener: Listener | None = None) -> None:
        """Goes on to the last step; ``checkpoint`` is written on the way.

        Raises:
            PhysadvError: the loss is not finite.
        """
        self._load(checkpoint, identity)
        config = self.config
        while self.step < config.steps:
            seed = substream(config.seed, f"training/{self.step}")
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(seed)
                generator = torch.Generator().manual_seed(seed)
                loss = self._learn(generator)
            self.step += 1
            if self.step % config.check_every == 0 or self.step == config.steps:
                self.points.append({"step": float(self.step), "loss": loss, **self.measure()})
            if self.step % _CHECKPOINT_EVERY == 0 or self.step == config.steps:
                self._save(checkpoint, identity)
            if listener:
                point = self.points[-1] if self.points else {}
                listener(
                    Progress(
                        "training",
                        self.step,
                        config.steps,
                        step=self.step,
                        loss=loss,
                        shares={name: point[name] for name in ("clean", "attacked") if name in point},
                        measured=point.get("step") == self.step,
                    )
                )

    def _learn(self, generator: torch.Generator) -> float:
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate(self.step)
        images, labels = self.batch(generator)
        self.victim.train()
        loss = F.cross_entropy(self.victim(images), labels, label_smoothing=self.config.label_smoothing)
        if not bool(torch.isfinite(loss)):
            raise PhysadvError(
                f"training {self.config.made!r}: its loss is not finite at step {self.step}; lower learning_rate"
            )
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        self._averaged.update_parameters(self.victim)
        return float(loss.detach())

    def rate(self, step: int) -> float:
        """The learning rate of a step."""
        share = step / self.config.steps
        return (
            self.config.learning_rate
            * min(1.0, (share + 1.0 / self.config.steps) / 0.05)
            * 0.5
            * (1.0 + math.cos(math.pi * share))
        )

    def batch(self, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Pictures ``[N, 3, H, W]`` and classes ``[N]`` of the next step, against the network as it is."""
        config = self.config
        numbers = torch.multinomial(self._weights, config.batch, replacement=True, generator=generator)
        images, labels = (part.to(self.device) for part in self.photographs.rows(numbers))
        images = resized(self._augment(images), self.victim).clamp(0.0, 1.0)
        parts, classes = [images], [labels]
        with under_attack(self.victim, quicken=False):
            changed = config.batch - round(config.batch * config.clean_share)
            if self.attack and changed:
                parts = [images[changed:], self.attacked(self.victim, images[:changed], labels[:changed], generator)]
                classes = [labels[changed:], labels[:changed]]
            for source in (self.signs, self.stickered):
                if source:
                    frames, of = source.draw(self.step)
                    parts.append(frames)
                    classes.append(of)
        return torch.cat(parts), torch.cat(classes)

    def attacked(self, victim: Victim, images: Tensor, labels: Tensor, generator: torch.Generator) -> Tensor:
        """The training's attack on pictures, misread ones too, away from their labels; the victim is frozen."""
        assert self.attack is not None
        problem = self.attack.problem(victim, Direct(images, (images, labels)), Untargeted(labels))
        theta = self.attack.search(problem, generator).detach()
        with torch.no_grad():
            return problem.changed(theta).clamp(0.0, 1.0)

    def measure(self) -> dict[str, float]:
        """Accuracy of the average on held-out photographs, clean and under the training's own attack."""
        network = self.average
        generator = torch.Generator().manual_seed(substream(self.config.seed, "training/held-out"))
        hits = {"clean": 0, "attacked": 0} if self.attack else {"clean": 0}
        with under_attack(network):
            for numbers in torch.split(torch.arange(len(self.held_out)), 256):
                images, labels = (part.to(self.device) for part in self.held_out.rows(numbers))
                shown = {"clean": resized(images, network)}
                if self.attack:
                    shown["attacked"] = self.attacked(network, shown["clean"], labels, generator)
                with torch.no_grad():
                    for name, pictures in shown.items():
                        hits[name] += int((network(pictures).argmax(1) == labels).sum())
        return {name: hit / len(self.held_out) for name, hit in hits.items()}

    @property
    def average(self) -> NetworkVictim:
        """The running average of the weights, as a victim."""
        return cast(NetworkVictim, self._averaged.module)

    def _save(self, path: Path, identity: str) -> None:
        state = {
            "step": self.step,
            "victim": self.victim.state_dict(),
            "averaged": self._averaged.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "pool": self.stickered.pool if self.stickered else {},
            "points": self.points,
        }
        write_checkpoint(path, identity, state)

    def _load(self, path: Path, identity: str) -> None:
        with checkpoint_of(path, identity, self.device) as state:
            if state is None:
                return
            self.victim.load_state_dict(state["victim"])
            self._averaged.load_state_dict(state["averaged"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.step, self.points = int(state["step"]), list(state["points"])
            if self.stickered:
                self.stickered.pool = dict(state["pool"])


def resized(images: Tensor, victim: Victim) -> Tensor:
    """Square pictures at the victim's native size, where attacks take place."""
    if tuple(images.shape[-2:]) == victim.input_size:
        return images
    return F.interpolate(images, size=victim.input_size, mode="bilinear", antialias=True, align_corners=False)
