"""Every option and argument of every command arrives where it is meant to.

A new one fails ``test_every_parameter_is_told`` until the tables below say what it reaches.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pypdfium2
import pytest
from cli_kit import Command, refused
from option_routes import ROUTES
from PIL import Image
from pydantic import BaseModel
from reach_kit import Find, Reached, Route, bounds, commands, found, parameters, raises_reached, same

from physadv import __version__
from physadv.core.progress import Progress
from physadv.evaluation.experiment import load_experiment, run_experiment


@pytest.fixture(autouse=True)
def _there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text("name: mine\ndesign: {steps: 3}\n")


CASES = [
    pytest.param(route, name, find, id=f"{route.command} {name} {number}".replace(" ", "-"))
    for route in ROUTES
    for name, finds in route.finds.items()
    for number, find in enumerate(finds if isinstance(finds, list) else [finds])
]


_REACHED: dict[int, dict[str, Any]] = {}
"""What each route's callee is given by the words of its base alone."""


def _without(route: Route, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    if id(route) not in _REACHED:
        _REACHED[id(route)] = route.reached(monkeypatch, route.words())
    return _REACHED[id(route)]


@pytest.mark.parametrize(("route", "name", "find"), CASES)
def test_it_reaches_the_callee(route: Route, name: str, find: Find, monkeypatch: pytest.MonkeyPatch) -> None:
    words, place, expected = find
    before = found(_without(route, monkeypatch), place)
    assert before != expected, "the value should differ from what arrives without it"
    value = found(route.reached(monkeypatch, route.words(name, words)), place)
    assert same(value, expected), value


@pytest.mark.parametrize(
    ("route", "name"),
    [pytest.param(route, name, id=f"{route.command} {name}") for route in ROUTES for name in route.refused],
)
def test_what_has_no_meaning_is_refused(
    route: Route, name: str, physadv: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = route.refused[name]
    refused(physadv(*route.words(name, words)), f"{words[0]}", "has no meaning with")


def _is_number(find: Find) -> bool:
    return isinstance(find[2], (int, float)) and not isinstance(find[2], bool) and isinstance(find[1], str)


@pytest.mark.parametrize(
    ("route", "name", "find"),
    [case for case in CASES if case.values[1] != "option" and _is_number(case.values[2])],  # type: ignore[arg-type]
)
def test_its_range_is_the_configurations(route: Route, name: str, find: Find, monkeypatch: pytest.MonkeyPatch) -> None:
    root, _, key = str(find[1]).partition(".")
    model = route.reached(monkeypatch, route.words(name, find[0]))[root]
    if isinstance(model, BaseModel):
        assert bounds(parameters(route.command)[name]) == _range(model, key, whole=isinstance(find[2], int))


def _range(model: BaseModel, key: str, *, whole: bool) -> tuple[float | None, float | None]:
    """The least and the largest value of a configuration's key; an end that is open has none on the command line."""
    found = {
        bound: value
        for part in type(model).model_fields[key].metadata
        for bound in ("ge", "gt", "le", "lt")
        if (value := getattr(part, bound, None)) is not None
    }
    if not whole and {"gt", "lt"} & set(found):
        return None, None
    return found.get("ge", found["gt"] + 1 if "gt" in found else None), found.get(
        "le", found["lt"] - 1 if "lt" in found else None
    )


def test_the_version(physadv: Command) -> None:
    assert physadv("--version")[1].split() == ["physadv", __version__]


def test_the_list_in_json(physadv: Command) -> None:
    _, text, _ = physadv("list", "attacks")
    code, said, _ = physadv("list", "attacks", "--json")
    assert code == 0
    (rows,) = json.loads(said).values()
    assert len(rows) > 10
    with pytest.raises(json.JSONDecodeError):
        json.loads(text)


def test_the_signs_are_drawn_there(physadv: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("physadv.signs.draw_sheet", lambda signs, px: np.zeros((4, 5, 3), np.uint8))
    assert physadv("signs", "--out", "mine.png")[0] == 0
    assert Image.open(tmp_path / "mine.png").size == (5, 4)


def test_learning_curves_are_told_to_tensorboard(monkeypatch: pytest.MonkeyPatch, physadv: Command) -> None:
    told: list[tuple[Path, Progress]] = []

    def train(config: Any, out: Path, *, data: Any, listener: Any) -> Any:
        listener(Progress("training", 1, 2, step=1, loss=0.5))
        return SimpleNamespace(name="new")

    monkeypatch.setattr("physadv.training.train", train)
    monkeypatch.setattr(
        "physadv.training.plots.tensorboard_listener", lambda out: lambda progress: told.append((out, progress))
    )
    words = ["train", "clean", "--out", "new"]
    assert physadv(*words)[0] == 0
    assert told == []
    assert physadv(*words, "--tensorboard")[0] == 0
    assert [(out, progress.step) for out, progress in told] == [(Path("new"), 1)]


def test_a_replay_is_saved_there_and_exactly(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = SimpleNamespace(save=lambda path, *, exact: raises_reached(path=path, exact=exact)())
    route = Route("replay", "physadv.evaluation.replayed_frame:replay", {"folder": ["r"], "row": ["--row", 1]}, {})

    def saved(*words: str) -> dict[str, Any]:
        with monkeypatch.context() as patched:
            patched.setattr("physadv.evaluation.replayed_frame.replay", lambda *args, **options: shown)
            with pytest.raises(Reached) as reached:
                commands()[""].main([*route.words(), *words], standalone_mode=False)
        return reached.value.arguments

    assert saved() == {"path": Path("frame.png"), "exact": False}
    assert saved("--out", "x.png", "--seen") == {"path": Path("x.png"), "exact": True}


def bars_mm(pdf: Path) -> list[float]:
    """Widths of what is drawn on the first page."""
    with pypdfium2.PdfDocument(pdf) as document:
        boxes = np.array([one.get_bounds() for one in document[0].get_objects()])
    return [float(width) for width in (boxes[:, 2] - boxes[:, 0]) * 25.4 / 72.0]


@pytest.mark.parametrize("command", [("print", "de-stop-bars", "--out", "s.pdf"), ("print-rig", "--out", "rig")])
def test_a_sheets_bar_measures_what_it_should(physadv: Command, command: tuple[str, ...]) -> None:
    """A bar of 98 mm is made up for by one of 102.04 mm, which that printer prints as 100."""
    made = Path("s.pdf") if command[0] == "print" else Path("rig/rig.pdf")
    for words, length in (((), 100.0), (("--bar-mm", 98), 100.0 / 0.98)):
        assert physadv(*command, *words)[0] == 0
        assert any(abs(width - length) < 0.5 for width in bars_mm(made)), sorted(bars_mm(made))
        made.unlink() if made.parent == Path() else shutil.rmtree(made.parent)


EFFECTS = {
    ("", "version"): test_the_version,
    ("list", "as_json"): test_the_list_in_json,
    ("signs", "out"): test_the_signs_are_drawn_there,
    ("train", "tensorboard"): test_learning_curves_are_told_to_tensorboard,
    ("replay", "out"): test_a_replay_is_saved_there_and_exactly,
    ("replay", "seen"): test_a_replay_is_saved_there_and_exactly,
}
"""Parameters whose effect is in the command itself, and the test that shows it."""


@pytest.mark.parametrize("command", commands())
def test_every_parameter_is_told(command: str) -> None:
    told = {name for route in ROUTES if route.command == command for name in route.finds}
    told |= {name for one, name in EFFECTS if one == command}
    assert told == set(parameters(command))


@pytest.mark.parametrize("route", [one for one in ROUTES if one.whole], ids=lambda route: route.callee)
def test_every_parameter_has_a_meaning_or_is_refused(route: Route) -> None:
    told = {*route.finds, *route.refused, *route.elsewhere}
    told |= {name for command, name in EFFECTS if command == route.command}
    assert told == set(parameters(route.command))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["design", "--set", "seed=1"], "--set 'seed=1': seed has an option of its own; give it as --seed"),
        (["design", "--set", "mask=graffiti"], "--set 'mask=graffiti': mask has an option of its own"),
        (["design", "--set", "mask.kind=graffiti"], "--set 'mask.kind=graffiti': mask has an option"),
        (["design", "--mask", "m.svg", "--set", "mask.clearance=1"], "--mask 'm.svg' is a file; say it there"),
        (["design", "--set", "held_out=1"], "unknown key 'held_out' (did you mean 'held_out_frames'?)"),
        (["attack", "pgd", "--victim", "v", "--scene", "wide", "--set", "views=3"], "--set 'views=3'"),
        (["attack", "pgd", "--victim", "v", "--set", "texture_px=64"], "--set 'texture_px=64'"),
        (["certify", "v", "--defense", "randomized-smoothing", "--set", "n=7"], "give it as --samples"),
        (["train", "pgd", "--set", "method=fgsm"], "give it as METHOD"),
        (["train", "pgd", "--set", "attack.eps=1", "--set", "attack_options.eps=1"], "give one of both"),
        (["train-advgan", "--set", "goal=untargeted"], "give it as --goal"),
        (["run", "--set", "design.device=cpu"], "give it as --device"),
        (["run", "--set", "design.second=1"], "did you mean 'seconds'?"),
        (["run", "--set", "design=1"], "design = 1: should be a mapping"),
        (["design", "--views", "0"], "--views '0': "),
        (["design", "--views=9999"], "--views '9999': "),
        (["design", "--steps", "many"], "--steps 'many': "),
    ],
)
def test_wrong_words_are_one_sentence(physadv: Command, words: list[str], said: str) -> None:
    refused(physadv(*words, "--out", "out"), said)


def test_an_experiment_runs_where_its_design_says(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def device_name(name: str) -> str:
        asked.append(name)
        raise Reached({})

    monkeypatch.setattr("physadv.evaluation.experiment.device_name", device_name)
    plan = load_experiment({"name": "mine", "design": {"steps": 3, "device": "cpu"}})
    for device in (None, "cuda"):
        with pytest.raises(Reached):
            run_experiment(plan, Path("out"), device=device)
    assert asked == ["cpu", "cuda"]
