"""How large and how orderly the code is, as a table or as JSON.

    git worktree add ../before 7a309a9
    python benchmarks/rubric.py --before ../before --json benchmarks/results/rubric.json

Lines are those of Python files. Complexity is McCabe's, as ruff counts it. A source file is
mirrored if a test file of its name lies in the same folder below tests/. The time of --help is the
shortest of five.
"""

import argparse
import ast
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

LONGEST = 300
MOST_PARAMETERS = 8
COMPLEX = 10


def rubric(checkout: Path) -> dict[str, float]:
    """Return the figures of a checkout."""
    source, tests = checkout / "src/twinlens", checkout / "tests"
    files = sorted(source.rglob("*.py"))
    texts = {path: path.read_text(encoding="utf-8") for path in files}
    lengths = {path: text.count("\n") for path, text in texts.items()}
    modules = [path for path in files if path.name != "__init__.py" and lengths[path] > 1]
    functions = [
        node
        for text in texts.values()
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    code = "\n".join(texts.values())
    return {
        "lines of src": sum(lengths.values()),
        "lines of tests": sum(p.read_text("utf-8").count("\n") for p in tests.rglob("*.py")),
        "files of src": len(modules),
        "median length of a file": statistics.median(lengths[path] for path in modules),
        "longest file": max(lengths.values()),
        f"files longer than {LONGEST}": sum(n > LONGEST for n in lengths.values()),
        "functions": len(functions),
        f"functions of complexity over {COMPLEX}": _complex(source),
        f"functions of more than {MOST_PARAMETERS} parameters": sum(
            _parameters(node) > MOST_PARAMETERS for node in functions
        ),
        "source files mirrored by a test file, %": round(
            100 * sum(_is_mirrored(path, source, tests) for path in modules) / len(modules), 1
        ),
        "mentions of dict[str, Any]": code.count("dict[str, Any]"),
        "mentions of Mapping[str, Any]": code.count("Mapping[str, Any]"),
        "uses of read_json outside records": sum(
            text.count("read_json(") - text.count("def read_json(")
            for path, text in texts.items()
            if path.parent.name != "records"
        ),
        "twinlens train --help, s": round(min(_help(checkout) for _ in range(5)), 2),
    }


def _parameters(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    given = function.args
    names = [arg.arg for arg in (*given.posonlyargs, *given.args, *given.kwonlyargs)]
    return len([name for name in names if name not in ("self", "cls")])


def _is_mirrored(path: Path, source: Path, tests: Path) -> bool:
    inside = path.relative_to(source)
    return (tests / inside.parent / f"test_{inside.name}").exists()


def _complex(source: Path) -> int:
    limit = f"lint.mccabe.max-complexity={COMPLEX}"
    with tempfile.NamedTemporaryFile() as found:
        command = ["ruff", "check", "--isolated", "--select", "C901", "--config", limit]
        command += ["--output-format", "json", "--output-file", found.name, "--exit-zero"]
        subprocess.run([sys.executable, "-m", *command, str(source)], check=True)
        return len(json.loads(Path(found.name).read_text(encoding="utf-8")))


def _help(checkout: Path) -> float:
    start = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "twinlens.cli", "train", "--help"],
        env=os.environ | {"PYTHONPATH": str(checkout / "src")},
        stdout=subprocess.DEVNULL,
        check=True,
    )
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description="How large and how orderly the code is.")
    parser.add_argument("checkout", type=Path, nargs="?", default=Path(__file__).parents[1])
    parser.add_argument("--before", type=Path, help="An older checkout, to compare with.")
    parser.add_argument("--json", type=Path, help="File to write the figures to.")
    options = parser.parse_args()
    checkouts = {"before": options.before, "after": options.checkout}
    figures = {name: rubric(path) for name, path in checkouts.items() if path}
    print(f"{'':<45}" + "".join(f"{name:>10}" for name in figures))
    for row in figures["after"]:
        print(f"{row:<45}" + "".join(f"{values[row]:>10,g}" for values in figures.values()))
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
