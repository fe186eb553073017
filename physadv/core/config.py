"""Configuration: frozen Pydantic models read from YAML; an unknown key or a wrong value is one clear sentence."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeAlias, TypeVar, get_args

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from physadv.core.errors import PhysadvError, unknown_name
from physadv.core.registry import Registry
from physadv.core.yaml_text import parse_yaml


class Config(BaseModel):
    """Base of every configuration: frozen; an unknown key is an error, and so is a number that is none."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=(), allow_inf_nan=False)


def _text(value: object) -> str:
    """YAML reads a word such as 30 or off as something else than text."""
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise ValueError(f"is read as {value!r}, not as text; put it in quotes")
    return str(value)


Text: TypeAlias = Annotated[str, BeforeValidator(_text)]
"""Text in a file, which may be a plain number."""

C = TypeVar("C", bound=BaseModel)


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file.

    Raises:
        PhysadvError: the file is missing, unreadable, not YAML, or not a mapping.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise PhysadvError(f"{path}: not a text file in UTF-8") from error
    except OSError as error:
        raise PhysadvError(f"{path}: cannot be read ({error.strerror})") from error
    try:
        data = parse_yaml(text)
    except yaml.YAMLError as error:
        where = getattr(error, "problem_mark", None)
        line = f" at line {where.line + 1}" if where else ""
        problem = getattr(error, "problem", None) or "syntax error"
        raise PhysadvError(f"{path}: not valid YAML{line} ({problem})") from error
    if not isinstance(data, dict):
        raise PhysadvError(f"{path}: expected a mapping of keys to values, found {type(data).__name__}")
    return data


def validate(model: type[C], data: Any, source: str | Path) -> C:
    """``data`` as ``model``.

    Raises:
        PhysadvError: naming ``source``, the key, its value and what would be right.
    """
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise PhysadvError(f"{source}: {explain(error, model)}") from error


def explain(error: ValidationError, model: type[BaseModel]) -> str:
    """The first complaint of a Pydantic error, in one sentence; unknown keys first, for a key missed may be one."""
    first = min(error.errors(include_url=False), key=lambda complaint: complaint["type"] != "extra_forbidden")
    parts = [str(part) for part in first["loc"] if not str(part).startswith(("constrained-", "function-", "tuple["))]
    key = ".".join(parts)
    more = error.error_count() - 1
    tail = f" (and {more} more)" if more else ""
    if first["type"] == "extra_forbidden":
        known = sorted(_keys_beside(first["loc"], model))
        near = difflib.get_close_matches(parts[-1], known, n=1)
        meant = f" (did you mean {near[0]!r}?)" if near else ""
        listed = f"; known keys: {', '.join(known)}" if known else ""
        return f"unknown key {key!r}{meant}{listed}{tail}"
    if first["type"] == "missing":
        return f"key {key!r} is missing{tail}"
    message = _plainly(first)
    message = message[:1].lower() + message[1:]
    value = first.get("input")
    shown = "" if isinstance(value, dict) else f" = {value!r}"
    return f"{key}{shown}: {message}{tail}" if key else f"{message}{tail}"


def _keys_beside(loc: Sequence[int | str], model: type[BaseModel]) -> set[str]:
    """The keys that would have been right in the place of an unknown one; none where the place cannot be told."""
    models: list[type[BaseModel]] = [model]
    for part in loc[:-1]:
        below = [found for one in models if part in one.model_fields for found in _models(one.model_fields[str(part)])]
        chosen = [one for one in models if any(part == field.default for field in one.model_fields.values())]
        models = below or chosen or models  # else it is a place in a list, or a step of the validation's own
    return set.intersection(*({field.alias or name for name, field in one.model_fields.items()} for one in models))


def _models(annotation: Any) -> list[type[BaseModel]]:
    """The configurations that a field, or a part of its type, can hold."""
    if isinstance(annotation, FieldInfo):
        return _models(annotation.annotation)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for part in get_args(annotation) for found in _models(part)]


def _plainly(complaint: ErrorDetails) -> str:
    """What Pydantic says, in words that need no knowledge of Python."""
    about = complaint.get("ctx", {})
    plain = {
        "too_short": "needs at least {min_length}, not {actual_length}",
        "union_tag_invalid": "{discriminator} is {tag!r}; it should be one of {expected_tags}",
        "union_tag_not_found": "key {discriminator} is missing",
        "dict_type": "should be a mapping of keys to values",
        "list_type": "should be a list",
        "tuple_type": "should be a list",
    }.get(complaint["type"])
    return plain.format(**about) if plain else complaint["msg"].removeprefix("Value error, ")


def parse_kind(spec: str | Path | Mapping[str, Any], kinds: Registry[type[C]]) -> C:
    """The configuration of one of ``kinds`` from its kind's name, a YAML file, or its own keys with ``kind``.

    Raises:
        PhysadvError: unknown kind, unreadable file, unknown key or wrong value.
    """
    if isinstance(spec, Mapping):
        data, source = spec, kinds.kind
    elif isinstance(spec, Path) or Path(str(spec)).suffix in {".yaml", ".yml"}:
        data, source = read_yaml(Path(spec)), str(spec)
    else:
        data, source = {"kind": spec}, f"{kinds.kind} {spec!r}"
    kind = data.get("kind")
    if kind is None:
        raise PhysadvError(f"{source}: key 'kind' is missing; it should be one of {', '.join(kinds)}")
    if not isinstance(kind, str):
        raise PhysadvError(f"{source}: kind = {kind!r}: expected one of {', '.join(kinds)}")
    if kind not in kinds:
        raise PhysadvError(f"{source}: {unknown_name(kinds.kind, kind, kinds)}")
    return validate(kinds[kind], data, source)


def load_config(model: type[C], path: Path) -> C:
    """The configuration in a YAML file (see :func:`read_yaml`, :func:`validate` for the errors)."""
    return validate(model, read_yaml(path), path)


def settings(words: Sequence[str], option: str) -> dict[str, Any]:
    """A mapping from words such as ``rate=0.1`` and, for a mapping in it, ``attack.eps=0.03``; values are YAML.

    Args:
        words: as the user has typed them.
        option: of the command line, for messages.

    Raises:
        PhysadvError: a word without a value, or one that is not YAML; a key that has a value and keys below it.
    """
    found: dict[str, Any] = {}
    for word in words:
        keys, equals, text = word.partition("=")
        *above, key = keys.split(".")
        if not equals or not all([*above, key]):
            raise PhysadvError(f"{option} {word!r}: should be a key, then = and a value, such as seed=1")
        place = found
        for one in above:
            place = place.setdefault(one, {})
        if not isinstance(place, dict) or isinstance(place.get(key), dict):
            raise PhysadvError(f"{option} {word!r}: the key has a value of its own and keys below it; give one of both")
        place[key] = read_value(text, f"{option} {word!r}")
    return found


def read_value(text: str, source: str) -> Any:
    """The value that a word of the command line stands for, as YAML has it.

    Raises:
        PhysadvError: naming ``source``; it stands for none.
    """
    try:
        return parse_yaml(text)
    except yaml.YAMLError as error:
        raise PhysadvError(f"{source}: {text!r} is not a value") from error
