"""Batteries: the shipped ones are sound, a wrong one is one clear sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from physadv.core.errors import PhysadvError
from physadv.core.randomness import substream
from physadv.evaluation.batteries.battery import Battery, battery_names, frame_counts, load_battery
from physadv.scenes.weather.weather import Weather


def battery(**changes: Any) -> dict[str, Any]:
    return {"name": "own", "entries": [{"scene": "daylight", "frames": 10, "seed": 1}], **changes}


def entry(**changes: Any) -> dict[str, Any]:
    fields = {"scene": "daylight", "frames": 10, "seed": 1, **changes}
    return battery(entries=[{key: value for key, value in fields.items() if value is not None}])


def test_shipped_names() -> None:
    assert battery_names() == ["drive-by", "stationary-15", "weather", "wide"]


@pytest.mark.parametrize("name", battery_names())
def test_shipped_batteries_load(name: str) -> None:
    shipped = load_battery(name)
    assert shipped.name == name
    assert shipped.description
    scenes = shipped.scenes
    assert min(frame_counts(shipped, scenes)) >= 1000
    for part, scene in zip(shipped.entries, scenes, strict=True):
        assert len(scene.sample(3, seed=part.seed)) == 3


def test_shipped_seeds_are_no_design_seeds() -> None:
    seeds = [part.seed for name in battery_names() for part in load_battery(name).entries]
    assert len(set(seeds)) == len(seeds)
    designs = {substream(seed, f"design/{part}") for seed in range(200) for part in ("train", "held-out")}
    assert max(seeds) < 2**40 < min(designs)


def test_round_trip_keeps_the_hash(tmp_path: Path) -> None:
    first = load_battery("weather")
    (tmp_path / "copy.yaml").write_text(yaml.safe_dump(first.model_dump(mode="json")))
    again = load_battery(tmp_path / "copy.yaml")
    assert again == first
    assert again.sha256 == first.sha256
    assert load_battery(again) is again
    assert load_battery(battery()).sha256 != first.sha256


def test_scene_files_are_found_beside_the_battery_and_read_in(tmp_path: Path) -> None:
    (tmp_path / "near.yaml").write_text("name: near\nconditions: {distance_m: [2, 3]}\n")
    (tmp_path / "team.yaml").write_text(yaml.safe_dump(entry(scene="near.yaml")))
    loaded = load_battery(tmp_path / "team.yaml")
    (tmp_path / "near.yaml").unlink()
    scene = loaded.scenes[0]
    assert scene.name == "near"
    assert float(scene.sample(20, seed=1).distance_m.max()) <= 3.0


def test_weather_wraps_the_scene() -> None:
    scene = load_battery(entry(weather={"kinds": ["fog"], "severities": [3]})).scenes[0]
    assert isinstance(scene, Weather)
    assert scene.grid.cells == [("fog", 3)]


def test_frames_override_is_an_entry_and_whole_drives() -> None:
    both = load_battery(
        battery(entries=[{"scene": "wide", "frames": 10, "seed": 1}, {"scene": "drive-by", "approaches": 3, "seed": 2}])
    )
    scenes = both.scenes
    drive = scenes[1].frames_per_approach
    assert drive > 10
    assert frame_counts(both, scenes) == [10, 3 * drive]
    assert frame_counts(both, scenes, frames=drive + 1) == [drive + 1, 2 * drive]


WRONG: list[tuple[dict[str, Any], str]] = [
    (battery(thresolds={}), "unknown key 'thresolds'"),
    (entry(sed=1), "unknown key 'entries.0.sed'"),
    (
        entry(sed=1, seed=None),
        "unknown key 'entries.0.sed' (did you mean 'seed'?); known keys: approaches, frames, scene",
    ),
    (entry(seed=None), "key 'entries.0.seed' is missing"),
    (entry(seed=-1), "entries.0.seed = -1"),
    (entry(seed=2**41), "entries.0.seed"),
    (entry(frames=0), "entries.0.frames = 0"),
    (entry(frames=None), "either frames or approaches"),
    (entry(approaches=3), "either frames or approaches"),
    (entry(frames=None, approaches=3), "is not a drive-by"),
    (entry(scene="dayligth"), "did you mean daylight"),
    (entry(scene={"name": "x", "conditions": {"distance_m": [9, 3]}}), "wrong way round"),
    (entry(scene={"name": "x", "conditions": {"distance": 3}}), "unknown condition 'distance'"),
    (entry(weather={"kinds": ["hail"]}), "unknown weather 'hail'"),
    (entry(weather={"severities": [6]}), "severity 6"),
    (entry(weather={"severities": []}), "severities"),
    (battery(consecutive={"k": 4, "n": 3}), "wrong way round"),
    (battery(bins={"distance_m": [10, 5]}), "wrong way round"),
    (battery(bins={"angle_deg": [10]}), "at least two edges"),
    (battery(thresholds={"max_asr": 1.2}), "thresholds.max_asr = 1.2"),
    (battery(half_width=0), "half_width = 0"),
    (battery(entries=[]), "entries"),
    (
        battery(entries=[{"scene": "daylight", "frames": count, "seed": 1} for count in (10, 20)]),
        "entries.1: shows the frames of entries.0 again (scene daylight, seed 1), which would count twice",
    ),
    (battery(name=""), "name"),
]


@pytest.mark.parametrize(("data", "sentence"), WRONG, ids=[sentence for _, sentence in WRONG])
def test_wrong_batteries_are_one_sentence(data: dict[str, Any], sentence: str, tmp_path: Path) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_text(yaml.safe_dump(data))
    with pytest.raises(PhysadvError) as caught:
        load_battery(file)
    message = str(caught.value)
    assert sentence in message
    assert str(file) in message
    assert "\n" not in message


def test_other_seeds_scenes_and_weather_are_other_frames() -> None:
    parts = [{}, {"seed": 2}, {"scene": "wide"}, {"weather": {"kinds": ["fog"]}}]
    load_battery(battery(entries=[{"scene": "daylight", "frames": 10, "seed": 1, **part} for part in parts]))


def test_unknown_and_missing_batteries(tmp_path: Path) -> None:
    with pytest.raises(PhysadvError, match="did you mean drive-by"):
        load_battery("driveby")
    with pytest.raises(PhysadvError, match=r"none\.yaml: cannot be read"):
        load_battery(tmp_path / "none.yaml")


def test_batteries_are_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Battery.model_validate(battery()).name = "other"  # type: ignore[misc]
