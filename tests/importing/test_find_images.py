import pytest

from twinlens.importing.find_images import image_files


def test_other_and_hidden_files_are_no_images(tmp_path, draw):
    draw(tmp_path / "images" / "a.png")
    (tmp_path / "images" / "notes.txt").write_text("a note")
    for place in ("images/._1.png", ".thumbnails/1.png", "__MACOSX/1.png"):
        draw(tmp_path / place)
    assert [path.name for path in image_files(tmp_path)] == ["a.png"]


@pytest.mark.parametrize("name", ["a.dcm", "b.IMA", "IM0001", "1.2.840"])
def test_dicom_is_an_image_whatever_its_name(tmp_path, name):
    for file in (name, "DICOMDIR"):
        (tmp_path / file).write_bytes(bytes(128) + b"DICM")
    assert [path.name for path in image_files(tmp_path)] == [name]
