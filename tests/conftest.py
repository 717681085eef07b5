"""Fixtures that several layers share: tiny images, and the real ones where they are there."""

import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from jaxtyping import install_import_hook
from PIL import Image

pytest_plugins = ["photographs", "exported"]

CHECKED = ("engine", "evaluation", "exporting", "inference", "models", "pretraining", "views")
"""Packages whose functions check the types and shapes of what they take and return."""

install_import_hook(
    [f"twinlens.{package}" for package in CHECKED],
    "beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True))",  # ints are floats
)

# ruff: disable[E402]
from twinlens import cli
from twinlens.data.dataset import Dataset, open_dataset, write_dataset
from twinlens.importing.import_images import import_images
from twinlens.phantom.generate import phantom_image
from twinlens.records.dataset import DatasetDescription
from twinlens.registry import Registry

# ruff: enable[E402]

sys.path.insert(0, str(Path(__file__).parent))  # for stored_runs

from torchvision_shim import import_torchvision  # noqa: E402

if find_spec("torchvision"):
    import_torchvision()

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real images, tables and weights beside the repository."""
    if not SHARED.is_dir():
        pytest.skip(f"{SHARED} is not there: no real data")
    return SHARED


@pytest.fixture
def pixels() -> np.ndarray:
    """A colour gradient with some noise: uint8, shape (24, 32, 3)."""
    rows, columns = np.mgrid[0:24, 0:32]
    planes = np.stack([rows * 10, columns * 7, 255 - rows * 5 - columns * 3], axis=-1)
    noise = np.random.default_rng(0).integers(0, 5, planes.shape)
    return (planes + noise).clip(0, 255).astype(np.uint8)


@pytest.fixture
def encode() -> Callable[..., bytes]:
    """A function from a Pillow image to the bytes of a file."""

    def to_bytes(image: Image.Image, format: str = "PNG", **options: object) -> bytes:
        buffer = BytesIO()
        image.save(buffer, format, **options)
        return buffer.getvalue()

    return to_bytes


@pytest.fixture
def as_dicom() -> Callable[..., bytes]:
    """A function from pixels, or none, and elements by keyword to the bytes of a DICOM file."""
    pydicom = pytest.importorskip("pydicom")

    def to_bytes(
        pixels: np.ndarray | bytes | None = None,
        syntax: str = "ExplicitVRLittleEndian",
        **elements: object,
    ) -> bytes:
        dataset = pydicom.Dataset()
        dataset.file_meta = pydicom.dataset.FileMetaDataset()
        dataset.file_meta.TransferSyntaxUID = getattr(pydicom.uid, syntax)
        dataset.SOPClassUID = pydicom.uid.VLPhotographicImageStorage
        dataset.SOPInstanceUID = pydicom.uid.generate_uid()
        if isinstance(pixels, np.ndarray):
            bits, colour = 8 * pixels.itemsize, pixels.ndim == 3
            dataset.Rows, dataset.Columns = pixels.shape[:2]
            dataset.SamplesPerPixel = 3 if colour else 1
            dataset.PhotometricInterpretation = "RGB" if colour else "MONOCHROME2"
            dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = bits, bits, bits - 1
            dataset.PixelRepresentation = int(np.issubdtype(pixels.dtype, np.signedinteger))
            dataset.PixelData = pixels.tobytes()
            if colour:
                dataset.PlanarConfiguration = 0
            dataset["PixelData"].VR = "OB" if bits == 8 else "OW"
        for keyword, value in elements.items():
            setattr(dataset, keyword, value)
        buffer = BytesIO()
        dataset.save_as(buffer, enforce_file_format=True)
        return buffer.getvalue()

    return to_bytes


@pytest.fixture
def draw() -> Callable[..., Path]:
    """A function that writes a small image, each number another, and returns its path."""

    def to_file(path: Path, number: int = 0, size: tuple[int, int] = (20, 16)) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        colours = np.random.default_rng(number).integers(0, 256, (size[1], size[0], 3))
        Image.fromarray(colours.astype(np.uint8)).save(path)
        return path

    return to_file


@pytest.fixture
def class_folder(tmp_path: Path, draw: Callable[..., Path]) -> Path:
    """Six images in the two class folders of a folder: ``nevus`` and ``melanoma``."""
    for number in range(6):
        name = "nevus" if number % 2 else "melanoma"
        draw(tmp_path / "images" / name / f"{number}.png", number)
    return tmp_path / "images"


@pytest.fixture
def dataset_of() -> Callable[..., Dataset]:
    """A function that writes a data set of a table alone, as splits need no images."""

    def to_folder(
        path: Path,
        labels: Sequence[str | None],
        groups: Sequence[str] | None = None,
        ids: Sequence[str] | None = None,
        previous_hashes: Sequence[str] = (),
        **attributes: Sequence[object],
    ) -> Dataset:
        ids = [f"image{i:05d}" for i in range(len(labels))] if ids is None else ids
        groups = ids if groups is None else groups
        table = pd.DataFrame({"id": ids, "label": labels, "group": groups}).astype("str")
        description = DatasetDescription(
            size=1,
            classes=sorted(table["label"].dropna().unique()),
            table_only=True,
            previous_hashes=list(previous_hashes),
        )
        path.mkdir(exist_ok=True)
        skipped = pd.DataFrame(columns=["file", "reason"])
        write_dataset(path, table.assign(**attributes), skipped, "", description)
        return open_dataset(path)

    return to_folder


@pytest.fixture(scope="session")
def phantoms(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set of 160 synthetic images of 32 pixels, with the split that comes with it."""
    out = tmp_path_factory.mktemp("phantoms") / "data"
    import_images("phantom:160", out, size=32, workers=1, licence="CC0 1.0")
    return out


@pytest.fixture
def lesions(tmp_path: Path, dataset_of: Callable[..., Dataset]) -> Dataset:
    """3,000 images of about 1,000 lesions; 4 classes, one rare; a third without label."""
    random = np.random.default_rng(0)
    lesion = random.integers(0, 1000, 3000)
    diagnosis = np.array(["nevus"] * 600 + ["melanoma"] * 260 + ["bcc"] * 136 + ["df"] * 4)
    labels = diagnosis[lesion].astype(object)
    labels[random.random(3000) < 1 / 3] = None
    return dataset_of(tmp_path / "data", labels, [f"lesion{i}" for i in lesion])


@pytest.fixture(scope="session")
def _leaking(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("leaking")
    images = [Image.fromarray(phantom_image(0, lesion, 0, size=48)) for lesion in range(40)]
    parts = ["train", "test", "val", "unlabelled"] * 10
    table = pd.DataFrame({"label": ["NV", "MEL", "BCC", "NV"] * 10, "part": parts})
    table["lesion"] = [f"lesion {number}" for number in range(40)]
    table["age"] = range(30, 70)
    mirror = Image.Transpose.FLIP_LEFT_RIGHT
    copies = pd.DataFrame(
        [
            ("NV", "test", "copy of 0", None),
            ("NV", "val", "copy of 4", None),
            ("BCC", "train", "copy of 1", None),
            ("NV", "test", "lesion 12", 42),
        ],
        columns=table.columns,
    )
    images += [images[0], images[4].transpose(mirror), images[1].transpose(mirror)]
    images.append(Image.fromarray(phantom_image(0, 40, 0, size=48)))
    table = pd.concat([table, copies], ignore_index=True)
    table["file"] = [f"{number:02d}.png" for number in range(len(table))]
    for file, image in zip(table["file"], images, strict=True):
        image.save(folder / file)
    (folder / "44.png").write_text("no image")
    table.loc[44] = ["NV", "train", "lesion 44", 50, "44.png"]
    table.to_csv(folder / "table.csv", index=False)
    columns = {"image": "file", "label": "label", "group": "lesion", "split": "part"}
    import_images(folder, folder / "data", **columns, size=48, workers=1)
    return folder / "data"


@pytest.fixture
def leaking(_leaking: Path, tmp_path: Path) -> Path:
    """A data set of 44 synthetic images, with a split that leaks, and a broken file.

    Images 40 to 42 are copies of 0, 4 and 1 on other sides; that of 1 has another label. The
    groups do not say so. Image 43 is of the same lesion as 12, on another side.
    """
    return Path(shutil.copytree(_leaking, tmp_path / "leaking"))


class Killed(BaseException):
    """Stands for SIGKILL in one process: nothing catches it on the way."""


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """Let torch compute in one thread: the bits of a result depend on their number."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def plug_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """A function that installs a package of one module that adds an entry to a registry."""

    def install(registry: Registry[object], name: str, place: str, code: str) -> None:
        module = place.partition(":")[0]
        site = tmp_path / "site"
        information = site / f"{module}-1.0.dist-info"
        information.mkdir(parents=True)
        (site / f"{module}.py").write_text(code, encoding="utf-8")
        (information / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n"
        )
        (information / "entry_points.txt").write_text(f"[{registry.group}]\n{name} = {place}\n")
        monkeypatch.syspath_prepend(site)
        monkeypatch.delitem(registry.__dict__, "_places", raising=False)
        monkeypatch.setattr(registry, "_loaded", {})

    return install


@pytest.fixture(scope="session")
def trained(phantoms: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished training on the phantoms, whose head is trained before the whole network."""
    from trained import train_small

    return train_small(phantoms, tmp_path_factory.mktemp("trained") / "run")


@pytest.fixture(scope="session")
def trained_mlp(phantoms: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished training with an MLP as its head and class-balanced batches."""
    from trained import MLP, train_small

    return train_small(phantoms, tmp_path_factory.mktemp("trained") / "mlp", settings=MLP)


@pytest.fixture
def command_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., str]:
    """Runs a command as from the shell; returns what it prints."""

    def run(*words: object, code: int = 0) -> str:
        capsys.readouterr()
        monkeypatch.setattr(sys, "argv", ["twinlens", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        printed = "".join(capsys.readouterr())
        assert (ended.value.code or 0) == code, printed
        return printed

    return run
