"""Adversarial training: what is learned from, resumption, what is written, what users get wrong."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from cli_kit import Command, write_card
from PIL import Image
from safetensors.torch import load_file, save_file

from physadv.attacks.digital.changes import Covered
from physadv.core.config import settings
from physadv.core.errors import PhysadvError
from physadv.core.progress import Progress
from physadv.defenses import load_victim
from physadv.scenes import load_scene
from physadv.signs import load_sign
from physadv.signs.datasets import load_dataset
from physadv.training import METHODS, StickerPoolConfig, Training, train, training_config
from physadv.training.data import Photographs, training_photographs
from physadv.training.model_card import SHOWN
from physadv.training.plots import draw_curves
from physadv.training.stickers import RoadsideSigns
from physadv.victims.architectures import LisaCnn
from physadv.victims.library import NetworkVictim

CLASSES = ["stop", "yield", "speedLimit45"]
COLORS = {"stop": (180, 30, 30), "yield": (230, 200, 190), "speedLimit45": (200, 200, 200)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Class folders of easy pictures, and the card of an untrained victim that knows the classes."""
    rng = np.random.default_rng(0)
    for name in CLASSES:
        (tmp_path / "data" / name).mkdir(parents=True)
        for number in range(24):
            pixels = np.clip(np.array(COLORS[name]) + rng.normal(0, 25, (32, 32, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / "data" / name / f"{number:02d}.png")
    torch.manual_seed(0)
    save_file(LisaCnn(len(CLASSES)).state_dict(), str(tmp_path / "one.safetensors"))
    write_card(tmp_path / "one.yaml", name="one", weights="one.safetensors")
    return tmp_path


SMALL: dict[str, Any] = {"dataset": "image-folder", "batch": 12, "frames": 4, "held_out": 16, "learning_rate": 2e-3}
QUICK: dict[str, dict[str, Any]] = {
    "pgd": {"attack_options": {"steps": 2}},
    "doa": {"attack_options": {"steps": 2, "candidates": 2}},
    "roadside": {"stickers": {"frames": 4, "steps": 2, "per_sign": 2, "texture_px": 32}},
}


def config(folder: Path, method: str, **options: Any) -> Any:
    words = {**SMALL, "victim": str(folder / "one.yaml"), **QUICK.get(method, {}), **options}
    return training_config(method, **words)


def training(folder: Path, method: str, **options: Any) -> Training:
    asked = config(folder, method, steps=10, **options)
    victim = load_victim(folder / "one.yaml")
    assert isinstance(victim, NetworkVictim)
    parts = training_photographs(
        "image-folder", folder / "data", None, classes=victim.classes, size=32, held_out=16, seed=0
    )
    return Training(asked, victim, *parts)


@pytest.mark.parametrize("method", sorted(METHODS))
def test_every_method_learns_and_leaves_a_victim_with_its_cards(folder: Path, method: str) -> None:
    seen: list[Progress] = []
    asked = config(folder, method, steps=30, check_every=15)
    made = train(asked, folder / "out", data=folder / "data", listener=seen.append)
    figures = [f"{what}, {name}" for what in ("clean", *SHOWN) for name in ("one", made.name)]
    assert list(dict.fromkeys(one.stage for one in seen)) == ["training", *figures]
    last = {one.stage: one for one in seen}
    assert all(one.done == one.total for one in last.values())
    seen = [one for one in seen if one.stage == "training"]
    assert made.name == f"one-{method}"
    assert [stands.step for stands in seen] == list(range(1, 31))
    points = json.loads((folder / "out" / "curves.json").read_text())
    assert [point["step"] for point in points] == [15.0, 30.0]
    assert ("attacked" in points[0]) == (asked.attack is not None)
    assert np.mean([stands.loss for stands in seen[-5:]]) < np.mean([stands.loss for stands in seen[:5]])
    again = load_victim(folder / "out" / f"one-{method}.yaml")
    assert again.sha256 == made.sha256
    assert again.classes == tuple(CLASSES)
    card = (folder / "out" / f"one-{method}.md").read_text()
    assert METHODS[method].paper in card
    assert made.sha256 in card
    assert "| pgd | 16 |" in card.replace(" | 17 |", " | 16 |").replace(" | 18 |", " | 16 |")
    assert not (folder / "out" / "checkpoint.pt").exists()
    assert Image.open(folder / "out" / "curves.png").size[0] > 400


def test_a_missing_model_card_is_measured_again(folder: Path) -> None:
    """A run that was killed between the victim's card and its model card."""
    asked = config(folder, "clean", steps=2)
    made = train(asked, folder / "out", data=folder / "data")
    card = folder / "out" / f"{made.name}.md"
    text = card.read_text()
    card.unlink()
    (folder / "out" / "checkpoint.pt").write_bytes(b"left behind")
    assert train(asked, folder / "out", data=folder / "data").sha256 == made.sha256
    assert card.read_text() == text
    assert not (folder / "out" / "checkpoint.pt").exists()


def test_the_model_card_is_as_long_as_asked_and_measured_anew_without_training(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured: list[str] = []

    def card_of(**options: Any) -> str:
        measured.clear()
        made = train(
            config(folder, "clean", steps=2, **options),
            folder / "out",
            data=folder / "data",
            listener=lambda progress: measured.append(progress.stage),
        )
        return (folder / "out" / f"{made.name}.md").read_text()

    whole = card_of()
    monkeypatch.setattr(Training, "run", lambda *_, **__: pytest.fail("trained again"))
    assert "| pgd | 5 |" in card_of(card={"pictures": 9, "attacked": 5})
    assert "| none | 9 |" in card_of(card={"pictures": 9, "attacked": 5})
    assert measured == [], "the same card is not measured twice"
    few = card_of(card={"pictures": 9, "attacked": 0})
    assert ("| none | 9 |" in few, "pgd" in few, "Against attacks nothing was measured" in few) == (True, False, True)
    assert "  attacked: 0" in few, "the recipe says what was measured"
    none = card_of(card=None)
    assert ("card: null" in none, "| none |" in none, measured) == (True, False, [])
    assert "Accuracy by class" not in none
    assert card_of() == whole


def test_the_model_card_is_measured_anew_when_its_pictures_have_changed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fewer(_: object, __: object, ___: object, held_out: Photographs) -> Photographs:
        return Photographs(held_out.dataset.subset(range(7)), held_out.size)

    asked = config(folder, "clean", steps=2)
    made = train(asked, folder / "out", data=folder / "data")
    assert "| none | 7 |" not in (folder / "out" / f"{made.name}.md").read_text()
    monkeypatch.setattr(Training, "run", lambda *_, **__: pytest.fail("trained again"))
    monkeypatch.setattr(sys.modules["physadv.training.train"], "measured_on", fewer)
    train(asked, folder / "out", data=folder / "data")
    assert "| none | 7 |" in (folder / "out" / f"{made.name}.md").read_text()


@pytest.mark.parametrize("points", [1, 2, 30])
def test_a_curve_of_few_points_is_a_picture(tmp_path: Path, points: int) -> None:
    """Its dots are there to see: ink in the colors of the two curves."""
    made = [{"step": 5.0 * n, "loss": 2.0 / n, "clean": 0.9, "attacked": 0.3} for n in range(1, points + 1)]
    draw_curves(made, tmp_path / "curves.png", title="few")
    pixels = np.asarray(Image.open(tmp_path / "curves.png").convert("RGB")).astype(int)
    left, right = pixels[:, : pixels.shape[1] // 2], pixels[40:-90, pixels.shape[1] // 2 :]
    for area, color in ((left, (0x8A, 0x8F, 0x98)), (right, (0x2F, 0x6F, 0xDE)), (right, (0xD1, 0x49, 0x5B))):
        near = (np.abs(area - np.array(color)).max(2) < 12).sum()
        assert near > 30, (color, near)


def test_training_stopped_anywhere_ends_with_the_same_weights(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("physadv.training.loop._CHECKPOINT_EVERY", 3)

    class Killed(Exception):
        pass

    def killer(stands: Progress) -> None:
        if stands.step == 7:
            raise Killed

    asked = config(folder, "roadside", steps=10, check_every=5, attack="fgsm")
    whole = train(asked, folder / "whole", data=folder / "data")
    with pytest.raises(Killed):
        train(asked, folder / "broken", data=folder / "data", listener=killer)
    assert not (folder / "broken" / "one-roadside.yaml").exists()
    told: list[Progress] = []
    train(asked, folder / "broken", data=folder / "data", listener=told.append)
    assert [one.step for one in told if one.stage == "training"] == [7, 8, 9, 10]
    assert (folder / "broken" / "curves.json").read_text() == (folder / "whole" / "curves.json").read_text()
    one, other = (load_file(folder / name / "one-roadside.safetensors") for name in ("whole", "broken"))
    assert all(torch.equal(one[key], other[key]) for key in one)
    assert whole.sha256 == load_victim(folder / "broken" / "one-roadside.yaml").sha256


def test_attacked_pictures_are_worse_for_the_network_and_inside_their_bounds(folder: Path) -> None:
    stands = training(folder, "fgsm", augment=False, clean_share=0.5, frames=0, attack_options={"eps": 0.03})
    images, labels = stands.batch(torch.Generator().manual_seed(0))
    assert images.shape == (12, 3, 32, 32)
    plain = training(folder, "clean", augment=False, frames=0)
    same, of = plain.batch(torch.Generator().manual_seed(0))
    by_class = torch.nn.functional.cross_entropy(stands.victim(images), labels, reduction="none")
    before = torch.nn.functional.cross_entropy(plain.victim(same), of, reduction="none")
    order = torch.cat([torch.arange(6, 12), torch.arange(6)])
    assert torch.equal(labels, of[order])
    assert torch.equal(images[:6], same[6:])
    change = images[6:] - same[:6]
    assert 0.0 < float(change.abs().max()) <= 0.03 + 1e-6
    assert bool((by_class[6:] > before[:6]).all())
    assert all(parameter.requires_grad for parameter in stands.victim.parameters())


def test_stickers_are_opaque_small_and_hurt_more_than_gray_ones() -> None:
    pool = StickerPoolConfig(frames=16, steps=6, per_sign=1, renewed=0.0, area=(0.05, 0.2), texture_px=64)
    victim = load_victim("gtsrb-cnn").requires_grad_(False)
    device = torch.device("cpu")
    source = RoadsideSigns(victim, [load_scene("daylight")], frames=16, seed=0, device=device, stickers=pool)
    source.signs = {"de/stop": source.signs["de/stop"]}
    for step in range(4):
        frames, labels = source.draw(step)
        assert frames.shape == (16, 3, 32, 32)
        assert labels.tolist() == [victim.class_index("stop")] * 16
    painted = source.pool["de/stop"]
    gray = torch.cat([torch.full_like(painted[:, :3], 0.5), painted[:, 3:]], dim=1)
    view = source._view("de/stop")

    def loss(theta: torch.Tensor) -> float:
        frames = view.shown(Covered().apply(view.pictures, theta)[0], step=99)
        return float(torch.nn.functional.cross_entropy(victim(frames), labels))

    assert loss(painted) > loss(gray) + 0.1
    where, face = painted[0, 3], load_sign("de/stop").texture(64)[3]
    assert set(where.unique().tolist()) == {0.0, 1.0}
    assert 0.0 < float(where.sum() / face.sum()) <= 0.21


def test_photographs_kept_out_are_whole_tracks(folder: Path) -> None:
    dataset = load_dataset("image-folder", folder / "data")
    learned, aside = training_photographs(
        "image-folder", folder / "data", None, classes=dataset.classes, size=16, held_out=20, seed=1
    )
    of = [{item.path for item in part.dataset.items} for part in (learned, aside)]
    assert not of[0] & of[1]
    assert len(of[0]) + len(of[1]) == 72
    assert 20 <= len(aside) < 72
    images, labels = aside.rows(torch.tensor([3, 1]))
    direct = Photographs(aside.dataset.subset([3, 1]), 16)
    assert torch.equal(images, direct.rows(torch.arange(2))[0])
    assert torch.equal(labels, aside.labels[[3, 1]])


@pytest.mark.data
def test_tracks_of_gtsrb_are_not_torn(data_folder: Path) -> None:
    victim = load_victim("gtsrb-cnn")
    learned, aside = training_photographs(
        "gtsrb", data_folder, None, classes=victim.classes, size=8, held_out=100, seed=0
    )
    tracks = [{(item.label, item.track) for item in part.dataset.items} for part in (learned, aside)]
    assert not tracks[0] & tracks[1]
    assert 100 <= len(aside) <= 200


def test_presets_are_joined_with_what_is_asked() -> None:
    own = training_config("pgd", attack_options={"eps": 0.1})
    assert own.attack_options == {"eps": 0.1, "steps": 7, "step_size": 2 / 255}
    other = training_config("pgd", attack="fgsm", attack_options={"eps": 0.1})
    assert other.attack_options == {"eps": 0.1}
    stickers = training_config("roadside", stickers={"steps": 9}).stickers
    assert stickers is not None
    assert (stickers.steps, stickers.frames) == (9, 32)
    assert settings(["a=1", "b.c=x", "b.d=[1, 2]"], "--set") == {"a": 1, "b": {"c": "x", "d": [1, 2]}}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nothing"], "unknown training 'nothing'"),
        (["pgd", "--set", "attack.epsilon=1"], "epsilon"),
        (["pgd", "--set", "learning_rate=-1"], "learning_rate"),
        (["pgd", "--set", "rate"], "then = and a value"),
        (["pgd", "--set", "attack=1"], "one by one"),
        (["pgd", "--set", "a=1", "--set", "a.b=1"], "keys below it"),
        (["clean", "--set", "attack.eps=1"], "need an attack"),
        (["roadside", "--set", "stickers.area=[0.5, 0.1]"], "two shares"),
        (["pgd", "--set", "held_out=50"], "keep 50 of them"),
        (["pgd", "--attack", "unheard-of"], "unknown attack"),
    ],
)
def test_mistakes_are_one_sentence(folder: Path, physadv: Command, words: list[str], message: str) -> None:
    common = ["--victim", folder / "one.yaml", "--dataset", "image-folder", "--data", folder / "data"]
    code, _, err = physadv("train", *words, *common, "--out", folder / "out")
    assert code == 2
    assert message in err
    assert err.count("\n") == 1
    assert not (folder / "out").exists()


def test_from_the_command_line_and_again(folder: Path, physadv: Command) -> None:
    words = ["train", "fgsm", "--victim", folder / "one.yaml", "--dataset", "image-folder", "--data", folder / "data"]
    words += ["--steps", 4, "--set", "frames=0", "--set", "held_out=16", "--set", "batch=8", "--name", "hard"]
    code, out, err = physadv(*words, "--out", folder / "out")
    assert code == 0, err
    assert "hard.yaml" in out
    assert load_victim(folder / "out" / "hard.yaml").name == "hard"
    before = (folder / "out" / "hard.safetensors").stat().st_mtime_ns
    code, _, err = physadv(*words, "--out", folder / "out")
    assert code == 0, err
    assert (folder / "out" / "hard.safetensors").stat().st_mtime_ns == before
    code, _, err = physadv(*words, "--set", "learning_rate=0.1", "--out", folder / "out")
    assert code == 2
    assert "holds other results" in err


def test_a_victim_behind_a_defense_is_not_trained(folder: Path) -> None:
    asked = config(folder, "clean", steps=2, victim=f"{folder / 'one.yaml'}+median")
    with pytest.raises(PhysadvError, match="train the victim without it"):
        train(asked, folder / "out", data=folder / "data")
    assert not (folder / "out").exists()
