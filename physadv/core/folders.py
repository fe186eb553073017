"""Pictures in folders: which files are pictures, and what operating systems and tools leave there, which is neither."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

from physadv.core.errors import PhysadvError

PICTURES = frozenset(
    {".bmp", ".dib", ".gif", ".heic", ".heif", ".jfif", ".jpe", ".jpeg", ".jpg", ".mpo"}
    | {".pbm", ".pgm", ".png", ".pnm", ".ppm", ".tif", ".tiff", ".webp"}
)
"""Endings of the files that :func:`physadv.core.images.read_image` reads, in lower case."""
OTHER_PICTURES = frozenset(
    {".arw", ".avif", ".cr2", ".cr3", ".dng", ".jp2", ".jxl", ".nef", ".orf", ".pef", ".raf", ".rw2", ".srw"}
    | {".exr", ".hdr", ".ico", ".j2k", ".jpf", ".jpx", ".pam", ".pcx", ".pfm", ".psd", ".tga"}
)
"""Endings of pictures that are not read: left out where a folder is listed, and told."""

_DROPPINGS = frozenset(
    {"__macosx", "__pycache__", "thumbs.db", "ehthumbs.db", "desktop.ini", "@eadir", "#recycle", "$recycle.bin"}
    | {"system volume information", "lost+found", "icon\r"}
)


def is_dropping(name: str) -> bool:
    """Whether an entry of a folder is hidden, or was left by an operating system or a tool: nothing a user put there.

    >>> [is_dropping(name) for name in ("._stop.png", ".ipynb_checkpoints", "__MACOSX", "Thumbs.db", "stop.png")]
    [True, True, True, True, False]
    """
    return name.startswith(".") or name.casefold() in _DROPPINGS


def picture_files(folder: Path, *, deep: bool = False, kinds: Collection[str] = PICTURES) -> list[Path]:
    """The files of these kinds in a folder, as :func:`files_in` lists them.

    Args:
        folder: to list.
        deep: with all its subfolders.
        kinds: endings in lower case; files may have them in any letter case.

    Raises:
        PhysadvError: as :func:`files_in`.
    """
    return [path for path in files_in(folder, deep=deep) if path.suffix.lower() in kinds]


def files_in(folder: Path, *, deep: bool = True) -> list[Path]:
    """The files in a folder, sorted by path; droppings, and what lies in them, are left out.

    Args:
        folder: to list.
        deep: with all its subfolders; links to folders are followed.

    Raises:
        PhysadvError: the folder cannot be listed, or a link in it leads to a folder that the link lies in.
    """
    found: list[Path] = []
    above: dict[str, frozenset[tuple[int, int]]] = {}
    for place, folders, files in os.walk(folder, onerror=_refuse, followlinks=True):
        base = Path(place)
        found += [base / name for name in files if not is_dropping(name)]
        folders[:] = [name for name in folders if deep and not is_dropping(name)]
        if not folders:
            continue
        around = above.pop(place, frozenset()) | {_identity(place)}
        for path in (os.path.join(place, name) for name in folders):
            if os.path.islink(path) and _identity(path) in around:
                raise PhysadvError(f"{path}: is a link to a folder that it lies in; remove it")
            above[path] = around
    return sorted(found)


def _identity(path: str) -> tuple[int, int]:
    try:
        found = os.stat(path)
    except OSError as error:
        _refuse(error)
        raise
    return found.st_dev, found.st_ino


def subfolders(folder: Path) -> list[Path]:
    """The folders in a folder, sorted by name, without droppings.

    Raises:
        PhysadvError: the folder cannot be listed, or has a link to nothing, which may have been one of them.
    """
    try:
        entries = sorted(path for path in folder.iterdir() if not is_dropping(path.name))
    except OSError as error:
        _refuse(error)
        return []
    for path in entries:
        if is_broken_link(path):
            raise PhysadvError(f"{path}: is a link to nothing ({os.readlink(path)}); mend or remove it")
    return [path for path in entries if path.is_dir()]


def is_broken_link(path: Path) -> bool:
    """Whether a path is a link to what is not there."""
    return path.is_symlink() and not os.path.exists(path)


def _refuse(error: OSError) -> None:
    raise PhysadvError(f"{error.filename}: cannot be listed ({error.strerror})") from error
