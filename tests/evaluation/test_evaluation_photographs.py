"""Scoring photographs, beside the simulation of their conditions."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from cli_kit import Command, refused
from hypothesis import given, settings
from hypothesis import strategies as st
from photo_kit import photograph, sign_board
from PIL import Image
from scipy import stats

from physadv.core.errors import PhysadvError
from physadv.defenses import load_victim
from physadv.evaluation import replay
from physadv.evaluation.outcomes import check_version
from physadv.evaluation.photographs.agreement import agreement
from physadv.evaluation.photographs.score import evaluate_photographs
from physadv.evaluation.photographs.scoring import PHOTOGRAPHS, SIMULATED, simulated_conditions, victim_view
from physadv.evaluation.photographs.verdicts import read_photograph_summary
from physadv.patches import Calibration, build_mask, new_patch, parse_mask, save_calibration, save_patch
from physadv.photos.camera import Camera, save_camera
from physadv.photos.ingest import ingest
from physadv.photos.rig.rig import default_rig, save_rig
from physadv.photos.session import load_session, read_crop, write_session, write_table
from physadv.reports.photographs import verdict, write_photograph_report
from physadv.scenes import PaintedSign, load_scene
from physadv.signs import load_sign
from physadv.victims import Victim

PHONE = Camera(width_px=1000, height_px=750, fx_px=850.0, fy_px=850.0, cx_px=499.5, cy_px=374.5)


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six photographs of the clean stop sign, three of them of one that is covered in gray, as a patch."""
    folder = tmp_path_factory.mktemp("session")
    rig = default_rig(load_sign("us/stop"), chart=False)
    save_rig(rig, folder / "rig.json")
    save_camera(PHONE, folder / "camera.json")
    flat, center = sign_board(rig)
    covered = flat.copy()
    middle = slice(int(center[0]) - 620, int(center[0]) + 620)
    covered[int(center[1]) - 300 : int(center[1]) + 300, middle] = 0.45
    for name, picture in (("clean", flat), ("slab", covered)):
        (folder / "photos" / name).mkdir(parents=True)
        for number, (distance, yaw) in enumerate(((1.3, 0.0), (2.2, 30.0), (3.0, -15.0))):
            photo = photograph(
                picture, center, 2.0, PHONE, np.radians([0, yaw, 1.0]), np.array([0, 0, distance * 1000])
            )
            Image.fromarray(photo).save(folder / "photos" / name / f"{number}.png")
    ingest(folder / "photos", folder / "read", rig=folder / "rig.json", camera=folder / "camera.json")
    return folder / "read"


class Redness(Victim):
    """Reads a stop sign where the middle of the picture is red."""

    def __init__(self) -> None:
        super().__init__(name="redness", classes=("stop", "other"), input_size=(32, 32), differentiable=False)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        middle = images[:, :, 10:22, 6:26].mean((2, 3))
        red = middle[:, 0] - middle[:, 1]
        return torch.stack([20.0 * (red - 0.15), torch.zeros_like(red)], dim=1)


def test_photographs_are_scored_and_have_the_columns_of_simulated_frames(session: Path, tmp_path: Path) -> None:
    slab = bundle(tmp_path / "slab", "us/stop")
    summary = evaluate_photographs(session, [Redness()], tmp_path / "out", patches=[slab], draws=4)
    shares = {group.subject: group.parts[0] for group in summary.groups}
    assert (shares["clean"].misread.hits, shares["clean"].misread.n) == (0, 3)
    assert (shares["patch"].misread.hits, shares["patch"].misread.n) == (3, 3)
    assert shares["clean"].simulated == 0.0
    assert shares["patch"].simulated is not None
    assert check_version(tmp_path / "out" / "outcomes.parquet") == 6 + 6 * 4
    table = pq.read_table(tmp_path / "out" / "outcomes.parquet").to_pylist()
    photos = [row for row in table if row["battery"] == PHOTOGRAPHS]
    simulated = [row for row in table if row["battery"] == SIMULATED]
    assert (len(photos), len(simulated)) == (6, 24)
    _, rows = load_session(session)
    for row in photos:
        own = next(one for one in rows if one.file == row["scene"])
        assert row["distance_m"] == pytest.approx(own.distance_m, rel=1e-5)
        assert row["angle_deg"] == pytest.approx(own.angle_deg, abs=0.5)
    assert repr(summary) == str(summary)
    assert "redness misreads slab in 100 % (43.9 to 100.0), n 3" in repr(summary)
    assert len(repr(summary)) < 500
    page = write_photograph_report(summary, tmp_path / "out").read_text()
    assert page.count("<figure") == 6
    assert "data:image" in page
    assert "slab" in page


def test_paint_that_is_not_known_is_compared_with_the_clean_sign_and_no_simulation(
    session: Path, tmp_path: Path
) -> None:
    """Photographs of a sign that somebody else painted are no clean sign, and say nothing of the simulator."""
    summary = evaluate_photographs(session, [Redness()], tmp_path / "out", draws=4, max_asr=0.5)
    groups = {group.subject: group for group in summary.groups}
    assert set(groups) == {"unknown", "clean"}
    unknown, clean = groups["unknown"], groups["clean"]
    assert unknown.title == "unknown paint (slab)"
    assert (unknown.parts[0].misread.hits, clean.parts[0].misread.hits) == (3, 0)
    assert all(part.simulated is None for group in summary.groups for part in group.parts)
    assert summary.agreement is None
    assert summary.agreement_won is None
    assert check_version(tmp_path / "out" / "outcomes.parquet") == 6
    assert unknown.beyond_clean is not None
    assert unknown.beyond_clean.value == 1.0
    wilson_of_none_in_three = 0.5615  # both intervals are of this width: Newcombe adds their squares
    assert unknown.beyond_clean.low == pytest.approx(1.0 - np.sqrt(2.0) * wilson_of_none_in_three, abs=1e-3)
    assert unknown.failures, "a limit counts for paint of others too"
    (flag,) = [flag for flag in summary.flags if "is not known" in flag]
    assert "3 of 6 photographs may show paint that is not known" in flag
    assert plain(verdict(summary).headline) == (
        "redness misreads 100 % (44–100) of 3 photographs of unknown paint (slab), "
        "and 0 % (0–56) of 3 of the clean sign"
    )
    page = write_photograph_report(summary, tmp_path / "out").read_text()
    assert "so nothing is simulated" in page
    assert "Does the simulation predict" not in page
    assert ">simulated<" not in page
    assert "+100 (21 to 100)" in page


def plain(text: str) -> str:
    """With ordinary spaces."""
    return text.replace("\u202f", " ").replace("\xa0", " ")


class Stubborn(Redness):
    """Reads a stop sign in everything, and does not know the class that Redness takes it for."""

    def __init__(self) -> None:
        super().__init__()
        self.name, self.classes = "stubborn", ("stop", "yield")

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return torch.tensor([[1.0, 0.0]]).expand(len(images), 2)


@pytest.mark.parametrize("goal", ["untargeted", "targeted:other"])
def test_of_several_victims_the_verdict_states_each_with_intervals(session: Path, tmp_path: Path, goal: str) -> None:
    slab = bundle(tmp_path / "slab", "us/stop", goal=goal)
    summary = evaluate_photographs(session, [Stubborn(), Redness()], tmp_path / "out", patches=[slab], draws=4)
    said = verdict(summary)
    assert plain(said.headline) == "2 victims misread 0 % (0–56) to 100 % (44–100) of the photographs of slab"
    begins = {
        "untargeted": "redness misreads 100 % (44–100) of 3 photographs of slab; ",
        "targeted:other": "slab makes redness read “other” in 100 % (44–100) of 3 photographs; ",
    }
    assert plain(said.sentences[0]).startswith(begins[goal])
    assert plain(said.sentences[1]) == (
        "stubborn misreads 0 % (0–56) of 3 photographs of slab; the simulation predicted 0 % (0–79)"
    )
    for line in said.sentences:
        assert len(re.findall(r"\d %", plain(line))) == len(re.findall(r"\d % \([\d.]+–[\d.]+\)", plain(line)))
    page = write_photograph_report(summary, tmp_path / "out").read_text()
    assert all(line in page for line in (said.headline, *said.sentences))


def test_a_verdict_of_very_many_pairs_names_the_first_of_them(session: Path, tmp_path: Path) -> None:
    summary = evaluate_photographs(session, [Redness()], tmp_path / "out", draws=1)
    group = next(group for group in summary.groups if group.subject == "unknown")
    many = tuple(group.model_copy(update={"patch": f"paint {number}"}) for number in range(15))
    said = verdict(summary.model_copy(update={"groups": many}))
    assert "of the photographs of 15 kinds of paint" in said.headline
    assert len(said.sentences) == 13
    assert said.sentences[-1].startswith("3 further pairs of paint and victim")


def test_a_bundle_that_no_photograph_shows_is_refused(session: Path, tmp_path: Path) -> None:
    other = bundle(tmp_path / "other", "us/stop")
    with pytest.raises(PhysadvError, match=r"other: no photograph of .* is said to show it; .* --patch .*other"):
        evaluate_photographs(session, [Redness()], tmp_path / "out", patches=[other])
    assert not (tmp_path / "out").exists()


def test_a_patch_made_for_a_class_is_scored_by_how_often_it_is_read(session: Path, tmp_path: Path) -> None:
    slab = bundle(tmp_path / "slab", "us/stop", goal="targeted:other")
    summary = evaluate_photographs(session, [Redness()], tmp_path / "out", patches=[slab], draws=4)
    whole = {group.subject: group for group in summary.groups}["patch"].parts[0]
    assert whole.won is not None
    assert (whole.won.hits, whole.won.n) == (3, 3)
    assert summary.agreement_won is not None
    assert summary.agreement_won.n == 3  # the clean sign, in a folder of its own, is of no patch
    assert plain(verdict(summary).headline).startswith(
        "slab makes redness read “other” in 100 % (44–100) of 3 photographs; the simulation predicted "
    )
    assert "read as “other”" in write_photograph_report(summary, tmp_path / "out").read_text()
    table = pq.read_table(tmp_path / "out" / "outcomes.parquet").to_pylist()
    of_slab = [row for row in table if row["subject"] == "patch"]
    assert {row["goal"] for row in of_slab} == {"targeted:other"}
    assert all(row["won"] == (row["predicted"] == "other") for row in of_slab)
    limited = evaluate_photographs(
        session, [Redness()], tmp_path / "limited", patches=[slab], draws=1, max_targeted_asr=0.5
    )
    (failure,) = [failure for group in limited.groups for failure in group.failures]
    assert failure == (
        "success at the goal (read as “other”) in photographs 100.0 % is above the limit of 50.0 % by 50.0 points "
        "[max_targeted_asr]"
    )
    untargeted = bundle(tmp_path / "untargeted" / "slab", "us/stop", goal="untargeted")
    for patches, told in (([untargeted], "no patch has a target class"), ([], "no patch is given")):
        with pytest.raises(PhysadvError, match=told):
            evaluate_photographs(session, [Redness()], tmp_path / "c", patches=patches, max_targeted_asr=0.5)
    for goal in ("targeted:stop", "targeted:speedLimit45"):
        aimless = bundle(tmp_path / goal[9:] / "slab", "us/stop", goal=goal)
        found = evaluate_photographs(session, [Redness()], tmp_path / "b" / goal[9:], patches=[aimless], draws=1)
        assert found.agreement_won is None
        assert found.agreement is not None


def test_with_a_calibration_what_it_changes_is_told(session: Path, tmp_path: Path) -> None:
    """A press that prints all colors red hides from this victim what gray would show it."""
    red = Calibration(name="red", nodes=2, colors=((0.9, 0.1, 0.1),) * 8)
    save_calibration(red, tmp_path / "press.json")
    slab = bundle(tmp_path / "slab", "us/stop", mask="poster")
    without = evaluate_photographs(session, [Redness()], tmp_path / "a", patches=[slab], draws=4)
    through = evaluate_photographs(
        session, [Redness()], tmp_path / "b", patches=[slab], draws=4, calibration=tmp_path / "press.json"
    )
    whole, plain = ({g.subject: g.parts[0] for g in made.groups}["patch"] for made in (through, without))
    assert (whole.simulated, whole.as_sent) == (0.0, plain.simulated) == (0.0, 1.0)
    assert plain.as_sent is None
    assert through.agreement_as_sent == without.agreement
    assert through.agreement != without.agreement
    assert without.agreement_as_sent is None
    assert "as sent</th>" in write_photograph_report(through, tmp_path / "b").read_text()
    assert "as sent</th>" not in write_photograph_report(without, tmp_path / "a").read_text()


def test_a_simulated_frame_looks_like_the_photograph_of_its_conditions(session: Path) -> None:
    """Same pose, camera and light: after both are cut out, sign and letters lie on each other."""
    _, rows = load_session(session)
    scene = load_scene("stationary-15")
    sign = load_sign("us/stop")
    bare = PaintedSign(sign, sign.texture(512), torch.ones(1, 512, 512))
    for number, row in enumerate(row for row in rows if row.subject == "clean"):
        photo = victim_view(read_crop(session, row), row, (64, 64))[0]
        conditions = simulated_conditions(row, scene, number=number, draws=8, seed=0)
        frames = scene.render(bare, conditions, size=(64, 64))
        inside = slice(12, 52)
        one = photo[1, inside, inside].flatten()
        other = frames.mean(0)[1, inside, inside].flatten()
        assert float(torch.corrcoef(torch.stack([one, other]))[0, 1]) > 0.85, row.file
        assert abs(float(one.mean() - other.mean())) < 0.12


@pytest.fixture
def unmeasured(session: Path, tmp_path: Path) -> Path:
    """The session, as if nothing had been known of the camera."""
    shutil.copytree(session, tmp_path / "unmeasured")
    record, rows = load_session(tmp_path / "unmeasured")
    write_table(tmp_path / "unmeasured", [row.model_copy(update={"focal_source": "assumed"}) for row in rows])
    write_session(tmp_path / "unmeasured", record)
    return tmp_path / "unmeasured"


def test_without_a_focal_length_no_distance_is_told_and_the_sign_is_simulated_as_large(
    session: Path, unmeasured: Path, tmp_path: Path
) -> None:
    slab = bundle(tmp_path / "slab", "us/stop")
    summary = evaluate_photographs(unmeasured, [Redness()], tmp_path / "out", patches=[slab], draws=4)
    assert {part.by for group in summary.groups for part in group.parts} == {"all", "angle"}
    assert [one.distance_m for one in summary.shown] == [None] * 6
    assert any("that distance was not measured and is not reported" in flag for flag in summary.flags)
    assert read_photograph_summary(tmp_path / "out") == summary
    page = write_photograph_report(summary, tmp_path / "out").read_text()
    assert page.count("distance not known, ") == 6
    assert ": by angle</summary>" in page
    assert "distance, angle" not in page
    table = pq.read_table(tmp_path / "out" / "outcomes.parquet").to_pylist()
    told = [(row["distance_m"], row["hfov_deg"]) for row in table if row["battery"] == PHOTOGRAPHS]
    assert told == [(None, None)] * 6
    known, unknown = (load_session(folder)[1] for folder in (session, unmeasured))
    scene = load_scene("stationary-15")
    for one, other in zip(known, unknown, strict=True):
        kept, made = (simulated_conditions(row, scene, number=0, draws=1, seed=0) for row in (one, other))
        assert float(made.distance_m) == pytest.approx(float(kept.distance_m), rel=0.01)
        assert float(made.hfov_deg) == float(kept.hfov_deg)


def test_a_scored_photograph_is_replayed_from_its_crop(
    session: Path, unmeasured: Path, tmp_path: Path, physadv: Command
) -> None:
    seen: list[torch.Tensor] = []

    class Keeping(Redness):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            seen.append(images.clone())
            return super().forward(images)

    out, frame = tmp_path / "out", tmp_path / "frame.png"
    evaluate_photographs(session, [Keeping()], out, patches=[bundle(tmp_path / "slab", "us/stop")], draws=2)
    table = pq.read_table(out / "outcomes.parquet").to_pylist()
    for number, row in enumerate(table):
        if row["battery"] == PHOTOGRAPHS:
            made = replay(out, number)
            assert any(torch.equal(made.frame, images[0]) for images in seen), number
            assert made.view.shape == (3, 512, 512)
            assert f"photograph {row['scene']} of " in made.words
            assert made.conditions["distance_m"] == pytest.approx(row["distance_m"], rel=1e-6)
    simulated = next(number for number, row in enumerate(table) if row["battery"] == SIMULATED)
    words = ("replay", out, "--out", frame, "--row")
    code, said, _ = physadv(*words, 0)
    assert (code, "focal_source         calibrated" in said, "noise_seed" in said) == (0, True, False)
    assert Image.open(frame).size == (1034, 512)
    refused(physadv(*words, simulated), f"--row {simulated}: is a simulated frame beside a photograph")
    refused(physadv(*words, len(table)), f"has rows 0 to {len(table) - 1}")
    evaluate_photographs(unmeasured, [Redness()], tmp_path / "far", draws=1)
    code, said, _ = physadv("replay", tmp_path / "far", "--out", frame, "--row", 0)
    assert (code, "distance not known" in said, "distance_m" in said) == (0, True, False)
    write_table(unmeasured, load_session(unmeasured)[1][1:])
    refused(physadv("replay", tmp_path / "far", "--out", frame, "--row", 0), "is not as it was scored")
    older = json.loads((tmp_path / "far" / "photographs.json").read_text())
    del older["victims"]
    (tmp_path / "far" / "photographs.json").write_text(json.dumps(older))
    refused(physadv("replay", tmp_path / "far", "--out", frame, "--row", 0), "of an older physadv", "score them again")


def test_a_square_box_keeps_a_turned_sign_narrow(session: Path) -> None:
    """Where the sign is seen from the side, the wider view has its height and more of what is beside it."""
    _, rows = load_session(session)
    row = next(row for row in rows if row.subject == "clean" and abs(row.yaw_deg) > 25)
    crop = read_crop(session, row)
    squashed, square = (victim_view(crop, row, (64, 64), square=is_square)[0] for is_square in (False, True))
    red = [(view[0] - view[1]).gt(0.2) for view in (squashed, square)]
    height, width = ([float(part.any(axis).float().mean()) for part in red] for axis in (1, 0))
    assert height[1] == pytest.approx(height[0], abs=0.05)
    assert width[1] == pytest.approx(width[0] * row.box_width / row.box_height, abs=0.06)
    assert width[1] < width[0] - 0.05


def test_what_cannot_be_checked_for_edits_is_told(session: Path, tmp_path: Path) -> None:
    shutil.copytree(session, tmp_path / "old")
    for path in (tmp_path / "old" / "session.json", bundle(tmp_path / "slab", "us/stop") / "patch.json"):
        told = json.loads(path.read_text())
        del told["sha256"]
        path.write_text(json.dumps(told))
    summary = evaluate_photographs(
        tmp_path / "old", [Redness()], tmp_path / "out", patches=[tmp_path / "slab"], draws=1
    )
    (note,) = [note for note in summary.flags if "edit" in note]
    assert note == f"not checked for edits, for their files have no digest: slab, {tmp_path / 'old'}"
    record = tmp_path / "old" / "session.json"
    record.write_text(json.dumps({**json.loads(record.read_text()), "sha256": ""}))
    summary = evaluate_photographs(tmp_path / "old", [Redness()], tmp_path / "again", draws=1)
    assert [note for note in summary.flags if "edited after" in note]


def test_from_the_command_line_with_a_shipped_victim(session: Path, tmp_path: Path, physadv: Command) -> None:
    def scored(out: str, *more: object) -> tuple[int, str, str]:
        return physadv("evaluate", "--photos", session, "--victim", "gtsrb-cnn", "--out", tmp_path / out, *more)

    code, said, _ = scored("out")
    assert (code, "of 3 photographs of unknown paint (slab)" in said) == (0, True)
    assert (tmp_path / "out" / "report.html").exists()
    for name, value in (("--frames", 3), ("--batch", 8), ("--battery", "drive-by")):
        refused(scored("b", name, value), f"{name}: has no meaning with --photos")
    refused(scored("b", "--device", "abacus"), "device 'abacus'")
    assert not (tmp_path / "b").exists()
    refused(physadv("evaluate", "--victim", "gtsrb-cnn", "--out", tmp_path / "c"), "--photos")
    refused(
        physadv("evaluate", "--photos", tmp_path, "--victim", "gtsrb-cnn", "--out", tmp_path / "d"), "not a session"
    )


def test_a_limit_on_photographs_fails_the_build(session: Path, tmp_path: Path, physadv: Command) -> None:
    out = tmp_path / "out"
    wrong = ["--true-class", "yield"]  # so that the shipped victim misreads every photograph
    words = ["evaluate", "--photos", session, "--victim", "gtsrb-cnn", *wrong, "--out", out, "--max-asr"]
    code, said, _ = physadv(*words, 0.5)
    assert (
        code,
        "failed: unknown paint (slab), gtsrb-cnn: untargeted success (any wrong class) in photographs 100.0 %" in said,
    ) == (
        1,
        True,
    )
    assert "Limit exceeded" in (out / "report.html").read_text()
    assert "kept" not in said
    code, said, _ = physadv(*words, 1.0)
    assert (code, "kept: --max-asr 1\n" in said) == (0, True)
    assert "Limit exceeded" not in (out / "report.html").read_text()
    (out / "report.html").unlink()
    code, said, _ = physadv("report", out)
    assert (code, "report.html" in said) == (0, True)
    assert "photographs of unknown paint (slab)" in (out / "report.html").read_text()
    refused(physadv(*words, 1.5), "max-asr = 1.5")


def test_junit_says_which_patch_is_above_the_limit(session: Path, tmp_path: Path) -> None:
    summary = evaluate_photographs(session, [Redness()], tmp_path / "out", draws=2, max_asr=0.9)
    assert not summary.passed
    root = ElementTree.parse(tmp_path / "out" / "junit.xml").getroot()
    assert (root.attrib["tests"], root.attrib["failures"]) == ("2", "1")
    (suite,) = root
    cases = {case.attrib["name"]: case for case in suite}
    assert set(cases) == {"unknown paint (slab)", "clean sign"}
    (failure,) = cases["unknown paint (slab)"].iter("failure")
    assert failure.attrib["message"] == (
        "untargeted success (any wrong class) in photographs 100.0 % is above the limit of 90.0 % "
        "by 10.0 points [max_asr]"
    )
    assert cases["clean sign"].find("failure") is None
    assert "misread: 0.0000 (95 % interval" in str(cases["clean sign"].findtext("system-out"))
    assert read_photograph_summary(tmp_path / "out") == summary
    assert evaluate_photographs(session, [Redness()], tmp_path / "out", draws=2).passed


def test_a_limit_without_a_photographed_patch_is_refused(session: Path, tmp_path: Path) -> None:
    _, rows = load_session(session)
    shutil.copytree(session, tmp_path / "bare")
    write_table(tmp_path / "bare", [row for row in rows if row.subject == "clean"])
    with pytest.raises(PhysadvError, match="shows no patch"):
        evaluate_photographs(tmp_path / "bare", [Redness()], tmp_path / "out", max_asr=0.5)
    assert not (tmp_path / "out").exists()


def test_mistakes_are_one_sentence(session: Path, tmp_path: Path) -> None:
    victim = load_victim("gtsrb-cnn")
    with pytest.raises(PhysadvError, match="draws = 0"):
        evaluate_photographs(session, [victim], tmp_path / "a", draws=0)
    with pytest.raises(PhysadvError, match="each once"):
        evaluate_photographs(session, [victim, victim], tmp_path / "b")
    with pytest.raises(PhysadvError, match="is for sign de/stop"):
        evaluate_photographs(session, [victim], tmp_path / "c", patches=[bundle(tmp_path / "g", "de/stop")])
    assert not any((tmp_path / name).exists() for name in "abc")


def bundle(folder: Path, sign_name: str, *, goal: str = "untargeted", mask: str = "bars") -> Path:
    """A mask in gray."""
    sign = load_sign(sign_name)
    shape = build_mask(parse_mask(mask), sign, px=64)
    gray = torch.full((3, 64, 64), 0.5)
    save_patch(new_patch(sign, shape, gray, name=folder.name, made={"goal": goal}), folder)
    return folder


@pytest.mark.slow
@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 1000), n=st.integers(5, 60))
def test_the_scores_are_those_of_the_textbooks(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    predicted, happened = np.round(rng.random(n), 1), rng.random(n) < 0.5
    found = agreement(predicted, happened, ["one"] * n)
    assert found.both + found.simulated_only + found.photographed_only + found.neither == n
    assert found.brier.value == pytest.approx(np.mean((predicted - happened) ** 2))
    if happened.any() and not happened.all():
        u = stats.mannwhitneyu(predicted[happened], predicted[~happened]).statistic
        assert found.auc.value == pytest.approx(u / (happened.sum() * (~happened).sum()))
        assert found.auc.low is not None
        assert found.auc.high is not None
        assert found.auc.low <= found.auc.value <= found.auc.high
    else:
        assert found.auc.value is None
    assert found.rank.value is None


def test_a_simulation_that_knows_beats_one_that_does_not() -> None:
    rng = np.random.default_rng(0)
    truth = rng.random(200)
    happened = rng.random(200) < truth
    groups = [f"g{int(value * 8)}" for value in truth]
    knows, guesses = agreement(truth, happened, groups), agreement(rng.random(200), happened, groups)
    assert knows.brier_of_rate is not None
    assert knows.brier.value is not None
    assert guesses.brier.value is not None
    assert knows.brier.value < knows.brier_of_rate < guesses.brier.value
    assert knows.rank.value is not None
    assert knows.rank.value > 0.8
    assert knows.groups == 8
