"""Kills every long command at random moments, runs it again, and compares with an undisturbed run.

    python scripts/chaos.py --kills 100

A command is started in a fresh folder and killed by SIGKILL, SIGTERM or SIGINT after a random share of the time that
it takes; the same command is then run until it ends. What it leaves has to be what an undisturbed run leaves: the same
numbers, the same files, nothing half-written. Then, for every command: two at once into one folder, a disk that is full
(a limit on the size of files), a folder that cannot be written, and a closed standard output.

Needs Linux or macOS: processes are forked from one that has imported everything, so that a start costs nothing.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import resource
import shutil
import signal
import stat
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import yaml
from rich.console import Console
from rich.table import Table
from safetensors.numpy import load_file

from physadv import cli
from physadv.core.color import linear_to_srgb, to_uint8
from physadv.core.files import bundled
from physadv.core.identity import first_difference
from physadv.core.images import write_png
from physadv.signs import load_sign

SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
TIMES = {
    "created",
    "started",
    "finished",
    "seconds",
    "took_s",
    "elapsed_s",
    "command",
    "since",
    "folder",
    "session",
    "photographs",
}
"""Keys of a record that differ from run to run: times and paths."""
PATIENCE_S = 600.0
NOBODY = 65534


COMMANDS = {
    "run": "run EXPERIMENT",
    "design": "design --sign de/stop --views 16 --mask bars --steps 60 --seed 1",
    "evaluate": "evaluate de-stop-bars --victim gtsrb-cnn --battery wide --frames 200",
    "attack": "attack pgd one-pixel --victim gtsrb-cnn --data DATA --dataset image-folder --limit 8 --batch 2",
    "attack --scene": "attack pgd --victim gtsrb-cnn --sign de/stop --scene wide --set steps=8",
    "train": "train fgsm --data DATA --dataset image-folder --steps 30 --set held_out=16 --set batch=16 --set frames=4",
    "train-advgan": "train-advgan --data DATA --dataset image-folder --limit 40 --set steps=20 --set check_every=4",
    "certify": "certify gtsrb-cnn --defense randomized-smoothing:sigma=0.1 --data DATA --dataset image-folder "
    "--limit 4 --samples 200",
    "photos ingest": "photos ingest PHOTOGRAPHS --sign us/stop",
}
"""Every command that resumes, each a few seconds long; words in capitals are paths."""


@dataclass(frozen=True)
class Command:
    """A long command.

    Attributes:
        name: of it.
        words: what follows ``physadv``, but for the folder of its results.
    """

    name: str
    words: tuple[str, ...]

    def into(self, out: Path) -> list[str]:
        """The words of one run."""
        return [*self.words, "--out", str(out)]


def commands(world: Path) -> list[Command]:
    """Those of :data:`COMMANDS`, on the files of ``world``."""
    paths = {"EXPERIMENT": "experiment.yaml", "DATA": "data", "PHOTOGRAPHS": "photographs"}
    return [
        Command(name, tuple(str(world / paths[word]) if word in paths else word for word in words.split()))
        for name, words in COMMANDS.items()
    ]


def build(world: Path) -> None:
    """Pictures, photographs and an experiment for the commands, drawn here."""
    numbers = np.random.default_rng(0)
    for name in ("stop", "yield"):
        (world / "data" / name).mkdir(parents=True)
        texture = load_sign(f"de/{name}").texture(48)
        face = to_uint8(linear_to_srgb(texture[:3] * texture[3:] + 0.2 * (1 - texture[3:])))
        for number in range(40):
            noise = numbers.integers(-20, 20, face.shape)
            write_png(world / "data" / name / f"{number}.png", np.uint8(np.clip(face + noise, 0, 255)))
    (world / "photographs" / "clean").mkdir(parents=True)
    texture = load_sign("us/stop").texture(512)
    face = to_uint8(linear_to_srgb(texture[:3] * texture[3:] + 0.25 * (1 - texture[3:])))
    for number in range(4):
        side = 150.0 + 20.0 * number
        corners = np.float32([[200, 120], [200 + side, 125], [198 + side, 120 + side], [203, 118 + side]])
        warp = cv2.getPerspectiveTransform(np.float32([[0, 0], [512, 0], [512, 512], [0, 512]]), corners)
        photo = np.full((600, 800, 3), 137, np.uint8)
        cv2.warpPerspective(face, warp, (800, 600), dst=photo, borderMode=cv2.BORDER_TRANSPARENT, flags=cv2.INTER_AREA)
        write_png(world / "photographs" / "clean" / f"{number}.png", photo)
    experiment = {
        "name": "trial",
        "design": {"sign": "de/stop", "mask": "bars", "steps": 50, "views": 16, "held_out_frames": 32},
        "evaluate": {"batteries": ["wide"], "frames": 100},
    }
    (world / "experiment.yaml").write_text(yaml.safe_dump(experiment))


# --- processes


def start(words: list[str], log: Path, *, before: Callable[[], None] | None = None) -> int:
    """A command in a process of its own; its number."""
    sys.stdout.flush()
    number = os.fork()
    if number:
        return number
    code = 71
    try:
        os.setsid()
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a script's background ignores it
        with log.open("ab") as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
        if before:
            before()
        sys.stdout, sys.stderr = (os.fdopen(stream, "w", closefd=False) for stream in (1, 2))
        sys.argv = ["physadv", *words]
        cli.main()
    except SystemExit as ended:
        code = int(ended.code or 0)
    except BaseException:
        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        os._exit(code)


def aside(work: Callable[[], None]) -> None:
    """Does something in a process of its own: threads that are started here would be missing in every fork."""
    number = os.fork()
    if not number:
        try:
            work()
            os._exit(0)
        finally:
            traceback.print_exc()
            os._exit(1)
    if wait(number):
        raise RuntimeError("what the commands need could not be made")


def wait(number: int) -> int:
    """The exit code of a process, or less than 0: the signal that ended it."""
    limit = time.monotonic() + PATIENCE_S
    while time.monotonic() < limit:
        done, status = os.waitpid(number, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.005)
    os.kill(number, signal.SIGKILL)
    os.waitpid(number, 0)
    raise TimeoutError(f"a command did not end in {PATIENCE_S:.0f} s")


# --- what a folder holds


def content(path: Path) -> object:
    """What a file says, without what differs from run to run."""
    if path.suffix == ".json":
        return _timeless(json.loads(path.read_text()))
    if path.suffix == ".yaml":
        return _timeless(yaml.safe_load(path.read_text()))
    if path.suffix == ".parquet":
        table = pq.read_table(path)
        return pa.table({name: _comparable(table.column(name)) for name in table.column_names})
    if path.suffix == ".safetensors":
        return {name: tensor.tobytes() for name, tensor in load_file(path).items()}
    if path.suffix in {".html", ".xml", ".md"}:
        return None  # made from the others, with the time in it
    return path.read_bytes()


def _comparable(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A column whose values that are no numbers are equal to each other."""
    if pa.types.is_floating(column.type):
        return pc.if_else(pc.is_nan(column), pa.scalar(None, column.type), column)
    return column


def _timeless(value: object) -> object:
    if isinstance(value, dict):
        return {
            key: _timeless(one)
            for key, one in value.items()
            if key not in TIMES and "sha256" not in key and key != "sealed"
        }
    return [_timeless(one) for one in value] if isinstance(value, list) else value


def files(folder: Path) -> dict[str, Path]:
    """All files of a folder by their names in it."""
    return {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}


def differences(folder: Path, reference: Path) -> list[str]:
    """What a folder's results differ in from those of an undisturbed run."""
    here, there = files(folder), files(reference)
    missing, left = sorted(there.keys() - here.keys()), sorted(here.keys() - there.keys())
    found = [
        f"{len(names)} files are {what}: {', '.join(names[:3])}"
        for what, names in (("missing", missing), ("left", left))
        if names
    ]
    beside = [path.name for path in folder.parent.iterdir() if path.name.startswith(".")]
    found += [f"{name} is left beside it" for name in beside]
    for name in sorted(here.keys() & there.keys()):
        one, other = content(here[name]), content(there[name])
        same = one.equals(other) if isinstance(one, pa.Table) else one == other
        if not same:
            found.append(f"{name} differs{_where(one, other)}")
    return found


def _where(here: object, there: object) -> str:
    if isinstance(here, dict) and isinstance(there, dict):
        return f" ({first_difference(there, here)})"
    if isinstance(here, pa.Table) and isinstance(there, pa.Table):
        if here.column_names != there.column_names or len(here) != len(there):
            return f" ({len(here)} rows of {len(here.column_names)} columns)"
        return f" ({', '.join(name for name in here.column_names if here[name] != there[name])})"
    return ""


# --- trials


@dataclass
class Trials:
    """Runs commands, and notes what went wrong."""

    world: Path
    faults: list[str]

    @contextlib.contextmanager
    def folder(self) -> Iterator[Path]:
        """A folder for one trial."""
        place = Path(tempfile.mkdtemp(dir=self.world, prefix="trial-"))
        try:
            yield place
        finally:
            _unlocked(place)
            shutil.rmtree(place, ignore_errors=True)

    def fault(self, command: Command, what: str, log: Path | None = None) -> None:
        """Notes one."""
        said = log.read_text(errors="replace").strip().splitlines()[-1:] if log and log.exists() else []
        self.faults.append(f"{command.name}: {what}{' - ' + said[0] if said else ''}")
        print("FAULT", self.faults[-1], flush=True)

    def killed(self, command: Command, reference: Path, seconds: float, kills: int) -> Counter[str]:
        """Kills and repeats until it ends."""
        told: Counter[str] = Counter()
        while told["kills"] < kills:
            with self.folder() as place:
                log, out = place / "log.txt", place / "results" / "out"
                out.parent.mkdir()
                for _ in range(random.randint(1, 5)):
                    how = random.choice(SIGNALS)
                    number = start(command.into(out), log)
                    time.sleep(random.uniform(0.0, seconds))
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(number, how)
                    code = wait(number)
                    told["kills"] += 1
                    if code == 0:
                        told["ended before"] += 1
                    elif code not in (-how, 128 + how):
                        self.fault(command, f"ended with {code} after {how.name}", log)
                code = wait(start(command.into(out), log))
                if code:
                    self.fault(command, f"ended with {code} when it was run again", log)
                found = differences(out, reference) if out.exists() else ["no results"]
                told["rounds"] += 1
                told["identical"] += not found
                for what in found:
                    self.fault(command, f"after kills: {what}")
        return told

    def twice(self, command: Command, reference: Path) -> str:
        """Two of it at once: one does its work, the other is told."""
        with self.folder() as place:
            log, out = place / "log.txt", place / "results" / "out"
            out.parent.mkdir()
            numbers = [start(command.into(out), place / f"log-{k}.txt") for k in range(2)]
            codes = sorted(wait(number) for number in numbers)
            if codes not in ([0, 2], [0, 0]):
                self.fault(command, f"two at once ended with {codes}", log)
            said = [(place / f"log-{k}.txt").read_text().strip().splitlines()[-1:] for k in range(2)]
            if codes[-1] == 2 and not any("works there" in line for lines in said for line in lines):
                self.fault(command, f"two at once: neither was told who works there, but {said}")
            for what in differences(out, reference):
                self.fault(command, f"two at once: {what}")
            return "/".join(map(str, codes))

    def full(self, command: Command, reference: Path) -> str:
        """A disk that takes no large file; then room again."""
        with self.folder() as place:
            log, out = place / "log.txt", place / "results" / "out"
            out.parent.mkdir()

            def small() -> None:
                signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
                resource.setrlimit(resource.RLIMIT_FSIZE, (3_000, 3_000))

            code = wait(start(command.into(out), place / "small.txt", before=small))
            if code != 3:
                self.fault(command, f"a full disk: ended with {code}", place / "small.txt")
            again = wait(start(command.into(out), log))
            if again:
                self.fault(command, f"a full disk, then room: ended with {again}", log)
            for what in differences(out, reference):
                self.fault(command, f"a full disk, then room: {what}")
            return str(code)

    def closed(self, command: Command, reference: Path) -> str:
        """Standard output that nobody reads."""
        with self.folder() as place:
            out = place / "results" / "out"
            out.parent.mkdir()

            def close() -> None:
                reader, writer = os.pipe()
                os.close(reader)
                os.dup2(writer, 1)

            code = wait(start(command.into(out), place / "log.txt", before=close))
            if code not in (0, 141):
                self.fault(command, f"a closed pipe: ended with {code}", place / "log.txt")
            for what in differences(out, reference):
                self.fault(command, f"a closed pipe: {what}")
            return str(code)

    def read_only(self, command: Command) -> str:
        """A folder that may not be written to; for root, whom nothing is closed to, as the user nobody."""
        with self.folder() as place:
            place.chmod(0o755)
            shut = place / "shut"
            shut.mkdir(mode=0o555)

            def nobody() -> None:
                if os.geteuid() == 0:
                    os.setgroups([])
                    os.setgid(NOBODY)
                    os.setuid(NOBODY)

            code = wait(start(command.into(shut / "out"), place / "log.txt", before=nobody))
            if code != 3:
                self.fault(command, f"a read-only folder: ended with {code}", place / "log.txt")
            return str(code)


def _unlocked(place: Path) -> None:
    for path in place.rglob("*"):
        if path.is_dir():
            path.chmod(path.stat().st_mode | stat.S_IRWXU)


def main() -> None:
    """Runs the trials, prints a table, ends with 1 if anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--kills", type=int, default=100, help="kills of each command (default: 100)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", action="append", help="command to try; may be repeated (default: all)")
    asked = parser.parse_args()
    random.seed(asked.seed)
    console = Console()
    table = Table(
        "command", "alone, s", "kills", "rounds", "identical", "two at once", "disk full", "closed pipe", "read-only"
    )
    with tempfile.TemporaryDirectory(prefix="physadv-chaos-") as temporary:
        world = Path(temporary)
        world.chmod(0o755)
        aside(lambda: build(world))
        trials = Trials(world, [])
        assert bundled("patches").is_dir()
        for command in commands(world):
            if asked.only and command.name not in asked.only:
                continue
            reference, log = world / "reference" / command.name.replace(" ", "-"), world / "reference.txt"
            reference.parent.mkdir(exist_ok=True)
            reference = reference / "out"
            reference.parent.mkdir()
            began = time.monotonic()
            code = wait(start(command.into(reference), log))
            seconds = time.monotonic() - began
            if code:
                trials.fault(command, f"ended with {code} undisturbed", log)
                continue
            told = trials.killed(command, reference, seconds, asked.kills)
            rest = (
                trials.twice(command, reference),
                trials.full(command, reference),
                trials.closed(command, reference),
            )
            row = (told["kills"], told["rounds"], told["identical"], *rest, trials.read_only(command))
            table.add_row(command.name, f"{seconds:.1f}", *map(str, row))
            console.print(f"{command.name}: done, {len(trials.faults)} faults so far", markup=False)
    console.print(table)
    console.print(f"{len(trials.faults)} faults")
    sys.exit(bool(trials.faults))


if __name__ == "__main__":
    main()
