"""Everything that has a name: what ``physadv list`` prints.

Registered parts are read from the package's sources, not imported: the parts import torch, which takes seconds. A test
holds what is read here to what the registries say.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from physadv.core.errors import unknown_name
from physadv.core.files import bundled, read_json, sha256
from physadv.core.registry import plugins, warn_broken
from physadv.core.yaml_text import parse_yaml
from physadv.signs.catalog import list_rows

Row = dict[str, str]
_PACKAGE = Path(__file__).parent


@dataclass(frozen=True)
class Part:
    """A registered part as its source has it.

    Attributes:
        name: in its registry.
        node: what is registered: a class, a function, a text, or a call.
    """

    name: str
    node: ast.AST

    @property
    def summary(self) -> str:
        """First line of its docstring, without the marks of code."""
        assert isinstance(self.node, (ast.ClassDef, ast.FunctionDef))
        return (ast.get_docstring(self.node) or "").split("\n")[0].replace("``", "")

    @property
    def text(self) -> str:
        """The text that is registered, or the first argument of the call."""
        node = self.node.args[0] if isinstance(self.node, ast.Call) else self.node
        return str(ast.literal_eval(node))

    def attribute(self, name: str) -> str:
        """A class attribute's value, its bases' included."""
        assert isinstance(self.node, ast.ClassDef)
        values = _values(self.node, name)
        return str(ast.literal_eval(next(values)))


def _values(node: ast.ClassDef, name: str) -> Iterator[ast.expr]:
    """What a class and its bases assign to an attribute, the class's own first."""
    for statement in node.body:
        if isinstance(statement, ast.Assign | ast.AnnAssign) and statement.value:
            target = statement.target if isinstance(statement, ast.AnnAssign) else statement.targets[0]
            if ast.unparse(target) == name:
                yield statement.value
    for base in node.bases:
        if isinstance(base, ast.Name) and base.id in _classes():
            yield from _values(_classes()[base.id], name)


@cache
def _sources() -> dict[Path, ast.Module]:
    """Those of the package's sources that register parts, or define what parts derive from; then those of plug-ins."""
    texts = {path: path.read_text(encoding="utf-8") for path in sorted(_PACKAGE.rglob("*.py"))}
    ours = {path: ast.parse(text) for path, text in texts.items() if ".register(" in text or "ClassVar[" in text}
    return ours | dict(_plugin_sources())


def _plugin_sources() -> Iterator[tuple[Path, ast.Module]]:
    for point in plugins():
        try:
            found = find_spec(point.module)
            if found is None or found.origin is None:
                raise ModuleNotFoundError(f"No module named {point.module!r}")
            yield Path(found.origin), ast.parse(Path(found.origin).read_text(encoding="utf-8"))
        except (Exception, SystemExit) as error:
            warn_broken(point, error)


@cache
def _classes() -> dict[str, ast.ClassDef]:
    found: dict[str, ast.ClassDef] = {}
    for tree in _sources().values():
        for node in tree.body:
            if isinstance(node, ast.ClassDef):
                found.setdefault(node.name, node)
    return found


def registered(registry: str) -> list[Part]:
    """The parts in a registry, by its name in the sources (``ATTACKS``), sorted by their own."""
    return sorted((part for tree in _sources().values() for part in _parts(tree, registry)), key=lambda part: part.name)


def _parts(tree: ast.Module, registry: str) -> Iterator[Part]:
    for node in tree.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            for decorator in node.decorator_list:
                if name := _registers(decorator, registry):
                    yield Part(name, node)
        call = node.value if isinstance(node, ast.Expr) else None
        if isinstance(call, ast.Call) and (name := _registers(call.func, registry)):
            given = call.args[0]
            known = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)} | _classes()
            yield Part(name, known[given.id] if isinstance(given, ast.Name) else given)


def _registers(node: ast.expr, registry: str) -> str:
    """The name in ``REGISTRY.register("name")``; empty if that is not what ``node`` is."""
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "register"):
        return ""
    return str(ast.literal_eval(node.args[0])) if ast.unparse(node.func.value).split(".")[-1] == registry else ""


def _declared(folder: str, *, but: tuple[str, ...] = ()) -> list[tuple[Path, dict[str, Any]]]:
    """The YAML files of a folder of the package, and what they say."""
    paths = sorted((_PACKAGE / folder).glob("*.yaml"), key=lambda path: path.stem)
    return [(path, parse_yaml(path.read_text(encoding="utf-8"))) for path in paths if path.stem not in but]


def _victims() -> list[Row]:
    rows = []
    for path, card in _declared("victims/weights"):
        size = card["input"]["size"]
        height, width = size if isinstance(size, list) else (size, size)
        rows.append(
            {
                "name": path.stem,
                "what": card.get("description", ""),
                "classes": str(len(card["classes"])),
                "input": f"{height} x {width}",
                "sha256": sha256(path.parent / card["weights"])[:12],
            }
        )
    return rows


def _patches() -> list[Row]:
    rows = []
    for path in sorted(bundled("patches").glob("*/patch.json")):
        patch = read_json(path)
        against = patch["victim"]["name"]
        rows.append(
            {"name": path.parent.name, "sign": patch["sign"], "goal": patch["goal"], "designed against": against}
        )
    return rows


def _named(registry: str) -> list[Row]:
    return [{"name": part.name, "what": part.summary} for part in registered(registry)]


SECTIONS: dict[str, Callable[[], list[Row]]] = {
    "victims": _victims,
    "goals": lambda: [
        {"name": part.name, "written": part.attribute("form"), "success": part.summary} for part in registered("GOALS")
    ],
    "attacks": lambda: [
        {
            "name": part.name,
            "needs": part.attribute("knowledge"),
            "what": part.summary,
            "paper": part.attribute("paper"),
        }
        for part in registered("ATTACKS")
    ],
    "defenses": lambda: [
        {
            "name": part.name,
            "attacked by": part.attribute("adaptive"),
            "what": part.summary,
            "paper": part.attribute("paper"),
        }
        for part in registered("DEFENSES")
    ],
    "trainings": lambda: [{"name": part.name, "what": part.text} for part in registered("METHODS")],
    "searches": lambda: _named("SEARCHES"),
    "masks": lambda: _named("MASKS"),
    "paints": lambda: _named("PAINTS"),
    "scene-kinds": lambda: _named("SCENE_KINDS"),
    "weathers": lambda: _named("WEATHERS"),
    "adapters": lambda: _named("ADAPTERS"),
    "metrics": lambda: _named("METRICS"),
    "scenes": lambda: [
        {"name": path.stem, "kind": scene.get("kind", "roadside"), "what": scene.get("description", "")}
        for path, scene in _declared("scenes/presets", but=("lights",))
    ],
    "batteries": lambda: [
        {"name": path.stem, "what": battery.get("description", "")}
        for path, battery in _declared("evaluation/batteries")
    ],
    "signs": list_rows,
    "patches": _patches,
}
"""Each kind of part and its rows."""


def catalogue(section: str | None = None) -> dict[str, list[Row]]:
    """Title to rows, of every kind of part or of one.

    Raises:
        PhysadvError: there is no such section.
    """
    if section is None:
        return {title: rows() for title, rows in SECTIONS.items()}
    if section not in SECTIONS:
        raise unknown_name("section", section, SECTIONS)
    return {section: SECTIONS[section]()}
