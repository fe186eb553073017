"""Defenses: what each does to a victim, the gradient that it leaves, and the truth of certificates."""

from __future__ import annotations

import io
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from attack_kit import labeled, pictures, small_victim
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy.stats import binom, norm
from torch import Tensor, nn

from physadv.attacks import build_attack
from physadv.core.errors import PhysadvError
from physadv.core.jpeg import smooth_jpeg
from physadv.defenses import DEFENSES, Defended, build_defense, certify, certify_patch, defended, load_victim
from physadv.defenses.library import split
from physadv.defenses.recipes.gradient_smoothing import edge_strength
from physadv.defenses.recipes.jpeg import encode_and_decode
from physadv.defenses.recipes.patch_cleanser import PatchCleanser, covering_masks, most_frequent
from physadv.defenses.recipes.randomized_smoothing import ABSTAINED, certified_radius
from physadv.signs.datasets import load_dataset
from physadv.victims import Victim, under_attack, wrap_module

QUICK = {
    "patch-cleanser": "patch-cleanser:patch_px=3,masks=3",
    "randomized-smoothing": "randomized-smoothing:sigma=0.1",
}
WORDS = [QUICK.get(name, name) for name in DEFENSES]
THROUGH = [words for words in WORDS if build_defense(words).adaptive != "bpda"]


def behind(words: str) -> Defended:
    victim = defended(small_victim(), [words])
    assert isinstance(victim, Defended)
    return victim


@pytest.mark.parametrize("words", WORDS)
def test_a_defended_victim_is_a_victim(words: str) -> None:
    inner, images = small_victim(), pictures()
    victim = behind(words)
    with torch.no_grad():
        logits = victim(images)
    assert logits.shape == (len(images), len(inner.classes))
    assert torch.isfinite(logits).all()
    assert (victim.classes, victim.input_size, victim.differentiable) == (inner.classes, inner.input_size, True)
    assert victim.name.startswith(f"small+{victim.defense.kind}")
    assert victim.gradient_words
    assert not any(module.training for module in victim.modules())
    assert not list(set(victim.parameters()) ^ set(victim.victim.parameters()))


@pytest.mark.parametrize("words", WORDS)
def test_its_words_and_its_name_say_all(words: str) -> None:
    defense = build_defense(words)
    assert build_defense(defense.words) == defense
    for name, value in defense.options.items():
        assert f"{name}={value}" in behind(words).name


@pytest.mark.parametrize("words", WORDS)
def test_a_picture_is_answered_alike_whatever_stands_beside_it(words: str) -> None:
    victim, images = behind(words), pictures()
    with torch.no_grad():
        whole = victim(images)
        torch.testing.assert_close(victim(images[2:3]), whole[2:3], rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(victim(images.flip(0)).flip(0), whole, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("words", WORDS)
@pytest.mark.parametrize("shape", [(12, 12), (17, 23)])
def test_pictures_of_any_size_have_a_gradient(words: str, shape: tuple[int, int]) -> None:
    images = torch.rand(3, 3, *shape, generator=torch.Generator().manual_seed(0))
    before = images.clone()
    leaf = images.requires_grad_(True)
    victim = behind(words)
    with under_attack(victim):
        (gradient,) = torch.autograd.grad(victim(leaf).square().sum(), leaf)
    assert torch.isfinite(gradient).all()
    assert (gradient.flatten(1).abs().sum(1) > 0).all()
    assert torch.equal(images.detach(), before)


@pytest.mark.parametrize("words", THROUGH)
def test_its_gradient_is_that_of_finite_differences(words: str) -> None:
    victim, defense = small_victim().double(), build_defense(words)
    generator = torch.Generator().manual_seed(4)
    images = torch.rand(3, 3, 12, 12, generator=generator, dtype=torch.float64) * 0.8 + 0.1  # without ties
    weights = torch.randn(len(victim.classes), generator=generator, dtype=torch.float64)
    leaf = images.clone().requires_grad_(True)
    (gradient,) = torch.autograd.grad((defense.answer(victim, leaf, draw=3) @ weights).sum(), leaf)
    for _ in range(4):
        way = torch.randn(images.shape, generator=generator, dtype=torch.float64) * 1e-6
        with torch.no_grad():
            ahead, back = ((defense.answer(victim, images + s * way, draw=3) @ weights).sum() for s in (1, -1))
        torch.testing.assert_close((gradient * way).sum(), (ahead - back) / 2, rtol=1e-4, atol=1e-10)


@pytest.mark.parametrize("words", WORDS)
def test_an_attack_on_the_defended_victim_runs_as_on_any(words: str) -> None:
    victim, images = behind(words), pictures()
    labels = labeled(victim, images)
    result = build_attack("pgd", {"eps": 0.2, "steps": 5})(victim, images, labels)
    with torch.no_grad():
        assert torch.equal(victim(result.adversarial).argmax(1), result.predicted)
    assert result.success.any()


@pytest.mark.parametrize(
    ("words", "part"),
    [
        ("jpg", "did you mean jpeg"),
        ("jpeg:quality", "gradient, quality"),
        ("jpeg:quality=", "gradient, quality"),
        ("jpeg:quality=200", "quality = 200"),
        ("jpeg:quality=75,quality=75", "twice"),
        ("jpeg:", "gradient, quality"),
        ("jpeg:kind=median", "gradient, quality"),
        ("jpeg:gradient=[", "gradient"),
        ("median:window=4", "odd"),
        ("gradient-smoothing:block=3,overlap=3", "overlap"),
        ("randomized-smoothing:sigma=0", "sigma"),
        ("patch-cleanser:patch=3", "patch_px"),
    ],
)
def test_wrong_words_are_named(words: str, part: str) -> None:
    with pytest.raises(PhysadvError, match=part):
        build_defense(words)


def test_defenses_stand_one_behind_another() -> None:
    images = pictures()
    both = defended(small_victim(), ["median", "randomized-smoothing:samples=4"])
    assert isinstance(both, Defended)
    assert both.adaptive == "eot"
    assert both.name.index("median") < both.name.index("randomized")
    assert "median" in both.gradient_words
    with torch.no_grad():
        median = defended(small_victim(), ["median"])
        torch.testing.assert_close(both(images), both.defense.answer(median, images))
    assert defended(median, ["jpeg"]).adaptive == "bpda"  # type: ignore[attr-defined]
    assert defended(median, []) is median


def test_a_victims_words_may_go_on_with_defenses() -> None:
    victim = load_victim("gtsrb-cnn+median:window=3+jpeg")
    assert isinstance(victim, Defended)
    assert isinstance(victim.victim, Defended)
    assert (victim.defense.kind, victim.victim.defense.kind) == ("jpeg", "median")
    assert split("runs/a+b/card.yaml+median") == ["runs/a+b/card.yaml", "median"]
    assert split("medians+medianish.yaml") == ["medians+medianish.yaml"]
    assert not isinstance(load_victim("gtsrb-cnn"), Defended)
    with pytest.raises(PhysadvError, match="unknown victim"):
        load_victim("gtsrb-cnn+nothing")


def test_jpeg_is_libjpegs() -> None:
    images = pictures(2)
    for image, decoded in zip(images, encode_and_decode(images, 40), strict=True):
        buffer = io.BytesIO()
        levels = (image * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()
        Image.fromarray(levels).save(buffer, format="JPEG", quality=40)
        expected = torch.from_numpy(np.asarray(Image.open(buffer)).copy()).permute(2, 0, 1) / 255
        assert (decoded - expected).abs().max() <= 2 / 255


def test_jpegs_stand_in_is_differentiated_exactly_and_is_near_it() -> None:
    images = torch.nn.functional.interpolate(pictures(2).double(), size=(20, 28), mode="bilinear")
    quality = torch.full((2,), 60.0, dtype=torch.float64)
    weights = torch.randn(images.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    leaf = images.clone().requires_grad_(True)
    (gradient,) = torch.autograd.grad((smooth_jpeg(leaf, quality) * weights).sum(), leaf)
    way = weights.flip(3) * 1e-6
    ahead, back = ((smooth_jpeg(images + s * way, quality) * weights).sum() for s in (1, -1))
    torch.testing.assert_close((gradient * way).sum(), (ahead - back) / 2, rtol=1e-4, atol=1e-9)
    assert (smooth_jpeg(images, quality) - encode_and_decode(images, 60)).abs().mean() < 0.02


def test_jpegs_gradients_are_those_of_their_stand_ins() -> None:
    images = pictures(2)
    weights = torch.randn(images.shape, generator=torch.Generator().manual_seed(0))
    for words, stand_in in (("bpda", lambda x: x), ("through", lambda x: smooth_jpeg(x, torch.full((2,), 75.0)))):
        leaf = images.clone().requires_grad_(True)
        cleaned = build_defense(f"jpeg:gradient={words}").clean(leaf)  # type: ignore[attr-defined]
        torch.testing.assert_close(cleaned.detach(), encode_and_decode(images, 75))
        (gradient,) = torch.autograd.grad((cleaned * weights).sum(), leaf)
        (expected,) = torch.autograd.grad((stand_in(leaf) * weights).sum(), leaf)
        torch.testing.assert_close(gradient, expected)


def test_median_is_the_median_and_removes_a_speck() -> None:
    clean = build_defense("median:window=3").clean  # type: ignore[attr-defined]
    images = pictures(2)
    expected = images[:, :, 3:6, 4:7].flatten(2).median(2).values
    torch.testing.assert_close(clean(images)[:, :, 4, 5], expected)
    flat = torch.full((1, 3, 8, 8), 0.3)
    speck = flat.clone()
    speck[..., 0, 0] = speck[..., 4, 4] = 1.0
    assert torch.equal(clean(speck), flat)


def test_gradient_smoothing_darkens_a_noisy_patch_and_leaves_the_rest() -> None:
    images = torch.full((1, 3, 32, 32), 0.5)
    images[..., 10:16, 10:16] = torch.rand(1, 3, 6, 6, generator=torch.Generator().manual_seed(0))
    clean = build_defense("gradient-smoothing:smoothing=2.3").clean  # type: ignore[attr-defined]
    cleaned = clean(images)
    assert (cleaned <= images).all()
    assert (cleaned >= 0).all()
    assert cleaned[..., 10:16, 10:16].mean() < 0.5 * images[..., 10:16, 10:16].mean()
    cleaned[..., 9:16, 9:16] = images[..., 9:16, 9:16]
    torch.testing.assert_close(cleaned, images, rtol=0, atol=1e-5)
    assert torch.equal(clean(torch.full((1, 3, 32, 32), 0.5)), torch.full((1, 3, 32, 32), 0.5))


def test_edges_are_the_norm_of_first_differences() -> None:
    images = torch.zeros(1, 3, 6, 6)
    images[..., 3:] = 1.0
    images[..., 3:, :] += 0.5
    edges = edge_strength(images)[0, 0]
    top = math.hypot(1.0, 0.5)
    assert float(edges[2, 2]) == pytest.approx(1.0)
    assert float(edges[0, 2]) == pytest.approx(1.0 / top, abs=1e-5)
    assert float(edges[2, 0]) == pytest.approx(0.5 / top, abs=1e-5)
    assert float(edges[0, 0]) == pytest.approx(0.0)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 9), st.integers(0, 8), st.integers(3, 21), st.integers(3, 21), st.integers(0, 99))
def test_a_pixel_is_smoothed_if_one_of_its_blocks_has_many_edges(
    block: int, overlap: int, height: int, width: int, seed: int
) -> None:
    overlap = min(overlap, block - 1)
    defense = build_defense(f"gradient-smoothing:block={block},overlap={overlap},threshold=0.25")
    edges = torch.rand(1, 1, height, width, generator=torch.Generator().manual_seed(seed)) ** 3
    expected = torch.zeros_like(edges)
    for top in range(0, height, block - overlap):
        for left in range(0, width, block - overlap):
            part = (..., slice(top, top + block), slice(left, left + block))
            if edges[part].mean() > 0.25:
                expected[part] = 1.0
            if left + block >= width:
                break
        if top + block >= height:
            break
    assert torch.equal(defense.blocks(edges), expected)  # type: ignore[attr-defined]


def linear_victim(pixels: int = 2) -> tuple[Victim, Tensor, float]:
    """A victim of two classes, whose boundary is a plane; its normal ``[3 * pixels ** 2]`` and offset."""
    weight = torch.randn(3 * pixels**2, generator=torch.Generator().manual_seed(0))
    network = nn.Sequential(nn.Flatten(), nn.Linear(3 * pixels**2, 2))
    with torch.no_grad():
        network[1].weight.copy_(torch.stack([weight, -weight]))  # type: ignore[operator]
        network[1].bias.copy_(torch.tensor([-0.4, 0.4]) * weight.sum())  # type: ignore[operator]
    return (
        wrap_module(network, name="plane", classes=("a", "b"), size=pixels).eval(),
        weight,
        -0.4 * float(weight.sum()),
    )


def test_smoothing_has_fresh_noise_for_gradients_and_the_same_for_answers() -> None:
    victim, images = behind("randomized-smoothing:samples=4,sigma=0.3"), pictures(2)
    with torch.no_grad():
        assert torch.equal(victim(images), victim(images))
    leaf = images.clone().requires_grad_(True)
    first, second = victim(leaf), victim(leaf)
    assert not torch.equal(first, second)
    again = behind("randomized-smoothing:samples=4,sigma=0.3")
    assert torch.equal(again(leaf), first)
    assert not torch.equal(behind("randomized-smoothing:samples=4,sigma=0.3,seed=1")(leaf), first)


@pytest.mark.parametrize("vote", ["soft", "hard"])
def test_smoothing_of_a_plane_is_known(vote: str) -> None:
    victim, weight, offset = linear_victim()
    images = torch.rand(5, 3, 2, 2, generator=torch.Generator().manual_seed(3))
    defense = build_defense(f"randomized-smoothing:sigma=0.5,samples=4000,vote={vote}")
    with torch.no_grad():
        shares = defense.answer(victim, images).exp()
    distance = (images.flatten(1) @ weight + offset) / weight.norm()
    expected = norm.cdf(distance.numpy() / 0.5)
    if vote == "soft":
        steep = 2 * float(weight.norm()) * torch.linspace(-8, 8, 4001, dtype=torch.float64) * 0.5
        density = torch.from_numpy(norm.pdf(np.linspace(-8, 8, 4001)) * 16 / 4000)
        expected = torch.stack(
            [(density * torch.sigmoid(2 * weight.norm() * d + steep)).sum() for d in distance]
        ).numpy()
    np.testing.assert_allclose(shares[:, 0].numpy(), expected, atol=0.03)
    torch.testing.assert_close(shares.sum(1), torch.ones(5), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(("votes", "n"), [(95, 100), (100, 100), (990, 1000), (70, 100)])
def test_the_radius_rests_on_the_clopper_pearson_bound(votes: int, n: int) -> None:
    radius = certified_radius(votes, n, sigma=0.5, alpha=0.001)
    lower = float(norm.cdf(radius / 0.5))
    assert float(binom.sf(votes - 1, n, lower)) == pytest.approx(0.001, rel=1e-6)
    if votes == n:
        assert lower == pytest.approx(0.001 ** (1 / n))
    assert certified_radius(n // 2, n, sigma=0.5, alpha=0.001) == 0.0
    assert certified_radius(0, n, sigma=0.5, alpha=0.001) == 0.0


def test_no_certificate_reaches_beyond_the_plane() -> None:
    victim, weight, offset = linear_victim()
    images = torch.rand(40, 3, 2, 2, generator=torch.Generator().manual_seed(5))
    distance = (images.flatten(1) @ weight + offset) / weight.norm()
    labels = (distance < 0).long()
    found = certify(victim, images, labels, sigma=0.5, n0=50, n=500)
    committed = found.predicted != ABSTAINED
    assert committed.any()
    assert (found.radius_l2[~committed] == 0).all()
    assert (found.predicted == labels)[committed].all()
    assert (found.radius_l2 <= distance.abs()).all()
    assert found.radius_l2[distance.abs() > 0.6].min() > 0.2
    assert found.accuracy() == pytest.approx(float(committed.double().mean()))
    assert found.accuracy(0.3) == pytest.approx(float((found.radius_l2 > 0.3).double().mean()))
    again = certify(victim, images[:3], labels[:3], sigma=0.5, n0=50, n=500, batch=7)
    assert torch.equal(again.predicted, found.predicted[:3])


def test_no_attack_within_the_radius_changes_a_certified_answer() -> None:
    victim, images = small_victim(), pictures(8)
    labels = labeled(defended(victim, ["randomized-smoothing:sigma=0.15,samples=200,vote=hard"]), images)
    found = certify(victim, images, labels, sigma=0.15, n0=100, n=1000)
    sure = (found.predicted == labels) & (found.radius_l2 > 0.03)
    assert sure.sum() >= 3
    smoothed = defended(victim, ["randomized-smoothing:sigma=0.15,samples=64"])
    judge = defended(victim, ["randomized-smoothing:sigma=0.15,samples=1500,vote=hard,seed=9"])
    for image, label, radius in zip(images[sure], labels[sure], found.radius_l2[sure], strict=True):
        attack = build_attack("pgd", {"eps": 0.99 * float(radius), "norm": "l2", "steps": 10})
        near = attack(smoothed, image[None], label[None]).adversarial
        with torch.no_grad():
            assert judge(near).argmax(1) == label


@pytest.mark.parametrize("options", [{"sigma": 0.0}, {"n": 0}, {"n0": 0}, {"alpha": 0.0}, {"alpha": 1.0}, {"batch": 0}])
def test_certify_names_a_wrong_option(options: dict[str, float]) -> None:
    victim, images = small_victim(), pictures(1)
    with pytest.raises(PhysadvError, match=next(iter(options))):
        certify(victim, images, torch.zeros(1), **options)  # type: ignore[arg-type]


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 33), st.integers(2, 33), st.integers(1, 12), st.integers(1, 8))
def test_every_patch_is_hidden_by_a_mask(height: int, width: int, patch: int, masks: int) -> None:
    patch = min(patch, height, width)
    hidden = covering_masks((height, width), patch, masks)
    assert len(hidden) <= masks**2
    assert len(hidden.unique(dim=0)) == len(hidden)
    for top in range(height - patch + 1):
        for left in range(width - patch + 1):
            assert hidden[:, top : top + patch, left : left + patch].all(2).all(1).any()


def test_the_masks_of_the_papers_size() -> None:
    hidden = covering_masks((224, 224), 32, 6)
    assert len(hidden) == 36
    assert {int(mask.sum()) for mask in hidden} == {(32 + 33 - 1) ** 2}


class Table(nn.Module):
    """Class 1 if the four quarters of a picture are, together, brighter than gray, else 0."""

    def forward(self, images: Tensor) -> Tensor:
        quarters = nn.functional.avg_pool2d(images.mean(1, keepdim=True), 4).flatten(1) - 0.5
        lead = quarters.sum(1)
        return torch.stack([-lead, lead], 1)


def quarters(*levels: float) -> Tensor:
    return torch.tensor(levels).reshape(1, 1, 2, 2).repeat_interleave(4, 2).repeat_interleave(4, 3).repeat(1, 3, 1, 1)


@pytest.mark.parametrize(
    ("levels", "answer"),
    [
        ((0.9, 0.9, 0.9, 0.9), 1),  # all masks agree
        ((1.0, 0.4, 0.4, 0.4), 0),  # the mask on the bright quarter is believed: no second one changes it
        ((1.0, 0.4, 0.4, 0.3), 0),
        ((0.6, 0.65, 0.65, 0.2), 1),  # the masks on bright quarters disagree, but a second one changes them: majority
    ],
)
def test_double_masking(levels: tuple[float, ...], answer: int) -> None:
    victim = wrap_module(Table(), name="table", classes=("dark", "bright"), size=8)
    assert len(covering_masks((8, 8), 1, 2)) == 4
    defense = PatchCleanser(patch_px=1, masks=2)
    with torch.no_grad():
        assert defense.answer(victim, quarters(*levels)).argmax(1) == answer


def slow_double_masking(victim: Victim, image: Tensor, masks: Tensor, fill: float) -> int:
    """Algorithm 1 of the paper, one picture and one mask at a time."""

    def read(*some: Tensor) -> int:
        hidden = torch.stack(some).any(0)
        return int(victim(torch.where(hidden, fill, image)[None]).argmax())

    single = [read(mask) for mask in masks]
    majority = int(most_frequent(torch.tensor([single]), len(victim.classes)))
    for mask, answer in zip(masks, single, strict=True):
        if answer != majority and all(read(mask, other) == answer for other in masks):
            return answer
    return majority


def test_double_masking_is_the_papers_algorithm_and_its_logits_say_so() -> None:
    victim = small_victim()
    images = torch.rand(40, 3, 12, 12, generator=torch.Generator().manual_seed(0))
    defense = PatchCleanser(patch_px=2, masks=3)
    with torch.no_grad():
        found = defense.answer(victim, images).argmax(1)
        expected = [slow_double_masking(victim, image, defense.mask_set(images), 0.5) for image in images]
        minority = [
            most_frequent(
                torch.tensor([[int(victim(torch.where(m, 0.5, i)[None]).argmax()) for m in defense.mask_set(images)]]),
                5,
            )
            for i in images
        ]
    assert found.tolist() == expected
    assert any(int(m) != e for m, e in zip(minority, expected, strict=True))


def test_a_certified_picture_survives_patches() -> None:
    victim, images = small_victim(), pictures(40)
    labels = labeled(victim, images)
    options = {"patch_px": 2, "masks": 3}
    found = certify_patch(victim, images, labels, **options)  # type: ignore[arg-type]
    assert found.patch_share == pytest.approx(4 / 144)
    assert found.masks == 9
    assert (found.right | ~found.certified).all()
    assert 3 <= found.certified.sum() < len(images)
    assert found.certified_accuracy <= found.clean_accuracy
    cleanser = defended(victim, ["patch-cleanser:patch_px=2,masks=3"])
    generator = torch.Generator().manual_seed(0)
    undefended_fails = False
    for _ in range(60):
        patched = images[found.certified].clone()
        top, left = torch.randint(0, 11, (2,), generator=generator).tolist()
        patched[..., top : top + 2, left : left + 2] = torch.randint(0, 2, (3, 2, 2), generator=generator).float()
        with torch.no_grad():
            assert torch.equal(cleanser(patched).argmax(1), labels[found.certified])
            undefended_fails |= bool((victim(patched).argmax(1) != labels[found.certified]).any())
    assert undefended_fails


@pytest.mark.parametrize("options", [{"patch_px": 0}, {"masks": 0}, {"fill": 2.0}, {"batch": 0}, {"patch_px": 13}])
def test_certify_patch_names_a_wrong_option(options: dict[str, int]) -> None:
    with pytest.raises(PhysadvError, match=next(iter(options))):
        certify_patch(small_victim(), pictures(1), torch.zeros(1), **options)


@pytest.mark.data
@pytest.mark.parametrize(
    ("words", "points"),
    [
        ("jpeg", 5),
        ("median", 5),
        ("gradient-smoothing", 15),
        ("randomized-smoothing:sigma=0.05,samples=4", 5),
        pytest.param("patch-cleanser", 15, marks=pytest.mark.slow),
    ],
)
def test_clean_accuracy_on_real_signs(data_folder: Path, words: str, points: int) -> None:
    data = load_dataset("gtsrb", data_folder)
    numbers = torch.randperm(len(data), generator=torch.Generator().manual_seed(0))[:100].tolist()
    victim = load_victim("gtsrb-cnn")
    numbers = numbers[:30] if words == "patch-cleanser" else numbers  # it asks 36 times and more a picture
    images, labels = next(data.subset(numbers).batches(victim.input_size[0], batch_size=100))
    with torch.no_grad():
        bare, guarded = ((v(images).argmax(1) == labels).double().mean() for v in (victim, defended(victim, [words])))
    assert bare - guarded <= points / 100
