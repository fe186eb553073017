"""The attacks' parts by themselves: searches against their papers, budget, stream of frames, snapshots, checkpoint."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import torch
from scene_kit import painted
from torch import Tensor, nn

from physadv.attacks import Adam, SignGradient
from physadv.attacks.physical.engine import Budget, Checkpoint, FrameStream, Run, Snapshot
from physadv.attacks.physical.perturbations import Perturbation
from physadv.attacks.searches import SEARCHES, State, cosine_decay
from physadv.core.errors import PhysadvError
from physadv.core.progress import Progress
from physadv.goals import Targeted, Untargeted
from physadv.patches import Mask
from physadv.scenes import PaintedSign, load_scene
from physadv.victims import Victim, wrap_module

CPU = torch.device("cpu")
CLASSES = ("stop", "yield", "merge")
SIZE = (12, 12)


class Color(Perturbation):
    """The whole sign in one color: three parameters."""

    def begin(self, generator: torch.Generator) -> Tensor:
        return torch.rand(3, generator=generator)

    def painted(self, theta: Tensor) -> PaintedSign:
        bare = painted(px=16)
        return bare.repainted(torch.cat([theta[:, None, None].expand(3, 16, 16), bare.rgba[3:]]))

    def project(self, theta: Tensor) -> Tensor:
        return theta.clamp(0.0, 1.0)

    def finish(self, theta: Tensor) -> tuple[Mask, Tensor]:
        raise NotImplementedError


class Reader(nn.Module):
    """Reads the mean color: red is a stop sign."""

    def __init__(self) -> None:
        super().__init__()
        self.see = nn.Linear(3, 3)
        with torch.no_grad():
            self.see.weight.copy_(torch.tensor([[6.0, -6.0, -6.0], [-6.0, 6.0, -6.0], [-6.0, -6.0, 6.0]]))
            self.see.bias.zero_()

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.see(images.mean((2, 3)))
        return logits


@pytest.fixture
def victim() -> Victim:
    return wrap_module(Reader().requires_grad_(False), name="reader", classes=CLASSES, size=SIZE[0]).eval()


def frames(seed: int, *scenes: str, views: int = 6) -> FrameStream:
    names = scenes or ("overcast",)
    drawn = [load_scene(name) for name in names]
    return FrameStream(drawn, seed=seed, views=views, size=SIZE, box="either", device=CPU)


def run(victim: Victim, **changes: object) -> Run:
    options: dict[str, object] = {
        "stage": "paint",
        "perturbation": Color(),
        "goal": Targeted(0, 2),
        "search": Adam(),
        "victim": victim,
        "train": frames(1),
        "held_out": frames(2),
        "held_out_batches": 1,
        "budget": Budget(40, None),
        "check_every": 10,
    }
    return Run(**{**options, **changes})  # type: ignore[arg-type]


def begin(search: Run) -> Snapshot:
    return search.begin(torch.Generator().manual_seed(5))


def last(search: Run) -> Snapshot:
    return list(search.snapshots(begin(search)))[-1]


def same(one: Snapshot, other: Snapshot) -> bool:
    plain = [replace(s, theta=CPU, search={}, best_theta=None, elapsed_s=0.0) for s in (one, other)]  # type: ignore[arg-type]
    tensors = [[s.theta, s.best_theta, *(s.search[key] for key in sorted(s.search))] for s in (one, other)]
    return plain[0] == plain[1] and all(
        (a is None and b is None) or (a is not None and b is not None and torch.equal(a, b))
        for a, b in zip(*tensors, strict=True)
    )


# searches


def test_adam_is_torchs_adam_with_a_decaying_step() -> None:
    theta = torch.tensor([0.3, -0.2, 0.9])
    leaf = theta.clone().requires_grad_(True)
    reference = torch.optim.Adam([leaf], lr=0.05, betas=(0.9, 0.99))
    search = Adam(learning_rate=0.05, betas=(0.9, 0.99))
    state = search.begin(theta)
    for step in range(12):
        gradient = torch.sin(7 * theta + step)
        reference.param_groups[0]["lr"] = 0.05 * cosine_decay(step / 12)
        leaf.grad = gradient.clone()
        reference.step()
        theta, state = search.step(theta, gradient, state, progress=step / 12)
        torch.testing.assert_close(theta, leaf.detach())
        leaf.data.copy_(theta)


def test_the_sign_search_moves_every_parameter_by_its_step() -> None:
    search = SignGradient(step_size=0.1, momentum=0.0)
    theta = torch.zeros(3)
    moved, state = search.step(theta, torch.tensor([1e-9, -4.0, 0.0]), search.begin(theta), progress=0.0)
    torch.testing.assert_close(moved, torch.tensor([-0.1, 0.1, 0.0]))
    heavy = SignGradient(step_size=0.1, momentum=0.9)
    _, state = heavy.step(theta, torch.tensor([5.0, 5.0, 5.0]), heavy.begin(theta), progress=0.0)
    against, _ = heavy.step(theta, torch.tensor([-0.4, -1.0, -1.6]), state, progress=0.0)
    torch.testing.assert_close(against.sign(), torch.tensor([-1.0, 1.0, 1.0]))  # 0.9 - 0.4, 0.9 - 1, 0.9 - 1.6


def test_the_step_decays_along_half_a_cosine() -> None:
    assert cosine_decay(0.0) == pytest.approx(1.0)
    assert cosine_decay(0.5) == pytest.approx(0.525)
    assert cosine_decay(1.0) == cosine_decay(1.7) == pytest.approx(0.05)


@pytest.mark.parametrize("name", list(SEARCHES))
def test_a_search_goes_down_and_leaves_its_arguments_alone(name: str) -> None:
    search = SEARCHES[name]()
    theta, wanted = torch.full((4,), 0.9), torch.tensor([0.1, 0.2, 0.3, 0.4])
    state: State = search.begin(theta)
    for step in range(80):
        before = theta.clone(), {key: value.clone() for key, value in state.items()}
        moved, after = search.step(theta, theta - wanted, state, progress=step / 80)
        assert torch.equal(theta, before[0])
        assert all(torch.equal(state[key], before[1][key]) for key in state)
        theta, state = moved, after
    assert (theta - wanted).abs().max() < 0.05


# budget


def test_a_budget_ends_with_whichever_comes_first() -> None:
    assert Budget(100, None).progress(25, 1e9) == 0.25
    assert Budget(None, 60.0).progress(10**6, 15.0) == 0.25
    assert Budget(100, 60.0).progress(50, 15.0) == 0.5
    assert Budget(100, 60.0).progress(10, 600.0) == 1.0
    half = Budget(100, 60.0).share(0.5)
    assert half == Budget(50, 30.0)
    assert Budget(1, None).share(0.1).steps == 1


def test_a_run_in_seconds_ends_by_the_clock(victim: Victim) -> None:
    @dataclass
    class Clock:
        now: float = 0.0
        reads: list[float] = field(default_factory=list)

        def __call__(self) -> float:
            self.now += 0.25
            return self.now

    end = last(run(victim, budget=Budget(None, 10.0), clock=Clock()))
    assert end.finished
    assert 20 <= end.step <= 42
    assert 10.0 <= end.elapsed_s <= 11.0


# frames


def test_several_scenes_share_a_batch() -> None:
    sign = painted(px=32)
    both = frames(3, "overcast", "dusk").render(sign, 4)
    assert both.shape == (6, 3, *SIZE)
    alone = [frames(3, name, views=3).render(sign, 4) for name in ("overcast", "dusk")]
    torch.testing.assert_close(both, torch.cat(alone))


def test_frames_are_boxed_as_the_victim_takes_them() -> None:
    sign, scene, size = painted(px=32), load_scene("stationary-15"), (24, 24)
    seen = scene.sample(15, seed=3)
    for box in ("squash", "square", "either"):
        stream = FrameStream([scene], seed=3, views=15, size=size, box=box, device=CPU)
        alone = scene.render(sign, seen.with_box(box), size=size)
        # the stream prepares more frames at once, which rounds positions otherwise: within a quarter of an 8-bit step
        torch.testing.assert_close(stream.render(sign, 0), alone, atol=0.25 / 255, rtol=0.0)
    squashed, square = (scene.render(sign, seen.with_box(box), size=size) for box in ("squash", "square"))
    assert float((squashed - square)[4].abs().mean()) > 0.02  # at 60 degrees


def test_batches_do_not_overlap_and_seeds_differ() -> None:
    sign = painted(px=32)
    stream = frames(3)
    seen = torch.cat([stream.render(sign, batch) for batch in (0, 1, 2, 170, 171, 400)])
    assert len(seen.flatten(1).unique(dim=0)) == len(seen)
    assert not torch.equal(stream.render(sign, 0), frames(4).render(sign, 0))


# the loop


@pytest.mark.parametrize("search", list(SEARCHES))
@pytest.mark.parametrize("goal", [Untargeted(0), Targeted(0, 1), Targeted(0, 2)])
def test_every_search_reaches_every_goal(victim: Victim, search: str, goal: Untargeted | Targeted) -> None:
    end = last(run(victim, search=SEARCHES[search](), goal=goal))
    assert end.finished
    assert end.step == 40
    assert end.best_success == 1.0
    assert end.losses[-1] < end.losses[0]
    assert end.best_theta is not None
    assert 0 <= float(end.best_theta.min()) <= float(end.best_theta.max()) <= 1


def test_snapshots_come_at_checks_and_name_every_step(victim: Victim) -> None:
    told: list[Progress] = []
    search = run(victim, budget=Budget(25, None), listener=told.append)
    snapshots = list(search.snapshots(begin(search)))
    assert [s.step for s in snapshots] == [10, 20, 25]
    assert [s.finished for s in snapshots] == [False, False, True]
    assert [len(s.losses) for s in snapshots] == [len(s.successes) for s in snapshots] == [1, 2, 3]
    assert [p.step for p in told] == list(range(1, 26))
    assert all(0 <= p.done < 1 for p in told)


def test_it_ends_early_after_three_good_checks(victim: Victim) -> None:
    search = run(victim, budget=Budget(1000, None), stop_at=0.9)
    end = last(search)
    assert end.finished
    assert end.step < 1000
    assert min(end.successes[-3:]) >= 0.9
    assert len(end.successes) < 4 or min(end.successes[-4:]) < 0.9


def test_the_best_iterate_is_kept_when_it_gets_worse(victim: Victim) -> None:
    @dataclass
    class Uphill:
        kind: str = "uphill"

        def begin(self, theta: Tensor) -> State:
            return {}

        def step(self, theta: Tensor, gradient: Tensor, state: State, *, progress: float) -> tuple[Tensor, State]:
            return theta + 0.02 * gradient.sign(), state

    search = run(victim, search=Uphill())
    start = search.begin(torch.Generator(), torch.tensor([0.1, 0.1, 1.0]))
    first, *_, end = search.snapshots(start)
    assert end.best_theta is not None
    assert torch.equal(end.best_theta, first.theta)
    assert end.best_success == max(end.successes) == end.successes[0] > end.successes[-1]
    assert not torch.equal(end.best_theta, end.theta)


def test_of_equal_successes_the_lower_loss_is_best(victim: Victim) -> None:
    search = run(victim, search=Adam(learning_rate=0.003))
    snapshots = list(search.snapshots(search.begin(torch.Generator(), torch.tensor([0.0, 0.2, 0.8]))))
    assert {s.best_success for s in snapshots} == {1.0}
    losses = [s.best_loss for s in snapshots]
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < losses[0]


def test_a_gradient_that_is_not_finite_is_one_sentence() -> None:
    class Broken(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            return (images.mean((2, 3)) - images.mean((2, 3))).sqrt()

    broken = wrap_module(Broken(), name="broken", classes=CLASSES, size=SIZE[0])
    with pytest.raises(PhysadvError, match="'broken': its gradient is not finite"):
        last(run(broken))


# checkpoints


def cut(search: Run, folder: Path, checks: int) -> Iterator[Snapshot]:
    """Snapshots with a stop and a fresh start from the disk after ``checks`` of them."""
    disk = Checkpoint(folder / "design.checkpoint", identity="abc")
    for number, snapshot in enumerate(search.snapshots(begin(search)), 1):
        if number == checks:
            disk.write("paint", snapshot, {"round": 3}, force=True)
            break
    found = disk.read(CPU)
    assert found
    stage, again, extra = found
    assert (stage, extra) == ("paint", {"round": 3})
    assert same(snapshot, again)
    assert again.elapsed_s == snapshot.elapsed_s
    yield from search.snapshots(again)


@pytest.mark.parametrize("name", list(SEARCHES))
@pytest.mark.parametrize("checks", [1, 3])
def test_a_run_taken_up_from_the_disk_goes_on_step_for_step(
    victim: Victim, name: str, checks: int, tmp_path: Path
) -> None:
    def fresh() -> Run:
        return run(victim, search=SEARCHES[name](), train=frames(1), held_out=frames(2))

    whole = list(fresh().snapshots(begin(fresh())))
    resumed = list(cut(fresh(), tmp_path, checks))
    assert [s.step for s in resumed] == [s.step for s in whole[checks:]]
    assert all(same(one, other) for one, other in zip(resumed, whole[checks:], strict=True))
    assert [path.name for path in tmp_path.iterdir()] == ["design.checkpoint"]


def test_the_first_snapshot_can_be_kept_too(victim: Victim, tmp_path: Path) -> None:
    start = begin(run(victim))
    disk = Checkpoint(tmp_path / "c", identity="abc")
    assert disk.read(CPU) is None
    disk.write("paint", start, {}, force=True)
    found = disk.read(CPU)
    assert found
    assert same(found[1], start)
    assert found[1].best_theta is None
    assert found[1].best_loss == float("inf")


def test_a_checkpoint_is_not_written_at_every_check(victim: Victim, tmp_path: Path) -> None:
    disk = Checkpoint(tmp_path / "c", identity="abc")
    disk.write("paint", begin(run(victim)), {})
    written = disk.path.read_bytes()
    disk.write("paint", replace(begin(run(victim)), step=9), {})
    assert disk.path.read_bytes() == written


def test_a_checkpoint_of_another_design_or_none_is_refused(victim: Victim, tmp_path: Path) -> None:
    path = tmp_path / "c"
    Checkpoint(path, identity="abc").write("paint", begin(run(victim)), {}, force=True)
    with pytest.raises(PhysadvError, match="another design"):
        Checkpoint(path, identity="other").read(CPU)
    whole = path.read_bytes()
    for damage in (b"", b"{}", whole[: len(whole) // 2]):
        path.write_bytes(damage)
        with pytest.raises(PhysadvError, match="not a readable checkpoint; remove it"):
            Checkpoint(path, identity="abc").read(CPU)
