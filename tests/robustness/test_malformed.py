"""A malformed file gives a right result or one sentence, whatever reads it and whatever is wrong with it.

A thousand cases here; ``PHYSADV_CASES=20`` makes it twenty times as many, and each run others.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from random import Random

import malformed_kit as kit
import pytest
import torch
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st
from malformed_loaders import LOADERS, Loader

from physadv.core.errors import PhysadvError
from physadv.evaluation.batteries.battery import load_battery
from physadv.victims.parameters import read_parameters

TIMES = float(os.environ.get("PHYSADV_CASES", "1"))
CASES, FEWEST = 22, 3
"""Of a loader that takes no time, and of the dearest."""


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, bytes]]:
    """By loader: the file that is changed, and its bytes as they should be; made when they are asked for."""

    class Examples(dict[str, tuple[Path, bytes]]):
        def __missing__(self, name: str) -> tuple[Path, bytes]:
            path = LOADERS[name].make(tmp_path_factory.mktemp("example"))
            self[name] = path, path.read_bytes()
            return self[name]

    return Examples()


def put_back(path: Path, data: bytes) -> None:
    """The file as it should be, whatever stands in its place."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    with suppress(FileNotFoundError):
        path.unlink()
    path.write_bytes(data)


@pytest.fixture
def unpickled() -> Iterator[None]:
    """No pickle of ours may have run."""
    yield
    assert not kit.MARK.exists(), "a pickle was run"


def cases(loader: Loader, times: float) -> int:
    return max(FEWEST, round(CASES * times / max(1.0, loader.cost / 2)))


def try_out(name: str, path: Path, data: bytes, *, times: float, derandomize: bool) -> None:
    """Changes a loader's example in many ways, and loads each."""
    loader = LOADERS[name]

    @settings(
        max_examples=cases(loader, times),
        derandomize=derandomize,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(random=st.randoms(use_true_random=False))
    def check(random: Random) -> None:
        changed = loader.form(data, random)
        path.write_bytes(changed)
        note(f"{name}: {changed[:2000]!r}")
        try:
            kit.right_or_refused(loader.load, path)
        finally:
            put_back(path, data)

    check()


@pytest.mark.parametrize("name", LOADERS)
def test_the_example_is_right(name: str, examples: dict[str, tuple[Path, bytes]]) -> None:
    """Without that, a refusal of what is made of it would say nothing."""
    refusal = kit.right_or_refused(LOADERS[name].load, examples[name][0])
    assert (refusal is None) == LOADERS[name].is_right, refusal


@pytest.mark.parametrize("name", LOADERS)
@pytest.mark.usefixtures("unpickled")
def test_a_malformed_file_is_right_or_one_sentence(name: str, examples: dict[str, tuple[Path, bytes]]) -> None:
    try_out(name, *examples[name], times=TIMES, derandomize=TIMES == 1)


@pytest.mark.slow
@pytest.mark.parametrize("name", LOADERS)
@pytest.mark.usefixtures("unpickled")
def test_many_malformed_files_are_right_or_one_sentence(name: str, examples: dict[str, tuple[Path, bytes]]) -> None:
    try_out(name, *examples[name], times=5 * TIMES, derandomize=False)


@pytest.mark.parametrize("name", LOADERS)
def test_what_is_no_file_is_refused(name: str, examples: dict[str, tuple[Path, bytes]]) -> None:
    path, data = examples[name]
    for place, make in kit.PLACES.items():
        path.unlink()
        make(path)
        try:
            refusal = kit.right_or_refused(LOADERS[name].load, path)
            assert refusal is not None or place in LOADERS[name].may_be, place
        finally:
            put_back(path, data)


@pytest.mark.parametrize("name", LOADERS)
@pytest.mark.usefixtures("unpickled")
def test_a_file_of_another_kind_is_right_or_one_sentence(name: str, examples: dict[str, tuple[Path, bytes]]) -> None:
    path, data = examples[name]
    others = [other for other in LOADERS if LOADERS[other].cost < 5]
    chosen = Random(name).sample(others, max(1, round(4 / LOADERS[name].cost)))
    for other in chosen:
        path.write_bytes(examples[other][1])
        try:
            kit.right_or_refused(LOADERS[name].load, path)
        finally:
            put_back(path, data)


def test_a_checkpoint_that_is_larger_than_its_file_is_refused(tmp_path: Path) -> None:
    """Forty kilobytes that would be forty megabytes in memory, and could be any number."""
    plain = io.BytesIO()
    torch.save({"w": torch.zeros(4)}, plain)
    with zipfile.ZipFile(plain) as old, zipfile.ZipFile(tmp_path / "w.pt", "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            with new.open(name, "w", force_zip64=True) as part:
                for _ in range(4 if name.endswith("data/0") else 0):
                    part.write(bytes(10_000_000))
                part.write(old.read(name))
    refusal = kit.right_or_refused(read_parameters, tmp_path / "w.pt")
    assert refusal is not None
    assert "compressed" in refusal


def test_a_checkpoint_that_holds_itself_is_refused(tmp_path: Path) -> None:
    endless: dict[str, object] = {}
    endless |= {str(number): endless for number in range(1000)}
    torch.save(endless, tmp_path / "w.pt")
    assert kit.right_or_refused(read_parameters, tmp_path / "w.pt")


def test_a_message_is_one_line_of_bounded_length() -> None:
    message = str(PhysadvError("a.yaml: " + "x" * 9000 + "\n\x1b[31m\x00 is\r\nwrong"))
    assert len(message) <= 1500
    assert message.startswith("a.yaml: xxx")
    assert message.endswith(" \\x1b[31m\\x00 is  wrong")


def test_unknown_keys_are_told_together_and_very_many_faults_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "b.yaml"
    path.write_text("name: 5\nentries: [{scene: wide, frames: 5, seed: 1, frame: 2, seeds: 3}]\nnmae: x\n")
    message = kit.right_or_refused(load_battery, path) or ""
    assert "unknown key 'nmae' (did you mean 'name'?); known keys: bins" in message
    assert (
        "unknown keys 'entries.0.frame' (did you mean 'frames'?), 'entries.0.seeds' (did you mean 'seed'?)" in message
    )
    path.write_text(f"name: a\nentries: {[1] * 500}\n")
    message = kit.right_or_refused(load_battery, path) or ""
    assert re.search(
        r"500 faults: \(1\) entries\.0 = 1: should be a mapping of keys to values; .* and 4\d\d more$", message
    )
