"""What a user brings and keeps: own signs, files beside an experiment, and folders that hold something already."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
import torch
import yaml
from cli_kit import CLASSES, Command, quick, refused, write_card
from PIL import Image
from safetensors.torch import save_file

from physadv.attacks import DesignConfig, design
from physadv.attacks.physical.engine import Run
from physadv.core.errors import CannotWrite, PhysadvError
from physadv.core.files import bundled
from physadv.patches import load_patch, save_patch
from physadv.scenes import load_scene
from physadv.signs import keep_sign, kept_sign, load_sign, read_sign, sign_names
from physadv.victims.architectures import LisaCnn


@pytest.fixture
def card(tmp_path: Path) -> Path:
    """A victim card over a small untrained LISA-CNN, in a folder of its own."""
    folder = tmp_path / "mine"
    folder.mkdir()
    torch.manual_seed(0)
    save_file(LisaCnn(len(CLASSES)).state_dict(), str(folder / "weights.safetensors"))
    return write_card(folder / "card.yaml")


def own_sign(folder: Path, name: str = "my/stop") -> Path:
    """A smaller stop sign of the user's, with the artwork that is shipped."""
    declared = yaml.safe_load((bundled("sign_data") / "us" / "stop.yaml").read_text())
    declared |= {"name": name, "outline": {"shape": "octagon", "across_flats_mm": 600}}
    svg = (bundled("sign_data") / "us" / "stop.svg").read_text()
    (folder / "my_stop.svg").write_text(svg.replace("762", "600").replace("-381", "-300"))
    path = folder / "my_stop.yaml"
    path.write_text(yaml.safe_dump(declared | {"artwork": "my_stop.svg"}))
    return path


@pytest.mark.parametrize("name", ["my/stop", "us/stop"])
def test_a_patch_on_an_own_sign_is_scored_and_printed_anywhere(
    physadv: Command, card: Path, tmp_path: Path, name: str
) -> None:
    sign = own_sign(card.parent, name)
    patch = tmp_path / "patch"
    code, _, error = physadv(*quick(card, patch, sign=sign))
    assert code == 0, error
    sign.unlink()
    loaded = load_patch(patch)
    assert (loaded.sign.name, loaded.sign.width_mm) == (name, pytest.approx(600.0))
    words = ["--victim", card, "--battery", "stationary-15", "--frames", 15, "--out", tmp_path / "report"]
    code, _, error = physadv("evaluate", patch, *words)
    assert code == 0, error
    code, _, error = physadv("print", patch, "--out", tmp_path / "sheets.pdf")
    assert code == 0, error
    if name == "my/stop":
        (patch / "sign.yaml").unlink()
        refused(physadv("print", patch, "--out", tmp_path / "again.pdf"), str(patch), "my/stop", "sign.yaml")


@pytest.mark.parametrize("name", sign_names())
def test_a_kept_sign_is_the_same(tmp_path: Path, name: str) -> None:
    keep_sign(load_sign(name), tmp_path)
    assert list(tmp_path.iterdir()) == [], "a sign that ships needs no copy"
    assert kept_sign(tmp_path, name) == load_sign(name)
    source = bundled("sign_data") / f"{name}.yaml"
    declared = yaml.safe_load(source.read_text())
    (tmp_path / "own.yaml").write_text(yaml.safe_dump({**declared, "name": "own", "artwork": "own.svg"}))
    shutil.copy(source.parent / declared.get("artwork", f"{source.stem}.svg"), tmp_path / "own.svg")
    own = read_sign(tmp_path / "own.yaml")
    keep_sign(own, tmp_path)
    assert kept_sign(tmp_path, "own") == own


def test_design_takes_no_folder_with_other_things_in_it(physadv: Command, card: Path, tmp_path: Path) -> None:
    out = tmp_path / "precious"
    out.mkdir()
    (out / "thesis.txt").write_text("mine")
    refused(physadv(*quick(card, out)), str(out), "thesis.txt")
    refused(physadv(*quick(card, out), "--replace"), str(out), "thesis.txt")
    assert [entry.name for entry in out.iterdir()] == ["thesis.txt"]
    patch = tmp_path / "patch"
    assert physadv(*quick(card, patch))[0] == 0
    refused(physadv(*quick(card, patch), "--seed", 7), str(patch), "--replace")
    assert physadv(*quick(card, patch), "--seed", 7, "--replace")[0] == 0
    (patch / "photos").mkdir()
    refused(physadv(*quick(card, patch), "--replace"), "photos")
    assert (patch / "photos").is_dir()


def test_a_design_into_the_folder_one_is_in_has_its_name(
    physadv: Command, card: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    code, _, error = physadv(*quick(card, Path()))
    assert code == 0, error
    assert load_patch(here).name == "here"


def test_an_edited_picture_is_refused(tmp_path: Path, card: Path) -> None:
    patch = design(DesignConfig(victim=str(card), steps=1, views=4))
    save_patch(patch, tmp_path / "patch")
    file = tmp_path / "patch" / "paint.png"
    with Image.open(file) as picture:
        bands = picture.split()
    Image.merge("RGBA", [Image.new("L", bands[0].size, 255), *bands[1:]]).save(file)
    with pytest.raises(Exception, match=r"painted.png.*paint.png.*edited"):
        load_patch(tmp_path / "patch")


def test_a_design_does_not_go_on_once_its_files_have_changed(
    physadv: Command, card: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = tmp_path / "scene.yaml"
    scene.write_text(yaml.safe_dump({"name": "mine", "conditions": {"distance_m": 5}}))
    out = tmp_path / "out"
    words = quick(card, out, scene=scene, steps=40)

    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("physadv.attacks.physical.sign_search.save_patch", stop)
        assert physadv(*words)[0] == 130
    assert sorted(entry.name for entry in out.iterdir()) == ["design.checkpoint", "run.json"]
    kept = scene.read_text()
    scene.write_text(kept.replace("5", "60"))
    refused(physadv(*words), "the content of scenes.0 has changed")
    scene.write_text(kept)
    write_card(card, input={"size": 32, "mean": 0.5})
    refused(physadv(*words), "the content of victim has changed")
    write_card(card)
    assert physadv(*words)[0] == 0
    (seen,) = load_patch(out).record.config["scenes"]
    assert load_scene(seen).fingerprint == load_scene(scene).fingerprint


def stopped(message: str, *, after: int) -> Callable[..., Any]:
    """A gradient that becomes a user's mistake after so many steps."""
    left = iter(range(after))

    def gradient(run: Run, *given: Any) -> Any:
        if next(left, None) is None:
            raise PhysadvError(message)
        return plainly(run, *given)

    plainly = Run.gradient
    return gradient


@pytest.mark.parametrize("kind", ["discover", "discover-rectangles"])
@pytest.mark.parametrize("limits", [{"max_area_fraction": 0.0001}, {"min_side_mm": 761, "max_area_fraction": 1}])
def test_limits_that_leave_no_room_are_told_before_the_work(
    physadv: Command, card: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, limits: dict[str, float]
) -> None:
    mask, out = tmp_path / "mask.yaml", tmp_path / "out"
    mask.write_text(yaml.safe_dump({"kind": kind, **limits}))
    monkeypatch.setattr(Run, "gradient", stopped("the work has begun", after=0))
    refused(physadv(*quick(card, out, mask=mask)), "no sticker", "us/stop", "max_area_fraction")
    assert not out.exists()


@pytest.mark.parametrize("there", [False, True])
def test_a_mistake_that_ends_a_design_leaves_the_folder_as_it_was(
    physadv: Command, card: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: bool
) -> None:
    out = tmp_path / "out"
    if there:
        out.mkdir()
    words = quick(card, out, mask="discover", steps=10)
    with monkeypatch.context() as patched:
        patched.setattr(Run, "gradient", stopped("wrong", after=9))
        refused(physadv(*words), "wrong")
    assert out.exists() == there
    assert not there or list(out.iterdir()) == []
    assert physadv(*quick(card, out))[0] == 0


def test_a_full_disk_takes_no_checkpoint_away(
    physadv: Command, card: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    words = quick(card, out, mask="discover", steps=10)
    for error, code in ((CannotWrite("no room"), 3), (PhysadvError("wrong"), 2)):
        with monkeypatch.context() as patched:
            patched.setattr("physadv.attacks.physical.design_loop.Sticker", Mock(side_effect=error))
            refused(physadv(*words), str(error), code=code)
        assert sorted(entry.name for entry in out.iterdir()) == ["design.checkpoint", "run.json"]
    refused(physadv(*quick(card, out, mask="bars")), "config.mask")
    assert sorted(entry.name for entry in out.iterdir()) == ["design.checkpoint", "run.json"]
    assert physadv(*words)[0] == 0


def test_an_experiment_may_be_mended_before_there_is_any_work(physadv: Command, card: Path, tmp_path: Path) -> None:
    plan, out = card.parent / "plan.yaml", tmp_path / "out"
    content: dict[str, Any] = {"name": "small", "evaluate": {"batteries": ["stationary-15"], "frames": 15}}
    content["design"] = {"victim": "card.yaml", "steps": 2, "views": 4}
    wrong = {**content["design"], "mask": {"kind": "bars", "width": 1.0, "height": 0.2}}
    plan.write_text(yaml.safe_dump({**content, "design": wrong}))
    refused(physadv("run", plan, "--out", out), "outside the sign")
    plan.write_text(yaml.safe_dump(content))
    assert physadv("run", plan, "--out", out)[0] == 0


def test_files_of_an_experiment_are_found_beside_it(
    physadv: Command, card: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = card.parent
    own_sign(folder)
    (folder / "backdrops").mkdir()
    Image.new("RGB", (64, 48), (90, 120, 90)).save(folder / "backdrops" / "grass.png")
    files = {
        "mask": {"kind": "bars", "width": 0.3},
        "scene": {"name": "mine", "backdrops": "backdrops", "conditions": {"distance_m": 5}},
        "battery": {"name": "mine", "entries": [{"scene": "scene.yaml", "frames": 8, "seed": 1}]},
        "plan": {
            "name": "small",
            "design": {
                "victim": "card.yaml+median", "sign": "my_stop.yaml", "mask": "mask.yaml", "scenes": ["scene.yaml"],
                "steps": 1, "views": 4,
            },
            "evaluate": {"victims": ["card.yaml"], "batteries": ["battery.yaml"]},
        },
    }  # fmt: skip
    for name, content in files.items():
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(content))
    monkeypatch.chdir(tmp_path)
    code, _, error = physadv("run", "mine/plan.yaml", "--out", "out")
    assert code == 0, error
    assert load_patch(tmp_path / "out" / "small").sign.name == "my/stop"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"design": {"victim": "nobody"}}, ["nobody"]),
        ({"design": {"sign": "us/stpo"}}, ["us/stop"]),
        ({"design": {"goal": "targeted:tree"}}, ["tree"]),
        ({"design": {"scenes": ["wid"]}}, ["wide"]),
        ({"evaluate": {"batteries": ["stationary"]}}, ["stationary-15"]),
        ({"evaluate": {"victims": ["nobody"]}}, ["nobody"]),
    ],
)
def test_an_experiment_is_checked_before_anything_is_written(
    physadv: Command, card: Path, tmp_path: Path, change: dict[str, dict[str, object]], words: list[str]
) -> None:
    parts = {"design": {"victim": "card.yaml", "steps": 1}, "evaluate": {"frames": 15}}
    plan = {"name": "small", **{key: {**part, **change.get(key, {})} for key, part in parts.items()}}
    (card.parent / "plan.yaml").write_text(yaml.safe_dump(plan))
    refused(physadv("run", card.parent / "plan.yaml", "--out", tmp_path / "out"), *words)
    refused(physadv("run", card.parent / "plan.yaml", "--out", tmp_path / "out", "--device", "tpu"), "tpu", "cuda")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("mask", 5, ["mask 5: kind = 5", "bars"]),
        ("mask", None, ["'kind' is missing", "bars"]),
        ("paint", ["free"], ["paint ['free']", "palette"]),
    ],
)
def test_a_mask_or_paint_that_is_no_word_is_one_sentence(
    physadv: Command, card: Path, tmp_path: Path, key: str, value: object, words: list[str]
) -> None:
    plan = {"name": "small", "design": {"victim": "card.yaml", "steps": 1, key: value}}
    (card.parent / "plan.yaml").write_text(yaml.safe_dump(plan))
    refused(physadv("run", card.parent / "plan.yaml", "--out", tmp_path / "out"), *words)


def test_a_clean_sign_that_is_not_read_is_told(physadv: Command, card: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    weights = LisaCnn(len(CLASSES)).state_dict()
    weights["fc1.weight"].mul_(0.01)
    save_file({**weights, "fc1.bias": torch.tensor([3.0, 0.0, 0.0])}, card.parent / "weights.safetensors")
    write_card(card, classes=["yield", "stop", "merge"])
    code, out, error = physadv(*quick(card, tmp_path / "out", goal="targeted:merge"))
    assert code == 0, error
    assert "reads the unpainted sign in 0 % of frames" in out
