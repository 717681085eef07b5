import shutil
import zipfile
from pathlib import Path

import pytest

from twinlens.errors import UserError
from twinlens.importing import archive
from twinlens.importing.archive import unpacked
from twinlens.importing.import_images import import_images


@pytest.fixture
def packed(class_folder):
    (class_folder / "labels.csv").write_text("image,label\n0,MEL\n1,NV\n")
    path = shutil.make_archive(class_folder.parent / "photos", "zip", class_folder.parent, "images")
    return Path(path)


def test_an_archive_is_imported_as_the_folder_that_it_holds(packed, class_folder, tmp_path):
    data = import_images(packed, tmp_path / "data", size=8)
    assert data.record.sources[0].path == str(packed)
    assert data.record.sources[0].name == "photos"
    assert data.hash == import_images(class_folder, tmp_path / "same", size=8).hash


def test_the_unpacked_files_are_gone_afterwards_and_errors_name_the_archive(packed):
    seen = []

    def read():
        with unpacked(str(packed)) as folder:
            seen.append(Path(folder, "labels.csv"))
            assert seen[0].is_file()
            raise UserError(f"{seen[0]} is wrong.")

    with pytest.raises(UserError, match=f"^{packed}/labels.csv is wrong.$"):
        read()
    assert not seen[0].exists()


def test_what_is_no_archive_stays_as_it_is(tmp_path):
    for source in ("phantom:20", str(tmp_path), str(tmp_path / "nowhere.zip")):
        with unpacked(source) as same:
            assert same == source


def test_mistakes_are_sentences(packed, tmp_path, monkeypatch):
    (tmp_path / "broken.zip").write_text("no archive")
    with (
        pytest.raises(UserError, match=r"broken\.zip is damaged"),
        unpacked(str(tmp_path / "broken.zip")),
    ):
        pass
    content = bytearray(packed.read_bytes())
    content[-6:-2] = (int.from_bytes(content[-6:-2], "little") + 9999).to_bytes(4, "little")
    (tmp_path / "moved.zip").write_bytes(content)  # its files begin before it does
    with (
        pytest.raises(UserError, match=r"moved\.zip is damaged, or no ZIP archive \(.*Invalid"),
        unpacked(str(tmp_path / "moved.zip")),
    ):
        pass
    monkeypatch.setattr(archive, "_free", lambda _: 10)
    with pytest.raises(UserError, match=r"needs .* GB to unpack.*TMPDIR"), unpacked(str(packed)):
        pass

    def locked(*_):
        raise RuntimeError("encrypted, password required")

    monkeypatch.undo()
    monkeypatch.setattr(zipfile.ZipFile, "extractall", locked)
    with (
        pytest.raises(UserError, match=r"cannot be unpacked \(encrypted.*\): unpack it first"),
        unpacked(str(packed)),
    ):
        pass
