"""What a name, a file or a mapping stands for: settled once, from where it stands, and kept."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import pytest
import yaml
from cli_kit import Command

from physadv.attacks import DesignConfig
from physadv.core.config import Config, load_config
from physadv.core.errors import PhysadvError
from physadv.core.files import bundled
from physadv.core.named import Named, Reference
from physadv.defenses import VICTIMS, load_victim
from physadv.evaluation.batteries.battery import BATTERIES, battery_names
from physadv.evaluation.experiment import EXPERIMENTS, experiment_names
from physadv.scenes import SCENES, load_scene, scene_names
from physadv.signs import SIGNS


class Thing:
    """Made of a number."""

    def __init__(self, number: int) -> None:
        self.number = number


LOADS: list[str] = []


def _ship(name: str) -> Thing:
    LOADS.append(name)
    return Thing(len(name))


def _read(path: Path) -> Thing:
    LOADS.append(str(path))
    return Thing(int(path.read_text()))


def _build(data: Mapping[str, Any], source: str, folder: Path | None) -> Thing:
    LOADS.append(source)
    return Thing(data["number"])


def things(**options: Any) -> Named[Thing]:
    LOADS.clear()
    return Named("thing", Thing, names=lambda: ["one", "off"], ship=_ship, read=_read, build=_build, **options)


KINDS = {"scene": SCENES, "sign": SIGNS, "victim": VICTIMS, "battery": BATTERIES, "experiment": EXPERIMENTS}


def test_a_thing_is_what_its_name_file_content_or_itself_is(tmp_path: Path) -> None:
    named, thing = things(), Thing(7)
    (tmp_path / "nine.yaml").write_text("9")
    specs: list[Any] = ["one", tmp_path / "nine.yaml", str(tmp_path / "nine.yaml"), {"number": 5}, thing]
    assert [named(spec).number for spec in specs] == [3, 9, 9, 5, 7]
    assert named(thing) is thing


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_none_is_one_sentence_with_what_would_be_right(kind: str) -> None:
    named = KINDS[kind]
    near = next(iter(named.names()))
    with pytest.raises(PhysadvError, match=rf"unknown {kind} '{near}x': did you mean {near}"):
        named(f"{near}x")
    with pytest.raises(PhysadvError, match=rf"{kind} = 5: should be its name, the path of"):
        named(5)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", KINDS)
def test_all_that_ship_load_by_name(kind: str) -> None:
    for name in KINDS[kind].names():
        assert isinstance(KINDS[kind](name), KINDS[kind].kind)


def test_a_relative_path_starts_at_its_file_and_a_name_stays_one(tmp_path: Path) -> None:
    named = things()
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "nine.yaml").write_text("9")

    class Holder(Config):
        which: Annotated[Reference[Thing], named]

    for word, number in (("nine.yaml", 9), ("one", 3), ("off", 3), (str(tmp_path / "sub" / "nine.yaml"), 9)):
        (tmp_path / "sub" / "holder.yaml").write_text(f"which: {word}\n")
        holder = load_config(Holder, tmp_path / "sub" / "holder.yaml")
        assert holder.which.value.number == number, word
    assert Holder(which="nine.yaml").which.spec == "nine.yaml"  # type: ignore[arg-type]
    (tmp_path / "sub" / "holder.yaml").write_text("which: [1]\n")
    with pytest.raises(PhysadvError, match=r"holder.yaml: which = .*: should be the name of a thing"):
        load_config(Holder, tmp_path / "sub" / "holder.yaml")


def test_a_reference_loads_when_it_is_asked_and_once() -> None:
    reference = things().refer("one")
    assert LOADS == []
    assert [reference.value, reference.value] == [reference.value] * 2
    assert LOADS == ["one"]


def test_what_is_recorded_loads_the_same_again(tmp_path: Path) -> None:
    (tmp_path / "nine.yaml").write_text("9")
    plain, whole = things(), things(declared=lambda thing: {"number": thing.number})
    for spec in ("one", str(tmp_path / "nine.yaml"), {"number": 5}):
        for named in (plain, whole):
            assert named(named.refer(spec).words).number == named(spec).number
    assert plain.refer(tmp_path / "nine.yaml").words == str(tmp_path / "nine.yaml")
    assert whole.refer(tmp_path / "nine.yaml").words == {"number": 9}
    assert whole.refer(Thing(4)).words == {"number": 4}


def test_defenses_stay_behind_a_victims_path(card: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = VICTIMS.refer(f"{card.name}+median:window=3+jpeg", card.parent)
    assert here.spec == f"{card}+median:window=3+jpeg"
    monkeypatch.chdir(card.parent)
    assert load_victim(f"{card.name}+median:window=3+jpeg").fingerprint == here.value.fingerprint
    assert VICTIMS.refer("gtsrb-cnn+median", card.parent).spec == "gtsrb-cnn+median"


@pytest.mark.parametrize("name", scene_names())
def test_a_scene_is_loaded_again_from_its_declaration(name: str) -> None:
    scene = load_scene(name)
    assert load_scene(scene.declaration).fingerprint == scene.fingerprint  # type: ignore[arg-type]


def test_a_declaration_holds_wherever_its_file_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "scenes").mkdir()
    (tmp_path / "scenes" / "base.yaml").write_text("name: base\nconditions: {distance_m: 5}\n")
    (tmp_path / "scenes" / "fog.yaml").write_text("kind: weather\nname: fog\nbase: base.yaml\ngrid: {kinds: [fog]}\n")
    (tmp_path / "battery.yaml").write_text("name: b\nentries: [{scene: scenes/fog.yaml, frames: 5, seed: 1}]\n")
    battery = BATTERIES(tmp_path / "battery.yaml")
    words = BATTERIES.refer(tmp_path / "battery.yaml").words
    shutil.rmtree(tmp_path / "scenes")
    again = BATTERIES(words)
    assert again.sha256 == battery.sha256
    assert [scene.fingerprint for scene in again.scenes] == [scene.fingerprint for scene in battery.scenes]


@pytest.mark.parametrize(("kind", "names"), [("battery", battery_names()), ("experiment", experiment_names())])
def test_a_record_of_a_configuration_is_the_configuration(kind: str, names: list[str]) -> None:
    for name in names:
        loaded = KINDS[kind](name)
        assert isinstance(loaded, Config)
        assert type(loaded).model_validate(loaded.model_dump(mode="json")).model_dump() == loaded.model_dump()


def test_an_experiment_loads_each_of_its_files_once(
    physadv: Command, card: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for ending in ("yaml", "svg"):
        shutil.copy(bundled("sign_data") / "us" / f"stop.{ending}", tmp_path / f"sign.{ending}")
    (tmp_path / "scene.yaml").write_text("name: near\nconditions: {distance_m: 5}\n")
    (tmp_path / "other.yaml").write_text("name: far\nconditions: {distance_m: 15}\n")
    (tmp_path / "battery.yaml").write_text("name: mine\nentries: [{scene: other.yaml, frames: 16, seed: 1}]\n")
    design = {"sign": "sign.yaml", "victim": card.name, "scenes": ["scene.yaml"]}
    plan = {"name": "x", "design": {**design, "steps": 2, "views": 4, "held_out_frames": 16}}
    plan["evaluate"] = {"batteries": ["battery.yaml"], "victims": [card.name]}
    (tmp_path / "plan.yaml").write_text(yaml.safe_dump(plan))
    loaded: Counter[str] = Counter()
    for named in (SCENES, SIGNS, VICTIMS, BATTERIES):

        def counted(path: Path, read: Any = named._read) -> Any:
            loaded[path.name] += 1
            return read(path)

        monkeypatch.setattr(named, "_read", counted)
    code, _, error = physadv("run", tmp_path / "plan.yaml", "--out", tmp_path / "out")
    assert code == 0, error
    assert loaded == dict.fromkeys(["sign.yaml", "scene.yaml", "other.yaml", "battery.yaml", card.name], 1)


def test_a_loaded_victim_stands_for_itself_in_a_design(card: Path) -> None:
    victim = load_victim(card)
    assert DesignConfig(victim=victim, steps=1).victim.value is victim  # type: ignore[arg-type]
