"""How a command ends: an exit code for each outcome, whatever becomes of the terminal that it talks to."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from physadv.cli import main
from physadv.cli.outcomes import Code
from physadv.cli.streams import plain

DOCS = (Path(__file__).resolve().parents[2] / "docs" / "reliability.md").read_text(encoding="utf-8")
PRELUDE = """
import errno, os, signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where the tests run in the background of a script
from physadv.cli import app as cli
from physadv.cli import signals
from physadv.cli.outcomes import judged
from physadv.cli.streams import say
from physadv.core.errors import CannotWrite, PhysadvError, PhysadvWarning
sys.argv = ["physadv", "try"]
@cli.app.command("try")
def attempt():
    exec(BODY)
BODY = sys.stdin.read()
cli.main()
"""


def start(body: str, **options: object) -> subprocess.Popen[str]:
    """A command of its own process that does what ``body`` says."""
    process = subprocess.Popen(
        [sys.executable, "-c", PRELUDE],
        **{
            "stdin": subprocess.PIPE,
            "stdout": subprocess.PIPE,
            "stderr": subprocess.PIPE,
            "text": True,
            "encoding": "utf-8",
            **options,
        },  # type: ignore[call-overload]
    )
    assert process.stdin
    process.stdin.write(body)
    process.stdin.close()
    process.stdin = None
    return process


def ended(body: str, **options: object) -> tuple[int, str, str]:
    process = start(body, **options)
    out, error = process.communicate(timeout=60)
    return process.returncode, out or "", error or ""


@pytest.mark.parametrize("code", Code)
def test_every_code_is_documented_once(code: Code) -> None:
    assert len(re.findall(rf"^\| {code.value} \|", DOCS, re.MULTILINE)) == 1


@pytest.mark.parametrize(
    ("body", "code", "said"),
    [
        ("pass", Code.DONE, ""),
        ("with judged(kept=True): say('fine')", Code.DONE, ""),
        ("with judged(kept=False): say('broken')", Code.LIMIT_EXCEEDED, ""),
        ("raise PhysadvError('x.yaml: wrong')", Code.WRONG_INPUT, "error: x.yaml: wrong\n"),
        ("raise PhysadvError('x.yaml:\\nwrong')", Code.WRONG_INPUT, "error: x.yaml: wrong\n"),
        ("raise CannotWrite('x: cannot be written')", Code.CANNOT_WRITE, "error: x: cannot be written\n"),
        ("raise OSError(errno.ENOSPC, 'No space left on device', 'a/b')", Code.CANNOT_WRITE, "error: a/b: cannot"),
        ("open('x' * 300)", Code.WRONG_INPUT, "error: xxx"),
        ("raise MemoryError", Code.OUT_OF_MEMORY, "error: there is not enough memory"),
        ('raise RuntimeError("DefaultCPUAllocator: can\'t allocate memory")', Code.OUT_OF_MEMORY, "error: there is"),
        ("raise KeyError('foo')", Code.DEFECT, "error: this is a defect of physadv, not of your input (KeyError"),
        ("raise RecursionError", Code.DEFECT, "error: this is a defect"),
        ("raise KeyboardInterrupt", Code.INTERRUPTED, "stopped\n"),
        ("os.kill(os.getpid(), signal.SIGTERM); time.sleep(9)", Code.TERMINATED, "stopped\n"),
        ("os.kill(os.getpid(), signal.SIGHUP); time.sleep(9)", Code.HANGUP, "stopped\n"),
        ("raise SystemExit(5)", 5, ""),
    ],
)
def test_each_outcome_has_its_code(body: str, code: int, said: str, tmp_path: Path) -> None:
    got, _, error = ended(body, env={**os.environ, "TMPDIR": str(tmp_path)})
    assert got == code, error
    assert error.startswith(said)
    assert error.count("\n") == bool(said)
    assert "Traceback" not in error


def test_a_defect_leaves_a_file_with_its_traceback(tmp_path: Path) -> None:
    _, _, error = ended("{}['foo']", env={**os.environ, "TMPDIR": str(tmp_path)})
    (file,) = tmp_path.glob("physadv-*.txt")
    assert str(file) in error
    text = file.read_text(encoding="utf-8")
    assert "Traceback" in text
    assert "physadv 0." in text
    assert "physadv try" in text


def test_a_developer_sees_the_traceback(tmp_path: Path) -> None:
    got, _, error = ended("{}['foo']", env={**os.environ, "TMPDIR": str(tmp_path), "PHYSADV_DEBUG": "1"})
    assert got == Code.DEFECT
    assert error.startswith("Traceback")
    assert list(tmp_path.iterdir()) == []


MANY = "for _ in range(20000): say('a line that fills a pipe')"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (MANY, Code.PIPE_CLOSED),
        (f"with judged(kept=True):\n {MANY}", Code.PIPE_CLOSED),
        (f"with judged(kept=False):\n {MANY}", Code.LIMIT_EXCEEDED),
        (f"from rich.console import Console; say = Console().print\n{MANY}", Code.PIPE_CLOSED),
        ("import typer; say = typer.echo\n" + MANY, Code.PIPE_CLOSED),
        ("time.sleep(1); say('one line')", Code.PIPE_CLOSED),
    ],
)
def test_a_reader_that_goes_is_no_limit_exceeded(body: str, code: int) -> None:
    process = start(body)
    assert process.stdout
    assert process.stderr
    if "sleep" not in body:
        process.stdout.readline()
    process.stdout.close()
    error = process.stderr.read()
    assert process.wait(timeout=60) == code
    assert error == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize(("body", "code"), [("say('x')", 3), ("with judged(kept=False): say('x')", 1), (MANY, 3)])
def test_standard_output_that_is_full(body: str, code: int) -> None:
    with open("/dev/full", "w") as full:
        got, _, error = ended(body, stdout=full)
    assert got == code
    if code == Code.CANNOT_WRITE:
        assert error == "error: standard output: cannot be written (No space left on device)\n"


PROGRESS = """
from physadv.cli.progress import progress_bar
from physadv.core.progress import Progress
with progress_bar() as bar:
    for done in range(50):
        bar(Progress("work", done + 1, 50))
say("done")
"""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_standard_error_that_is_full_ends_nothing() -> None:
    with open("/dev/full", "w") as full:
        assert ended(PROGRESS, stderr=full)[:2] == (Code.DONE, "done\n")
        assert ended("raise PhysadvError('wrong')", stderr=full)[0] == Code.WRONG_INPUT


def test_standard_error_that_nobody_reads_ends_nothing() -> None:
    process = start("time.sleep(1)\n" + PROGRESS)
    assert process.stderr
    process.stderr.close()
    assert process.stdout
    assert process.stdout.read() == "done\n"
    assert process.wait(timeout=60) == Code.DONE


@pytest.mark.parametrize("number", [1, 2])
def test_a_stream_that_is_closed_from_the_start_is_no_ones_file(number: int, tmp_path: Path) -> None:
    words = f"{sys.executable} -m physadv --version {number}>&-"
    assert subprocess.run(["bash", "-c", words], check=False, cwd=tmp_path).returncode == Code.DONE
    body = "opened = open('x', 'w'); assert opened.fileno() > 2; os.write(2, b'noise')"
    script = f'exec {sys.executable} -c "$1" {number}>&-'
    done = subprocess.run(["bash", "-c", script, "bash", PRELUDE], input=body, text=True, cwd=tmp_path, check=False)
    assert done.returncode == Code.DONE
    assert (tmp_path / "x").read_text() == ""


WORDS = (
    "91\N{THIN SPACE}% \N{PLUS-MINUS SIGN} 2 \N{EN DASH} Z\N{LATIN SMALL LETTER U WITH DIAERESIS}rich caf\u00e9 \u6b62"
)


@pytest.mark.parametrize(
    ("encoding", "shown"),
    [
        ("ascii", "91 % +- 2 - Zuerich cafe \\u6b62"),
        ("cp1252", "91 % \xb1 2 \u2013 Z\xfcrich caf\xe9 \\u6b62"),
        ("utf-8", WORDS),
    ],
)
def test_a_terminal_that_lacks_a_character_shows_a_plain_one(encoding: str, shown: str) -> None:
    body = f"""
from rich.console import Console
for write in (say, print, Console(width=200).print):
    write({WORDS!a})
raise PhysadvError({WORDS!a})
"""
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    assert ended(body, encoding=encoding, env=environment) == (Code.WRONG_INPUT, 3 * f"{shown}\n", f"error: {shown}\n")


def test_names_that_are_no_unicode_are_shown() -> None:
    code, out, _ = ended(r"say('name\udcff')", env={**os.environ, "LC_ALL": "C", "PYTHONIOENCODING": "utf-8"})
    assert (code, out) == (Code.DONE, "name\\udcff\n")


def test_plain_text_is_ascii() -> None:
    assert (
        plain("Gr\u00f6\u00dfe 3\u202f% \u2265 2 \u00d7 4\u00a0m\u00b2 \u2713 \u2717 \u26a0")
        == "Groesse 3 % >= 2 x 4 m2 + x !"
    )
    assert plain("u\u0308ber") == "ueber"
    assert plain("\u043d\u0435\u0442") == "\\u043d\\u0435\\u0442"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_what_was_opened_is_closed_after_a_signal(number: signal.Signals, code: int, tmp_path: Path) -> None:
    body = f"""
from pathlib import Path
from physadv.core.files import atomic_path
with atomic_path(Path({str(tmp_path / "x.txt")!r})):
    say("ready")
    sys.stdout.flush()
    time.sleep(30)
"""
    process = start(body)
    assert process.stdout
    assert process.stdout.readline() == "ready\n"
    process.send_signal(number)
    assert process.wait(timeout=60) == code
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "said"),
    [("design", "stopped; the same command resumes"), ("photos ingest", "stopped; the same command resumes")]
    + [(words, "stopped") for words in ("", "photos measure-rig", "print")],
)
def test_what_is_stopped_says_whether_it_resumes(
    words: str, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(**_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("physadv.cli.app.app", interrupted)
    monkeypatch.setattr("sys.argv", ["physadv", *words.split()])
    with pytest.raises(SystemExit) as ended:
        main()
    assert (ended.value.code, capsys.readouterr().err) == (Code.INTERRUPTED, f"{said}\n")


def test_a_library_that_hears_no_signal_is_ended(tmp_path: Path) -> None:
    """pbkdf2 runs for minutes within one call, and lets other threads run."""
    body = "signals.PATIENCE_S = {}; say('ready'); sys.stdout.flush(); import hashlib; "
    body += "hashlib.pbkdf2_hmac('sha256', b'x', b'y', 2_000_000_000)"
    for patience, times in ((0.5, 1), (60, 2)):
        process = start(body.format(patience))
        assert process.stdout
        process.stdout.readline()
        for _ in range(times):
            time.sleep(0.5)
            process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == Code.TERMINATED


def test_a_signal_that_is_ignored_stays_so() -> None:
    """As under ``nohup``."""
    body = "os.kill(os.getpid(), signal.SIGHUP); time.sleep(0.2); say('still there')"
    done = subprocess.run(
        ["bash", "-c", f'trap "" HUP; exec {sys.executable} -c "$1"', "bash", PRELUDE],
        input=body,
        text=True,
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (Code.DONE, "still there\n")


def test_warnings_of_other_libraries_do_not_reach_the_terminal() -> None:
    body = """
import logging, warnings
warnings.simplefilter("always")
warnings.warn("theirs", UserWarning)
warnings.warn("theirs", FutureWarning)
warnings.warn("ours", PhysadvWarning)
logging.getLogger("library").error("theirs")
say("done")
"""
    assert ended(body) == (Code.DONE, "done\n", "warning: ours\n")
    _, _, error = ended(body, env={**os.environ, "PHYSADV_DEBUG": "1"})
    assert error.count("theirs") == 3


@pytest.mark.parametrize(
    ("words", "near"),
    [
        (["desgin"], "design"),
        (["evaluat"], "evaluate"),
        (["photos", "injest"], "ingest"),
        (["design", "--vicitm"], "--victim"),
    ],
)
def test_a_wrong_word_is_answered_by_the_nearest(words: list[str], near: str) -> None:
    done = subprocess.run([sys.executable, "-m", "physadv", *words], capture_output=True, text=True, check=False)
    assert done.returncode == Code.WRONG_INPUT
    assert done.stderr.count("\n") == 1
    assert near in done.stderr


def test_without_a_command_there_is_help() -> None:
    bare, asked, short = (
        subprocess.run([sys.executable, "-m", "physadv", *words], capture_output=True, text=True, check=True)
        for words in ([], ["--help"], ["-h"])
    )
    assert bare.stdout == asked.stdout == short.stdout
    assert "Commands:" in bare.stdout
    assert bare.stderr == ""


def test_the_version() -> None:
    import physadv

    for option in ("--version", "-V"):
        done = subprocess.run([sys.executable, "-m", "physadv", option], capture_output=True, text=True, check=True)
        assert done.stdout == f"physadv {physadv.__version__}\n"
