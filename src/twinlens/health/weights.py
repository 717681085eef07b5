"""Checks of the downloaded weights: complete, and those that were published."""

from collections.abc import Iterator
from pathlib import Path

from twinlens.files import is_locked, sha256
from twinlens.health.finding import Finding, broken, note, ok
from twinlens.models.download import cache_folder
from twinlens.models.published import WEIGHTS
from twinlens.models.weights import cached


def check_weights() -> Iterator[Finding]:
    """Check the hash of every cached file, and what a broken download has left."""
    paths = {name: path for name in WEIGHTS if (path := cached(name)).is_file()}
    for name, path in paths.items():
        yield _check(name, path)
    if not paths:
        yield ok("Weights", f"none downloaded to {cache_folder()} yet.")
    for part in sorted(cache_folder().glob("*.part*")):
        if part.suffix != ".etag" and not is_locked(_lock(part)):
            megabytes = part.stat().st_size / 1e6
            text = f"a download that broke off after {megabytes:.1f} MB."
            yield note(part, text, "It goes on when the weights are used again, or delete it.")


def _check(name: str, path: Path) -> Finding:
    published, digest = WEIGHTS[name].sha256, sha256(path)
    if not digest.startswith(published):
        text = f"{path} is not the published file (SHA-256 {digest[:12]}, not {published[:12]})."
        return broken(f"Weights {name}", text, "Delete it, and it is downloaded again.")
    known = "as published" if published else "no hash is published"
    return ok(f"Weights {name}", f"{path}, SHA-256 {digest[:12]}, {known}.")


def _lock(part: Path) -> Path:
    return part.with_name(f"{part.name.replace('.part', '')}.lock")
