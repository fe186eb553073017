"""From frames to figures: small tables whose every figure is worked out by hand; flags and failures."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from evaluation_kit import quick_battery

from physadv.evaluation.batteries.battery import Bins, Thresholds
from physadv.evaluation.batteries.compared_frames import ComparedFrames, NameColumn, SubjectReadings
from physadv.evaluation.batteries.figures import build_record, notable_frames
from physadv.evaluation.batteries.flags import failures_of, flags_of, transfer_flags
from physadv.evaluation.batteries.summary import SUBJECTS, Record, VictimInfo
from physadv.evaluation.design_record import DesignRecord

NAMES = ("stop", "goal", "other")
LETTERS = {"s": 0, "g": 1, "o": 2}


def seen(text: str, *, targeted: bool = True) -> SubjectReadings:
    """What a victim said, a letter a frame: s(top), g(oal), o(ther)."""
    codes = np.array([LETTERS[letter] for letter in text], np.int32)
    n = len(text)
    return SubjectReadings(
        predicted=NameColumn(codes, NAMES),
        probability=np.full(n, 0.8, np.float32),
        true_probability=np.where(codes == 0, 0.8, 0.1).astype(np.float32),
        goal_probability=np.where(codes == 1 if targeted else codes != 0, 0.8, 0.1).astype(np.float32),
        correct=codes == 0,
        won=codes == 1 if targeted else codes != 0,
    )


def frames(
    patch: str, clean: str, gray: str, random: str, *, drive: int = 0, target: bool = True, **columns: Any
) -> ComparedFrames:
    n = len(patch)
    texts = {"patch": patch, "clean": clean, "gray": gray, "random": random}
    steps = np.arange(n) % drive if drive else np.zeros(n)
    base = ComparedFrames(
        entry=np.zeros(n, np.int32),
        index=np.arange(n, dtype=np.int64),
        seed=np.full(n, 7, np.int64),
        approach=np.arange(n, dtype=np.int64) // (drive or 1),
        driven=np.full(n, bool(drive)),
        time_s=(steps / 10).astype(np.float32),
        distance_m=(20.0 - 2.0 * steps).astype(np.float32),
        angle_deg=np.full(n, 5.0, np.float32),
        scene=NameColumn(np.zeros(n, np.int32), ("here",)),
        light=NameColumn((np.arange(n) % 2).astype(np.int32), ("day", "dusk")),
        weather=NameColumn(np.full(n, -1, np.int32), ()),
        severity=np.zeros(n, np.int16),
        true_class="stop",
        goal="targeted:goal" if target else "untargeted",
        seen={subject: seen(texts[subject], targeted=target) for subject in SUBJECTS},
    )
    return replace(base, **columns)


def record(table: ComparedFrames, **changes: Any) -> Record:
    return build_record(table, patch="p", victim="v", battery=quick_battery(**changes))


def test_success_counts_only_frames_whose_clean_sign_was_read() -> None:
    #                      patch         clean         gray          random
    made = record(frames("ggosggssog", "sssssssooo", "sgsssosooo", "sssssssssg"))
    patch = made.patch_success
    assert (made.frames, made.clean_correct) == (10, 7)
    assert made.clean_accuracy.value == 0.7
    assert (patch.untargeted.hits, patch.untargeted.n) == (5, 7)
    assert (patch.at_goal.hits, patch.at_goal.n) == (4, 7)
    assert (patch.untargeted_raw.hits, patch.untargeted_raw.n) == (7, 10)
    assert (patch.at_goal_raw.hits, patch.at_goal_raw.n) == (5, 10)
    assert patch.mean_goal_probability == pytest.approx(0.45)
    clean, gray, random = made.controls
    assert [control.subject for control in made.controls] == ["clean", "gray", "random"]
    assert (clean.untargeted.hits, clean.untargeted_raw.hits) == (0, 3)
    assert (gray.untargeted.hits, gray.at_goal.hits) == (2, 1)
    assert (random.untargeted.hits, random.untargeted_raw.hits) == (0, 1)
    assert made.gain_untargeted.control == "gray"
    assert made.gain_untargeted.difference.value == pytest.approx(3 / 7)
    assert (made.gain_untargeted.difference.first_only, made.gain_untargeted.difference.second_only) == (3, 0)
    assert made.gain.difference.value == pytest.approx(3 / 7)
    assert (made.goal, made.kind) == ("targeted:goal", "targeted")
    assert made.consecutive is None
    assert made.timeline == ()
    assert [(share.name, share.frames, share.is_true, share.is_wanted) for share in made.confusion] == [
        ("goal", 5, False, True),
        ("stop", 3, True, False),
        ("other", 2, False, False),
    ]


def test_slices_by_light_and_weather() -> None:
    table = frames("gsgs", "ssss", "ssss", "ssss")
    weather = NameColumn(np.array([0, 1, 0, 1], np.int32), ("rain", "fog"))
    made = record(replace(table, weather=weather, severity=np.array([1, 2, 3, 2], np.int16)))
    assert [(part.label, part.frames, part.untargeted.hits) for part in made.by_light] == [
        ("day", 2, 2),
        ("dusk", 2, 0),
    ]
    assert [(part.label, part.low, part.frames) for part in made.by_weather] == [
        ("fog 2", 2.0, 2),
        ("rain 1", 1.0, 1),
        ("rain 3", 3.0, 1),
    ]


def test_heat_map_by_hand() -> None:
    table = frames("gsgs", "sssg", "ssss", "ssss")
    table = replace(table, distance_m=np.array([2, 2, 9, 9], "f4"), angle_deg=np.array([1, 1, 1, 30], "f4"))
    heat = record(table, bins={"distance_m": [0, 5, 10], "angle_deg": [0, 15, 45]}).heat_map
    cells = {(cell.distance_bin, cell.angle_bin): cell for cell in heat.cells}
    assert set(cells) == {(0, 0), (1, 0), (1, 1)}
    assert (cells[0, 0].untargeted.hits, cells[0, 0].untargeted.n) == (1, 2)
    assert (cells[1, 0].at_goal.hits, cells[1, 0].at_goal.n) == (1, 1)
    assert cells[1, 1].untargeted.value is None
    assert cells[1, 1].clean_accuracy.value == 0.0


def test_drives_by_hand() -> None:
    # two drives of ten frames; in the second the clean sign is misread in the middle of the patch's run
    patch = "ssgggsgsss" + "ggggggssss"
    clean = "ssssssssss" + "ssossoosss"
    made = record(frames(patch, clean, "s" * 20, "s" * 20, drive=10), consecutive={"k": 3, "n": 4})
    drives = made.consecutive
    first, second = drives.approaches
    assert (first.trace, second.trace) == ("..###.#...", "##-##--...")
    assert (first.fooled, first.longest_run, first.fooled_k_of_n) == (4, 3, True)
    assert (second.fooled, second.longest_run, second.fooled_k_of_n) == (4, 2, True)
    assert (first.longest_run_s, first.longest_run_m) == pytest.approx((0.3, 6.0))
    assert (first.far_m, first.near_m) == (20.0, 2.0)
    assert (drives.rate.hits, drives.rate.n, drives.control_rate.hits) == (2, 2, 0)
    assert (drives.longest_run, drives.median_longest_run) == (3, 2.5)
    assert made.approaches == 2
    assert made.clean_accuracy.method == "wilson-clustered"
    assert made.clean_accuracy.clusters == 2
    assert sum(part.frames for part in made.timeline) == 20
    assert [part.low for part in made.timeline] == sorted((part.low for part in made.timeline), reverse=True)


def test_drives_are_put_in_order_of_time() -> None:
    table = frames("gsgg", "ssss", "ssss", "ssss", drive=4)
    table = replace(table, time_s=np.array([0.3, 0.2, 0.1, 0.0], "f4"))
    assert record(table).consecutive.approaches[0].trace == "##.#"


def test_notable_frames_are_fooled_first_and_varied() -> None:
    table = frames("ggggggss", "ssssssso", "ssssssss", "ssssssss")
    table = replace(table, distance_m=np.array([2, 2, 2, 2, 2, 9, 9, 9], "f4"))
    most, least = notable_frames(table, Bins(distance_m=(0, 5, 10)), count=3)
    assert len(most) == 3
    assert {0, 1, 5} == set(most)  # day and dusk near, and the far one, before another near one
    assert least[0] == 6
    assert 7 not in least  # its clean sign was misread
    assert not set(most) & set(least)


def test_the_goal_of_an_untargeted_record_is_any_wrong_class() -> None:
    made = record(frames("gs", "ss", "ss", "ss", target=False))
    assert made.goal == "untargeted"
    assert made.patch_success.at_goal == made.patch_success.untargeted
    assert made.gain == made.gain_untargeted
    assert made.headline == made.patch_success.untargeted


VICTIM = VictimInfo(name="v", source="", sha256="abc", classes=3, input_size=(8, 8), differentiable=True)
MADE = DesignRecord(goal="targeted:goal", victim="v", victim_sha256="abc")


def codes(made: Record, *, victim: VictimInfo = VICTIM, making: DesignRecord = MADE, **battery: Any) -> set[str]:
    flags = flags_of(made, battery=quick_battery(**battery), victim=victim, making=making, seeds=[("quick", 5)])
    return {flag.code for flag in flags}


def test_a_sound_record_has_no_flags() -> None:
    made = record(frames("g" * 380 + "s" * 20, "s" * 400, "s" * 400, "s" * 400))
    assert codes(made) == set()


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        (frames("g" * 400, "s" * 350 + "o" * 50, "s" * 400, "s" * 400), {"clean-accuracy-low"}),
        (frames("g" * 20 + "s" * 20, "s" * 40, "s" * 40, "s" * 40), {"too-few-frames"}),
        (frames("g" * 390 + "s" * 10, "s" * 400, "g" * 250 + "s" * 150, "s" * 400), {"control-nearly-as-good"}),
        (frames("g" * 380 + "s" * 20, "s" * 400, "s" * 400, "g" * 380 + "s" * 20), {"no-gain"}),
        (frames("g" * 40, "o" * 40, "s" * 40, "s" * 40), {"nothing-to-attack"}),
    ],
)
def test_each_doubt_has_its_flag(table: ComparedFrames, expected: set[str]) -> None:
    assert codes(record(table)) == expected


def test_a_wide_interval_is_told_by_its_half() -> None:
    made = record(frames("g" * 20 + "s" * 20, "s" * 40, "s" * 40, "s" * 40))
    found = flags_of(made, battery=quick_battery(), victim=VICTIM, making=MADE, seeds=[("quick", 5)])
    (told,) = [flag.message for flag in found if flag.code == "too-few-frames"]
    low, high = made.headline.low or 0.0, made.headline.high or 0.0
    assert told.startswith(f"The headline is known to ±{50.0 * (high - low):.1f} points, ±")


def test_flags_of_the_making() -> None:
    made = record(frames("g" * 380 + "s" * 20, "s" * 400, "s" * 400, "s" * 400))
    assert codes(made, making=replace(MADE, victim="w", victim_sha256="def")) == {"transfer"}
    assert codes(made, making=replace(MADE, victim="another name")) == set()  # the same weights
    assert codes(made, victim=VICTIM.model_copy(update={"differentiable": False})) == {"no-gradient"}
    assert codes(made, making=replace(MADE, flags=("loss still falling",))) == {"design"}
    assert codes(made, making=replace(MADE, scenes=("quick",), seed=5)) == {"seen-frames", "seen-scenes"}
    assert codes(made, making=replace(MADE, scenes=("quick",), seed=6)) == {"seen-scenes"}
    assert codes(made, making=replace(MADE, scenes=("elsewhere",), seed=5)) == set()


def test_few_drives_are_flagged() -> None:
    made = record(frames("g" * 40, "s" * 40, "s" * 40, "s" * 40, drive=10))
    assert "few-drives" in codes(made, half_width=0.49)


def test_one_drive_is_not_drives() -> None:
    made = record(frames("g" * 40, "s" * 40, "s" * 40, "s" * 40, drive=40))
    flags = flags_of(made, battery=quick_battery(), victim=VICTIM, making=MADE, seeds=[("quick", 5)])
    assert any("Only 1 drive:" in flag.message for flag in flags if flag.code == "few-drives")


def test_a_transferred_patch_that_beats_the_white_box_is_flagged() -> None:
    weak = record(frames("g" * 100 + "s" * 300, "s" * 400, "s" * 400, "s" * 400)).model_copy(update={"patch": "own"})
    strong = record(frames("g" * 380 + "s" * 20, "s" * 400, "s" * 400, "s" * 400))
    own = {("own", "v")}
    assert [flag.code for flag in transfer_flags(weak, [weak, strong], own)] == ["transfer-beats-white-box"]
    assert not list(transfer_flags(strong, [weak, strong], own))
    assert not list(transfer_flags(weak, [weak, strong.model_copy(update={"victim": "w"})], own))


@pytest.mark.parametrize(
    ("limits", "failed"),
    [
        ({}, False),
        ({"max_asr": 0.5}, False),
        ({"max_asr": 0.49}, True),
        ({"max_targeted_asr": 0.29}, True),
        ({"max_gain": 0.4}, False),
        ({"max_gain": 0.2}, True),
        ({"min_clean_accuracy": 1.0}, False),
        ({"max_fooled_drives": 0.0}, False),
    ],
)
def test_thresholds(limits: dict[str, float], failed: bool) -> None:
    made = record(frames("gggoo" + "s" * 5, "s" * 10, "o" + "s" * 9, "s" * 10))
    assert bool(list(failures_of(made, Thresholds(**limits)))) is failed
