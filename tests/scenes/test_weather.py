"""Weather: deterministic by seed and frame, harsher by severity, never for optimizing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from evaluation_kit import ColorVictim, colored_patch
from torch.nn import functional as F

from physadv.core.errors import PhysadvError
from physadv.evaluation import evaluate
from physadv.evaluation.batteries.battery import load_battery
from physadv.evaluation.outcomes import read_batches
from physadv.scenes import PaintedSign, load_scene
from physadv.scenes.weather.weather import Weather, WeatherGrid, apply_weather
from physadv.scenes.weather.weather_kind import WEATHERS
from physadv.signs import load_sign

SIZE = (32, 32)


@pytest.fixture(scope="module")
def painted() -> PaintedSign:
    return PaintedSign(load_sign("us/stop"), load_sign("us/stop").texture(256), torch.ones(1, 256, 256))


def weather(*, name: str = "daylight", **grid: object) -> Weather:
    return Weather(load_scene(name), WeatherGrid.model_validate(grid))


@pytest.mark.parametrize("kind", WEATHERS)
def test_each_kind_replays_and_grows_with_severity(kind: str, painted: PaintedSign) -> None:
    base = load_scene("daylight")
    conditions = base.sample(10, seed=11)
    clear = base.render(painted, conditions, size=SIZE)
    change = []
    for severity in (1, 3, 5):
        scene = weather(kinds=[kind], severities=[severity])
        frames = scene.render(painted, conditions, size=SIZE)
        assert frames.shape == clear.shape
        assert frames.dtype == clear.dtype
        assert 0.0 <= float(frames.min()) <= float(frames.max()) <= 1.0
        assert torch.equal(frames, scene.render(painted, conditions, size=SIZE))
        some = scene.render(painted, conditions[7:9], size=SIZE)
        assert torch.allclose(frames[7:9], some, atol=2 / 255)
        change.append(float((frames - clear).abs().mean()))
    assert 0.002 < change[0] < change[1] < change[2], change


@pytest.mark.parametrize("kind", WEATHERS)
def test_parameters_are_drawn_from_the_frames_seed(kind: str) -> None:
    scene = weather(kinds=[kind], severities=[2])
    conditions = scene.sample(6, seed=3)
    drawn = scene.annotate(conditions)
    assert drawn == scene.annotate(conditions)
    assert drawn[2:4] == scene.annotate(conditions[2:4])
    assert len({entry.parameters["seed"] for entry in drawn}) == 6
    assert {entry.kind for entry in drawn} == {kind}
    assert {entry.severity for entry in drawn} == {2}
    for entry in drawn:
        assert json.loads(entry.to_json()) == entry.parameters
        assert all(isinstance(value, (int, float)) for value in entry.parameters.values())


def test_parameters_alone_give_the_picture_again() -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (96, 96, 3), dtype=np.uint8)
    for entry in weather().annotate(load_scene("daylight").sample(40, seed=1)):
        kept = pixels.copy()
        first = apply_weather(pixels, entry)
        assert np.array_equal(first, apply_weather(pixels, entry))
        assert np.array_equal(pixels, kept)  # the frame itself is left alone
        assert first.shape == pixels.shape
        assert first.dtype == np.uint8


def test_the_grid_goes_round_frame_by_frame_and_drive_by_drive() -> None:
    grid = {"kinds": ["fog", "rain"], "severities": [1, 4]}
    cells = [("fog", 1), ("fog", 4), ("rain", 1), ("rain", 4)]
    still = weather(**grid)
    drawn = still.annotate(still.sample(8, seed=1, start=2))
    assert [(entry.kind, entry.severity) for entry in drawn] == [cells[(2 + i) % 4] for i in range(8)]
    drive = weather(name="drive-by", **grid)
    length = drive.frames_per_approach
    drawn = drive.annotate(drive.sample(3 * length, seed=1))
    assert [(entry.kind, entry.severity) for entry in drawn] == [cells[i // length] for i in range(3 * length)]


def test_the_base_conditions_are_untouched() -> None:
    scene = weather()
    ours, bases = scene.sample(5, seed=9, start=3), scene.base.sample(5, seed=9, start=3)
    assert all(torch.equal(mine, getattr(bases, name)) for name, mine in ours.items())
    assert scene.lights == scene.base.lights


def test_weather_is_never_differentiable(painted: PaintedSign) -> None:
    scene = weather(kinds=["fog"])
    assert not scene.differentiable
    wanted = PaintedSign(painted.sign, painted.rgba.clone().requires_grad_(), painted.sheeting)
    assert not scene.render(wanted, scene.sample(2, seed=1), size=SIZE).requires_grad


def test_large_victims_get_frames_of_their_own_size(painted: PaintedSign) -> None:
    scene = weather(kinds=["rain", "compression"], severities=[3])
    assert scene.render(painted, scene.sample(2, seed=1), size=(160, 140)).shape == (2, 3, 160, 140)


@pytest.mark.parametrize("kind", ["rain", "fog", "snow", "sun-flare", "shadow"])
def test_the_weather_is_the_same_at_every_resolution(kind: str, painted: PaintedSign) -> None:
    scene = weather(kinds=[kind], severities=[5])
    conditions = scene.sample(6, seed=2)
    small = scene.render(painted, conditions, size=SIZE)
    large = F.interpolate(scene.render(painted, conditions, size=(192, 192)), size=SIZE, mode="area")
    clear = scene.base.render(painted, conditions, size=SIZE)
    assert float((small - large).abs().mean()) < 0.4 * float((small - clear).abs().mean())


def test_a_weather_scene_from_yaml(tmp_path: Path) -> None:
    file = tmp_path / "wet.yaml"
    file.write_text("kind: weather\nname: wet\nbase: overcast\ngrid: {kinds: [rain], severities: [2, 5]}\n")
    scene = load_scene(file)
    assert isinstance(scene, Weather)
    assert (scene.name, scene.base.name, scene.grid.cells) == ("wet", "overcast", [("rain", 2), ("rain", 5)])


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("kind: weather\nname: x\nbase: overcats\n", "did you mean overcast"),
        ("kind: weather\nname: x\nbase: overcast\ngrid: {kind: rain}\n", "unknown key 'grid.kind'"),
        ("kind: weather\nname: x\nbase: overcast\ngrid: {kinds: [hail]}\n", "unknown weather 'hail'"),
        ("kind: weather\nname: x\nbase: overcast\ngrid: {severities: [0]}\n", "severity 0"),
        ("kind: weather\nname: x\nbase: overcast\ngrid: {kinds: [rain, rain]}\n", "listed twice"),
        ("kind: weather\nname: x\n", "key 'base' is missing"),
        ("kind: wether\nname: x\nbase: overcast\n", "did you mean weather"),
    ],
)
def test_wrong_weather_is_one_sentence(text: str, sentence: str, tmp_path: Path) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_text(text)
    with pytest.raises(PhysadvError) as caught:
        load_scene(file)
    assert sentence in str(caught.value)


def test_weather_reaches_the_table_and_the_summary(tmp_path: Path) -> None:
    grid = {"kinds": ["fog", "shadow"], "severities": [2]}
    entry = {"scene": "daylight", "frames": 8, "seed": 4, "weather": grid}
    battery = load_battery({"name": "grid", "entries": [entry]})
    summary = evaluate([colored_patch()], [ColorVictim()], [battery], tmp_path / "out")
    rows = [row for batch in read_batches(tmp_path / "out" / "outcomes.parquet") for row in batch.to_pylist()]
    scene = weather(**grid)
    expected = scene.annotate(scene.sample(8, seed=4))
    for row in rows:
        here = expected[row["index"]]
        assert (row["weather"], row["severity"]) == (here.kind, here.severity)
        assert json.loads(row["weather_parameters"]) == here.parameters
    assert [part.label for part in summary.records[0].by_weather] == ["fog 2", "shadow 2"]
    pictures = [*summary.records[0].most_fooled, *summary.records[0].least_fooled]
    assert all(picture.weather in ("fog", "shadow") and picture.severity == 2 for picture in pictures)


@pytest.mark.slow
def test_albumentations_is_imported_late() -> None:
    code = "import sys, physadv.scenes.weather.weather; print('albumentations' in sys.modules)"
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert finished.stdout.strip() == "False"
