"""Attacks: parts that combine freely, and a design that resumes, stops early and leaves the victim as it was."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from goal_kit import goal_words
from torch import Tensor, nn

from physadv.attacks import GOALS, SEARCHES, DesignConfig, Targeted, Untargeted, build_goal, design
from physadv.attacks.physical.brush_strokes import Graffiti, Strokes
from physadv.attacks.physical.discover import attribution
from physadv.attacks.physical.engine import Budget, FrameStream, Run, design_seed
from physadv.attacks.physical.perturbations import FullFace, Sticker
from physadv.attacks.physical.sign_search import true_class_of
from physadv.core.errors import PhysadvError
from physadv.core.progress import Progress
from physadv.goals import margin, parse_goal
from physadv.patches import build_mask, generic_palette, load_patch, parse_mask
from physadv.patches.paint import PAINTS
from physadv.patches.paint_kinds.free import Free
from physadv.scenes import load_scene
from physadv.signs import load_sign
from physadv.victims import Reading, Victim, wrap_module

CLASSES = ("stop", "yield", "speedLimit45", "merge")
CPU = torch.device("cpu")


class Eye(nn.Module):
    """Tells signs by their mean color in four quarters: small, smooth, with dropout to betray a training mode."""

    def __init__(self) -> None:
        super().__init__()
        self.dropout = nn.Dropout(0.5)
        self.see = nn.Linear(12, len(CLASSES))
        generator = torch.Generator().manual_seed(3)
        with torch.no_grad():
            self.see.weight.copy_(torch.randn(len(CLASSES), 12, generator=generator) * 4)
            self.see.bias.copy_(torch.tensor([2.0, 0.0, 0.0, 0.0]))

    def forward(self, images: Tensor) -> Tensor:
        quarters = nn.functional.adaptive_avg_pool2d(images, 2).flatten(1)
        logits: Tensor = self.see(self.dropout(quarters))
        return logits


@pytest.fixture
def victim() -> Victim:
    return wrap_module(Eye(), name="eye", classes=CLASSES, size=16)


def config(**changes: object) -> DesignConfig:
    base = {"sign": "us/stop", "victim": "given", "steps": 30, "views": 8, "held_out_frames": 16, "check_every": 10}
    return DesignConfig.model_validate({**base, "texture_px": 32, **changes})


def stream(victim: Victim, part: str = "train") -> FrameStream:
    size, box = victim.input_size, victim.box
    return FrameStream([load_scene("daylight")], seed=design_seed(0, part), views=8, size=size, box=box, device=CPU)


def sticker(mask: str = "bars", paint: str = "free") -> Sticker:
    sign = load_sign("us/stop")
    return Sticker(
        sign,
        build_mask(mask, sign, px=32),
        PAINTS[paint](),
        px=32,
        device=CPU,
        palette=generic_palette(),
        smoothness=0.02,
        printability=0.02,
    )


def test_margin_is_the_lead_of_the_best_other_class() -> None:
    logits = torch.tensor([[3.0, 1.0, 2.0], [0.0, 5.0, 1.0]])
    assert margin(logits, torch.tensor([0, 0])).tolist() == [-1.0, 5.0]


def test_a_far_frame_pulls_as_an_open_one_does_and_a_won_one_no_more() -> None:
    logits = torch.tensor([[1.0, 0.0, 0.0], [200.0, 0.0, 0.0], [0.0, 0.0, 20.0]], requires_grad=True)
    Targeted(0, 2).loss(Reading(logits)).sum().backward()
    open_, far, won = logits.grad.abs().sum(1).tolist()  # type: ignore[union-attr]
    assert open_ < far < 1.5 * open_
    assert won < 1e-6


def test_goals_from_words(victim: Victim) -> None:
    clean = torch.tensor([[5.0, 1.0, 0.0, 3.0], [5.0, 0.0, 0.0, 3.0]])

    def goal(spec: str) -> object:
        return build_goal(spec, victim=victim, true_class=0, clean_logits=clean)

    assert goal("untargeted") == Untargeted(0)
    assert goal("targeted:Speed Limit 45") == Targeted(0, 2, "speedLimit45")
    assert goal("runner_up") == Targeted(0, 3, victim.classes[3])
    for wrong in ("targeted", "targeted:nothing", "targeted:stop", "untargeted:stop", "else"):
        with pytest.raises(PhysadvError):
            goal(wrong)


def test_a_number_is_a_class_of_gtsrb_only_where_all_of_them_are_there() -> None:
    def numbered(count: int) -> Victim:
        classes = [str(number) for number in range(count)]
        return wrap_module(nn.Sequential(nn.Flatten(), nn.Linear(12, count)), name="n", classes=classes, size=2)

    stop = load_sign("us/stop")
    assert true_class_of(stop, numbered(43)) == 14
    with pytest.raises(PhysadvError, match="say which with true_class="):
        true_class_of(stop, numbered(18))
    assert true_class_of(stop, numbered(18), "14") == 14


@pytest.mark.parametrize("goal", list(GOALS))
@pytest.mark.parametrize("search", list(SEARCHES))
def test_every_goal_works_with_every_search(victim: Victim, goal: str, search: str) -> None:
    spec = goal_words(goal, "speedLimit45", "merge")
    patch = design(config(goal=spec, search={"kind": search}, mask="poster", steps=40, stop_at=2.0), victim=victim)
    losses = patch.record.measured["loss_history"]
    assert min(losses[1:]) < losses[0]
    assert patch.record.goal == (spec if goal != "runner_up" else f"targeted:{parse_goal(patch.record.goal).named[0]}")


@pytest.mark.parametrize("paint", list(PAINTS))
def test_every_paint_can_be_designed_with(victim: Victim, paint: str) -> None:
    patch = design(config(paint=paint, steps=10), victim=victim)
    assert patch.paint.min() >= 0
    assert patch.paint.max() <= 1


@pytest.mark.parametrize("mask", ["bars", "graffiti", "poster", "discover", "discover-rectangles", "strokes"])
def test_every_kind_of_place_can_be_designed(victim: Victim, mask: str, tmp_path: Path) -> None:
    patch = design(config(mask=mask, goal="targeted:merge"), victim=victim, out=tmp_path / "p")
    again = load_patch(tmp_path / "p")
    assert again.record == patch.record
    assert 0 < again.record.area_fraction <= 1
    if mask.startswith("discover"):
        kind = "polygons" if mask == "discover" else "stickers"
        assert again.record.mask["kind"] == kind
        assert again.record.area_fraction <= 0.15
        assert len(again.record.mask[kind]) <= 12
    if mask == "strokes":
        assert again.record.mask["kind"] == "graffiti"
    assert [p.name for p in tmp_path.iterdir()] == ["p"], "temporary folders stay behind"


@pytest.mark.parametrize(("kind", "key"), [("discover", "min_side_mm"), ("strokes", "width_mm")])
def test_nothing_is_searched_that_is_thinner_than_a_millimeter(kind: str, key: str) -> None:
    with pytest.raises(PhysadvError, match=f"{key} = 0.01: .* at least 1"):
        parse_mask({"kind": kind, key: 0.01})


def test_limits_that_no_sticker_can_keep_are_told_before_the_first_step(victim: Victim, tmp_path: Path) -> None:
    def never(progress: Progress) -> None:
        raise AssertionError("it set out to search")

    mask = {"kind": "discover", "min_side_mm": 300, "max_area_fraction": 0.05}
    with pytest.raises(PhysadvError, match=r"min_side_mm = 300 .*allow more area or narrower"):
        design(config(mask=mask), victim=victim, out=tmp_path / "p", listener=never)
    assert not (tmp_path / "p").exists()


def test_a_design_runs_again_from_its_own_record(victim: Victim) -> None:
    first = design(config(), victim=victim)
    second = design(DesignConfig.model_validate(first.record.config), victim=victim)
    assert torch.equal(first.paint, second.paint)


@pytest.mark.parametrize("mask", ["bars", "discover", "discover-rectangles"])
@pytest.mark.parametrize("restarts", [1, 2])
def test_a_killed_design_resumes_to_the_same_patch(victim: Victim, tmp_path: Path, mask: str, restarts: int) -> None:
    wanted = config(mask=mask, steps=60, restarts=restarts, stop_at=2.0)
    whole = design(wanted, victim=victim)
    seen = 0

    def interrupt(progress: Progress) -> None:
        nonlocal seen
        seen += 1
        if seen in (13, 36):
            raise KeyboardInterrupt

    out = tmp_path / "p"
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            design(wanted, victim=victim, out=out, listener=interrupt)
        assert sorted(p.name for p in out.iterdir()) == ["design.checkpoint", "run.json"]
    with pytest.raises(PhysadvError, match=r"holds other results \(config\.seed was 0, now 9\)"):
        design(config(mask=mask, seed=9), victim=victim, out=out)
    resumed = design(wanted, victim=victim, out=out)
    assert torch.equal(resumed.paint, whole.paint)
    assert resumed.record.measured["loss_history"] == whole.record.measured["loss_history"]
    assert not (out / "design.checkpoint").exists()


def test_a_broken_checkpoint_is_one_sentence(victim: Victim, tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "design.checkpoint").write_bytes(b"half")
    with pytest.raises(PhysadvError, match=r"design\.checkpoint.*remove"):
        design(config(), victim=victim, out=tmp_path / "p")


def test_it_stops_early_once_held_out_frames_are_won(victim: Victim) -> None:
    patch = design(config(mask="poster", steps=400, stop_at=0.5), victim=victim)
    history = patch.record.measured["held_out_history"]
    assert len(history) >= 3
    assert min(history[-3:]) >= 0.5
    assert patch.record.measured["steps"] < 400


def test_the_best_iterate_is_kept(victim: Victim) -> None:
    steep = {"kind": "sign", "step_size": 0.5, "momentum": 0.0}
    patch = design(config(mask="poster", search=steep, goal="targeted:merge", steps=80, stop_at=2.0), victim=victim)
    measured = patch.record.measured
    assert measured["held_out_success"] == max(measured["held_out_history"])


def test_the_victim_is_left_as_it_was_found(victim: Victim) -> None:
    victim.train()
    parameter = next(iter(victim.parameters()))
    parameter.requires_grad_(True)
    before = {name: value.clone() for name, value in victim.state_dict().items()}
    design(config(steps=5), victim=victim)
    assert all(module.training for module in victim.modules())
    assert parameter.requires_grad
    assert all(torch.equal(value, before[name]) for name, value in victim.state_dict().items())


def test_what_has_no_gradient_is_refused(victim: Victim) -> None:
    victim.differentiable = False
    with pytest.raises(PhysadvError, match="no gradient"):
        design(config(), victim=victim)


def test_a_zero_gradient_is_flagged() -> None:
    class Blind(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            return torch.tensor([[9.0, 0.0, 1.0, 0.0]]).expand(len(images), -1) + 0 * images.sum()

    blind = wrap_module(Blind(), name="blind", classes=CLASSES, size=16)
    assert any(
        "zero" in flag
        for flag in design(config(steps=5, smoothness=0, printability=0), victim=blind).record.measured["flags"]
    )


def test_attribution_adds_up_to_what_the_paint_gains(victim: Victim) -> None:
    """Completeness of integrated gradients (Sundararajan et al. 2017, proposition 1), on the same frames throughout."""
    sign = load_sign("us/stop")
    face = FullFace(
        sign, build_mask("poster", sign, px=32), Free(), px=32, device=CPU, palette=generic_palette(), sparsity=0
    )

    class SameFrames(FrameStream):
        def render(self, painted, batch):  # type: ignore[no-untyped-def]
            return super().render(painted, 0)

    frames = SameFrames([load_scene("overcast")], seed=1, views=8, size=(16, 16), box="either", device=CPU)
    theta = torch.rand(3, 32, 32, generator=torch.Generator().manual_seed(0))
    goal = Targeted(0, 2)
    victim.eval()
    shares = attribution(face, theta, victim=victim, goal=goal, frames=frames, steps=24)
    with torch.no_grad():
        before = goal.loss(victim.read(frames.render(face.blended(0 * face.change(theta)), 0))).mean()
        after = goal.loss(victim.read(frames.render(face.blended(face.change(theta)), 0))).mean()
    assert float(shares.sum()) == pytest.approx(float(before - after), abs=0.03)


def test_a_stroke_moves_under_its_gradient(victim: Victim) -> None:
    graffiti = Graffiti(load_sign("us/stop"), Strokes(count=2, width_mm=90), px=48, device=CPU)
    victim.eval()
    run = Run(
        "s",
        graffiti,
        Targeted(0, 3),
        SEARCHES["adam"](),
        victim,
        stream(victim),
        stream(victim, "held-out"),
        1,
        Budget(5, None),
    )
    start = run.begin(torch.Generator().manual_seed(1))
    _, gradient = run.gradient(start.theta, 0)
    assert (gradient[:, :8] != 0).all(), "no gradient on some control point"
    mask, paint = graffiti.finish(start.theta)
    seen = graffiti.painted(start.theta)
    cover = 1.0 - seen.sheeting
    assert float((cover - mask.alpha).abs().mean()) < 0.03, "the patch is not where the search painted"
    inside = mask.alpha[0] > 0.99
    assert paint[:, inside].unique(dim=1).shape[1] <= 2, "more colors than strokes"


def test_frames_depend_on_seed_and_batch_alone(victim: Victim) -> None:
    painted = sticker().painted(sticker().begin(torch.Generator().manual_seed(0)))
    straight = [stream(victim).render(painted, k) for k in (0, 150)]
    jumped = stream(victim)
    jumped.render(painted, 300)
    assert torch.equal(jumped.render(painted, 150), straight[1])
    assert not torch.equal(straight[0], straight[1])


def test_designs_draw_from_seeds_that_no_battery_uses() -> None:
    seeds = {design_seed(seed, part) for seed in range(200) for part in ("train", "held-out", "start/0")}
    assert len(seeds) == 600
    assert min(seeds) > 2**40
