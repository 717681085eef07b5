"""Checks of the installation: versions of packages, and extras."""

import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import twinlens
from twinlens.health.finding import Finding, broken, note, ok


def check_packages() -> Iterator[Finding]:
    """Check what is installed against what Twinlens needs, and against the tested versions."""
    yield ok("Twinlens", f"version {twinlens.__version__}, in {Path(twinlens.__file__).parent}.")
    try:
        needed = [Requirement(text) for text in requires("twinlens") or ()]
    except PackageNotFoundError:
        yield note("Packages", "Twinlens runs without being installed: versions are not checked.")
        return
    core = [requirement for requirement in needed if not _extra(requirement)]
    wrong = [finding for requirement in core for finding in _wrong(requirement)]
    yield from wrong
    if not wrong:
        yield ok("Packages", f"all {len(core)} that Twinlens needs are installed.")
    yield from _extras([requirement for requirement in needed if _extra(requirement)])
    yield from compare_versions(read_constraints(_constraints()))


def read_constraints(constraints: Path) -> dict[str, str]:
    """Read the versions that Twinlens is tested with; none where the file is not there."""
    if not constraints.is_file():
        return {}
    lines = constraints.read_text(encoding="utf-8").splitlines()
    pairs = [line.split("==") for line in lines if "==" in line and not line.startswith("#")]
    return {name.strip(): tested.split(";")[0].strip() for name, tested in pairs}


def compare_versions(tested: Mapping[str, str]) -> Iterator[Finding]:
    """Compare installed packages with the tested versions, and say which differ."""
    if not tested:
        yield note("Tested versions", "not known here: constraints.txt is in the repository.")
        return
    names = {canonicalize_name(name): name for name in tested}
    here = {name: installed for name in names.values() if (installed := _installed(name))}
    other = [
        f"{name} {installed} (tested: {tested[name]})"
        for name, installed in here.items()
        if installed.partition("+")[0] != tested[name]
    ]
    if other:
        remedy = "Where something fails: pip install -c constraints.txt ."
        yield note("Tested versions", f"others are installed: {', '.join(other)}.", remedy)
    else:
        yield ok("Tested versions", f"all {len(here)} that are installed are the tested ones.")


def _extras(requirements: list[Requirement]) -> Iterator[Finding]:
    by_extra: dict[str, list[Requirement]] = defaultdict(list)
    for requirement in requirements:
        by_extra[_extra(requirement)].append(requirement)
    for extra, needed in sorted(by_extra.items()):
        missing = [item.name for item in needed if _installed(item.name) is None]
        if missing:
            text = f"not installed ({', '.join(missing)})."
            yield note(f"Extra {extra}", text, f"pip install 'twinlens[{extra}]'")
        elif wrong := [finding for item in needed for finding in _wrong(item)]:
            yield from wrong
        elif extra == "timm" and (reason := _does_not_import("timm")):
            remedy = "install builds of torch and torchvision that belong together"
            yield note(f"Extra {extra}", f"installed, but does not import ({reason}).", remedy)
        else:
            versions = ", ".join(f"{item.name} {_installed(item.name)}" for item in needed)
            yield ok(f"Extra {extra}", f"{versions}.")


def _does_not_import(package: str) -> str:
    """Return why a package cannot be imported; empty if it can. In a process of its own."""
    words = [sys.executable, "-c", f"import {package}"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    return done.stderr.strip().rpartition("\n")[2] if done.returncode else ""


def _wrong(requirement: Requirement) -> Iterator[Finding]:
    installed = _installed(requirement.name)
    if installed is None or not requirement.specifier.contains(installed, prereleases=True):
        found = f"is version {installed}" if installed else "is not installed"
        wanted = str(requirement).partition(";")[0].strip()
        text = f"{found}, and Twinlens needs {wanted}."
        yield broken(requirement.name, text, f"pip install '{wanted}'")


def _extra(requirement: Requirement) -> str:
    """Return the extra that brings a requirement; empty for the core."""
    found = re.search(r'extra == "([^"]+)"', str(requirement.marker or ""))
    return found[1] if found else ""


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _constraints() -> Path:
    return Path(twinlens.__file__).resolve().parents[2] / "constraints.txt"
