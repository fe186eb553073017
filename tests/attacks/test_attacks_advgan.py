"""AdvGAN: its networks' bounds, a training that wins and can be taken up anywhere, its files, and the black box."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from attack_kit import CLASSES, labeled, pictures, small_victim
from PIL import Image
from torch import Tensor

from physadv.attacks import build_attack
from physadv.attacks.advgan import (
    AdvGanConfig,
    Discriminator,
    Generator,
    StudentConfig,
    load_generator,
    train_advgan,
)
from physadv.attacks.advgan.files import RECORD, WEIGHTS
from physadv.core.errors import PhysadvError
from physadv.core.progress import Progress
from physadv.victims import Victim

COUNT = 40
EPS = 0.2


class BlackBox(Victim):
    """A victim that counts what it answers and has no gradient."""

    def __init__(self) -> None:
        inner = small_victim()
        super().__init__(name="box", classes=CLASSES, input_size=inner.input_size, differentiable=False, sha256="box")
        self.inner, self.answered = inner, 0
        self.eval()

    def forward(self, images: Tensor) -> Tensor:
        assert not images.requires_grad
        assert not torch.is_grad_enabled()
        self.answered += len(images)
        logits: Tensor = self.inner(images)
        return logits


def config(**options: Any) -> AdvGanConfig:
    quick = {"eps": EPS, "steps": 12, "batch": 16, "learning_rate": 5e-3, "check_every": 4, "device": "cpu"}
    return AdvGanConfig.model_validate({**quick, **options})


def trained(out: Path, victim: Victim | None = None, *, listener: Any = None, **options: Any) -> Path:
    images = pictures(COUNT)
    labels = labeled(small_victim(), images)
    return train_advgan(victim or small_victim(), images, labels, out, config=config(**options), listener=listener)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained(tmp_path_factory.mktemp("advgan") / "made", steps=45, check_every=15)


# networks


@pytest.mark.parametrize("size", [(12, 12), (1, 1), (5, 9), (33, 30)])
def test_changes_are_of_the_pictures_size_and_within_eps(size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    network = Generator(0.1)
    with torch.no_grad():
        network.layers[-1].weight.mul_(1e3)  # type: ignore[operator]
        images = torch.rand(3, 3, *size)
        change = network(images)
    assert change.shape == images.shape
    assert 0.09 < float(change.abs().max()) <= 0.1 + 1e-7
    assert Discriminator()(images).shape == (3,)


def test_a_pictures_change_does_not_depend_on_the_others() -> None:
    torch.manual_seed(0)
    network, images = Generator(0.1), pictures(5)
    with torch.no_grad():
        assert torch.allclose(network(images)[2:3], network(images[2:3]), atol=1e-6)


# training


def test_training_raises_success_and_writes_what_it_measured(folder: Path) -> None:
    record = load_generator(folder).record
    curves = json.loads((folder / "curves.json").read_text())
    assert [point["step"] for point in curves] == [15, 30, 45]
    assert record.config == config(steps=45, check_every=15)
    assert record.victim == "small"
    assert record.victim_sha256 == small_victim().sha256
    assert record.picture_size == (12, 12)
    assert record.held_out.pictures == 4
    assert record.held_out.success == curves[-1]["held_out"]
    assert record.queries == COUNT + 45 * 16
    assert record.gradients == 45 * 16
    assert not (folder / "checkpoint.pt").exists()
    sheet = np.asarray(Image.open(folder / "samples-00015.png"))
    assert sheet.shape == (3 * 96, 4 * 96, 3)


def test_the_generator_wins_pictures_that_it_has_never_seen(folder: Path) -> None:
    victim, images = small_victim(), pictures(64, seed=9)
    labels = labeled(victim, images)
    result = build_attack("advgan", {"generator": str(folder)})(victim, images, labels)
    torch.manual_seed(0)
    with torch.no_grad():
        untrained = (images + Generator(EPS)(images)).clamp(0.0, 1.0)
    by_untrained = (labeled(victim, untrained) != labels).float().mean()
    assert result.success.float().mean() > by_untrained + 0.3
    assert float(result.norms["linf"].max()) <= EPS + 1e-6
    assert int(result.queries.sum()) == 0
    assert result.flags == ()


@pytest.mark.parametrize("distilled", [False, True])
def test_a_training_that_was_stopped_ends_as_one_that_was_not(tmp_path: Path, distilled: bool) -> None:
    student = StudentConfig(epochs=1, every=3, pictures=8, renewed_epochs=1)
    options: dict[str, Any] = {"distilled": distilled, "student": student}

    def stop(progress: Progress) -> None:
        if progress.step == 9:  # after the checkpoint of step 8
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path / "stopped", listener=stop, **options)
    seen: list[int] = []
    one = trained(tmp_path / "stopped", listener=lambda progress: seen.append(progress.step), **options)
    other = trained(tmp_path / "whole", **options)
    assert seen == [9, 10, 11, 12]
    for name in (WEIGHTS, RECORD, "curves.json", "samples-00012.png"):
        assert (one / name).read_bytes() == (other / name).read_bytes()


def test_a_finished_training_is_not_done_again_and_another_is_refused(folder: Path) -> None:
    seen: list[Progress] = []
    assert trained(folder, listener=seen.append, steps=45, check_every=15) == folder
    assert not seen
    with pytest.raises(PhysadvError, match=r"holds other results \(config\.steps was 45, now 46\)"):
        trained(folder, steps=46, check_every=15)


def test_the_hinge_keeps_changes_short(tmp_path: Path) -> None:
    short = trained(tmp_path / "short", hinge=0.0, beta=20.0)
    free = trained(tmp_path / "free", beta=0.0)
    lengths = [json.loads((made / "curves.json").read_text())[-1]["length"] for made in (short, free)]
    assert lengths[0] < 0.5 * lengths[1]


def test_a_victim_in_train_mode_is_left_as_it_was(tmp_path: Path) -> None:
    victim = small_victim().train()
    with pytest.warns(UserWarning, match="train mode"):
        trained(tmp_path / "made", victim, steps=2)
    assert victim.training
    assert all(parameter.requires_grad and parameter.grad is None for parameter in victim.parameters())


# the black box


@pytest.mark.parametrize("every", [0, 5])
def test_a_black_box_is_never_differentiated_and_its_queries_are_counted(tmp_path: Path, every: int) -> None:
    victim = BlackBox()
    student = StudentConfig(epochs=4, every=every, pictures=16)
    made = trained(tmp_path / "made", victim, steps=11, check_every=11, distilled=True, student=student)
    record = load_generator(made).record
    rounds = 2 if every else 0
    measured = 2 * record.held_out.pictures  # at the last step, and for the record
    assert record.gradients == 0
    assert record.queries == COUNT + rounds * 16
    assert victim.answered == record.queries + measured


def test_a_trained_generator_attacks_a_victim_without_gradient(folder: Path) -> None:
    victim, images = BlackBox(), pictures(8)
    result = build_attack("advgan", {"generator": str(folder)})(victim, images, labeled(victim, images))
    assert any("another victim" in flag for flag in result.flags)
    with pytest.raises(PhysadvError, match="distilled"):
        trained(folder.parent / "refused", BlackBox())


# what users get wrong


def test_wrong_folders_are_refused_in_a_sentence(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(PhysadvError, match="no trained generator"):
        load_generator(tmp_path)
    for name in (RECORD, WEIGHTS):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    load_generator(tmp_path)
    (tmp_path / WEIGHTS).write_bytes((trained(tmp_path / "other") / WEIGHTS).read_bytes())
    with pytest.raises(PhysadvError, match="is not the file"):
        load_generator(tmp_path)
    (tmp_path / WEIGHTS).write_bytes(b"cut off")
    with pytest.raises(PhysadvError, match="safetensors"):
        load_generator(tmp_path)
    (tmp_path / RECORD).write_text("config: {}\n")
    with pytest.raises(PhysadvError, match="missing"):
        load_generator(tmp_path)


def test_another_size_goal_or_option_is_told(folder: Path) -> None:
    victim, images = small_victim(), pictures(6)
    attack = build_attack("advgan", {"generator": str(folder)})
    larger, loose = torch.nn.functional.interpolate(images, size=(16, 16)), ResizedVictim(victim)
    with pytest.raises(PhysadvError, match=r"\[3, 12, 12\].*\[3, 16, 16\]"):
        attack(loose, larger, labeled(loose, larger))
    flags = attack(victim, images, labeled(victim, images), goal="runner_up").flags
    assert any("another goal" in flag for flag in flags)
    with pytest.raises(PhysadvError, match="steps = 7"):
        build_attack("advgan", {"generator": str(folder), "steps": 7})


class ResizedVictim(Victim):
    """The small victim for pictures of any size."""

    def __init__(self, inner: Victim) -> None:
        super().__init__(name="resized", classes=inner.classes, input_size=(16, 16))
        self.inner = inner
        self.eval()

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.inner(torch.nn.functional.interpolate(images, size=(12, 12)))
        return logits


def test_a_damaged_checkpoint_and_too_few_pictures_are_refused(tmp_path: Path) -> None:
    (tmp_path / "checkpoint.pt").write_bytes(b"cut off")
    with pytest.raises(PhysadvError, match="remove it"):
        trained(tmp_path)
    victim, images = small_victim(), pictures(1)
    with pytest.raises(PhysadvError, match="give more"):
        train_advgan(victim, images, labeled(victim, images), tmp_path / "few", config=config())
    with pytest.raises(PhysadvError, match="unknown loss"):
        config(adversarial_loss="hope")
