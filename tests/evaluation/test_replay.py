"""Any row of a run's table as a picture: the pixels that the victim was shown, or a refusal."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from cli_kit import Command, refused
from evaluation_kit import ColorVictim, colored_patch
from PIL import Image
from torch import Tensor

from physadv.core.color import to_uint8
from physadv.core.errors import PhysadvError
from physadv.evaluation import evaluate, load_battery, replay
from physadv.evaluation.batteries import scoring
from physadv.patches import save_patch

BATTERY = {
    "name": "three kinds",
    "entries": [
        {"scene": "stationary-15", "frames": 270, "seed": 3},
        {"scene": "drive-by", "approaches": 1, "seed": 4},
        {"scene": "daylight", "frames": 6, "seed": 5, "weather": {"kinds": ["rain", "snow"], "severities": [3]}},
    ],
}


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Tensor]:
    """A run of one patch and one victim, and every frame that the victim was shown, in the table's order."""
    folder = tmp_path_factory.mktemp("scored")
    save_patch(colored_patch(), folder / "blue")
    shown: list[Tensor] = []
    judged = scoring.Scorer._judged

    def keeping(scorer: Any, victim: Any, frames: Tensor) -> Any:
        shown.append(frames.clone())
        return judged(scorer, victim, frames)

    with pytest.MonkeyPatch.context() as patching:
        patching.setattr(scoring.Scorer, "_judged", keeping)
        victim = ColorVictim(size=24, box="square")
        evaluate([folder / "blue"], [victim], [load_battery(BATTERY)], folder / "run", batch=48)
    return folder, torch.cat(shown)


def rows_of_interest(folder: Path) -> list[int]:
    """The ends of the table, of a part and of a batch, and a row of every subject, entry and weather."""
    table = pq.read_table(folder / "run" / "outcomes.parquet")
    first: dict[Any, int] = {}
    for number, row in enumerate(table.select(["subject", "entry", "weather"]).to_pylist()):
        first.setdefault(tuple(row.values()) if row["subject"] == "patch" else row["subject"], number)
    return sorted({48, 256, len(table) - 1, *first.values()})


def test_a_replayed_frame_has_the_pixels_that_were_scored(scored: tuple[Path, Tensor]) -> None:
    folder, shown = scored
    table = pq.read_table(folder / "run" / "outcomes.parquet").to_pylist()
    assert len(table) == len(shown)
    for number in rows_of_interest(folder):
        made = replay(folder / "run", number)
        assert torch.equal(made.frame, shown[number]), number
        assert made.row == table[number]
        assert made.conditions["distance_m"] == table[number]["distance_m"]
        assert table[number]["predicted"] in made.words


def test_the_command_writes_the_frame_and_says_its_conditions(
    scored: tuple[Path, Tensor], physadv: Command, tmp_path: Path
) -> None:
    folder, shown = scored
    number = rows_of_interest(folder)[-1]
    code, said, error = physadv("replay", folder / "run", "--row", number, "--out", tmp_path / "frame.png")
    assert code == 0, error
    for words in (f"row {number}: ", "distance_m", "noise_seed", "left 512 x 512 px, right the 24 x 24 px that the"):
        assert words in said
    with Image.open(tmp_path / "frame.png") as image:
        pixels = np.asarray(image)
        assert pixels.shape == (512, 2 * 512 + 10, 3)
        assert json.loads(image.info["physadv"])["row"] == number
    middles = ((2 * np.arange(24) + 1) * 512 / 48).astype(int)
    assert np.array_equal(pixels[:, -512:][np.ix_(middles, middles)], to_uint8(shown[number]))
    large = np.asarray(Image.fromarray(pixels[:, :512]).resize((24, 24), Image.Resampling.BOX), np.float64)
    assert np.abs(large - to_uint8(shown[number])).mean() < 12.0, "both halves show the same"
    words = ("replay", folder / "run", "--row", number, "--out", tmp_path / "small.png")
    assert physadv(*words, "--px", 96)[0] == 0
    assert Image.open(tmp_path / "small.png").size == (2 * 96 + 2, 96)
    code, said, _ = physadv(*words, "--seen")
    assert (code, "24 x 24 px, exactly as it was scored" in said) == (0, True)
    with Image.open(tmp_path / "small.png") as image:
        assert np.array_equal(np.asarray(image), to_uint8(shown[number]))
    refused(physadv(*words, "--seen", "--px", 96), "--px 96: has no meaning with --seen")


def test_the_patch_may_lie_elsewhere_but_has_to_be_the_same(
    scored: tuple[Path, Tensor], physadv: Command, tmp_path: Path
) -> None:
    folder, shown = scored
    shutil.copytree(folder / "run", tmp_path / "results" / "run")
    summary = json.loads((tmp_path / "results" / "run" / "summary.json").read_text())
    summary["patches"][0]["folder"] = str(tmp_path / "gone")
    (tmp_path / "results" / "run" / "summary.json").write_text(json.dumps(summary))
    words = ["replay", tmp_path / "results" / "run", "--row", 3, "--out", tmp_path / "frame.png"]
    refused(physadv(*words), "patch 'blue': not found in", "--patch")
    shutil.copytree(folder / "blue", tmp_path / "results" / "blue")
    assert torch.equal(replay(tmp_path / "results" / "run", 3).frame, shown[3])
    save_patch(colored_patch((0.1, 0.8, 0.1), name="green"), tmp_path / "green")
    refused(physadv(*words, "--patch", tmp_path / "green"), "is not the patch 'blue' as it was scored")
    assert not (tmp_path / "frame.png").exists()
    code, _, told = physadv(*words, "--patch", folder / "blue")
    assert (code, "note:" in told) == (0, False)
    summary["provenance"]["versions"]["physadv"] = "0.0.1"
    (tmp_path / "results" / "run" / "summary.json").write_text(json.dumps(summary))
    assert "note: it was scored with physadv 0.0.1 (now " in physadv(*words, "--patch", folder / "blue")[2]


def test_a_scene_whose_pictures_have_changed_is_not_replayed(tmp_path: Path) -> None:
    def put(color: tuple[int, int, int]) -> None:
        Image.new("RGB", (64, 64), color).save(tmp_path / "backdrops" / "street.png")

    (tmp_path / "backdrops").mkdir()
    put((90, 120, 90))
    save_patch(colored_patch(), tmp_path / "blue")
    scene = {"kind": "roadside", "name": "ours", "backdrops": str(tmp_path / "backdrops")}
    battery = load_battery({"name": "ours", "entries": [{"scene": scene, "frames": 4, "seed": 3}]})
    evaluate([tmp_path / "blue"], [ColorVictim(size=24)], [battery], tmp_path / "run")
    before = replay(tmp_path / "run", 3).frame
    put((90, 120, 91))
    with pytest.raises(PhysadvError, match="scene 'ours' is not as it was scored"):
        replay(tmp_path / "run", 3)
    put((90, 120, 90))
    assert torch.equal(replay(tmp_path / "run", 3).frame, before)


def test_what_cannot_be_replayed_is_one_sentence(scored: tuple[Path, Tensor], physadv: Command, tmp_path: Path) -> None:
    folder, shown = scored
    words = ["replay", folder / "run", "--out", tmp_path / "frame.png"]
    refused(physadv(*words, "--row", len(shown)), f"has rows 0 to {len(shown) - 1}")
    refused(physadv("replay", folder / "run", "--row", 0, "--out", tmp_path / "frame.jpg"), "should end in .png")
    refused(physadv("replay", tmp_path, "--row", 0, "--out", tmp_path / "frame.png"), "summary.json")
    (tmp_path / "robustness.json").write_text("{}")
    refused(physadv("replay", tmp_path, "--row", 0, "--out", tmp_path / "frame.png"), "an attack's table")
    with pytest.raises(PhysadvError, match="has rows"):
        replay(folder / "run", -1)
