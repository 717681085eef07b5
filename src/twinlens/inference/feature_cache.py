"""Features of frozen encoders, kept so that the runs of a study compute them once."""

import hashlib
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path

import numpy as np
import torch
from lightning_fabric import Fabric

from twinlens.engine.device import precision_of
from twinlens.models.encoders import Encoder
from twinlens.types import Features, Images

feature_folder: ContextVar[Path | None] = ContextVar("feature_folder", default=None)
"""Where `remembering_features` keeps them; None for nowhere."""

_WAIT_S = 60.0


@contextmanager
def remembering_features(encoder: Encoder, fabric: Fabric) -> Iterator[None]:
    """Let an encoder in eval mode look up the features of images that it or its like has seen.

    They are kept by all that determines them, the weights and the very pixels of a view among it,
    so views of another seed or size are other images. Several processes may share the folder; where
    it cannot be read or written, features are computed.

    Args:
        encoder: Its weights do not change meanwhile.
        fabric: Device and precision of its passes.
    """
    folder = feature_folder.get()
    if folder is None:
        yield
        return
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{_fingerprint(encoder, fabric)}.sqlite"
    with closing(sqlite3.connect(path, timeout=_WAIT_S)) as store:
        compute = encoder.forward
        encoder.forward = lambda images: _features(images, compute, store)  # type: ignore[method-assign]
        try:
            yield
        finally:
            del encoder.forward


def _fingerprint(encoder: Encoder, fabric: Fabric) -> str:
    """Return a hash of an encoder's name, weights, precision and kind of device."""
    how = f"{encoder.name} {precision_of(fabric)} {fabric.device.type} {torch.__version__}"
    found = hashlib.sha256(how.encode())
    for name, tensor in encoder.state_dict().items():
        found.update(name.encode())
        found.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
    return found.hexdigest()[:16]


def _features(
    images: Images, compute: Callable[[Images], Features], store: sqlite3.Connection
) -> Features:
    """Return the stored features of images, and compute and store those that are missing."""
    keys = [_key(image) for image in images.detach().cpu().contiguous().numpy()]
    known: dict[bytes, bytes] = {}
    with suppress(sqlite3.Error), store:
        store.execute("CREATE TABLE IF NOT EXISTS features (image BLOB PRIMARY KEY, value BLOB)")
        places = ", ".join("?" * len(keys))
        known = dict(store.execute(f"SELECT * FROM features WHERE image IN ({places})", keys))
    missing = [place for place, key in enumerate(keys) if key not in known]
    if missing:
        computed = compute(images[missing]).float().cpu().numpy()
        found = {keys[place]: row.tobytes() for place, row in zip(missing, computed, strict=True)}
        with suppress(sqlite3.Error), store:
            store.executemany("INSERT OR IGNORE INTO features VALUES (?, ?)", found.items())
        known |= found
    rows = np.stack([np.frombuffer(known[key], dtype=np.float32) for key in keys])
    return torch.from_numpy(rows).to(images.device)


def _key(image: np.ndarray) -> bytes:
    digest = hashlib.blake2b(str(image.shape).encode(), digest_size=16)
    digest.update(image.data)
    return digest.digest()
