"""Things that a user names: by what ships under a name, by a file, or by their content.

What a word of the user means is settled here, once, where it comes in. From there on the thing itself travels: a
configuration holds a :class:`Reference`, which loads it when it is first needed and keeps it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

from pydantic import GetCoreSchemaHandler, ValidationInfo
from pydantic_core import CoreSchema, core_schema

from physadv.core.config import folder_of
from physadv.core.errors import PhysadvError, shown, unknown_name
from physadv.core.files import at_home

T = TypeVar("T")

YAML = (".yaml", ".yml")


class Named(Generic[T]):
    """What a name, a file or a mapping stands for, for one kind of thing.

    In the annotation of a configuration's field (``Annotated[Reference[Scene], SCENES]``) it makes a reference of what
    the user wrote; a relative path starts at the file that it stands in.

    Args:
        what: the kind, for messages.
        kind: its type; a thing that is loaded already stands for itself.
        names: of those that ship.
        ship: the thing of such a name.
        read: the thing in a file.
        build: the thing of a file's content: from the mapping, a source for messages, and the folder where relative
            paths in it start (None: the working folder).
        declared: content from which ``build`` makes the thing again; it is recorded in place of a path. Without,
            the path is.
        endings: of files, in lower case.
        also: what can be given but a name, for messages.
    """

    def __init__(
        self,
        what: str,
        kind: type[T],
        *,
        names: Callable[[], Sequence[str]],
        ship: Callable[[str], T],
        read: Callable[[Path], T],
        build: Callable[[Mapping[str, Any], str, Path | None], T],
        declared: Callable[[T], str | dict[str, Any]] | None = None,
        endings: Sequence[str] = YAML,
        also: str = "the path of a .yaml file",
    ) -> None:
        self.what, self.kind, self.names, self.also = what, kind, names, also
        self.declared = declared
        self._ship, self._read, self._build, self._endings = ship, read, build, tuple(endings)

    def __call__(self, spec: str | Path | Mapping[str, Any] | T, folder: Path | None = None) -> T:
        """The thing.

        Args:
            spec: its name, the path of its file, its content, or the thing itself.
            folder: where relative paths in the content start.

        Raises:
            PhysadvError: there is none of that name, or its file or content is wrong.
        """
        if isinstance(spec, self.kind):
            return spec
        if isinstance(spec, Mapping):
            return self._build(spec, f"{self.what} {spec.get('name', '(without a name)')}", folder)
        if isinstance(spec, str) and spec in self.names():
            return self._ship(spec)
        if not isinstance(spec, (str, Path)):
            raise PhysadvError(f"{self.what} = {shown(spec)}: should be its name, {self.also}, or its content")
        if not self.is_file(spec):
            raise unknown_name(self.what, str(spec), self.names(), also=self.also)
        return self._read(at_home(spec))

    def is_file(self, spec: str | Path) -> bool:
        """Whether a word is a file's path, and no name."""
        return at_home(spec).suffix.lower() in self._endings and spec not in self.names()

    def located(self, spec: str, folder: Path) -> str:
        """A word that stands in a file in ``folder``, for anybody elsewhere."""
        return str(folder / at_home(spec)) if self.is_file(spec) else spec

    def refer(self, spec: str | Path | Mapping[str, Any] | T, folder: Path | None = None) -> Reference[T]:
        """A reference to what ``spec`` stands for, which is not loaded yet.

        Args:
            spec: as for a call.
            folder: of the file that it stands in.
        """
        if not isinstance(spec, (str, Path)):
            return Reference(self, spec, folder)
        return Reference(self, str(spec) if folder is None else self.located(str(spec), folder), folder)

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        def referred(value: Any, info: ValidationInfo) -> Reference[T]:
            if isinstance(value, Reference):
                return value
            if not isinstance(value, (str, Path, Mapping, self.kind)):
                raise ValueError(f"should be the name of a {self.what}, {self.also}, or its content")
            return self.refer(value, folder_of(info))

        def words(reference: Reference[T]) -> Any:
            return reference.words

        return core_schema.with_info_plain_validator_function(
            referred, serialization=core_schema.plain_serializer_function_ser_schema(words)
        )


class Reference(Generic[T]):
    """What a user has named, and the thing itself once it is asked for.

    Attributes:
        spec: what was given: a name, a path from here, content, or the thing.
        folder: where relative paths in the content start.
    """

    __settled_as__: ClassVar[Any] = str | dict[str, Any]

    def __init__(self, named: Named[T], spec: str | Mapping[str, Any] | T, folder: Path | None = None) -> None:
        self._named, self.spec, self.folder = named, spec, folder

    @cached_property
    def value(self) -> T:
        """The thing, loaded once.

        Raises:
            PhysadvError: as :class:`Named`.
        """
        return self._named(self.spec, self.folder)

    @property
    def words(self) -> str | dict[str, Any]:
        """What is recorded of it: enough to load it again."""
        declared = self._named.declared
        if isinstance(self.spec, str) and (declared is None or not self._named.is_file(self.spec)):
            return self.spec
        if isinstance(self.spec, Mapping) and (declared is None or self.folder is None):
            return dict(self.spec)
        return declared(self.value) if declared is not None else str(self)

    def __str__(self) -> str:
        return self.spec if isinstance(self.spec, str) else str(getattr(self.value, "name", self.spec))

    def __repr__(self) -> str:
        return f"<Reference to {self._named.what} {self}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Reference) and self._named is other._named and self.spec == other.spec

    def __hash__(self) -> int:
        return hash((id(self._named), str(self.spec)))


def different(references: tuple[Reference[T], ...]) -> tuple[Reference[T], ...]:
    """A validator: none of them is given twice.

    Raises:
        ValueError: one is.
    """
    twice = next((one for place, one in enumerate(references) if one in references[:place]), None)
    if twice is not None:
        raise ValueError(f"{twice} is given twice; give each once")
    return references
