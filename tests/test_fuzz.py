"""Damaged and hostile files: every reader takes them or refuses them in a sentence.

Valid files are mutated: bytes changed, cut off, inserted, repeated. A few examples of each kind run
with all tests; `TWINLENS_FUZZ=2000` (`make fuzz`) sets how many, and -s shows the counts.
"""

import os
import resource
import shutil
import zipfile
from collections import Counter
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from twinlens.config import parse, read_yaml
from twinlens.data.dataset import open_dataset
from twinlens.data.splits import open_split
from twinlens.errors import UserError
from twinlens.files import read_json
from twinlens.importing.archive import unpacked
from twinlens.importing.decode import ImageError, decode
from twinlens.importing.source import Options
from twinlens.importing.sources import SOURCES
from twinlens.importing.table_file import read_cells
from twinlens.models.bundle import load_bundle
from twinlens.models.tensor_files import read_header, read_tensors, save_tensors
from twinlens.study.planning.config import Study

EXAMPLES = int(os.environ.get("TWINLENS_FUZZ", "12"))
SLOWEST_MS = 20_000
"""Longer is a hang, even on a busy machine."""

MOST_MEMORY = 1 << 20
"""KiB by which this process may grow at its peak."""

mutations = st.lists(
    st.tuples(
        st.sampled_from(["set", "cut", "insert", "repeat", "zero"]),
        st.floats(0, 1),
        st.one_of(
            st.binary(min_size=1, max_size=8),
            st.sampled_from([b"0", b"a", b"-1", b"1e999", b",", b"\n", b'"', b": ", b"[[", b"{}"]),
        ),
    ),
    min_size=1,
    max_size=4,
)


def mutated(content: bytes, changes: list[tuple[str, float, bytes]]) -> bytes:
    """Return the bytes of a file after some changes, each at a fraction of its length."""
    for kind, where, new in changes:
        at = int(where * len(content))
        rest = {
            "set": new + content[at + len(new) :],
            "cut": b"",
            "insert": new + content[at:],
            "repeat": content[at : at + 64] + content[at:],
            "zero": bytes(len(new)) + content[at + len(new) :],
        }
        content = content[:at] + rest[kind]
    return content


def try_all(
    name: str, content: bytes, read: Callable[[bytes], object], *, examples: int = EXAMPLES
) -> None:
    """Read mutated files, and print how many of them were read and refused."""
    counts: Counter[str] = Counter()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    @settings(
        max_examples=examples,
        deadline=SLOWEST_MS,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(mutations)
    def one(changes: list[tuple[str, float, bytes]]) -> None:
        try:
            read(mutated(content, changes))
            counts["read"] += 1
        except (UserError, ImageError):
            counts["refused"] += 1

    read(content)
    one()
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak
    assert grown < MOST_MEMORY
    print(f"{name}: {counts.total()} files, {counts['refused']} refused, {counts['read']} read")


@pytest.fixture
def at(tmp_path: Path) -> Callable[..., Callable[[bytes], object]]:
    """A function that makes a reader of files a reader of bytes."""

    def of_bytes(name: str, read: Callable[[Path], object]) -> Callable[[bytes], object]:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)

        def write_and_read(content: bytes) -> object:
            path.write_bytes(content)
            return read(path)

        return write_and_read

    return of_bytes


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("format", ["PNG", "JPEG", "TIFF", "GIF", "BMP", "WEBP", "PPM"])
def test_images(pixels, encode, format):
    content = encode(Image.fromarray(pixels), format)
    try_all(format, content, decode, examples=4 * EXAMPLES)


@pytest.mark.filterwarnings("ignore")
def test_dicom(pixels, as_dicom):
    content = as_dicom(pixels, PatientName="A^B", WindowWidth=4)
    try_all("DICOM", content, decode, examples=4 * EXAMPLES)


def _read_source(kind: str) -> Callable[[Path], object]:
    def read(path: Path) -> object:
        source = SOURCES[kind].read(str(path), Options(size=16))
        for item in source.items:
            try:
                source.decode(source.read(item))
            except (ImageError, OSError):  # listed as skipped
                continue
        return source

    return read


def test_archives(at, pixels, encode):
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("nevus/1.png", encode(Image.fromarray(pixels)))
        archive.writestr("labels.csv", "image,label\n1,nevus\n")

    def read(path: Path) -> object:
        with unpacked(str(path)) as folder:
            return [*Path(folder).rglob("*")]

    try_all("ZIP", buffer.getvalue(), at("a.zip", read), examples=4 * EXAMPLES)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl", "a.xlsx"])
def test_tables(at, name, tmp_path):
    table = pd.DataFrame({"image": ["1", "2"], "label": ["ä, b", '"c"'], "age": [1.5, None]})
    path = tmp_path / f"valid-{name}"
    if name == "a.jsonl":
        table.to_json(path, orient="records", lines=True)
    elif name == "a.xlsx":
        pytest.importorskip("openpyxl")
        table.to_excel(path, index=False)
    else:
        table.to_csv(path, index=False, sep="\t" if name == "a.tsv" else ",")
    try_all(name, path.read_bytes(), at(name, read_cells), examples=2 * EXAMPLES)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("kind", "name"), [("parquet", "a.parquet"), ("medmnist", "a.npz")])
@pytest.mark.parametrize("compressed", [False, True])
def test_containers(at, pixels, encode, tmp_path, kind, name, compressed):
    path = tmp_path / f"valid-{name}"
    if kind == "parquet":
        cells = [{"bytes": encode(Image.fromarray(pixels)), "path": f"{i}.png"} for i in range(3)]
        table = pd.DataFrame({"image": cells, "label": ["a", "b", "a"]})
        table.to_parquet(path, compression="snappy" if compressed else None)
    else:
        arrays = {
            f"{part}_{what}": value
            for part in ("train", "test")
            for what, value in (
                ("images", np.tile(pixels[:16, :16], (3, 1, 1, 1))),
                ("labels", np.array([[0], [1], [0]])),
            )
        }
        (np.savez_compressed if compressed else np.savez)(path, **arrays)
    read = at(name, _read_source(kind))
    try_all(f"{name}, compressed: {compressed}", path.read_bytes(), read, examples=2 * EXAMPLES)


def test_yaml(at):
    content = b"data: data\nseeds: [0, 1]\narms:\n  a: {}\n  b: &x {train: {epochs: 3}}\n"

    def read(path: Path) -> object:
        return parse(Study, read_yaml(path), where=str(path))

    try_all("YAML", content, at("study.yaml", read), examples=4 * EXAMPLES)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["a.safetensors", "a.pth"])
def test_weights(at, tmp_path, name):
    path, tensors = tmp_path / f"valid-{name}", {"a": torch.arange(6.0), "b": torch.ones(2, 2)}
    if name == "a.pth":
        torch.save({"state_dict": tensors, "epoch": 3}, path)
    else:
        save_tensors(path, tensors, {"twinlens": "{}"})

    def read(path: Path) -> object:
        tensors = read_tensors(path)
        try:
            read_header(path)
        except UserError:  # ours is no header of an encoder
            return None
        return tensors

    try_all(name, path.read_bytes(), at(name, read), examples=2 * EXAMPLES)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["bundle.json", "model.safetensors"])
def test_bundles(at, small_model, tmp_path, name):
    shutil.copytree(small_model, tmp_path / "model")
    content = (small_model / name).read_bytes()
    read = at(f"model/{name}", lambda path: load_bundle(path.parent))
    try_all(name, content, read)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "name", ["dataset.json", "images.parquet", "pack.npy", "splits/imported.json",
             "splits/imported.parquet"],
)  # fmt: skip
def test_data_sets(at, phantoms, tmp_path, name):
    shutil.copytree(phantoms, tmp_path / "data")

    def read(path: Path) -> object:
        data = open_dataset(tmp_path / "data")
        return data.images[:2].sum(), data.labels, open_split(data)

    content = (phantoms / name).read_bytes()
    try_all(name, content, at(f"data/{name}", read), examples=2 * EXAMPLES)


DEEP = 100_000


@pytest.mark.parametrize(
    "text",
    [
        "data: " + "[" * DEEP,
        "data: 2026-99-99",
        "data: !!int ''",
        "data: !!timestamp x",
        "data: !!python/object/apply:os.system [ls]",
        "data: &a [*a]",
        "a0: &a0 [0, 0, 0, 0, 0, 0, 0, 0, 0]\n"
        + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 40)),
        f"data: {'9' * 10_000}",
    ],
    ids=["deep", "date", "int", "timestamp", "code", "cycle", "billion laughs", "long number"],
)
def test_hostile_yaml_is_refused(tmp_path, text):
    (tmp_path / "study.yaml").write_text(text)
    with pytest.raises(UserError, match=r"study\.yaml"):
        parse(Study, read_yaml(tmp_path / "study.yaml"), where="study.yaml")


@pytest.mark.parametrize("text", ["[" * DEEP, "9" * 10_000], ids=["deep", "long number"])
def test_hostile_json_is_refused(tmp_path, text):
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(UserError, match=r"run\.json is not valid JSON"):
        read_json(tmp_path / "run.json")
    (tmp_path / "table.jsonl").write_text(text)
    with pytest.raises(UserError, match="line 1: not"):
        read_cells(tmp_path / "table.jsonl")
