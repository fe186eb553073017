"""Configuration: frozen Pydantic models read from YAML; an unknown key or a wrong value is one clear sentence."""

from __future__ import annotations

import difflib
import string
import unicodedata
import warnings
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, Literal, ParamSpec, TypeAlias, TypeVar, get_args, get_origin

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    GetCoreSchemaHandler,
    ModelWrapValidatorHandler,
    ValidationError,
    ValidationInfo,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_core import CoreSchema, ErrorDetails
from typing_extensions import Self

from physadv.core.errors import PhysadvError, PhysadvWarning, shown, unknown_name
from physadv.core.field_values import settled
from physadv.core.files import at_home, read_bytes
from physadv.core.registry import Registry
from physadv.core.spelling import american
from physadv.core.yaml_text import parse_yaml, written


def _be_strict(schema: Any) -> None:
    """Makes a schema take true and false alone where it asks for a bool."""
    if isinstance(schema, list):
        for part in schema:
            _be_strict(part)
    elif isinstance(schema, (dict, tuple)):
        if isinstance(schema, dict) and schema.get("type") == "bool":
            schema["strict"] = True
        for part in schema.values() if isinstance(schema, dict) else schema:
            if isinstance(part, (dict, list, tuple)):
                _be_strict(part)


class Config(BaseModel):
    """Base of every configuration: frozen; an unknown key is an error, and so is a number that is none.

    A scalar without quotes in a YAML file is text for a field of text, as it stands there, and true is no number
    (:mod:`physadv.core.field_values`). A field of true and false takes these two alone: Pydantic would take off, yes,
    "t", 0 and 1 too.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=(), allow_inf_nan=False)

    @model_validator(mode="wrap")
    @classmethod
    def _settle(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        if isinstance(data, dict):
            fields = cls.__pydantic_fields__
            data = _renamed(data, fields)
            data = {
                key: settled(value, fields[key].annotation) if key in fields else value for key, value in data.items()
            }
        return handler(data)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        schema = handler(source)
        _be_strict(schema)
        return schema


def _renamed(data: dict[Any, Any], fields: Collection[str]) -> dict[Any, Any]:
    """Keys of an older file by the names that they have now."""
    old = {key: american(key) for key in data if key not in fields and american(key) in fields}
    old = {key: now for key, now in old.items() if now not in data}
    for key, now in old.items():
        warnings.warn(f"key {key!r} is now called {now!r}", PhysadvWarning, stacklevel=3)
    return {old.get(key, key): value for key, value in data.items()} if old else data


def _text(value: object) -> str:
    """JSON's plain numbers are text too."""
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise ValueError("should be text")
    return str(value)


HIDDEN = frozenset("\u00ad\u200b\u200e\u200f\u2060\ufeff") | {
    chr(code) for first, last in ((0x202A, 0x202E), (0x2066, 0x2069)) for code in range(first, last + 1)
}
"""Nobody sees them, so that two names that look alike would be two; the joiners that scripts need are none of them."""


def _filled(value: str) -> str:
    if not value.strip():
        raise ValueError("should not be empty")
    if wrong := next((letter for letter in value if unicodedata.category(letter) == "Cc"), None):
        raise ValueError(f"should be one line of text; it has the control character {wrong!r}")
    if hidden := next((letter for letter in value if letter in HIDDEN), None):
        raise ValueError(f"has the invisible character U+{ord(hidden):04X}; write it without")
    return value


Text: TypeAlias = Annotated[str, BeforeValidator(_text), AfterValidator(_filled)]
"""A line of text in a file that is not empty; it may be a plain number."""


def folder_of(info: ValidationInfo) -> Path | None:
    """The folder of the file that is validated; None where it is no file's content."""
    return (info.context or {}).get("folder")


def _beside(value: str, info: ValidationInfo) -> str:
    folder = folder_of(info)
    return str(at_home(value) if folder is None else folder / at_home(value))


BesidePath: TypeAlias = Annotated[str, AfterValidator(_beside)]
"""A path in a file; a relative one starts at the file that it stands in."""


def beside(endings: Collection[str]) -> BeforeValidator:
    """As :data:`BesidePath`, for a field whose value may be a path, with one of these endings, or something else."""

    def located(value: Any, info: ValidationInfo) -> Any:
        is_path = isinstance(value, (str, Path)) and at_home(value).suffix.lower() in endings
        return _beside(str(value), info) if is_path else value

    return BeforeValidator(located)


C = TypeVar("C", bound=BaseModel)
P = ParamSpec("P")
T = TypeVar("T")


_SHOULD = "should be "
_MOST_LETTERS = 1000
"""Of all faults that a message tells; the others are counted."""
_MOST_KEYS = 12
"""Unknown keys of one place that a message names."""
_PLAIN = {
    "too_short": "needs at least {min_length}, not {actual_length}",
    "too_long": "has {actual_length}; at most {max_length} are possible",
    "string_too_long": "should have at most {max_length} characters",
    "string_type": "should be text",
    "string_unicode": "should be text that can be written as UTF-8",
    "int_type": "should be a whole number",
    "int_parsing": "should be a whole number",
    "int_from_float": "should be a whole number",
    "float_type": "should be a number",
    "float_parsing": "should be a number",
    "finite_number": "should be a finite number",
    "bool_type": "should be true or false",
    "bool_parsing": "should be true or false",
    "none_required": "should be null",
    "greater_than": "should be more than {gt}",
    "greater_than_equal": "should be at least {ge}",
    "less_than": "should be less than {lt}",
    "less_than_equal": "should be at most {le}",
    "literal_error": "should be {expected}",
    "union_tag_invalid": "{discriminator} is {tag}; it should be one of {expected_tags}",
    "union_tag_not_found": "key {discriminator} is missing",
    "dict_type": "should be a mapping of keys to values",
    "model_type": "should be a mapping of keys to values",
    "model_attributes_type": "should be a mapping of keys to values",
    "list_type": "should be a list",
    "tuple_type": "should be a list",
}
"""What Pydantic says by the type of a complaint, in words that need no knowledge of Python."""


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file.

    Raises:
        PhysadvError: the file is missing, unreadable, not YAML, or not a mapping.
    """
    try:
        text = read_bytes(path).decode("utf-8")
    except UnicodeDecodeError as error:
        raise PhysadvError(f"{path}: not a text file in UTF-8") from error
    try:
        data = parse_yaml(text)
    except yaml.YAMLError as error:
        where = getattr(error, "problem_mark", None)
        line = f" at line {where.line + 1}" if where else ""
        raise PhysadvError(f"{path}: not valid YAML{line} ({_yaml_problem(error)})") from error
    if not isinstance(data, dict):
        kind = "a list" if isinstance(data, list) else "nothing" if data == "" else f"{_shown(data)}"
        raise PhysadvError(f"{path}: expected a mapping of keys to values, found {kind}")
    return data


def validate(model: type[C], data: Any, source: str | Path, *, folder: Path | None = None) -> C:
    """``data`` as ``model``.

    Args:
        model: a configuration.
        data: as read from a file, or given in Python.
        source: for messages.
        folder: where paths in it start, for models that read files (``info.context`` of their validators).

    Raises:
        PhysadvError: naming ``source`` and every fault: the key, its value and what would be right.
    """
    try:
        return model.model_validate(data, context={"folder": folder} if folder is not None else None)
    except ValidationError as error:
        raise PhysadvError(f"{source}: {explain(error, model, data)}") from error
    except PhysadvError as error:  # of a model's own validator
        raise PhysadvError(f"{source}: {error}") from error


def collected(parse: Callable[P, T]) -> Callable[P, T]:
    """``parse`` for a validator: what it finds wrong is told together with the other faults of a configuration."""

    @wraps(parse)
    def call(*args: P.args, **options: P.kwargs) -> T:
        try:
            return parse(*args, **options)
        except PhysadvError as error:
            raise ValueError(str(error)) from error

    return call


def explain(error: ValidationError, model: type[BaseModel], data: Any = None) -> str:
    """Every fault that Pydantic has found, a clause each; unknown keys first, for a key missed may be one.

    The unknown keys of one place are one clause. Of very many faults some are told and the others counted.
    """
    found: dict[tuple[str, ...], list[ErrorDetails]] = {}
    for complaint in error.errors(include_url=False):
        found.setdefault(_place(complaint, data), []).append(complaint)
    clauses = []
    unknown: dict[tuple[str, ...], list[ErrorDetails]] = {}
    for place, complaints in found.items():
        if complaints[0]["type"] == "extra_forbidden":
            unknown.setdefault(place[:-1], []).append(complaints[0])
            continue
        inside = any(other[: len(place)] == place for other in found if other != place)
        # of a list with wrong items Pydantic says that it is short of them, too
        apt = [one for one in complaints if not (_mismatch(one) or (inside and one["type"] == "too_short"))]
        if apt or not inside:  # else the value fits another of the types that it may have, but for a fault within
            clauses.append(_clause(place, apt or complaints, model))
    faults = [*(_unknown_keys(above, keys, model) for above, keys in unknown.items()), *clauses]
    if len(faults) == 1:
        return faults[0]
    numbered = any("faults: (1)" in fault for fault in faults)  # those of a file within
    marks = (
        string.ascii_lowercase if numbered and len(faults) <= len(string.ascii_lowercase) else range(1, 1 + len(faults))
    )
    told: list[str] = []
    for mark, fault in zip(marks, faults, strict=False):
        if told and sum(map(len, told)) + len(fault) > _MOST_LETTERS:
            break
        told.append(f"({mark}) {fault}")
    more = [f"and {len(faults) - len(told)} more"] if len(told) < len(faults) else []
    return f"{len(faults)} faults: " + "; ".join([*told, *more])


def _unknown_keys(above: tuple[str, ...], complaints: Sequence[ErrorDetails], model: type[BaseModel]) -> str:
    """What is said of the unknown keys of one place."""
    known = sorted(_keys_beside(complaints[0]["loc"], model))
    names = []
    for complaint in complaints[:_MOST_KEYS]:
        key = str(complaint["loc"][-1])
        near = difflib.get_close_matches(key, known, n=1) if len(key) < _MOST_LETTERS else []
        names.append(shown(".".join((*above, key))) + (f" (did you mean {near[0]!r}?)" if near else ""))
    more = f" and {len(complaints) - _MOST_KEYS} more" if len(complaints) > _MOST_KEYS else ""
    listed = f"; known keys: {', '.join(known)}" if known else ""
    return f"unknown key{'s' * (len(complaints) > 1)} {', '.join(names)}{more}{listed}"


def _place(complaint: ErrorDetails, data: Any) -> tuple[str, ...]:
    """Keys and places in lists down to what is wrong, without the steps of the validation's own."""
    *above, last = complaint["loc"] or ("",)
    parts = []
    for part in (*above, last):
        named = isinstance(data, dict) and part in data
        listed = isinstance(data, (list, tuple)) and isinstance(part, int) and part < len(data)
        if named or listed:
            data = data[part]
        elif complaint["type"] != "missing" or part is not last:
            continue
        parts.append(str(part))
    return tuple(parts)


def _mismatch(complaint: ErrorDetails) -> bool:
    return complaint["type"].endswith(("_type", "_parsing", "_from_float", "_required")) or (
        complaint["type"] in {"literal_error", "enum"}
    )


def _clause(place: tuple[str, ...], complaints: Sequence[ErrorDetails], model: type[BaseModel]) -> str:
    """What is wrong in one place."""
    first, key = complaints[0], ".".join(place)
    if first["type"] == "missing":
        return f"key {key!r} is missing"
    messages = list(dict.fromkeys(_plainly(one) for one in complaints))
    if all(one.startswith(_SHOULD) for one in messages):
        message = _SHOULD + " or ".join(one.removeprefix(_SHOULD) for one in messages)
    else:
        message = "; ".join(messages)
    if not key:
        return message
    value = first.get("input")
    return f"{key}: {message}" if isinstance(value, dict) else f"{key} = {_shown(value)}: {message}"


def _tag(about: Mapping[str, Any]) -> str:
    return shown(about.get("tag"))


def _number(value: Any) -> Any:
    """A whole number without its ``.0``."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _shown(value: Any) -> str:
    """A value as its file has it, shortened."""
    return shown(value, text=written(value) or None)


def _keys_beside(loc: Sequence[int | str], model: type[BaseModel]) -> set[str]:
    """The keys that would have been right in the place of an unknown one; none where the place cannot be told."""
    models: list[type[BaseModel]] = [model]
    for part in loc[:-1]:
        below = [found for one in models if part in one.model_fields for found in _models(one.model_fields[str(part)])]
        chosen = [one for one in models if any(part in _tags(field) for field in one.model_fields.values())]
        models = below or chosen or models  # else it is a place in a list, or a step of the validation's own
    return set.intersection(*({field.alias or name for name, field in one.model_fields.items()} for one in models))


def _tags(field: FieldInfo) -> tuple[Any, ...]:
    """What tells one configuration of a union from the others, where the field is that."""
    return get_args(field.annotation) if get_origin(field.annotation) is Literal else ()


def _models(annotation: Any) -> list[type[BaseModel]]:
    """The configurations that a field, or a part of its type, can hold."""
    if isinstance(annotation, FieldInfo):
        return _models(annotation.annotation)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for part in get_args(annotation) for found in _models(part)]


def _plainly(complaint: ErrorDetails) -> str:
    """What Pydantic says, in words that need no knowledge of Python."""
    kind, about = complaint["type"], complaint.get("ctx", {})
    if kind in {"string_too_short", "too_short"} and about.get("min_length") == 1:
        return "should not be empty" if kind == "string_too_short" else "needs at least 1, not 0"
    if kind == "bool_type" and str(complaint.get("input")).lower() in {"true", "false"}:
        return "should be true or false, without quotes"
    plain = _PLAIN.get(kind)
    if plain:
        return plain.format(**{key: _number(value) for key, value in about.items() if key != "tag"}, tag=_tag(about))
    message = complaint["msg"].removeprefix("Value error, ").removeprefix("Input ").removeprefix("String ")
    return message if message[:2].isupper() else message[:1].lower() + message[1:]


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
        data, source = {"kind": spec}, f"{kinds.kind} {shown(spec)}"
    kind = data.get("kind")
    if kind is None:
        raise PhysadvError(f"{source}: key 'kind' is missing; it should be one of {', '.join(kinds)}")
    if not isinstance(kind, str):
        raise PhysadvError(f"{source}: kind = {_shown(kind)}: expected one of {', '.join(kinds)}")
    if kind not in kinds and american(kind) in kinds:
        warnings.warn(f"{kinds.kind} {kind!r} is now called {american(kind)!r}", PhysadvWarning, stacklevel=2)
        data = {**data, "kind": american(kind)}
        kind = american(kind)
    if kind not in kinds:
        raise PhysadvError(f"{source}: {unknown_name(kinds.kind, kind, kinds)}")
    return validate(kinds[kind], data, source)


def load_config(model: type[C], path: Path) -> C:
    """The configuration in a YAML file (see :func:`read_yaml`, :func:`validate` for the errors)."""
    return validate(model, read_yaml(path), path, folder=path.parent)


def settings(words: Sequence[str], option: str) -> dict[str, Any]:
    """A mapping from words such as ``rate=0.1`` and, for a mapping in it, ``attack.eps=0.03``; values are YAML.

    Args:
        words: as the user has typed them.
        option: of the command line, for messages.

    Raises:
        PhysadvError: a word without a value, or one that is not YAML; a key that is given twice, or that has a value of
            its own and keys below it.
    """
    found: dict[str, Any] = {}
    given: set[tuple[str, ...]] = set()
    for word in words:
        name, equals, text = word.partition("=")
        keys = tuple(name.split("."))
        if not equals or not all(keys):
            raise PhysadvError(f"{option} {shown(word)}: should be a key, then = and a value, such as seed=1")
        if keys in given:
            raise PhysadvError(f"{option} {shown(word)}: {shown(name, text=name)} is given twice")
        if any(one[: len(keys)] == keys or keys[: len(one)] == one for one in given):
            raise PhysadvError(
                f"{option} {shown(word)}: the key has a value of its own and keys below it; give one of both"
            )
        given.add(keys)
        place = found
        for one in keys[:-1]:
            place = place.setdefault(one, {})
        place[keys[-1]] = read_value(text, f"{option} {shown(word)}")
    return found


def overlaid(content: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """``content`` with other values for some keys; a mapping in both is overlaid in turn."""
    both = {
        key: overlaid(content[key], value)
        for key, value in changes.items()
        if isinstance(value, Mapping) and isinstance(content.get(key), Mapping)
    }
    return {**content, **changes, **both}


def read_value(text: str, source: str) -> Any:
    """The value that a word of the command line stands for, as YAML has it.

    Raises:
        PhysadvError: naming ``source``; it stands for none.
    """
    try:
        return parse_yaml(text)
    except yaml.YAMLError as error:
        raise PhysadvError(f"{source}: {shown(text)} is not a value ({_yaml_problem(error)})") from error


def _yaml_problem(error: yaml.YAMLError) -> str:
    return getattr(error, "problem", None) or getattr(error, "reason", None) or "syntax error"
