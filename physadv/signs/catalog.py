"""The signs that ship with physadv, and those a user brings: YAML beside SVG."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Annotated

from pydantic import Field, field_validator

from physadv.core.class_lists import known_classes
from physadv.core.config import Config, load_config
from physadv.core.errors import PhysadvError, unknown_name
from physadv.core.files import bundled, read_bytes, write_text
from physadv.core.yaml_text import dump_yaml
from physadv.signs.outline import Outline, expand
from physadv.signs.sign import Sign

MAX_SVG_BYTES = 4_000_000
_TRIED_PX = 128
KEPT = "sign.yaml"
"""A user's sign in a folder of ours; its artwork lies beside it."""

Name = Annotated[str, Field(min_length=1, max_length=200)]


class SignFile(Config):
    """A sign's YAML: what people and programs need to know beside its picture."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*(/[A-Za-z0-9][A-Za-z0-9_.-]*)?$", max_length=100)]
    title: Name
    outline: Outline
    sheeting: Name
    source: Name
    artwork: Name | None = None
    """SVG file beside the YAML; the YAML's own name with ``.svg`` where absent."""
    classes: dict[Name, Name] = Field(default_factory=dict)
    aliases: tuple[Name, ...] = ()

    @field_validator("outline")
    @classmethod
    def _expandable(cls, outline: Outline) -> Outline:
        expand(outline)
        return outline


def load_sign(name_or_path: str | Path) -> Sign:
    """A sign by its name (``us/stop``), or by the path of a user's YAML file.

    Raises:
        PhysadvError: no such sign, or its files are missing or wrong.
    """
    text = str(name_or_path)
    if isinstance(name_or_path, Path) or text.endswith((".yaml", ".yml")):
        return read_sign(Path(name_or_path))
    if text not in sign_names():
        raise unknown_name("sign", text, sign_names(), also="the path of a sign's .yaml file")
    return _shipped(text)


@cache
def _names() -> tuple[str, ...]:
    folder = bundled("sign_data")
    return tuple(sorted(f"{path.parent.name}/{path.stem}" for path in folder.glob("*/*.yaml")))


def sign_names() -> list[str]:
    """Names of the shipped signs, sorted."""
    return list(_names())


@cache
def _shipped(name: str) -> Sign:
    return _read_sign(bundled("sign_data") / f"{name}.yaml")[0]


def read_sign(path: Path) -> Sign:
    """The sign in a YAML file and the SVG beside it, drawn once.

    Raises:
        PhysadvError: a file is missing or unreadable, a key is wrong, the outline does not close, or the artwork cannot
            be drawn or leaves some of it bare.
    """
    sign, artwork = _read_sign(path)
    try:
        sign.texture(_TRIED_PX)
    except PhysadvError as error:
        raise PhysadvError(f"{artwork}: {error}") from error
    return sign


def _read_sign(path: Path) -> tuple[Sign, Path]:
    """The sign, and the file of its artwork."""
    spec = load_config(SignFile, path)
    outline = expand(spec.outline)
    artwork = path.with_suffix(".svg") if spec.artwork is None else path.parent / spec.artwork
    xs, ys = zip(*outline, strict=True)
    sign = Sign(
        name=spec.name,
        title=spec.title,
        width_mm=max(xs) - min(xs),
        height_mm=max(ys) - min(ys),
        outline_mm=outline,
        sheeting=spec.sheeting,
        source=spec.source,
        classes=dict(spec.classes),
        aliases=spec.aliases,
        svg=_read_svg(artwork),
        outline=spec.outline.model_dump(mode="json"),
    )
    return sign, artwork


def keep_sign(sign: Sign, folder: Path) -> None:
    """Writes a user's sign into a folder that is to be whole in itself; a sign that ships is known by its name."""
    if sign.name in sign_names() and _shipped(sign.name) == sign:
        return
    spec = {
        "name": sign.name,
        "title": sign.title,
        "outline": dict(sign.outline) or {"shape": "polygon", "points_mm": [list(point) for point in sign.outline_mm]},
        "sheeting": sign.sheeting,
        "source": sign.source,
        "classes": dict(sign.classes),
        "aliases": list(sign.aliases),
    }
    write_text((folder / KEPT).with_suffix(".svg"), sign.svg)
    write_text(folder / KEPT, dump_yaml(spec))


def kept_sign(folder: Path, name: str) -> Sign:
    """The sign that :func:`keep_sign` has put into a folder, else the one of that name that ships.

    Raises:
        PhysadvError: there is neither, or its files are wrong.
    """
    if not (folder / KEPT).exists():
        if name not in sign_names():
            raise PhysadvError(f"{folder}: is of sign {name}, which does not come with physadv, and lacks its {KEPT}")
        return load_sign(name)
    sign = read_sign(folder / KEPT)
    if sign.name != name:
        raise PhysadvError(f"{folder / KEPT}: is sign {sign.name}; it should be {name}, as the folder's record says")
    return sign


def _read_svg(path: Path) -> str:
    if not path.exists():
        raise PhysadvError(f"{path}: no such artwork; a sign's SVG lies beside its YAML file")
    try:
        return read_bytes(path, what="sign's artwork", most_bytes=MAX_SVG_BYTES).decode("utf-8")
    except UnicodeDecodeError as error:
        raise PhysadvError(f"{path}: not an SVG file (not text in UTF-8)") from error


def class_names(kind: str) -> tuple[str, ...]:
    """Readable class names of a data set (``gtsrb``, ``coco``: in order of its ids; ``lisa``: sorted).

    Raises:
        PhysadvError: no list for that data set.
    """
    return known_classes(kind)


def list_rows() -> list[dict[str, str]]:
    """The shipped signs, a row each, for tables."""
    signs = [load_sign(name) for name in sign_names()]
    return [
        {
            "name": sign.name,
            "size": f"{sign.width_mm:.0f} x {sign.height_mm:.0f} mm",
            "title": sign.title,
            "class names": ", ".join(f"{data}: {label}" for data, label in sign.classes.items()),
        }
        for sign in signs
    ]
