"""Two signs that are named alike are two: each patch is scored beside its own clean sign, by its own labels."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from evaluation_kit import ColorVictim, colored_patch, quick_battery

from physadv.core.errors import PhysadvError
from physadv.evaluation import evaluate
from physadv.evaluation.batteries.scoring import Scorer
from physadv.evaluation.photographs.score import _candidates
from physadv.evaluation.subjects import load_candidates
from physadv.patches import Patch, build_mask, new_patch, save_patch
from physadv.signs import Sign, load_sign

STOP = load_sign("us/stop")
OTHER = replace(STOP, classes={}, aliases=("yield",))


def patch_on(sign: Sign, name: str) -> Patch:
    paint = torch.full((3, 64, 64), 0.3)
    return new_patch(sign, build_mask("bars", sign, px=64), paint, name=name, made={"goal": "untargeted"})


def test_each_has_its_own_clean_sign_and_true_class() -> None:
    patches = [patch_on(STOP, "one"), patch_on(OTHER, "other")]
    one, other = load_candidates(patches, px=64, device=torch.device("cpu"))
    assert one.painted["clean"] is not other.painted["clean"]
    victim = ColorVictim()
    scorer = Scorer([one, other], [victim], batch=8, device=torch.device("cpu"))
    assert scorer.true[one.sign.fingerprint, victim.name] == victim.class_index("stop")
    assert scorer.true[other.sign.fingerprint, victim.name] == victim.class_index("yield")


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_scores_do_not_depend_on_what_is_scored_beside(order: tuple[int, int], tmp_path: Path) -> None:
    patches = [patch_on(STOP, "one"), patch_on(OTHER, "other")]
    alone = {
        patch.record.name: evaluate([patch], [ColorVictim()], [quick_battery(frames=40)], tmp_path / patch.record.name)
        for patch in patches
    }
    together = evaluate(
        [patches[at] for at in order], [ColorVictim()], [quick_battery(frames=40)], tmp_path / f"both{order[0]}"
    )
    for record in together.records:
        (expected,) = alone[record.patch].records
        assert record.clean_accuracy == expected.clean_accuracy
        assert record.true_class == expected.true_class


def test_a_sign_of_another_size_is_not_the_one_in_the_photographs(tmp_path: Path) -> None:
    half = replace(STOP, width_mm=STOP.width_mm / 2, height_mm=STOP.height_mm / 2)
    assert STOP.looks_like(replace(STOP, title="x", classes={"mine": "a"}))
    assert not STOP.looks_like(half)
    bundle = tmp_path / "blue"
    save_patch(colored_patch(), bundle)
    with pytest.raises(PhysadvError, match="another sign that is named us/stop too"):
        _candidates(half, [bundle], 64, torch.device("cpu"), None)
    assert len(_candidates(STOP, [bundle], 64, torch.device("cpu"), None)) == 1
