"""What docs/reliability.md promises of a whole journey: no network, no patients, no markup."""

import re
import socket
import zipfile
from base64 import b64decode
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

import twinlens
from tiny import HOW, tiny_encoder
from twinlens.errors import UserError
from twinlens.phantom.generate import phantom_image
from twinlens.pretraining.pretrained_encoder import read_pretraining

PATIENT = "Mustermann"
HOSTILE = "<img src=x onerror=alert(1)>"
FORMULA = '=HYPERLINK("http://x")'


@dataclass(frozen=True)
class Journey:
    """The folder with all that was written, what was printed, and the places connected to."""

    folder: Path
    printed: str
    connections: list[object]


@pytest.fixture(scope="module")
def journey(tmp_path_factory, capfd_module) -> Journey:
    """Import, audit, pretraining, training, evaluation and reports of images of a named patient."""
    folder, connections = tmp_path_factory.mktemp("journey"), []

    def refuse(_, address, *_rest):
        connections.append(address)
        raise OSError("There is no network here.")

    photos = _photographs(folder.with_name("photographs"))
    with pytest.MonkeyPatch.context() as patch, tiny_encoder():
        for call in ("connect", "connect_ex"):
            patch.setattr(socket.socket, call, refuse)
        patch.setattr(socket, "getaddrinfo", lambda host, *_, **__: refuse(None, host))
        data = twinlens.import_images(photos / "table.csv", folder / "data", size=16).path
        twinlens.split(data, val=0.2, test=0.3)
        twinlens.audit(data)
        settings = {"batch_size": 8, "epochs": 1, "lr": 1e-3, "precision": "fp32"}
        twins = twinlens.pretrain(
            data, folder / "twins", settings=settings | {"projector": [4]}, **HOW
        )
        run = twinlens.train(data, folder / "run", settings=settings | {"tta": 2}, **HOW)
        twinlens.evaluate(run / "model", data, out=folder / "evaluation", tta=1, device="cpu")
        for made in (twins, folder / "evaluation"):
            twinlens.report(made)
        predicted = twinlens.predict(run / "model", photos / "0.jpg", tta=1, device="cpu")
        predicted.to_csv(folder / "predicted.csv")
    return Journey(folder, capfd_module(), connections)


@pytest.fixture(scope="module")
def capfd_module(request):
    """Return a function that returns what this module has printed so far."""
    manager = request.config.pluginmanager.getplugin("capturemanager")
    return lambda: "".join(manager.read_global_capture())


def _photographs(folder: Path) -> Path:
    """Write photographs whose EXIF, comments and text chunks name a patient, and a table."""
    folder.mkdir()
    rows = []
    for number in range(48):
        image = Image.fromarray(phantom_image(0, number, 0, size=24))
        if number % 2:
            exif = image.getexif()
            for tag in (0x010E, 0x013B, 0x8298, 0x9286, 0x9C9D):  # description, artist, ...
                exif[tag] = PATIENT.encode("utf-16-le") if tag == 0x9C9D else PATIENT
            image.save(folder / f"{number}.jpg", exif=exif, comment=PATIENT.encode())
        else:
            text = PngInfo()
            text.add_text("Description", PATIENT)
            image.save(folder / f"{number}.jpg", "PNG", pnginfo=text)
        label = HOSTILE if number % 3 else FORMULA
        rows.append({"image": f"{number}.jpg", "label": label, "camera": HOSTILE})
    pd.DataFrame(rows).to_csv(folder / "table.csv", index=False)
    return folder


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_nothing_is_connected_to(journey):
    assert journey.connections == []


def test_no_patient_named_in_an_image_reaches_what_is_written_or_printed(journey):
    spellings = [PATIENT.encode(code) for code in ("utf-8", "utf-16-le", "utf-16-be")]
    files = _files(journey.folder)
    assert len(files) > 30
    for path in files:
        content = path.read_bytes()
        embedded = re.findall(rb"base64,([A-Za-z0-9+/=]+)", content)
        for part in (content, *map(b64decode, embedded)):
            assert not any(spelling in part for spelling in spellings), path
    assert PATIENT not in journey.printed


def test_no_page_or_figure_holds_markup_of_a_class_or_a_column(journey):
    pages = [path for path in _files(journey.folder) if path.suffix in (".html", ".svg")]
    assert sum(path.suffix == ".html" for path in pages) == 3
    named = 0
    for path in pages:
        text = path.read_text(encoding="utf-8")
        assert "<img src=x" not in text, path
        named += "&lt;img src=x" in text
    assert named


def test_no_table_holds_a_formula(journey):
    tables = [path for path in _files(journey.folder / "evaluation") if path.suffix == ".csv"]
    cells = [cell for path in tables for cell in re.split(r"[,\n]", path.read_text("utf-8"))]
    assert cells
    assert not [cell for cell in cells if cell.lstrip('"').startswith("=")]


def test_no_patient_of_a_dicom_file_reaches_a_data_set(tmp_path, as_dicom, capfd):
    source = tmp_path / "dicom"
    source.mkdir()
    for number in range(4):
        pixels = np.full((16, 16), 40 * number + 9, np.uint8)
        named = {
            keyword: f"{PATIENT}^{keyword[:9]}"
            for keyword in ("PatientName", "PatientID", "PatientComments", "PatientAddress",
                            "ReferringPhysicianName", "InstitutionName", "OperatorsName")
        }  # fmt: skip
        content = as_dicom(pixels, PatientBirthDate="19700101", **named)
        (source / f"{number}.dcm").write_bytes(content)
    twinlens.import_images(source, tmp_path / "data", size=16)
    written = b"".join(path.read_bytes() for path in _files(tmp_path / "data"))
    assert PATIENT.encode() not in written
    assert b"19700101" not in written
    out, err = capfd.readouterr()
    assert PATIENT not in out + err


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("{outside}", r"names 'outside\.png' outside of the archive"),
        ("../outside.png", "no such file"),
        ("a/../../outside.png", "no such file"),
        ("link.png", "not an image in a known format"),  # links are unpacked as what they say
    ],
)
def test_a_table_in_an_archive_names_no_file_outside_of_it(tmp_path, draw, name, sentence):
    outside = draw(tmp_path / "outside.png")
    path = tmp_path / "archive.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("table.csv", f"image,label\n{name.format(outside=outside)},a\n")
        link = zipfile.ZipInfo("link.png")
        link.external_attr = 0o120777 << 16  # a symbolic link
        archive.writestr(link, str(outside))
    with pytest.raises(UserError, match=sentence):
        twinlens.import_images(path, tmp_path / "data", size=16)
    assert not (tmp_path / "data").exists()


def test_names_of_an_archive_stay_below_where_it_is_unpacked(tmp_path, draw):
    image = draw(tmp_path / "1.png").read_bytes()
    path = tmp_path / "archive.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("../../a/evil1.png", "/a/evil2.png", "a/3.png", "b/4.png"):
            archive.writestr(name, image)
    data = twinlens.import_images(path, tmp_path / "data", size=16)
    assert len(data.table) == 4
    assert not list(tmp_path.rglob("evil*"))
    assert not Path("/a").exists()


def test_a_pretraining_on_images_that_are_all_alike_says_that_it_collapsed(tmp_path):
    for number in range(48):
        path = tmp_path / "photos" / "ab"[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((16, 16, 3), 128, np.uint8)).save(path)
    data = twinlens.import_images(tmp_path / "photos", tmp_path / "data", size=16).path
    twinlens.split(data, val=0.2, test=0.3)
    settings = {"batch_size": 8, "epochs": 1, "projector": [4], "precision": "fp32"}
    settings |= {"method": "byol"}
    with tiny_encoder():
        run = twinlens.pretrain(data, tmp_path / "run", settings=settings, **HOW)
    assert any("Collapse" in sentence for sentence in read_pretraining(run).verdict)
