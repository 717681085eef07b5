"""Randomness by name and by position, never from a global generator.

A seed is derived from names, so that two arms of a study share what they should share. Numbers
for augmentation are a function of (seed, step, image): they depend neither on the order of
calls nor on the process that asks, and resuming needs no saved generator.
"""

import hashlib

import numpy as np

from twinlens.types import Rows, Uniforms

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def derive(seed: int, *names: str | int) -> int:
    """Derive a seed below 2**63 from a base seed and the names of what it is for.

    >>> derive(0, "split") == derive(0, "split") != derive(0, "order")
    True
    """
    text = "/".join([str(seed), *map(str, names)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def generator(seed: int, *names: str | int) -> np.random.Generator:
    """Return NumPy's generator for a derived seed."""
    return np.random.default_rng(derive(seed, *names))


def uniforms(seed: int, step: int, rows: Rows, count: int) -> Uniforms:
    """Draw `count` numbers in [0, 1) for each image, keyed by (seed, step, row).

    A counter-based generator: SplitMix64's finaliser (Steele et al. 2014), twice, over the
    image's row and the draw's position.

    Args:
        seed: A seed from `derive`.
        step: Optimiser step, or any other counter.
        rows: Row number of each image, shape (batch,).
        count: Numbers for each image.

    Returns:
        float32 array of shape (batch, count).
    """
    with np.errstate(over="ignore"):
        key = np.uint64(derive(seed, "uniforms", step))
        row = _mix(np.asarray(rows, dtype=np.uint64)[:, None] * _GOLDEN + key)
        position = np.arange(1, count + 1, dtype=np.uint64)[None, :] * _GOLDEN
        bits = _mix(row + position)
    numbers: Uniforms = (bits >> np.uint64(40)).astype(np.float32) * np.float32(2**-24)
    return numbers


def _mix(x: np.ndarray) -> np.ndarray:
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: np.ndarray = x ^ (x >> np.uint64(31))
    return mixed
