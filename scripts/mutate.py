"""Do the tests notice? Small changes of the files that decide numbers, and the share that a test catches.

    python scripts/mutate.py [FILE...] [--each 20] [--seed 0] [--jobs 2] [--timeout 180] [--out mutants.json]

A mutant is a file with one comparison, sum, product, number, condition or keyword argument changed. For each, the tests
that belong to the file run in a process that is forked from one with torch and pytest loaded; a mutant that fails one,
or hangs, is caught. Survivors are listed with their line; ``docs/development.md`` says what is known of them.
"""

from __future__ import annotations

import argparse
import ast
import copy
import importlib.abc
import importlib.machinery
import json
import multiprocessing
import os
import random
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[1]
TARGETS: dict[str, tuple[str, ...]] = {
    "physadv/core/statistics.py": ("tests/core/test_statistics.py",),
    "physadv/core/color.py": (
        "tests/scenes/test_scenes_sensor.py",
        "tests/scenes/test_augmentation.py",
        "tests/core/test_images.py",
    ),
    "physadv/core/jpeg.py": ("tests/core/test_jpeg.py",),
    "physadv/goals/goal.py": ("tests/goals",),
    "physadv/goals/kinds/targeted.py": ("tests/goals",),
    "physadv/goals/kinds/confident.py": ("tests/goals",),
    "physadv/goals/kinds/hide.py": ("tests/goals",),
    "physadv/goals/kinds/one_of.py": ("tests/goals",),
    "physadv/goals/kinds/untargeted.py": ("tests/goals",),
    "physadv/scenes/camera/geometry.py": ("tests/scenes/test_scenes_geometry.py",),
    "physadv/scenes/camera/light.py": ("tests/scenes/test_scenes_sensor.py", "tests/scenes/test_scenes_roadside.py"),
    "physadv/scenes/camera/lens.py": ("tests/scenes/test_scenes_sensor.py", "tests/scenes/test_augmentation.py"),
    "physadv/scenes/camera/sensor.py": ("tests/scenes/test_scenes_sensor.py",),
    "physadv/scenes/camera/texture.py": ("tests/scenes/test_scenes_geometry.py",),
    "physadv/scenes/roadside/placement.py": (
        "tests/scenes/test_scenes_roadside.py",
        "tests/scenes/test_scenes_geometry.py",
        "tests/scenes/test_scenes_golden.py",
    ),
    "physadv/scenes/frames.py": ("tests/scenes/test_frames.py", "tests/scenes/test_scene_kinds.py"),
    "physadv/scenes/kornia/chain.py": ("tests/scenes/test_scenes_kornia.py",),
    "physadv/evaluation/judged.py": (
        "tests/evaluation/test_evaluation_run.py",
        "tests/evaluation/test_schema_versions.py",
    ),
    "physadv/evaluation/batteries/figures.py": (
        "tests/evaluation/test_evaluation_records.py",
        "tests/evaluation/test_metrics.py",
        "tests/evaluation/test_evaluation_run.py",
    ),
    "physadv/evaluation/batteries/compared_frames.py": (
        "tests/evaluation/test_evaluation_records.py",
        "tests/evaluation/test_evaluation_run.py",
    ),
    "physadv/patches/printability.py": ("tests/patches/test_patches_paint.py",),
}
"""The files that decide numbers, and the tests that should notice a change of each."""
_LOADED = ("torch", "numpy", "scipy.stats", "pyarrow.parquet", "cv2", "kornia", "pydantic", "hypothesis", "pytest")


@dataclass(frozen=True)
class Mutant:
    """One change of one file.

    Attributes:
        file: from the repository's root.
        line: of the change.
        was, now: the expression before and after.
        source: of the whole file.
    """

    file: str
    line: int
    was: str
    now: str
    source: str


_COMPARED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
_COMPUTED: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}


def changed(node: ast.AST) -> Iterator[ast.AST]:
    """What an expression may be changed to."""
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in _COMPARED:
        yield ast.Compare(node.left, [_COMPARED[type(node.ops[0])]()], node.comparators)
    elif isinstance(node, ast.BinOp) and type(node.op) in _COMPUTED:
        yield ast.BinOp(node.left, _COMPUTED[type(node.op)](), node.right)
    elif isinstance(node, ast.BoolOp):
        yield ast.BoolOp(ast.And() if isinstance(node.op, ast.Or) else ast.Or(), node.values)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.Not, ast.Invert)):
        yield node.operand
    elif isinstance(node, ast.Constant) and isinstance(node.value, (int, float)):
        if isinstance(node.value, bool):
            yield ast.Constant(not node.value)
        else:
            yield ast.Constant(node.value + 1 if isinstance(node.value, int) else node.value * 1.3 + 0.1)
    elif isinstance(node, ast.IfExp):
        yield node.body
        yield node.orelse
    elif isinstance(node, ast.Call) and node.keywords:
        for at, keyword in enumerate(node.keywords):
            if keyword.arg is not None:
                yield ast.Call(node.func, node.args, [one for k, one in enumerate(node.keywords) if k != at])


def _places(tree: ast.Module) -> list[tuple[ast.AST, str, int | None]]:
    """Every expression of what runs, as the field of its parent; annotations and docstrings are no such."""
    found = []
    for parent in ast.walk(tree):
        for name, value in ast.iter_fields(parent):
            if name in {"annotation", "returns", "decorator_list", "bases"}:
                continue
            children = value if isinstance(value, list) else [value]
            for at, child in enumerate(children):
                if isinstance(child, ast.expr) and not isinstance(
                    parent, (ast.JoinedStr, ast.FormattedValue, ast.Raise)
                ):
                    found.append((parent, name, at if isinstance(value, list) else None))
    return found


def _in_annotation(tree: ast.Module) -> set[int]:
    """Expressions below an annotation, an error's words or a string: nothing there decides a number."""
    inside: set[int] = set()
    for node in ast.walk(tree):
        roots = [getattr(node, name, None) for name in ("annotation", "returns")]
        if isinstance(node, (ast.Raise, ast.JoinedStr, ast.Assert)):
            roots.append(node)
        if isinstance(node, (ast.AnnAssign, ast.arg)) and node.annotation is not None:
            roots.append(node.annotation)
        for root in roots:
            if isinstance(root, ast.AST):
                inside |= {id(one) for one in ast.walk(root)}
    return inside


def mutants(file: str) -> list[Mutant]:
    """All mutants of a file."""
    text = (ROOT / file).read_text(encoding="utf-8")
    tree = ast.parse(text)
    skipped = _in_annotation(tree)
    made = []
    for parent, name, at in _places(tree):
        held = getattr(parent, name)
        node = held if at is None else held[at]
        if id(node) in skipped:
            continue
        for other in changed(node):
            ast.copy_location(other, node)
            ast.fix_missing_locations(other)
            _put(parent, name, at, other)
            source = ast.unparse(tree)
            _put(parent, name, at, node)
            made.append(Mutant(file, node.lineno, ast.unparse(node), ast.unparse(copy.deepcopy(other)), source))
    return made


def _put(parent: ast.AST, name: str, at: int | None, value: ast.AST) -> None:
    if at is None:
        setattr(parent, name, value)
    else:
        getattr(parent, name)[at] = value


class _Loader(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Loads one module from a text in place of its file."""

    def __init__(self, mutant: Mutant) -> None:
        self.name = mutant.file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        self.mutant = mutant

    def find_spec(
        self, fullname: str, path: object = None, target: object = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != self.name:
            return None
        return importlib.machinery.ModuleSpec(fullname, self, origin=str(ROOT / self.mutant.file))

    def exec_module(self, module: ModuleType) -> None:
        module.__file__ = str(ROOT / self.mutant.file)
        exec(compile(self.mutant.source, module.__file__, "exec"), module.__dict__)


def _run(mutant: Mutant | None, tests: Sequence[str]) -> None:
    """In a process of its own: ends with 0 if the tests pass."""
    os.setpgrp()
    quiet = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(quiet, stream)
    os.chdir(ROOT)
    sys.path.insert(0, str(ROOT))
    import pytest

    if mutant is not None:
        sys.meta_path.insert(0, _Loader(mutant))
    options = ["-x", "-q", "-n", "0", "-p", "no:cacheprovider", "-m", "not slow"]
    os._exit(int(pytest.main([*options, *tests])))


def survives(mutant: Mutant | None, tests: Sequence[str], timeout_s: float) -> bool:
    """Whether the tests pass with that change (None: without any)."""
    process = multiprocessing.get_context("fork").Process(target=_run, args=(mutant, tests))
    process.start()
    process.join(timeout_s)
    if process.is_alive():
        assert process.pid is not None
        os.killpg(process.pid, 9)
        process.join()
        return False
    return process.exitcode == 0


def main() -> None:
    """Tries, counts, tells."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", nargs="*", choices=[[], *TARGETS], default=[])
    parser.add_argument("--each", type=int, default=20, help="mutants of each file, drawn at random; 0: all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--timeout", type=float, default=180.0)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    os.environ.update({"OMP_NUM_THREADS": "1", "NO_ALBUMENTATIONS_UPDATE": "1"})
    for name in _LOADED:
        importlib.import_module(name)
    import torch

    torch.set_num_threads(1)
    rows, survivors = [], []
    for file in options.file or TARGETS:
        every = mutants(file)
        chosen = every
        if options.each:
            chosen = random.Random(f"{options.seed} {file}").sample(every, min(options.each, len(every)))
        began = time.monotonic()
        if not survives(None, TARGETS[file], options.timeout):
            raise SystemExit(f"{file}: its tests fail, or take over {options.timeout:g} s, without any change")
        with ThreadPoolExecutor(options.jobs) as pool:
            kept = list(pool.map(lambda one, of=file: survives(one, TARGETS[of], options.timeout), chosen))  # type: ignore[misc]
        left = [one for one, alive in zip(chosen, kept, strict=True) if alive]
        survivors += left
        rows.append((file, len(every), len(chosen), len(chosen) - len(left)))
        print(
            f"{file}: {len(chosen) - len(left)} of {len(chosen)} caught, {time.monotonic() - began:.0f} s", flush=True
        )
        for one in left:
            print(f"  line {one.line}: {one.was}  ->  {one.now}", flush=True)
    tried, caught = sum(row[2] for row in rows), sum(row[3] for row in rows)
    print("\n| file | mutants | tried | caught |\n|---|---|---|---|")
    for file, count, some, good in rows:
        print(f"| `{file}` | {count} | {some} | {good} |")
    print(f"| all | {sum(row[1] for row in rows)} | {tried} | {caught} ({100 * caught / max(tried, 1):.0f} %) |")
    if options.out:
        told = [{key: value for key, value in asdict(one).items() if key != "source"} for one in survivors]
        options.out.write_text(json.dumps({"seed": options.seed, "rows": rows, "survivors": told}, indent=1))


if __name__ == "__main__":
    main()
