"""The command line: what a user's mistakes and a first walk through the commands look like."""

from __future__ import annotations

import re
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import typer
import yaml
from cli_kit import CLASSES, Command, quick, refused, unwritable, write_card
from PIL import Image
from safetensors.torch import save_file

from physadv.cli.app import app
from physadv.victims.architectures import LisaCnn


def test_help_is_quick_and_lists_the_commands() -> None:
    shown = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "physadv", "--help"], capture_output=True, text=True, check=True
    )
    for command in ("run", "design", "evaluate", "preview", "signs", "list", "report"):
        assert f"  {command}" in shown.stdout
    assert "physadv.cli" in shown.stderr
    assert "torch" not in shown.stderr, "physadv --help imports torch"


def test_design_evaluate_and_report_work_together(physadv: Command, card: Path, tmp_path: Path) -> None:
    patch, out = tmp_path / "patches" / "mine", tmp_path / "report"
    code, said, error = physadv(*quick(card, patch))
    assert code == 0, error
    assert re.search(r"mine: untargeted on [\d.]+ % \([\d.]+ to [\d.]+\) of \d+ frames held out; ", said), said
    assert sorted(p.name for p in patch.iterdir()) == ["mask.png", "paint.png", "painted.png", "patch.json"]
    with Image.open(patch / "painted.png") as painted:
        assert painted.size == (1024, 1024)
        assert painted.mode == "RGBA"
    stamp = (patch / "patch.json").stat().st_mtime_ns
    assert physadv(*quick(card, patch))[:2] == (0, said)
    assert (patch / "patch.json").stat().st_mtime_ns == stamp
    refused(physadv(*quick(card, patch), "--seed", 7), str(patch), "config.seed was 0, now 7", "--replace")
    assert physadv(*quick(card, patch), "--seed", 7, "--replace")[0] == 0

    words = ["evaluate", patch, "--victim", card, "--battery", "stationary-15", "--frames", 15, "--out", out]
    assert physadv(*words)[0] == 0
    for name in ("outcomes.parquet", "summary.json", "report.html", "junit.xml"):
        assert (out / name).stat().st_size > 0
    assert physadv("report", out)[0] == 0
    summary = (out / "summary.json").read_text(encoding="utf-8")
    (out / "summary.json").write_text(summary.replace('"frames": 15', '"frames": 1500'), encoding="utf-8")
    refused(physadv("report", out), "summary.json", "has changed since it was written")
    (out / "summary.json").write_text(summary, encoding="utf-8")
    refused(physadv(*words[:-3], 30, "--out", out), str(out))


def test_max_asr_fails_the_build(physadv: Command, tmp_path: Path) -> None:
    """A victim that is never fooled passes any limit; a limit beyond 0 to 1 is a mistake."""
    torch.manual_seed(0)
    network = LisaCnn(len(CLASSES))
    with torch.no_grad():
        network.fc1.weight.mul_(0.01)
        network.fc1.bias.copy_(torch.tensor([3.0, 0.0, 0.0]))
    save_file(network.state_dict(), str(tmp_path / "weights.safetensors"))
    card = write_card(tmp_path / "card.yaml")
    patch = tmp_path / "mine"
    assert physadv(*quick(card, patch))[0] == 0
    words = ["evaluate", patch, "--victim", card, "--battery", "stationary-15", "--frames", 15]
    assert physadv(*words, "--out", tmp_path / "a", "--max-asr", 0.0)[0] == 0
    refused(physadv(*words, "--out", tmp_path / "b", "--max-asr", 1.5), "max")


@pytest.mark.parametrize("command", ["list", "signs"])
def test_listings(physadv: Command, command: str) -> None:
    code, said, error = physadv(command)
    assert code == 0, error
    assert {"us/stop", "de/end-all-restrictions"} <= set(said.replace("│", " ").split()), "names are whole"
    if command == "list":
        assert "[x_mm, y_mm]" in said


def test_signs_are_listed_or_drawn(physadv: Command, tmp_path: Path) -> None:
    code, said, error = physadv("signs", "--px", 32, "--out", tmp_path / "signs.png")
    assert (code, said.strip()) == (0, f"drawn on {tmp_path / 'signs.png'}"), error


def test_preview_draws_a_contact_sheet(physadv: Command, tmp_path: Path) -> None:
    out = tmp_path / "sheet.png"
    assert physadv("preview", "--scene", "dusk", "--out", out, "--frames", 4, "--px", 32)[0] == 0
    with Image.open(out) as sheet:
        assert sheet.width > 64
    refused(physadv("preview", "--out", tmp_path / "sheet.jpg"), "sheet.jpg", ".png")


def test_wrong_words_on_the_command_line(physadv: Command, tmp_path: Path) -> None:
    refused(physadv("design", "--out", tmp_path / "x", "--stpes", 3), "--stpes")
    refused(physadv("design", "--out", tmp_path / "x", "--steps", "many"), "--steps")
    refused(physadv("desing"), "desing")
    refused(physadv("design"), "--out")
    assert physadv("--help")[0] == 0


def test_ctrl_c_says_how_to_go_on(
    physadv: Command, card: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("physadv.attacks.physical.sign_search.keep_freed_memory", interrupt)
    code, _, error = physadv(*quick(card, tmp_path / "out"))
    assert code == 130
    assert "the same command resumes" in error


def test_wrong_names(physadv: Command, card: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    refused(physadv(*quick(card, out, sign="us/stpo")), "us/stpo", "us/stop")
    refused(physadv(*quick(Path("gtsrb-cn"), out)), "gtsrb-cn", "gtsrb-cnn")
    refused(physadv(*quick(card, out, goal="targeted:speedLimit46")), "speedLimit46", "speedLimit45")
    refused(physadv(*quick(card, out, goal="targeted:stop")), "stop", "own class")
    refused(physadv(*quick(card, out, goal="targeted")), "targeted:CLASS")
    refused(physadv(*quick(card, out, goal="hijack")), "hijack", "runner_up")
    refused(physadv(*quick(card, out, mask="bar")), "bar", "bars")
    refused(physadv(*quick(card, out, scene="wid")), "wid", "wide")
    refused(physadv(*quick(card, out, paint="gold")), "gold", "free")
    refused(physadv(*quick(card, out, search="adma")), "adma", "adam")
    refused(physadv(*quick(card, out, steps=0)), "steps", "0")
    refused(physadv(*quick(card, out, scene="weather")), "weather")
    assert not out.exists()


def test_a_sign_that_the_victim_does_not_know(physadv: Command, card: Path, tmp_path: Path) -> None:
    write_card(card, classes=["addedLane", "merge", "school"])
    refused(physadv(*quick(card, tmp_path / "out")), "toy", "--true-class", "addedLane")


def test_weights(physadv: Command, card: Path, tmp_path: Path) -> None:
    out, weights = tmp_path / "out", tmp_path / "weights.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[: len(whole) // 2])
    refused(physadv(*quick(card, out)), "weights.safetensors")
    weights.write_bytes(b"not weights")
    refused(physadv(*quick(card, out)), "weights.safetensors")
    weights.unlink()
    refused(physadv(*quick(card, out)), "weights.safetensors")
    weights.write_bytes(whole)
    refused(physadv(*quick(write_card(card, classes=[*CLASSES, "merge"]), out)), "4", "3")
    refused(physadv(*quick(write_card(card, clases=CLASSES), out)), "clases")
    assert not out.exists()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"kind": "rectangles", "rectangles": [{"x_mm": 500, "y_mm": 0, "width_mm": 9, "height_mm": 5}]}, ["outside"]),
        ({"kind": "polygons", "polygons": [[[0, 0], [0.5, 0], [0.5, 0.5]]]}, ["area"]),
        ({"kind": "bars", "widht": 0.3}, ["widht"]),
    ],
)  # fmt: skip
def test_masks(physadv: Command, card: Path, tmp_path: Path, content: dict[str, object], words: list[str]) -> None:
    mask = tmp_path / "mask.yaml"
    mask.write_text(yaml.safe_dump(content))
    refused(physadv(*quick(card, tmp_path / "out", mask=mask)), *words)
    assert not (tmp_path / "out").exists()


def test_a_paint_may_be_a_file(physadv: Command, card: Path, tmp_path: Path) -> None:
    paint, out = tmp_path / "inks.yaml", tmp_path / "out"
    for content, words in (
        ({"kind": "palette", "colors": [[0, 0, 0], [1, 1, 2]]}, ["colors.1.2", "2"]),
        ({"kind": "gold"}, ["gold", "palette"]),
        ({"colors": [[0, 0, 0]]}, ["'kind' is missing", "palette"]),
        ({"kind": 3}, ["kind = 3", "palette"]),
    ):
        paint.write_text(yaml.safe_dump(content))
        refused(physadv(*quick(card, out, paint=paint)), "inks.yaml", *words)
    refused(physadv(*quick(card, out, paint=tmp_path / "no.yaml")), "no.yaml", "cannot be read")
    assert not out.exists()
    colors = [[0.0, 0.2, 0.4], [1.0, 0.8, 0.6]]
    paint.write_text(yaml.safe_dump({"kind": "palette", "colors": colors}))
    assert physadv(*quick(card, out, paint=paint))[0] == 0
    pixels = np.asarray(Image.open(out / "paint.png"))
    used = {tuple(color) for color in pixels[pixels[..., 3] > 0][:, :3].tolist()}
    assert used == {tuple(round(255 * level) for level in color) for color in colors}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"distanse_m": 3}, ["distanse_m", "distance_m"]),
        ({"distance_m": [40, 3]}, ["wrong way round"]),
        ({"distance_m": [-4, 3]}, ["distance_m"]),
        ({"yaw_deg": "left"}, ["yaw_deg"]),
    ],
)
def test_scenes(physadv: Command, card: Path, tmp_path: Path, change: dict[str, object], words: list[str]) -> None:
    scene = tmp_path / "scene.yaml"
    scene.write_text(yaml.safe_dump({"name": "mine", "conditions": change}))
    refused(physadv(*quick(card, tmp_path / "out", scene=scene)), "scene.yaml", *words)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name: a\nname: b\n", ["'name'", "twice", "line 2"]),
        ("name: !!timestamp foo\n", ["timestamp"]),
        ("name: mine\noversample: !!int ''\n", ["!!int"]),
        ("name: !!int abc\n", ["abc"]),
        ("name: " + "[" * 3000, ["deep"]),
        ("name: mine\nlights: [[1]]\n", ["light", "noon"]),
        ("name: mine\nlights: [noon, {a: 1}]\n", ["light", "noon"]),
        ("name: mine\nlights: noon\n", ["lights", "list of names"]),
        ("name: mine\nstations: 5\n", ["stations", "should be a list"]),
        ("name: mine\nkind: 5\n", ["kind = 5", "roadside"]),
        ("name: mine\nconditions: {distance_m: [1, .inf]}\n", ["distance_m"]),
        ("name: mine\ndrive: {from_m: 40, to_m: 3, speed_kmh: 1.0e-7, frame_rate_hz: 1000}\n", ["frames", "100000"]),
    ],
)
def test_scene_files_of_every_kind_of_wrong(
    physadv: Command, card: Path, tmp_path: Path, text: str, words: list[str]
) -> None:
    (tmp_path / "scene.yaml").write_text(text)
    refused(physadv(*quick(card, tmp_path / "out", scene=tmp_path / "scene.yaml")), "scene.yaml", *words)
    refused(physadv("preview", "--scene", tmp_path / "scene.yaml", "--out", tmp_path / "x.png"), "scene.yaml", *words)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"bins": {"distance_m": [1.0, float("inf")]}}, ["bins.distance_m.1", "finite"]),
        ({"entries": [{"scene": "wide", "frames": 10**14, "seed": 1}]}, ["frames", "10000000"]),
    ],
)
def test_batteries(physadv: Command, card: Path, tmp_path: Path, content: dict[str, object], words: list[str]) -> None:
    patch, battery = tmp_path / "mine", tmp_path / "battery.yaml"
    assert physadv(*quick(card, patch))[0] == 0
    battery.write_text(yaml.safe_dump({"name": "b", "entries": [{"scene": "wide", "frames": 4, "seed": 1}], **content}))
    out = tmp_path / "report"
    refused(physadv("evaluate", patch, "--victim", card, "--battery", battery, "--out", out), "battery.yaml", *words)
    refused(physadv("evaluate", patch, "--victim", card, "--frames", 10**12, "--out", out), "frames", "10000000")
    refused(physadv("evaluate", patch, "--victim", card, "--device", "meta", "--out", out), "meta", "cpu")
    assert not out.exists()


def test_cards(physadv: Command, card: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    refused(physadv(*quick(write_card(card, output="probabilities"), out)), "toy", "output: logits")
    refused(physadv(*quick(write_card(card, input={"size": 32, "std": float("inf")}), out)), "card.yaml", "std")
    refused(physadv(*quick(write_card(card, architecture="vgg"), out)), "card.yaml", "vgg", "lisa-cnn")
    refused(physadv(*quick(write_card(card, adapter="keras"), out)), "card.yaml", "keras", "torch")
    refused(physadv(*quick(write_card(card, name="../toy"), out)), "card.yaml", "name")
    torch.save({1: torch.zeros(1)}, tmp_path / "weights.pt")
    refused(physadv(*quick(write_card(card, weights="weights.pt"), out)), "weights.pt", "state dict")
    write_card(card)
    refused(physadv(*quick(card, out, defense="foo")), "defense", "foo", "median")
    refused(physadv(*quick(card, out, defense="jpeg:quality=2024-13-45")), "quality", "2024-13-45")
    refused(physadv(*quick(card, out, seconds="inf")), "seconds", "inf")
    assert not out.exists()


def test_numbers_and_names_of_options(physadv: Command, card: Path, tmp_path: Path) -> None:
    refused(physadv("attack", "fgsm", "--victim", card, "--set", "eps=2024-13-45", "--out", tmp_path / "a"), "eps")
    refused(physadv("attack", "fgsm", "--victim", card, "--set", "eps=.inf", "--out", tmp_path / "a"), "eps", "finite")
    refused(physadv("train", "fgsm", "--victim", card, "--name", "../../evil", "--out", tmp_path / "a"), "name", "evil")
    refused(physadv("print-rig", "--marker-mm", 0, "--out", tmp_path / "a"), "marker_mm = 0")
    refused(physadv("signs", "--out", tmp_path / "signs.txt"), "signs.txt", ".png")
    refused(physadv("preview", "--seed", -1, "--out", tmp_path / "x.png"), "--seed")
    refused(physadv("preview", "--patch", "x", "--sign", "us/stop", "--out", tmp_path / "x.png"), "--patch", "--sign")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["card.yaml", "weights.safetensors"]


def test_pictures(physadv: Command, card: Path, tmp_path: Path) -> None:
    patch = tmp_path / "mine"
    assert physadv(*quick(card, patch))[0] == 0
    words = ["evaluate", patch, "--victim", card, "--frames", 15, "--out", tmp_path / "report"]
    good = (patch / "paint.png").read_bytes()
    (patch / "paint.png").write_bytes(good[: len(good) // 2])
    refused(physadv(*words), "paint.png")
    Image.fromarray(np.zeros((8, 8, 4), np.uint8)).save(patch / "paint.png")
    refused(physadv(*words), "paint.png", "8 x 8", "1024")
    Image.new("1", (20000, 20000)).save(patch / "paint.png")
    refused(physadv(*words), "paint.png", "megapixels")
    (patch / "paint.png").unlink()
    refused(physadv(*words), "paint.png")
    refused(physadv("evaluate", tmp_path / "none", "--victim", card, "--out", tmp_path / "report"), "patch.json")
    assert not (tmp_path / "report").exists()


def test_a_calibration_that_is_none_is_told_before_the_work(physadv: Command, card: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    refused(physadv(*quick(card, out, calibration="nope.json", scene="no")), "nope.json", "cannot be read")
    refused(physadv(*quick(card, out, calibration=tmp_path)), str(tmp_path), "cannot be read")
    refused(physadv(*quick(card, out, calibration=card)), "card.yaml", "JSON")
    assert not out.exists()


@contextmanager
def files_no_larger_than(size: int) -> Iterator[None]:
    """What a full disk does to a writer: a write fails half-way."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk(physadv: Command, card: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with files_no_larger_than(2000):
        result = physadv(*quick(card, out))
    unwritable(result, str(out))
    left = [path for path in out.rglob("*") if path.is_file()] if out.exists() else []
    assert left == [], "half-written files stay behind"
    patch = tmp_path / "mine"
    assert physadv(*quick(card, patch))[0] == 0
    report = tmp_path / "report"
    words = ["evaluate", patch, "--victim", card, "--battery", "stationary-15", "--frames", 15, "--out", report]
    with files_no_larger_than(2000):
        unwritable(physadv(*words), str(report))
    assert not (report / "summary.json").exists()
    assert physadv(*words)[0] == 0, "after room was made, the same command resumes"


def test_an_output_that_cannot_be_written_is_told_before_the_work(
    physadv: Command, card: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notes, folder = tmp_path / "notes.txt", tmp_path / "folder.png"
    notes.write_text("mine")
    folder.mkdir()
    before = set(tmp_path.iterdir())
    # The inputs are not there either: what is said first is what was looked at first.
    design = ("design", "--victim", card, "--scene", "no", "--steps", 2, "--out")
    unwritable(physadv(*design, notes / "x" / "y"), str(notes / "x" / "y"), "is a file")
    unwritable(physadv("calibrate", tmp_path / "no", "--out", folder), str(folder), "is a folder")
    unwritable(physadv("photos", "calibrate-camera", tmp_path / "no", "--out", notes / "x"), str(notes), "is a file")
    unwritable(physadv("preview", "--sign", "no", "--out", folder), str(folder), "is a folder")
    monkeypatch.setattr("os.access", lambda path, mode: Path(path) != tmp_path)
    unwritable(physadv(*design, tmp_path / "x"), str(tmp_path / "x"), "no permission")
    unwritable(physadv("design", "--replace", *design[1:], folder), str(tmp_path), "no permission")
    unwritable(physadv("calibrate", tmp_path / "no", "--out", notes), str(tmp_path), "no permission")
    monkeypatch.setattr("os.access", lambda path, mode: Path(path) != notes)
    refused(
        physadv("calibrate", tmp_path / "no", "--out", notes), str(tmp_path / "no")
    )  # a file is replaced, not opened
    assert set(tmp_path.iterdir()) == before


def test_an_output_that_belongs_to_something_else(physadv: Command, card: Path, tmp_path: Path) -> None:
    experiment = tmp_path / "experiment.yaml"
    design = {"victim": "card.yaml", "sign": "us/stop", "steps": 2, "views": 4, "mask": "bars"}
    plan = {"name": "small", "design": design, "evaluate": {"batteries": ["stationary-15"], "frames": 15}}
    experiment.write_text(yaml.safe_dump(plan))
    out = tmp_path / "run"
    assert physadv("run", experiment, "--out", out)[0] == 0
    assert (out / "evaluation" / "report.html").exists()
    assert physadv("run", experiment, "--out", out)[0] == 0, "a finished run is not run again"
    experiment.write_text(yaml.safe_dump({**plan, "design": {**design, "seed": 1}}))
    refused(physadv("run", experiment, "--out", out), str(out), "config.seed was 0, now 1")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("mine")
    refused(physadv("run", experiment, "--out", tmp_path / "full"), "full")
    experiment.write_text(yaml.safe_dump({**plan, "desing": design}))
    refused(physadv("run", experiment, "--out", tmp_path / "other"), "desing")
    refused(physadv("run", tmp_path / "nowhere.yaml"), "nowhere.yaml")


def test_a_changed_limit_judges_the_same_experiment_anew(physadv: Command, card: Path, tmp_path: Path) -> None:
    experiment, out = tmp_path / "experiment.yaml", tmp_path / "run"
    design = {"victim": "card.yaml", "steps": 2, "views": 4, "true_class": "speedLimit45"}
    plan = {"name": "small", "design": design, "evaluate": {"batteries": ["stationary-15"], "frames": 15}}
    bias = torch.tensor([0.0, 0.0, 3.0])
    torch.manual_seed(0)
    weights = LisaCnn(len(CLASSES)).state_dict()
    weights["fc1.weight"].mul_(0.01)
    save_file({**weights, "fc1.bias": bias}, str(tmp_path / "weights.safetensors"))
    made: list[bytes] = []
    for limit in (None, 0.5, 0.0):
        experiment.write_text(yaml.safe_dump({**plan, "max_asr": limit}))
        code, said, error = physadv("run", experiment, "--out", out)
        assert code == 0, error
        assert ("pass" in said) == (limit is not None)
        made.append((out / "evaluation" / "outcomes.parquet").read_bytes())
        assert yaml.safe_load((out / "experiment.json").read_text())["max_asr"] == limit
    assert made[0] == made[1] == made[2]


OUTPUTS = {
    "run": ([], "folder"),
    "design": ([], "folder"),
    "evaluate": (["no", "--victim", "no"], "folder"),
    "attack": (["fgsm", "--victim", "no"], "folder"),
    "certify": (["no", "--defense", "randomized-smoothing"], "folder"),
    "train": (["pgd"], "folder"),
    "train-advgan": ([], "folder"),
    "print": (["no"], "file.pdf"),
    "print-rig": ([], "folder"),
    "calibrate": (["no"], "file.json"),
    "preview": ([], "file.png"),
    "replay": (["no", "--row", "0"], "file.png"),
    "signs": ([], "file.png"),
    "photos ingest": (["no"], "folder"),
    "photos calibrate-camera": (["no"], "file.json"),
    "photos measure-rig": (["no", "--rig", "no"], "file.json"),
}


def test_all_commands_that_write_are_tried() -> None:
    def with_out(group: Any, above: str = "") -> set[str]:
        found: set[str] = set()
        for name, command in group.commands.items():
            if hasattr(command, "commands"):
                found |= with_out(command, f"{above}{name} ")
            elif any("--out" in parameter.opts for parameter in command.params):
                found.add(f"{above}{name}")
        return found

    assert with_out(typer.main.get_command(app)) == set(OUTPUTS)


@pytest.mark.parametrize("command", OUTPUTS)
def test_an_out_that_cannot_be_written_is_refused_first(physadv: Command, tmp_path: Path, command: str) -> None:
    """The inputs are not there: a refusal of the output is what comes before any work."""
    words, kind = OUTPUTS[command]
    notes = tmp_path / "notes.txt"
    notes.write_text("mine")
    (tmp_path / "taken.pdf").mkdir()
    unwritable(physadv(*command.split(), *words, "--out", notes / "a" / kind), str(notes), "is a file")
    unwritable(physadv(*command.split(), *words, "--out", tmp_path / ("x" * 300)), "cannot be written")
    if kind == "folder":
        unwritable(physadv(*command.split(), *words, "--out", notes), str(notes), "is a file")
    else:
        unwritable(physadv(*command.split(), *words, "--out", tmp_path / "taken.pdf"), "is a folder")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["notes.txt", "taken.pdf"]


@pytest.mark.parametrize("command", ["", "photos", *OUTPUTS, "report", "list"])
def test_help_is_plain_and_fits_a_terminal(physadv: Command, command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    code, text, error = physadv(*command.split(), "--help")
    assert (code, error) == (0, "")
    assert text.isascii(), "any terminal can show it"
    assert max(map(len, text.splitlines())) <= 80
    assert not [line for line in text.splitlines() if line.endswith("...") and "Usage: " not in line], "nothing is cut"


HOSTILE = ["stop", "yield[/b]", "[red]Z\u00fcrich", "speedLimit45"]


def test_names_that_look_like_markup_are_shown_as_they_are(physadv: Command, tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = LisaCnn(len(HOSTILE))
    with torch.no_grad():
        network.fc1.weight.mul_(0.01)
        network.fc1.bias.copy_(torch.tensor([3.0, 0.0, 0.0, 0.0]))
    save_file(network.state_dict(), str(tmp_path / "weights.safetensors"))
    card, patch, out = write_card(tmp_path / "card.yaml", classes=HOSTILE, name="toy[b]"), tmp_path / "pa[b]t", tmp_path
    code, said, error = physadv(*quick(card, patch, goal="targeted:yield[/b]"))
    assert code == 0, error
    assert "yield[/b]" in said
    words = ["evaluate", patch, "--victim", card, "--battery", "stationary-15", "--frames", 15, "--out", out / "[r]"]
    code, said, error = physadv(*words)
    assert code == 0, error
    assert "yield[/b]" in said
    assert "toy[b]" in said
    refused(physadv(*quick(card, out / "other", goal="targeted:[/x]")), "[/x]", "[red]Z\u00fcrich")
