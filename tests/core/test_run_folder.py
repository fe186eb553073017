"""The folder of a piece of work: whose it is, who works there, what killed processes leave, what has changed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from physadv.core.errors import PhysadvError
from physadv.core.files import atomic_folder, write_text
from physadv.core.identity import as_json, digest_of, digest_of_files, first_difference
from physadv.core.run_folder import BOOKKEEPING, claim

IDENTITY = {"config": {"seed": 0, "goal": "untargeted"}, "victim": digest_of("weights")}


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_the_same_work_resumes_and_other_work_is_told_what_differs(tmp_path: Path) -> None:
    with claim(tmp_path / "run", IDENTITY, command="physadv test") as run:
        assert not run.resumed
    with claim(tmp_path / "run", IDENTITY, command="physadv test") as run:
        assert run.resumed
    for changed, words in [
        ({**IDENTITY, "config": {"seed": 1, "goal": "untargeted"}}, r"config\.seed was 0, now 1"),
        ({**IDENTITY, "victim": digest_of("others")}, "the content of victim has changed"),
        ({**IDENTITY, "calibration": "x"}, "calibration is new"),
    ]:
        with pytest.raises(PhysadvError, match=words), claim(tmp_path / "run", changed, command="physadv test"):
            pass


def test_renewed_work_starts_from_an_empty_folder(tmp_path: Path) -> None:
    with claim(tmp_path, IDENTITY, command="physadv test"):
        write_text(tmp_path / "deep" / "result.txt", "old")
    with claim(tmp_path, {"other": 1}, command="physadv test", renew=True) as run:
        assert not run.resumed
        assert names(tmp_path) == set(BOOKKEEPING)


def test_a_folder_with_other_things_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(PhysadvError, match=r"holds thesis\.tex"), claim(tmp_path, IDENTITY, command="physadv test"):
        pass
    assert names(tmp_path) == {"thesis.tex"}


@pytest.mark.parametrize("there", [False, True])
def test_a_mistake_before_the_first_result_leaves_nothing(there: bool, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    if there:
        folder.mkdir()
    with pytest.raises(PhysadvError, match="wrong"), claim(folder, IDENTITY, command="physadv test"):
        raise PhysadvError("wrong")
    assert folder.exists() == there
    assert not there or not names(folder)


def test_a_seal_breaks_with_any_change(tmp_path: Path) -> None:
    with claim(tmp_path, IDENTITY, command="physadv test") as run:
        assert not run.finished()
        write_text(tmp_path / "a.txt", "a")
        run.finish("a.txt", asked={"limit": 0.1})
        assert run.finished({"limit": 0.1})
        assert not run.finished({"limit": 0.2})
        write_text(tmp_path / "a.txt", "b")
        with pytest.raises(PhysadvError, match=r"a\.txt: has changed since it was written"):
            run.finished({"limit": 0.1})
        (tmp_path / "a.txt").unlink()
        assert not run.finished({"limit": 0.1})


HOLD = """
import sys, time
from pathlib import Path
from physadv.core.run_folder import claim
from physadv.core.files import atomic_folder, atomic_path
folder = Path(sys.argv[1])
with claim(folder, {"work": 1}, command="physadv hold"), atomic_folder(folder / "bundle") as new:
    (new / "half").write_text("half")
    with atomic_path(folder / "table.parquet") as temporary:
        print("working", flush=True)
        time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path: Path) -> Any:
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path / "run")], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "working\n"
    yield process
    process.kill()
    process.wait()


def test_a_second_process_is_told_who_works_there(holder: Any, tmp_path: Path) -> None:
    before = names(tmp_path / "run")
    words = rf"physadv hold \(process {holder.pid} on .*\) works there since"
    with pytest.raises(PhysadvError, match=words), claim(tmp_path / "run", {"work": 1}, command="physadv test"):
        pass
    assert names(tmp_path / "run") == before


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_what_a_killed_process_leaves_is_cleared_by_the_next(how: signal.Signals, holder: Any, tmp_path: Path) -> None:
    os.kill(holder.pid, how)
    holder.wait()
    with claim(tmp_path / "run", {"work": 1}, command="physadv test") as run:
        assert run.resumed
        assert names(tmp_path / "run") == set(BOOKKEEPING)
    assert names(tmp_path / "run") == {"run.json"}
    assert names(tmp_path) == {"run"}


def test_a_folder_that_was_moved_aside_comes_back(tmp_path: Path) -> None:
    (tmp_path / ".run.tmp-abcdefgh.old").mkdir()
    (tmp_path / ".run.tmp-abcdefgh.old" / "result.txt").write_text("kept")
    (tmp_path / ".run.tmp-abcdefgh").mkdir()
    with claim(tmp_path / "run", IDENTITY, command="physadv test", own=("result.txt",)):
        assert (tmp_path / "run" / "result.txt").read_text() == "kept"
    assert names(tmp_path) == {"run"}


def test_files_that_only_look_temporary_stay(tmp_path: Path) -> None:
    for name in (".hidden", ".a.tmp-", "b.tmp-abcdefgh", ".c.tmp-ABC"):
        (tmp_path / name).write_text("x")
    with claim(tmp_path, IDENTITY, command="physadv test", own=tuple(names(tmp_path))):
        pass
    assert {".hidden", ".a.tmp-", "b.tmp-abcdefgh", ".c.tmp-ABC"} <= names(tmp_path)


def test_replacing_a_folder_leaves_no_trace(tmp_path: Path) -> None:
    for text in ("one", "two"):
        with atomic_folder(tmp_path / "bundle", replace=True) as new:
            (new / "file").write_text(text)
    assert (tmp_path / "bundle" / "file").read_text() == "two"
    assert names(tmp_path) == {"bundle"}


def test_a_digest_of_files_knows_names_bytes_and_order(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"1")
    (tmp_path / "b").write_bytes(b"2")
    first = digest_of_files([tmp_path / "a", tmp_path / "b"])
    assert first == digest_of_files([tmp_path / "a", tmp_path / "b"], root=tmp_path)
    assert first != digest_of_files([tmp_path / "b", tmp_path / "a"])
    stat = (tmp_path / "a").stat()
    (tmp_path / "a").write_bytes(b"3")  # of the same size and time
    os.utime(tmp_path / "a", ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert first != digest_of_files([tmp_path / "a", tmp_path / "b"])
    with pytest.raises(PhysadvError, match="cannot be read"):
        digest_of_files([tmp_path / "c"])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=3),
    lambda part: st.lists(part, max_size=3) | st.dictionaries(st.text(max_size=2), part, max_size=3),
    max_leaves=8,
)


@given(JSON, JSON)
@settings(max_examples=200, deadline=None, derandomize=True)
def test_equal_digests_are_equal_values_and_a_difference_is_always_told(old: Any, new: Any) -> None:
    same = json.dumps(old, sort_keys=True) == json.dumps(new, sort_keys=True)
    assert (digest_of(old) == digest_of(new)) == same
    assert as_json(old) == old
    if old != new:
        assert first_difference({"key": old}, {"key": new}).startswith(("key", "the content of key"))


def test_named_parts_are_told_by_their_names() -> None:
    old, new = ([{"name": name, "sha256": digest_of(name)} for name in names] for names in (["a", "b"], ["c"]))
    assert first_difference({"patches": old}, {"patches": new}) == "patches was a, b, now c"


def test_the_lock_ends_at_once_with_the_block(tmp_path: Path) -> None:
    started = time.monotonic()
    for _ in range(20):
        with claim(tmp_path, IDENTITY, command="physadv test"):
            pass
    assert time.monotonic() - started < 10.0
