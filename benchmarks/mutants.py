"""Do the tests notice a small mistake in losses, splits, schedules and statistics?

From the root of the repository:

    PYTHONPATH=src OMP_NUM_THREADS=1 python benchmarks/mutants.py 120 --minutes 60

A mutant is a source file with one change: a comparison, an operator, a number, a truth value, a
sign, `not`, `and`, or a function such as min turned into another. It is killed if the tests of the
file, those of its name below tests/, fail or take too long; a method's are also those that hold for
every method. As many as asked for are drawn at
random from all that there are, so that the share that survives estimates that of all. Each runs in
a fork of this process, which imports again what depends on the file; no file is changed. Resumes
where it stopped, and writes results/mutants.json. Survivors that no test could tell from the
original are listed in `EQUIVALENT`, with the reason.
"""

import argparse
import ast
import json
import os
import random
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from copy import deepcopy
from dataclasses import asdict, dataclass
from importlib import import_module
from importlib.machinery import SourceFileLoader
from pathlib import Path
from typing import Any

from machine import machine

ROOT = Path(__file__).parents[1]
SOURCE, TESTS = ROOT / "src" / "twinlens", ROOT / "tests"
OUT = Path(__file__).parent / "results" / "mutants.json"
LOG = Path("runs/mutants.log")
FILES = (
    "splitting/*.py",
    "engine/one_cycle.py",
    "pretraining/methods/*.py",
    "evaluation/uncertainty/*.py",
    "study/analysis/*.py",
)
OF_METHODS = ("pretraining/test_method.py", "settings/test_pretraining.py")
"""Tests that hold for every method."""
EQUIVALENT = {
    "engine/one_cycle.py:52:45 1 -> 2": "0 / 1 = 0 / 2 is the one entry, if any",
    "evaluation/uncertainty/cluster_bootstrap.py:23:19 500 -> 501": "a limit that saves time",
    "evaluation/uncertainty/cluster_bootstrap.py:129:67 1 -> 2": "a column that nobody reads",
    "evaluation/uncertainty/cluster_bootstrap.py:75:85 0 -> 1": "one seed is as good as another",
    "evaluation/uncertainty/sequential.py:20:10 201 -> 202": "a grid as fine",
    "pretraining/methods/diet.py:85:53 1 -> 2": "no image that is not trained on is looked up",
    "splitting/paper.py:64:65 1 -> 2": "any number below 0 is no class",
    "study/analysis/advice.py:182:37 sign * gain.over_seeds.mean > 0 -> "
    "sign * gain.over_seeds.mean >= 0": "an interval without 0 has a mean that is not 0",
    "study/analysis/differences.py:141:12 (by_arm if several.empty else several)['mean'] * "
    "METRICS[metric].sign -> (by_arm if several.empty else several)['mean'] / "
    "METRICS[metric].sign": "the sign is 1 or -1",
    "evaluation/uncertainty/crossed_effects.py:148:7 variance.total <= _EQUAL ** 2 -> "
    "variance.total < _EQUAL ** 2": "they differ where the variance is exactly this bound alone",
}
"""Reasons by `Mutant.name`."""

OPERATORS: dict[type, type] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq, ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult, ast.Mod: ast.Mult, ast.Pow: ast.Mult, ast.And: ast.Or, ast.Or: ast.And,
}  # fmt: skip
FUNCTIONS = {"min": "max", "max": "min", "sum": "mean", "mean": "sum", "any": "all", "all": "any",
             "ceil": "floor", "floor": "ceil", "amin": "amax", "amax": "amin"}  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    """A change of a file.

    Attributes:
        file: The file, below src/twinlens.
        place: Line and column of the change.
        was: The line's expression before.
        now: And after.
        node: Number of the changed node among those of the file.
    """

    file: str
    place: str
    was: str
    now: str
    node: int

    @property
    def name(self) -> str:
        """What identifies it."""
        return f"{self.file}:{self.place} {self.was} -> {self.now}"


def main() -> None:
    """Go on where the stored result stopped, until so many are tried or the time is over."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("mutants", type=int)
    arguments.add_argument("--seed", type=int, default=0)
    arguments.add_argument("--minutes", type=float, default=60)
    arguments.add_argument("--out", type=Path, default=OUT)
    given = arguments.parse_args()
    importers = _warm()
    every = [mutant for path in _files() for mutant in mutants(path)]
    drawn = random.Random(given.seed).sample(every, min(given.mutants, len(every)))
    tried = json.loads(given.out.read_text())["tried"] if given.out.exists() else {}
    limits: dict[str, float] = {}
    until = time.monotonic() + 60 * given.minutes
    for mutant in drawn:
        if mutant.name not in tried and time.monotonic() < until:
            if mutant.file not in limits:
                limits[mutant.file] = _limit(mutant.file, importers)
            tried[mutant.name] = outcome = _outcome(mutant, limits[mutant.file], importers)
            print(f"{outcome:>8}  {mutant.name}", flush=True)
            _write(given.out, drawn, tried, len(every))


def _files() -> list[Path]:
    found = [path for pattern in FILES for path in sorted(SOURCE.glob(pattern))]
    return [path for path in found if _tests(str(path.relative_to(SOURCE)))[0].exists()]


def _tests(file: str) -> list[Path]:
    path = Path(file)
    more = OF_METHODS if path.parent.name == "methods" else ()
    return [TESTS / path.parent / f"test_{path.name}", *(TESTS / name for name in more)]


def mutants(path: Path) -> Iterator[Mutant]:
    """Yield all mutants of a file, in its order."""
    file, tree = str(path.relative_to(SOURCE)), ast.parse(path.read_text(encoding="utf-8"))
    for number, node in enumerate(_nodes(tree)):
        changed = deepcopy(node)
        if _mutate(changed):
            now = ast.unparse(changed)
            place = f"{node.lineno}:{node.col_offset}"
            yield Mutant(file, place, ast.unparse(node), now, number)


def mutated(mutant: Mutant) -> str:
    """Return the source of a mutant."""
    tree = ast.parse((SOURCE / mutant.file).read_text(encoding="utf-8"))
    _mutate(_nodes(tree)[mutant.node])
    return ast.unparse(ast.fix_missing_locations(tree))


def _nodes(node: Any) -> list[Any]:
    """Return the expressions that compute something: no types, messages and decorators."""
    skipped: list[ast.AST | None] = []
    if isinstance(node, ast.Raise | ast.Import | ast.ImportFrom):
        return []
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        skipped += node.decorator_list
    if isinstance(node, ast.FunctionDef):
        skipped.append(node.returns)
    if isinstance(node, ast.arg | ast.AnnAssign):
        skipped.append(node.annotation)
    if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name):
        skipped += [node.slice] if node.value.id in ("Literal", "Float", "Bool", "Int") else []
    below = [child for child in ast.iter_child_nodes(node) if child not in skipped]
    return [node, *(found for child in below for found in _nodes(child))]


def _mutate(node: Any) -> bool:
    """Change a node in place; return whether there is something to change."""
    match node:
        case ast.Compare(ops=[op]) if type(op) in OPERATORS:
            node.ops = [OPERATORS[type(op)]()]
        case ast.BinOp(op=op) | ast.BoolOp(op=op) | ast.AugAssign(op=op) if type(op) in OPERATORS:
            node.op = OPERATORS[type(op)]()
        case ast.Constant(value=bool(value)):
            node.value = not value
        case ast.Constant(value=int(value) | float(value)):
            node.value = value + 1
        case ast.UnaryOp(op=ast.Not() | ast.USub()):
            node.op = ast.UAdd() if isinstance(node.op, ast.USub) else ast.Not()
            if isinstance(node.op, ast.Not):
                node.operand = ast.UnaryOp(ast.Not(), node.operand)
        case ast.Call(func=ast.Name(id=name)) if name in FUNCTIONS and name != "sum":
            node.func.id = FUNCTIONS[name]
        case ast.Call(func=ast.Attribute(attr=name)) if name in FUNCTIONS:
            node.func.attr = FUNCTIONS[name]
        case _:
            return False
    return True


def _warm() -> dict[str, set[str]]:
    """Import all of Twinlens; return who imports each module, by way of others."""
    sys.path.insert(0, str(TESTS))
    import_module("torchvision_shim").import_torchvision()
    direct: dict[str, set[str]] = {}
    for path in SOURCE.glob("*/**/*.py"):
        name = ".".join(path.relative_to(SOURCE.parent).with_suffix("").parts)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("twinlens"):
                for imported in (node.module, *(f"{node.module}.{n.name}" for n in node.names)):
                    direct.setdefault(str(imported), set()).add(name.removesuffix(".__init__"))
        if not name.endswith(("__main__", "__init__")):
            with suppress(ImportError):
                import_module(name)
    return {name: _closure(name, direct) for name in direct}


def _closure(name: str, direct: dict[str, set[str]]) -> set[str]:
    found, new = {name}, {name}
    while new := {user for each in new for user in direct.get(each, ())} - found:
        found |= new
    return found


def _limit(file: str, importers: dict[str, set[str]]) -> float:
    """Return the seconds that the tests of a file may take: several times as long as they do."""
    began = time.monotonic()
    code = _tested(file, None, 900, importers)
    if code != 0:
        raise RuntimeError(f"The tests of {file} fail without any change: see {LOG}.")
    return 30 + 5 * (time.monotonic() - began)


def _outcome(mutant: Mutant, limit: float, importers: dict[str, set[str]]) -> str:
    code = _tested(mutant.file, mutated(mutant), limit, importers)
    return {0: "survived", None: "too long"}.get(code, "killed")


def _tested(
    file: str, source: str | None, limit: float, importers: dict[str, set[str]]
) -> int | None:
    """Run the tests of a file in a fork, with another source; return pytest's exit code."""
    name = "twinlens." + file.removesuffix(".py").replace("/", ".")
    process = os.fork()
    if not process:
        os.setsid()
        LOG.parent.mkdir(exist_ok=True)
        log = os.open(LOG, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(log, 1)
        os.dup2(log, 2)
        for module in importers.get(name, {name}):  # to be imported again
            sys.modules.pop(module, None)
            package, _, short = module.rpartition(".")
            if hasattr(sys.modules.get(package), short):
                delattr(sys.modules[package], short)
        if source is not None:
            _replace(SOURCE / file, source.encode())
        options = ["-x", "-q", "-W", "ignore::pytest.PytestAssertRewriteWarning"]
        options += ["-p", "no:cacheprovider", "-m", "not slow and not real and not peers"]
        os._exit(int(import_module("pytest").main([*options, *map(str, _tests(file))])))
    until = time.monotonic() + limit
    while time.monotonic() < until:
        ended, status = os.waitpid(process, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.05)
    os.killpg(process, signal.SIGKILL)
    os.waitpid(process, 0)
    return None


def _replace(path: Path, source: bytes) -> None:
    """Let the import of a file find another source."""
    sys.dont_write_bytecode = True
    read: Callable[..., bytes] = SourceFileLoader.get_data

    def get_data(self: SourceFileLoader, wanted: str) -> bytes:
        place = Path(wanted)
        if place == path:
            return source
        if place.parent.parent == path.parent and place.name.startswith(f"{path.stem}."):
            raise FileNotFoundError  # what was compiled before
        return read(self, wanted)

    SourceFileLoader.get_data = get_data  # type: ignore[method-assign]


def _write(out: Path, drawn: list[Mutant], tried: dict[str, str], there_are: int) -> None:
    done = [mutant for mutant in drawn if mutant.name in tried]
    alive = [mutant for mutant in done if tried[mutant.name] == "survived"]
    survivors = [
        asdict(mutant) | {"equivalent": EQUIVALENT.get(mutant.name)}
        for mutant in sorted(alive, key=lambda mutant: mutant.name)
    ]
    content = {
        "files": len({mutant.file for mutant in done}),
        "mutants_there_are": there_are,
        "mutants_tried": len(done),
        "killed": len(done) - len(alive),
        "survived_and_not_equivalent": sum(each["equivalent"] is None for each in survivors),
        "survivors": survivors,
        "tried": {mutant.name: tried[mutant.name] for mutant in done},
        "machine": machine("pytest", "torch"),
    }
    out.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
