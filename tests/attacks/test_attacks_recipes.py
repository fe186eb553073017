"""Every registered attack keeps the promises that all make: parametrised over the registry."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
import torch
from attack_kit import CLASSES, QUICK, SIZE, labeled, pictures, small_victim
from torch import Tensor, nn

import physadv.attacks.recipes  # noqa: F401 (registers the attacks)
from physadv.attacks.digital.attack import ATTACKS, Attack, Result, build_attack
from physadv.attacks.physical.sign_attack import SignAttackConfig, attack_sign
from physadv.core.errors import PhysadvError, PhysadvWarning
from physadv.victims import Victim, wrap_module

NAMES = list(ATTACKS)
GOALS = ("untargeted", "targeted:no entry", "runner_up")


class Counted(Victim):
    """A victim that counts what it is asked, and has no gradient where told so."""

    def __init__(self, inner: Victim, *, differentiable: bool) -> None:
        super().__init__(
            name=inner.name, classes=inner.classes, input_size=inner.input_size, differentiable=differentiable
        )
        self.inner = inner
        self.asked = 0
        self.eval()

    def forward(self, images: Tensor) -> Tensor:
        self.asked += len(images)
        if self.differentiable:
            return self.inner(images)
        with torch.no_grad():
            return self.inner(images)


def quick(name: str, **options: Any) -> Attack:
    return build_attack(name, {**QUICK.get(name, {}), **options})


def result_of(name: str, victim: Victim, images: Tensor, *, goal: str = "untargeted", seed: int = 0) -> Result:
    return quick(name)(victim, images, labeled(victim, images), goal=goal, seed=seed)


@pytest.mark.parametrize("goal", GOALS)
@pytest.mark.parametrize("name", NAMES)
def test_the_result_is_what_the_victim_says_of_admissible_pictures(name: str, goal: str) -> None:
    victim, images = small_victim(), pictures()
    before = images.clone()
    labels = labeled(victim, images)
    attack = quick(name)
    result = attack(victim, images, labels, goal=goal)
    assert torch.equal(images, before)
    assert result.adversarial.shape == images.shape
    assert result.adversarial.min() >= 0.0
    assert result.adversarial.max() <= 1.0
    assert not result.adversarial.requires_grad
    predicted = labeled(victim, result.adversarial)
    assert torch.equal(result.predicted, predicted)
    target = CLASSES.index("no entry")
    with torch.no_grad():
        runner_up = victim(images).topk(2).indices[:, 1]
    wanted = {"untargeted": predicted != labels, "runner_up": predicted == runner_up}
    assert torch.equal(result.success, wanted.get(goal, predicted == target))
    eps, norm = getattr(attack, "eps", None), getattr(attack, "norm", "linf")
    if eps is not None:
        assert float(result.norms[norm].max()) <= eps + 1e-5
    untouched = ~result.attacked
    assert torch.equal(result.adversarial[untouched], images[untouched])
    assert bool((result.queries[untouched] == 0).all())


@pytest.mark.parametrize("name", NAMES)
def test_it_wins_something_that_noise_of_its_size_does_not(name: str) -> None:
    victim, images = small_victim(), pictures(16, seed=3)
    result = result_of(name, victim, images)
    assert result.success.float().mean() >= 0.25
    won = result.success & result.attacked
    change = (result.adversarial - images)[won]
    shuffled = change.flatten(2)[..., torch.randperm(SIZE * SIZE, generator=torch.Generator().manual_seed(0))]
    noisy = (images[won] + shuffled.reshape(change.shape)).clamp(0.0, 1.0)
    by_noise = labeled(victim, noisy) != labeled(victim, images[won])
    assert by_noise.float().mean() < 1.0


@pytest.mark.parametrize("name", NAMES)
def test_the_seed_decides_and_the_victim_is_left_as_it_was(name: str) -> None:
    victim, images = small_victim(), pictures()
    victim.train()
    state = {key: value.clone() for key, value in victim.state_dict().items()}
    labels = labeled(victim.eval(), images)
    victim.train()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PhysadvWarning)
        one, other = (quick(name)(victim, images, labels, seed=4) for _ in range(2))
    assert torch.equal(one.adversarial, other.adversarial)
    assert victim.training
    assert all(parameter.requires_grad for parameter in victim.parameters())
    assert all(torch.equal(value, state[key]) for key, value in victim.state_dict().items())


@pytest.mark.parametrize("name", NAMES)
def test_queries_are_those_that_the_victim_counts(name: str) -> None:
    attack = quick(name)
    victim = Counted(small_victim(), differentiable=attack.knowledge == "gradients")
    images = pictures()
    labels = labeled(victim, images)
    victim.asked = 0
    result = attack(victim, images, labels)
    checks = victim.asked - int(result.queries.sum()) - len(images)  # each clean picture is asked about once
    assert 0 <= checks <= int(result.attacked.sum())  # and each changed one, unless the search saw just that last
    assert bool((result.gradients <= result.queries).all())
    limit = getattr(attack, "max_queries", None)
    if limit is not None:
        assert int(result.queries.max()) <= limit
    if attack.knowledge != "gradients":
        assert int(result.gradients.sum()) == 0


@pytest.mark.parametrize("name", [name for name in NAMES if ATTACKS[name].knowledge == "gradients"])
def test_a_victim_without_gradient_is_refused_by_name(name: str) -> None:
    victim = Counted(small_victim(), differentiable=False)
    images = pictures(2)
    with pytest.raises(PhysadvError, match="needs gradients"):
        quick(name)(victim, images, labeled(victim, images))


@pytest.mark.parametrize("name", NAMES)
def test_its_record_says_where_it_comes_from(name: str) -> None:
    part = ATTACKS[name]
    assert any(year.isdigit() and 2010 <= int(year) <= 2030 for year in part.paper.replace(",", " ").split())
    assert (part.__doc__ or "").strip()
    assert quick(name).model_dump(mode="json")["kind"] == name


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_it_runs_through_the_roadside(name: str) -> None:
    """The same attack, on a sign's artwork, seen in frames of a scene."""
    options = QUICK.get(name, {})
    config = SignAttackConfig(attack=name, options=options, sign="de/stop", views=4, texture_px=32, held_out_frames=16)
    patch = attack_sign(config)
    assert patch.record.attack == name
    assert 0.0 < patch.mask.area_fraction <= 1.0


# what users get wrong


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda x, y: (x * 255, y), "divide by 255"),
        (lambda x, y: (x / 0.0, y), "not finite"),
        (lambda x, y: ((x - 0.5) / 0.2, y), "normalization belongs to the victim"),
        (lambda x, y: (x + torch.nan, y), r"\[0,1\]"),
        (lambda x, y: (x[:, :1], y), r"\[N, 3, H, W\]"),
        (lambda x, y: ((x * 255).byte(), y), "real numbers"),
        (lambda x, y: (x, y[:-1]), "labels"),
        (lambda x, y: (x, y + 5), "0 to 4"),
        (lambda x, y: (x[:0], y[:0]), "there are none"),
    ],
)
def test_wrong_pictures_and_labels_are_refused_in_a_sentence(change: Any, words: str) -> None:
    victim, images = small_victim(), pictures()
    with pytest.raises(PhysadvError, match=words):
        quick("fgsm")(victim, *change(images, labeled(victim, images)))


def test_rounding_out_of_range_is_clipped_without_a_word() -> None:
    victim, images = small_victim(), pictures()
    labels = labeled(victim, images)
    images[0, 0, 0, 0], images[1, 0, 0, 0] = -5e-7, 1.0 + 5e-7
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = quick("fgsm")(victim, images, labels)
    assert result.adversarial.min() >= 0.0


def test_probabilities_and_train_mode_raise_a_warning() -> None:
    inner, images = small_victim(), pictures()

    class Soft(Counted):
        def forward(self, images: Tensor) -> Tensor:
            return super().forward(images).softmax(1)

    labels = labeled(inner, images)
    with pytest.warns(PhysadvWarning, match="probabilities"):
        quick("fgsm")(Soft(inner, differentiable=True).eval(), images, labels)
    with pytest.warns(PhysadvWarning, match="train mode"):
        quick("fgsm")(inner.train(), images, labels)


@pytest.mark.parametrize("function", [False, True])
def test_a_network_in_eval_mode_or_a_function_handed_in_raises_no_warning(function: bool) -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(3 * 8 * 8, 3)).eval()
    given = (lambda images: network(images)) if function else network
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        victim = wrap_module(given, classes=["stop", "yield", "tree"], size=8, trial=False)
        quick("fgsm")(victim, torch.full((2, 3, 8, 8), 0.5), torch.zeros(2, dtype=torch.long))


def test_wrong_words_are_refused() -> None:
    victim, images = small_victim(), pictures()
    labels = labeled(victim, images)
    with pytest.raises(PhysadvError, match=r"unknown attack 'pgdd'.*pgd"):
        build_attack("pgdd")
    with pytest.raises(PhysadvError, match=r"attack 'pgd'.*stepz"):
        build_attack("pgd", {"stepz": 3})
    with pytest.raises(PhysadvError, match="no entry"):
        quick("fgsm")(victim, images, torch.full_like(labels, 3), goal="targeted:no entry")
    with pytest.raises(PhysadvError, match="unknown class"):
        quick("fgsm")(victim, images, labels, goal="targeted:tree")
    with pytest.raises(PhysadvError, match="should be one of"):
        quick("fgsm")(victim, images, labels, goal="misread")
