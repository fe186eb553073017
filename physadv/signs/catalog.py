"""The signs that ship with physadv, and those a user brings: YAML beside SVG."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any, TypeAlias

from pydantic import Field, field_validator

from physadv.core.class_lists import known_classes
from physadv.core.config import BesidePath, Config, load_config, validate
from physadv.core.errors import PhysadvError
from physadv.core.files import bundled, read_bytes, write_text
from physadv.core.named import Named, Reference
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
    artwork: Annotated[BesidePath, Field(min_length=1)] | None = None
    """SVG file beside the YAML; the YAML's own name with ``.svg`` where absent."""
    classes: dict[Name, Name] = Field(default_factory=dict)
    aliases: tuple[Name, ...] = ()

    @field_validator("outline")
    @classmethod
    def _expandable(cls, outline: Outline) -> Outline:
        expand(outline)
        return outline


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
    return _tried(*_read_sign(path))


def _tried(sign: Sign, artwork: Path) -> Sign:
    try:
        sign.texture(_TRIED_PX)
    except PhysadvError as error:
        raise PhysadvError(f"{artwork}: {error}") from error
    return sign


def _read_sign(path: Path) -> tuple[Sign, Path]:
    """The sign, and the file of its artwork."""
    spec = load_config(SignFile, path)
    artwork = path.with_suffix(".svg") if spec.artwork is None else Path(spec.artwork)
    return _sign(spec, artwork), artwork


def _declared(data: Mapping[str, Any], source: str, folder: Path | None = None) -> Sign:
    spec = validate(SignFile, dict(data), source, folder=folder)
    if spec.artwork is None:
        raise PhysadvError(f"{source}: key 'artwork' is missing; it should be the path of an SVG file")
    return _tried(_sign(spec, Path(spec.artwork)), Path(spec.artwork))


def _sign(spec: SignFile, artwork: Path) -> Sign:
    outline = expand(spec.outline)
    xs, ys = zip(*outline, strict=True)
    return Sign(
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


SIGNS = Named(
    "sign",
    Sign,
    names=sign_names,
    ship=_shipped,
    read=read_sign,
    build=_declared,
    also="the path of a sign's .yaml file",
)
SignField: TypeAlias = Annotated[Reference[Sign], SIGNS]
"""A sign inside a configuration: a shipped sign's name, the path of its file, or its content."""


def load_sign(spec: str | Path | Mapping[str, Any] | Sign) -> Sign:
    """A sign.

    Args:
        spec: a shipped sign's name (``us/stop``), the path of a YAML file, its content with the path of its artwork, or
            a sign, which is returned as it is.

    Raises:
        PhysadvError: no such sign, or its files are missing or wrong.
    """
    return SIGNS(spec)


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
