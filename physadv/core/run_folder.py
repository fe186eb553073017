"""The folder of a piece of work: whose it is, who works in it now, what of it is done.

Every command that resumes claims its folder here. The record ``run.json`` holds the identity of the work, so that a
folder never mixes the results of two requests. A lock, which the system releases when a process dies, keeps a second
process out. Finished files can be sealed: what has changed since is found out.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import filelock

from physadv.core.errors import PhysadvError
from physadv.core.files import REPLACED, TEMPORARY, clear_os_errors, foreign_entries, read_json, sha256, write_json
from physadv.core.identity import as_json, first_difference

RECORD = "run.json"
RUN_VERSION = 1
_LOCK, _HOLDER = ".physadv.lock", ".physadv.working"
BOOKKEEPING = (RECORD, _LOCK, _HOLDER)
"""What a claimed folder holds beside results."""


@dataclass(frozen=True)
class RunFolder:
    """A claimed folder.

    Attributes:
        folder: where it is.
        resumed: whether it held this very work already.
    """

    folder: Path
    resumed: bool

    def seal(self, *names: str) -> None:
        """Notes the content of finished files, by their paths in the folder."""
        record = self._record()
        record["sealed"] = {**record.get("sealed", {}), **{name: sha256(self.folder / name) for name in names}}
        write_json(self.folder / RECORD, record)

    def sealed(self, *names: str) -> bool:
        """Whether files are there and finished.

        Raises:
            PhysadvError: one has changed since it was finished.
        """
        noted = self._record().get("sealed", {})
        if not all(name in noted and (self.folder / name).is_file() for name in names):
            return False
        for name in names:
            if sha256(self.folder / name) != noted[name]:
                changed = self.folder / name
                raise PhysadvError(f"{changed}: has changed since it was written; remove it, then run the same command")
        return True

    def finish(self, *names: str, asked: Any = None) -> None:
        """Seals the last files, and notes that the work is done.

        Args:
            names: of the files.
            asked: what shapes them beside the identity, such as limits that results are judged by.
        """
        self.seal(*names)
        write_json(self.folder / RECORD, {**self._record(), "finished": {"files": names, "asked": asked}})

    def finished(self, asked: Any = None) -> bool:
        """Whether the work is done, with that asked, and its files are all there.

        Raises:
            PhysadvError: one has changed since it was finished.
        """
        done = self._record().get("finished")
        return done is not None and done["asked"] == as_json(asked) and self.sealed(*done["files"])

    def _record(self) -> dict[str, Any]:
        record = read_json(self.folder / RECORD)
        if not _is_a_record(record):
            raise PhysadvError(f"{self.folder / RECORD}: is damaged; remove {self.folder} to start again")
        return dict(record)


def check_sealed(folder: Path, *names: str) -> None:
    """Refuses finished files of a folder that have changed since; what was never sealed is not checked.

    Raises:
        PhysadvError: one has changed, or the folder's record is damaged.
    """
    if (folder / RECORD).is_file():
        run = RunFolder(folder, resumed=True)
        for name in names:
            run.sealed(name)


def _is_a_record(record: Any) -> bool:
    """Whether what a file holds is a record as this module writes it."""
    if not isinstance(record, dict) or not isinstance(record.get("sealed", {}), dict):
        return False
    finished = record.get("finished")
    if finished is None:
        return True
    files = finished.get("files") if isinstance(finished, dict) else None
    return isinstance(files, list) and all(isinstance(name, str) for name in files) and "asked" in finished


@contextmanager
def claim(
    folder: Path,
    identity: Mapping[str, Any],
    *,
    command: str,
    own: Collection[str] = (),
    resume: bool = True,
    renew: bool = False,
) -> Iterator[RunFolder]:
    """A folder for one piece of work alone, as long as the block runs.

    A folder that was not there before goes again if the block fails before anything is written to it.

    Args:
        folder: new, empty, or of this same work.
        identity: all that decides the result, as JSON has it: contents of files, not paths.
        command: in whose name it is claimed, for people.
        own: names that the folder may hold although its record is missing.
        resume: continue work that is there; if false, it is an error.
        renew: remove work of another identity and start anew; if false, it is an error.

    Raises:
        PhysadvError: another process works there; the folder holds something else, or other work.
        CannotWrite: the system refuses to write there.
    """
    identity = as_json(identity)
    was_there, recorded = folder.exists(), (folder / RECORD).exists()
    foreign = foreign_entries(folder, (*BOOKKEEPING, *own))
    if foreign and not (folder / RECORD).exists():
        raise PhysadvError(
            f"{folder}: holds {foreign[0]}, which {command} did not write; choose another --out, or empty the folder"
        )
    with alone(folder, command):
        try:
            yield RunFolder(folder, _open(folder, identity, command=command, resume=resume, renew=renew))
        except PhysadvError:
            if not recorded:
                _forget_if_empty(folder, was_there=was_there)
            raise


def _open(folder: Path, identity: Mapping[str, Any], *, command: str, resume: bool, renew: bool) -> bool:
    path = folder / RECORD
    if path.exists():
        record = read_json(path)
        found = record.get("identity") if isinstance(record, dict) else None
        if found == identity:
            if not resume:
                raise PhysadvError(f"{folder}: holds this run already; choose another folder, or let it resume")
            return True
        if not renew:
            difference = first_difference(found, identity)
            raise PhysadvError(f"{folder}: holds other results ({difference}); choose another --out, or remove it")
        with clear_os_errors(folder):
            _empty(folder)
    write_json(path, {"schema_version": RUN_VERSION, "command": command, "identity": identity})
    return False


def _empty(folder: Path) -> None:
    """Removes a run's files; its record goes first, so that a kill leaves no record of what is not there."""
    (folder / RECORD).unlink(missing_ok=True)
    for entry in folder.iterdir():
        if entry.name in BOOKKEEPING:
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def _forget_if_empty(folder: Path, *, was_there: bool) -> None:
    """Removes the record of work of which nothing has come, and the folder if it was made for it."""
    with suppress(OSError):
        if {entry.name for entry in folder.iterdir()} <= set(BOOKKEEPING):
            (folder / RECORD).unlink(missing_ok=True)
            if not was_there:
                shutil.rmtree(folder)


@contextmanager
def alone(folder: Path, command: str) -> Iterator[None]:
    """Keeps other processes out of a folder, and removes what killed ones have left half-written in and beside it.

    The lock is the system's: it ends with the process, however that ends.

    Raises:
        PhysadvError: another process works there.
        CannotWrite: the system refuses to write there.
    """
    with clear_os_errors(folder):
        _restore(folder)
        folder.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(folder / _LOCK)
    with clear_os_errors(folder):
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout as error:
            who = _holder(folder)
            raise PhysadvError(f"{folder}: {who}; wait until it has ended, or choose another --out") from error
    try:
        sweep(folder)
        told = {"command": command, "process": os.getpid(), "host": socket.gethostname(), "since": _now()}
        write_json(folder / _HOLDER, told)
        yield
    finally:
        for name in (_HOLDER, _LOCK):
            with suppress(OSError):
                (folder / name).unlink(missing_ok=True)
        lock.release()


def _now() -> str:
    return datetime.now().astimezone().isoformat(timespec="seconds")


def _holder(folder: Path) -> str:
    """Who works in a folder."""
    try:
        told = read_json(folder / _HOLDER)
        return f"{told['command']} (process {told['process']} on {told['host']}) works there since {told['since']}"
    except (PhysadvError, KeyError, TypeError):
        return "another process of physadv works there"


_LEFT = re.compile(rf"\..+{re.escape(TEMPORARY)}[a-z0-9_]{{8}}({re.escape(REPLACED)}|\.[^.]*)?")


def _beside(folder: Path) -> list[Path]:
    """Temporary files and folders of the folder itself, which lie next to it."""
    folder = folder.absolute()
    start = f".{folder.name}{TEMPORARY}"
    there = folder.parent.iterdir() if folder.parent.is_dir() else ()
    return [path for path in there if path.name.startswith(start)]


def _restore(folder: Path) -> None:
    """Puts a folder back that a killed process had moved aside and not yet replaced."""
    if not folder.exists():
        for path in _beside(folder):
            if path.name.endswith(REPLACED):
                path.replace(folder)
                return


def sweep(folder: Path) -> None:
    """Removes temporary files and folders that killed processes left in and beside a folder that is locked.

    Folders in it that are claimed on their own are left alone: another process may work there.
    """
    left = _beside(folder)
    for top, folders, files in os.walk(folder):
        left += [Path(top, name) for name in (*folders, *files)]
        folders[:] = [name for name in folders if not any(Path(top, name, one).exists() for one in (RECORD, _LOCK))]
    for path in left:
        if _LEFT.fullmatch(path.name):
            with suppress(OSError):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
