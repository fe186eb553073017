"""How large a change may be: in [0,1] for L-infinity, whatever asks for it, and written as people write it."""

from __future__ import annotations

import pytest

from physadv.attacks import ATTACKS, build_attack
from physadv.attacks.advgan import AdvGanConfig
from physadv.core.config import validate
from physadv.core.errors import PhysadvError
from physadv.evaluation.matrix.matrix import RobustnessPlan
from physadv.training import training_config

SIZED = [(name, "eps") for name, part in ATTACKS.items() if "eps" in part.model_fields]
SIZED += [(name, "step_size") for name in ("pgd", "bim", "mi-fgsm", "nes")]


@pytest.mark.parametrize(("name", "key"), SIZED)
def test_an_l_infinity_change_of_more_than_a_picture_is_refused(name: str, key: str) -> None:
    with pytest.raises(PhysadvError, match=rf"{key} = 8(\.0)?: should be in \[0,1\].*did you mean 8/255\?"):
        build_attack(name, {key: 8})
    with pytest.raises(PhysadvError, match=rf"{key} = -"):
        build_attack(name, {key: -0.1})
    assert getattr(build_attack(name, {key: "8/255"}), key) == pytest.approx(8 / 255)
    assert getattr(build_attack(name, {key: 1}), key) == 1
    with pytest.raises(PhysadvError, match=key):
        build_attack(name, {key: "8/0"})


@pytest.mark.parametrize("name", [name for name, part in ATTACKS.items() if {"norm", "eps"} <= set(part.model_fields)])
def test_euclidean_changes_may_be_longer(name: str) -> None:
    assert build_attack(name, {"norm": "l2", "eps": 8}).eps == 8  # type: ignore[attr-defined]


def test_so_it_is_in_plans_trainings_and_generators() -> None:
    plan = {"victims": ["gtsrb-cnn"], "attacks": [{"attack": "pgd", "options": {"eps": 8}}]}
    asked = [
        lambda: validate(RobustnessPlan, plan, "plan"),
        lambda: training_config("pgd", attack_options={"eps": 8}),
        lambda: validate(AdvGanConfig, {"eps": 8}, "generator"),
    ]
    for ask in asked:
        with pytest.raises(PhysadvError, match=r"8/255"):
            ask()
