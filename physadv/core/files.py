"""Files: written whole or not at all; found whether the package is installed or run from its checkout."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import Any, cast

from physadv.core.errors import CannotWrite, PhysadvError
from physadv.core.yaml_text import parse_yaml

LONGEST_NAME = 200
"""Bytes; file systems take 255, and a temporary name is longer than the final one."""
TEMPORARY = ".tmp-"
"""In the name of what is being written: ``.NAME.tmp-RANDOM``."""
REPLACED = ".old"
"""At the end of the name of a folder while another takes its place."""


def bundled(folder: str) -> Path:
    """The folder ``sign_data`` or ``patches``: inside the installed package, or beside it in a checkout."""
    package = Path(__file__).resolve().parents[1]
    inside = package / "_bundled" / folder
    return inside if inside.is_dir() else package.parent / folder


MAX_TEXT_BYTES = 64_000_000
"""Of a table, a configuration or a record: what is larger was not meant to be one."""


_POINTER = b"version https://git-lfs.github.com/spec/"
_POINTER_BYTES = 1024


def check_regular(path: Path, *, what: str = "file", most_bytes: int | None = None) -> None:
    """Refuses what cannot be read from its start to its end as a file: a pipe or a device may never end.

    Args:
        path: that is to be read; links are followed.
        what: it should be, for messages.
        most_bytes: that it may have; None: any number.

    Raises:
        PhysadvError: it is missing, a folder, a pipe, a socket or a device, what Git LFS leaves in a file's place, or
            larger than ``most_bytes``.
    """
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise PhysadvError(f"{path}: cannot be read (no such {what})") from error
    except (OSError, ValueError) as error:  # no permission, a loop of links, a name that no file can have
        raise PhysadvError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error})") from error
    if stat.S_ISDIR(found.st_mode):
        raise PhysadvError(f"{path}: cannot be read (a folder; it should be a {what})")
    if not stat.S_ISREG(found.st_mode):
        raise PhysadvError(f"{path}: cannot be read (a pipe, a socket or a device; it should be a {what} on disk)")
    if found.st_size < _POINTER_BYTES and begins(path, _POINTER):
        raise PhysadvError(f"{path}: is a pointer of Git LFS, not the {what} itself; fetch it with 'git lfs pull'")
    if most_bytes is not None and found.st_size > most_bytes:
        raise PhysadvError(
            f"{path}: cannot be read ({found.st_size / 1e6:,.0f} MB; a {what} may have {most_bytes / 1e6:,.0f} MB)"
        )


def begins(path: Path, start: bytes) -> bool:
    """Whether a file begins with these bytes; False if it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(len(start)) == start
    except OSError:
        return False


def read_bytes(path: Path, *, what: str = "file", most_bytes: int = MAX_TEXT_BYTES) -> bytes:
    """The bytes of a regular file.

    Raises:
        PhysadvError: it cannot be read, see :func:`check_regular`.
    """
    check_regular(path, what=what, most_bytes=most_bytes)
    try:
        return path.read_bytes()
    except OSError as error:
        raise PhysadvError(f"{path}: cannot be read ({error.strerror or error})") from error


def is_there(path: Path) -> bool:
    """Whether a file or folder of this name can be found; False for a name that none can have (too long, a NUL)."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def at_home(path: str | Path) -> Path:
    """A path whose ``~`` is the user's home folder; as it is where there is no such user."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)


def sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of a file's bytes.

    Raises:
        PhysadvError: it is not a regular file.
    """
    check_regular(path)
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            for chunk in iter(lambda: file.read(1 << 20), b""):
                digest.update(chunk)
    except OSError as error:
        raise PhysadvError(f"{path}: cannot be read ({error.strerror or error})") from error
    return digest.hexdigest()


@contextmanager
def clear_os_errors(path: Path) -> Iterator[None]:
    """Turns the system's refusals (disk full, no permission, a file where a folder should be) into one sentence."""
    try:
        yield
    except OSError as error:
        raise CannotWrite(f"{path}: cannot be written ({error.strerror or error})") from error


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """A temporary path beside ``path``, renamed onto it on success and removed on failure.

    Raises:
        CannotWrite: the system refuses to write there.
    """
    with clear_os_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}{TEMPORARY}", suffix=path.suffix, dir=path.parent)
        os.close(handle)
    temporary = Path(name)
    try:
        with clear_os_errors(path):
            yield temporary
            umask = os.umask(0)
            os.umask(umask)
            temporary.chmod(0o666 & ~umask)
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def check_writable(folder: Path) -> None:
    """Refuses a folder that could not be made or written into, before the work is done whose result should go there.

    Raises:
        CannotWrite: it or a folder on the way is a file, or may not be written to.
    """
    with clear_os_errors(folder):
        there = next(one for one in (folder, *folder.absolute().parents) if one.exists())
    if not there.is_dir():
        raise CannotWrite(f"{folder}: cannot be written ({there} is a file; it should be a folder)")
    if not os.access(there, os.W_OK | os.X_OK):
        raise CannotWrite(f"{folder}: cannot be written (no permission to write to {there})")
    _check_name(folder)


def _check_name(path: Path) -> None:
    if len(os.fsencode(path.name)) > LONGEST_NAME:
        raise CannotWrite(f"{path}: cannot be written (its name is longer than {LONGEST_NAME} bytes)")


def check_file(path: Path) -> None:
    """Refuses a file that :func:`atomic_path` could not write, before the work is done whose result should go there.

    Raises:
        CannotWrite: it is a folder, or the folder that it goes into may not be written to.
    """
    with clear_os_errors(path):
        there = path.is_dir()
    if there:
        raise CannotWrite(f"{path}: cannot be written (it is a folder; it should be a file)")
    check_writable(path.parent)
    _check_name(path)


def foreign_entries(folder: Path, own: Collection[str]) -> list[str]:
    """Names in a folder, sorted, that are none of ``own`` and no temporary file of theirs; none if it is not there.

    Raises:
        PhysadvError: ``folder`` is a file.
    """
    if not folder.exists():
        return []
    if not folder.is_dir():
        raise PhysadvError(f"{folder}: is a file; it should be a folder")
    names = sorted(entry.name for entry in folder.iterdir())
    return [name for name in names if not any(name == one or name.startswith(f".{one}.") for one in own)]


def write_text(path: Path, text: str) -> None:
    """Writes a text file atomically, in UTF-8."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, data: Any) -> None:
    """Writes JSON atomically; not-a-number is refused rather than written as invalid JSON."""
    write_text(path, json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """What a JSON file holds.

    Raises:
        PhysadvError: the file is missing, unreadable or not JSON.
    """
    try:
        text = read_bytes(path).decode("utf-8")
        data = json.loads(text)
        if "\\u" in text:
            json.dumps(data, ensure_ascii=False).encode("utf-8")  # half of a letter, which nothing could write again
        return data
    except (ValueError, RecursionError) as error:
        raise PhysadvError(f"{path}: not valid JSON ({error})") from error


@contextmanager
def atomic_folder(path: Path, *, replace: bool = False) -> Iterator[Path]:
    """A temporary folder beside ``path`` that takes its place on success and vanishes on failure.

    Raises:
        PhysadvError: ``path`` exists and ``replace`` is false, or the system refuses.
    """
    if path.exists() and not replace:
        raise PhysadvError(f"{path}: exists already; choose another folder or remove it")
    with clear_os_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}{TEMPORARY}", dir=path.parent))
    try:
        with clear_os_errors(path):
            yield temporary
            temporary.chmod(0o755)
            if path.is_dir():
                old = temporary.with_name(f"{temporary.name}{REPLACED}")
                path.replace(old)
                temporary.replace(path)
                shutil.rmtree(old)
            else:
                temporary.replace(path)
    except PhysadvError as error:
        raise type(error)(str(error).replace(str(temporary), str(path))) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def read_named_yaml(package: str, name: str) -> dict[str, Any]:
    """A YAML file that travels inside a package of ours."""
    text = resources.files(package).joinpath(name).read_text(encoding="utf-8")
    return cast("dict[str, Any]", parse_yaml(text))
