"""Writes the bill of materials: all packages that Twinlens and its extras bring, with licences.

From the root of the repository, in the environment of `make test`:

    python tools/sbom.py

Writes sbom.cdx.json (CycloneDX 1.5, without time or serial number, so that equal environments give
equal files) and docs/licences.md. All is read from the metadata of what is installed; packages
that an extra needs and that are not installed here are listed as missing.
"""

import json
import re
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
SBOM, LICENCES = ROOT / "sbom.cdx.json", ROOT / "docs" / "licences.md"
_LONG = 60
"""Letters from which the field of the licence holds its text and not its name."""


def main() -> None:
    """Write both files, and print how many packages they list."""
    found, missing = closure("twinlens")
    SBOM.write_text(json.dumps(bill(found), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    LICENCES.write_text(table(found), encoding="utf-8")
    print(f"{len(found) - 1} packages in {SBOM.name} and {LICENCES.name}")
    if missing:
        print(f"Not installed here, and so not listed: {', '.join(sorted(missing))}")


def closure(root: str) -> tuple[dict[str, Distribution], set[str]]:
    """Return the packages that a package needs, its extras included, and those not installed.

    Args:
        root: Name of the package.
    """
    found = {canonicalize_name(root): distribution(root)}
    missing: set[str] = set()
    waiting = [(name, set(found[name].metadata.get_all("Provides-Extra") or ())) for name in found]
    seen: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        name, extras = waiting.pop()
        if (name, frozenset(extras)) in seen:
            continue
        seen.add((name, frozenset(extras)))
        for needed in needs(found[name], extras):
            other = canonicalize_name(needed.name)
            try:
                found.setdefault(other, distribution(other))
            except PackageNotFoundError:
                missing.add(other)
                continue
            waiting.append((other, set(needed.extras)))
    return dict(sorted(found.items())), missing


def needs(package: Distribution, extras: set[str]) -> list[Requirement]:
    """Return what a package requires on this machine, with some of its extras."""
    requirements = [Requirement(text) for text in package.requires or ()]
    return [
        requirement
        for requirement in requirements
        if requirement.marker is None
        or any(requirement.marker.evaluate({"extra": extra}) for extra in ("", *extras))
    ]


def bill(packages: dict[str, Distribution]) -> dict[str, Any]:
    """Return the bill of materials; the package that needs the others is its subject."""
    components = {name: component(name, package) for name, package in packages.items()}
    refs = {name: entry["bom-ref"] for name, entry in components.items()}
    subject = components.pop("twinlens")
    dependencies = []
    for name, package in packages.items():
        extras = (
            set(package.metadata.get_all("Provides-Extra") or ()) if name == "twinlens" else set()
        )
        others = {canonicalize_name(needed.name) for needed in needs(package, extras)}
        known = sorted(refs[other] for other in others if other in refs)
        dependencies.append({"ref": refs[name], "dependsOn": known})
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": subject | {"type": "application"}},
        "components": [*components.values()],
        "dependencies": dependencies,
    }


def component(name: str, package: Distribution) -> dict[str, Any]:
    """Return a package as CycloneDX describes it."""
    version = package.version.partition("+")[0]  # the build of torch is not part of it
    reference = f"pkg:pypi/{name}@{version}"
    kind = "expression" if package.metadata.get("License-Expression") else "name"
    named = licence(package)
    licences = [{"expression": named}] if kind == "expression" else [{"license": {"name": named}}]
    return {
        "type": "library",
        "bom-ref": reference,
        "name": name,
        "version": version,
        "licenses": licences,
        "purl": reference,
    }


def licence(package: Distribution) -> str:
    """Return the licence that a package states: an SPDX expression, its classifiers, or a name."""
    metadata = package.metadata
    if expression := metadata.get("License-Expression"):
        return str(expression)
    classifiers = [
        text.rpartition(" :: ")[2]
        for text in metadata.get_all("Classifier") or ()
        if text.startswith("License :: ") and text != "License :: OSI Approved"
    ]
    stated = (metadata.get("License") or "").strip().partition("\n")[0]
    short = stated if 0 < len(stated) < _LONG else ""
    return ", ".join(classifiers) or re.sub(r"\s+", " ", short) or "not stated"


def table(packages: dict[str, Distribution]) -> str:
    """Return the page that lists packages and licences."""
    lines = [
        "# Licences of the dependencies",
        "",
        "What Twinlens and its extras bring, as the packages themselves state it. Written by",
        "`python tools/sbom.py`, like the bill of materials, `sbom.cdx.json` (CycloneDX).",
        "",
        "| package | version | licence |",
        "|---|---|---|",
    ]
    for name, package in packages.items():
        if name != "twinlens":
            version = package.version.partition("+")[0]
            lines.append(f"| {name} | {version} | {licence(package)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
