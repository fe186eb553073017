"""Every registered goal: its words, what it calls won, and a loss that leads there with a true gradient."""

from __future__ import annotations

import pytest
import torch
from attack_kit import labeled, pictures, small_victim
from goal_kit import goal_words
from torch import Tensor

from physadv.attacks import build_attack
from physadv.core.errors import PhysadvError
from physadv.goals import GOALS, Goal, Targeted, Untargeted, build_goal, check_goal, parse_goal
from physadv.goals.goal import MISREAD
from physadv.victims import Reading, Victim, wrap_module

CLASSES = ("stop", "limit 45", "yield", "merge", "turn")
FORMS = {kind: goal_words(kind, "yield", "merge") for kind in GOALS}


@pytest.fixture(scope="module")
def victim() -> Victim:
    class Logits(torch.nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            return images.flatten(1)[:, :5]

    return wrap_module(Logits(), name="reader", classes=CLASSES, size=8).eval()


def readings(count: int = 400, *, seed: int = 0) -> Reading:
    return Reading(torch.randn(count, len(CLASSES), generator=torch.Generator().manual_seed(seed)) * 3.0)


@pytest.fixture(params=sorted(GOALS))
def goal(request: pytest.FixtureRequest, victim: Victim) -> Goal:
    clean = torch.tensor([[5.0, 1.0, 0.0, 3.0, 0.0]])
    return build_goal(FORMS[request.param], victim=victim, true_class=0, clean_logits=clean)


@pytest.mark.parametrize("kind", sorted(GOALS))
def test_words_are_read_back_as_they_were_written(kind: str, victim: Victim) -> None:
    written = parse_goal(FORMS[kind])
    assert parse_goal(written.words) == written
    assert written.kind == kind
    check_goal(written.words, victim)


def test_a_goal_that_does_not_write_what_it_was_given_is_a_defect(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a record would say less than what was asked, and be scored as something else."""

    class Forgetful(Untargeted):
        kind = "forgetful"

        @classmethod
        def parse(cls, argument: str) -> Forgetful:
            return cls()

    monkeypatch.setitem(GOALS.parts, "forgetful", Forgetful)
    assert parse_goal("forgetful").words == "forgetful"
    with pytest.raises(TypeError, match=r"'forgetful': takes '0\.7' and does not write"):
        parse_goal("forgetful:0.7")


def test_a_bound_goal_is_written_in_the_victims_own_words(victim: Victim) -> None:
    clean = torch.tensor([[5.0, 1.0, 0.0, 3.0, 0.0]])

    def words(spec: str) -> str:
        return build_goal(spec, victim=victim, true_class=0, clean_logits=clean).words

    assert words("targeted:LIMIT_45") == "targeted:limit 45"
    assert words("one_of:Yield|limit45") == "one_of:yield|limit 45"
    assert words("confident:Merge:0.75") == "confident:merge:0.75"
    assert words("runner_up") == "targeted:merge"
    assert parse_goal("hide").words == "hide:5"


def test_it_is_won_where_its_lead_is_gone(goal: Goal) -> None:
    reading = readings()
    won, lead = goal.won(reading), goal.lead(reading)
    assert torch.equal(won, lead < 0.0)
    assert 0.0 < won.float().mean() < 1.0


def test_what_is_won_is_what_it_says(victim: Victim) -> None:
    """Each against its definition, in plain arithmetic."""
    reading = readings(seed=1)
    shares, logits = reading.logits.softmax(1), reading.logits
    rank = (logits > logits[:, :1]).sum(1)
    expected = {
        "untargeted": logits.argmax(1) != 0,
        "targeted:yield": logits.argmax(1) == 2,
        "one_of:yield|merge": (logits.argmax(1) == 2) | (logits.argmax(1) == 3),
        "confident:yield:0.9": shares[:, 2] >= 0.9,
        "hide:2": rank >= 2,
        "hide:1": logits.argmax(1) != 0,
    }
    for words, won in expected.items():
        made = build_goal(words, victim=victim, true_class=0, clean_logits=logits)
        assert torch.equal(made.won(reading), won), words
    probability = build_goal("one_of:yield|merge", victim=victim, true_class=0, clean_logits=logits).probability(
        reading
    )
    assert torch.allclose(probability, shares[:, 2] + shares[:, 3])


def test_its_loss_is_less_where_it_is_nearer_and_flat_where_it_is_won(goal: Goal) -> None:
    """Along the way from a frame that is far from won to one that is won."""
    far = torch.tensor([9.0, 0.0, 0.0, -0.5, -1.0])
    near = far.clone()
    near[0] = -9.0
    steered = int(goal.steered_class(Reading(far[None]))[0])
    if goal.toward:
        near[steered] = 9.0
    way = Reading(torch.stack([far + share * (near - far) for share in torch.linspace(0, 1, 30)]))
    losses = goal.loss(way)
    assert (losses.diff() < 0).all()
    assert not bool(goal.won(way)[0])
    assert bool(goal.won(way)[-1])
    assert losses[-1] < 0.01


def test_its_gradient_is_that_of_finite_differences(goal: Goal) -> None:
    logits = readings(20, seed=2).logits.double().requires_grad_(True)
    assert torch.autograd.gradcheck(lambda values: goal.loss(Reading(values)), logits, eps=1e-6, atol=1e-5)


def test_a_goal_with_a_target_asks_at_least_to_be_misread(victim: Victim) -> None:
    """The weight of that term is what makes frames that cannot reach the target count."""
    at = torch.zeros(1, 5)
    lead = torch.tensor(0.0)
    expected = torch.nn.functional.softplus(lead) * (1.0 + MISREAD)
    assert Targeted(0, 2).loss(Reading(at)).item() == pytest.approx(expected.item())
    assert Untargeted(0).loss(Reading(at)).item() == pytest.approx(torch.nn.functional.softplus(lead).item())
    assert MISREAD == 1.5


def test_some_of_the_frames_are_judged_as_all_of_them_are(goal: Goal, victim: Victim) -> None:
    reading, labels = readings(6), torch.tensor([0, 0, 4, 4, 1, 0])
    each = parse_goal(FORMS[goal.kind]).bind(victim, labels, reading)
    rows = torch.tensor([5, 2, 2, 0])
    for judge in ("won", "loss", "lead", "probability"):
        assert torch.equal(getattr(each.of(rows), judge)(reading[rows]), getattr(each, judge)(reading)[rows])


def test_a_prediction_that_wins_is_one_that_fits(goal: Goal) -> None:
    reading = readings(seed=3)
    fits = goal.fits(torch.arange(len(CLASSES)))[0]
    assert bool(fits[reading.predicted[goal.won(reading)]].all())


def test_a_probability_is_one(goal: Goal) -> None:
    probability = goal.probability(readings(seed=4))
    assert bool(((probability >= 0.0) & (probability <= 1.0)).all())


def test_it_is_called_something_in_reports(goal: Goal) -> None:
    assert goal.title[0].isupper()
    assert goal.phrase == goal.title[0].lower() + goal.title[1:]
    assert "lisa-cnn" in goal.deed("lisa-cnn")
    assert all(name in goal.title for name in goal.named)


@pytest.mark.parametrize("kind", sorted(GOALS))
@pytest.mark.parametrize("attack", ["pgd", "hop-skip-jump"])
def test_attacks_reach_every_goal(kind: str, attack: str) -> None:
    """And what they call success is what the goal says of the pictures that they give back."""
    victim, images = small_victim(), pictures(12)
    labels = labeled(victim, images)
    first, second = (victim.classes[number] for number in labels.bincount(minlength=5).argsort()[:2].tolist())
    words = goal_words(kind, first, second, least=0.5)
    options = {"eps": 0.5, "steps": 40} if attack == "pgd" else {"max_queries": 1000}
    result = build_attack(attack, options)(victim, images, labels, goal=words)
    with torch.no_grad():
        bound = parse_goal(words).bind(victim, labels, victim.read(images))
        assert torch.equal(result.success, bound.won(victim.read(result.adversarial)))
    won = result.success[result.attacked].float().mean()
    assert won > (0.7 if attack == "pgd" else 0.1)  # decisions alone find no confident start for most pictures


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("else", "should be one of"),
        ("targeted", "targeted:CLASS"),
        ("targeted:tree", "tree"),
        ("targeted:stop", "own class"),
        ("untargeted:stop", "should be untargeted"),
        ("runner_up:2", "should be runner_up"),
        ("one_of:yield", "two or more"),
        ("one_of:yield|yield", "different"),
        ("one_of:yield|", "two or more"),
        ("one_of:yield|YIELD", "twice"),
        ("one_of:yield|stop", "own class"),
        ("confident:yield", "between 0 and 1"),
        ("confident:yield:1", "between 0 and 1"),
        ("confident:yield:nan", "between 0 and 1"),
        ("confident::0.5", "between 0 and 1"),
        ("hide:0", "whole number"),
        ("hide:two", "whole number"),
        ("hide:²", "whole number"),
        ("hide:5", "smaller number"),
    ],
)
def test_words_that_are_no_goal_are_refused(victim: Victim, words: str, told: str) -> None:
    with pytest.raises(PhysadvError, match=told):
        build_goal(words, victim=victim, true_class=0, clean_logits=torch.zeros(1, 5))
