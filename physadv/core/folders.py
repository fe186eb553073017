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
    """The files of these kinds in a folder, sorted by path; droppings, and what lies in them, are left out.

    Args:
        folder: to list.
        deep: with all its subfolders.
        kinds: endings in lower case; files may have them in any letter case.

    Raises:
        PhysadvError: the folder cannot be listed.
    """
    found: list[Path] = []
    for place, folders, files in os.walk(folder, onerror=_refuse):
        folders[:] = [name for name in folders if deep and not is_dropping(name)]
        base = Path(place)
        found += [base / name for name in files if not is_dropping(name) and Path(name).suffix.lower() in kinds]
    return sorted(found)


def subfolders(folder: Path) -> list[Path]:
    """The folders in a folder, sorted by name, without droppings.

    Raises:
        PhysadvError: the folder cannot be listed.
    """
    try:
        return sorted(path for path in folder.iterdir() if not is_dropping(path.name) and path.is_dir())
    except OSError as error:
        _refuse(error)
        return []


def _refuse(error: OSError) -> None:
    raise PhysadvError(f"{error.filename}: cannot be listed ({error.strerror})") from error
