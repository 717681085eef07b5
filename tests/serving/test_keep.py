import json
import os

import pytest
from PIL import Image

from twinlens.errors import UserError
from twinlens.serving.keep import ANSWERS, Keeper


def test_images_and_answers_are_stored_without_names_and_metadata(client, image, tmp_path):
    client = client(keeper=Keeper(tmp_path / "kept"))
    files = [("images", ("secret-name.png", each)) for each in (image((9, 0, 0)), b"x", image())]
    response = client.post("/predict?grad_cam=true&nearest=1", files=files)
    assert response.status_code == 200
    assert client.get("/model").json()["kept"]
    text = (tmp_path / "kept" / ANSWERS).read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    assert [line["predicted"] for line in lines] == ["MEL", "MEL"]
    assert lines[0]["nearest"] == [{"id": "case 0", "label": "NV", "title": "Nevus", "distance": 0}]
    assert "secret" not in text
    assert "base64" not in text
    stored = {path.name for path in (tmp_path / "kept").iterdir()}
    assert stored == {ANSWERS, ".lock", *(line["file"] for line in lines)}
    with Image.open(tmp_path / "kept" / lines[0]["file"]) as kept:
        assert kept.getpixel((5, 5)) == (9, 0, 0)
        assert not kept.info


def test_what_a_killed_server_left_by_halves_is_removed(tmp_path):
    (tmp_path / ANSWERS).write_text('{"a": 1}\n{"b": ')
    (tmp_path / ".0a.png.0b.tmp").write_bytes(b"half")
    Keeper(tmp_path)
    assert (tmp_path / ANSWERS).read_text() == '{"a": 1}\n'
    assert not list(tmp_path.glob("*.tmp"))


def test_two_servers_do_not_store_in_one_folder(tmp_path):
    first = Keeper(tmp_path)
    with pytest.raises(UserError, match="Another server stores in"):
        Keeper(tmp_path)
    del first
    Keeper(tmp_path)


@pytest.mark.parametrize("call", ["write", "fsync", "short write"])
def test_an_answer_that_cannot_be_stored_is_not_given(
    client, image, tmp_path, monkeypatch, capsys, call
):
    client, write = client(keeper=Keeper(tmp_path / "kept")), os.write
    assert client.post("/predict", files={"images": image()}).status_code == 200
    before = {path: path.read_bytes() for path in (tmp_path / "kept").iterdir()}

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        if call == "short write":
            patch.setattr(os, "write", lambda file, content: write(file, content[:9]))
        else:
            patch.setattr(os, call, full)
        response = client.post("/predict", files={"images": image()})
    assert response.status_code == 507
    assert response.json()["detail"].startswith("The server cannot store the image")
    assert "is full" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in (tmp_path / "kept").iterdir()} == before
    assert client.post("/predict", files={"images": image()}).status_code == 200


def test_by_default_nothing_is_stored(client, image, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    assert client().post("/predict", files={"images": image()}).status_code == 200
    assert not [*tmp_path.iterdir()]
