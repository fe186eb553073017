"""What every kind of result has in common: rows of figures, a file with a kind and a version, one way to read it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from typing_extensions import Self

from physadv.core.config import Config, validate
from physadv.core.errors import PhysadvError, unknown_name
from physadv.core.files import read_json, write_text
from physadv.core.notebooks import html_table
from physadv.core.registry import Registry
from physadv.core.statistics import shown_rate
from physadv.evaluation.metrics.measured import Measured


@dataclass(frozen=True)
class ResultRow:
    """One line of a result.

    Attributes:
        labels: what it is of: ``patch``, ``victim``, ``battery`` ..., in order.
        figures: what was measured.
        warnings: what makes it doubtful, in words or codes.
        failures: one sentence for each limit that was broken.
    """

    labels: Mapping[str, str]
    figures: tuple[Measured, ...]
    warnings: tuple[str, ...] = ()
    failures: tuple[str, ...] = ()


class Result(Config, ABC):
    """The result of one command, as its folder holds it.

    A subclass is registered in :data:`RESULTS` under its ``kind``. The field is written into the file; a file that has
    none is of the kind that its name says.
    """

    kind: str
    schema_version: int
    file_name: ClassVar[str]
    """Of its file in the folder."""
    called: ClassVar[str]
    """What it is, in a message."""
    always_versioned: ClassVar[bool] = True
    """Whether a file without a version is of this one; else it is of one from before there were versions."""

    @property
    @abstractmethod
    def rows(self) -> tuple[ResultRow, ...]:
        """Every line, in the order in which reports show them."""

    @property
    @abstractmethod
    def caption(self) -> str:
        """What it is of, in one line."""

    @property
    def about(self) -> str:
        """How its figures are to be read, in a sentence; empty where that is plain."""
        return ""

    @property
    def passed(self) -> bool:
        """Whether no limit was broken."""
        return not any(row.failures for row in self.rows)

    def write(self, folder: Path) -> None:
        """Writes its file atomically."""
        write_text(folder / self.file_name, self.model_dump_json(indent=1) + "\n")

    @classmethod
    def read(cls, path: Path) -> Self:
        """The result in a file, or in the file of its name in a folder.

        Raises:
            PhysadvError: missing, not JSON, or not of this schema.
        """
        file = path / cls.file_name if path.is_dir() else path
        return cls.of(read_json(file), file)

    @classmethod
    def of(cls, content: Any, file: Path) -> Self:
        """The result that a file holds.

        Raises:
            PhysadvError: it is of another schema, or an older version.
        """
        now = cls.model_fields["schema_version"].default
        known = now if cls.always_versioned else 0
        version = content.get("schema_version", known) if isinstance(content, dict) else now
        if isinstance(version, int) and 0 <= version < now and len(content) > 1:
            raise PhysadvError(
                f"{file}: version {version} of {cls.called}; this physadv reads version {now}: run the command that "
                "wrote it again, into another folder"
            )
        return validate(cls, content, file)

    def _repr_html_(self) -> str:
        """A row a line, as notebooks show it."""
        rows = self.rows
        labels = _in_order(name for row in rows for name in row.labels)
        figures = _in_order(one.heading or one.metric for row in rows for one in row.figures)
        found = [{one.heading or one.metric: shown_figure(one) for one in row.figures} for row in rows]
        cells = [
            (
                *(row.labels.get(name, "") for name in labels),
                *(told.get(name, "") for name in figures),
                ", ".join(row.warnings),
                "; ".join(row.failures),
            )
            for row, told in zip(rows, found, strict=True)
        ]
        return html_table(self.caption, (*labels, *figures, "warnings", "broken limits"), cells)


RESULTS: Registry[type[Result]] = Registry("kind of result")
"""Kinds of results by name."""


def read_result(path: Path) -> Result:
    """The result in a folder, or in one of its files, whatever its kind.

    Raises:
        PhysadvError: there is none, it is of an unknown kind, or it cannot be read.
    """
    kind, content, file = open_result(path)
    return RESULTS[kind].of(content, file)


def open_result(path: Path) -> tuple[str, Any, Path]:
    """The kind of the result in a folder, or in one of its files, with what the file holds and where it is.

    Raises:
        PhysadvError: there is none, it is of an unknown kind, or it is no JSON.
    """
    names = [kind.file_name for _, kind in RESULTS.items()]
    file = path if path.is_file() else next((path / name for name in names if (path / name).is_file()), None)
    if file is None:
        raise PhysadvError(
            f"{path}: has none of {', '.join(names)}; give a folder that physadv evaluate, run, attack or certify has "
            "written"
        )
    content = read_json(file)
    by_name = next((name for name, kind in RESULTS.items() if kind.file_name == file.name), None)
    kind = content.get("kind", by_name) if isinstance(content, dict) else by_name
    if not isinstance(kind, str) or kind not in RESULTS:
        raise PhysadvError(f"{file}: {unknown_name('kind of result', str(kind), RESULTS)}")
    return kind, content, file


def shown_figure(figure: Measured) -> str:
    """A figure in a cell: a rate with its interval, a difference in percentage points."""
    if figure.rate is not None:
        return shown_rate(figure.rate)
    if figure.difference is not None:
        return "" if figure.difference.value is None else f"{figure.difference.value * 100:+.1f}"
    return "" if figure.value is None else f"{figure.value:g}"


def _in_order(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))
