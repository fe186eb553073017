"""Sample: random numbers, distributions, what a scene's YAML may say, and the shipped scenes."""

from __future__ import annotations

import math
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter
from scene_kit import roadside
from scipy import stats
from torch import Tensor

from physadv.core.errors import PhysadvError
from physadv.core.randomness import integers, substream, uniforms
from physadv.scenes import QUANTITIES, Conditions, Roadside, load_scene, scene_names, viewing_angle_deg
from physadv.scenes.distributions import AnyDistribution, Distribution
from physadv.scenes.roadside.config import DEFAULTS, LIMITS

ADAPTER: TypeAdapter[Distribution] = TypeAdapter(AnyDistribution)
GRID = (torch.arange(200_000, dtype=torch.float64) + 0.5) / 200_000


def distribution(data: Any) -> Distribution:
    return ADAPTER.validate_python(data)


ROADSIDES = [name for name in scene_names() if load_scene(name).kind == "roadside"]


def preset(name: str) -> Roadside:
    scene = load_scene(name)
    assert isinstance(scene, Roadside)
    return scene


# random numbers


@pytest.mark.parametrize("seed", [0, 1, -3, 2**40 + 5, 2**70])
def test_random_numbers_are_uniform(seed: int) -> None:
    drawn = uniforms(torch.arange(50_000), seed=seed, stream="yaw_deg")
    assert drawn.dtype == torch.float64
    assert 0.0 <= drawn.min() < drawn.max() < 1.0
    assert stats.kstest(drawn.numpy(), "uniform").pvalue > 1e-4
    assert stats.kstest((drawn * 1024 % 1).numpy(), "uniform").pvalue > 1e-4  # the lower bits too


def test_streams_seeds_and_frames_are_not_correlated() -> None:
    index = torch.arange(20_000)
    streams = [uniforms(index, seed=seed, stream=name) for seed in (0, 1, 2) for name in ("yaw_deg", "distance_m", "")]
    first = uniforms(index + 1, seed=0, stream="yaw_deg")
    for one, other in combinations([*streams, first], 2):
        assert abs(float(torch.corrcoef(torch.stack([one, other]))[0, 1])) < 5 / math.sqrt(len(index))


@given(seed=st.integers(0, 2**60), index=st.integers(0, 2**40))
@settings(max_examples=50, deadline=None)
def test_a_random_number_depends_on_seed_stream_and_frame_alone(seed: int, index: int) -> None:
    row = integers(torch.arange(index, index + 5), seed=seed, stream="a")
    assert torch.equal(row[3:4], integers(torch.tensor([index + 3]), seed=seed, stream="a"))
    assert 0 <= int(row.min()) <= int(row.max()) < 2**53
    assert not torch.equal(row, integers(torch.arange(index, index + 5), seed=seed + 1, stream="a"))
    assert not torch.equal(row, integers(torch.arange(index, index + 5), seed=seed, stream="b"))


def test_the_numbers_never_change() -> None:
    """Frames of a published result must be those of its seed on any machine, today and later."""
    assert integers(torch.arange(3), seed=7, stream="yaw_deg").tolist() == [
        1407367171227252,
        5984547948987804,
        2145075093616586,
    ]


def test_a_substream_is_far_from_the_seeds_that_people_write() -> None:
    seeds = {substream(seed, name) for seed in range(50) for name in ("design/train", "design/held-out")}
    assert len(seeds) == 100
    assert min(seeds) > 2**40


# distributions


@pytest.mark.parametrize(
    ("data", "law"),
    [
        ([2.0, 5.0], stats.uniform(2, 3)),
        ({"loguniform": [1.5, 75.0]}, stats.loguniform(1.5, 75.0)),
        ({"normal": [1.0, 2.0]}, stats.truncnorm(-3, 3, 1.0, 2.0)),
        ({"normal": [0.0, 28.0], "range": [-60.0, 40.0]}, stats.truncnorm(-60 / 28, 40 / 28, 0.0, 28.0)),
    ],
)
def test_drawing_is_the_inverse_of_the_laws_cumulative_distribution(data: Any, law: Any) -> None:
    drawn = distribution(data).draw(GRID)
    torch.testing.assert_close(torch.from_numpy(law.cdf(drawn.numpy())), GRID, rtol=0, atol=1e-9)
    assert float(drawn.mean()) == pytest.approx(law.mean(), rel=1e-3, abs=1e-3)
    assert float(drawn.std()) == pytest.approx(law.std(), rel=1e-3)


def test_a_choice_follows_its_weights() -> None:
    drawn = distribution({"choice": [15, 30, 60], "weights": [1, 2, 0]}).draw(GRID)
    assert {float(v): float((drawn == v).double().mean()) for v in drawn.unique()} == pytest.approx(
        {15.0: 1 / 3, 30.0: 2 / 3}, abs=1e-5
    )
    even = distribution({"choice": [1, 2, 3, 4]}).draw(GRID)
    assert [float((even == v).double().mean()) for v in (1, 2, 3, 4)] == [0.25] * 4


def test_a_chance_is_taken_as_often_as_it_says() -> None:
    drawn = distribution({"chance": 0.3, "of": [0.4, 0.75], "otherwise": -1}).draw(GRID)
    taken = drawn[drawn != -1]
    assert len(taken) / len(drawn) == pytest.approx(0.3, abs=1e-4)
    assert stats.kstest(taken.numpy(), stats.uniform(0.4, 0.35).cdf).statistic < 1e-3
    assert (distribution({"chance": 0, "of": 3, "otherwise": 5}).draw(GRID) == 5).all()
    assert (distribution({"chance": 1, "of": 3, "otherwise": 5}).draw(GRID) == 3).all()


numbers = st.floats(-100, 100)
ordered = st.tuples(numbers, numbers).map(sorted)
simple = st.one_of(
    numbers,
    ordered,
    st.tuples(st.floats(0.1, 100), st.floats(0.1, 100)).map(lambda pair: {"loguniform": sorted(pair)}),
    st.tuples(numbers, st.floats(0.1, 50)).map(lambda pair: {"normal": list(pair)}),
    st.tuples(st.floats(-1, 1), st.floats(1, 50), st.floats(-3, 0), st.floats(0, 3)).map(
        lambda four: {"normal": four[:2], "range": four[2:]}
    ),
    st.lists(numbers, min_size=1, max_size=5).map(lambda values: {"choice": values}),
)
declared = st.one_of(
    simple,
    st.tuples(st.floats(0, 1), simple, numbers).map(lambda t: {"chance": t[0], "of": t[1], "otherwise": t[2]}),
)


@given(data=declared, points=st.lists(st.floats(0, 1, exclude_max=True), min_size=1, max_size=20))
@settings(max_examples=150, deadline=None)
def test_nothing_is_drawn_outside_of_the_bounds(data: Any, points: list[float]) -> None:
    parsed = distribution(data)
    low, high = parsed.bounds()
    drawn = parsed.draw(torch.tensor(points, dtype=torch.float64))
    slack = 1e-9 * max(1.0, abs(low), abs(high))
    assert low - slack <= float(drawn.min())
    assert float(drawn.max()) <= high + slack
    assert distribution(parsed.model_dump()) == parsed  # what is echoed into a result can be read again


# what is wrong in a scene's file

NAN = float("nan")
BAD_CONDITIONS: list[tuple[dict[str, Any], str]] = [
    ({"distance_m": [40, 3]}, "wrong way round"),
    ({"distance_m": {"loguniform": [40, 3]}}, "wrong way round"),
    ({"yaw_deg": {"normal": [0, 5], "range": [10, -10]}}, "wrong way round"),
    ({"shadow_strength": {"chance": 0.5, "of": [0.7, 0.2]}}, "wrong way round"),
    ({"distance_m": {"loguniform": [0, 3]}}, "positive"),
    ({"yaw_deg": {"normal": [0, 0]}}, "standard deviation must be positive"),
    ({"yaw_deg": {"normal": [0, 1], "range": [40, 50]}}, "standard deviations from the mean"),
    ({"distance_m": {"choice": []}}, "choice"),
    ({"distance_m": {"choice": [3, 4], "weights": [1]}}, "weights must be 2 numbers"),
    ({"distance_m": {"choice": [3, 4], "weights": [2, -1]}}, "not negative"),
    ({"distance_m": {"choice": [3, 4], "weights": [0, 0]}}, "not all be 0"),
    ({"headlight": {"chance": 1.4, "of": 1}}, "at most 1"),
    ({"distance_m": True}, "expected a number"),
    ({"distance_m": "far"}, "expected a number"),
    ({"distance_m": None}, "expected a number"),
    ({"distance_m": [1, 2, 3]}, "two numbers"),
    ({"distance_m": [1, "2"]}, "two numbers"),
    ({"distance_m": [True, 2]}, "two numbers"),
    ({"distance_m": {"gauss": [0, 1]}}, "fixed, uniform, loguniform, normal, choice, chance"),
    ({"distance_m": {"uniform": [3, 5], "sigma": 2}}, "unknown key"),
    ({"distance_m": NAN}, "finite"),
    ({"distance_m": [3, math.inf]}, "finite"),
    ({"distance_m": {"fixed": NAN}}, "finite"),
    ({"distance_m": {"choice": [3, NAN]}}, "finite"),
    ({"distance_m": {"chance": 0.5, "of": 4, "otherwise": NAN}}, "finite"),
    ({"distanse_m": 4}, "did you mean distance_m"),
]


@pytest.mark.parametrize(("conditions", "words"), BAD_CONDITIONS, ids=lambda value: str(value)[:60])
@pytest.mark.parametrize("place", ["conditions", "light", "station", "file"])
def test_a_wrong_distribution_is_one_clear_sentence(
    conditions: dict[str, Any], words: str, place: str, tmp_path: Path
) -> None:
    spec: Any = {
        "conditions": {"name": "mine", "conditions": conditions},
        "light": {"name": "mine", "lights": {"lamp": conditions}},
        "station": {"name": "mine", "stations": [{"distance_m": 4}, conditions]},
        "file": {"name": "mine", "conditions": conditions},
    }[place]
    if place == "file":
        spec = tmp_path / "mine.yaml"
        spec.write_text(yaml.safe_dump({"name": "mine", "conditions": conditions}))
    with pytest.raises(PhysadvError) as caught:
        load_scene(spec)
    message = str(caught.value)
    assert words in message
    assert "\n" not in message
    assert "mine" in message  # the scene or its file
    assert next(iter(conditions)) in message


@pytest.mark.parametrize("name", sorted(LIMITS))
def test_a_value_beyond_its_limit_is_one_clear_sentence(name: str) -> None:
    least, most = LIMITS[name]
    for value in (least - 1.0, most + max(1.0, most * 1e-6), [least, most * 2 + 1]):
        with pytest.raises(PhysadvError, match=f"{name} reaches from .* it must stay within") as caught:
            load_scene({"name": "mine", "conditions": {name: value}})
        assert "\n" not in str(caught.value)
    load_scene({"name": "mine", "conditions": {name: [least, most]}})


def test_every_quantity_has_a_limit_and_a_default_within_it() -> None:
    assert set(LIMITS) == set(DEFAULTS) == set(QUANTITIES)
    for name, data in DEFAULTS.items():
        low, high = distribution(data).bounds()
        assert LIMITS[name][0] <= low <= high <= LIMITS[name][1]


DRIVE = {"from_m": 60, "to_m": 5, "speed_kmh": 36, "frame_rate_hz": 10}
BAD_SCENES: list[tuple[dict[str, Any], str]] = [
    ({"aim": "sky"}, "'sign' or 'road'"),
    ({"lights": ["moon"]}, "did you mean noon|unknown light 'moon'"),
    ({"lights": 5}, "lights"),
    ({"lights": ["noon", "noon"]}, "'noon' is listed twice"),
    ({"conditions": [1, 2]}, "expected a mapping"),
    ({"stations": [7]}, "expected a mapping"),
    ({"kind": "opera"}, "unknown scene kind 'opera'"),
    ({"kind": 3}, "kind = 3"),
    ({"condition": {}}, r"unknown key 'condition' \(did you mean 'conditions'\?\); known keys: aim, .*"),
    ({"max_viewing_angle_deg": 90}, "less than 85"),
    ({"oversample": 0}, "at least 1"),
    ({"drive": {**DRIVE, "from_m": 3}}, "from_m must be the larger"),
    ({"drive": {**DRIVE, "frame_rate_hz": 0}}, "more than 0"),
    ({"drive": {**DRIVE, "to_m": 0.1}}, "at least 1"),
    ({"drive": {**DRIVE, "speed": 3}}, "unknown key 'drive.speed'"),
    ({"drive": DRIVE, "stations": [{"distance_m": 3}]}, "stations or a drive, not both"),
    ({"drive": DRIVE, "conditions": {"distance_m": 3}}, "distance_m: a drive goes through its distances by itself"),
    ({"backdrops": "/no/such/folder"}, "no such folder"),
]


@pytest.mark.parametrize(("options", "words"), BAD_SCENES, ids=lambda value: str(value)[:60])
def test_a_wrong_scene_is_one_clear_sentence(options: dict[str, Any], words: str) -> None:
    with pytest.raises(PhysadvError, match=words) as caught:
        load_scene({"name": "mine", **options})
    assert "\n" not in str(caught.value)


def test_a_scene_that_is_not_there() -> None:
    with pytest.raises(PhysadvError, match="unknown scene 'daylite': did you mean daylight"):
        load_scene("daylite")
    with pytest.raises(PhysadvError, match=r"nowhere\.yaml: cannot be read"):
        load_scene("nowhere.yaml")
    with pytest.raises(PhysadvError, match="'name' is missing"):
        load_scene({"conditions": {}})


# what a scene samples


def test_lights_override_conditions_and_stations_override_lights() -> None:
    scene = roadside(
        conditions={"exposure_ev": -1, "yaw_deg": 5, "temperature_k": 5000},
        lights={"a": {"exposure_ev": -2}, "b": {"exposure_ev": -3, "yaw_deg": 7}},
        stations=[{"yaw_deg": 20}, {"distance_m": 9}],
    )
    seen = scene.sample(8, seed=0)
    assert scene.lights == ("a", "b")
    assert seen.approach.tolist() == [0, 1] * 4  # the station
    assert seen.light.tolist() == [0, 0, 1, 1, 0, 0, 1, 1]
    assert seen.exposure_ev.tolist() == [-2, -2, -3, -3, -2, -2, -3, -3]
    assert seen.yaw_deg.tolist() == [20, 5, 20, 7] * 2
    assert seen.distance_m[1::2].tolist() == [9.0] * 4
    assert (seen.temperature_k == 5000).all()


def test_lights_in_random_order_come_equally_often() -> None:
    scene = roadside(lights=["noon", "dusk", "overcast"], light_order="random")
    share = scene.sample(9000, seed=4).light.bincount() / 9000
    torch.testing.assert_close(share, torch.full((3,), 1 / 3), rtol=0, atol=0.02)


def test_the_declared_noise_seed_is_used() -> None:
    assert (roadside(conditions={"noise_seed": 12}).sample(4, seed=0).noise_seed == 12).all()
    assert len(roadside().sample(500, seed=0).noise_seed.unique()) == 500


def columns(seen: Conditions) -> dict[str, Tensor]:
    return dict(seen.items())


@pytest.mark.parametrize("name", ROADSIDES)
@given(seed=st.integers(0, 2**53), start=st.integers(0, 500), count=st.integers(1, 120), cut=st.integers(0, 120))
@settings(max_examples=12, deadline=None)
def test_a_frames_conditions_depend_on_seed_and_number_alone(
    name: str, seed: int, start: int, count: int, cut: int
) -> None:
    scene = preset(name)
    whole = columns(scene.sample(count, seed=seed, start=start))
    cut = min(cut, count)
    parts = [scene.sample(cut, seed=seed, start=start), scene.sample(count - cut, seed=seed, start=start + cut)]
    joined = columns(Conditions.cat([part for part in parts if len(part)]))
    for column, value in whole.items():
        assert torch.equal(value, joined[column]), column


@pytest.mark.parametrize("name", ROADSIDES)
def test_a_shipped_scene_samples_within_the_limits(name: str) -> None:
    scene = preset(name)
    assert scene.name == name
    assert scene.description
    seen = scene.sample(3000, seed=11)
    assert set(scene.lights) == {scene.lights[i] for i in seen.light.unique()}
    for quantity, (least, most) in LIMITS.items():
        value = getattr(seen, quantity)
        assert torch.isfinite(value).all()
        assert least <= float(value.min()) <= float(value.max()) <= most
    assert float(viewing_angle_deg(seen).max()) <= scene.config.max_viewing_angle_deg
    assert load_scene(scene.config.model_dump()).sample(20, seed=3).yaw_deg.equal(scene.sample(20, seed=3).yaw_deg)


@given(
    limit=st.floats(10, 80),
    lateral=st.floats(-50, 50),
    height=st.floats(-20, 20),
    distance=st.floats(1, 100),
    yaw=st.floats(-80, 80),
    pitch=st.floats(-80, 80),
)
@settings(max_examples=30, deadline=None)
def test_no_frame_is_seen_from_beyond_the_scenes_limit(
    limit: float, lateral: float, height: float, distance: float, yaw: float, pitch: float
) -> None:
    table = {"lateral_m": lateral, "height_m": height, "distance_m": distance, "yaw_deg": yaw, "pitch_deg": pitch}
    free = load_scene({"name": "free", "max_viewing_angle_deg": 84.999, "conditions": table}).sample(1, seed=0)
    held = load_scene({"name": "held", "max_viewing_angle_deg": limit, "conditions": table}).sample(1, seed=0)
    assert float(viewing_angle_deg(held)) <= limit
    if float(viewing_angle_deg(free)) <= limit:
        assert float(held.yaw_deg) == float(free.yaw_deg)
        assert float(held.lateral_m) == float(free.lateral_m)


def test_scenes_cover_what_they_say() -> None:
    for name in ("wide", "daylight", "dusk", "overcast"):
        seen = preset(name).sample(4000, seed=2)
        assert float(seen.distance_m.min()) < 1.6
        assert float(seen.distance_m.max()) > 70
        angle = viewing_angle_deg(seen)
        assert float((angle > 55).float().mean()) > 0.02
        assert float(angle.min()) < 5
    assert set(preset("wide").lights) == {"noon", "overcast", "backlit", "low-sun", "tree-shade", "dusk"}


FEET = {5: (0, 15, 30, 45, 60), 10: (0, 15, 30), 15: (0, 15), 20: (0, 15), 25: (0,), 30: (0,), 40: (0,)}


def test_stationary_15_has_the_points_of_rp2_in_several_lights() -> None:
    scene = preset("stationary-15")
    lights = len(scene.lights)
    seen = scene.sample(15 * lights, seed=5)
    points = [(feet, angle) for feet, angles in FEET.items() for angle in angles]
    assert len(points) == 15
    assert lights >= 3
    counted: dict[tuple[int, int], set[int]] = {}
    for distance, yaw, light in zip(seen.distance_m, seen.yaw_deg, seen.light, strict=True):
        feet = float(distance) / 0.3048
        assert feet == pytest.approx(round(feet), abs=1e-4)
        counted.setdefault((round(feet), abs(round(float(yaw)))), set()).add(int(light))
    assert sorted(counted) == sorted(points)
    assert all(len(seen_in) == lights for seen_in in counted.values())
    assert (seen.lateral_m == 0).all()


def test_the_drive_by_comes_nearer_by_equal_steps() -> None:
    scene = preset("drive-by")
    drive = scene.config.drive
    assert drive
    frames = scene.frames_per_approach
    seen = scene.sample(3 * frames, seed=6)
    step = drive.speed_kmh / 3.6 / drive.frame_rate_hz
    for k in range(3):
        one = seen[k * frames : (k + 1) * frames]
        assert (one.approach == k).all()
        assert float(one.distance_m[0]) == 75.0
        assert 3.0 <= float(one.distance_m[-1]) < 3.0 + step
        torch.testing.assert_close(one.distance_m.diff(), torch.full((frames - 1,), -step), rtol=0, atol=1e-5)
        torch.testing.assert_close(one.time_s, torch.arange(frames) / drive.frame_rate_hz)
        for name in ("lateral_m", "height_m", "yaw_deg", "exposure_ev", "temperature_k", "background", "light"):
            assert len(getattr(one, name).unique()) == 1, name  # one approach is one street in one light
        for name in ("noise_seed", "crop_shift_x", "shake_angle_deg"):
            assert len(getattr(one, name).unique()) == frames, name
        angle = viewing_angle_deg(one)
        assert angle[-1] > angle[0] + 15  # it is passed beside the lane
    assert len(seen.lateral_m.unique()) == 3
